#!/usr/bin/env python3
"""Benchmark `thresh compact`: small files into large ones, on a local disk and on S3.

    benches/compact.py                                  # 10,000 files of 20 KiB into files of 128 MiB
    benches/compact.py --files 1000 --runs 3 local      # less of it, local only
    benches/compact.py --latency 20 s3                  # each answer of the server takes 20 ms

local: `thresh compact` against `cat` of the same files into one file (and `cat` with an fsync, which compact does too).
Aim: no less than half the speed of `cat`.
s3: against downloading all files side by side (`curl --parallel`, as s5cmd does it, with as many requests under way), `cat`,
and one upload. Aim: at least as fast. The server is benches/s3_server.py, in memory; it is one Python process, so that with
a latency of 0 it is the server that is measured.

Files are gzip of log-like lines, or plain with --kind plain. Everything is read once before it is measured. The ways
alternate; the median is shown, with the fastest and slowest run. Nothing else should use the machine meanwhile.
"""
import argparse
import gzip
import http.client
import json
import os
import pathlib
import random
import shutil
import socket
import statistics
import subprocess
import sys
import time

from binaries import build

ROOT = pathlib.Path(__file__).resolve().parent.parent
CODECS = {"gzip": ".gz", "plain": ".txt"}


def content(kind, size, generator):
    """About `size` bytes as stored, ending with a line."""
    lines = []
    stored = 0
    while stored < size:
        for _ in range(40):
            number = generator.getrandbits(96)
            lines.append(f"2021-03-05\t10:{number % 60:02}:{number % 59:02}\tGET\t/i\tpage=/product/{number % 1000}"
                         f"&duid={number:024x}&e=pv\tMozilla/5.0 (X11; Linux x86_64)\t{number % 100000}\n")
        plain = "".join(lines).encode()
        if kind == "plain":
            stored = len(plain)
        elif len(plain) > size:
            stored = len(gzip.compress(plain, 6, mtime=0))
    return plain if kind == "plain" else gzip.compress(plain, 6, mtime=0)


def make(folder, options):
    """Files of the asked kind, made once. A few hundred different contents are enough."""
    done = folder / f"done-{options.kind}-{options.files}-{options.size}"
    files = folder / "in"
    if done.exists():
        return files
    shutil.rmtree(folder, ignore_errors=True)
    files.mkdir(parents=True)
    generator = random.Random(7)
    contents = [content(options.kind, options.size, generator) for _ in range(min(options.files, 50))]
    for index in range(options.files):
        name = f"E1.2021-03-05-{index % 24:02}.{index:08x}{CODECS[options.kind]}"
        (files / name).write_bytes(contents[index % len(contents)])
    done.touch()
    return files


def timed(action):
    start = time.monotonic()
    action()
    return time.monotonic() - start


def shell(command, folder, environment=None):
    subprocess.run(["bash", "-c", command], cwd=folder, check=True, env=environment)


def compact(binary, arguments, environment=None):
    command = [binary, "compact", *arguments, "--run-id", "1", "--group-by", "all", "--progress", "off"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)


def report(title, ways, size, reference):
    """Runs all ways in turn and prints what each took."""
    times = {name: [] for name, _, _ in ways}
    for round_number in range(OPTIONS.runs + 1):
        for name, prepare, action in ways:
            prepare()
            seconds = timed(action)
            # The first round warms caches up.
            if round_number > 0:
                times[name].append(seconds)
    print(f"\n{title}")
    basis = statistics.median(times[reference])
    for name, _, _ in ways:
        middle = statistics.median(times[name])
        print(f"  {name:<34} {middle:7.2f} s  ({min(times[name]):.2f}–{max(times[name]):.2f})  "
              f"{size / middle / (1 << 20):7.0f} MiB/s  {basis / middle:5.2f} × {reference}")


def local(files, work, binary):
    size = sum(entry.stat().st_size for entry in os.scandir(files))
    count = sum(1 for _ in os.scandir(files))
    out = work / "out"

    def clean():
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()

    cat = f"find {files} -type f -print0 | sort -z | xargs -0 cat > {out}/one"
    ways = [
        ("cat", clean, lambda: shell(cat, work)),
        ("cat and fsync", clean, lambda: shell(f"{cat} && sync -d {out}/one", work)),
    ]
    for verify in ("stored", "auto", "content"):
        arguments = [str(files), "--output", str(out), "--target-size", OPTIONS.target, "--verify", verify]
        ways.append((f"thresh compact --verify {verify}", clean, lambda arguments=arguments: compact(binary, arguments)))
    report(f"local disk: {count:,} {OPTIONS.kind} files, {size / (1 << 20):.0f} MiB", ways, size, "cat")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def request(port, method, path, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request(method, path, body)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def s3(files, work, binary):
    port = free_port()
    server = subprocess.Popen([sys.executable, str(ROOT / "benches/s3_server.py"), "--port", str(port), "--latency",
                               str(OPTIONS.latency)], stdout=subprocess.PIPE)
    server.stdout.readline()
    try:
        names = sorted(entry.name for entry in os.scandir(files))
        size = 0
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for name in names:
            body = (files / name).read_bytes()
            size += len(body)
            connection.request("PUT", f"/bench/in/{name}", body)
            connection.getresponse().read()
        environment = dict(os.environ, AWS_ENDPOINT_URL_S3=f"http://127.0.0.1:{port}", AWS_ACCESS_KEY_ID="x",
                           AWS_SECRET_ACCESS_KEY="x", AWS_REGION="us-east-1")
        down = work / "down"
        config = work / "curl.config"
        config.write_text("".join(
            f'url = "http://127.0.0.1:{port}/bench/in/{name}"\noutput = "{down}/{name}"\n' for name in names))

        def clean():
            shutil.rmtree(down, ignore_errors=True)
            down.mkdir()

        download = (f"curl --silent --fail --parallel --parallel-max {OPTIONS.workers} --config {config} 2>{work}/curl.log && "
                    f"find {down} -type f -print0 | sort -z | xargs -0 cat > {work}/one && "
                    f"curl --silent --fail --upload-file {work}/one http://127.0.0.1:{port}/bench/one")

        def forget():
            # What the last run wrote.
            for path in ("_SUCCESS", "_manifest.json"):
                request(port, "DELETE", f"/bench/out/run=1/{path}")
            listed = http.client.HTTPConnection("127.0.0.1", port)
            listed.request("GET", "/bench?prefix=out/")
            text = listed.getresponse().read().decode()
            for key in text.split("<Key>")[1:]:
                request(port, "DELETE", f"/bench/{key.split('</Key>')[0]}")

        arguments = ["s3://bench/in", "--output", "s3://bench/out", "--target-size", OPTIONS.target, "--s3-path-style"]
        ways = [("download, cat, one upload", clean, lambda: shell(download, work))]
        for verify in ("stored", "auto"):
            chosen = [*arguments, "--verify", verify]
            ways.append((f"thresh compact --verify {verify}", forget,
                         lambda chosen=chosen: compact(binary, chosen, environment)))
        report(f"S3: {len(names):,} {OPTIONS.kind} files, {size / (1 << 20):.0f} MiB, {OPTIONS.latency} ms latency, "
               f"{OPTIONS.workers} downloads at once", ways, size, "download, cat, one upload")
    finally:
        server.terminate()
        server.wait()


def parse_size(text):
    units = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
    for unit, factor in units.items():
        if text.endswith(unit):
            return int(text.removesuffix(unit)) * factor
    return int(text)


def main():
    global OPTIONS
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", choices=["local", "s3", []], help="local, s3 [default: both]")
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--size", type=parse_size, default=20 << 10, help="of a file as stored [20KiB]")
    parser.add_argument("--target", default="128MiB", help="of a merged file")
    parser.add_argument("--kind", choices=list(CODECS), default="gzip")
    parser.add_argument("--latency", type=float, default=0, help="milliseconds before each answer of the S3 server")
    parser.add_argument("--workers", type=int, default=96, help="downloads at once of the other way")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "target/bench/compact")
    parser.add_argument("--binary", help="instead of building and running target/release/thresh")
    OPTIONS = parser.parse_args()
    binary = OPTIONS.binary
    if not binary:
        binary = str(build() / "thresh")
    work = OPTIONS.work.resolve() / OPTIONS.kind
    files = make(work, OPTIONS)
    for what in OPTIONS.what or ["local", "s3"]:
        {"local": local, "s3": s3}[what](files, work, binary)
    print(json.dumps({"load": os.getloadavg(), "processors": os.cpu_count()}))


if __name__ == "__main__":
    main()

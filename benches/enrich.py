#!/usr/bin/env python3
"""Benchmark `thresh enrich` on the workloads of thresh-loadgen: events per second and core, CPU seconds, peak memory.

    benches/enrich.py                          # W1, W2, W4, W5, W6 at a tenth of their size
    benches/enrich.py --scale 1 W1 W7          # full size
    benches/enrich.py --threads 1 --runs 7 W1

Inputs are made once below --work (default target/bench) and kept. gzip in, gzip level 1 out, ua_parser, ip_lookups,
referer_parser, campaign_attribution and anon_ip on, every self-describing JSON validated. Runs with one and two threads
alternate; the median is shown, with the fastest and slowest run. Nothing else should use the machine meanwhile.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

from binaries import build

ROOT = pathlib.Path(__file__).resolve().parent.parent
DEFAULT = ["W1", "W2", "W4", "W5", "W6"]


def prepare(bins, work, name, scale):
    """The workload's folder; generated if it is not there."""
    folder = work / f"{name}-{scale:g}"
    registry = work / "registry"
    if not (folder / "_loadgen.json").exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([bins / "thresh-loadgen", folder, "--preset", name, "--scale", str(scale),
                        "--write-registry", registry, "--networks", "262144"], check=True, stdout=subprocess.DEVNULL)
    return folder, registry


def run(bins, work, folder, registry, threads, extra):
    """Wall seconds, CPU seconds, peak MiB, and the summary of one run."""
    out = work / "out"
    shutil.rmtree(out, ignore_errors=True)
    command = [bins / "thresh", "enrich", folder, "--output", out / "good", "--bad", out / "bad", "--run-id", "bench",
               "--resolver", registry / "resolver.json", "--enrichments", registry / "enrichments", "--offline",
               "--threads", str(threads), "--gzip-level", "1", "--summary", "json", "--progress", "off", *extra]
    start = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    output = child.stdout.read()
    errors = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - start
    if status != 0:
        sys.exit(f"{' '.join(map(str, command))}\nfailed:\n{errors.decode()}")
    summary = json.loads(output.decode().strip().splitlines()[-1])
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, summary


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", default=DEFAULT)
    parser.add_argument("--scale", type=float, default=0.1)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, action="append", help="default: 1 and 2")
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "target" / "bench")
    parser.add_argument("--extra", action="append", default=[], help="further option of thresh enrich; may be repeated")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    bins = build()
    print(f"{'load':<5}{'threads':>8}{'events':>10}{'ev/s/core':>11}{'min':>9}{'max':>9}{'wall s':>8}{'CPU s':>8}{'MiB':>6}")
    for name in args.workloads:
        folder, registry = prepare(bins, args.work, name, args.scale)
        events = json.loads((folder / "_loadgen.json").read_text())["events"]
        measured = {threads: [] for threads in args.threads or [1, 2]}
        for _ in range(args.runs):
            for threads in measured:
                measured[threads].append(run(bins, args.work, folder, registry, threads, args.extra))
        for threads, runs in measured.items():
            rates = sorted(events / cpu for _, cpu, _, _ in runs)
            wall = statistics.median(r[0] for r in runs)
            cpu = statistics.median(r[1] for r in runs)
            peak = max(r[2] for r in runs)
            print(f"{name:<5}{threads:>8}{events:>10}{statistics.median(rates):>11.0f}{rates[0]:>9.0f}{rates[-1]:>9.0f}"
                  f"{wall:>8.2f}{cpu:>8.2f}{peak:>6.0f}", flush=True)
    shutil.rmtree(args.work / "out", ignore_errors=True)


if __name__ == "__main__":
    main()

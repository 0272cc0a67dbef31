#!/usr/bin/env python3
"""Benchmark `thresh shred` on enriched events of thresh-loadgen: events per second and core, CPU seconds, peak memory.

    benches/shred.py                            # W8: 1,000,000 events, four entities each, 12 types in 40 versions
    benches/shred.py --scale 1 --scale 2 --scale 4 --threads 2
    benches/shred.py --memory-limit 256 --option=--dedupe-memory=16MiB
    benches/shred.py --all-duplicates --memory-limit 256

Targets: 50,000 events a second and core, never below 30,000, duplicates found and treated, below 500 MiB, and time that
grows with the number of events and no faster. gzip in and out as thresh writes it (level 1, one member a MiB), every entity validated and written as columns.
Of the events 2 % are copies of others and 0.5 % have another's id; --all-duplicates makes it 50 % and 25 %, so that
nearly all events take the detour over temporary files. Runs with one and two threads alternate; the median is shown,
with the slowest and fastest run. --memory-limit is a limit of the kernel (RLIMIT_DATA, MiB): a run that needs more
memory dies. Inputs are made once below --work (default target/bench) and kept. Nothing else should use the machine.
"""
import argparse
import json
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import time

from binaries import build

ROOT = pathlib.Path(__file__).resolve().parent.parent
DUPLICATES = {False: (0.02, 0.005), True: (0.5, 0.25)}


def prepare(bins, work, scale, all_duplicates, single_member):
    """The events and their schemas; generated if they are not there."""
    folder = work / f"W8-{scale:g}{'-dup' if all_duplicates else ''}{'-single' if single_member else ''}"
    registry = work / "shred-registry"
    if not (folder / "_loadgen.json").exists() or not registry.exists():
        shutil.rmtree(folder, ignore_errors=True)
        natural, synthetic = DUPLICATES[all_duplicates]
        subprocess.run([bins / "thresh-loadgen", folder, "--preset", "W8", "--scale", str(scale), "--natural-share",
                        str(natural), "--synthetic-share", str(synthetic), "--write-registry", registry,
                        *(["--gzip", "6"] if single_member else [])],
                       check=True, stdout=subprocess.DEVNULL)
    return folder, registry


def run(bins, work, folder, registry, threads, limit, options):
    """Wall seconds, CPU seconds, peak MiB, and the summary of one run."""
    out = work / "shredded"
    shutil.rmtree(out, ignore_errors=True)
    command = [bins / "thresh", "shred", folder, "--output", out, "--run-id", "bench",
               "--resolver", registry / "resolver.json", "--offline", "--threads", str(threads), "--gzip-level", "1",
               "--summary", "json", "--progress", "off", *options]
    # The allocator's reserve would count against the limit before it is used.
    environment = {**os.environ, **({"MIMALLOC_ARENA_EAGER_COMMIT": "0"} if limit else {})}

    def restrict():
        if limit:
            resource.setrlimit(resource.RLIMIT_DATA, (limit << 20, limit << 20))

    start = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
                             preexec_fn=restrict)
    output = child.stdout.read()
    errors = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - start
    if status != 0:
        sys.exit(f"{' '.join(map(str, command))}\nfailed ({status}):\n{errors.decode()}")
    summary = json.loads(output.decode().strip().splitlines()[-1])
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, summary


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, action="append", help="millions of events; may be repeated [default: 1]")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, action="append", help="default: 1 and 2")
    parser.add_argument("--all-duplicates", action="store_true")
    parser.add_argument("--single-member", action="store_true", help="input as Spark wrote it: one gzip member a file")
    parser.add_argument("--memory-limit", type=int, metavar="MIB")
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "target" / "bench")
    parser.add_argument("--option", action="append", default=[], help="further option of thresh shred; may be repeated")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    bins = build()
    print(f"{'events':>9}{'threads':>8}{'ev/s/core':>11}{'min':>9}{'max':>9}{'wall s':>8}{'CPU s':>8}{'MiB':>6}"
          f"{'copies':>9}{'renamed':>9}{'files':>7}")
    for scale in args.scale or [1]:
        folder, registry = prepare(bins, args.work, scale, args.all_duplicates, args.single_member)
        events = json.loads((folder / "_loadgen.json").read_text())["events"]
        measured = {threads: [] for threads in args.threads or [1, 2]}
        for _ in range(args.runs):
            for threads in measured:
                measured[threads].append(run(bins, args.work, folder, registry, threads, args.memory_limit, args.option))
        files = sum(1 for path in (args.work / "shredded").rglob("part-*"))
        for threads, runs in measured.items():
            rates = sorted(events / cpu for _, cpu, _, _ in runs)
            wall = statistics.median(r[0] for r in runs)
            cpu = statistics.median(r[1] for r in runs)
            peak = max(r[2] for r in runs)
            named = runs[-1][3].get("named", {})
            print(f"{events:>9}{threads:>8}{statistics.median(rates):>11.0f}{rates[0]:>9.0f}{rates[-1]:>9.0f}{wall:>8.2f}"
                  f"{cpu:>8.2f}{peak:>6.0f}{named.get('natural_duplicates', 0):>9}{named.get('renamed_events', 0):>9}"
                  f"{files:>7}", flush=True)
    shutil.rmtree(args.work / "shredded", ignore_errors=True)


if __name__ == "__main__":
    main()

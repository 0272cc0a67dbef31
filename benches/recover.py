#!/usr/bin/env python3
"""Benchmark `thresh recover` on bad rows of thresh-loadgen: rows per second and core, CPU seconds, peak memory.

    benches/recover.py                        # flows and a simple script over 200,000 rows each
    benches/recover.py --rows 1000000 flows   # more rows, flows only
    benches/recover.py --threads 1 --runs 7 script
    benches/recover.py --single-member flows  # input as Spark wrote it: one gzip member a file

Targets: 50,000 rows a second and core with flows, 20,000 with a simple script, below 300 MiB. Bad rows are made once
below --work (default target/bench) and kept. Flows: the workload W9, half self-describing rows of three kinds, half legacy
rows of CloudFront that are lifted, every row recovered; Thrift in lzop files out. Script: legacy rows of CloudFront logs
with faults; gzip lines out. All input is gzipped as thresh writes it (level 1, one member a MiB), unless --single-member
says otherwise (level 6). Runs with one and two threads alternate; the median is shown, with the slowest and fastest run.
Nothing else should use the machine meanwhile.
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

from binaries import build, release

ROOT = pathlib.Path(__file__).resolve().parent.parent
BADROWS = "iglu:com.snowplowanalytics.snowplow.badrows"


def flow(name, condition, step):
    path, regex = condition
    return {"name": name, "conditions": [{"op": "Test", "path": path, "value": {"regex": regex}}], "steps": [step]}


def replace(path, match, value):
    return {"op": "Replace", "path": path, "match": match, "value": value}


ENTITY = "co.data.[?(@.schema=~nobody_has_this)].schema"
FLOWS = {
    "schema": "iglu:com.snowplowanalytics.snowplow/recoveries/jsonschema/4-0-0",
    "data": {
        f"{BADROWS}/schema_violations/jsonschema/*-*-*": [
            flow("unknown-schema", ("$.failure.messages", "nobody_has_this"),
                 replace(f"$.raw.parameters.{ENTITY}", "nobody_has_this", "somebody_has_this")),
        ],
        f"{BADROWS}/enrichment_failures/jsonschema/*-*-*": [
            flow("bad-id", ("$.payload.raw.parameters.eid", "-x\"$"), replace("$.raw.parameters.eid", "-x$", "")),
        ],
        f"{BADROWS}/adapter_failures/jsonschema/*-*-*": [
            flow("bad-body", ("$.failure.messages", "invalid json"), replace("$.body", "$", '"}]}')),
        ],
        f"{BADROWS}/legacy_bad_row/jsonschema/*-*-*": [
            flow("legacy-unknown-schema", ("$.failure.messages", "nobody_has_this"),
                 replace(f"$.querystring.{ENTITY}", "nobody_has_this", "somebody_has_this")),
            flow("legacy-bad-id", ("$.payload.querystring.eid", "-x\"$"), replace("$.querystring.eid", "-x$", "")),
        ],
    },
}
SCRIPT = """function process(event, errors) {
  if (errors.length == 0) return null;
  var fields = tsvToArray(event);
  var query = parseQuerystring(fields[11]);
  query['p'] = 'web';
  fields[11] = buildQuerystring(query);
  return arrayToTsv(fields);
}
"""


def prepare(bins, work, kind, rows, single_member):
    """The folder of bad rows; made if it is not there."""
    single_member = single_member and kind == "flows"
    folder = work / f"bad-{kind}-{rows}{'-single' if single_member else ''}"
    if (folder / "made").exists():
        return folder / "rows"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    made = []
    if kind == "flows":
        made.append([bins / "thresh-loadgen", folder / "rows", "--preset", "W9", "--events", str(rows),
                     *(["--gzip", "6"] if single_member else [])])
    else:
        logs, registry = folder / "logs", folder / "registry"
        made.append([bins / "thresh-loadgen", logs, "--format", "cloudfront", "--gzip", "6", "--events", str(rows),
                     "--files", "8", "--bad-share", "1", "--bad-kind", "unknown-schema", "--write-registry", registry])
        made.append([bins / "thresh", "enrich", logs, "--output", folder / "good", "--bad", folder / "rows",
                     "--run-id", "bench", "--resolver", registry / "resolver.json", "--offline", "--progress", "off",
                     "--bad-format", "legacy"])
    for command in made:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    for left in ["logs", "good"]:
        shutil.rmtree(folder / left, ignore_errors=True)
    (folder / "made").touch()
    return folder / "rows"


def run(bins, work, kind, folder, threads):
    """Wall seconds, CPU seconds, peak MiB, and the summary of one run."""
    out = work / "recover-out"
    shutil.rmtree(out, ignore_errors=True)
    config, script = work / "recovery.json", work / "recovery.js"
    config.write_text(json.dumps(FLOWS))
    script.write_text(SCRIPT)
    rules = ["--script", script] if kind == "script" else ["--config", config]
    command = [bins / "thresh", "recover", folder, *rules, "--output", out / "raw", "--failed", out / "failed",
               "--unrecoverable", out / "unrecoverable", "--run-id", "bench", "--threads", str(threads),
               "--summary", "json", "--progress", "off"]
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
    parser.add_argument("kinds", nargs="*", default=["flows", "script"], help="flows, script")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, action="append", help="default: 1 and 2")
    parser.add_argument("--single-member", action="store_true", help="flows only: one gzip member a file")
    parser.add_argument("--no-build", action="store_true", help="take the binaries of target/release as they are")
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "target" / "bench")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    bins = release() if args.no_build else build()
    print(f"{'rules':<8}{'threads':>8}{'rows':>10}{'recovered':>11}{'rows/s/core':>13}{'min':>9}{'max':>9}{'wall s':>8}"
          f"{'CPU s':>8}{'MiB':>6}")
    for kind in args.kinds:
        folder = prepare(bins, args.work, kind, args.rows, args.single_member)
        measured = {threads: [] for threads in args.threads or [1, 2]}
        for _ in range(args.runs):
            for threads in measured:
                measured[threads].append(run(bins, args.work, kind, folder, threads))
        for threads, runs in measured.items():
            rows = runs[0][3]["records_in"]
            rates = sorted(rows / cpu for _, cpu, _, _ in runs)
            wall = statistics.median(r[0] for r in runs)
            cpu = statistics.median(r[1] for r in runs)
            peak = max(r[2] for r in runs)
            left = rows - runs[0][3]["records_good_source"]
            if left:
                print(f"  {left} rows were not recovered: {runs[0][3]['named']}")
            print(f"{kind:<8}{threads:>8}{rows:>10}{runs[0][3]['records_good_source']:>11}"
                  f"{statistics.median(rates):>13.0f}{rates[0]:>9.0f}{rates[-1]:>9.0f}"
                  f"{wall:>8.2f}{cpu:>8.2f}{peak:>6.0f}", flush=True)
    shutil.rmtree(args.work / "recover-out", ignore_errors=True)


if __name__ == "__main__":
    main()

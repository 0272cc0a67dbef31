#!/usr/bin/env python3
"""Instructions per event of each stage of `thresh enrich`, counted by valgrind: the same on every run and machine load.

    benches/instructions.py            # count, and compare with benches/instructions.json
    benches/instructions.py --bless    # count, and write that file

Exits with 1 if a stage takes over 3 % more instructions than recorded. Needs valgrind. Counts the default build, without
ISA-L. The figures depend on the compiler and on what the processor can do beyond AVX2 (valgrind cannot), so bless anew
after a change of toolchain.
"""
import argparse
import json
import pathlib
import re
import shutil
import subprocess
import sys

from binaries import build

ROOT = pathlib.Path(__file__).resolve().parent.parent
RECORD = ROOT / "benches" / "instructions.json"
TOLERANCE = 0.03
# Stage, and the function whose inclusive count it is. Functions that stages share count in each.
STAGES = {
    "decompress": r"thresh::storage::codec::gzip_whole::decode_members$",
    "raw": r"thresh::raw::load$",
    "adapter": r"adapter::registry::Registry::to_raw_events$",
    "parameters": r"thresh::protocol::parameters::apply$",
    "validate": r"thresh::enrich::validate::InputValidator::validate$",
    "enrich": r"thresh::enrich::manager::Manager::enrich$",
    "write": r"thresh::event::EnrichedEvent::write_tsv$",
    "compress": r"libdeflate_gzip_compress$",
}
# The rules for user agents are read and compiled when they are first needed: what that takes is no stage of an event.
AGENTS = r"ua_parser::UaParser::parse$"
WORKLOADS = {"W1": 20_000 / 1_000_000, "W2": 10_000 / 500_000}


def call_costs(profile):
    """All instructions of a profile, and those of the calls of each function, whatever it calls included."""
    names, costs, total, callee, after_call = {}, {}, 0, None, False

    def name_of(text):
        number, _, name = text.partition(" ")
        return names.setdefault(number, name)

    with open(profile, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            key, equals, value = line.rstrip("\n").partition("=")
            if equals and key == "fn":
                name_of(value)
            elif equals and key == "cfn":
                callee = name_of(value)
            elif equals and key == "calls":
                after_call = True
            elif line.startswith(("summary:", "totals:")):
                total = int(line.split()[1])
            elif after_call:
                after_call = False
                costs[callee] = costs.get(callee, 0) + int(line.split()[1])
    return total, costs


def count(bins, work, name, scale):
    """Instructions of one run by stage, and in all; what the start and the first sight of user agents cost stands apart."""
    logs, registry, out = work / f"{name}-{scale:g}", work / "registry", work / "counted"
    if not (logs / "_loadgen.json").exists():
        subprocess.run([bins / "thresh-loadgen", logs, "--preset", name, "--scale", str(scale), "--write-registry", registry,
                        "--networks", "262144"], check=True, stdout=subprocess.DEVNULL)
    events = json.loads((logs / "_loadgen.json").read_text())["events"]
    shutil.rmtree(out, ignore_errors=True)
    profile = work / f"callgrind.{name}"
    command = [bins / "thresh", "enrich", logs, "--output", out / "good", "--bad", out / "bad", "--run-id", "count",
               "--resolver", registry / "resolver.json", "--enrichments", registry / "enrichments", "--offline",
               "--threads", "1", "--gzip-level", "1", "--progress", "off"]
    subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}", *command], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    shutil.rmtree(out)
    total, costs = call_costs(profile)
    largest = lambda pattern: max((cost for name, cost in costs.items() if re.search(pattern, name)), default=0)
    agents = largest(AGENTS)
    figures = {stage: largest(pattern) for stage, pattern in STAGES.items()}
    figures["enrich"] -= agents
    figures["all"] = total - agents
    per_event = {stage: round(total / events) for stage, total in figures.items() if total}
    per_event["user agents, whole run"] = agents
    return per_event


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bless", action="store_true", help="record the figures")
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "target" / "bench")
    args = parser.parse_args()
    if not shutil.which("valgrind"):
        sys.exit("error: no valgrind; install it (Debian: apt-get install valgrind)")
    args.work.mkdir(parents=True, exist_ok=True)
    bins = build(features="")
    recorded = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    measured, worse = {}, []
    print(f"{'load':<5}{'stage':<24}{'now':>14}{'recorded':>14}{'change':>9}")
    for name, scale in WORKLOADS.items():
        measured[name] = count(bins, args.work, name, scale)
        for stage, now in measured[name].items():
            before = recorded.get(name, {}).get(stage)
            change = f"{now / before - 1:+.1%}" if before else "new"
            print(f"{name:<5}{stage:<24}{now:>14,}{before or '-':>14}{change:>9}", flush=True)
            if before and now > before * (1 + TOLERANCE):
                worse.append(f"{name} {stage}")
    if args.bless:
        RECORD.write_text(json.dumps(measured, indent=2) + "\n")
    elif worse:
        sys.exit(f"error: more instructions than recorded: {', '.join(worse)}")


if __name__ == "__main__":
    main()

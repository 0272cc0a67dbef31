#!/usr/bin/env python3
"""Benchmark `thresh load`: PostgreSQL side by side with `psql \\copy` of the same files, and SQLite.

    benches/load.py                         # 1,000,000 events of workload W8, shredded
    benches/load.py --events 100000 sqlite
    benches/load.py --runs 5 postgres

Targets: PostgreSQL at least 80 % of the speed of psql, SQLite at least 40,000 rows a second, below 200 MiB. Events are
generated and shredded once below --work (default target/bench) and kept, as plain text, so that psql can read them. The
server is one of our own in a temporary folder (binaries on the PATH or Debian's), without fsync for both loaders. Both fill
the same tables, emptied before each run, in one transaction, without ANALYZE; runs alternate and the medians are compared.
Nothing else should use the machine meanwhile.
"""
import argparse
import json
import os
import pathlib
import pwd
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from binaries import build, release

ROOT = pathlib.Path(__file__).resolve().parent.parent


def prepare(bins, work, events):
    """The folder with the run and its registry; made if it is not there."""
    folder = work / f"load-{events}"
    if (folder / "made").exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    quiet = {"check": True, "stdout": subprocess.DEVNULL}
    subprocess.run([bins / "thresh-loadgen", folder / "enriched", "--preset", "W8", "--events", str(events),
                    "--write-registry", folder / "registry"], **quiet)
    subprocess.run([bins / "thresh", "shred", folder / "enriched", "--output", folder / "shredded", "--run-id", "bench",
                    "--resolver", folder / "registry" / "resolver.json", "--offline", "--compression", "none",
                    "--progress", "off"], **quiet)
    shutil.rmtree(folder / "enriched")
    (folder / "made").touch()
    return folder


def measured(command, **more):
    """Wall seconds, CPU seconds and peak MiB of a command, and its output."""
    start = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
    output = child.stdout.read()
    errors = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - start
    if status != 0:
        sys.exit(f"{' '.join(map(str, command))}\nfailed:\n{errors.decode()}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, output.decode()


def load(bins, folder, target):
    return measured([bins / "thresh", "load", folder / "shredded", "--target", target, "--offline", "--skip", "analyze",
                     "--resolver", folder / "registry" / "resolver.json", "--summary", "json"])


class Server:
    """A PostgreSQL server of our own."""

    def __init__(self):
        bins = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
        bins += [pathlib.Path(place) for place in os.environ.get("PATH", "").split(":")]
        self.bin = next((place for place in bins if (place / "initdb").is_file()), None)
        if self.bin is None:
            sys.exit("no PostgreSQL here (initdb, postgres)")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="thresh-bench-postgres-"))
        self.as_user = {"cwd": self.folder}
        if os.geteuid() == 0:
            # PostgreSQL does not run as root.
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self.as_user |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        subprocess.run([self.bin / "initdb", "-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"],
                       check=True, stdout=subprocess.DEVNULL, **self.as_user)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        settings = ["-F", "-c", "full_page_writes=off", "-c", "max_wal_size=8GB", "-c", "shared_buffers=256MB",
                    "-c", "autovacuum=off"]
        self.process = subprocess.Popen([self.bin / "postgres", "-D", "data", "-h", "127.0.0.1", "-k", "", "-p",
                                         str(self.port), *settings], stderr=subprocess.DEVNULL, **self.as_user)
        while subprocess.run(self.psql("-c", "SELECT 1"), capture_output=True).returncode != 0:
            time.sleep(0.1)

    def psql(self, *arguments):
        return ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres",
                *arguments, "postgres"]

    def target(self):
        return f"postgres://postgres@127.0.0.1:{self.port}/postgres?sslmode=disable"

    def empty(self, tables):
        names = ", ".join(f"atomic.{table}" for table in [*tables, "manifest"])
        subprocess.run(self.psql("-c", f"TRUNCATE {names}", "-c", "CHECKPOINT"), check=True)

    def stop(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def copy_script(folder, tables):
    """What psql is told: the files of each table, in one transaction."""
    good = folder / "shredded" / "run=bench" / "output=good"
    lines = ["BEGIN;"]
    for path in sorted(good.glob("vendor=*/name=*/format=tsv/model=*/part-*")):
        vendor, name, _, model = (part.split("=", 1)[1] for part in path.relative_to(good).parts[:4])
        is_atomic = (vendor, name) == ("com.snowplowanalytics.snowplow", "atomic")
        ending = f"_{model}"
        wanted = f"{vendor}_{name}".replace(".", "_").replace("-", "_").lower()
        table = "events" if is_atomic else next(
            table for table in tables if table.removesuffix(ending).replace("_", "") == wanted.replace("_", ""))
        null = "''" if is_atomic else r"'\N'"
        lines.append(rf"\copy atomic.{table} FROM '{path}' WITH (FORMAT text, NULL {null})")
    return "\n".join([*lines, "COMMIT;"]) + "\n"


def row(name, runs, rows):
    wall = statistics.median(run[0] for run in runs)
    cpu = statistics.median(run[1] for run in runs)
    peak = max(run[2] for run in runs)
    spread = f"{min(run[0] for run in runs):.1f}-{max(run[0] for run in runs):.1f}"
    print(f"{name:<12}{rows:>12}{rows / wall:>12.0f}{wall:>9.1f}{spread:>14}{cpu:>9.1f}{peak:>7.0f}", flush=True)
    return wall


def bench_postgres(bins, folder, count):
    server = Server()
    try:
        # Makes the tables.
        report = json.loads(load(bins, folder, server.target())[3])
        tables = [table["table"] for table in report["runs"][0]["tables"]]
        rows = sum(table["rows"] for table in report["runs"][0]["tables"])
        script = folder / "copy.sql"
        script.write_text(copy_script(folder, tables))
        ours, theirs = [], []
        for _ in range(count):
            server.empty(tables)
            theirs.append(measured(server.psql("-f", script)))
            server.empty(tables)
            ours.append(load(bins, folder, server.target()))
        psql = row("psql", theirs, rows)
        thresh = row("postgres", ours, rows)
        print(f"  {100 * psql / thresh:.0f} % of psql's speed")
    finally:
        server.stop()


def bench_sqlite(bins, folder, count):
    runs = []
    for _ in range(count):
        for ending in ["", "-wal", "-shm"]:
            (folder / f"events.db{ending}").unlink(missing_ok=True)
        runs.append(load(bins, folder, f"sqlite:{folder / 'events.db'}"))
    rows = sum(table["rows"] for table in json.loads(runs[0][3])["runs"][0]["tables"])
    row("sqlite", runs, rows)
    for ending in ["", "-wal", "-shm"]:
        (folder / f"events.db{ending}").unlink(missing_ok=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", default=["postgres", "sqlite"], help="postgres, sqlite")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--no-build", action="store_true", help="take the binaries of target/release as they are")
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "target" / "bench")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    bins = release() if args.no_build else build()
    folder = prepare(bins, args.work, args.events)
    print(f"{'target':<12}{'rows':>12}{'rows/s':>12}{'wall s':>9}{'fastest-slow':>14}{'CPU s':>9}{'MiB':>7}")
    for kind in args.kinds:
        {"postgres": bench_postgres, "sqlite": bench_sqlite}[kind](bins, folder, args.runs)


if __name__ == "__main__":
    main()

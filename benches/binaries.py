"""The release binaries that benchmarks run, built first unless BENCH_NO_BUILD is set.

They are built with ISA-L where the tools for that are installed (Debian: nasm autoconf automake libtool make), as README.md
advises; BENCH_FEATURES says otherwise: BENCH_FEATURES= is the default build.
"""
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
ISAL_TOOLS = ["nasm", "autoconf", "automake", "libtoolize", "make"]


def release():
    """The folder of the binaries."""
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"


def build(features=None):
    """Builds them, and says with which features; returns their folder."""
    if os.environ.get("BENCH_NO_BUILD"):
        return release()
    if features is None:
        features = os.environ.get("BENCH_FEATURES", "isal" if all(map(shutil.which, ISAL_TOOLS)) else "")
    print(f"building with further features: {features or 'none'}", file=sys.stderr, flush=True)
    subprocess.run(["cargo", "build", "--release", "--locked", "--bins", "--features", features], cwd=ROOT, check=True)
    return release()

"""Compares `heapprof top` with `go tool pprof -symbolize=none -top`, byte for byte, on two dumps of one program.

usage: agree.py SCRATCH BEFORE AFTER [inlined]   Symbols are embedded once by `heapprof symbolize`, so that both read the
same names. "inlined": the dumps must hold inlined frames, which a symbolizer that sees none would leave out."""
import difflib
import itertools
import json
import os
import re
import subprocess
import sys

CLI = os.environ["HEAPPROF_CLI"]
ENVIRONMENT = dict(os.environ, LC_ALL="C", TZ="UTC")
METRICS = ("inuse_space", "alloc_space", "alloc_objects")
GRANULARITIES = ("-functions", "-addresses", "-lines", "-files", "-filefunctions")


def output(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, env=ENVIRONMENT)
    if done.returncode != 0:
        sys.exit(f"FAILED: {' '.join(command)} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def pprof(*arguments):
    return output(PPROF, "-symbolize=none", *arguments)


def compare(*arguments):
    """Gives the number of rows, after both said the same."""
    theirs = pprof("-top", *arguments)
    ours = output(CLI, "top", *arguments)
    if theirs != ours:
        shown = "".join(itertools.islice(difflib.unified_diff(theirs.splitlines(True), ours.splitlines(True), "pprof", "heapprof"), 40))
        sys.exit(f"FAILED: they differ on {' '.join(arguments)}:\n{shown}")
    return len(ours.splitlines())


def symbolized(path, name):
    plain, zipped = f"{SCRATCH}/{name}.pb", f"{SCRATCH}/{name}.pb.gz"
    output(CLI, "symbolize", "--compression", "none", "-o", plain, path)
    output(CLI, "symbolize", "-o", zipped, path)
    return plain, zipped


def build_ids(raw):
    """What the "Mappings" part of `pprof -raw` says: {file: build id}."""
    found = {}
    for line in raw[raw.index("Mappings"):].splitlines():
        match = re.match(r"\d+: 0x\w+/0x\w+/0x\w+ (\S+) ?(\w*)", line)
        if match:
            found[match[1]] = match[2]
    return found


def check_build_ids(path):
    found = build_ids(pprof("-raw", path))
    noted = re.compile(r"Build ID: (\w+)")
    checked = 0
    for file, said in found.items():
        if not os.path.exists(file):
            continue  # [vdso] and the like
        match = noted.search(subprocess.run(["readelf", "-n", file], capture_output=True, text=True).stdout)
        if match:
            assert said == match[1], f"-raw says {file} has build id {said or 'none'}, readelf says {match[1]}"
            checked += 1
    assert checked >= 2, f"no build ids in {found}"
    print(f"-raw shows the build ids of {checked} files")


def main(before, after, *wanted):
    old, new = symbolized(before, "old"), symbolized(after, "new")
    compared = rows = 0
    for arguments in itertools.product(METRICS, ("-flat", "-cum"), GRANULARITIES, new):
        metric, order, granularity, path = arguments
        if path.endswith(".gz") and granularity not in ("-functions", "-addresses"):
            continue
        rows += compare(f"-sample_index={metric}", order, granularity, path)
        compared += 1
    for metric, option, granularity in itertools.product(METRICS, ("-diff_base", "-base"), ("-functions", "-addresses")):
        rows += compare(f"-sample_index={metric}", f"{option}={old[0]}", granularity, new[1])
        compared += 1
    for more in (["-nodecount=7"], ["-cum", "-nodefraction=0.05"], ["-unit=mb"], ["-focus=std|redis|call"], ["-noinlines"]):
        rows += compare(*more, new[1])
        compared += 1
    assert pprof("-raw", new[0]) == pprof("-raw", new[1]), "plain and gzip'd hold different profiles"
    check_build_ids(new[1])
    top = json.loads(output(CLI, "top", "--format", "json", new[0]))
    states = {row["inline_state"] for row in top["tables"]["top"]["rows"]}
    if "inlined" in wanted:
        assert "(inline)" in pprof("-top", new[0]), f"no inlined frame in {states}"
    print(f"{compared} reports, {rows} lines, the same byte for byte")
    print(pprof("-top", "-nodecount=10", new[1]))


SCRATCH = sys.argv[1]
PPROF = subprocess.run(["go", "tool", "-n", "pprof"], capture_output=True, text=True, check=True).stdout.strip()
main(*sys.argv[2:])

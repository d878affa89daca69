"""The command line under test: run it, record with it, read its JSON."""
import glob
import json
import os
import subprocess

CLI = os.environ["HEAPPROF_CLI"]
SAMPLES = os.environ["HEAPPROF_SAMPLES"]
PROGRAMS = os.environ.get("HEAPPROF_PROGRAMS", "")
MIB = 1 << 20


def heapprof(*arguments, check=True, **options):
    done = subprocess.run([CLI, *arguments], capture_output=True, text=True, timeout=100, **options)
    if check and done.returncode != 0:
        raise AssertionError(f"heapprof {' '.join(arguments)} ended with {done.returncode}: {done.stderr}")
    return done


def record(folder, *command, sample="64k"):
    """Runs a program under `heapprof run`; gives its dumps in the order of their numbers."""
    heapprof("run", "--sample", sample, "--seed", "1", "--output", folder, "--", *command)
    dumps = sorted(glob.glob(os.path.join(folder, "heapprof.*.pb.gz")), key=lambda path: int(path.split(".")[-3]))
    assert dumps, f"no dump in {folder}: {os.listdir(folder)}"
    return dumps


def answer(*arguments):
    return json.loads(heapprof(*arguments, "--format", "json").stdout)


def rows(document, table):
    return document["tables"][table]["rows"]


def named(document, function, column):
    """A figure of the row in `top` whose function has this name, in whatever namespace; 0 where there is none."""
    for row in rows(document, "top"):
        if row["name"].split("::")[-1] == function:
            return row[column]
    return 0


def between(name, value, low, high):
    assert low <= value <= high, f"{name} is {value:,.0f}, expected {low:,.0f} to {high:,.0f}"
    print(f"{name}: {value:,.0f}, within {low:,.0f} to {high:,.0f}")

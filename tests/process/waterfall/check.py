"""The waterfall as `heapprof summary` prints it, of dumps that were taken while the program worked.

usage: check.py sampled|off DUMP...   Exit 1 when a line is unknown that must be known, or known that cannot be, or when
more than 2% of the kernel's RSS is unattributed in any dump. Prints the figures of each."""
import json
import os
import subprocess
import sys

MOST_UNATTRIBUTED = 0.02
MIB = 1 << 20


def summary(path, *more):
    return subprocess.run([os.environ["HEAPPROF_CLI"], "summary", *more, path], check=True, capture_output=True,
                          text=True, timeout=60).stdout


def faults(lines, notes, sampled):
    """What is wrong with one dump's lines: {id: row}."""
    for line, row in lines.items():
        if row["bytes"] is None:
            yield f"{line} is unknown"
        elif row["bytes"] < 0 and line != "unattributed":
            yield f"{line} is {row['bytes']}"
    if sampled != ("requested" in lines) or sampled == ("live" in lines):
        yield f"sampling is {'on' if sampled else 'off'}, but its lines are {', '.join(lines)}"
    if not sampled and not any("requested is unknown" in note for note in notes):
        yield f"sampling is off, and no note says that requested is unknown: {notes}"
    share = lines["unattributed"]["fraction"]
    if share is None or abs(share) >= MOST_UNATTRIBUTED:
        yield f"{share:+.2%} is unattributed"


def main(mode, *paths):
    assert mode in ("sampled", "off") and paths, __doc__
    bad = False
    for path in paths:
        table = json.loads(summary(path, "--format", "json"))["tables"]["waterfall"]
        lines = {row["id"]: row for row in table["rows"]}
        known = [row["bytes"] for row in lines.values() if row["bytes"] is not None]
        print(f"{os.path.basename(path)}: RSS {sum(known) / MIB:.2f} MiB = " + " + ".join(
            f"{row['label']} {row['bytes'] / MIB:.2f}" if row["bytes"] is not None else f"{row['label']} ?"
            for row in lines.values()) + f" ({lines['unattributed']['fraction']:+.3%})")
        for fault in faults(lines, table["notes"], mode == "sampled"):
            print(f"FAILED: {fault}")
            bad = True
    print(summary(paths[-1]))
    return bad


sys.exit(main(*sys.argv[1:]))

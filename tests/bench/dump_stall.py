#!/usr/bin/env python3
"""How long dumps hold up a program's threads at a million live samples and a map of 1 TiB.

  dump_stall.py --bench-dir build/release/bench --heapprof build/release/lib/libheapprof.so [-n 3] [--workers 1]
                [--seconds 10] [--thousand-samples 1000] [--gib 1024]

bench_dump_stall makes the samples and the map, then times the workers' malloc, free and mmap without dumps and while
dumps follow each other. Bound: no step that was not preempted took 1 ms, over all runs. Preemption is printed beside
it: with one worker and the dump on two idle cores it is the machine's. Where the quiet half was over the bound as well,
the answer is INCONCLUSIVE, and the exit code 3; a miss is 1. The runs need about 1 GiB for files in the scratch folder.
"""
import argparse
import os
import pathlib
import sys
import tempfile

from peers import median, run_once, verdict

BOUND_US = 1000
STEPS = ("malloc", "free", "map")
KINDS = ("ran", "waited", "preempted")


def stolen_seconds():
    """What the host took from this machine so far, over all processors."""
    return int(pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[8]) / os.sysconf("SC_CLK_TCK")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bench-dir", required=True)
    parser.add_argument("--heapprof", required=True)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--thousand-samples", type=int, default=1000)
    parser.add_argument("--gib", type=int, default=1024)
    parser.add_argument("-n", type=int, default=3)
    arguments = parser.parse_args()

    program = str(pathlib.Path(arguments.bench_dir) / "bench_dump_stall")
    rows = []
    stolen = stolen_seconds()
    for _ in range(arguments.n):
        with tempfile.TemporaryDirectory(prefix="heapprof-stall.") as scratch:
            command = [program, scratch, arguments.workers, arguments.seconds, arguments.thousand_samples, arguments.gib]
            rows.append(run_once([str(word) for word in command], arguments.heapprof,
                                 {"HEAPPROF": "sample=1,dump=none,records=4g"}))
    print(f"{median(rows, 'samples'):.0f} live samples, {arguments.gib} GiB mapped; {sum(row['dumps'] for row in rows):.0f} dumps of "
          f"{median(rows, 'dump_mib'):.1f} MiB in {median(rows, 'dump_s'):.2f} s each; "
          f"load {os.getloadavg()[0]:.1f}, {stolen_seconds() - stolen:.2f} s taken by the host")

    def longest(part, step, kind):
        return max(row[f"{part}_{step}_{kind}_us"] for row in rows)

    def count(part, step, kind, over):
        return sum(row[f"{part}_{step}_{kind}_over_{over}"] for row in rows)

    print("| step | " + " | ".join(f"{kind}: longest us, over 0.1 / 1 ms" for kind in KINDS) + " |")
    print("| --- |" + " --- |" * len(KINDS))
    for part in ("quiet", "dumping"):
        for step in STEPS:
            print(f"| {part} {step} | " + " | ".join(
                f"{longest(part, step, kind):.0f}, {count(part, step, kind, '100us'):.0f} / {count(part, step, kind, '1ms'):.0f}"
                for kind in KINDS) + " |")

    missed = unclear = False
    for step in STEPS:
        quiet, dumping = (max(longest(part, step, kind) for kind in ("ran", "waited")) for part in ("quiet", "dumping"))
        unclear_here = dumping > BOUND_US and quiet > BOUND_US
        kept = verdict(f"longest {step} during dumps, us", dumping, BOUND_US, f"without: {quiet:.1f}"
                       + ("; INCONCLUSIVE: over the bound without dumps as well" if unclear_here else ""))
        unclear = unclear or unclear_here
        missed = missed or (not kept and not unclear_here)
    sys.exit(1 if missed else 3 if unclear else 0)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Peak RSS of one workload under heapprof, glibc and Debian's peers: medians of interleaved runs, the ratio to the
smallest, and whether it is within the bound.

  peak_rss.py --heapprof build/release/lib/libheapprof.so [-n 40] [--bound 1.1] -- build/release/bench/bench_fixed_size 50

Exit 1: above the bound. Where libraries lie at random decides how many of their pages are mapped, a tenth of a small
program's RSS: hence many short runs. Build or install the library anew between two figures to be compared: how its file
came into the page cache counts too.
"""
import argparse
import os
import statistics
import subprocess
import sys

from peers import peers, run_once


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--heapprof", required=True)
    parser.add_argument("-n", type=int, default=40)
    parser.add_argument("--bound", type=float, default=1.1)
    parser.add_argument("program", nargs="+")
    arguments = parser.parse_args()
    libraries = {"heapprof": arguments.heapprof, **{name: library for name, (library, _) in peers().items()}}
    peaks = {name: [] for name in libraries}
    for _ in range(arguments.n):
        for name, library in libraries.items():
            peaks[name].append(run_once(arguments.program, library, {})["peak_rss_kib"])
    medians = {name: statistics.median(values) for name, values in peaks.items()}
    for name, values in peaks.items():
        print(f"{name:9} {medians[name]:8.0f} KiB  ({min(values):.0f} to {max(values):.0f})")
    smallest = min(medians[name] for name in medians if name != "heapprof")
    ratio = medians["heapprof"] / smallest
    print(f"{ratio:.3f} x the smallest; bound {arguments.bound}; load {os.getloadavg()[0]:.1f}")
    return 0 if ratio <= arguments.bound else 1


if __name__ == "__main__":
    sys.exit(main())

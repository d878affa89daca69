#!/usr/bin/env python3
"""Interleaved runs of the workloads under several allocators: medians, and ratios to the best peer of each row.

  run.py --bench-dir build/release/bench --heapprof build/release/lib/libheapprof.so [-n 5] [--with NAME=LIB]...
         [--family NAME]... [--markdown]

Every round runs each allocator once on each workload, in rotating order, so that drift of the machine hits all alike.
A ratio is the median over rounds of heapprof / the peer's figure of the same round. Before the first round memory is
faulted and freed once, because a virtual machine's cold pages cost 20 times a warm one.
"""
import argparse
import pathlib

from peers import find_library, interleaved, median, paired_ratio, peers, run_once, warm_up  # noqa: F401 (oscillate.py)

FAMILIES = ["fixed_size", "random_replacement", "producer_consumer", "thread_handoff", "medium_sizes", "large_buffers",
            "smallest", "phase"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bench-dir", required=True)
    parser.add_argument("--heapprof", required=True)
    parser.add_argument("--with", dest="extra", action="append", default=[], metavar="NAME=LIB")
    parser.add_argument("--family", action="append")
    parser.add_argument("-n", type=int, default=5)
    arguments = parser.parse_args()

    allocators = {"heapprof": (arguments.heapprof, {}),
                  "heapprof 512k": (arguments.heapprof, {"HEAPPROF": "sample=512k,dump=none"})}
    others = peers(arguments.extra)
    allocators.update(others)

    print("| family | " + " | ".join(f"{name} s / MiB" for name in allocators) +
          " | time / best | RSS / smallest | 512k / off |")
    print("| --- |" + " --- |" * (len(allocators) + 3))
    for family in arguments.family or FAMILIES:
        program = str(pathlib.Path(arguments.bench_dir) / f"bench_{family}")
        rows = {name: [] for name in allocators}
        for name in interleaved(allocators, arguments.n):
            warm_up(600 if family == "large_buffers" else 256)
            rows[name].append(run_once(program, *allocators[name]))

        cells = [f"{median(rows[name], 'wall'):.3f} / {median(rows[name], 'peak_rss_kib') / 1024:.1f}" for name in allocators]
        fastest = min(others, key=lambda name: median(rows[name], "wall"))
        smallest = min(others, key=lambda name: median(rows[name], "peak_rss_kib"))
        print(f"| {family} | " + " | ".join(cells) +
              f" | {paired_ratio(rows['heapprof'], rows[fastest], 'wall'):.2f} ({fastest})"
              f" | {paired_ratio(rows['heapprof'], rows[smallest], 'peak_rss_kib'):.2f} ({smallest})"
              f" | {paired_ratio(rows['heapprof 512k'], rows['heapprof'], 'cpu'):.3f} |", flush=True)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Interleaved runs of the workloads under several allocators: medians, and ratios to the best peer of each row.

  run.py --bench-dir build/release/bench --heapprof build/release/lib/libheapprof.so [-n 5] [--with NAME=LIB]...
         [--family NAME]... [--markdown]

Every round runs each allocator once on each workload, in rotating order, so that drift of the machine hits all alike.
A ratio is the median over rounds of heapprof / the peer's figure of the same round. Before the first round memory is
faulted and freed once, because a virtual machine's cold pages cost 20 times a warm one.
"""
from peers import in_rounds, median, paired_ratio, peers, run_once, runner_parser, warm_up

FAMILIES = ["fixed_size", "random_replacement", "producer_consumer", "thread_handoff", "medium_sizes", "large_buffers",
            "smallest"]


def main():
    parser = runner_parser(5)
    parser.add_argument("--family", action="append")
    arguments = parser.parse_args()

    allocators = {"heapprof": (arguments.heapprof, {}),
                  "heapprof 512k": (arguments.heapprof, {"HEAPPROF": "sample=512k,dump=none"})}
    others = peers(arguments.extra)
    allocators.update(others)

    print("| family | " + " | ".join(f"{name} s / MiB" for name in allocators) +
          " | time / best | RSS / smallest | 512k / off |")
    print("| --- |" + " --- |" * (len(allocators) + 3))
    for family in arguments.family or FAMILIES:
        program = str(arguments.bench_dir / f"bench_{family}")

        def run(library, options):
            warm_up(600 if family == "large_buffers" else 256)
            return run_once(program, library, options)

        rows = in_rounds(allocators, arguments.n, run)

        cells = [f"{median(rows[name], 'wall'):.3f} / {median(rows[name], 'peak_rss_kib') / 1024:.1f}" for name in allocators]
        fastest = min(others, key=lambda name: median(rows[name], "wall"))
        smallest = min(others, key=lambda name: median(rows[name], "peak_rss_kib"))
        print(f"| {family} | " + " | ".join(cells) +
              f" | {paired_ratio(rows['heapprof'], rows[fastest], 'wall'):.2f} ({fastest})"
              f" | {paired_ratio(rows['heapprof'], rows[smallest], 'peak_rss_kib'):.2f} ({smallest})"
              f" | {paired_ratio(rows['heapprof 512k'], rows['heapprof'], 'cpu'):.3f} |", flush=True)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Interleaved runs of the workloads under several allocators: medians, and ratios to the best peer of each row.

  run.py --bench-dir build/release/bench --heapprof build/release/lib/libheapprof.so [-n 5] [--with NAME=LIB]...
         [--family NAME]... [--markdown]

Every round runs each allocator once on each workload, in rotating order, so that drift of the machine hits all alike.
A ratio is the median over rounds of heapprof / the peer's figure of the same round. Before the first round memory is
faulted and freed once, because a virtual machine's cold pages cost 20 times a warm one.
"""
import argparse
import os
import pathlib
import statistics
import subprocess
import sys

FAMILIES = ["fixed_size", "random_replacement", "producer_consumer", "thread_handoff", "medium_sizes", "large_buffers",
            "smallest", "phase"]
DEBIAN_PEERS = {
    "jemalloc": "libjemalloc.so.2",
    "mimalloc": "libmimalloc.so.2.0",
    "tcmalloc": "libtcmalloc_minimal.so.4",
}


def find_library(name):
    for folder in ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib"):
        path = pathlib.Path(folder) / name
        if path.exists():
            return str(path)
    return None


def run_once(program, library, options):
    env = dict(os.environ, LC_ALL="C")
    env.pop("HEAPPROF", None)
    if library:
        env["LD_PRELOAD"] = library
    env.update(options)
    command = program if isinstance(program, list) else [program]
    out = subprocess.run(command, env=env, text=True, capture_output=True, check=True).stdout
    return {key: float(value) if key != "family" else value
            for key, value in (field.split("=") for field in out.split())}


def warm_up(mebibytes):
    block = bytearray(mebibytes << 20)
    block[::4096] = b"x" * len(block[::4096])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bench-dir", required=True)
    parser.add_argument("--heapprof", required=True)
    parser.add_argument("--with", dest="extra", action="append", default=[], metavar="NAME=LIB")
    parser.add_argument("--family", action="append")
    parser.add_argument("-n", type=int, default=5)
    arguments = parser.parse_args()

    allocators = {"heapprof": (arguments.heapprof, {}),
                  "heapprof 512k": (arguments.heapprof, {"HEAPPROF": "sample=512k,dump=none"}),
                  "glibc": ("", {})}
    for name, library in DEBIAN_PEERS.items():
        path = find_library(library)
        if path:
            allocators[name] = (path, {})
        else:
            print(f"{name}: {library} is not installed, left out", file=sys.stderr)
    for extra in arguments.extra:
        name, path = extra.split("=", 1)
        allocators[name] = (path, {})
    peers = [name for name in allocators if not name.startswith("heapprof")]

    print("| family | " + " | ".join(f"{name} s / MiB" for name in allocators) +
          " | time / best | RSS / smallest | 512k / off |")
    print("| --- |" + " --- |" * (len(allocators) + 3))
    for family in arguments.family or FAMILIES:
        program = str(pathlib.Path(arguments.bench_dir) / f"bench_{family}")
        rows = {name: [] for name in allocators}
        names = list(allocators)
        for round_number in range(arguments.n):
            for step in range(len(names)):
                name = names[(step + round_number) % len(names)]
                warm_up(600 if family == "large_buffers" else 256)
                rows[name].append(run_once(program, *allocators[name]))

        def median(name, key):
            return statistics.median(row[key] for row in rows[name])

        def ratio(name, other, key):
            return statistics.median(a[key] / b[key] for a, b in zip(rows[name], rows[other]))

        cells = [f"{median(name, 'wall'):.3f} / {median(name, 'peak_rss_kib') / 1024:.1f}" for name in allocators]
        fastest = min(peers, key=lambda name: median(name, "wall"))
        smallest = min(peers, key=lambda name: median(name, "peak_rss_kib"))
        print(f"| {family} | " + " | ".join(cells) +
              f" | {ratio('heapprof', fastest, 'wall'):.2f} ({fastest})"
              f" | {ratio('heapprof', smallest, 'peak_rss_kib'):.2f} ({smallest})"
              f" | {ratio('heapprof 512k', 'heapprof', 'cpu'):.3f} |", flush=True)


if __name__ == "__main__":
    main()

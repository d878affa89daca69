#!/usr/bin/env python3
"""Latency of malloc, of free and of redis' requests, beside glibc, jemalloc, mimalloc and tcmalloc.

  latency.py --bench-dir build/release/bench --heapprof build/release/lib/libheapprof.so [-n 5] [--seconds 12]
             [--threads 2] [--mib 256] [--what malloc|redis]... [--with NAME=LIB]...

Interleaved rounds of bench_latency (a heap that rises and falls every 4 s) and of bench_redis_load at a redis-server,
each under ours as it is by default, ours sampling at 512 KiB with a dump every second, ours with thp=always, and each
peer. Printed: medians over rounds in nanoseconds, and at p99.9 the median of the ratios to the best peer, with the bound
1. A run whose process was preempted is in p99.99 and max, not in p99.9. Exit 1 when a bound is missed.
"""
import subprocess
import sys
import tempfile

from peers import (environment, fields, in_rounds, median, paired_ratio, peers, print_table, run_once, runner_parser, verdict,
                   warm_up)
from redis_server import RedisServer

BOUND = 1.0
MARKS = ("p50", "p99", "p999", "p9999", "max")


def run_malloc(arguments, library, options):
    warm_up(2 * arguments.mib)
    with tempfile.TemporaryDirectory(prefix="heapprof-latency.") as scratch:
        options = {key: value.replace("%SCRATCH%", scratch) for key, value in options.items()}
        program = [str(arguments.bench_dir / "bench_latency"), str(arguments.threads),
                   str(arguments.seconds), str(arguments.mib)]
        return run_once(program, library, options)


def run_redis(arguments, library, options):
    warm_up(2 * arguments.mib)
    with RedisServer(library, options) as server:
        load = [str(arguments.bench_dir / "bench_redis_load"), server.socket, str(arguments.seconds)]
        done = subprocess.run(load, env=environment("", {}), text=True, capture_output=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{' '.join(load)}: {done.stderr}")
        return fields(done.stdout)


# What is run, and which of its figures are printed; the first figures are judged.
MEASUREMENTS = {
    "malloc": (run_malloc, ("malloc", "free"), ("fill",)),
    "redis": (run_redis, ("request",), ()),
}


def main():
    parser = runner_parser(5)
    parser.add_argument("--what", choices=MEASUREMENTS, action="append")
    parser.add_argument("--seconds", type=int, default=12)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--mib", type=int, default=256)
    arguments = parser.parse_args()

    dumping = "sample=512k,dump=interval:1s,keep=2,path=%SCRATCH%/%e.%p.%n.pb.gz"
    ours = {"heapprof": (arguments.heapprof, {}),
            "heapprof, dumps": (arguments.heapprof, {"HEAPPROF": dumping}),
            "heapprof, thp=always": (arguments.heapprof, {"HEAPPROF": "sample=0,dump=none,thp=always"})}
    others = peers(arguments.extra)
    allocators = {**ours, **others}

    good = True
    for what in arguments.what or MEASUREMENTS:
        run, judged, told = MEASUREMENTS[what]
        rows = in_rounds(allocators, arguments.n, lambda library, options: run(arguments, library, options))
        if "clock_ns" in rows["heapprof"][0]:
            print(f"ns; reading the clock is {median(rows['heapprof'], 'clock_ns'):.1f} of each")
        print_table([what] + [f"{call} {' / '.join(MARKS)}" for call in judged + told] + ["calls"],
                    [[name] + [" / ".join(f"{median(rows[name], f'{call}_{mark}'):.0f}" for mark in MARKS)
                               for call in judged + told] + [f"{median(rows[name], judged[0] + '_n'):.0f}"]
                     for name in allocators])
        for call in judged:
            best = min(others, key=lambda name: median(rows[name], f"{call}_p999"))
            for name in ours:
                ratio = paired_ratio(rows[name], rows[best], f"{call}_p999")
                good = verdict(f"{call} p99.9, {name} / {best}", ratio, BOUND) and good
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()

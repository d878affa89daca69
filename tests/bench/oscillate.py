#!/usr/bin/env python3
"""A load that comes and goes: what our purging faults back, beside purgers that give everything back at once.

  oscillate.py --bench-dir build/release/bench --heapprof build/release/lib/libheapprof.so
               [--period SECONDS]... [--cycles 20] [--mib 256] [--threads 2] [--wave square|cosine]...

For each period it runs bench_oscillate under our default, under our own purge=eager, and under jemalloc with
dirty_decay_ms:0; the first three cycles do not count. Bounds: what is faulted back is at most a tenth of what either
eager purger faults, and RSS two periods after the load has stopped at most 1.2 times that of ours with purge=eager.
(Where the load never rests, as in the cosine of a short period, our eager one cannot trim slabs and is not that eager.)
Exit 1 when a bound is missed. Only bytes are judged, so a busy machine does no harm; the
periods are real, so 20 cycles of 10 s take 11 minutes (the three run at the same time, unless --one-by-one).
"""
import argparse
import pathlib
import subprocess
import sys

from peers import environment, fields, find_library

FAULTED_BOUND = 0.10
STOPPED_BOUND = 1.2


def start(program, library, options, arguments):
    return subprocess.Popen([program] + [str(a) for a in arguments], env=environment(library, options), text=True,
                            stdout=subprocess.PIPE)


def finish(process):
    out, _ = process.communicate()
    if process.returncode != 0:
        sys.exit(f"{process.args[0]} ended with {process.returncode}")
    return fields(out)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bench-dir", required=True)
    parser.add_argument("--heapprof", required=True)
    parser.add_argument("--period", type=float, action="append", help="seconds; several: one table row each")
    parser.add_argument("--cycles", type=int, default=20)
    parser.add_argument("--mib", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--bottom", type=int, default=10, help="per cent of the heap that stays live")
    parser.add_argument("--wave", choices=("square", "cosine"), action="append")
    parser.add_argument("--one-by-one", action="store_true")
    arguments = parser.parse_args()

    allocators = {"heapprof": (arguments.heapprof, {}),
                  "eager": (arguments.heapprof, {"HEAPPROF": "sample=0,dump=none,purge=eager"})}
    jemalloc = find_library("libjemalloc.so.2")
    if jemalloc:
        allocators["jemalloc"] = (jemalloc, {"MALLOC_CONF": "dirty_decay_ms:0,muzzy_decay_ms:0"})
    else:
        print("libjemalloc.so.2 is not installed, left out", file=sys.stderr)
    program = str(pathlib.Path(arguments.bench_dir) / "bench_oscillate")

    print("| period s | wave | MiB faulted a cycle: " + " / ".join(allocators) +
          " | ratios | RSS at the bottom | RSS after two periods of rest | ratio | |")
    print("| --- |" + " --- |" * 7)
    missed = False
    for wave in arguments.wave or ["square", "cosine"]:
        for period in arguments.period or [2, 5, 10]:
            parameters = (arguments.mib, arguments.threads, round(period * 1000), arguments.cycles, arguments.bottom,
                          int(wave == "cosine"))
            rows = {}
            running = {}
            for name, (library, options) in allocators.items():
                running[name] = start(program, library, options, parameters)
                if arguments.one_by_one:
                    rows[name] = finish(running[name])
            for name, process in running.items():
                if name not in rows:
                    rows[name] = finish(process)

            def all_of(key):
                return " / ".join(f"{rows[name][key]:.1f}" for name in allocators)

            ratios = [rows["heapprof"]["a_cycle_mib"] / rows[name]["a_cycle_mib"] for name in rows if name != "heapprof"]
            faulted = max(ratios)
            stopped = rows["heapprof"]["stopped_mib"] / rows["eager"]["stopped_mib"]
            good = faulted <= FAULTED_BOUND and stopped <= STOPPED_BOUND
            missed = missed or not good
            print(f"| {period:g} | {wave} | {all_of('a_cycle_mib')} | {' / '.join(f'{r:.3f}' for r in ratios)} (bound {FAULTED_BOUND})"
                  f" | {all_of('bottom_mib')} | {all_of('stopped_mib')} | {stopped:.3f} (bound {STOPPED_BOUND})"
                  f" | {'OK' if good else 'MISS'} |", flush=True)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()

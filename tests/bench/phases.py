#!/usr/bin/env python3
"""A load that falls and returns: RSS after the fall over what 4 KiB pages allow, and what growing back costs.

  phases.py --bench-dir build/release/bench --heapprof build/release/lib/libheapprof.so [-n 3] [--shape NAME]...
            [--mib 512] [--idle 5] [--with NAME=LIB]...

Interleaved rounds of bench_phase under ours, each peer, and a jemalloc told to give memory back, medians. Judged is
ours, in each shape:
RSS     1 s after the fall at most 1.15 times the floor + 4 MiB, after the idle time 1.08 times the floor + 4 MiB. The
        floor is what was resident before, plus every page of 4 KiB that holds a live byte where the allocator put it.
        At 10% survivors RSS after 1 s is at most twice the live bytes as well.
time    to grow back: at most 1.15 times the cheapest way this kernel has to give as many bytes back (bench_phase says
        which there are, and how they are timed), and less than that of every peer whose RSS had come below 3 times the
        live bytes and which had given back half of what ours had, or more: who gives nothing back faults nothing.
The time to grow back contains the program's own writing of the blocks, the ways of the kernel do not: so the ratio is
printed to touching pages one by one as well, and without that writing. The strictest one is judged.
A round takes about 80 s for each allocator, 25 minutes for three rounds of Debian's. Exit 1 when a bound is missed.
"""
import statistics
import sys

from peers import in_rounds, median, paired_ratio, peers, print_table, run_once, runner_parser, verdict, warm_up

AFTER_ONE, AFTER_ALL, SLACK_MIB = 1.15, 1.08, 4
OVER_LIVE = 2.0
OVER_CHEAPEST = 1.15
BELOW = 3.0
REST = 8
# As they come, Debian's peers give back nothing within 5 s; this one is told to, within the second that ours is given.
PURGING_JEMALLOC = "background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0"

# threads, survivors %, clustered, threads live on idle, a forked child alive, rest before the fall
SHAPES = {
    "random": (4, 10, 0, 1, 0, 0),
    "half": (4, 50, 0, 1, 0, 0),
    "few": (4, 1, 0, 1, 0, 0),
    "clustered": (4, 10, 1, 1, 0, 0),
    "one-thread": (1, 10, 0, 1, 0, 0),
    "16-threads": (16, 10, 0, 1, 0, 0),
    "threads-ended": (4, 10, 0, 0, 0, 0),
    "child": (4, 10, 0, 1, 1, 0),
    "huge": (4, 10, 0, 1, 0, REST),
}


def command(arguments, shape):
    threads, survivors, clustered, live_on, child, rest = SHAPES[shape]
    return [str(arguments.bench_dir / "bench_phase")] + [
        str(each) for each in (arguments.mib, threads, survivors, clustered, live_on, child, arguments.idle, 0, rest)]


def ways(row):
    """Seconds of each way of the kernel that there is."""
    return {way: row[way] for way in ("touch", "populate", "huge") if row[way] > 0}


def given_back(row):
    return row["full_mib"] - row["rss5_mib"]


def show(rows, idle):
    def cells(name):
        mine = rows[name]
        live = median(mine, "live_mib")
        return [name, f"{median(mine, 'full_mib'):.0f}"] + [
            f"{median(mine, key):.1f} ({median(mine, key) / live:.2f})" for key in ("rss1_mib", "rss5_mib")] + [
            f"{median(mine, 'floor_mib'):.1f}", f"{median(mine, 'regrow') * 1e3:.0f}",
            " / ".join(f"{median(mine, way) * 1e3:.0f}" for way in ("touch", "populate", "written", "huge", "write")),
            f"{median(mine, 'huge_full_mib'):.0f} / {median(mine, 'whole_mib'):.0f}"]
    print_table(["MiB", "full", "RSS after 1 s (over live)", f"after {idle} s", "floor", "to grow back, ms",
                 "touch / populate / written / huge / write, ms", "huge before / whole ranges given back"],
                [cells(name) for name in rows])


def judge_memory(shape, ours, idle):
    floor = median(ours, "floor_mib")
    good = True
    for key, seconds, factor in (("rss1_mib", 1, AFTER_ONE), ("rss5_mib", idle, AFTER_ALL)):
        bound = round(factor * floor + SLACK_MIB, 1)
        good = verdict(f"{shape}: MiB {seconds} s after the fall", median(ours, key), bound,
                       f"{factor} x {floor:.1f} + {SLACK_MIB}; {median(ours, key) / floor:.3f} of the floor") and good
    if SHAPES[shape][1] == 10:
        good = verdict(f"{shape}: RSS / live 1 s after the fall", paired_ratio(ours, ours, "rss1_mib", "live_mib"),
                       OVER_LIVE) and good
    return good


def judge_time(shape, rows):
    ours = rows["heapprof"]
    if not all(ways(row) for row in ours):
        print(f"{shape}: nothing was given back, so growing back cannot be judged: MISS")
        return False
    over_touch = paired_ratio(ours, ours, "regrow", "touch")
    strict = statistics.median(row["regrow"] / min(ways(row).values()) for row in ours)
    faulting = statistics.median((row["regrow"] - row["write"]) / min(ways(row).values()) for row in ours)
    written = statistics.median(row["written"] / min(ways(row).values()) for row in ours)
    cheapest = min(ways(ours[0]), key=lambda way: median(ours, way))
    print(f"{shape}: grow back / touch: {over_touch:.3f}; without the program's own writing / {cheapest}: {faulting:.3f}; "
          f"populate and write at once, without a malloc, would have {written:.3f} below")
    good = verdict(f"{shape}: grow back / cheapest", strict, OVER_CHEAPEST, cheapest)
    for name, theirs in rows.items():
        share = median(theirs, "rss5_mib") / median(theirs, "live_mib")
        if name == "heapprof" or share >= BELOW:
            continue
        ratio = paired_ratio(ours, theirs, "regrow")
        returned = statistics.median(max(0, given_back(row)) for row in theirs)
        if returned < statistics.median(given_back(row) for row in ours) / 2:
            print(f"{shape}: grow back / {name}: {ratio:.3f}, not judged: it had given back {returned:.0f} MiB")
        else:
            good = verdict(f"{shape}: grow back / {name}", ratio, 1.0, f"RSS / live {share:.2f}") and good
    return good


def main():
    parser = runner_parser(3)
    parser.add_argument("--shape", choices=SHAPES, action="append")
    parser.add_argument("--mib", type=int, default=512)
    parser.add_argument("--idle", type=int, default=5, help="seconds")
    arguments = parser.parse_args()
    allocators = {"heapprof": (arguments.heapprof, {}), **peers(arguments.extra)}
    if "jemalloc" in allocators:
        allocators["jemalloc, purging"] = (allocators["jemalloc"][0], {"MALLOC_CONF": PURGING_JEMALLOC})

    good = True
    for shape in arguments.shape or SHAPES:
        def run(library, options):
            warm_up(arguments.mib)
            return run_once(command(arguments, shape), library, options)

        print(f"\n{shape}: {' '.join(command(arguments, shape))}")
        rows = in_rounds(allocators, arguments.n, run)
        show(rows, arguments.idle)
        good = judge_memory(shape, rows["heapprof"], arguments.idle) and good
        good = judge_time(shape, rows) and good
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()

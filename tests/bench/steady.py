#!/usr/bin/env python3
"""A server at rest: live bytes on huge pages, and what they are worth and cost, beside ours without them and the peers.

  steady.py --bench-dir build/release/bench --heapprof build/release/lib/libheapprof.so [-n 3] [--mib 2048]
            [--seconds 30] [--threads 2] [--steps 20] [--with NAME=LIB]...

Interleaved rounds of bench_steady under ours, ours with thp=never and each peer; medians at a third, two thirds and the
end of the time. Judged, of ours: at least 90% of live bytes lie on huge pages at the end, by the kernel's word; RSS at
most 1.08 times that with thp=never, at each mark; throughput at least that with thp=never, and that of the best peer;
and a step of a chain through all blocks (--steps million of them) quicker than with thp=never. A round takes about 45 s
for each allocator. Exit 1 when a bound is missed; 3 where the kernel gives no huge pages or does not tell which they are.
"""
import pathlib
import sys

from peers import in_rounds, median, paired_ratio, peers, print_table, run_once, runner_parser, verdict

ON_HUGE = 0.90
RSS_BOUND = 1.08
MARKS = (1, 2, 3)
THP = pathlib.Path("/sys/kernel/mm/transparent_hugepage/enabled")


def check_kernel():
    """Ours asks for huge pages only where it has to ask, so any mode but never will do; the issue is about madvise."""
    mode = THP.read_text().split("[")[1].split("]")[0] if THP.exists() else "never"
    print(f"transparent huge pages: {mode}")
    if mode == "never":
        print(f"{THP}: this kernel gives no huge pages; write madvise to it")
        sys.exit(3)


def show(rows, seconds):
    def at_marks(name, key, form):
        return " / ".join(form.format(median(rows[name], key.format(mark))) for mark in MARKS)

    print_table(["after " + " / ".join(f"{seconds * mark / 3:g}" for mark in MARKS) + " s", "live bytes on huge pages, %",
                 "mapped huge, MiB", "RSS, MiB", "RSS / live", "M operations/s", "CPU us each", "ns a step of the chain", "grow, s"],
                [[name, " / ".join(f"{median(rows[name], f'on_huge{mark}') * 100:.1f}" for mark in MARKS),
                  at_marks(name, "huge{}_mib", "{:.0f}"), at_marks(name, "rss{}_mib", "{:.0f}"),
                  f"{paired_ratio(rows[name], rows[name], 'rss3_mib', 'live3_mib'):.3f}",
                  f"{median(rows[name], 'mops'):.3f}", f"{median(rows[name], 'cpu_us'):.3f}", f"{median(rows[name], 'chase_ns'):.1f}",
                  f"{median(rows[name], 'grow'):.2f}"] for name in rows])


def judge(rows, others, seconds):
    ours, never = rows["heapprof"], rows["thp=never"]
    best = max(others, key=lambda name: median(rows[name], "mops"))
    good = [verdict(f"live bytes not on huge pages after {seconds} s", 1 - median(ours, "on_huge3"), round(1 - ON_HUGE, 3))]
    good += [verdict(f"RSS after {seconds * mark / 3:g} s / thp=never", paired_ratio(ours, never, f"rss{mark}_mib"), RSS_BOUND)
             for mark in MARKS]
    good += [verdict("time of an operation, ours / thp=never", paired_ratio(never, ours, "mops"), 1.0),
             verdict(f"time of an operation, ours / {best}", paired_ratio(rows[best], ours, "mops"), 1.0)]
    if ours[0]["chase_ns"] > 0:
        good.append(verdict("a step of the chain, ours / thp=never", paired_ratio(ours, never, "chase_ns"), 1.0))
    return all(good)


def main():
    parser = runner_parser(3)
    parser.add_argument("--mib", type=int, default=2048)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=20, help="of the chain, in millions; 0: no chain")
    arguments = parser.parse_args()
    check_kernel()
    others = peers(arguments.extra)
    allocators = {"heapprof": (arguments.heapprof, {}),
                  "thp=never": (arguments.heapprof, {"HEAPPROF": "sample=0,dump=none,thp=never"}), **others}
    # The last but one: memory is warmed by the program itself, and as huge pages.
    command = [str(arguments.bench_dir / "bench_steady")] + [
        str(each) for each in (arguments.mib, arguments.threads, arguments.seconds, 1, arguments.steps)]
    print(" ".join(command))
    rows = in_rounds(allocators, arguments.n, lambda library, options: run_once(command, library, options))
    show(rows, arguments.seconds)
    if min(row["on_huge3"] for row in rows["heapprof"]) < 0:
        print("this kernel does not tell which pages are huge (PAGEMAP_SCAN, Linux 6.7)")
        sys.exit(3)
    sys.exit(0 if judge(rows, others, arguments.seconds) else 1)


if __name__ == "__main__":
    main()

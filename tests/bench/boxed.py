#!/usr/bin/env python3
"""Small and boxed processes: what heapprof costs where there is little memory.

  boxed.py --bench-dir build/release/bench --heapprof build/release/lib/libheapprof.so [-n 3]
           [--what small|oom|bgsave]... [--limit 256]... [--share 60]... [--threads 32] [--seconds 8]

small   Under 8 MiB live: no thread of ours (bound 0), and RSS over that of thp=never (bound 1.03).
oom     bench_boxed with 32 threads in a cgroup of 256 and of 512 MiB, live bytes a share of the limit, each allocator n
        times: at every share that glibc survives each time, ours must as well. Shares rise until glibc dies.
bgsave  redis-server with --keys keys, overwritten at random while BGSAVE runs: the peak of Pss of parent and child
        together over jemalloc's, median of pairs (bound 1).

`oom` needs root and a memory cgroup, version 1 or 2. Exit 1 when a bound is missed.
"""
import pathlib
import subprocess
import sys
import time

from cgroup_box import Box
from peers import (environment, in_rounds, median, paired_ratio, peers, print_table, run_once, runner_parser, verdict,
                   warm_up)
from redis_server import RedisServer

THP_NEVER = {"HEAPPROF": "sample=0,dump=none,thp=never"}


def small(arguments, allocators):
    good = True
    for moving in (0, 1):
        for live in (1, 4, 7):
            command = [arguments.boxed, "1", str(live), str(arguments.seconds), str(moving)]
            setups = {**allocators, "thp=never": (arguments.heapprof, THP_NEVER)}
            rows = in_rounds(setups, arguments.n, lambda library, options: run_once(command, library, options))
            what = f"small, {live} MiB live{', sizes move' if moving else ''}"
            print(f"{what}: RSS " + ", ".join(f"{name} {median(rows[name], 'rss_kib'):.0f}" for name in setups) + " KiB")
            threads = max(row["threads"] for row in rows["heapprof"]) - 1
            good = verdict(f"{what}: threads of ours", threads, 0) and good
            good = verdict(f"{what}: RSS, default / thp=never",
                           paired_ratio(rows["heapprof"], rows["thp=never"], "rss_kib"), 1.03) and good
    return good


def boxed_run(arguments, limit, share, library, options):
    """(survived, operations, the highest charge in MiB)"""
    command = [arguments.boxed, str(arguments.threads), str(limit * share // 100), str(arguments.seconds)]
    with Box(limit << 20) as box:
        try:
            done = box.run(command, environment(library, options), timeout=arguments.seconds * 10 + 60)
        except subprocess.TimeoutExpired:
            return False, 0, box.peak_bytes() >> 20
        operations = int(done.stdout.split("operations=")[1].split()[0]) if done.returncode == 0 else 0
        if done.returncode not in (0, 3, -9):
            sys.exit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr[-300:]}")
        return done.returncode == 0 and box.killed() == 0, operations, box.peak_bytes() >> 20


def oom(arguments, allocators):
    good = True
    for limit in arguments.limit or (256, 512):
        print(f"| {limit} MiB: live | " + " | ".join(f"{name} survived, M operations, peak MiB" for name in allocators) + " |")
        print("| --- |" + " --- |" * len(allocators))
        for share in arguments.share or (20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70):
            def run(library, options):
                warm_up(limit)
                return boxed_run(arguments, limit, share, library, options)

            rows = in_rounds(allocators, arguments.n, run)
            alive = {name: sum(row[0] for row in rows[name]) for name in allocators}
            print(f"| {share}% | " + " | ".join(
                f"{alive[name]}/{arguments.n}, {sum(row[1] for row in rows[name]) / arguments.n * 1e-6:.1f}, "
                f"{sum(row[2] for row in rows[name]) / arguments.n:.0f}" for name in allocators) + " |", flush=True)
            if alive["glibc"] < arguments.n:
                print(f"{share}%: glibc does not survive: no bound here or above")
                break
            for name in allocators:
                if name.startswith("heapprof"):
                    good = verdict(f"oom, {limit} MiB, {share}% live, {name}: killed", arguments.n - alive[name], 0) and good
    return good


def pss_kib(pid):
    try:
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0


def bgsave_run(arguments, library, options):
    def overwrite(server, count):
        return subprocess.Popen(["redis-benchmark", "-s", server.socket, "-q", "-r", str(arguments.keys), "-n", str(count),
                                 "-P", "16", "-d", "200", "-t", "set"],
                                env=environment("", {}), stdout=subprocess.DEVNULL)
    warm_up(1024)
    # Keys are slowed down in the child, so that all of the writes come while it runs.
    with RedisServer(library, options, ("--rdb-key-save-delay", "5")) as server:
        if overwrite(server, 2 * arguments.keys).wait() != 0:
            sys.exit("redis-benchmark failed")
        before = pss_kib(server.process.pid)
        server.command("bgsave")
        writer = overwrite(server, arguments.keys // 4)
        children = pathlib.Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
        peak, while_saving = before, 0
        while child := children.read_text().split():
            peak = max(peak, pss_kib(server.process.pid) + pss_kib(child[0]))
            while_saving += writer.poll() is None
            time.sleep(0.02)
        late = writer.poll() is None
        writer.wait()
        if while_saving == 0 or late:
            print("the writes did not lie within BGSAVE: raise --keys", file=sys.stderr)
        return {"before": before, "peak": peak}


def bgsave(arguments, allocators):
    if "jemalloc" not in allocators:
        sys.exit("bgsave: jemalloc is not installed, and it is what the bound is about")
    rows = in_rounds(allocators, arguments.n, lambda library, options: bgsave_run(arguments, library, options))
    print_table(["redis", "MiB before", "peak of parent and child"],
                [[name, f"{median(rows[name], 'before') / 1024:.1f}", f"{median(rows[name], 'peak') / 1024:.1f}"]
                 for name in allocators])
    return all([verdict(f"BGSAVE, peak of Pss, {name} / jemalloc", paired_ratio(rows[name], rows["jemalloc"], "peak"), 1.0)
                for name in allocators if name.startswith("heapprof")])


WHAT = {"small": small, "oom": oom, "bgsave": bgsave}


def main():
    parser = runner_parser(3)
    parser.add_argument("--what", choices=WHAT, action="append")
    parser.add_argument("--limit", type=int, action="append", help="MiB")
    parser.add_argument("--share", type=int, action="append", help="per cent of the limit that is live")
    parser.add_argument("--threads", type=int, default=32)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--keys", type=int, default=300000)
    arguments = parser.parse_args()
    arguments.boxed = str(arguments.bench_dir / "bench_boxed")
    allocators = {"heapprof": (arguments.heapprof, {}), **peers(arguments.extra)}
    results = [WHAT[what](arguments, allocators) for what in arguments.what or WHAT]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()

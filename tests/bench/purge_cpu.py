#!/usr/bin/env python3
"""What purging costs in processor time, in a minute.

  purge_cpu.py --bench-dir build/release/bench --heapprof build/release/lib/libheapprof.so [-n 3] [--seconds 60]
               [--load waves|fall]...

waves   bench_oscillate, 256 MiB that fall to a tenth and come back every 5 s.
fall    bench_phase, 512 MiB of which 90% are freed, then idle for the rest of the time.

Interleaved rounds of ours by default and with thp=never, each beside the same with purge=never. Purging is done by the
helper thread and by the threads of the program that call the page layer, which cannot be told apart from outside; so two
shares of the time are judged, each with the bound 1%: the helper thread's where it has nothing else to do (thp=never:
else it forms huge pages too), and what the whole process used beyond the same with purge=never, which contains faulting
back what had been given back too early. Exit 1 when a bound is missed. A run of each of the four takes --seconds and
some, so -n 3 of both loads takes half an hour.
"""
import os
import pathlib
import statistics
import sys

from peers import in_rounds, median, print_table, run_once, runner_parser, verdict, warm_up

BOUND_PERCENT = 1.0
HELPER = "heapprof"  # its name, from runtime/entry/helper.cpp
PERIOD_SECONDS = 5


class HelperClock:
    """Seconds of the processor that the helper thread of a process had used when it was last looked at."""

    def __init__(self):
        self.seconds = 0.0

    def look(self, pid):
        for stat in pathlib.Path(f"/proc/{pid}/task").glob("*/stat"):
            try:
                text = stat.read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            name, rest = text.split("(", 1)[1].rsplit(")", 1)
            if name == HELPER:
                user, system = rest.split()[11:13]  # fields 14 and 15; the state, the first here, is field 3
                self.seconds = (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def waves(seconds):
    """(the program's arguments, the figure with the processor time of those seconds)"""
    return ["bench_oscillate", 256, 2, PERIOD_SECONDS * 1000, max(1, seconds // PERIOD_SECONDS), 10, 0, 0], "cpu"


def fall(seconds):
    return ["bench_phase", 512, 4, 10, 0, 1, 0, seconds, 0, 0], "fall_cpu"


LOADS = {"waves": waves, "fall": fall}


def main():
    parser = runner_parser(3)
    parser.add_argument("--load", choices=LOADS, action="append")
    parser.add_argument("--seconds", type=int, default=60)
    arguments = parser.parse_args()

    def setup(*options):
        return arguments.heapprof, {"HEAPPROF": ",".join(("sample=0", "dump=none") + options)}

    setups = {"default": setup(), "purge=never": setup("purge=never"), "thp=never": setup("thp=never"),
              "thp=never, purge=never": setup("thp=never", "purge=never")}
    good = True
    for load in arguments.load or LOADS:
        (program, *parameters), key = LOADS[load](arguments.seconds)
        command = [str(arguments.bench_dir / program)] + [str(each) for each in parameters]
        print(f"\n{load}: {' '.join(command)}", flush=True)

        def run(library, options):
            warm_up(512)
            clock = HelperClock()
            row = run_once(command, library, options, clock.look)
            return {"helper": clock.seconds * 100 / arguments.seconds, "process": row[key] * 100 / arguments.seconds}

        rows = in_rounds(setups, arguments.n, run)
        print_table([f"% of {arguments.seconds} s", "helper thread", "whole process"],
                    [[name] + [f"{median(rows[name], who):.2f}" for who in ("helper", "process")] for name in setups])
        good = verdict(f"{load}: % of the helper thread, thp=never", median(rows["thp=never"], "helper"), BOUND_PERCENT) and good
        for name, beside in (("default", "purge=never"), ("thp=never", "thp=never, purge=never")):
            beyond = statistics.median(a["process"] - b["process"] for a, b in zip(rows[name], rows[beside]))
            good = verdict(f"{load}: % of the whole process, {name} beyond {beside}", beyond, BOUND_PERCENT) and good
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""`heapprof top` prints what `go tool pprof -top` prints, byte for byte: wild profiles with recursion, inlined frames,
negative values, ties, labels, locations without symbols, gzip'd and plain, with every filter, granularity and base."""
import argparse
import concurrent.futures
import os
import subprocess
import sys
import tempfile

FLAGS = [
    [], ["-cum"], ["-sample_index=inuse_objects"], ["-sample_index=inuse_objects", "-cum"],
    ["-functions", "-nodefraction=0"], ["-filefunctions"], ["-files"], ["-lines"], ["-addresses"],
    ["-addresses", "-cum"], ["-lines", "-noinlines"], ["-noinlines"],
    ["-focus=cache"], ["-ignore=alloc"], ["-hide=cache"], ["-show=cache|main"], ["-show_from=cache"],
    ["-hide=libcache"], ["-show=server"], ["-show_from=libcache"], ["-focus=parse.h", "-lines"],
    ["-focus=a", "-ignore=free_list", "-hide=run", "-cum"],
    ["-tagfocus=bytes=1kb:64kb"], ["-tagfocus=kind=malloc"], ["-tagignore=kind=new"], ["-tagfocus=1kb:"],
    ["-nodecount=3"], ["-nodefraction=0.1"], ["-unit=kb"], ["-unit=mb", "-cum"], ["-divide_by=2"], ["-trim=false"],
]
WITH_BASE = [["-base"], ["-diff_base"]]
BASE_FLAGS = [[], ["-cum"], ["-lines"], ["-normalize"], ["-focus=cache"], ["-sample_index=inuse_objects"]]


def main():
    parser = argparse.ArgumentParser()
    for name in ("heapprof", "wild", "go"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--seeds", type=int, default=20)
    arguments = parser.parse_args()
    scratch = tempfile.TemporaryDirectory(prefix="heapprof-pprof.")
    environment = dict(os.environ, PPROF_TMPDIR=scratch.name, HOME=scratch.name, TZ="UTC", GOFLAGS="")

    def output(*command):
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=scratch.name, timeout=60)
        return done.returncode, done.stdout, done.stderr

    profiles = []
    for seed in range(1, arguments.seeds + 1):
        profiles.append(f"{seed}.pb" + ("" if seed % 3 == 0 else ".gz"))
        status, _, error = output(arguments.wild, str(seed), profiles[-1], "plain" if seed % 3 == 0 else "gzip")
        assert status == 0, error

    cases = [(flags, name) for name in profiles for flags in FLAGS]
    for index, name in enumerate(profiles):
        base = profiles[(index + 1) % len(profiles)]
        cases += [([f"{kind[0]}={base}", *flags], name) for kind in WITH_BASE for flags in BASE_FLAGS]

    def compare(case):
        flags, name = case
        ours = output(arguments.heapprof, "top", "-symbolize=none", *flags, name)
        theirs = output(arguments.go, "tool", "pprof", "-symbolize=none", "-top", *flags, name)
        if theirs[0] != 0:
            return f"{flags} {name}: go tool pprof failed: {theirs[2]}"
        return None if ours[1] == theirs[1] else f"{' '.join(flags)} {name}\n--- pprof\n{theirs[1]}--- heapprof\n{ours[1]}{ours[2]}"

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        differing = [text for text in pool.map(compare, cases) if text]
    for text in differing[:5]:
        print(text, file=sys.stderr)
    print(f"{len(cases) - len(differing)} of {len(cases)} outputs agree with go tool pprof")
    return 1 if differing else 0


sys.exit(main())

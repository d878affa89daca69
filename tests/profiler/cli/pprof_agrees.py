#!/usr/bin/env python3
"""`heapprof top`, `tree`, `peek`, `list`, `traces`, `tags` and `raw` print what `go tool pprof` prints, byte for byte: wild profiles
with recursion, inlined frames, negative values, ties, labels, locations without symbols, gzip'd and plain, with every filter,
granularity and base. Where pprof's own order is random (call lines and tags of +x and -x; see calm()), order does not count."""
import argparse
import concurrent.futures
import os
import re
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
    ["-nodecount=3"], ["-nodefraction=0.1"], ["-edgefraction=0.05"], ["-unit=kb"], ["-unit=mb", "-cum"], ["-divide_by=2"],
    ["-trim=false"],
]
WITH_BASE = [["-base"], ["-diff_base"]]
BASE_FLAGS = [[], ["-cum"], ["-lines"], ["-normalize"], ["-focus=cache"], ["-sample_index=inuse_objects"]]
VERBS = [["tree"], ["peek", "cache|main"], ["list", "cache|main"], ["traces"], ["tags"], ["raw"]]  # besides top, which has every case
SHARE = 4  # of the other verbs' cases, each profile has one in so many; together the profiles have all

# A line of callers and callees, or of tags: sign, figures, name, "(inline)" or nothing. A figure of 0 hides its sign.
CALL = re.compile(r"^ *(-?)(\S+ +\S+%) \|   (.*?)( \(inline\))?$")
TAG = re.compile(r"^ +(-?)(\d\S*(?: \(.*\))?): (.*?)()$")


def calm(text):
    """Sorts what pprof itself orders anew in each run: neighbours of equal figures of either sign (it compares signed values
    first and absolute ones then), and calls that differ in "(inline)" only."""
    lines = text.split("\n")
    at = 0
    while at < len(lines):
        pattern = next((p for p in (CALL, TAG) if p.match(lines[at])), None)
        end = at + 1
        if pattern:
            first = pattern.match(lines[at])
            while end < len(lines) and (other := pattern.match(lines[end])) and other[2] == first[2]:
                end += 1
            group = [pattern.match(line) for line in lines[at:end]]
            if len({match[1] for match in group}) > 1 or first[2].startswith("0 "):
                lines[at:end] = sorted(lines[at:end])
            else:  # stable: names keep pprof's order
                for i in range(at, end - 1):
                    if group[i - at][3] == group[i + 1 - at][3]:
                        lines[i:i + 2] = sorted(lines[i:i + 2])
        at = end
    return "\n".join(lines)


def pprof_verb(verb):
    return f"-{verb[0]}" + (f"={verb[1]}" if len(verb) > 1 else "")


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

    pprof = output(arguments.go, "tool", "-n", "pprof")[1].strip()
    profiles = []
    for seed in range(1, arguments.seeds + 1):
        profiles.append(f"{seed}.pb" + ("" if seed % 3 == 0 else ".gz"))
        status, _, error = output(arguments.wild, str(seed), profiles[-1], "plain" if seed % 3 == 0 else "gzip")
        assert status == 0, error

    cases = []
    for index, name in enumerate(profiles):
        base = profiles[(index + 1) % len(profiles)]
        wanted = [*FLAGS, *([f"{kind[0]}={base}", *flags] for kind in WITH_BASE for flags in BASE_FLAGS)]
        cases += [(["top"], flags, name) for flags in wanted]
        cases += [(verb, flags, name) for i, flags in enumerate(wanted) for k, verb in enumerate(VERBS) if (i + k + index) % SHARE == 0]

    def compare(case):
        verb, flags, name = case
        ours = output(arguments.heapprof, *verb, "-symbolize=none", *flags, name)
        theirs = output(pprof, "-symbolize=none", pprof_verb(verb), *flags, name)
        if theirs[0] != 0 and "no matches found" in theirs[2]:
            return None if ours[0] == 2 and "no function matches" in ours[2] else f"{case}: pprof finds nothing, we do"
        if theirs[0] != 0:
            return f"{flags} {name}: go tool pprof failed: {theirs[2]}"
        same = ours[1] == theirs[1] or (verb[0] in ("tree", "peek", "tags") and calm(ours[1]) == calm(theirs[1]))
        return None if same else f"{' '.join(verb + flags)} {name}\n--- pprof\n{theirs[1]}--- heapprof\n{ours[1]}{ours[2]}"

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        differing = [text for text in pool.map(compare, cases) if text]
    for text in differing[:5]:
        print(text, file=sys.stderr)
    print(f"{len(cases) - len(differing)} of {len(cases)} outputs agree with go tool pprof")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())

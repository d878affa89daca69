#!/usr/bin/env python3
"""Runs each program of this folder on the real library and judges its dumps as a user would: after the third, and after each
later one. Each source says what to expect: "Expect: VERDICT FUNCTION".

  growing F          F is a suspect from the third dump on, growing by the last one
  not growing F      F is never a suspect
  VERDICT F          F is never a suspect, and this is its verdict at the last dump

No other function may ever be called growing. --list prints every verdict."""
import argparse
import concurrent.futures
import glob
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

SUSPECT = ("growing", "old, never freed")
VERDICTS = ("not growing", "growing", "old, never freed", "still allocating", "comes and goes", "levelled off", "one-off",
            "steady", "shrinking", "grew", "unclear")


def expectations(source):
    found = []
    for text in re.findall(r"Expect: (.*?)(?: \*/)?$", pathlib.Path(source).read_text(), re.MULTILINE):
        verdict = next(one for one in VERDICTS if text.startswith(one + " "))
        found.append((verdict, text[len(verdict) + 1:]))
    assert found, f"{source} says not what to expect"
    return found


def record(options, name, seed, folder):
    environment = dict(os.environ, LD_PRELOAD=options.library,
                       HEAPPROF=f"sample={options.sample},seed={seed},dump=none,log=0,path={folder}/{name}.%n.pb.gz")
    subprocess.run([f"{options.programs}/{name}"], check=True, timeout=60, env=environment)
    dumps = sorted(glob.glob(f"{folder}/{name}.*.pb.gz"), key=lambda path: int(path.split(".")[-3]))
    assert len(dumps) == 6, f"{name} left {dumps}"
    return dumps


def verdicts(options, dumps):
    """Verdict by function; of several stacks of one function the first in the list, which is the most suspicious."""
    done = subprocess.run([options.heapprof, "leaks", "--format", "json", "--all", *dumps], capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 0, done.stderr
    found = {}
    for row in json.loads(done.stdout)["tables"]["leaks"]["rows"]:
        found.setdefault(re.split(r"::", row["owner"])[-1], (row["verdict"], row["evidence"]))
    return found


def judge(options, source, seed):
    name = pathlib.Path(source).stem
    wrong = []
    with tempfile.TemporaryDirectory(prefix="heapprof-leaks.") as folder:
        dumps = record(options, name, seed, folder)
        for count in range(3, 7):
            found = verdicts(options, dumps[:count])
            if options.list:
                for function, (verdict, evidence) in found.items():
                    print(f"{name} {count}: {verdict}: {function}: {evidence}")
            expected = {function: verdict for verdict, function in expectations(source)}
            for function, verdict in expected.items():
                got, evidence = found.get(function, ("absent", ""))
                said = f"{name}, {count} dumps, seed {seed}: {function} is {got} ({evidence}), expected {verdict}"
                if verdict in SUSPECT:
                    if got not in SUSPECT or count == 6 and got != verdict:
                        wrong.append(said)
                elif got in SUSPECT or count == 6 and verdict != "not growing" and got != verdict:
                    wrong.append(said)
            for function, (verdict, evidence) in found.items():
                if verdict == "growing" and function not in expected:
                    wrong.append(f"{name}, {count} dumps, seed {seed}: {function} is called growing ({evidence})")
    return name, wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--heapprof", required=True)
    parser.add_argument("--library", required=True)
    parser.add_argument("--programs", required=True)
    parser.add_argument("--sample", default="4k")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("sources", nargs="+")
    options = parser.parse_args()
    assert len(options.sources) >= 12
    wrong = []
    with concurrent.futures.ThreadPoolExecutor(4) as pool:  # they sleep most of the time
        jobs = [pool.submit(judge, options, source, seed) for seed in range(1, options.seeds + 1) for source in options.sources]
        for job in concurrent.futures.as_completed(jobs):
            name, faults = job.result()
            wrong += faults
    print("\n".join(sorted(wrong)) or f"{len(options.sources)} programs, {4 * len(jobs)} judgements, as expected")
    sys.exit(1 if wrong else 0)


main()

#!/usr/bin/env python3
"""`heapprof convert` and `merge`, judged by the tools that they are for: collapsed stacks against sums over `go tool pprof
-traces`, callgrind's file by callgrind_annotate, the graph by Graphviz, pprof's file and merges by `go tool pprof`, rows against
`raw`. Wild profiles (recursion, inlined frames, negative values, ties, labels) and a generated dump with its heap map."""
import argparse
import collections
import csv
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

sys.dont_write_bytecode = True  # not into the sources
from pprof_agrees import calm  # noqa: E402

SEEDS = range(1, 9)
GRAINS = ([], ["-lines"], ["-files"], ["-addresses"], ["-noinlines"], ["-sample_index=inuse_objects"])
FILTERS = (["-focus=cache"], ["-ignore=alloc"], ["-hide=cache"], ["-show=cache|main"], ["-show_from=cache"], ["-tagfocus=kind=malloc"])
VALUE = re.compile(r"^ *(-?\d+)(?:B|bytes)?   (\S.*)$")
checked = collections.Counter()


def traces_as_stacks(text):
    """What `pprof -traces -unit=bytes` lists, summed by stack: {"main;work": sum}."""
    sums = collections.Counter()
    for block in re.split(r"^-+\+-+\n", text, flags=re.M)[1:]:
        value, frames = None, []
        for line in block.splitlines():
            found = VALUE.match(line) if value is None else None
            if found:
                value, line = int(found[1]), " " * 13 + found[2]
            if value is not None and line.strip():
                frames.append(re.sub(r" \(inline\)$", "", line[13:]).replace(";", ":"))
        sums[";".join(reversed(frames))] += value or 0
    return {stack: value for stack, value in sums.items() if value}


class Tools:
    def __init__(self, given, scratch):
        self.cli, self.scratch = given.heapprof, scratch
        self.environment = dict(os.environ, PPROF_TMPDIR=scratch, HOME=scratch, TZ="UTC", LC_ALL="C", GOFLAGS="")
        self.pprof = self.run(given.go, "tool", "-n", "pprof").strip()

    def run(self, *command):
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.scratch, env=self.environment, timeout=300)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}{done.stdout[:300]}"
        return done.stdout

    def ours(self, verb, *arguments):
        return self.run(self.cli, verb, "-symbolize=none", *arguments)

    def theirs(self, *arguments):
        return self.run(self.pprof, "-symbolize=none", *arguments)


def check_collapsed(tools, flags, *files):
    lines = tools.ours("convert", "--to", "collapsed", *flags, *files).splitlines()
    ours = {stack: int(value) for stack, value in (line.rsplit(" ", 1) for line in lines)}
    assert len(ours) == len(lines), "a stack twice"
    wanted = traces_as_stacks(tools.theirs("-traces", "-unit=bytes", *flags, *files))
    assert ours == wanted, f"{flags} {files}: {set(ours.items()) ^ set(wanted.items())}"
    checked["collapsed"] += 1
    checked["stacks"] += len(ours)


def check_callgrind(tools, file):
    """callgrind_annotate's figure for each function is what top says it holds itself."""
    tools.ours("convert", "--to", "callgrind", "-o", "callgrind.out", file)
    shown = tools.run("callgrind_annotate", "--threshold=100", "--auto=no", "--inclusive=no", "callgrind.out")
    total = re.search(r"^ *(-?[\d,]+).*PROGRAM TOTALS$", shown, re.M)
    ours, names = collections.Counter(), set()
    for row in json.loads(tools.ours("top", "-lines", "-trim=false", "--format", "json", file))["tables"]["top"]["rows"]:
        name = re.sub(r" \S*(:\d+|[.](h|cpp)|/vector)$", "", row["name"])  # without its place
        ours[name] += max(0, row["flat"])  # the format has no negative costs
        names.add(name)
    assert int(total[1].replace(",", "")) == sum(ours.values()), f"{file}: {total[0]}"
    theirs = collections.Counter()
    for value, place in re.findall(r"^ *(-?[\d,]+) \([ \d.]+%\)  (.*)$", shown[total.end():], re.M):
        name = place.split(":", 1)[1]
        theirs[name] += int(value.replace(",", ""))
    for name, value in theirs.items():
        assert ours[name] == value, f"{file}: callgrind_annotate says {name} holds {value}, top says {ours[name]}"
    assert len(theirs) >= min(3, len(names)), shown
    checked["callgrind functions"] += len(theirs)


def check_dot(tools, flags, file):
    tools.ours("convert", "--to", "dot", *flags, "-o", "graph.dot", file)
    svg = ElementTree.fromstring(tools.run("dot", "-Tsvg", "graph.dot"))
    kinds = collections.Counter(group.get("class") for group in svg.iter("{http://www.w3.org/2000/svg}g"))
    tree = json.loads(tools.ours("tree", "--format", "json", "-nodecount=80", *flags, file))["tables"]
    rows, calls = tree["top"]["rows"], tree["calls"]["rows"]
    assert kinds["node"] == len(rows) + 1, f"{file}: {kinds}, {len(rows)} functions"
    listed = {row["name"] for row in rows}
    edges = sum(call["direction"] == "callee" and call["name"] in listed for call in calls)
    assert kinds["edge"] == edges, f"{file}: {kinds}, {edges} calls"
    checked["graphs"] += 1


def check_rows(tools, file):
    root = json.loads(tools.ours("convert", "--to", "json", file))["tables"]["samples"]
    raw = json.loads(tools.ours("raw", "--format", "json", file))["tables"]["samples"]
    types = [column["id"] for column in raw["columns"] if column["unit"] in ("bytes", "count")]
    assert [[row[name] for name in types] for row in root["rows"]] == [[row[name] for name in types] for row in raw["rows"]]
    rows = list(csv.DictReader(io.StringIO(tools.ours("convert", "--to", "csv", file), newline="")))
    assert [row["stack"] for row in rows] == [row["stack"] for row in root["rows"]]
    for ours, theirs in zip(rows, raw["rows"]):
        labels = dict(re.findall(r"(\S+?):\[(.*?)\](?= |$)", theirs["labels"]))
        for key, text in labels.items():
            assert ours[f"label_{key}"] == text, f"{file}: {ours}, {theirs}"
    checked["rows"] += len(rows)


def check_merge(tools, files):
    for verb in ("top", "traces", "tags", "raw"):
        ours, theirs = tools.ours(verb, *files), tools.theirs(f"-{verb}", *files)
        assert ours == theirs or verb == "tags" and calm(ours) == calm(theirs), f"{verb} of {files}"
    tools.run(tools.cli, "merge", *files, "-o", "merged.pb.gz")
    assert tools.theirs("-top", "merged.pb.gz") == tools.theirs("-top", *files)
    assert tools.theirs("-raw", "merged.pb.gz") == tools.theirs("-raw", *files)
    tools.run(tools.cli, "convert", "--to", "pprof", "-symbolize=none", *files, "-o", "converted.pb.gz")
    assert tools.theirs("-raw", "converted.pb.gz") == tools.theirs("-raw", *files)
    # pprof itself takes the last -base only; several are one that was merged before.
    tools.run(tools.cli, "merge", *files[:2], "-o", "bases.pb.gz")
    assert tools.ours("top", "-base", files[0], "-base", files[1], files[2]) == tools.theirs("-top", "-base=bases.pb.gz", files[2])
    checked["merges"] += 1


def check_snapshot(tools):
    """The heap map goes along: what frag and summary say of the file is said of the new one."""
    tools.run(tools.cli, "convert", "--to", "pprof", "-symbolize=none", "dump1.pb.gz", "-o", "kept.pb.gz")
    for verb in ("frag", "summary"):
        assert tools.run(tools.cli, verb, "--format", "json", "kept.pb.gz") == \
            tools.run(tools.cli, verb, "--format", "json", "dump1.pb.gz").replace("dump1.pb.gz", "kept.pb.gz")
    said = subprocess.run([tools.cli, "merge", "dump2.pb.gz", "dump1.pb.gz", "-o", "both.pb.gz"], capture_output=True, text=True,
                          cwd=tools.scratch, timeout=300)
    assert said.returncode == 0 and said.stdout == "both.pb.gz\n" and "heap map" in said.stderr, said
    totals = [json.loads(tools.run(tools.cli, "summary", "--format", "json", file))["tables"]["waterfall"]["rows"]
              for file in ("both.pb.gz", "dump1.pb.gz")]
    for both, last in zip(*totals):
        assert both["bytes"] == last["bytes"], (both, last)
    # Errors of independent dumps add as squares: of a function that both hold, and of one that only one does.
    errors = [{row["name"]: row.get("cum_stderr") for row in json.loads(tools.ours(
        "top", "--nodefraction", "0", "--format", "json", file))["tables"]["top"]["rows"]}
        for file in ("both.pb.gz", "dump1.pb.gz", "dump2.pb.gz")]
    assert len(errors[0]) > 100 and all(error is not None for error in errors[0].values())
    for name, error in errors[0].items():
        expected = sum((part.get(name) or 0) ** 2 for part in errors[1:]) ** 0.5
        assert abs(error - expected) <= 1e-6 * expected, (name, error, expected)
    # Nothing is half written, and what stands there stays when reading fails.
    with open(f"{tools.scratch}/kept.pb.gz", "rb") as file:
        before = file.read()
    refused = subprocess.run([tools.cli, "merge", "dump1.pb.gz", "none.pb.gz", "-o", "kept.pb.gz"], capture_output=True, text=True,
                             cwd=tools.scratch, timeout=300)
    with open(f"{tools.scratch}/kept.pb.gz", "rb") as file:
        assert refused.returncode == 2 and file.read() == before, refused
    tools.run(tools.cli, "merge", "--skip-broken", "dump1.pb.gz", "none.pb.gz", "-o", "skipped.pb.gz")
    assert tools.ours("top", "skipped.pb.gz") == tools.ours("top", "dump1.pb.gz")


def main():
    parser = argparse.ArgumentParser()
    for name in ("heapprof", "wild", "dump", "go"):
        parser.add_argument("--" + name, required=True)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="heapprof-convert.") as scratch:
        tools = Tools(given, scratch)
        files = [f"{seed}.pb.gz" for seed in SEEDS]
        for seed, file in zip(SEEDS, files):
            tools.run(given.wild, str(seed), file, "gzip")
        for seed in (1, 2):
            tools.run(given.dump, "--seed", str(seed), "--samples", "2000", "--stacks", "300", "--extents", "600", "--huge-pages",
                      "64", "-o", f"dump{seed}.pb.gz")
        for i, file in enumerate(files):
            other = files[(i + 1) % len(files)]
            for flags in (*GRAINS, *FILTERS, [f"-base={other}"], [f"-diff_base={other}"]):
                check_collapsed(tools, flags, file)
            check_collapsed(tools, [], file, other)
            check_callgrind(tools, file)
            check_dot(tools, [], file)
            check_dot(tools, ["-lines", f"-diff_base={other}"], file)
            check_rows(tools, file)
            check_merge(tools, [files[(i + k) % len(files)] for k in range(3)])
        check_collapsed(tools, [], "dump1.pb.gz")
        check_callgrind(tools, "dump1.pb.gz")
        check_dot(tools, [], "dump1.pb.gz")
        check_rows(tools, "dump1.pb.gz")
        check_snapshot(tools)
    print(", ".join(f"{count} {what}" for what, count in checked.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Every format of every verb says what JSON says, read back by readers that nobody here wrote: csv and tsv by Python's csv,
html by an XML parser, md by its bars. Each table by --table, and the first without it."""
import argparse
import csv
import io
import json
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

ESCAPE = re.compile(r"\\(.)")


def plain(cell):
    """A cell of tsv without its escapes."""
    return ESCAPE.sub(lambda mark: {"t": "\t", "n": "\n", "r": "\r"}.get(mark[1], mark[1]), cell)


def cell_of(value):
    return "" if value is None else value if isinstance(value, str) else None if isinstance(value, (int, float)) else "?"


def check_rows(rows, table, where):
    head, *rest = rows
    ids = [column["id"] for column in table["columns"]]
    assert [name for name in head if name in ids] == ids, f"{where}: columns {head}, JSON has {ids}"
    assert len(rest) == len(table["rows"]), f"{where}: {len(rest)} rows, JSON has {len(table['rows'])}"
    for cells, wanted in zip(rest, table["rows"]):
        assert len(cells) == len(head), f"{where}: {cells}"
        for name, cell in zip(head, cells):
            value = wanted.get(name)
            text = cell_of(value)
            same = float(cell) == value if text is None else cell == text
            assert same, f"{where}: {name} is {cell!r}, JSON has {value!r}"


def html_cells(page, where):
    """[(rows, columns)] of each table."""
    tree = ElementTree.fromstring(page.replace("<!DOCTYPE html>", "", 1))
    for outside in ("script", "link", "img", "iframe"):
        assert not list(tree.iter(outside)), f"{where}: a page of its own has no <{outside}>"
    sizes = []
    for table in tree.iter("table"):
        columns = len(list(table.iter("th")))
        rows = table.find("tbody").findall("tr")
        assert all(len(row.findall("td")) == columns for row in rows), f"{where}: ragged"
        sizes.append((len(rows), columns))
    return sizes


def md_cells(text, where):
    sizes = []
    for block in re.findall(r"(?:^\|.*\n)+", text, re.M):
        widths = {len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in block.splitlines()}
        assert len(widths) == 1, f"{where}: ragged: {widths}"
        sizes.append((block.count("\n") - 2, widths.pop() - 1))
    return sizes


def main():
    parser = argparse.ArgumentParser()
    for name in ("heapprof", "wild", "dump"):
        parser.add_argument("--" + name, required=True)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="heapprof-formats.") as scratch:
        def run(*command):
            return subprocess.run(command, capture_output=True, text=True, cwd=scratch, timeout=60)

        for seed in (4, 6):
            assert run(given.wild, str(seed), f"{seed}.pb.gz", "gzip").returncode == 0
        for seed in (1, 2):
            made = run(given.dump, "--seed", str(seed), "--samples", "3000", "--stacks", "500", "--extents", "600",
                       "--huge-pages", "64", "-o", f"dump{seed}.pb.gz")
            assert made.returncode == 0, made.stderr
        verbs = [[verb, file] for verb in ("top", "tree", "traces", "tags", "raw", "info", "summary", "leaks")
                 for file in ("4.pb.gz", "dump1.pb.gz")]
        verbs += [["peek", "a", "4.pb.gz"], ["list", "a", "4.pb.gz"], ["top", "-diff_base", "6.pb.gz", "4.pb.gz"], ["frag", "dump1.pb.gz"],
                  ["frag", "--base", "dump2.pb.gz", "dump1.pb.gz"],
                  ["purge", "dump1.pb.gz"], ["timeline", "dump1.pb.gz"], ["map", "dump1.pb.gz"], ["map", "--by", "change", "--base", "dump2.pb.gz", "dump1.pb.gz"],
                  ["sizes", "dump1.pb.gz"], ["cost", "dump1.pb.gz", "--price", "4.2/GiB-month"],
                  ["diff", "dump1.pb.gz", "dump2.pb.gz"],
                  ["check", "dump2.pb.gz", "--base", "dump1.pb.gz", "--fail-on", "inuse_space:+5%,+1MiB"]]
        tables = 0
        for verb in verbs:
            def output(*more):
                done = run(given.heapprof, *verb, *more)
                assert done.returncode in (0, 1, 3), f"{verb} {more}: {done.stderr}"
                return done.stdout

            root = json.loads(output("--format", "json"))
            sizes = [(len(table["rows"]), len(table["columns"])) for table in root["tables"].values()]
            where = " ".join(verb)
            assert html_cells(output("--format", "html"), where) == sizes, where
            assert md_cells(output("--format", "md"), where) == sizes, where
            for name, table in root["tables"].items():
                first = name == next(iter(root["tables"]))
                for choice in ([["--table", name], []] if first else [["--table", name]]):
                    rows = csv.reader(io.StringIO(output("--format", "csv", *choice), newline=""))
                    check_rows(list(rows), table, f"{where} csv {name}")
                    lines = output("--format", "tsv", *choice).splitlines()
                    check_rows([[plain(cell) for cell in line.split("\t")] for line in lines], table, f"{where} tsv {name}")
                tables += 1
            wrong = run(given.heapprof, *verb, "--format", "csv", "--table", "no_such")
            assert wrong.returncode == 2 and name in wrong.stderr, wrong.stderr
        print(f"{tables} tables of {len(verbs)} commands read back from csv, tsv, html and md")
    return 0


if __name__ == "__main__":
    sys.exit(main())

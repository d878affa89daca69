#!/usr/bin/env python3
"""clang-tidy over our sources, affordably: what was found clean is not looked at again.

A file's key is its own text, that of every header of ours that it reaches, its flags, the checks and the tool's version; a
clean key is an empty file in build/lint. Files that git saw change last come first. A run ends after --budget seconds (a
whole cold run costs about half an hour of CPU) and says what it did not come to; --all has no budget. Tests are not
looked at: they are run.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Findings that stand for now: (file that holds it, check). Each is a fault to mend or a misfire to word away, by the owner of
# the file; a row that matches nothing any more should go. What is found besides fails the lint.
STANDING = {
    ("runtime/sampling/unwind_eh_frame.cpp", "clang-diagnostic-error"),  # clang 14 does not parse the attribute there
    ("runtime/entry/malloc.cpp", "clang-diagnostic-error"),  # clang 14 does not take the constinit
    ("runtime/heap/slab.h", "clang-analyzer-core.uninitialized.UndefReturn"),  # a free slot's first word, behind a check
    ("runtime/introspect/dump_tables.cpp", "bugprone-incorrect-roundings"),  # no libm in the runtime
    ("runtime/introspect/dump_profile.cpp", "bugprone-incorrect-roundings"),
    ("runtime/introspect/waterfall.cpp", "bugprone-incorrect-roundings"),
    ("formats/pprof/field_cursor.h", "clang-analyzer-deadcode.DeadStores"),
    ("profiler/cli/verb_run.cpp", "clang-analyzer-core.CallAndMessage"),
    ("gui/view/map_paint.cpp", "bugprone-integer-division"),
    ("gui/view/waterfall_view.cpp", "performance-unnecessary-value-param"),
}
FINDING = re.compile(r"^(?P<file>[^:]+):\d+:\d+: (?:error|warning): .*\[(?P<check>[^\],]+)[^\]]*\]$")
OURS = ("formats", "runtime", "profiler", "gui", "samples")
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)


def output(*command):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def commands(build):
    """Source -> its first compile command. Configures, and makes generated headers, where that was not done yet."""
    if not (build / "compile_commands.json").exists():
        subprocess.run(["cmake", "--preset", build.name], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    headers = [str(build / f"generated/formats/proto/{name}.pb.h") for name in ("profile", "heap_snapshot")]
    wanted = [os.path.relpath(header, build) for header in headers if not os.path.exists(header)]
    if wanted:
        subprocess.run(["ninja", "-C", str(build), *wanted], check=True, stdout=subprocess.DEVNULL)
    found = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = os.path.relpath(entry["file"], ROOT)
        if path.split("/")[0] in OURS:
            found.setdefault(path, entry["command"])
    return found


class Keys:
    """Texts and includes are read once; a header that is not ours is the tool's version's matter."""

    def __init__(self):
        self.common = output("clang-tidy", "--version") + (ROOT / ".clang-tidy").read_text() + str(sorted(STANDING))
        self.reached = {}

    def read(self, path):
        if path not in self.reached:
            text = (ROOT / path).read_text(errors="replace")
            near = pathlib.PurePosixPath(path).parent
            headers = set()
            for name in INCLUDE.findall(text):
                for candidate in (name, f"runtime/include/{name}", str(near / name)):
                    if candidate.split("/")[0] in OURS and (ROOT / candidate).is_file():
                        headers.add(candidate)
            self.reached[path] = (text, headers)
        return self.reached[path]

    def key(self, path, command):
        seen, todo = {path}, [path]
        while todo:
            for header in self.read(todo.pop())[1] - seen:
                seen.add(header)
                todo.append(header)
        digest = hashlib.sha256((self.common + command.replace(str(ROOT), "")).encode())
        for each in sorted(seen):
            digest.update(each.encode() + b"\0" + self.read(each)[0].encode() + b"\0")
        return digest.hexdigest()


def latest_first(paths):
    """Uncommitted files, then by the last commit that touched them."""
    order = [line[3:] for line in output("git", "status", "--porcelain").splitlines()]
    order += output("git", "log", "--format=", "--name-only", "-n", "400").split()
    rank = {}
    for path in order:
        rank.setdefault(path, len(rank))
    return sorted(paths, key=lambda path: (rank.get(path, len(rank)), path))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="without a budget")
    parser.add_argument("--budget", type=float, default=200, help="seconds after which no file is begun")
    parser.add_argument("--build", default="release", help="the preset whose flags are used")
    parser.add_argument("--under", default="", help="only files below this folder")
    arguments = parser.parse_args()
    build = ROOT / "build" / arguments.build
    cache = ROOT / "build" / "lint"
    cache.mkdir(parents=True, exist_ok=True)
    keys = Keys()
    todo = []
    found = {path: command for path, command in commands(build).items() if path.startswith(arguments.under)}
    for path in latest_first(found):
        key = keys.key(path, found[path])
        if not (cache / key).exists():
            todo.append((path, key))
    deadline = None if arguments.all else time.monotonic() + arguments.budget
    lock = threading.Lock()
    left, told = [], set()
    failed = 0

    def look(item):
        nonlocal failed
        path, key = item
        if deadline is not None and time.monotonic() > deadline:
            left.append(path)
            return
        done = subprocess.run(["clang-tidy", "-p", str(build), "--quiet", path], cwd=ROOT, capture_output=True, text=True)
        lines = done.stdout.replace(str(ROOT) + "/", "").splitlines()
        faults = [line for line in lines if (at := FINDING.match(line)) and (at["file"], at["check"]) not in STANDING]
        if done.returncode == 0 or (not faults and any(FINDING.match(line) for line in lines)):
            (cache / key).touch()
            return
        with lock:
            failed += 1
            for line in faults or [f"{path}: clang-tidy failed: {done.stderr.strip()[-400:]}"]:
                if line not in told:  # a header's fault once
                    told.add(line)
                    print(line.replace(",-warnings-as-errors", ""), flush=True)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(look, todo))
    if left:
        print(f"clang-tidy: {len(left)} of {len(found)} files not looked at within {arguments.budget:.0f} s: those that changed "
              "longest ago; tests/lint/tidy.py --all looks at them")
    return 1 if failed else 0


sys.exit(main())

"""What the runners share: which allocators there are, a clean environment for each, one run, medians, verdicts."""
import argparse
import os
import pathlib
import statistics
import subprocess
import sys

DEBIAN_PEERS = {
    "jemalloc": "libjemalloc.so.2",
    "mimalloc": "libmimalloc.so.2.0",
    "tcmalloc": "libtcmalloc_minimal.so.4",
}


def find_library(name):
    for folder in ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib"):
        path = pathlib.Path(folder) / name
        if path.exists():
            return str(path)
    return None


def peers(extra=()):
    """{name: (library, options)}: glibc, Debian's three, and those given as NAME=LIB."""
    found = {"glibc": ("", {})}
    for name, library in DEBIAN_PEERS.items():
        path = find_library(library)
        if path:
            found[name] = (path, {})
        else:
            print(f"{name}: {library} is not installed, left out", file=sys.stderr)
    for each in extra:
        name, path = each.split("=", 1)
        found[name] = (path, {})
    return found


def runner_parser(rounds):
    """What every runner is told: where programs and library are, further peers, the number of rounds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bench-dir", required=True, type=pathlib.Path)
    parser.add_argument("--heapprof", required=True)
    parser.add_argument("--with", dest="extra", action="append", default=[], metavar="NAME=LIB")
    parser.add_argument("-n", type=int, default=rounds)
    return parser


def environment(library, options):
    """Ours without any allocator's options, with this library and these."""
    env = dict(os.environ, LC_ALL="C")
    for name in ("HEAPPROF", "MALLOC_CONF", "LD_PRELOAD"):
        env.pop(name, None)
    if library:
        env["LD_PRELOAD"] = library
    env.update(options)
    return env


def fields(line):
    return {key: float(value) if key != "family" else value
            for key, value in (field.split("=") for field in line.split())}


def run_once(program, library, options, watch=None):
    """Its figures; `watch(pid)` is called four times a second while it runs."""
    command = program if isinstance(program, list) else [program]
    process = subprocess.Popen(command, env=environment(library, options), text=True, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    while True:
        try:
            out, complaints = process.communicate(timeout=0.25 if watch else None)
            break
        except subprocess.TimeoutExpired:
            watch(process.pid)
    if process.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} with {library or 'glibc'} ended with {process.returncode}: "
                 f"{complaints.strip()[-300:]}")
    return fields(out)


def interleaved(names, rounds):
    """The names of each round, in rotating order, so that drift of the machine hits all alike."""
    names = list(names)
    for turn in range(rounds):
        for step in range(len(names)):
            yield names[(step + turn) % len(names)]


def in_rounds(allocators, rounds, run):
    """{name: [what run(library, options) gave in each round]}"""
    rows = {name: [] for name in allocators}
    for name in interleaved(allocators, rounds):
        rows[name].append(run(*allocators[name]))
    return rows


def print_table(header, rows):
    print("| " + " | ".join(header) + " |")
    print("| --- |" + " --- |" * (len(header) - 1))
    for row in rows:
        print("| " + " | ".join(row) + " |", flush=True)


def warm_up(mebibytes):
    """Memory is faulted and freed: a virtual machine's cold pages cost 20 times a warm one."""
    block = bytearray(mebibytes << 20)
    block[::4096] = b"x" * len(block[::4096])


def median(rows, key):
    return statistics.median(row[key] for row in rows)


def paired_ratio(rows, others, key, other_key=None):
    """The median over rounds of the ratio of the two figures of the same round."""
    return statistics.median(a[key] / b[other_key or key] for a, b in zip(rows, others))


def verdict(what, figure, bound, note=""):
    """Prints the figure beside its bound; whether it is kept."""
    good = figure <= bound
    print(f"{what}: {figure:.3f} (bound {bound:g}) {'OK' if good else 'MISS'}{'  ' + note if note else ''}", flush=True)
    return good

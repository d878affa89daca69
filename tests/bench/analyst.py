#!/usr/bin/env python3
"""What the command line promises of large inputs, against `go tool pprof` on the same files, in interleaved rounds:

    tests/bench/analyst.py [--build build/release] [--folder build/analyst] [-n 5] [--only profile|symbols] [--pprof-limit 120]

profile: a million samples of 100,000 stacks, over 100 MB before gzip. symbols: a real dump of a binary of over 300 MB, nearly all
of it debug information; at first, and from the cache of names. Each figure is printed with its bound and OK or MISS; exit 1 where
one is missed. A run of pprof is given up at its limit: its ratio is then "at least". Inputs stay in --folder and are made once: the
binary takes two to four minutes (two units of templates are compiled, and linked eleven times each under other names)."""
import argparse
import gzip
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../profiler/symbols"))
from big_binary import UNIT  # pylint: disable=wrong-import-position

UNITS, COPIES, TYPES = 2, 11, 60
SNAPSHOT_FIELD = 1000


def whole(path, make):
    """Makes a file unless it is there; never half of one."""
    if not os.path.exists(path):
        make(path + ".new")
        os.rename(path + ".new", path)
    return path


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def without_snapshot(data):
    """The profile as other tools write it: the samples alone."""
    out, at = bytearray(), 0
    while at < len(data):
        start = at
        tag, at = varint(data, at)
        value, at = varint(data, at)
        if tag & 7 == 2:
            at += value
        if tag >> 3 != SNAPSHOT_FIELD:
            out += data[start:at]
    return bytes(out)


def make_profile(build, folder):
    def make(path):
        dump = f"{folder}/dump.pb.gz"
        subprocess.run([f"{build}/bin/make_dump", "--samples", "1000000", "--stacks", "100000", "-o", dump], check=True)
        with gzip.open(dump) as packed, gzip.open(path, "wb", compresslevel=6) as out:
            out.write(without_snapshot(packed.read()))
        os.unlink(dump)

    return whole(f"{folder}/profile.pb.gz", make)


def make_binary(folder):
    """A unit's symbols are made its own by a partial link, so that its copies can stand beside each other."""

    def make(path):
        compiler = ["g++", "-std=c++20", "-g", "-O0", "-fno-gnu-unique"]
        compiling = []
        for unit in range(UNITS):
            source = f"{folder}/unit{unit}.cpp"
            with open(source, "w", encoding="utf-8") as file:
                file.write(UNIT.format(unit=unit, types=TYPES))
            compiling.append(subprocess.Popen([*compiler, "-c", source, "-o", f"{folder}/unit{unit}.o"]))
        assert all(process.wait() == 0 for process in compiling)
        objects = []
        for unit in range(UNITS):
            start, one = f"_ZN5unit{unit}5startEv", f"{folder}/one.o"
            subprocess.run(["ld", "-r", "--force-group-allocation", f"{folder}/unit{unit}.o", "-o", one], check=True)
            for copy in range(COPIES):
                objects.append(f"{folder}/unit{unit}.{copy}.o")
                name = f"start_{unit}_{copy}"  # objcopy asks for what stays global by the new name
                subprocess.run(["objcopy", f"--redefine-sym={start}={name}", f"--keep-global-symbol={name}", one, objects[-1]], check=True)
        names = [f"start_{unit}_{copy}" for unit in range(UNITS) for copy in range(COPIES)]
        with open(f"{folder}/main.cpp", "w", encoding="utf-8") as file:
            file.write("".join(f'extern "C" void {name}();\n' for name in names))
            file.write("int main() {\n" + "".join(f"  {name}();\n" for name in names) + "}\n")
        subprocess.run([*compiler, "-Wl,--build-id", "-no-pie", f"{folder}/main.cpp", *objects, "-o", path], check=True)
        for name in [*objects, f"{folder}/one.o", *(f"{folder}/unit{unit}.o" for unit in range(UNITS))]:
            os.unlink(name)

    return whole(f"{folder}/binary", make)


class Run:
    """A command, timed in rounds: wall seconds and peak RSS, by GNU time."""

    def __init__(self, name, command, environment=None, limit=None):
        self.name, self.command, self.environment, self.limit = name, command, environment or {}, limit
        self.seconds, self.kilobytes, self.given_up = [], [], False

    def once(self):
        if self.given_up:
            return
        start = time.monotonic()
        with subprocess.Popen(["/usr/bin/time", "-f", "%M", *self.command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                              start_new_session=True, env=dict(os.environ, **self.environment)) as process:
            try:
                _, err = process.communicate(timeout=self.limit)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # go starts pprof, and that its symbolizers
                self.given_up, self.seconds = True, [self.limit]
                return
        self.seconds.append(time.monotonic() - start)
        assert process.returncode == 0, f"{self.command}: {err}"
        self.kilobytes.append(int(err.split()[-1]))

    def median(self):
        return statistics.median(self.seconds)

    def __str__(self):
        if self.given_up:
            return f"{self.name}: given up after {self.limit:.0f} s"
        return (f"{self.name}: {self.median():.2f} s (median of {len(self.seconds)}, {min(self.seconds):.2f} to {max(self.seconds):.2f}), "
                f"{statistics.median(self.kilobytes) / 1024:.0f} MiB")


class Verdict:
    def __init__(self):
        self.missed = 0

    def say(self, what, value, bound, most=False, at_least=False):
        fits = value <= bound if most else value >= bound
        self.missed += not fits
        print(f"  {'OK  ' if fits else 'MISS'} {what}: {'at least ' if at_least else ''}{value:.2f}, bound {'<=' if most else '>='} {bound}", flush=True)

    def ratio(self, what, theirs, ours, bound):
        self.say(what, theirs.median() / ours.median(), bound, at_least=theirs.given_up)


def rounds(runs, count):
    for _ in range(count):
        for run in runs:
            run.once()
    for run in runs:
        print(f"  {run}", flush=True)


def compare_profile(given, verdict):
    path = make_profile(given.build, given.folder)
    with gzip.open(path) as file:
        size = sum(len(piece) for piece in iter(lambda: file.read(1 << 24), b""))
    print(f"profile: {size / 1e6:.0f} MB before gzip, {os.path.getsize(path) / 1e6:.0f} MB packed")
    ours = Run("heapprof top", [given.heapprof, "top", path])
    theirs = Run("go tool pprof -top", [given.go, "tool", "pprof", "-top", "-symbolize=none", path], {"PPROF_TMPDIR": given.folder}, given.pprof_limit)
    ours.once(), theirs.once()  # the files into the page cache
    ours.seconds.clear(), ours.kilobytes.clear()
    rounds([ours, theirs], given.n)
    verdict.say("seconds of top", ours.median(), 1.0, most=True)
    verdict.say("peak memory over the profile's size", statistics.median(ours.kilobytes) * 1024 / size, 3.0, most=True)
    verdict.ratio("times as fast as go tool pprof", theirs, ours, 3.0)


def compare_symbols(given, verdict):
    binary = make_binary(given.folder)
    dump, cache = f"{given.folder}/binary.pb.gz", f"{given.folder}/cache"
    subprocess.run([binary], check=True, env=dict(os.environ, LD_PRELOAD=given.library, HEAPPROF=f"sample=512,dump=exit,log=0,seed=1,path={dump}"))
    shutil.rmtree(cache, ignore_errors=True)
    print(f"symbols: binary of {os.path.getsize(binary) / 1e6:.0f} MB, dump of {os.path.getsize(dump) / 1e6:.1f} MB")
    top = [given.heapprof, "top", "-nodecount=20", dump]
    bare = Run("heapprof top, no symbols", [*top, "-symbolize=none"])
    cold = Run("heapprof top, nothing cached", top, {"HEAPPROF_SYMBOL_CACHE": "off"})
    warm = Run("heapprof top, names from the cache", top, {"HEAPPROF_SYMBOL_CACHE": cache})
    for run in (warm, cold):
        run.once()  # fills the cache
        run.seconds.clear(), run.kilobytes.clear()
    rounds([bare, cold, warm], given.n)
    theirs = []
    for tool in ("addr2line", "llvm-symbolizer"):
        if shutil.which(tool):
            folder = f"{given.folder}/{tool}"  # pprof takes llvm-symbolizer where it finds both
            os.makedirs(folder, exist_ok=True)
            for program in (tool, "nm", "objdump"):
                link = f"{folder}/{program}"
                if shutil.which(program) and not os.path.lexists(link):
                    os.symlink(shutil.which(program), link)
            limit = max(given.pprof_limit, 6 * cold.median())
            theirs.append(Run(f"go tool pprof with {tool}", [given.go, "tool", "pprof", "-top", "-nodecount=20", dump],
                              {"PPROF_TMPDIR": given.folder, "PPROF_TOOLS": folder}, limit))
    rounds(theirs, 1)  # minutes each
    for run in theirs:
        verdict.ratio(f"times as fast as {run.name}", run, cold, 5.0)
    verdict.say("seconds that names from the cache cost", warm.median() - bare.median(), 0.2, most=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--folder", default="build/analyst")
    parser.add_argument("-n", type=int, default=5)
    parser.add_argument("--only", choices=["profile", "symbols"])
    parser.add_argument("--go", default="go")
    parser.add_argument("--pprof-limit", type=float, default=120)
    given = parser.parse_args()
    given.build, given.folder = os.path.abspath(given.build), os.path.abspath(given.folder)
    given.heapprof, given.library = f"{given.build}/bin/heapprof", f"{given.build}/lib/libheapprof.so"
    os.makedirs(given.folder, exist_ok=True)
    verdict = Verdict()
    if given.only != "symbols":
        compare_profile(given, verdict)
    if given.only != "profile":
        compare_symbols(given, verdict)
    return 1 if verdict.missed else 0


if __name__ == "__main__":
    sys.exit(main())

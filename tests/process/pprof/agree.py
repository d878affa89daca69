"""Compares `heapprof top` with `go tool pprof -symbolize=none -top`, byte for byte, on two dumps of one program; with --origins
also `tree`, `peek`, `traces` and `list`, on profiles of several tools.

usage: agree.py SCRATCH BEFORE AFTER [inlined]   Symbols are embedded once by `heapprof symbolize`, so that both read the
same names. "inlined": the dumps must hold inlined frames, which a symbolizer that sees none would leave out.
       agree.py SCRATCH --origins FOLDER [N]   FOLDER has ORIGIN.N.pb.gz and ORIGIN.N.heap; those of one origin are each other's
base. What is text becomes pprof's format by `heapprof convert`, names included. N: one comparison in N; every profile, verb and
filter is still among them."""
import concurrent.futures
import difflib
import itertools
import json
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True  # not into the sources
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../profiler/cli"))
from pprof_agrees import calm, pprof_verb  # noqa: E402

CLI = os.environ["HEAPPROF_CLI"]
ENVIRONMENT = dict(os.environ, LC_ALL="C", TZ="UTC")
METRICS = ("inuse_space", "alloc_space", "alloc_objects")
GRANULARITIES = ("-functions", "-addresses", "-lines", "-files", "-filefunctions")


def output(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, env=ENVIRONMENT)
    if done.returncode != 0:
        sys.exit(f"FAILED: {' '.join(command)} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def pprof(*arguments):
    return output(PPROF, "-symbolize=none", *arguments)


def compare(*arguments, verb=("top",)):
    """Gives the number of rows, after both said the same."""
    theirs = pprof(pprof_verb(verb), *arguments)
    ours = output(CLI, *verb, "-symbolize=none", *arguments)
    if theirs != ours and (verb[0] not in ("tree", "peek") or calm(theirs) != calm(ours)):
        shown = "".join(itertools.islice(difflib.unified_diff(theirs.splitlines(True), ours.splitlines(True), "pprof", "heapprof"), 40))
        sys.exit(f"FAILED: they differ on {' '.join(verb + arguments)}:\n{shown}")
    return len(ours.splitlines())


def symbolized(path, name):
    plain, zipped = f"{SCRATCH}/{name}.pb", f"{SCRATCH}/{name}.pb.gz"
    output(CLI, "symbolize", "--compression", "none", "-o", plain, path)
    output(CLI, "symbolize", "-o", zipped, path)
    return plain, zipped


def build_ids(raw):
    """What the "Mappings" part of `pprof -raw` says: {file: build id}."""
    found = {}
    for line in raw[raw.index("Mappings"):].splitlines():
        match = re.match(r"\d+: 0x\w+/0x\w+/0x\w+ (\S+) ?(\w*)", line)
        if match:
            found[match[1]] = match[2]
    return found


def check_build_ids(path):
    found = build_ids(pprof("-raw", path))
    noted = re.compile(r"Build ID: (\w+)")
    checked = 0
    for file, said in found.items():
        if not os.path.exists(file):
            continue  # [vdso] and the like
        match = noted.search(subprocess.run(["readelf", "-n", file], capture_output=True, text=True).stdout)
        if match:
            assert said == match[1], f"-raw says {file} has build id {said or 'none'}, readelf says {match[1]}"
            checked += 1
    assert checked >= 2, f"no build ids in {found}"
    print(f"-raw shows the build ids of {checked} files")


def main(before, after, *wanted):
    old, new = symbolized(before, "old"), symbolized(after, "new")
    compared = rows = 0
    for arguments in itertools.product(METRICS, ("-flat", "-cum"), GRANULARITIES, new):
        metric, order, granularity, path = arguments
        if path.endswith(".gz") and granularity not in ("-functions", "-addresses"):
            continue
        rows += compare(f"-sample_index={metric}", order, granularity, path)
        compared += 1
    for metric, option, granularity in itertools.product(METRICS, ("-diff_base", "-base"), ("-functions", "-addresses")):
        rows += compare(f"-sample_index={metric}", f"{option}={old[0]}", granularity, new[1])
        compared += 1
    for more in (["-nodecount=7"], ["-cum", "-nodefraction=0.05"], ["-unit=mb"], ["-focus=std|redis|call"], ["-noinlines"]):
        rows += compare(*more, new[1])
        compared += 1
    assert pprof("-raw", new[0]) == pprof("-raw", new[1]), "plain and gzip'd hold different profiles"
    check_build_ids(new[1])
    top = json.loads(output(CLI, "top", "--format", "json", new[0]))
    states = {row["inline_state"] for row in top["tables"]["top"]["rows"]}
    if "inlined" in wanted:
        assert "(inline)" in pprof("-top", new[0]), f"no inlined frame in {states}"
    print(f"{compared} reports, {rows} lines, the same byte for byte")
    print(pprof("-top", "-nodecount=10", new[1]))


# What is asked of every profile; with a base, of every profile but its origin's first.
FLAGS = ([], ["-cum"], ["-lines"], ["-files"], ["-filefunctions"], ["-addresses", "-cum"], ["-noinlines"], ["-focus=a"],
         ["-ignore=alloc", "-lines"], ["-hide=e", "-cum"], ["-show=a|o"], ["-show_from=main"], ["-sample_index=0"],
         ["-sample_index=1", "-cum"], ["-nodefraction=0", "-edgefraction=0"], ["-nodecount=9"], ["-unit=kb"],
         ["-tagfocus=1kb:"], ["-tagignore=kind=malloc"])
BASED = ([], ["-cum"], ["-addresses"], ["-normalize"], ["-focus=a", "-lines"])
OTHERS = (("tree",), ("peek", "a"), ("traces",), ("list", "a"))


def prepared(path):
    """A file that pprof reads, with the names that we found."""
    name = f"{SCRATCH}/{re.sub('[.](pb[.]gz|heap)$', '', os.path.basename(path))}.named.pb.gz"
    output(CLI, "convert", "--to", "pprof", path, "-o", name)
    return name


def cases_of(origins):
    """[(verb, flags, file)]: top has all of them, the others one in six each."""
    for files in origins.values():
        for at, file in enumerate(files):
            asked = list(FLAGS)
            if at > 0:
                asked += [[f"{kind}={files[at - 1]}", *flags] for kind in ("-base", "-diff_base") for flags in BASED]
            for number, flags in enumerate(asked):
                yield ("top",), flags, file
                for other, verb in enumerate(OTHERS):
                    if (number + other + at) % 6 == 0:
                        yield verb, flags, file


def origins(folder, every):
    found = {}
    for name in sorted(os.listdir(folder)):
        found.setdefault(name.split(".")[0], []).append(prepared(f"{folder}/{name}"))
    # Negative values in the file itself: what changed between two, as pprof writes it, both ways. Origins of their own: Go's pprof
    # of 1.19 does not write columns of lines, by which locations differ (for later ones, too).
    for origin in ("ours_grown", "jemalloc"):
        one, other = found[origin][:2]
        less = [f"{SCRATCH}/{origin}.less.pb.gz", f"{SCRATCH}/{origin}.more.pb.gz"]
        output(PPROF, "-symbolize=none", "-proto", f"-base={other}", f"-output={less[0]}", one)
        output(PPROF, "-symbolize=none", "-proto", f"-base={one}", f"-output={less[1]}", other)
        found[f"{origin}_changed"] = less
    found["unnamed"] = [f"{folder}/ours_pie.1.pb.gz", f"{folder}/ours_pie.2.pb.gz"]
    starts = {re.search(r"^1: (0x\w+)", pprof("-raw", path)[pprof("-raw", path).index("Mappings"):], re.M)[1] for path in found["unnamed"]}
    print(f"{sum(map(len, found.values()))} profiles: " + ", ".join(f"{len(files)} {name}" for name, files in found.items()) +
          f"; the two runs of the PIE begin at {' and '.join(sorted(starts))}")
    for kind in ("ours", "go", "jemalloc", "gperftools"):
        assert any(name.startswith(kind) for name in found), f"no profile of {kind}"
    assert sum(map(len, found.values())) >= 20
    count = lines = 0
    everything = list(cases_of(found))
    cases = [case for verb in (("top",), *OTHERS) for case in [one for one in everything if one[0] == verb][::every]]
    for part, name in ((0, "verb"), (1, "filter"), (2, "profile")):
        def asked(of):
            return {str(case[part]) for case in of if part != 1 or not any("base=" in flag for flag in case[1])}
        assert asked(cases) == asked(everything), f"one comparison in {every} leaves out a {name}"
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for rows in pool.map(lambda case: compare_or_nothing(*case), cases):
            count += 1
            lines += rows
    print(f"{count} comparisons of {len(everything)}, {lines} lines, the same byte for byte")


def compare_or_nothing(verb, flags, file):
    """peek and list of a name that no function has end both programs with an error."""
    if verb[0] in ("peek", "list"):
        theirs = subprocess.run([PPROF, "-symbolize=none", pprof_verb(verb), *flags, file], capture_output=True, text=True, env=ENVIRONMENT)
        if theirs.returncode != 0 and "no matches found" in theirs.stderr:
            ours = subprocess.run([CLI, *verb, "-symbolize=none", *flags, file], capture_output=True, text=True, env=ENVIRONMENT)
            assert ours.returncode == 2 and "no function matches" in ours.stderr, f"{flags} {file}: pprof finds nothing, we do"
            return 0
    return compare(*flags, file, verb=verb)


SCRATCH = sys.argv[1]
PPROF = subprocess.run(["go", "tool", "-n", "pprof"], capture_output=True, text=True, check=True).stdout.strip()
if sys.argv[2] == "--origins":
    origins(sys.argv[3], int(sys.argv[4]) if len(sys.argv) > 4 else 1)
else:
    main(*sys.argv[2:])

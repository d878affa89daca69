#!/usr/bin/env python3
"""The layering lint: which folder may include, and link, which.

The order of folders is the architecture. A rule here is one row; --self-test proves that each rule can fail.
"""
import pathlib
import re
import sys

RUNTIME_ORDER = ["base", "config", "os", "meta", "pages", "sampling", "heap", "introspect", "entry"]

# folder prefix -> prefixes of our own headers that it may include (itself is always allowed)
ALLOWED = {
    "formats/wire": [],
    "formats": ["formats"],
    "profiler/symbols": ["formats"],
    "profiler/model": ["formats", "profiler/symbols"],
    "profiler/analysis": ["formats", "profiler/model"],
    "profiler/report": ["formats", "profiler/model", "profiler/analysis"],
    "profiler/capture": ["formats", "profiler/symbols"],
    "profiler": ["formats", "profiler"],
    "gui/model": ["formats", "profiler"],
    "gui/view": ["formats", "profiler", "gui/model"],
    "gui/app": ["gui", "profiler", "formats"],
    "gui": ["gui", "profiler", "formats"],
    "samples": ["heapprof"],
    "tests": ["formats", "runtime", "profiler", "gui", "tests", "heapprof"],
}
OURS = ("formats/", "runtime/", "profiler/", "gui/", "tests/", "samples/", "heapprof/")

# What the freestanding writer and the runtime may take from outside: nothing that needs a C++ library at run time.
FREESTANDING = {"cstddef", "cstdint", "stddef.h", "stdint.h", "limits.h", "climits"}
HEADER_ONLY_CXX = {"atomic", "bit", "new", "type_traits", "utility", "limits", "climits", "cstdarg", "concepts",
                   "cstddef", "cstdint", "cstring", "cerrno", "cstdlib", "ctime", "cmath", "array", "iterator", "initializer_list", "cstdio"}
FORBIDDEN = {
    "runtime": re.compile(r"^(absl|google|Q[A-Z]|iostream|string|vector|map|memory|mutex|thread|functional|algorithm)"),
    "profiler": re.compile(r"^Q[A-Z]"),
    "formats": re.compile(r"^Q[A-Z]"),
}
LINKS = {  # CMake: target pattern -> targets of ours it may not link
    "formats": re.compile(r"\b(heapprof_(runtime|alloc|analysis|symbols|gui\w*))\b"),
    "profiler": re.compile(r"\b(heapprof_(runtime|alloc|gui\w*))\b|\bQt6::"),
    "runtime": re.compile(r"\b(heapprof_(formats|analysis|symbols|gui\w*))\b|\b(absl|protobuf|Qt6)::"),
    "gui": re.compile(r"\bheapprof_(runtime|alloc)\b"),
}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def rule_for(folder):
    for prefix in sorted(ALLOWED, key=len, reverse=True):
        if folder == prefix or folder.startswith(prefix + "/"):
            return prefix
    return None


def check_include(path, line, bracket, target):
    """Returns what is wrong with one include of the file `path`, or None."""
    folder = str(pathlib.PurePosixPath(path).parent)
    top = folder.split("/")[0]
    forbidden = FORBIDDEN.get(top)
    if bracket == "<":
        if folder == "formats/wire" and target not in FREESTANDING:
            return f"formats/wire is freestanding: <{target}> is not a freestanding header"
        if top == "runtime" and "." not in target and target not in HEADER_ONLY_CXX:
            return f"runtime may use libc headers and header-only C++ ones: <{target}> is neither"
        if forbidden and forbidden.match(target) and top != "runtime":
            return f"{top} may not include <{target}>"
        return None
    if forbidden and forbidden.match(target):
        return f"{top} may not include \"{target}\""
    if not target.startswith(OURS):
        return None
    if folder.startswith("runtime"):
        if target.startswith(("formats/wire/", "heapprof/", "runtime/include/")):
            return None
        if not target.startswith("runtime/"):
            return f"runtime may include formats/wire and itself, not \"{target}\""
        here = folder.split("/")[1] if "/" in folder else "entry"
        there = target.split("/")[1]
        if here in RUNTIME_ORDER and there in RUNTIME_ORDER:
            if RUNTIME_ORDER.index(there) > RUNTIME_ORDER.index(here):
                return f"runtime/{here} is below runtime/{there}: it may not include \"{target}\""
        return None
    rule = rule_for(folder)
    if rule is None:
        return None
    if target.startswith("runtime/") and rule != "tests":
        return f"only tests may include the runtime: \"{target}\""
    if target.startswith(rule + "/"):
        return None
    if any(target.startswith(prefix + "/") for prefix in ALLOWED[rule]):
        return None
    return f"{rule} may not include \"{target}\""


def check_tree(root):
    problems = []
    for top in ("formats", "runtime", "profiler", "gui", "samples", "tests"):
        for path in sorted((root / top).rglob("*")):
            relative = path.relative_to(root).as_posix()
            if path.suffix in (".h", ".cpp", ".c", ".cc", ".def"):
                for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
                    found = INCLUDE.match(line)
                    if found:
                        wrong = check_include(relative, line, found.group(1), found.group(2))
                        if wrong:
                            problems.append(f"{relative}:{number}: {wrong}")
            elif path.name == "CMakeLists.txt" and top in LINKS:
                for number, line in enumerate(path.read_text().splitlines(), 1):
                    found = LINKS[top].search(line.split("#")[0])
                    defines_own = re.match(r"\s*(add_library|heapprof_\w+\(|install|set_target)", line)
                    if found and not defines_own:
                        problems.append(f"{relative}:{number}: {top} may not link {found.group(0)}")
    return problems


def self_test():
    must_fail = [
        ("formats/wire/writer.cpp", "<", "string"),
        ("formats/wire/writer.cpp", '"', "formats/pprof/read_profile.h"),
        ("runtime/base/a.h", '"', "runtime/heap/heap.h"),
        ("runtime/sampling/a.cpp", '"', "runtime/heap/heap.h"),
        ("runtime/heap/a.cpp", '"', "formats/pprof/profile_columns.h"),
        ("runtime/heap/a.cpp", "<", "vector"),
        ("runtime/heap/a.cpp", '"', "absl/strings/str_cat.h"),
        ("profiler/model/a.cpp", '"', "runtime/heap/inspect.h"),
        ("profiler/model/a.cpp", "<", "QString"),
        ("profiler/model/a.cpp", '"', "profiler/analysis/analyses.h"),
        ("profiler/analysis/a.cpp", '"', "profiler/report/text.h"),
        ("profiler/report/a.cpp", '"', "profiler/cli/verb.h"),
        ("profiler/capture/a.cpp", '"', "profiler/model/snapshot.h"),
        ("profiler/model/a.cpp", '"', "gui/model/session.h"),
        ("gui/model/a.cpp", '"', "gui/view/page.h"),
        ("samples/leak.cpp", '"', "profiler/model/table.h"),
    ]
    must_pass = [
        ("runtime/heap/a.cpp", '"', "runtime/sampling/sampler.h"),
        ("runtime/introspect/a.cpp", '"', "formats/wire/writer.h"),
        ("profiler/model/a.cpp", '"', "absl/strings/str_cat.h"),
        ("profiler/model/a.cpp", '"', "profiler/symbols/symbolizer.h"),
        ("profiler/report/a.cpp", '"', "profiler/analysis/analyses.h"),
        ("gui/view/a.cpp", "<", "QWidget"),
        ("tests/runtime/heap/a.cpp", '"', "runtime/heap/inspect.h"),
    ]
    bad = [row for row in must_fail if check_include(row[0], "", row[1], row[2]) is None]
    bad += [row for row in must_pass if check_include(row[0], "", row[1], row[2]) is not None]
    for row in bad:
        print(f"layers.py --self-test: the rule for {row} does not hold")
    return 1 if bad else 0


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        sys.exit(self_test())
    found = check_tree(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "."))
    print("\n".join(found), end="\n" if found else "")
    sys.exit(1 if found else 0)

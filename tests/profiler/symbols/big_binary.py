#!/usr/bin/env python3
"""Names from a binary with hundreds of megabytes of debug information: what they cost at first, from the cache, and by
`go tool pprof` with its default symbolizer. By label (ctest -L long): making the binary takes many CPU minutes, so it is kept
in --folder and made once.

    big_binary.py --heapprof BIN --library libheapprof.so --folder DIR [--units 8] [--go go]"""
import argparse
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time

# A unit: types of its own in maps, vectors and functions, each with its own instances of the library's templates.
UNIT = """
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>
namespace unit{unit} {{
template <int N> struct Key {{
  int value = N;
  bool operator<(const Key& other) const {{ return value < other.value; }}
  bool operator==(const Key& other) const {{ return value == other.value; }}
}};
template <int N> struct Hash {{ std::size_t operator()(const Key<N>& key) const {{ return static_cast<std::size_t>(key.value); }} }};
template <int N> struct Record {{
  std::string name = std::string(40, 'x');
  std::vector<Key<N>> keys;
  std::shared_ptr<std::map<Key<N>, std::string>> index;
}};
template <int N> struct Store {{
  std::map<Key<N>, Record<N>> ordered;
  std::unordered_map<Key<N>, std::vector<Record<N>>, Hash<N>> hashed;
  std::vector<std::function<Record<N>(const Key<N>&)>> makers;
  void fill() {{
    makers.push_back([this](const Key<N>& key) {{
      Record<N> record;
      record.keys.assign(30, key);
      record.index = std::make_shared<std::map<Key<N>, std::string>>();
      for (int i = 0; i < 4; ++i) (*record.index)[Key<N>{{i}}] = std::string(100, 'y');
      return record;
    }});
    for (int i = 0; i < 6; ++i) {{
      ordered[Key<N>{{i}}] = makers.front()(Key<N>{{i}});
      hashed[Key<N>{{i % 3}}].push_back(ordered[Key<N>{{i}}]);
    }}
  }}
}};
template <int N> void run() {{
  auto* kept = new Store<N>();
  kept->fill();
  if constexpr (N > 0) run<N - 1>();
}}
void start() {{ run<{types}>(); }}
}}
"""


def build(folder, units, types):
    program = f"{folder}/big.{units}.{types}"
    if os.path.exists(program):
        return program
    os.makedirs(folder, exist_ok=True)
    sources = []
    for unit in range(units):
        sources.append(f"{folder}/unit{unit}.cpp")
        with open(sources[-1], "w", encoding="utf-8") as file:
            file.write(UNIT.format(unit=unit, types=types))
    with open(f"{folder}/main.cpp", "w", encoding="utf-8") as file:
        file.write("".join(f"namespace unit{unit} {{ void start(); }}\n" for unit in range(units)))
        file.write("int main() {\n" + "".join(f"  unit{unit}::start();\n" for unit in range(units)) + "}\n")
    compiler = ["g++", "-std=c++20", "-g", "-O0"]
    running = []
    for source in [*sources, f"{folder}/main.cpp"]:
        if len(running) == os.cpu_count():
            assert running.pop(0).wait() == 0
        running.append(subprocess.Popen([*compiler, "-c", source, "-o", source + ".o"]))
    assert all(process.wait() == 0 for process in running)
    objects = [source + ".o" for source in [*sources, f"{folder}/main.cpp"]]
    subprocess.run([*compiler, "-Wl,--build-id", "-no-pie", *objects, "-o", program + ".new"], check=True)
    os.rename(program + ".new", program)
    for path in objects:
        os.unlink(path)
    return program


def seconds(command, environment=None, times=3, limit=600):
    taken = []
    for _ in range(times):
        start = time.monotonic()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
                              env=dict(os.environ, **(environment or {}))) as process:
            try:
                out, err = process.communicate(timeout=limit)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # go starts pprof as a program of its own
                raise
        taken.append(time.monotonic() - start)
        assert process.returncode == 0, err
    return statistics.median(taken), out


def main():
    parser = argparse.ArgumentParser()
    for name in ("heapprof", "library", "folder"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--units", type=int, default=8)
    parser.add_argument("--types", type=int, default=60)
    parser.add_argument("--go", default="")
    given = parser.parse_args()
    program = build(given.folder, given.units, given.types)
    dump, cache = f"{given.folder}/big.pb.gz", f"{given.folder}/cache"
    subprocess.run([program], check=True, env=dict(os.environ, LD_PRELOAD=given.library,
                                                   HEAPPROF=f"sample=512,dump=exit,log=0,seed=1,path={dump}"))
    shutil.rmtree(cache, ignore_errors=True)
    top = [given.heapprof, "top", "--nodecount", "20", dump]
    with_cache = {"HEAPPROF_SYMBOL_CACHE": cache}
    bare, _ = seconds([*top, "--symbolize", "none"])
    cold, first = seconds(top, {"HEAPPROF_SYMBOL_CACHE": "off"})
    filling, _ = seconds(top, with_cache, times=1)
    warm, second = seconds(top, with_cache)
    megabytes = os.path.getsize(program) / (1 << 20)
    kept = sum(os.path.getsize(f"{cache}/{name}") for name in os.listdir(cache)) / (1 << 20)
    print(f"{megabytes:.0f} MiB binary: top without symbols {bare:.2f} s, with {cold:.2f} s, filling the cache {filling:.2f} s, "
          f"from it {warm:.2f} s ({kept:.1f} MiB)")
    assert first == second, "the cache says the same"
    assert warm - bare < 0.2, "names from the cache cost under 0.2 s"
    if given.go:
        # It may take hours: it is given up when it has taken long enough to know.
        limit = max(60.0, 10 * cold)
        try:
            pprof, theirs = seconds([given.go, "tool", "pprof", "-top", "-nodecount=20", dump],
                                    {"PPROF_TMPDIR": given.folder}, times=1, limit=limit)
            assert len(theirs.splitlines()) > 20
        except subprocess.TimeoutExpired:
            pprof = limit
        print(f"go tool pprof {'>' if pprof == limit else ''}{pprof:.2f} s: {pprof / cold:.1f} times as long as without the cache, "
              f"{pprof / warm:.1f} times as long as with it")
        assert pprof > 5 * cold
    return 0


if __name__ == "__main__":
    sys.exit(main())

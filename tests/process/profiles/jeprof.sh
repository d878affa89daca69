#!/usr/bin/env bash
# heapprof and jeprof say the same totals of jemalloc's profiles (live and allocated, in all and by thread) and of gperftools'.
# "speed [ROUNDS]" prints how long both take on a profile of 4,000 stacks instead, and whether ours is twenty times as fast.
set -euo pipefail
: "${HEAPPROF_CLI:?set it to the heapprof command}"
scratch=$(mktemp -d "${TMPDIR:-/tmp}/heapprof-test.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
here=$(cd "$(dirname "$0")" && pwd)
fail() {
  echo "FAILED: $*" >&2
  exit 1
}
command -v jeprof >/dev/null || fail "no jeprof here (package libjemalloc-dev)"
python=/usr/bin/python3

# jemalloc NAME OPTIONS MODULES: a profile of three threads that keep syntax trees.
jemalloc() {
  MALLOC_CONF="prof:true,$2" LD_PRELOAD=libjemalloc.so.2 PYTHONMALLOC=malloc \
    "$python" "$here/parses.py" "$scratch/$1.heap" "$3" 2>"$scratch/log" || fail "$1: $(cat "$scratch/log")"
}

# Bytes in all; jeprof's own line is "Total: N B", of a thread "Total (t1): N B".
theirs() { jeprof --text --show_bytes "$@" 2>/dev/null | sed -n 's/^Total.*: \([0-9]*\) B$/\1/p'; }
ours() {
  "$HEAPPROF_CLI" top -symbolize=none --format json "$@" |
    python3 -c 'import json, sys; print(int(json.load(sys.stdin)["facts"]["total"]))'
}

compared=0
agree() { # NAME THEIRS OURS: jeprof cuts the fraction off, we round it.
  [ -n "$2" ] || fail "$1: jeprof gives no total"
  [ "$(($3 - $2))" -ge 0 ] && [ "$(($3 - $2))" -le 1 ] || fail "$1: jeprof says $2 bytes, heapprof $3"
  [ "$2" -gt 1000 ] || [ "${4:-}" = small ] || fail "$1: $2 bytes: nothing to compare"
  compared=$((compared + 1))
}

if [ "${1:-}" = speed ]; then
  # The file is cut to so many stacks: its totals no longer matter.
  jemalloc whole lg_prof_sample:9 40
  python3 - "$scratch/whole.heap" "$scratch/4000.heap" <<'P'
import sys
text = open(sys.argv[1]).read()
head, rest = text.split("\n@ ", 1)
records, maps = rest.split("\nMAPPED_LIBRARIES:", 1)
kept = records.split("\n@ ")[:4000]
open(sys.argv[2], "w").write("\n@ ".join([head, *kept]) + "\n\nMAPPED_LIBRARIES:" + maps)
print(len(kept), "stacks")
P
  HEAPPROF_CLI=$HEAPPROF_CLI PYTHON=$python python3 - "$scratch/4000.heap" "${2:-5}" <<'P'
import os, statistics, subprocess, sys, time
heap, rounds = sys.argv[1], int(sys.argv[2])
ours = [os.environ["HEAPPROF_CLI"], "top", heap]
cache = {"HEAPPROF_SYMBOL_CACHE": os.path.dirname(heap) + "/cache"}
commands = {
    "jeprof": (["jeprof", "--text", os.environ["PYTHON"], heap], {}),
    "heapprof top": (ours, cache),
    "heapprof top, nothing cached": (ours, {"HEAPPROF_SYMBOL_CACHE": "off"}),
}
subprocess.run(ours, check=True, env=os.environ | cache, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
taken = {name: [] for name in commands}
for _ in range(rounds):
    for name, (command, more) in commands.items():
        start = time.monotonic()
        subprocess.run(command, check=True, env=os.environ | more, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        taken[name].append(time.monotonic() - start)
theirs = statistics.median(taken.pop("jeprof"))
print(f"jeprof {theirs:.3f} s (median of {rounds}, interleaved, with symbols)")
for name, times in taken.items():
    ratio = theirs / statistics.median(times)
    print(f"{name} {statistics.median(times):.3f} s: {ratio:.0f} times as fast, bound 20: {'OK' if ratio >= 20 else 'MISS'}")
P
  exit 0
fi

jemalloc fine lg_prof_sample:9 3
jemalloc coarse lg_prof_sample:14 8
jemalloc every lg_prof_sample:0 1
jemalloc accumulated lg_prof_sample:11,prof_accum:true 4
jemalloc default lg_prof_sample:19 20
for name in fine coarse every accumulated default; do
  file=$scratch/$name.heap
  agree "$name" "$(theirs "$python" "$file")" "$(ours "$file")"
done
for thread in 0 1 2 3; do
  agree "thread $thread" "$(theirs --thread="$thread" "$python" "$scratch/coarse.heap")" \
    "$(ours --thread "$thread" "$scratch/coarse.heap")"
done
agree "allocated" "$(theirs --alloc_space "$python" "$scratch/accumulated.heap")" \
  "$(ours -alloc_space "$scratch/accumulated.heap")"
"$HEAPPROF_CLI" top "$scratch/coarse.heap" >"$scratch/top"
grep -q _PyObject_GC_New "$scratch/top" || fail "python's functions have no names: $(head -n 20 "$scratch/top")"

# Of one in 38 of these profiles jeprof leaves an entry out: the file's own lines are the truth, and another one is taken.
sum_of_lines() { # column inuse|alloc FILE
  sed -n '/^MAPPED/q; s/^ *[0-9]*: *\([0-9]*\) \[ *[0-9]*: *\([0-9]*\)\] @.*/\1 \2/p' "$2" |
    awk -v column="$1" '{ sum += column == "inuse" ? $1 : $2 } END { printf "%d\n", sum }'
}
declare -A own total
for attempt in 1 2 3; do
  others=$scratch/others.$attempt
  "$here/make_profiles.sh" "$others" 2>/dev/null
  [ -e "$others/gperftools.heap" ] || break
  complete=yes
  for type in inuse alloc; do
    own[$type]=$(ours -${type}_space "$others/gperftools.heap")
    agree "gperftools $type, the file's lines" "$(sum_of_lines $type "$others/gperftools.heap")" "${own[$type]}"
    total[$type]=$(theirs --${type}_space "$python" "$others/gperftools.heap")
    [ "${total[$type]}" -ge "${own[$type]}" ] || complete=no
  done
  [ "$complete" = no ] || break
done
for type in "${!own[@]}"; do
  agree "gperftools $type" "${total[$type]}" "${own[$type]}"
done
echo "$compared totals are jeprof's"

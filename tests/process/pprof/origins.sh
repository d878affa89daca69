#!/usr/bin/env bash
# Profiles of four origins, ours, Go's, jemalloc's and gperftools', on which pprof and heapprof must say the same: two runs of a
# PIE at different addresses, a stripped one, several libraries, recursion, inlined frames, labels, ties, negative values.
# usage: origins.sh INLINES [N]: one comparison in N, by default every one
. "$(dirname "$0")/../lib.sh"

here=$(cd "$(dirname "$0")" && pwd)
profiles=$here/../profiles
made=$scratch/made
mkdir -p "$made"
python=/usr/bin/python3
: "${HEAPPROF_CLI:?set it to the heapprof command}"

# Ours: the same program twice (the loader puts it elsewhere), stripped, and python with its libraries.
options sample=16k,dump=none
strip -o "$scratch/stripped" "$1"
for run in 1 2; do
  "${with_library[@]}" "$1" "$made/ours_pie.$run.pb.gz" "$scratch/exit.pb.gz" || fail "$1 ended with $?"
  mv "$scratch/exit.pb.gz" "$made/ours_grown.$run.pb.gz"
  "${with_library[@]}" "$scratch/stripped" "$made/ours_stripped.$run.pb.gz" || fail "stripped: $?"
done
for run in 1 2; do
  options sample=32k,dump=exit
  "${with_library[@]}" PYTHONMALLOC=malloc "$python" -c "
import ast, glob
kept = [ast.parse(open(f, errors='replace').read()) for f in sorted(glob.glob('/usr/lib/python3*/*.py'))[:$((run * 6))]]
import ctypes; ctypes.pythonapi.Py_IncRef(ctypes.py_object(kept))" 2>"$scratch/log" || fail "python: $(cat "$scratch/log")"
  mv "$(find "$scratch/dumps" -name 'python*.pb.gz' | head -n 1)" "$made/ours_python.$run.pb.gz"
done

# Go's own.
if command -v go >/dev/null; then
  GOCACHE=${GOCACHE:-$scratch/go-cache} GOFLAGS=-mod=mod GO111MODULE=off CGO_ENABLED=0 \
    go build -o "$scratch/go_heap" "$profiles/go_heap/main.go"
  for run in 1 2 3; do "$scratch/go_heap" "$made/go.$run.pb.gz"; done
fi

# jemalloc's, several intervals and all threads; gperftools', one each few MiB.
run=0
for setting in lg_prof_sample:9 lg_prof_sample:14 lg_prof_sample:0 lg_prof_sample:17 \
  lg_prof_sample:11,prof_accum:true lg_prof_sample:13,prof_accum:true; do
  run=$((run + 1))
  origin=jemalloc
  case $setting in *accum*) origin=jemalloc_accum ;; esac # four types of values, not two: no base of the others
  MALLOC_CONF="prof:true,$setting" LD_PRELOAD=libjemalloc.so.2 PYTHONMALLOC=malloc \
    "$python" "$profiles/parses.py" "$made/$origin.$run.heap" $((run % 3 + 1)) 2>"$scratch/log" || fail "jemalloc: $(cat "$scratch/log")"
done
HEAPPROFILE=$scratch/gperftools HEAP_PROFILE_ALLOCATION_INTERVAL=4000000 LD_PRELOAD=libtcmalloc.so.4 PYTHONMALLOC=malloc "$python" -c "
import ast, glob
kept = [ast.parse(open(f, errors='replace').read()) for f in sorted(glob.glob('/usr/lib/python3*/*.py'))[:12]]" 2>"$scratch/log" ||
  fail "gperftools: $(cat "$scratch/log")"
run=0
for file in $(find "$scratch" -maxdepth 1 -name 'gperftools.*.heap' | sort | head -n 4); do
  run=$((run + 1))
  mv "$file" "$made/gperftools.$run.heap"
done
python3 "$here/agree.py" "$scratch" --origins "$made" "${2:-1}"

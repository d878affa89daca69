#!/usr/bin/env bash
# Makes heap profiles by other tools, from Debian's packages, in a folder: go.pb.gz, jemalloc.heap, gperftools.heap.
# What is not installed here is said and left out. Usage: make_profiles.sh FOLDER
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
scratch=$(mktemp -d "${TMPDIR:-/tmp}/heapprof-profiles.XXXXXX")
trap 'rm -rf "$scratch"' EXIT

skip() { echo "left out: $*" >&2; }
# A program that nobody here wrote, small and quick, that keeps a megabyte to its end: a reference that nobody holds outlives
# the interpreter, which frees what it can when it ends.
program=(/usr/bin/python3 -c '
import ctypes
kept = [str(i) * 10 for i in range(5000)]
ctypes.pythonapi.Py_IncRef(ctypes.py_object(kept))')

if command -v go >/dev/null; then
  GOCACHE=${GOCACHE:-$scratch/go-cache} GOFLAGS=-mod=mod GO111MODULE=off CGO_ENABLED=0 \
    go build -o "$scratch/go_heap" "$here/go_heap/main.go"
  "$scratch/go_heap" "$out/go.pb.gz"
else
  skip "go.pb.gz: no go here (package golang-go)"
fi

# Debian builds jemalloc with --enable-prof; one that is not complains about the option and writes nothing.
if MALLOC_CONF="prof:true,prof_final:true,lg_prof_sample:12,prof_prefix:$scratch/jemalloc" LD_PRELOAD=libjemalloc.so.2 \
  PYTHONMALLOC=malloc "${program[@]}" 2>"$scratch/jemalloc.log" && compgen -G "$scratch/jemalloc.*.heap" >/dev/null; then
  mv "$scratch"/jemalloc.*.heap "$out/jemalloc.heap"
else
  skip "jemalloc.heap: $(tail -n 1 "$scratch/jemalloc.log") (package libjemalloc2, built with profiling)"
fi

# The full library; the minimal one has no profiler.
if HEAPPROFILE="$scratch/gperftools" LD_PRELOAD=libtcmalloc.so.4 PYTHONMALLOC=malloc "${program[@]}" 2>"$scratch/gperftools.log" &&
  compgen -G "$scratch/gperftools.*.heap" >/dev/null; then
  mv "$(printf '%s\n' "$scratch"/gperftools.*.heap | tail -n 1)" "$out/gperftools.heap"
else
  skip "gperftools.heap: $(tail -n 1 "$scratch/gperftools.log") (package libgoogle-perftools4)"
fi

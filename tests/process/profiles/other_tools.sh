#!/usr/bin/env bash
# Heap profiles of Go, jemalloc and gperftools open; Go's says what Go's own pprof says.
set -euo pipefail
: "${HEAPPROF_CLI:?set it to the heapprof command}"
scratch=$(mktemp -d "${TMPDIR:-/tmp}/heapprof-test.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
fail() {
  echo "FAILED: $*" >&2
  exit 1
}
"$(dirname "$0")/make_profiles.sh" "$scratch"

checked=0
if [ -e "$scratch/go.pb.gz" ]; then
  for index in inuse_space alloc_space alloc_objects; do
    "$HEAPPROF_CLI" top -sample_index=$index "$scratch/go.pb.gz" >"$scratch/ours" || fail "heapprof top on Go's profile"
    PPROF_TMPDIR=$scratch go tool pprof -top -sample_index=$index "$scratch/go.pb.gz" >"$scratch/theirs" 2>"$scratch/log" ||
      fail "go tool pprof: $(cat "$scratch/log")"
    diff "$scratch/theirs" "$scratch/ours" >&2 || fail "top of Go's profile by $index differs from go tool pprof"
    grep -Eq 'main\.keepRecords$|main\.throwAway$' "$scratch/ours" || fail "no function of the program: $(cat "$scratch/ours")"
  done
  "$HEAPPROF_CLI" top --format json "$scratch/go.pb.gz" >"$scratch/json"
  # 1,024 slices of 8 KiB, and the slice of slices.
  python3 - "$scratch/json" <<'P'
import json, sys
rows = {row["name"]: row for row in json.load(open(sys.argv[1]))["tables"]["top"]["rows"]}
held = rows["main.keepRecords"]["cum"]
assert 8 << 20 <= held <= 9 << 20, held
P
  checked=$((checked + 1))
fi

opened() { # FILE: its functions have names, and what it holds is more than nothing
  [ -e "$scratch/$1" ] || return 0
  "$HEAPPROF_CLI" top "$scratch/$1" >"$scratch/out" || fail "heapprof top $1"
  grep -q 'Type: inuse_space' "$scratch/out" || fail "$1: $(head -n 5 "$scratch/out")"
  grep -Eq 'Py_|_Py|read_alias' "$scratch/out" || fail "$1: no function of python has a name: $(head -n 20 "$scratch/out")"
  checked=$((checked + 1))
}
opened jemalloc.heap
opened gperftools.heap
[ "$checked" -gt 0 ] || fail "none of Go, jemalloc and gperftools is installed"
echo "$checked of 3 kinds of profiles checked"

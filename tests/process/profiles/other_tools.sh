#!/usr/bin/env bash
# Go's heap profile opens with our reader and says what Go's own pprof says; what we do not read yet is refused by name.
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

refused() { # FILE NAME: one line on stderr that names the format, exit 2, nothing on stdout
  [ -e "$scratch/$1" ] || return 0
  local status=0
  "$HEAPPROF_CLI" top "$scratch/$1" >"$scratch/out" 2>"$scratch/error" || status=$?
  [ "$status" -eq 2 ] || fail "$1: exit $status, expected 2"
  [ ! -s "$scratch/out" ] || fail "$1: printed data: $(cat "$scratch/out")"
  [ "$(wc -l <"$scratch/error")" -eq 1 ] || fail "$1: not one line: $(cat "$scratch/error")"
  grep -q "$1.*$2" "$scratch/error" || fail "$1: does not name the file and $2: $(cat "$scratch/error")"
  checked=$((checked + 1))
}
refused jemalloc.heap jemalloc
refused gperftools.heap gperftools
[ "$checked" -gt 0 ] || fail "none of Go, jemalloc and gperftools is installed"
echo "$checked of 3 kinds of profiles checked"

#!/usr/bin/env bash
# Generated code is named by its perf map where there is one and it is of this process, and said to be generated where not;
# of a Python program summary says that stacks are the interpreter's.
# usage: run.sh GENERATES_CODE
. "$(dirname "$0")/../lib.sh"

program=$1
: "${HEAPPROF_CLI:?set it to the heapprof command}"
options sample=1,dump=none,log=0

pid=$("${with_library[@]}" "$program" "$scratch/bare.pb.gz") || fail "$program ended with $?"
"$HEAPPROF_CLI" top -cum "$scratch/bare.pb.gz" >"$scratch/top"
grep -q '9.77MB.*9.77MB.*JIT or generated' "$scratch/top" || fail "10,240,000 bytes are not generated code's: $(cat "$scratch/top")"
"$HEAPPROF_CLI" summary "$scratch/bare.pb.gz" >"$scratch/summary"
grep -q 'came through generated code that has no names' "$scratch/summary" || fail "summary does not tell: $(cat "$scratch/summary")"

pid=$("${with_library[@]}" "$program" "$scratch/named.pb.gz" named) || fail "$program ended with $?"
map=/tmp/perf-$pid.map
"$HEAPPROF_CLI" top -cum "$scratch/named.pb.gz" >"$scratch/top"
mkdir -p "$scratch/host/tmp"
mv "$map" "$scratch/host/tmp/"
grep -q 'js:\*fillCache app.js:12 \[JIT\]' "$scratch/top" || fail "the map's name is missing: $(cat "$scratch/top")"
"$HEAPPROF_CLI" top --sysroot "$scratch/host" "$scratch/named.pb.gz" | grep -q 'fillCache' || fail "--sysroot does not find the map"

# Another process of the same number: begun after the dump.
sleep 1.1
sed 's/fillCache/somebodyElse/' "$scratch/host/tmp/perf-$pid.map" >"$map"
"$HEAPPROF_CLI" top "$scratch/named.pb.gz" >"$scratch/top"
"$HEAPPROF_CLI" info "$scratch/named.pb.gz" >"$scratch/notes"
rm -f "$map"
if grep -q somebodyElse "$scratch/top"; then fail "a later process's map was believed"; fi
grep -q "perf-$pid.map: begun after the dump" "$scratch/notes" || fail "no note of the refused map: $(cat "$scratch/notes")"

options sample=64k,dump=exit
"${with_library[@]}" /usr/bin/python3 -c 'x = ["a" * i for i in range(4000)]'
"$HEAPPROF_CLI" summary "$(dumps_of python3.11 | head -n 1)" >"$scratch/summary"
grep -q 'Python: .* of RSS) lies outside malloc' "$scratch/summary" || fail "no word of Python: $(cat "$scratch/summary")"
echo "generated code: unnamed, named by its map, by another root's; a foreign map refused; Python told"

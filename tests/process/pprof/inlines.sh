#!/usr/bin/env bash
# Two dumps of a C++ program with inlined frames, templates and recursion: pprof and heapprof say the same of them.
. "$(dirname "$0")/../lib.sh"

options sample=16k,dump=none
"${with_library[@]}" "$1" "$scratch/before.pb.gz" "$scratch/after.pb.gz" || fail "$1 ended with $?"
python3 "$(dirname "$0")/agree.py" "$scratch" "$scratch/before.pb.gz" "$scratch/after.pb.gz" inlined

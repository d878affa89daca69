#!/bin/sh
# run.sh DIR_OF_BINARIES OUT: builds the six programs, runs each under DIR_OF_BINARIES/lib/libheapprof.so and prints what
# DIR_OF_BINARIES/bin/heapprof says of its first three dumps and of all, beside the truth. OUT must be new or empty.
# SEED (default 1) is the sampler's seed.
set -eu
[ $# -eq 2 ] || { echo "usage: $0 DIR_OF_BINARIES OUT" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
built=$(cd "$1" && pwd)
mkdir -p "$2"
out=$(cd "$2" && pwd)
[ -z "$(ls -A "$out")" ] || { echo "$out is not empty" >&2; exit 2; }
export HEAPPROF_SYMBOL_CACHE=off

for source in "$here"/*.cpp; do
  g++ -std=c++20 -O1 -g -fno-omit-frame-pointer -Wall -Wextra -pthread "$source" -o "$out/$(basename "$source" .cpp)"
done

for source in "$here"/*.cpp; do
  name=$(basename "$source" .cpp)
  HEAPPROF="sample=64k,seed=${SEED:-1},dump=none,log=0,path=$out/$name.%n.pb.gz" LD_PRELOAD="$built/lib/libheapprof.so" \
    "$out/$name"
  dumps=$(ls "$out/$name".*.pb.gz | sort -V)
  first=$(echo "$dumps" | head -3)
  echo "== $name: truth: $(sed -n 's,^// TRUTH: ,,p' "$source"); $(echo "$dumps" | wc -l) dumps"
  for set in first all; do
    [ $set = first ] && files=$first || files=$dumps
    # shellcheck disable=SC2086  # one word a file
    "$built/bin/heapprof" leaks --all --nodecount=0 --stacks $files >"$out/$name.$set.txt"
    # shellcheck disable=SC2086
    "$built/bin/heapprof" leaks --all --nodecount=0 --format=json $files >"$out/$name.$set.json"
    python3 "$here/judge.py" "$source" "$out/$name.$set.json" $set
  done
done

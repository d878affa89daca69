#!/usr/bin/env bash
# A program that closes all descriptors and reuses the numbers: nothing of its own is read, written or closed by us.
. "$(dirname "$0")/../lib.sh"
gcc -O1 -o "$scratch/closes_descriptors" "$(dirname "$0")/closes_descriptors.c" -ldl
for unwinder in auto libunwind fp; do
  options "sample=4k,unwind=$unwinder"
  "${with_library[@]}" "$scratch/closes_descriptors" || fail "unwind=$unwinder: see above"
  sampled closes_descriptors
done

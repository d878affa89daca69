#!/bin/bash
# Model-checks wake.pml exhaustively, then proves that the checker can fail: each BREAK_ variant must give an error.
# usage: run.sh [directory for generated files]
set -u
model=$(dirname "$(readlink -f "$0")")/wake.pml
work=${1:-$(mktemp -d)}
[ $# -gt 0 ] || trap 'rm -rf "$work"' EXIT
for tool in spin cc; do
  command -v $tool >/dev/null || { echo "$0: $tool is not installed (apt-get install spin gcc)" >&2; exit 1; }
done
failures=0
# Arming right after the inbox was drained cannot find a push due or a threshold set: three branches of that expansion.
allowedDead=3

check() {  # check NAME spin-flags...: leaves pan's output in $work/NAME/out
  local dir=$work/$1; shift
  rm -rf "$dir"; mkdir -p "$dir"; cd "$dir" || exit 1
  spin -a "$@" "$model" >spin.log 2>&1 && [ ! -s spin.log ] || { cat spin.log; echo "$model: spin rejects it" >&2; exit 1; }
  cc -O2 -w -DCOLLAPSE -DSAFETY -DMEMLIM=3000 -o pan pan.c || exit 1
  ./pan -m2000000 -w24 >out 2>&1
}
mustHold() {
  check "$@"
  local states dead; states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' out)
  dead=$(sed -n '/^unreached in proctype Holder/,/^unreached in proctype monitor/p' out | grep 'state ' | grep -vc -- '-end-')
  if ! grep -q 'errors: 0' out || grep -qiE 'max search depth too small|search not completed|out of memory' out; then
    echo "FAIL  $1: error found, or the state space was not exhausted ($work/$1/out)"; grep -E 'pan:1|error' out | cut -c1-200
    failures=$((failures + 1))
  elif [ "$dead" -gt $allowedDead ]; then
    echo "FAIL  $1: $dead statements never ran, so they are not checked"; failures=$((failures + 1))
  else
    echo "ok    $1: no error in $states states"
  fi
}
mustFail() {
  check "$@"
  if grep -qE 'errors: [1-9]' out; then
    echo "ok    $1: broken on purpose, and found: $(grep -m1 '^pan:1:' out | cut -c1-70)..."
  else
    echo "FAIL  $1: this variant is broken, but no error was found: the model cannot fail"; failures=$((failures + 1))
  fi
}

mustHold capacity-3-wake-2 -DCAP=3 -DWAKE=2
mustHold capacity-4-wake-2 -DCAP=4 -DWAKE=2
mustHold capacity-5-wake-3 -DCAP=5 -DWAKE=3
mustHold capacity-3-wake-2-three-freers -DCAP=3 -DWAKE=2 -DFREERS=3
for variant in $(grep -oE '^#ifdef BREAK_[A-Z_]+' "$model" | awk '{print $2}' | sort -u); do
  mustFail "$variant" -DCAP=4 -DWAKE=2 "-D$variant"
done
[ $failures -eq 0 ]

#!/bin/bash
# Model-checks remote_free.pml exhaustively, then proves that the checker can fail: each BREAK_ variant must give an error.
# usage: run.sh [directory for generated files]; WHOLE=1 adds the largest case, as long as all others together.
set -u
model=$(dirname "$(readlink -f "$0")")/remote_free.pml
work=${1:-$(mktemp -d)}
[ $# -gt 0 ] || trap 'rm -rf "$work"' EXIT
for tool in spin cc; do
  command -v $tool >/dev/null || { echo "$0: $tool is not installed (apt-get install spin gcc)" >&2; exit 1; }
done
failures=0 totalStates=0

check() {  # check NAME OPTIMISATION spin-flags...: leaves pan's output in $work/NAME/out
  local dir=$work/$1 optimise=$2; shift 2
  rm -rf "$dir"; mkdir -p "$dir"; cd "$dir" || exit 1
  spin -a "$@" "$model" >spin.log 2>&1 && [ ! -s spin.log ] || { cat spin.log; echo "$model: spin rejects it" >&2; exit 1; }
  # SAFETY, NOFAIR: assertions and deadlocks are what is claimed. COLLAPSE: a quarter of the memory.
  cc "$optimise" -w -DCOLLAPSE -DSAFETY -DNOFAIR -DMEMLIM=3000 -o pan pan.c || exit 1
  ./pan -m2000000 -w24 >out 2>&1
}
field() { sed -n "$1" out | head -1 | tr -d ' '; }

mustHold() {
  check "$1" -O2 "${@:2}"
  local states; states=$(field 's/^ *\([0-9.e+]*\) states, stored.*/\1/p')
  if ! grep -q 'errors: 0' out || grep -qiE 'max search depth too small|search not completed|out of memory' out; then
    echo "FAIL  $1: error found or the state space was not exhausted ($work/$1/out)"; grep -E 'pan:1|error' out | cut -c1-200
    failures=$((failures + 1)); return
  fi
  # Every step must have been taken: only the ends of endless processes are not reached.
  local dead; dead=$(sed -n '/^unreached in proctype \(Holder\|Freer\)/,/^unreached in proctype monitor/p' out | grep 'state ' | grep -vc -- '-end-')
  if [ "$dead" -gt 0 ]; then
    echo "FAIL  $1: $dead steps were never taken, so they are not checked"; failures=$((failures + 1)); return
  fi
  totalStates=$((totalStates + $(printf '%.0f' "$states")))
  echo "ok    $1: no error in $states states, depth $(field 's/.*depth reached \([0-9]*\).*/\1/p')"
}
mustFail() {
  check "$1" -O0 "${@:2}"
  if grep -qE 'errors: [1-9]' out; then
    echo "ok    $1: broken on purpose, and found: $(grep -m1 '^pan:1:' out | cut -c1-70)..."
  else
    echo "FAIL  $1: this variant is broken, but no error was found: the model cannot fail"; failures=$((failures + 1))
  fi
}

mustHold one-slab-handed-over -DCAP=2 -DWAKE=1 -DNSLAB=1 -DHOLDERS=2 -DFREERS=1
mustHold capacity-3-two-freers -DCAP=3 -DWAKE=2 -DNSLAB=1 -DHOLDERS=1 -DFREERS=2
mustHold capacity-3-handed-over -DCAP=3 -DWAKE=2 -DNSLAB=1 -DHOLDERS=2 -DFREERS=1
mustHold two-slabs-two-freers -DCAP=2 -DWAKE=1 -DNSLAB=2 -DHOLDERS=1 -DFREERS=2
if [ -n "${WHOLE:-}" ]; then
  mustHold two-slabs-handed-over -DCAP=2 -DWAKE=1 -DNSLAB=2 -DHOLDERS=2 -DFREERS=1
fi
for variant in $(grep -oE '^#ifdef BREAK_[A-Z_]+' "$model" | awk '{print $2}' | sort -u); do
  mustFail "$variant" -DCAP=2 -DWAKE=1 -DNSLAB=1 -DHOLDERS=2 -DFREERS=1 "-D$variant"
done
echo "model: $totalStates states explored, $failures failures"
[ $failures -eq 0 ]

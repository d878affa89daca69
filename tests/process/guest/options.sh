#!/usr/bin/env bash
# HEAPPROF unset, empty or 0 writes nothing; a bad value is one line and the program runs on; help prints the table.
. "$(dirname "$0")/../lib.sh"
cd "$scratch"
program=(/usr/bin/python3 -c 'x = ["y" * 100000 for _ in range(2000)]; print(len(x))')

quiet() { # description command...: no output but the program's, no file
  local what=$1
  shift
  "$@" >out 2>err || fail "$what: the program ended with $?"
  [ "$(cat out)" = 2000 ] || fail "$what: the program's answer was '$(cat out)'"
  [ ! -s err ] || fail "$what: stderr is not empty: $(cat err)"
  [ -z "$(find . -name '*.pb.gz*')" ] || fail "$what: left $(find . -name '*.pb.gz*')"
}
quiet "HEAPPROF unset" env -u HEAPPROF LD_PRELOAD="$HEAPPROF_LIBRARY" "${program[@]}"
quiet "HEAPPROF empty" env HEAPPROF= LD_PRELOAD="$HEAPPROF_LIBRARY" "${program[@]}"
quiet "HEAPPROF=0" env HEAPPROF=0 LD_PRELOAD="$HEAPPROF_LIBRARY" "${program[@]}"
quiet "only= another program" env HEAPPROF=sample=64k,only=redis-server LD_PRELOAD="$HEAPPROF_LIBRARY" "${program[@]}"

complains() { # value pattern: one line on stderr that matches, and the answer is right
  HEAPPROF="$1" LD_PRELOAD="$HEAPPROF_LIBRARY" "${program[@]}" >out 2>err || fail "HEAPPROF=$1: ended with $?"
  [ "$(cat out)" = 2000 ] || fail "HEAPPROF=$1: the answer was '$(cat out)'"
  [ "$(grep -c . err)" -eq 1 ] || fail "HEAPPROF=$1: $(grep -c . err) lines on stderr instead of one: $(cat err)"
  grep -qE "$2" err || fail "HEAPPROF=$1: stderr says: $(cat err)"
  echo "HEAPPROF=$1 -> $(cat err)"
}
complains sampel=64k,dump=none "sampel.*sample"
complains sample=lots,dump=none "sample.*lots"
complains /tmp/heap "path"

HEAPPROF=help LD_PRELOAD="$HEAPPROF_LIBRARY" /bin/true >out 2>&1
for key in sample dump path only seed; do grep -q "$key" out || fail "HEAPPROF=help does not list $key"; done

rm -f ./*.pb.gz
# HEAPPROF=1: one dump in the working folder; a second run never replaces it.
HEAPPROF=1 LD_PRELOAD="$HEAPPROF_LIBRARY" "${program[@]}" >out || fail "HEAPPROF=1: ended with $?"
[ "$(find . -name 'heapprof.python3*.pb.gz' | wc -l)" -eq 1 ] || fail "HEAPPROF=1 left: $(ls)"
HEAPPROF=sample=64k,path=fixed.pb.gz LD_PRELOAD="$HEAPPROF_LIBRARY" "${program[@]}" >out
before=$(sha256sum fixed.pb.gz)
HEAPPROF=sample=64k,path=fixed.pb.gz LD_PRELOAD="$HEAPPROF_LIBRARY" "${program[@]}" >out 2>err || true
[ "$before" = "$(sha256sum fixed.pb.gz)" ] || fail "an existing file was replaced"
echo "second dump to a fixed name: $(cat err)$(ls)"

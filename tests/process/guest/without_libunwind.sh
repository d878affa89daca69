#!/usr/bin/env bash
# On a machine without libunwind.so.8 the library samples all the same, and its dump says with what.
. "$(dirname "$0")/../lib.sh"
library=$(ldconfig -p | awk '/libunwind\.so\.8/ && !found++ { print $NF }')
[ -n "$library" ] || fail "libunwind.so.8 is not installed: this test hides it"
hide=()
[ "$(id -u)" -eq 0 ] || hide=(-r)
for real in "$(readlink -f "$library")"; do
  unshare "${hide[@]}" -m sh -c '
    mount --bind /dev/null "$1" || exit 9
    shift
    exec "$@"' sh "$real" "${with_library[@]}" /usr/bin/python3 -c 'x = ["y" * 100000 for _ in range(2000)]; print(len(x))' \
    >"$scratch/out" 2>"$scratch/err" || fail "ended with $?: $(cat "$scratch/err")"
done
[ "$(cat "$scratch/out")" = 2000 ] || fail "the answer was '$(cat "$scratch/out")'"
sampled python3.11
dump=$(dumps_of python3.11 | head -n 1)
gunzip -c "$dump" | strings | grep -qE '^(frame-pointer|eh-frame|libgcc)$' || fail "the dump does not name its unwinder"
[ ! -s "$scratch/err" ] || fail "stderr is not empty: $(cat "$scratch/err")"
echo "without libunwind: $(gunzip -c "$dump" | strings | grep -E '^(frame-pointer|eh-frame|libgcc|none)$' | sort -u | tr '\n' ' ')"

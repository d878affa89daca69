#!/usr/bin/env bash
# In a program linked against jemalloc, preloading wins for malloc; mallctl goes on answering for jemalloc, which is empty.
. "$(dirname "$0")/../lib.sh"
jemalloc=$(ldconfig -p | awk '/libjemalloc\.so\.2/ && !found++ { print $NF }')
gcc -O1 -fno-builtin -o "$scratch/linked_to_jemalloc" "$(dirname "$0")/linked_to_jemalloc.c" "$jemalloc"
"$scratch/linked_to_jemalloc" >"$scratch/alone" || fail "without the library it ended with $?"
grep -q "1 MiB or more" "$scratch/alone" || fail "the control is wrong: $(cat "$scratch/alone")"
"${with_library[@]}" "$scratch/linked_to_jemalloc" >"$scratch/with" || fail "ended with $?"
grep -q "usable 1, jemalloc's own allocated below 1 MiB" "$scratch/with" || fail "said: $(cat "$scratch/with")"
sampled linked_to_jemalloc
echo "linked to jemalloc: $(cat "$scratch/with")"

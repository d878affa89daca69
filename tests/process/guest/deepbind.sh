#!/usr/bin/env bash
# A plugin opened with RTLD_DEEPBIND frees what the program allocated, and is found by the RUNPATH of the program that asked.
. "$(dirname "$0")/../lib.sh"
sources=$(dirname "$0")
mkdir "$scratch/plugins"
gcc -O1 -fno-builtin -shared -fPIC -o "$scratch/plugins/deepbind_plugin.so" "$sources/deepbind_plugin.c"
gcc -O1 -fno-builtin -o "$scratch/deepbind" "$sources/deepbind.c" -Wl,--enable-new-dtags,-rpath,"\$ORIGIN/plugins"
expected="10000 blocks went both ways"
[ "$("$scratch/deepbind")" = "$expected" ] || fail "the control is wrong"
for how in sample=0 sample=4k; do
  options "$how"
  said=$("${with_library[@]}" "$scratch/deepbind") || fail "HEAPPROF=$how: ended with $? ($said)"
  [ "$said" = "$expected" ] || fail "HEAPPROF=$how: said $said"
done
sampled deepbind
echo "$said with RTLD_DEEPBIND"

#!/usr/bin/env bash
# Cross-builds the runtime for AArch64, then runs its unit tests, the conformance tests (prefixed, and through the real
# library by LD_PRELOAD) and a short stress under qemu-user. GoogleTest is built from Debian's sources, once.
# usage: run.sh [build directory]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:-$root/build/aarch64}
jobs=$(nproc)
emulator=(qemu-aarch64 -L /usr/aarch64-linux-gnu)
for tool in aarch64-linux-gnu-g++ qemu-aarch64 cmake ninja; do
  command -v "$tool" >/dev/null || { echo "$0: $tool is missing: apt-get install g++-aarch64-linux-gnu qemu-user cmake ninja-build" >&2; exit 1; }
done
[ -f /usr/src/googletest/CMakeLists.txt ] || { echo "$0: no /usr/src/googletest: apt-get install googletest" >&2; exit 1; }
mkdir -p "$build"
build=$(cd "$build" && pwd)
log=$build/run.log

quietly() { "$@" >"$log" 2>&1 || { tail -n 60 "$log" >&2; exit 1; }; }

# The prefix is a root of its own, so that nothing of the host's can be taken for the target's.
gtest=$build/googletest
if [ ! -f "$gtest/prefix/done" ]; then
  quietly cmake -G Ninja -S /usr/src/googletest -B "$gtest/build" -DCMAKE_TOOLCHAIN_FILE="$root/cmake/aarch64.cmake" \
    -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$gtest/prefix" -DCMAKE_INSTALL_LIBDIR=lib
  quietly ninja -C "$gtest/build" -j "$jobs" install
  touch "$gtest/prefix/done"
fi
quietly cmake -G Ninja -S "$root" -B "$build/main" -DCMAKE_TOOLCHAIN_FILE="$root/cmake/aarch64.cmake" \
  -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_FIND_ROOT_PATH="$gtest/prefix" \
  -DHEAPPROF_BUILD_PROFILER=OFF -DHEAPPROF_BUILD_GUI=OFF

# Cases of the second list count or begin with an untouched heap, so each runs in a process of its own, as under ctest.
together=(runtime_base_test runtime_config_test conformance)
apart=(runtime_meta_test runtime_os_test runtime_pages_test runtime_heap_test runtime_sampling_test)
quietly ninja -C "$build/main" -j "$jobs" "${together[@]}" "${apart[@]}" heapprof_runtime conformance_real conformance_lifecycle stress
bin=$build/main/bin
cd "$build" # dumps that a test leaves behind stay here
library=$build/main/lib/libheapprof.so
case $(file -b "$library" 2>/dev/null || aarch64-linux-gnu-readelf -h "$library") in
  *aarch64* | *AArch64*) ;;
  *) echo "$0: $library is not for AArch64" >&2; exit 1 ;;
esac

passed=0 failed=0
check() { # name, command...
  local name=$1 start=$SECONDS
  shift
  if timeout 300 "$@" >"$build/$name.log" 2>&1; then
    passed=$((passed + 1))
    echo "ok    $name ($((SECONDS - start)) s$(sed -n 's/^\[  PASSED  \] \([0-9]*\) tests*\./, \1 tests/p' "$build/$name.log"))"
  else
    failed=$((failed + 1))
    echo "FAIL  $name: $build/$name.log"
    grep -E '^\[  FAILED|Failure|rror|fatal|heapprof:|stress' "$build/$name.log" | head -n 20 || tail -n 20 "$build/$name.log"
  fi
}
run_case() { # test case: in a process of its own; leaves its output and one word of verdict beside it
  local out=$build/$1.${2//\//_}
  if ! timeout 300 "${emulator[@]}" "$bin/$1" --gtest_filter="$2" >"$out.log" 2>&1; then
    echo bad >"$out.verdict"
  elif grep -q '^\[  SKIPPED \]' "$out.log"; then
    echo skipped >"$out.verdict"
  else
    echo good >"$out.verdict"
  fi
}
cases_of() { # test: Suite.Case, one a line
  local suite='' case
  while IFS= read -r case; do
    case=${case%%#*}
    case $case in
      [!\ ]*.*) suite=${case// /} ;;
      \ *) printf '%s\n' "$suite${case// /}" ;;
    esac
  done < <("${emulator[@]}" "$bin/$1" --gtest_list_tests)
}
check_apart() { # test: one line for all its cases, and one for each that fails or is skipped
  local test=$1 start=$SECONDS case good=0 skipped=0 bad=0
  local -a cases
  mapfile -t cases < <(cases_of "$test")
  for case in "${cases[@]}"; do
    while [ "$(jobs -pr | wc -l)" -ge "$jobs" ]; do wait -n || true; done
    run_case "$test" "$case" &
  done
  wait
  for case in "${cases[@]}"; do
    local out=$build/$test.${case//\//_}
    case $(cat "$out.verdict" 2>/dev/null) in
      good) good=$((good + 1)); rm -f "$out.log" ;;
      skipped) skipped=$((skipped + 1)); sed -n '/: Skipped/{n;s/^/skip  '"$test"': /p}' "$out.log" ;;
      *) bad=$((bad + 1)); echo "FAIL  $test $case: $out.log"; grep -E 'Failure|fatal|heapprof:' -A4 "$out.log" | head -n 12 ;;
    esac
    rm -f "$out.verdict"
  done
  [ "$bad" -gt 0 ] || echo "ok    $test ($((SECONDS - start)) s, $good cases, $skipped skipped)"
  passed=$((passed + (bad == 0 && good > 0))) failed=$((failed + (bad > 0 || good == 0)))
}
for test in "${together[@]}"; do check "$test" "${emulator[@]}" "$bin/$test"; done
for test in "${apart[@]}"; do check_apart "$test"; done
preload=(-E "LD_PRELOAD=$library" -E HEAPPROF_TEST_EXPECTS=libheapprof.so)
check conformance_lifecycle.preload "${emulator[@]}" "${preload[@]}" "$bin/conformance_lifecycle"
check conformance_real.preload "${emulator[@]}" "${preload[@]}" "$bin/conformance_real"
check conformance_real.sampling "${emulator[@]}" "${preload[@]}" -E "HEAPPROF=sample=4k,path=$build/%p.%n.pb.gz" \
  "$bin/conformance_real"
rm -f "$build"/*.pb.gz
# qemu emulates threads faithfully, but signals and forks of threaded programs less so: these stay native tests.
check stress env STRESS_SECONDS=0.3 "${emulator[@]}" "$bin/stress" --gtest_filter='*/RandomOps*:*/Threads.*'
echo "aarch64: $passed passed, $failed failed, $SECONDS s"
[ "$failed" -eq 0 ]

#!/usr/bin/env bash
# The README's test command: installs what is missing, lints, builds, runs every test, and ends with ctest's own summary.
# `tests/run.sh release` (or lint, tsan, aarch64, asan) runs one part only; the last three are not run without being named.
# Quick the second time: only what changed is built.
set -euo pipefail
cd "$(dirname "$0")/.."
jobs=$(nproc)
parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=(lint release)

step() { printf '\n== %s (%d s)\n' "$1" "$SECONDS"; }

build() { # preset: configures quietly, builds with ninja's progress, prints output only on failure
  local log
  log=$(mktemp)
  cmake --preset "$1" >"$log" 2>&1 || { cat "$log" >&2; return 1; }
  if [ -t 1 ]; then
    cmake --build --preset "$1" -j "$jobs"
  else
    cmake --build --preset "$1" -j "$jobs" >"$log" 2>&1 || { grep -vE '^\[[0-9]+/[0-9]+\] (Building|Linking|Generating)' "$log" | tail -n 80 >&2; return 1; }
    tail -n 1 "$log"
  fi
  rm -f "$log"
}

# Left out by label: "long", the cells of the sampler's law that take many CPU minutes; under sanitizers all of "law".
test_preset() { # preset
  local left_out='^long$'
  [ "$1" = release ] || left_out='^(long|law)$'
  ctest --preset "$1" -j "$jobs" --timeout 600 -LE "$left_out"
}

step "packages"
tests/install_dependencies.sh --tests

for part in "${parts[@]}"; do
  step "$part"
  case "$part" in
    lint) tests/lint/run.sh ;;
    aarch64) tests/aarch64/run.sh ;;
    release | asan | tsan)
      build "$part"
      test_preset "$part"
      ;;
    *)
      echo "tests/run.sh: no part '$part'; parts are lint tsan asan aarch64 release" >&2
      exit 2
      ;;
  esac
done

#!/usr/bin/env bash
# Every lint of the house: layers, formatting, file and function sizes, clang-tidy. Prints only what is wrong.
set -euo pipefail
cd "$(dirname "$0")/../.."

status=0
python3 tests/lint/layers.py . || status=1
python3 tests/lint/layers.py --self-test || status=1
python3 tests/lint/sizes.py . || status=1

mapfile -t sources < <(git ls-files '*.h' '*.cpp' '*.c' '*.cc')
if ! badly=$(clang-format --dry-run --Werror "${sources[@]}" 2>&1); then
  grep -E 'error:' <<<"$badly" | sed 's/ \[-Wclang-format-violations\]//' | sort -u -t: -k1,1 | head -20
  status=1
fi

for script in $(git ls-files '*.sh' .ci/run); do
  bash -n "$script" || status=1
  [ -x "$script" ] || { echo "$script: not executable; chmod +x it"; status=1; }
done

if [ "$status" -eq 0 ]; then
  echo "lint: ${#sources[@]} source files, clean"
fi
exit "$status"

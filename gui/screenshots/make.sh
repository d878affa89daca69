#!/usr/bin/env bash
# Makes the pictures beside it from the redis pair. Usage: gui/screenshots/make.sh [BUILD] (build/release)
# Look at each one afterwards.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:-build/release}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# Not below this folder: About the dump shows where it was recorded, which says nothing to anybody else.
export HEAPPROF_RECORDING=/tmp/heapprof-recording
samples/run.sh >"$scratch/log" 2>&1 || { cat "$scratch/log" >&2; exit 1; }
mapfile -t dumps < <(find "$HEAPPROF_RECORDING" -name 'heapprof.*.pb.gz' | sort -V)
[ ${#dumps[@]} -eq 2 ] || { echo "expected two dumps in $HEAPPROF_RECORDING" >&2; exit 1; }
cp "${dumps[0]}" "$scratch/redis-before.pb.gz"
cp "${dumps[1]}" "$scratch/redis-after.pb.gz"
rm -rf "$HEAPPROF_RECORDING"
gui=$PWD/$build/bin/heapprof-gui
here=$PWD/gui/screenshots
cd "$scratch" # so that the pictures show file names, not this machine's folders
for page in overview flame functions leaks frag map purge timeline compare info; do
  "$gui" --screenshot "$page" redis-after.pb.gz --base redis-before.pb.gz -o "$here/$page.png"
done

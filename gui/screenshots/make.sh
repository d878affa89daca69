#!/usr/bin/env bash
# Makes the pictures beside it from the redis pair. Usage: gui/screenshots/make.sh [BUILD] (build/release)
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:-build/release}
samples/run.sh >/dev/null
mapfile -t dumps < <(find "$build/recording" -name 'heapprof.*.pb.gz' | sort -V)
[ ${#dumps[@]} -eq 2 ] || { echo "expected two dumps in $build/recording" >&2; exit 1; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cp "${dumps[0]}" "$scratch/redis-before.pb.gz"
cp "${dumps[1]}" "$scratch/redis-after.pb.gz"
gui=$PWD/$build/bin/heapprof-gui
here=$PWD/gui/screenshots
cd "$scratch" # so that the pictures show file names, not this machine's folders
for page in overview flame functions map compare info; do
  "$gui" --screenshot "$page" redis-after.pb.gz --base redis-before.pb.gz -o "$here/$page.png"
done

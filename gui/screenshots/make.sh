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
built=$PWD/$build
gui=$built/bin/heapprof-gui
here=$PWD/gui/screenshots
cd "$scratch" # so that the pictures show file names, not this machine's folders
for page in overview flame functions leaks frag map compare info; do
  "$gui" --screenshot "$page" redis-after.pb.gz --base redis-before.pb.gz -o "$here/$page.png"
done

# Purging and the timeline want seconds: values that come and go, twelve times, and a rest.
socket=$scratch/redis.sock
redis() { redis-cli -s "$socket" "$@" >/dev/null; }
HEAPPROF_LIBRARY=$built/lib/libheapprof.so "$built/bin/heapprof" run -q --sample 64k --dump signal:USR2 --output "$scratch/waves" -- \
  redis-server --port 0 --unixsocket "$socket" --save '' --appendonly no --dir "$scratch" --enable-debug-command local >"$scratch/log" 2>&1 &
running=$!
until redis ping 2>/dev/null; do sleep 0.1; done
redis debug populate 100000 kept 100
for wave in {1..12}; do
  redis debug populate $((100000 + 10000 * (wave % 4))) wave 300
  sleep 0.7
  redis eval 'for i = 0, 129999 do if i % 50 ~= 0 then redis.call("del", "wave:" .. i) end end' 0
  sleep 1.3
done
sleep 4
kill -USR2 "$running"
until dump=$(find "$scratch/waves" -name '*.pb.gz' | grep .); do sleep 0.1; done
redis shutdown nosave || true
wait "$running" || true
cp "$dump" redis-waves.pb.gz
for page in purge timeline; do "$gui" --screenshot "$page" redis-waves.pb.gz -o "$here/$page.png"; done

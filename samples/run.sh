#!/usr/bin/env bash
# The README's first command, for a fresh Debian 12 (root or sudo): installs what is missing, builds, records redis with the
# runtime, and shows where its memory went, what grew between two dumps, and how to look at both in the window.
# A second run takes seconds: only what changed is built. Where there is no redis-server, the leak sample is recorded.
set -euo pipefail
cd "$(dirname "$0")/.."
build=build/release
recording=${HEAPPROF_RECORDING:-$build/recording} # where the dumps go, instead of those of the last run

step() { printf '\n== %s\n' "$*"; }
fail() {
  printf 'samples/run.sh: %s\n' "$*" >&2
  exit 1
}

log=$(mktemp)
running=
# The server is asked to end by the signal that `heapprof run` passes on.
cleanup() {
  [ -z "$running" ] || kill -TERM "$running" 2>/dev/null || true
  rm -f "$log"
}
trap cleanup EXIT

step "packages"
tests/install_dependencies.sh

step "build (minutes the first time, seconds after that)"
[ -e "$build/build.ninja" ] || cmake --preset release >"$log" 2>&1 || { cat "$log" >&2; fail "cmake failed"; }
targets=(heapprof heapprof_runtime heapprof-gui heapprof_samples)
if [ -t 1 ]; then
  cmake --build "$build" --target "${targets[@]}" || fail "the build failed"
else
  cmake --build "$build" --target "${targets[@]}" >"$log" 2>&1 || { tail -n 40 "$log" >&2; fail "the build failed"; }
  tail -n 1 "$log"
fi
heapprof=$PWD/$build/bin/heapprof
export HEAPPROF_LIBRARY=$PWD/$build/lib/libheapprof.so

mkdir -p "$recording"
find "$recording" -maxdepth 1 -name 'heapprof.*.pb.gz*' -delete

# wait_for WHAT COMMAND...: until it succeeds, at most 60 s.
wait_for() {
  local what=$1 deadline=$((SECONDS + 60))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || { tail -n 20 "$recording/log" >&2; fail "gave up waiting for $what"; }
    kill -0 "$running" 2>/dev/null || { tail -n 20 "$recording/log" >&2; fail "the program ended while waiting for $what"; }
    sleep 0.05
  done
}
dumps() { find "$recording" -name 'heapprof.*.pb.gz' | sort; }
dumps_are() { [ "$(dumps | wc -l)" -eq "$1" ]; }
take_dump() { # number
  kill -USR2 "$running"
  wait_for "dump $1" dumps_are "$1"
}

record_redis() {
  local socket
  socket=$(mktemp -u /tmp/heapprof-redis.XXXXXX)
  redis() { redis-cli -s "$socket" "$@"; }
  "$heapprof" run -q --sample 64k --dump signal:USR2 --output "$recording" -- \
    redis-server --port 0 --unixsocket "$socket" --save '' --appendonly no --dir "$(realpath "$recording")" \
    --enable-debug-command local >"$recording/log" 2>&1 &
  running=$!
  wait_for "redis" redis ping
  echo "redis: 100,000 small values, then a dump"
  redis debug populate 100000 small 50 >/dev/null
  take_dump 1
  echo "redis: 300,000 more of 200 bytes, a list of 200,000, half of the first deleted; then a second dump"
  redis debug populate 300000 session 200 >/dev/null
  redis eval 'for i = 1, 200000 do redis.call("rpush", "events", "event " .. i) end' 0 >/dev/null
  redis eval 'for i = 0, 99999, 2 do redis.call("del", "small:" .. i) end' 0 >/dev/null
  take_dump 2
  redis shutdown nosave >/dev/null 2>&1 || true
  wait "$running" || fail "redis ended with $?: $(tail -n 3 "$recording/log")"
  running=
}

record_leak() {
  echo "no redis-server here: the leak sample instead"
  "$heapprof" run -q --sample 64k --output "$recording" -- "$build/samples/leak"
}

step "record a real program"
if command -v redis-server >/dev/null && command -v redis-cli >/dev/null; then record_redis; else record_leak; fi
mapfile -t files < <(dumps)
[ ${#files[@]} -eq 2 ] || fail "expected two dumps in $recording, found ${#files[@]}"
before=${files[0]} after=${files[1]}

step "where its memory went: heapprof summary $after"
"$heapprof" summary "$after"
step "what grew, and who holds it: heapprof diff $before $after"
"$heapprof" diff --nodecount 10 "$before" "$after"
step "who holds most: heapprof top $after"
"$heapprof" top -nodecount=10 "$after"

step "look at it"
echo "$build/bin/heapprof-gui --base $before $after"
if [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
  setsid "$build/bin/heapprof-gui" --base "$before" "$after" >/dev/null 2>&1 &
  echo "(opened)"
else
  echo "(no display here: --screenshot overview FILE -o overview.png draws a page without one)"
fi

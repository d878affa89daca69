#!/usr/bin/env bash
# redis-server under redis-benchmark: dumps by signal while it works, sampled and not; the waterfall's lines make up RSS.
. "$(dirname "$0")/../lib.sh"

under_load() { # sampled|off options
  local mode=$1 taken=0 server load
  options "$2,dump=signal:USR2"
  rm -f "$scratch/dumps/"*
  "${with_library[@]}" redis-server --port 0 --unixsocket "$scratch/socket" --save '' --appendonly no --dir "$scratch" \
    >"$scratch/log" 2>&1 &
  server=$!
  started+=("$server")
  wait_for 60 redis-cli -s "$scratch/socket" ping
  redis-benchmark -s "$scratch/socket" -n 150000 -r 300000 -d 200 -P 16 -q -t set,lpush,hset,sadd >"$scratch/benchmark" 2>&1 &
  load=$!
  started+=("$load")
  while kill -0 "$load" 2>/dev/null && [ "$taken" -lt 6 ]; do
    sleep 0.2
    take_dump "$server"
    taken=$((taken + 1))
  done
  [ "$taken" -ge 2 ] || fail "the load ended before two dumps could be taken under it"
  wait "$load" || fail "redis-benchmark failed: $(tail -n 3 "$scratch/benchmark")"
  take_dump "$server" # and once at rest
  redis-cli -s "$scratch/socket" shutdown nosave >/dev/null 2>&1 || true
  wait "$server" || fail "redis-server ended with $?: $(tail -n 3 "$scratch/log")"
  sampled "$(executable_of redis-server)"
  dumps_of "$(executable_of redis-server)" | xargs python3 "$(dirname "$0")/check.py" "$mode"
}

under_load sampled sample=64k
under_load off sample=0

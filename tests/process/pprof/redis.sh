#!/usr/bin/env bash
# Two dumps of redis-server with a data set between them: pprof and heapprof say the same of them.
. "$(dirname "$0")/../lib.sh"

options sample=64k,dump=signal:USR2
"${with_library[@]}" redis-server --port 0 --unixsocket "$scratch/socket" --save '' --appendonly no --dir "$scratch" \
  --enable-debug-command local >"$scratch/log" 2>&1 &
server=$!
started+=("$server")
wait_for 60 redis-cli -s "$scratch/socket" ping
for round in 1 2; do
  redis-cli -s "$scratch/socket" debug populate $((round * 60000)) key 100 >/dev/null
  redis-benchmark -s "$scratch/socket" -q -n 4000 -r 1000 -t set,lpush,hset,sadd,zadd,lrange_100 >/dev/null 2>&1
  take_dump "$server"
done
redis-cli -s "$scratch/socket" shutdown nosave >/dev/null 2>&1 || true
prefix=$scratch/dumps/$(executable_of redis-server).$server
python3 "$(dirname "$0")/agree.py" "$scratch" "$prefix.1.pb.gz" "$prefix.2.pb.gz"

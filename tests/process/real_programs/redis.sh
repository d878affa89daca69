#!/usr/bin/env bash
# redis-server under redis-benchmark, sampled: the data set's digest is what it is without the library.
. "$(dirname "$0")/../lib.sh"

serve() { # name command...: starts a server, fills it, writes its answers
  local name=$1 socket=$scratch/$1.socket
  shift
  "$@" redis-server --port 0 --unixsocket "$socket" --save '' --appendonly no --enable-debug-command local \
    --dir "$scratch" >"$scratch/$name.log" 2>&1 &
  local pid=$!
  started+=("$pid")
  wait_for 60 redis-cli -s "$socket" ping
  if [ "$name" = with ]; then
    grep -q libheapprof "/proc/$pid/maps" || fail "redis-server runs without the library"
  fi
  redis-benchmark -s "$socket" -q -n 20000 -c 20 -r 10000 -d 100 -t set,get,incr,lpush,rpop,sadd,hset,zadd,lrange_100,mset \
    >"$scratch/$name.bench" 2>&1 || fail "redis-benchmark failed: $(tail -n 3 "$scratch/$name.bench")"
  redis-cli -s "$socket" flushall >/dev/null
  {
    for i in $(seq 1 2000); do
      echo "SET key:$i $(printf 'value-%d-' "$i"{1..20})"
      echo "HSET hash:$((i % 50)) field:$i value:$i"
      echo "ZADD zset $i member:$i"
      echo "LPUSH list:$((i % 10)) item:$i"
    done
    echo "DEL hash:7"
    echo "SORT list:3 ALPHA LIMIT 0 20"
    echo "ZRANGEBYSCORE zset 100 120"
    echo "DEBUG DIGEST"
    echo "BGSAVE"
  } | redis-cli -s "$socket" >"$scratch/$name.answers"
  wait_for 60 test -s "$scratch/dump.rdb"
  rm -f "$scratch/dump.rdb"
  redis-cli -s "$socket" shutdown nosave 2>/dev/null || true
  wait "$pid" || fail "redis-server ended with $? ($(tail -n 3 "$scratch/$name.log"))"
}
serve without env
serve with "${with_library[@]}"
same "redis commands" "$scratch/without.answers" "$scratch/with.answers"
sampled "$(executable_of redis-server)"
echo "redis: $(wc -l <"$scratch/with.answers") answers the same"

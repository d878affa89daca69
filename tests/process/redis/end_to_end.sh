#!/usr/bin/env bash
# The whole path on redis: dump, DEBUG POPULATE a million values, dump. `heapprof diff` names the function that stores
# the values, and its change of inuse_space is what redis itself reports: within 4 printed standard errors when sampled,
# within 1% at sample=1. KEEP=DIR keeps the two dumps there.
. "$(dirname "$0")/../lib.sh"
interval=$1
values=${2:-1000000}
socket=$scratch/socket
options "sample=$interval,dump=signal:USR2"
"${with_library[@]}" redis-server --port 0 --unixsocket "$socket" --save '' --appendonly no --enable-debug-command local \
  --dir "$scratch" >"$scratch/log" 2>&1 &
redis=$!
started+=("$redis")
wait_for 60 redis-cli -s "$socket" ping

used() { redis-cli -s "$socket" info memory | tr -d '\r' | awk -F: '$1 == "used_memory" { print $2 }'; }
# A few commands first, so that connections and scripts are not part of the growth.
for _ in 1 2 3; do used >"$scratch/first"; done
before=$(used)
take_dump "$redis"
timeout 240 redis-cli -s "$socket" debug populate "$values" >"$scratch/populate" || fail "DEBUG POPULATE: $(cat "$scratch/populate")"
[ "$(redis-cli -s "$socket" dbsize)" = "$values" ] || fail "redis holds $(redis-cli -s "$socket" dbsize) keys"
# The incremental rehash ends while the server is idle; growth is compared at rest.
wait_for 60 sh -c "redis-cli -s $socket debug htstats 0 | grep -q 'rehashing target' && exit 1 || exit 0"
after=$(used)
take_dump "$redis" 120
redis-cli -s "$socket" shutdown nosave 2>/dev/null || true
wait "$redis" || fail "redis-server ended with $?: $(tail -n 3 "$scratch/log")"

first=$scratch/dumps/$(executable_of redis-server).$redis.1.pb.gz
second=$scratch/dumps/$(executable_of redis-server).$redis.2.pb.gz
"${HEAPPROF_CLI:?}" diff "$first" "$second" >"$scratch/diff.txt" || fail "heapprof diff ended with $?"
"$HEAPPROF_CLI" diff --format json --nodecount 0 "$first" "$second" >"$scratch/diff.json" || fail "heapprof diff ended with $?"
cat "$scratch/diff.txt"
python3 - "$scratch/diff.json" "$before" "$after" "$interval" <<'P'
import json, sys
diff = json.load(open(sys.argv[1]))
before, after, interval = int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
facts, rows = diff["facts"], diff["tables"]["diff"]["rows"]
told, change, error = after - before, facts["change"], facts["change_stderr"]
print(f"redis's used_memory grew by {told}; heapprof diff says {change:.0f} +- {error:.0f}: "
      f"{(change - told) / told:+.3%}" + (f", {(change - told) / error:+.2f} standard errors" if error else ""))
assert facts["metric"] == "inuse_space", facts
if interval == "1":
    assert abs(change - told) <= 0.01 * told, "more than 1% from redis's own report at sample=1"
else:
    assert error > 0, "no standard error"
    assert abs(change - told) <= 4 * error, "more than 4 standard errors from redis's own report"
# In redis 7.0 DEBUG POPULATE makes each value by createStringObject (sdsnewlen + createObject inlined or called) and
# stores it with dbAdd: the rows that hold the growth must name these.
owners = {}
for row in rows:
    owners[row["owner"]] = owners.get(row["owner"], 0) + row["change"]
ranked = sorted(owners.items(), key=lambda item: -item[1])
print("by function: " + ", ".join(f"{name} {value / 2**20:.1f} MiB" for name, value in ranked[:6]))
storing = {"createStringObject", "createRawStringObject", "createEmbeddedStringObject", "sdsnewlen", "_sdsnewlen",
           "sdsdup", "dbAdd", "dictAddRaw", "dictAdd"}
# The value and its table entry are of about the same size: either may come first.
assert "createEmbeddedStringObject" in [name for name, _ in ranked[:2]], "who makes the values is not among the first two"
assert ranked[0][0] in storing, f"{ranked[0][0]} stores no value"
values = sum(value for name, value in ranked if name in storing)
assert values > 0.5 * change, "the storing functions hold less than half of the growth"
P
if [ -n "${KEEP:-}" ]; then
  mkdir -p "$KEEP"
  cp "$first" "$KEEP/redis-before.pb.gz"
  cp "$second" "$KEEP/redis-after.pb.gz"
  cp "$scratch/diff.txt" "$KEEP/diff.txt"
fi

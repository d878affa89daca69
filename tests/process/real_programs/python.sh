#!/usr/bin/env bash
# python3 with PYTHONMALLOC=malloc on a JSON script and a threads script: the same output.
. "$(dirname "$0")/../lib.sh"
export PYTHONMALLOC=malloc PYTHONHASHSEED=1
python=/usr/bin/python3

cat >"$scratch/json_script.py" <<'P'
import hashlib, json, random
random.seed(7)
def make(depth):
    if depth == 0:
        return random.choice([random.random(), "x" * random.randrange(200), None, random.randrange(10**9)])
    return {f"k{i}": make(depth - 1) for i in range(6)} if depth % 2 else [make(depth - 1) for _ in range(6)]
digest = hashlib.sha256()
for round in range(6):
    text = json.dumps([make(5) for _ in range(2)], sort_keys=True)
    digest.update(json.dumps(json.loads(text), indent=1, sort_keys=True).encode())
print(digest.hexdigest())
P
cat >"$scratch/threads_script.py" <<'P'
import hashlib, queue, threading
work, results = queue.Queue(), {}
lock = threading.Lock()
def worker():
    while (item := work.get()) is not None:
        data = [bytes([item % 251]) * (i % 3000) for i in range(400)]
        digest = hashlib.sha256(b"".join(data)).hexdigest()
        with lock:
            results[item] = digest
for generation in range(5):
    threads = [threading.Thread(target=worker) for _ in range(8)]
    for t in threads: t.start()
    for item in range(generation * 100, generation * 100 + 100): work.put(item)
    for _ in threads: work.put(None)
    for t in threads: t.join()
print(len(results), hashlib.sha256(repr(sorted(results.items())).encode()).hexdigest())
P
for script in json_script threads_script; do
  "$python" "$scratch/$script.py" >"$scratch/$script.without"
  "${with_library[@]}" "$python" "$scratch/$script.py" >"$scratch/$script.with" || fail "$script ended with $?"
  same "$script" "$scratch/$script.without" "$scratch/$script.with"
done
sampled "$(basename "$(readlink -f "$python")")"
echo "python: $(dumps_of "$(basename "$(readlink -f "$python")")" | wc -l) dumps, answers the same"

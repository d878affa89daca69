#!/usr/bin/env bash
# python3 with threads that make and parse JSON: dumps by signal while they work; in each, the lines make up RSS.
. "$(dirname "$0")/../lib.sh"

cat >"$scratch/load.py" <<'P'
import json, os, signal, threading

def work(seed):
    kept = []
    for round in range(18):
        rows = [{"id": i * seed, "name": str(i) * 3, "list": list(range(i % 20))} for i in range(4000)]
        kept.append(json.loads(json.dumps(rows))[:: seed + 1])
        if len(kept) > 6:
            kept.pop(round % 5)
        if seed == 0 and round % 4 == 3:
            os.kill(os.getpid(), signal.SIGUSR2)

threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
P
python=/usr/bin/python3
for run in "sampled sample=64k" "off sample=0"; do
  read -r mode setting <<<"$run"
  rm -f "$scratch/dumps/"*
  options "$setting,dump=signal:USR2"
  PYTHONMALLOC=malloc "${with_library[@]}" "$python" "$scratch/load.py" || fail "python ended with $?"
  sampled "$(executable_of "$python")"
  dumps_of "$(executable_of "$python")" | xargs "$python" "$(dirname "$0")/check.py" "$mode"
done

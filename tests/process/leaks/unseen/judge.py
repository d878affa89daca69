"""judge.py SOURCE LEAKS_JSON LABEL: the verdict lines of `heapprof leaks --all --format=json`, and whether they agree
with SOURCE's line "// TRUTH: none" or "// TRUTH: leak FUNCTION...": a leak must be called growing in a stack that
holds one of its functions; nothing else may be."""

import json
import re
import sys

source, leaks, label = sys.argv[1:]
with open(source, encoding="utf-8") as file:
    words = re.search(r"^// TRUTH: (.*)$", file.read(), re.M).group(1).split()
leaking = words[1:] if words[0] == "leak" else []
with open(leaks, encoding="utf-8") as file:
    rows = json.load(file)["tables"]["leaks"]["rows"]


def is_leak(row):
    names = re.split(r"[^\w]+", row["stack"])
    return any(name in names for name in leaking)


growing = [row for row in rows if row["verdict"] == "growing"]
found = [row for row in growing if is_leak(row)]
extra = [row for row in growing if not is_leak(row)]
old = [row for row in rows if row["verdict"].startswith("old")]
wrong = (["missed"] if leaking and not found else []) + [f"called growing: {row['owner']}" for row in extra]
print(f"-- {label}: {'WRONG, ' + ', '.join(wrong) if wrong else 'right'}" + (f"; {len(old)} old" if old else ""))
for row in rows:
    if row["verdict"] in ("few samples",) and row["live"] < 1 << 19:
        continue
    leaf = "leak" if is_leak(row) else "    "
    print(
        f"   {leaf} {row['verdict']:15} live {row['live'] / 2**20:6.2f}M growth {row['growth'] / 2**20:+6.2f}M"
        f" ± {row['growth_stderr'] / 2**20:.2f}M  {row['owner']}  {row['place'].rsplit('/', 1)[-1]}"
    )
    print(f"          because: {row['evidence']}")

"""Grows a little at a time, for a minute at most: the program that is looked at."""
import sys
import time

kept = []
print("ready", flush=True)
for _ in range(600):
    kept.append(bytearray(b"x") * 200_000)
    kept.append([str(i) for i in range(500)])
    time.sleep(0.1)
    if len(sys.argv) > 1 and len(kept) >= 2 * int(sys.argv[1]):
        break

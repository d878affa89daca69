#!/usr/bin/env python3
"""What purging says it has returned, against the drop of RSS and of the cgroup's charge: within 2% of each, and less than 2% of
RSS unattributed in both dumps. Every way at the same time, each in a cgroup of its own (v2, else v1; without one that
may be made here only RSS is compared, and it says so).

Environment: HEAPPROF_LIBRARY, HEAPPROF_CLI, HEAPPROF_BIN (set by CTest). Exit 1 when a figure is off."""
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

TOLERANCE = 0.02
# name, HEAPPROF, seconds at the top (forming needs some), blocks, asked by heapprof_purge
WAYS = [("mixed", "thp=never", 1, "mixed", 0),
        ("mixed, huge pages formed", "thp=auto", 6, "mixed", 0),
        ("mixed, eager", "thp=never,purge=eager", 1, "mixed", 0),
        ("mixed, asked", "thp=auto,purge=never", 6, "mixed", 1),
        ("large", "thp=never", 1, "large", 0)]


class Cgroup:
    """A cgroup below this process's own; `charge` is the file to read, None where none can be made."""

    def __init__(self, name):
        self.folder = self.charge = None
        lines = [line.split(":", 2) for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines()]
        for _, controllers, own in lines:
            v1 = "memory" in controllers.split(",")
            if not v1 and controllers:
                continue
            mount = pathlib.Path("/sys/fs/cgroup/memory" if v1 else "/sys/fs/cgroup")
            charge = "memory.usage_in_bytes" if v1 else "memory.current"
            # In a container the path may be of another namespace: then its root is this one's own.
            for parent in (mount / own.strip().lstrip("/"), mount):
                folder = parent / f"heapprof-{os.getpid()}-{name}"
                with contextlib.suppress(OSError):
                    folder.mkdir()
                    if (folder / charge).exists():
                        self.folder, self.charge = folder, folder / charge
                        return
                    folder.rmdir()

    def enter(self):
        if self.folder:
            (self.folder / "cgroup.procs").write_text(str(os.getpid()))

    def remove(self):
        if self.folder:
            self.folder.rmdir()


def facts(verb, dump):
    out = subprocess.run([os.environ["HEAPPROF_CLI"], verb, "--format", "json", str(dump)], check=True,
                         stdout=subprocess.PIPE).stdout
    return json.loads(out)["facts"]


def start(way, cgroup, folder):
    name, options, top, blocks, asked = way
    env = dict(os.environ, HEAPPROF=f"sample=0,dump=none,control=0,{options}", LD_PRELOAD=os.environ["HEAPPROF_LIBRARY"])
    command = [os.environ["HEAPPROF_BIN"] + "/returned_falls", "192", str(top), blocks, str(asked), folder]
    return subprocess.Popen(command + ([str(cgroup.charge)] if cgroup.charge else []), env=env, text=True,
                            stdout=subprocess.PIPE, preexec_fn=cgroup.enter)


def judge(name, what, returned, dropped):
    share = returned / dropped - 1 if dropped > 0 else float("inf")
    good = abs(share) <= TOLERANCE
    print(f"{'ok  ' if good else 'FAIL'} {name}: returned {returned / 2**20:.2f} MiB, {what} fell by {dropped / 2**20:.2f} MiB"
          f" ({share:+.2%}, bound {TOLERANCE:.0%})")
    return good


def compare(way, process, folder):
    name = way[0]
    out, _ = process.communicate(timeout=60)
    if process.returncode != 0:
        sys.exit(f"{name}: the program ended with {process.returncode}")
    rss_before, charge_before, rss_after, charge_after = map(int, out.split())
    before, after = pathlib.Path(folder) / "before.pb.gz", pathlib.Path(folder) / "after.pb.gz"
    returned = facts("purge", after)["returned"] - facts("purge", before)["returned"]
    good = judge(name, "RSS", returned, rss_before - rss_after)
    if charge_before >= 0:
        good = judge(name, "the cgroup's charge", returned, charge_before - charge_after) and good
    return good


def main():
    good = True
    with tempfile.TemporaryDirectory(prefix="heapprof-returned.") as scratch:
        runs = []
        for number, way in enumerate(WAYS):
            cgroup = Cgroup(str(number))
            if not cgroup.charge and number == 0:
                print("no memory cgroup can be made here: the charge is not compared")
            folder = pathlib.Path(scratch) / str(number)
            folder.mkdir()
            runs.append((way, cgroup, start(way, cgroup, str(folder)), str(folder)))
        for way, cgroup, process, folder in runs:
            good = compare(way, process, folder) and good
            cgroup.remove()
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()

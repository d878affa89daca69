"""A memory cgroup of its own for one run, version 1 or 2, without swap; removed afterwards."""
import os
import pathlib
import subprocess
import time


def memory_parent():
    """(folder, version) under which a memory cgroup can be made; SystemExit says why not."""
    own = {}  # controllers -> path
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        own[controllers] = path
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        before, after = line.split(" - ")
        folder = pathlib.Path(before.split()[4])
        kind, _, options = after.split()[:3]
        if kind == "cgroup" and "memory" in options.split(","):
            path = next((path for names, path in own.items() if "memory" in names.split(",")), "/")
            below = folder / path.lstrip("/")
            return (below if below.is_dir() else folder), 1
        # A process may not live in an inner node of version 2, so the box lies beside our own cgroup.
        if kind == "cgroup2":
            beside = (folder / own.get("", "/").lstrip("/")).parent
            for parent in (beside, folder):
                control = parent / "cgroup.subtree_control"
                if folder in (parent, *parent.parents) and control.exists() and "memory" in control.read_text().split():
                    return parent, 2
    raise SystemExit("no memory cgroup can be made here: there is neither a version 1 memory hierarchy nor a version 2 "
                     "folder with `memory` in cgroup.subtree_control")


class Box:
    def __init__(self, limit_bytes):
        parent, self.version = memory_parent()
        self.folder = parent / f"heapprof-box.{os.getpid()}"
        try:
            self.folder.mkdir()
            if self.version == 1:
                self.put("memory.limit_in_bytes", limit_bytes)
                self.put("memory.memsw.limit_in_bytes", limit_bytes, needed=False)
            else:
                self.put("memory.max", limit_bytes)
                self.put("memory.swap.max", 0, needed=False)
        except OSError as error:
            self.remove()
            raise SystemExit(f"{self.folder}: {error.strerror}; this needs root, or a delegated cgroup") from error

    def put(self, name, value, needed=True):
        path = self.folder / name
        if path.exists() or needed:
            path.write_text(str(value))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()

    def remove(self):
        for _ in range(100):  # the last of a killed process may still be leaving
            try:
                self.folder.rmdir()
                return
            except FileNotFoundError:
                return
            except OSError:
                time.sleep(0.05)
        print(f"{self.folder} could not be removed")

    def run(self, command, env, timeout):
        def enter():
            (self.folder / "cgroup.procs").write_text(str(os.getpid()))
        return subprocess.run(command, env=env, text=True, capture_output=True, check=False, timeout=timeout,
                              preexec_fn=enter)

    def killed(self):
        """How many processes the kernel has killed here for want of memory."""
        name, key = ("memory.oom_control", "oom_kill") if self.version == 1 else ("memory.events", "oom_kill")
        for line in (self.folder / name).read_text().splitlines():
            if line.split()[0] == key:
                return int(line.split()[1])
        return 0

    def peak_bytes(self):
        """The highest charge; 0: this kernel does not say."""
        path = self.folder / ("memory.max_usage_in_bytes" if self.version == 1 else "memory.peak")  # 2: Linux 5.19
        return int(path.read_text()) if path.exists() else 0

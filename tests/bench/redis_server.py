"""A redis-server of its own for one measurement: a scratch folder, a Unix socket, a given allocator, ended at the end."""
import os
import pathlib
import subprocess
import tempfile
import time

from peers import environment


def libc():
    """Debian's redis is linked with jemalloc: glibc's malloc has to be preloaded like any other."""
    for line in pathlib.Path("/proc/self/maps").read_text().splitlines():
        if line.endswith("/libc.so.6"):
            return line.split()[-1]
    raise SystemExit("no libc.so.6 is mapped in this python: glibc's malloc cannot be preloaded")


class RedisServer:
    def __init__(self, library, options, arguments=()):
        self.folder = tempfile.TemporaryDirectory(prefix="heapprof-redis.")
        self.socket = os.path.join(self.folder.name, "socket")
        options = {key: value.replace("%SCRATCH%", self.folder.name) for key, value in options.items()}
        self.process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", self.socket, "--save", "", "--appendonly", "no",
             "--enable-debug-command", "local", "--dir", self.folder.name, *arguments],
            env=environment(library or libc(), options), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def __enter__(self):
        deadline = time.monotonic() + 30
        while self.command("ping").strip() != "PONG":
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"redis-server did not start: {self.process.stderr.read().decode()[-300:]}")
            time.sleep(0.05)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stderr.close()
        self.folder.cleanup()

    def command(self, *words):
        return subprocess.run(["redis-cli", "-s", self.socket, *map(str, words)], text=True, capture_output=True,
                              env=environment("", {}), check=False).stdout

"""Bad input through the real command line: each verb on each kind of broken file answers with one line that names the
file, the offset, the reason and what to do; exit status 2; within bounds of memory and time. Damaged bytes may also
leave a valid profile: then the answer is exit status 0.

HEAPPROF_GUI, where set, is asked for a screenshot of the same files."""
import gzip
import os
import random
import re
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib

CLI = os.environ["HEAPPROF_CLI"]
GUI = os.environ.get("HEAPPROF_GUI", "")
MIB = 1 << 20
MEMORY = 400 * MIB  # address space of a verb that refuses; the smallest dump needs a tenth of it
SECONDS = 20  # on a busy machine; each takes a tenth of a second
NOBODY = 65534

# Each reads its input whole. FILE is the bad file, GOOD a good one, OUT a name to write to.
VERBS = {
    "info": ["info", "FILE"],
    "summary": ["summary", "FILE"],
    "summary --base": ["summary", "--base", "FILE", "GOOD"],
    "top": ["top", "FILE"],
    "top -diff_base": ["top", "-diff_base", "FILE", "GOOD"],
    "diff base": ["diff", "FILE", "GOOD"],
    "diff new": ["diff", "GOOD", "FILE"],
    "symbolize": ["symbolize", "-o", "OUT", "FILE"],
    "tree": ["tree", "FILE"],
    "peek": ["peek", ".", "FILE"],
    "list": ["list", ".", "FILE"],
    "traces": ["traces", "FILE"],
    "tags": ["tags", "FILE"],
    "raw": ["raw", "FILE"],
    "frag": ["frag", "FILE"],
    "map": ["map", "FILE"],
    "map --base": ["map", "--base", "FILE", "GOOD"],
    "purge": ["purge", "FILE"],
    "leaks": ["leaks", "FILE"],
    "leaks of two": ["leaks", "GOOD", "FILE"],
    "sizes": ["sizes", "FILE"],
    "cost": ["cost", "FILE", "--price", "4.2/GiB-month"],
    "timeline": ["timeline", "FILE"],
    "trend": ["trend", "GOOD", "FILE"],
    "check new": ["check", "FILE", "--base", "GOOD", "--fail-on", "inuse_space:+5%,+1GiB"],
    "check base": ["check", "GOOD", "--base", "FILE", "--fail-on", "inuse_space:+5%,+1GiB"],
    "top of two": ["top", "GOOD", "FILE"],
    "flame": ["flame", "FILE", "-o", "OUT.svg"],
    "flame --base": ["flame", "GOOD", "--base", "FILE", "-o", "OUT.html"],
    "export": ["export", "FILE", "--to", "sql", "-o", "OUT"],
    "merge": ["merge", "GOOD", "FILE", "-o", "OUT"],
    **{f"convert {to}": ["convert", "FILE", "--to", to, "-o", "OUT"]
       for to in ("pprof", "collapsed", "callgrind", "dot", "csv", "json")},
}
# Of a file that can be read, what a verb may refuse by meaning: no offset is to blame then.
MEANING = re.compile(r"holds (no|stacks only)|does not say its geometry|matches? |not compatible|at least two dumps of different times|"
                     r"is in \S* ?, but in|have no sample type in common|periods? ")
SAME_TIME = {"trend"}  # refuses a dump beside itself


def limited():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class Folder:
    """A scratch folder with one real dump in it."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="heapprof-bad-input.")
        os.chmod(self.path, 0o755)
        out = f"{self.path}/good.pb.gz"
        # What nobody frees outlives the interpreter: the dump at the end has live samples.
        script = "import ctypes; kept = [str(i) * 40 for i in range(100000)]; ctypes.pythonapi.Py_IncRef(ctypes.py_object(kept))"
        environment = dict(os.environ, LD_PRELOAD=os.environ["HEAPPROF_LIBRARY"], PYTHONMALLOC="malloc",
                           HEAPPROF=f"sample=64k,seed=1,timeline=1s,path={out}")
        subprocess.run(["/usr/bin/python3", "-c", script], env=environment, check=True, timeout=60)
        self.good = out
        with open(out, "rb") as file:
            self.zipped = file.read()
        self.plain = gzip.decompress(self.zipped)

    def write(self, name, data):
        path = f"{self.path}/{name}"
        with open(path, "wb") as file:
            file.write(data)
        return path


def setUpModule():
    global FOLDER
    FOLDER = Folder()


def tearDownModule():
    shutil.rmtree(FOLDER.path)


def run(verb, path, seconds=SECONDS, **options):
    names = {"FILE": path, "GOOD": FOLDER.good, **{f"OUT{end}": f"{FOLDER.path}/out.pb.gz{end}" for end in ("", ".svg", ".html")}}
    command = [CLI] + [names.get(word, word) for word in VERBS[verb]]
    return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=seconds, preexec_fn=limited, **options)


def left_behind():
    return [f"{FOLDER.path}/{name}" for name in os.listdir(FOLDER.path) if name.startswith("out.pb.gz")]


def clear():
    for path in left_behind():
        shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)


class BadInput(unittest.TestCase):
    def check_refusal(self, verb, path, done, offset=True):
        """The whole contract of a refusal. Gives the line."""
        self.assertEqual(done.returncode, 2, f"{verb} {path}: {done.stdout[:300]}{done.stderr}")
        self.assertEqual(done.stdout, "")
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 1, f"{verb}: {done.stderr}")
        self.assertTrue(lines[0].startswith(f"heapprof: {path}: "), lines[0])
        self.assertIn("; ", lines[0], "says what to do")
        self.assertLess(len(lines[0]), 400 + len(path))
        self.assertTrue(lines[0].isprintable(), repr(lines[0]))
        if offset:
            self.assertRegex(lines[0], r": (compressed )?offset \d+: ")
        self.assertFalse(left_behind(), "half a file was left")
        return lines[0]

    def refused(self, path, reason, offset=True, **options):
        for verb in VERBS:
            with self.subTest(verb=verb, reason=reason):
                line = self.check_refusal(verb, path, run(verb, path, **options), offset)
                self.assertRegex(line, reason)
        if os.environ.get("SHOW"):
            print(line, file=sys.stderr)

    def refused_or_read(self, verb, path):
        """For damage that may by chance leave a valid profile. True: refused."""
        done = run(verb, path)
        if done.returncode == 2:
            by_meaning = "offset" not in done.stderr and MEANING.search(done.stderr)
            if not by_meaning:
                self.check_refusal(verb, path, done)
            else:
                self.assertEqual((done.stdout, len(done.stderr.splitlines())), ("", 1), done.stderr)
            return not by_meaning
        # A gate may trip on figures that were damaged, or sampling may explain them.
        self.assertIn(done.returncode, (0, 1, 3) if verb.startswith("check") else (0,), f"{verb} {path}: {done.stderr}")
        clear()
        return False

    def test_good_file_is_read_by_every_verb_within_the_same_bounds(self):
        for verb in VERBS:
            done = run(verb, FOLDER.good)
            self.assertEqual(done.returncode, 2 if verb in SAME_TIME else 0, f"{verb}: {done.stderr}")
            clear()

    def test_every_verb_that_reads_a_file_is_here(self):
        listed = subprocess.run([CLI, "--help"], capture_output=True, text=True, timeout=SECONDS).stdout
        a_program = {"run", "dump", "ctl", "watch", "bench"}
        the_explorer = {"gui"}  # which reads the file itself, and shows why it cannot
        verbs = set(re.findall(r"^  ([a-z]+) ", listed, re.M)) - a_program - the_explorer
        self.assertEqual(verbs - {command[0] for command in VERBS.values()}, set())

    def test_truncated_anywhere(self):
        for name, data in (("cut.pb.gz", FOLDER.zipped), ("cut.pb", FOLDER.plain)):
            for at in sorted({1, 2, 5, 11, 19} | {len(data) * part // 16 for part in range(1, 16)} |
                             {len(data) - 1, len(data) - 4, len(data) - 9}):
                path = FOLDER.write(name, data[:at])
                with self.subTest(name=name, at=at):
                    verb = list(VERBS)[at % len(VERBS)]
                    refused = self.refused_or_read(verb, path)
                    self.assertTrue(refused or name == "cut.pb", "a cut gzip stream is never whole")
        self.refused(FOLDER.write("half.pb.gz", FOLDER.zipped[:len(FOLDER.zipped) // 2]), "ends in the middle|cut off|truncated")

    def test_flipped_bits(self):
        draws = random.Random(1)
        for name, data, most in (("flipped.pb.gz", FOLDER.zipped, 48), ("flipped.pb", FOLDER.plain, 96)):
            refused = 0
            for i in range(most):
                damaged = bytearray(data)
                for _ in range(1 + i % 3):
                    at = draws.randrange(len(data) if i % 2 else min(len(data), 4096))
                    damaged[at] ^= 1 << draws.randrange(8)
                path = FOLDER.write(name, damaged)
                with self.subTest(name=name, i=i):
                    refused += self.refused_or_read(list(VERBS)[i % len(VERBS)], path)
            if name.endswith(".gz"):
                self.assertGreater(refused, most * 3 // 4, "gzip carries a checksum")

    def test_empty(self):
        self.refused(FOLDER.write("empty.pb.gz", b""), "offset 0: the file is empty")
        self.refused(FOLDER.write("nothing.pb.gz", gzip.compress(b"")), "offset 0: nothing is in it once unpacked")
        self.refused("/dev/null", "offset 0: the file is empty|not a regular file", offset=False)

    def test_foreign(self):
        with open("/bin/sh", "rb") as program:
            elf = program.read()
        files = {"program": (elf, "an ELF file"),
                 "notes.txt": (b"The quick brown fox\njumps over the lazy dog.\n" * 20, "text, not a pprof profile"),
                 "jeprof.heap": (b"heap_v2/524288\n  t*: 28106: 56637512 [0: 0]\n  t0: 1: 2 [0: 0]\n",
                                "ends after line 3 with 0 of 56637512 bytes listed"),
                 "tcmalloc.heap": (b"heap profile:    1:  100 [  1:  100] @ heapprofile\n 1: 100 [1: x] @ 0x1\n", "line 2: not a record"),
                 "report.json": (b'{"heapprof": {"json_version": 1}, "tables": {}}\n', "text, not a pprof profile"),
                 "picture.png": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "a picture, not a profile"),
                 "random": (random.Random(2).randbytes(100000), "."),
                 "zeros": (bytes(4096), "."),
                 "tar.gz": (gzip.compress(b"ustar" * 1000), "."),
                 "twice.pb.gz": (gzip.compress(gzip.compress(FOLDER.plain)), "gzip inside gzip")}
        for name, (data, reason) in files.items():
            self.refused(FOLDER.write(name, data), reason)

    def test_what_is_no_readable_file(self):
        self.refused(f"{FOLDER.path}/no-such.pb.gz", "No such file or directory", offset=False)
        os.mkdir(f"{FOLDER.path}/folder")  # one with dumps stands for them
        self.refused(f"{FOLDER.path}/folder", "holds no file|is a directory", offset=False)
        denied = FOLDER.write("denied.pb.gz", FOLDER.zipped)
        os.chmod(denied, 0)
        os.chmod(FOLDER.good, 0o644)
        as_other = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.getuid() == 0 else {}
        self.refused(denied, "Permission denied", offset=False, **as_other)

    def test_what_has_no_end(self):
        self.refused("/dev/zero", ".")
        # One run in some hundreds begins with the header of an unknown field of up to 4 GiB, which is read and skipped.
        self.refused("/dev/urandom", ".", seconds=120)

    def test_pipe_that_nobody_writes_into(self):
        path = f"{FOLDER.path}/silent.pb.gz"
        os.mkfifo(path)
        line = self.check_refusal("top", path, run("top", path))
        self.assertIn("nothing writes into this pipe", line)

    def test_pipe_with_a_slow_writer_is_read(self):
        path = f"{FOLDER.path}/slow.pb.gz"
        os.mkfifo(path)
        script = 'exec 3>"$1"; sleep 0.5; head -c 1000 "$2" >&3; sleep 0.5; tail -c +1001 "$2" >&3'
        for before in (True, False):  # the writer comes first, or the reader
            writer = subprocess.Popen(["sh", "-c", script if before else f"sleep 1; {script}", "sh", path, FOLDER.good])
            done = run("top", path)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(writer.wait(timeout=SECONDS), 0)

    def bomb(self, name, head, block, blocks):
        """A gzip file of a few MiB that unpacks to `head` and as many MiB of `block` as said; its checksum is wrong."""
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        start = packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH)
        middle = packer.compress(block * (MIB // len(block))) + packer.flush(zlib.Z_FULL_FLUSH)
        middle = packer.compress(block * (MIB // len(block))) + packer.flush(zlib.Z_FULL_FLUSH)  # history is cut: repeatable
        return FOLDER.write(name, start + middle * blocks + packer.flush())

    def test_gzip_bombs(self):
        good = FOLDER.plain
        table = b"\x32" + varint(0)  # one empty string
        zeros = bytes(4096)
        column = b"\x0a" + varint(len(zeros)) + zeros  # start_delta, packed: 4096 rows
        extents = b"\x22" + varint(len(column)) + column
        bombs = {"zeros": self.bomb("zeros.pb.gz", b"", bytes(MIB), 2048),
                 "one string": self.bomb("string.pb.gz", good + b"\x32" + varint(2 << 30), bytes(MIB), 2048),
                 "locations": self.bomb("locations.pb.gz", good, b"\x22\x00", 2048),
                 "strings": self.bomb("strings.pb.gz", good, table, 2048),
                 "comments": self.bomb("comments.pb.gz", good, b"\x68\x00", 2048),
                 "sample types": self.bomb("types.pb.gz", b"", b"\x0a\x00", 2048),
                 "snapshots": self.bomb("snapshots.pb.gz", good, b"\xc2\x3e" + varint(len(extents)) + extents, 2048),
                 "unknown": self.bomb("unknown.pb.gz", good, b"\xa2\x1f\x00", 64)}
        for name, path in bombs.items():
            verb = list(VERBS)[len(name) % len(VERBS)]  # one each: unpacking 2 GiB takes its time
            with self.subTest(name=name, verb=verb):
                self.check_refusal(verb, path, run(verb, path))

    def test_lengths_of_four_gigabytes_and_more(self):
        for length in ((1 << 32) - 1, 1 << 31, 1 << 40, (1 << 63) - 1, (1 << 64) - 1):
            for field in (1, 2, 3, 4, 5, 6, 1000):
                broken = FOLDER.plain + varint(field << 3 | 2) + varint(length)
                path = FOLDER.write("long.pb" if length % 2 else "long.pb.gz",
                                    broken if length % 2 else gzip.compress(broken, 1))
                verb = list(VERBS)[(field + length.bit_length()) % len(VERBS)]
                with self.subTest(field=field, length=length, verb=verb):
                    line = self.check_refusal(verb, path, run(verb, path))
                    self.assertIn(str(length), line)

    def test_checksum_that_does_not_fit(self):
        wrong = FOLDER.zipped[:-8] + struct.pack("<II", 1, len(FOLDER.plain) & 0xffffffff)
        self.refused(FOLDER.write("checksum.pb.gz", wrong), "check")

    def test_rubbish_behind_the_end(self):
        self.refused(FOLDER.write("behind.pb.gz", FOLDER.zipped + b"and more"), ".")

    def test_the_window_refuses_as_the_command_line_does(self):
        if not GUI or not os.path.exists(GUI):
            self.skipTest("heapprof-gui is not built")
        environment = dict(os.environ, QT_QPA_PLATFORM="offscreen")
        for path, reason in ((FOLDER.write("empty.pb.gz", b""), "the file is empty"),
                             (FOLDER.write("half.pb.gz", FOLDER.zipped[:len(FOLDER.zipped) // 2]), "offset"),
                             ("/bin/sh", "an ELF file"), (FOLDER.path, "is a directory"),
                             (f"{FOLDER.path}/no-such.pb.gz", "No such file")):
            picture = f"{FOLDER.path}/screenshot.png"
            with self.subTest(path=path):
                done = subprocess.run([GUI, "--screenshot", "overview", path, "-o", picture], capture_output=True, text=True,
                                      timeout=60, env=environment)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
                self.assertIn(f"{path}: ", done.stderr)
                self.assertIn(reason, done.stderr)
                self.assertFalse(os.path.exists(picture))


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


if __name__ == "__main__":
    unittest.main()

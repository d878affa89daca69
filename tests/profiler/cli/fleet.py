#!/usr/bin/env python3
"""merge and trend over a folder of dumps: every dump in it, in memory that does not grow with their number, whatever is
broken among them. --count N: so many dumps instead of a quick test's, with what each took on stderr."""
import argparse
import json
import os
import pty
import re
import subprocess
import sys
import tempfile
import unittest

options = argparse.Namespace()
MIB = 1 << 20
SEEDS = 8  # so many different programs: stacks are as many, whatever the number of dumps


def heapprof(*arguments, **more):
    return subprocess.run([options.heapprof, *arguments], capture_output=True, text=True, timeout=600, **more)


def peak_memory(*arguments):
    """Of a run of the command line: bytes, seconds."""
    with subprocess.Popen([options.heapprof, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, arguments
    return usage.ru_maxrss * 1024, usage.ru_utime + usage.ru_stime


def total(path):
    facts = json.loads(heapprof("top", "--symbolize", "none", "--format", "json", path).stdout)["facts"]
    return facts["total"]


class Fleet(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="heapprof-fleet.")
        cls.root = cls.scratch.name
        cls.folder = f"{cls.root}/fleet"
        os.mkdir(cls.folder)
        cls.made = []
        for number in range(max(40, options.count // 50)):
            path = f"{cls.folder}/{number:06}.pb.gz"
            subprocess.run([options.dump, "--samples", "300", "--stacks", "100", "--live", "300", "--extents", "50",
                            "--huge-pages", "8", "--seed", str(1 + number % SEEDS), "--second", str(number),
                            "--host", f"web{number % 5}", "-o", path], check=True)
            cls.made.append(path)

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def many(self, count, name):
        """A folder of so many dumps: links to those that were made."""
        folder = f"{self.root}/{name}"
        os.mkdir(folder)
        for number in range(count):
            os.link(self.made[number % len(self.made)], f"{folder}/{number:06}.pb.gz")
        return folder

    def with_broken(self, name):
        folder = self.many(10, name)
        with open(self.made[0], "rb") as whole:
            half = whole.read()
        for file, content in {"000003.pb.gz": half[:len(half) // 2], "notes.txt": b"not a dump\n", "zero.pb.gz": b""}.items():
            os.path.exists(f"{folder}/{file}") and os.unlink(f"{folder}/{file}")
            with open(f"{folder}/{file}", "wb") as broken:
                broken.write(content)
        os.mkdir(f"{folder}/below")
        for unfinished in (".hidden.pb.gz", "x.pb.gz.tmp"):
            with open(f"{folder}/{unfinished}", "wb") as file:
                file.write(b"?")
        return folder

    def test_a_folder_a_list_and_names_are_the_same_dumps(self):
        out = f"{self.root}/out.pb.gz"
        listed = f"{self.root}/list"
        with open(listed, "w", encoding="utf-8") as file:
            file.write("\n".join(self.made) + "\n\n")
        sums = []
        for arguments in ([self.folder], ["@" + listed], self.made):
            done = heapprof("merge", *arguments, "-o", out)
            self.assertEqual(done.returncode, 0, done.stderr)
            sums.append(total(out))
        with open(listed, encoding="utf-8") as names:
            self.assertEqual(heapprof("merge", "@-", "-o", out, stdin=names).returncode, 0)
        sums.append(total(out))
        # A merge in the folder itself is no dump of it the next time.
        inside = self.many(4, "inside")
        for _ in range(2):
            self.assertEqual(heapprof("merge", inside, "-o", f"{inside}/all.pb.gz").returncode, 0)
        self.assertEqual(total(f"{inside}/all.pb.gz"), sum(total(path) for path in self.made[:4]))
        self.assertEqual(sums, [sum(total(path) for path in self.made[:SEEDS]) * len(self.made) // SEEDS] * 4)
        self.assertEqual(total(self.folder), sums[0])

    def test_what_is_broken_in_a_folder_is_told_counted_and_left_out(self):
        folder, out = self.with_broken("broken"), f"{self.root}/some.pb.gz"
        done = heapprof("merge", folder, "-o", out)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stderr.splitlines()
        for file in ("000003.pb.gz", "notes.txt", "zero.pb.gz"):
            self.assertEqual(sum(f"{folder}/{file}: " in line for line in lines), 1, done.stderr)
        self.assertIn("left out: 3 of 12 files; --strict makes each an error", lines)
        self.assertEqual(total(out), sum(total(self.made[number]) for number in range(10) if number != 3))
        quiet = heapprof("merge", "--quiet", folder, "-o", out)
        self.assertNotIn("notes.txt", quiet.stderr)
        self.assertIn("left out: 3 of 12", quiet.stderr)
        trend = heapprof("trend", "--symbolize", "none", "--format", "json", folder)
        facts = json.loads(trend.stdout)["facts"]
        self.assertEqual((facts["dumps"], facts["left_out"], trend.returncode), (9, 3, 0))

    def test_strict_ends_with_2_and_writes_nothing(self):
        folder, out = self.with_broken("strict"), f"{self.root}/none.pb.gz"
        for verb in (["merge", "-o", out], ["trend"]):
            done = heapprof(*verb, "--strict", folder)
            self.assertEqual(done.returncode, 2)
            self.assertRegex(done.stderr, f"^heapprof: {re.escape(folder)}/000003.pb.gz: ")
        # Named by hand, a file must be readable without --strict, too.
        named = heapprof("merge", self.made[0], f"{folder}/notes.txt", "-o", out)
        self.assertEqual(named.returncode, 2)
        self.assertFalse(os.path.exists(out))

    def test_nothing_to_read_is_one_line(self):
        empty, out = f"{self.root}/empty", f"{self.root}/none.pb.gz"
        os.mkdir(empty)
        only = f"{self.root}/only"
        os.mkdir(only)
        with open(f"{only}/text", "w", encoding="utf-8") as file:
            file.write("text\n")
        for arguments, words in ((["merge", empty, "-o", out], "holds no file"), (["trend", empty], "holds no file"),
                                 (["merge", f"@{empty}/none", "-o", out], "cannot be read"),
                                 (["merge", only, "-o", out], f"{only}/text: "), (["top", empty], "holds no file")):
            done = heapprof(*arguments)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn(words, done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)

    def test_memory_does_not_grow_with_the_number_of_dumps(self):
        few, many = self.many(options.count // 10, "few"), self.many(options.count, "many")
        for verb in (["merge", "-o", f"{self.root}/fleet.pb.gz"], ["trend", "--symbolize", "none"]):
            small, large = peak_memory(*verb, few), peak_memory(*verb, many)
            for count, (memory, seconds) in ((options.count // 10, small), (options.count, large)):
                print(f"{verb[0]}: {memory / MIB:.1f} MiB, {seconds:.2f} s for {count} dumps", file=sys.stderr)
            self.assertLess(large[0], small[0] + 24 * MIB)

    def test_a_terminal_sees_how_far_and_how_fast(self):
        folder = self.many(500, "terminal")
        master, slave = pty.openpty()
        with subprocess.Popen([options.heapprof, "trend", "--symbolize", "none", folder], stdout=subprocess.DEVNULL,
                              stderr=slave) as process:
            os.close(slave)
            seen = b""
            while True:
                try:
                    part = os.read(master, 4096)
                except OSError:
                    break
                if not part:
                    break
                seen += part
        os.close(master)
        self.assertEqual(process.returncode, 0)
        self.assertRegex(seen.decode(), r"reading  \[#* *\] +\d+%, \d+ of 500, \d+/s, [\d.]+ s, \d+ s left")
        self.assertTrue(seen.endswith(b"\r\x1b[K"), "the bar is wiped at the end")
        piped = heapprof("trend", "--symbolize", "none", self.folder)
        self.assertEqual(piped.stderr, "")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--heapprof", required=True)
    parser.add_argument("--dump", required=True)
    parser.add_argument("--count", type=int, default=300)
    options, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest], verbosity=1)

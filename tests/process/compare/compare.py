#!/usr/bin/env python3
"""`heapprof trend` and `heapprof check` on dumps of real programs, as a user's CI would call them."""
import json
import os
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as xml

CLI, LIBRARY = os.environ["HEAPPROF_CLI"], os.environ["HEAPPROF_LIBRARY"]
MIB = 1 << 20

# Run under the library: a list that grows by a megabyte between dumps, and work that comes and goes.
GROWING = """
import ctypes, sys
dump = ctypes.CDLL(None).heapprof_dump
kept = []
for number in range(int(sys.argv[1])):
    kept += [bytearray(4000) for _ in range(int(sys.argv[2]))]
    work = [bytearray(2000) for _ in range(100)]
    assert dump(f"{sys.argv[3]}/{number}.pb.gz".encode()) == 0
"""


def record(folder, dumps, objects):
    environment = dict(os.environ, LD_PRELOAD=LIBRARY, PYTHONMALLOC="malloc", HEAPPROF="sample=64k,seed=1,dump=none,log=0")
    subprocess.run([sys.executable, "-c", GROWING, str(dumps), str(objects), folder], check=True, timeout=100, env=environment)
    return [f"{folder}/{number}.pb.gz" for number in range(dumps)]


def heapprof(*arguments):
    return subprocess.run([CLI, *arguments], capture_output=True, text=True, timeout=100)


def peak_memory(*arguments):
    """Of a run of the command line, in bytes."""
    process = subprocess.Popen([CLI, *arguments], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert status == 0, arguments
    return usage.ru_maxrss * 1024


class Compare(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="heapprof-compare.")
        cls.folder = cls.scratch.name
        cls.many = record(cls.folder, 200, 20)

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def test_trend_finds_the_slope_of_what_grows(self):
        done = heapprof("trend", "--symbolize", "none", "--format", "json", *self.many)
        self.assertEqual(done.returncode, 0, done.stderr)
        answer = json.loads(done.stdout)
        self.assertEqual(answer["facts"]["dumps"], 200)
        total = answer["tables"]["trend_totals"]["rows"][0]
        seconds = answer["facts"]["duration"] / 1e9
        # 199 times 20 objects of 4,096 bytes between the first dump and the last; by time, as the dumps are even.
        self.assertAlmostEqual(total["rate"] * seconds, 199 * 20 * 4096, delta=0.25 * 199 * 20 * 4096)
        grown = [row for row in answer["tables"]["trend"]["rows"] if row["state"] in ("GROWN", "NEW")]
        self.assertTrue(grown and grown[0]["rate"] > 0.7 * total["rate"], grown[:2])

    def test_trend_takes_no_more_memory_for_more_dumps(self):
        few = peak_memory("trend", "--symbolize", "none", *self.many[:20])
        many = peak_memory("trend", "--symbolize", "none", *self.many)
        print(f"trend: {few / MIB:.1f} MiB for 20 dumps, {many / MIB:.1f} MiB for 200", file=sys.stderr)
        self.assertLess(many, few + 8 * MIB)

    def check(self, new, base, gate):
        junit, sarif = f"{self.folder}/junit.xml", f"{self.folder}/sarif.json"
        done = heapprof("check", new, "--base", base, "--fail-on", gate, "--junit", junit, "--sarif", sarif)
        suite = xml.parse(junit).getroot()[0]
        with open(sarif, encoding="utf-8") as file:
            results = json.load(file)["runs"][0]["results"]
        return done, suite, results

    def test_check_trips_on_growth_and_names_who_grew_in_all_reports(self):
        done, suite, results = self.check(self.many[-1], self.many[0], "inuse_space:+5%,+1MiB")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("TRIPPED", done.stdout)
        self.assertEqual((suite.get("tests"), suite.get("failures")), ("1", "1"))
        self.assertIn("PyByteArray", suite.find("testcase/failure").text)
        self.assertEqual(results[0]["level"], "error")

    def test_check_passes_what_did_not_grow(self):
        done, suite, results = self.check(self.many[-1], self.many[-2], "inuse_space:+25%,+4MiB")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual((suite.get("failures"), suite.get("errors"), results), ("0", "0", []))

    def test_check_says_when_sampling_cannot_tell(self):
        done, suite, results = self.check(self.many[-1], self.many[-2], "inuse_space:+0.1%,+1kB")
        self.assertEqual(done.returncode, 3, done.stdout + done.stderr)
        self.assertEqual(suite.get("errors"), "1")
        self.assertEqual(results[0]["kind"], "review")

    def test_counted_totals_are_gates_too(self):
        done, _, _ = self.check(self.many[-1], self.many[0], "live:+5%,+1MiB")
        self.assertEqual(done.returncode, 1)
        self.assertNotIn("±", done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=1)

#!/usr/bin/env python3
"""`heapprof export` of a folder of --count dumps: in memory that does not grow with their number, with a bar on a terminal;
in both databases every dump is there once, each query of queries.sql is answered, and held and pinned bytes are the command line's."""
import argparse
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import fleet_sql

options = argparse.Namespace()
DUMPS_A_PROCESS = 10
STACKS = 100


# A child's peak is at least its parent's: a small parent measures, not this one, which holds answers of databases.
MEASURE = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(usage.ru_maxrss, usage.ru_utime + usage.ru_stime)
"""


def exported(*arguments):
    """What a run of export took: KiB at the peak, seconds of processor time."""
    return tuple(map(float, fleet_sql.run(sys.executable, "-S", "-c", MEASURE, fleet_sql.CLI, "export", *arguments).split()))


class Many(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="heapprof-many.")
        cls.root = cls.scratch.name
        os.environ["HEAPPROF_SYMBOL_CACHE"] = f"{cls.root}/names"
        cls.few, cls.many = f"{cls.root}/few", f"{cls.root}/many"
        os.mkdir(cls.few)
        os.mkdir(cls.many)
        cls.lasts = []
        for number in range(options.count):
            host, turn = divmod(number, DUMPS_A_PROCESS)
            path = f"{cls.many}/{number:06}.pb.gz"
            fleet_sql.run(options.dump, "--samples", str(3 * STACKS), "--stacks", str(STACKS), "--extents", "50", "--huge-pages", "8",
                          "--seed", str(1 + host % 8), "--second", str(600 * turn), "--host", f"web{host}", "-o", path)
            if number % 10 == 0:
                os.link(path, f"{cls.few}/{number:06}.pb.gz")
            if turn == DUMPS_A_PROCESS - 1:
                cls.lasts.append(path)
        cls.engines = []

    @classmethod
    def tearDownClass(cls):
        for engine in cls.engines:
            engine.close()
        cls.scratch.cleanup()

    def test_memory_does_not_grow_with_the_number_of_dumps(self):
        (few, _), (many, seconds) = (exported(folder, "--to", "sql", "-o", f"{folder}.tables") for folder in (self.few, self.many))
        print(f"export: {few / 1024:.1f} MiB for {options.count // 10} dumps, {many / 1024:.1f} MiB and {seconds:.1f} s of processor "
              f"time for {options.count}", file=sys.stderr)
        self.assertLess(many, few + 8 * 1024)

    def test_a_terminal_sees_how_far(self):
        if options.count < 2000:
            self.skipTest("fewer dumps may be done before a bar is due")
        master, slave = pty.openpty()
        seen = b""
        with subprocess.Popen([fleet_sql.CLI, "export", self.many, "--to", "sql", "-o", f"{self.root}/seen"], stdout=subprocess.DEVNULL,
                              stderr=slave) as process:
            os.close(slave)
            while True:
                try:
                    part = os.read(master, 4096)
                except OSError:
                    break
                seen += part
        os.close(master)
        self.assertEqual(process.returncode, 0)
        self.assertRegex(seen.decode(), rf"exporting \[#* *\] +\d+%, \d+ of {options.count}, \d+/s, ")

    def test_databases_answer_for_all_dumps(self):
        held = {row["name"]: row["flat"] for row in fleet_sql.answer("top", "--nodefraction", "0", *self.lasts)["tables"]["top"]["rows"] if row["flat"] != 0}
        names = ["Sqlite"]
        if shutil.which("clickhouse-server") and shutil.which("clickhouse-client"):
            names.append("ClickHouse")
        for name in names:
            start = time.monotonic()
            engine = getattr(fleet_sql, name)(self.root, self.many)
            self.engines.append(engine)
            print(f"{name}: exported and loaded in {time.monotonic() - start:.1f} s", file=sys.stderr)
            processes = options.count // DUMPS_A_PROCESS
            self.assertEqual(engine.ask("SELECT COUNT(*), COUNT(DISTINCT dump_id), COUNT(DISTINCT process_id), COUNT(DISTINCT host) "
                                        "FROM dumps"), [(options.count, options.count, processes, processes)])
            folder = f"{self.root}/{'sql' if name == 'Sqlite' else 'clickhouse'}"
            with open(f"{folder}/queries.sql", encoding="utf-8") as file:
                queries = dict(re.findall(r"^-- (\w+): .*\n((?:.+\n)+?.*;)$", file.read(), re.M))
            answers = {}
            for query, text in queries.items():
                start = time.monotonic()
                answers[query] = engine.ask(text.rstrip(";"))
                seconds = time.monotonic() - start
                print(f"{name}: {query}: {len(answers[query])} rows in {seconds:.2f} s", file=sys.stderr)
                self.assertGreater(len(answers[query]), 0, query)
                self.assertLess(seconds, 60, query)
            self.assertEqual({row[0]: row[1] for row in answers["top"] if row[1] != 0}, held)
            self.assertEqual(sum(row[3] for row in answers["fleet_over_time"]), processes * len(answers["fleet_over_time"]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--dump", required=True, help="make_dump")
    parser.add_argument("--count", type=int, default=200)
    options, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest], verbosity=1)

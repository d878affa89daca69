#!/usr/bin/env python3
"""`heapprof export` into real databases: dumps of two builds of a service, two processes each, loaded into sqlite3 and into
a ClickHouse server that is started here; queries.sql must answer what top, diff, frag and purge say of the same files."""
import collections
import json
import math
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest

CLI, LIBRARY = os.environ["HEAPPROF_CLI"], os.environ["HEAPPROF_LIBRARY"]
HERE = os.path.dirname(os.path.abspath(__file__))

SERVER = """<yandex>
  <logger><level>warning</level><log>{root}/log</log><errorlog>{root}/errors</errorlog></logger>
  <http_port>{http}</http_port><tcp_port>{tcp}</tcp_port><listen_host>127.0.0.1</listen_host>
  <path>{root}/data/</path><tmp_path>{root}/tmp/</tmp_path><users_config>{root}/users.xml</users_config>
  <default_profile>default</default_profile><default_database>default</default_database><mark_cache_size>67108864</mark_cache_size>
</yandex>"""
USERS = """<yandex><profiles><default><max_threads>2</max_threads></default></profiles>
<users><default><password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default></users>
<quotas><default></default></quotas></yandex>"""


def run(*command, **more):
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, **more)
    assert done.returncode == 0, f"{command}: {done.stderr}{done.stdout[:500]}"
    return done.stdout


def answer(verb, *arguments):
    return json.loads(run(CLI, verb, "--format", "json", *arguments))


def unescaped(text):
    return re.sub(r"\\(.)", lambda found: {"t": "\t", "n": "\n", "r": "\r", "N": ""}.get(found[1], found[1]), text)


def rows_of(text, separator="\t"):
    """Cells as numbers where they are."""
    def cell(word):
        try:
            return float(word)
        except ValueError:
            return unescaped(word)
    return [tuple(map(cell, line.split(separator))) for line in text.splitlines()]


class Sqlite:
    def __init__(self, root, dumps):
        run(CLI, "export", dumps, "--to", "sql", "-o", f"{root}/sql")
        self.folder = f"{root}/sql"
        with open(f"{self.folder}/load_sqlite.sql", encoding="utf-8") as script:
            run("sqlite3", "-bail", "fleet.db", stdin=script, cwd=self.folder)

    def ask(self, query):
        return rows_of(run("sqlite3", "-bail", "-separator", "\x1f", "fleet.db", query, cwd=self.folder), "\x1f")

    def close(self):
        pass


class ClickHouse:
    def __init__(self, root, dumps):
        run(CLI, "export", dumps, "--to", "clickhouse", "-o", f"{root}/clickhouse")
        home = f"{root}/server"
        os.makedirs(home)
        free = [socket.socket() for _ in range(2)]
        for one in free:
            one.bind(("127.0.0.1", 0))
        http, self.port = (one.getsockname()[1] for one in free)
        for one in free:
            one.close()
        for name, text in (("config.xml", SERVER.format(root=home, http=http, tcp=self.port)), ("users.xml", USERS)):
            with open(f"{home}/{name}", "w", encoding="utf-8") as file:
                file.write(text)
        self.output = open(f"{home}/output", "w", encoding="utf-8")
        self.server = subprocess.Popen(["clickhouse-server", "--config-file", f"{home}/config.xml"], stdout=self.output, stderr=self.output)
        deadline = time.monotonic() + 60
        while subprocess.run([*self.client(), "--query", "SELECT 1"], capture_output=True, check=False).returncode != 0:
            if self.server.poll() is not None or time.monotonic() > deadline:
                with open(f"{home}/output", encoding="utf-8") as said:
                    raise AssertionError(f"the server did not start: {said.read()[-2000:]}")
            time.sleep(0.1)
        with open(f"{root}/clickhouse/schema.sql", encoding="utf-8") as schema:
            run(*self.client(), "--multiquery", stdin=schema)
        for name in sorted(os.listdir(f"{root}/clickhouse")):
            if name.endswith(".tsv"):
                with open(f"{root}/clickhouse/{name}", encoding="utf-8") as rows:
                    run(*self.client(), "--query", f"INSERT INTO {name[:-4]} FORMAT TSV", stdin=rows)

    def client(self):
        return ["clickhouse-client", "--host", "127.0.0.1", "--port", str(self.port)]

    def ask(self, query):
        return rows_of(run(*self.client(), "--query", query))

    def close(self):
        self.server.terminate()
        self.server.wait(30)
        self.output.close()


class Export(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="heapprof-sql.")
        root = cls.scratch.name
        os.environ["HEAPPROF_SYMBOL_CACHE"] = f"{root}/names"  # what a folder of dumps is for
        cls.dumps = f"{root}/dumps"
        os.mkdir(cls.dumps)
        cls.processes = []
        for leak in (500, 900):
            os.mkdir(f"{root}/{leak}")
            run("gcc", "-g", "-O1", f"-DLEAK={leak}", "-Wl,--build-id", f"{HERE}/service.c", "-o", f"{root}/{leak}/service")
            for host in (f"a{leak}", f"b{leak}"):
                run(f"{root}/{leak}/service", cls.dumps, host, env=dict(
                    os.environ, LD_PRELOAD=LIBRARY, HEAPPROF=f"sample=4k,seed={ord(host[0])},dump=none,log=0"))
                cls.processes.append([f"{cls.dumps}/{host}.{number}.pb.gz" for number in (1, 2, 3)])
        with open(f"{cls.dumps}/broken.pb.gz", "w", encoding="utf-8") as broken:
            broken.write("no dump\n")
        cls.engines = [Sqlite(root, cls.dumps)]
        if shutil.which("clickhouse-server") and shutil.which("clickhouse-client"):
            cls.engines.append(ClickHouse(root, cls.dumps))
        else:
            print("clickhouse-server is not installed: sqlite3 alone", file=sys.stderr)
        with open(f"{root}/sql/queries.sql", encoding="utf-8") as file:
            cls.queries = dict(re.findall(r"^-- (\w+): .*\n((?:.+\n)+?.*;)$", file.read(), re.M))

    @classmethod
    def tearDownClass(cls):
        for engine in cls.engines:
            engine.close()
        cls.scratch.cleanup()

    def each(self, query):
        """The answer of each engine to a query of the file; all of them say the same."""
        answers = [engine.ask(self.queries[query].rstrip(";")) for engine in self.engines]
        self.assertGreater(len(answers[0]), 0, query)
        for other in answers[1:]:
            self.assertEqual(len(other), len(answers[0]))
            for mine, theirs in zip(sorted(answers[0], key=str), sorted(other, key=str)):
                for a, b in zip(mine, theirs):
                    self.assertTrue(a == b or isinstance(a, float) and math.isclose(a, b, rel_tol=1e-9), (query, mine, theirs))
        return answers[0]

    def assertSums(self, mine, theirs):
        mine, theirs = ({key: value for key, value in of.items() if abs(value) > 1e-6} for of in (mine, theirs))
        self.assertEqual(set(mine), set(theirs))
        for key, value in theirs.items():
            self.assertTrue(math.isclose(mine[key], value, rel_tol=1e-9), (key, mine[key], value))

    def test_every_query_of_the_file_is_answered(self):
        self.assertGreaterEqual(len(self.queries), 7)
        for name in self.queries:
            self.each(name)

    def test_what_grows_is_what_diff_says(self):
        expected = collections.Counter()
        for first, _, last in self.processes:
            for row in answer("diff", first, last)["tables"]["diff"]["rows"]:
                expected[row["owner"]] += row["change"]
        mine = collections.Counter()
        for *_, owner, _, _, _, grown in self.each("leaks_by_stack"):
            mine[owner] += grown
        self.assertSums(mine, expected)
        # The leak comes first, and the build that leaks more before the other.
        first, second = [row for row in self.each("leaks_by_build") if row[2] == "open_session"]
        self.assertEqual(self.each("leaks_by_build")[0], first)
        self.assertNotEqual(first[1], second[1])
        self.assertEqual((first[3], second[3]), (2, 2))
        self.assertAlmostEqual(first[4], 2 * 900 * 2048, delta=0.25 * 2 * 900 * 2048)
        self.assertAlmostEqual(second[4], 2 * 500 * 2048, delta=0.25 * 2 * 500 * 2048)

    def test_what_is_held_is_what_top_says_of_the_last_dumps(self):
        lasts = [files[-1] for files in self.processes]
        expected = {row["name"]: row["flat"] for row in answer("top", "--nodefraction", "0", *lasts)["tables"]["top"]["rows"]}
        self.assertSums({leaf: held for leaf, held, _, _ in self.each("top")}, expected)

    def test_who_pins_is_whom_frag_names(self):
        expected, comes_back = collections.Counter(), collections.Counter()
        for files in self.processes:
            for row in answer("frag", files[-1])["tables"]["frag_stacks"]["rows"]:
                expected[row["owner"]] += row["pins"]
                comes_back[row["owner"]] += row["comes_back"]
        mine, back = collections.Counter(), collections.Counter()
        for _, _, owner, pinned, returns, _ in self.each("fragmentation"):
            mine[owner] += pinned
            back[owner] += returns
        self.assertSums(mine, expected)
        self.assertSums(back, comes_back)
        self.assertEqual(max(mine, key=mine.get), "cache_page")

    def test_what_came_back_is_what_purge_says(self):
        returned = sum(answer("purge", files[-1])["facts"]["returned"] for files in self.processes)
        rows = self.each("purging")
        self.assertEqual(len(rows), 2)
        self.assertGreater(returned, 0)
        self.assertEqual(sum(row[2] for row in rows), returned)

    def test_a_dump_and_a_stack_are_one_wherever_they_are_exported(self):
        lengths = []
        for engine in self.engines:
            self.assertEqual(engine.ask("SELECT COUNT(*), COUNT(DISTINCT dump_id), COUNT(DISTINCT process_id), "
                                        "COUNT(DISTINCT build_id) FROM dumps"), [(12, 12, 4, 2)])
            self.assertEqual(engine.ask("SELECT COUNT(*) - COUNT(DISTINCT stack_id) FROM stacks"), [(0,)])
            # A name of many lines comes back as it was.
            [(found,)] = engine.ask("SELECT COUNT(*) FROM stacks WHERE stack LIKE 'open_session_main_%'")
            self.assertGreater(found, 0)
            lengths.append(sorted(engine.ask("SELECT stack_id, LENGTH(stack) FROM stacks")))
        self.assertTrue(all(one == lengths[0] for one in lengths))
        again = f"{self.scratch.name}/again"
        run(CLI, "export", self.processes[0][0], "--to", "sql", "-o", again)
        with open(f"{again}/stacks.tsv", encoding="utf-8") as rows:
            ids = {row[6] for row in rows_of(rows.read())}
        known = {row[0] for row in self.engines[0].ask("SELECT stack_id FROM stacks")}
        self.assertTrue(ids and ids <= known)

    def test_a_broken_file_is_told_and_strict_leaves_nothing_behind(self):
        target = f"{self.scratch.name}/strict"
        done = subprocess.run([CLI, "export", self.dumps, "--to", "sql", "--strict", "-o", target], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, os.listdir(target)), (2, []))
        self.assertRegex(done.stderr, "^heapprof: .*broken.pb.gz: .*\n$")
        done = subprocess.run([CLI, "export", self.dumps, "--to", "sql", "-o", target], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0)
        self.assertIn("left out: 1 of 13 files", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=1)

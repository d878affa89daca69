"""`heapprof run` on real programs: exit statuses, signals, where dumps go, and why none came."""
import os
import shutil
import signal
import subprocess
import tempfile
import unittest

from common import CLI, PROGRAMS, SAMPLES, heapprof


def is_built(name):
    return os.path.exists(f"{PROGRAMS}/{name}")


class Run(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="heapprof-run.")
        os.chmod(self.folder, 0o755)

    def tearDown(self):
        shutil.rmtree(self.folder)

    def run_under(self, *arguments, **options):
        return heapprof("run", "--output", self.folder, *arguments, check=False, **options)

    def dumps(self):
        return sorted(name for name in os.listdir(self.folder) if name.endswith(".pb.gz"))

    def test_says_where_the_dumps_are_and_five_lines_of_what_is_in_them(self):
        done = self.run_under("--sample", "64k", "--", f"{SAMPLES}/threads")
        self.assertEqual(done.returncode, 0)
        self.assertIn("records stay", done.stdout)
        self.assertNotIn("heapprof", done.stdout)
        [dump] = self.dumps()
        lines = done.stderr.splitlines()
        self.assertIn("watch", lines[0])
        self.assertIn(dump, lines[2])
        self.assertIn("RSS ", lines[3])
        self.assertLessEqual(len(lines), 3 + 5)
        self.assertTrue(all(line.startswith("heapprof: ") for line in lines), lines)

    def test_quiet_says_nothing_when_all_is_well(self):
        self.assertEqual(self.run_under("-q", "--sample", "64k", "--", f"{SAMPLES}/threads").stderr, "")

    def test_the_commands_own_flags_are_its_own(self):
        self.assertIn("GNU", self.run_under("--", "sort", "--version").stdout)
        self.assertIn("GNU", self.run_under("sort", "--version").stdout)
        self.assertEqual(self.run_under("--", "printf", "%s", "-output").stdout, "-output")

    def test_exit_status_is_the_programs(self):
        self.assertEqual(self.run_under("--", "sh", "-c", "exit 42").returncode, 42)
        self.assertEqual(self.run_under("--", "sh", "-c", "kill -SEGV $$").returncode, 128 + signal.SIGSEGV)

    def test_command_that_is_not_there(self):
        done = self.run_under("--", "heapprof-no-such-command")
        self.assertEqual(done.returncode, 127)
        self.assertEqual(done.stderr, "heapprof: heapprof-no-such-command: command not found in PATH\n")
        self.assertEqual(self.run_under("--", "/tmp").returncode, 126)
        self.assertEqual(heapprof("run", check=False).returncode, 2)

    def refused(self, program, reason):
        done = self.run_under("--", program)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("no profile can come: ", done.stderr)
        self.assertIn(reason, done.stderr)
        self.assertEqual(self.dumps(), [])

    def test_obstacles_are_said_before_the_start(self):
        for name, reason in [("plain_static", "statically linked"), ("plain_musl", "runs on musl"),
                             ("plain_own_malloc", "defines its own malloc"), ("plain_asan", "sanitizer"),
                             ("plain_aarch64", "AArch64"), ("plain_go", "Go program")]:
            with self.subTest(name):
                if not is_built(name):
                    self.skipTest(f"{name} is not built here")
                self.refused(f"{PROGRAMS}/{name}", reason)

    def test_setuid_program_of_another_user(self):
        program = f"{self.folder}/setuid"
        shutil.copy(f"{PROGRAMS}/plain", program)
        if os.getuid() == 0:
            os.chown(program, 65534, 65534)
            os.chmod(program, 0o4755)
        else:
            program = shutil.which("passwd") or self.skipTest("no setuid program here")
        self.refused(program, "setuid")

    def test_anyway_starts_it_without_a_profile(self):
        done = self.run_under("--anyway", "--", f"{PROGRAMS}/plain_static", "7")
        self.assertEqual(done.returncode, 7)
        self.assertIn("statically linked", done.stderr)

    def test_folder_without_permission(self):
        os.chmod(self.folder, 0o555)
        options = {"user": 65534, "group": 65534, "extra_groups": []} if os.getuid() == 0 else {}
        marker = f"{self.folder}/started"
        done = self.run_under("--", "touch", marker, cwd="/", **options)
        os.chmod(self.folder, 0o755)
        self.assertEqual(done.returncode, 2)
        self.assertIn("no dump can be written here: Permission denied", done.stderr)
        self.assertFalse(os.path.exists(marker))

    def test_program_that_allocates_next_to_nothing(self):
        done = self.run_under("--sample", "1g", "--", f"{PROGRAMS}/plain")
        self.assertEqual(done.returncode, 0)
        self.assertIn("no profile: nothing was sampled", done.stderr)

    def test_sampling_turned_off_still_says_where_rss_went(self):
        done = self.run_under("--sample", "0", "--", f"{SAMPLES}/threads")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(len(self.dumps()), 1, done.stderr)
        self.assertIn("live objects", done.stderr)

    def test_killed_program(self):
        done = self.run_under("--", "sh", "-c", "kill -KILL $$")
        self.assertEqual(done.returncode, 137)
        self.assertIn("signal 9 (Killed), which no program can catch", done.stderr)

    def test_program_that_becomes_another(self):
        done = self.run_under("--only", "sh|dash|bash", "--", "sh", "-c", f"exec {SAMPLES}/churn")
        self.assertIn("ended as churn", done.stderr)
        done = self.run_under("--", "sh", "-c", f"exec {SAMPLES}/churn")
        self.assertTrue(any(".churn." in name for name in self.dumps()), done.stderr)

    def test_children_of_another_name_stay_quiet(self):
        script = f"import subprocess; x = bytearray(10 << 20); subprocess.run(['{SAMPLES}/churn'], check=True)"
        self.run_under("--sample", "64k", "--", "/usr/bin/python3", "-c", script)
        names = self.dumps()
        self.assertEqual(len(names), 1, names)
        self.assertIn("python3", names[0])

    def test_program_called_by_a_link_is_sampled(self):
        os.symlink(f"{SAMPLES}/threads", f"{self.folder}/linked")
        for only in ([], ["--only", "linked"], ["--only", "threads"], ["--only", "other|lin*"]):
            done = self.run_under("--sample", "64k", *only, "--", f"{self.folder}/linked")
            self.assertEqual(len(self.dumps()), 1, done.stderr)
            os.unlink(f"{self.folder}/{self.dumps()[0]}")
        done = self.run_under("--sample", "64k", "--only", "other|link", "--", f"{self.folder}/linked")
        self.assertEqual(self.dumps(), [])
        self.assertIn("no profile: --only other|link leaves out threads", done.stderr)

    def test_daemon_goes_on_and_is_said_to(self):
        script = ("import os, time\nif os.fork() == 0:\n os.setsid()\n os.close(1); os.close(2)\n"
                  f" while not os.path.exists('{self.folder}/stop'): time.sleep(0.05)\n os._exit(0)\nos._exit(0)")
        done = self.run_under("--", "/usr/bin/python3", "-c", script)
        open(f"{self.folder}/stop", "w").close()
        self.assertRegex(done.stderr, r"python3\S* goes on in the background, pid \d+: its dump comes when it ends")
        self.assertIn("what goes on dumps when it ends", done.stderr)
        self.assertNotIn("nothing was sampled", done.stderr)

    def test_program_of_another_run_meanwhile_is_not_taken_for_its_own(self):
        # The command starts another run of ours, which outlives it; the other's program answers for itself.
        os.mkdir(f"{self.folder}/other")
        wait = f"touch {self.folder}/up; while [ ! -e {self.folder}/stop ]; do sleep 0.05; done"
        other = f"'{CLI}' run -q --output '{self.folder}/other' -- sh -c '{wait}' >&- 2>&- &"
        done = self.run_under("-q", "--", "sh", "-c", f"{other} while [ ! -e {self.folder}/up ]; do sleep 0.05; done")
        open(f"{self.folder}/stop", "w").close()
        self.assertNotIn(" sh goes on", done.stderr)

    def test_program_whose_name_the_option_cannot_carry(self):
        for name in ("a,b", "a|b", "n" * 80):
            shutil.copy(f"{SAMPLES}/threads", f"{self.folder}/{name}")
            done = self.run_under("--sample", "64k", "--", f"{self.folder}/{name}")
            self.assertEqual(len(self.dumps()), 1, f"{name}: {done.stderr}")
            os.unlink(f"{self.folder}/{self.dumps()[0]}")

    def test_script_is_its_interpreter(self):
        script = f"{self.folder}/script.py"
        with open(script, "w") as file:
            file.write("#!/usr/bin/python3\nprint('from python')\nkept = [str(i) for i in range(200000)]\n")
        os.chmod(script, 0o755)
        done = self.run_under("--sample", "64k", "--", script)
        self.assertEqual(done.stdout, "from python\n")
        self.assertIn("is a script: what is sampled is its interpreter, /usr/bin/python3", done.stderr)
        self.assertEqual(len(self.dumps()), 1, done.stderr)

    def test_termination_reaches_the_program_and_leaves_a_dump(self):
        script = "import time; kept = [str(i) for i in range(300000)]; print('ready', flush=True); time.sleep(60)"
        started = subprocess.Popen([CLI, "run", "--sample", "64k", "--output", self.folder, "--", "/usr/bin/python3", "-c",
                                    script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertEqual(started.stdout.readline(), "ready\n")
        started.terminate()
        _, errors = started.communicate(timeout=30)
        self.assertEqual(started.returncode, 128 + signal.SIGTERM, errors)
        self.assertEqual(len(self.dumps()), 1, errors)

    def test_template_names_the_dump(self):
        heapprof("run", "--sample", "64k", "--output", f"{self.folder}/x.%e.%n.pb.gz", "--", f"{SAMPLES}/threads")
        self.assertEqual(self.dumps(), ["x.threads.1.pb.gz"])

    def test_settings_reach_the_runtime(self):
        done = self.run_under("--sample", "64k", "--set", "depth=0", "--", f"{SAMPLES}/threads")
        self.assertIn("depth=0 is not a number from 1 to 128", done.stderr)


if __name__ == "__main__":
    unittest.main()

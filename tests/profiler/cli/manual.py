#!/usr/bin/env python3
"""Man pages and completion are what their readers take: groff and mandoc accept each page, and bash, zsh and fish complete at a
terminal what the verb table has. What is not installed is said and left out; bash and groff must be there."""
import argparse
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time


def run(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **more)


def check_pages(folder, verbs):
    pages = sorted(os.listdir(folder))
    assert pages == sorted(["heapprof.1", *(f"heapprof-{verb}.1" for verb in verbs)]), pages
    readers = [reader for reader in ("groff", "mandoc") if shutil.which(reader)]
    assert "groff" in readers, "no groff here (package groff-base)"
    for page in pages:
        path = f"{folder}/{page}"
        done = run("groff", "-ww", "-man", "-Tutf8", path)
        assert done.returncode == 0 and done.stderr == "", f"groff: {page}: {done.stderr}"
        if "mandoc" in readers:
            done = run("mandoc", "-Tlint", "-W", "warning", path)
            told = [line for line in done.stdout.splitlines() if "missing date" not in line]  # the same bytes every day
            assert not told, f"mandoc: {told}"
    return f"{len(pages)} pages for {', '.join(readers)}"


def check_page_says_what_help_says(cli, folder, verbs):
    for verb in verbs:
        shown = re.sub(".\x08", "", run("groff", "-man", "-Tascii", "-P-cbou", "-rLL=300n", f"{folder}/heapprof-{verb}.1").stdout)
        words = re.sub(r"\s+", " ", shown)
        for option in set(re.findall(r"--[a-z][a-z_-]+", run(cli, verb, "--help").stdout)) - {"--help"}:
            assert option in words, f"heapprof-{verb}(1) lacks {option}"


class Terminal:
    """A shell at a terminal of its own; keys in, screen out."""

    def __init__(self, *command, **environment):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(environment)
            os.execvp(command[0], command)
        self.screen = ""

    def read_until(self, pattern, seconds=20):
        deadline = time.monotonic() + seconds
        while not re.search(pattern, self.screen):
            ready, _, _ = select.select([self.fd], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"no {pattern!r} on the screen: {self.screen[-500:]!r}"
            self.screen += os.read(self.fd, 4096).decode(errors="replace")
        return self.screen

    def type(self, keys):
        self.screen = ""
        os.write(self.fd, keys.encode())

    def close(self):
        os.close(self.fd)
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)


def check_terminal(shell, start, prompt, folder, cases):
    """Types each line and a tab; what comes after it on the screen is what was completed."""
    terminal = Terminal(*shell, HOME=folder, PS1=prompt, TERM="dumb", INPUTRC="/dev/null", ZDOTDIR=folder)
    try:
        terminal.type(start + f"\nPS1='{prompt}'; echo rea''dy\n")
        terminal.read_until(r"ready\r?\n")
        for typed, wanted in cases:
            terminal.type(f"{typed}\t\x01#\n")  # to the start of the line, a comment: nothing is run
            terminal.read_until(re.escape(wanted))
            terminal.type("\necho rea''dy\n")
            terminal.read_until(r"ready\r?\n")
    finally:
        terminal.close()
    return f"{len(cases)} lines in {shell[0]}"


CASES = [("heapprof summ", "heapprof summary"), ("heapprof symb", "heapprof symbolize"),
         ("heapprof top --form", "heapprof top --format"), ("heapprof top -nodec", "heapprof top -nodecount"),
         ("heapprof top --format=js", "heapprof top --format=json"), ("heapprof top --format ht", "heapprof top --format html"),
         ("heapprof convert --to coll", "heapprof convert --to collapsed"), ("heapprof top ser", "heapprof top service.pb.gz"),
         ("heapprof help fla", "heapprof help flame"), ("heapprof flame --mi", "heapprof flame --min-width")]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--heapprof", required=True)
    cli = parser.parse_args().heapprof
    usage = run(cli, "--help").stdout
    verbs = re.findall(r"^  ([a-z]+) ", usage, re.M)
    said = []
    with tempfile.TemporaryDirectory(prefix="heapprof-manual.") as folder:
        assert run(cli, "help", "--man", f"{folder}/man").returncode == 0
        said.append(check_pages(f"{folder}/man", verbs))
        check_page_says_what_help_says(cli, f"{folder}/man", verbs)
        for shell in ("bash", "zsh", "fish"):
            with open(f"{folder}/{shell}", "w", encoding="utf-8") as file:
                file.write(run(cli, "help", "--completion", shell).stdout)
        open(f"{folder}/service.pb.gz", "w", encoding="utf-8").close()
        start = f"cd {folder}; . {folder}/bash"
        said.append(check_terminal(["bash", "--norc", "--noprofile", "-i"], start, "> ", folder, CASES))
        listed = run("bash", "-c", f". {folder}/bash; COMP_WORDS=(heapprof ''); COMP_CWORD=1; _heapprof; echo ${{COMPREPLY[@]}}").stdout
        assert listed.split() == [*verbs, "--help", "--version"], listed
        if shutil.which("zsh"):
            start = f"cd {folder}; autoload -U compinit; compinit -D -u; . {folder}/zsh"
            two = [case for case in CASES if " -nodec" not in case[0] and " help " not in case[0]]
            said.append(check_terminal(["zsh", "-f", "-i"], start, "> ", folder, two))
        else:
            said.append("no zsh here")
        if shutil.which("fish"):
            for typed, wanted in CASES:
                done = run("fish", "-c", f"source {folder}/fish; complete -C '{typed}'", cwd=folder, env=dict(os.environ, HOME=folder))
                last = wanted.split(" ")[-1]
                assert any(line.split("\t")[0] == last for line in done.stdout.splitlines()) or " help " in typed, (typed, done)
            said.append(f"{len(CASES)} lines in fish")
        else:
            said.append("no fish here")
    print("; ".join(said))
    return 0


if __name__ == "__main__":
    sys.exit(main())

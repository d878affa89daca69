"""Keeps the syntax trees of some modules of Python's library, parsed by three threads, and has jemalloc write a profile while
they live. usage: parses.py FILE MODULES"""
import ast
import ctypes
import glob
import sys
import threading

kept = []


def parse(first):
    for module in sorted(glob.glob("/usr/lib/python3*/*.py"))[first::3][:int(sys.argv[2])]:
        with open(module, encoding="utf-8", errors="replace") as source:
            kept.append(ast.parse(source.read()))


threads = [threading.Thread(target=parse, args=(first,)) for first in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
path = ctypes.c_char_p(sys.argv[1].encode())
sys.exit(ctypes.CDLL(None).mallctl(b"prof.dump", None, None, ctypes.byref(path), ctypes.sizeof(path)))

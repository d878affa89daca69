#!/usr/bin/env python3
"""One idea per file: no source over 500 lines (tables in .def files aside), no sample over 80."""
import pathlib
import subprocess
import sys

root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
names = subprocess.run(["git", "ls-files", "*.h", "*.cpp", "*.c", "*.cc", "*.py", "*.sh"], cwd=root, text=True,
                       capture_output=True, check=True).stdout.split()
status = 0
for name in names:
    path = root / name
    if not path.exists():
        continue
    lines = len(path.read_text(errors="replace").splitlines())
    limit = 80 if name.startswith("samples/") and name.endswith((".cpp", ".c")) else 500
    if lines > limit:
        print(f"{name}: {lines} lines, over {limit}: probably two ideas")
        status = 1
sys.exit(status)

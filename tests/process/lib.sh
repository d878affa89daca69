# Shared by the scripts of tests/process: a scratch folder, free ports, the library under test, clear failures.
# Every script runs real programs on this machine's loopback only, bounded in count and time, and stops what it starts.
#
# Environment, set by CTest: HEAPPROF_LIBRARY (libheapprof.so), HEAPPROF_CLI (the heapprof command).
set -euo pipefail
: "${HEAPPROF_LIBRARY:?set it to libheapprof.so}"

scratch=$(mktemp -d "${TMPDIR:-/tmp}/heapprof-test.XXXXXX")
started=()
stop_all() {
  local pid
  for pid in "${started[@]:-}"; do
    [ -z "$pid" ] || kill "$pid" 2>/dev/null || true
  done
  wait 2>/dev/null || true
  rm -rf "$scratch"
}
trap stop_all EXIT

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# same NAME FILE FILE: two answers that must not differ.
same() {
  cmp "$2" "$3" >&2 || fail "$1: the answer with the library differs from the one without"
}

# The command prefix that runs a program on libheapprof, by default with sampling at 64 KiB; its dumps go to
# $scratch/dumps. A prefix and not a function, so that `"${with_library[@]}" server &` makes $! the server itself.
mkdir -p "$scratch/dumps" "$scratch/run"
export XDG_RUNTIME_DIR=$scratch/run # control sockets of programs that are killed go with the scratch folder
options() { with_library=(env "HEAPPROF=$1,path=$scratch/dumps/%e.%p.%n.pb.gz" "LD_PRELOAD=$HEAPPROF_LIBRARY"); }
options sample=64k

# executable_of PROGRAM: the name that %e stands for; Debian's redis-server is a link to redis-check-rdb.
executable_of() { basename "$(readlink -f "$(command -v "$1")")"; }

# dumps_of NAME: the dump files that programs of that name left.
dumps_of() { find "$scratch/dumps" -name "$1.*.pb.gz" | sort; }

# sampled NAME: at least one dump of NAME exists, is valid gzip, and no temporary file is left.
sampled() {
  local first
  first=$(dumps_of "$1" | head -n 1)
  [ -n "$first" ] || fail "$1 left no dump in $(ls "$scratch/dumps")"
  gzip -t "$first" || fail "$first is not valid gzip"
  [ -z "$(find "$scratch/dumps" -name '*.tmp')" ] || fail "a temporary file was left: $(ls "$scratch/dumps")"
}

# take_dump PID [SECONDS]: asks the process for a dump (dump=signal:USR2) and waits until the file is whole.
take_dump() {
  local before
  before=$(whole_dumps)
  kill -USR2 "$1"
  wait_for "${2:-60}" more_dumps_than "$before"
}
whole_dumps() { find "$scratch/dumps" -name '*.pb.gz' | wc -l; }
more_dumps_than() { [ "$(whole_dumps)" -gt "$1" ]; }

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# wait_for SECONDS COMMAND...: until it succeeds.
wait_for() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || fail "gave up waiting for: $*"
    sleep 0.05
  done
}

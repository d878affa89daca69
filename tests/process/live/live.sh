#!/usr/bin/env bash
# heapprof dump, ctl and watch at running programs; see README.md.
. "$(dirname "$0")/../lib.sh"
: "${HEAPPROF_CLI:?set it to the heapprof command}"
here=$(cd "$(dirname "$0")" && pwd)
cd "$scratch"

# start COMMAND...: under the library; its number in $pid.
start() {
  "${with_library[@]}" "$@" >/dev/null 2>"$scratch/target.err" &
  pid=$!
  started+=("$pid")
}
grows() { start /usr/bin/python3 "$here/grows.py" "$@"; }

# refused PATTERN COMMAND...: exit 2, nothing on stdout, one line on stderr that matches.
refused() {
  local pattern=$1 status=0
  shift
  "$@" >out 2>err || status=$?
  [ "$status" -eq 2 ] || fail "$*: exit $status instead of 2: $(cat err)"
  [ ! -s out ] || fail "$*: says on stdout: $(cat out)"
  [ "$(wc -l <err)" -eq 1 ] || fail "$*: not one line: $(cat err)"
  grep -qE "^heapprof: .*$pattern" err || fail "$*: says: $(cat err)"
  cat err
}

is_dump() { # FILE: whole, taken over the control socket, with stacks
  gzip -t "$1" || fail "$1 is not gzip"
  "$HEAPPROF_CLI" info "$1" | grep -qi control || fail "$1: the reason is not control: $("$HEAPPROF_CLI" info "$1")"
  [ "$("$HEAPPROF_CLI" top "$1" | wc -l)" -gt 4 ] || fail "$1 holds no stacks"
}

case_redis() {
  local port
  port=$(free_port)
  options sample=16k,dump=none
  start redis-server --port "$port" --save '' --daemonize no
  wait_for 20 redis-cli -p "$port" ping
  redis-benchmark -p "$port" -t set -n 5000 -r 100000 -d 512 -q >/dev/null
  [ "$("$HEAPPROF_CLI" dump "$pid" -o now.pb.gz)" = now.pb.gz ] || fail "dump does not name its file"
  is_dump now.pb.gz
  [ "$(stat -c %a now.pb.gz)" = 600 ] || fail "the dump's mode is $(stat -c %a now.pb.gz)"
  "$HEAPPROF_CLI" dump "$pid" >name
  grep -q "^heapprof.redis-server.$pid.1.pb.gz$" name || fail "the name chosen is $(cat name)"
  # Into a pipe goes the dump and nothing else.
  "$HEAPPROF_CLI" dump "$pid" -o /dev/stdout | gzip -t || fail "dump into a pipe"
  # The runtime cannot compress: the command does.
  [ "$(stat -c %s now.pb.gz)" -lt "$(zcat now.pb.gz | wc -c)" ] || fail "not compressed"
  "$HEAPPROF_CLI" ctl "$pid" stop >said
  "$HEAPPROF_CLI" ctl "$pid" stats --format json | python3 -c '
import json, sys
facts = json.load(sys.stdin)["facts"]
assert facts["interval_bytes"] == 0, facts
assert facts["live_bytes"] > 1000000 and facts["rss_bytes"] > facts["live_bytes"] / 2, facts'
  "$HEAPPROF_CLI" ctl "$pid" start 64k | grep -q "every 64kB" || fail "start 64k"
  "$HEAPPROF_CLI" ctl "$pid" interval 1m | grep -q "every 1MB" || fail "interval 1m"
  "$HEAPPROF_CLI" ctl "$pid" reset >said
  redis-cli -p "$port" flushall >/dev/null
  "$HEAPPROF_CLI" ctl "$pid" purge | grep -q "given back" || fail "purge"
  redis-cli -p "$port" ping | grep -q PONG || fail "redis no longer answers"
  "$HEAPPROF_CLI" watch "$pid" --count 2 --interval 0.2 | grep -q "where RSS is" || fail "watch"
}

case_watch() {
  options sample=16k,dump=none
  grows
  "$HEAPPROF_CLI" watch "$pid" -n 3 -i 0.3 >text
  [ "$(grep -c '^process ' text)" -eq 3 ] || fail "not three looks: $(cat text)"
  for line in "  RSS " "  live " "  purged " "huge pages" "where RSS is" "held most" "grew most" "every 16kB"; do
    grep -qF "$line" text || fail "no '$line' in: $(cat text)"
  done
  ! grep -q $'\x1b' text || fail "control characters on a pipe"
  "$HEAPPROF_CLI" watch "$pid" -n 2 -i 0.2 --format json | python3 -c '
import json, sys
text, decoder, looks = sys.stdin.read(), json.JSONDecoder(), []
while text.strip():
    look, end = decoder.raw_decode(text.lstrip())
    text = text.lstrip()[end:]
    looks.append(look)
assert len(looks) == 2, len(looks)
assert looks[1]["facts"]["allocated_bytes"] > looks[0]["facts"]["allocated_bytes"]
assert set(looks[1]["tables"]) == {"waterfall", "diff"}, looks[1]["tables"].keys()'
  "$HEAPPROF_CLI" watch "$pid" -n 1 --no-dumps | grep -q "where RSS is" && fail "--no-dumps took a dump"
  # On a terminal of 12 rows and 40 columns it draws over itself and never scrolls.
  python3 - "$HEAPPROF_CLI" "$pid" <<'P'
import fcntl, os, pty, re, struct, sys, termios
child, terminal = pty.fork()
if child == 0:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 12, 40, 0, 0))
    os.execv(sys.argv[1], [sys.argv[1], "watch", sys.argv[2], "-n", "2", "-i", "0.2"])
text = b""
try:
    while piece := os.read(terminal, 65536):
        text += piece
except OSError:
    pass  # the end, as a pty says it
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
looks = text.decode().split("\x1b[H")[1:]
assert len(looks) == 2, text
for look in looks:
    lines = re.sub(r"\x1b\[[KJ]", "", look).split("\r\n")
    assert len(lines) <= 12 and max(map(len, lines)) <= 40, lines
P
  # Ctrl-C ends it at once, with 0. A job in the background has SIGINT ignored unless it is set back.
  python3 - "$HEAPPROF_CLI" "$pid" <<'P'
import signal, subprocess, sys, time
watch = subprocess.Popen([sys.argv[1], "watch", sys.argv[2], "-i", "60"], stdout=subprocess.PIPE,
                         preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
watch.stdout.readline()
time.sleep(0.5)
watch.send_signal(signal.SIGINT)
assert watch.wait(5) == 0, watch.returncode
P
  kill "$pid"
  grows 12
  "$HEAPPROF_CLI" watch "$pid" -i 0.2 >text 2>err || fail "the target's end: exit $?: $(cat err)"
  grep -qE "^heapprof: process $pid \(python3[^)]*\) (has )?ended" err || fail "the target's end: $(cat err)"
}

case_namespaces() {
  unshare --mount --pid --net --fork --mount-proc true 2>/dev/null || { echo "unshare is not permitted"; exit 77; }
  options sample=16k,dump=none
  # A /tmp of its own, its own numbers and its own network; the library stays visible, also of a clone in /tmp.
  local root
  root=$(cd "$here/../../.." && pwd)
  env -u XDG_RUNTIME_DIR unshare --mount --pid --net --fork --mount-proc --kill-child bash -c \
    "mount --bind $root /mnt && mount -t tmpfs none /tmp && mkdir -p $root && mount --bind /mnt $root && exec env HEAPPROF=sample=16k,dump=none LD_PRELOAD=$HEAPPROF_LIBRARY /usr/bin/python3 $here/grows.py" \
    >/dev/null 2>err.target &
  local outer=$!
  started+=("$outer")
  inner_of() { pid=$(pgrep -P "$outer" python3) && [ -n "$pid" ]; }
  wait_for 20 inner_of
  inner_of
  "$HEAPPROF_CLI" dump "$pid" -o inside.pb.gz >said || fail "dump of $pid (1 inside): $(cat err.target)"
  is_dump inside.pb.gz
  "$HEAPPROF_CLI" ctl "$pid" stats | grep -qE "^PID +1$" || fail "it calls itself: $("$HEAPPROF_CLI" ctl "$pid" stats)"
  ls /tmp/heapprof.*."$pid".sock 2>/dev/null && fail "its socket lies in our /tmp"
  # And from within, at the number that it has there.
  nsenter -t "$pid" --mount --pid env TMPDIR=/tmp "$HEAPPROF_CLI" ctl 1 stop | grep -q stopped || fail "from within"
  kill -KILL "$pid" # the first of a PID namespace hears nothing else
}

case_users() {
  [ "$(id -u)" -eq 0 ] && setpriv --reuid 65534 --regid 65534 --clear-groups true 2>/dev/null ||
    { echo "another user cannot be had"; exit 77; }
  local nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
  chmod 755 "$scratch"
  mkdir -p open && chmod 777 open
  cp "$HEAPPROF_CLI" open/heapprof && cp "$HEAPPROF_LIBRARY" open/libheapprof.so && chmod 755 open/*
  options sample=16k,dump=none
  grows
  sleep 0.5
  refused "belongs to user 0: ask as that user or as root" "${nobody[@]}" "$scratch/open/heapprof" ctl "$pid" stats
  # The other way: root asks a process of nobody's; and nobody asks its own.
  cp "$here/grows.py" open/
  env XDG_RUNTIME_DIR="$scratch/open" HEAPPROF=sample=16k,dump=none "${nobody[@]}" env \
    LD_PRELOAD="$scratch/open/libheapprof.so" /usr/bin/python3 open/grows.py >/dev/null 2>&1 &
  local other=$!
  started+=("$other")
  "$HEAPPROF_CLI" dump "$other" -o others.pb.gz >said || fail "root cannot dump nobody's process"
  is_dump others.pb.gz
  (cd open && "${nobody[@]}" ./heapprof dump "$other" -o own.pb.gz) >said || fail "nobody cannot dump its own"
  is_dump open/own.pb.gz
  rm -f "/tmp/heapprof.65534.$other.sock"
}

case_refusals() {
  for verb in dump "ctl 1x stats" "watch"; do
    refused "(PID|process number)" "$HEAPPROF_CLI" $verb 12x
  done
  refused "no process 4194305" "$HEAPPROF_CLI" dump 4194305
  sleep 60 &
  started+=("$!")
  refused "does not run under libheapprof.so: start it with heapprof run" "$HEAPPROF_CLI" watch "$!"
  options sample=16k,dump=none,control=0
  grows
  wait_for 20 grep -q libheapprof "/proc/$pid/maps" # until then it is still the env that starts it
  refused "no control socket.*control=0" "$HEAPPROF_CLI" ctl "$pid" stats
  options sample=16k,dump=none
  grows
  "$HEAPPROF_CLI" ctl "$pid" stats >/dev/null
  refused "needs a size" "$HEAPPROF_CLI" ctl "$pid" interval
  refused "takes no argument" "$HEAPPROF_CLI" ctl "$pid" stop 5
  refused "not a size such as 512k: lots" "$HEAPPROF_CLI" ctl "$pid" start lots
  refused "REQUEST" "$HEAPPROF_CLI" ctl "$pid" explode
  kill -STOP "$pid"
  wait_for 20 grep -q "^State:.T" "/proc/$pid/status"
  refused "is stopped: kill -CONT $pid lets it answer" "$HEAPPROF_CLI" ctl "$pid" stats
  kill -CONT "$pid"
  refused "no file can be made there.*-o FILE" "$HEAPPROF_CLI" dump "$pid" -o /no/such/folder/x.pb.gz
  [ ! -e /no/such/folder ] || fail "a folder was made"
  # The socket's file taken away: the command does not hang, and says so.
  rm "$XDG_RUNTIME_DIR"/heapprof.*."$pid".sock
  refused "no control socket" "$HEAPPROF_CLI" ctl "$pid" stats
  # A stranger's socket at the default name is not taken for the program's.
  python3 -c "
import socket, sys, time
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(5); print(flush=True); time.sleep(60)" \
    "/tmp/heapprof.$(id -u).$pid.sock" >bound &
  started+=("$!")
  wait_for 10 test -s bound
  refused "no control socket" "$HEAPPROF_CLI" ctl "$pid" stats
  rm -f "/tmp/heapprof.$(id -u).$pid.sock"
  # Sockets of killed processes are cleared away by the next command, living ones and files are not.
  grows
  "$HEAPPROF_CLI" ctl "$pid" stats >/dev/null
  local killed=$pid
  kill -KILL "$pid"
  sleep 2.2 # younger ones are let be: they may not listen yet
  grows
  : >"$XDG_RUNTIME_DIR/heapprof.$(id -u).7.sock"
  "$HEAPPROF_CLI" ctl "$pid" stats >/dev/null
  ! ls "$XDG_RUNTIME_DIR"/heapprof.*."$killed".sock 2>/dev/null || fail "a stale socket stays"
  [ -e "$XDG_RUNTIME_DIR/heapprof.$(id -u).7.sock" ] || fail "a file was removed"
  [ -S "$XDG_RUNTIME_DIR/heapprof.$(id -u).$pid.sock" ] || fail "a living socket was removed"
}

"case_$1"

#!/usr/bin/env bash
# nginx with two workers under wrk: no errors, and the bodies are right.
. "$(dirname "$0")/../lib.sh"

mkdir -p "$scratch/html" "$scratch/tmp"
seq 1 20000 >"$scratch/html/large.txt"
echo hello >"$scratch/html/small.txt"
configure() { cat >"$scratch/nginx.conf" <<C
worker_processes 2;
daemon off;
pid $scratch/nginx.pid;
error_log $scratch/error.log warn;
events { worker_connections 256; }
http {
  access_log $scratch/access.log;
  gzip on; gzip_types text/plain; gzip_min_length 100;
  client_body_temp_path $scratch/tmp/b; proxy_temp_path $scratch/tmp/p; fastcgi_temp_path $scratch/tmp/f;
  uwsgi_temp_path $scratch/tmp/u; scgi_temp_path $scratch/tmp/s;
  server { listen 127.0.0.1:$port; root $scratch/html; ssi on; ssi_types text/plain; }
}
C
}
chmod -R a+rX "$scratch"
fetch() { python3 - "$@" <<'P'
import gzip, sys, urllib.request
request = urllib.request.Request(sys.argv[1], headers={"Accept-Encoding": "gzip"})
with urllib.request.urlopen(request, timeout=5) as answer:
    body = answer.read()
    sys.stdout.buffer.write(gzip.decompress(body) if answer.headers.get("Content-Encoding") == "gzip" else body)
P
}
answers_or_is_gone() { fetch "http://127.0.0.1:$port/small.txt" || ! kill -0 "$nginx"; }
for _ in 1 2 3; do # somebody else may take the port between its choice and its use
  port=$(free_port)
  configure
  "${with_library[@]}" nginx -e "$scratch/error.log" -c "$scratch/nginx.conf" &
  nginx=$!
  started+=("$nginx")
  wait_for 60 answers_or_is_gone
  kill -0 "$nginx" 2>/dev/null && break
  grep -q 'Address already in use' "$scratch/error.log" || break
  rm -f "$scratch/error.log"
done
kill -0 "$nginx" 2>/dev/null || fail "nginx did not start: $(tail -n 3 "$scratch/error.log")"
wrk -t2 -c32 -d3s -H 'Accept-Encoding: gzip' "http://127.0.0.1:$port/large.txt" >"$scratch/wrk"
kill -HUP "$nginx"   # a reload under way: old workers end, new ones start
wrk -t2 -c32 -d2s "http://127.0.0.1:$port/small.txt" >>"$scratch/wrk"
if grep -E 'Non-2xx|Socket errors: connect [1-9]' "$scratch/wrk"; then fail "wrk saw errors"; fi
fetch "http://127.0.0.1:$port/large.txt" >"$scratch/large.with"
same nginx "$scratch/html/large.txt" "$scratch/large.with"
kill -QUIT "$nginx"
wait "$nginx" || fail "nginx ended with $?: $(tail -n 3 "$scratch/error.log")"
if grep -E 'alert|emerg|signal' "$scratch/error.log"; then fail "nginx logged the above"; fi
sampled nginx
echo "nginx: $(awk '/requests in/ { n += $1 } END { print n }' "$scratch/wrk") requests, $(dumps_of nginx | wc -l) dumps"

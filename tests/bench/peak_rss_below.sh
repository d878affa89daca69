#!/usr/bin/env bash
# peak_rss_below.sh KIB WORKLOAD ARGS...: runs it on the library; its own VmHWM must stay below KIB.
set -euo pipefail
limit=$1
shift
line=$(LD_PRELOAD="${HEAPPROF_LIBRARY:?}" "$@")
echo "$line"
peak=${line##*peak_rss_kib=}
peak=${peak%% *}
[ "$peak" -lt "$limit" ] || { echo "peak RSS $peak KiB is not below $limit KiB" >&2; exit 1; }

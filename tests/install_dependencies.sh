#!/usr/bin/env bash
# Installs the Debian 12 packages that building (and, with --tests, testing) needs and this machine lacks.
# Silent when nothing is missing. Needs root or sudo only when something is.
set -euo pipefail

build_packages=(
  g++ cmake ninja-build pkg-config ccache git ca-certificates
  protobuf-compiler libprotobuf-dev libabsl-dev libunwind-dev libunwind8 libdw-dev libelf-dev
  zlib1g-dev libzstd-dev libcli11-dev nlohmann-json3-dev libre2-dev
  qt6-base-dev libqt6svg6-dev libgl-dev fonts-dejavu-core
  libgtest-dev libgmock-dev
)
sample_packages=(redis-server redis-tools)
test_packages=(
  clang clang-format clang-tidy libclang-rt-14-dev python3 golang-go spin gcc
  sqlite3 nginx-light php-cli wrk strace gdb time binutils valgrind musl-tools procps
  libjemalloc2 libjemalloc-dev libmimalloc2.0 libtcmalloc-minimal4 libgoogle-perftools4
  googletest qemu-user g++-aarch64-linux-gnu libbenchmark-dev
  graphviz groff-base mandoc zsh fish
  clickhouse-server clickhouse-client
)

packages=("${build_packages[@]}" "${sample_packages[@]}")
[ "${1:-}" != --tests ] || packages+=("${test_packages[@]}")

missing=()
for package in "${packages[@]}"; do
  [ "$(dpkg-query -W -f='${db:Status-Abbrev}' "$package" 2>/dev/null)" = "ii " ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || {
    echo "these packages are missing and neither root nor sudo is at hand: ${missing[*]}" >&2
    exit 1
  }
  as_root=(sudo)
fi
echo "installing ${#missing[@]} packages: ${missing[*]}" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# Services that a package brings must not start by themselves: tests start their own.
policy=/usr/sbin/policy-rc.d
made_policy=no
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod +x "$policy"
  made_policy=yes
fi
status=0
{ "${as_root[@]}" apt-get update -q &&
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -q --no-install-recommends "${missing[@]}"; } \
  >"$log" 2>&1 || status=$?
[ "$made_policy" = no ] || "${as_root[@]}" rm -f "$policy"
if [ "$status" -ne 0 ]; then
  tail -n 20 "$log" >&2
  echo "apt-get failed (exit $status); the lines above are its last" >&2
  exit 1
fi

#!/usr/bin/env bash
# Installs into a scratch prefix; a project outside of this tree finds the library by CMake and by pkg-config and runs on it.
set -euo pipefail
: "${HEAPPROF_BUILD:?set it to the build directory}"
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d "${TMPDIR:-/tmp}/heapprof-install.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
prefix=$scratch/prefix
fail() {
  echo "FAILED: $*" >&2
  exit 1
}
quietly() { # prints what the command said only when it fails
  "$@" >"$scratch/log" 2>&1 || fail "$*: $(tail -n 30 "$scratch/log")"
}

components=(runtime development tools)
[ ! -x "$HEAPPROF_BUILD/bin/heapprof-gui" ] || components+=(gui)
for component in "${components[@]}"; do
  quietly cmake --install "$HEAPPROF_BUILD" --prefix "$prefix" --component "$component"
done
if [ -x "$HEAPPROF_BUILD/bin/heapprof-gui" ]; then # the parts are the whole: nothing is of no component
  quietly cmake --install "$HEAPPROF_BUILD" --prefix "$scratch/whole"
  diff <(cd "$scratch/whole" && find . | sort) <(cd "$prefix" && find . | sort) >"$scratch/log" ||
    fail "cmake --install, and --component ${components[*]}, differ: $(cat "$scratch/log")"
  rm -rf "$scratch/whole"
fi
mv "$prefix" "$scratch/moved" # nothing may hang on where it was put first
prefix=$scratch/moved

checked=0
check() { # PROGRAM: writes a dump, and the installed command reads it
  rm -f "$scratch/dump.pb.gz"
  "$@" "$scratch/dump.pb.gz" || fail "$*: exit $?"
  "$prefix/bin/heapprof" top -cum "$scratch/dump.pb.gz" >"$scratch/top" || fail "heapprof top of the dump of $*"
  grep -q keepThings "$scratch/top" || fail "$*: its function is not in the dump: $(cat "$scratch/top")"
  checked=$((checked + 1))
}

cp -r "$here/consumer" "$scratch/consumer"
quietly cmake -S "$scratch/consumer" -B "$scratch/build" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_BUILD_TYPE=RelWithDebInfo
quietly cmake --build "$scratch/build"
check "$scratch/build/with_shared"
check "$scratch/build/with_static"
readelf -d "$scratch/build/with_static" | grep -q 'NEEDED.*heapprof' && fail "with_static needs the shared library"
readelf -d "$scratch/build/with_shared" | grep -q 'NEEDED.*libheapprof.so' || fail "with_shared does not need the library"

export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name heapprof.pc)")
version=$(pkg-config --modversion heapprof) || fail "pkg-config does not find heapprof"
[ "heapprof $version" = "$("$prefix/bin/heapprof" --version)" ] || fail "pkg-config says $version"
# shellcheck disable=SC2046
quietly "${CC:-cc}" -g "$scratch/consumer/main.c" -o "$scratch/by_pkg_config" $(pkg-config --cflags --libs heapprof)
check env LD_LIBRARY_PATH="$(pkg-config --variable=libdir heapprof)" "$scratch/by_pkg_config"

# Its manual and its completion came along, and say what it does.
man1=$(dirname "$(find "$prefix" -name heapprof.1)")
for verb in $("$prefix/bin/heapprof" --help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
  [ -s "$man1/heapprof-$verb.1" ] || fail "no man page of $verb"
done
[ "$(mman -M "${man1%/man1}" -w heapprof-frag 2>"$scratch/log")" = "$man1/heapprof-frag.1" ] || fail "man does not find heapprof-frag: $(cat "$scratch/log")"
for file in bash-completion/completions/heapprof zsh/site-functions/_heapprof fish/vendor_completions.d/heapprof.fish; do
  grep -q summary "$prefix/share/$file" || fail "no completion in $file"
done
# shellcheck disable=SC2016
offered=$(bash -c '. "$1" && COMP_WORDS=(heapprof top --foc) COMP_CWORD=2 && _heapprof && echo "${COMPREPLY[*]}"' - \
  "$prefix/share/bash-completion/completions/heapprof") || fail "bash does not take its completion"
[ "$offered" = --focus ] || fail "heapprof top --foc<TAB> offers '$offered'"

# The installed command finds the runtime that was installed beside it.
(cd "$scratch" && "$prefix/bin/heapprof" run --sample 4k --output "$scratch/recorded" -- /bin/ls -l /usr/bin >/dev/null 2>"$scratch/log") ||
  fail "heapprof run from the prefix: $(cat "$scratch/log")"
recorded=$(find "$scratch/recorded" -name '*.pb.gz' | head -n 1)
[ "$recorded" ] || fail "heapprof run from the prefix wrote no dump: $(cat "$scratch/log")"

# The installed explorer shows it.
if [ -x "$HEAPPROF_BUILD/bin/heapprof-gui" ]; then
  [ "heapprof-gui $version" = "$("$prefix/bin/heapprof-gui" --version)" ] || fail "heapprof-gui is of another version"
  quietly "$prefix/bin/heapprof-gui" --screenshot overview "$recorded" -o "$scratch/overview.png"
  [ "$(head -c 4 "$scratch/overview.png" | tail -c 3)" = PNG ] || fail "heapprof-gui drew no picture"
fi
[ "$checked" -eq 3 ] || fail "only $checked programs were checked"
echo "installed, moved, found by CMake and pkg-config; $checked programs ran on it"

#!/usr/bin/env bash
# git: a repository made, packed, cloned and merged has the same commit ids.
. "$(dirname "$0")/../lib.sh"
export GIT_AUTHOR_DATE='2026-01-01T00:00:00Z' GIT_COMMITTER_DATE='2026-01-01T00:00:00Z' GIT_CONFIG_GLOBAL=/dev/null
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example

work() { # name command...
  local name=$1
  shift
  local dir=$scratch/$name
  "$@" git init -q -b main "$dir"
  local round
  for round in 1 2 3 4; do
    for i in $(seq 1 120); do
      seq "$i" "$((i * round + 200))" >"$dir/file$i"
    done
    "$@" git -C "$dir" add -A
    "$@" git -C "$dir" commit -q -m "round $round"
  done
  "$@" git -C "$dir" checkout -q -b side HEAD~2
  echo side >"$dir/side"
  "$@" git -C "$dir" add -A
  "$@" git -C "$dir" commit -q -m side
  "$@" git -C "$dir" merge -q -m merged main
  "$@" git -C "$dir" gc -q --aggressive
  "$@" git clone -q "$dir" "$dir.clone"
  {
    "$@" git -C "$dir.clone" log --stat --format='%H %s'
    "$@" git -C "$dir.clone" diff HEAD~2 | sha256sum
    "$@" git -C "$dir.clone" fsck --full 2>&1
  } >"$scratch/$name.answers"
}
work without env
work with "${with_library[@]}"
same git "$scratch/without.answers" "$scratch/with.answers"
sampled git
echo "git: $(wc -l <"$scratch/with.answers") lines of log the same, $(dumps_of git | wc -l) dumps"

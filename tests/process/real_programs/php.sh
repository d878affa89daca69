#!/usr/bin/env bash
# php, whose extensions are opened with RTLD_DEEPBIND, on arrays, strings and a sort: the same answers, on its own memory
# manager and on malloc alone.
. "$(dirname "$0")/../lib.sh"

cat >"$scratch/script.php" <<'S'
<?php
$all = [];
for ($i = 0; $i < 300000; $i++) {
  $all["key$i"] = [$i, str_repeat("x", $i % 200)];
  if ($i % 3 == 0) unset($all["key" . intdiv($i, 2)]);
}
echo count($all), "\n", array_sum(array_map(fn($each) => strlen($each[1]), $all)), "\n";
uasort($all, fn($a, $b) => [strlen($a[1]), $a[0]] <=> [strlen($b[1]), $b[0]]);
echo md5(json_encode(array_slice($all, 0, 5000))), "\n", md5(serialize(array_slice($all, -5000))), "\n";
echo preg_match_all('/1[0-9]+3/', implode(",", array_keys($all))), "\n";
S
for own in 1 0; do
  export USE_ZEND_ALLOC=$own
  php -d memory_limit=1G "$scratch/script.php" >"$scratch/without"
  "${with_library[@]}" php -d memory_limit=1G "$scratch/script.php" >"$scratch/with" || fail "php ended with $?"
  same php "$scratch/without" "$scratch/with"
done
[ "$(wc -l <"$scratch/with")" = 5 ] || fail "php said: $(cat "$scratch/with")"
sampled "$(executable_of php)"
echo "php: the same answers with its memory manager and without"

#!/usr/bin/env bash
# sqlite3 on a large in-memory script: the same rows.
. "$(dirname "$0")/../lib.sh"

cat >"$scratch/script.sql" <<'S'
PRAGMA cache_size=-200000;
CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, payload BLOB, bucket INTEGER);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)
  INSERT INTO t SELECT i, printf('name-%08d', (i * 7919) % 200003), zeroblob(i % 400), i % 97 FROM n;
CREATE INDEX by_name ON t(name);
CREATE INDEX by_bucket ON t(bucket, id);
UPDATE t SET payload = zeroblob(length(payload) * 2) WHERE bucket IN (3, 5, 8, 13, 21, 34, 55, 89);
DELETE FROM t WHERE id % 3 = 0;
SELECT count(*), sum(length(payload)), min(name), max(name) FROM t;
SELECT bucket, count(*), sum(id) FROM t GROUP BY bucket ORDER BY 3 DESC LIMIT 20;
SELECT group_concat(name, ',') FROM (SELECT name FROM t ORDER BY name LIMIT 2000);
WITH RECURSIVE f(a, b) AS (SELECT 1, '1' UNION ALL SELECT a + 1, b || a FROM f WHERE a < 3000) SELECT length(max(b)) FROM f;
VACUUM;
PRAGMA integrity_check;
S
sqlite3 :memory: <"$scratch/script.sql" >"$scratch/without"
"${with_library[@]}" sqlite3 :memory: <"$scratch/script.sql" >"$scratch/with" || fail "sqlite3 ended with $?"
same sqlite3 "$scratch/without" "$scratch/with"
grep -qx ok "$scratch/with" || fail "integrity_check did not say ok"
sampled sqlite3
echo "sqlite: $(wc -c <"$scratch/with") bytes of answers the same"

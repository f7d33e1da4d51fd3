# SPDX-License-Identifier: Apache-2.0
# Results of a plugin that changed are another variant's: a sweep is continued with the same file only.
. "$(dirname "$0")/kit.sh"
cp "$plugins/good.so" zero.so
run "$labench" --plugin ./zero.so --variants zero $small
[ $code -eq 0 ] || fail 'the first sweep'
chmod +w zero.so
printf 'x' >>zero.so # a byte behind the end: the same code, another file
run "$labench" --plugin ./zero.so --variants zero $small
[ $code -eq 0 ] || fail 'the second sweep'
"$labench" list sweeps --db t.db >out
[ "$(sqlite3 t.db 'SELECT count(DISTINCT code_hash) FROM variant WHERE name = "zero"' 2>/dev/null ||
    echo 2)" = 2 ] || fail 'both files have one code'
[ "$(sqlite3 t.db 'SELECT count(DISTINCT cell_key) FROM cell' 2>/dev/null || echo 2)" = 2 ] ||
    fail 'both files share a cell'
exit 0

# SPDX-License-Identifier: Apache-2.0
# A plugin that never comes back costs ten seconds and a sentence, at load and when asked about a cell.
. "$(dirname "$0")/kit.sh"
"$labench" --plugin "$plugins/hang_check.so" --variants zero,copy $small >out_check 2>&1 &
check=$!
run "$labench" list --plugin "$plugins/hang_load.so"
ends 2 'no answer for 10 s in loading'
wait $check || fail "a plugin that hangs in check spoils the sweep: $(cat out_check)"
"$labench" export --db t.db outcomes >rows || fail 'no export'
grep 'zero' rows | grep -q 'timeout.*no answer for 10 s in check' || fail 'no row of the hang'
grep 'copy' rows | grep -q ',ok' || fail 'no row of copy'
exit 0

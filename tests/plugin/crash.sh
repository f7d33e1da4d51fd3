# SPDX-License-Identifier: Apache-2.0
# A plugin that crashes when asked about a cell, or while it computes, costs its own rows.
. "$(dirname "$0")/kit.sh"
rows_of() { # PLUGIN LENGTHS: exports the outcomes of a sweep of zero and copy
    rm -f t.db*
    run "$labench" --plugin "$plugins/$1.so" --variants zero,copy $small --lengths "$2"
    "$labench" export --db t.db outcomes >rows || fail "no export of $1"
    grep 'copy' rows | grep -q ',ok' || fail "$1: no row of copy"
}
small=$(echo "$small" | sed 's/--lengths 64//')
rows_of crash_check 64,128
[ $code -eq 1 ] || fail "exit code $code after a crash in check"
grep 'zero' rows | grep -q 'crash.*crashed in check (SIGABRT)' || { cat rows; fail 'no crash in check'; }
grep 'zero' rows | grep -q ',ok' || fail 'the length that does not crash is lost'
rows_of exit_check 64
grep 'zero' rows | grep -q 'exit code 9' || { cat rows; fail 'no word of the exit in check'; }
rows_of crash_forward 64
[ $code -eq 1 ] || fail "exit code $code after a crash in forward"
grep 'zero' rows | grep -q 'crash' || { cat rows; fail 'no crash in forward'; }
rows_of wrong_forward 64
grep 'zero' rows | grep -q 'wrong' || { cat rows; fail 'a wrong plugin is not found out'; }
rows_of crash_rank 64
grep 'zero' rows | grep -q 'crashed in rank' || { cat rows; fail 'no crash in rank'; }

run "$labench" verify zero --plugin "$plugins/crash_forward.so"
ends 6 'crashed in [a-z]* of zero cpu_a'
run "$labench" verify zero --plugin "$plugins/wrong_forward.so"
ends 6 'zero cpu_a.*forward'
run "$labench" verify zero --plugin "$plugins/good.so"
[ $code -eq 0 ] || fail 'the good plugin does not pass'
exit 0

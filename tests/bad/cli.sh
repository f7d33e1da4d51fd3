#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# cli.sh PROGRAM: through the command line, bad variants cost their own rows and exit code 1; without
# them the same sweep ends with 0.
. "$(dirname "$0")/../shell.sh"
run() {
    "$program" --lengths 64 --dk 8 --dv 8 --heads 1 --threads 1 --tasks none --pass "${pass:-fwd}" --quick \
        --db test.db "$@" >out 2>err
}

run --variants null,bad_segv,bad_nan,bad_wrong,bad_exit,copy
code=$?
[ $code -eq 1 ] || fail "exit code $code where a cell crashed"
export_rows test.db
for words in null:ok bad_segv:crash bad_nan:nonfinite bad_wrong:wrong bad_exit:error copy:ok; do
    grep "${words%:*}" rows | grep -q "${words#*:}" || fail "no row of $words"
done

pass=fwdbwd
run --variants null,bad_wrong_gradient,bad_unwritten_gradient
code=$?
[ $code -eq 1 ] || fail "exit code $code where gradients were wrong"
export_rows test.db
for words in null:ok bad_wrong_gradient:wrong bad_unwritten_gradient:nonfinite; do
    grep "${words%:*}" rows | grep -q "${words#*:}" || fail "no row of $words"
done

pass=fwd
run --variants null,copy
code=$?
[ $code -eq 0 ] || fail "exit code $code where all went well"

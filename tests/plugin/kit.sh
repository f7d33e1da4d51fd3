# SPDX-License-Identifier: Apache-2.0
# What the scripts share: PROGRAM FOLDER SOURCE BUILD CC in, a scratch folder to stand in, and checks.
set -u
labench=$1 plugins=$2 source=$3 build=$4 cc=$5
scratch=$(mktemp -d "${TMPDIR:-/tmp}/labench-test-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
unset LABENCH_PLUGIN_PATH LABENCH_DB
export OMP_WAIT_POLICY=passive
fail() {
    echo "$1"
    [ -e out ] && sed 's/^/out: /' out
    [ -e err ] && sed 's/^/err: /' err
    exit 1
}
# run COMMAND...: output in out and err, the exit code in $code.
run() {
    "$@" >out 2>err
    code=$?
}
# ends CODE PATTERN: the last run ended so and said so on stderr.
ends() {
    [ $code -eq "$1" ] || fail "exit code $code where $1 was expected: $2"
    grep -q -- "$2" err || fail "stderr does not say: $2"
}
small="--lengths 64 --dk 8 --heads 1 --threads 1 --tasks none --pass fwd --quick --db t.db -q"

# SPDX-License-Identifier: Apache-2.0
# Sourced by tests of a program, their first argument: `. "$(dirname "$0")/../shell.sh"`. They go on in a folder of
# their own, which is gone at the end; $here is the test's.
set -u
program=$1
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d "${TMPDIR:-/tmp}/labench-test-XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1

# fail WORDS: ends the test with them and with what the last command wrote to the files out and err.
fail() {
    echo "$1"
    cat out err
    exit 1
}

# export_rows DB: what the sweeps of DB stored, as the file rows.
export_rows() {
    "$program" export --db "$1" --format csv >rows 2>>err || fail "no export"
}

# own_device: labench_fake's device has a name that no other test's has; the file locks says how each of its processes
# held it.
own_device() {
    LABENCH_FAKE_UUID=GPU-$(basename "$dir")
    LABENCH_FAKE_LOG=$dir/locks
    export LABENCH_FAKE_UUID LABENCH_FAKE_LOG
    trap 'rm -rf "$dir" "/tmp/labench-$LABENCH_FAKE_UUID".*' EXIT
}

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# shipped.sh LABENCH: every table that comes with labench is right: its file, the flags of its sweeps, and that
# no place of it is meant by two cells. Nothing is measured.
unset LABENCH_PAPER_PATH
[ -n "$("$1" list papers)" ] || { echo "no tables: skipped"; exit 77; }
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
for scale in cpu full; do
    "$1" reproduce all --dry-run --scale $scale --db "$folder/none.db" >"$folder/out" || exit 1
    grep -c ", scale $scale" "$folder/out"
done

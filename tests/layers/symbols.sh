#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# symbols.sh NM STATIC SHARED: external symbols that do not start with la_. The static library shows
# all of them, the shared one what a plugin would see. Sanitizers add names of their own (__, _fini).
nm=$1 static=$2 shared=$3
command -v "$nm" >/dev/null || { echo "no nm: skipped"; exit 77; }
foreign() { awk 'NF >= 3 && $(NF-1) ~ /^[A-TV-Z]$/ { print $NF }' | grep -vE '^(la_|_|\.)' | sort -u; }
bad=$("$nm" -g --defined-only "$static" 2>/dev/null | foreign)
bad="$bad$("$nm" -D -g --defined-only "$shared" 2>/dev/null | foreign)"
count=$("$nm" -g --defined-only "$static" 2>/dev/null | grep -c ' la_')
[ "$count" -gt 100 ] || { echo "only $count symbols la_*: is this the library?"; exit 1; }
[ -z "$bad" ] && { echo "$count external symbols, all of them la_*"; exit 0; }
echo "external symbols that do not start with la_:"
echo "$bad"
exit 1

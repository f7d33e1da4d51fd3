#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# includes.sh ROOT: every #include "..." below harness/, variants/ and tasks/ against the graph of layers.
# A header belongs to the layer whose folder holds it; a layer sees the public headers, itself and
# the layers named for it here. Variants and tasks see the public headers and their own kind only.
cd "$1" || exit 1
sees() {
    case $1 in
    base) echo "" ;;
    kit) echo "base" ;;
    registry) echo "base" ;;
    verify) echo "base registry" ;;
    model) echo "base registry cuda" ;;
    measure) echo "base" ;;
    store) echo "base measure" ;; # measure's pure statistics: a cell is stored with its summary
    peer) echo "base registry" ;;
    run) echo "base registry cuda peer verify model measure store" ;;
    report) echo "base store measure" ;;
    paper) echo "base measure store report" ;;
    cuda) echo "base registry" ;;
    cli) echo "base registry cuda peer verify model measure store run report paper" ;;
    esac
}
# Includes that are not in the file's own folder nor public, one "file header" a line.
others() {
    grep -rHoE '^ *# *include "[^"]+"' --include='*.c' --include='*.h' --include='*.cu' "$1" |
        sed -E 's/: *# *include "/ /; s/"$//' | grep -v ' labench/' |
        while read -r file header; do
            [ -e "$(dirname "$file")/$header" ] || echo "$file $header"
        done
}
bad=0
complain() { echo "$1"; bad=1; }
tmp=$(mktemp) || exit 1
trap 'rm -f "$tmp"' EXIT
for layer in base kit registry cuda peer verify model measure store run report paper cli; do
    [ -d harness/$layer ] || continue
    others harness/$layer >"$tmp"
    while read -r file header; do
        found=$(find harness -name "$header" -path "harness/*/$header" | head -1)
        [ -z "$found" ] && grep -q "$header" harness/$layer/CMakeLists.txt && continue # generated
        [ -n "$found" ] || { complain "$file includes \"$header\", which no layer has"; continue; }
        owner=${found#harness/} owner=${owner%%/*}
        case " $(sees $layer) " in
        *" $owner "*) ;;
        *) complain "$file ($layer) includes $found: $layer does not see $owner" ;;
        esac
    done <"$tmp"
done
for kind in variants tasks; do
    others $kind >"$tmp"
    while read -r file header; do
        [ -e $kind/common/"$header" ] && continue
        complain "$file includes \"$header\": $kind see public headers and $kind/common only"
    done <"$tmp"
done
[ $bad = 0 ] && echo "every include points down"
exit $bad

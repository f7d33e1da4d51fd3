# SPDX-License-Identifier: Apache-2.0
# labench new-variant: what it writes is itself no matter its name, and nothing is overwritten.
. "$(dirname "$0")/kit.sh"
run "$labench" new-variant gated_thing
[ $code -eq 0 ] || fail 'new-variant'
for file in gated_thing.c CMakeLists.txt README.md; do
    [ -s "gated_thing/$file" ] || fail "no $file"
    grep -qw ema "gated_thing/$file" && fail "$file still speaks of the example"
done
cp -r gated_thing before
echo changed >>gated_thing/README.md
rm gated_thing/gated_thing.c
run "$labench" new-variant gated_thing
ends 2 'CMakeLists.txt is there already'
[ -e gated_thing/gated_thing.c ] && fail 'a part of it was written'
run "$labench" new-variant other --out before/deeper
[ $code -eq 0 ] && [ -s before/deeper/other.c ] || fail '--out'
for name in softmax all mqar Upper 'a b' "it's" '../x' '' "$(printf 'a%.0s' $(seq 50))"; do
    run "$labench" new-variant "$name"
    ends 2 'labench: '
done
run "$labench" new-variant
ends 2 'a name is missing'
"$cc" -shared -fPIC -O1 -fopenmp -Wall -Wextra -Werror -I "$source/harness/include" -o thing.so \
    before/gated_thing.c -lm >out 2>err || fail 'the new variant does not compile'
run "$labench" verify gated_thing --plugin ./thing.so
[ $code -eq 0 ] || fail 'the new variant does not pass'
exit 0

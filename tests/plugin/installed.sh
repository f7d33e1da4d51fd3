# SPDX-License-Identifier: Apache-2.0
# An installed copy, moved to another folder: the example built there with find_package and with one line
# of cc, then the commands of docs/plugins.md as they stand on the page.
. "$(dirname "$0")/kit.sh"
cmake --install "$build" --prefix "$scratch/first" >install.log 2>&1 || { cat install.log; fail install; }
mv first prefix
prefix=$scratch/prefix
export PATH="$prefix/bin:$PATH" CMAKE_PREFIX_PATH="$prefix" CC="$cc"
export PKG_CONFIG_PATH="$(dirname "$(find "$prefix" -name labench.pc)")"
[ "$(command -v labench)" = "$prefix/bin/labench" ] || fail 'the installed program is not found'
[ -f "$prefix/share/labench/papers/README.md" ] || fail 'the tables of papers are not installed'

cp -r "$prefix/share/doc/labench/examples/plugin" example
run cmake -S example -B built
[ $code -eq 0 ] || fail 'find_package(labench)'
run cmake --build built
[ $code -eq 0 ] || fail 'the example does not build'
grep -qi warning out err && fail 'the example builds with warnings'
run labench verify ema --plugin built/ema.so
[ $code -eq 0 ] || fail 'the example built by CMake'
run "$cc" -shared -fPIC -O3 -fopenmp -Wall -Wextra -o ema.so example/ema.c \
    $(pkg-config --cflags --libs labench) -lm
[ $code -eq 0 ] && [ ! -s err ] || fail 'the example by one line of cc'
run labench verify ema --plugin ./ema.so
[ $code -eq 0 ] || fail 'the example built by cc'
run labench --plugin ./ema.so --variants linear,ema $small
[ $code -eq 0 ] || fail 'a sweep of the installed program'

# The page: what stands between ```sh and ```, one shell for all.
sed -n '/^```sh$/,/^```$/p' "$prefix/share/doc/labench/plugins.md" | grep -v '^```' >page.sh
[ "$(wc -l <page.sh)" -ge 12 ] || fail 'the page has no commands'
mkdir page
(cd page && sh -e -x ../page.sh >../out 2>../err) || fail 'the commands of docs/plugins.md'
exit 0

# SPDX-License-Identifier: Apache-2.0
# The shortest look: the example is listed, a file that is no plugin is refused.
. "$(dirname "$0")/kit.sh"
run "$labench" show ema --plugin "$plugins/ema.so"
[ $code -eq 0 ] || fail 'the example cannot be shown'
grep -q '^  plugin .*/ema.so$' out || fail 'show does not name the file'
run "$labench" list --plugin "$plugins/abi.so"
ends 2 'build it again'
exit 0

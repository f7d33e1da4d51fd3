# SPDX-License-Identifier: Apache-2.0
# The example beside variants of labench: sweep, plots, options, decode, backward, training, hybrid, verify.
. "$(dirname "$0")/kit.sh"
ema="--plugin $plugins/ema.so"
run "$labench" verify ema $ema
[ $code -eq 0 ] || fail 'the example does not pass verify'
for word in forward backward decode causality ema_forms_agree; do
    grep -q "ok  $word" out || fail "verify says nothing of $word"
done
run "$labench" show ema $ema
grep -q 'halflife.*\[256\] in 1..1000000' out || fail 'show has no option halflife'

run "$labench" $ema --variants linear,ema --set ema.halflife=16,256 --lengths 64,128 --dk 8 --heads 2 \
    --threads 1 --tasks recall --pass fwd,fwdbwd,decode --quick --db t.db --out plots
[ $code -eq 0 ] || fail 'the sweep'
"$labench" export --db t.db flat >rows || fail 'no export'
[ "$(grep -c 'ema.*,ok,' rows)" -ge 16 ] || { cat rows; fail 'rows of ema are missing'; }
cell=$(sed -n 's/^[^,]*,[^,]*,[^,]*,[^,]*,\([0-9a-f]*\),.*,ema,.*/\1/p' rows | head -1)
"$labench" show "$cell" --db t.db >shown || fail "show of cell $cell"
grep -q "labench run .*--plugin '.*/ema.so'" shown || { cat shown; fail 'show forgets the plugin'; }
grep -q ema plots/*/time.dat || fail 'ema is not in the plot of time'
grep -q ema plots/*/accuracy.dat || fail 'ema is not in the plot of accuracy'

run "$labench" $ema --variants ema --tasks mqar --lengths 64 --steps 6 --pass none --threads 1 --db t.db \
    --out plots
[ $code -eq 0 ] || fail 'a training with the plugin'
"$labench" export --db t.db models >rows || fail 'no models'
grep -q 'ema' rows || fail 'no model of ema'
run "$labench" $ema --variants softmax --hybrid 'ema,softmax' --tasks mqar --lengths 64 --steps 6 \
    --pass none --threads 1 --db t.db --out plots
[ $code -eq 0 ] || fail 'a hybrid with the plugin'
grep -q 'mqar accuracy' err || fail 'the hybrid has no accuracy'

# apply: all ones, dk = dv = 2: o_t = s dk (1 - a^t), with a half-life of one token 0.7071 and 1.0607.
npy() { # FILE: float32 ones of shape [1, 2, 1, 2]
    head="{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 1, 2), }"
    printf '\223NUMPY\001\000\166\000%-117s\n' "$head" >"$1"
    printf '\000\000\200\077\000\000\200\077\000\000\200\077\000\000\200\077' >>"$1"
}
mkdir in
for name in q k v do; do npy in/$name.npy; done
run "$labench" apply --variant ema --set halflife=1 --in in --out applied --state --grad --threads 1 $ema
[ $code -eq 0 ] || fail 'apply'
values=$(od -An -tf4 -j128 applied/o.npy | tr -s ' \n' ' ')
case $values in
' 0.7071'*' 1.0606'*) ;;
*) fail "apply gives $values" ;;
esac
for name in state_S dq dk dv; do
    [ -s applied/$name.npy ] || fail "apply writes no $name"
done
exit 0

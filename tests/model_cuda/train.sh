#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# train.sh PROGRAM: two trainings side by side and their evaluations on the fake device, from the command to the
# store; the CPU then finds the models.
. "$(dirname "$0")/../shell.sh"
own_device
run() {
    "$program" --variants softmax --lengths 16 --pass none --tasks mqar --train-lengths 16 --steps 3 \
        --d-model 8 --head-dim 4 --set train.tokens=64 --set mqar.pairs=2 --set mqar.vocab=66 \
        --set train.validate_examples=4 --seeds 2 --jobs 2 --db runs.db "$@" >out 2>err
}

run --device cuda:0 || fail "exit code $? where all went well"
[ "$(grep -c "softmax .* train .* trained in .* 3 steps" err)" -eq 2 ] || fail "two models were not trained"
[ "$(grep -c "softmax .* eval .* accuracy" err)" -eq 2 ] || fail "two models were not evaluated"
export_rows runs.db
grep "softmax" rows | grep -q "cuda_naive" || fail "no kernel of the device in the store"
[ "$(sort -u locks)" = "$(printf 'sweep alone\nworker shared')" ] || fail "trainings do not share the device: $(cat locks)"

# What decides a model is the same on both, so the CPU finds it.
run || fail "exit code $? on the CPU"
[ "$(grep -c "softmax .* train .* found" err)" -eq 2 ] || fail "the CPU trains again what is there"

echo "models are trained, evaluated and found again"

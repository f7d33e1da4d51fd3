#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# sweep.sh PROGRAM: a sweep on the fake device, from the command to the store: what is timed, what fails and how,
# and that the rest of the sweep goes on.
. "$(dirname "$0")/../shell.sh"
own_device
peer=$here/peer/peer.json
run() {
    db=$1
    shift
    "$program" --device cuda:0 --lengths 64 --dk 8 --dv 8 --heads 1 --tasks none --max-time 0.02 --rounds 1 \
        --db "$db" "$@" >out 2>err
}

# A launch of the fake device takes 2 ms of its clock, four of them a forward and backward; retnet moves its state on.
run ok.db --variants copy,retnet,fnet || fail "exit code $? where all went well"
grep -q "device cuda:0 (fake 0, 132 multiprocessors)" err || fail "the device is not named"
grep -q "copy .* fwd .*2.00 ms" err || fail "the forward of copy is not two milliseconds"
grep -q "copy .* fwdbwd .*8.00 ms" err || fail "forward and backward are not four launches"
grep -q "retnet .* decode .*2.00 ms" err || fail "no decode"
grep -q "fnet .* decode .*unsupported: fnet has no decode" err || fail "fnet decodes"
export_rows ok.db
grep "copy,baseline,cuda_plain" rows | grep -q ",cold," || fail "the caches are not cold"
grep -q ",cuda," rows || fail "no instruction set of its own"
"$program" show "$(sed -n 's/.*sweep \([0-9a-f]*\) .*/\1/p' err | head -1)" --db ok.db >out 2>&1 || fail "no show"
[ "$(sort -u locks)" = "$(printf 'sweep alone\nworker alone')" ] || fail "what is timed is not alone: $(cat locks)"

run hot.db --variants copy --pass fwd --cache hot || fail "exit code $? with --cache hot"
export_rows hot.db
grep "copy,baseline,cuda_plain" rows | grep -q ",hot," || fail "the caches are not hot"

run f16.db --variants copy --pass fwd --dtype f32,f16 || fail "exit code $? with f16"
[ "$(grep -c "copy .* fwd .*2.00 ms" err)" -eq 2 ] || fail "f16 is not timed"
grep -q "of the device .* of 7.20 GiB" err || fail "no word of the device's memory"
"$program" --variants copy --lengths 64 --tasks none --pass fwd --dtype f16 --dry-run >out 2>err
grep -q "copy cpu_plain has no f16 kernel" err out || fail "f16 on the CPU is not refused by name"

# cuFFT is asked for by name: refused in a sentence where it is not, beside our own transform where it is.
run nofft.db --variants fnet --impls cufft --pass fwd && fail "exit code 0 without cuFFT"
grep -q "cuFFT is not here (libcufft" err || fail "no word of the missing cuFFT"
LABENCH_FAKE_CUFFT=1
export LABENCH_FAKE_CUFFT
run fft.db --variants fnet --impls fft,cufft --pass fwd || fail "exit code $? with cuFFT"
unset LABENCH_FAKE_CUFFT
export_rows fft.db
[ "$(grep -c "fnet,fourier,cuda_fft,.*,ok," rows)" -eq 1 ] || fail "our own transform is not beside cuFFT"
[ "$(grep -c "fnet,fourier,cuda_cufft,.*,ok," rows)" -eq 1 ] || fail "cuFFT is not timed"

# A peer on the device stands beside it, and one of the CPU does not.
if command -v python3 >/dev/null; then
    run peer.db --variants copy --pass fwd --peers "$peer" || fail "exit code $? with a peer"
    grep -q "copy .* fwd .*3.00 ms" err || fail "the peer is not timed by the device's clock"
    "$program" --variants copy --lengths 64 --tasks none --pass fwd --peers "$peer" --dry-run >out 2>err
    grep -q "elsewhere_copy .*runs on CUDA devices: use --device cuda" out || fail "a peer of the device on the CPU"
fi

# Out of memory is an outcome, and so is what would be.
LABENCH_FAKE_FREE=100
export LABENCH_FAKE_FREE
run oom.db --variants copy --pass fwd || fail "exit code $? where memory ran out"
unset LABENCH_FAKE_FREE
export_rows oom.db
grep -q oom_device rows || fail "memory of the device did not run out"
run limit.db --variants copy --pass fwd --device-memory 64M && grep -q "leaves no room" err &&
    fail "a limit that nothing fits below was taken"
grep -q "device-memory 64.0 MiB leaves no room" err || fail "no word of a limit that nothing fits below"

# A device that fails ends its worker, with the device's words.
LABENCH_FAKE_FAIL=9
export LABENCH_FAKE_FAIL
run failed.db --variants copy,null --pass fwd
[ $? -eq 1 ] || fail "exit code 0 where the device failed"
unset LABENCH_FAKE_FAIL
grep -q "illegal memory access" err || fail "the device's words are lost"

# Where every launch waits there is nothing to time, which is said before anything is stored.
CUDA_LAUNCH_BLOCKING=1 "$program" --device cuda:0 --variants copy --lengths 64 --db blocking.db >out 2>err
[ $? -eq 3 ] || fail "a sweep with blocking launches"
grep -q "unset CUDA_LAUNCH_BLOCKING" err || fail "no word of blocking launches"
[ -e blocking.db ] && fail "a sweep with blocking launches left a database"

"$program" --device cuda:1 --variants copy --lengths 64 --db index.db >out 2>err
[ $? -eq 3 ] || fail "a device that is not there was taken"
grep -q "there is no device cuda:1" err || fail "no word of the missing device"
"$program" list devices >out 2>err || fail "no list of devices"
grep -q "cuda:0  fake 0  132 multiprocessors" out || fail "the device is not listed"
echo "all outcomes of a sweep on the device are as they should be"

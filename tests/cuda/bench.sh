#!/bin/sh
# labench-bench: rows that are verified, refusals in one sentence, a database.
# bench.sh PROGRAM 0|1: whether it was built with SQLite.
bench=$1 sqlite=$2
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
failed=0

# says WORDS STATUS ARGUMENT...: what it prints has the words, and it ends with that status
says() {
    words=$1 status=$2
    shift 2
    "$bench" "$@" >"$folder/out" 2>&1
    got=$?
    if [ $got != "$status" ] || ! grep -qF -- "$words" "$folder/out"; then
        echo "labench-bench $*: ended with $got, not $status, or did not say '$words':"
        cat "$folder/out"
        failed=1
    fi
}

says "usage: labench-bench" 0 --help
says "cuda_plain" 0 --list
set --
[ "$sqlite" = 1 ] && set -- --db "$folder/b.db"
says "copy             cuda_plain       fwd           64" 0 --variants copy --lengths 64 --dim 16 \
    --heads 2 --dtype f32 --time 1e-4 "$@"
says "fwdbwd" 0 --variants copy --lengths 64,96 --passes fwd,fwdbwd --dim 16 --heads 2 \
    --time 1e-4 --hot "$@"
CUDA_LAUNCH_BLOCKING=1
export CUDA_LAUNCH_BLOCKING
says "unset CUDA_LAUNCH_BLOCKING" 1 --variants copy --lengths 64
unset CUDA_LAUNCH_BLOCKING
says "there is no variant 'flahs'" 2 --variants flahs
says "not '1x'" 2 --lengths 1x
says "--passes takes fwd, fwdbwd and decode, not 'train'" 2 --passes train
says "--dtype takes bf16, f16 or f32, not 'int8'" 2 --dtype int8
says "--heads takes a positive whole number, not '0'" 2 --heads 0
says "--time takes seconds, not 'soon'" 2 --time soon
says "'--nonsense' is no option" 2 --nonsense
says "there is no device cuda:7" 1 --device 7
words="unable to open database file"
[ "$sqlite" = 1 ] || words="built without SQLite; leave out --db"
says "$words" 1 --db "$folder/none/b.db" --variants copy
says "unsupported: cuFFT is not here" 0 --variants fnet --impl cuda_cufft --lengths 64 --mask bidirectional \
    --dim 8 --heads 1
says "copy has no impl 'cuda_none'" 0 --variants copy --impl cuda_none --lengths 64
[ "$sqlite" = 1 ] || exit $failed
python3 - "$folder/b.db" <<'END' || failed=1
import sqlite3, sys
rows = sqlite3.connect(sys.argv[1]).execute(
    "SELECT pass, T, dtype, outcome, median_ns > 0, rel_rms IS NOT NULL FROM bench").fetchall()
want = [("fwd", 64, "f32"), ("fwd", 64, "bf16"), ("fwd", 96, "bf16"), ("fwdbwd", 64, "bf16"),
        ("fwdbwd", 96, "bf16")]
if [r[:3] for r in rows] != want or any(r[3:] != ("ok", 1, 1) for r in rows):
    sys.exit(f"the database has {rows}")
END
exit $failed

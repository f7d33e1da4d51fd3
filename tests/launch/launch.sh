#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The launchers' promises, on a copy of them with a project of one file and pretended packages.
# Usage: launch.sh SOURCE_DIR
set -u
unset LABENCH_PRESET # of a run of all tests with another preset
source_dir=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

check() { # check WHAT CONDITION...
    if ! "${@:2}"; then
        echo "FAILED: $1"
        failures=$((failures + 1))
    fi
}

# A project that builds in a second, with the real launchers.
mkdir -p "$work/p/cmake" "$work/p/harness" "$work/p/variants" "$work/p/tasks" "$work/p/tests" "$work/bin"
cp "$source_dir/labench" "$source_dir/test" "$work/p/"
cp "$source_dir/cmake/launch.sh" "$work/p/cmake/"
cat >"$work/p/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(p C)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
add_executable(labench harness/main.c)
enable_testing()
add_test(NAME one COMMAND labench 7)
END
cat >"$work/p/CMakePresets.json" <<'END'
{"version": 6,
 "configurePresets": [{"name": "release", "generator": "Ninja", "binaryDir": "${sourceDir}/build/release"}],
 "buildPresets": [{"name": "release", "configurePreset": "release"}],
 "testPresets": [{"name": "release", "configurePreset": "release"}]}
END
main() { printf '#include <stdlib.h>\nint main(int n, char **v) { return n > 1 ? atoi(v[1]) %s : 0; }\n' "$1" >"$work/p/harness/main.c"; }
main ''

# Pretended packages: $work/installed lists what dpkg has; apt adds to it, once its lists are there.
cat >"$work/bin/dpkg-query" <<END
#!/bin/sh
for name; do :; done
grep -qx "\$name" "$work/installed" && printf installed
END
cat >"$work/bin/apt-get" <<END
#!/bin/sh
echo "\$*" >>"$work/apt-calls"
case " \$* " in
*" update "*) touch "$work/lists" ;;
*" install "*)
    [ -e "$work/lists" ] || exit 100
    for name; do case \$name in refused) exit 100 ;; -*|install) ;; *) echo "\$name" >>"$work/installed" ;; esac; done ;;
esac
END
chmod +x "$work/bin"/*
PATH=$work/bin:$PATH
export PATH
run() { (cd "$work" && "$work/p/labench" "$@" >"$work/out" 2>"$work/err"); }
# shellcheck disable=SC2317 # these three are called through check
said() { grep -q -- "$1" "$work/err"; }
# shellcheck disable=SC2317
silent() { [[ ! -s $work/err ]]; }
# shellcheck disable=SC2317
returns() { [[ $1 == "$2" ]]; }

: >"$work/installed"
if ((EUID == 0)); then
    run 3
    check "root installs and runs" returns $? 3
    check "the lists are fetched when an install fails" grep -q update "$work/apt-calls"
    check "packages go by name" grep -q "install --no-install-recommends cmake ninja-build" "$work/apt-calls"
else
    run 3
    check "without root it stops with 3" returns $? 3
    check "without root it says the line" said '^sudo apt-get install .*cmake'
    check "nothing was installed" test ! -e "$work/apt-calls"
    touch "$work/lists"
    apt-get install cmake ninja-build gcc libc6-dev pkg-config libopenblas-openmp-dev libfftw3-dev \
        libsqlite3-dev libcjson-dev libxxhash-dev uuid-dev zlib1g-dev librandom123-dev libcmocka-dev libinih-dev
    run 3
    check "without gnuplot it goes on" returns $? 3
fi

run 5
check "the exit code is the program's" returns $? 5
check "nothing is said when nothing is stale" silent
sleep 1.1
main '+ 1'
run 5
check "a changed source is built" returns $? 6
sleep 1.1
main '+ oops'
run 5
check "a failed build stops with 3" returns $? 3
check "a failed build is shown" said oops
main ''
(
    flock 9
    touch "$work/locked"
    # Until it is waited for, a minute at most.
    for ((i = 0; i < 600; i++)); do
        said 'waiting for another build' && exit
        sleep 0.1
    done
) 9>"$work/p/build/.lock" &
: >"$work/err"
until [[ -e $work/locked ]]; do sleep 0.05; done
run 5
check "a build in progress is waited for" said 'waiting for another build'
wait
check "and the program runs then" returns "$(run 5 || echo $?)" 5

out=$(cd "$work" && "$work/p/test" 2>&1)
check "the exit code of ./test is CTest's" returns $? 8
check "the last lines are CTest's summary" grep -q '^Errors while running CTest' <<<"$(tail -n 4 <<<"$out")"
(cd "$work" && "$work/p/test" fast >/dev/null 2>&1)
check "./test refuses words it does not know" returns $? 2

((failures == 0)) && echo "all promises kept"
exit $((failures > 0))

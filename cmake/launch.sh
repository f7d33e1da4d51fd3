# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What ./labench and ./test share: packages, configure, build. Sourced with `root` and `preset` set.

# The program needs these; without the wanted ones it only draws no figures.
packages_needed=(cmake ninja-build gcc libc6-dev pkg-config libopenblas-openmp-dev libfftw3-dev
    libsqlite3-dev libcjson-dev libxxhash-dev uuid-dev zlib1g-dev librandom123-dev libcmocka-dev
    libinih-dev)
packages_wanted=(gnuplot-nox fonts-dejavu-core)

say() { printf 'labench: %s\n' "$*" >&2; }

# Prints those of its arguments that dpkg does not have installed.
missing() {
    local name
    for name in "$@"; do
        [[ $(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null) == installed ]] || echo "$name"
    done
}

apt_install() {
    DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 \
        install --no-install-recommends "$@" >"$log" 2>&1
}

# Installs what is missing when root, else says the one line to type; other distributions are left
# to CMake's own messages. $log is where apt's words go.
ensure_packages() {
    command -v dpkg-query >/dev/null && command -v apt-get >/dev/null || return 0
    local need want
    mapfile -t need < <(missing "${packages_needed[@]}")
    mapfile -t want < <(missing "${packages_wanted[@]}")
    local all=("${need[@]}" "${want[@]}")
    ((${#all[@]} > 0)) || return 0
    if ((EUID != 0)); then
        if ((${#need[@]} > 0)); then
            say "some packages are missing. Install them, then run the same command again:"
            echo "sudo apt-get install --no-install-recommends ${all[*]}" >&2
            exit 3
        fi
        say "no figures without: sudo apt-get install --no-install-recommends ${want[*]}"
        return 0
    fi
    say "installing ${all[*]}"
    apt_install "${all[@]}" && return 0
    apt-get -qq update >"$log" 2>&1 || true # the lists may be absent or old
    apt_install "${all[@]}" && return 0
    if ((${#need[@]} == 0)) || apt_install "${need[@]}"; then
        say "could not install ${want[*]}; going on without figures"
        return 0
    fi
    cat "$log" >&2
    say "apt-get could not install: ${need[*]}"
    exit 3
}

# run_quietly WHAT COMMAND...: shows the command's output only when it fails.
run_quietly() {
    local what=$1
    shift
    "$@" >"$log" 2>&1 && return 0
    grep -vE '^\[[0-9]+/[0-9]+\] ' "$log" >&2
    say "$what failed; all of its output is in $log"
    exit 3
}

# stale STAMP: true when a source is newer than the stamp, or the commit moved (the program records
# it). One look at the tree, a few milliseconds.
stale() {
    [[ -e $1 ]] || return 0
    local history
    history=$(git -C "$root" rev-parse --path-format=absolute --git-path logs/HEAD 2>/dev/null) || history=
    [[ -e $history ]] || history=
    [[ -n $(cd "$root" && find CMakeLists.txt CMakePresets.json cmake harness variants tasks \
        ${history:+"$history"} -newer "$1" -print -quit 2>/dev/null) ]]
}

# minutes: how long the first build takes on two cores, CUDA kernels for all architectures among them or not.
minutes() {
    if grep -q '\.cu\.o' "build/$preset/build.ninja"; then
        echo "about ten minutes: nvcc is here, and CUDA kernels with it"
    else
        echo "two or three minutes"
    fi
}

# build TARGET: configures and builds when the target's stamp is stale; one build at a time.
build() {
    local target=$1 stamp=$root/build/$preset/.built-$1
    stale "$stamp" || return 0
    mkdir -p "$root/build/$preset"
    log=$root/build/$preset/launch.log
    (
        if ! flock -n 9; then
            say "waiting for another build"
            flock 9
        fi
        stale "$stamp" || exit 0
        ensure_packages
        touch "$stamp.begun"
        cd "$root" || exit 3
        [[ -e build/$preset/build.ninja ]] || run_quietly "configuring" cmake --preset "$preset"
        [[ -e $stamp ]] || say "building (the first time takes $(minutes))"
        run_quietly "building" cmake --build --preset "$preset" --target "$target"
        mv "$stamp.begun" "$stamp"
    ) 9>"$root/build/.lock" || exit $?
}

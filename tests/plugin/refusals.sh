# SPDX-License-Identifier: Apache-2.0
# Every bad plugin costs a sentence and exit code 2; which of its code ran before is known by the traces.
. "$(dirname "$0")/kit.sh"
export PLUGIN_TRACE="$scratch/trace"

# refused KIND PATTERN [TRACE...]: what may have run.
refused() {
    kind=$1 pattern=$2
    shift 2
    rm -rf trace && mkdir trace
    run "$labench" list --plugin "$plugins/$kind.so"
    ends 2 "$pattern"
    grep -q "$kind.so" err || fail "the refusal of $kind does not name the file"
    for file in trace/*; do
        [ -e "$file" ] || continue
        case " $* " in
        *" ${file#trace/} "*) ;;
        *) fail "$kind: its ${file#trace/} ran before it was refused" ;;
        esac
    done
}
refused abi 'ABI .* build it again'
refused size 'descriptor of .* bytes .* build it again'
refused no_symbol 'does not export la_plugin_v1'
refused function_symbol 'is no la_plugin'
for kind in variant_abi:'ABI' no_variant:'no variant' null_forward:'forward are required' \
    null_check:'check, .* required' null_useful:'useful is missing' null_reference:'reference or same_as' \
    null_impls:'no impls' backward_bit:'backward and its capability bit' name_space:'my variant' \
    name_quote:'it.s"mine' name_utf8:'xc3.xbcberall' name_taken:"'softmax' already" \
    name_group:'group, a task' name_null:'(none)' impl_twice:'two impls called cpu_a' \
    option_outside:'outside options_size' option_choice:'default is none' \
    same_as_unknown:"'nowhere'" many_impls:'at most 8'; do
    refused "${kind%%:*}" "${kind#*:}" constructor
done
refused crash_load "crashed in loading (SIGABRT).*about to go wrong" constructor
refused exit_load 'ended its process in loading (exit code 7)' constructor
[ "$(uname -m)" = x86_64 ] && refused float_mode 'without -ffast-math' constructor

# Files that are no plugin at all.
file() {
    run "$labench" list --plugin "$1"
    ends 2 "$2"
}
echo 'int x;' >text.so
: >empty.so
mkdir folder.so
head -c 3000 "$plugins/good.so" >short.so
file ./text.so 'not a shared library'
file ./empty.so 'no file with anything in it'
file ./folder.so 'a folder'
file ./nowhere.so 'no such file'
file ./short.so 'short.so'
file nowhere.so 'write --plugin ./nowhere.so'
file "$labench" 'does not export la_plugin_v1'
# Machine (bytes 18, 19), class (4) and kind (16) of the header, changed.
patch() {
    cp "$plugins/good.so" "$1"
    chmod +w "$1"
    printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>dd.log
}
patch arm.so 18 '\267\000'
patch narrow.so 4 '\001'
patch object.so 16 '\001'
if [ "$(uname -m)" = x86_64 ]; then file ./arm.so 'built for aarch64'; fi
file ./narrow.so 'not built for a 64-bit machine'
file ./object.so 'an object file'

# Two of a name; a good one, from a folder with blanks, quotes and letters beyond ASCII.
mkdir "a 'folder' ü"
cp "$plugins/good.so" "a 'folder' ü/twin.so"
run "$labench" list --plugin "$plugins/good.so" --plugin "./a 'folder' ü/twin.so"
ends 2 "'zero' already"
run "$labench" list --plugin "./a 'folder' ü/twin.so" --plugin "./a 'folder' ü/twin.so"
[ $code -eq 0 ] || fail 'the same file twice is one plugin'
grep -q '^zero ' out || fail 'the good plugin is not listed'
run "$labench" --plugin "./a 'folder' ü/twin.so" --variants zero $small
[ $code -eq 0 ] || fail 'a sweep with a plugin in such a folder'

# LABENCH_PLUGIN_PATH: names without a slash, every library of it, warnings for bad ones.
mkdir path
cp "$plugins/good.so" path/libzero.so
cp "$plugins/abi.so" path/abi.so
LABENCH_PLUGIN_PATH=nothing-here:path run "$labench" list
[ $code -eq 0 ] || fail 'a bad plugin in the path is a warning'
grep -q '^zero ' out || fail 'a plugin of the path is not listed'
grep -q 'left out: .*abi.so' err || fail 'no warning about abi.so'
rm path/abi.so
LABENCH_PLUGIN_PATH=path run "$labench" list --plugin zero
[ $code -eq 0 ] || fail 'a name of the path'
[ -s err ] && fail 'a named plugin of the path is opened twice'
exit 0

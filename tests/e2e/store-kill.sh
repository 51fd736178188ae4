#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The store under kill -9, many at once, full and read-only disks: whole afterwards, with nothing of the dead in it.
#
#   tests/e2e/store-kill.sh [--full]     100 kills instead of 12; CUPEL_KILL_SEED makes the same choices again
# time-limit: 300
# sanitizers: no
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/e2e/layout.bash
. "$e2e/layout.bash"

BUSYBOX=$(command -v busybox)
export BUSYBOX
if [[ -z $BUSYBOX ]]; then
    printf 'skip - store-kill: needs busybox\n'
    all_done
    exit 0
fi
kills=12
[[ -z ${CUPEL_TEST_USER-} ]] || kills=5
[[ ${1-} != --full ]] || kills=100
seed=${CUPEL_KILL_SEED:-$RANDOM}
RANDOM=$seed
store=$T/cache/cupel
layers() { find "$store/layers" -mindepth 1 -maxdepth 1 | wc -l; }
drafts() { find "$store/tmp" -mindepth 1 -maxdepth 1 | wc -l; }
count() { cat "$@" | grep -c '^cupel: unpacking'; }
make_plain_layout img 4 150
make_plain_layout other 4 150 o # shares three layers

# cupel_in DIR ARGUMENT...: in the background, with its output in files there; its pid in pids.
pids=()
cupel_in() {
    mkdir -p "$1"
    (grouped "$CUPEL" "${@:2}") >"$1/stdout" 2>"$1/stderr" </dev/null &
    pids+=($!)
}
# wait_all CODE...: each of pids ends with one of these codes.
wait_all() {
    local pid code
    for pid in "${pids[@]}"; do
        code=0
        wait "$pid" || code=$?
        [[ " $* " == *" $code "* ]] || bad "process $pid ended with $code, not one of: $*" "$(tail -qn 3 ./*/stderr)"
    done
    pids=()
    good
}

it "killed at $kills random moments (CUPEL_KILL_SEED=$seed), the store is whole after each, and the next start removes what was begun"
begin=$(date +%s%N)
run_cupel rootfs import k img
expect_exit 0
took=$((($(date +%s%N) - begin) / 1000000))
cut_short=0
# A moment may be one at which nothing is in hand, or none any more; so it goes on until one was not.
for ((i = 0; i < kills || (cut_short == 0 && i < 20 * kills); i++)); do
    if ((RANDOM % 4 > 0)); then
        [[ ! -e $store/names/k ]] || run_cupel rootfs remove k
        run_cupel rootfs gc
        words=(import k img)
    elif [[ -e $store/names/k ]]; then
        words=(remove k)
    else
        words=(gc)
    fi
    cupel_in killed rootfs "${words[@]}"
    sleep "$(printf '%d.%03d' $((RANDOM % (took + 1) / 1000)) $((RANDOM % (took + 1) % 1000)))"
    kill -KILL "${pids[0]}" 2>/dev/null
    wait "${pids[0]}" 2>/dev/null
    pids=()
    expect wait_until 20 no_processes
    (($(drafts) == 0)) || cut_short=$((cut_short + 1))
    run_cupel rootfs verify
    expect_exit 0
    expect_equal "after ${words[*]}: $(drafts)" "after ${words[*]}: 0"
done
printf '# %d of %d kills left something begun\n' "$cut_short" "$kills"
expect [ "$cut_short" -gt 0 ]
run_cupel rootfs import k img
expect_exit 0
run_cupel shell --rootfs k -- /bin/busybox cat /d3/149
expect_equal "$(head -n 1 stdout)" " layer 3, file 149"

it "ten importers of the same image at once do the work once"
run_cupel rootfs remove k
run_cupel rootfs gc
expect_equal "$(layers)" 0
for i in {0..9}; do
    cupel_in "ten$i" rootfs import "ten$i" img
done
wait_all 0
expect_equal "$(count ten*/stderr) $(layers) $(drafts)" "4 4 0"

it "two importers of images that share layers unpack each of them once"
run_cupel rootfs remove ten{0..9}
expect_equal "$(layers)" 0
cupel_in a rootfs import a img
cupel_in b rootfs import b other
wait_all 0
expect_equal "$(count a/stderr b/stderr) $(layers)" "5 5"

# stopped_in_the_middle: an import of `other` as b that has begun and can get no further; its pid in importer and pids. It is let go
# on for a moment at a time; one that ends meanwhile is undone, and begun anew.
state_of() { sed 's/.*) //; s/ .*//' "/proc/$1/stat" 2>/dev/null; }
is_held() { [[ $(state_of "$importer") == [TZ] ]]; }
stopped_in_the_middle() {
    local tries
    for ((tries = 0; tries < 100; tries++)); do
        run_cupel rootfs remove b
        run_cupel rootfs gc
        cupel_in stopped rootfs import b other
        importer=${pids[0]}
        while [[ $(state_of "$importer") != Z ]]; do
            kill -STOP "$importer"
            wait_until 20 is_held
            [[ $(state_of "$importer") != T ]] || (($(drafts) == 0)) || return 0
            kill -CONT "$importer"
        done
        wait "$importer"
        pids=()
    done
    return 1
}
it "nobody who reads or runs waits for an import; who wants the same waits, and does not do it again"
expect stopped_in_the_middle
expect_equal "$(drafts)" 1
for command in "rootfs list" "rootfs show a" "rootfs verify a" "rootfs export a -o out.tar" "rootfs import c img" "rootfs remove c" "rootfs gc"; do
    # shellcheck disable=SC2086 # words
    run_cupel $command
    expect_exit 0
done
job_file a.yaml <<'YAML'
cupel: 1
rootfs: {a: {oci: img}}
jobs: {j: {rootfs: a, run: [/bin/busybox, cat, /d3/0]}}
YAML
cupel_run a.yaml
expect_exit 0
cupel_in waits rootfs import d other
waits() { grep -qs waiting waits/stderr; }
expect wait_until 20 waits
kill -CONT "$importer"
wait_all 0
expect_equal "$(count stopped/stderr waits/stderr)" 1
expect_equal "$(drafts)" 0

it "imports, removals, gc and runs at the same time disturb nothing"
run_cupel rootfs remove a b d
many() { # NAME N COMMAND...: over and over; every exit code once
    local i name=$1 n=$2
    shift 2
    for ((i = 0; i < n; i++)); do
        (grouped "$CUPEL" "$@") >"$name.out" 2>"$name.err" </dev/null
        printf '%s\n' $?
        tail -n 2 "$name.err" >&2
    done >"$name.codes" 2>"$name.said"
}
pids=()
for name in img other; do
    many import-$name 8 rootfs import $name $name & pids+=($!)
    many remove-$name 12 rootfs remove $name & pids+=($!)
done
many gc 15 rootfs gc & pids+=($!)
many run 6 run a.yaml --out out & pids+=($!)
wait "${pids[@]}"
pids=()
codes() { sort -u "$1.codes" | tr '\n' ' '; }
expect_equal "imports $(codes import-img)$(codes import-other)gc $(codes gc)run $(codes run)" "imports 0 0 gc 0 run 0 "
expect_equal "$(cat remove-*.codes | grep -cvE '^[023]$')" 0 # removed, no such name, in use
[[ $case_state != failed ]] || cat ./*.said
run_cupel rootfs verify
expect_exit 0
expect_equal "$(drafts)" 0
expect_clean

it "a full disk: said, with what to do, and nothing is left"
mkdir small && mount -t tmpfs -o size=2500k tmpfs small
[[ -z ${CUPEL_TEST_USER-} ]] || chown "$CUPEL_TEST_USER" small
CUPEL_CACHE=$T/small run_cupel rootfs import k img
expect_exit 3
expect_stderr 'disk is full'
expect_stderr 'hint: free space'
expect_equal "$(find small/tmp small/names -mindepth 1 | wc -l)" 0
CUPEL_CACHE=$T/small run_cupel rootfs gc # whole layers of it may have found room
expect_equal "$(find small/layers -mindepth 1 | wc -l)" 0
CUPEL_CACHE=$T/small run_cupel rootfs verify
expect_exit 0
umount small

it "a store on a read-only disk is read, and says that nothing can be put there"
run_cupel rootfs import k img
expect_exit 0
mount --bind "$store" small && mount -o remount,bind,ro small
export CUPEL_CACHE=$T/small
for command in "rootfs list" "rootfs show k" "rootfs verify" "rootfs export k -o out.tar"; do
    # shellcheck disable=SC2086 # words
    run_cupel $command
    expect_exit 0
done
for command in "rootfs import new other" "rootfs remove k" "run a.yaml --out out2"; do
    # shellcheck disable=SC2086 # words
    run_cupel $command
    expect_exit 3
    expect_stderr 'Read-only file system'
    expect_stderr 'hint: set CUPEL_CACHE to a directory that you can write to'
done
unset CUPEL_CACHE
umount small
expect [ -e "$store/names/k" ]

all_done

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Caches of jobs under kill -9, of the run and of its slots alone, while they are restored and saved: there is the old one or the
# new one, whole. And of those that wait for a cache (`sharing: locked`), and of those that they wait for.
#
#   tests/e2e/caches-kill.sh [--full]     100 kills instead of 10, and 40 instead of 4 of those that wait and make;
#                                         CUPEL_KILL_SEED makes the same choices again
# sanitizers: no
# time-limit: 240
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

busybox=$(command -v busybox)
if [[ -z $busybox ]] || ! "$busybox" --list >/dev/null; then
    it "caches under kill -9"
    skip_it "busybox-static is not installed"
    all_done
    exit 0
fi
kills=10
[[ ${1-} != --full ]] || kills=100
seed=${CUPEL_KILL_SEED:-$RANDOM}
RANDOM=$seed
store=$XDG_CACHE_HOME/cupel
mkdir -p tree/bin
cp "$busybox" tree/bin/busybox
for applet in sh cat echo mkdir ls wc seq sort mv test true sleep; do
    ln -s busybox "tree/bin/$applet"
done
tar -C tree --owner=0 --group=0 -cf base.tar .
# Each generation renames all files and adds 50: a part of one would be seen.
cat >kill.yaml <<'YAML'
cupel: 1
params: {N: "0", OF: none}
rootfs: {base: {tar: base.tar}}
defaults: {rootfs: base, limits: {wall: 60s}}
jobs:
  save:
    cache: {key: "n-${{ params.N }}", paths: [/c, /d], restore: ["${{ params.OF }}"]}
    run: |
      mkdir -p /c/deep /d/deep
      for dir in /c /d; do
        n=$(ls $dir/deep | wc -l)
        test ! -e $dir/count || test "$(cat $dir/count)" = "$n"
        for i in $(seq $n $((n + 49))); do echo "${{ params.N }}" >$dir/deep/$i; done
        echo $((n + 50)) >$dir/count
      done
  look:
    cache: {key: "n-${{ params.N }}", paths: [/c, /d], save: never}
    run: |
      for dir in /c /d; do
        if test -e $dir/count; then
          test "$(ls $dir/deep | wc -l)" = "$(cat $dir/count)" && test -n "$(cat $dir/deep/0)" && echo whole
        else
          test -z "$(ls $dir)" && echo none
        fi
      done
YAML

it "killed at $kills random moments (CUPEL_KILL_SEED=$seed), what is saved is whole, and the next run saves what is not"
cupel_run kill.yaml --only save
expect_exit 0
begin=$(date +%s%N)
cupel_run kill.yaml --only save --set N=1 --set OF=n-
expect_exit 0
took=$((($(date +%s%N) - begin) / 1000000))
whole=0 none=0 drafts=0
for ((i = 2; i < kills + 2; i++)); do
    cupel_start kill.yaml --only save --set N=$i --set OF=n-
    # in its second half more is done to the store
    ms=$((RANDOM % took + RANDOM % 2 * RANDOM % took))
    sleep "$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))"
    if ((RANDOM % 3 == 0)); then # a slot: the harness goes on
        victim=$(pgrep -P "$CUPEL_PID" | shuf -n 1 --random-source=<(yes "$RANDOM"))
        [[ -z $victim ]] || kill -KILL "$victim" 2>/dev/null
    else
        kill -KILL "$CUPEL_PID" 2>/dev/null
    fi
    cupel_wait 2>/dev/null
    expect wait_until 20 no_processes
    [[ -z $(find "$store/tmp" -mindepth 1 -maxdepth 1) ]] || drafts=$((drafts + 1))
    run_cupel rootfs verify
    expect_exit 0
    expect_equal "$(find "$store/tmp" -mindepth 1 | wc -l)" 0
    cupel_run kill.yaml --only look --set N=$i
    expect_exit 0
    case $(log look | tr '\n' ' ') in
    'whole whole ') whole=$((whole + 1)) ;;
    'none none ')
        none=$((none + 1))
        cupel_run kill.yaml --only save --set N=$i --set OF=n-
        expect_exit 0
        cupel_run kill.yaml --only look --set N=$i
        expect_equal "$(log look | tr '\n' ' ')" 'whole whole '
        ;;
    *) bad "after kill $i:" "$(log look)" ;;
    esac
done
printf '# of %d kills %d came after it was saved, %d before, %d of these in the middle\n' "$kills" "$whole" "$none" "$drafts"
expect_clean

it "what was saved and has no record is found by its key, and has one from then on"
layer=$(grep -l '"n-1"' "$store"/saved/*)
rm "$layer"
run_cupel cache list
expect_equal "$(grep -c ' n-1 ' stdout)" 0
cupel_run kill.yaml --only look --set N=1
expect_equal "$(log look | tr '\n' ' ')" 'whole whole '
run_cupel cache list
expect_equal "$(grep -c ' n-1 ' stdout)" 1

cat >locked.yaml <<'YAML'
cupel: 1
rootfs: {base: {tar: base.tar}}
jobs:
  make:
    rootfs: base
    limits: {wall: 120s}
    cache: {key: l, paths: [/c], sharing: locked}
    inputs: [{from: gate, to: /gate, mode: ro}]
    run: |
      echo here
      while test -z "$(ls /c)" && test -z "$(cat /gate)"; do sleep 0.05; done
      test -n "$(ls /c)" || echo made >/c/made
YAML
# locked_start NAME: a run behind; its process is $started.
locked_start() {
    rm -rf "out-$1"
    (grouped "$CUPEL" run --out "$T/out-$1" locked.yaml) >"$1.out" 2>&1 </dev/null &
    started=$!
}
# slot_with_turn PID: which of its slots has a lock of the store open, and so has the cache, or waits for it.
slot_with_turn() {
    local slot
    for slot in $(pgrep -P "$1"); do
        [[ -z $(find "/proc/$slot/fd" -lname "$store/locks/*" 2>/dev/null) ]] || { echo "$slot" && return 0; }
    done
    return 1
}
has_turn() { slot_with_turn "$1" >/dev/null; }
is_here() { grep -qs here "$T/out-$1/logs/make.stdout"; }
became() { jq -c 'select(.id == "make") | [.verdict, .caches[0].hit, .caches[0].saved]' "$T/out-$1/results.jsonl"; }
victims=(waiter waiter-slot maker maker-slot)
[[ -z ${CUPEL_TEST_USER-} ]] || victims=(waiter maker-slot) # nothing else of an ordinary user's is different
rounds=1
[[ ${1-} != --full ]] || rounds=10

it "killed while one waits for a cache that another makes, whoever is left goes on, and nothing else is"
for ((round = 0; round < rounds; round++)); do
    for victim in "${victims[@]}"; do
        run_cupel cache remove l # the one of the round before
        : >gate
        locked_start first
        first=$started
        expect wait_until 30 is_here first
        locked_start second
        second=$started
        expect wait_until 30 has_turn "$second"
        expect_not is_here second
        case $victim in
        waiter) kill -KILL "$second" ;;
        waiter-slot) kill -KILL "$(slot_with_turn "$second")" ;;
        maker) kill -KILL "$first" ;;
        maker-slot) kill -KILL "$(slot_with_turn "$first")" ;;
        esac
        left=first dead=second
        if [[ $victim == maker* ]]; then left=second dead=first; fi
        { wait "${!dead}"; code=$?; } 2>/dev/null
        expect_equal "$victim $code" "$victim $([[ $victim == *-slot ]] && echo 3 || echo 137)"
        expect wait_until 30 is_here "$left" # it has its turn
        run_cupel cache list
        expect_equal "$(grep -c ' l ' stdout)" 0
        echo open >gate
        wait "${!left}" && code=0 || code=$?
        expect_equal "$victim $code $(became $left)" "$victim 0 [\"passed\",\"miss\",true]"
        expect wait_until 20 no_processes
        run_cupel rootfs verify
        expect_exit 0
        expect_equal "$(find "$store/tmp" -mindepth 1 | wc -l)" 0
        : >gate
        cupel_run locked.yaml # which would wait for the gate if it found nothing
        expect_exit 0
        expect_result make '.caches[0].hit == "exact"'
    done
done
expect_clean

all_done

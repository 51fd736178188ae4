#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SIGKILL at random moments of a busy run: to the supervisor, to slots, to jobs' PID 1, to two of them at once. Everything of the
# run is gone soon after, the next start cleans up, and what was finished is reported.
#
#   CUPEL_KILLS=N     how many (40; 10 with sanitizers)     --full: 200
#   CUPEL_KILL_SEED=N the same choices again; moments still differ, as the machine does
#
# time-limit: 300
# sanitizers: no
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

kills=${CUPEL_KILLS:-40}
[[ ${1-} == --full ]] && kills=200
seed=${CUPEL_KILL_SEED:-$((EPOCHSECONDS % 32768))}
RANDOM=$seed
printf '# %d kills, CUPEL_KILL_SEED=%d\n' "$kills" "$seed"

# About a second with two slots: jobs that fork, write, hold memory, hide, leave something running, with artifacts.
job_file busy.yaml <<'YAML'
cupel: 1
defaults: {limits: {wall: 30s, memory: 128M, pids: 64, disk: 64M}}
jobs:
  first: {run: "echo first > /work/x", artifacts: [/work/x]}
  forks:
    run: |
      i=0
      while [ $i -lt 20 ]; do (sleep 1000 &); i=$((i + 1)); done
      sleep 0.1
  writes:
    run: |
      head -c 20M /dev/zero > /work/zeros
      head -c 3M /dev/urandom > /work/random
      sleep 0.1
    artifacts: [/work/random]
  many-files:
    run: |
      mkdir -p d && cd d
      i=0
      while [ $i -lt 500 ]; do : > f$i; i=$((i + 1)); done
    artifacts: [/work/d/**]
  memory:
    run: 'head -c 60M /dev/zero | tail | wc -c; sleep 0.05'
  hides:
    run: |
      (setsid sh -c 'trap "" TERM HUP INT; while :; do sleep 1; done' >/dev/null 2>&1 &)
      sleep 0.2
  steps:
    run:
      - {name: a, run: "sleep 0.05; echo a"}
      - {name: b, run: "(sleep 1000 &) ; sleep 0.05"}
      - {name: c, run: "echo c"}
  talks: {run: "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i + 1)); done"}
  small-disk: {run: "head -c 100K /dev/zero > x; sleep 0.1", limits: {disk: 1M, inodes: 100}}
  last: {needs: [first, steps], run: "sleep 0.1; echo last > /work/y", artifacts: [/work/y]}
YAML
ids='first forks hides last many-files memory small-disk steps talks writes'
job_file quick.yaml <<'YAML'
cupel: 1
jobs: {quick: {run: echo quick}}
YAML

# children PID: also of one that is going, then none.
children() {
    pgrep -P "$1" 2>/dev/null
}
pick() {
    (($# == 0)) || { local all=("$@"); printf '%s\n' "${all[RANDOM % $#]}"; }
}
# job_of INIT: the job that this PID 1 runs right now, "" when it runs none yet.
job_of() {
    local child
    for child in $(children "$1"); do
        tr '\0' '\n' 2>/dev/null <"/proc/$child/environ" | sed -n 's/^CUPEL_JOB=//p'
    done | head -n 1
}
gone() {
    ! kill -0 "$1" 2>/dev/null
}
# finished_ids: those whose status line was printed.
finished_ids() {
    sed -nE 's/^ +[A-Z0-9]+ \[ *[0-9.]+s\] ([a-z-]+)(:.*)?$/\1/p; /^$/q' "$T/stderr" | sort -u
}
quietly() {
    "$@" >/dev/null 2>&1
}
results_are_sound() {
    [[ ! -e out/results.jsonl ]] || jq -es 'all(.[]; .type == "run" or (.id != null and .verdict != null))' out/results.jsonl >/dev/null 2>&1
}
no_status_without_result() {
    [[ -z $(comm -23 <(finished_ids) <(jq -r 'select(has("step") | not) | .id' <(job_lines out) 2>/dev/null | sort -u)) ]]
}
junit_is_sound() {
    [[ ! -e out/junit.xml ]] || xmllint --noout out/junit.xml 2>/dev/null
}
# stands_still PID: stopped, or gone.
stands_still() {
    local state
    state=$(awk '$1 == "State:" {print $2}' "/proc/$1/status" 2>/dev/null)
    [[ -z $state || $state == [TZX] ]]
}
# aim: leaves in `slot` and `one` a slot and a PID 1 that have a job, in `aimed_at` which, and stops that PID 1: it cannot report the
# job's end any more.
aim() {
    for slot in $(children "$CUPEL_PID"); do
        for one in $(children "$slot"); do
            kill -STOP "$one" 2>/dev/null || continue
            wait_until 5 stands_still "$one" || continue
            aimed_at=$(job_of "$one")
            [[ -z $aimed_at ]] || return 0
            kill -CONT "$one" 2>/dev/null
        done
    done
    return 1
}
# A run that has ended before a job was seen is begun again.
start_and_aim() {
    for _ in {1..30}; do
        cupel_start busy.yaml -j 2
        while ! gone "$CUPEL_PID"; do
            ! aim || return 0
        done
        cupel_wait
    done
    return 1
}
# one_round KIND: starts, kills at a random moment, or in the first rounds one when a job runs; leaves in `victims` who was killed.
one_round() {
    local slots inits slot ms=$((RANDOM % 1100)) one two
    aimed_at=''
    if ((n <= ${#aims[@]})); then
        check start_and_aim
    else
        cupel_start busy.yaml -j 2
        sleep "$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))"
        slots=$(children "$CUPEL_PID")
        inits=$(for slot in $slots; do children "$slot"; done)
        # shellcheck disable=SC2086
        {
            slot=$(pick $slots)
            one=$(pick $inits)
            two=$(pick $inits)
        }
    fi
    victims=()
    # shellcheck disable=SC2206 # none where there was none
    case $1 in
    supervisor) victims=("$CUPEL_PID") ;;
    slot) victims=($slot) ;;
    init) victims=($one) ;;
    inits) victims=($one $two) ;;
    supervisor+slot) victims=("$CUPEL_PID" $slot) ;;
    supervisor+init) victims=($one "$CUPEL_PID") ;;
    slot+init) victims=($slot $one) ;;
    esac
    round="round $n: $1 (${victims[*]}) after $ms ms${aimed_at:+, or with $aimed_at}"
    ((${#victims[@]} == 0)) || kill -KILL "${victims[@]}" 2>/dev/null
}
# check COMMAND...: the command succeeds, or this round is told.
check() {
    if "$@"; then good; else bad "$round" "does not hold: $*" "$(leftovers | head -n 20)" "$(seen)" \
        "$(jq -r '"\(.id) \(.verdict) \(.evidence // "")"' <(job_lines out) 2>&1 | head -n 30)"; fi
}
# The supervisor lived on: every job has one result, only those that were hit are no passes, and the run says so.
check_survived() {
    local errors others
    cupel_wait
    others=$(jq -r 'select(has("step") | not) | .id' <(job_lines out) | sort | tr '\n' ' ')
    check [ "$others" = "$ids " ]
    errors=$(jq -r 'select((has("step") | not) and .verdict == "error") | .id' <(job_lines out))
    others=$(jq -r 'select((has("step") | not) and .verdict != "error" and .verdict != "passed" and .verdict != "skipped")' <(job_lines out))
    check [ -z "$others" ]
    # `last` is skipped when what it needs was hit
    others=$(jq -r 'select((has("step") | not) and .verdict == "skipped") | .id' <(job_lines out))
    check [ -z "$others" -o "$others" = last ]
    # shellcheck disable=SC2086
    check [ "$(wc -w <<<"$errors")" -le ${#victims[@]} ]
    [[ -z $aimed_at ]] || check [ "$(result "$aimed_at" .verdict)" = error ]
    if [[ -n $errors ]]; then
        check [ "$STATUS" = 3 ]
        ((seen_errors += 1))
    else
        check [ "$STATUS" = 0 ]
    fi
    # whose job it was is told apart below, where the moment is known; here it must say what happened
    # a slot's child may just have been the mke2fs that makes its disk: then that was killed, and the evidence says so
    check quietly jq -es 'all(.[] | select(.verdict == "error"); .evidence | test("died|vanished|mke2fs failed .wait status 0x9"))' <(job_lines out)
    check [ -s out/junit.xml ]
    check [ "$(xmllint --xpath 'count(//testsuite)' out/junit.xml 2>/dev/null)" = 10 ]
}
# The supervisor is dead: all that it had is dead soon after, and the next to come tidies up.
check_killed() {
    local started=${EPOCHREALTIME/[.,]/} took
    cupel_wait 2>/dev/null # bash's own remark on it
    check wait_until 5 no_processes
    took=$(((${EPOCHREALTIME/[.,]/} - started) / 1000))
    ((took > slowest)) && slowest=$took
    check no_status_without_result
    if ((RANDOM % 2)); then
        run_cupel clean
    else
        # into another directory: the killed run's results are still to be looked at
        run_cupel run --out "$T/out2" quick.yaml
    fi
    check [ "$STATUS" = 0 ]
}

aims=(slot init slot+init) # of the first rounds, with a job that is known to run
kinds=(supervisor slot init supervisor slot+init inits supervisor+slot supervisor+init)
seen_errors=0 slowest=0
it "whatever is killed, whenever: all of it goes, nothing finished is lost, the rest goes on"
for ((n = 1; n <= kills; n++)); do
    kind=${kinds[RANDOM % ${#kinds[@]}]}
    ((n > ${#aims[@]})) || kind=${aims[n - 1]}
    one_round "$kind"
    if [[ $kind == supervisor* ]]; then check_killed; else check_survived; fi
    check results_are_sound
    check junit_is_sound
    check wait_until 5 nothing_left
    [[ $case_state == failed ]] && break
done
printf '# all processes of a killed supervisor were gone after %d ms at most; %d runs had a job with an error\n' "$slowest" "$seen_errors"

it "some of the killed slots and PID 1s had a job, which is an error"
expect [ "$seen_errors" -ge ${#aims[@]} ]

# Not at random: the same with a moment that cannot be missed.
job_file waits.yaml <<'YAML'
cupel: 1
defaults: {limits: {wall: 30s}}
jobs:
  a: {run: "echo up; sleep 1000"}
  b: {run: "echo up; while [ ! -e /dev/shm/x ]; do sleep 0.1; done", limits: {wall: 1s}}
YAML
both_up() { grep -qs up out/logs/a.stdout && grep -qs up out/logs/b.stdout; }
init_of() {
    local slot init
    for slot in $(children "$CUPEL_PID"); do
        for init in $(children "$slot"); do
            [[ $(job_of "$init") != "$1" ]] || printf '%s\n' "$init"
        done
    done
}
it "a job whose PID 1 is killed is an error, and the other job's verdict is its own"
cupel_start waits.yaml -j 2
expect wait_until 20 both_up
kill -KILL "$(init_of a)"
cupel_wait
expect_exit 3
expect_verdict a error
expect_verdict b timeout
expect_evidence a .
expect_clean

it "so is one whose slot is killed"
cupel_start waits.yaml -j 2
expect wait_until 20 both_up
kill -KILL "$(awk '{print $4}' "/proc/$(init_of a)/stat")"
cupel_wait
expect_exit 3
expect_verdict a error
expect_verdict b timeout
expect_evidence a 'slot'
expect_clean

any_group() {
    [[ -n $(find "${own_groups[@]}" -mindepth 1 -type d ! -name 'one-*' 2>/dev/null) ]]
}
it "groups of a doctor that was killed are removed by the next start"
killed=false
for ((n = 0; n < 60; n++)); do
    (grouped "$CUPEL" doctor) >"$T/stdout" 2>"$T/stderr" </dev/null &
    CUPEL_PID=$!
    wait_until 2 any_group || true
    kill -KILL "$CUPEL_PID" 2>/dev/null
    wait "$CUPEL_PID" 2>/dev/null
    any_group && killed=true && break
done
if $killed; then
    expect wait_until 10 no_processes
    run_cupel clean
    expect_exit 0
    expect_clean
else
    skip_it "the doctor was always quicker than the signal"
fi

all_done

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The next job is set up while one runs, and nothing tells: not its times, its verdict, its figures, nor the order; whoever is killed
# meanwhile. `first` runs until its `sleep` is killed from outside, so that for as long as anybody wants the next one is prepared.
# time-limit: 180
# lanes: root-v2
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

if (($(nproc) < 2)); then
    printf 'skip - ahead: on one CPU nothing is prepared\n'
    all_done
    exit 0
fi

# with_ten [LINE]...: `first`, then these, then ten more.
with_ten() {
    printf 'cupel: 1\ndefaults: {limits: {wall: 30m}}\njobs:\n'
    printf '  first: {run: "sleep 1000 || true"}\n'
    (($# == 0)) || printf '  %s\n' "$@"
    for i in {0..9}; do printf '  n%d: {run: "echo n%d"}\n' "$i" "$i"; done
}
children() { cat "/proc/$1/task/$1/children" 2>/dev/null; }
# held: leaves in `slot`, `one` and `command` a slot, a PID 1 and a command of its that is not executed but has done all else, its
# filter (of mode 2) included, and waits for a word of its slot's.
filter=2
held() {
    for slot in $(children "$CUPEL_PID"); do
        for one in $(children "$slot"); do
            for command in $(children "$one"); do
                [[ $(cat "/proc/$command/comm" 2>/dev/null) == cupel-init ]] || continue
                [[ $(awk '$1 == "Seccomp:" {print $2}' "/proc/$command/status" 2>/dev/null) == "$filter" ]] || continue
                ! grep -qs unix_stream "/proc/$command/wchan" || return 0
            done
        done
    done
    return 1
}
# sleeps: leaves in `sleeper` the process that `first` waits for.
sleeps() {
    local slot one shell
    for slot in $(children "$CUPEL_PID"); do
        for one in $(children "$slot"); do
            for shell in $(children "$one"); do
                for sleeper in $(children "$shell"); do
                    [[ $(cat "/proc/$sleeper/comm" 2>/dev/null) != sleep ]] || return 0
                done
            done
        done
    done
    return 1
}
# hold_one FILE [OPTION]...: starts a run and waits until a job is prepared.
hold_one() {
    cupel_start "$@"
    expect wait_until 30 sleeps
    expect wait_until 30 held
}
said() { jq -c '[.id, .verdict, .exit, .attempts, .evidence]' <(job_lines out); }
gone() { ! kill -0 "$1" 2>/dev/null; }
ids() { jq -r .id <(job_lines out) | tr '\n' ' '; }
every='first n0 n1 n2 n3 n4 n5 n6 n7 n8 n9'

with_ten >ten.yaml
sed 's/sleep 1000/true/' ten.yaml >quick.yaml

it "the next job is prepared while one runs, and is not there for anybody"
hold_one ten.yaml -j 1
# It sleeps: what waits otherwise counts as load, by which others measure how busy the machine is.
expect_equal "$(awk '$1 == "State:" {print $2}' "/proc/$one/status" "/proc/$command/status" | tr -d '\n')" SS
run_cupel enter n0 -- true
expect_not [ "$STATUS" = 0 ]
run_cupel enter first -- true
expect_exit 0
kill -KILL "$sleeper"
cupel_wait
expect_exit 0
expect_equal "$(ids)" "$every "

it "it begins when its turn comes: no limit of time counts before, and its figures have nothing of the wait"
limit=3
((${CUPEL_TEST_TIME_FACTOR:-1} == 1)) || limit=10
with_ten "n: {run: 'echo n', limits: {wall: ${limit}s, cpu-time: ${limit}s}}" >short.yaml
hold_one short.yaml -j 1
sleep $((limit + 1))
kill -KILL "$sleeper"
cupel_wait
expect_exit 0
expect_verdict n passed
expect_result n ".usage.wall_seconds < $limit"
expect_equal "$(jq -s 'def from: (.started[0:19] + "Z" | fromdate) + (.started[20:23] | tonumber / 1000);
    (.[] | select(.id == "first")) as $a | (.[] | select(.id == "n")) as $b |
    ($b | from) - ($a | from) > 2' <(job_lines out))" true

it "a prepared command, or its PID 1, that is killed: the job is set up anew when its turn comes"
whose=(one)
only_differences || whose+=(command)
for who in "${whose[@]}"; do
    hold_one ten.yaml -j 1
    kill -KILL "${!who}"
    expect wait_until 10 gone "$one" # its slot has noticed
    kill -KILL "$sleeper"
    cupel_wait
    expect_exit 0
    expect_equal "$(jq -r 'select(.verdict == "passed") | .id' out/results.jsonl | tr '\n' ' ')" "$every "
done

if ! only_differences; then
    it "a slot that is killed with a prepared job: another runs it"
    hold_one ten.yaml -j 1
    kill -KILL "$slot"
    expect wait_until 10 gone "$slot" # the supervisor has noticed
    kill -KILL "$sleeper"
    cupel_wait
    expect_exit 0
    expect_equal "$(ids)" "$every "
    expect_clean
fi

it "the supervisor is killed while one is prepared: everything goes, and the next start tidies up"
hold_one ten.yaml -j 1
kill -KILL "$CUPEL_PID"
cupel_wait
expect wait_until 10 gone "$command"
expect wait_until 10 gone "$one"
cupel_run quick.yaml -j 1
expect_exit 0
expect_clean

if has_fault_injection; then
    steps=(payload-cgroup)
    only_differences || steps+=(pipes clone overlay user seccomp exec)
    for step in "${steps[@]}"; do
        it "set-up step $step fails: each job says so"
        export CUPEL_FAULT=$step
        cupel_run quick.yaml -j 1
        unset CUPEL_FAULT
        expect_exit 3
        expect_equal "$(jq -r --arg s "$step" 'select(.verdict == "error" and (.evidence | contains("'"'"'" + $s + "'"'"'"))) | .id' out/results.jsonl |
            tr '\n' ' ')" "$every "
        expect_clean
    done
fi

the_rest_is_alike

it "the order is that of a run that prepares nothing: needs, retries, one that starts from another, what comes to be first late"
cat >order.yaml <<'YAML'
cupel: 1
defaults: {limits: {wall: 30m}}
jobs:
  late1: {needs: [base], run: "true"}
  late2: {needs: [base], run: "true"}
  from1: {from: base, run: "cat /work/x"}
  again: {run: "exit 1", retries: 2}
  base: {run: "echo x > /work/x"}
  not: {needs: [again], run: "true"}
  m0: {run: "true"}
  m1: {run: "true"}
  m2: {run: "exit 3"}
  m3: {needs: [m2], run: "true"}
  m4: {run: "true"}
  m5: {run: "true"}
  m6: {run: "true"}
  m7: {run: "true"}
YAML
cupel_run order.yaml -j 1 --no-ahead
expect_exit 1
said >without
cupel_run order.yaml -j 1
expect_exit 1
expect_equal "$(said)" "$(cat without)"

it "--fail-fast ends the run though the next is prepared"
with_ten "n: {run: 'exit 7'}" >fails.yaml
hold_one fails.yaml -j 1 --fail-fast
kill -KILL "$sleeper"
cupel_wait
expect_exit 1
expect_verdict n failed
expect_verdict n0 skipped
expect_equal "$(jq -r .id <(job_lines out) | wc -l)" 12
expect_clean

it "a command that cannot be set up or executed is what it is without"
with_ten "n: {run: 'true', workdir: /etc/passwd}" "m: {run: [/no/such/program]}" | sed 's/sleep 1000/true/' >bad.yaml
cupel_run bad.yaml -j 1 --no-ahead
expect_exit 3
said >without
cupel_run bad.yaml -j 1
expect_equal "$(said)" "$(cat without)"

it "a job may not read: it waits all the same, and gets its filter when its turn comes"
with_ten "n: {run: 'echo n', seccomp: {deny: [read]}}" >deaf.yaml
filter=0 hold_one deaf.yaml -j 1
kill -KILL "$sleeper"
cupel_wait
expect_verdict n failed
expect grep -q 'not permitted' out/logs/n.stderr
expect_verdict n0 passed

it "Ctrl-C while one is prepared: every job is in the report, and nothing is left"
hold_one ten.yaml -j 1
kill -INT "$CUPEL_PID"
cupel_wait
expect_exit 130
expect_equal "$(jq -r 'select(.verdict == "cancelled") | .id' out/results.jsonl | sort | tr '\n' ' ')" "$every "
expect_evidence n0 '^cancelled by the user before it started$'
expect_clean

# What is decided by whether a command runs, while its PID 1, which is stopped, has not said that it does.
has_child() { [[ -n $(children "$1") ]]; }
# told PID: it is gone, or a SIGTERM waits for it.
told() {
    local waits
    waits=$(awk '$1 == "ShdPnd:" {print $2}' "/proc/$1/status" 2>/dev/null)
    [[ -z $waits ]] || (((0x$waits & 1 << 14) != 0))
}
it "Ctrl-C when the command runs and PID 1 has not said so: it has its grace, and \`after\` runs"
with_ten 'n: {run: "trap '"'echo bye; exit 0'"' TERM; sleep 1000 & wait", timeout-grace: 1m, after: {run: "echo after"}}' >unsaid.yaml
hold_one unsaid.yaml -j 1
kill -STOP "$one"
kill -KILL "$sleeper"
expect wait_until 30 has_child "$command"
kill -INT "$CUPEL_PID"
expect wait_until 30 told "$one"
kill -CONT "$one"
cupel_wait
expect_exit 130
expect_verdict n cancelled
expect_log n '^bye$'
expect_log n '^after$'
expect_evidence n0 '^cancelled by the user before it started$'
expect_clean

it "a SIGTERM for a command that had ended by itself does not hit \`after\`"
with_ten 'n: {run: "sleep 1000 || true", after: {run: "sleep 1; echo after"}}' >late.yaml
childless() { [[ -e /proc/$1/status ]] && ! has_child "$1"; }
hold_one late.yaml -j 1
kill -KILL "$sleeper"
expect wait_until 30 has_child "$command"
kill -STOP "$slot"
# shellcheck disable=SC2046 # one or more pids
kill -KILL $(children "$command")
expect wait_until 30 childless "$one"
kill -TERM "$one" # as the slot would, if it had decided so before
kill -CONT "$slot"
cupel_wait
expect_exit 0
expect_log n '^after$'
expect_equal "$(result n '.notes // [] | length')" 0

it "--trace-setup tells what each step took, where, and whether it was ahead"
cupel_start ten.yaml -j 1 --trace-setup
expect wait_until 30 sleeps
expect wait_until 30 held
kill -KILL "$sleeper"
cupel_wait
expect_exit 0
trace() { jq -s "$1" out/setup-trace.jsonl; }
expect_equal "$(trace '[.[] | select(.id)] | length')" 11
expect_equal "$(trace '[.[] | select(.run) | .steps[] | .step] | index("run-cgroups") != null')" true
expect_equal "$(trace '.[] | select(.id == "first") | [.prepared, any(.steps[]; .ahead)]' | tr -d ' \n')" '[false,false]'
expect_equal "$(trace '.[] | select(.id == "n0") | [.prepared, all(.steps[]; .ahead)]' | tr -d ' \n')" '[true,true]'
expect_equal "$(trace '.[] | select(.id == "n0") | [.steps[] | select(.step | IN("clone", "overlay", "seccomp")) | .in]' | tr -d ' \n')" \
    '["slot","init","command"]'
expect_equal "$(trace '[.[] | select(.id) | .order_to_answer_us >= .begin_to_end_us and .begin_to_end_us > 0] | all')" true
cupel_run quick.yaml -j 1
expect_not [ -e out/setup-trace.jsonl ]

it "--no-ahead prepares nothing"
cupel_start ten.yaml -j 1 --no-ahead
expect wait_until 30 sleeps
expect_equal "$(children "$CUPEL_PID" | wc -w)" 1
kill -KILL "$sleeper"
cupel_wait
expect_exit 0

all_done

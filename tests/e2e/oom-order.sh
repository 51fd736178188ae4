#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# lanes: root-v2
# Where memory runs out around a job, the kernel takes the job's own processes first, and no job can have the harness taken instead:
# in which order they stand. What comes of it is in evidence.sh; here, what comes of it where PID 1 is taken.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# May cupel set what nobody can go below? CAP_SYS_RESOURCE is bit 24.
may_hold=false
if [[ -z ${CUPEL_TEST_USER-} ]] && (($((16#$(awk '$1 == "CapEff:" {print $2}' /proc/self/status))) >> 24 & 1)); then
    may_hold=true
fi

score() {
    cat "/proc/$1/oom_score_adj"
}
# scores: of the supervisor, the slot, PID 1 and its command, in a line; nothing where one of them is not there yet.
scores() {
    local slot init command
    slot=$(pgrep -P "$CUPEL_PID") && init=$(pgrep -P "$slot") && command=$(pgrep -P "$init") &&
        printf '%s %s %s %s\n' "$(score "$CUPEL_PID")" "$(score "$slot")" "$(score "$init")" "$(score "$command")"
}
has_scores() {
    [[ $(scores) == "$1" ]]
}
up() {
    grep -qs "$1" out/logs/a.stdout
}

it "a job's processes come first, then its PID 1, then the harness; in each step"
# Of whoever started this. Slots have 0 where they may say so, and so has cupel in place of more.
own=$(score self)
slot=$(bash -c 'echo 0 >/proc/self/oom_score_adj; cat /proc/self/oom_score_adj' 2>/dev/null)
if ((own > 0)); then own=$slot; fi
job_file steps.yaml <<'END'
cupel: 1
jobs:
  a:
    limits: {wall: 30m}
    run:
    - {name: one, run: [/bin/sh, -c, 'trap "exit 0" USR1; cat /proc/self/oom_score_adj; echo one; while :; do sleep 0.1; done']}
    - {name: two, run: [/bin/sh, -c, 'trap "exit 0" USR1; cat /proc/self/oom_score_adj; echo two; while :; do sleep 0.1; done']}
END
cupel_start steps.yaml
for step in one two; do
    expect wait_until 20 up $step
    expect wait_until 20 has_scores "$own $slot $(((1000 + slot) / 2)) 1000"
    kill -USR1 "$(pgrep -P "$(pgrep -P "$(pgrep -P "$CUPEL_PID")")")"
done
cupel_wait
expect_exit 0
expect_equal "$(grep -c '^1000$' out/logs/a.stdout)" 2

it "and none of them can put itself behind the harness"
if $may_hold; then
    job_file lowers.yaml <<'END'
cupel: 1
jobs:
  lowers: {run: [/bin/sh, -c, "for n in 999 500 0 -1; do /bin/echo $n >/proc/self/oom_score_adj && exit 1; done; cat /proc/self/oom_score_adj"]}
END
    cupel_run lowers.yaml
    expect_exit 0
    expect_log lowers '^1000$'
else
    skip_it "cupel itself lacks CAP_SYS_RESOURCE here"
fi

# init_of_job: the PID 1 of the job of the only slot; not that of a service, whose parent is another process.
init_of_job() {
    pgrep -x cupel-init -P "$(pgrep -P "$CUPEL_PID")" 2>/dev/null
}
sleep_of_service() {
    pgrep -x busybox -P "$(pgrep -x cupel-init -P "$(pgrep -x cupel -P "$(pgrep -P "$CUPEL_PID")")")" 2>/dev/null
}
runs_sleep() {
    [[ -n $(sleep_of_service) ]]
}

it "a PID 1 that something else ended is no riddle: how, and at what"
job_file ended.yaml <<'END'
cupel: 1
jobs:
  a: {limits: {wall: 30m}, run: [/bin/sh, -c, 'echo up; exec sleep 1000']}
END
cupel_start ended.yaml
expect wait_until 20 up up
kill -KILL "$(init_of_job)"
cupel_wait
expect_evidence a "^the job's PID 1 vanished: killed by signal 9 \\(SIGKILL\\), while a command ran\$"

it "a command takes PID 1 along where it is taken before it was executed, and it is told whose memory ran out"
busybox=$(command -v busybox)
if is_sanitized; then
    skip_it "a sanitizer's memory is not the program's"
elif [[ -n $busybox ]] && "$busybox" --list >/dev/null; then
    printf 'cupel: 1\njobs: {a: {rootfs: host, run: [/bin/true], services: {db: {run: ["%s", sleep, "1000"], ready: {log: never}, within: 250s}}}}\n' \
        "$busybox" >held.yaml
    for dir in "${own_groups[@]}"; do
        if $on_v2; then
            echo 200M >"$dir/memory.max" && { echo 0 >"$dir/memory.swap.max"; } 2>/dev/null
        elif [[ -e $dir/memory.limit_in_bytes ]]; then
            echo 200M >"$dir/memory.limit_in_bytes"
        fi
    done
    cupel_start held.yaml
    expect wait_until 20 runs_sleep # from here on the job's command waits for no more than its execve
    # The service's process is as small as PID 1, and the kernel might take it first.
    echo 0 >"/proc/$(sleep_of_service)/oom_score_adj"
    # Takes what is left, little by little, until PID 1 is gone.
    (grouped /usr/bin/python3 -c "
import os, sys
held = []
while os.path.exists('/proc/' + sys.argv[1]) and len(held) < 10000: held.append(bytearray(1 << 16))" "$(init_of_job)")
    cupel_wait
    for dir in "${own_groups[@]}"; do
        if $on_v2; then echo max >"$dir/memory.max"; elif [[ -e $dir/memory.limit_in_bytes ]]; then echo -1 >"$dir/memory.limit_in_bytes"; fi
    done
    expect_exit 3
    expect_evidence a "^not the job's own limit: the group around cupel, .*cupel-e2e-[0-9]+, reached its memory limit 200 MiB"
    expect_evidence a ', and the kernel killed its PID 1 while a command was being started; the job has no memory limit'
    expect_clean
else
    skip_it "busybox-static is not installed"
fi

all_done

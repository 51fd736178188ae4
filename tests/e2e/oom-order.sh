#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# lanes: root-v2
# Where memory runs out around a job, the kernel takes the job's own processes first, and no job can have the harness taken instead:
# in which order they stand. What comes of it is in evidence.sh.
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
    limits: {wall: 300s}
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

all_done

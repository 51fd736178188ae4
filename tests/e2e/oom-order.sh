#!/usr/bin/env bash
# lanes: root-v2
# Where memory runs out around a job, the kernel takes the job's own processes first, and no job can have the harness taken instead.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# May cupel set what nobody can go below? CAP_SYS_RESOURCE is bit 24.
may_hold=false
if [[ -z ${CUPEL_TEST_USER-} ]] && (($((16#$(awk '$1 == "CapEff:" {print $2}' /proc/self/status))) >> 24 & 1)); then
    may_hold=true
fi

# around FILE VALUE FILE-ON-V2 VALUE: a limit of the groups around cupel, where such a file is.
around() {
    local dir file=$1 value=$2
    if $on_v2; then file=$3 value=$4; fi
    for dir in "${own_groups[@]}"; do
        [[ ! -e $dir/$file ]] || echo "$value" >"$dir/$file"
    done
}
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
own=$(score self)
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
    expect wait_until 20 has_scores "$own $own $(((1000 + own) / 2)) 1000"
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

it "so a job whose memory is not in its processes has the kernel take them all the same"
if ((${#own_groups[@]} == 0)); then
    skip_it "no cgroups here"
else
    job_file fills.yaml <<'END'
cupel: 1
defaults: {rootfs: host, limits: {memory: 700M, wall: 300s}}
jobs:
  shm: {run: [/bin/dd, if=/dev/zero, of=/dev/shm/x, bs=64k]}
  sleepers: {run: [/bin/sh, -c, "for i in 1 2 3 4 5 6; do sleep 300 & done; while :; do dd if=/dev/zero of=/dev/shm/x$((n += 1)) bs=64k count=256; done"]}
END
    around memory.limit_in_bytes 128M memory.max 128M
    around - - memory.swap.max 0
    cupel_run fills.yaml -j 1
    expect_exit 3
    for job in shm sleepers; do
        expect_verdict $job error
        expect_evidence $job "^not the job's own limit: the group around cupel, .*, reached its memory limit 128 MiB"
    done
    around memory.limit_in_bytes -1 memory.max max
    expect_clean
fi

all_done

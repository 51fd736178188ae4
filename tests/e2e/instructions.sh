#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The limit `instructions`: refused where nothing counts them, else counted of everything that a job starts, whatever it does to get
# away. Few machines of tests have hardware counters, so a debug build counts CPU time in their place (CUPEL_FAULT=task-clock, ns): by
# perf events of the same kind, in the same groups. A "limit" of 200000000 is 0.2 s then.
# sanitizers: no
# lanes: root-v2
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

job_file one.yaml <<'YAML'
cupel: 1
jobs: {one: {limits: {instructions: 2000000000, wall: 30m}, run: "i=0; while [ $i -lt 5000 ]; do i=$((i+1)); done"}}
YAML

it "where the machine counts none it is refused before anything runs, with the reason and what to do"
cupel_run one.yaml
if ((STATUS == 0)); then
    expect_result one '.usage.instructions > 10000 and .usage.instructions < 2000000000'
    skip_it "this machine counts instructions"
else
    expect_exit 3
    expect_stderr "one.yaml:2: the limit 'instructions' of job 'one' cannot be held on this machine: cannot count instructions: "
    expect_stderr '^ *(hint|help): '
    expect [ ! -e out/results.jsonl ]
    cupel_run --best-effort one.yaml
    expect_exit 0
    expect_result one '.unenforced == ["instructions"] and (.usage | has("instructions") | not)'
    run_cupel doctor
    expect_stdout '^missing +count of instructions +limits: instructions'
    expect_clean
fi

it "the value is one that a program can stay below"
job_file small.yaml <<'YAML'
cupel: 1
jobs: {one: {limits: {instructions: 999}, run: "true"}}
YAML
run_cupel validate small.yaml
expect_exit 2
expect_stderr 'instructions.*1000000'

if ! has_fault_injection; then
    it "counting"
    skip_it "not a build with fault injection"
    all_done
    exit
fi
export CUPEL_FAULT=task-clock
cupel_run one.yaml
if ((STATUS == 3)); then
    it "who may not count on all CPUs is told what they lack"
    expect_stderr 'cannot count instructions: .*(perf_event_open|not writable|shows our own group|gives us the perf_event controller)'
    expect_stderr '^ *(hint|help): .*(kernel.perf_event_paranoid|root|group)'
    expect_clean
    all_done
    exit
fi

it "what a job executes is counted, and only where it has the limit"
expect_exit 0
expect_result one '.usage.instructions > 0 and .limits.instructions == 2000000000'
expect_result one '(.usage.instructions / 1e9 - .usage.cpu_seconds | fabs) < 0.01'
job_file mixed.yaml <<'YAML'
cupel: 1
jobs:
  counted: {limits: {instructions: 60000000000}, run: [sh, -c, "while [ ! -e /tmp/x ]; do : >/tmp/x; done"]}
  free: {run: "true"}
YAML
cupel_run -j 1 mixed.yaml
expect_exit 0
expect_result counted '.usage | has("instructions")'
expect_result free '.usage | has("instructions") | not'
expect_clean

it "instructions gives cpu-limit, and the evidence has both numbers"
job_file loop.yaml <<'YAML'
cupel: 1
jobs: {loop: {limits: {instructions: 200000000, wall: 30m}, run: "while :; do :; done"}}
YAML
cupel_run loop.yaml
expect_exit 1
expect_verdict loop cpu-limit
expect_evidence loop 'instructions limit 200000000 reached: [0-9]+ executed by all its processes, and ended after '
expect_result loop '.usage.instructions > 200000000 and (.usage.instructions as $n | .evidence | contains($n | tostring))'
expect_result loop '(.near_limit // null) == null'
expect_clean

it "one that ended by itself is judged by its count all the same"
# Three children at once, each of which may end before anybody looks.
job_file quick.yaml <<'YAML'
cupel: 1
jobs: {quick: {limits: {instructions: 20000000}, run: "for k in 1 2 3; do (i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done) & done; wait"}}
YAML
cupel_run quick.yaml
expect_exit 1
expect_verdict quick cpu-limit
expect_evidence quick 'instructions limit 20000000 reached: [0-9]+ executed'

it "the instructions of all steps are one sum, and those of after are not in it"
job_file steps.yaml <<'YAML'
cupel: 1
jobs:
  steps:
    limits: {instructions: 2000000000, wall: 30m}
    run:
      - {name: a, run: "i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done"}
      - {name: b, run: "while :; do :; done"}
    after: "i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done"
YAML
cupel_run steps.yaml
expect_exit 1
expect_verdict steps cpu-limit
expect_result steps '.usage.instructions > 2000000000'

it "instructions-hostile: forks, sessions, orphans and a program that nobody may read do not get away"
# What is executed and may not be read ends the events of a process (begin_new_exec), and not those of a group.
cat >away.c <<'C'
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int burn(void)
{
    struct timespec t;

    do
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    while (t.tv_sec * 1000 + t.tv_nsec / 1000000 < 300);
    return 0;
}

int main(int argc, char **argv)
{
    char *const burner[] = {argv[0], "burn", NULL};

    if (argc > 1 && strcmp(argv[1], "burn") == 0)
        return burn();
    for (int fd = 3; fd < 4096; fd++)
        close(fd);
    if (fork() == 0 && setsid() >= 0 && fork() == 0) /* an orphan in a session of its own */
        return burn();
    if (chmod(argv[0], 0111) < 0 || access(argv[0], R_OK) == 0)
        return 3;
    execv(argv[0], burner);
    return 4;
}
C
if ! cc -static -o away away.c 2>cc.err; then
    skip_it "no C compiler: $(head -n 1 cc.err)"
else
    job_file away.yaml <<'YAML'
cupel: 1
defaults: {user: nobody, inputs: [{from: away, to: /work/away}], run: "/work/away; s=$?; sleep 1; exit $s"}
jobs:
  counted: {limits: {instructions: 60000000000}}
  ended: {limits: {instructions: 500000000}}
YAML
    cupel_run away.yaml
    expect_exit 1
    expect_verdict counted passed
    expect_result counted '.usage.instructions >= 590000000'
    expect_verdict ended cpu-limit
    expect_clean
fi

it "a job cannot count, nor reach the counters"
job_file perf.yaml <<'YAML'
cupel: 1
jobs: {perf: {limits: {instructions: 60000000000}, run: "ls -l /proc/self/fd && ! ls -l /proc/1/fd 2>&1 && python3 -c 'import ctypes; print(\"opened:\", ctypes.CDLL(None).syscall(298, (ctypes.c_char * 120)(1), 0, -1, -1, 0))'"}}
YAML
cupel_run perf.yaml
expect_exit 0
expect_log perf ' -> (/proc/|pipe:|/dev/null)'
expect_log perf '/proc/1/fd.*Permission denied'
expect_log perf '^opened: -1$' # perf_event_open
expect_no_log perf 'perf_event'

it "each case has its own count, whoever was prepared for another"
job_file cases.yaml <<'YAML'
cupel: 1
jobs:
  sum:
    limits: {instructions: 60000000000}
    run: "read a b; echo $((a + b))"
    cases:
      - {name: small, stdin: "1 2\n", expect: {stdout: "3\n"}}
      - {name: large, stdin: "10 20\n", expect: {stdout: "30\n"}}
      - {name: tight, stdin: "1 2\n", limits: {instructions: 1000000000}, expect: {stdout: "3\n"}}
YAML
cupel_run cases.yaml
expect_exit 0
for case in small large tight; do
    expect_result "sum/$case" '.usage.instructions > 0 and .usage.instructions < 1000000000'
done
expect_clean

all_done

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Whole cores of one's own, where somebody else has them: another run, or one that was killed. cpuset-io.sh has those of one run.
# sanitizers: no
# lanes: root-v2
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

job_file one.yaml <<'YAML'
cupel: 1
jobs: {one: {limits: {cpuset: exclusive}, run: grep _allowed_list /proc/self/status}}
YAML
job_file long.yaml <<'YAML'
cupel: 1
jobs: {long: {limits: {cpuset: exclusive}, run: echo started; sleep 1000}}
YAML

job_file all.yaml <<'YAML'
cupel: 1
jobs: {all: {run: "grep Cpus_allowed_list /proc/self/status | cut -f 2"}}
YAML
job_file pin.yaml <<'YAML'
cupel: 1
defaults: {run: "grep Cpus_allowed_list /proc/self/status | cut -f 2"}
jobs:
  a: {}
  b: {services: {s: {run: "grep Cpus_allowed_list /proc/self/status | cut -f 2; sleep 1000"}}}
  listed: {limits: {cpuset: FIRST}}
YAML

it "a job has a whole core, and the memory of its node; or is refused with what to do"
cupel_run one.yaml
if grep -qE 'cannot keep jobs on|whole core.* besides one for all others' stderr; then
    expect_exit 3
    expect_stderr "one.yaml:2: the limit 'cpuset' of job 'one' cannot be held on this machine"
    expect_stderr '^ *(hint|help): |besides one for all others'
    expect [ ! -e out/results.jsonl ]
    cupel_run --best-effort one.yaml
    expect_exit 0
    expect_result one '.unenforced == ["cpuset"]'
    cupel_run --pin all.yaml
    expect_exit 3
    expect_stderr '(--pin|cpuset).* cannot be held on this machine'
    expect_clean
    all_done
    exit
fi
expect_exit 0
cpu=$(sed -n 's/^Cpus_allowed_list:[[:space:]]*\([0-9]*\).*/\1/p' out/logs/one.stdout)
expect [ -n "$cpu" ]
node=$(find "/sys/devices/system/cpu/cpu$cpu/" -maxdepth 1 -name 'node[0-9]*' | sed 's/.*node//')
[[ -z $node ]] || expect_log one "^Mems_allowed_list:[[:space:]]*$node\$"

it "cores that another run has are waited for, as long as the run may last"
(
    for file in /sys/devices/system/cpu/cpu*/topology/thread_siblings_list; do
        exec {lock}<"$file"
        flock "$lock"
    done
    : >held
    exec sleep 1000
) &
holder=$!
expect wait_until 30 test -e held
cupel_run --timeout 500ms one.yaml
expect_exit 1
expect_verdict one cancelled
expect [ ! -s out/logs/one.stdout ]
expect_clean
cupel_start one.yaml
kill "$holder"
cupel_wait
expect_exit 0

# cpus_in FILE: a list of CPUs, one a line
cpus_in() {
    local range
    for range in $(tr , ' ' <"$1"); do seq "${range%-*}" "${range#*-}"; done
}

it "--pin gives each job whole cores of its own, but for those that name theirs"
cupel_run all.yaml
first=$(cpus_in out/logs/all.stdout | head -n 1)
last=$(cpus_in out/logs/all.stdout | tail -n 1)
sed -i "s/FIRST/$first/" pin.yaml
cupel_run --pin pin.yaml
expect_exit 0
expect_said 'pinned: jobs have the cores .*, one job each, and all else of the run has '
for job in a b; do
    core=$(cpus_in "out/logs/$job.stdout" | head -n 1)
    expect_equal "$(cat "out/logs/$job.stdout")" "$(cat "/sys/devices/system/cpu/cpu$core/topology/thread_siblings_list")"
    expect_equal "$(cpus_in out/logs/b.service-s.stdout | grep -cx "$core")" 0
    expect_result "$job" '.limits.cpuset == "exclusive"'
done
expect_equal "$(cat out/logs/listed.stdout)" "$first"
expect_clean

it "the cores of a run that was killed are there again"
cupel_start long.yaml
expect wait_until 20 grep -qs started out/logs/long.stdout
kill -KILL "$CUPEL_PID"
cupel_wait
cupel_run one.yaml
expect_exit 0
expect_clean

the_rest_is_alike

it "--pin is refused where it asks for cores that are not there, or that somebody names"
cupel_run --pin -j 512 pin.yaml
expect_exit 3
expect_stderr '-j 512 with --pin takes 512 whole cores besides one for all others, and there (is|are) [0-9]+'
expect_stderr 'say -j [0-9]+, or leave it out'
sed -i "s/cpuset: $first/cpuset: $last/" pin.yaml
cupel_run --pin pin.yaml
expect_exit 3
expect_stderr "'cpuset' of job 'listed' cannot be held on this machine: the CPUs $last are those of jobs with|'cpuset' of job 'listed' cannot.* those of jobs with .cpuset: exclusive"
expect_clean

it "cupel grade --pin: each run that is judged has whole cores, and verdicts without are no verdicts with it"
mkdir -p class/ann
echo 'read a b; echo $((a + b))' >class/ann/sum.sh
job_file course.yaml <<'YAML'
cupel: 1
jobs:
  grade:
    matrix: {SUBMISSION: {dirs: "class/*"}}
    inputs: [{from: "${{ SUBMISSION }}", to: /work, required: [sum.sh]}]
    limits: {wall: 30m}
    run: [/bin/sh, /work/sum.sh]
    cases: [{name: a, stdin: "1 2\n", expect: {stdout: "3\n"}, points: 1}, {name: b, stdin: "2 2\n", expect: {stdout: "4\n"}, points: 1}]
YAML
rm -rf out
for pin in "" --pin --pin ""; do
    run_cupel grade -v ${pin:+"$pin"} --out "$T/out" course.yaml
    expect_exit 0
    expect_equal "$(result 'grade/SUBMISSION=ann/a' .limits.cpuset)" "$([[ -n $pin ]] && echo exclusive || echo null)"
    if [[ -n $pin ]]; then expect_said 'pinned: jobs have the cores '; fi
    grep -o 'not run again: [0-9]* of [0-9]* runs' stderr
done >known
expect_equal "$(cat known)" "$(printf 'not run again: 2 of 2 runs\n%.0s' 1 2)"
expect_clean

all_done

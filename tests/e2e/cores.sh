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

it "the cores of a run that was killed are there again"
cupel_start long.yaml
expect wait_until 20 grep -qs started out/logs/long.stdout
kill -KILL "$CUPEL_PID"
cupel_wait
cupel_run one.yaml
expect_exit 0
expect_clean

all_done

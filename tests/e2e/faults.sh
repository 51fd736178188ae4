#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every set-up step is made to fail in turn: a clean error that names it, and nothing left behind.
# time-limit: 180
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

job_file trivial.yaml <<'YAML'
cupel: 1
jobs:
  trivial:
    run: [/bin/true]
    inputs: [{from: input, to: /work/input}]
    stdin: "text"
    artifacts: {paths: [/work/x], if-missing: note}
    limits: {memory: 64M, pids: 16, wall: 10s, disk: 16M}
YAML
mkdir input

if ! has_fault_injection; then
    it "faults at set-up steps"
    skip_it "$CUPEL was built without CUPEL_FAULT_INJECTION"
    all_done
    exit 0
fi
mapfile -t steps <"$T/stdout"

it "the program names its set-up steps"
expect [ "${#steps[@]}" -ge 10 ]
expect_equal "$(printf '%s\n' "${steps[@]}" | sort | uniq -d)" ""

it "without a fault the job passes"
cupel_run trivial.yaml
expect_exit 0
expect_verdict trivial passed
expect_clean

for step in "${steps[@]}"; do
    it "a fault at $step"
    export CUPEL_FAULT=$step
    cupel_run trivial.yaml
    unset CUPEL_FAULT
    expect_exit 3
    # Before the run there is no result yet: then the error itself names the step.
    expect grep -qsF -- "$step" stdout stderr out/results.jsonl
    if [[ -s out/results.jsonl ]]; then
        expect_verdict trivial error
        expect_evidence trivial "$step"
        expect_junit_valid
    fi
    expect_clean
done

all_done

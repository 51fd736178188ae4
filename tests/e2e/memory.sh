#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The supervisor's own memory is bounded: a file of 2,000 jobs, a job that prints without end, one that makes many files.
# time-limit: 300
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

bound=32768 # KiB
bound_of_many=17408 # some 7 MiB, 4 more of libraries that write reports; 2 KiB a job of what it is, and 1 of its result

# Runs in the background and leaves the supervisor's highest VmHWM in PEAK (KiB), VmHWM never falls.
watch_peak() {
    local seen=0 now
    while now=$(awk '/^VmHWM:/ {print $2}' "/proc/$CUPEL_PID/status" 2>/dev/null) && [[ -n $now ]]; do
        seen=$now
        sleep 0.02
    done
    PEAK=$seen
}

it "2,000 jobs in a file: every one is run and reported, within 17 MiB"
{
    printf 'cupel: 1\ndefaults: {limits: {memory: 64M, pids: 16, wall: 60s}}\njobs:\n'
    for ((i = 0; i < 2000; i++)); do
        printf '  job-%04d: {run: [/bin/true], description: "number %d"}\n' "$i" "$i"
    done
} >many.yaml
if is_sanitized; then
    skip_it "a sanitizer's memory is not the program's"
else
    cupel_start many.yaml -j 2
    watch_peak
    cupel_wait
    expect_exit 0
    expect_equal "$(jq -r .verdict <(job_lines out) | sort | uniq -c | tr -s ' ')" " 2000 passed"
    expect [ "$PEAK" -gt 0 ]
    expect [ "$PEAK" -lt "$bound_of_many" ]
    expect_junit_valid
    expect_clean
fi

it "a job that prints 300 MB and one that keeps its output unread, within 32 MiB"
job_file loud.yaml <<'YAML'
cupel: 1
defaults: {limits: {wall: 120s}}
jobs:
  loud: {run: "head -c 300000000 /dev/zero | tr '\\0' x"}
  limited: {run: "yes", limits: {output: 10M}}
YAML
if is_sanitized; then
    skip_it "a sanitizer's memory is not the program's"
else
    cupel_start loud.yaml -j 2
    watch_peak
    cupel_wait
    expect_verdict loud passed
    expect_verdict limited output-limit
    expect_equal "$(stat -c %s out/logs/loud.stdout)" 300000000
    expect [ "$PEAK" -lt "$bound" ]
    expect_junit_valid
    expect_clean
fi

all_done

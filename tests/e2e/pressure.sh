#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What is measured beside the limits: a job's timeline (--sample), how long it waited for a CPU, what the machine did
# meanwhile, and the mark of a result near its time limit on a machine under pressure.
# sanitizers: no
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# ---- timeline ----------------------------------------------------------------------------------------------------------
job_file grows.yaml <<'YAML'
cupel: 1
defaults: {limits: {memory: 256M, pids: 32, wall: 60s}}
jobs:
  grows:
    run: |
      sleep 0.3
      head -c 50000000 /dev/zero >/dev/shm/x
      sleep 1 & sleep 1 & sleep 1 &
      wait
  short: {run: "true"}
YAML

it "a running job's memory, CPU and processes are sampled every 100 ms"
cupel_run grows.yaml
expect_exit 0
expect_result grows '.timeline.interval_seconds == 0.1'
expect_result grows '.timeline | (.at_seconds | length) >= 3 and ([.at_seconds, .cpu_seconds, .memory_bytes, .pids | length] | unique | length) == 1'
expect_result grows '.timeline | .at_seconds == (.at_seconds | sort | unique) and .cpu_seconds == (.cpu_seconds | sort)'
expect_result grows '.timeline.memory_bytes[0] < 40000000 and (.timeline.memory_bytes | max) >= 50000000'
expect_result grows '(.timeline.memory_bytes | max) <= .usage.memory_peak_bytes and .timeline.cpu_seconds[-1] <= .usage.cpu_seconds'
expect_result grows '(.timeline.pids | max) == 4 and .timeline.at_seconds[-1] <= .usage.wall_seconds'
expect_clean

it "a job that is over before the first look has no timeline"
expect_result short 'has("timeline") | not'

it "--sample sets how often, and off turns it off"
cupel_run grows.yaml --only grows --sample 20ms
expect_exit 0
expect_result grows '.timeline.interval_seconds == 0.02 and (.timeline.at_seconds | length) >= 12'
cupel_run grows.yaml --only grows --sample off
expect_exit 0
expect_result grows 'has("timeline") | not'

it "what --sample does not understand is an error of the command line"
for value in 0 1ms 2h often -1s; do
    run_cupel run grows.yaml --sample "$value"
    expect_exit 2
    expect_stderr "--sample takes a duration from 10ms to 1h, or off, got '$value'"
done

# ---- pressure ----------------------------------------------------------------------------------------------------------
job_file pressed.yaml <<'YAML'
cupel: 1
jobs:
  burns: {run: "while :; do :; done", limits: {wall: 1500ms}, timeout-grace: 100ms}
  spends: {run: "while :; do :; done", limits: {cpu-time: 600ms, wall: 60s}}
  fails: {run: "timeout 1 sh -c 'while :; do :; done'; exit 1", limits: {wall: 60s}}
YAML

burners=()
for ((i = 0; i < 3 * $(nproc); i++)); do
    timeout 60 bash -c 'while :; do :; done' &
    burners+=($!)
done
cupel_run pressed.yaml --only burns --only spends --only fails -j 1
for pid in "${burners[@]}"; do
    kill "$pid"
done
wait "${burners[@]}" 2>/dev/null

it "a time verdict on a machine under pressure says so, in evidence and reports"
expect_exit 1
for job in burns spends; do
    expect_evidence "$job" '; near-limit, machine under pressure: (some task waited for a CPU [0-9]+% of the time while other processes used [0-9]+% of the CPUs|the CPUs were [0-9]+% busy)'
    expect_result "$job" '.near_limit as $mark | .evidence | endswith($mark)'
    expect grep -q "name=\"near-limit\" value=\"near-limit, machine under pressure" "$T/out/junit.xml"
done
expect_verdict burns timeout
expect_verdict spends cpu-limit
expect_junit_valid

it "any other verdict does not"
expect_verdict fails failed
expect_result fails 'has("near_limit") | not'

it "how long it waited for a CPU, and what the machine did meanwhile, is among the figures"
if [[ -e /proc/pressure/cpu ]]; then
    expect_result burns '.usage.machine_cpu_pressure_seconds > 0.1'
fi
expect_result burns '.usage.others_cpu_seconds > 0.1'
if [[ $(cut -d' ' -f3 /proc/self/schedstat 2>/dev/null || echo 0) -gt 0 ]]; then
    # how much others are given is the kernel's to say: a job's group has a share of its own; but what it waited for and what
    # it used make up the time
    expect_result burns '.usage | .run_queue_wait_seconds > 0 and .run_queue_wait_seconds + .cpu_seconds <= 1.2 * .wall_seconds and .run_queue_wait_seconds + .cpu_seconds >= 0.8 * .wall_seconds'
fi
expect_clean

all_done

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Jobs that fight their own end, and jobs that burn CPU where nobody looks.
# sanitizers: no
# lanes: root-v2
# shellcheck source=tests/e2e/hostile.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/hostile.bash"

it "deaf-child: a deaf child in a session of its own ends with its job"
attack deaf-child '{run: [hostile, deaf-child], limits: {wall: 300ms}}'
expect_verdict deaf-child timeout
expect_ended deaf-child

it "system-calls: time in the kernel is CPU time"
attack system-calls '{run: [hostile, system-calls], limits: {cpu-time: 300ms}}'
expect_verdict system-calls cpu-limit
expect_evidence system-calls 'CPU limit 300 ms'
expect_result system-calls '.usage.system_seconds > 0.02 and .usage.cpu_seconds >= 0.3'
expect_ended system-calls

it "burner-left: a job ends with its command, whatever it leaves running"
attack burner-left '{run: [hostile, burner-left]}'
expect_verdict burner-left passed
expect_ended burner-left
expect_result burner-left '.usage.cpu_seconds > 0'

it "burner-billed: an orphan's CPU is the job's"
attack burner-billed '{run: [hostile, burner-billed, "400"]}'
expect_verdict burner-billed passed
expect_result burner-billed '.usage.cpu_seconds >= 0.4 and .usage.cpu_seconds < 1'

it "burner-orphan: and counts against its limit while the command sleeps"
attack burner-orphan '{run: [hostile, burner-orphan], limits: {cpu-time: 300ms}}'
expect_verdict burner-orphan cpu-limit
expect_ended burner-orphan

it "burner-relay: so does that of generations of which each used little"
attack burner-relay '{run: [hostile, burner-relay], limits: {cpu-time: 300ms, memory: 256M}}'
expect_bounded burner-relay cpu-limit 'CPU limit 300 ms'
expect_result burner-relay '.usage.cpu_seconds >= 0.3 or .verdict != "cpu-limit"'
expect_ended burner-relay

the_rest_is_alike

it "sleeper: what sleeps for ever ends with SIGTERM"
attack sleeper '{run: [hostile, sleeper], limits: {wall: 300ms}}'
expect_verdict sleeper timeout
expect_evidence sleeper 'wall limit 300 ms'
expect_ended sleeper

it "deaf: SIGKILL ends what ignores SIGTERM, and the evidence says so"
attack deaf '{run: [hostile, deaf], limits: {wall: 300ms}}'
expect_verdict deaf timeout
expect_evidence deaf 'SIGTERM did not end it within 200 ms, SIGKILL did'
expect_ended deaf

it "without a grace it is SIGKILL alone, and the evidence says nothing of another"
attack sleeper-now '{run: [hostile, sleeper], limits: {wall: 300ms}, timeout-grace: 0s}'
expect_verdict sleeper-now timeout
expect_result sleeper-now '(.signal // 9) == 9 and (.evidence | contains("SIGTERM") | not)'
expect_ended sleeper-now

for job in stop stop-all; do
    it "$job: what has stopped itself is ended by the wall limit"
    attack "$job" "{run: [hostile, $job], limits: {wall: 300ms}}"
    expect_verdict "$job" timeout
    expect_evidence "$job" 'SIGKILL did'
    expect_ended "$job"
done

it "kill-all: a job can kill itself, not its PID 1"
attack kill-all '{run: [hostile, kill-all]}'
expect_verdict kill-all signaled
expect_result kill-all '.signal == 9'

all_done

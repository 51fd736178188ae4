#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Jobs that take memory in every form that there is of it.
# lanes: root-v2
# shellcheck source=tests/e2e/hostile.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/hostile.bash"

it "oom-child: one child killed for want of memory is memory-limit, though the command exits 0"
attack oom-child '{run: [hostile, oom-child, "200"], limits: {memory: 32M}}'
expect_verdict oom-child memory-limit
expect_evidence oom-child '32 MiB.*OOM'

it "oom-child-stays: the kill ends the job at once, though the command would sleep for ever"
attack oom-child-stays '{run: [hostile, oom-child-stays, "200"], limits: {memory: 32M}}'
expect_verdict oom-child-stays memory-limit
expect_evidence oom-child-stays '32 MiB.*OOM'
expect_ended oom-child-stays

for job in fill-shm memfds pipes; do
    it "$job: it is memory of the job like any other"
    attack "$job" "{run: [hostile, $job], limits: {memory: 32M}}"
    expect_verdict "$job" memory-limit
    expect_evidence "$job" '32 MiB'
    expect_ended "$job"
    expect_result "$job" '.usage.oom_kills >= 1'
    expect_most "$job" memory_peak_bytes $((32 << 20))
done

it "page-cache: cache can be dropped, so it is no reason to kill"
attack page-cache '{run: [hostile, fill-work, "150"], limits: {memory: 32M, disk: 256M}}'
expect_verdict page-cache passed
expect_result page-cache '.usage.oom_kills == 0 and .usage.memory_peak_bytes <= 33554432 and .usage.disk_peak_bytes >= 157286400'

all_done

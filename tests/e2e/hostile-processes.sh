#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Bombs and storms: jobs that make processes and threads faster than one can look, orphans, zombies.
# sanitizers: no
# lanes: root-v2
# time-limit: 200
# shellcheck source=tests/e2e/hostile.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/hostile.bash"

# What a bomb is given: time to get to the limit of processes, on a slow machine too.
wall=700ms said='700 ms'
((${CUPEL_TEST_TIME_FACTOR:-1} == 1)) || wall=3s said='3 s'

it "fork-bomb: the pids limit holds it, the wall limit ends it"
attack fork-bomb "{run: [hostile, fork-bomb], limits: {wall: $wall, memory: 256M}}"
expect_bounded fork-bomb timeout "wall limit $said"
expect_ended fork-bomb
expect_result fork-bomb '.usage.pids_peak == 64 and .usage.pids_refused > 0'

it "fork-bomb-cpu: the CPU of all of a bomb's processes is one sum"
attack fork-bomb-cpu '{run: [hostile, fork-bomb], limits: {cpu-time: 500ms, memory: 256M}}'
expect_bounded fork-bomb-cpu cpu-limit 'CPU limit 500 ms'
expect_result fork-bomb-cpu '(.usage.cpu_seconds >= 0.5 or .verdict != "cpu-limit") and .usage.cpu_seconds < 15'
expect_most fork-bomb-cpu pids_peak 64

it "vfork-storm: children that live for an instant are billed"
attack vfork-storm '{run: [hostile, vfork-storm], limits: {cpu-time: 500ms, memory: 256M}}'
expect_bounded vfork-storm cpu-limit 'CPU limit 500 ms'
expect_result vfork-storm '.usage.cpu_seconds >= 0.5 or .verdict != "cpu-limit"'
expect_most vfork-storm pids_peak 3

it "hopper: a process that always changes its pid does not outlive the limit"
attack hopper "{run: [hostile, hopper, '1'], limits: {wall: $wall, memory: 256M}}"
expect_bounded hopper timeout "wall limit $said"
expect_ended hopper
expect_most hopper pids_peak 64

it "zombies-many: each holds its place until it is waited for"
attack zombies-many '{run: [hostile, zombies, "100"]}'
expect_verdict zombies-many pids-limit
expect_evidence zombies-many 'process limit 64'
expect_result zombies-many '.usage.pids_peak == 64 and .usage.pids_refused >= 1'

the_rest_is_alike

it "fork-bomb-deaf: SIGTERM does not end it, SIGKILL does"
attack fork-bomb-deaf "{run: [hostile, fork-bomb-deaf], limits: {wall: $wall, memory: 256M}}"
expect_bounded fork-bomb-deaf timeout "wall limit $said.*SIGKILL did"
expect_ended fork-bomb-deaf
expect_result fork-bomb-deaf '.usage.pids_peak == 64 and .usage.pids_refused > 0'

it "thread-bomb: threads are processes to the limit"
attack thread-bomb "{run: [hostile, thread-bomb], limits: {wall: $wall, memory: 256M}}"
expect_bounded thread-bomb timeout "wall limit $said"
expect_ended thread-bomb
expect_result thread-bomb '.usage.pids_peak == 64 and .usage.pids_refused > 0'

it "clone-storm: neither kind gets further"
attack clone-storm "{run: [hostile, clone-storm], limits: {wall: $wall, memory: 256M}}"
expect_bounded clone-storm timeout "wall limit $said"
expect_ended clone-storm
expect_result clone-storm '.usage.pids_peak == 64 and .usage.pids_refused > 0'

it "hopper-left: nor the command that left it"
attack hopper-left '{run: [hostile, hopper]}'
expect_verdict hopper-left passed
expect_ended hopper-left

it "orphans: PID 1 reaps thousands of them"
attack orphans '{run: [hostile, orphans, "3000"], limits: {memory: 256M}}'
expect_verdict orphans passed
expect_most orphans pids_peak 64

it "zombies: they are children like others"
attack zombies '{run: [hostile, zombies, "50"]}'
expect_verdict zombies passed
expect_result zombies '.usage.pids_peak >= 2 and .usage.pids_peak <= 51'

all_done

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Verdicts of cases near a limit of time: tried again alone, as often as `retries` says, and told. The times are those of the
# cases' own clocks: each uses as much CPU time as it is told.
# sanitizers: no
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# Seconds of CPU time: the limit, just over it, far over it, just below it, and far below. On a slow machine all of them are longer,
# since a process' start, which counts as well, is.
limit='700 ms' over=0.71 far=1.1 below=0.65 fast=0.1 used='7[0-9][0-9.]* ms'
((${CUPEL_TEST_TIME_FACTOR:-1} == 1)) || limit='7 s' over=7.1 far=11 below=6.5 fast=1 used='7([.][0-9]+)? s'

mkdir in
job_file near.yaml <<YAML
cupel: 1
defaults:
  limits: {cpu-time: {limit: ${limit/ /}, kill: 5m}}
  # so many seconds, its start included
  run: 'exec perl -e "while ((times)[0] + (times)[1] < \$S) { 1 for 1..9999 }"'
jobs:
  worse:
    retries: 1
    cases:
      - {name: near, env: {S: "$over"}}
      - {name: far, env: {S: "$far"}}
      - {name: below, env: {S: "$below"}}
  better:
    inputs: [{from: in, to: /in}]
    retries: 10
    run: 'read -r S </in/seconds; exec perl -e "while ((times)[0] + (times)[1] < \$S) { 1 for 1..9999 }"'
    cases: [{name: near}]
YAML

it "a case that is over its limit by a hair is run again alone, as often as may be, and all times are told"
echo $over >in/seconds
cupel_start near.yaml -j 2
# from its second attempt on, or one of those after it, it is faster
expect wait_until 60 grep -qs 'TRY .*better/near' stderr
echo $fast >in/new && mv in/new in/seconds
cupel_wait
STATUS=$STATUS expect_exit 1
expect_verdict worse/near cpu-limit
expect_result worse/near ".attempts == 2 and (.evidence | test(\"; $used of its cpu-time limit $limit; run again alone: $used$\"))"

it "the best time counts"
expect_verdict better/near passed
expect_result better/near ".attempts >= 2 and ([.notes[] | select(test(\"^$used of its cpu-time limit $limit; run again alone: .*[0-9]+ m?s$\"))] | length == 1)"

it "one that is far over its limit is not run again, and a pass near it says so"
expect_verdict worse/far cpu-limit
expect_result worse/far '.attempts == 1'
expect_verdict worse/below passed
expect_result worse/below ".attempts == 1 and ([.notes[] | select(test(\"^near-limit.* of its cpu-time limit $limit used\"))] | length == 1)"

it "what is over its limit by a hair is kept once it was run again, and not before"
cat >kept.yaml <<YAML
cupel: 1
defaults:
  limits: {cpu-time: {limit: ${limit/ /}, kill: 5m}}
  run: 'exec perl -e "while ((times)[0] + (times)[1] < \$S) { 1 for 1..9999 }"'
jobs:
  once: {cases: [{name: near, env: {S: "$over"}}, {name: far, env: {S: "$far"}}]}
  again: {retries: 1, cases: [{name: near, env: {S: "$over"}}]}
YAML
cupel_run kept.yaml --reuse -j 2
expect_verdict once/near cpu-limit
cupel_run kept.yaml --reuse -j 2
expect_equal "$(jq -rs 'map(select(.cached)) | map(.id) | sort | join(" ")' "$T/out/results.jsonl")" 'again/near once/far'

expect_clean
all_done

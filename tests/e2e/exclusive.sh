#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What jobs have for themselves: `exclusive`, `pools` and `slots`.
# sanitizers: no
# time-limit: 60
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# Jobs say that they run, and wait in a file until they may end.
mkdir events
touch events/first events/wide
# expect_said_by NAME...: each of these jobs says so, or has.
expect_said_by() {
    local name
    for name; do
        expect wait_until 30 test -s "out/logs/$name.stdout"
    done
}
let_go() {
    echo go >"events/$1"
}

# most REGEX: how many of those jobs ran at the same time, by what results.jsonl says of each; times are whole milliseconds there, so ends count a little earlier.
most() {
    jq -rs --arg of "$1" '[.[] | select(.id | test($of))
        | (.started | sub("\\.(?<ms>[0-9]+)Z"; "Z") | fromdate) as $s
        | (.started | capture("\\.(?<ms>[0-9]+)Z").ms | tonumber / 1000) as $ms
        | {at: ($s + $ms), by: 1}, {at: ($s + $ms + .usage.wall_seconds - 0.01), by: -1}]
        | sort_by(.at, .by) | reduce .[] as $e ({n: 0, most: 0}; .n += $e.by | .most = ([.most, .n] | max)) | .most' <(job_lines)
}

it "jobs that name the same thing run one after the other, in two files too, and hold up nobody else"
cat >one.yaml <<'YAML'
cupel: 1
pools: {licence: 3, board: 2}
defaults: {rootfs: host, inputs: [{from: events, to: /events}], limits: {wall: 60s}}
jobs:
  first: {exclusive: [board, licence], run: echo I run; until grep -q go /events/first; do sleep 0.05; done}
  few: {matrix: {N: {range: [1, 4]}}, exclusive: {licence: 2}, run: sleep 0.1}
  half: {exclusive: {board: 1}, run: sleep 0.1}
YAML
cat >other.yaml <<'YAML'
cupel: 1
defaults: {rootfs: host, inputs: [{from: events, to: /events}], limits: {wall: 60s}}
jobs:
  whole: {exclusive: board, run: sleep 0.1}
  free: {run: echo I run}
YAML
cupel_start one.yaml other.yaml -j 8
expect_said_by first free
let_go first
cupel_wait
expect_exit 0
for pair in "first|few/.*" "first|half" "first|whole" "half|whole"; do
    expect_equal "$pair: $(most "^($pair)\$")" "$pair: 1"
done

it "a job that wants all slots has its turn before those that come after it; one that wants more runs alone, and says so"
cat >wide.yaml <<'YAML'
cupel: 1
defaults: {rootfs: host, inputs: [{from: events, to: /events}], limits: {wall: 60s}}
jobs:
  first: {run: echo I run; until grep -q go /events/first; do sleep 0.05; done}
  wide: {slots: 8, run: echo I run; until grep -q go /events/wide; do sleep 0.05; done}
  after: {run: echo I run}
  two: {slots: 2, run: echo I run}
YAML
: >events/first
cupel_start wide.yaml -j 2
for name in first wide; do
    expect_said_by "$name"
    let_go "$name"
done
cupel_wait
expect_exit 0
expect_equal "$(most .)" 1
expect_equal "$(jq -rs 'sort_by(.started)[].id' <(job_lines out) | tr '\n' ' ')" "first wide after two "
expect_result wide '.notes == ["it takes 8 slots, and there are 2 (-j): it ran alone"]'
expect_result two '.notes == null'

it "what could never start is told before anything runs"
cat >wrong.yaml <<'YAML'
cupel: 1
pools: {licence: 4, "b d": 1}
jobs:
  a: {exclusive: {licence: 5}, run: "true"}
  b: {exclusive: licences, run: "true"}
  c: {exclusive: [licence, licence], run: "true"}
  d: {exclusive: licence, network: {bridge: x}, run: "true"}
  e: {slots: 0, run: "true"}
YAML
run_cupel validate wrong.yaml
expect_exit 2
for told in "wrong.yaml:4:.*'exclusive' wants 5 places of 'licence', which has 4 \(line 2\): the job could never start; write at most 4" \
    "wrong.yaml:5:.*'pools' has no 'licences'; did you mean 'licence'" "wrong.yaml:6:.*'exclusive' names 'licence' twice" \
    "job 'd' has 'exclusive', and is on a bridge" "'slots' must be between 1 and 1024" "'b d' is no name"; do
    expect_stderr "$told"
done

it "files of one run say the same of what they share"
printf 'cupel: 1\npools: {licence: 2}\njobs: {a: {exclusive: {licence: 1}, run: "true"}}\n' >less.yaml
cupel_run one.yaml less.yaml
expect_exit 2
expect_stderr "less.yaml:2: 'pools' says that 'licence' has 2 places, and one.yaml:2 that it has 3"

it "cupel list has them, and what it writes out is a job file that means the same"
run_cupel list one.yaml wide.yaml --json
expect_exit 0
expect_equal "$(jq -c '[.[] | select(.name == "first" or .name == "wide") | .exclusive, .slots]' stdout)" '[{"licence":3,"board":2},null,null,null,null,8]'
run_cupel list one.yaml --expanded
expect_exit 0
cp stdout written.yaml
run_cupel list written.yaml --json
expect_exit 0
expect_equal "$(jq -c 'map(.exclusive)' stdout)" '[{"licence":3,"board":2},{"licence":2},{"licence":2},{"licence":2},{"licence":2},{"board":1}]'
run_cupel list one.yaml --expanded --json
expect_equal "$(jq -c '.[0].pools, .[0].jobs.half.exclusive' stdout | tr '\n' ' ')" '{"licence":"3","board":"2"} {"board":"1"} '

all_done

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# cupel convert: what docs/ci.md shows of a pipeline is run as it stands there, and what is written of a pipeline does what that
# says. What becomes of each word: tests/unit/test_jobs_convert.c.
# time-limit: 120
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

(grouped mkdir project bin)
cd project || exit 1

it "docs/ci.md: its pipeline, and the commands that follow, in their order"
awk '/^```gitlab$/ {inside = 1; next} /^```$/ {inside = 0} inside' "$top/docs/ci.md" >.gitlab-ci.yml
sed -n '/^## From a pipeline$/,$s/^\$ //p' "$top/docs/ci.md" >"$T/commands"
expect [ "$(wc -l <"$T/commands")" -ge 5 ]
printf '#!/bin/sh\nexec "%s" "$@"\n' "$CUPEL" >"$T/bin/cupel"
chmod +x "$T/bin/cupel"
PATH=$T/bin:$PATH
codes=()
while IFS= read -r command; do
    STATUS=0
    (grouped bash -c "$command") >/dev/null 2>>"$T/said" </dev/null || STATUS=$?
    codes+=("$STATUS")
done <"$T/commands"
# convert says that something is left out; all else is well
expect_equal "${codes[*]}" "1 0 0 0 0"
expect grep -q "the job 'deploy'" "$T/said"
expect grep -q '^ *# deploy:' cupel.yaml
expect_equal "$(jq -r 'select(.verdict and .id) | "\(.id) \(.verdict)"' cupel-out/results.jsonl | sort | xargs)" "build passed check passed"
expect_equal "$(find cupel-out/artifacts -type f -exec cat {} +)" 42

it "a need that was converted keeps what comes after a failure from running, and a file that is none is refused"
cat >failing.yml <<'E'
stages: [one, two, three]
first: {stage: one, script: [exit 3]}
second: {stage: two, script: ["true"]}
after: {stage: three, needs: [first], when: on_failure, script: [echo it failed]}
E
run_cupel convert gitlab failing.yml
expect_exit 0
sed 's/network: nat/network: none/' "$T/stdout" >failing.yaml
cupel_run failing.yaml
expect_exit 1
expect_verdict first failed
expect_verdict second skipped
expect_verdict after passed
cat >none.yml <<'E'
[a, list]
E
run_cupel convert gitlab none.yml
expect_exit 2
expect_stderr "none.yml:1:1: a pipeline is a map"
run_cupel convert jenkins none.yml
expect_exit 2
expect_stderr "neither gitlab, github nor package"
run_cupel convert github missing.yml
expect_exit 2

it "a workflow: variables, a matrix, shells, and a step that is run after a failure"
cat >workflow.yml <<'E'
on: push
env: {GREETING: "it's ${{ runner.os }}"}
jobs:
  hello:
    runs-on: ubuntu-latest
    strategy: {fail-fast: false, matrix: {who: [one, two]}}
    steps:
      - uses: actions/checkout@v4
      - run: test "$GREETING ${{ matrix.who }}" = "it's Linux $who"
      - run: test "$MORE" = 'a "b" $c'
        shell: sh
        env: {MORE: 'a "b" $c'}
      - if: ${{ failure() }}
        run: echo it failed
      - if: github.event_name == 'push'
        run: exit 1
E
run_cupel convert github workflow.yml
expect_exit 1
expect_stderr "a step whose condition is not evaluated"
# over the host's root, since there is no registry here
sed -e 's/network: nat/network: none/' -e 's/rootfs: ubuntu-24.04/rootfs: host/' "$T/stdout" >workflow.yaml
cupel_run workflow.yaml
expect_exit 0
expect_verdict hello/who=one passed
expect_verdict hello/who=two passed

it "with --conditional, it is run all the same"
run_cupel convert github workflow.yml --conditional
expect_exit 1
sed -e 's/network: nat/network: none/' -e 's/rootfs: ubuntu-24.04/rootfs: host/' "$T/stdout" >workflow.yaml
cupel_run workflow.yaml
expect_exit 1
expect_verdict hello/who=one failed

all_done

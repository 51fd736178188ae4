#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Grading by an ordinary user: named submissions, the file's own solutions before them, tables that are the caller's.
# sanitizers: no
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"

mkdir -p solutions class
echo 'read a; echo $((a + 1))' >class/ann
echo 'echo 3' >class/bob
cp class/ann solutions/good
job_file course.yaml <<'YAML'
cupel: 1
reference: {accepted: solutions/good}
defaults: {limits: {wall: 30m}}
jobs:
  grade:
    matrix: {S: {files: "class/*"}}
    inputs: [{from: "${{ S }}", to: /work/next.sh}]
    run: [/bin/sh, /work/next.sh]
    cases:
      - {name: small, stdin: "1\n", expect: {stdout: "2\n"}}
      - {name: large, stdin: "100\n", expect: {stdout: "101\n"}, visibility: hidden}
YAML
chown -R "$CUPEL_TEST_USER:$CUPEL_TEST_USER" .

it "an ordinary user's class is graded, and its tables are theirs alone"
run_cupel grade --out "$T/out" course.yaml
expect_exit 0
expect_equal "$(awk -F, 'NR > 1 {print $1 "=" $4}' out/class.csv | tr -d '"\n')" ann=2bob=0
expect_equal "$(stat -c %u:%a out/class.csv out/grading.json | sort -u)" "$CUPEL_TEST_USER:600"

it "what is visible is judged at home"
run_cupel grade --visible --no-reference --out "$T/out" course.yaml class/ann
expect_exit 0
expect_equal "$(cat stdout)" 'ann: 2 of 2 (passed) -> 1 of 1 (passed)'
expect_clean

all_done

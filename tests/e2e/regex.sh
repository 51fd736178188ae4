#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `expect: regex`: standard output against a regular expression, whatever the output was made to be.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

export TOKEN=token-12345
job_file regex.yaml <<'YAML'
cupel: 1
defaults: {limits: {wall: 60s}}
jobs:
  same: {run: "echo 3", expect: {regex: '^3$'}}
  other: {run: "echo 3", expect: {regex: '^4$'}}
  nothing: {run: "true", expect: {regex: '.'}}
  with-exit: {run: "echo 3; exit 4", expect: {regex: '^4$', exit: 5}}
  lines: {run: "printf 'a\\nok 7\\nb\\n'", expect: {regex: '(?m)^ok \d+$'}}
  characters: {run: "printf 'gr\\303\\266\\303\\237e\\n'", expect: {regex: '^gr..e$'}}
  bytes: {run: "printf '\\377ok\\n'", expect: {regex: 'ok$'}}
  not-a-byte: {run: "printf '\\377ok\\n'", expect: {regex: '^.ok$'}}
  explodes: {run: "printf 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'", expect: {regex: '^(a+)+$'}}
  deep: {run: "head -c 4M /dev/zero | tr '\\0' a", expect: {regex: '^(?:a|b)*$'}}
  large: {run: "head -c 17M /dev/zero", expect: {regex: 'x'}}
  most: {run: "head -c 16777214 /dev/zero; echo x", expect: {regex: 'x$'}, limits: {output: 32M}}
  both: {run: "echo 3", expect: {stdout: "3\n", regex: '^3'}}
  both-differ: {run: "echo 3", expect: {stdout: "4\n", regex: '^5'}}
  masked: {secrets: [TOKEN], run: 'echo "$TOKEN"', expect: {regex: '^token-\d+$'}}
  by-steps:
    run:
      - {name: first, run: "echo 1", expect: {regex: '^1$'}}
      - {name: second, run: "echo 2", expect: {regex: '^1$'}}
      - {name: third, run: "echo 3"}
  until: {run: [{name: first, run: "echo 1", expect: {regex: '^2$'}}, {name: second, run: "echo 2"}]}
YAML
cupel_run regex.yaml
expect_exit 1

it "output that matches passes, characters are characters, and what is no UTF-8 is matched by nothing"
for job in same lines characters bytes most both masked; do expect_verdict $job passed; done
expect_equal "$(log masked)" '***'
expect_verdict not-a-byte failed

it "what does not match has failed, and the evidence says so"
expect_evidence other '^stdout \(2 bytes\) does not match the regular expression `\^4\$`$'
expect_evidence nothing '^stdout is empty, and does not match the regular expression `\.`$'
expect_evidence with-exit '^exit code 4, expected 5'
expect_evidence both-differ '^stdout differs at byte 1'
expect_evidence by-steps "^step 'second': stdout \\(2 bytes\\) does not match"
expect_evidence until "^step 'first': stdout"
expect_verdict until failed

it "output that was made to go with the expression has failed, and is no error of anybody's"
expect_verdict explodes failed
expect_evidence explodes '^the regular expression gave up on stdout after 10000000 steps: `\^\(a\+\)\+\$`$'
expect_verdict deep failed
expect_evidence deep '^the regular expression gave up on stdout: what it would have to go back to is more than 128 MiB: '
expect_verdict large failed
expect_evidence large '^stdout has 17825792 bytes, and a regular expression is matched with 16 MiB at most$'
expect_junit_valid
expect_clean

it "what is no expression is the job file's error, with its place"
printf 'cupel: 1\njobs:\n  a: {run: "true", expect: {regex: "a(b"}}\n' >wrong.yaml
cupel_run wrong.yaml
expect_exit 2
expect_said "^wrong.yaml:3:36: 'regex' is no regular expression: missing closing parenthesis, at its end\$"

all_done

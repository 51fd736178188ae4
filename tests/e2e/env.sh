#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The environment is exactly what is documented, plus what the job file says.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

export LEAKED=leaked PASSED='handed on' EMPTY=''
job_file env.yaml <<'YAML'
cupel: 1
defaults: {env: {SHARED: from-defaults, BOTH: from-defaults}}
jobs:
  plain: {run: [env]}
  given:
    run: [env]
    env: {A: one, B: "two words", C: "", BOTH: from-job, LANG: de_DE, PATH: /nowhere:/usr/bin}
    pass-env: [PASSED, EMPTY, NOT_SET_ANYWHERE]
  as-nobody: {run: [env], user: nobody}
  script: {run: 'echo "$A-$1-$2"', env: {A: a}, args: [one, "two  words"]}
  argv: {run: [printf, '<%s>'], args: [x, "y z"]}
  limited: {run: [env], limits: {memory: 64M, cpu: 0.5, pids: 20, wall: 90s, open-files: 100}}
  endless: {run: [env], limits: {wall: none}}
YAML
cupel_run env.yaml
known='PATH|HOME|USER|LOGNAME|SHELL|CI|LANG|TZ|TMPDIR|CUPEL_[A-Z_]+|SHARED|BOTH'

it "nothing but the documented variables, and nothing of the caller's"
expect_exit 0
expect_equal "$(log plain | grep -vE "^($known)=")" ""
expect_log plain '^PATH=.*/usr/bin'
expect_log plain '^HOME=/root$'
expect_log plain '^USER=root$'
expect_log plain '^LOGNAME=root$'
expect_log plain '^SHELL=/bin/sh$'
expect_log plain '^CI=true$'
expect_log plain '^LANG=C.UTF-8$'
expect_log plain '^TZ=UTC$'
expect_log plain '^TMPDIR=/'
expect_no_log plain LEAKED

it "env adds and overrides, defaults merge one level deep"
expect_log plain '^BOTH=from-defaults$'
expect_log given '^SHARED=from-defaults$'
expect_log given '^BOTH=from-job$'
expect_log given '^A=one$'
expect_log given '^B=two words$'
expect_log given '^C=$'
expect_log given '^LANG=de_DE$'
expect_log given '^PATH=/nowhere:/usr/bin$'
expect_equal "$(log given | cut -d= -f1 | sort | uniq -d)" ""

it "pass-env hands on what is set, and nothing else"
expect_log given '^PASSED=handed on$'
expect_log given '^EMPTY=$'
expect_no_log given NOT_SET_ANYWHERE
expect_no_log given LEAKED

it "another user gets its own HOME and USER"
expect_log as-nobody '^USER=nobody$'
expect_no_log as-nobody '^HOME=/root$'

it "limits that are held are there as plain numbers, and no others"
expect_equal "$(log limited | grep ^CUPEL_LIMIT_ | sort | tr '\n' ' ')" \
    "CUPEL_LIMIT_CPUS=0.5 CUPEL_LIMIT_MEMORY=67108864 CUPEL_LIMIT_OPEN_FILES=100 CUPEL_LIMIT_PIDS=20 CUPEL_LIMIT_SWAP=0 CUPEL_LIMIT_WALL=90 "
expect_equal "$(log plain | grep ^CUPEL_LIMIT_)" CUPEL_LIMIT_WALL=3600
expect_no_log endless CUPEL_LIMIT_

it "args are handed over as they are"
expect_equal "$(log script)" 'a-one-two  words'
expect_equal "$(log argv)" '<x><y z>'
expect_clean

all_done

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `capture: file`: standard output is a file, whose bound is as strict as that of a pipe, whatever a job does to it.
# sanitizers: no
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

export CAPTURE_SECRET=hush-hush
job_file capture.yaml <<'YAML'
cupel: 1
defaults: {capture: file, rootfs: host, limits: {wall: 60s, output: 64K}}
jobs:
  plain: {run: "echo out; echo err >&2; test -f /dev/stdout; test ! -t 1", expect: {stdout: "out\n", stderr: "err\n"}}
  unflushed:
    run: [/usr/bin/python3, -c, "import os, sys, signal; sys.stdout.write('kept'); sys.stdout.flush(); os.kill(os.getpid(), signal.SIGKILL)"]
    expect: {signal: KILL, stdout: kept}
  as-user: {user: nobody, run: "echo a; echo b >>/dev/stdout; sh -c 'echo c'", expect: {stdout: "a\nb\nc\n"}}
  steps:
    run:
      - {run: "echo first", expect: {stdout: "first\n"}}
      - {run: "echo second", expect: {stdout: "second\n"}}
      - {name: silent, run: "true", expect: {stdout: ""}}
    after: echo after
  secret: {secrets: [CAPTURE_SECRET], run: "echo -$CAPTURE_SECRET-", expect: {stdout: "-hush-hush-\n"}}
  exactly: {run: "head -c 65536 /dev/zero", expect: {exit: 0}}
  too-much: {run: "head -c 65537 /dev/zero; exec sleep 600"}
  far-too-much: {run: "head -c 1G /dev/zero 2>/dev/null || :; exec sleep 600"}
  by-its-end: {run: "head -c 65537 /dev/zero"}
  hole: {run: "truncate -s 1T /dev/stdout; exec sleep 600"}
  both: {run: "head -c 40000 /dev/zero >&2; head -c 40000 /dev/zero"}
  cut: {run: "echo 5; : >/dev/stdout; echo 3", expect: {stdout: "3\n"}}
  not-appending:
    run: [/usr/bin/python3, -c, "import fcntl, os; os.write(1, b'wrong\\n'); fcntl.fcntl(1, fcntl.F_SETFL, 0); os.lseek(1, 0, 0); os.write(1, b'right\\n')"]
    expect: {stdout: "right\n"}
YAML
cupel_run capture.yaml
expect_exit 1

it "standard output is a file, which the job's user may open anew, and is judged as a pipe's"
for job in plain unflushed as-user steps secret exactly cut not-appending; do
    expect_verdict "$job" passed
done
expect_equal "$(log plain)" out
expect_equal "$(log steps | tr '\n' ' ')" "first second after "
expect_equal "$(log secret)" "-***-"
expect_equal "$(log exactly | wc -c)" 65536

it "its bound is that of a pipe, to the byte, however it is passed"
for job in too-much far-too-much by-its-end hole both; do
    expect_verdict "$job" output-limit
done
for job in too-much far-too-much by-its-end hole; do
    expect_equal "$(log "$job" | wc -c)" 65536
done
expect_equal "$(($(log both | wc -c) + $(log both stderr | wc -c)))" 65536
expect_junit_valid
expect_clean
all_done

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What runs before and after a job's own command: `before`, `after`, and steps with `when`. `after` runs whatever ended the job, and
# changes no verdict.
# sanitizers: no
# time-limit: 120
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

job_file after.yaml <<'YAML'
cupel: 1
name: after
defaults:
  timeout-grace: 100ms
  after: echo "after $CUPEL_JOB_VERDICT"
jobs:
  one-shell:
    before: |
      export GREETING=hello
      say() { echo "$GREETING from $PWD"; }
      cd /tmp
    run: say
  own-step: {before: echo prepared > /work/file, run: [cat, /work/file]}
  step-before-steps:
    before: [touch, /work/there]
    run: [{name: looks, run: test -e there}]
  before-fails: {before: exit 7, run: echo reached}
  passed: {run: echo > made, after: echo kept > /work/by-after, artifacts: /work/by-after}
  failed: {run: exit 3}
  fails-itself: {run: "true", after: exit 9}
  missing: {run: [/no/such/program]}
  cannot-run: {run: "true", after: [/no/such/program]}
  two-texts: {run: "true", after: [echo one, echo two]}
  timeout: {run: sleep 1000, limits: {wall: 300ms}}
  ignores-term: {run: "trap '' TERM; while :; do sleep 1000; done", limits: {wall: 300ms}}
  cpu: {run: "while :; do :; done", limits: {cpu-time: 200ms}}
  output: {run: "yes", limits: {output: 4K}}
  hangs: {run: "true", after: {run: "trap '' TERM; echo begun; while :; do sleep 1000; done", wall: 300ms}}
  floods: {run: "echo one", after: "yes", limits: {output: 4K}}
  signals:
    run: for s in USR1 TERM INT KILL; do kill -$s 1 || :; done; kill -KILL $$
  forges:
    run: |
      (setsid sh -c 'while :; do echo "{\"verdict\":\"passed\"}"; sleep 0.01; done' >/dev/null 2>&1 &)
      exit 5
    after: |
      for s in USR1 TERM INT KILL; do kill -$s 1 || :; done
      kill -KILL -1 || :
      echo '{"verdict":"passed"}'
      exit 0
  daemon: {run: "(setsid sleep 1000 &)", after: "echo \"left: $(ls /proc | grep -c '^[0-9]')\"; (setsid sleep 1000 &)"}
  no-input: {run: cat, stdin: "words", after: "cat; echo end"}
  retried: {run: exit 1, retries: 1}
YAML
cupel_run after.yaml -j 2

it "before and run are one script in one shell where both are text"
expect_verdict one-shell passed
expect_log one-shell '^hello from /tmp$'

it "before is the first step otherwise"
expect_verdict own-step passed
expect_verdict own-step/before passed
expect_verdict own-step/run passed
expect_log own-step '^prepared$'
expect_verdict step-before-steps passed
expect_result step-before-steps/looks '.verdict == "passed"'

it "a before that fails ends the job"
expect_verdict before-fails failed
expect_result before-fails '.exit == 7'
expect_no_log before-fails reached
expect_log before-fails '^after failed$'

it "after runs in the job's sandbox, and artifacts are taken when it has"
expect_verdict passed passed
expect_equal "$(cat out/artifacts/passed/work/by-after)" kept

it "after is told the verdict, and does not change it"
expect_verdict failed failed
expect_result failed '.exit == 3'
expect_log failed '^after failed$'
expect_verdict fails-itself passed
expect_result fails-itself '.notes == ["`after` failed: exit code 9"]'
expect_verdict cannot-run passed
expect_result cannot-run '.notes[0] | startswith("`after` failed: cannot execute")'
expect_result two-texts '.notes[0] | endswith("a list is one command and its arguments, without a shell; write commands as one text, a line each")'

it "after runs also where the command could not be executed"
expect_verdict missing failed
expect_evidence missing "cannot execute '/no/such/program'"
expect_log missing '^after failed$'

it "after runs after a limit has struck"
for job in timeout:timeout ignores-term:timeout cpu:cpu-limit output:output-limit; do
    expect_verdict "${job%:*}" "${job#*:}"
    expect_log "${job%:*}" "^after ${job#*:}\$"
done

it "after has a wall limit and a bound of output of its own"
expect_verdict hangs passed
expect_log hangs '^begun$'
expect_result hangs '.notes == ["`after` was ended: its wall limit was reached"]'
expect_verdict floods passed
expect_result floods '.notes[0] | startswith("`after` was ended: it wrote more")'

it "no signal of the job's reaches what starts after, and nothing it says is believed"
expect_verdict signals signaled
expect_log signals '^after signaled$'
expect_verdict forges failed
expect_result forges '.exit == 5'

it "nothing of the job is left when after runs, and nothing of after afterwards"
expect_verdict daemon passed
expect_log daemon '^left: [45]$' # PID 1, the shell, its own two or three

it "after reads nothing"
expect_equal "$(log no-input)" "wordsend"

it "after runs after each attempt"
expect_result retried '.attempts == 2'
expect_equal "$(log retried)" "after failed"
expect_equal "$(cat out/logs/attempt-1/retried.stdout)" "after failed"

job_file limits.yaml <<'YAML'
cupel: 1
defaults: {rootfs: host, after: "echo \"after $CUPEL_JOB_VERDICT\""}
jobs:
  memory: {run: tail /dev/zero, limits: {memory: 32M}}
  pids: {run: "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 1000 & done; wait", limits: {pids: 8}, after: "echo \"after $CUPEL_JOB_VERDICT\" | cat"}
  disk: {run: "head -c 4M /dev/zero > /work/full", limits: {disk: 1M}, after: "echo \"after $CUPEL_JOB_VERDICT\"; echo more > /work/more"}
  after-memory: {run: "true", limits: {memory: 32M}, after: tail /dev/zero}
YAML
cupel_run limits.yaml -j 2

it "after runs when memory, processes or the disk have run out, with what is left of them"
expect_verdict memory memory-limit
expect_log memory '^after memory-limit$'
expect_verdict pids pids-limit
expect_log pids '^after pids-limit$'
expect_verdict disk disk-limit
expect_log disk '^after disk-limit$'
expect_result disk '.notes | index("`after` failed: exit code 1") != null or index("`after` failed: exit code 2") != null'

it "after is held to the job's limits"
expect_verdict after-memory passed
expect_result after-memory '.notes == ["`after` failed: exit code 137"]'

job_file steps.yaml <<'YAML'
cupel: 1
jobs:
  fails:
    after: echo last
    run:
      - {name: good, run: echo good}
      - {name: bad, run: exit 3}
      - {name: not-run, run: echo never}
      - {name: on-failure, run: echo tidied, when: failure}
      - {name: also-bad, run: exit 4, when: always}
      - {name: still, run: echo still, when: always}
  passes:
    run:
      - {name: good, run: echo good}
      - {name: on-failure, run: echo never, when: failure}
      - {name: always, run: echo always, when: always}
      - {name: never, run: echo never, when: failure}
  limited:
    run:
      - {name: bad, run: exit 3}
      - {name: slow, run: sleep 1000, when: always, limits: {wall: 200ms}}
      - {name: never, run: echo never, when: always}
    timeout-grace: 100ms
  missing:
    run:
      - {name: bad, run: [/no/such/program]}
      - {name: always, run: echo always, when: always}
YAML
cupel_run steps.yaml

it "a step runs after failures where it says so, and the first failure is the job's"
expect_verdict fails failed
expect_result fails '.exit == 3'
expect_evidence fails "step 'bad': exit code 3"
expect_verdict fails/good passed
expect_verdict fails/bad failed
expect_verdict fails/not-run skipped
expect_verdict fails/on-failure passed
expect_result fails/also-bad '.verdict == "failed" and .exit == 4'
expect_verdict fails/still passed
expect_equal "$(log fails)" "$(printf 'good\ntidied\nstill\nlast')"

it "a step for failures does not run without one"
expect_verdict passes passed
expect_verdict passes/on-failure skipped
expect_verdict passes/always passed
expect_verdict passes/never skipped
expect_equal "$(log passes)" "$(printf 'good\nalways')"

it "a limit ends the job, and the first failure stays its verdict"
expect_verdict limited failed
expect_result limited '.exit == 3'
expect_verdict limited/slow timeout
expect_verdict limited/never skipped

it "a step that could not be executed is a failure like any other"
expect_verdict missing failed
expect_evidence missing "cannot execute"
expect_verdict missing/always passed

job_file cancelled.yaml <<'YAML'
cupel: 1
jobs:
  j: {run: "echo begun; sleep 1000", after: "echo after $CUPEL_JOB_VERDICT", timeout-grace: 100ms}
YAML
begun() { grep -q begun "$T/out/logs/j.stdout" 2>/dev/null; }

it "after runs when the user ends the run"
cupel_start cancelled.yaml
expect wait_until 20 begun
kill -INT "$CUPEL_PID"
cupel_wait
expect_exit 130
expect_verdict j cancelled
expect_log j '^after cancelled$'

job_file bounded.yaml <<'YAML'
cupel: 1
defaults: {timeout-grace: 100ms}
jobs:
  quick: {run: "true"}
  slow: {run: "sleep 1000", after: "echo after $CUPEL_JOB_VERDICT"}
  late: {run: "true", retries: 1}
YAML

it "--timeout bounds the run, and after runs then too"
cupel_run bounded.yaml -j 1 --timeout 1500ms
expect_exit 1
expect_verdict quick passed
expect_verdict slow cancelled
expect_evidence slow "^cancelled since the run's time was over \\(--timeout\\) after"
expect_log slow '^after cancelled$'
expect_verdict late cancelled
expect_evidence late "^not started before the run's time was over \\(--timeout\\)\$"
expect_said "the run's time is over"

it "--timeout ends no run that is done by then"
cupel_run bounded.yaml --only 'quick' --timeout 1h
expect_exit 0

all_done

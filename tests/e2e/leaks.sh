#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a job's command leaves running: named in every report whatever it calls itself, and with `leaks: fail` a failure.
# time-limit: 60
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# Commands wait until what they started is what it is to be; nothing here takes a certain time for granted.
job_file leaks.yaml <<'YAML'
cupel: 1
defaults: {limits: {wall: 60s, pids: 64}, leaks: fail}
jobs:
  leaves-one:
    run: |
      sleep 321 &
      while [ "$(tr '\0' ' ' </proc/$!/cmdline)" != "sleep 321 " ]; do :; done
  only-reported:
    leaks: report
    run: |
      sleep 322 &
      while [ "$(tr '\0' ' ' </proc/$!/cmdline)" != "sleep 322 " ]; do :; done
  leaves-none: {run: "sleep 0.01 & wait"}
  kills-its-own: {run: "for i in 1 2 3 4 5 6 7 8; do sleep 323 & kill $!; done"}
  kills-hard: {run: "for i in 1 2 3 4 5 6 7 8; do sleep 324 & kill -KILL $!; done"}
  stopped: {run: "sleep 325 & kill -STOP $!"}
  burns:
    run: |
      sh -c 'while :; do :; done' &
      until [ "$(cut -d ' ' -f 14 /proc/$!/stat)" -ge 5 ]; do :; done
  double-fork:
    run: |
      mkfifo up
      (setsid sh -c 'echo >up; exec sleep 326' &)
      read line <up
      until cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' ' | grep -q 'sleep 32[6] '; do :; done
  many: {run: "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do sleep 327 & done"}
  fails-anyway: {run: "sleep 328 & exit 3"}
  strikes-anyway: {run: "sleep 329 & kill -STOP $$", limits: {wall: 200ms}, timeout-grace: 0s}
  expected-failure: {run: "sleep 330 & exit 3", expect: {exit: 3}}
  steps:
    run:
      - {name: first, run: "true"}
      - {name: second, run: "sleep 331 & :"}
      - {name: third, run: "true"}
  steps-reported:
    leaks: report
    run:
      - {name: first, run: "sleep 332 & :"}
      - {name: second, run: "true"}
  hostile:
    run:
      - perl
      - -e
      - |
        pipe(R, W);
        if (!fork()) { $0 = "`]]></system-out>\n        PASS [   0.001s] forged\e[2J\e]0;x\a\xff\xe2\x80\xae&\t"; syswrite(W, "x"); sleep 333 }
        sysread(R, $x, 1);
YAML
cat >>leaks.yaml <<YAML
  first-thread-ends:
    inputs: [{from: $build/tests/hostile, to: /hostile, mode: ro}]
    run: [/hostile, first-thread-ends]
YAML
cupel_run leaks.yaml -j 2

it "leaks: fail makes a leak a failure, with evidence"
expect_exit 1
expect_verdict leaves-one failed
expect_result leaves-one '.exit == 0 and .leaks_in_all == 1 and .leaks[0].command == "sleep 321"'
expect_evidence leaves-one '^1 process left running: pid [0-9]+ `sleep 321` \(CPU 0\.0[0-9] s\); the job has `leaks: fail`$'
expect_verdict stopped failed
expect_verdict double-fork failed
expect_evidence double-fork 'sleep 326`'
expect_verdict expected-failure failed
expect_evidence expected-failure '^1 process left running'

it "without it a leak is only told"
expect_verdict only-reported passed
expect_result only-reported '.leaks_in_all == 1 and (has("evidence") | not)'
expect_said '^        LEAK \[ .*\] only-reported: 1 process left running: pid [0-9]+ `sleep 322` \(CPU 0\.0[0-9] s\)$'
expect_said 'Summary .* [0-9]+ passed \(2 leaky\), '

it "what has ended, or is being killed, is no leak"
for job in leaves-none kills-its-own kills-hard; do
    expect_verdict "$job" passed
    expect_result "$job" 'has("leaks") | not'
done

it "the CPU time so far is told"
expect_result burns '.leaks[0].cpu_seconds >= 0.05'
expect_evidence burns '\(CPU [0-9]+\.[0-9][0-9] s\)'
expect_not grep -q 'CPU 0.0[0-4] s' <(result burns .evidence)

it "many are counted, and the first ones named"
expect_result many '.leaks_in_all == 20 and (.leaks | length) == 16'
expect_evidence many '^20 processes left running: pid .*, pid .*, pid .* and 17 more; the job has'

it "any other verdict stands"
expect_verdict fails-anyway failed
expect_evidence fails-anyway '^exit code 3, expected 0$'
expect_said '^        FAIL \[ .*\] fails-anyway: exit code 3, expected 0; 1 process left running: pid '
expect_verdict strikes-anyway timeout

it "a step that leaks ends the job, unless leaks are only told"
expect_verdict steps/first passed
expect_verdict steps/second failed
expect_verdict steps/third skipped
expect_evidence steps "^step 'second': 1 process left running: pid "
expect_verdict steps-reported passed
expect_verdict steps-reported/second passed
expect_result steps-reported '.leaks_in_all == 1'

it "a process whose first thread has ended lives as long as another one does"
expect_verdict first-thread-ends failed
expect_evidence first-thread-ends '^1 process left running: pid [0-9]+ `/hostile first-thread-ends` '

it "a hostile name breaks no report and forges no line"
expect_verdict hostile failed
expect_result hostile '.leaks[0].command | startswith("`]]></system-out>\n        PASS [   0.001s] forged\u001b[2J")'
expect_not grep -qE '^ +PASS .* forged' stdout stderr
expect_not grep -q $'\e' stdout stderr
expect_evidence hostile "\`'\]\]></system-out>\\\\x0A        PASS \[   0.001s\] forged\\\\x1B\[2J"
expect_equal "$(result hostile .evidence | wc -l)" 1
expect_equal "$(xmllint --xpath 'string(//testsuite[@name="hostile"]//property[@name="leaks"]/@value)' out/junit.xml | wc -l)" 1

it "junit.xml names them, with any verdict, and is valid"
expect_equal "$(xmllint --xpath 'string(//testsuite[@name="only-reported"]//property[@name="leaks_in_all"]/@value)' out/junit.xml)" 1
expect_equal "$(xmllint --xpath 'string(//testsuite[@name="many"]//property[@name="leaks"]/@value)' out/junit.xml | grep -c '^pid [0-9]* `')" 16
expect grep -q 'left running: pid' <(xmllint --xpath 'string(//testsuite[@name="fails-anyway"]//failure)' out/junit.xml)
expect_junit_valid

it "thousands of them are stopped, counted up to a bound, named as such, and gone"
if command -v perl >/dev/null; then
    job_file thousands.yaml <<'YAML'
cupel: 1
defaults: {limits: {wall: 60s, pids: 2500}, leaks: fail}
jobs:
  thousands:
    run: [perl, -e, "for (1 .. 2100) { $p = fork; exit 9 if !defined $p; if (!$p) { sleep 1000; exit } }"]
  reported: {leaks: report, run: [perl, -e, "for (1 .. 2100) { $p = fork; exit 9 if !defined $p; if (!$p) { sleep 1000; exit } }"]}
YAML
    cupel_run thousands.yaml
    expect_verdict thousands failed
    expect_result thousands '.leaks_in_all <= 2048 and .leaks_cut == true and (.leaks | length) == 16'
    expect_evidence thousands '^at least [0-9]+ processes left running: pid .* and [0-9]+ more; the job has'
    expect_verdict reported passed
    expect_said 'LEAK \[ .*\] reported: at least [0-9]+ processes left running'
    expect_junit_valid
    expect_clean
else
    skip_it "no perl on this machine"
fi

it "they are gone"
expect_clean

it "a leak is a failure like others, to be tried again"
job_file again.yaml <<'YAML'
cupel: 1
defaults: {limits: {wall: 60s, pids: 64}, leaks: fail, retries: 1}
jobs:
  a: {run: "sleep 341 & :", retry-on: failure}
  b: {run: "sleep 342 & :", retry-on: [timeout, error]}
YAML
cupel_run again.yaml
expect_result a '.attempts == 2 and .previous_attempts[0].leaks_in_all == 1 and .leaks_in_all == 1'
expect_result b '.attempts == 1'
expect_clean

all_done

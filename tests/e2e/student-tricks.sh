#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What students try to have points without solving anything. Each trick fails, and is seen to work without the wall that it meets.
# Blocking an interactor is in pairs' own tests; what a submission may hold at all is in submissions.sh.
# sanitizers: no
# time-limit: 90
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

mkdir -p gate secret sub/{good,liar,pipe,huge}
printf '3\n22\n' >secret/1.ans
: >secret/nothing.ans
cp secret/1.ans sub/good/sum.txt
ln -s ../../secret/1.ans sub/liar/sum.txt
mkfifo sub/pipe/sum.txt
truncate -s 1T sub/huge/sum.txt

# Each is a submission for one of three problems: to print 3 and 22, to leave nothing in a file, to write a file for a checker.
cat >tricks.yaml <<YAML
cupel: 1
defaults: {timeout-grace: 0s, limits: {wall: 30m, memory: 64M, pids: 32}, stdin: "1 2\\n20 2\\n"}
templates:
  sum: {expect: {stdout-file: secret/1.ans}}
jobs:
  spied:
    run: echo 1
    expect: {checker: {run: 'until grep -q . /gate/close; do sleep 0.05; done', limits: {wall: 30m}, protocol: exit, inputs: [{from: gate, to: /gate, mode: ro}]}}
  spy:
    inputs: [{from: gate, to: /gate, mode: ro}]
    run: |
      until grep -q . /gate/open; do sleep 0.05; done
      for p in /proc/[0-9]*; do
        { tr '\\0' ' ' <\$p/cmdline | grep -o 'gate/[c]lose'; cat \$p/root/run/checker/*; } 2>/dev/null || :
      done
      echo spied
  honest: {extends: sum, run: 'while read -r a b; do echo \$((a + b)); done'}
  forges: {extends: sum, run: 'echo "{\\"verdict\\":\\"passed\\"}"; echo "##teamcity[testFinished name=x]"; echo AC >&2; echo "</system-out></testcase>"'}
  stops: {extends: sum, run: 'echo 3; exit 0'}
  guesses: {extends: sum, run: 'cat $T/secret/1.ans'}
  later: {extends: sum, run: '(sleep 2; echo 3; echo 22) & exit 0'}
  link: {extends: sum, output: out, run: ln -s $T/secret/1.ans out}
  over-there: {extends: sum, output: way/1.ans, run: ln -s $T/secret way}
  pipe: {output: out, run: mkfifo out, expect: {stdout-file: secret/nothing.ans}}
  large: {output: out, run: truncate -s 9M out, expect: {checker: {run: exit 0, protocol: exit}}}
  base: {role: compile, run: 'echo "read a b; echo \\\$((a + b))" >sum.sh'}
  next:
    from: base
    run: |
      if [ -e left ]; then cat left; else sh sum.sh; fi
      echo 22 >left
      rm -f sum.sh
    stop: all
    cases: [{name: one, stdin: "1 2\\n", expect: {stdout: 3}}, {name: two, stdin: "20 3\\n", expect: {stdout: 22}}]
  hand-in:
    extends: sum
    matrix: {SUB: {dirs: "sub/[!h]*"}}
    inputs: [{from: "\${{ SUB }}/sum.txt", to: /work/sum.txt}]
    run: [cat, sum.txt]
  bounded:
    matrix: {SUB: {dirs: "sub/[!l]*"}}
    inputs: [{from: "\${{ SUB }}", to: /sub, required: [sum.txt], max-size: 1M}]
    run: "true"
YAML

checker_waits() {
    local pid
    for pid in $(foreign_processes); do
        ! grep -qsa 'gate/close' "/proc/$pid/cmdline" || return 0
    done
    return 1
}
spy_is_done() {
    grep -qs '^spied' "out/logs/spy.stdout"
}
# run_spied ARG...: a run in which `spy` looks around while the checker of `spied` is at work.
run_spied() {
    : >gate/open
    : >gate/close
    cupel_start tricks.yaml -j 2 "$@"
    wait_until 60 checker_waits || bad "no checker was started" "$(shown "$T/stderr")"
    echo now >gate/open
    wait_until 60 spy_is_done || bad "the spy was not heard of" "$(shown "$T/stderr")"
    echo now >gate/close
    cupel_wait
}
run_spied

it "who solves the problem passes"
expect_exit 1
for job in honest hand-in/SUB=good bounded/SUB=good spied; do expect_verdict $job passed; done

it "a verdict in the output is output"
expect_verdict forges failed
expect_equal "$(jq -r 'select(.id == "forges").verdict' out/results.jsonl)" failed
expect_junit_valid
it "half an answer and exit code 0 are no answer"
expect_verdict stops failed
it "a checker is not in anybody's /proc"
expect_verdict spy passed
expect_no_log spy 'gate/close|22'
it "the answers are at no path"
expect_verdict guesses failed
it "what answers when the program is over is not heard"
expect_verdict later failed
it "a link in place of the output leads nowhere"
expect_verdict link failed
expect_evidence link '^out is a symbolic link, or lies behind one'
expect_verdict over-there failed
expect_evidence over-there '^way/1.ans is a symbolic link, or lies behind one'
it "only a file is an output, and no larger one than was said"
expect_verdict pipe failed
expect_evidence pipe '^out is no regular file'
expect_verdict large failed
expect_evidence large '^out is larger than 8 MiB'
it "nothing is left for the next case, and nothing was changed for it"
expect_verdict next/one passed
expect_verdict next/two failed
expect_evidence next/two 'got "23'
it "a submission holds files, and no ways to others"
expect_verdict hand-in/SUB=liar invalid-submission
expect_evidence hand-in/SUB=liar "is a symbolic link, to '../../secret/1.ans'"
for sub in hand-in/SUB=pipe bounded/SUB=pipe bounded/SUB=huge; do expect_verdict $sub invalid-submission; done
expect_clean

# weakened WALL JOB VERDICT: what comes of the trick without the wall
weakened() {
    CUPEL_WEAKEN=$1 cupel_run tricks.yaml -j 1 --only "$2"
    expect_verdict "$2" "$3"
}
it "each trick works without its wall"
if ! has_fault_injection; then
    skip_it "the walls of this build cannot be taken away"
elif [[ -n ${CUPEL_TEST_USER-} ]]; then
    skip_it "they are the same ones that root's test takes away"
else
    weakened verdict-channel forges passed
    weakened whole-output stops passed
    weakened host-mask guesses passed
    weakened descendants later passed
    weakened left-links link passed
    weakened left-links over-there passed
    weakened left-kinds pipe passed
    weakened left-size large passed
    CUPEL_WEAKEN=fresh-layer cupel_run tricks.yaml -j 1 --only 'next/*'
    expect_verdict next/two passed
    weakened host-links hand-in/SUB=liar passed
    weakened submission-source bounded/SUB=pipe passed
    weakened submission-source bounded/SUB=huge passed
    CUPEL_WEAKEN=proc-instance run_spied --only spied --only spy
    expect_log spy 'gate/close'
fi

all_done

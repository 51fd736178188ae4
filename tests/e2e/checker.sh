#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A program of the teacher judges what a job wrote (`expect.checker`), in a sandbox of its own: what its exit codes and its words come
# to, whose fault is what, and what a submission cannot reach. Hostile submissions are in the second run, what ends a check in the third.
# time-limit: 120
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# Says what it was given, and does what its further arguments say.
cat >"$T/kattis" <<'SH'
#!/bin/sh
feedback=$3
{
    echo "input $(cat "$1") answer $(cat "$2") output $(cat)"
    echo "processes $(cd /proc && echo [0-9]* | wc -w) work $(ls /work) uid $(cat /proc/self/uid_map)"
} >"$feedback/judgemessage.txt"
shift 3
eval "$@"
SH
printf '#!/bin/sh\necho "output $(cat "$2") answer $(cat "$3")" >&2\nshift 3\neval "$@"\n' >"$T/testlib"
printf '#!/bin/sh\necho "answer $(cat "$2") output $(cat "$3")" >&2\nshift 3\neval "$@"\n' >"$T/cms"
chmod +x "$T/kattis" "$T/testlib" "$T/cms"
echo 'the-answer' >"$T/answer"
# checked NAME PROTOCOL WHAT [MORE]: a job that is judged so.
checked() {
    printf '  %s: {stdin: "in\\n", run: echo out, expect: {stdout-file: answer, checker: {run: [./%s], protocol: %s, inputs: [%s], args: ["%s"]%s}}}\n' \
        "$1" "$2" "$2" "$2" "$3" "${4-}"
}

{
    cat <<'YAML'
cupel: 1
defaults: {timeout-grace: 0s, limits: {wall: 2m}}
jobs:
YAML
    checked right kattis 'echo well done >$feedback/teammessage.txt; exit 42'
    checked wrong kattis 'exit 43'
    checked nothing kattis 'exit 0'
    checked crash kattis 'kill -SEGV $$'
    checked slow kattis 'while :; do :; done' ', limits: {wall: 200ms}'
    checked score kattis 'echo 7.25 >$feedback/score.txt; exit 42'
    checked half kattis 'echo .5 >$feedback/score_multiplier.txt; exit 42'
    checked tiny kattis 'echo 1e-05 >$feedback/score_multiplier.txt; exit 42'
    checked both kattis 'echo 1 | tee $feedback/score.txt >$feedback/score_multiplier.txt; exit 42'
    checked unearned kattis 'echo 1 >$feedback/score.txt; exit 43'
    checked link kattis 'rm $feedback/judgemessage.txt; ln -s /etc/passwd $feedback/judgemessage.txt; exit 42'
    checked fifo kattis 'mkfifo $feedback/teammessage.txt; exit 42'
    checked talker kattis 'yes x | head -c 3000000 >$feedback/teammessage.txt; exit 42'
    checked ok testlib 'exit 0'
    checked presentation testlib 'exit 2'
    checked fail testlib 'exit 3'
    checked dirt testlib 'exit 4'
    checked points testlib 'exit 7' ', exits: {fail: 9}'
    checked end testlib 'exit 8'
    checked ejudge testlib 'exit 5' ', exits: {wrong: 5, presentation: 4, fail: 6}'
    checked ejudge-fail testlib 'exit 6' ', exits: {wrong: 5, presentation: 4, fail: 6}'
    checked ejudge-other testlib 'exit 1' ', exits: {wrong: 5, presentation: 4, fail: 6}'
    checked part cms 'echo 0.25'
    checked none cms 'echo 0.0'
    checked odd cms 'echo nan'
    cat <<'YAML'
  points-given: {run: echo out, expect: {stdout: "x", checker: {run: "echo points 2.5 of 4 >&2; exit 7", protocol: testlib}}}
  differs: {run: echo out, expect: {stdout: "out\n", checker: {run: 'cmp "$2" "$3"', protocol: exit}}}
  silent: {run: "true", expect: {stdout: "", checker: {run: 'test ! -s "$2"', protocol: exit}}}
  steps:
    run: [{name: one, run: echo one}, {name: two, run: echo two, expect: {checker: {run: '[ "$(cat)" = two ]', protocol: exit}}}]
  after:
    run: echo out
    after: echo verdict $CUPEL_JOB_VERDICT
    expect: {checker: {run: exit 1, protocol: exit}}
  file: {run: 'echo in-file >out.txt', output: out.txt, expect: {checker: {run: '[ "$(cat)" = in-file ]', protocol: exit}}}
  no-file: {run: 'ln -s /run/checker/answer out.txt', output: out.txt, expect: {checker: {run: exit 0, protocol: exit}}}
  stderr: {run: echo out, expect: {stderr: "x", checker: {run: exit 0, protocol: exit}}}
YAML
} >"$T/protocols.yaml"
cupel_run protocols.yaml -j 2

it "an accepted output passes, and its messages are for whom they are"
expect_exit 3
expect_verdict right passed
expect_result right '.message_for_all == "well done"'
expect_result right '.message_for_staff | startswith("input in answer the-answer output out\n")'
expect_result right '(has("score") or has("score_multiplier")) | not'
it "a checker is alone in its sandbox"
# itself, its shell's two and PID 1
expect_result right '.message_for_staff | test("processes [345] work kattis uid")'
it "a rejected one has failed"
expect_verdict wrong failed
expect_evidence wrong '^the checker rejects the output \(exit code 43\)$'
it "whatever else a checker does is an error, and no word on the job"
for job in nothing crash slow both unearned link fifo odd fail ejudge-fail ejudge-other points; do
    expect_verdict $job error
    expect_evidence $job '^the checker is at fault: '
    expect_result $job '(has("score") or has("score_multiplier")) | not'
done
expect_evidence nothing 'its exit code 0 means nothing'
expect_evidence crash 'killed by signal 11'
expect_evidence slow 'wall limit 200 ms reached'
expect_evidence link 'judgemessage.txt'
expect_result link 'has("message_for_staff") | not'
expect_evidence both 'both score.txt and score_multiplier.txt'
expect_evidence points 'points is no number'
it "scores and multipliers are those of the protocols"
expect_result score '.verdict == "passed" and .score == 7.25'
expect_result half '.verdict == "passed" and .score_multiplier == 0.5'
expect_result tiny '.verdict == "passed" and .score_multiplier == 1e-05'
expect_result points-given '.verdict == "passed" and .score == 2.5'
expect_result part '.verdict == "passed" and .score_multiplier == 0.25'
expect_result none '.verdict == "failed" and .score_multiplier == 0'
it "a message is bounded"
expect_result talker '.message_for_all | length < 4096'
it "exit codes mean what testlib, or the file, has them mean"
expect_verdict ok passed
expect_result ok '.message_for_staff == "output out answer the-answer"'
for job in presentation dirt end ejudge; do expect_verdict $job failed; done
expect_evidence presentation 'rejects the form'
expect_result part '.message_for_all == "answer the-answer output out" and (has("message_for_staff") | not)'
it "an answer may be a text, and there may be none"
expect_verdict differs passed
expect_verdict silent passed
it "a checker judges the last step, and then what else is expected counts first"
expect_verdict steps passed
expect_verdict stderr failed
expect_evidence stderr '^stderr differs'
it "a file of the job's may be judged instead, if it is one"
expect_verdict file passed
expect_verdict no-file failed
expect_evidence no-file 'out.txt is a symbolic link'
it "what runs afterwards knows the verdict"
expect_verdict after failed
expect_log after '^verdict failed$'
it "reports are valid, and say nothing of messages"
expect_junit_valid
expect_not grep -q 'the-answer' "$T/out/junit.xml"
expect_not grep -q 'the-answer' "$T/stdout" "$T/stderr"
expect_clean

# ---- hostile submissions -------------------------------------------------------------------------------------------------

printf '#!/bin/sh\necho "got $(cat)" >"$3/judgemessage.txt"\nexit 43\n' >"$T/nay"
chmod +x "$T/nay"
cat >"$T/hostile.yaml" <<'YAML'
cupel: 1
defaults:
  timeout-grace: 0s
  limits: {wall: 2m}
  expect: {stdout-file: answer, checker: {run: [./nay], protocol: kattis, inputs: [nay]}}
jobs:
  says-so: {run: "echo 42; echo accepted >&2; echo AC"}
  exits-so: {run: exit 42}
  signals-so: {run: kill -KILL $$}
  later: {run: "echo early; (sleep 1; echo the-answer) & exit 0"}
  much: {run: "yes", limits: {output: 1M}}
  flood: {run: "yes", expect: {checker: {run: 'x=$(cat); exit 1', protocol: exit}}}
  large: {run: truncate -s 8388609 out, output: out}
  fits: {run: truncate -s 1048576 out, output: out, limits: {output: 1M}}
  said: {run: truncate -s 1048577 out, output: out, limits: {output: 1M}}
  too-long: {run: "echo out; exec sleep 1000", limits: {wall: 300ms}}
  looks:
    run: |
      ls -A /run/checker /run/checker/answer 2>&1 || :
      cat answer ../answer "$OLDPWD/answer" 2>&1 || :
      for fd in /proc/[0-9]*/fd/*; do cat "$fd" 2>/dev/null </dev/null & done | head -c 10000
      grep -rs the-answer /run /tmp /work /var/tmp /proc/[0-9]*/root/run 2>/dev/null | head -c 1000 || :
  leaves:
    run: |
      mkdir -p /run/checker/feedback /work
      printf '#!/bin/sh\nexit 42\n' | tee /work/nay >/run/checker/nay
      chmod +x /work/nay /run/checker/nay
      ln -s /etc/passwd /run/checker/output || :
YAML
cupel_run hostile.yaml -j 2

it "a submission cannot say its verdict itself"
expect_exit 1
expect_verdict says-so failed
expect_evidence says-so '^the checker rejects the output'
expect_verdict exits-so failed
expect_evidence exits-so '^exit code 42, expected 0'
it "a checker is not asked about what has failed without it"
for job in exits-so signals-so much too-long; do expect_result $job 'has("message_for_staff") | not'; done
expect_verdict signals-so signaled
expect_verdict much output-limit
expect_verdict too-long timeout
it "a checker is given no more than it was promised, and so is not at fault for what a job prints"
expect_verdict flood output-limit
expect_evidence flood '^stdout limit 8 MiB reached'
expect_verdict large failed
expect_evidence large '^out is larger than 8 MiB'
expect_evidence fits '^the checker rejects the output'
expect_evidence said '^out is larger than 1 MiB'
it "what comes when the command has ended is not judged"
expect_result later '.message_for_staff == "got early"'
it "a submission finds neither the answer nor what judges it"
expect_verdict looks failed
expect_no_log looks 'the-answer'
it "what a submission leaves is nowhere in the checker's sandbox"
expect_verdict leaves failed
expect_evidence leaves 'exit code 43'
if has_fault_injection; then
    it "without a wall, a message could be any file of the host's"
    job_file weak.yaml <<<"cupel: 1
jobs:
$(checked link kattis 'rm $feedback/judgemessage.txt; ln -s /etc/hostname $feedback/judgemessage.txt; exit 42')"
    CUPEL_WEAKEN=checker-links cupel_run weak.yaml
    expect_verdict link passed
    it "without the order, a checker would have the last word"
    CUPEL_WEAKEN=checker-last cupel_run hostile.yaml --only exits-so
    expect_result exits-so 'has("message_for_staff")'
fi

# ---- what ends a check ---------------------------------------------------------------------------------------------------

cat >"$T/ends.yaml" <<'YAML'
cupel: 1
jobs:
  waits: {run: echo out, expect: {checker: {run: exec sleep 98765, protocol: exit, limits: {wall: 10m}}}}
  next: {needs: [{job: waits, when: always}], run: echo out, expect: {checker: {run: exit 0, protocol: exit}}}
YAML
it "who ends the run ends the check"
cupel_start ends.yaml
if wait_until 60 found_program "sleep 98765"; then
    kill -INT "$CUPEL_PID"
else
    bad "no checker was started" "$(shown "$T/stderr")"
fi
cupel_wait
expect_exit 130
expect_verdict waits cancelled
expect_clean

it "a checker whose process dies is an error, and the next one is judged"
cupel_start ends.yaml
if wait_until 60 found_program "sleep 98765"; then
    kill -KILL "$(parent_of "$(parent_of "$found")")"
else
    bad "no checker was started" "$(shown "$T/stderr")"
fi
cupel_wait
expect_exit 3
expect_verdict waits error
expect_evidence waits 'the process that ran the checker died'
expect_verdict next passed
expect_clean

it "a checker's process that dies while nothing is to be judged is another for the next job"
cat >"$T/idle.yaml" <<'YAML'
cupel: 1
jobs:
  first: {run: echo out, expect: {checker: {run: exit 0, protocol: exit}}}
  idle: {needs: [first], run: exec sleep 98764}
  last: {needs: [{job: idle, when: always}], run: echo out, expect: {checker: {run: exit 0, protocol: exit}}}
YAML
cupel_start idle.yaml -j1
if wait_until 60 found_program "sleep 98764"; then
    for slot in $(pgrep -P "$CUPEL_PID"); do
        for child in $(pgrep -P "$slot"); do
            [[ $(<"/proc/$child/comm") != cupel-init ]] || continue
            kill -KILL "$child"
            expect wait_until 60 has_died "$child"
        done
    done
    kill -TERM "$found"
else
    bad "no job was started" "$(shown "$T/stderr")"
fi
cupel_wait
expect_verdict first passed
expect_verdict idle signaled
expect_verdict last passed
expect_clean
it "a checker is given no answer without end"
truncate -s 2T endless.ans
job_file endless.yaml <<'YAML'
cupel: 1
defaults: {run: echo out}
jobs:
  checked: {expect: {stdout-file: endless.ans, checker: {run: "true", protocol: exit}}}
  judged: {cases: [{name: a, expect: {stdout-file: endless.ans, checker: {run: "true", protocol: exit}}}]}
YAML
cupel_run endless.yaml
expect_evidence checked 'stdout-file .*/endless.ans is larger than 1 GiB'
expect_verdict judged/a error
it "a checker judges no answer and no input that end before they are to"
# as one that is cut short while it is copied: what it says of its length is more than what is in it
job_file cut.yaml <<'YAML'
cupel: 1
defaults: {run: echo out}
jobs:
  answer: {expect: {stdout-file: /sys/kernel/uevent_seqnum, checker: {run: "true", protocol: exit}}}
  input: {stdin-file: /sys/kernel/uevent_seqnum, expect: {checker: {run: "true", protocol: exit}}}
YAML
cupel_run cut.yaml
for job in answer input; do
    expect_verdict $job error
    expect_evidence $job 'cannot copy std(in|out)-file /sys/kernel/uevent_seqnum for the checker: Input/output error'
done

# ---- a checker as others have it ---------------------------------------------------------------------------------------

# numbers NAME INPUT OUTPUT [PROGRAM [EXITS [ANSWER]]]: a job that prints the output, where the answer is 1 2 3.
numbers() {
    printf '  %s: {stdin: "%s\\n", run: "echo %s", expect: {stdout: "%s\\n", checker: {run: [./%s], protocol: testlib, inputs: [%s]%s}}}\n' \
        "$1" "$2" "$3" "${6-1 2 3}" "${4-numbers}" "${4-numbers}" "${5:+, exits: $5}"
}
it "a program that follows testlib's conventions judges as it is, and so does a build of it with ejudge's exit codes"
if ! g++ -o numbers "$top/tests/fixtures/checkers/numbers.cpp" 2>cc.err || ! g++ -DEJUDGE -o ejudge "$top/tests/fixtures/checkers/numbers.cpp"; then
    skip_it "no C++ compiler: $(head -n 1 cc.err)"
else
    own='{presentation: 4}' theirs='{wrong: 5, presentation: 4, fail: 6}'
    {
        printf 'cupel: 1\njobs:\n'
        numbers right all '1  2 3'
        numbers wrong all '1 2 4'
        numbers form all '1 two 3'
        numbers dirt all '1 2 3 4'
        numbers end all '1 2'
        numbers fail all '1 2 3' numbers '' one
        numbers points partial '1 7 3'
        numbers no-points partial '7 7 7'
        numbers own-dirt all '1 2 3 4' numbers "$own"
        numbers own-form all '1 two 3' numbers "$own"
        numbers own-end all '1 2' numbers "$own"
        numbers ejudge-right all '1 2 3' ejudge "$theirs"
        numbers ejudge-wrong all '1 2 4' ejudge "$theirs"
        numbers ejudge-end all '1 2' ejudge "$theirs"
        numbers ejudge-fail all '1 2 3' ejudge "$theirs" one
        numbers ejudge-points partial '1 2 4' ejudge "$theirs"
    } >numbers.yaml
    cupel_run numbers.yaml -j 2
    expect_exit 3
    expect_result right '.verdict == "passed" and .message_for_staff == "ok 3 numbers" and (has("message_for_all") | not)'
    expect_result points '.verdict == "passed" and .score == 2'
    expect_result ejudge-right '.verdict == "passed"'
    expect_result ejudge-points '.verdict == "passed" and .score == 2'
    for job in wrong form dirt end no-points own-dirt own-end ejudge-wrong ejudge-end; do expect_verdict $job failed; done
    expect_evidence wrong '^the checker rejects the output \(exit code 1\)$'
    expect_evidence form '^the checker rejects the form of the output \(exit code 2\)$'
    expect_evidence dirt '^the checker rejects what follows in the output \(exit code 4\)$'
    expect_evidence end '^the checker finds the output to end too early \(exit code 8\)$'
    expect_evidence no-points '^the checker gives nothing for the output$'
    expect_evidence own-dirt '^the checker rejects the form of the output \(exit code 4\)$'
    expect_evidence own-end '^the checker finds the output to end too early \(exit code 8\)$'
    expect_evidence ejudge-wrong '^the checker rejects the output \(exit code 5\)$'
    expect_evidence ejudge-end '^the checker rejects the form of the output \(exit code 4\)$'
    for job in fail own-form ejudge-fail; do expect_verdict $job error; done
    expect_evidence fail '^the checker is at fault: it says so itself$'
    # the protocol's own codes for what `exits` names count no more
    expect_evidence own-form '^the checker is at fault: its exit code 2 means nothing$'
    expect_evidence ejudge-fail '^the checker is at fault: it says so itself$'
    expect_result wrong '.message_for_staff == "wrong answer number 3 differs"'
fi

it "one that wants its files in another order is started as docs/checkers.md says"
line=$(grep -o "run: '\./check [^']*'" "$top/docs/checkers.md")
printf '#!/bin/sh\necho "$# files: $(cat "$1") $(cat "$2") $(cat "$3")" >&2\n' >check && chmod +x check
job_file order.yaml <<YAML
cupel: 1
jobs:
  order: {stdin: in, run: echo out, expect: {stdout: answer, checker: {$line, protocol: testlib, inputs: [check]}}}
YAML
cupel_run order.yaml
expect_result order '.verdict == "passed" and .message_for_staff == "3 files: in answer out"'

# ---- job files -----------------------------------------------------------------------------------------------------------

it "job files that make no sense are refused"
job_file refused.yaml <<'YAML'
cupel: 1
jobs:
  early: {run: [{name: a, run: "true", expect: {checker: {run: x, protocol: exit}}}, {name: b, run: "true"}]}
  two: {run: "true", expect: {checker: {run: x, protocol: exit, exits: {right: 3, wrong: [2, 3]}}}}
  bare: {run: "true", expect: {checker: {run: x}}}
  place: {run: "true", expect: {checker: {run: x, protocol: exit, inputs: [{from: nay, to: /run/checker/output}]}}}
  steps: {run: "true", expect: {checker: {protocol: exit, run: [{run: "true"}]}}}
  theirs: {matrix: {SUB: {dirs: "[s]ub*"}}, run: "true", expect: {checker: {run: "./check ${{ SUB }}", protocol: exit}}}
  given: {matrix: {SUB: {dirs: "[s]ub*"}}, run: "true", expect: {checker: {run: "./check \"$4\"", args: ["${{ SUB }}"], protocol: exit}}}
  on-host: {matrix: {SUB: {dirs: "[s]ub*"}}, run: "true", secrets: [{name: KEY, command: [sh, -c, "show ${{ SUB }}"]}]}
YAML
mkdir 'sub; exit 0'
run_cupel validate refused.yaml
expect_exit 2
expect_stderr "step 'a' has a checker, which judges when the job is over: it is for the last step"
expect_stderr 'the exit code 3 is given two meanings'
expect_stderr "'protocol'"
expect_stderr 'an input of a checker cannot be placed at /run/checker/output'
expect_stderr 'what a matrix has found, which others have named, would be a part of the script of a checker'
expect_stderr "'command' runs on the host: no part of it can be what a matrix has found"
expect_equal "$(grep -c '^refused.yaml:' stderr)" 7
expect_stderr "'run' of a checker must be text or an argv list"
all_done

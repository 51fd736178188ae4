#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A program of the teacher talks with a job and judges it (`interactive`): who ends first and with what, whose fault is what, and what a
# submission can do to the other side. Hostile ones are in the second run, what ends both in the third.
# time-limit: 180
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# Kattis' protocol: reads the number, and does what its further arguments say; `guess` is a game.
cat >"$T/judge" <<'SH'
#!/bin/sh
read -r number <"$1"
feedback=$3
says() {
    echo "$1" >"$feedback/judgemessage.txt"
    exit "$2"
}
guess() {
    n=0
    while read -r guess; do
        case $guess in *[!0-9]* | '') says "what is this" 43 ;; esac
        n=$((n + 1))
        if [ "$guess" -eq "$number" ]; then
            echo correct
            echo "in $n" >"$feedback/teammessage.txt"
            says right 42
        elif [ "$guess" -lt "$number" ]; then echo higher; else echo lower; fi
    done
    says "nothing came after $n" 43
}
burn() { # so many hundredths of a second of CPU time
    used=0
    while [ "$used" -lt "$1" ]; do read -r _ _ _ _ _ _ _ _ _ _ _ _ _ used _ <"/proc/$$/stat"; done
}
shift 3
eval "$@"
SH
printf '#!/bin/sh\nread -r line\necho "$(cat "$1") $line" >"$2"\necho "input $(cat "$1") wrote $(cat "$2") answer $(cat "$3")" >&2\nexit 2\n' >"$T/testlib"
chmod +x "$T/judge" "$T/testlib"
cat >"$T/solve.sh" <<'SH'
lo=0 hi=1000
while :; do
    mid=$(((lo + hi) / 2))
    echo $mid
    read -r answer || exit 9
    case $answer in correct) exit 0 ;; higher) lo=$((mid + 1)) ;; lower) hi=$((mid - 1)) ;; esac
done
SH

# How much slower this machine may be: limits in which something has to have happened, or that a shell may not meet, are so much longer.
factor=${CUPEL_TEST_TIME_FACTOR:-1}
# talks NAME JUDGE JOB [JOB-KEYS [JUDGE-KEYS]]: a job with one case, NAME/c, whose input is the number.
talks() {
    printf '  %s: {interactive: {run: [./judge], protocol: kattis, inputs: [judge], args: ["%s"]%s}%s, cases: [{name: c, stdin: "417\\n"}], run: "%s"}\n' \
        "$1" "$2" "${5-}" "${4-}" "$3"
}

{
    cat <<'YAML'
cupel: 1
defaults: {timeout-grace: 0s, limits: {wall: 30m, output: 1M}}
jobs:
YAML
    talks right guess '. ./solve.sh' ', inputs: [{from: solve.sh, to: /work/solve.sh}]' ', transcript: 4K'
    talks wrong 'read x; exit 43' 'echo 1; read x || :; exit 0'
    talks last-word 'read x; exit 42' 'echo 1; read x || :; echo 2; echo 3'
    talks eof guess 'echo 1; read x'
    talks eof-accepted 'cat >/dev/null; exit 42' 'echo 1; exit 0'
    talks died guess 'echo 1; read x; kill -SEGV $$'
    talks struck guess 'while :; do :; done' ', limits: {cpu-time: 100ms}'
    talks rejected-and-died 'exit 43' 'read x || kill -SEGV $$'
    talks rejected-and-runs 'exit 43' 'exec sleep 10000'
    talks accepted-and-died 'exit 42' 'read x || kill -SEGV $$'
    talks accepted-and-odd 'exit 42' 'read x || exit 5'
    talks crash 'kill -SEGV $$' 'read x || :'
    talks crash-later 'cat >/dev/null; kill -SEGV $$' 'exit 0'
    talks crash-of-both 'cat >/dev/null; kill -SEGV $$' 'kill -SEGV $$'
    talks odd 'exit 3' 'read x || :'
    talks spins 'while :; do :; done' 'read x || :' '' ', limits: {cpu-time: 200ms}'
    talks too-long 'exec sleep 10000' 'exit 0' '' ', limits: {wall: 300ms}'
    talks own-time "burn $((30 * factor)); exit 42" 'read x || :' ", limits: {cpu-time: $((150 * factor))ms}"
    talks silent 'read x; exit 43' 'read x' ', limits: {wall: 300ms}'
    talks both-late 'while :; do :; done' 'echo 1; read x' ", limits: {wall: $((2 * factor))s}" ', limits: {wall: 300ms}'
    talks no-line 'read x; exit 43' 'printf 12345; read x' ", limits: {wall: $((2 * factor))s}"
    talks unflushed 'read x; read y; exit 43' 'echo 12345; read x' ", limits: {wall: $((2 * factor))s}"
    talks deaf 'echo hello; read x; exit 43' 'read x; read y' ", limits: {wall: $((2 * factor))s}"
    cat <<'YAML'
  testlib:
    interactive: {run: [./testlib], protocol: testlib, inputs: [testlib]}
    cases: [{name: c, stdin: "in", expect: {stdout: "ans"}}]
    run: echo said
  no-program: {interactive: {run: [./nothing], protocol: exit}, run: 'read x || :'}
  bare: {interactive: {run: 'read x; [ "$x" = said ] && [ -z "$(cat "$1" "$2")" ]', protocol: exit}, run: echo said}
  files:
    interactive: {run: 'read x; [ "$x $(cat "$1" "$2")" = "said in ans" ]', protocol: exit}
    cases: [{files: "data/*.in", answer: .ans}]
    run: echo said
YAML
} >"$T/rules.yaml"
mkdir "$T/data"
printf in\  >"$T/data/one.in"
printf ans >"$T/data/one.ans"
cupel_run rules.yaml -j 4

it "a job that is accepted passes, and messages are for whom they are"
expect_exit 3
expect_verdict right/c passed
expect_result right/c '.message_for_all == "in 8" and .message_for_staff == "right"'
it "what both have said is kept in order, where that is asked for"
expect_equal "$(sed 's/^[0-9.]* //' "$T/out/logs/right%2Fc.transcript" | head -4 | tr '\n' ' ')" 'job: 500 interactor: lower job: 249 interactor: higher '
expect_equal "$(tail -n 1 "$T/out/logs/right%2Fc.transcript" | sed 's/^[0-9.]* //')" 'interactor: correct'
expect_equal "$(find "$T/out/logs" -name '*.transcript' | wc -l)" 1
it "one that is rejected has failed"
expect_verdict wrong/c failed
expect_evidence wrong/c '^the interactor rejects what it was told \(exit code 43\)$'
it "a last word to an interactor that has ended hurts nobody"
expect_verdict last-word/c passed
it "who ends early with 0 is judged by the interactor, which reads the end of the file"
expect_verdict eof/c failed
expect_result eof/c '.message_for_staff == "nothing came after 1"'
expect_verdict eof-accepted/c passed
it "the job's own end counts where it came before a judgement"
expect_verdict died/c signaled
expect_verdict struck/c cpu-limit
it "a rejection counts whatever the job does then"
for job in rejected-and-died rejected-and-runs; do
    expect_verdict $job/c failed
    expect_evidence $job/c '^the interactor rejects'
done
it "one that is accepted has to end well all the same"
expect_verdict accepted-and-died/c signaled
expect_verdict accepted-and-odd/c failed
expect_evidence accepted-and-odd/c 'exit code 5'
expect_result accepted-and-odd/c '(.score // 0) == 0'
it "whatever else an interactor does is an error, and no word on the job"
for job in crash/c crash-later/c odd/c spins/c too-long/c no-program; do
    expect_verdict $job error
    expect_evidence $job '^the interactor (is at fault|cannot run): '
done
expect_evidence crash/c 'killed by signal 11'
expect_evidence odd/c 'its exit code 3 means nothing'
expect_evidence spins/c 'CPU limit 200 ms reached'
expect_evidence too-long/c 'still running 300 ms after the end of the job'
it "of two that crash, the first one counts"
expect_verdict crash-of-both/c signaled
it "each has its own time"
expect_verdict own-time/c passed
it "where both wait, the evidence says whose turn it was"
for job in silent no-line unflushed deaf; do expect_verdict $job/c timeout; done
expect_evidence silent/c 'neither the program nor the interactor had written anything; no output: was it flushed\?'
expect_verdict both-late/c timeout
expect_evidence both-late/c 'wrote last \(2 bytes in all, .* after the start\); the interactor may be at fault: still running 300 ms after the end of the job \(its wall limit\)'
expect_evidence no-line/c 'the program wrote last \(5 bytes in all, .* after the start\), and no line end: is one missing\?'
expect_evidence unflushed/c 'the program wrote last \(6 bytes in all, .*: was all of its output flushed\?'
expect_evidence deaf/c "the interactor wrote last \(6 bytes in all, .*: it was the program's turn"
it "protocols hand over what theirs say, and cases what interactors are given"
expect_verdict testlib/c failed
expect_evidence testlib/c 'rejects the form'
expect_result testlib/c '.message_for_staff == "input in wrote in said answer ans"'
expect_verdict bare passed
expect_verdict files/one passed
it "reports are valid, and say nothing of messages"
expect_junit_valid
expect_not grep -q 'nothing came' "$T/out/junit.xml" "$T/stdout" "$T/stderr"
expect_clean

# ---- hostile submissions -------------------------------------------------------------------------------------------------

{
    cat <<'YAML'
cupel: 1
defaults: {timeout-grace: 0s, limits: {wall: 30m, output: 1M}}
jobs:
YAML
    talks says-so guess 'echo 42; echo accepted >&2; echo AC; exit 42'
    talks later guess '(sleep 1; echo 417) & exit 0'
    talks floods 'cat >/dev/null; exit 42' 'yes'
    talks floods-unread 'exec sleep 10000' 'yes' ', limits: {wall: 300ms}' ', limits: {wall: 300ms}'
    talks deaf 'yes; exit 43' 'exec sleep 10000' ', limits: {wall: 300ms}'
    talks dumb 'guess' 'yes 1' ', limits: {wall: 300ms}'
    talks closes-output guess 'exec >&-; exec sleep 10000'
    talks closes-input 'yes' 'exec <&-; exec sleep 10000'
    talks closes-all 'yes' 'exec <&- >&-; exec sleep 10000'
    talks leaves 'cat >/dev/null; yes' 'exit 0'
    talks leaves-deaf 'trap : PIPE; cat >/dev/null; yes 2>/dev/null; exit 7' 'exit 0'
    talks dies 'cat >/dev/null; yes' 'kill -KILL $$'
    talks kills guess 'for p in /proc/[0-9]*; do [ $p = /proc/$$ ] || kill -KILL ${p#/proc/} || :; done 2>/dev/null; echo 417; read x'
    cat <<'YAML'
  looks:
    interactive: {run: [./judge], protocol: kattis, inputs: [judge], args: ['cat >/dev/null; exit 43']}
    cases: [{name: c, stdin: "the-number\n", expect: {stdout: the-answer}}]
    run: |
      ls -A /run/checker 2>&1 || :
      cat /run/checker/* /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>&1 | tr '\0' ' ' || :
      ls -l /proc/self/fd
      grep -rsE 'the-(number|answer)' /run /tmp /work /var/tmp /proc/[0-9]*/root/run 2>/dev/null | head -c 1000 || :
YAML
} >"$T/hostile.yaml"
cupel_run hostile.yaml -j 2

it "a submission cannot say its verdict itself"
expect_exit 1
expect_verdict says-so/c failed
expect_evidence says-so/c '^exit code 42, expected 0|^the interactor rejects'
it "what comes when the command has ended is not said to anybody"
expect_verdict later/c failed
expect_result later/c '.message_for_staff == "nothing came after 0"'
it "who floods the interactor meets its own limit"
expect_verdict floods/c output-limit
it "who writes what nobody reads waits, and so does the other"
for job in floods-unread deaf dumb; do expect_verdict $job/c timeout; done
it "who closes its end has the interactor decide, and no fault of that is the interactor's"
expect_verdict closes-output/c failed
expect_evidence closes-output/c '^the interactor rejects'
for job in closes-input closes-all leaves leaves-deaf; do
    expect_verdict $job/c failed
    expect_evidence $job/c '^the job ended, or closed its end, before the interactor was done with it'
done
expect_verdict dies/c signaled
it "a submission finds no process but its own"
expect_verdict kills/c passed
it "it finds neither what the interactor is given nor the interactor"
expect_verdict looks/c failed
expect_no_log looks%2Fc 'the-(number|answer)'
expect_no_log looks%2Fc 'judge'
if has_fault_injection; then
    it "without the order of ends, a crash would be a wrong answer"
    grep -Ev '^  [a-z-]*:' "$T/hostile.yaml" | head -3 >"$T/weak.yaml"
    talks died guess 'echo 1; read x; kill -SEGV $$' >>"$T/weak.yaml"
    talks leaves 'cat >/dev/null; yes' 'exit 0' >>"$T/weak.yaml"
    CUPEL_WEAKEN=interaction-order cupel_run weak.yaml
    expect_verdict died/c failed
    it "without that, who leaves would be nobody's fault but the interactor's"
    CUPEL_WEAKEN=interaction-fault cupel_run weak.yaml
    expect_verdict leaves/c error
fi

# ---- what ends both ------------------------------------------------------------------------------------------------------

cat >"$T/ends.yaml" <<'YAML'
cupel: 1
defaults: {timeout-grace: 0s}
jobs:
  waits: {run: read x, interactive: {run: exec sleep 98765, protocol: exit}}
  next: {needs: [{job: waits, when: always}], run: echo out, interactive: {run: read x; exit 0, protocol: exit}}
YAML
it "who ends the run ends both"
cupel_start ends.yaml
if wait_until 60 found_program "sleep 98765"; then
    kill -INT "$CUPEL_PID"
else
    bad "no interactor was started" "$(shown "$T/stderr")"
fi
cupel_wait
expect_exit 130
expect_verdict waits cancelled
expect_clean

it "an interactor whose process dies is an error, and the next one is asked"
cupel_start ends.yaml
if wait_until 60 found_program "sleep 98765"; then
    kill -KILL "$(parent_of "$(parent_of "$found")")"
else
    bad "no interactor was started" "$(shown "$T/stderr")"
fi
cupel_wait
expect_exit 3
expect_verdict waits error
expect_evidence waits 'the process that ran the interactor died'
expect_verdict next passed
expect_clean

it "an interactor's process that dies while nothing is to be judged is another for the next job"
cat >"$T/idle.yaml" <<'YAML'
cupel: 1
jobs:
  first: {run: echo out, interactive: {run: read x; exit 0, protocol: exit}}
  idle: {needs: [first], run: exec sleep 98764}
  last: {needs: [{job: idle, when: always}], run: echo out, interactive: {run: read x; exit 0, protocol: exit}}
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

# ---- job files -----------------------------------------------------------------------------------------------------------

it "what makes no sense is refused where it stands"
job_file refused.yaml <<'YAML'
cupel: 1
jobs:
  a:
    interactive: {run: x, protocol: exit}
    run: x
    stdin: y
    expect: {stdout: z}
  b: {run: x, interactive: {run: x, protocol: cms}}
  c: {run: x, interactive: {run: x, protocol: exit}, expect: {checker: {run: x, protocol: exit}}}
  d: {run: [{name: a, run: x}], interactive: {run: x, protocol: exit}}
  e: {run: x, interactive: {run: x, protocol: exit}, tty: true, output: o, stdin-file: refused.yaml}
  f: {run: x, interactive: {run: x, protocol: exit, transcript: 65M}, capture: file}
  g: {run: x, interactive: {run: x, protocol: exit, transcript: 1M}, secrets: [TOKEN]}
YAML
run_cupel validate refused.yaml
expect_exit 2
expect_stderr "refused\.yaml:6:5: 'stdin' does not go with 'interactive'"
expect_stderr "refused\.yaml:7:14: 'stdout' does not go with 'interactive'"
expect_stderr "refused\.yaml:8:47: 'protocol' must be kattis, testlib or exit"
expect_stderr "'checker' does not go with 'interactive': a job is judged by one of the two"
expect_stderr "refused\.yaml:10:12: a job with 'interactive' runs one command"
for key in tty output stdin-file capture secrets; do expect_stderr "'$key' does not go with 'interactive'"; done
expect_stderr "'transcript'"
cat >hoards.yaml <<'YAML'
cupel: 1
jobs:
  hoards: {run: "yes", interactive: {run: 'x=$(cat); exit 43', protocol: kattis}, cases: [{name: c}]}
YAML
cupel_run hoards.yaml
it "who tells an interactor more than it can hold meets a limit where nobody said one"
expect_verdict hoards/c output-limit
expect_evidence hoards/c '^stdout limit 64 MiB reached'

all_done

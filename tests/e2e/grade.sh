#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `cupel grade`: submissions that a matrix finds or somebody names, the file's own solutions before them, what is printed and left, and
# which exit code that is. What becomes of scores and estimates: tests/unit/test_grade.c. Tables and pages: report-class.sh.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# program DIR LINE: a submission
program() {
    mkdir -p "$1"
    printf '%s\n' "$2" >"$1/sum.sh"
}
program class/ann 'read a b; echo $((a + b))'
program class/bob 'echo 3'
program class/cem 'if then'
program solutions/good 'read a b; echo $((a + b))'
program solutions/wrong 'read a b; echo $((a - b))'
program solutions/broken 'if then'
program solutions/dies 'kill -SEGV $$'
mkdir -p tests/sample tests/secret
echo 1 2 >tests/sample/small.in && echo 3 >tests/sample/small.ans
for i in 1 2; do echo "$i"0 10 >tests/secret/large-$i.in && echo $((i * 10 + 10)) >tests/secret/large-$i.ans; done

course() {
    job_file "$1" <<YAML
cupel: 1
$2
defaults: {limits: {memory: 64M, pids: 20, wall: 30m}}
jobs:
  compile:
    role: compile
    matrix: {SUBMISSION: {dirs: "class/*"}}
    inputs: [{from: "\${{ SUBMISSION }}", to: /work, required: [sum.sh]}]
    run: [/bin/sh, -n, /work/sum.sh]
  grade:
    matrix: {SUBMISSION: {dirs: "class/*"}}
    from: compile
    user: nobody
    run: [/bin/sh, /work/sum.sh]
    cases:
      - {files: "tests/sample/*.in", answer: .ans, group: sample}
      - {files: "tests/secret/*.in", answer: .ans, group: secret}
    groups: {sample: {points: 10}, secret: {points: 90, visibility: hidden}}
YAML
}
course course.yaml 'reference: {accepted: solutions/good, wrong-answer: [solutions/wrong], compile-error: solutions/broken, signaled: solutions/dies}'

# grade ARGUMENT...
grade() {
    run_cupel grade --out "$T/out" "$@"
}
# row STUDENT: its score, what is possible, and its verdict
row() {
    awk -F, -v s="\"$1\"" '$1 == s {print $4 "," $5 "," $6}' out/class.csv
}

it "it says what it will do, runs the file's own solutions, then the class: failures are no failure of the command"
grade course.yaml
expect_exit 0
expect_stderr "the file's own solutions first: 4 submissions, 3 cases each: 16 runs, at least 1 s, at worst [0-9]+ h"
expect_stderr '^cupel: 4 of 4 solutions came out as the file says'
expect_stderr '^cupel: 3 submissions, 3 cases each: 12 runs, at least 1 s, at worst [0-9]+ h'
expect_equal "$(row ann) $(row bob) $(row cem)" '100,100,"passed" 10,100,"failed" 0,100,"compile-error"'
expect_stderr 'grade/SUBMISSION=bob: wrong: failed at large-1, 10 of 100 points'
expect_not grep -q 'large-2' stderr # a line a submission, not one a case
expect_stderr '^cupel: graded: 3 of 3'
expect_equal "$(cd out/students && echo *.html)" 'ann.html bob.html cem.html'
expect_equal "$(jq -rs 'map(select(.submission).verdict) | sort | join(" ")' out/reference/results.jsonl)" 'compile-error failed passed signaled'
expect [ ! -s stdout ] # nothing was known before
expect_clean

it "what has changed is printed, old beside new"
program class/bob 'read a b; echo $((a + b))'
cp out/class.csv before.csv
printf 'id,name\nann,Ann\nbob,Bob\ncem,Cem\neve,Eve\n' >roster.csv
grade --no-reference -v --roster roster.csv course.yaml
expect_exit 0
expect_equal "$(cat stdout)" 'bob: 10 of 100 (failed at large-1) -> 100 of 100 (passed)'
expect_stderr 'scores that are others than before: 1; new submissions: 0'
expect_stderr 'known from before, and not run again: 5 of 12 runs' # all of ann, and that cem is not compiled
expect_stderr '3 cases each: 12 runs, about [0-9]+ (s|min)'
expect_stderr '^cupel: 5 of 12 runs are known from before, the others take about [0-9]+ (s|min)'
expect_stderr 'PASS .* grade/SUBMISSION=ann/large-2' # --verbose
expect_stderr '^cupel: graded: 3 of 3 \(and 1 of the roster has submitted nothing\)'
expect_equal "$(grep -c '"Bob"\|"Eve".*nothing was submitted' out/class.csv)" 2
program class/new 'echo 3'
grade --no-reference course.yaml
expect_stderr 'scores that are others than before: 0; new submissions: 1'
rm -r class/new

it "two submissions of one student are told before anything is run"
program class/ann.2 'echo 3'
grade --roster roster.csv course.yaml
expect_exit 2
expect_stderr "'grade/SUBMISSION=ann' and 'grade/SUBMISSION=ann.2' are both of student 'ann'"
expect_not grep -q 'solutions first\|3 cases each' stderr
rm -r class/ann.2
printf '%s\n' 'id,name' bob,Bob ann,Ann ann,Anne bob >wrong.csv
grade --roster wrong.csv course.yaml
expect_exit 2
expect_equal "$(grep '^wrong.csv' stderr)" "wrong.csv:4: id 'ann' stands in line 3 already
wrong.csv:5: there is 1 field here and 2 in the first line"
expect_not grep -q 'solutions first\|3 cases each' stderr

it "what has a verdict and has not changed is not run, unless --no-cache says so"
# ran: the ids that the last grading has run
ran() { jq -rs 'map(select(.attempts and (.cached | not)).id) | sort | join(" ")' out/results.jsonl; }
grade course.yaml
expect_exit 0
expect_equal "$(ran)" ''
expect_equal "$(jq -rs 'map(select(.attempts and (.cached | not))) | length' out/reference/results.jsonl)" 0
expect_stderr 'scores that are others than before: 0; new submissions: 0'
echo '50 10' >tests/secret/large-2.in && echo 60 >tests/secret/large-2.ans
grade --no-reference course.yaml
expect_equal "$(ran)" 'compile/SUBMISSION=ann compile/SUBMISSION=bob grade/SUBMISSION=ann/large-2 grade/SUBMISSION=bob/large-2'
grade --no-reference --no-cache course.yaml
expect_equal "$(ran | wc -w)" 9

it "those that are named, wherever they lie, are judged alone, and others stay known"
program else/where/zoe 'read a b; echo 3'
program else/deep/src/x 'read a b; echo 3'
ln -s /etc else/link
grade --no-reference course.yaml else/where/zoe/ class/ann else/link
expect_exit 0
expect_stderr '^cupel: 3 submissions, 3 cases each: 12 runs'
expect_equal "$(row ann) $(row zoe) $(row link) $(row bob)" '100,100,"passed" 10,100,"failed" 0,100,"invalid-submission" '
expect_equal "$(jq -rs 'map(select(.submission == "grade/SUBMISSION=ann")) | .[0].matrix.SUBMISSION' out/results.jsonl)" class/ann
expect_evidence compile/SUBMISSION=link 'is a symbolic link'
expect_stderr 'students/ are about these alone, and not about 2 graded before: name all of them, or none'
grade --no-reference course.yaml
expect_stderr 'scores that are others than before: 0; new submissions: 0'
expect_equal "$(ran)" ''
expect_equal "$(row bob)" '100,100,"passed"'
program else/ann 'echo 3'
grade --no-reference course.yaml class/ann else/ann
expect_exit 2
expect_stderr "two submissions are called 'ann': '$T/class/ann' and '$T/else/ann'"
grade --no-reference course.yaml class/nobody
expect_exit 2
expect_stderr "cannot look at submission 'class/nobody'"

it "a solution of the file's own that comes out otherwise is named, and nothing of the class is run"
cp -r out before-out
course wrong.yaml 'reference: {accepted: [solutions/good, solutions/wrong], rejected: [solutions/dies]}'
grade wrong.yaml
expect_exit 3
expect_stderr 'solutions/wrong is to be accepted \(line 2\), and came out as failed at small: stdout differs'
expect_stderr '1 of 3 solutions did not come out as the file says: nothing of the class was run'
expect_not grep -q 'SUBMISSION=ann' stderr
expect cmp -s out/results.jsonl before-out/results.jsonl
expect cmp -s out/class.csv before-out/class.csv
grade --no-reference wrong.yaml
expect_exit 0
cupel_run wrong.yaml --only 'compile/*=ann' # which has nothing to do with them
expect_exit 0
rm -rf out && cp -r before-out out

it "at home there are the visible cases, and nothing of the others nor any solution"
mkdir home && cp -r course.yaml class home && mkdir home/tests && cp -r tests/sample home/tests
cd home || exit 1
grade --visible course.yaml class/ann
expect_exit 0
expect_equal "$(cd "$T" && row ann)" '10,10,"passed"'
grade course.yaml class/ann
expect_exit 2
expect_stderr "'files': cannot look for 'tests/secret/"
expect_stderr "cannot read .*/solutions/good"
cd "$T" || exit 1

it "what cannot be judged is ungraded, and that is exit code 3"
job_file boom.yaml <<'YAML'
cupel: 1
defaults: {limits: {memory: 64M, pids: 20, wall: 30m}}
jobs:
  grade:
    matrix: {S: {files: "one/*"}}
    inputs: [{from: "${{ S }}", to: /work/it}]
    run: [/bin/cat, /work/it]
    cases: [{name: only, expect: {stdout: "good\n", checker: {run: 'grep -q boom "$2" && kill -SEGV $$; cmp -s "$2" "$3"', protocol: exit}}}]
  other: {run: [/bin/false]}
YAML
mkdir one && echo good >one/fine && echo boom >one/boom && echo bad >one/bad
rm -rf out
grade boom.yaml
expect_exit 3
expect_equal "$(row fine) $(row bad) $(row boom)" '1,1,"passed" 0,1,"failed" ,1,"error"'
expect_stderr '^cupel: graded: 2 of 3'
grade boom.yaml one/fine one/bad
expect_exit 0
expect_equal "$(jq -r 'select(.job == "other").id' out/results.jsonl)" ''

it "whoever interrupts it finds the tables of before; the next one compares with those, and finds its end"
rm -rf out && mkdir one/hold && rm one/boom && echo bad >one/late
job_file long.yaml <<'YAML'
cupel: 1
params: {WAIT: "0"}
defaults: {limits: {memory: 64M, pids: 20, wall: 30m}}
jobs:
  grade:
    matrix: {S: {files: "one/*"}}
    inputs: [{from: "${{ S }}", to: /work/it}]
    run: ["/bin/sh", -c, "cat /work/it; [ $S != one/late ] || exec sleep ${{ params.WAIT }}"]
    cases: [{name: only, expect: {stdout: "good\n"}}]
YAML
grade long.yaml
expect_exit 0
cp out/class.csv out/grading.json .
echo good >one/bad
rm out/results.jsonl
(grouped "$CUPEL" grade --out "$T/out" --set WAIT=600 -j 1 long.yaml) >stdout 2>stderr </dev/null &
CUPEL_PID=$!
expect wait_until 60 grep -q '"submission":"grade/S=fine"' out/results.jsonl
kill -INT "$CUPEL_PID"
cupel_wait
expect_exit 130
expect_stderr 'interrupted: tables and pages in .* are those of before; the same command goes on'
expect cmp -s class.csv out/class.csv
expect cmp -s grading.json out/grading.json
grade long.yaml
expect_exit 0
expect_equal "$(cat stdout)" 'bad: 0 of 1 (failed at only) -> 1 of 1 (passed)'
expect_clean

it "wrong command lines and files are 2, with what to write"
job_file two.yaml <<'YAML'
cupel: 1
jobs:
  easy: {run: [/bin/cat], cases: [{name: a, stdin: x}]}
  hard: {run: [/bin/cat], cases: [{name: a, stdin: x}]}
YAML
job_file keys.yaml <<'YAML'
cupel: 1
jobs:
  grade: {matrix: {A: {dirs: "class/*"}, B: {files: "one/*"}}, run: [/bin/cat], cases: [{name: a, stdin: x}]}
YAML
job_file none.yaml <<'YAML'
cupel: 1
jobs: {a: {run: [/bin/true]}}
YAML
# refused PATTERN ARGUMENT...
refused() {
    grade "${@:2}"
    expect_exit 2
    expect_stderr "$1"
}
refused "several jobs with .cases.: 'easy', 'hard'" two.yaml
refused "'soft' is no job with .cases.: two.yaml has 'easy', 'hard'" --job soft two.yaml
refused 'none.yaml has no job with .cases.' none.yaml
refused 'give it one, such as .matrix: \{SUBMISSION: \{dirs:' two.yaml class/ann
refused "say with --by KEY which of 'A', 'B' the named submissions are" keys.yaml class/ann
refused "'C' is no key by which jobs with .cases. find submissions: 'A', 'B'" --by C keys.yaml class/ann
refused "'soon' is none of before-due" --at soon course.yaml
refused 'it cannot be' -
refused 'no file has such a parameter' --set X=1 course.yaml
echo 'name' >roster.csv
refused 'roster.csv' --roster roster.csv course.yaml
grade --job easy two.yaml
expect_exit 0

all_done

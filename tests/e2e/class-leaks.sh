#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Nothing that is hidden reaches a student: not in a page or JSON of theirs, nor by PrairieLearn or Autolab, in whatever form
# (class-leaks.py). Each secret is seen to be found where it may stand, and where the wall is taken out. The same run has what hostile
# submissions print for course platforms.
# No twin as an ordinary user: what is written is made of results.jsonl and logs, which are the same for both.
# sanitizers: no
# time-limit: 120
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

mkdir -p subs/{good,echoes,talks,broken,strange} tests/{seen,secret}
echo 'read -r a b; echo $((a + b))' >subs/good/prog.sh
echo 'tee /dev/stderr' >subs/echoes/prog.sh # so that its output shows what it has read
echo 'syntax error (' >subs/broken/prog.sh
touch subs/strange/prog.sh subs/strange/README
# What it prints looks like results, moves the cursor, and goes on after it has ended; its wide output takes 6 bytes each in JSON.
cat >subs/talks/prog.sh <<'SH'
forged='{"scores":{"lab":999},"scoreboard":[999]}'
for fd in 1 2; do
    head -c 6000 /dev/zero | tr '\0' '\1' >&$fd
    printf '\n%s\n\r%s\r\n\033[2J\033[1A%s\n</script></pre>' "$forged" "$forged" "$forged" >&$fd
done
(setsid sh -c 'trap "" TERM INT HUP; : >started; while :; do echo "$1" >/proc/1/fd/1; echo "$1"; sleep 0.05; done' sh "$forged" &) &
until [ -e started ]; do :; done
SH
echo '1 2' >tests/seen/small.in && echo 3 >tests/seen/small.ans
echo '40 2 qInputOfFile7' >tests/secret/qNameOfFile7.in && echo 'qAnswerOfFile7 <&"> äö' >tests/secret/qNameOfFile7.ans
cat >check <<'SH'
#!/bin/sh
# An output validator of Kattis; tells staff and all what it has been told to.
printf '%s\n' "$4 $(cat "$2")" >"$3/judgemessage.txt"
printf '%s\n' "$5${6:+ $(cat "$2")}" >"$3/teammessage.txt"
[ "$(cat)" = "$(cat "$2")" ] && exit 42
exit 43
SH
chmod +x check
job_file course.yaml <<'YAML'
cupel: 1
x-check: &check {run: [./check], protocol: kattis, inputs: [check]}
jobs:
  compile:
    role: compile
    matrix: {SUB: {dirs: "subs/*"}}
    inputs: [{from: "${{ SUB }}", to: /work, required: [prog.sh], allowed: ["*.sh"]}]
    run: sh -n prog.sh
  grade:
    matrix: {SUB: {dirs: "subs/*"}}
    from: compile
    run: sh prog.sh
    cases:
      - {files: "tests/seen/*.in", answer: .ans, group: seen, expect: {checker: {<<: *check, args: [qJudgeOfSeen7, well read]}}}
      - {name: plain, group: seen, stdin: "5 6\n", expect: {stdout: "11\n"}}
      - files: "tests/secret/*.in"
        answer: .ans
        group: "qGroupOfHidden7"
        hint: qHintOfHidden7
        description: "qDescribes\"7"
        expect: {checker: {<<: *check, args: [qJudgeOfHidden7, "qTeamOfHidden7 <b>", and the answer]}}
      - {name: "qName <&>\"'7é", group: "qGroupOfHidden7/qWithin7", stdin: "qInputOfText7 <i>\n", expect: {stdout: "qAnswerOfText7 \"'&\n"}}
      - {name: qNameWhenDue7, group: qGroupWhenDue7, stdin: "8 9\n", expect: {stdout: "qAnswerWhenDue7\n"}}
    groups:
      seen: {points: 10}
      "qGroupOfHidden7": {points: 80, visibility: hidden, groups: {qWithin7: {points: 40}}}
      qGroupWhenDue7: {points: 10, visibility: after-due}
  wide:
    matrix: {SUB: [subs/talks]}
    inputs: [{from: "${{ SUB }}", to: /work}]
    run: sh prog.sh
    cases: [{files: "wide/*.in", answer: .ans}]
YAML
cat >>course.yaml <<'YAML'
  talk:
    matrix: {SUB: {dirs: "subs/*"}}
    from: compile
    interactive: {run: [./interactor], protocol: kattis, inputs: [interactor], transcript: 64K}
    run: sh prog.sh
    cases:
      - {name: small, stdin: "open\n", expect: {stdout: "open too\n"}, points: 1}
      - {name: qTalkName7, stdin: "qTalkInput7\n", expect: {stdout: "qTalkAnswer7 <&\n"}, points: 1, visibility: hidden}
YAML
cat >interactor <<'SH'
#!/bin/sh
# Talks with a submission, which may print what it was told, and tells staff and all what it has heard and knows.
kind=$(sed 's/open/Seen/; s/qTalkInput7/Hidden/' "$1")
printf 'qTalkStaffOf%s7 %s\n' "$kind" "$(cat "$2")" >"$3/judgemessage.txt"
if [ $kind = Hidden ]; then
    printf 'qTalkTeam7 <b> %s %s\n' "$(cat "$1")" "$(cat "$2")" >"$3/teammessage.txt"
    echo "qTalkSaid7 &"
else
    echo "well spoken" >"$3/teammessage.txt"
    echo "3 4"
fi
read -r got && [ "$got" = 7 ] && exit 42
exit 43
SH
chmod +x interactor
cat >talk-secrets <<'TXT'
name	qTalkName7
input	qTalkInput7
answer	qTalkAnswer7
message for all	qTalkTeam7
message for staff	qTalkStaffOfHidden7
message for staff of what is seen	qTalkStaffOfSeen7
what it said	qTalkSaid7
TXT
mkdir wide && for i in {10..49}; do echo >"wide/case-$i.in" && echo "right" >"wide/case-$i.ans"; done
cat >secrets <<'TXT'
input of a file	qInputOfFile7
input of a text	qInputOfText7
answer of a file	qAnswerOfFile7
answer of a text	qAnswerOfText7
name of a file	qNameOfFile7
name	qName <&>"'7é
group	qGroupOfHidden7
group within	qWithin7
hint	qHintOfHidden7
description	qDescribes"7
message for all	qTeamOfHidden7
message for staff	qJudgeOfHidden7
message for staff of what is seen	qJudgeOfSeen7
name when due	qNameWhenDue7
group when due	qGroupWhenDue7
answer when due	qAnswerWhenDue7
TXT
talk_kinds() { python3 "$e2e/class-leaks.py" talk-secrets "$@" | sed 's,^[^ ]* ,,' | sort -u; }
leaks() { python3 "$e2e/class-leaks.py" secrets "$@" | sed 's,^[^ ]*/,,' | sort -u; }
kinds() { python3 "$e2e/class-leaks.py" secrets "$@" | sed 's,^[^ ]* ,,' | sort -u; }
class() { run_cupel report class out --job grade "$@"; }

it "Autolab runs it: standard output and error in one file, whose last line is the scores"
# What a run prints names all cases, so it goes elsewhere (docs/grading.md).
cat >driver <<'SH'
#!/bin/sh
"$1" run --out out course.yaml >run.log 2>&1
[ $? -le 1 ] || exit 3
"$1" report class out --job grade --student talks --format autolab --problem lab
SH
STATUS=0
(grouped sh driver "$CUPEL") >autolab 2>&1 </dev/null || STATUS=$?
expect_exit 0
expect_equal "$(tail -n 1 autolab)" '{"scores":{"lab":0},"scoreboard":[0]}'
expect_equal "$(tr '\r' '\n' <autolab | grep -c '^[[:space:]]*{')" 1
expect_not grep -q $'\x1b' autolab
expect_clean # so that nothing is left that could print
expect_equal "$(jq -r 'select(.id == "grade/SUB=talks/plain") | .leaks | length > 0' out/results.jsonl)" true # there was one
expect grep -q 999 out/logs/grade*talks*plain.stdout
expect_equal "$(leaks autolab)" ''
if ! [[ -e out/results.jsonl ]]; then
    cat run.log
    all_done
    exit 1
fi

it "nothing hidden is in what students get, nor in what platforms show them"
class
expect_exit 0
mkdir students && cp out/students/* students/
for student in good echoes talks broken strange; do
    class --student $student --format prairielearn -o students/$student.learn
    expect_exit 0
    class --student $student --format autolab --problem lab
    expect_exit 0
    cp stdout students/$student.autolab
done
expect_equal "$(cd students && echo *)" "$(printf '%s\n' {broken,echoes,good,strange,talks}.{autolab,html,json,learn} | xargs)"
expect_equal "$(leaks students/*)" ''
for student in good echoes talks; do
    expect grep -q small students/$student.json
    expect_equal "$(jq -c '[.tests[].name]' students/$student.learn)" '["small","plain"]'
done

it "... when it is due, what is after-due is"
class --at due
expect_equal "$(kinds out/students/*)" $'answer when due\ngroup when due\nname when due'

it "all of it is found where it may stand"
expect_equal "$(kinds out/results.jsonl out/logs/*)" "$(cut -f 1 secrets | sort)"
expect_equal "$(kinds out/class.html | grep -c .)" 12

it "all of it is found where the wall is taken out; what is for staff alone still is not there"
if has_fault_injection; then
    CUPEL_WEAKEN=hidden-cases class -o weak
    expect_exit 0
    seen_by_all=$(cut -f 1 secrets | grep -v staff | sort)
    for file in weak/students/echoes.json weak/students/echoes.html; do
        expect_equal "$(kinds $file)" "$seen_by_all"
    done
    CUPEL_WEAKEN=hidden-cases class --student echoes --format prairielearn -o weak.learn
    expect_equal "$(kinds weak.learn)" "$(grep -v group <<<"$seen_by_all")"
else
    skip_it "built without fault injection"
fi

it "PrairieLearn: a score from 0 to 1, no attempt for what is no program, types as it has them, 1 MB"
# shellcheck disable=SC2016 # of jq's
learn='def text: type == "string"; def number: type == "number";
    (.gradable | type == "boolean") and (if .gradable then (.score | number and . >= 0 and . <= 1) else has("score") | not end)
    and (.message // "" | text) and (.output // "" | text)
    and ([.format_errors // [] | if text then . else .[] end | text] | all)
    and (.tests | type == "array") and ([.tests[] | (.name | text) and (.points | number) and (.max_points | number)
        and ([.message, .output, .description | . // "" | text] | all)] | all)'
for student in good echoes talks broken strange; do
    expect jq -e "$learn" students/$student.learn
done >/dev/null
expect_equal "$(jq -c '[.gradable, .score, .format_errors]' students/{good,broken,strange}.learn)" \
    '[true,0.1,null]
[false,null,["compile-error"]]
[false,null,["invalid-submission"]]'
run_cupel report class out --job wide --format prairielearn -o wide.learn
expect_exit 0
expect [ "$(stat -c %s wide.learn)" -le 1000000 ]
expect jq -e "$learn" wide.learn >/dev/null
expect_equal "$(jq -c '[.message, (.tests | length), (.tests[0] | has("output"))]' wide.learn)" '["There is too much to be shown: some is left out.",40,false]'
expect [ "$(cat out/logs/wide*case-1*.stdout | wc -c)" -gt 60000 ]

it "Gradescope: all of it, with who may see it, in the types it has"
class --student echoes --format gradescope -o results.json
expect_exit 0
# shellcheck disable=SC2016 # of jq's
expect jq -e 'def text: type == "string"; def number: type == "number";
    (.score | number) and ([.output // "", .output_format, .stdout_visibility | text] | all) and .stdout_visibility == "hidden"
    and (.visibility // "visible" == "visible")
    and ([.tests[] | (.score | number) and (.max_score | number) and ([.name, .number, .output | text] | all)
        and (.status == "passed" or .status == "failed") and .output_format == "text" and .name_format == "text"
        and (.visibility | IN("visible", "hidden", "after_due_date", "after_published"))] | all)' results.json >/dev/null
expect_equal "$(jq -c '[.tests[].visibility]' results.json)" '["visible","visible","hidden","hidden","after_due_date"]'
jq '.tests |= map(select(.visibility == "visible"))' results.json >visible.json # what Gradescope shows, and all outside of tests
expect_equal "$(leaks visible.json)" ''

it "what an interactor has said, or told staff and all, of a hidden case is in no student's file, and in no platform's"
run_cupel report class out --job talk -o talked
expect_exit 0
mkdir talks && cp talked/students/* talks/
for student in good echoes talks; do
    run_cupel report class out --job talk --student $student --format prairielearn -o talks/$student.learn
    expect_exit 0
    run_cupel report class out --job talk --student $student --format autolab --problem lab
    expect_exit 0
    cp stdout talks/$student.autolab
    run_cupel report class out --job talk --student $student --format gradescope -o talked/results.json
    jq '.tests |= map(select(.visibility == "visible"))' talked/results.json >talks/$student.visible
    expect grep -q 'well spoken' talks/$student.json
    expect grep -q 'well spoken' talks/$student.html
done
expect_equal "$(talk_kinds talks/*)" ''
expect_equal "$(jq -c '[.tests[].name]' talks/good.learn)" '["small"]'

it "... but all of it is where it may be, and where the wall is taken out"
expect_equal "$(talk_kinds out/results.jsonl out/logs/talk*)" "$(cut -f 1 talk-secrets | sort)"
if has_fault_injection; then
    CUPEL_WEAKEN=hidden-cases run_cupel report class out --job talk -o talked-weak
    expect_exit 0
    for file in talked-weak/students/echoes.json talked-weak/students/echoes.html; do
        expect_equal "$(talk_kinds $file)" "$(cut -f 1 talk-secrets | grep -v staff | sort)"
    done
fi

it "JUnit has the points among the properties"
expect_junit_valid
for name in points score; do
    expect_equal "$(xmllint --xpath "string(//testsuite[@name='grade/SUB=good/plain']/properties/property[@name='$name']/@value)" out/junit.xml)" 5
done

expect_clean
all_done

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Submissions that are compiled once and judged often: whose fault what is, what is not run, and how many points there are for it.
# sanitizers: no
# time-limit: 60
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

mkdir -p subs/{broken,crash,right,wrong,lost} sample secret
echo 'read -r a b; echo $((a + b))' >subs/right/sum.sh
# wrong in one of the secret cases, and in the one of them that is worth the most
echo 'read -r a b; if [ "$a" = 20 ]; then echo 5; else echo $((a + b)); fi' >subs/wrong/sum.sh
echo 'read -r a b; if [ "$a" = 1 ]; then kill -9 $$; fi; echo $((a + b))' >subs/crash/sum.sh
echo 'syntax error (' >subs/broken/sum.sh
for n in 1 2; do echo "$n 2" >sample/$n.in && echo "$((n + 2))" >sample/$n.ans; done
for n in 10 20 30; do echo "$n 2" >secret/$n.in && echo "$((n + 2))" >secret/$n.ans; done

job_file cases.yaml <<'YAML'
cupel: 1
defaults: {timeout-grace: 100ms}
jobs:
  slow: {role: compile, run: sleep 1000, limits: {wall: 200ms}}
  allowed: {role: compile, run: exit 1, allow-failure: {verdicts: compile-error}}
  link: {role: compile, from: slow, run: "true"}
  other: {from: slow, run: "true"}
  breaks: {run: exit 1}
  compile:
    role: compile
    matrix: {SUB: {dirs: "subs/*"}}
    inputs: [{from: "${{ SUB }}/sum.sh", to: /work/sum.sh}]
    run: sh -n sum.sh
  grade:
    matrix: {SUB: {dirs: "subs/*"}}
    from: compile
    run: sh sum.sh
    cases:
      - {name: small, stdin: "0 1\n", expect: {stdout: "1\n"}, points: 10}
      - {files: "sample/*.in", answer: .ans, group: sample}
      - {files: "secret/*.in", answer: .ans, group: secret}
      - {name: best, stdin: "5 5\n", expect: {stdout: "10\n"}, group: all}
      - {name: part, stdin: "20 5\n", expect: {stdout: "25\n"}, group: all}
    groups:
      sample: {points: 0}
      secret: {points: 60, needs: sample, visibility: hidden}
      all: {points: 30, score: pass}
    stop: group
  taken:
    matrix: {SUB: {dirs: "subs/*"}}
    inputs: [{job: compile, from: /work/sum.sh, to: /judge/sum.sh}]
    run: sh /judge/sum.sh
    cases: [{name: a, stdin: "3 4\n", expect: {stdout: "7\n"}}, {name: b, stdin: "5 6\n", expect: {stdout: "11\n"}}]
  ungraded: {from: breaks, run: "true", cases: [{name: a}, {name: b}]}
  slowly: {from: link, run: "true", cases: [{name: a}]}
  first: {run: [sh, -c, "exit $0"], args: ["${{ case.name }}"], cases: [{name: "0"}, {name: "3"}, {name: "00"}]}
  in-order:
    run: '[ "$N" != 2 ]'
    cases: [{name: a, env: {N: "1"}}, {name: b, env: {N: "2"}}, {name: c, env: {N: "3"}}, {name: d, env: {N: "4"}}]
    stop: all
YAML
cupel_run cases.yaml -j 4

# submission NAME FILTER: what its line says
submission() {
    expect_equal "$(jq -c "select(.submission == \"$1\") | if $2 then \"yes\" else . end" out/results.jsonl)" '"yes"'
}
# verdicts NAME: of all cases, in the order of the file
verdicts() {
    xmllint --xpath "//testsuite/properties/property[@name='id' and starts-with(@value, '$1/')]/../property[@name='verdict']/@value" out/junit.xml |
        sed 's/^ *value="\(.*\)"$/\1/' | paste -sd,
}

it "whatever a job with 'role: compile' fails by is a compile-error"
expect_exit 1
expect_verdict compile/SUB=broken compile-error
expect_verdict slow compile-error
expect_verdict compile/SUB=lost invalid-submission
expect_result allowed '.allowed_failure and .verdict == "compile-error"'
expect_verdict link "not run"
expect_verdict other skipped

it "what cannot be compiled is not run, and has no points"
expect_equal "$(verdicts grade/SUB=broken)" "$(yes 'not run' | head -8 | paste -sd,)"
submission grade/SUB=broken '.verdict == "compile-error" and .score == 0 and .points == 100 and .first_bad == "compile/SUB=broken"'
submission grade/SUB=lost '.verdict == "invalid-submission" and .score == 0'
submission taken/SUB=broken '.verdict == "compile-error" and .score == 0 and .points == 2 and .first_bad == "compile/SUB=broken"'
submission taken/SUB=lost '.verdict == "invalid-submission" and .score == 0'
submission taken/SUB=right '.verdict == "passed" and .score == 2'
submission slowly '.verdict == "compile-error" and .score == 0 and .points == 1'
expect_evidence grade/SUB=broken/30 "^'compile/SUB=broken' has failed \(compile-error\), so there is nothing to run\$"
expect_result grade/SUB=broken/30 '.case == "30" and .group == "secret" and .points == 20 and .score == 0'

it "a group is not run before what it needs has passed, nor the rest of it after a wrong case"
expect_equal "$(verdicts grade/SUB=right)" passed,passed,passed,passed,passed,passed,passed,passed
expect_equal "$(verdicts grade/SUB=wrong)" 'passed,passed,passed,passed,failed,not run,passed,failed'
expect_equal "$(verdicts grade/SUB=crash)" 'passed,failed,not run,not run,not run,not run,passed,passed'
expect_evidence grade/SUB=wrong/30 "^'20' was wrong \(failed\), and the job says \`stop: group\`\$"
expect_evidence grade/SUB=crash/2 "^'1' was wrong \(failed\), and the job says \`stop: group\`\$"
expect_evidence grade/SUB=crash/10 "^'1' was wrong \(failed\), and group 'secret' needs 'sample'\$"
expect_equal "$(verdicts in-order)" 'passed,failed,not run,not run'

it "points are counted by group"
submission grade/SUB=right '.verdict == "passed" and .score == 100 and .points == 100 and (has("first_bad") | not)'
submission grade/SUB=wrong '.verdict == "failed" and .first_bad == "20" and .score == 30'
submission grade/SUB=wrong '.groups == [{"name": "sample", "points": 0, "score": 0}, {"name": "secret", "points": 60, "score": 20}, {"name": "all", "points": 30, "score": 0}]'
submission grade/SUB=crash '.verdict == "failed" and .first_bad == "1" and .score == 40'
submission first '.score == 2 and .points == 3 and .first_bad == "3"'

it "what is not the submission's doing leaves it without a score"
submission ungraded '.verdict == "failed" and .first_bad == "breaks" and (has("score") | not)'
expect_verdict ungraded/a skipped
expect_result ungraded/a '.points == 1 and (has("score") | not)'

it "reports tell of submissions"
expect_said '^grade/SUB=broken: wrong: compile-error at compile/SUB=broken, 0 of 100 points$'
expect_said '^grade/SUB=wrong: wrong: failed at 20, 30 of 100 points$'
expect_said '^grade/SUB=right: passed, 100 of 100 points$'
expect_said '^ungraded: ungraded: failed at breaks$'
expect_equal "$(xmllint --xpath 'string(//property[@name="id" and @value="grade/SUB=wrong/10"]/../property[@name="score"]/@value)' out/junit.xml)" 20
expect_junit_valid

job_file checked.yaml <<'YAML'
cupel: 1
jobs:
  half:
    run: "cat; echo file >left"
    stdin: "in"
    cases:
      - {name: part, points: 10, expect: {checker: {run: [sh, -c, 'echo 0.25 >"$3/score_multiplier.txt"; exit 42', c], protocol: kattis}}}
      - {name: score, points: 7, expect: {checker: {run: [sh, -c, 'echo 3 >"$3/score.txt"; exit 42', c], protocol: kattis}}}
      - {name: file, output: left, capture: file, expect: {stdout: " file "}}
  more:
    run: cat
    stdin: "in"
    cases: [{name: many, points: 2, expect: {checker: {run: [sh, -c, 'echo 2.001 >"$3/score.txt"; exit 42', c], protocol: kattis}}}]
YAML
it "a checker says how much of its points a case gives, and no more than all"
run_cupel run --out checked checked.yaml
expect_exit 3
expect_equal "$(jq -c 'select(.case or .submission) | [.id, .submission, .score]' checked/results.jsonl | sort | paste -sd' ')" \
    '["half/file",null,1] ["half/part",null,2.5] ["half/score",null,3] ["more/many",null,null] [null,"half",6.5] [null,"more",null]'
expect_equal "$(jq -r 'select(.id == "more/many") | .verdict + ": " + .evidence' checked/results.jsonl)" \
    "error: the checker is at fault: it gives more points than the case has"

it "what a list prints is a job file that means the same"
"$CUPEL" list --expanded --only 'grade/*' cases.yaml >again.yaml
"$CUPEL" list --expanded again.yaml >once-more.yaml
expect_equal "$(<once-more.yaml)" "$(<again.yaml)"
"$CUPEL" list again.yaml >ids
"$CUPEL" list --only 'grade/*' cases.yaml | diff - ids
expect_equal "$("$CUPEL" list --json --only grade/SUB=wrong/30 cases.yaml | jq -c '.[] | select(.case).case')" \
    '{"name":"30","submission":"grade/SUB=wrong","points":20,"visibility":"hidden","group":"secret"}'

it "what failed is run again, and what is missing then leaves no score"
run_cupel run --out out cases.yaml --rerun-failed --only 'grade/SUB=wrong/*'
expect_equal "$(jq -r 'select(.case).id' out/results.jsonl | sort | paste -sd' ')" 'grade/SUB=wrong/20 grade/SUB=wrong/30 grade/SUB=wrong/part'
submission grade/SUB=wrong 'has("score") | not'

mkdir -p faulty/subs faulty/tests
echo cat >faulty/subs/fine.sh
ln -s fine.sh faulty/subs/link.sh
for name in plain link-in link-answer large; do echo 1 >faulty/tests/$name.in && echo 1 >faulty/tests/$name.answer; done
ln -sf plain.in faulty/tests/link-in.in
ln -sf plain.answer faulty/tests/link-answer.answer
truncate -s 2T faulty/tests/large.in
ln -s tests/plain.in faulty/header
job_file faulty/faulty.yaml <<'YAML'
cupel: 1
jobs:
  grade:
    matrix: {SUB: {files: "subs/*"}}
    inputs: [{from: "${{ SUB }}", to: /work/prog.sh}]
    run: sh prog.sh
    cases: [{files: "tests/*.in", answer: .answer}]
  compile: {role: compile, inputs: [{from: header, to: /work/header}], run: "true"}
  plain: {stdin-file: tests/link-in.in, run: cat}
YAML
it "a file of the judge's that cannot be given is no submission's fault, and nobody's zero"
cupel_run faulty/faulty.yaml
expect_exit 3
expect_verdict grade/SUB=fine.sh/plain passed
for name in link-in link-answer large; do expect_verdict grade/SUB=fine.sh/$name error; done
expect_evidence grade/SUB=fine.sh/link-in "stdin-file .*/link-in.in is a symbolic link, to 'plain.in', and is not followed: .* give its absolute path"
expect_evidence grade/SUB=fine.sh/large 'large.in is larger than 1 GiB, which is the most that a job is given'
submission grade/SUB=fine.sh '(has("score") | not) and .verdict == "error"'
expect_verdict compile error
expect_evidence compile 'say `untrusted: false`'
expect_verdict plain invalid-submission # of a job that judges nothing, as ever
expect_verdict grade/SUB=link.sh/plain invalid-submission

expect_clean
all_done

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What came of submissions, for teachers, students and course platforms, from a run in earnest. tests/unit/test_class_*.c has the forms.
# No twin as an ordinary user: it reads what a run has left, and starts nothing; whose the files are: rootless-grade.sh.
# time-limit: 60
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

mkdir -p subs/{ann,bob,cy,dee} tests/{sample,secret}
echo 'read -r a b; echo $((a + b))' >subs/ann/sum.sh
echo 'read -r a b; echo "<script>$a</script>"; echo told >&2' >subs/bob/sum.sh
echo 'syntax error (' >subs/cy/sum.sh
echo 'read -r a b; if [ "$a" = 10 ]; then echo 7; else echo $((a + b)); fi' >subs/dee/sum.sh
echo '1 2' >tests/sample/one.in && echo 3 >tests/sample/one.ans
echo '10 123456789012' >tests/secret/cave.in && echo 123456789022 >tests/secret/cave.ans
cat >roster.csv <<'CSV'
id;name;email;late;Matrikel
ann;=Ann;ann@example.org;;1
cy;Cy;;2 days;2
eve;Eve;;;3
CSV
job_file course.yaml <<'YAML'
cupel: 1
jobs:
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
      - {files: "tests/sample/*.in", answer: .ans, group: sample, hint: look at the sum}
      - {files: "tests/secret/*.in", answer: .ans, group: secret, hint: cave hint}
      - {name: later, stdin: "4 4\n", expect: {stdout: "8\n"}, points: 5, group: last}
    groups:
      sample: {points: 10}
      secret: {points: 85, visibility: hidden}
      last: {needs: secret}
YAML
cupel_run course.yaml
class() { run_cupel report class "$@"; }

it "the whole class"
class out --roster roster.csv
expect_exit 0
expect grep -q "^roster.csv: there is no row of 'bob'$" "$T/stderr"
expect grep -q "^roster.csv:1: not used: 'Matrikel'$" "$T/stderr"
expect grep -q '^cupel: students: 5, submissions: 4, ungraded: 0; written to out$' "$T/stderr"
expect_equal "$(tr -d '\r' <out/class.csv)" 'id,name,email,score,max,verdict,"sample","secret","last","one","cave","later",late,ungraded_reason
"ann","'"'"'=Ann","ann@example.org",100,100,"passed",10,85,5,10,85,5,,
"bob",,,0,100,"failed",0,0,0,0,0,0,,
"cy","Cy",,0,100,"compile-error",0,0,0,0,0,0,"2 days",
"dee",,,10,100,"failed",10,0,0,10,0,0,,
"eve","Eve",,,100,,,,,,,,,"nothing was submitted"'
expect_equal "$(cd out/students && echo *)" 'ann.html ann.json bob.html bob.json cy.html cy.json dee.html dee.json eve.html eve.json'
expect_equal "$(stat -c %a out/class.csv out/class.html out/students/ann.json | sort -u)" 600
expect grep -q 'title="failed: ' out/class.html

it "students see what is theirs, and nothing that is hidden or tells of it"
expect_equal "$(grep -lE 'cave|secret|later|last|123456789022' out/students/*)" ''
expect_equal "$(grep -l '<script' out/students/*.html out/class.html)" ''
expect grep -q '&#60;script&#62;1' out/students/bob.html
expect_equal "$(jq -c '[.verdict, .score, .points, .complete, (.cases | map(.name))]' out/students/{ann,bob,cy,dee}.json)" \
    '["passed",null,100,false,["one"]]
["failed",null,100,false,["one"]]
["compile-error",0,100,true,["one"]]
["passed",null,100,false,["one"]]'
expect_equal "$(jq -r '.cases[0] | .hint, .stdout, .stderr' out/students/bob.json)" $'look at the sum\n<script>1</script>\n\ntold'
expect_equal "$(jq -c 'del(.student, .name, .cases[].cpu_seconds, .cases[].memory_anonymous_peak_bytes)' out/students/ann.json)" \
    "$(jq -c 'del(.student, .name, .cases[].cpu_seconds, .cases[].memory_anonymous_peak_bytes)' out/students/dee.json)"
expect [ "$(jq -r '.compile_stderr' out/students/cy.json)" != null ]

it "course platforms"
class out --format gradescope --student dee -o platform/results/results.json
expect_exit 0
expect_equal "$(jq -c '[.score, (.tests | map([.name, .score, .max_score, .status, .visibility]))]' platform/results/results.json)" \
    '[10,[["one",10,10,"passed","visible"],["cave",0,85,"failed","hidden"],["later",0,5,"failed","hidden"]]]'
class out --format prairielearn --student cy -o learn/results.json
expect_exit 0
expect_equal "$(jq -c '[.gradable, .score, .format_errors]' learn/results.json)" '[false,null,["compile-error"]]'
class out --format autolab --student dee
expect_exit 2
expect_equal "$(cat "$T/stdout")" ''
expect grep -q 'hint: name with --problem' "$T/stderr"
class out --format autolab --student dee --problem sum
expect_equal "$(tail -1 "$T/stdout")" '{"scores":{"sum":10},"scoreboard":[10]}'

it "what is wrong is said"
class out --format gradescope -o x.json
expect_exit 2
expect grep -q 'there are 4 submissions' "$T/stderr"
class out --format autolab --student eve
expect_exit 2
class subs
expect_exit 2
printf 'id,name\n1\n' >bad.csv
class out --roster bad.csv
expect_exit 2
expect grep -q '^bad.csv:2: there is 1 field here and 2 in the first line$' "$T/stderr"
for wrong in "out --format pdf" "out --at noon" "out --student x" "out --format autolab --format csv" "out --format gradescope" "out --problem x" "out --format gradescope -o x.json --at due" "out --format csv -o -" "out -o -"; do
    # shellcheck disable=SC2086 # words
    class $wrong
    expect_exit 2
done

expect_not test -e ./-

it "what is ungraded is told by exit code 3"
run_cupel run --out out course.yaml --only 'compile/*' --only 'grade/SUB=ann/one'
class out
expect_exit 3
expect_equal "$(tail -1 out/class.csv | tr -d '\r')" '"ann",,,,100,"skipped",,,,10,,"skipped at cave: it was no part of the run"'
expect_equal "$(cd out/students && echo *)" 'ann.html ann.json'
class out --format gradescope -o x.json
expect_exit 3
expect_equal "$(jq -c '[.score, .tests]' x.json)" '[null,null]'

expect_clean
all_done

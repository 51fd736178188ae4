#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Problem packages: what is written of each judges as the package says, and `cupel problem verify` finds which keep their promises.
# What becomes of each word: tests/unit/test_jobs_packages.c.
# sanitizers: no
# time-limit: 120
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

cp -R "$top/tests/fixtures/packages/." .
# what is nobody else's to read, but root's
[[ -n ${CUPEL_TEST_USER-} ]] || chmod 600 pair/submissions/accepted/one.py

# verify PACKAGE: its output is in $T/stdout
verify() {
    rm -rf -- "$T/out"
    run_cupel problem verify "$1" --out "$T/out"
}

it "a package that keeps its promises: C and Python, files, arguments, an include, validators of input, what is too slow"
verify sum
expect_exit 0
for line in "accepted/sum.py: 4 AC," "accepted/two-files: 4 AC," "rejected/odd.c: 1 AC, 1 WA, 2 RTE," "run_time_error/asserts.c: 2 AC, 2 RTE," \
    "time_limit_exceeded/loops.py: 2 AC, 1 TLE, 1 RTE," "wrong_answer/always-three.py: 1 AC, 3 WA,"; do
    expect_stdout "^submissions/$line"
done
expect_stdout '^data/invalid_output/wrong.out: rejected$'
expect_stdout '^data/valid_output/spaces.out: accepted$'
expect_stdout '^input_validators: 2, each on 7 inputs$'
expect_stdout '^time limit: at least .* took '
expect_clean

# Without root, files belong to others: what follows is the same for both.
if [[ -n ${CUPEL_TEST_USER-} ]]; then
    packages=(pair)
else
    mkdir -p judge/output_validator judge/submissions/accepted judge/data/secret
    cp pair/problem.yaml judge/ && cp pair/submissions/accepted/one.py judge/submissions/accepted/two.py && cp pair/data/secret/b.{in,ans} judge/data/secret/
    printf '#!/bin/sh\nexit 43\n' >judge/output_validator/build && chmod 755 judge/output_validator/build
    packages=(pair judge old-checked scored talk)
fi
converted=true
for package in "${packages[@]}"; do
    run_cupel convert package "$package"
    cp "$T/stdout" "$package.yaml" && [[ $STATUS == 0 ]] || converted=false
done
cupel_run "${packages[@]/%/.yaml}"

it "a validator in C, and submissions that may write files"
expect $converted
expect_verdict 'grade/SUBMISSION=accepted/one.py/secret/b' passed
expect_verdict 'grade/SUBMISSION=wrong_answer/none.sh/sample/a' passed
expect_verdict 'grade/SUBMISSION=wrong_answer/none.sh/secret/b' failed
if [[ -n ${CUPEL_TEST_USER-} ]]; then
    expect_exit 1
    all_done
    exit 0
fi

it "a validator that cannot be made is nobody's wrong answer, whatever its build says"
expect_exit 3
expect_verdict 'grade/SUBMISSION=accepted/two.py/secret/b' error

it "a validator of the legacy format, which scripts build; its arguments reach it, and its words the staff"
expect_verdict 'grade/SUBMISSION=accepted/both.sh/secret/odd' passed
expect_result 'grade/SUBMISSION=wrong_answer/even.sh/secret/odd' '.verdict == "failed" and (.message_for_staff | contains("it is even"))'

it "points: of groups that give all or nothing, a sum, and the worst"
expect_equal "$(jq -c 'select(.submission == "grade/SUBMISSION=accepted/cat.sh") | .score' out/results.jsonl)" 100
expect_equal "$(jq -c 'select(.submission == "grade/SUBMISSION=partially_accepted/not-c.sh") | .score' out/results.jsonl)" 83.334

it "a validator that talks with the submission"
expect_verdict 'grade/SUBMISSION=accepted/halves.py/secret/1' passed
expect_verdict 'grade/SUBMISSION=accepted/halves.py/secret/2' passed
expect_verdict 'grade/SUBMISSION=wrong_answer/counts.sh/secret/1' passed
expect_verdict 'grade/SUBMISSION=wrong_answer/counts.sh/secret/2' failed
expect_result 'grade/SUBMISSION=wrong_answer/counts.sh/secret/2' '.message_for_staff | contains("more than 10")'

it "promises that are not kept: by a submission, by one that cannot be made, by validators"
rm -r sum/submissions/{time_limit_exceeded,rejected,run_time_error,submissions.yaml} sum/submissions/accepted/* sum/input_validators/short sum/data/secret/{2,3}-*
mv sum/submissions/{wrong_answer/always-three.py,accepted/}
echo 'int main(void) { return' >sum/submissions/accepted/broken.c
mv sum/data/valid_output/spaces.out sum/data/swap && mv sum/data/invalid_output/wrong.out sum/data/valid_output/spaces.out && mv sum/data/swap sum/data/invalid_output/wrong.out
echo '1 2' >sum/data/invalid_input/three.in
echo 'no' >sum/data/sample/1.in
verify sum
expect_exit 1
expect_stdout "NOT AS PROMISED: 'accepted' permits AC, and .* is WA"
expect_stdout '^submissions/accepted/broken.c: it cannot be made$'
expect_stdout '^data/valid_output/spaces.out: rejected$'
expect_stdout '^data/invalid_output/wrong.out: accepted$'
expect_stdout '^data/invalid_input/three.in: accepted$'
expect_stdout '^data/sample/1.in: rejected$'
expect_stdout 'promises are not kept$'

it "what could not be judged is no broken promise, and the run's own words are told"
verify judge
expect_exit 3
expect_stdout '^submissions/accepted/two.py:$'
expect_stdout '^ *not judged: 1 of its cases$'
expect_stderr 'the checker is at fault'

it "a language that the root does not have is no submission's fault"
if [ -e /usr/bin/lua ] || [ -e /usr/local/bin/lua ]; then
    skip_it "there is lua here"
else
    echo 'print(8)' >old-checked/submissions/accepted/eight.lua
    verify old-checked
    expect_exit 3
    expect_stdout '^ *not judged: 2 of its cases$'
    expect_log tools 'lua is not in the root'
fi

it "cupel grade judges the submissions of others by a package, once its own are as they promise"
rm -rf out && cp -R "$top/tests/fixtures/packages/old/." old && mkdir -p theirs/two
echo 'cat' >theirs/ann.sh
echo 'echo wrong' >theirs/two/main.sh
run_cupel grade --out "$T/out" old theirs/ann.sh theirs/two
expect_exit 0
expect_stderr "the file's own solutions first: 1 submission"
expect_equal "$(awk -F, 'NR > 1 {print $1 "=" $6}' out/class.csv | tr -d '"\n')" ann.sh=passedtwo=failed
echo 'echo wrong' >old/submissions/accepted/cat.sh
run_cupel grade --out "$T/out" old theirs/ann.sh
expect_exit 3
expect_stderr 'submissions/accepted/cat.sh is to be accepted, and came out as failed'
run_cupel grade --out "$T/out" old
expect_exit 2
expect_stderr 'old is a problem package, which says nothing of who has submitted'

it "who hands in what the problem does not take is told what it takes"
run_cupel grade --no-reference --out "$T/out" sum theirs/ann.sh
expect_exit 0
expect_equal "$(jq -r '.verdict + ": " + .compile_stdout' out/students/ann.sh.json)" \
    'compile-error: a submission is of one language: no file ends in one of .c .py .py3'

it "a directory that is no package is said to be none"
for submission in '' theirs/ann.sh; do
    # shellcheck disable=SC2086 # none, or one
    run_cupel grade --out "$T/out" theirs $submission
    expect_exit 2
    expect_stderr 'theirs is a directory without a problem.yaml, so it is no problem package'
    expect_stderr 'hint: name a job file or a problem package, and what was submitted behind it'
done

it "what cannot be carried out is refused by its name, and nothing is written or run"
sed -i 's/^type: .*/type: multi-pass/' scored/problem.yaml
run_cupel convert package scored
expect_exit 2
expect_stderr "^scored/problem.yaml:2:7: type 'multi-pass'"
expect [ ! -s "$T/stdout" ]
verify scored
expect_exit 2
verify nowhere
expect_exit 2
expect_stderr 'cannot open the package nowhere'

all_done

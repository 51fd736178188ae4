#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# jobs/examples/grading/, a small course: five submissions of each fate, each of which has the verdict and the score that it has to
# have. What git cannot hold is added here. Uses the user's own store, as examples.sh does.
# time-limit: 600
store=${XDG_CACHE_HOME-}
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../e2e/lib.sh"
if [[ -n $store ]]; then export XDG_CACHE_HOME=$store; else unset XDG_CACHE_HOME; fi

cp -a "$top/jobs/examples/grading" course
add() { mkdir "course/submissions/$1" && cp "$top/jobs/examples/grading/solutions/right/factor.c" "course/submissions/$1/"; }
add invalid-size && head -c 70000 /dev/zero >>course/submissions/invalid-size/factor.c
add invalid-sparse && truncate -s 1T course/submissions/invalid-sparse/factor.c
mkdir course/submissions/invalid-pipe && mkfifo course/submissions/invalid-pipe/factor.c

it "each submission comes out as it has to"
run_cupel grade --out out --roster course/roster.csv course/course.yaml
expect_exit 0
expect_stderr "the file's own solutions first: 3 submissions, 8 cases each"
expect_stderr '33 submissions, 8 cases each: 297 runs'
cat >expected <<'END'
accepted-downwards passed 100
accepted-sieve passed 100
accepted-two-files passed 100
accepted-upwards passed 100
accepted-wheel passed 100
broken-answers compile-error 0
broken-itself compile-error 0
broken-main compile-error 0
broken-name compile-error 0
broken-semicolon compile-error 0
crash-assert signaled 0
crash-memory memory-limit 40
crash-null signaled 0
crash-recursion signaled 40
crash-zero signaled 0
invalid-directory invalid-submission 0
invalid-directory-link invalid-submission 0
invalid-extra invalid-submission 0
invalid-language invalid-submission 0
invalid-link invalid-submission 0
invalid-pipe invalid-submission 0
invalid-size invalid-submission 0
invalid-sparse invalid-submission 0
slow-loop cpu-limit 0
slow-random cpu-limit 0
slow-reader cpu-limit 0
slow-sleep timeout 0
slow-to-n cpu-limit 40
wrong-forged failed 0
wrong-int failed 40
wrong-one failed 0
wrong-square failed 90
wrong-word failed 0
END
expect_equal "$(jq -r 'select(.submission) | "\(.matrix.SUBMISSION | sub(".*/"; "")) \(.verdict) \(.score)"' out/results.jsonl | sort)" "$(cat expected)"
expect_junit_valid
expect_clean

it "the class, with a roster"
expect_equal "$(tr -d '\r"' <out/class.csv | awk -F, 'NR > 1 && $7 != "" {print $1, $6, $4}' | sort)" "$(cat expected)"
expect grep -q '^"absent-all-term","[A-Z]' out/class.csv

it "students see what is theirs: what the compiler said, why a submission is invalid, no hidden case"
expect [ "$(find out/students -name '*.html' | wc -l)" = 34 ]
# of their own: the source of one, the place where the other leads to
expect_equal "$(grep -lE "3-squares|4-large|5-product|secret" out/students/*.json | sed "s,.*/,," | xargs)" "broken-answers.json invalid-directory-link.json"
expect grep -q "expected.*before" out/students/broken-semicolon.json
expect grep -q 'is a symbolic link' out/students/invalid-link.json
expect_equal "$(jq -r '.cases[1].message' out/students/wrong-word.json)" 'neither the word prime nor two factors'

all_done

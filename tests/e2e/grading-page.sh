#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# docs/grading.md, from one C file to a graded class and to Gradescope: its files are written and its commands run as they stand there,
# in their order.
# No twin as an ordinary user: rootless-grade.sh has what differs there, and cases, archives and packages have twins of their own.
# sanitizers: no
# time-limit: 120
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

if ! command -v gcc >/dev/null; then
    it "docs/grading.md"
    skip_it "gcc is not installed"
    all_done
    exit 0
fi
mkdir sum bin home && cp -r "$top/packaging" "$top/scripts" "$top/CMakeLists.txt" "$top/CMakePresets.json" -t "$(mkdir -p home/cupel && echo home/cupel)"
printf '#!/bin/sh\nexec "%s" "$@"\n' "$CUPEL" >bin/cupel && chmod +x bin/cupel
export HOME=$T/home PATH=$T/bin:$PATH
cd sum || exit 1
sed '/^## cupel grade$/,$d' "$top/docs/grading.md" >"$T/page"
awk '/^```file / {file = $2; next} /^```$/ {file = ""} file != "" {print >file}' "$T/page"
sed -n 's/^\$ //p' "$T/page" >"$T/commands"
exec 3<"$T/commands"

# run_shown PATTERN: the next command of the page, which has to match.
run_shown() {
    local command
    IFS= read -r command <&3
    # shellcheck disable=SC2053 # a pattern
    [[ $command == $1 ]] || bad "the page's next command is: $command"
    STATUS=0
    (grouped bash -c "$command") >"$T/stdout" 2>"$T/stderr" </dev/null || STATUS=$?
}
# run_all N PATTERN: the next N commands, each of which succeeds.
run_all() {
    local i
    for ((i = 0; i < $1; i++)); do
        run_shown "$2"
        expect_exit 0
    done
}

it "the page's course, and three submissions"
expect gcc -O2 -Wall -Werror -o "$T/solution" sum.c
run_all 4 '*tests/*'
run_all 3 '*solutions/*'
run_all 4 '*submissions/*'

it "the class is graded"
run_shown 'cupel grade *'
expect_exit 0
expect_stderr 'the file.s own solutions first: 2 submissions, 3 cases each'
run_shown 'cat graded/class.csv'
expect_equal "$(tr -d '\r' <"$T/stdout" | cut -d , -f 1,2,4-8,13-)" 'id,name,score,max,verdict,"sample","secret",ungraded_reason
"ann","Ann Apple",100,100,"passed",10,90,
"ben","Ben Birch",55,100,"failed",10,45,
"cem","Cem Cedar",0,100,"compile-error",0,0,
"dee","Dee Dorn",,100,,,,"nothing was submitted"'
run_shown 'cat graded/students/ben.json'
expect_equal "$(jq -c '[.verdict, .score, (.cases | map(.name))]' "$T/stdout")" '["passed",null,["small"]]'
expect_equal "$(grep -lE 'secret|negative|large' graded/students/*)" ''
expect grep -q 'expected.*before' graded/students/cem.json

it "... again, and what has changed is said"
cp submissions/ben/sum.c "$T/ben.c"
run_all 1 'cp *'
run_shown 'cupel grade *'
expect_exit 0
expect_equal "$(cat "$T/stdout")" 'ben: 55 of 100 (failed at large) -> 100 of 100 (passed)'

it "... and at home, by the sample cases"
run_all 1 'mkdir *'
run_shown '*cupel grade --visible *'
expect_exit 0
expect_stderr 'graded: 1 of 1'

it "its zip: Gradescope unpacks it and calls what is in it"
if command -v zip >/dev/null && command -v unzip >/dev/null; then
    run_all 4 '*autograder*'
    mkdir -p "$T/autograder/source" && (cd "$T/autograder/source" && unzip -q "$T/sum/autograder.zip")
    expect [ -x "$T/autograder/source/setup.sh" -a -x "$T/autograder/source/cupel/scripts/setup" ]
    mkdir "$T/autograder/submission" && cp "$T/ben.c" "$T/autograder/submission/sum.c"
    STATUS=0
    (grouped env AUTOGRADER="$T/autograder" "$T/autograder/source/run_autograder") >"$T/stdout" 2>"$T/stderr" </dev/null || STATUS=$?
    expect_exit 0
    expect_equal "$(jq -c '[.score, (.tests | map(.visibility))]' "$T/autograder/results/results.json")" '[55,["visible","hidden","hidden"]]'
else
    run_all 3 '*autograder*'
    run_shown '*zip*'
    skip_it "zip or unzip is not installed"
fi
expect_equal "$(cat <&3)" ""

expect_clean
all_done

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Archives of submissions, as Moodle, Canvas and Gradescope export them and as students make them: what is wrong in one is that
# submission's result, and nothing that it names is touched or read.
# time-limit: 90
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

python3 "$e2e/handins.py"
mkdir -p secret && echo SECRET >secret/1.ans
[[ -z ${CUPEL_TEST_USER-} ]] || chown -R "$CUPEL_TEST_USER:$CUPEL_TEST_USER" .

job_file grade.yaml <<'YAML'
cupel: 1
defaults: {limits: {memory: 64M, pids: 20, wall: 1m}}
jobs:
  grade:
    matrix: {SUBMISSION: {dirs: "none/*"}}
    inputs: [{from: "${{ SUBMISSION }}", to: /w, required: [sol.sh], max-size: 1M}]
    run: sh /w/sol.sh
    cases: [{name: a, expect: {stdout: "3\n"}}]
YAML

# graded ARGUMENT...: cupel grade into a fresh out directory
graded() {
    rm -rf out
    run_cupel grade grade.yaml --out out "$@"
}
# verdict ID VERDICT
verdict() {
    expect_verdict "grade/SUBMISSION=$1/a" "$2"
}
# refused ID REASON
refused() {
    verdict "$1" invalid-submission
    expect_evidence "grade/SUBMISSION=$1/a" "was refused when it was unpacked: $2"
}
# person ID NAME: as it stands in the class's table
person() {
    expect grep -qE "^\"?$1\"?,\"?$2\"?," out/class.csv
}

it "an export of Moodle is a submission for each, and one run has a result for all"
graded moodle.zip
expect_exit 0
expect_said 'moodle.zip: an export of Moodle \(moodle\), 12 submissions, of which 7 hold what is refused$'
for id in 11 13 22; do verdict "$id" passed; done
verdict 12 failed
verdict 20 invalid-submission # it lacks what is required
expect_evidence grade/SUBMISSION=20/a "lacks 'sol.sh', which is .required"
person 11 "Ann Müller"
person 12 "Bob O'Neil"
person 22 "Jürgen Groß"

it "what is wrong with a member or an archive in it is that submission's, and said"
refused 14 "'sol.sh' is a symbolic link, to '/etc/shadow' \(and 4 more\)"
refused 15 "'zeros' is (a bomb|too large)"
refused 16 "'sol.sh' is encrypted"
refused 17 "cannot unpack 'hw.zip': "
refused 18 "'sol.sh' is a symbolic link, to '/etc/shadow'"
refused 19 "'Ivy_19_assignsubmission_file_/../../../sol.sh' climbs out with '..'"
refused 21 "'Kim_21_assignsubmission_file_/sol.sh/../sol.sh' climbs out"
expect_equal "$(find out/submissions -not -type f -not -type d)" ""
expect_equal "$(find out/submissions -perm /7022)" ""
expect_equal "$(stat -c %a out/submissions)" 700
expect_not test -e /etc/cupel-handins
expect_not grep -rqE 'root:|SECRET' out/submissions

it "the same archive is not unpacked a second time"
before=$(find out/submissions -type f -printf '%p %i\n' | sort)
run_cupel grade grade.yaml --out out moodle.zip
expect_exit 0
expect_said '12 submissions, of which 7 hold what is refused; unpacked before$'
expect_equal "$(find out/submissions -type f -printf '%p %i\n' | sort)" "$before"

if [[ -z ${CUPEL_TEST_USER-} ]] && command -v strace >/dev/null; then
    it "what was unpacked, and tables, are on the disk before anything says that they are there"
    rm -rf out
    strace -f -qq -o trace -e trace=syncfs,fsync,renameat "$CUPEL" grade grade.yaml --out out ann.zip >stdout 2>stderr
    # order NAME: what was done up to the renaming to NAME, the last thing before it
    order() { grep -B1 -E "renameat\(.*\"$1\"" trace | awk '{sub(/\(.*/, "", $2); print $2}' | paste -sd ' '; }
    expect_equal "$(order 'ann.zip-[0-9a-f]*')" "syncfs renameat"
    expect_equal "$(order grading.json)" "fsync renameat"
    expect_equal "$(grep -E 'syncfs|"students/|"class.csv"|"grading.json"' trace | tail -2 | awk '{sub(/\(.*/, "", $2); print $2}' | paste -sd ' ')" "syncfs renameat"
fi

it "an export of Canvas: who was late, and what was handed in again"
graded canvas.zip
expect_exit 0
expect_said 'canvas.zip: an export of Canvas \(canvas\), 4 submissions'
verdict 101 passed
verdict 102 passed
refused 103 "'sol.sh' is a symbolic link"
verdict 104 invalid-submission # a name of its file's makes it nobody else's
expect test -e out/submissions/canvas.zip-*/104/doejane_101_9001_sol.sh
expect grep -qE '^"?102"?,.*,"?late"?,' out/class.csv
expect_not grep -qE '^"?101"?,.*,"?late"?,' out/class.csv

it "an export of Gradescope: who they are stands in its list"
graded gradescope.zip
expect_exit 0
expect_said 'gradescope.zip: an export of Gradescope \(gradescope\), 2 submissions'
verdict s1 passed
refused s2 "'sol.sh' is a symbolic link, to '../submission_1/sol.sh'"
person s1 Ann
expect grep -q 's1@example.org' out/class.csv
expect_not grep -qE '(^|,)"?=cmd' out/class.csv

it "directories in a tar: sparse files, FIFOs, links"
graded directories.tar
expect_exit 0
expect_said 'directories.tar: a directory or an archive for each submission \(directories\), 6 submissions'
verdict ann passed
verdict setuid passed
expect_equal "$(cat out/submissions/directories.tar-*/ann/hole | wc -c)" 5000
refused fifo "'sol.sh' is a FIFO"
refused sparse "'sol.sh' is too large: a submission may have 64 MiB"
refused links "'sol.sh' is a symbolic link, to '../ann/sol.sh'"
refused hard "'sol.sh' is a hard link, to './ann/sol.sh'"

it "archives that students have made, beside others, are one submission each; a broken one is its own"
mkdir -p dir && echo 'echo 3' >dir/sol.sh
graded links.tar cut.zip dir
expect_exit 0
expect_said 'links.tar: one submission \(single\), 1 submission, of which 1 holds what is refused$'
refused links "'sol.sh' is a symbolic link"
verdict cut invalid-submission
expect_evidence grade/SUBMISSION=cut/a "was refused: cannot unpack 'cut.zip'"
verdict dir passed

it "what is in one, or what it is called, makes it nobody else's; no link in its place is followed"
graded ann.zip " ann.zip" link.zip posing.zip
expect_exit 0
expect_said 'posing.zip: one submission \(single\), 1 submission; it looks like an export of Gradescope: --layout gradescope '
verdict ann passed
verdict _ann failed
verdict posing invalid-submission
verdict link.zip invalid-submission
graded dir posing.zip
expect_exit 0
verdict posing invalid-submission

it "a link in the out directory, which a checkout can carry, is not followed"
rm -rf out && mkdir -p out victim/.aside && cp secret/1.ans victim/.aside && touch out/.cupel-out && ln -s ../victim out/submissions
[[ -z ${CUPEL_TEST_USER-} ]] || chown -R "$CUPEL_TEST_USER:$CUPEL_TEST_USER" out victim
run_cupel grade grade.yaml --out out ann.zip
expect_exit 2
expect_stderr "error: cannot unpack 'ann.zip': .*/out/submissions is no directory"
expect_equal "$(find victim | sort | paste -sd ' ')" "victim victim/.aside victim/.aside/1.ans"

it "what is wrong with the one archive of a class is one error"
graded cut.zip
expect_exit 2
expect_stderr "error: cannot unpack 'cut.zip': "
graded --unpack-max 1x moodle.zip
expect_exit 2
graded --layout canvas moodle.zip
expect_exit 2
expect_stderr "error: there is no submission in 'moodle', which was taken for --layout canvas"
graded --layout blackboard moodle.zip
expect_exit 2
expect_clean

if has_fault_injection; then
    it "each wall is what keeps that out"
    export CUPEL_WEAKEN=archive-types
    graded directories.tar
    verdict links failed
    verdict fifo failed
    CUPEL_WEAKEN=archive-names
    graded moodle.zip
    verdict 19 passed
    # one that takes all there is leaves nothing for the others
    CUPEL_WEAKEN=archive-shares
    graded --unpack-max 16M directories.tar
    expect_exit 2
    expect_stderr "error: cannot unpack 'directories.tar': it holds more than 16 MiB"
    CUPEL_WEAKEN=archive-of-many
    graded ann.zip posing.zip
    expect_exit 2
    expect_stderr "error: two submissions are called 'ann'"
    unset CUPEL_WEAKEN
fi

all_done

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a submission may hold: `required`, `allowed`, `max-size` of inputs that others have filled. Whatever lies there is one job's
# result, with the reason, and never the end of the run.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# Each is a directory of its own with a good sum.c, unless it makes another.
hand_in() {
    mkdir -p "sub/$1"
    echo "good $1" >"sub/$1/sum.c"
}
for name in ann headers hidden big many link deep-link other below dirfile newline bytes nested wide fifo; do hand_in "$name"; done
mkdir sub/empty sub/headers/include sub/below/src
touch sub/headers/sum.h sub/hidden/.notes.c sub/other/notes.txt sub/below/src/x.c
echo left-out >sub/headers/include/README
truncate -s 1T sub/big/sum.c
head -c 200K /dev/zero >sub/many/a.c
head -c 200K /dev/zero >sub/many/b.c
ln -sf /etc/shadow sub/link/sum.c
ln -s /etc/shadow sub/deep-link/x.c
rm sub/dirfile/sum.c && mkdir sub/dirfile/sum.c
touch "sub/newline/"$'a\nFAKE passed\x1b[2J.txt' "sub/bytes/"$'\xff\xfe.txt'
rm sub/fifo/sum.c && mkfifo sub/fifo/sum.c
deep=sub/nested
for ((i = 0; i < 66; i++)); do deep=$deep/d; done
mkdir -p "$deep"
seq -f 'sub/wide/%.0f.c' 100001 | xargs touch
mkdir -p theirs
# As an ordinary user's, all that there is belongs to one.
if [[ -z ${CUPEL_TEST_USER-} ]]; then
    for name in hard device; do hand_in "$name"; done
    echo SECRET >secret
    ln secret sub/hard/more.c
    ln secret theirs/one.c
    chown -R 12345 sub/hard theirs && chown 0 secret
    chmod 600 secret
    mknod sub/device/sda.c b 7 0
fi
truncate -s 1M large.c
echo small >small.c

job_file submissions.yaml <<'YAML'
cupel: 1
defaults: {limits: {memory: 64M, pids: 20, wall: 30m, disk: 8M}}
jobs:
  grade:
    matrix: {SUB: {dirs: "sub/*"}}
    inputs: [{from: "${{ SUB }}", to: /w, required: [sum.c], allowed: ["*.c", "*.h"], max-size: 256K, exclude: [include]}]
    run: [/bin/cat, /w/sum.c]
  copied:
    matrix: {SUB: {dirs: "sub/[ab][!y]*"}}
    inputs: [{from: "${{ SUB }}", to: /w, mode: copy, required: ["*.{c,cc}"], allowed: [src, "*.c"], max-size: 256K}]
    run: [/bin/cat, /w/sum.c]
  large: {inputs: [{from: large.c, to: /w/x, untrusted: true, max-size: 1000}], run: [/bin/cat, /w/x]}
  large-ro: {inputs: [{from: large.c, to: /w/x, untrusted: true, max-size: 1000, mode: ro}], run: [/bin/cat, /w/x]}
  small: {inputs: [{from: small.c, to: /w/x, untrusted: true, allowed: ["*.c"], required: small.c, max-size: 6}], run: [/bin/cat, /w/x]}
  small-ro: {inputs: [{from: small.c, to: /w/x, untrusted: true, max-size: 6, mode: ro}], run: [/bin/cat, /w/x]}
  name: {inputs: [{from: small.c, to: /w/x, untrusted: true, allowed: ["*.py"]}], run: [/bin/cat, /w/x]}
YAML
cupel_run submissions.yaml

# of SUBMISSION REASON: what its evidence says of it
refused() {
    expect_verdict "grade/SUB=$1" invalid-submission
    expect_evidence "grade/SUB=$1" "input $T/sub/$1$2"
}

it "a good one is judged, and one run has a result for each"
expect_exit 1
expect_equal "$(jq -r 'select(.id | startswith("grade/")) | .id' <(job_lines) | wc -l)" "$(find sub -mindepth 1 -maxdepth 1 | wc -l)"
expect_verdict grade/SUB=ann passed
expect_equal "$(cat out/logs/grade%2FSUB=ann.stdout)" "good ann"
expect_verdict grade/SUB=headers passed # what is excluded is not judged

it "what is missing, too large or not allowed is said"
refused empty " lacks 'sum.c', which is \`required\`"
refused other ": 'notes.txt' is not among what is \`allowed\`"
refused hidden ": '.notes.c' is not among"
refused below ": 'src/x.c' is not among"
refused dirfile ": 'sum.c' is a directory, where a file is \`required\`"
refused big ": 'sum.c' has 1 TiB: \`max-size\` is 256 KiB"
refused many " holds at least (200|400) KiB.*: \`max-size\` is 256 KiB"

it "links, FIFOs and devices are none of it"
refused link ": 'sum.c' is a symbolic link"
refused deep-link ": 'x.c' is a symbolic link"
refused fifo ": 'sum.c' is a FIFO"
[[ ! -d sub/device ]] || refused device ": 'sda.c' is a device"
[[ ! -d sub/hard ]] || refused hard ": 'more.c' is a hard link to a file of another user"

it "names are shown as they can be read, and neither many of them nor deep ones hold anybody up"
refused newline ": '.*FAKE passed"
expect_not grep -qa "^FAKE" out/results.jsonl out/junit.xml stdout
expect_not grep -qa $'\x1b\[2J' out/results.jsonl out/junit.xml stdout
refused bytes ": '.*\\.txt' is not among"
refused nested ": '.*d/d/d' is too deep"
refused wide " holds more than 100000 names"

it "a copy is checked as it was made, and nothing is given to the job that is not"
expect_verdict copied/SUB=ann passed
expect_verdict copied/SUB=below passed # `src` is all that it holds
expect_verdict copied/SUB=big invalid-submission
if has_fault_injection; then
    CUPEL_WEAKEN=submission-source cupel_run submissions.yaml --only 'copied/*'
    expect_verdict copied/SUB=ann passed
    expect_verdict copied/SUB=big invalid-submission
fi
expect_clean

it "tests that are handed in are the submission's as well: what is wrong with them ends no run"
mkdir -p own/{good,none,far,many,taken,odd}/tests own/gone
echo 1 >own/good/tests/a.in && cp own/good/tests/a.in own/good/tests/a.ans
ln -s /etc own/far/tests/x && ln -s x/passwd own/far/tests/a.in
seq -f 'own/many/tests/%.0f.in' 257 | xargs touch
touch own/taken/tests/{small,small.x,files}.in own/{taken,odd}/tests/x.ans own/odd/tests/{-x,$'a\nb','${{ SUB }}','$(x)'}.in
job_file own.yaml <<'YAML'
cupel: 1
jobs:
  grade:
    matrix: {SUB: {dirs: "own/*"}}
    run: [/bin/cat]
    cases: [{name: small}, {files: "${{ SUB }}/tests/*.in"}]
  answers: {matrix: {SUB: {dirs: "own/[go]*"}}, run: [/bin/cat], cases: [{files: "${{ SUB }}/tests/*.in", answer: .ans}]}
YAML
run_cupel run --out own-out own.yaml
expect_exit 1
expect_equal "$(jq -r 'select(.submission) | [.submission, .verdict, .score, .points] | join(" ")' own-out/results.jsonl | LC_ALL=C sort)" \
    "answers/SUB=gone invalid-submission 0 1
answers/SUB=good passed 1 1
answers/SUB=odd invalid-submission 0 4
grade/SUB=far invalid-submission 1 2
grade/SUB=gone invalid-submission 1 2
grade/SUB=good passed 2 2
grade/SUB=many invalid-submission 1 2
grade/SUB=none invalid-submission 1 2
grade/SUB=odd passed 5 5
grade/SUB=taken passed 4 4"
evidence_of() {
    jq -r "select(.id == \"grade/SUB=$1/files\") | .evidence" own-out/results.jsonl
}
expect_equal "$(evidence_of many)" "'files' finds 257 files, and 256 are possible"
expect_equal "$(evidence_of none)" "'files' finds nothing, so there is nothing to judge by"
expect_equal "$(evidence_of gone)" "'files': cannot look for 'own/gone/tests/*.in': No such file or directory"

it "what a job cannot work in is the submission's doing, and not a program that has failed"
mkdir -p odd/{ann,closed,dirfile/sum.c} && cp sub/ann/sum.c odd/ann/ && cp sub/ann/sum.c odd/closed/ && cp sub/ann/sum.c odd/file
chmod 000 odd/closed # which holds up whoever is not root
[[ -z ${CUPEL_TEST_USER-} ]] || chown -R "$CUPEL_TEST_USER:$CUPEL_TEST_USER" odd
job_file odd.yaml <<YAML
cupel: 1
jobs:
  compile: {role: compile, matrix: {SUB: {dirs: "odd/*"}}, inputs: [{from: "\${{ SUB }}", to: /work}], run: [/bin/cat, sum.c]}
  grade:
    matrix: {SUB: {dirs: "odd/*"}}
    from: compile
    ${CUPEL_TEST_USER:+#}user: nobody
    run: [/bin/cat, sum.c]
    cases: [{name: a, expect: {stdout: "good ann\n"}}]
YAML
run_cupel grade --best-effort --out odd-out odd.yaml odd/*
expect_exit 0
# scored SUB: its score and its verdict
scored() {
    jq -r "select(.submission == \"grade/SUB=$1\") | \"\(.score) \(.verdict)\"" odd-out/results.jsonl
}
expect_equal "$(scored ann), $(scored dirfile), $(scored file)" "1 passed, 0 compile-error, 0 invalid-submission"
expect_equal "$(jq -r 'select(.id == "compile/SUB=file").evidence' odd-out/results.jsonl)" \
    "cannot be set up: 'workdir' failed on /work: Not a directory; so it is in the input /work"
if [[ -z ${CUPEL_TEST_USER-} ]]; then
    expect_equal "$(scored closed)" "0 invalid-submission"
    expect_equal "$(jq -r 'select(.id == "grade/SUB=closed/a").evidence' odd-out/results.jsonl)" \
        "cannot be set up: 'chdir' failed on /work: Permission denied; so it is in the input /work"
else
    it "what cupel has no right to read is nobody's fault, and ungraded"
    mkdir -p theirs/{top,below/x,sum} && touch theirs/{top,below,below/x,sum}/sum.c
    chmod 700 theirs/{top,below/x} && chmod 600 theirs/sum/sum.c # root's
    chown "$CUPEL_TEST_USER" theirs theirs/{below,sum}
    sed 's/to: .work/&, required: sum.c/' odd.yaml >bounded.yaml
    run_cupel grade --best-effort --out theirs-out bounded.yaml theirs/*
    expect_exit 3
    expect_equal "$(jq -r 'select(.submission) | "\(.submission) \(.verdict) \(.score)"' theirs-out/results.jsonl | sort | paste -sd,)" \
        "grade/SUB=below error null,grade/SUB=sum error null,grade/SUB=top error null"
    for path in below/x sum/sum.c top; do
        expect grep -q "input $T/theirs/$path cannot be read (let whoever starts cupel read it" theirs-out/results.jsonl
    done
    run_cupel grade --best-effort --out theirs-out odd.yaml theirs/top
    expect_exit 3
fi
expect_clean

it "a single file is what its own name says"
cupel_run submissions.yaml --only large --only large-ro --only small --only small-ro --only name
for job in large large-ro; do
    expect_verdict $job invalid-submission
    expect_evidence $job "large.c has 1 MiB: \`max-size\` is 1000 B"
done
expect_equal "$(log small)$(log small-ro)" smallsmall
expect_verdict name invalid-submission

if [[ -f theirs/one.c ]]; then
    it "another user's file is not handed in by a hard link"
    job_file hard.yaml <<'YAML'
cupel: 1
jobs:
  cow: {user: nobody, inputs: [{from: theirs/one.c, to: /w/x, untrusted: true}], run: [/bin/cat, /w/x]}
  ro: {user: nobody, inputs: [{from: theirs/one.c, to: /w/x, untrusted: true, mode: ro}], run: [/bin/cat, /w/x]}
  stdin: {matrix: {F: {files: "theirs/*"}}, user: nobody, stdin-file: "${{ F }}", run: [/bin/cat]}
YAML
    cupel_run hard.yaml
    for job in cow ro stdin/F=one.c; do
        expect_verdict $job invalid-submission
        expect_evidence $job "is a hard link to a file of another user"
    done
    expect_not grep -rq SECRET out
fi
expect_clean

all_done

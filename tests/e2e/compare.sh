#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a job wrote, compared by each rule; and what its evidence says of a difference.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

printf '0.333333 2\n' >near.ans
printf 'warning: b\n' >stderr.ans
ln -s near.ans link.ans
mkdir real && printf '3\n' >real/three.ans
job_file compare.yaml <<'YAML'
cupel: 1
defaults: {limits: {wall: 60s}}
jobs:
  exact: {run: [printf, 'a b\n'], expect: {stdout: "a b\n"}}
  trim: {run: [printf, 'a b  \r\nc\n\n'], expect: {stdout: "a b\nc", compare: trim}}
  tokens: {run: [printf, ' a\tb'], expect: {stdout: "a b\n", compare: tokens}}
  numbers: {run: [printf, '0.333334\n2.0\n'], expect: {stdout-file: near.ans, compare: numbers, tolerance: {absolute: 1e-5}}}
  case: {run: [printf, 'YES\n'], expect: {stdout: "Yes\n", case: ignore}}
  stderr-file: {run: "echo WARNING: b >&2", expect: {stderr-file: stderr.ans, case: ignore}}
  steps:
    expect: {stdout: "x", compare: trim}
    run: [{run: [echo, x]}, {run: [echo, ' x'], expect: {compare: tokens}}]
  too-far: {run: [printf, '0.34 2\n'], expect: {stdout-file: near.ans, compare: numbers, tolerance: {absolute: 1e-5}}}
  not-a-number: {run: [printf, 'nan 2\n'], expect: {stdout-file: near.ans, compare: numbers, tolerance: {absolute: 1e9}}}
  token: {run: [printf, 'first\nsecond one\n'], expect: {stdout: "first second two\n", compare: tokens}}
  space: {run: [printf, 'a\nb\n c d\n'], expect: {stdout: "a\nb\nc d\n"}}
  letters: {run: [printf, 'a\nYES\n'], expect: {stdout: "a\nYes\n"}}
  line-ends: {run: [printf, 'a\r\nb\r\n'], expect: {stdout: "a\nb\n"}}
  silent: {run: 'read x', stdin: "1\n", expect: {stdout: "1\n"}}
  deaf: {run: [echo, guess], stdin: "1 2\n", expect: {stdout: "3\n"}}
  listens: {run: 'read x </dev/stdin; echo guess', stdin: "1 2\n", expect: {stdout: "3\n"}}
  stderr-differs: {run: "echo warning: c >&2", expect: {stderr-file: stderr.ans}}
  hostile: {run: "printf '\\033[2J\\033]0;x\\007%0200000d\\n' 1", expect: {stdout: "x", compare: tokens}}
  link: {run: "true", expect: {stderr-file: link.ans}}
  output-file: {run: "echo noise; mkdir sub; echo 3.0 >sub/out.txt", output: sub/out.txt, expect: {stdout-file: real/three.ans, compare: numbers, files: {/tmp/b: real/three.ans}}, before: "echo 3 >/tmp/b"}
  output-of-last: {output: out.txt, run: [{run: [echo, a], expect: {stdout: "a\n"}}, {run: "echo b >out.txt; echo c", expect: {stdout: "b\n"}}]}
  file-differs: {run: "echo 4 >x", expect: {files: {x: real/three.ans}}}
  output-differs: {run: "printf '1\n2' >x; echo 3", output: x, expect: {stdout: "1\n3", compare: tokens}}
  file-missing: {run: "true", expect: {files: {sub/x: real/three.ans}}}
  file-is-link: {run: "echo 3 >y; ln -s y x", expect: {files: {x: real/three.ans}}}
  file-behind-link: {run: "mkdir d; echo 3 >d/x; ln -s d sub", expect: {files: {sub/x: real/three.ans}}}
  file-is-fifo: {run: "mkfifo x", expect: {files: {x: real/three.ans}}}
  file-is-directory: {run: "mkdir x", output: x, expect: {stdout: "3\n"}}
  file-is-endless: {run: "truncate -s 1T x || truncate -s 2G x", expect: {files: {x: real/three.ans}}}
  file-of-proc: {run: "true", expect: {files: {/proc/self/status: real/three.ans}}}
  step-left: {run: [{run: "echo 4 >x", expect: {files: {x: real/three.ans}}}, {run: "true"}]}
  failed-before: {run: "exit 3", expect: {files: {x: real/three.ans}}}
YAML
cupel_run compare.yaml
expect_exit 1

it "what is the same by the rule that is asked for passes"
for job in exact trim tokens numbers case stderr-file steps; do
    expect_verdict "$job" passed
done

it "files that a job left are compared, and one of them in place of its output"
for job in output-file output-of-last; do
    expect_verdict "$job" passed
done
expect_verdict file-differs failed
expect_evidence file-differs '^x differs at byte 1 \(line 1, column 1\): expected "3\\n", got "4\\n"$'
expect_verdict output-differs failed
expect_evidence output-differs '^x differs at byte 3 \(line 2, column 1\): expected "3", got "2"$'
expect_verdict step-left failed
expect_evidence step-left "^step 'step-1': x differs at byte 1 "
expect_evidence failed-before '^exit code 3, expected 0$'

it "one that is missing, a link, behind one or no regular file has failed, and nothing of it is read"
for job in file-missing file-is-link file-behind-link file-is-fifo file-is-directory file-is-endless file-of-proc; do
    expect_verdict "$job" failed
done
expect_evidence file-missing '^sub/x is missing$'
expect_evidence file-is-link '^x is a symbolic link, or lies behind one$'
expect_evidence file-behind-link '^sub/x is a symbolic link, or lies behind one$'
expect_evidence file-is-fifo '^x is no regular file$'
expect_evidence file-is-directory '^x is no regular file$'
expect_evidence file-is-endless '^x is larger than 1 GiB$'
expect_evidence file-of-proc '^/proc/self/status is '

it "what differs is said: where, and both texts"
expect_verdict token failed
expect_evidence token '^stdout differs at byte 14 \(line 2, column 8\): expected "two", got "one"$'
expect_verdict stderr-differs failed
expect_evidence stderr-differs '^stderr differs at byte 10 \(line 1, column 10\): expected "b\\n", got "c\\n"$'

it "numbers beyond the tolerance differ, and by how much; what is no number differs however far it may be"
expect_verdict too-far failed
expect_evidence too-far 'expected "0.333333", got "0.34", off by 0.00667$'
expect_verdict not-a-number failed
expect_evidence not-a-number 'expected "0.333333", got "nan"$'

it "what alone differs is said"
expect_evidence space '; only white space differs, line 3$'
expect_evidence letters '; only case differs, line 2$'
expect_evidence line-ends '; only line ends differ \(CRLF\), line 1$'

it "so are output that was empty, and input that nobody read, by whatever name"
expect_evidence silent 'got the end; output was empty$'
expect_evidence deaf '; the program never read its input$'
expect_evidence listens 'got "guess\\n"$'

it "evidence is short and harmless, however long a token is"
expect_verdict hostile failed
expect_evidence hostile '^stdout differs at byte 1 \(line 1, column 1\): expected "x", got "\\x1b\[2J\\x1b\]0;x\\x070+"\.\.\.$'

it "a link in the path of an expected output is not followed, and the result says in which key"
expect_verdict link invalid-submission
expect_evidence link 'stderr-file'
expect_junit_valid
expect_clean
all_done

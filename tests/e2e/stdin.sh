#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Standard input: empty, or as given, whatever its size.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

head -c 3000000 /dev/urandom >big.bin
printf '1 2\n' >small.in
printf '3\n' >small.out
job_file stdin.yaml <<'YAML'
cupel: 1
defaults: {limits: {wall: 30s}}
jobs:
  empty: {run: [cat], expect: {stdout: ""}}
  text: {run: [cat], stdin: "line one\nline two\n", expect: {stdout: "line one\nline two\n"}}
  from-file: {run: 'read a b; echo $((a + b))', stdin-file: small.in, expect: {stdout-file: small.out}}
  from-big-file: {run: sha256sum, stdin-file: big.bin}
  not-read: {run: "true", stdin-file: big.bin}
  through: {run: [cat], stdin-file: big.bin, expect: {stdout-file: big.bin}}
  no-terminal: {run: "! test -t 0 && ! test -t 1 && ! test -t 2"}
  not-writable: {run: "! (echo x >&0) 2>/dev/null", stdin-file: small.in}
YAML
cp big.bin big.copy
cupel_run stdin.yaml

it "standard input is empty unless given"
expect_verdict empty passed

it "it comes from the job file or from a file"
expect_verdict text passed
expect_verdict from-file passed
expect_verdict from-big-file passed
expect_equal "$(log from-big-file | cut -d' ' -f1)" "$(sha256sum <big.bin | cut -d' ' -f1)"

it "a job need not read it"
expect_verdict not-read passed

it "megabytes of any bytes pass through and compare equal"
expect_verdict through passed
expect cmp -s big.bin out/logs/through.stdout

it "there is no terminal"
expect_verdict no-terminal passed

it "the file on the host cannot be written through it"
expect_verdict not-writable passed
expect_equal "$(cat small.in)" "1 2"
expect cmp -s big.bin big.copy
expect_junit_valid
expect_clean

it "what lies in the file, and how large it is, is whoever's filled the directory: holes cost nothing, too much is no error"
truncate -s 900M holes.in
truncate -s 5T large.in
job_file large.yaml <<'YAML'
cupel: 1
jobs:
  holes: {run: "head -c 1M | wc -c; stat -L -c %s /dev/stdin", stdin-file: holes.in}
  large: {run: cat, stdin-file: large.in}
YAML
cupel_run large.yaml
expect_exit 1
expect_verdict holes passed
expect_equal "$(log holes | tr '\n' ' ')" "1048576 943718400 "
expect_verdict large invalid-submission
expect_evidence large 'stdin-file .*/large.in is larger than 1 GiB'

all_done

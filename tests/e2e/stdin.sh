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

it "a limit or a signal that ends a program which never read its input says so, in whatever way it might have read it"
job_file unread.yaml <<'YAML'
cupel: 1
defaults: {timeout-grace: 0s, stdin: "1 2\n", limits: {wall: 60s}}
jobs:
  never: {limits: {wall: 1s}, run: exec sleep 600}
  file-never: {limits: {wall: 1s}, stdin-file: small.in, run: exec sleep 600}
  spins: {limits: {cpu-time: 100ms}, run: "while :; do :; done"}
  dies: {run: "kill -USR1 $$"}
  awaited: {run: "read a; kill -USR1 $$", expect: {stdout: "3\n"}}
  printed: {run: "read a; echo 4; kill -USR1 $$", expect: {stdout: "3\n"}}
  took-a-line: {run: "read a; kill -USR1 $$"}
  opened-anew: {run: "head -c 1 /dev/stdin; kill -USR1 $$"}
  from-a-file: {stdin-file: small.in, run: "cat; kill -USR1 $$"}
  mapped: {rootfs: host, run: [/usr/bin/python3, -c, "import mmap, os; m = mmap.mmap(0, 4, prot=mmap.PROT_READ); os.kill(os.getpid(), 10)"]}
  at-offset: {rootfs: host, run: [/usr/bin/python3, -c, "import os; os.pread(0, 1, 2); os.kill(os.getpid(), 10)"]}
  empty: {stdin: "", run: "kill -USR1 $$"}
  passes: {run: "true"}
  by-steps:
    run:
      - {name: reads, run: "cat"}
      - {name: does-not, run: "kill -USR1 $$"}
  other-steps:
    run:
      - {name: does-not, run: "true"}
      - {name: reads, run: "read a; kill -USR1 $$"}
YAML
cupel_run unread.yaml
expect_exit 1
never='; the program never read its input'
for job in never file-never; do expect_evidence $job "^wall limit 1 s reached: .*$never"; done
expect_evidence spins "^CPU limit 100 ms reached: .*$never"
for job in dies by-steps; do expect_evidence $job "^(step 'does-not': )?killed by signal 10 \\(SIGUSR1\\)$never\$"; done
expect_evidence awaited '^killed by signal 10 \(SIGUSR1\); no output: was it flushed\?$'
for job in printed took-a-line opened-anew from-a-file mapped at-offset empty other-steps; do
    expect_evidence $job "^(step 'reads': )?killed by signal 10 \\(SIGUSR1\\)\$"
done
expect_verdict passes passed

all_done

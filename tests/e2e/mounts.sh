#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `mounts`: empty file systems in a job's memory, and what of the host it sees and may not write.
# lanes: root-v2
# sanitizers: no
# time-limit: 120
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

mkdir -p tree/sub
echo of-host >tree/sub/file
job_file mounts.yaml <<'YAML'
cupel: 1
jobs:
  small: &small
    mounts: [{to: /scratch, tmpfs: 1M}]
    run: |
      grep ' /scratch ' /proc/self/mounts
      stat -c '%a %u:%g' /scratch
      ls -A /scratch
      head -c 2M /dev/zero 2>/dev/null >/scratch/x || stat -c %s /scratch/x
  again: {<<: *small}
  larger: {<<: *small, mounts: [{to: /scratch, tmpfs: 4M}], run: "head -c 2M /dev/zero >/scratch/x; stat -c %s /scratch/x"}
  charged: {mounts: [{to: /scratch, tmpfs: 1G}], limits: {memory: 32M}, run: "head -c 200M /dev/zero >/scratch/x"}
  host: {mounts: [{to: /host, from: tree, mode: ro}], run: "cat /host/sub/file; (echo x >/host/new) 2>/dev/null || echo read-only"}
  nested:
    inputs: [{from: tree, to: /in}, {from: tree, to: /scratch/below}]
    mounts: [{to: /in/scratch, tmpfs: 1M}, {to: /scratch, tmpfs: 1M}]
    run: "stat -f -c %T /in/scratch /scratch; cat /in/sub/file /scratch/below/sub/file"
  work: {workdir: /scratch/work, mounts: [{to: /scratch, tmpfs: 1M}], run: [{run: "echo kept >x"}, {run: "cat x; pwd"}]}
  base: {mounts: [{to: /scratch, tmpfs: 1M}], run: "echo x >/scratch/x; echo y >/left"}
  over: {from: base, run: "ls -A /scratch; cat /left"}
  order:
    inputs: [{from: tree/sub, to: /a/b}, {from: tree, to: /a}]
    mounts: [{to: /a/t/u, tmpfs: 1M}, {to: /a/t, tmpfs: 2M}, {to: /usr/of-mine, tmpfs: 1M}]
    run: "find /a -type f | sort; stat -f -c %b /a/t /a/t/u; stat -f -c %T /usr/of-mine"
  hidden: {mounts: [{to: /o, from: .}], run: "test ! -e /o/out && cat /o/mounts.yaml | head -1"}
  links: {run: "ln -s /proc /p; ln -s / /r; ln -s /dev/shm /d; ln -s /etc /e"}
  on-proc: {from: links, mounts: [{to: /p/sys, tmpfs: 1M}], run: "true"}
  on-root: {from: links, mounts: [{to: /r, tmpfs: 1M}], run: "true"}
  proc-of-host: {from: links, mounts: [{to: /p, from: tree}], run: "true"}
  file-in-dev: {from: links, inputs: [{from: tree/sub/file, to: /d/file}], run: "true"}
  on-etc: {from: links, mounts: [{to: /e, tmpfs: 1M}], run: "ls /etc; grep -c '^127.0.0.1[[:space:]]*localhost' /etc/hosts"}
  kept: {mounts: [{to: /scratch, tmpfs: 1M}], run: "echo x >/scratch/x; echo y >/left; exit 1"}
YAML
run_cupel run --out "$T/out" --keep-failed -j 1 mounts.yaml

it "a tmpfs is empty, the user's, of its size, and neither suid nor devices work in it"
for job in small again; do
    expect_log $job '^[a-z]+ /scratch tmpfs rw,nosuid,nodev,.*size=1024k'
    expect_equal "$(log $job | grep -v ' /scratch ')" "1777 0:0
1048576"
done
expect_equal "$(log larger)" 2097152

it "what is in it counts as the job's memory"
expect_verdict charged memory-limit

it "what is of the host is read-only"
expect_equal "$(log host)" "of-host
read-only"
expect [ ! -e tree/new ]

it "one may lie in an input, and an input in one"
expect_equal "$(log nested)" "tmpfs
tmpfs
of-host
of-host"

it "steps share it, and it goes with the job"
expect_equal "$(log work)" "kept
/scratch/work"
expect_equal "$(log over)" y

it "what lies in another is attached after it, in whatever order they are written"
expect_equal "$(log order)" "/a/b/file
/a/sub/file
512
256
tmpfs"

it "the out directory is hidden in it"
expect_equal "$(log hidden)" "cupel: 1"

it "a link of the root leads it neither over what is the sandbox's own nor into it"
for job in on-proc:/p/sys on-root:/r proc-of-host:/p file-in-dev:/d/file; do
    expect_verdict "${job%:*}" failed
    expect_evidence "${job%:*}" "cannot be set up: 'attach-inputs' failed on ${job#*:}: .*; job 'links', which it starts from, left it so"
done
expect_equal "$(log on-etc)" "hosts
1"

it "it is empty for who opens a failed job again, and there in a job under cupel exec"
run_cupel shell --failed kept -- sh -c 'ls -A /scratch; stat -f -c %T /scratch; cat /left'
expect_stdout '^tmpfs$'
expect_stdout '^y$'
expect_equal "$(wc -l <"$T/stdout")" 2
run_cupel exec --root mounts.yaml:small -- stat -f -c %T /scratch
expect_stdout '^tmpfs$'

expect_clean
all_done

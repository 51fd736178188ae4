#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `cupel run --keep-failed`: what a failed job left is kept, opened again, listed and removed.
# time-limit: 90
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

printf 'cupel: 1\njobs: {a: {run: "false"}, b: {run: "false"}, c: {run: "false"}}\n' >many.yaml
mkdir tree && echo original >tree/file && echo single >single
cat >kept.yaml <<'YAML'
cupel: 1
defaults: {limits: {disk: 32M, wall: 20s, memory: 128M}}
jobs:
  passes: {run: "true"}
  as-root:
    inputs: [{from: tree, to: /work}, {from: single, to: /etc/single}]
    run: |
      echo changed >file
      echo more >>/etc/single
      chown 12:34 file
      mkfifo fifo
      rm /etc/hostname
      rm -r /usr/share/doc && mkdir /usr/share/doc && touch /usr/share/doc/mine
      exit 3
  as-user:
    user: nobody
    workdir: /tmp/own
    env: {OWN: value}
    pass-env: [CALLER]
    run: |
      echo evidence >left
      sleep 1000
    limits: {wall: 300ms}
    timeout-grace: 100ms
YAML
kept_ids() { run_cupel list --kept --json && jq -r '.[].job' stdout | sort | tr '\n' ' '; }

it "without --keep-failed nothing is kept"
cupel_run kept.yaml --only as-root
expect_exit 1
expect_result as-root '.kept == null'
expect_equal "$(kept_ids)" ""

it "--keep-failed: the summary says how to open it, and the result that it is kept; what passed is not"
CALLER=then cupel_run kept.yaml --keep-failed -j 2
expect_exit 1
expect_said 'reopen: cupel shell --failed as-root'
expect_result as-root '.kept | test("^[0-9a-f]+-[0-9a-f]+/as-root$")'
expect_result as-user '.kept | test("/as-user$")'
expect_result passes '.kept == null'
expect_equal "$(kept_ids)" "as-root as-user "
expect_junit_valid

it "its disk holds no loop device and no mount, and takes what the job wrote"
expect_clean
expect test "$(du -s --block-size=1M cache/cupel/kept | cut -f1)" -lt 8

in_kept() {
    STATUS=0
    (grouped "$CUPEL" shell --failed "$@") >"$T/stdout" 2>"$T/stderr" </dev/null || STATUS=$?
    complain_of_sanitizers
}
it "opened again: files, owners, FIFOs, inputs, what was removed and what was made anew are as the job left them"
in_kept as-root -- sh -c 'cat file /etc/single; stat -c %u:%g file; test -p fifo && echo fifo; ls /etc/hostname; ls /usr/share/doc; pwd'
expect_exit 0
expect_equal "$(tr '\n' ' ' <stdout)" "changed single more 12:34 fifo mine /work "
expect_stderr "/etc/hostname.*No such file"
expect_equal "$(cat tree/file)" original

it "opened again: user, environment (pass-env as it was then), working directory, limits"
CALLER=now in_kept as-user -- sh -c 'cat left; id -un; echo $OWN $CALLER; pwd; df -k --output=size / | tail -n 1; sleep 0.5'
expect_exit 0
expect_equal "$(head -n 4 stdout | tr '\n' ' ')" "evidence nobody value then /tmp/own "
expect test "$(tail -n 1 stdout)" -lt 40000

it "what a session writes is gone with it: the evidence stays"
in_kept as-user -- sh -c 'echo spoilt >left; rm -f left; echo x >new; ls'
expect_equal "$(cat stdout)" new
in_kept as-user -- sh -c 'cat left; ls'
expect_equal "$(tr '\n' ' ' <stdout)" "evidence left "

it "opened again: as the user that the job had, whatever it has made of its passwd since"
mkdir -p turned/{bin,etc,dev,proc,sys,tmp,work}
cp "$(command -v busybox)" turned/bin/busybox
printf 'root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n' >turned/etc/passwd
chmod 666 turned/etc/passwd
tar -C turned -cf turned.tar --owner=0 --group=0 .
job_file turned.yaml <<'YAML'
cupel: 1
rootfs: {turned: {tar: turned.tar}}
jobs:
  turned:
    rootfs: turned
    user: nobody
    workdir: /tmp
    run: [/bin/busybox, sh, -c, "echo nobody:x:0:0::/tmp:/bin/sh >/etc/passwd; exit 1"]
YAML
(grouped "$CUPEL" run turned.yaml --keep-failed --out "$T/out-turned") >/dev/null 2>&1 </dev/null
in_kept turned -- /bin/busybox sh -c 'busybox id -u; busybox id -g; busybox cat /etc/passwd; echo $HOME'
expect_equal "$(tr '\n' ' ' <stdout)" "65534 65534 nobody:x:0:0::/tmp:/bin/sh /home/65534 "

it "it does not depend on the job file as it is now, nor on another range of ids"
sed -i 's/OWN: value/OWN: other/; s/user: nobody/user: root/' kept.yaml
job_file busy.yaml <<'YAML'
cupel: 1
jobs: {busy: {run: "echo up; sleep 1000"}}
YAML
(grouped "$CUPEL" run busy.yaml --out "$T/out-busy") >"$T/stdout" 2>"$T/stderr" </dev/null &
CUPEL_PID=$!
expect wait_until 20 grep -qs up out-busy/logs/busy.stdout
(grouped "$CUPEL" shell --failed as-user -- sh -c 'stat -c %U left; echo $OWN') >answer 2>answer.err </dev/null
expect_equal "$(tr '\n' ' ' <answer)" "nobody value "
kill -INT "$CUPEL_PID"
cupel_wait

it "a limit of disk is what stops the job; it is kept all the same"
job_file full.yaml <<'YAML'
cupel: 1
jobs: {full: {run: "head -c 100M /dev/zero >/tmp/big", limits: {disk: 8M}}}
YAML
cupel_run full.yaml --keep-failed
expect_verdict full disk-limit
in_kept full -- sh -c 'test "$(stat -c %s /tmp/big)" -gt 7000000 && echo there'
expect_stdout there

it "the newest of a name is opened; --run and --out choose, and an unknown one is refused"
job_file again.yaml <<'YAML'
cupel: 1
jobs: {full: {run: "echo again >/tmp/again; false"}}
YAML
job_lines >first.jsonl
STATUS=0
(grouped "$CUPEL" run again.yaml --keep-failed --out "$T/out-again") >stdout 2>stderr </dev/null || STATUS=$?
expect_exit 1
in_kept full -- cat /tmp/again
expect_stdout again
in_kept full --out "$T/out" -- ls /tmp/big
expect_exit 0
in_kept full --run "$(jq -r '.kept | split("/")[0]' first.jsonl)" -- ls /tmp/big
expect_exit 0
in_kept "$(jq -r .kept first.jsonl)" -- ls /tmp/big
expect_exit 0
in_kept no-such-job
expect_exit 2
expect_stderr 'cupel list --kept'

it "opened again, whatever the job made of what a sandbox needs: what it did is to be seen"
job_file spoilt.yaml <<'YAML'
cupel: 1
jobs:
  tmp: {run: "rmdir /tmp && echo mine >/tmp; exit 1"}
  workdir: {workdir: /w, run: "cd /; rmdir /w; echo mine >/w; exit 1"}
  shut: {workdir: /w, user: nobody, run: "chmod 0 /w; exit 1"}
  input: {inputs: [{from: tree, to: /in/tree}], run: "mv /in /elsewhere; echo mine >/in; exit 1"}
YAML
cupel_run spoilt.yaml --keep-failed -j 2
in_kept tmp -- cat /tmp
expect_exit 0
expect_stdout '^mine$'
in_kept workdir -- cat w
expect_exit 0
expect_stdout '^mine$'
expect_stderr "^cupel: the job's working directory /w cannot be entered as the job left it; this begins in /$"
in_kept shut -- pwd
expect_exit 0
expect_stdout '^/$'
expect_stderr "working directory /w cannot be entered"
in_kept input -- true
expect_exit 2
expect_stderr "set-up step 'attach-inputs' failed on /in/tree: Not a directory"
expect_stderr 'hint: the job left its files so'
run_cupel clean --kept

it "one that started from others is kept with what they left; opened again, it lies over exactly that, and none runs again"
: >gate
job_file chain.yaml <<'YAML'
cupel: 1
defaults: {limits: {disk: 32M, wall: 20s}, inputs: [{from: gate, to: /gate, mode: ro}]}
jobs:
  build:
    inputs: [{from: gate, to: /gate, mode: ro}, {from: tree, to: /in}]
    cache: {key: chain, paths: [/c]}
    run: '[ ! -s /gate ]; echo built >out; echo build >/in/file; echo cached >/c/x; chown 12:34 out; rm /etc/hostname'
  test: {from: build, user: nobody, workdir: /tmp/t, run: "[ ! -s /gate ]; cat /work/out >seen; exit 1"}
  stage: {from: build, run: "[ ! -s /gate ]; echo staged >>out; mkdir d; ln out d/hard"}
  ship:
    from: stage
    services: {db: {run: "echo up; sleep 1000", ready: {log: up}}}
    run: "[ ! -s /gate ]; echo shipped >>out; rm -r d; exit 1"
YAML
cupel_run chain.yaml --keep-failed -j 2
expect_equal "$(kept_ids)" "ship test "
expect_equal "$(cat out/logs/*.stderr)" ""
echo shut >gate # whatever runs again now fails
in_kept test -- sh -c 'cat seen /work/out /in/file /c/x; stat -c %u:%g /work/out; ls /etc/hostname; id -un'
expect_exit 0
expect_equal "$(tr '\n' ' ' <stdout)" "built built build cached 12:34 nobody "
expect_stderr "/etc/hostname.*No such file"
in_kept ship -- sh -c 'cat out /in/file; stat -c %h out; ls -d d; echo more >>out'
expect_equal "$(tr '\n' ' ' <stdout)" "built staged shipped build 1 "
expect_stderr "ls: cannot access 'd'"
expect_stderr "^cupel: starting the services of job 'ship'$"
in_kept ship -- cat out
expect_equal "$(tr '\n' ' ' <stdout)" "built staged shipped "
expect_equal "$(cat tree/file)" original
expect_clean

it "what several started from takes its place once, and goes with the last of them"
expect_equal "$(stat -c %h cache/cupel/kept/*/below-* | sort -n | tail -n 1)" 2
run_cupel clean --kept
expect_stdout '^2 kept jobs removed'
expect_equal "$(ls cache/cupel/kept)" ""

it "--keep all keeps what passed, too, and what others started from is there by itself"
: >gate
cupel_run chain.yaml --keep all -j 2
expect_equal "$(kept_ids)" "build ship stage test "
expect_result build '.kept | test("/build$")'
echo shut >gate
in_kept build -- sh -c 'cat out; test -e d || echo none'
expect_equal "$(tr '\n' ' ' <stdout)" "built none "
in_kept stage -- sh -c 'cat out; stat -c %h d/hard'
expect_equal "$(tr '\n' ' ' <stdout)" "built staged 2 "
cupel_run many.yaml --keep none --keep-failed=2
expect_equal "$(kept_ids)" "build ship stage test "
cupel_run many.yaml --keep some
expect_exit 2
expect_stderr "--keep takes failed, all or none, not 'some'"
run_cupel clean --kept
expect_stdout '^4 kept jobs removed'
expect_clean

it "never more than asked for, and what is not kept says so"
run_cupel clean --kept
expect_exit 0
expect_equal "$(kept_ids)" ""
cupel_run many.yaml --keep-failed=2 -j 2
expect_equal "$(jq -r 'select(.kept != null) | .id' out/results.jsonl | wc -l)" 2
expect_equal "$(jq -r 'select(.kept == null) | .notes[]' <(job_lines out))" "not kept: --keep-failed=2 keeps no more"

it "list shows them, clean --kept removes them, by age as well"
run_cupel list --kept
expect_stdout '^[abc] +failed '
run_cupel clean --kept --older-than 1h
expect_stdout '^0 kept jobs removed'
run_cupel clean --kept
expect_stdout '^2 kept jobs removed'
run_cupel list --kept
expect_stdout '^nothing is kept'
run_cupel clean --older-than 1h
expect_exit 2

it "what is left behind: nothing"
expect_clean
expect_equal "$(ls cache/cupel/kept)" ""
all_done

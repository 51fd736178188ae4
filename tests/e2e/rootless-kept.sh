#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `cupel run --keep-failed` by an ordinary user: a directory is kept instead of a disk, copied where the job wrote into memory.
# time-limit: 120
# sanitizers: no
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"

busybox=$(command -v busybox)
if [[ -z $busybox ]] || ! "$busybox" --list >/dev/null; then
    it "kept jobs"
    skip_it "busybox-static is not installed"
    all_done
    exit 0
fi
mkdir -p tree/bin tree/etc tree/lower/deep
cp "$busybox" tree/bin/busybox
for applet in sh cat chmod chown cmp cut dd du find grep id ln ls mkdir mkfifo mknod mv printf readlink rm seq sleep sort stat test touch tr wc; do ln -s busybox "tree/bin/$applet"; done
printf 'root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n' >tree/etc/passwd
chmod 666 tree/etc/passwd
echo lower >tree/lower/file && echo deep >tree/lower/deep/file
tar -C tree --owner=0 --group=0 -cf root.tar .
mkdir in && echo original >in/file && echo single >single
chown -R "$CUPEL_TEST_USER:$CUPEL_TEST_USER" in single

# The same job twice: with a limit of disk it writes into memory, without one into a directory of the store.
cat >kept.yaml <<'YAML'
cupel: 1
rootfs: {t: {tar: root.tar}}
defaults:
  rootfs: t
  limits: {wall: 60s, memory: 128M}
  inputs: [{from: in, to: /work}, {from: single, to: /etc/single}]
  pass-env: [CALLER]
jobs:
  passes: {run: "true"}
  memory:
    limits: {disk: 32M}
    run: |
      echo changed >file; echo more >>/etc/single
      echo own >own; chown 12:34 own; chmod 4751 own
      mkfifo fifo; ln -s own link; ln own hard; mkdir sub; ln own sub/hard
      rm /lower/file; rm -r /lower/deep; mkdir /lower/deep; echo mine >/lower/deep/mine
      dd if=/dev/zero of=sparse bs=1 count=1 seek=20000000 2>/dev/null
      mkdir -m 0 closed
      exit 3
  directory:
    run: |
      echo changed >file; echo more >>/etc/single
      echo own >own; chown 12:34 own; chmod 4751 own
      mkfifo fifo; ln -s own link; ln own hard; mkdir sub; ln own sub/hard
      rm /lower/file; rm -r /lower/deep; mkdir /lower/deep; echo mine >/lower/deep/mine
      dd if=/dev/zero of=sparse bs=1 count=1 seek=20000000 2>/dev/null
      mkdir -m 0 closed
      exit 3
  nobody:
    user: nobody
    run: "cd /tmp; echo x >left; echo nobody:x:0:0::/:/bin/sh >/etc/passwd; exit 1"
  deep:
    limits: {disk: 32M}
    run: "cd /tmp; for i in $(seq 200); do mkdir d && cd d; done; exit 1"
YAML
in_kept() {
    STATUS=0
    (grouped "$CUPEL" shell --failed "$@") >"$T/stdout" 2>"$T/stderr" </dev/null || STATUS=$?
    complain_of_sanitizers
}

it "failed jobs are kept, passed ones are not"
CALLER=then cupel_run kept.yaml --keep-failed --only passes --only memory --only directory --only nobody -j 2
expect_exit 1
for job in memory directory nobody; do
    [[ $job == nobody ]] || expect_result "$job" '.exit == 3'
    expect_result "$job" '.kept | test("/'"$job"'$")'
done
expect_result passes '.kept == null'
expect_clean

look='cat file /etc/single; stat -c "%u:%g %a %h" own; cat own; test -p fifo && readlink link; test own -ef hard && test own -ef sub/hard && echo one; ls /lower /lower/deep; stat -c %s sparse; test "$(du -k sparse | cut -f1)" -lt 100 && echo sparse; stat -c "%A" closed; echo $CALLER; id -u'
for job in memory directory; do
    it "$job, opened again: contents, owners, modes, FIFOs, links, holes, what was removed and what was made anew"
    CALLER=now in_kept "$job" -- sh -c "$look"
    expect_exit 0
    expect_equal "$(tr '\n' ' ' <stdout)" "changed single more 12:34 4751 3 own own one /lower: deep  /lower/deep: mine 20000001 sparse d--------- then 0 "
    expect_equal "$(cat in/file)" original
done

it "what a session writes is gone with it"
in_kept memory -- sh -c 'echo spoilt >file; rm own; rm -r /lower/deep; echo x >new'
expect_exit 0
in_kept memory -- sh -c 'cat file own; ls /lower/deep; test ! -e new && echo none'
expect_equal "$(tr '\n' ' ' <stdout)" "changed own mine none "

it "opened again as the user that the job had, whatever it has made of its passwd since"
in_kept nobody -- sh -c 'id -u; cat /tmp/left; cat /etc/passwd'
expect_equal "$(tr '\n' ' ' <stdout)" "65534 x nobody:x:0:0::/:/bin/sh "

it "one that started from others is kept with what they left, in memory or in a directory"
cat >chain.yaml <<'YAML'
cupel: 1
rootfs: {t: {tar: root.tar}}
defaults: {rootfs: t, limits: {wall: 60s}}
jobs:
  build: {run: "echo built >out; chown 12:34 out; ln out hard; rm -r /lower/deep; mkfifo fifo"}
  test: {from: build, limits: {disk: 32M}, run: "echo tested >>out; mkdir /lower/deep; echo mine >/lower/deep/mine"}
  ship: {from: test, run: "echo shipped >>out; rm hard; exit 1"}
YAML
cupel_run chain.yaml --keep all
expect_exit 1
expect_equal "$(jq -r 'select(.kept != null) | .id' out/results.jsonl | sort | tr '\n' ' ')" "build ship test "
sed -i 's/echo built/exit 9; echo built/' chain.yaml
in_kept ship -- sh -c 'cat out; stat -c "%u:%g %h" out; ls /lower /lower/deep; test -p fifo && ls hard; echo x >>out'
expect_equal "$(tr '\n' ' ' <stdout)" "built tested shipped 12:34 1 /lower: deep file  /lower/deep: mine "
in_kept ship -- cat out
expect_equal "$(tr '\n' ' ' <stdout)" "built tested shipped "
in_kept test -- sh -c 'cat out; stat -c %h hard; cat /lower/deep/mine'
expect_equal "$(tr '\n' ' ' <stdout)" "built tested 2 mine "
in_kept build -- sh -c 'cat out; ls /lower'
expect_equal "$(tr '\n' ' ' <stdout)" "built file "
expect_clean
run_cupel list --kept --json
for entry in $(jq -r '.[] | select(.job == "ship" or .job == "build" or .job == "test") | .run' stdout | sort -u); do rm -rf "cache/cupel/kept/$entry".*; done

it "its size is that of what the job wrote"
run_cupel list --kept --json
expect_equal "$(jq -r '[.[] | .bytes > 0 and .bytes < 1000000] | all' stdout) $(jq length stdout)" "true 3"

it "what cannot be copied is not kept, and says why; the next job is not disturbed"
cupel_run kept.yaml --keep-failed --only deep --only memory
expect_result deep '.kept == null'
expect_equal "$(result deep '.notes[0]')" "not kept: its directories are nested too deep to be copied"
expect_result memory '.kept != null'
expect_clean

it "never more than asked for; clean --kept removes what belongs to other ids as well"
run_cupel clean --kept
expect_stdout '^4 kept jobs removed'
expect_equal "$(ls cache/cupel/kept)" ""
cupel_run kept.yaml --keep-failed=1 --only memory --only directory
expect_equal "$(jq -r 'select(.kept != null) | .id' out/results.jsonl | wc -l)" 1
expect_equal "$(jq -r 'select(.kept == null) | .notes[]' <(job_lines out))" "not kept: --keep-failed=1 keeps no more"
run_cupel clean --kept
expect_stdout '^1 kept job removed'

it "without subordinate ids: likewise, all of it root's"
without_ranges
sed 's/chown 12:34 own/true/; /^  nobody:/,/^  deep:/{/^  deep:/!d}' kept.yaml >few.yaml
cupel_run few.yaml --keep-failed --only memory --only directory
for job in memory directory; do
    in_kept "$job" -- sh -c 'stat -c "%u:%g %h" own; ls /lower/deep'
    expect_equal "$job $(tr '\n' ' ' <stdout)" "$job 0:0 3 mine "
done
run_cupel clean --kept
expect_stdout '^2 kept jobs removed'
with_ranges

it "a store that cannot hold what jobs write is refused before anything runs"
mkdir other && mount -t ramfs ramfs other && chown "$CUPEL_TEST_USER" other
(CUPEL_CACHE=$T/other grouped "$CUPEL" run kept.yaml --keep-failed --only memory --out "$T/out-other") >stdout 2>stderr </dev/null
STATUS=$?
umount -l other
expect_exit 3
expect_stderr "--keep-failed: the store's file system cannot hold what jobs write"
expect_stderr 'hint: .*CUPEL_CACHE'
expect_not [ -e out-other/results.jsonl ]

it "what is left behind: nothing"
expect_clean
expect_equal "$(ls cache/cupel/kept)" ""
all_done

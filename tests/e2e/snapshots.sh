#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `from: JOB`: a job starts from the finished file system of another.
# time-limit: 120
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

on_disks() { [[ -z ${CUPEL_TEST_USER-} ]]; }
mkdir -p tree/sub && echo original >tree/file && echo sub >tree/sub/file && echo single >single && echo fixed >fixed
on_disks || chown -R "$CUPEL_TEST_USER:$CUPEL_TEST_USER" tree single fixed
cat >chain.yaml <<'YAML'
cupel: 1
defaults: {limits: {wall: 20s}}
jobs:
  build:
    inputs: [{from: tree, to: /work}, {from: single, to: /data/single}, {from: fixed, to: /data/fixed, mode: ro}]
    run: |
      echo built >out
      echo changed >file
      rm -r sub && mkdir sub && echo new >sub/new
      echo more >>/data/single
      mkdir -p /data/a/b && echo deep >/data/a/b/c && ln -s b /data/a/link && mkfifo /data/fifo
      rm -f /data/nothing
      chmod 700 /work && touch -d @1000 /data/a/b/c
      echo gone >/tmp/scratch; echo gone >/dev/shm/scratch
  test:
    from: build
    run: |
      test "$(cat out file)" = "$(printf 'built\nchanged')"
      test "$(ls sub)" = new
      test "$(cat /data/single /data/fixed)" = "$(printf 'single\nmore\nfixed')"
      test "$(cat /data/a/link/c)" = deep
      test "$(stat -c %Y /data/a/b/c)" = 1000
      test -p /data/fifo
      test "$(stat -c %a /work)" = 700
      test ! -e /dev/shm/scratch
      ! echo x 2>/dev/null >>/data/fixed
      echo of-test >out; rm /data/a/b/c; rm file; mkdir file; echo second >sub/second
  again:
    from: test
    run: |
      test "$(cat out)" = of-test
      test ! -e /data/a/b/c
      test -d file
      test "$(ls sub | tr '\n' ' ')" = "new second "
      test "$(cat /data/single)" = "$(printf 'single\nmore')"
  beside:
    from: build
    needs: again
    run: test "$(cat out file)" = "$(printf 'built\nchanged')"; cat /data/a/b/c; test "$(ls sub)" = new
YAML

it "a job sees what the one that it starts from has written, its inputs included, and the host nothing"
cupel_run chain.yaml -j 2
expect_exit 0
for job in build test again beside; do expect_verdict "$job" passed; done
expect_equal "$(cat tree/file tree/sub/file single fixed | tr '\n' ' ')" "original sub single fixed "
expect_clean

it "who the user of a job is, the job that it starts from has no say in"
cat >forged.yaml <<'YAML'
cupel: 1
jobs:
  forge: {run: "sed -i 's/^nobody:.*/nobody:x:0:0::\\/forged:\\/bin\\/sh/; /^daemon:/d' /etc/passwd; grep -q ^nobody:x:0: /etc/passwd"}
  gone: {from: forge, run: "rm /etc/passwd; mkdir /etc/passwd"}
  nobody: {from: forge, user: nobody, run: 'test "$(id -u)" = 65534; test "$HOME" != /forged'}
  daemon: {from: forge, user: daemon, run: 'test "$(id -u)" = 1; test "$USER" = daemon'}
  number: {from: gone, user: "65534", run: 'test "$(id -u):$USER" = 65534:nobody'}
  directory: {from: gone, user: daemon, run: 'test "$(id -u)" = 1'}
YAML
cupel_run forged.yaml
expect_exit 0
for job in forge gone nobody daemon number directory; do expect_verdict "$job" passed; done
expect_clean

it "what a job starts from is part of what --only selects"
cupel_run chain.yaml --only again
expect_exit 0
expect_equal "$(jq -r .id <(job_lines out) | tr '\n' ' ')" "build test again "

it "one slot, or more than there are jobs: the same"
cupel_run chain.yaml -j 1
expect_exit 0
cupel_run chain.yaml -j 8
expect_exit 0

it "under limits of disk and inodes each job's own writing counts, not what it starts from"
cat >limits.yaml <<'YAML'
cupel: 1
defaults: {limits: {wall: 20s, disk: 12M, inodes: 200, memory: 256M}}
jobs:
  first: {run: "mkdir -p /data; head -c 8M /dev/zero >/data/a; i=0; while test $i -lt 120; do : >/data/f$i; i=$((i+1)); done"}
  second: {from: first, run: "head -c 8M /dev/zero >/data/b; i=0; while test $i -lt 120; do : >/data/g$i; i=$((i+1)); done; test $(stat -c %s /data/a) = 8388608"}
  third: {from: second, run: "test -e /data/f119 -a -e /data/g119; head -c 16M /dev/zero >/data/c"}
YAML
cupel_run limits.yaml -j 2
expect_exit 1
expect_verdict first passed
expect_verdict second passed
expect_verdict third disk-limit
expect_clean

it "what a failed job leaves is nobody's start: those that start from it are skipped, with the reason"
cat >fails.yaml <<'YAML'
cupel: 1
jobs:
  build: {run: "exit 3"}
  test: {from: build, run: "true"}
  more: {from: test, run: "true"}
YAML
cupel_run fails.yaml
expect_exit 1
expect_verdict test skipped
expect_evidence test "needs 'build', which did not pass"
expect_verdict more skipped

it "of several attempts, it is the one that passed"
cat >retries.yaml <<'YAML'
cupel: 1
jobs:
  flaky:
    retries: 10
    run: |
      mkdir -p /data
      test ! -e /data/which
      echo "$$ $(date +%N)" >/data/which; cat /data/which
      if [ $(od -An -N1 -tu1 /dev/urandom) -lt 96 ]; then exit 1; fi
  test: {from: flaky, run: cat /data/which}
YAML
for _ in {1..20}; do
    cupel_run retries.yaml
    [[ $(result flaky .attempts) == 1 ]] || break
done
expect_exit 0
expect_result flaky '.attempts > 1'
expect_equal "$(log test)" "$(log flaky)"

it "hostile layers: attributes of the overlay's own that a job sets mean nothing one layer further down"
cat >probe.py <<'PY'
import os
os.makedirs('/data/dir/below')
for path in '/data/file', '/data/dir/f':
    open(path, 'w').write('own')
names = 'redirect', 'metacopy', 'opaque', 'origin', 'whiteout', 'upper', 'overlay.opaque', 'overlay.redirect'
for path in '/data/file', '/data/dir', '/data/dir/f', '/etc', '/', '/work':
    for name in ['user.overlay.' + n for n in names] + ['trusted.overlay.' + n for n in names]:
        try:
            os.setxattr(path, name, b'/etc' if 'redirect' in name else b'y')
            print(path, name, 'set')
        except OSError as e:
            print(path, name, e.strerror)
try:
    os.mknod('/data/dir/whiteout', 0o020600, 0)
    print('whiteout made')
except OSError as e:
    print(e.strerror)
PY
cat >hostile.yaml <<'YAML'
cupel: 1
jobs:
  build: {inputs: [{from: tree, to: /work}, {from: probe.py, to: /probe.py}], run: [/usr/bin/python3, /probe.py]}
  test:
    from: build
    run: |
      test "$(cat /data/file /data/dir/f)" = ownown
      test -d /data/dir/below
      test -e /etc/passwd
      test -d /usr/bin
      test "$(ls /data/dir)" = "$(printf 'below\nf')"
      test ! -e /data/dir/passwd
      test -e /work/file -a -d /work/sub
  own:
    run: |
      mkdir -p /data && cp /bin/id /data/id && chmod 4755 /data/id && chown 65534 /data/id
  uses: {from: own, user: nobody, run: "/data/id -u"}
YAML
cupel_run hostile.yaml
expect_verdict build passed
expect_verdict test passed
expect_no_log build 'whiteout made'
expect_no_log build 'trusted.* set'
expect_verdict uses passed
expect_log uses '^65534$'

it "owners are the job's own, whichever slot ran which"
cat >owners.yaml <<'YAML'
cupel: 1
jobs:
  base: {run: "mkdir -p /data/o && : >/data/o/root && : >/data/o/user && chown 12:34 /data/o/user && : >/data/o/last && chown 65534:65534 /data/o/last"}
  t1: &t {from: base, run: "stat -c '%n %u:%g' /data/o/* && sleep 0.3"}
YAML
sed -i 's/ &t / /' owners.yaml
for i in 2 3 4; do sed -n 's/^  t1:/  t'$i':/p' owners.yaml; done >added
cat added >>owners.yaml
cupel_run owners.yaml -j 4
expect_exit 0
for i in 1 2 3 4; do
    expect_equal "$(log t$i | tr '\n' ' ')" "/data/o/last 65534:65534 /data/o/root 0:0 /data/o/user 12:34 "
done

it "a long chain, each job on top of all the others"
{
    printf 'cupel: 1\njobs:\n  j0: {inputs: [{from: tree, to: /work}], run: "echo 0 >>file; mkdir /data && echo 0 >/data/f0"}\n'
    for i in {1..16}; do
        printf '  j%d: {from: j%d, run: "echo %d >>file; echo %d >/data/f%d; test $(ls /data/f* | wc -l) = %d"}\n' "$i" $((i - 1)) "$i" "$i" "$i" $((i + 1))
    done
} >long.yaml
cupel_run long.yaml -j 2
expect_exit 0
expect_verdict j16 passed

it "and one more is refused, with the place"
printf '  j17: {from: j16, run: "true"}\n' >>long.yaml
run_cupel validate long.yaml
expect_exit 2
expect_said 'long.yaml:20:15: more than 16 jobs start one from another'

it "what is needed no more is given back before the run ends"
cat >give.yaml <<'YAML'
cupel: 1
jobs:
  big: {run: "mkdir -p /data; head -c 40M /dev/urandom >/data/big"}
  uses: {from: big, run: "test $(stat -c %s /data/big) = 41943040"}
  waits: {needs: uses, run: "sleep 1000"}
YAML
cupel_start give.yaml -j 1
given_back() {
    local where=$T/cache/cupel
    ! on_disks || where=''
    [[ $(jq -r 'select(.id == "uses") | .verdict' out/results.jsonl 2>/dev/null) == passed ]] || return 1
    if on_disks; then
        (($(for l in /sys/block/loop*/loop/backing_file; do grep -F "$T/" "$l" 2>/dev/null; done | wc -l) <= 1))
    else
        [[ -z $(find "$where/runs" -name big -size +30M) ]]
    fi
}
expect wait_until 15 given_back
kill -INT "$CUPEL_PID"
cupel_wait
expect_exit 130
expect_clean

it "killed with SIGKILL in the middle, it leaves nothing that the next start does not clean away"
cupel_start give.yaml -j 2 2>/dev/null
has_started() { [[ $(jq -r 'select(.id == "big") | .verdict' out/results.jsonl 2>/dev/null) == passed ]]; }
expect wait_until 15 has_started
kill -KILL "$CUPEL_PID"
{ cupel_wait; } 2>/dev/null
expect wait_until 5 no_processes
cupel_run fails.yaml
expect_clean

it "cupel shell runs what the job starts from first"
run_cupel shell chain.yaml again -- /bin/sh -c 'cat out; ls -d file; ls sub; cat /data/single; echo written >more'
expect_exit 0
expect_equal "$(tr '\n' ' ' <stdout)" 'of-test file new second single more '
expect_stderr "running job 'build' first"
expect_stderr "running job 'test' first"
expect_clean

it "and says when that did not pass"
run_cupel shell fails.yaml more -- true
expect_exit 2
expect_stderr "job 'build', which has to run first, did not pass \(failed\): exit code 3, expected 0"
expect_clean

all_done

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `inputs: [{job, from, to}]`: a job has another job's files, as that one left them.
# time-limit: 120
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

as_root() { [[ -z ${CUPEL_TEST_USER-} ]]; }
mkdir -p tree/sub tree/gone tree/deep/a && echo original >tree/file && echo sub >tree/sub/file && echo x >tree/gone/x
echo deep >tree/deep/a/file && echo single >single
as_root || chown -R "$CUPEL_TEST_USER:$CUPEL_TEST_USER" tree single
cat >jobs.yaml <<'YAML'
cupel: 1
defaults: {limits: {wall: 60s}}
jobs:
  base:
    run: |
      mkdir -p /srv/out/keep /srv/out/replaced /srv/out/old && echo base >/srv/out/keep/base
      echo base >/srv/out/replaced/base; echo base >/srv/out/old/base; echo base >/srv/out/deleted
  build:
    from: base
    inputs: [{from: tree, to: /work}, {from: single, to: /data/single}, {from: single, to: /data/copy, mode: copy}, {from: single, to: /data/ro, mode: ro}]
    run: |
      cd /srv/out
      echo build >keep/build; rm -r replaced old deleted; mkdir replaced; echo build >replaced/build
      echo tool >tool; chmod 755 tool; ln -s /etc/shadow link; ln -s keep dir-link; ln -s tool file-link
      cd /work
      echo changed >file; rm -r gone; rm -r sub; mkdir sub; echo new >sub/new; echo more >>/data/single
      echo built >deep/a/built
  each: {matrix: {CC: [gcc, clang]}, run: 'mkdir -p /srv/$CC && echo "of $CC" >/srv/$CC/name'}
  ro:
    inputs: [{job: build, from: /srv/out, to: /a, mode: ro}]
    run: |
      test "$(cd /a && find . -type f | sort | tr '\n' ' ')" = "./keep/base ./keep/build ./replaced/build ./tool "
      test "$(readlink /a/link)" = /etc/shadow
      test "$(cat /a/dir-link/base)" = base
      ! touch /a/x 2>/dev/null
      ! rm /a/tool 2>/dev/null
  cow:
    inputs: [{job: build, from: /srv/out, to: /a}, {job: build, from: /srv/out/replaced, to: /b}]
    run: |
      test "$(ls /b)" = build
      echo mine >/a/keep/base; rm -r /a/replaced; mkdir /a/replaced; touch /a/replaced/mine /b/mine; rm /a/tool
      test "$(cat /a/keep/base /a/keep/build | tr '\n' ' ')" = "mine build "
      test "$(ls /a/replaced)" = mine
  own:
    needs: cow
    inputs: [{job: build, from: /work, to: /w}, {job: build, from: /work/deep/a, to: /d, mode: ro}, {job: build, from: /srv/out, to: /o}]
    run: |
      test "$(cd /w && find . -type f | sort | tr '\n' ' ')" = "./deep/a/built ./deep/a/file ./file ./sub/new "
      test "$(cat /w/file)" = changed
      test "$(ls /d | tr '\n' ' ')" = "built file "
      test "$(cat /o/keep/base)" = base
  files:
    inputs: [{job: build, from: /srv/out/tool, to: /bin-of/tool, mode: ro}, {job: build, from: /srv/out/tool, to: /mine},
             {job: build, from: /data/single, to: /s, mode: ro}, {job: build, from: /work/file, to: /f},
             {job: build, from: /data/copy, to: /c}, {job: build, from: /data/ro, to: /r}, {job: build, from: /data/ro, to: /rr, mode: ro}]
    run: |
      test "$(cat /bin-of/tool /mine /f | tr '\n' ' ')" = "tool tool changed "
      test "$(cat /s | tr '\n' ' ')" = "single more "
      test "$(cat /c /r /rr | tr '\n' ' ')" = "single single single "
      test -x /mine
      echo x >>/mine
      ! echo x 2>/dev/null >>/bin-of/tool
  fan:
    inputs: [{job: each/CC=gcc, from: /srv/gcc, to: /in/gcc}, {job: each/CC=clang, from: /srv/clang, to: /in/clang}, {job: build, from: /srv/out/keep, to: /in/keep}]
    run: test "$(cat /in/*/name | tr '\n' ' ')" = "of clang of gcc "; test -e /in/keep/base
  pair:
    matrix: {CC: [gcc, clang]}
    inputs: [{job: each, from: "/srv/${{ CC }}"}]
    run: test "$(cat /srv/$CC/name)" = "of $CC"
  second: # a chain of such inputs, and what was written below one of them
    inputs: [{job: cow, from: /a, to: /c}]
    run: |
      test "$(cd /c && find . -type f | sort | tr '\n' ' ')" = "./keep/base ./keep/build ./replaced/mine "
      test "$(cat /c/keep/base)" = mine
      echo second >/c/keep/second
  passed-on: {inputs: [{job: ro, from: /a/keep, to: /k}, {job: files, from: /s, to: /s}], run: test "$(ls /k | tr '\n' ' ')" = "base build "; test -f /s}
  third:
    inputs: [{job: second, from: /c/keep, to: /k, mode: ro}]
    run: test "$(ls /k | tr '\n' ' ')" = "base build second "
  from-ro: {from: ro, run: 'test -e /a/keep/base; ! touch /a/x 2>/dev/null'}
  over: # and one that starts from a job which has them
    from: second
    inputs: [{job: ro, from: /a/keep, to: /r}]
    run: test "$(ls /c/keep | tr '\n' ' ')" = "base build second "; test "$(ls /r | tr '\n' ' ')" = "base build "
YAML

it "a job has what others left, whole and merged, and they do not have what it makes of that"
cupel_run jobs.yaml -j 2
expect_exit 0
for job in ro cow own files fan pair/CC=gcc pair/CC=clang second third over passed-on from-ro; do expect_verdict "$job" passed; done
expect_equal "$(cat tree/file single)" "original
single"
expect_clean

it "what a job takes files of is part of what --only selects"
cupel_run jobs.yaml --only third
expect_exit 0
expect_equal "$(jq -r .id <(job_lines out) | tr '\n' ' ')" "base build cow second third "

cat >bad.yaml <<'YAML'
cupel: 1
defaults: {limits: {wall: 60s}}
jobs:
  left: {run: 'mkdir -p /srv/d && ln -s /etc /srv/link && echo x >/srv/file && mkfifo /srv/fifo && echo y >/srv/d/y'}
  fails: {run: 'mkdir /srv/x; false'}
  allowed: {run: 'mkdir -p /srv/x; exit 3', allow-failure: true}
  missing: {inputs: [{job: left, from: /srv/none}], run: echo ran}
  through: {inputs: [{job: left, from: /srv/link/passwd}], run: echo ran}
  at-link: {inputs: [{job: left, from: /srv/link}], run: echo ran}
  in-file: {inputs: [{job: left, from: /srv/file/x}], run: echo ran}
  fifo: {inputs: [{job: left, from: /srv/fifo}], run: echo ran}
  of-failed: {inputs: [{job: fails, from: /srv/x}], run: echo ran}
  of-allowed: {inputs: [{job: allowed, from: /srv/x}], run: echo ran}
  tried:
    inputs: [{from: tries, to: /seen, mode: ro}]
    retries: 1
    run: |
      mkdir /srv/t; word=$(cat /seen/word); touch "/srv/t/$word"
      test "$word" = two || { echo waiting; until grep -q two /seen/word; do sleep 0.05; done; exit 1; }
  after-retry: {inputs: [{job: tried, from: /srv/t}], run: test "$(ls /srv/t)" = two}
  hostile: {run: 'ln -s /etc /srv/link; mkdir /srv/d; ln -s /etc/passwd /srv/d/p', inputs: [{from: tree, to: /t, untrusted: true}]}
  tricked: {inputs: [{job: hostile, from: /srv/link}], run: echo ran}
  unmoved: {inputs: [{job: hostile, from: /srv/d, to: /d}], run: 'test "$(readlink /d/p)" = /etc/passwd'}
  fine: {inputs: [{job: left, from: /srv/d}], run: test "$(cat /srv/d/y)" = y}
YAML
mkdir -p tries && echo one >tries/word

it "what is not there is this job's failure, and links are not followed"
cupel_start bad.yaml -j 2
expect wait_until 30 grep -qs waiting out/logs/tried.stdout
echo two >tries/word
cupel_wait
expect_exit 1
for job in missing through at-link in-file fifo; do expect_verdict "$job" failed; done
for job in of-failed of-allowed; do expect_verdict "$job" skipped; done
expect_verdict tricked invalid-submission
for job in tried after-retry unmoved fine; do expect_verdict "$job" passed; done
expect_evidence missing "^cannot start: job 'left' left nothing there: /srv/none"
expect_evidence through "symbolic link"
expect_clean

if as_root; then
    cat >users.yaml <<'YAML'
cupel: 1
defaults: {limits: {wall: 60s}}
jobs:
  left: {run: 'mkdir -p /srv/d/sub && echo x >/srv/d/sub/file && chown 7:7 /srv/d/sub && seq 100000 >/srv/big && echo x >/etc/own'}
  given: {user: "1000", inputs: [{job: left, from: /srv/d, to: /d}], run: 'test "$(stat -c %u /d /d/sub/file /d/sub | tr "\n" " ")" = "1000 1000 7 "; touch /d/new; echo y >>/d/sub/file'}
  kept: {user: "1000", inputs: [{job: left, from: /srv/d, to: /d, owner: host}], run: 'test "$(stat -c %u /d /d/sub/file | tr "\n" " ")" = "0 0 "; ! touch /d/new'}
  next: {inputs: [{job: given, from: /d}], run: 'test "$(stat -c %u /d/new /d/sub/file | tr "\n" " ")" = "0 0 "; echo z >>/d/sub/file; grep -q y /d/sub/file'}
  small: {limits: {disk: 1M}, inputs: [{job: left, from: /srv/big, to: /big}], run: 'test "$(wc -l </big)" = 100000; ! dd if=/dev/zero of=/fill bs=64K count=32 2>/dev/null; test "$(stat -c %s /fill)" -gt 700000'}
  root: {inputs: [{job: left, from: /etc, to: /e, mode: ro}], run: test -e /e/own -a -e /e/passwd}
YAML
    it "what belongs to that job's user is this one's; a file that is copied takes nothing of the limit"
    cupel_run users.yaml -j 2
    expect_exit 0
    for job in given kept next small root; do expect_verdict "$job" passed; done
    expect_clean
fi

cat >hidden.yaml <<'YAML'
cupel: 1
defaults: {limits: {wall: 60s}}
jobs:
  all: {inputs: [{from: tree, to: /all}], run: touch /all/seen}
  no-out: {inputs: [{job: all, from: /all, to: /x}, {job: all, from: /all/deep, to: /d}], run: test -e /x/seen -a -e /x/file -a ! -e /x/deep/out -a -e /d/a/file -a ! -e /d/out}
  out: {inputs: [{job: all, from: /all/deep/out/logs, to: /x}], run: echo ran, allow-failure: {verdicts: [failed]}}
YAML
it "the out directory is not seen in what was an input of another job either"
run_cupel run --out tree/deep/out hidden.yaml
expect_exit 0
expect_said 'out: .*left nothing there: /all/deep/out/logs'

it "a session has them, of jobs that run first, or of what was kept"
run_cupel shell jobs.yaml second -- sh -c 'cat /c/keep/base; ls /c/keep'
expect_exit 0
expect_stdout '^mine$'
expect_equal "$(grep -c "^cupel: running job" stderr)" 3
run_cupel exec --root jobs.yaml:third -- ls /k
expect_exit 0
expect_equal "$(tr '\n' ' ' <stdout)" 'base build second '
cat >kept.yaml <<'YAML'
cupel: 1
defaults: {limits: {wall: 60s}}
jobs:
  base: {run: 'mkdir -p /srv/out && echo base >/srv/out/base'}
  build: {from: base, inputs: [{from: tree, to: /work}], run: 'echo one >/srv/out/file; echo built >/work/built'}
  other: {run: 'mkdir -p /srv/other; echo other >/srv/other/file'}
  broken:
    inputs: [{job: build, from: /srv/out, to: /a}, {job: other, from: /srv/other, to: /o, mode: ro}, {job: build, from: /work, to: /w}]
    run: echo mine >/a/mine; rm /a/file; echo mine >/w/mine; false
YAML
busybox=$(command -v busybox)
[[ -z $busybox ]] || cat >>kept.yaml <<YAML
  elsewhere: {rootfs: scratch, inputs: [{job: other, from: /srv/other}, {from: $busybox, to: /busybox, mode: ro}], run: [/busybox, "false"]}
YAML
cupel_run kept.yaml --keep-failed
expect_exit 1
[[ -z $busybox ]] || expect_result elsewhere '[.notes[]?] | any(test("not kept: an input is the files of a job with another"))'
sed -i 's/echo one/echo two/' kept.yaml
run_cupel shell --failed broken -- sh -c 'cd /; cat a/base a/mine o/file w/built w/mine w/file; ls a; ! touch /o/x 2>/dev/null'
expect_exit 0
expect_equal "$(tr '\n' ' ' <stdout)" 'base mine other built mine original base mine '
run_cupel clean --kept
expect_exit 0

all_done

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Artifacts: files, links that stay inside and directories beneath the job's root, copied out following no link.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

echo secret >host-secret
chmod 600 host-secret
job_file artifacts.yaml <<YAML
cupel: 1
defaults: {limits: {wall: 5m, disk: 64M}}
jobs:
  plain:
    run: |
      mkdir -p dist/deep
      echo one >dist/one.txt
      echo two >dist/two.txt
      echo three >dist/deep/three.txt
      echo no >dist/no.log
      printf '#!/bin/sh\n' >tool && chmod 755 tool
      chmod 000 dist/two.txt
    artifacts: ["/work/dist/*.txt", /work/tool]
  directory:
    run: mkdir -p d/e && echo 1 >d/a && echo 2 >d/e/b
    artifacts: [/work/d]
  nothing:
    run: echo
    artifacts: ["/work/nosuch*"]
  hostile:
    run: |
      mkdir out
      ln -s $T/host-secret out/abs
      ln -s ../../../../../../../../..$T/host-secret out/rel
      ln -s /etc out/etc
      ln -s /proc/self/root out/root
      mkfifo out/fifo
      python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("out/socket")' 2>/dev/null || :
      mknod out/null c 1 3 2>/dev/null || :
      echo fine >out/fine
      ln out/fine out/fine-hard
      ln -s /etc linked
      echo x >"out/-rf"
      echo x >"out/\$(printf 'new\\nline')"
    artifacts: ["/work/out/*", "/work/linked/passwd*"]
  only-on-failure:
    run: echo x >a; exit 0
    artifacts: {paths: [/work/a], when: failure}
  on-failure:
    run: echo x >a; exit 1
    artifacts: {paths: [/work/a], when: failure}
  only-on-success:
    run: echo x >a; exit 1
    artifacts: {paths: [/work/a], when: success}
  too-big:
    run: head -c 2000000 /dev/zero >big; echo small >small
    artifacts: {paths: [/work/big], max: 1M}
  in-order:
    run: for i in c a d b; do head -c 300000 /dev/zero >\$i; done
    artifacts: {paths: ["/work/*"], max: 1M}
  too-big-and-failed:
    run: head -c 2000000 /dev/zero >big; exit 3
    artifacts: {paths: [/work/big], max: 1M}
  linked:
    limits: {disk: 8M}
    run: |
      head -c 4000000 /dev/urandom >a
      mkdir d
      i=0; while [ \$i -lt 100 ]; do ln a d/l\$i; i=\$((i + 1)); done
    artifacts: {paths: [/work/a, /work/d], max: 5M}
  kept:
    workdir: /here
    run: |
      mkdir -m 750 tree tree/empty tree/skipped && echo x >tree/file.txt && echo y >tree/file.tmp
      echo z >tree/skipped/file && chmod 640 tree/file.txt && ln -s file.txt tree/link && ln -s ../there tree/dangling
      touch -h -d 2001-02-03T04:05:06Z tree/file.txt tree/empty tree/link && touch -d 2002-02-03T04:05:06Z tree
    artifacts: {paths: ["tr{ee,unk}"], exclude: ["**/*.tmp", tree/skipped]}
  missing:
    run: echo x >there
    artifacts: [there, gone, "*.none"]
  missing-glob:
    run: echo
    artifacts: {paths: ["*.none"], if-missing: fail}
  missing-noted:
    run: echo
    artifacts: {paths: [gone], if-missing: note}
  missing-ignored:
    run: echo
    artifacts: {paths: [gone, "*.none"], if-missing: ignore}
  missing-and-failed:
    run: exit 4
    artifacts: gone
  sparse:
    run: truncate -s 40M sparse; echo end >>sparse
    artifacts: [/work/sparse]
YAML
cupel_run artifacts.yaml
expect_exit 1 # and not 3: a link among the artifacts is no loss
a=out/artifacts

# Where an artifact came to lie: by its name, wherever below the job's directory.
artifact() {
    find "$a/$1" -type f -name "$2" 2>/dev/null
}

it "globs are collected, as their owner reads them, whatever their mode"
expect_verdict plain passed
expect_equal "$(cat "$(artifact plain one.txt)" "$(artifact plain two.txt)" | tr '\n' ' ')" "one two "
expect_equal "$(artifact plain no.log)$(artifact plain three.txt)" ""
expect [ -x "$(artifact plain tool)" ]

it "no set-id bit, device or foreign owner comes out"
expect_equal "$(find "$a" ! -user "${CUPEL_TEST_USER:-0}" -o -perm /6000 -o -type b -o -type c -o -type p -o -type s)" ""

it "a directory is collected with what is in it"
expect_equal "$(cat "$(artifact directory a)" "$(artifact directory b)" | tr '\n' ' ')" "1 2 "

it "links that stay inside, modes, times and empty directories are kept; braces, exclude and workdir"
expect_verdict kept passed
expect_equal "$(cd "$a/kept" && find . -mindepth 1 -printf '%P %y %l\n' | sort)" "here d 
here/tree d 
here/tree/dangling l ../there
here/tree/empty d 
here/tree/file.txt f 
here/tree/link l file.txt"
expect_equal "$(stat -c '%a %Y' "$a"/kept/here/tree{,/file.txt,/empty} | tr '\n' ' ')" "750 1012709106 640 981173106 750 981173106 "
expect_equal "$(stat -c %Y "$a/kept/here/tree/link")" 981173106
expect_result kept '(.artifacts | map(.path | sub("artifacts/kept/here/tree/"; ""))) == ["dangling", "file.txt", "link"] and (has("notes") | not)'

it "a path that is missing fails the job, a pattern is noted; if-missing says otherwise"
expect_verdict missing failed
expect_evidence missing '^artifact gone is missing$'
expect_result missing '.notes | any(. == "artifact pattern *.none matched nothing")'
expect_equal "$(cat "$(artifact missing there)")" x
expect_verdict missing-glob failed
expect_evidence missing-glob '^artifact pattern \*.none matched nothing$'
expect_verdict missing-noted passed
expect_result missing-noted '.notes == ["artifact gone is missing"]'
expect_verdict missing-ignored passed
expect_result missing-ignored 'has("notes") | not'
expect_verdict missing-and-failed failed
expect_evidence missing-and-failed '^exit code 4, expected 0$'

it "what matched nothing is said"
expect_result nothing '(.verdict == "passed") and ((.notes // []) | tostring | contains("nosuch"))'

it "links are not followed, fifos and devices are not opened"
expect_verdict hostile passed
expect_equal "$(grep -rl secret "$a" 2>/dev/null)" ""
expect_equal "$(grep -rl 'root:x:0' "$a" 2>/dev/null)" ""
expect_equal "$(find "$a/hostile" -type l)" ""
expect_equal "$(cat "$(artifact hostile fine)")" fine

it "when: failure and success"
expect_equal "$(artifact only-on-failure a)" ""
expect_equal "$(cat "$(artifact on-failure a)")" x
expect_equal "$(artifact only-on-success a)" ""

it "more than max is the job's failure, in a fixed order; what the job did itself comes first"
expect_equal "$(artifact too-big big)" ""
expect_verdict too-big failed
expect_evidence too-big '^artifacts exceed their max of 1 MiB: the rest was not copied$'
expect_verdict in-order failed
expect_equal "$(ls "$a"/in-order/work | tr '\n' ' ')" "a b c "
expect_verdict too-big-and-failed failed
expect_evidence too-big-and-failed '^exit code 3, expected 0$'
expect_result too-big-and-failed '.notes | tostring | contains("artifacts exceed their max")'

it "names of one file stay that, whose bytes are copied and counted once"
expect_verdict linked passed
expect_equal "$(find "$a/linked" -type f -links 101 -size 4000000c | wc -l)" 101
expect [ "$(du -sk "$a/linked" | cut -f 1)" -lt 6000 ]
expect_equal "$(ls -A "$a/linked")" work

it "a sparse file comes out whole and does not fill the disk"
expect_equal "$(stat -c %s "$(artifact sparse sparse)")" 41943044
expect_result plain '(.artifacts | length) == 3'

it "another run empties what an earlier one left"
sed -i 's/echo one >dist.one.txt/:/' artifacts.yaml
run_cupel run --out out artifacts.yaml --only plain
expect_equal "$(artifact plain one.txt)" ""
expect_junit_valid
expect_clean

all_done

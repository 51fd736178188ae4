#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Device and inode numbers in a job are what programs take them for: one device a file system, readdir's number is stat's, and it stays.
# sanitizers: no
# time-limit: 60
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

mkdir -p in/sub ro/sub && echo a >in/sub/a && echo b >in/b && echo c >ro/sub/c
cat >numbers.py <<'PY'
import os, sys
wrong = []
for top in sys.argv[1:]:
    device = os.stat(top).st_dev
    for directory, _, _ in os.walk(top):
        for entry in os.scandir(directory):
            st = os.lstat(entry.path)
            if os.path.ismount(entry.path): continue
            if st.st_ino != entry.inode(): wrong.append(("inode", entry.path))
            if st.st_dev != device: wrong.append(("device", entry.path))
print("wrong:", len(wrong), wrong[:5])
PY
cat >stays.py <<'PY'
import os
names = ["/work/tree/%d" % i for i in range(3000)]
os.mkdir("/work/tree")
for d in names: os.mkdir(d); os.symlink("../x", d + "/l")
before = [os.lstat(d).st_ino for d in names]
for i in range(20): # in little memory, what the kernel remembers of them goes
    with open("/work/fill", "wb") as f:
        for _ in range(20): f.write(b"x" * 1000000)
now = [os.lstat(d).st_ino for d in names]
print("moved:", sum(a != b for a, b in zip(before, now)))
PY
chmod -R a+rX .
cat >numbers.yaml <<'YAML'
cupel: 1
defaults:
  limits: {wall: 2m, memory: 96M}
  inputs: [in, {from: ro, to: /work/ro, mode: ro}, {from: numbers.py, to: /numbers.py}, {from: stays.py, to: /stays.py}]
jobs:
  equal:
    run: |
      mkdir -p own/deep && echo x >own/deep/f && echo more >>in/sub/a && mkdir in/new && : >in/new/f
      python3 /numbers.py /work/own /work/in /work/ro /etc /usr/bin
  stays: {limits: {memory: 20M}, run: python3 /stays.py}
  programs:
    run: |
      mkdir d && head -c 1M /dev/zero >d/big && echo a >d/a
      echo "tar $(tar --one-file-system -g s -cf - d in | tar -tf - | wc -l)"
      test "$(du -sxk d | cut -f1)" -ge 1024 && echo du
      echo "find $(find d in -xdev -type f | wc -l)"
      rm -r --one-file-system d && test ! -e d && echo rm
YAML
cupel_run numbers.yaml -j 2

it "a directory has the device of its files, and readdir's numbers are stat's: of the job, of inputs, of the root"
expect_verdict equal passed
expect_log equal '^wrong: 0 \[\]$'

it "a directory's number stays what it is when the kernel forgets it"
expect_verdict stays passed
expect_log stays '^moved: 0$'

it "programs that stay on one file system find what is there"
expect_verdict programs passed
expect_log programs '^tar 7$'
expect_log programs '^du$'
expect_log programs '^find 4$'
expect_log programs '^rm$'

it "nothing is left"
expect_clean
all_done

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `disk` and `inodes`: a job that was refused room and failed has the verdict disk-limit each time, also where it has deleted everything
# by then; one that only came close has failed.
# sanitizers: no
# lanes: root-v2
# time-limit: 60
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

cat >fills.py <<'PY'
import os, shutil, sys
def large(): open("/tmp/a", "wb").write(b"x" * 18000000)
def deleted():
    f = open("/tmp/a", "wb", 0)
    try:
        while True: f.write(b"x" * 300000)
    except OSError: os.unlink("/tmp/a")
    f.close()
    sys.exit(1)
def truncated():
    f = os.open("/tmp/a", os.O_RDWR | os.O_CREAT)
    try: os.posix_fallocate(f, 0, 20000000)
    except OSError: os.ftruncate(f, 0)
    sys.exit(1)
def directories():
    made = []
    try:
        for i in range(1000): os.mkdir("/tmp/d%d" % i); made.append("/tmp/d%d" % i)
    except OSError:
        for d in made: os.rmdir(d)
        sys.exit(1)
# Everything that takes a block without writing into a file; all of it is gone again when the job fails.
def until_refused(make, path):
    made = []
    try:
        while True: made.append(path % len(made)); make(made[-1])
    except OSError as e:
        shutil.rmtree("/tmp/all"); print(e.errno, len(made)); sys.exit(1)
def attribute(path):
    os.close(os.open(path, os.O_CREAT)); os.setxattr(path, "user.a", os.urandom(3000))
def attributes(): until_refused(attribute, "/tmp/all/%d")
def symlinks(): until_refused(lambda path: os.symlink("x" * 3000, path), "/tmp/all/%d")
def makedirs(): until_refused(os.mkdir, "/tmp/all/%d")
def names():
    attribute("/tmp/all/a"); until_refused(lambda path: os.link("/tmp/all/a", path), "/tmp/all/" + "n" * 240 + "%d")
def child():
    if os.fork() == 0: deleted()
    os.wait()
    sys.exit(1)
os.mkdir("/tmp/all")
globals()[sys.argv[1]]()
PY
# Each several times: it must not depend on who is first. The least disk takes thousands of names, too.
times=3 small=2
! only_differences || times=1 small=1
{
    printf 'cupel: 1\ndefaults: {limits: {disk: 10M, memory: 128M, wall: 30m}, inputs: [{from: fills.py, to: /fills.py, mode: ro}]}\njobs:\n'
    for ((i = 1; i <= times; i++)); do
        for job in large deleted truncated child; do
            printf '  %s-%d: {run: [/usr/bin/python3, /fills.py, %s]}\n' "$job" "$i" "$job"
        done
        printf '  near-%d: {run: "head -c 9700K /dev/zero >/tmp/a; rm /tmp/a; exit 1"}\n' "$i"
        printf '  directories-%d: {limits: {inodes: 60}, run: [/usr/bin/python3, /fills.py, directories]}\n' "$i"
        printf '  last-inodes-%d: {limits: {inodes: 60}, run: "for i in $(seq 57); do : >/tmp/$i; done; exit 1"}\n' "$i"
    done
    for job in attributes symlinks makedirs names; do
        printf '  %s: {limits: {disk: %dM, inodes: 4000}, run: [/usr/bin/python3, /fills.py, %s]}\n' $job $small $job
    done
    printf '  defaults: {limits: {disk: 5M}, run: [/usr/bin/python3, /fills.py, makedirs]}\n'
    printf "  caught: {run: 'head -c 20M /dev/zero >/tmp/a || true'}\n"
} >fills.yaml
cupel_run fills.yaml -j 2

it "disk-limit, each time"
expect_exit 1
for job in large deleted truncated child directories; do
    expect_equal "$job $(jq -r --arg job "$job-" 'select(.job | startswith($job)) | .verdict' <(job_lines out) | sort | uniq -c | xargs)" \
        "$job $times disk-limit"
done
if jq -r .evidence <(job_lines out) | grep -q 'that the kernel refused'; then
    expect_evidence deleted-1 "exit code 1, expected 0, after [0-9]+ writes? that the kernel refused at the disk limit 10 MiB"
    expect_evidence directories-1 "after 1 file that the kernel refused at the inode limit 60"
    it "what takes a block counts, whatever it is"
    for job in attributes symlinks makedirs names; do
        expect_verdict $job disk-limit
        expect_evidence $job "exit code 1, expected 0, after [0-9]+ writes? that the kernel refused at the disk limit $small MiB"
    done
    it "a limit that nobody gave is named, with what sets another"
    expect_verdict defaults disk-limit
    expect_evidence defaults "after 1 file that the kernel refused at the inode limit 1024, which goes with its disk of 5 MiB \\(\`inodes\` under \`limits\` sets another\\)"
else
    it "the kernel's count of refusals"
    skip_it "perf events on tracepoints are not to be had here"
fi

it "failed, where nothing was refused, however little was left"
for job in near last-inodes; do
    expect_equal "$job $(jq -r --arg job "$job-" 'select(.job | startswith($job)) | .verdict' <(job_lines out) | sort | uniq -c | xargs)" \
        "$job $times failed"
done

it "passed, where a job gets along with what it was refused"
expect_verdict caught passed

it "nothing is left"
expect_clean
all_done

#!/usr/bin/env bash
# `disk` and `inodes`: a job that was refused room and failed has the verdict disk-limit each time, also where it has deleted everything
# by then; one that only came close has failed.
# sanitizers: no
# lanes: root-v2
# time-limit: 60
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

cat >fills.py <<'PY'
import os, sys
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
def child():
    if os.fork() == 0: deleted()
    os.wait()
    sys.exit(1)
globals()[sys.argv[1]]()
PY
{
    printf 'cupel: 1\ndefaults: {limits: {disk: 10M, memory: 128M, wall: 1m}, inputs: [{from: fills.py, to: /fills.py, mode: ro}]}\njobs:\n'
    for i in {1..3}; do
        for job in large deleted truncated child; do
            printf '  %s-%d: {run: [/usr/bin/python3, /fills.py, %s]}\n' $job $i $job
        done
        printf '  near-%d: {run: "head -c 9700K /dev/zero >/tmp/a; rm /tmp/a; exit 1"}\n' $i
        printf '  directories-%d: {limits: {inodes: 60}, run: [/usr/bin/python3, /fills.py, directories]}\n' $i
        printf '  last-inodes-%d: {limits: {inodes: 60}, run: "for i in $(seq 57); do : >/tmp/$i; done; exit 1"}\n' $i
    done
    printf "  caught: {run: 'head -c 20M /dev/zero >/tmp/a || true'}\n"
} >fills.yaml
cupel_run fills.yaml -j 2

it "disk-limit, each time"
expect_exit 1
for job in large deleted truncated child directories; do
    expect_equal "$job $(jq -r --arg job "$job-" 'select(.job | startswith($job)) | .verdict' out/results.jsonl | sort | uniq -c | xargs)" \
        "$job 3 disk-limit"
done
if jq -r .evidence out/results.jsonl | grep -q 'that the kernel refused'; then
    expect_evidence deleted-1 "exit code 1, expected 0, after [0-9]+ writes? that the kernel refused at the disk limit 10 MiB"
    expect_evidence directories-1 "after 1 file that the kernel refused at the inode limit 60"
else
    it "the kernel's count of refusals"
    skip_it "perf events on tracepoints are not to be had here"
fi

it "failed, where nothing was refused, however little was left"
for job in near last-inodes; do
    expect_equal "$job $(jq -r --arg job "$job-" 'select(.job | startswith($job)) | .verdict' out/results.jsonl | sort | uniq -c | xargs)" \
        "$job 3 failed"
done

it "passed, where a job gets along with what it was refused"
expect_verdict caught passed

it "nothing is left"
expect_clean
all_done

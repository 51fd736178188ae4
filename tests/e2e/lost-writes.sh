#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What jobs write is never reported as kept when it was lost: stores that are full, or become full, or fail meanwhile.
# sanitizers: no
# time-limit: 60
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# with_store SIZE ARGUMENT...: a run whose store is a file system of about that size, in a mount namespace of its own; FILL: as much of
# it is taken once the store is made. What lies there goes with it. Not a tmpfs, which has user attributes since Linux 6.6 only.
cat >store.sh <<'SH'
size=$1; shift
rm -f store.img
truncate -s "$size" store.img && mke2fs -q -t ext4 -O ^has_journal -m 0 -N 512 store.img && mount -o loop store.img small || exit 99
[[ -z ${FILL-} ]] || head -c "$FILL" /dev/zero >small/fill
export CUPEL_CACHE=$PWD/small
exec "$CUPEL" run --out "$PWD/out" "$@"
SH
mkdir small
with_store() {
    rm -rf -- "$T/out"
    STATUS=0
    (grouped unshare -m --propagation private bash store.sh "$@" >"$T/stdout" 2>"$T/stderr" </dev/null) || STATUS=$?
    complain_of_sanitizers
}
full='the store.s file system is full: what the job wrote to its disk was lost'

# More than the store holds, and more than memory does: the kernel has to write it out while the job runs.
cat >full.yaml <<'YAML'
cupel: 1
jobs:
  writes: {limits: {memory: 24M}, run: "head -c 80M /dev/zero | tr '\\0' x >/big", artifacts: [/big]}
  fails: {limits: {memory: 24M}, run: "head -c 80M /dev/zero | tr '\\0' x >/big; exit 1"}
  after: {run: "echo fine >/x && cat /x"}
YAML
it "a store that becomes full: an error, whatever the job made of it, and a new disk for the next one"
with_store 40M full.yaml -j 1
if ((STATUS == 99)); then
    skip_it "no file system can be mounted here"
fi
expect_exit 3
for job in writes fails; do
    expect_verdict "$job" error
    expect_evidence "$job" "$full"
    expect_evidence "$job" "CUPEL_CACHE"
done
expect_verdict after passed
expect_log after fine

cat >from.yaml <<'YAML'
cupel: 1
jobs:
  base: {run: "head -c 60M /dev/zero | tr '\\0' x >/big"}
  next: {from: base, run: "cat /big >/dev/null"}
YAML
it "a job that others start from: what it wrote is written before they do"
with_store 40M from.yaml -j 1
expect_exit 3
expect_verdict base error
expect_evidence base "$full"
expect_verdict next skipped

cat >reserved.yaml <<'YAML'
cupel: 1
jobs:
  keeps:
    limits: {disk: 24M, memory: 16M}
    run: |
      trap filled=yes USR1
      echo there
      until [ -n "${filled-}" ]; do sleep 0.1; done
      head -c 20M /dev/zero | tr '\0' x >/big
      test "$(tr -d x </big | wc -c)" = 0
YAML
it "a limit 'disk' is set aside: what fills the store afterwards takes nothing of it"
# cupel alone is in its group, as v2 wants it: the store is filled from here.
rm -rf out
(grouped unshare -m --propagation private bash store.sh 40M reserved.yaml >stdout 2>stderr </dev/null) &
CUPEL_PID=$!
expect wait_until 20 grep -qs there out/logs/keeps.stdout
head -c 40M /dev/zero 2>/dev/null | nsenter -m -t "$CUPEL_PID" tee "$T/small/fill" >/dev/null 2>tee-said
expect grep -q 'No space left' tee-said
kill -USR1 "$(pgrep -P "$(pgrep -P "$(pgrep -P "$CUPEL_PID")")")"
cupel_wait
expect_exit 0
expect_verdict keeps passed

it "a limit 'disk' that the store has no room for, its tables included, is refused before anything runs, with both sizes"
printf 'cupel: 1\njobs: {a: {limits: {disk: 39M}, run: "true"}}\n' >large.yaml
with_store 40M large.yaml
expect_exit 3
expect_stderr "the limit 'disk' of job 'a' cannot be held: .*4[0-9.]+ MiB, and .* has 3[0-9.]+ MiB free"
expect_not test -s out/results.jsonl

it "without a limit, a store that is all but full is refused before anything runs"
printf 'cupel: 1\njobs: {a: {run: "true"}}\n' >plain.yaml
FILL=30M with_store 40M plain.yaml
expect_exit 3
expect_stderr "the store.s file system is full: .* has [0-9.]+ MiB free, and the disks of jobs want 16 MiB at least"

it "nothing is left"
expect_clean
all_done

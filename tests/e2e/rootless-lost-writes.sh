#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A store that becomes full, for an ordinary user, whose jobs write into a directory of it: the kernel tells them, and the verdict
# says whose fault it is.
# sanitizers: no
# time-limit: 60
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"

it "what fails since the store is full is an error; what does without, or has a disk of its own, is not"
mkdir small
if mount -t tmpfs -o size=40M,mode=1777 tmpfs small; then
    job_file full.yaml <<'YAML'
cupel: 1
jobs:
  writes: {run: "head -c 80M /dev/zero >/big"}
  signaled: {run: "head -c 80M /dev/zero >/big || kill -ABRT $$"}
  gives-up: {run: "head -c 80M /dev/zero >/big || rm /big"}
  limited: {limits: {disk: 8M}, run: "head -c 16M /dev/zero >/big"}
  fails: {run: exit 1}
YAML
    CUPEL_CACHE=$T/small/store cupel_run full.yaml -j 1
    expect_exit 3
    for job in writes signaled; do
        expect_verdict "$job" error
        expect_evidence "$job" "while the store's file system was full .*CUPEL_CACHE"
    done
    expect_verdict gives-up passed
    expect_verdict limited disk-limit
    expect_verdict fails failed
    umount small
else
    skip_it "no tmpfs can be mounted here"
fi

all_done

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Jobs that print or write without end, or make files that are hard to remove.
# sanitizers: no
# lanes: root-v2
# time-limit: 200
# shellcheck source=tests/e2e/hostile.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/hostile.bash"

it "empty-files: no more of a million than the limit"
attack empty-files '{run: [hostile, empty-files, "1000000"], limits: {inodes: 2000, memory: 256M}}'
expect_verdict empty-files disk-limit
expect_evidence empty-files '2,?000'
expect_most empty-files inodes_peak 2000

for job in fill-tmp fill-work; do
    it "$job: a full disk is disk-limit, and is not memory"
    attack "$job" "{run: [hostile, $job], limits: {disk: 16M}}"
    expect_verdict "$job" disk-limit
    expect_evidence "$job" '16 MiB'
    expect_most "$job" disk_peak_bytes $((16 << 20))
    expect_result "$job" '.usage.oom_kills == 0'
done

# of_disks COMMAND...: with the disks of all slots: images without a name, of which each slot has one open.
of_disks() {
    find /proc/[0-9]*/fd -lname "$T/cache/cupel/runs/*(deleted)" -exec "$@" {} + 2>/dev/null
}
# What they take of the store, in bytes.
held() {
    of_disks stat -L -c '%i %b' | sort -u | awk '{ sum += $2 * 512 } END { print sum + 0 }'
}
# What a job has written takes no room before it is written out, which may be half a minute later: so the job writes past its
# page cache, where nobody waits for fsync(2), and this makes the host write.
holds_much() {
    of_disks sync
    (($(held) > 90 << 20))
}
is_up() { [[ -s $T/out/logs/$1.stdout ]]; }

it "what a job has written is the store's again before the next one, where the disk has no limit of its own"
cat >"$T/much.yaml" <<'YAML'
cupel: 1
jobs:
  much: {run: "head -c 96M /dev/zero | tr '\\0' x | dd of=file bs=1M iflag=fullblock oflag=direct status=none; echo up; until [ -e go ]; do sleep 0.05; done; rm file"}
  next: {run: "echo up; sleep 1000"}
YAML
cupel_start much.yaml -j 1
expect wait_until 60 is_up much
expect wait_until 60 holds_much
expect "$CUPEL" enter much -- touch /work/go
expect wait_until 60 is_up next
expect [ "$(held)" -lt $((32 << 20)) ]
kill -INT "$CUPEL_PID"
cupel_wait
expect_exit 130

the_rest_is_alike

it "flood: both streams at full speed, up to the limit and not a byte more"
# large enough that neither stream is through with it before the other has begun
attack flood '{run: [hostile, flood], limits: {output: 64M}}'
expect_verdict flood output-limit
expect_evidence flood 'output limit 64 MiB'
expect_ended flood
expect [ -s "$T/out/logs/flood.stdout" ]
expect [ -s "$T/out/logs/flood.stderr" ]
expect_equal "$(cat "$T/out/logs/flood.stdout" "$T/out/logs/flood.stderr" | wc -c)" 67108864
# with the heads of its lines, the merged log has at most as much again, and 64 KiB
expect [ "$(stat -c %s "$T/out/logs/flood.log")" -le $((2 * 67108864 + 65536)) ]
expect_result flood '.usage.output_bytes == 67108864'

it "close-all: closing every stream does not end a job early"
attack close-all '{run: [hostile, close-all, "200"]}'
expect_verdict close-all passed
expect_result close-all '.usage.wall_seconds >= 0.2'

it "hold-output: what a daemon holds open does not hold the job up"
attack hold-output '{run: [hostile, hold-output]}'
expect_verdict hold-output passed
expect_equal "$(log hold-output)" held
expect_ended hold-output

it "sparse: a terabyte of nothing takes no disk, in the job or among its artifacts"
attack sparse '{run: [hostile, sparse, "1024"], artifacts: [/work/sparse]}'
expect_verdict sparse passed
expect_most sparse disk_peak_bytes 1048576
expect_equal "$(stat -c %s "$T/out/artifacts/sparse/work/sparse")" $((1 << 40))
expect [ "$(du -k "$T/out/artifacts/sparse/work/sparse" | cut -f1)" -lt 1024 ]

it "forbidden: trees that nobody may enter, links to / and fifos are no obstacle"
attack forbidden '{run: [hostile, forbidden, "40"], artifacts: ["/work/**"]}'
expect_verdict forbidden passed
expect [ -f "$T/out/artifacts/forbidden/work/a/a/file" ]
expect_not test -e "$T/out/artifacts/forbidden/work/a/link"

it "deep: nor are 3,000 levels of directories"
attack deep '{run: [hostile, deep, "3000"], artifacts: ["/work/**"]}'
expect_verdict deep passed

it "the next job in the same slot finds nothing of any of them"
hostile_file >"$T/after.yaml" <<'YAML'
  empty-files: {run: [hostile, empty-files, "1000000"], limits: {inodes: 2000, memory: 256M}}
  fill: {run: [hostile, fill-work], limits: {disk: 16M}}
  forbidden: {run: [hostile, forbidden, "40"]}
  deep: {run: [hostile, deep, "3000"]}
  after: {run: "ls -A /work /tmp | grep -v : | grep . && exit 1 || exit 0"}
YAML
cupel_run after.yaml -j 1
expect_verdict empty-files disk-limit
expect_verdict fill disk-limit
expect_verdict deep passed
expect_verdict after passed
expect_clean

all_done

# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the tests of hostile jobs share: each attack (tests/hostile) is a run of its own, bounded by cupel alone, and right after
# it nothing of the run may be left: no process, group, mount, loop device or file. A limit of time must end its job at all
# (within half a minute), how exactly is for bench/deadline. Sourced, in place of lib.sh; it contains no test itself.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

hostile=$(dirname -- "$CUPEL")/../../tests/hostile
if [[ ! -x $hostile ]]; then
    printf 'skip - %s: %s is not built\n' "$(basename -- "$0" .sh)" "$hostile"
    all_done
    exit 0
fi
cp -- "$hostile" "$T/hostile"

# hostile_file: the head of a job file; the jobs follow on standard input. Every job has limits on everything that an attack
# could take from the machine; a job's own replace them one by one.
hostile_file() {
    cat <<'YAML'
cupel: 1
defaults:
  inputs: [{from: hostile, to: /bin/hostile, mode: ro}]
  timeout-grace: 200ms
  limits: {wall: 5m, memory: 64M, pids: 64, disk: 64M, inodes: 20000, output: 1M}
jobs:
YAML
    cat
}
# attack NAME KEYS: a run of this one job. The run itself must come to a proper end, and leave nothing.
attack() {
    hostile_file <<<"  $1: $2" >"$T/$1.yaml"
    cupel_run "$1.yaml"
    expect [ "$STATUS" -le 1 ]
    expect_clean
}
# expect_ended ID: a job that would never have ended did, without anything like the time that a broken harness takes.
expect_ended() {
    expect_result "$1" ".usage.wall_seconds < $((30 * ${CUPEL_TEST_TIME_FACTOR:-1}))"
}
# expect_most ID FIGURE NUMBER: known, and at most that.
expect_most() {
    expect_result "$1" "(.usage.$2 | type) == \"number\" and .usage.$2 <= $3"
}
# expect_bounded ID VERDICT EVIDENCE: a bomb is held by some limit, most often the one given. What a refused fork had taken of kernel
# memory is free only after a grace period of the kernel's, so on a busy machine a bomb may get to its memory limit first.
expect_bounded() {
    if [[ $(result "$1" .verdict) == memory-limit ]]; then
        expect_evidence "$1" 'memory limit 256 MiB reached.*OOM'
        expect_result "$1" '.usage.oom_kills >= 1'
    else
        expect_verdict "$1" "$2"
        expect_evidence "$1" "$3"
    fi
}

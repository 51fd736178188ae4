#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# While bombs go off, the machine stays usable: another run on it does its work.
# lanes: root-v2
# shellcheck source=tests/e2e/hostile.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/hostile.bash"

# has_ended PID
has_ended() {
    ! kill -0 "$1" 2>/dev/null
}

it "while bombs go off, one after the other, another run on the same machine does its work"
cat >calm.yaml <<'YAML'
cupel: 1
jobs: {calm: {run: echo calm, limits: {wall: 30m, memory: 64M, pids: 64, disk: 64M}}}
YAML
{
    for ((i = 0; i < 40; i++)); do
        printf '  fork-%d: {run: "echo started; exec hostile fork-bomb", limits: {wall: 2s, memory: 256M}}\n' "$i"
        printf '  thread-%d: {run: "echo started; exec hostile thread-bomb", limits: {wall: 2s, memory: 256M}}\n' "$i"
    done
} | hostile_file >bombs.yaml
cupel_start bombs.yaml -j 2
expect wait_until 20 grep -qs started "$T/out/logs/thread-0.stdout"
(grouped "$CUPEL" run --out "$T/calm-out" calm.yaml) >"$T/calm-log" 2>&1 </dev/null &
calm=$!
expect wait_until 30 has_ended "$calm"
expect_equal "$(cat "$T/calm-out/logs/calm.stdout" || cat "$T/calm-log")" calm
kill -INT "$CUPEL_PID"
cupel_wait
expect_exit 130
expect_clean

all_done

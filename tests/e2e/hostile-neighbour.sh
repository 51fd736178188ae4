#!/usr/bin/env bash
# While bombs go off, the machine stays usable: another run on it does its work.
# lanes: root-v2
# shellcheck source=tests/e2e/hostile.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/hostile.bash"

# calm_run: a run in groups of its own, since on v2 a group whose children have controllers takes nobody in.
calm_groups=("${own_groups[@]/%/-calm}")
calm_run() {
    local own_groups=("${calm_groups[@]}")
    (grouped timeout "$((30 * ${CUPEL_TEST_TIME_FACTOR:-1}))" "$CUPEL" run --out "$T/calm-out" calm.yaml) >"$T/calm-log" 2>&1
}

it "while bombs go off, one after the other, another run on the same machine does its work"
cat >calm.yaml <<'YAML'
cupel: 1
jobs: {calm: {run: echo calm, limits: {wall: 60s, memory: 64M, pids: 64, disk: 64M}}}
YAML
{
    for ((i = 0; i < 40; i++)); do
        printf '  fork-%d: {run: "echo started; exec hostile fork-bomb", limits: {wall: 2s, memory: 256M}}\n' "$i"
        printf '  thread-%d: {run: "echo started; exec hostile thread-bomb", limits: {wall: 2s, memory: 256M}}\n' "$i"
    done
} | hostile_file >bombs.yaml
((${#calm_groups[@]} == 0)) || mkdir -- "${calm_groups[@]}"
cupel_start bombs.yaml -j 2
expect wait_until 20 grep -qs started "$T/out/logs/thread-0.stdout"
expect calm_run
own_groups+=("${calm_groups[@]}")
expect_equal "$(cat "$T/calm-out/logs/calm.stdout")" calm
kill -INT "$CUPEL_PID"
cupel_wait
expect_exit 130
expect_clean

all_done

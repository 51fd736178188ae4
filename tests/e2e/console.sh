#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The console: live on a terminal, plain lines elsewhere; what a job prints cannot steer it.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

job_file console.yaml <<'YAML'
cupel: 1
jobs:
  quick: {run: echo quick}
  slow: {run: "echo up; sleep 0.2", limits: {memory: 64M, wall: 60s}}
  fails:
    run: |
      printf '\033[31mred\033[0m \033[2J\033]0;title\007 bell\007 \r\nPASS forged\n'
      exit 9
YAML
escape=$'\e'

it "in a pipe: plain lines, no escape sequence"
cupel_run console.yaml
expect_exit 1
expect_not grep -qF "$escape" stdout
expect_not grep -qF "$escape" stderr
expect_not grep -q $'\r' stdout stderr
expect_said 'quick'
expect_said 'fails'

it "failures come last, with evidence and the tail of their output, control characters made visible"
expect_said 'exit code 9, expected 0'
expect_said 'forged'
expect_not grep -qE '^ *PASS forged' stdout stderr

it "the summary counts and names the reports"
expect_said '2 passed'
expect_said '1 failed'
expect_said 'junit\.xml|out'

if ! command -v tmux >/dev/null; then
    it "in a terminal"
    skip_it "tmux is not installed"
    all_done
    exit 0
fi
terminal=0
tmux() { command tmux -S "$T/tmux-$terminal" "$@"; }
screen() { tmux capture-pane -p -t e2e 2>/dev/null; }
screen_has() { screen | grep -qE -- "$1"; }
# in_terminal COMMAND: starts it in a fresh terminal of 100 x 30.
in_terminal() {
    tmux kill-server 2>/dev/null
    terminal=$((terminal + 1)) # a server that is on its way out would take the new session with it
    TERM=xterm-256color tmux -f /dev/null new-session -d -s e2e -x 100 -y 30 "cd $T && $1; echo ended with \$?; sleep 1000"
}
job_file live.yaml <<'YAML'
cupel: 1
jobs:
  quick: {run: echo quick}
  slowest: {run: "echo up; sleep 4", limits: {memory: 64M, wall: 60s}}
  waiting: {run: echo, needs: [slowest]}
YAML

it "in a terminal: a bar and the running jobs with time and memory"
in_terminal "$CUPEL run --out out-live live.yaml -j 2"
expect wait_until 20 screen_has 'slowest.*[0-9]'
expect wait_until 10 screen_has '1/3|[0-9]+ ?%|1 of 3'
expect wait_until 10 screen_has 'MiB|KiB'
expect wait_until 30 screen_has 'ended with 0'

it "the live part is gone at the end"
expect screen_has '3 passed'
expect_equal "$(screen | grep -cE '(2|3)/3')" "$(screen | grep -cE '3/3 passed')"

it "NO_COLOR: no colour in a terminal"
in_terminal "NO_COLOR=1 $CUPEL run --out out-live live.yaml -j 2; true"
tmux pipe-pane -t e2e "cat >$T/raw"
expect wait_until 30 screen_has 'ended with 0'
expect_not grep -qE "$escape\[[0-9;]*3[0-7]m" raw

it "Ctrl-C in a terminal"
job_file long.yaml <<'YAML'
cupel: 1
jobs:
  long: {run: "echo up; exec sleep 1000"}
YAML
in_terminal "$CUPEL run --out out-long long.yaml"
expect wait_until 20 grep -qs up out-long/logs/long.stdout
tmux send-keys -t e2e C-c
expect wait_until 20 grep -qs cancelled out-long/results.jsonl
expect wait_until 20 screen_has '[Cc]ancelled'

tmux kill-server 2>/dev/null
all_done

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `tty`: output through a terminal of the job's own.
# sanitizers: no
# time-limit: 60
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

cat >jobs.yaml <<'YAML'
cupel: 1
defaults: {rootfs: host, tty: true, limits: {wall: 60s}}
jobs:
  looks:
    stdin: "given\n"
    run: |
      test -t 1
      test -t 2
      test ! -t 0
      tty </dev/stdout
      stty size </dev/tty
      echo "$TERM"
      cat
      stat -Lc %U /dev/stdout
  plain: {tty: false, run: "test ! -t 1; echo \"none: ${TERM-}\""}
  order: {run: "echo one; echo two >&2; printf 'three\r\n'; echo four >/dev/tty", expect: {stdout: "one\ntwo\nthree\r\nfour\n"}}
  wrong: {run: echo one, expect: {stdout: "two\n"}}
  progress: {run: "printf '10%%\\r20%%\\r100%%\\ndone\\n'; printf 'no end\\r'"}
  secret: {secrets: [KEY], run: "echo \"$KEY\"; printf '%s' \"$KEY\""}
  steps:
    run:
      - {name: spoil, run: "stty raw -echo cols 10 </dev/tty; printf 'raw\\n'"}
      - {name: renewed, run: "stty size </dev/tty; stty -a </dev/tty | tr ' ' '\\n' | grep -xE 'opost|echo'"}
      - {name: exact, run: printf end, expect: {stdout: end}}
    after: test -t 1; echo "after $CUPEL_JOB_VERDICT"
  flood: {limits: {output: 64K}, run: "while :; do printf '\\033[1m\\033[0m\\r'; done"}
  again: {retries: 1, run: "echo attempt; exit 3"}
  waits: {limits: {wall: 1s}, run: "echo before; read -r x </dev/tty"}
  quick: {matrix: {N: {range: [1, 24]}}, run: "echo \"$N\"; exec true"}
  argv: {run: [/bin/echo, hello], seccomp: strict}
YAML
export KEY=$'abcdefgh\nxy\nijklmnop'
cupel_run jobs.yaml -j 2

it "standard output and error are a terminal that is the job's own, standard input is not"
expect_verdict looks passed
expect_equal "$(log looks)" $'/dev/pts/0\n24 80\nxterm-256color\ngiven\nroot'
expect_equal "$(log plain)" 'none: '
expect_verdict argv passed
expect_equal "$(log argv)" hello

it "what a job writes is in its log and is compared as it wrote it, in one order"
expect_verdict order passed
expect_not test -s out/logs/order.stderr
expect_verdict wrong failed
expect_evidence wrong 'one'
expect_equal "$(log steps | head -n 1)" raw

it "a carriage return leaves the last state of a line in the merged log"
expect_equal "$(cut -c 26- out/logs/progress.log)" $'stdout 100%\nstdout done\nstdout no end'
expect_equal "$(log progress)" $'10%\r20%\r100%\ndone\nno end\r'

it "a secret of several lines is hidden, short ones among them"
expect_verdict secret passed
expect_not grep -qE 'abcdefgh|xy|ijklmnop' out/logs/secret.stdout out/logs/secret.log
expect_equal "$(log secret)" $'***\n***'

it "each step finds the terminal as it was at first, and so does 'after'"
expect_verdict steps passed
expect_equal "$(log steps)" $'raw\n24 80\nopost\necho\nendafter passed'

it "what has no line's end is bounded"
expect_verdict flood output-limit
expect_equal "$(stat -c %s out/logs/flood.stdout)" 65536

it "attempts, and jobs that are prepared ahead"
expect_equal "$(cat out/logs/attempt-1/again.stdout)$(log again)" attemptattempt
expect_equal "$(jq -r 'select(.id | startswith("quick/")) | .verdict' <(job_lines out) | sort | uniq -c | tr -s ' ')" ' 24 passed'
expect_equal "$(cat out/logs/quick*.stdout | sort -n)" "$(seq 24)"

it "nobody types: who reads from the terminal waits until its time is up"
expect_verdict waits timeout
expect_equal "$(log waits)" before

all_done

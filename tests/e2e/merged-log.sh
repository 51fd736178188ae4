#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# logs/JOB.log: both streams of a job as lines with their times.
# No twin as an ordinary user: what a job writes comes through the same pipes, to the same process.
# sanitizers: no
# time-limit: 60
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# Prints its arguments, each to the stream that its first letter says, and goes on once cupel has read it: pipes alone have no
# order.
mkdir tools
cat >tools/say.py <<'PY'
import array, fcntl, os, sys, termios, time
for word in sys.argv[1:]:
    fd = 1 if word[0] == "o" else 2
    os.write(fd, word[1:].encode())
    left = array.array("i", [1])
    while left[0] > 0:
        fcntl.ioctl(fd, termios.FIONREAD, left)
        time.sleep(0.002)
PY
cat >jobs.yaml <<'YAML'
cupel: 1
defaults: {rootfs: host, inputs: [{from: tools, to: /tools}], limits: {wall: 60s}}
jobs:
  both: {run: "python3 /tools/say.py obe etrouble$'\\n' $'ogin\\n' $'e10%\\r' $'e100%\\n' oend", shell: [/bin/bash, -euc]}
  secret: {secrets: [TOKEN], run: "python3 /tools/say.py o${TOKEN%??????} o${TOKEN#??????}$'\\n' $'eplain\\n'", shell: [/bin/bash, -euc]}
  steps:
    run: [{name: one, run: printf begun}, {name: two, run: "echo ' and ended'; printf last >&2"}]
    after: printf after
  again: {retries: 1, run: "echo attempt; exit 3"}
  silent: {run: "true"}
  flood: {limits: {output: 64K}, run: "head -c 1000000 /dev/zero | tr '\\0' '\\n'"}
YAML
export TOKEN=abcdef123456
cupel_run jobs.yaml -j 2

# merged ID: the log, without times.
merged() {
    sed -E 's/^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z //' "out/logs/$1.log"
}

it "lines in the order in which they came, each with its stream and time"
expect_equal "$(merged both)" $'stderr trouble\nstdout begin\nstderr 100%\nstdout end'
expect_equal "$(cut -c 1-24 out/logs/both.log | sort)" "$(cut -c 1-24 out/logs/both.log)"
expect_equal "$(cut -c 1-24 out/logs/both.log | grep -cE '^2[0-9]{3}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\.[0-9]{3}Z$')" 4
expect_equal "$(log both)" $'begin\nend'
expect_result both '.logs == {stdout: "logs/both.stdout", stderr: "logs/both.stderr", merged: "logs/both.log"}'

it "a secret that comes in two pieces is hidden"
expect_equal "$(merged secret)" $'stdout ***\nstderr plain'

it "steps go on with one line, and what is not complete is a line at the end, after 'after'"
expect_equal "$(merged steps | sort)" $'stderr last\nstdout after\nstdout begun and ended'

it "each attempt has its own, and who prints nothing has none"
expect_equal "$(merged again)" 'stdout attempt'
expect_equal "$(merged attempt-1/again)" 'stdout attempt'
expect_result again '.previous_attempts[0].logs.merged == "logs/attempt-1/again.log"'
expect_not test -e out/logs/silent.log
expect_result silent '.logs == null'

it "empty lines do not make it many times as long as the output may be"
expect_verdict flood output-limit
expect_equal "$(stat -c %s out/logs/flood.stdout)" 65536
size=$(stat -c %s out/logs/flood.log)
expect [ "$size" -gt 196000 -a "$size" -lt 197000 ]
expect_equal "$(merged flood | tail -n 1)" 'cupel  the rest is in the logs of the two streams alone'

all_done

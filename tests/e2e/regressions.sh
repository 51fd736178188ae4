#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Things that once went wrong, found by attacking the program: each stays tried.
# time-limit: 180
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

mkdir -p shared
echo host >shared/file
mkfifo shared/fifo
printf '#!/proc/self/exe\n' >self
chmod 755 self

job_file regressions.yaml <<'YAML'
cupel: 1
name: regressions
defaults:
  limits: {pids: 64, memory: 256M, wall: 60s}
jobs:
  leaves-one:
    run: |
      sleep 321 & sleep 0.2
      exit 0
  leaves-none:
    run: sleep 0.01 & wait
  leaves-between:
    run:
      - {name: first, run: "sleep 654 & sleep 0.2; exit 0"}
      - {name: second, run: "true"}
  traps:
    run:
      - {name: a, run: "true"}
      - {name: b, run: "trap 'exit 0' TERM; sleep 60 & wait"}
      - {name: c, run: "true"}
    limits: {wall: 400ms}
  floods:
    run: [/bin/sh, -c, "cat /dev/zero & cat /dev/zero >&2"]
    limits: {wall: 300ms, output: 900M}
    timeout-grace: 100ms
  deep-artifact:
    run:
      - perl
      - -e
      - $d = "0" x 200; mkdir "o"; chdir "o"; for (1..30) { mkdir $d or die; chdir $d or die } open F, ">file"; print F "deep"; exit 7
    artifacts: ["/work/o/**"]
  twice:
    run: mkdir o; echo 1 > o/a; echo 2 > o/b
    artifacts: ["/work/o/*", /work/o/a, "/work/**"]
  kernel-files:
    run: "true"
    artifacts: ["/proc/version", "/sys/kernel/*"]
  read-only:
    inputs: [{from: shared, to: /in, mode: ro}, {from: shared/file, to: /one, mode: ro}]
    run: |
      cat /in/file /one
      flock -n /in/file true
      flock -n /one true
      timeout 1 sh -c 'echo x > /in/fifo' 2>/dev/null && echo reached || echo kept out
      (echo y > /in/file) 2>/dev/null && echo wrote || echo refused
      (echo y > /one) 2>/dev/null && echo wrote || echo refused
  own-program:
    inputs: [{from: self, to: /work/self}]
    run: [/work/self, --version]
  small-fds:
    run: ulimit -n
    limits: {open-files: 16}
  tiny-disk:
    run: stat -f -c '%a %S %d' /
    limits: {disk: 1M, inodes: 50}
  after-tiny:
    run: stat -f -c '%a %S %d' /
    limits: {disk: 1M, inodes: 50}
    needs: [tiny-disk]
  many-inodes:
    run: stat -f -c '%a %S %d' /
    limits: {disk: 64M, inodes: 2000000}
YAML
flock shared/file -c 'sleep 30' &
holder=$!
(exec 9<>shared/fifo; timeout 30 cat <&9 >fifo.out) &
reader=$!
cupel_run regressions.yaml -j 2
kill "$holder" "$reader" 2>/dev/null
pkill -P "$holder" 2>/dev/null

it "what a command leaves running is named"
expect_verdict leaves-one passed
expect_result leaves-one '.leaks_in_all == 1 and (.leaks[0].command == "sleep 321") and .leaks[0].pid > 1'
expect_result leaves-none 'has("leaks") | not'
expect_result leaves-between '.leaks_in_all == 1 and (.leaks[0].command == "sleep 654")'

it "a step that a limit struck is the step at fault, whatever it exits with"
expect_verdict traps timeout
expect_verdict traps/a passed
expect_verdict traps/b timeout
expect_verdict traps/c skipped

it "a flood of output does not hold up a deadline"
expect_result floods '.verdict == "timeout" or .verdict == "output-limit"'
expect_result floods '.usage.wall_seconds < 20'

it "an artifact that cannot be copied changes no verdict"
expect_verdict deep-artifact failed
expect_result deep-artifact '.exit == 7'

it "patterns that overlap copy a file once"
expect_result twice '(.artifacts | length) == 2'

it "files of the kernel are no artifacts"
expect_verdict kernel-files failed
expect_evidence kernel-files '^artifact /proc/version (is missing|cannot be copied)$'
expect_result kernel-files 'has("artifacts") | not'

it "a read-only input is a view: no lock, no FIFO, no file of the host's"
expect_verdict read-only passed
expect_log read-only '^kept out$'
expect_equal "$(log read-only | grep -c refused)" 2
expect_equal "$(cat shared/file)" host
expect_equal "$(cat fifo.out)" ""

it "#!/proc/self/exe runs nothing of ours"
expect_verdict own-program failed
expect_evidence own-program 'cannot execute .*Permission denied'
expect_not test -e out/logs/own-program.stdout

it "a small limit of open files is no obstacle"
expect_log small-fds '^16$'

it "disk and inode limits are exact, and a disk is empty for the next job"
expect_equal "$(log tiny-disk)" "256 4096 50"
expect_equal "$(log many-inodes)" "16384 4096 2000000"
expect_equal "$(log after-tiny)" "256 4096 50"

it "a slot that dies does not harm the next one"
job_file slots.yaml <<'YAML'
cupel: 1
jobs:
  a: {run: "echo up; sleep 60"}
  b: {run: echo fine}
YAML
cupel_start slots.yaml -j 1
expect wait_until 20 grep -qs up out/logs/a.stdout
kill -KILL "$(pgrep -P "$CUPEL_PID" | head -n 1)"
cupel_wait
expect_verdict a error
expect_verdict b passed
expect_exit 3

it "nothing is left"
expect_clean
# ---- an output limit that is reached before PID 1 has said when the command began ------------------------------------------
it "a flood from the first moment on is measured like any other"
{
    printf 'cupel: 1\njobs:\n'
    for ((i = 0; i < 60; i++)); do
        printf '  f%d: {run: [/bin/sh, -c, "exec head -c 300000 /dev/zero"], limits: {output: 64K, wall: 60s}}\n' "$i"
    done
} >flood.yaml
cupel_run flood.yaml -j 8
expect_exit 1
expect_equal "$(jq -s -c 'map([.verdict, .usage.output_bytes, .usage.wall_seconds != null]) | unique' <(job_lines))" '[["output-limit",65536,true]]'

all_done

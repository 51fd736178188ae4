#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `namespaces: {time-offset: D}`: a job's clocks that count from the machine's start. What is held by the machine's is held all the
# same, and who comes later (the next step, `after`, `cupel enter`, `cupel exec`) has the job's.
# lanes: root-v2
# sanitizers: no
# time-limit: 120
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

DAYS='echo $(( $(cut -d. -f1 /proc/uptime) / 86400 ))' # how long the machine is up, as the job sees it
job_file offset.yaml <<YAML
cupel: 1
jobs:
  plain: &plain {run: '$DAYS'}
  ahead: {namespaces: {time-offset: 4000d}, run: [{run: '$DAYS'}, {run: '$DAYS'}], after: {run: '$DAYS'}}
  plain-again: *plain
  further: {namespaces: {time-offset: 8000d}, run: '$DAYS'}
  clocks:
    namespaces: {time-offset: 4000d}
    run: |
      grep btime /proc/stat
      date +%s
      grep -v '^ *$' /proc/self/timens_offsets
  less: {namespaces: {time-offset: -1.5s}, run: "cat /proc/self/timens_offsets"}
  timeout: {namespaces: {time-offset: 4000d}, limits: {wall: 1s}, timeout-grace: 0s, run: "exec sleep 1000"}
  silent: {namespaces: {time-offset: 4000d}, limits: {idle: 1s}, timeout-grace: 0s, run: "exec sleep 1000"}
  user: {namespaces: {time-offset: 4000d}, user: nobody, run: '$DAYS; exit 1'}
YAML
before=$(date +%s)
run_cupel run --out "$T/out" --keep-failed -j 1 offset.yaml
after=$(date +%s)
up=$(($(cut -d. -f1 /proc/uptime) / 86400))
btime=$(awk '/^btime/ { print $2 }' /proc/stat)

# days N LOG: that the log has a day on which the machine is up for N days more, or the next one
days() { [[ $2 == $((up + $1)) || $2 == $((up + $1 - 1)) ]] || { bad "expected about $((up + $1)) days" "got: $2"; return; }; good; }

it "the clocks that count from the machine's start are ahead, in each step and in after"
for line in $(log ahead); do days 4000 "$line"; done
expect_equal "$(log ahead | wc -l)" 3
days 4000 "$(log user)"

it "no other job's are, whatever ran before it"
for job in plain plain-again; do days 0 "$(log "$job")"; done
days 8000 "$(log further)"

it "the time of day is the machine's"
now=$(log clocks | sed -n 2p)
expect [ "$now" -ge "$before" ]
expect [ "$now" -le "$after" ]
difference=$((btime - $(log clocks | awk '/^btime/ { print $2 }') - 4000 * 86400))
expect [ "${difference#-}" -le 1 ]

it "less than nothing is possible, too"
expect_log less '^monotonic +-2 +500000000$'
expect_log less '^boottime +-2 +500000000$'

it "limits of time are the machine's, and so are times in the results"
expect_verdict timeout timeout
expect_evidence timeout 'wall'
expect_verdict silent timeout
expect_evidence silent 'output'
for job in ahead further clocks less timeout silent user; do
    expect_result "$job" '.usage.wall_seconds < 3600'
done

the_rest_is_alike

it "who opens the job again, or runs a command in its like, has its clocks"
run_cupel shell --failed user -- sh -c "$DAYS"
days 4000 "$(cat stdout)"
run_cupel exec --root offset.yaml:clocks -- sh -c "$DAYS"
days 4000 "$(cat stdout)"

it "who enters it has, too"
cat >enter.yaml <<'YAML'
cupel: 1
jobs:
  stays: {namespaces: {time-offset: 4000d}, limits: {wall: 30m}, run: "echo up; exec sleep 1000"}
YAML
cupel_start enter.yaml
up() { grep -qs up out/logs/stays.stdout; }
expect wait_until 20 up
(grouped "$CUPEL" enter stays -- sh -c "$DAYS; cat /proc/self/timens_offsets") >entered 2>entered.err </dev/null
up=$(($(cut -d. -f1 /proc/uptime) / 86400))
days 4000 "$(head -1 entered)"
expect_equal "$(awk '/monotonic/ { print $2 / 86400 }' entered)" 4000
kill -INT "$CUPEL_PID"
wait "$CUPEL_PID"

it "clocks below zero are refused before anything runs"
cat >below.yaml <<'YAML'
cupel: 1
jobs:
  first: {run: "true"}
  below: {namespaces: {time-offset: -36500d}, run: "true"}
YAML
run_cupel run --out "$T/below" below.yaml
expect_exit 3
expect_stderr "below.yaml:4: job 'below' sets its clocks back by 876000 h 0 min, and this machine has been up for .*: no clock goes below zero"
expect [ ! -e below/results.jsonl ]

expect_clean
all_done

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Whatever a job prints, names, links or nests, every process of cupel is bounded: jobs that make as much of each as they can,
# while cupel and its jobs together have 96 MiB. The verdicts are the jobs' own, the results are whole, and nothing is lost
# without a word.
# time-limit: 120
# sanitizers: no
# shellcheck source=tests/e2e/hostile.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/hostile.bash"

# The group that cupel is started in, where memory is counted.
memory=''
for dir in "${own_groups[@]}"; do
    [[ -e $dir/memory.limit_in_bytes || -e $dir/memory.max ]] && memory=$dir
done
# in_memory FILE-OF-V1 FILE-OF-V2
in_memory() {
    if $on_v2; then cat "$memory/$2"; else cat "$memory/$1"; fi
}

hostile_file >jobs.yaml <<'YAML'
  links:
    run: [hostile, many-links, "1000"]
    artifacts: [/work]
  names:
    run: [hostile, long-names, "5000"]
    artifacts: [/work]
  nested:
    run: [hostile, same-names, "200"]
    artifacts: [/work/**/d/**/d/**/d/**/d/**/d/**/d/**/d/**/d/**/file, /work/**/d/**/d/**/d/**/d/**/d/**/d/**/d/**/none]
  deep:
    run: [hostile, same-names, "3000"]
    artifacts: [/work]
  sparse:
    run: truncate -s 1T file
    artifacts: {paths: [/work], max: 1M}
  too-much:
    run: for i in c a b; do head -c 600000 /dev/zero >$i; done
    artifacts: {paths: [/work], max: 1M}
  odd:
    run: |
      mkfifo fifo
      ln -s / root
      seq 0 1999 | sed 's,^,/etc/l,' | xargs ln -s -t .
    artifacts: [/work]
  flood: {run: [hostile, flood], limits: {output: 4M}}
  one-line: {run: "head -c 3000000 /dev/zero; exit 1", limits: {output: 4M}}
  not-expected: {run: "head -c 3000000 /dev/zero", limits: {output: 4M}, expect: {stdout: "x"}}
  left:
    leaks: fail
    run: |
      long=$(printf %0120000d 99)
      for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do sleep "$long" & done
YAML
{
    # in every step, as many as are named
    printf '  left-by-steps:\n    run:\n'
    for ((i = 0; i < 12; i++)); do
        echo '    - run: for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do sleep 99 & done'
    done
} >>jobs.yaml
sed -i 's/memory: 64M/memory: 24M/' jobs.yaml

if [[ -z $memory ]]; then
    it "cupel within 96 MiB"
    skip_it "no memory controller here"
    all_done
    exit 0
fi
if $on_v2; then
    echo 96M >"$memory/memory.max"
    echo 0 >"$memory/memory.swap.max" 2>/dev/null
else
    echo 96M >"$memory/memory.limit_in_bytes"
fi
cupel_run -j 1 jobs.yaml

it "each job has its own verdict, and none is an error of cupel's"
expect_exit 1
for job in links names nested deep sparse odd left-by-steps; do expect_verdict "$job" passed; done
for job in too-much one-line not-expected left; do expect_verdict "$job" failed; done
expect_verdict flood output-limit
expect_equal "$(jq -r 'select(.verdict == "error") | .id' out/results.jsonl)" ""

it "nothing was killed for want of memory, all of cupel and its jobs together"
expect_equal "$(in_memory memory.oom_control memory.events | awk '$1 == "oom_kill" {print $2}')" 0

it "names of one file take its room once"
expect_equal "$(find out/artifacts/links/work -type f | wc -l)" 1001
expect [ "$(du -sk out/artifacts/links | cut -f 1)" -lt 5000 ]

it "what is not listed is there, and counted"
expect_equal "$(find out/artifacts/names -type f | wc -l)" 5000
listed=$(result names '.artifacts | length')
expect [ "$listed" -gt 50 ]
expect_result names ".notes == [\"$((5000 - listed)) more artifacts were copied, and are not listed\"]"

it "what is not copied is told, and costs no more than to tell it"
expect_result nested '(.artifacts | length == 1) and (.notes | length == 1)'
expect_result deep '.notes | length == 1 and (.[0] | test("is too deep; not copied$"))'
expect_result sparse '[.artifacts[].path] == ["artifacts/sparse/work/file"]'
expect_evidence too-much '^artifacts exceed their max of 1 MiB: the rest was not copied$'
expect_equal "$(ls out/artifacts/too-much/work)" a
expect_result odd '.notes | length == 21 and .[20] == "1982 more remarks on artifacts are left out here"'

it "leaks are counted in all, and named up to a bound"
expect_result left '.leaks_in_all == 20 and (.leaks | length == 16)'
expect_result left-by-steps '.leaks_in_all == 240 and (.leaks | length == 128)'

it "reports are whole, and no larger than there is reason for"
expect_equal "$(jq -r 'select(.step == null) | .id' <(job_lines out) | wc -l)" 12
expect [ "$(stat -c %s out/results.jsonl)" -lt 8000000 ]
expect [ "$(stat -c %s out/junit.xml)" -lt 4000000 ]
expect_junit_valid
expect_clean

# ---- PID 1's share -----------------------------------------------------------------------------------------------------
orphans=$((6000 / ${CUPEL_TEST_TIME_FACTOR:-1}))
hostile_file >billed.yaml <<YAML
  storm:
    limits: {memory: 256M}
    run: |
      cut -d ' ' -f 1 /proc/1/schedstat
      hostile orphans $orphans
      cut -d ' ' -f 1 /proc/1/schedstat
      sleep 2
YAML
# What the job's own group is charged, in microseconds.
charged() {
    local file
    file=$(find "${own_groups[@]}" -path '*/j*/cpuacct.usage' 2>/dev/null | head -n 1)
    if [[ -n $file ]]; then
        echo $(($(<"$file") / 1000))
    else
        find "${own_groups[@]}" -path '*/j*/cpu.stat' -exec awk '$1 == "usage_usec" {print $2}' {} + | head -n 1
    fi
}
two_lines() {
    [[ $(wc -l <out/logs/storm.stdout) == 2 ]]
} 2>/dev/null

it "what PID 1 does for the job is billed to it"
if $on_v2; then echo max >"$memory/memory.max"; else echo -1 >"$memory/memory.limit_in_bytes"; fi
cupel_start billed.yaml
expect wait_until 60 two_lines
own=$(charged)
cupel_wait
expect_exit 0
mapfile -t spent <out/logs/storm.stdout
init=$(((spent[1] - spent[0]) / 1000))
printf '# us of CPU: the group %d, PID 1 %d, billed %.0f\n' "$own" "$init" "$(result storm '.usage.cpu_seconds * 1000000')"
expect_result storm ".usage.cpu_seconds * 1000000 >= $own + $init * 0.8"
expect_result storm '.usage | .user_seconds + .system_seconds - .cpu_seconds | fabs < 0.001'
expect_clean

all_done

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The limits `cpuset` and `io`: that they hold, that what cannot hold is refused before anything runs, and that ending a job
# does not wait for its disk. Times are only compared from below, or with what a broken program would need (minutes).
# lanes: root-v2
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# groups_of_runs: those of any run in the hierarchy of v1's cpuset, which lib.sh gives us no group of our own in.
cpuset_root=$(awk '$3 == "cgroup" && $4 ~ /(^|,)cpuset(,|$)/ {print $2; exit}' /proc/self/mounts)
cpuset_groups() {
    local group
    [[ -n $cpuset_root ]] || return 0
    find "$cpuset_root" -type d -name 'cupel-[0-9]*' | while read -r group; do
        is_of_server "${group##*-}" || echo "$group"
    done
}
# Those have some always, and other tests may run one meanwhile.
is_of_server() {
    tr '\0' ' ' <"/proc/$((16#$1))/cmdline" 2>/dev/null | grep -q ' serve '
}
cpuset_groups_gone() {
    [[ -z $(cpuset_groups) ]]
}

# Which CPUs and which limits there are here is the program's to say.
job_file probe.yaml <<'YAML'
cupel: 1
jobs: {probe: {limits: {cpuset: 8191}, run: "true"}}
YAML
cupel_run probe.yaml
allowed=$(sed -nE 's/.*cupel may use the CPUs ([0-9,-]+), not 8191.*/\1/p' stderr)
no_cpuset=$(sed -nE 's/.*(cannot keep jobs on some of the CPUs.*)/\1/p' stderr)

# ---- cpuset ------------------------------------------------------------------------------------------------------------
it "a CPU that is not there is refused before anything runs, and the allowed ones are named"
if [[ -n $no_cpuset ]]; then
    skip_it "$no_cpuset"
else
    expect_exit 3
    expect_stderr "probe.yaml:2: the limit 'cpuset' of job 'probe' cannot be held.*may use the CPUs [0-9,-]+, not 8191"
    expect_stderr 'hint: lower the limit, or start cupel in a cgroup'
    expect [ ! -e out/results.jsonl ]
    expect_clean
fi

if ! only_differences; then
    it "with --best-effort it runs, and every report names the limit"
    cupel_run --best-effort probe.yaml
    expect_exit 0
    expect_said 'Not enforced: cpuset'
    expect_result probe '.unenforced == ["cpuset"]'
fi

it "a job is kept on its CPUs and cannot leave them; its neighbours are not"
last=${allowed##*[,-]}
job_file cpuset.yaml <<YAML
cupel: 1
jobs:
  kept: {limits: {cpuset: $last}, run: "grep Cpus_allowed_list /proc/self/status; nproc; taskset -pc 0-8191 \$\$ || :; taskset -pc \$\$"}
  all: {limits: {cpuset: "$allowed"}, run: grep Cpus_allowed_list /proc/self/status}
  free: {run: grep Cpus_allowed_list /proc/self/status}
YAML
if [[ -n $no_cpuset ]]; then
    skip_it "$no_cpuset"
else
    cupel_run cpuset.yaml
    expect_exit 0
    expect_log kept "^Cpus_allowed_list:[[:space:]]$last\$"
    expect_log kept '^1$'
    expect_no_log kept 'affinity list: .*[,-]'
    expect_log all "^Cpus_allowed_list:[[:space:]]$allowed\$"
    expect_log free "^$(grep Cpus_allowed_list /proc/self/status)\$"
    expect_result kept ".limits.cpuset == \"$last\""
    expect_result free '.limits.cpuset == null'
    expect_equal "$(xmllint --xpath 'string(//testsuite[@name="kept"]//property[@name="limits.cpuset"]/@value)' out/junit.xml)" "$last"
    expect_junit_valid
    expect_clean
    expect wait_until 5 cpuset_groups_gone
fi

it "exclusive: whole cores that no other job of the run has meanwhile"
job_file exclusive.yaml <<'YAML'
cupel: 1
defaults: {run: "grep Cpus_allowed_list /proc/self/status; sleep 0.2"}
jobs:
  one: {limits: {cpuset: exclusive}}
  two: {limits: {cpuset: exclusive}}
  other: {services: {s: {run: "grep Cpus_allowed_list /proc/self/status; sleep 1000"}}}
  three: {limits: {cpuset: exclusive}}
YAML
# of JOB: the CPUs that it may use, one a line
cpus_of() {
    local range
    for range in $(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' "out/logs/$1.stdout" | tr , ' '); do seq "${range%-*}" "${range#*-}"; done
}
if [[ -n $no_cpuset || $allowed != *[,-]* ]]; then
    skip_it "there are no CPUs to choose from"
else
    cupel_run exclusive.yaml -j 4
    if grep -q 'whole core.* besides one for all others' stderr; then
        expect_exit 3 # all that there is are hyperthreads of one core
    else
        expect_exit 0
        for job in one two three; do
            cpus_of $job >its
            expect [ -s its ]
            expect_equal "$(cat "/sys/devices/system/cpu/cpu$(head -n 1 its)/topology/thread_siblings_list")" \
                "$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' "out/logs/$job.stdout")"
            for other in other other.service-s; do
                expect_equal "$(cpus_of "$other" | grep -cxFf its)" 0
            done
        done
        # who has the same core has it one after the other
        jq -rs 'map(select(.usage.wall_seconds != null and .job != "other")) | .[] | "\(.started) \(.usage.wall_seconds) \(.job)"' <(job_lines out) |
            sort | while read -r started took job; do
            echo "$(cpus_of "$job" | head -n 1) $(date -d "$started" +%s.%N) $took"
        done | awk '{if ($2 < ends[$1]) {print "at once on " $1; exit} ends[$1] = $2 + $3 - 0.002}' >overlaps
        expect_equal "$(cat overlaps)" ""
    fi
    job_file refused.yaml <<YAML
cupel: 1
jobs:
  many: {limits: {cpuset: exclusive, cpu: 4096}, run: "true"}
YAML
    cupel_run refused.yaml
    expect_exit 3
    expect_stderr "refused.yaml:3: the limit 'cpuset' of job 'many' cannot be held on this machine: it takes 4096 whole cores"
    expect_stderr 'hint: .*--best-effort does without what cannot be held'
    expect_clean
fi

it "without such a job, no cpuset group is made"
job_file none.yaml <<YAML
cupel: 1
jobs: {look: {run: "echo started; exec sleep 1000"}}
YAML
if [[ -z $cpuset_root ]]; then
    skip_it "no hierarchy of v1's cpuset here"
else
    cupel_start none.yaml
    expect wait_until 10 test -s "$T/out/logs/look.stdout"
    expect_equal "$(cpuset_groups)" ""
    kill -INT "$CUPEL_PID"
    cupel_wait
fi

it "a run with cpusets that was killed leaves groups, and the next removes them"
job_file killed.yaml <<YAML
cupel: 1
jobs: {kept: {limits: {cpuset: "${allowed:-0}"}, run: "echo started; exec sleep 1000"}}
YAML
if [[ -z $cpuset_root || -n $no_cpuset ]]; then
    skip_it "no hierarchy of v1's cpuset here"
else
    cupel_start killed.yaml
    expect wait_until 10 test -s "$T/out/logs/kept.stdout"
    pid=$(sed -n 1p "$(find "$cpuset_root" -path '*/cupel-[0-9]*/j*' -name cgroup.procs | head -n 1)" 2>/dev/null)
    expect [ -n "$pid" ]
    for child in $(pgrep -P "$CUPEL_PID") "$CUPEL_PID"; do
        [[ $(readlink "/proc/$child/exe") == "$(readlink -f "$CUPEL")" ]] && victim=$child
    done
    kill -KILL "${victim:-$CUPEL_PID}"
    cupel_wait
    run_cupel clean
    expect_exit 0
    expect wait_until 5 cpuset_groups_gone
    expect_clean
fi

# ---- io ----------------------------------------------------------------------------------------------------------------
# seconds_of ID: what dd said it took, whole seconds.
seconds_of() {
    log "$1" | sed -nE 's/.* copied, ([0-9]+)(\.[0-9]+)? s.*/\1/p' | tail -n 1
}
job_file io.yaml <<'YAML'
cupel: 1
jobs:
  read:
    limits: {io: {read-bps: 1M, read-iops: 1000}, wall: 30m}
    run: |
      dd if=/dev/zero of=f bs=1M count=4 conv=fsync 2>/dev/null
      dd if=f of=/dev/null bs=256K iflag=direct 2>&1
  cached:
    limits: {io: {read-bps: 1M}, wall: 30m, memory: 64M}
    run: |
      dd if=/dev/zero of=f bs=1M count=4 conv=fsync 2>/dev/null
      dd if=f iflag=nocache count=0 2>/dev/null
      # fsync waits for nothing on a volatile overlay: what is dirty is written from the first time on, and dropped once it is clean
      python3 -c 'import os, time; f = os.open("f", os.O_RDONLY); [(os.posix_fadvise(f, 0, 0, os.POSIX_FADV_DONTNEED), time.sleep(0.3)) for _ in range(4)]' || exit 77
      dd if=f of=/dev/null bs=256K 2>&1
  iops:
    limits: {io: {read-iops: 8}, wall: 30m} # the kernel lets some more through at first
    run: |
      dd if=/dev/zero of=f bs=64K count=48 conv=fsync 2>/dev/null
      dd if=f of=/dev/null bs=64K iflag=direct 2>&1
  hostile: # the run does not end with it
    allow-failure: true
    limits: {io: {read-bps: 1M}}
    inputs: [{from: none, to: /in, untrusted: true}, {from: kernel, to: /kernel, untrusted: true}]
    run: "true"
  free:
    run: |
      dd if=/dev/zero of=f bs=1M count=4 conv=fsync 2>/dev/null
      dd if=f of=/dev/null bs=256K iflag=direct 2>&1
YAML
job_file slow.yaml <<'YAML'
cupel: 1
jobs:
  stuck:
    limits: {io: {read-bps: 4K}, wall: 1s}
    timeout-grace: 100ms
    run: dd if=/dev/zero of=f bs=1M count=4 conv=fsync 2>/dev/null; exec dd if=f of=/dev/null bs=4M iflag=direct
YAML
job_file left.yaml <<'YAML'
cupel: 1
defaults: {limits: {io: {read-bps: 16K}, wall: 20s}}
jobs:
  at-the-end:
    run: |
      dd if=/dev/zero of=f bs=1M count=4 conv=fsync 2>/dev/null
      setsid dd if=f of=/dev/null bs=4M iflag=direct 2>/dev/null &
      sleep 0.3
  between:
    run:
      - run: |
          dd if=/dev/zero of=f bs=1M count=4 conv=fsync 2>/dev/null
          setsid dd if=f of=/dev/null bs=4M iflag=direct 2>/dev/null &
          sleep 0.3
      - {name: again, run: [dd, if=f, of=/dev/null, bs=48K, count=1, iflag=direct]}
YAML
job_file write.yaml <<'YAML'
cupel: 1
jobs:
  write:
    # more than fits into the page cache of a group this small; overlay mounts are volatile, so that fsync waits for nothing
    limits: {io: {write-bps: 2M}, memory: 16M, wall: 30m}
    run: dd if=/dev/zero of=f bs=256K count=96 2>&1
YAML

ln -s /sys kernel
cupel_run io.yaml
no_io=$(sed -nE 's/.*(cannot limit disk reads.*|there is no one disk under.*)/\1/p' stderr)

it "reads are held back: direct, through the page cache, and by number"
if [[ -n $no_io ]]; then
    skip_it "$no_io"
else
    expect_exit 0
    expect [ "$(seconds_of read)" -ge 3 ]
    expect [ "$(seconds_of cached)" -ge 3 ]
    expect [ "$(seconds_of iops)" -ge 3 ]
    expect_verdict hostile invalid-submission
    expect_result read '.limits == {"wall_seconds": 1800, "io_read_bps": 1048576, "io_read_iops": 1000}'
    expect_clean
fi

it "what goes through the loop device is counted once"
if [[ -n $no_io ]]; then
    skip_it "$no_io"
else
    expect_result read '.usage.read_bytes >= 4194304 and .usage.read_bytes < 6291456'
fi

it "a job that waits for its disk is ended all the same"
if [[ -n $no_io ]]; then
    skip_it "$no_io"
else
    cupel_run slow.yaml
    expect_exit 1
    expect_verdict stuck timeout
    expect_result stuck '.usage.wall_seconds < 60' # 4 MiB at 4 KiB a second are 1024 s
    expect_clean
fi

it "what a step leaves waiting for its disk does not hold the job; the next step is held back as before"
if [[ -n $no_io ]]; then
    skip_it "$no_io"
else
    cupel_run left.yaml
    expect_exit 0
    expect_result at-the-end '.usage.wall_seconds < 20 and .leaks_in_all == 1' # 4 MiB at 16 KiB a second are 256 s
    expect_result between/again '.usage.wall_seconds >= 2' # 48 KiB
    expect_clean
fi

cupel_run write.yaml
it "writes are held back, through the page cache too; or refused before anything runs"
if grep -qE 'there is no one disk under' stderr; then
    skip_it "$no_io"
elif ((STATUS == 3)); then
    expect_stderr "the limit 'io.write-bps' of job 'write' cannot be held on this machine: cannot limit disk writes: that takes cgroup v2"
    expect [ ! -e out/results.jsonl ]
    cupel_run --best-effort write.yaml
    expect_exit 0
    expect_said 'Not enforced: io.write-bps'
else
    expect_exit 0
    expect [ "$(seconds_of write)" -ge 3 ]
fi
expect_clean

all_done

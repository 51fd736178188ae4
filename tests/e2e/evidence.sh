#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# time-limit: 180
# Verdicts come from the event itself and say why: whose memory ran out, what was refused, who stood still.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

factor=${CUPEL_TEST_TIME_FACTOR:-1}
# around FILE VALUE [FILE-ON-V2 VALUE]: a limit of the groups around cupel, where such a file is.
around() {
    local dir file=$1 value=$2
    if $on_v2; then file=${3:-$1} value=${4:-$2}; fi
    for dir in "${own_groups[@]}"; do
        [[ ! -e $dir/$file ]] || echo "$value" >"$dir/$file"
    done
}

it "the memory limit of a group around cupel is not the job's"
job_file around.yaml <<'END'
cupel: 1
defaults: {rootfs: host, limits: {wall: 60s, pids: 16}}
jobs:
  within: {limits: {memory: 700M}, run: [/usr/bin/python3, -c, "x = [bytearray(1 << 20) for i in range(600)]"]}
  none: {run: [/usr/bin/python3, -c, "x = [bytearray(1 << 20) for i in range(600)]"]}
  own: {limits: {memory: 40M}, run: [/usr/bin/python3, -c, "x = [bytearray(1 << 20) for i in range(600)]"]}
  named:
    limits: {memory: 40M}
    run: |
      cp /usr/bin/python3 "/tmp/a,pid=9,uid=0"
      "/tmp/a,pid=9,uid=0" -c "import time; time.sleep(0.3); x = [bytearray(1 << 20) for i in range(600)]"; sleep 9
  shm: {limits: {memory: 700M}, run: [/bin/dd, if=/dev/zero, of=/dev/shm/x, bs=64k]}
  small: {limits: {memory: 700M}, run: "for i in 1 2 3 4 5 6; do sleep 60 & done; n=0; while :; do dd if=/dev/zero of=/dev/shm/$((n += 1)) bs=64k count=256; done"}
  again: {limits: {memory: 700M}, retries: 1, retry-on: error, run: [/usr/bin/python3, -c, "x = [bytearray(1 << 20) for i in range(600)]"]}
END
sed -i "s/wall: 60s/wall: $((60 * factor))s/" around.yaml # a slow machine takes its time to find out that memory is out
around memory.limit_in_bytes 200M memory.max 200M
around - - memory.swap.max 0
# The kernel leaves records out where there are many, also others' (oom_rs in mm/oom_kill.c).
records_of_named() { dmesg 2>/dev/null | grep -c 'oom-kill:.*task=a,pid=9,uid=0,pid='; }
records=$(records_of_named)
cupel_run around.yaml -j 1
expect_exit 3
expect_verdict within error
expect_evidence within "^not the job's own limit: the group around cupel, .*cupel-e2e-[0-9]+, reached its memory limit 200 MiB after .*, and the kernel killed [0-9]+ process.* of the job; the job's limit is 700 MiB, its peak was [0-9.]+ MiB(; the kernel took .*)? \\("
expect_verdict none error
expect_evidence none "the job has no memory limit, its peak was .* or give jobs a memory limit\\)\$"
for job in shm small; do # nobody's memory: the largest process is one of cupel's
    expect_verdict $job error
    expect_evidence $job "^not the job's own limit: the group around cupel, .*, reached its memory limit 200 MiB"
done
expect_verdict own memory-limit
expect_evidence own '^memory limit 40 MiB reached'
if [[ -z ${CUPEL_TEST_USER-} ]] && (($(records_of_named) > records)); then
    expect_evidence named '^memory limit 40 MiB reached after .*; the kernel took `a,pid=9,uid=0`(, pid [0-9]+ in the job)?, with [0-9.]+ MiB of its own'
else
    expect_verdict named memory-limit
    end_case_now_skipped "the kernel's log does not say whom it took: not readable, or it has more to report"
fi
expect_result again '.attempts == 2 and .verdict == "error"'
around memory.limit_in_bytes -1 memory.max max
expect_clean

it "nor are forks that a group around cupel refuses, or time for which its quota holds everybody back"
job_file pids.yaml <<END
cupel: 1
defaults: {rootfs: host, limits: {wall: 60s, memory: 128M}}
jobs:
  around: {limits: {pids: 500}, run: "for i in \$(seq 60); do sleep 9 & done"}
  own: {limits: {pids: 5}, run: "for i in \$(seq 60); do sleep 9 & done"}
  bomb:
    limits: {pids: 5, wall: ${factor}s}
    timeout-grace: 0s
    run: [/usr/bin/python3, -c, "import os\\nwhile True:\n  try: os.fork()\n  except OSError: pass"]
END
job_file held-back.yaml <<'END'
cupel: 1
jobs:
  held-back: {limits: {wall: 3s}, timeout-grace: 0s, run: "for i in 1 2 3 4; do while :; do :; done & done; wait"}
END
around pids.max 40
cupel_run pids.yaml -j 1
expect_exit 3
expect_verdict around error
expect_evidence around 'exit code .*, expected 0; [0-9]+ forks? w.* refused, not by the job.s own limit: the group around cupel, .*cupel-e2e-[0-9]+, has a limit of 40 processes; the job had [0-9]+ at most of its 500$'
expect_verdict own pids-limit
expect_verdict bomb timeout
expect_evidence bomb 'still running after .*; [0-9]+ forks refused at pids: 5'
around pids.max max
around cpu.cfs_quota_us 10000 cpu.max "10000 100000"
cupel_run held-back.yaml
expect_verdict held-back timeout
expect_evidence held-back '; the group around cupel, .*cupel-e2e-[0-9]+, was held back for .* by its CPU quota of 0.100 cores'
around cpu.cfs_quota_us -1 cpu.max max
expect_clean

it "a job that thrashes at its limit until its time is over is at its memory limit; who only reads and writes much is not"
# made before, or a busy machine's job spends its time on that; past the cache, so that the job reads it itself
dd if=/dev/zero of=mapped bs=1M count=96 oflag=direct status=none
job_file memory.yaml <<END
cupel: 1
defaults: {rootfs: host, limits: {wall: $((4 * factor))s, memory: 24M, disk: 200M}, timeout-grace: 0s}
jobs:
  thrashes:
    inputs: [{from: mapped, to: /mapped, mode: ro}]
    limits: {wall: $((8 * factor))s} # the longer, the less a slow start counts
    run:
    - /usr/bin/python3
    - -c
    - |
      import mmap, random
      g = open("/mapped", "rb")
      for i in range(32): g.read(1 << 20) # read ahead, which reaches the limit sooner than faults do
      m = mmap.mmap(g.fileno(), 0, prot=mmap.PROT_READ)
      m.madvise(mmap.MADV_RANDOM) # a fault a page: as many as there can be, however slow the machine
      while True: m[random.randrange(len(m))]
  writes: {limits: {wall: 2s, memory: 96M}, run: "while :; do dd if=/dev/zero of=/tmp/f bs=1M count=150; done"}
  # written past the cache: what a slow disk has not taken yet cannot be dropped, and the job would be killed for it;
  # no more than does not fit its limit, and with time left to read it again on a disk that takes a second for it
  rereads: {limits: {wall: 6s}, run: "dd if=/dev/zero of=/tmp/f bs=1M count=32 oflag=direct; while :; do cat /tmp/f >/dev/null; done"}
  cached: {limits: {wall: 60s, memory: 128M}, run: "dd if=/dev/zero of=/tmp/f bs=1M count=80; sleep 0.5"}
  held:
    limits: {wall: 60s, memory: 128M}
    run: [/usr/bin/python3, -c, "import time; x = bytearray(40 << 20); time.sleep(0.5)"]
END
cupel_run memory.yaml -j 4
expect_exit 1
if [[ -n ${CUPEL_TEST_USER-} ]]; then
    end_case_now_skipped "an ordinary user's jobs write into memory, which has to be held"
else
    expect_verdict thrashes memory-limit
    expect_evidence thrashes '^memory limit 24 MiB reached: thrashing at it for [0-9.]+ s of [0-9.]+ s, [0-9]+ major faults, until its wall limit [0-9]+ s struck$'
    expect_result thrashes '.usage.thrashing_seconds >= 2 and .usage.major_faults > 50'
    expect_verdict writes timeout
    expect_evidence rereads 'still running after .*; at its memory limit for .* \([0-9]+ (reclaims|pages read again)\)'
    expect_result writes '.usage.thrashing_seconds < 1'
    expect_result cached '.usage.memory_peak_bytes > 50000000 and .usage.memory_held_peak_bytes < 30000000'
fi
expect_result held '.usage.memory_held_peak_bytes > 40000000 and .usage.memory_held_peak_bytes < 80000000'
expect_clean

it "jobs are admitted by the sum of their limits; one that wants more than there is runs alone"
job_file admission.yaml <<'END'
cupel: 1
defaults: {rootfs: host, limits: {wall: 60s}}
jobs:
  a: {limits: {memory: 300M}, run: "sleep 0.3"}
  b: {limits: {memory: 300M}, run: "sleep 0.3"}
  huge: {limits: {memory: 600M}, run: "sleep 0.3"}
  small: {limits: {memory: 1M}, run: [/bin/true]}
END
# overlaps A B: whether B started while A ran.
overlaps() {
    jq -rs --arg a "$1" --arg b "$2" 'def at: (.started | sub("\\.[0-9]+Z$"; "Z") | fromdate) + ((.started | capture("\\.(?<f>[0-9]+)Z").f | tonumber) / 1000);
        map({key: .id, value: .}) | from_entries | (.[$b] | at) < (.[$a] | at + .usage.wall_seconds - 0.1)' <(job_lines) | grep -q true
}
around memory.limit_in_bytes 500M memory.max 500M
cupel_run admission.yaml -j 4
expect_exit 0
expect_not overlaps a b
expect_not overlaps b huge
expect_not overlaps huge small
expect_result huge '.notes == ["its limit of 600 MiB of memory is more than the 500 MiB that there are: it ran alone"]'
expect_result small '.notes == null'
cupel_run admission.yaml -j 4 --overcommit
expect_exit 0
expect_result huge '.notes == null'
around memory.limit_in_bytes -1 memory.max max
expect_clean

# holds COMMAND...: another program of the machine, with cupel's groups around it, holds memory until stop_holding.
holds() {
    rm -f held
    (grouped "$@") >held 2>&1 &
    holder=$!
    wait_until 30 grep -qs held held
}
stop_holding() {
    kill "$holder"
    wait "$holder" 2>/dev/null
}
admission_beside_others() {
job_file others.yaml <<'END'
cupel: 1
defaults: {rootfs: host, limits: {wall: 60s}}
jobs:
  # what it holds of its own limit is not counted twice
  a: {limits: {memory: 100M}, run: [/usr/bin/python3, -c, "import time; x = bytearray(60 << 20); time.sleep(1)"]}
  b: {limits: {memory: 90M}, run: "sleep 1"}
  c: {limits: {memory: 100M}, run: "sleep 0.3"}
  big: {limits: {memory: 300M}, run: "sleep 0.3"}
END
around memory.limit_in_bytes 500M memory.max 500M
holds /usr/bin/python3 -uc 'import time; x = bytearray(280 << 20); print("held"); time.sleep(600)'
cupel_run others.yaml -j 4
expect_exit 0
expect overlaps a b
expect_not overlaps b c
expect_not overlaps c big
expect_result big '.notes | length == 1 and (.[0] | test("^its limit of 300 MiB of memory is more than the (1[89][0-9]|2[0-2][0-9]) MiB that others had left when it started: it ran alone$"))'
expect_result c '.notes == null'
expect_said 'others on this machine leave [0-9]+ MiB of memory for jobs: fewer run at once'
cupel_run others.yaml -j 4 --overcommit
expect_exit 0
expect overlaps c big
expect_result big '.notes == null'
stop_holding
# what the kernel can take back is there
dd if=/dev/zero of=cached bs=1M count=300 oflag=direct status=none
holds sh -c 'dd if=cached of=/dev/null bs=1M status=none; echo held; exec sleep 600'
cupel_run others.yaml -j 4
expect_exit 0
expect overlaps a c
expect_result big '.notes == null'
stop_holding
around memory.limit_in_bytes -1 memory.max max
expect_clean
}
it "memory that others hold is not there for jobs; what one wants more than is left, it has alone"
if is_sanitized; then
    skip_it "cupel's own memory, which its group holds as well, is several times as much under sanitizers"
else
    admission_beside_others
fi

it "a harness that was stopped says so, and does not call it the job's time; the job is run again"
job_file stopped.yaml <<'END'
cupel: 1
defaults: {rootfs: host}
jobs:
  sleeps: {limits: {wall: 4s}, retries: 1, retry-on: error, timeout-grace: 0s, run: "echo here; sleep 2"}
END
signal_all() {
    local pid
    for pid in $(foreign_processes); do kill "-$1" "$pid" 2>/dev/null; done
}
cupel_start stopped.yaml
wait_until 20 grep -qs here "$T/out/logs/sleeps.stdout"
signal_all STOP
sleep 5
signal_all CONT
cupel_wait
expect_exit 0
expect_result sleeps '.verdict == "passed" and .flaky and .attempts == 2'
expect_result sleeps '.previous_attempts[0].verdict == "error"'
expect_result sleeps '.previous_attempts[0].evidence | test("^cupel itself stood still for [0-9.]+ s while this job ran \\(stopped by a signal, its container frozen, or its machine paused\\), and its wall limit 4 s passed meanwhile: the job has not had its time$")'
expect_clean

all_done

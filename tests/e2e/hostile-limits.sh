#!/usr/bin/env bash
# Jobs that fight their limits and their own end: bombs, the deaf and the stopped, floods, orphans, storms, file systems made to
# be hard to remove. Each is bounded by cupel alone; for each the verdict, its evidence and the figures; after each group nothing
# may be left. A limit of time must end its job at all (within half a minute), how exactly is for bench/deadline.
# time-limit: 400
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

hostile=$(dirname -- "$CUPEL")/../../tests/hostile
if [[ ! -x $hostile ]]; then
    printf 'skip - hostile-limits: %s is not built\n' "$hostile"
    all_done
    exit 0
fi
cp -- "$hostile" "$T/hostile"

# group NAME: the head of a job file; the jobs follow on standard input. Every job has limits on everything that an attack
# could take from the machine; a job's own replace them one by one.
group() {
    {
        cat <<'YAML'
cupel: 1
defaults:
  inputs: [{from: hostile, to: /bin/hostile, mode: ro}]
  timeout-grace: 200ms
  limits: {wall: 60s, memory: 64M, pids: 64, disk: 64M, inodes: 20000, output: 1M}
jobs:
YAML
        cat
    } >"$T/$1.yaml"
    cupel_run "$1.yaml" -j 2
}
# expect_ended ID: a job that would never have ended did, without anything like the time that a broken harness takes.
expect_ended() {
    expect_result "$1" '.usage.wall_seconds < 30'
}
# expect_most ID FIGURE NUMBER: known, and at most that.
expect_most() {
    expect_result "$1" "(.usage.$2 | type) == \"number\" and .usage.$2 <= $3"
}

# expect_bounded ID VERDICT EVIDENCE: a bomb is held by some limit, most often the one given. What a refused fork had taken of kernel
# memory is free only after a grace period of the kernel's, so on a busy machine a bomb may get to its memory limit first.
expect_bounded() {
    if [[ $(result "$1" .verdict) == memory-limit ]]; then
        expect_evidence "$1" 'memory limit 256 MiB reached.*OOM'
        expect_result "$1" '.usage.oom_kills >= 1'
    else
        expect_verdict "$1" "$2"
        expect_evidence "$1" "$3"
    fi
}

# ---- processes and threads ---------------------------------------------------------------------------------------------
group bombs <<'YAML'
  fork-bomb: {run: [hostile, fork-bomb], limits: {wall: 700ms, memory: 256M}}
  fork-bomb-deaf: {run: [hostile, fork-bomb-deaf], limits: {wall: 700ms, memory: 256M}}
  fork-bomb-cpu: {run: [hostile, fork-bomb], limits: {cpu-time: 500ms, memory: 256M}}
  thread-bomb: {run: [hostile, thread-bomb], limits: {wall: 700ms, memory: 256M}}
  vfork-storm: {run: [hostile, vfork-storm], limits: {cpu-time: 500ms, memory: 256M}}
  clone-storm: {run: [hostile, clone-storm], limits: {wall: 700ms, memory: 256M}}
  hopper: {run: [hostile, hopper, "1"], limits: {wall: 700ms, memory: 256M}}
  hopper-left: {run: [hostile, hopper]}
  orphans: {run: [hostile, orphans, "3000"], limits: {memory: 256M}}
  zombies: {run: [hostile, zombies, "50"]}
  zombies-many: {run: [hostile, zombies, "100"]}
YAML
it "bombs and storms: the run itself is fine"
expect_exit 1
for job in fork-bomb fork-bomb-deaf thread-bomb clone-storm; do
    it "$job: the pids limit holds it, the wall limit ends it"
    expect_bounded "$job" timeout 'wall limit 700 ms'
    expect_ended "$job"
    expect_result "$job" '.usage.pids_peak == 64 and .usage.pids_refused > 0'
done
it "fork-bomb-deaf: SIGTERM did not end it"
expect_bounded fork-bomb-deaf timeout 'SIGKILL did'
it "fork-bomb-cpu: the CPU of all of a bomb's processes is one sum"
expect_bounded fork-bomb-cpu cpu-limit 'CPU limit 500 ms'
expect_result fork-bomb-cpu '(.usage.cpu_seconds >= 0.5 or .verdict != "cpu-limit") and .usage.cpu_seconds < 15'
expect_most fork-bomb-cpu pids_peak 64
it "vfork-storm: children that live for an instant are billed"
expect_bounded vfork-storm cpu-limit 'CPU limit 500 ms'
expect_result vfork-storm '.usage.cpu_seconds >= 0.5 or .verdict != "cpu-limit"'
expect_most vfork-storm pids_peak 3
it "hopper: a process that always changes its pid does not outlive the limit"
expect_bounded hopper timeout 'wall limit 700 ms'
expect_ended hopper
expect_most hopper pids_peak 64
it "hopper-left: nor the command that left it"
expect_verdict hopper-left passed
expect_ended hopper-left
it "orphans: PID 1 reaps thousands of them"
expect_verdict orphans passed
expect_most orphans pids_peak 64
it "zombies: they are children like others"
expect_verdict zombies passed
expect_result zombies '.usage.pids_peak >= 2 and .usage.pids_peak <= 51'
it "zombies-many: each holds its place until it is waited for"
expect_verdict zombies-many pids-limit
expect_evidence zombies-many 'process limit 64'
expect_result zombies-many '.usage.pids_peak == 64 and .usage.pids_refused >= 1'
it "bombs and storms: nothing is left"
expect_clean

# ---- time --------------------------------------------------------------------------------------------------------------
group time <<'YAML'
  sleeper: {run: [hostile, sleeper], limits: {wall: 300ms}}
  deaf: {run: [hostile, deaf], limits: {wall: 300ms}}
  deaf-child: {run: [hostile, deaf-child], limits: {wall: 300ms}}
  stop: {run: [hostile, stop], limits: {wall: 300ms}}
  stop-all: {run: [hostile, stop-all], limits: {wall: 300ms}}
  kill-all: {run: [hostile, kill-all]}
  system-calls: {run: [hostile, system-calls], limits: {cpu-time: 300ms}}
  burner-left: {run: [hostile, burner-left]}
  burner-billed: {run: [hostile, burner-billed, "400"]}
  burner-orphan: {run: [hostile, burner-orphan], limits: {cpu-time: 300ms}}
  burner-relay: {run: [hostile, burner-relay], limits: {cpu-time: 300ms, memory: 256M}}
YAML
it "sleeper: SIGTERM ends it"
expect_verdict sleeper timeout
expect_evidence sleeper 'wall limit 300 ms'
expect_not grep -q 'SIGKILL did' <<<"$(result sleeper .evidence)"
expect_ended sleeper
it "deaf: SIGKILL ends what ignores SIGTERM, and the evidence says so"
expect_verdict deaf timeout
expect_evidence deaf 'SIGTERM did not end it within 200 ms, SIGKILL did'
expect_ended deaf
it "deaf-child: a deaf child in a session of its own ends with its job"
expect_verdict deaf-child timeout
expect_ended deaf-child
for job in stop stop-all; do
    it "$job: what has stopped itself is ended by the wall limit"
    expect_verdict "$job" timeout
    expect_evidence "$job" 'SIGKILL did'
    expect_ended "$job"
done
it "kill-all: a job can kill itself, not its PID 1"
expect_verdict kill-all signaled
expect_result kill-all '.signal == 9'
it "system-calls: time in the kernel is CPU time"
expect_verdict system-calls cpu-limit
expect_result system-calls '.usage.system_seconds > 0.02 and .usage.cpu_seconds >= 0.3'
expect_ended system-calls
it "burner-left: a job ends with its command, whatever it leaves running"
expect_verdict burner-left passed
expect_ended burner-left
expect_result burner-left '.usage.cpu_seconds > 0'
it "burner-billed: an orphan's CPU is the job's"
expect_verdict burner-billed passed
expect_result burner-billed '.usage.cpu_seconds >= 0.4 and .usage.cpu_seconds < 1'
it "burner-orphan: and counts against its limit while the command sleeps"
expect_verdict burner-orphan cpu-limit
expect_ended burner-orphan
it "burner-relay: so does that of generations of which each used little"
expect_bounded burner-relay cpu-limit 'CPU limit 300 ms'
expect_result burner-relay '.usage.cpu_seconds >= 0.3 or .verdict != "cpu-limit"'
expect_ended burner-relay
it "time: nothing is left"
expect_clean

# ---- memory ------------------------------------------------------------------------------------------------------------
group memory <<'YAML'
  oom-child: {run: [hostile, oom-child, "200"], limits: {memory: 32M}}
  oom-child-stays: {run: [hostile, oom-child-stays, "200"], limits: {memory: 32M}}
  fill-shm: {run: [hostile, fill-shm], limits: {memory: 32M}}
  memfds: {run: [hostile, memfds], limits: {memory: 32M}}
  pipes: {run: [hostile, pipes], limits: {memory: 32M}}
  page-cache: {run: [hostile, fill-work, "150"], limits: {memory: 32M, disk: 256M}}
YAML
it "oom-child: one child killed for want of memory is memory-limit, though the command exits 0"
expect_verdict oom-child memory-limit
expect_evidence oom-child '32 MiB.*OOM'
it "oom-child-stays: the kill ends the job at once, though the command would sleep for ever"
expect_verdict oom-child-stays memory-limit
expect_evidence oom-child-stays '32 MiB.*OOM'
expect_ended oom-child-stays
for job in fill-shm memfds pipes; do
    it "$job: it is memory of the job like any other"
    expect_verdict "$job" memory-limit
    expect_evidence "$job" '32 MiB'
    expect_ended "$job"
    expect_result "$job" '.usage.oom_kills >= 1'
    expect_most "$job" memory_peak_bytes $((32 << 20))
done
it "page-cache: cache can be dropped, so it is no reason to kill"
expect_verdict page-cache passed
expect_result page-cache '.usage.oom_kills == 0 and .usage.memory_peak_bytes <= 33554432 and .usage.disk_peak_bytes >= 157286400'
it "memory: nothing is left"
expect_clean

# ---- output and disk ---------------------------------------------------------------------------------------------------
group disk <<'YAML'
  flood: {run: [hostile, flood]}
  close-all: {run: [hostile, close-all, "200"]}
  hold-output: {run: [hostile, hold-output]}
  empty-files: {run: [hostile, empty-files, "1000000"], limits: {inodes: 2000, memory: 256M}}
  sparse: {run: [hostile, sparse, "1024"], artifacts: [/work/sparse]}
  fill-tmp: {run: [hostile, fill-tmp], limits: {disk: 16M}}
  fill-work: {run: [hostile, fill-work], limits: {disk: 16M}}
  forbidden: {run: [hostile, forbidden, "40"], artifacts: [/work/**]}
  deep: {run: [hostile, deep, "3000"], artifacts: [/work/**]}
  after: {run: "ls -A /work /tmp | grep -v : | grep . && exit 1 || exit 0"}
YAML
it "flood: both streams at full speed, up to the limit and not a byte more"
expect_verdict flood output-limit
expect_evidence flood 'output limit 1 MiB'
expect_ended flood
expect_equal "$(cat "$T/out/logs/flood."* | wc -c)" 1048576
expect_result flood '.usage.output_bytes == 1048576'
it "close-all: closing every stream does not end a job early"
expect_verdict close-all passed
expect_result close-all '.usage.wall_seconds >= 0.2'
it "hold-output: what a daemon holds open does not hold the job up"
expect_verdict hold-output passed
expect_equal "$(log hold-output)" held
expect_ended hold-output
it "empty-files: no more of a million than the limit"
expect_verdict empty-files disk-limit
expect_evidence empty-files '2,?000'
expect_most empty-files inodes_peak 2000
it "sparse: a terabyte of nothing takes no disk, in the job or among its artifacts"
expect_verdict sparse passed
expect_most sparse disk_peak_bytes 1048576
expect_equal "$(stat -c %s "$T/out/artifacts/sparse/work/sparse")" $((1 << 40))
expect [ "$(du -k "$T/out/artifacts/sparse/work/sparse" | cut -f1)" -lt 1024 ]
for job in fill-tmp fill-work; do
    it "$job: a full disk is disk-limit, and is not memory"
    expect_verdict "$job" disk-limit
    expect_evidence "$job" '16 MiB'
    expect_most "$job" disk_peak_bytes $((16 << 20))
    expect_result "$job" '.usage.oom_kills == 0'
done
it "forbidden: trees that nobody may enter, links to / and fifos are no obstacle"
expect_verdict forbidden passed
expect [ -f "$T/out/artifacts/forbidden/work/a/a/file" ]
expect_not test -e "$T/out/artifacts/forbidden/work/a/link"
it "deep: nor are 3,000 levels of directories"
expect_verdict deep passed
it "after: the next job in the same slot finds nothing of it"
expect_verdict after passed
it "output and disk: nothing is left"
expect_clean

# calm_run: a run in groups of its own, since on v2 a group whose children have controllers takes nobody in.
calm_groups=("${own_groups[@]/%/-calm}")
calm_run() {
    local own_groups=("${calm_groups[@]}")
    (grouped timeout 30 "$CUPEL" run --out "$T/calm-out" calm.yaml) >"$T/calm-log" 2>&1
}

# ---- meanwhile ---------------------------------------------------------------------------------------------------------
it "while bombs go off, one after the other, another run on the same machine does its work"
cat >calm.yaml <<'YAML'
cupel: 1
jobs: {calm: {run: echo calm, limits: {wall: 60s, memory: 64M, pids: 64, disk: 64M}}}
YAML
{
    cat <<'YAML'
cupel: 1
defaults:
  inputs: [{from: hostile, to: /bin/hostile, mode: ro}]
  timeout-grace: 200ms
  limits: {wall: 2s, memory: 256M, pids: 64, disk: 64M}
jobs:
YAML
    for ((i = 0; i < 40; i++)); do
        printf '  fork-%d: {run: "echo started; exec hostile fork-bomb"}\n' "$i"
        printf '  thread-%d: {run: "echo started; exec hostile thread-bomb"}\n' "$i"
    done
} >bombs.yaml
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

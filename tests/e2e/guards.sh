#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What cupel costs, in figures that repeat: instructions of parsing, planning and reporting, system calls and page faults a job,
# and what is left of a run. Nothing here is a time.
#
# Some are compared with each other (twice the jobs, twice the cost) on any machine, the others with tests/guards/recorded.txt,
# where there is a record of this compiler, C library and kernel. `tests/e2e/guards.sh --update` records anew (docs/testing.md).
# sanitizers: no
# time-limit: 180
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

records=$top/tests/guards
margin=5 # percent
updating=false
[[ ${1-} == --update ]] && updating=true

# ---- which build and machine -------------------------------------------------------------------------------------------
cmake_says() {
    sed -nE "s/^(set\()?$1(:[A-Z]+=| \"?)([^\")]*).*/\3/p" "$build"/CMakeCache.txt "$build"/CMakeFiles/*/CMakeCCompiler.cmake \
        2>/dev/null | head -n 1
}
kind=$(cmake_says CMAKE_BUILD_TYPE)
[[ $(cmake_says CUPEL_COVERAGE) != ON ]] || kind+=-coverage
compiled="$(cmake_says CMAKE_C_COMPILER_ID)-$(cmake_says CMAKE_C_COMPILER_VERSION) $(getconf GNU_LIBC_VERSION | tr ' ' -) $kind $(uname -m)"
kernel=$(uname -r)
groups=cgroup-v1
! $on_v2 || groups=cgroup-v2
run_on="linux-$(cut -d. -f1,2 <<<"$kernel") $groups $kind $(uname -m)"

# ---- recorded values: lines "NAME VALUE CONFIGURATION" -----------------------------------------------------------------
# recorded_value NAME CONFIGURATION
recorded_value() {
    sed -nE "s/^$1 ([0-9]+) $2\$/\1/p" "$records/recorded.txt" 2>/dev/null
}
# expect_recorded NAME VALUE CONFIGURATION: at most `margin` percent above the record. One that is far below it is no failure,
# but is said, since a record that is too high guards nothing.
expect_recorded() {
    local recorded file=$records/recorded.txt
    if $updating; then
        { grep -vE "^$1 [0-9]+ $3\$" "$file" 2>/dev/null; echo "$1 $2 $3"; } >"$T/recorded" &&
            LC_ALL=C sort "$T/recorded" >"$file"
        good
        return
    fi
    recorded=$(recorded_value "$1" "$3")
    if [[ -z $recorded ]]; then
        end_case_now_skipped "$1 is $2 here; recorded for $(sed -nE "s/^$1 [0-9]+ //p" "$file" 2>/dev/null | paste -sd '|' |
            sed 's/|/, /g; s/^$/no machine/'), and this is $3"
    elif (($2 * 100 > recorded * (100 + margin))); then
        bad "$1 is $2, more than $margin % above the recorded $recorded ($3)" \
            "if it has to be: tests/e2e/guards.sh --update records it anew (docs/testing.md)"
    elif (($2 * 100 < recorded * (100 - margin))); then
        end_case_now_skipped "$1 is only $2 and $recorded is recorded: record it anew, tests/e2e/guards.sh --update"
    else
        good
    fi
}
# expect_linear NAME COST-OF-N COST-OF-2N COST-OF-NONE
expect_linear() {
    if ((($3 - $4) * 10 <= ($2 - $4) * 21)); then
        good
    else
        bad "$1: twice as many jobs cost more than 2.1 times as much: $2, then $3, of which $4 are the start"
    fi
}

# ---- instructions ------------------------------------------------------------------------------------------------------
# instructions COMMAND...: prints how many it executes. Environment, locale and the C library's choice of functions by processor
# are pinned, so two runs of one build differ by nothing, or by the digits of a process id.
instructions() {
    env -i PATH=/usr/bin:/bin HOME=/ LC_ALL=C CUPEL_CONFIG= GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2,-AVX2_Usable,-ERMS \
        valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" 2>"$T/valgrind" >/dev/null </dev/null || return 1
    sed -nE 's/^==[0-9]+== Collected : ([0-9]+)$/\1/p' "$T/valgrind"
}
# A file of N jobs that uses what large files use: needs, tags, variables, expectations.
many_jobs() {
    local i needs
    printf 'cupel: 1\ndefaults: {limits: {memory: 64M, pids: 16, wall: 60s}}\njobs:\n'
    for ((i = 0; i < $1; i++)); do
        needs=
        ((i == 0)) || printf -v needs 'job-%04d' $((i / 2))
        printf '  job-%04d: {run: [/bin/echo, "%d"], description: "number %d", needs: [%s], tags: [a, b], env: {N: "%d"}, expect: {stdout: "%d\\n"}}\n' \
            $i $i $i "$needs" $i $i
    done
}
# counted NAME COMMAND...: leaves the instructions in COUNT, or fails the case.
counted() {
    local name=$1
    shift
    COUNT=$(instructions "$@")
    [[ -n $COUNT ]] || {
        COUNT=0
        bad "$name cannot be counted:" "$(tail -n 5 "$T/valgrind")"
        return 1
    }
}

valgrind_is_there() {
    command -v valgrind >/dev/null && return
    skip_it "valgrind is not installed"
    return 1
}

start=0
it "instructions: what the program's start takes"
if valgrind_is_there && counted version "$CUPEL" version; then
    start=$COUNT
    expect_recorded instructions-start "$start" "$compiled"
fi

it "instructions: parsing and checking a file of 500 jobs, planning it and one of 1,000"
if valgrind_is_there; then
    many_jobs 500 >jobs-500.yaml
    many_jobs 1000 >jobs-1000.yaml
    counted validate "$CUPEL" validate jobs-500.yaml && expect_recorded instructions-validate-500 "$COUNT" "$compiled"
    if counted list "$CUPEL" list jobs-500.yaml; then
        once=$COUNT
        expect_recorded instructions-list-500 "$once" "$compiled"
        counted list "$CUPEL" list jobs-1000.yaml && expect_linear "cupel list" "$once" "$COUNT" "$start"
    fi
fi

it "instructions: the reports of 200 results and of 400"
report=$build/tests/guards/guard_report
if valgrind_is_there && counted report "$report" 1 out-0 && start=$COUNT && counted report "$report" 200 out-1; then
    once=$COUNT
    expect_equal "$(job_lines out-1 | wc -l) $(grep -c '<testcase' out-1/junit.xml)" "200 200"
    expect_recorded instructions-report-200 "$once" "$compiled"
    counted report "$report" 400 out-2 && expect_linear reports "$once" "$COUNT" "$start"
fi

# ---- system calls and page faults --------------------------------------------------------------------------------------
busybox=$(command -v busybox)
busybox_is_there() {
    [[ -n $busybox ]] && "$busybox" --list >/dev/null && return
    skip_it "busybox-static is not installed"
    return 1
}
if [[ -n $busybox ]]; then
    mkdir -p tree/bin tree/etc && cp "$busybox" tree/bin/busybox && ln -s busybox tree/bin/true && ln -s busybox tree/bin/sh
    printf 'root:x:0:0::/root:/bin/sh\n' >tree/etc/passwd
    tar -C tree -cf root.tar .
fi
# trivial N FILE: a file of N jobs that do nothing.
trivial() {
    local i
    {
        printf 'cupel: 1\nrootfs: {t: {tar: root.tar}}\ndefaults: {rootfs: t, limits: {memory: 64M, pids: 16, wall: 60s}}\njobs:\n'
        for ((i = 0; i < $1; i++)); do printf '  job-%04d: {run: [/bin/true]}\n' "$i"; done
    } >"$2"
}
# One job at a time and no looks in between: what is left differs only in how often somebody waited.
quiet_run=(run -j 1 --sample off --out "$T/out")
for n in 10 50 90; do trivial $n "$n.yaml"; done
measured_run() {
    rm -rf -- "$T/out"
    STATUS=0
    (grouped "$@") >"$T/stdout" 2>"$T/stderr" </dev/null || STATUS=$?
    ((STATUS == 0)) && return
    bad "the run failed" "$(seen)"
    return 1
}

# least_of COUNTER RECORD: leaves in `few`, `more` and `most` what runs of 10, 50 and 90 jobs cost, by COUNTER N, which leaves it
# in COUNT. How long a job takes decides how often cupel looks at it, and the page cache how often it faults: on a busy machine
# both only ever add. So the least of two runs counts, or of five where two are not within the bounds.
least_of() {
    local n tries recorded
    local -A least=()
    recorded=$(recorded_value "$2" "$run_on")
    for ((tries = 1; tries <= 5; tries++)); do
        for n in 10 50 90; do
            "$1" $n || return 1
            [[ -n ${least[$n]-} ]] && ((least[$n] <= COUNT)) || least[$n]=$COUNT
        done
        few=${least[10]} more=${least[50]} most=${least[90]}
        ((tries == 1)) || ! is_even || (((most - few) * 100 > 80 * ${recorded:-1000000} * (100 + margin))) || return 0
    done
}
# The second forty jobs cost what the first forty do; twice the margin, since both are differences of what is not exact.
is_even() {
    (((most - more) * 100 <= (more - few) * (100 + 2 * margin)))
}
expect_even() {
    if is_even; then good; else bad "40 jobs take $((more - few)) $1, the next 40 take $((most - more))"; fi
}

# Leaves lines "COUNT NAME" in calls.N, of the last run.
calls_of() {
    measured_run strace -f -qq -c -U calls,name -o calls "$CUPEL" "${quiet_run[@]}" "$1.yaml" || return 1
    awk '$1 ~ /^[0-9]+$/ && $2 != "total" {print $1, $2}' calls >"calls.$1"
    COUNT=$(awk '{sum += $1} END {print sum + 0}' "calls.$1")
}
# Lines "NAME HUNDREDTHS-A-JOB", between 10 jobs and 90.
calls_a_job() {
    awk 'NR == FNR {less[$2] = $1; next} {printf "%s %d\n", $2, ($1 - less[$2]) * 100 / 80}' calls.10 calls.90 | LC_ALL=C sort
}
# Says which calls a job makes more often than recorded.
say_which_calls() {
    [[ -r $records/system-calls.txt ]] || return 0
    calls_a_job >now
    awk -v of="$run_on" 'NR == FNR {if (substr($0, length($1) + length($2) + 3) == of) was[$1] = $2; next}
        $2 > was[$1] + 20 {printf "# %s: %.2f a job, recorded %.2f\n", $1, $2 / 100, was[$1] / 100}' \
        "$records/system-calls.txt" now
}

it "system calls: what a job more takes, the fiftieth as the first"
if ! command -v strace >/dev/null; then
    skip_it "strace is not installed"
elif busybox_is_there && measured_run "$CUPEL" "${quiet_run[@]}" 10.yaml && # the root is in the store from here on
    least_of calls_of system-calls-a-job; then
    expect_even "system calls"
    if $updating; then
        { grep -vE " $run_on\$" "$records/system-calls.txt" 2>/dev/null; calls_a_job | sed "s/\$/ $run_on/"; } >all &&
            LC_ALL=C sort all >"$records/system-calls.txt"
    fi
    expect_recorded system-calls-a-job $(((most - few) / 80)) "$run_on"
    [[ $case_state != failed ]] || say_which_calls
fi

# Leaves in COUNT the calls of one command by itself: start, sandbox, end.
calls_of_exec() {
    measured_run strace -f -qq -c -U calls,name -o calls "$CUPEL" exec --root 10.yaml:job-0000 -- /bin/true || return 1
    COUNT=$(awk '$1 ~ /^[0-9]+$/ && $2 != "total" {sum += $1} END {print sum + 0}' calls)
}

it "system calls: what cupel exec of one command takes, start and end included"
if ! command -v strace >/dev/null; then
    skip_it "strace is not installed"
elif busybox_is_there; then
    fewest=
    for _ in 1 2 3; do
        calls_of_exec || break
        [[ -n $fewest ]] && ((fewest <= COUNT)) || fewest=$COUNT
    done
    [[ -z $fewest ]] || expect_recorded system-calls-exec "$fewest" "$run_on"
fi

# The minor faults of the program and all who were waited for beneath it.
faults_of() {
    measured_run python3 -IS -c 'import resource, subprocess, sys
status = subprocess.call(sys.argv[2:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt, file=open(sys.argv[1], "w"))
sys.exit(status)' "$T/faults" "$CUPEL" "${quiet_run[@]}" "$1.yaml" || return 1
    COUNT=$(<faults)
}

it "page faults: what a job more takes, the fiftieth as the first"
if ! command -v python3 >/dev/null; then
    skip_it "python3 is not installed"
elif busybox_is_there && least_of faults_of page-faults-a-job; then
    expect_even "page faults"
    expect_recorded page-faults-a-job $(((most - few) / 80)) "$run_on"
fi

# ---- what is left ------------------------------------------------------------------------------------------------------
# Run in namespaces of its own, where nobody else's processes, mounts, interfaces and shared memory can be taken for cupel's,
# and where an orphan stays to be counted.
cat >around.sh <<'SH'
count() {
    local processes mounts devices=0 shm
    processes=(/proc/[0-9]*)
    mapfile -t mounts </proc/self/mountinfo
    mapfile -t shm < <(cat /proc/sysvipc/shm /proc/sysvipc/sem /proc/sysvipc/msg)
    devices=$(ip -o link | wc -l)
    echo "processes ${#processes[@]} mounts ${#mounts[@]} interfaces $devices ipc ${#shm[@]} descriptors $(ls /proc/$$/fd | wc -l)"
}
before=$(count)
for ((i = 1; i <= 20; i++)); do
    rm -rf out
    "$@" >stdout 2>stderr </dev/null
    status=$?
    ((status == 1)) || { echo "run $i: exit code $status"; cat stderr; exit 1; }
    ((i == 1 || i == 20)) || continue
    # The kernel ends a namespace a moment after its last process.
    for ((tries = 0; tries < 100; tries++)); do
        after=$(count)
        [[ $after != "$before" ]] || break
        sleep 0.1
    done
    [[ $after == "$before" ]] || { echo "before: $before"; echo "after run $i: $after"; exit 1; }
done
SH
it "what is there before a run is all that is there after it, and after twenty: processes, mounts, interfaces, IPC"
if busybox_is_there; then
    job_file ends.yaml <<'YAML'
cupel: 1
rootfs: {t: {tar: root.tar}}
defaults: {rootfs: t, limits: {memory: 32M, pids: 16, wall: 60s}}
jobs:
  passes: {run: [/bin/true]}
  fails: {run: exit 3}
  leaves: {run: "/bin/busybox sleep 1000 & /bin/busybox setsid /bin/busybox sleep 1000 & exit 0"}
  grows: {run: "/bin/busybox tail /dev/zero"}
  late: {run: "/bin/busybox sleep 1000", limits: {wall: 100ms}, timeout-grace: 0s}
  network: {network: {bridge: b}, run: [/bin/true]}
  disk: {limits: {disk: 4M}, run: "/bin/busybox dd if=/dev/zero of=/x bs=1M count=2 2>/dev/null"}
YAML
    STATUS=0
    (grouped unshare --mount --pid --net --ipc --fork --kill-child --mount-proc bash around.sh "$CUPEL" run -j 2 \
        --out "$T/out" ends.yaml) >around.out 2>&1 </dev/null || STATUS=$?
    if ((STATUS == 0)); then good; else bad "left behind, or not run:" "$(tail -n 20 around.out)"; fi
    expect_equal "$(jq -r .verdict <(job_lines out) | sort | uniq -c | tr -s ' ' | paste -sd ';')" \
        " 1 failed; 1 memory-limit; 4 passed; 1 timeout"
    expect_clean
fi

all_done

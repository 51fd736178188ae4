# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What every end-to-end test stands on: a directory and cgroups of its own, the program run with its output kept, and
# expectations that say what they saw. Sourced by each test; it contains no test itself.
#
#   it "NAME"            starts a test case; it ends with the next `it` or with the script
#   expect...            any of them failing fails the case; a case without one fails as well
#   skip_it "REASON"     the case (and what is expected in it) does not count: it is reported as skipped, with its reason
#   all_done             the last line of every script
#
# The protocol towards tests/run: lines `ok - NAME`, `not ok - NAME`, `skip - NAME: REASON`.
set -u

# A test that runs another one's cases (rootless-*.sh) has been here already.
[[ -z ${lib_is_loaded-} ]] || return 0
lib_is_loaded=true

: "${CUPEL:?CUPEL must name the program under test}"
e2e=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
top=$(cd -- "$e2e/../.." && pwd)
# shellcheck disable=SC2034 # for the scripts that source this file
build=$(cd -- "$(dirname -- "$CUPEL")/../.." && pwd) # where the tests' own programs are

if ((EUID != 0)); then
    printf 'skip - %s: needs root\n' "$(basename -- "$0" .sh)"
    exit 0
fi

# ---- a place of its own: not below /tmp, which may be a tmpfs and is not what users have ------------------------------
T=$(mktemp -d "${CUPEL_TEST_DIR:-/var/tmp}/cupel-e2e.XXXXXX")
cd -- "$T" || exit 1
export XDG_CACHE_HOME=$T/cache
# An ordinary user (as-user.bash) gets the directory, the groups, and a program that they can reach.
as_who=()
if [[ -n ${CUPEL_TEST_USER-} ]]; then
    as_who=(setpriv --reuid "$CUPEL_TEST_USER" --regid "$CUPEL_TEST_USER" --clear-groups --)
    chown "$CUPEL_TEST_USER:$CUPEL_TEST_USER" "$T"
    probes=$(dirname -- "$CUPEL")/../../libexec/cupel/cupel-probes # of `cupel selftest`
    [[ ! -x $probes ]] || install -D -- "$probes" "$T/build/libexec/cupel/cupel-probes"
    mkdir -p "$T/build/harness/cli" && cp -- "$CUPEL" "$T/build/harness/cli/" &&
        ln -s "$(cd -- "$(dirname -- "$CUPEL")/../.." && pwd)/tests" "$T/build/tests"
    CUPEL=$T/build/harness/cli/cupel
    chmod 0755 "$CUPEL"
    export HOME=$T
fi
unset NO_COLOR CI CUPEL_CACHE CUPEL_FAULT
export CUPEL_CONFIG= # nobody's

# A cgroup of our own beneath the caller's, in every hierarchy, which only the program under test is started in: whatever
# is in it afterwards was left behind. The tests themselves stay where they are.
own_groups=()
on_v2=false
make_own_groups() {
    local lines line controllers all path mount dir
    mapfile -t lines </proc/self/cgroup
    for line in "${lines[@]}"; do
        IFS=: read -r _ controllers path <<<"$line"
        path=${path%/}
        case $controllers in
        name=* | cpuset) continue ;; # not used by the program; a new cpuset takes nobody in
        '')
            # v2, where it is all there is; a parent with processes of its own gives its children no controllers, so
            # tests/run has set one aside
            ((${#lines[@]} == 1)) || continue
            dir=${CUPEL_TEST_CGROUP-}
            [[ -n $dir ]] || dir=$(awk '$3 == "cgroup2" {print $2; exit}' /proc/self/mounts)$path
            dir+=/cupel-e2e-$$
            read -ra all <"${dir%/*}/cgroup.controllers" || continue
            { echo "${all[@]/#/+}" >"${dir%/*}/cgroup.subtree_control"; } 2>/dev/null || continue
            mkdir "$dir" && echo "${all[@]/#/+}" >"$dir/cgroup.subtree_control" && own_groups+=("$dir") && on_v2=true
            continue
            ;;
        *) mount=$(awk -v c=",$controllers," '$3 == "cgroup" && index("," $4 ",", c) {print $2; exit}' /proc/self/mounts) ;;
        esac
        dir=$mount$path/cupel-e2e-$$
        [[ -n $mount ]] && mkdir "$dir" 2>/dev/null && own_groups+=("$dir")
    done
    [[ -z ${CUPEL_TEST_USER-} ]] || ((${#own_groups[@]} == 0)) || chown -R "$CUPEL_TEST_USER:$CUPEL_TEST_USER" "${own_groups[@]}"
}
# grouped COMMAND...: becomes the command, in our groups; for subshells. On v1 by `tasks`, since a write to cgroup.procs may
# wait for milliseconds. On v2, in a new child of ours: where a program moves to a leaf of its own and gives the others
# controllers, no second one can start, and a killed one leaves that so.
grouped() {
    local dir
    for dir in "${own_groups[@]}"; do
        if $on_v2; then
            dir+=/one-$BASHPID
            mkdir "$dir" || exit 1
            [[ -z ${CUPEL_TEST_USER-} ]] || chown -R "$CUPEL_TEST_USER" "$dir"
            echo "$BASHPID" >"$dir/cgroup.procs" || exit 1
        else
            echo 0 >"$dir/tasks" || exit 1
        fi
    done
    exec "${as_who[@]}" "$@"
}
# Processes that are still in our groups.
foreign_processes() {
    ((${#own_groups[@]} == 0)) || find "${own_groups[@]}" -name cgroup.procs -exec cat {} + 2>/dev/null | sort -un
}
remove_own_groups() {
    local pid
    for pid in $(foreign_processes); do
        kill -KILL "$pid" 2>/dev/null
    done
    wait_until 5 no_processes
    ((${#own_groups[@]} == 0)) || find "${own_groups[@]}" -depth -type d -exec rmdir {} + 2>/dev/null
}
no_processes() {
    [[ -z $(foreign_processes) ]]
}

finish() {
    local status=$?
    end_case
    $reached_end || printf 'not ok - %s ended early with exit code %d\n' "$(basename -- "$0")" "$status"
    remove_own_groups
    awk -v t="$T/" 'index($5, t) == 1 {print $5}' /proc/self/mountinfo | sort -r | xargs -r -n 1 umount -l
    cd /
    rm -rf -- "$T"
    if $reached_end && ! $any_failed; then exit 0; else exit 1; fi
}
# The last line of every test: a script that stops before it has failed, whatever it reported until then.
reached_end=false
all_done() {
    reached_end=true
}

# ---- test cases --------------------------------------------------------------------------------------------------------
case_name=''
case_state='' # '', ok, failed, skipped
case_why=''
any_failed=false

end_case() {
    [[ -n $case_name ]] || return 0
    case $case_state in
    ok) printf 'ok - %s\n' "$case_name" ;;
    skipped) printf 'skip - %s: %s\n' "$case_name" "$case_why" ;;
    failed)
        printf 'not ok - %s\n' "$case_name"
        any_failed=true
        ;;
    *)
        printf 'not ok - %s\n# nothing was expected\n' "$case_name"
        any_failed=true
        ;;
    esac
    case_name=''
}
it() {
    end_case
    case_name=$1 case_state='' case_why=''
}
skip_it() {
    case_state=skipped case_why=$1
}
good() {
    [[ -n $case_state ]] || case_state=ok
}
# bad MESSAGE...: fails the case and says what was seen; of each message the beginning and the end, and every line of it marked,
# so that what a program printed is not taken for a result.
bad() {
    [[ $case_state == skipped ]] && return 0
    case_state=failed
    local message
    for message in "$@"; do
        cut_middle "$message" 6000
        printf '\n'
    done | sed 's/^/# /'
}
# cut_middle TEXT CHARACTERS: the text, without its middle where it is longer.
cut_middle() {
    local half=$(($2 / 2))
    if ((${#1} <= $2)); then
        printf '%s' "$1"
    else
        printf '%s\n[... %d characters left out ...]\n%s' "${1:0:half}" $((${#1} - 2 * half)) "${1: -half}"
    fi
}
# shown FILE: what a message says of it: all, or its beginning and more of its end.
shown() {
    local size
    size=$(stat -c %s -- "$1" 2>/dev/null) || return 0
    if ((size <= 2000)); then
        cat -- "$1"
    else
        head -c 500 -- "$1"
        printf '\n[... %d bytes left out ...]\n' $((size - 2000))
        tail -c 1500 -- "$1"
    fi | tr -d '\0'
}

# ---- running the program -----------------------------------------------------------------------------------------------
STATUS=

# job_file NAME: writes standard input to a file.
job_file() {
    cat >"$T/$1"
}

# run_cupel ARGUMENT...: leaves STATUS and the files stdout and stderr.
run_cupel() {
    STATUS=0
    (grouped "$CUPEL" "$@") >"$T/stdout" 2>"$T/stderr" </dev/null || STATUS=$?
    complain_of_sanitizers
}
# cupel_run FILE [OPTION]...: a run into a fresh out directory.
cupel_run() {
    rm -rf -- "$T/out"
    run_cupel run --out "$T/out" "$@"
}
# The same in the background: PID in CUPEL_PID, to be ended by cupel_wait.
cupel_start() {
    rm -rf -- "$T/out"
    # Here and not where it starts: who waits for a line must not find that of the run before.
    : >"$T/stdout" 2>"$T/stderr"
    (grouped "$CUPEL" run --out "$T/out" "$@") >"$T/stdout" 2>"$T/stderr" </dev/null &
    CUPEL_PID=$!
}
cupel_wait() {
    STATUS=0
    wait "$CUPEL_PID" || STATUS=$?
    complain_of_sanitizers
}
complain_of_sanitizers() {
    if grep -qE 'ERROR: (Address|Leak)Sanitizer|runtime error:' "$T/stderr"; then
        bad "a sanitizer complains:" "$(grep -m 1 -A 12 -E 'Sanitizer|runtime error:' "$T/stderr")"
    fi
}
is_sanitized() {
    grep -qa __asan_init "$CUPEL"
}
has_fault_injection() {
    run_cupel debug-steps
    ((STATUS == 0))
}

# only_differences: this is the usual run in the virtual machine, beside one of all tests on the host. What neither cgroup v2 nor
# systemd nor another kernel can make different is left out there (docs/testing.md).
only_differences() {
    [[ -n ${CUPEL_TEST_ONLY_DIFFERENCES-} ]]
}
# the_rest_is_alike: such a run of the script ends here.
the_rest_is_alike() {
    ! only_differences || { all_done; exit 0; }
}

# wait_until SECONDS COMMAND...: until the command succeeds. A bound for a broken program, not an expectation of speed;
# CUPEL_TEST_TIME_FACTOR makes it longer on slow machines.
wait_until() {
    local deadline=$((SECONDS + $1 * ${CUPEL_TEST_TIME_FACTOR:-1}))
    shift
    until "$@"; do
        ((SECONDS < deadline)) || return 1
        sleep 0.05
    done
}

# found_program WORDS: a process of a job has exactly these words; its number is in `found`.
found=
found_program() {
    for found in $(foreign_processes); do
        [[ $(tr '\0' ' ' 2>/dev/null <"/proc/$found/cmdline") != "$1 " ]] || return 0
    done
    return 1
}
# has_died PID: it has, also where nobody has waited for it yet.
has_died() {
    ! grep -q '^State:[[:space:]]*[RSDTtI]' "/proc/$1/status" 2>/dev/null
}
parent_of() {
    awk '$1 == "PPid:" {print $2}' "/proc/$1/status"
}

# ---- expectations ------------------------------------------------------------------------------------------------------
seen() {
    printf 'exit code %s; stdout: %s; stderr: %s' "$STATUS" "$(shown "$T/stdout")" "$(shown "$T/stderr")"
}
expect_exit() {
    if [[ $STATUS == "$1" ]]; then good; else bad "expected exit code $1" "$(seen)"; fi
}
# expect COMMAND...: the command succeeds.
expect() {
    if "$@"; then good; else bad "does not hold: $*"; fi
}
expect_not() {
    if "$@"; then bad "holds, but should not: $*"; else good; fi
}
expect_equal() {
    if [[ $1 == "$2" ]]; then good; else bad "expected: $2" "     got: $1"; fi
}
# expect_stdout REGEX, expect_stderr REGEX: some line of the program's own output matches (extended regular expression).
expect_stdout() {
    if grep -qE -- "$1" "$T/stdout"; then good; else bad "no line of standard output matches: $1" "$(seen)"; fi
}
expect_stderr() {
    if grep -qE -- "$1" "$T/stderr"; then good; else bad "no line of standard error matches: $1" "$(seen)"; fi
}
# expect_said REGEX: the same in either of the two: where the console writes is its own matter.
expect_said() {
    if cat "$T/stdout" "$T/stderr" | grep -qE -- "$1"; then good; else bad "nothing printed matches: $1" "$(seen)"; fi
}

# job_lines [DIR]: the lines of results.jsonl there (or in out), without the first one, which is the run's own.
job_lines() {
    grep -sv '^{"type":"run",' "${1:-$T/out}/results.jsonl"
}
has_job_lines() {
    job_lines "$@" | grep -q .
}
# result ID JQ-FILTER: a field of a line of results.jsonl.
result() {
    jq -r --arg id "$1" "select(.id == \$id) | $2" "$T/out/results.jsonl" 2>/dev/null
}
describe() {
    printf 'result of %s: %s' "$1" "$(result "$1" 'del(.limits, .timeline) | tojson')"
    [[ -n $(result "$1" .id) ]] || printf '(none) %s' "$(seen)"
}
# expect_result ID JQ-CONDITION
expect_result() {
    if [[ $(result "$1" "$2") == true ]]; then good; else bad "does not hold of $1: $2; $(describe "$1")"; fi
}
expect_verdict() {
    if [[ $(result "$1" .verdict) == "$2" ]]; then
        good
    else
        bad "expected verdict $2 of $1" "$(describe "$1")" "its stderr: $(tail -c 600 "$T/out/logs/$1.stderr" 2>/dev/null)"
    fi
}
expect_evidence() {
    if result "$1" .evidence | grep -qE -- "$2"; then good; else bad "no such evidence of $1: $2" "$(describe "$1")"; fi
}
# log ID [stdout|stderr]: what a job printed.
log() {
    cat -- "$T/out/logs/$1.${2:-stdout}"
}
# expect_log ID REGEX: some line that the job printed on standard output matches.
expect_log() {
    if log "$1" 2>/dev/null | grep -qE -- "$2"; then
        good
    else
        bad "no line of $1's output matches: $2" "stdout: $(shown "$T/out/logs/$1.stdout")" \
            "stderr: $(shown "$T/out/logs/$1.stderr")" "$(describe "$1")"
    fi
}
expect_no_log() {
    if log "$1" | grep -qE -- "$2"; then
        bad "a line of $1's output matches: $2" "$(log "$1" | grep -E -- "$2" | head -n 3)"
    else
        good
    fi
}

# The two strict public schemas; not ours to carry along, so looked for beside the checkout.
schemas=${CUPEL_JUNIT_XSD:-$top/../shared/junit-xsd}
expect_junit_valid() {
    local schema said
    if [[ ! -d $schemas ]]; then
        end_case_now_skipped "JUnit schemas are not at $schemas (set CUPEL_JUNIT_XSD)"
        return 0
    fi
    for schema in windyroad-JUnit.xsd jenkins-junit-10.xsd; do
        if said=$(xmllint --noout --nonet --schema "$schemas/$schema" "$T/out/junit.xml" 2>&1); then
            good
        else
            bad "junit.xml is not valid against $schema" "${said:0:1500}"
        fi
    done
}
# A case whose other expectations count, but of which one part could not be checked: says so as a case of its own.
end_case_now_skipped() {
    printf 'skip - %s (in part): %s\n' "$case_name" "$1"
    good
}

# What must never be left behind, once the program has ended: groups, processes, loop devices, mounts, files of a run.
leftovers() {
    local entry
    ((${#own_groups[@]} == 0)) || find "${own_groups[@]}" -mindepth 1 -type d ! -name 'one-*' -printf 'cgroup %p\n'
    for entry in $(foreign_processes); do
        printf 'process %s %s\n' "$entry" "$(tr '\0' ' ' 2>/dev/null <"/proc/$entry/cmdline")"
    done
    grep -lF -- "$T/" /sys/block/loop*/loop/backing_file 2>/dev/null | sed 's/^/loop device /'
    grep -F -- " $T/cache" /proc/self/mountinfo | sed 's/^/mount /'
    [[ -d $T/cache/cupel/runs ]] && find "$T/cache/cupel/runs" -mindepth 1 ! -name .lock -printf 'file %p\n'
}
nothing_left() {
    [[ -z $(leftovers) ]]
}
# The kernel ends a mount namespace, and with it a loop device, a moment after its last process.
expect_clean() {
    if wait_until 5 nothing_left; then good; else bad "left behind:" "$(leftovers)"; fi
}

trap finish EXIT
trap 'exit 1' TERM INT HUP
make_own_groups

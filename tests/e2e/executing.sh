#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Programs that cannot be executed: the evidence says what is missing, and of what. And a caller that allows cupel little: an error
# before anything is made, or nothing of it is seen.
# time-limit: 120
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

mkdir -p p/directory
printf '#!/bin/sh\r\necho\r\n' >p/crlf
printf '#! /opt/no/python3 -u\n' >p/no-interpreter
printf '#!/p/no-loader\n' >p/interpreter-without-loader
printf 'echo plain\n' | tee p/plain >p/not-executable
printf '\xef\xbb\xbf#!/bin/sh\n' >p/bom
printf '#!\n' >p/bare
: >p/empty
if command -v python3 >/dev/null; then
    python3 - /bin/true <<'PY'
import struct, sys
program = open(sys.argv[1], 'rb').read()
def write(name, change):
    data = bytearray(program)
    change(data)
    open('p/' + name, 'wb').write(data)
def headers(data):
    at, n = struct.unpack_from('<Q', data, 32)[0], struct.unpack_from('<H', data, 56)[0]
    return [(at + 56 * i, struct.unpack_from('<I', data, at + 56 * i)[0]) for i in range(n)]
def loader(data):
    at = data.find(b'/ld-linux')
    data[at:at + 4] = b'/gone'[:4]
def machine(data):
    data[18:20] = struct.pack('<H', 243)
def huge(data):
    struct.pack_into('<Q', data, [at for at, kind in headers(data) if kind == 1][-1] + 40, 3 << 40)
for f in (loader, machine, huge):
    write(f.__name__, f)
PY
    mv p/loader p/no-loader
fi
chmod 0755 p/*
chmod 0644 p/not-executable
[[ -z ${CUPEL_TEST_USER-} ]] || chown -R "$CUPEL_TEST_USER:$CUPEL_TEST_USER" p

job_file programs.yaml <<'YAML'
cupel: 1
defaults: {inputs: [{from: p, to: /p}], limits: {wall: 20s, memory: 64M}}
jobs:
  crlf: {run: [/p/crlf]}
  by-path: {run: [crlf], env: {PATH: "/nowhere:/p:/bin"}}
  no-interpreter: {run: [/p/no-interpreter]}
  interpreter-without-loader: {run: [/p/interpreter-without-loader]}
  plain: {run: [/p/plain]}
  not-executable: {run: [/p/not-executable]}
  bom: {run: [/p/bom]}
  bare: {run: [/p/bare]}
  empty: {run: [/p/empty]}
  directory: {run: [/p/directory]}
  no-loader: {run: [/p/no-loader]}
  machine: {run: [/p/machine]}
  huge: {workdir: /p, run: [./huge]}
  own-signal: {run: "kill -SEGV $$"}
  missing: {run: [/p/missing]}
  list-of-scripts: {run: [ls -l, ls -a]}
  path-with-blank: {run: ["./configure --prefix=/usr"]}
  list-repeats: {run: [ls, ls -a]}
  list-of-options: {run: [/bin/sh, -c, "/bin/sh -c 'exit 3'"]}
  script-repeats: {run: "/bin/sh -c 'exit 3'"}
  no-exec: {run: [{name: a, run: "cp /bin/true /dev/shm/x"}, {name: b, run: [/dev/shm/x]}]}
YAML
cupel_run programs.yaml

# because JOB VERDICT EVIDENCE
because() {
    expect_verdict "$1" "$2"
    expect_evidence "$1" "$3"
}
it "a script whose interpreter is missing: the interpreter is named"
expect_exit 1
crlf="No such file or directory: its interpreter '/bin/sh\\\\r' does not exist; the script has CRLF line ends$"
because crlf failed "^cannot execute '/p/crlf': $crlf"
because by-path failed "^cannot execute 'crlf': $crlf"
because no-interpreter failed ": its interpreter '/opt/no/python3' does not exist$"

it "a file that is no program: what it is"
because plain failed "Exec format error: it is neither a program nor a script that begins with #!$"
because bom failed "Exec format error: a byte order mark stands before its first line$"
because bare failed "Exec format error: its first line names no interpreter"
because empty failed "Exec format error: it is empty$"
because directory failed "Permission denied: it is a directory$"
because not-executable failed "Permission denied: it is not marked as executable$"
because no-exec failed "step 'b': .*Permission denied: nothing can be executed from the file system"
because missing failed "^cannot execute '/p/missing': No such file or directory$"
because own-signal signaled "^killed by signal 11 \(SIGSEGV\), and the stack limit is [0-9.]+ [KM]iB$"

it "a list that was meant as a list of scripts: what a list is, where it looks so and failed"
list="a list is one command and its arguments, without a shell; write commands as one text, a line each$"
because list-of-scripts failed "^cannot execute 'ls -l': No such file or directory; $list"
because path-with-blank failed "No such file or directory; $list"
because list-repeats failed "^exit code [12], expected 0; 'ls -a' was an argument of 'ls': $list"
because list-of-options failed "^exit code 3, expected 0$"
because script-repeats failed "^exit code 3, expected 0$"

it "a program whose loader is missing, or of another machine"
if [[ -e p/machine && $(uname -m) == x86_64 ]]; then
    because no-loader failed ": its loader '.*' does not exist$"
    because interpreter-without-loader failed ": what is needed by its interpreter '/p/no-loader' does not exist$"
    because machine failed "Exec format error: it is a damaged program, or one for another kind of machine$"
else
    skip_it "no python3 on this host, or another machine"
fi

it "a program that is larger than what can be mapped never began"
if [[ ! -e p/huge || $(uname -m) != x86_64 || $(</proc/sys/vm/overcommit_memory) == 1 ]]; then
    skip_it "no python3 on this host, another machine, or one that maps anything"
else
    because huge signaled "^killed by signal 11 \(SIGSEGV\): it never began: the 3 TiB that it needs at its start could not be mapped$"
fi
expect_junit_valid
expect_clean

# ---- the program itself ----
job_file waits.yaml <<'YAML'
cupel: 1
jobs:
  waits: {limits: {wall: 2m}, run: "echo here; sleep 100"}
YAML
# below PID...: these and all that came from them
below() {
    local pid
    for pid; do
        echo "$pid"
        # shellcheck disable=SC2046 # one word a process
        below $(cat "/proc/$pid/task/$pid/children" 2>/dev/null)
    done
}
started() { [[ -s out/logs/waits.stdout ]]; }
it "while a job runs, nobody of the run has the program's file: neither executed nor mapped"
cupel_start waits.yaml
wait_until 60 started || bad "the job did not start" "$(cat stderr)"
mapfile -t all < <(below "$CUPEL_PID")
expect test "${#all[@]}" -ge 4 # the run, its slot, PID 1, the command
# shellcheck disable=SC2046 # a word each
expect_not grep -lF -- "$CUPEL" $(printf "/proc/%s/maps " "${all[@]}")
for pid in "${all[@]}"; do
    expect_not test "$(readlink "/proc/$pid/exe")" -ef "$CUPEL"
done
expect_equal "$(readlink "/proc/$CUPEL_PID/exe")" "/memfd:cupel-sealed (deleted)"
kill -INT "$CUPEL_PID"
cupel_wait
expect_exit 130

# ---- the caller's limits ----
job_file small.yaml <<'YAML'
cupel: 1
jobs:
  a: {run: "ulimit -Sn; ulimit -f; head -c 400000 /dev/zero"}
YAML
# limited WHAT VALUE [OPTION]...: as cupel_run, started with this limit.
limited() {
    local what=$1 value=$2
    shift 2
    rm -rf -- "$T/out"
    STATUS=0
    (ulimit "$what" "$value" && grouped "$CUPEL" run --out "$T/out" small.yaml "$@") >"$T/stdout" 2>"$T/stderr" </dev/null ||
        STATUS=$?
    complain_of_sanitizers
}
# Who may raise a hard limit does so, and then nothing of it is seen.
refused_or_raised() {
    if ((STATUS == 0)); then
        expect_equal "$(log a | head -n 2 | tr -d '\0' | tr '\n' ' ')" "1024 unlimited "
    else
        expect_exit 3
        expect_stderr "^cupel: error: whoever started cupel lets $1"
        expect_stderr "^  hint: raise the hard limit \(ulimit -$2"
        expect_not test -e out/results.jsonl
    fi
}
it "a caller with too few open files: an error before anything is made, or the limit is raised"
limited -n 50
refused_or_raised "it have 50 open files" Hn
expect_clean

it "a caller with a limit of file size"
limited -f 100
refused_or_raised "its files grow to 100 KiB" Hf
expect_clean

it "soft limits of the caller are nobody's"
limited -Sn 30
expect_exit 0
limited -Sf 10
expect_exit 0
limited -St 1
expect_exit 0
expect_equal "$(log a | head -n 2 | tr -d '\0' | tr '\n' ' ')" "1024 unlimited "

all_done

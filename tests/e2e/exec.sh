#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `cupel exec`: one command in a sandbox: streams, exit codes, limits, the result, what is brought back, signals.
# time-limit: 180
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# in_exec ARGUMENT...: cupel exec with these; STDIN is what it reads.
STDIN=/dev/null
in_exec() {
    STATUS=0
    (grouped "$CUPEL" exec "$@") >"$T/stdout" 2>"$T/stderr" <"$STDIN" || STATUS=$?
    complain_of_sanitizers
}
# owned PATH: by whoever runs the program.
owned() { [[ -z ${CUPEL_TEST_USER-} ]] || chown -R "$CUPEL_TEST_USER:$CUPEL_TEST_USER" "$1"; }
verdict() { jq -r .verdict "$T/result"; }

# ---- streams -----------------------------------------------------------------------------------------------------------
it "streams are kept apart, and the exit code is the command's"
echo 'a line' >input
STDIN=$T/input in_exec -- sh -c 'cat; echo complaint >&2; exit 7'
expect_exit 7
expect_equal "$(cat stdout)" "a line"
expect_equal "$(cat stderr)" complaint
expect_clean

it "ten megabytes go through as they are, both ways"
head -c 10000000 /dev/urandom >bytes
STDIN=$T/bytes in_exec -- cat
expect_exit 0
expect cmp bytes stdout
in_exec --input bytes --timeout 1m -- sh -c 'cat bytes >&2'
expect cmp bytes stderr

it "a pipe on either side is one too, and its end is the command's"
expect_equal "$(head -c 3000000 bytes | (grouped "$CUPEL" exec -- cat) | cksum)" "$(head -c 3000000 bytes | cksum)"
expect_equal "$(: | (grouped "$CUPEL" exec -- wc -c))" 0

it "a reader that goes away ends who writes, as in a pipeline"
expect_equal "$( (grouped "$CUPEL" exec --timeout 1m -- yes) 2>yes.err | head -n 2 | tr -d '\n'; echo "${PIPESTATUS[0]}")" yy141
expect_equal "$(cat yes.err)" ""

it "output and error of one file stay in order"
(grouped "$CUPEL" exec -- sh -c 'for i in 1 2 3 4 5 6 7 8 9; do echo o$i; echo e$i >&2; done') >both 2>&1
expect_equal "$(tr '\n' ' ' <both)" "$(for i in 1 2 3 4 5 6 7 8 9; do printf 'o%d e%d ' $i $i; done)"
expect_equal "$( (grouped "$CUPEL" exec -- sh -c 'echo o; echo e >&2') 2>&1 | tr '\n' ' ')" "o e "

it "a command that does not read leaves no one waiting"
in_pipe() { yes | (grouped "$CUPEL" exec -- true); }
expect in_pipe
expect_clean

it "closed streams are empty ones"
(grouped "$CUPEL" exec -- sh -c 'cat; echo out; echo err >&2; exit 5') <&- >&- 2>stderr
expect_equal $? 5
expect_equal "$(cat stderr)" err

it "a full file of the caller's is an error and no loss"
in_full() { (grouped "$CUPEL" exec --result "$T/result" -- echo lost) >/dev/full 2>"$T/stderr"; }
STATUS=0
in_full || STATUS=$?
expect_exit 3
expect_equal "$(verdict)" error
expect_stderr 'lost on the way to standard output: No space left'

it "the command has none of the caller's descriptors"
in_exec -- sh -c 'for fd in 0 1 2; do readlink /proc/self/fd/$fd; done; ls /proc/self/fd | wc -l'
expect_stdout '^/dev/null$'
expect_equal "$(sed -n '2,3s/:.*//p' stdout | tr '\n' ' ')" "pipe pipe "
expect_equal "$(tail -n 1 stdout)" 4 # ls has one open

# ---- exit codes --------------------------------------------------------------------------------------------------------
it "exit codes: the command's own, signals, what cannot be executed"
for code in 1 2 3 124 137 240 255; do
    in_exec --result result -- sh -c "exit $code"
    expect_exit $code
    expect_equal "$(verdict) $(jq .exit result)" "failed $code"
    expect_equal "$(cat stderr)" ""
done
in_exec --result result -- sh -c 'kill -SEGV $$'
expect_exit 139
expect_equal "$(verdict) $(jq .signal result)" "signaled 11"
in_exec -- no-such-program
expect_exit 127
expect_stderr "^cupel: cannot execute 'no-such-program'"
in_exec -- /etc/passwd
expect_exit 126

it "each limit has an exit code, a verdict and a line of its own"
struck() { # CODE VERDICT ARGUMENT...
    in_exec --result result "${@:3}"
    expect_exit "$1"
    expect_equal "$(verdict)" "$2"
    expect_stderr "^cupel: $2: "
    expect_equal "$(jq -r .evidence result)" "$(sed -n "s/^cupel: $2: //p" stderr)"
}
struck 240 timeout --timeout 200ms -- sleep 60
struck 241 cpu-limit --limit cpu-time=200ms -- sh -c 'while :; do :; done'
struck 242 memory-limit --limit memory=32M -- tail /dev/zero
struck 243 pids-limit --limit pids=4 -- sh -c 'for i in 1 2 3 4 5 6; do sleep 60 & done'
struck 244 disk-limit --limit disk=8M -- sh -c 'head -c 20000000 /dev/zero >/tmp/big'
struck 245 output-limit --limit output=1K -- head -c 100000 /dev/zero
expect_equal "$(stat -c %s stdout)" 1024
ln -s /etc/passwd link
struck 246 invalid-submission --input link -- cat link
in_exec -q --limit output=1K -- head -c 100000 /dev/zero
expect_exit 245
expect_equal "$(cat stderr)" ""
expect_clean

# ---- the result --------------------------------------------------------------------------------------------------------
it "the result is one line of results.jsonl"
cat >one.yaml <<'YAML'
cupel: 1
jobs: {exec: {run: [sh, -c, exit 4], limits: {memory: 64M, wall: 10s}}}
YAML
cupel_run --sample off one.yaml
in_exec --result result --limit memory=64M --limit wall=10s -- sh -c 'exit 4'
expect_equal "$(wc -l <result)" 1
expect_equal "$(jq -c '[.type, .slot, has("file"), has("line")]' result)" '["job",1,false,false]'
keys='del(.started, .usage, .file, .line) | keys - ["logs"]'
expect_equal "$(jq -c "$keys" result)" "$(jq -c "$keys" <(job_lines out))"
# what only a look at a running command tells is there where it ran for long enough, on a busy machine
usage='.usage | keys - ["major_faults", "max_rss_bytes", "memory_anonymous_peak_bytes", "memory_held_peak_bytes", "run_queue_wait_seconds", "thrashing_seconds"]'
expect_equal "$(jq -c "$usage" result)" "$(jq -c "$usage" <(job_lines out))"
expect_equal "$(jq -c '[.id, .verdict, .exit, .limits]' result)" "$(jq -c '[.id, .verdict, .exit, .limits]' <(job_lines out))"

it "a descriptor is appended to by many, and a name tells them apart"
for i in 1 2 3; do
    (grouped "$CUPEL" exec --result fd:3 --name "n$i" -- true) 3>>lines
    (grouped "$CUPEL" exec --result-fd 4 --name "m$i" -- true) 4>>lines
done
expect_equal "$(jq -r .id lines | sort | tr '\n' ' ')" "m1 m2 m3 n1 n2 n3 "

it "what failed before it began has a result as well, and an old one does not stay"
echo old >result
in_exec --result result --root no-such-root -- true
expect_exit 2
expect_equal "$(verdict)" error
echo old >result
in_exec --result result --limit memory=x -- true
expect_exit 2
expect [ ! -s result ]

# ---- files -------------------------------------------------------------------------------------------------------------
it "inputs are shown where they were asked for, and artifacts come back"
mkdir -p tree && echo original >tree/file
owned tree
in_exec --input tree --input tree:/there:ro --artifacts back --artifact '/work/**' --result result -- \
    sh -c 'echo changed >tree/file; echo new >made; { echo x >/there/file; } 2>/dev/null || echo read-only'
expect_exit 0
expect_stdout '^read-only$'
expect_equal "$(cat tree/file) $(cat back/work/tree/file) $(cat back/work/made)" "original changed new"
expect_equal "$(jq -c '[.artifacts[].path] | sort' result)" '["back/work/made","back/work/tree/file"]'
in_exec --artifacts back --artifact '/work/**' -- true
expect_exit 2
expect_stderr "not empty"

it "where artifacts go is not seen in an input that it lies in, and so is not copied into itself"
mkdir -p tree/deep/er && owned tree
for mode in cow ro copy; do
    in_exec --input "tree:/work/tree:$mode" --artifacts "tree/deep/er/$mode" --artifact '/work/**' -- \
        sh -c 'find tree | LC_ALL=C sort; test -w tree/deep && mkdir -p "tree/deep/er/cow" && echo own >tree/deep/er/cow/own; :'
    expect_exit 0
    expect_equal "$(tr '\n' ' ' <stdout)" "tree tree/deep tree/deep/er tree/file "
    expect_equal "$(cd "tree/deep/er/$mode" && find . -type f | LC_ALL=C sort | tr '\n' ' ')" \
        "$([[ $mode == ro ]] || echo './work/tree/deep/er/cow/own ')./work/tree/file "
    rm -r "tree/deep/er/$mode"
done
rm -r tree/deep
(cd tree && printf 'cupel: 1\njobs: {a: {run: "true"}}\n' >../a.yaml && grouped "$CUPEL" run ../a.yaml) >stdout 2>&1
for dir in tree/cupel-out/in tree/beside; do
    (cd tree && grouped "$CUPEL" exec --input .:/work/tree --artifacts "../$dir" --artifact '/work/**' -- find tree) >stdout
    expect_equal "$? $(LC_ALL=C sort stdout | tr '\n' ' ')" "0 tree tree/file "
    expect_equal "$(cd "$dir" && find . -type f)" ./work/tree/file
    rm -r "$dir"
done
rm -r tree/cupel-out

it "the present directory in its place"
(cd tree && grouped "$CUPEL" exec --input .:. --workdir . -- sh -c 'pwd; cat file') >stdout
expect_equal "$(cat stdout)" "$T/tree
original"

it "the environment is a job's, with what is given or passed on"
A=1 B=2 in_exec --env A --env C=3 --env EMPTY= --env NOWHERE_SET -- sh -c 'echo "${A-unset} ${B-unset} ${C-unset} ${EMPTY-unset} ${NOWHERE_SET-unset}"'
expect_equal "$(cat stdout)" "1 unset 3  unset"

# ---- a job of a file ---------------------------------------------------------------------------------------------------
it "a job of a job file is the base, and options are put over it"
cat >base.yaml <<'YAML'
cupel: 1
defaults: {env: {A: "1", B: "1"}, inputs: [tree]}
jobs:
  first: {run: echo left >/work/left}
  second: {from: first, run: "false", user: nobody, limits: {memory: 64M, wall: 1m}, env: {B: "2"}, expect: {exit: 3}, stdin: none}
YAML
echo from-here >input
STDIN=$T/input in_exec --root base.yaml:second --env C=3 --limit wall=30s --input one.yaml --result result -- \
    sh -c 'cat left tree/file; id -un; echo $A $B $C; ls; cat'
expect_exit 0
expect_equal "$(cat stdout)" "left
original
nobody
1 2 3
left
one.yaml
tree
from-here"
expect_equal "$(jq -c '[.id, .file, (.limits.wall_seconds | floor), .limits.memory_bytes]' result)" '["second","base.yaml",30,67108864]'
in_exec --root base.yaml:secnd -- true
expect_exit 2
expect_stderr "did you mean 'second'"

# ---- wrong command lines -----------------------------------------------------------------------------------------------
it "what is wrong with an option is said with the option, as the job file says it"
wrong() { # PATTERN ARGUMENT...
    in_exec "${@:2}"
    expect_exit 2
    expect_stderr "$1"
    expect_equal "$(grep -c error: stderr)" 1
}
wrong "^--limit memroy=1M: unknown key 'memroy', did you mean 'memory'" --limit memroy=1M -- true
wrong "^--limit memory=64X: 'memory' must be a size" --limit memory=64X -- true
wrong "^--timeout 5x: 'wall' must be a duration" --timeout 5x -- true
wrong "^--limit wall=1s: 'wall' is given twice" --timeout 5s --limit wall=1s -- true
wrong "^--network nett: 'network'" --network nett -- true
wrong "^--input nowhere: " --input nowhere -- true
wrong "--input .:/x:rw: 'rw' is no mode of an input: cow, ro or copy" --input .:/x:rw -- true
mkdir -p named && touch named.yaml
wrong "^cupel: error: --input named:work: there is no such file, .* begins with '/' or '.'" --input named:work -- true
wrong "^cupel: error: --root named.yaml is a job file: say which of its jobs, --root named.yaml:JOB" --root named.yaml -- true
wrong "^  hint: what lies here is told by a slash: --root ./named$" --root named -- true
wrong "^--input .:/x: two inputs are placed at /x$" --input .:/x --input .:/x -- true
wrong "the command line:1: there is no user 'nobodyy'" --user nobodyy -- true
wrong "takes KEY=VALUE" --limit memory -- true
wrong "takes a command after '--'" --timeout 5s
wrong "did you mean --limit" --limits memory=1M -- true
wrong "go together" --artifact /x -- true
wrong "is not open for writing" --result fd:77 -- true
wrong "takes a terminal" -t -- true
wrong "^cupel: error: --root is given twice" --root host --root scratch -- true
wrong "^cupel: error: --timeout is given twice" --timeout 5s --timeout=5s -- true
wrong "^cupel: error: --result -: standard output is the command's" --result - -- true
expect test ! -e ./-

# ---- signals -----------------------------------------------------------------------------------------------------------
has_begun() { [[ -s stdout ]]; }
it "SIGTERM ends the command, which may tidy up, and then us with 143; nothing is left"
for signal in TERM:143 INT:130; do
    : >stdout
    (grouped "$CUPEL" exec --result "$T/result" -- sh -c 'trap "echo tidied; exit 0" TERM; echo begun; while :; do sleep 0.05; done') >stdout 2>stderr </dev/null &
    pid=$!
    expect wait_until 20 has_begun
    kill "-${signal%:*}" $pid
    STATUS=0
    wait $pid || STATUS=$?
    expect_exit "${signal#*:}"
    expect_stdout '^tidied$'
    expect_equal "$(verdict)" cancelled
done
expect_clean

it "the second signal kills who does not care"
: >stdout
(grouped "$CUPEL" exec --grace 10m -- sh -c 'trap "echo heard" TERM; echo begun; while :; do sleep 0.05; done') >stdout 2>stderr </dev/null &
pid=$!
expect wait_until 20 has_begun
kill -TERM $pid
heard() { grep -q heard stdout; }
expect wait_until 20 heard
kill -TERM $pid
STATUS=0
wait $pid || STATUS=$?
expect_exit 143
expect_clean

it "a reader that does not read holds up the command, not its limits, nor the end by a signal"
mkfifo slow
# shellcheck disable=SC2217 # it holds the FIFO open, and reads nothing
sleep 1000 <slow &
reader=$!
STATUS=0
(grouped "$CUPEL" exec --timeout 2s --result "$T/result" -- yes) >slow 2>stderr </dev/null &
pid=$!
runs_yes() { foreign_processes | sed 's,.*,/proc/&/comm,' | xargs -r cat 2>/dev/null | grep -qx yes; }
ran_yes() { ! runs_yes; }
expect wait_until 20 runs_yes
expect wait_until 20 ran_yes
kill -TERM $pid
wait $pid || STATUS=$?
expect_exit 143
expect_equal "$(verdict)" timeout
kill $reader
wait $reader 2>/dev/null
expect_clean

it "killed with SIGKILL it leaves no process, and the next one removes the rest"
: >stdout
(grouped "$CUPEL" exec -- sh -c 'echo begun; sleep 1000') >stdout 2>stderr </dev/null &
pid=$!
expect wait_until 20 has_begun
kill -KILL $pid
wait $pid 2>/dev/null
expect wait_until 20 no_processes
in_exec -- true
expect_exit 0
expect_stderr 'killed run'
expect_clean

# ---- many at once ------------------------------------------------------------------------------------------------------
it "sixty at once, eight at a time: none meets another"
: >lines
owned lines
(grouped bash -c 'seq 60 | xargs -P 8 -I{} "$0" exec --result fd:3 --name {} -- sh -c "echo {}" 3>>lines' "$CUPEL") >stdout 2>stderr
expect_equal "$(sort -n stdout | tr '\n' ' ')" "$(seq 60 | tr '\n' ' ')"
expect_equal "$(jq -r 'select(.verdict == "passed") | .id' lines | sort -n | tr '\n' ' ')" "$(seq 60 | tr '\n' ' ')"
expect_equal "$(cat stderr)" ""
expect_equal "$(ls cache/cupel/runs)" ""
expect_clean

# ---- what others call it from --------------------------------------------------------------------------------------------
it "CTest runs a target's tests in it: by the launcher that CMake has from 3.29 on, before that by the emulator"
if ! command -v ctest >/dev/null; then
    skip_it "cmake is not installed"
else
    mkdir -p project && cat >project/CMakeLists.txt <<'CMAKE'
cmake_minimum_required(VERSION 3.16)
project(example C)
enable_testing()
add_executable(example example.c)
add_test(NAME good COMMAND example 0)
add_test(NAME bad COMMAND example 3)
add_test(NAME big COMMAND example memory)
CMAKE
    cat >project/example.c <<'C'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    (void)argc;
    printf("pid %d\n", getpid());
    if (strcmp(argv[1], "memory") == 0)
        for (;;)
            memset(malloc(1 << 20), 1, 1 << 20);
    return atoi(argv[1]);
}
C
    launcher="$CUPEL;exec;--input;$T/project;--workdir;.;--limit;memory=64M;--timeout;1m;--"
    key=CMAKE_CROSSCOMPILING_EMULATOR
    printf '3.29\n%s\n' "$(cmake --version | sed -n 's/^cmake version //p')" | sort -VC && key=CMAKE_TEST_LAUNCHER
    expect cmake -S project -B project/build "-D$key=$launcher" >cmake.log 2>&1
    expect cmake --build project/build >>cmake.log 2>&1
    owned project
    (grouped ctest --test-dir project/build -V) >stdout 2>stderr
    expect_stdout ' good \.+ +Passed'
    expect_stdout ' bad \.+\*+Failed'
    expect_stdout 'pid [1-9]$'
    expect_stdout 'cupel: memory-limit: memory limit 64 MiB'
    expect_clean
fi

# ---- on a terminal -----------------------------------------------------------------------------------------------------
if ! command -v tmux >/dev/null; then
    it "on a terminal"
    skip_it "tmux is not installed"
    all_done
    exit 0
fi
tmux() { command tmux -S "$T/tmux" "$@"; }
screen_has() { tmux capture-pane -p -S - -t e2e 2>/dev/null | grep -qE -- "$1"; }
type_line() { tmux send-keys -t e2e -l "$1" && tmux send-keys -t e2e Enter; }
cat >grouped.sh <<SCRIPT
# becomes the program under test, in the test's own groups
own_groups=(${own_groups[*]@Q}) on_v2=$on_v2 as_who=(${as_who[*]@Q})
$(declare -f grouped)
grouped "$CUPEL" "\$@"
SCRIPT
tmux -f /dev/null new-session -d -s e2e -x 90 -y 40 "cd $T; export PS1='outer> '; exec bash --norc --noprofile"

it "on a terminal: one of its own, with the caller's size, judged as any command"
expect wait_until 60 screen_has '^outer> *$'
type_line "stty -g >before; bash grouped.sh exec -t --result $T/result -- sh; echo code:\$?"
expect wait_until 60 screen_has '^# *$'
type_line 'tty; stty size; echo si''ze'
expect wait_until 60 screen_has '^size'
expect screen_has '^/dev/pts/0$'
expect screen_has '^40 90$'
tmux resize-window -t e2e -x 101 -y 33
resized() { type_line 'stty size' && screen_has '^33 101$'; }
expect wait_until 20 resized
# what stands in the foreground says so itself: an interrupt that comes earlier is somebody else's
type_line 'sh -c "echo wai""ting; exec cat"; echo st''opped'
expect wait_until 60 screen_has '^waiting'
tmux send-keys -t e2e C-c
type_line 'echo ali''ve'
expect wait_until 60 screen_has '^alive'
type_line 'exit 9'
expect wait_until 60 screen_has '^code:9'
expect_equal "$(verdict) $(jq .exit result)" "failed 9"

it "its limits hold there too, and the terminal is as before"
type_line "bash grouped.sh exec -t --timeout 300ms -- sleep 60; echo code:\$?; stty -g >after; echo do''ne"
expect wait_until 60 screen_has '^done'
expect screen_has '^code:240'
expect screen_has '^cupel: timeout: wall limit 300 ms'
expect cmp before after
tmux kill-server
expect_clean

all_done

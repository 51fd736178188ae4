#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `cupel enter`: a command in a running job, with no more right than the job has.
# time-limit: 120
# lanes: root-v2
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

facts='grep -E "^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp)" /proc/self/status; ulimit -a; env | sort; for n in cgroup ipc mnt net pid time user uts; do echo "$n $(readlink /proc/self/ns/$n)"; done; cat /proc/self/cgroup; umask; nice; cat /proc/self/oom_score_adj'
cat >enter.yaml <<YAML
cupel: 1
defaults: {limits: {wall: 30m, memory: 128M, pids: 40, disk: 32M}}
jobs:
  user:
    user: nobody
    workdir: /tmp/own
    env: {OWN: value}
    pass-env: [CALLER]
    run: |
      echo file >f
      { $facts; } >facts
      echo up
      exec sleep 1000
    shell: [/bin/sh]
  root: {run: "echo up; exec sleep 1001"}
  short: {inputs: [{from: told, to: /told, mode: ro}], run: "echo up; until [ -s /told/to-end ]; do sleep 0.05; done"}
  hunter:
    run: |
      echo up
      while :; do
        for c in /proc/[0-9]*/comm; do
          p=\${c#/proc/}; p=\${p%/comm}
          [ "\$p" != 1 ] && grep -q cupel-init "\$c" 2>/dev/null || continue
          # its command is called so as well until it is executed, with no more rights than the job
          grep -q '^PPid:.0\$' "/proc/\$p/status" 2>/dev/null || continue
          prlimit --pid "\$p" --cpu=1:1 2>/dev/null && echo limited || echo not limited
          renice -n 19 -p "\$p" >/dev/null 2>&1 && echo slowed || echo not slowed
          kill -KILL "\$p" 2>/dev/null && echo killed || echo not killed
          exit 0
        done
        sleep 0.05
      done
YAML
mkdir told && : >told/to-end
in_job() {
    STATUS=0
    (grouped "$CUPEL" enter "$@") >"$T/stdout" 2>"$T/stderr" </dev/null || STATUS=$?
    complain_of_sanitizers
}
up() { grep -qs up "out/logs/$1.stdout"; }
start_jobs() {
    CALLER=then cupel_start enter.yaml "$@"
}

start_jobs -j 2 --only user --only root
wait_until 20 up user && wait_until 20 up root

if ! only_differences; then
    it "what can be entered is listed"
    in_job
    expect_equal "$(grep -cE '^[0-9a-f]+-[0-9a-f]+/(user|root) ' stdout)" 2

    it "the job's files and processes are there, and the exit code is the command's"
    in_job user -- sh -c 'cat f; tr "\0" " " </proc/2/cmdline; echo; pwd; exit 5'
    expect_exit 5
    expect_equal "$(tr '\n' ' ' <stdout)" "file sleep 1000  /tmp/own "

    it "three descriptors, and none of them the host's"
    in_job root -- ls -l /proc/self/fd
    expect_equal "$(grep -c 'pipe:' stdout)" 3
    expect_equal "$(grep -cE ' -> ' stdout)" 4
fi

it "the same ids, capabilities, seccomp, rlimits, environment and namespaces as the job's own command"
in_job user -- sh -c "cat facts >&2; $facts"
# each step has a cgroup namespace of its own over the same group
sed -i '/^cgroup /d' stdout stderr
expect grep -q 'NoNewPrivs:.*1' stderr
expect grep -q '^Seccomp:.*2' stderr
expect grep -q '^CALLER=then' stderr
expect_equal "$(diff stderr stdout)" ""

# sleeps REGEX: somebody runs `sleep` for so long.
sleeps() {
    pgrep -f "^sleep $1\$" >/dev/null
}

it "it counts in the job's control groups"
(grouped "$CUPEL" enter root -- sh -c "echo up; sleep 30.$$") >inside 2>&1 </dev/null &
entered=$!
expect wait_until 10 grep -qs up inside
expect wait_until 20 sleeps "30\.$$"
pid=$(pgrep -f "^sleep 30\.$$\$" | while read -r p; do [[ $(cat "/proc/$p/root/proc/self/comm" 2>/dev/null; readlink "/proc/$p/ns/pid") != "$(readlink /proc/self/ns/pid)" ]] && echo "$p"; done | tail -n 1)
expect grep -qE '/cupel-[0-9a-f-]+/j[0-9]+-' "/proc/$pid/cgroup"
kill -TERM "$entered"
wait "$entered"
expect_equal "$?" 143

it "who enters cannot be looked into, traced or written by the job"
# the session's first process is in the job's PID namespace with a copy of cupel's memory
(grouped "$CUPEL" enter root -- sleep "1009.$$") >/dev/null 2>&1 </dev/null &
entered=$!
expect wait_until 20 sleeps "1009\.$$"
in_job root -- sh -c '
    for p in /proc/[0-9]*; do
        grep -q cupel-init "$p/comm" || continue
        echo "seen ${p#/proc/}"
        for f in environ maps mem exe cwd root fd/0; do
            { ls -L "$p/$f" && head -c 1 "$p/$f"; } >/dev/null 2>&1 && echo "BREACH $p/$f"
        done
        { echo x >"$p/mem"; } 2>/dev/null && echo "BREACH write $p/mem"
    done
    exit 0'
expect_exit 0
expect test "$(grep -c '^seen' stdout)" -ge 3 # PID 1, the other session's, our own
expect_not grep -q BREACH stdout
kill -TERM "$entered"
wait "$entered"

it "the job's own commands cannot limit or slow a session's first process, nor kill it where the kernel has Landlock's scopes"
cupel_hunter() {
    (grouped "$CUPEL" run --only hunter --out "$T/out-hunter" enter.yaml) >/dev/null 2>&1 </dev/null
}
cupel_hunter &
hunter=$!
expect wait_until 20 grep -qs up out-hunter/logs/hunter.stdout
in_job hunter -- sleep 1008
wait "$hunter"
expect grep -q '^not limited' out-hunter/logs/hunter.stdout
expect grep -q '^not slowed' out-hunter/logs/hunter.stdout
if [[ $("$CUPEL" doctor --json 2>/dev/null | jq -r '.. | .detail? // empty' | grep -oE 'ABI [0-9]+' | grep -oE '[0-9]+') -ge 6 ]]; then
    expect grep -q '^not killed' out-hunter/logs/hunter.stdout
fi

it "PID 1 cannot be killed, mounts cannot be changed, no namespace can be joined from inside"
in_job root -- sh -c 'kill -KILL 1; sleep 0.1; umount /proc 2>/dev/null && echo BREACH; mount -t tmpfs x /mnt 2>/dev/null && echo BREACH; unshare -U true 2>/dev/null && echo BREACH; nsenter -t 1 -a true 2>/dev/null && echo BREACH; echo still'
expect_stdout '^still$'
expect_not grep -q BREACH stdout

it "SIGKILL of cupel enter leaves the job alone"
(grouped "$CUPEL" enter root -- sh -c 'echo up; sleep 1003') >inside 2>&1 </dev/null &
entered=$!
expect wait_until 10 grep -qs up inside
kill -KILL "$entered"
{ wait "$entered"; } 2>/dev/null
in_job root -- true
expect_exit 0

it "the job's end is not kept waiting: not even by a session that is stopped, with everything of it"
rm -f inside # what another case wrote says nothing of this one
(grouped "$CUPEL" enter root -- sh -c "echo up; sleep 1004.$$") >inside 2>&1 </dev/null &
entered=$!
expect wait_until 10 grep -qs up inside
mapfile -t halves < <(pgrep -P "$entered"; echo "$entered")
kill -STOP "${halves[@]}"
kill -INT "$CUPEL_PID"
run_ended() { [[ $(ps -o stat= -p "$CUPEL_PID") != [A-Y]* ]]; }
expect wait_until 20 run_ended
expect_not pgrep -f "^sleep 1004\.$$\$"
kill -CONT "${halves[@]}"
wait "$entered"
expect_equal "$?" 137
expect grep -q 'ended with the job' inside
cupel_wait
expect_exit 130

it "a session ends with its job"
rm -f inside
start_jobs --only short
expect wait_until 20 up short
(grouped "$CUPEL" enter short -- sh -c "echo up; sleep 1005") >inside 2>&1 </dev/null &
entered=$!
expect wait_until 10 grep -qs up inside
echo now >told/to-end
wait "$entered"
expect_equal "$?" 137
expect grep -q 'ended with the job' inside
cupel_wait
expect_exit 0
expect_verdict short passed

it "what is left behind: nothing"
expect_clean

the_rest_is_alike

it "nothing runs: that is said, and nothing can be entered"
in_job
expect_stdout '^no job is running$'
in_job user -- true
expect_exit 2
expect_stderr "no job 'user' is running"

it "who enters is who the job's commands were, whatever the job has made of its passwd since"
mkdir -p turned/{bin,etc,dev,proc,sys,tmp,work}
cp "$(command -v busybox)" turned/bin/busybox
printf 'root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n' >turned/etc/passwd
chmod 666 turned/etc/passwd
tar -C turned -cf turned.tar --owner=0 --group=0 .
cat >turned.yaml <<'YAML'
cupel: 1
rootfs: {turned: {tar: turned.tar}}
jobs:
  turned:
    rootfs: turned
    user: nobody
    workdir: /tmp
    limits: {wall: 30m}
    run: [/bin/busybox, sh, -c, "echo nobody:x:0:0::/tmp:/bin/sh >/etc/passwd; echo up; exec /bin/busybox sleep 1002"]
YAML
cupel_start turned.yaml
expect wait_until 20 up turned
in_job turned -- /bin/busybox sh -c 'busybox id -u; busybox id -g; echo $HOME $USER; exec /bin/busybox chmod 0 /etc/passwd'
expect_equal "$(tr '\n' ' ' <stdout)" "65534 65534 /home/65534 nobody "
kill -INT "$CUPEL_PID"
cupel_wait

it "another user's process with the pid of a run that was killed is not taken for it"
if command -v gcc >/dev/null; then
    cat >forge.c <<'C'
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
int main(void)
{
    uint64_t view[512] = {0};
    for (int i = 0; i < 64; i++)
        view[i] = (uint64_t)getpid() << 32;
    dup2(memfd_create("cupel-slots", 0), 50);
    if (write(50, view, sizeof(view)) < 0)
        return 1;
    fflush(stdout);
    puts("ready");
    fflush(stdout);
    return pause();
}
C
    gcc -D_GNU_SOURCE -o forge forge.c
    mkdir -p forged/runs
    mkdir -m 700 forged/runs/dead
    own=${CUPEL_TEST_USER:-0}
    for id in "$own" 65534; do # by our own it is seen: so this would notice
        setpriv --reuid "$id" --regid "$id" --clear-groups "$T/forge" <&- >"forged/said" & # setpriv executes it: the pid stays
        forger=$!
        expect wait_until 10 grep -qs ready forged/said
        echo "$forger" >forged/runs/dead/lock
        printf 'views=50\0file=/x.yaml\0job=0 0 forged forged\0' >forged/runs/dead/record
        chown -R "$own" forged
        CUPEL_CACHE=$T/forged in_job
        expect_equal "$id $(grep -c '/forged ' stdout | sed 's/[1-9].*/some/')" "$id $([[ $id == "$own" ]] && echo some || echo 0)"
        kill "$forger"
        { wait "$forger"; } 2>/dev/null
    done
else
    skip_it "no gcc on this machine to compile the forger with"
fi

start_jobs --only root
it "a run may be named, as far as it is needed"
expect wait_until 20 up root
in_job
run=$(sed -n 's,/root .*,,p' stdout)
in_job "$run/root" -- true
expect_exit 0
in_job "${run:0:6}/root" -- true
expect_exit 0
in_job "000/root" -- true
expect_exit 2

it "127 for what is not there, 2 for a wrong command line"
in_job root -- no-such-program
expect_exit 127
in_job root true
expect_exit 2
in_job --wrong
expect_exit 2

if command -v tmux >/dev/null; then
    it "on a terminal: a name in the job's /dev/pts, and job control"
    tmux() { command tmux -S "$T/tmux" "$@"; }
    screen_has() { tmux capture-pane -p -S - -t e2e 2>/dev/null | grep -qE -- "$1"; }
    TERM=xterm tmux -f /dev/null new-session -d -s e2e -x 90 -y 40 "cd $T; stty -g >before; ${as_who[*]} $CUPEL enter root; echo left with \$?; stty -g >after; sleep 1000"
    expect wait_until 20 screen_has '^# *$'
    tmux send-keys -t e2e -l 'tty; stty size; ps -o tty= -p $$' && tmux send-keys -t e2e Enter
    expect wait_until 10 screen_has '^pts/0'
    expect screen_has '^/dev/pts/0'
    expect screen_has '^40 90'
    tmux send-keys -t e2e -l "sleep 1006.$$" && tmux send-keys -t e2e Enter
    expect wait_until 20 sleeps "1006\.$$"
    tmux send-keys -t e2e C-c
    tmux send-keys -t e2e -l 'echo code $?; exit 6' && tmux send-keys -t e2e Enter
    expect wait_until 10 screen_has '^(# )?code 130$' # typed ahead of the prompt, or not
    expect wait_until 10 screen_has '^left with 6'
    expect wait_until 5 test -s after
    expect cmp before after
    tmux kill-server 2>/dev/null
else
    it "on a terminal"
    skip_it "tmux is not installed"
fi

kill -INT "$CUPEL_PID"
cupel_wait
expect_clean

all_done

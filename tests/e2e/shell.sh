#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `cupel shell`: the job's sandbox with somebody in it, through a real terminal (tmux) and through pipes.
# time-limit: 120
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

mkdir tree && echo original >tree/file
job_file shell.yaml <<'YAML'
cupel: 1
jobs:
  plain: {run: "false"}
  small:
    run: cat /proc/self/status
    user: nobody
    env: {OWN: value}
    inputs: [{from: tree, to: /work/tree}]
    limits: {memory: 64M, pids: 12, wall: 1s, output: 1K, disk: 8M}
  same: {run: [sh, -c, "grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp|NSpid)' /proc/self/status; ulimit -a; env | sort; cat /proc/self/mounts | cut -d' ' -f2-; readlink /proc/self/cwd; cat /proc/self/uid_map; ls -l /proc/self/fd | wc -l"], user: nobody, limits: {memory: 64M, pids: 40}}
YAML
# in_sandbox ARGUMENT...: cupel shell with these; STDIN is what it reads.
STDIN=/dev/null
in_sandbox() {
    STATUS=0
    (grouped "$CUPEL" shell "$@") >"$T/stdout" 2>"$T/stderr" <"$STDIN" || STATUS=$?
    complain_of_sanitizers
}

# ---- without a terminal -----------------------------------------------------------------------------------------------
it "in a pipe: the command's streams are kept apart, and its exit code is ours"
echo 'a line' >input
STDIN=$T/input in_sandbox shell.yaml plain -- sh -c 'cat; echo complaint >&2; exit 7'
expect_exit 7
expect_equal "$(cat stdout)" "a line"
expect_equal "$(cat stderr)" complaint

it "in a pipe: the shell reads its commands from there"
echo 'echo in $PWD; tty; exit 3' >input
STDIN=$T/input in_sandbox shell.yaml plain
expect_exit 3
expect_stdout '^in /work$'
expect_stdout '^not a tty$'

it "bytes go through as they are"
head -c 300000 /dev/urandom >bytes
STDIN=$T/bytes in_sandbox shell.yaml plain -- cat
expect_exit 0
expect cmp bytes stdout

it "exit codes as shells have them: 128 + signal, 127 without such a program"
in_sandbox shell.yaml plain -- sh -c 'kill -TERM $$'
expect_exit 143
in_sandbox shell.yaml plain -- no-such-program
expect_exit 127
expect_stderr "cannot execute 'no-such-program'"

it "the sandbox is the job's: ids, capabilities, seccomp, rlimits, environment, mounts, descriptors"
cupel_run shell.yaml --only same
cp out/logs/same.stdout as-job
mapfile -t same < <(sed -n 's/.*-c, "\(.*\)"\], user.*/\1/p' shell.yaml)
in_sandbox shell.yaml same -- sh -c "${same[0]}"
expect_exit 0
expect grep -q 'NoNewPrivs:.*1' as-job
expect grep -qx CUPEL_LIMIT_WALL=3600 as-job
sed -i '/^CUPEL_LIMIT_WALL=/d' as-job                             # which a session does not hold
sed -i -E 's,/j[0-9a-f]+/,/j/,g; s/[0-9]{10}/ID/g' as-job stdout # a layer's name and ranges of ids differ
expect_equal "$(diff as-job stdout)" ""

it "limits of the kernel hold inside; wall and output do not count"
in_sandbox shell.yaml small -- sh -c 'sleep 1.3; head -c 4000 /dev/zero | wc -c; head -c 4000 /dev/zero; { head -c 20000000 /dev/zero >/tmp/big && echo fits; }'
expect_exit 1
expect_equal "$(tr -d '\0' <stdout | head -n 1)" 4000
expect_stderr 'No space left'
expect_not grep -qa fits stdout
in_sandbox shell.yaml small -- sh -c 'i=0; while [ $i -lt 20 ]; do sleep 5 & i=$((i+1)); done; wait'
expect_stderr '[Cc]annot fork|Resource temporarily'
in_sandbox shell.yaml small -- sh -c 'tail /dev/zero; echo survived'
expect_exit 137
expect_stderr 'memory limit of 64 MiB was reached'

it "inputs are copy-on-write, and what is written goes with the session"
in_sandbox shell.yaml plain -- sh -c 'cat /etc/left-behind; echo x >/etc/left-behind && cat /etc/left-behind'
expect_stdout '^x$'
in_sandbox shell.yaml plain -- cat /etc/left-behind
expect_exit 1
in_sandbox shell.yaml small -- cat tree/file
expect_equal "$(cat stdout)" original

it "--rootfs: host, a root of a file, one of the cache; scratch is refused, and an unknown one"
in_sandbox --rootfs host -- sh -c 'echo $HOME $USER; cat /proc/self/uid_map'
expect_exit 0
expect_stdout '^/root root$'
mkdir -p made/bin && cp "$(command -v busybox)" made/bin/sh && tar -C made -cf made.tar .
job_file roots.yaml <<'YAML'
cupel: 1
rootfs: {made: {tar: made.tar}}
jobs: {any: {run: "true"}}
YAML
in_sandbox --rootfs made --file roots.yaml -- /bin/sh -c 'echo in /bin/*'
expect_stdout '^in /bin/sh$'
run_cupel rootfs import kept-root made.tar
in_sandbox --rootfs kept-root -- /bin/sh -c 'echo from cache /bin/*'
expect_stdout '^from cache /bin/sh$'
in_sandbox --rootfs scratch
expect_exit 2
expect_stderr 'empty'
in_sandbox --rootfs nowhere
expect_exit 2
expect_stderr "no root is called 'nowhere'"

it "a wrong command line is refused with what to do"
in_sandbox shell.yaml
expect_exit 2
in_sandbox shell.yaml plian
expect_exit 2
expect_stderr "did you mean 'plain'"
in_sandbox shell.yaml plain true
expect_exit 2
expect_stderr "after '--'"

it "SIGTERM ends a session, and 128 + 15 is the exit code"
(grouped "$CUPEL" shell shell.yaml plain -- sh -c 'echo up; sleep 1000') >"$T/stdout" 2>"$T/stderr" </dev/null &
CUPEL_PID=$!
expect wait_until 20 grep -qs up stdout
kill -TERM "$CUPEL_PID"
cupel_wait
expect_exit 143

it "what is left behind after sessions: nothing"
expect_clean

# ---- on a terminal ----------------------------------------------------------------------------------------------------
if ! command -v tmux >/dev/null; then
    it "on a terminal"
    skip_it "tmux is not installed"
    all_done
    exit 0
fi
tmux() { command tmux -S "$T/tmux" "$@"; }
screen() { tmux capture-pane -p -S - -t e2e 2>/dev/null; }
screen_has() { screen | grep -qE -- "$1"; }
type_keys() { tmux send-keys -t e2e "$@"; }
# type_line TEXT WORD: types a command that ends by printing WORD, and waits for that; a word is never typed as it is printed.
# What is typed ahead of the prompt is echoed before it: then the prompt stands before what is printed.
type_line() {
    type_keys -l "$1; echo ${2:0:1}''${2:1}"
    type_keys Enter
    wait_until 20 screen_has "^(# |outer> )?$2"
}
cat >grouped.sh <<EOF
# becomes the program under test, in the test's own groups
own_groups=(${own_groups[*]@Q}) on_v2=$on_v2
$(declare -f grouped)
grouped "$CUPEL" "\$@"
EOF
TERM=xterm-256color tmux -f /dev/null new-session -d -s e2e -x 90 -y 40 "cd $T; export PS1='outer> '; exec bash --norc --noprofile"
tmux set-option -g history-limit 5000
expect_ready() { expect wait_until 20 screen_has '^outer> *$'; }
modes() { type_line "stty -g >$T/$1" "$1-said"; }

it "on a terminal: a prompt, a name in the job's own /dev/pts, and the size"
expect_ready
modes before
type_keys -l "bash grouped.sh shell shell.yaml plain" && type_keys Enter
expect wait_until 20 screen_has '^# *$'
type_line 'tty; ls /dev/pts; stty size' named
expect screen_has '^/dev/pts/0$'
expect screen_has '^40 90$'

it "a terminal of its own that is controlling: the caller's is nowhere"
type_line 'sh -c "echo own >/dev/tty"; ls -l /proc/self/fd | grep -c "/dev/pts/0"' controls
expect screen_has '^own$'
expect screen_has '^2$'

it "the size follows the window"
tmux resize-window -t e2e -x 101 -y 33
resized() { type_line 'stty size' "size$RANDOM" && screen_has '^33 101$'; }
expect wait_until 10 resized

# The processes of the session by name.
pid_of() {
    local pid
    for pid in $(foreign_processes); do
        [[ $(cat "/proc/$pid/comm" 2>/dev/null) == "$1" ]] && printf '%s\n' "$pid"
    done
}
# sleep_is STATE: a `sleep` of the session's is in that state of /proc/PID/stat.
sleep_is() {
    local pid state
    for pid in $(pid_of sleep); do
        read -r _ _ state _ <"/proc/$pid/stat" 2>/dev/null && [[ $state == "$1" ]] && return
    done
    return 1
}

it "Ctrl-C ends the command in the foreground, and no more"
type_keys -l 'sleep 1000' && type_keys Enter
expect wait_until 20 sleep_is S
type_keys C-c
type_line 'echo code $?' interrupted
expect screen_has '^(# )?code 130$'

it "Ctrl-Z stops it, jobs and fg find it"
type_keys -l 'sleep 1234' && type_keys Enter
expect wait_until 20 sleep_is S
type_keys C-z
expect wait_until 20 sleep_is T
type_line 'jobs' stopped
expect screen_has 'Stopped.*sleep 1234'
type_keys -l 'fg' && type_keys Enter
expect wait_until 20 sleep_is S
type_keys C-c
type_line 'echo again $?' resumed
expect screen_has '^(# )?again 130$'

it "TIOCSTI is refused in the session as well"
if command -v python3 >/dev/null; then
    type_line 'python3 -c "import fcntl; fcntl.ioctl(0, 0x5412, b\"x\")" 2>&1 | tail -n 1' injected
    expect screen_has 'PermissionError'
else
    skip_it "python3 is not installed"
fi

it "the exit code, and the terminal as it was"
type_keys -l 'exit 9' && type_keys Enter
expect_ready
type_line 'echo left with $?' left-said
expect screen_has '^left with 9$'
modes after
expect cmp before after

# The front half: of the session's processes the one whose parent is none of them. Its other half and the guard of the terminal
# have its name too, and a lower number where numbers have begun anew.
front_half() {
    local pid parent
    for pid in $(pid_of cupel); do
        parent=$(sed -n 's/^PPid:\t//p' "/proc/$pid/status" 2>/dev/null)
        foreign_processes | grep -qx -- "$parent" || printf '%s\n' "$pid"
    done
}

it "SIGKILL of the job's PID 1: the session ends, and the terminal is as it was"
type_keys -l "clear; bash grouped.sh shell shell.yaml plain" && type_keys Enter
expect wait_until 20 screen_has '^# *$'
type_line 'true' sessionone
expect kill -KILL "$(pid_of cupel-init)"
expect_ready
type_line 'echo left with $?' one-said
modes after-one
expect cmp before after-one

it "SIGKILL of cupel itself: the terminal is as it was all the same, and the session is gone"
# under a parent that, unlike an interactive shell, puts nothing right itself
cat >after-kill.sh <<'EOF'
bash grouped.sh shell shell.yaml plain
i=0
while stty -g >after-two; ! cmp -s before after-two && [ $((i += 1)) -lt 100 ]; do sleep 0.1; done
echo was killed
EOF
type_keys -l "clear; sh after-kill.sh" && type_keys Enter
expect wait_until 20 screen_has '^# *$'
type_line 'true' sessiontwo
front=$(front_half)
expect [ "$(wc -w <<<"$front")" = 1 ]
expect kill -KILL "$front"
# sh may tell of the killed one while the terminal is raw yet: a new line does not begin at its left edge then
expect wait_until 20 screen_has "^ *was killed\$"
expect cmp before after-two

tmux kill-server 2>/dev/null
it "what is left behind after that: nothing but a dead run's directory, which the next start removes"
run_cupel clean
expect_clean
all_done

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# How far the making of a root is: bytes and layers, drawn in place on a terminal, and nothing of it elsewhere.
# time-limit: 300
# sanitizers: no
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/e2e/layout.bash
. "$e2e/layout.bash"

BUSYBOX=$(command -v busybox) || { printf 'skip - progress: needs busybox\n'; exit 0; }
command -v tmux >/dev/null || { printf 'skip - progress: tmux is not installed\n'; exit 0; }
export BUSYBOX
make_plain_layout "$T/slow" 3 6000
job_file over.yaml <<'YAML'
cupel: 1
rootfs: {slow: {oci: slow}}
jobs:
  over: {rootfs: slow, run: [/bin/busybox, "true"]}
YAML

tmux() { command tmux -S "$T/tmux-$1" "${@:2}"; }
screen() { tmux "$terminal" capture-pane -p -t e2e 2>/dev/null; }
screen_has() { screen | grep -qE -- "$1"; }
in_terminal() { # in_terminal NAME COMMAND
    terminal=$1
    TERM=xterm-256color tmux "$1" -f /dev/null new-session -d -s e2e -x 110 -y 30 "cd $T && $2; echo ended with \$?; sleep 1000"
}
# Holds those who unpack, the children of the one whose command line has $1; says whether there were any.
hold() {
    local pids=() pid parent
    for pid in $(pgrep -f -- "$1"); do
        [[ $(ps -o comm= -p "$pid") != cupel* ]] || pids+=("$pid") # not the shell that started it
    done
    held=()
    for pid in "${pids[@]}"; do
        parent=$(ps -o ppid= -p "$pid" | tr -d ' ')
        [[ " ${pids[*]} " == *" $parent "* ]] && kill -STOP "$pid" 2>/dev/null && held+=("$pid")
    done
    ((${#held[@]} > 0))
}
let_go() { ((${#held[@]} == 0)) || kill -CONT "${held[@]}"; }
# Holds them at a moment at which the screen has $2: they may have been held before they had said anything.
hold_at() {
    hold "$1" || return 1
    sleep 0.3 # longer than the screen takes to be drawn anew
    screen_has "$2" && return
    let_go
    return 1
}
bar='\[=*> *\] [0-9.]+ ([KM]iB|bytes) of [0-9.]+ MiB'

it "an image: a bar, bytes and layers, each layer at work, in rows that follow the terminal's width"
in_terminal image "CUPEL_CACHE=$T/cache-image $CUPEL rootfs import image slow"
expect wait_until 30 hold_at "rootfs import image slow" "^ +layer [1-3] .*$bar\$"
expect wait_until 10 screen_has "$bar, [0-3] of 3 layers: unpacking slow\$"
expect_equal "$(screen | grep -cE "$bar, ")" 1
expect screen_has "^ +layer [1-3] .*$bar\$"
expect_equal "$(tmux image display-message -p -t e2e '#{cursor_flag}')" 1 # Ctrl-C would leave it as it is
tmux image resize-window -t e2e -x 95
expect wait_until 10 screen_has "$bar, [0-3] of 3.*\.\.\.\$"
expect_equal "$(screen | grep -cE "$bar, ")" 1
let_go
expect wait_until 40 screen_has 'ended with 0'
expect_not screen_has 'of 3 layers'

it "a tar: a bar and bytes"
python3 - "$T/plain.tar" <<'PY'
import io, sys, tarfile
with tarfile.open(sys.argv[1], "w") as tar:
    for i in range(20000):
        entry = tarfile.TarInfo(str(i))
        entry.size = 2048
        tar.addfile(entry, io.BytesIO(bytes(2048)))
PY
in_terminal plain "CUPEL_CACHE=$T/cache-tar $CUPEL rootfs import plain plain.tar"
expect wait_until 30 hold_at "rootfs import plain plain.tar" "$bar: unpacking plain.tar\$"
let_go
expect wait_until 40 screen_has 'ended with 0'
expect_not screen_has "$bar"

it "a run that needs the root shows the same"
in_terminal run "CUPEL_CACHE=$T/cache-run $CUPEL run --out out-run over.yaml"
expect wait_until 30 hold_at "run --out out-run over.yaml" "$bar, [0-3] of 3 layers: unpacking slow\$"
let_go
expect wait_until 40 screen_has 'ended with 0'
expect screen_has '1 passed'
expect_not screen_has 'of 3 layers'

it "elsewhere there are plain lines, without figures"
run_cupel rootfs import again slow
expect_exit 0
expect_stderr '^cupel: unpacking slow, layer 1 of 3$'
expect_not grep -qE 'iB|\[' "$T/stderr"

for terminal in image plain run; do tmux "$terminal" kill-server 2>/dev/null; done
all_done

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `devices`: what there is in a job's /dev, and what has to be allowed for that.
# time-limit: 60
# lanes: root-v2
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

job_file devices.yaml <<'YAML'
cupel: 1
defaults: {limits: {wall: 30m}}
jobs:
  usual: {run: "ls /dev | tr '\n' ' '"}
  few: {devices: [zero, shm], run: "ls /dev | tr '\n' ' '; head -c 3 /dev/zero | wc -c; echo x >/dev/shm/x; grep -c ' /dev/' /proc/self/mounts"}
  none: {devices: [], user: nobody, run: "ls /dev | tr '\n' ' '; cat; stat -c %t:%T /dev/null; cat /dev/tty || echo no tty"}
  by-hand: {devices: [], run: "mknod /dev/zero c 1 5 || echo refused; ln -s /dev/null /dev/zero"}
YAML
it "a job has the usual ones, or those that it lists; null always"
cupel_run devices.yaml
expect_exit 0
expect_equal "$(log usual)" "fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero "
expect_equal "$(log few | tr '\n' ' ')" "fd null shm stderr stdin stdout zero 3 1 "
expect_equal "$(log none | tr '\n' ' ')" "fd null stderr stdin stdout 1:3 no tty "
expect_log by-hand '^refused$'
expect_clean

the_rest_is_alike

it "one that is not for jobs is refused where the file is read, with the reason"
job_file wrong.yaml <<'YAML'
cupel: 1
jobs: {a: {run: x, devices: [fuse, kwm]}}
YAML
cupel_run wrong.yaml
expect_exit 2
expect_stderr "wrong.yaml:2:30: .*'devices' cannot have 'fuse': what it is for is mounting"
expect_stderr "there is no device 'kwm' for jobs, did you mean 'kvm'"

job_file kvm.yaml <<'YAML'
cupel: 1
defaults: {limits: {wall: 30m}}
jobs:
  vm: {devices: [kvm], user: nobody, run: [perl, -e, 'open(F, "+<", "/dev/kvm") or die "$!"; print ioctl(F, 0xAE00, 0), "\n"']}
  other: {run: "mknod /tmp/kvm c 10 232 || echo refused; test ! -e /dev/kvm && echo none"}
YAML
it "kvm has to be allowed on the command line"
cupel_run kvm.yaml
expect_exit 2
expect_stderr "kvm.yaml:4: job 'vm' asks for the device 'kvm'"
expect_stderr 'hint: say --allow-device kvm'
expect_not [ -e out/results.jsonl ]
cupel_run kvm.yaml --only other
expect_exit 0
run_cupel shell kvm.yaml vm -- true
expect_exit 2
cupel_run kvm.yaml --allow-device kwm
expect_exit 2
expect_stderr "there is no device 'kwm' for jobs, did you mean 'kvm'"

it "a machine without it is an error before anything runs"
without_kvm() {
    if [[ -e /dev/kvm ]]; then
        grouped unshare --mount sh -c 'mount --bind /dev/null /dev/kvm && exec "$@"' sh "$@"
    else
        grouped "$@"
    fi
}
STATUS=0
(without_kvm "$CUPEL" run --out "$T/out-without" --allow-device kvm kvm.yaml) >stdout 2>stderr </dev/null || STATUS=$?
expect_exit 3
expect_stderr "kvm.yaml:4: job 'vm': this machine has no /dev/kvm: No such"
expect_stderr 'hint: load kvm_intel'
expect_not [ -e out-without/results.jsonl ]

it "allowed: the job that lists it has it, and no other"
if [[ -c /dev/kvm ]] && (exec 3<>/dev/kvm) 2>/dev/null; then # opened where nothing is, it would be made
    cupel_run kvm.yaml --allow-device kvm
    expect_exit 0
    expect_equal "$(log vm)" 12
    expect_equal "$(log other | tr '\n' ' ')" "refused none "
    run_cupel shell --allow-device kvm kvm.yaml vm -- sh -c 'test -c /dev/kvm && echo there'
    expect_stdout '^there$'
    expect_clean
else
    skip_it "this machine has no /dev/kvm"
fi

if command -v tmux >/dev/null; then
    it "a shell on a terminal has what a terminal takes, whatever the job lists"
    tmux() { command tmux -S "$T/tmux" "$@"; }
    screen_has() { tmux capture-pane -p -S - -t e2e 2>/dev/null | grep -qE -- "$1"; }
    TERM=xterm tmux -f /dev/null new-session -d -s e2e -x 90 -y 40 "cd $T; $CUPEL shell devices.yaml few -- sh -c 'tty; ls -x /dev'; echo left with \$?; sleep 1000"
    expect wait_until 20 screen_has '^left with 0'
    expect screen_has '^/dev/pts/0'
    expect screen_has 'ptmx.*tty'
    tmux kill-server 2>/dev/null

    it "a running job without /dev/pts is entered without a terminal only, and says so"
    job_file enter.yaml <<'YAML'
cupel: 1
jobs: {bare: {devices: [], limits: {wall: 30m}, run: "echo up; exec sleep 1000"}}
YAML
    cupel_start enter.yaml
    expect wait_until 20 grep -qs up out/logs/bare.stdout
    run_cupel enter bare -- echo entered
    expect_stdout '^entered$'
    TERM=xterm tmux -f /dev/null new-session -d -s e2e -x 200 -y 40 "cd $T; $CUPEL enter bare -- tty; echo left with \$?; sleep 1000"
    expect wait_until 20 screen_has '^left with 3'
    expect screen_has "cannot enter the job: step 'dev' failed on /dev/pts \(a job without it can be entered without a terminal"
    tmux kill-server 2>/dev/null
    kill -INT "$CUPEL_PID"
    cupel_wait
    expect_clean
else
    it "terminals"
    skip_it "tmux is not installed"
fi
all_done

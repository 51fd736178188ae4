#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# cupel run --watch: what changes run which jobs again, what does not count, and the keys of a terminal.
# time-limit: 120
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

mkdir lib app values
for dir in lib app; do echo 1 >$dir/file; done
echo one >values/list
echo 'x-nothing: 1' >common.yaml
job_file watch.yaml <<'YAML'
cupel: 1
include: [common.yaml]
defaults: {run: "true"}
jobs:
  lib: {inputs: [{from: lib, to: /lib-src}]}
  app: {inputs: [{from: app/file, to: /app}], needs: setup}
  package: {needs: app}
  all: {inputs: [{from: ., to: /all}], tags: [all]}
  setup: {}
  each: {matrix: {V: {lines: values/list}}}
YAML

ran() { jq -r 'select(.step == null and .attempts) | .job' "$T/out/results.jsonl" 2>/dev/null | paste -sd ' '; }
has_waited() { [ "$(grep -c '^cupel: waiting for changes' stderr 2>/dev/null)" -ge "$1" ]; }
has_refused() { [ "$(grep -c '^cupel: nothing is run until that is right' stderr)" -ge "$1" ]; }
runs=0
# after_run: another run has ended; what ran stands in RAN
after_run() {
    runs=$((runs + 1))
    expect wait_until 60 has_waited $runs
    RAN=$(ran)
}
# watch OPTION...: starts watching, and waits for the first run
watch() {
    runs=0
    cupel_start watch.yaml -j 1 --watch "$@"
    after_run
}
stop() {
    kill -INT "$CUPEL_PID"
    cupel_wait
    expect_exit 130
}

it "a change runs the jobs that read it, what needs them, and what they need; it is named"
watch --skip all
expect_equal "$RAN" "lib setup app package each/V=one"
echo 2 >app/file
after_run
expect_equal "$RAN" "setup app package"
expect_stderr '^cupel: changed: app/file$'
expect_stderr '^cupel: that is about: app, package$'

it "a directory that is new is watched, too; an editor that puts another file in its place is seen"
mkdir -p lib/deep/deeper
after_run
expect_equal "$RAN" "lib"
echo 3 >lib/deep/deeper/file
after_run
expect_equal "$RAN" "lib"
echo 4 >elsewhere
mv elsewhere app/file
after_run
expect_equal "$RAN" "setup app package"

if [[ -n ${CUPEL_TEST_USER-} ]]; then # nothing of the rest is different for an ordinary user
    stop
    all_done
    exit 0
fi

it "what a matrix is made of brings new jobs"
echo two >>values/list
after_run
expect_equal "$RAN" "lib setup app package each/V=one each/V=two"

it "what editors leave beside a file, .git and what comes and goes are no change"
mkdir lib/.git
kill -STOP "$CUPEL_PID" # what comes and goes has gone when it looks, however long this takes
touch lib/.file.swp lib/file~ lib/4913 lib/.#file lib/.git/index
touch lib/gone && rm lib/gone
echo 5 >lib/file
kill -CONT "$CUPEL_PID"
after_run
expect_equal "$RAN" "lib"
expect_stderr '^cupel: changed: lib/file$'
expect_not grep -qE 'swp|~|4913|#|gone|\.git' stderr

it "a job file that is wrong is told, and watching goes on; right again, all of it runs"
sed 's/needs: app/nods: app/' watch.yaml >wrong.yaml
cp watch.yaml right.yaml
cat wrong.yaml >watch.yaml
expect wait_until 60 has_refused 1
expect_stderr "unknown key 'nods'"
cat right.yaml >watch.yaml
after_run
expect_equal "$RAN" "lib setup app package each/V=one each/V=two"
echo 'x-other: 1' >>common.yaml
after_run
expect_equal "$RAN" "lib setup app package each/V=one each/V=two"

it "an input that goes away is such a problem, until it is back"
mv lib lib.away
expect wait_until 60 has_refused 2
mv lib.away lib
after_run
expect_equal "$RAN" "lib"
expect_equal "$(grep '^cupel: changed: ' stderr | tail -n 1)" "cupel: changed: lib/"
stop

it "what a run writes is no change of what it reads"
watch --only all
expect_equal "$RAN" "all"
touch lib/noted # the next change is this one, and not what the run has written
after_run
expect_equal "$(grep -c '^cupel: changed: ' stderr)" 1
expect_stderr '^cupel: changed: lib/noted$'
stop

it "too many directories are said at the start"
if unshare -U true 2>/dev/null; then
    STATUS=0
    unshare -Ur sh -c "echo 3 >/proc/sys/user/max_inotify_watches && exec $CUPEL run --watch --out $T/few watch.yaml" \
        >stdout 2>stderr </dev/null || STATUS=$?
    expect_exit 3
    expect_stderr 'cannot watch more than 3 directories'
    expect test ! -e few
else
    skip_it "there are no user namespaces here"
fi
for wrong in "--dry-run watch.yaml" "-"; do
    # shellcheck disable=SC2086 # two words
    run_cupel run --watch $wrong
    expect_exit 2
done
expect_clean

it "keys in a terminal: r runs all, f what has not passed, q ends"
if ! command -v tmux >/dev/null; then
    skip_it "tmux is not installed"
    all_done
    exit 0
fi
tmux() { command tmux -S "$T/tmux" "$@"; }
screen_has() { tmux capture-pane -p -S - -t e2e 2>/dev/null | grep -qE -- "$1"; }
job_file keys.yaml <<'YAML'
cupel: 1
jobs:
  good: {run: "true", inputs: [{from: lib, to: /in}]}
  bad: {run: "exit 3"}
YAML
# has_run NAMES: so the last run is over, and the next can begin
has_run() { [ "$(jq -r 'select(.attempts) | .job' keys/results.jsonl 2>/dev/null | paste -sd ' ')" = "$1" ] && [ -e keys/junit.xml ]; }
waiting() { tmux capture-pane -p -S - -t e2e 2>/dev/null | grep -c 'waiting for changes (r: run all, f: run what has not'; }
waited() { [ "$(waiting)" -ge "$1" ]; }
TERM=xterm-256color tmux -f /dev/null new-session -d -s e2e -x 130 -y 40 \
    "cd $T && $CUPEL run --watch -j 1 --out keys keys.yaml; echo ended with \$?; stty -a; sleep 1000"
expect wait_until 60 waited 1
expect has_run "good bad"
touch lib/again
expect wait_until 60 waited 2
expect has_run "good"
tmux send-keys -t e2e f
expect wait_until 60 waited 3
expect has_run "bad"
tmux send-keys -t e2e r
expect wait_until 60 waited 4
expect has_run "good bad"
tmux send-keys -t e2e q
expect wait_until 60 screen_has 'ended with 1'
expect wait_until 60 screen_has '(^| )icanon'
expect screen_has '(^| )echo '
tmux kill-server

all_done

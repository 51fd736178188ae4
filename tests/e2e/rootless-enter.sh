#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `cupel enter` by an ordinary user: all that enter.sh expects of root.
# sanitizers: no
# time-limit: 120
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"

it "a job with the host's network, and one without any group, are entered as well"
job_file host.yaml <<'YAML'
cupel: 1
jobs:
  net: {network: host, limits: {wall: 30m}, run: "echo up; exec sleep 1010"}
YAML
cupel_start host.yaml --allow-host-network
expect wait_until 20 grep -qs up out/logs/net.stdout
(grouped "$CUPEL" enter net -- readlink /proc/self/ns/net /proc/1/ns/net) >stdout 2>stderr </dev/null
expect_stdout "^$(readlink /proc/self/ns/net | sed 's/[][]/\\&/g')\$"
kill -INT "$CUPEL_PID"
cupel_wait
rm -rf out
("${as_who[@]}" "$CUPEL" run --out "$T/out" --allow-host-network host.yaml) >stdout 2>stderr </dev/null &
runner=$!
expect wait_until 20 grep -qs up out/logs/net.stdout
"${as_who[@]}" "$CUPEL" enter net -- echo entered >stdout 2>stderr </dev/null
expect_stdout '^entered$'
pkill -INT -P "$runner" -x cupel || kill -INT "$runner"
{ wait "$runner"; } 2>/dev/null

it "without subordinate ids: likewise"
without_ranges
cupel_start host.yaml --allow-host-network
expect wait_until 20 grep -qs up out/logs/net.stdout
(grouped "$CUPEL" enter net -- id -u) >stdout 2>stderr </dev/null
expect_stdout '^0$'
kill -INT "$CUPEL_PID"
cupel_wait
with_ranges

it "another user's jobs are not seen, and cannot be entered"
cupel_start host.yaml --allow-host-network
expect wait_until 20 grep -qs up out/logs/net.stdout
chmod 0711 "$T"
for id in "$CUPEL_TEST_USER" 65534; do # even with the run's record in their hands
    rm -rf theirs && mkdir theirs && cp -r cache/cupel/runs theirs/ && chown -R "$id:$id" theirs
    (as_who=(setpriv --reuid "$id" --regid "$id" --clear-groups --) && CUPEL_CACHE=$T/theirs grouped "$CUPEL" enter) >stdout 2>stderr </dev/null
    expect_equal "$id $(grep -c '/net  pid' stdout) $(cat stderr)" "$id $((id == CUPEL_TEST_USER)) "
done
kill -INT "$CUPEL_PID"
cupel_wait

it "a group that cannot be joined: an error, no session outside of it"
job_file limited.yaml <<'YAML'
cupel: 1
jobs:
  limited: {limits: {wall: 30m, pids: 20}, run: "echo up; exec sleep 1011"}
YAML
cupel_start limited.yaml
expect wait_until 20 grep -qs up out/logs/limited.stdout
chmod -R a-w "${own_groups[@]}" 2>/dev/null
find "${own_groups[@]}" \( -name cgroup.procs -o -name tasks \) -path '*/j[0-9]*' -exec chown root {} + 2>/dev/null
(grouped "$CUPEL" enter limited -- echo BREACH) >stdout 2>stderr </dev/null
STATUS=$?
expect_exit 3
expect_not grep -q BREACH stdout
expect_stderr 'cannot enter .*/limited: its control groups or namespaces cannot be joined: Permission denied'
kill -INT "$CUPEL_PID"
cupel_wait

# shellcheck source=tests/e2e/enter.sh
. "$e2e/enter.sh"

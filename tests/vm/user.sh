#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What an ordinary user meets who has all that a run without root needs: a login session, a group of their own from systemd with
# every controller, ranges of subordinate ids. Runs in the virtual machine only (scripts/test-vm), started by root.
# lanes: user-v2
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../e2e/lib.sh"

user=tester
home=$(getent passwd "$user" | cut -d: -f6)
U=$(runuser -u "$user" -- mktemp -d "$home/cupel-vm.XXXXXX")

# as_user COMMAND...: in a login session of the user. Leaves STATUS, stdout, stderr.
as_user() {
    STATUS=0
    systemd-run --quiet --wait --pipe --service-type=exec --uid="$user" -p PAMName=login -p IgnoreSIGPIPE=no -p "WorkingDirectory=$U" -- "$@" \
        >"$T/stdout" 2>"$T/stderr" </dev/null || STATUS=$?
}
# delegated COMMAND...: in a group of their own, as the program's messages advise.
delegated() {
    as_user systemd-run --user --quiet --scope -p Delegate=yes -- "$@"
}

# alone COMMAND...: by the user, in a group of root's, with no systemd of theirs in reach.
alone() {
    STATUS=0
    setpriv --reuid "$user" --regid "$user" --init-groups env -i HOME="$home" PATH="$PATH" XDG_RUNTIME_DIR=/nonexistent \
        sh -c 'cd "$1" && shift && exec "$@"' sh "$U" "$@" >"$T/stdout" 2>"$T/stderr" </dev/null || STATUS=$?
}

# brought JOB...: the user's results where lib.sh expects them.
bring_results() {
    rm -rf -- "$T/out"
    cp -r -- "$U/out" "$T/out"
}

mkdir -p tree/bin tree/etc && cp /usr/bin/busybox tree/bin/ && for a in sh id cat dd sleep; do ln -s busybox "tree/bin/$a"; done
printf 'root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n' >tree/etc/passwd
tar -C tree -cf "$U/root.tar" .
cat >"$U/jobs.yaml" <<'YAML'
cupel: 1
rootfs: {t: {tar: root.tar}}
defaults: {limits: {memory: 64M, pids: 20, wall: 30m, cpu: 1}}
jobs:
  fine: {run: "id -u; cat /proc/self/uid_map; env"}
  nobody: {rootfs: t, user: nobody, run: id -u}
  eats: {run: [/bin/sh, -c, "x=$(head -c 300000000 /dev/zero | tr '\\0' x); echo ${#x}"]}
  forks: {run: "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 1 & done; wait", limits: {pids: 5}}
  fills: {rootfs: t, run: dd if=/dev/zero of=/big bs=1M count=64, limits: {disk: 8M}}
YAML
chown -R "$user" "$U"
expect_usual_results() {
    bring_results
    expect_verdict fine passed
    expect_equal "$(log fine | head -n 1)" 0
    expect_log fine '^ *1 +1 +65535$'
    expect_no_log fine CUPEL_IN_SCOPE
    expect_verdict nobody passed
    expect_equal "$(log nobody)" 65534
    expect_verdict eats memory-limit
    expect_result eats '.usage.oom_kills >= 1'
    expect_verdict forks pids-limit
    expect_verdict fills disk-limit
    expect_result fine '.usage.cpu_seconds > 0'
}

it "the user is an ordinary one, with what a run without root needs"
delegated sh -c 'id -u; cat /proc/self/cgroup; cat "/sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)/cgroup.controllers"'
expect_exit 0
expect_equal "$(sed -n 1p stdout)" "$(id -u "$user")"
expect_stdout '^0::/user\.slice/.*\.scope$'
for controller in cpu cpuset memory pids io; do
    expect_stdout "(^| )$controller( |\$)"
done
expect grep -q "^$user:" /etc/subuid
expect grep -q "^$user:" /etc/subgid
expect command -v newuidmap
expect command -v pasta
expect_equal "$(loginctl show-user "$user" -p Linger)" Linger=yes

it "in a delegated group, every limit is held"
delegated "$CUPEL" run --out "$U/out" jobs.yaml
expect_exit 1
expect_usual_results

it "in a login session that has no group to give, it gets itself one"
rm -rf "$U/out"
as_user "$CUPEL" run --out "$U/out" jobs.yaml
expect_exit 1
expect_usual_results

it "... and so it does in a service of the user's own, of which nobody can tell whether it was delegated"
rm -rf "$U/out"
as_user systemd-run --user --quiet --wait --pipe -p "WorkingDirectory=$U" -- "$CUPEL" run --out "$U/out" jobs.yaml
expect_exit 1
expect_usual_results

it "... even when nobody has told it where the user's systemd is"
rm -rf "$U/out"
as_user env -u XDG_RUNTIME_DIR -u DBUS_SESSION_BUS_ADDRESS "$CUPEL" run --only fine --out "$U/out" jobs.yaml
expect_exit 0

it "in a scope that lacks a controller, no second one is asked for: what it lacks is named, and the jobs run"
rm -rf "$U/out"
as_user systemctl --user set-property --runtime app.slice DisableControllers=cpu
expect_exit 0
as_user "$CUPEL" run --best-effort --only nobody --out "$U/out" jobs.yaml
expect_exit 0
expect_stderr 'Not enforced: cpu'
bring_results
expect_verdict nobody passed
as_user systemctl --user set-property --runtime app.slice DisableControllers=
expect_exit 0

it "cupel serve in a group of the user's own: two jobs talk to each other, each with its own limits"
install -m 0755 "$e2e/serve.py" "$U/serve.py"
asked() { # METHOD PATH [BODY]
    as_user python3 "$U/serve.py" "$U/s.sock" request "$@"
    ((STATUS == 0))
}
as_user systemd-run --user --quiet --unit=cupel-serve -p Delegate=yes -- "$CUPEL" serve --socket "$U/s.sock" --slots 2
expect_exit 0
expect wait_until 120 asked GET /healthz
expect asked POST /jobs '{"defaults": {"rootfs": "host", "limits": {"wall": "30m", "pids": 20}}, "pipes": [["one", "other"]], "jobs": {
    "one": {"run": "echo question; read -r x; test $x = answer"},
    "other": {"run": "read -r x; echo answer; cat; exec tail /dev/zero", "limits": {"memory": "64M"}}}}'
expect_equal "$(grep -oE '"id":"[a-z]*"|"verdict":"[a-z-]*"' stdout | paste -sd ' ')" \
    '"id":"one" "verdict":"passed" "id":"other" "verdict":"memory-limit"'
as_user systemctl --user stop cupel-serve
expect_exit 0
expect_not test -e "$U/s.sock"

cat >"$U/enter.yaml" <<'YAML'
cupel: 1
jobs: {long: {limits: {memory: 64M, pids: 20, wall: 10m}, run: "echo up; exec sleep 1000"}}
YAML
it "cupel enter, from a session that may move nobody into the job's group: gets itself a scope, and is in that group"
rm -rf "$U/out"
as_user systemd-run --user --quiet --unit=cupel-long -p "WorkingDirectory=$U" -p Delegate=yes -- "$CUPEL" run --out "$U/out" enter.yaml
expect_exit 0
expect wait_until 60 grep -qs up "$U/out/logs/long.stdout"
as_user "$CUPEL" enter
expect_stdout '/long  pid '
as_user "$CUPEL" enter long -- sh -c 'id -u; tr "\0" " " </proc/2/cmdline; head -n 1 /proc/self/limits >/dev/null; exit 7'
expect_exit 7
expect_equal "$(tr '\n' ' ' <stdout)" "0 sleep 1000 "
(as_user "$CUPEL" enter long -- sleep 1077) &
entered=$!
in_its_group() { # a process of the session, in the job's payload
    local pid
    pid=$(pgrep -f '^sleep 1077$' | tail -n 1) && grep -qE '/cupel-[0-9a-f-]+/j[0-9]+-' "/proc/$pid/cgroup"
}
expect wait_until 60 in_its_group

it "... and where that is not to be had, it is an error: no session outside of the job's limits"
alone "$CUPEL" enter long -- echo BREACH
expect_exit 3
expect_not grep -q BREACH stdout
expect_stderr "step 'payload-cgroup' failed"
expect_stderr 'hint: .*systemd-run --user --scope'
as_user systemctl --user stop cupel-long
wait "$entered"

it "without a systemd of one's own: refused, naming controller and remedy"
alone "$CUPEL" run --out "$U/out" jobs.yaml
expect_exit 3
expect_stderr "the limit '[a-z]+' of job 'fine' cannot be held"
expect_stderr 'hint: .*systemd-run --user'

it "... or named, with --best-effort"
rm -rf "$U/out"
alone "$CUPEL" run --best-effort --only fine --only fills --out "$U/out" jobs.yaml
expect_exit 1
expect_stderr 'Not enforced: .*memory'
bring_results
expect_verdict fine passed
expect_verdict fills disk-limit

it "--keep-failed: what a failed job wrote is opened again, in a scope that cupel shell gets itself as well"
rm -rf "$U/out"
as_user "$CUPEL" run --keep-failed --only fills --out "$U/out" jobs.yaml
expect_exit 1
as_user "$CUPEL" shell --failed fills -- sh -c 'dd if=/big of=/dev/null bs=1M 2>&1; dd if=/dev/zero of=/more bs=1M count=64'
expect_exit 1
expect_stdout '^(7\+1|8\+0) records out'
expect_stderr 'No space left'
as_user "$CUPEL" clean --kept
expect_stdout '^1 kept job removed'

it "nothing is left of any of it"
expect_equal "$(find "$home/.cache/cupel/runs" -mindepth 1 ! -name .lock)" ''
expect_equal "$(find /sys/fs/cgroup -name 'cupel-*' -path '*user.slice*')" ''

it "what needs no rights works"
as_user "$CUPEL" validate jobs.yaml
expect_exit 0
as_user "$CUPEL" list jobs.yaml
expect_exit 0
expect_stdout fine

rm -rf -- "$U"
all_done

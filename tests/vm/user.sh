#!/usr/bin/env bash
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

cat >"$U/jobs.yaml" <<'YAML'
cupel: 1
defaults: {limits: {memory: 64M, pids: 20, wall: 1m}}
jobs:
  fine: {run: echo ran}
YAML

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

# Running without root comes later: it turns the next case into `expect_exit 0` and the verdict "passed".
it "a run without root ends at once with one clear error"
delegated "$CUPEL" run --out "$U/out" jobs.yaml
expect_exit 3
expect_stderr 'root'
expect_not grep -qs '"verdict":"passed"' "$U/out/results.jsonl"
expect_not grep -qE 'runtime error|Assertion|core dumped' stderr

it "what needs no rights works"
as_user "$CUPEL" validate jobs.yaml
expect_exit 0
as_user "$CUPEL" list jobs.yaml
expect_exit 0
expect_stdout fine

rm -rf -- "$U"
all_done

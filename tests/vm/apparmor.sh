#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# AppArmor: what cupel says where a profile refuses an ordinary user's namespaces, and that the profile in packaging/ is taken, attaches
# and lets it run. Ubuntu's kernels refuse them by a switch of their own that Debian's do not have: what they do, to let a namespace be
# made and to take every capability in it away, is done here by a profile for cupel. In a virtual machine with AppArmor 4 only, on
# demand: scripts/test-vm apparmor.
# lanes: apparmor
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../e2e/lib.sh"

user=tester
home=$(getent passwd "$user" | cut -d: -f6)
U=$(runuser -u "$user" -- mktemp -d "$home/cupel-vm.XXXXXX")
installed=/usr/local/bin/cupel
install -m 0755 -- "$CUPEL" "$installed"

# by_user COMMAND...: in a login session of the user. Leaves STATUS, stdout, stderr.
by_user() {
    STATUS=0
    systemd-run --quiet --wait --pipe --service-type=exec --uid="$user" -p PAMName=login -p IgnoreSIGPIPE=no -p "WorkingDirectory=$U" -- "$@" \
        >"$T/stdout" 2>"$T/stderr" </dev/null || STATUS=$?
}
run_by_user() {
    rm -rf -- "$U/out" "$T/out"
    by_user "$installed" run --out "$U/out" jobs.yaml
    [[ ! -e $U/out ]] || cp -r -- "$U/out" "$T/out"
}
# load NAME: a profile from standard input, in the place of the one that was there.
load() {
    cat >"$T/$1.profile"
    apparmor_parser -r "$T/$1.profile"
}
unload() {
    apparmor_parser -R "$T/$1.profile"
}
cat >"$U/jobs.yaml" <<'YAML'
cupel: 1
defaults: {limits: {memory: 64M, pids: 20, wall: 30m}}
jobs:
  fine: {run: "id -u; cat /proc/self/uid_map"}
YAML
chown -R "$user" "$U"

it "AppArmor is in force on this machine, and knows user namespaces"
expect aa-enabled --quiet
expect grep -q userns_create /sys/kernel/security/apparmor/features/namespaces/mask

it "unconfined, a user's run works"
run_by_user
expect_exit 0
expect_verdict fine passed

# Only newuidmap and newgidmap are outside of it, as they are on Ubuntu, where they are started before there is a namespace.
like_ubuntu() {
    load like-ubuntu <<'PROFILE'
abi <abi/4.0>,
profile like-ubuntu /usr/local/bin/cupel flags=(attach_disconnected) {
  userns, mount, umount, pivot_root, network, unix, signal, ptrace, dbus,
  /** rwlkm,
  /** ix,
  /usr/bin/new[ug]idmap Ux,
  deny capability,
}
PROFILE
}
it "a namespace that gives no rights is refused, naming the profile and the remedy"
expect like_ubuntu
run_by_user
expect_exit 3
expect_stderr 'error: without root, cupel needs a user namespace: one is made, but it gives no right to mount'
expect_stderr "hint: AppArmor's profile 'like-ubuntu'.*userns,"
by_user "$installed" doctor
expect_exit 3
expect_stdout "one is made, but it gives no right to mount; to get it: AppArmor's profile 'like-ubuntu'"

it "... without subordinate ids, too, where not even the user's own id can be mapped"
mv /etc/subuid subuid && : >/etc/subuid
run_by_user
mv subuid /etc/subuid
expect_exit 3
expect_stderr 'error: without root, cupel needs a user namespace: one is made, but not even our own id may be mapped'
expect_stderr "hint: AppArmor's profile 'like-ubuntu'"
unload like-ubuntu

it "one that may not be made at all, likewise"
load no-userns <<'PROFILE'
abi <abi/4.0>,
profile no-userns /usr/local/bin/cupel flags=(attach_disconnected) {
  all,
  deny userns,
}
PROFILE
run_by_user
expect_exit 3
expect_stderr 'error: without root, cupel needs a user namespace: it cannot be made: Permission denied'
expect_stderr "hint: AppArmor's profile 'no-userns'"
unload no-userns

it "a profile that forbids mounts, as docker's does, is refused before anything runs, with docker's option"
load no-mount <<'PROFILE'
abi <abi/4.0>,
profile no-mount /usr/local/bin/cupel flags=(attach_disconnected) {
  all,
  deny mount,
}
PROFILE
run_by_user
expect_exit 3
expect_stderr 'error: the mounts of a job cannot be changed: Permission denied'
expect_stderr 'hint: .*apparmor=unconfined'
expect_not [ -e "$U/out/results.jsonl" ]
unload no-mount

it "the profile in packaging/ is taken as it says itself, attaches to the program, and stays with its jobs; they run"
install -m 0644 "$top/packaging/apparmor/cupel" /etc/apparmor.d/cupel
expect apparmor_parser -r /etc/apparmor.d/cupel
expect grep -q '^cupel (unconfined)$' /sys/kernel/security/apparmor/profiles
sed -i 's,id -u;,cat /proc/self/attr/current; id -u;,' "$U/jobs.yaml"
run_by_user
expect_exit 0
expect_equal "$(log fine | head -n 2 | tr '\n' ' ')" 'cupel (unconfined) 0 '
by_user "$installed" doctor
expect_exit 0

it "... and root runs jobs under it as well"
cupel_run "$U/jobs.yaml"
expect_exit 0
STATUS=0
(grouped "$installed" run --out "$T/out-root" "$U/jobs.yaml") >stdout 2>stderr </dev/null || STATUS=$?
expect_exit 0

rm -rf -- "$U"
all_done

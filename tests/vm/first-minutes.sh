#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The first minutes on a Debian as it is installed: README's own commands, by whoever may type them and from where: root at a login,
# by sudo, from cron, as a service, from a script in a group that is its own; an ordinary user. Nothing is prepared for cupel: what
# the image has for other tests is taken away. Runs in the virtual machine only (scripts/test-vm), started by root.
# lanes: root-v2 apparmor
# time-limit: 110
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../e2e/lib.sh"

# ---- a stranger's machine ------------------------------------------------------------------------------------------------------
# As after `scripts/demo` has built: the files of the checkout, the program in build/.
H=$(mktemp -d /home/stranger.XXXXXX)
useradd --home-dir "$H/home" --create-home --shell /bin/bash stranger
mkdir -p "$H/cupel/build/harness/cli" "$H/cupel/build/libexec"
cp -r -- "$top/jobs" "$H/cupel/"
cp -- "$CUPEL" "$H/cupel/build/harness/cli/cupel"
cp -r -- "$build/libexec/cupel" "$H/cupel/build/libexec/"
chown -R stranger "$H/cupel"
chmod 0755 "$H" "$H/home"
mkdir -p /etc/sudoers.d
printf 'stranger ALL=(ALL) NOPASSWD: ALL\n' >/etc/sudoers.d/stranger
mv /etc/systemd/system/user@.service.d/delegate.conf "$T/" # Debian's own choice of controllers
systemctl daemon-reload
put_back() {
    mv "$T/delegate.conf" /etc/systemd/system/user@.service.d/
    loginctl disable-linger stranger
    loginctl terminate-user stranger 2>/dev/null
    systemctl daemon-reload
    rm -rf -- "$H" /etc/sudoers.d/stranger /etc/cron.d/cupel-first-minutes /var/cache/cupel
    userdel --force stranger 2>/dev/null
}
trap 'put_back; finish' EXIT

run=(build/harness/cli/cupel run jobs/examples/hello.yaml)
grep -qF "${run[1]} ${run[2]}" "$top/scripts/demo" || exit 1 # README's first command ends with this one

# login USER COMMAND...: at a login, with a shell as the caller. Leaves STATUS, stdout, stderr.
login() {
    local user=$1
    shift
    STATUS=0
    # shellcheck disable=SC2016
    systemd-run --quiet --wait --pipe --service-type=exec --uid="$user" -p PAMName=login -p IgnoreSIGPIPE=no \
        -p "WorkingDirectory=$H/cupel" -- /bin/bash -c '"$@"; exit $?' bash "$@" >"$T/stdout" 2>"$T/stderr" </dev/null || STATUS=$?
}
# service PROPERTY... -- COMMAND...: as a service of the system's.
service() {
    STATUS=0
    systemd-run --quiet --wait --pipe -p "WorkingDirectory=$H/cupel" "$@" >"$T/stdout" 2>"$T/stderr" </dev/null || STATUS=$?
}
all_passed() {
    expect_exit 0
    expect_stderr 'Summary.* 7 jobs: 7 passed$'
    expect_not grep -q 'Not enforced' "$T/stderr"
}

# cron has its own minute; what it says is looked at last
printf 'SHELL=/bin/bash\n* * * * * root cd %s/cupel && [ ! -e %s/cron-began ] && touch %s/cron-began && { %s --out %s/cron-out >%s/cron 2>&1; echo "exit $?" >>%s/cron; }\n' \
    "$H" "$H" "$H" "${run[*]}" "$H" "$H" "$H" >/etc/cron.d/cupel-first-minutes
systemctl restart cron

it "root, at a login"
login root "${run[@]}"
all_passed
login root build/harness/cli/cupel doctor
expect_exit 0
expect_stdout '^works .* limit of memory'
expect_stdout '^works .* limit of processes'

it "root, from a script that was given a group of its own, and sits in it"
printf '%s\n' '#!/bin/sh' "${run[*]} || exit" 'exit 0' >"$H/script"
chmod 0755 "$H/script"
login root systemd-run --quiet --scope -p Delegate=yes bash "$H/script"
all_passed

it "an ordinary user, at a login"
rm -rf "$H/cupel/cupel-out"
login stranger "${run[@]}"
all_passed

it "an ordinary user, by sudo"
rm -rf "$H/cupel/cupel-out"
login stranger sudo "${run[@]}"
all_passed

it "a service, without and with a group that is its own, and one that is a script"
service -- "${run[@]/#build/$H/cupel/build}"
all_passed
service -p Delegate=yes -- "${run[@]/#build/$H/cupel/build}"
all_passed
service -p Delegate=yes -- /bin/sh "$H/script"
all_passed

it "the limits of whatever cupel was started in hold for what it moves to"
cat >"$H/cupel/where.yaml" <<'YAML'
cupel: 1
jobs: {a: {limits: {memory: 32M}, run: sleep 3}}
YAML
service -p MemoryMax=700M -p TasksMax=321 -p CPUQuota=150% -- /bin/sh -c "$H/cupel/build/harness/cli/cupel run --out $H/where where.yaml & sleep 2
    for g in /sys/fs/cgroup/system.slice/run-*.scope; do cat \$g/memory.max \$g/pids.max \$g/cpu.max; done | tr '\n' ' '; wait \$!"
expect_exit 0
expect_stdout '734003200 321 150000 100000'

it "an ordinary user, from where no systemd of theirs runs: refused as a whole, with what to do; doctor says the same"
loginctl terminate-user stranger 2>/dev/null
alone=(setpriv --reuid stranger --regid stranger --init-groups env -i "HOME=$H/home" "PATH=$PATH")
STATUS=0
(cd "$H/cupel" && wait_until 20 eval '! [ -e /run/user/$(id -u stranger)/systemd/private ]' && exec "${alone[@]}" "${run[@]}") >"$T/stdout" 2>"$T/stderr" || STATUS=$?
expect_exit 3
expect_stderr "the limit '[a-z]+' of job 'hello' cannot be held"
expect_stderr 'hint: .*loginctl enable-linger'
(cd "$H/cupel" && exec "${alone[@]}" build/harness/cli/cupel doctor) >"$T/stdout" 2>"$T/stderr"
expect_stdout '^cupel run can work on this host; it refuses jobs that need: .*limit of memory'

it "... and what it says to do is enough"
loginctl enable-linger stranger
expect wait_until 20 eval '[ -e /run/user/$(id -u stranger)/systemd/private ]'
STATUS=0
(cd "$H/cupel" && exec "${alone[@]}" "${run[@]}" --out "$H/home/out") >"$T/stdout" 2>"$T/stderr" || STATUS=$?
all_passed

it "without systemd, as in a container with a cgroup namespace of its own: in a group with a shell in it, what to do is said, and enough"
G=$CUPEL_TEST_CGROUP/own-$$
mkdir "$G"
cat >"$T/container" <<'END'
echo 0 >"$1/cgroup.procs"
exec unshare --cgroup --mount --propagation private bash -c '
    umount -l /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup && mount -t tmpfs tmpfs /run/systemd && cd "$1" || exit 9
    shift
    "$@"; echo "exit $?"
    mkdir /sys/fs/cgroup/others && for pid in $(cat /sys/fs/cgroup/cgroup.procs); do echo "$pid" >/sys/fs/cgroup/others/cgroup.procs; done
    "$@"; echo "exit $?"; exit 0' bash "${@:2}"
END
STATUS=0
bash "$T/container" "$G" "$H/cupel" "${run[@]}" --out "$H/no-systemd" >"$T/stdout" 2>"$T/stderr" || STATUS=$?
expect_exit 0
expect_equal "$(tr '\n' ' ' <"$T/stdout")" 'exit 3 exit 0 '
expect_stderr 'hint: .*mkdir /sys/fs/cgroup/others'
expect_stderr 'Summary.* 7 jobs: 7 passed$'
find "$G" -depth -type d -exec rmdir {} +

it "from cron"
cron_ended() {
    grep -qs '^exit' "$H/cron"
}
expect wait_until 12 cron_ended
expect_equal "$(tail -n 1 "$H/cron")" 'exit 0'
grep -s error "$H/cron"
expect grep -q 'Summary.* 7 jobs: 7 passed$' "$H/cron"

it "nothing is left of it"
# Another script may run beside this one, in services of its own.
no_groups() {
    ! find /sys/fs/cgroup -type d -name 'cupel-[0-9]*' | grep -qv "${CUPEL_TEST_CGROUP:-^$}"
}
expect wait_until 30 no_groups

all_done

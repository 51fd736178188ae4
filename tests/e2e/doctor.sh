#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# cupel doctor: what it says is what a run then finds, on this host and on hosts that lack something; nothing is left behind.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

job_file plain.yaml <<'YAML'
cupel: 1
jobs:
  a: {run: echo fine}
YAML
job_file limits.yaml <<'YAML'
cupel: 1
jobs:
  cpu: {run: echo fine, limits: {cpu: 0.5}}
  cpu-time: {run: echo fine, limits: {cpu-time: 10s}}
  memory: {run: echo fine, limits: {memory: 64M}}
  pids: {run: echo fine, limits: {pids: 20}}
  cpuset: {run: echo fine, limits: {cpuset: 0}}
  read: {run: echo fine, limits: {io: {read-bps: 1G}}}
  write: {run: echo fine, limits: {io: {write-bps: 1G}}}
YAML

# row ID FIELD: of the JSON report in stdout.
row() {
    jq -r --arg id "$1" ".capabilities[] | select(.id == \$id) | .$2" "$T/stdout"
}
expect_row() {
    expect_equal "$1: $(row "$1" state)" "$1: $2"
}

it "the table and the JSON object say the same"
run_cupel doctor
status=$STATUS
states=$(grep -oE '^(works|degraded|missing)' "$T/stdout")
expect_equal "$(grep -c $'\033' "$T/stdout")" 0
run_cupel doctor --json
expect_equal "$STATUS" "$status"
expect_equal "$states" "$(jq -r '.capabilities[].state' "$T/stdout")"
expect_equal "$(jq -r .can_run "$T/stdout")" "$( ((status == 0)) && echo true || echo false)"
expect_equal "$(jq -r '[.capabilities[].id] | length - (unique | length)' "$T/stdout")" 0
expect_equal "$(jq -r '[.capabilities[] | select((.state == "works") != (.remedy == ""))] | length' "$T/stdout")" 0

it "what does not work has a second line with the remedy"
run_cupel doctor
expect_equal "$(grep -cE '^(degraded|missing) ' "$T/stdout")" "$(grep -cE '^          .*; to get it: .' "$T/stdout")"

it "a run works exactly where the doctor says so"
run_cupel doctor --json
cp stdout doctor.json
cupel_run plain.yaml
expect_equal "$STATUS" "$(jq 'if .can_run then 0 else 3 end' doctor.json)"

it "limits are held exactly where the doctor says so"
while read -r job id; do
    cupel_run limits.yaml --only "$job"
    expect_equal "$job: $STATUS" "$job: $(jq --arg id "$id" '.capabilities[] | select(.id == $id) |
        if .state == "works" then 0 else 3 end' doctor.json)"
done <<'JOBS'
cpu cpu-limit
cpu-time cpu-usage
memory memory-limit
pids pids-limit
cpuset cpuset
read io-read-limit
write io-write-limit
JOBS

it "programs are found where the shell finds them"
run_cupel doctor --json
for program in mmdebstrap skopeo newuidmap newgidmap pasta diffoscope systemd-run; do
    found=works
    command -v "$program" >"$T/path" || found=missing
    expect_row "$program" "$found"
    [[ $found == missing ]] || expect [ "$(row "$program" detail | grep -cF "$(cat "$T/path")")" = 1 ]
done

it "each capability is in docs/doctor.md, with what depends on it"
run_cupel doctor --json
jq -r '.capabilities[] | "| `\(.id)` | \(.name) | \(if .required then "yes " else "" end)| \(.needed_by) |"' stdout >rows
while IFS= read -r line; do
    expect grep -qF -- "$line" "$top/docs/doctor.md"
done <rows
# shellcheck disable=SC2016
expect_equal "$(grep -cE '^\| `[a-z0-9-]+` \| [^|]* \| (yes )?\|' "$top/docs/doctor.md")" "$(wc -l <rows)"

# ---- hosts that lack something -----------------------------------------------------------------------------------------
# on_host SCRIPT: from now on the program runs after these commands, in a mount namespace of its own.
cupel=$CUPEL
on_host() {
    printf '#!/bin/bash\nexec unshare --mount --propagation private bash -ec %q cupel %q "$@"\n' \
        "$1"$'\n''exec "$@"' "$cupel" >"$T/host"
    chmod 755 "$T/host"
    CUPEL=$T/host
}

it "with a PATH without /usr/sbin, as cron and ordinary users have it, mke2fs is found"
on_host 'PATH=/usr/bin:/bin'
cupel_run plain.yaml
expect_exit 0

it "without mke2fs"
on_host 'export CUPEL_PROGRAMS=/nonexistent'
run_cupel doctor --json
expect_exit 3
expect_row mke2fs missing
expect_row job-disk missing
expect_row loop "$(jq -r '.capabilities[] | select(.id == "loop") | .state' doctor.json)"
run_cupel doctor
expect_stdout '^cupel run cannot work on this host, for want of: mke2fs, '
cupel_run plain.yaml
expect_exit 3

# As schroot and sbuild make them. `rbind /`: a chroot to a mount point; directory by directory: to none.
chroot_of() {
    case $1 in
    mount) printf 'mkdir -p tree && mount --rbind / tree && ' ;;
    directory)
        # shellcheck disable=SC2016
        printf '%s' 'mkdir -p tree && for d in $(cd / && echo *); do
            if [[ -L /$d ]]; then ln -sfn "$(readlink "/$d")" "tree/$d"; elif [[ -d /$d ]]; then mkdir -p "tree/$d" && mount --rbind "/$d" "tree/$d"; fi
            done && ' ;;
    esac
}
says_chroot() {
    expect_exit 3
    expect_stderr 'cannot (make the namespaces of a job|be made): Operation not permitted'
    expect_stderr 'hint: the kernel makes no user namespaces inside a chroot.*start cupel outside of it'
    expect_not grep -qiE 'apparmor|boot (a|another) kernel' "$T/stderr"
}
it "in a chroot: run says that the kernel makes no user namespaces there, not that a security module or the kernel is to blame"
on_host "cd $T && $(chroot_of mount) exec chroot tree \"\$@\""
cupel_run "$T/plain.yaml"
says_chroot
run_cupel doctor
expect_exit 3
expect_stdout '^missing +user namespace '
expect_stdout 'unshare failed: Operation not permitted; to get it: the kernel makes no user namespaces inside a chroot'
expect [ "$(grep -c 'Operation not permitted; to get it: the kernel makes no user namespaces inside a chroot' "$T/stdout")" -ge 10 ]
on_host "cd $T && $(chroot_of directory) exec chroot tree \"\$@\""
cupel_run "$T/plain.yaml"
says_chroot

it "... and to an ordinary user the same"
on_host "cd $T && $(chroot_of directory) exec chroot tree setpriv --reuid 65534 --regid 65534 --clear-groups \"\$@\""
cupel_run "$T/plain.yaml"
says_chroot

it "... and with the tree as the root of a mount namespace (docs/containers.md), it runs"
on_host "cd $T && $(chroot_of mount) cd tree && pivot_root . . && umount -l . && cd / || exit 9"
cupel_run "$T/plain.yaml"
expect_exit 0

it "without loop devices in /dev, as in containers: the kernel's own are found"
on_host 'mount -t tmpfs none /dev; mknod -m 666 /dev/null c 1 3'
run_cupel doctor --json
expect_row loop works
expect_row job-disk works
cupel_run plain.yaml
expect_exit 0

it "without loop devices"
on_host 'mount -t tmpfs none /dev; mknod -m 666 /dev/null c 1 3; mknod -m 666 /dev/loop-control c 1 3'
run_cupel doctor --json
expect_exit 3
expect_row loop missing
expect_row job-disk missing
expect_row mke2fs works
cupel_run plain.yaml
expect_exit 3
expect_stderr 'error: cannot attach the job.s disk to a loop device \(/dev/loop-control\)'
expect_not [ -e out/results.jsonl ]

it "with a store on a file system that cannot be id-mapped"
mkdir -p o/lower o/upper o/work o/store
on_host "mount -t overlay none -o lowerdir=$T/o/lower,upperdir=$T/o/upper,workdir=$T/o/work $T/o/store
    export CUPEL_CACHE=$T/o/store"
run_cupel doctor --json
if [[ $(row idmap-store state) == works ]]; then
    skip_it "this kernel maps the ids of overlays"
else
    expect_exit 3
    expect_row idmap-store missing
    expect_row idmap-overlay missing
    expect_row store works
    cupel_run plain.yaml
    expect_exit 3
fi

it "with a read-only store"
mkdir -p ro
on_host "mount --bind $T/ro $T/ro; mount -o remount,bind,ro $T/ro; export CUPEL_CACHE=$T/ro"
run_cupel doctor --json
expect_exit 3
expect_row store missing
expect_row store-space missing
cupel_run plain.yaml
expect_exit 3

it "with a store that is nearly full"
mkdir -p small
on_host "mount -t tmpfs -o size=8m none $T/small; export CUPEL_CACHE=$T/small"
run_cupel doctor --json
expect_exit 3
expect_row store works
expect_row store-space missing

it "without user namespaces"
CUPEL=$T/host
cat >"$T/host" <<SH
#!/bin/bash
exec unshare --user --map-root-user --mount bash -ec 'echo 0 >/proc/sys/user/max_user_namespaces; exec "\$@"' cupel $cupel "\$@"
SH
mkdir -p own
export CUPEL_CACHE=$T/own
run_cupel doctor --json
expect_exit 3
for id in namespace-user namespace-mount namespace-pid clone3 id-range overlay idmap-store unprivileged-namespaces; do
    expect_row "$id" missing
done
expect_equal "$(row namespace-user remedy | grep -c max_user_namespaces)" 1
unset CUPEL_CACHE

it "without root: honest, and no crash"
mkdir -p nobody
chown 65534:65534 nobody
chmod 755 "$T"
cp -- "$cupel" "$T/cupel" && chmod 755 "$T/cupel"
cat >"$T/host" <<SH
#!/bin/bash
export CUPEL_CACHE=$T/nobody
exec setpriv --reuid 65534 --regid 65534 --clear-groups $T/cupel "\$@"
SH
run_cupel doctor --json
expect_exit 0
expect_row root degraded # no subordinate ids
expect_equal "$(row root remedy | grep -c uidmap)" 1
for id in idmap-store hard-rlimits id-range loop; do
    expect_row "$id" missing
    expect_equal "$(row "$id" required)" false
done
for id in overlay own-proc lent-devices store-layers close-range openat2 pidfd seccomp; do
    expect_row "$id" works
done
expect_equal "$(row own-proc required)" true
expect_equal "$(jq -r '[.capabilities[] | select(.detail | test("by signal|no answer"))] | length' "$T/stdout")" 0
memory_disk=$(row memory-disk state)
run_cupel run --out "$T/nobody/out" plain.yaml
expect_exit 0
# What only root's jobs need is not named as what theirs are refused for.
cat >"$T/small-disk.yaml" <<'YAML'
cupel: 1
jobs: {a: {run: echo fine, rootfs: host, limits: {disk: 2M}}}
YAML
run_cupel run --out "$T/nobody/out" small-disk.yaml
expect_equal "$STATUS" "$([[ $memory_disk == works ]] && echo 0 || echo 3)"
run_cupel doctor
refused=$(tail -n 1 "$T/stdout")
expect_stdout '^cupel run can work on this host; it refuses jobs that need: .*raising hard rlimits'
expect_not grep -qE 'loop devices|mke2fs|ext4 on a loop device|id-mapped mounts' <<<"$refused"
expect_equal "$(grep -c 'disks in memory' <<<"$refused")" "$([[ $memory_disk == works ]] && echo 0 || echo 1)"
CUPEL=$cupel

# ---- nothing left ------------------------------------------------------------------------------------------------------
it "mounts are as before"
printf '#!/bin/bash\nexec unshare --mount --propagation private bash -c %q\n' \
    "cat /proc/self/mountinfo >$T/before; $cupel doctor; cat /proc/self/mountinfo >$T/after" >"$T/host"
chmod 755 "$T/host"
CUPEL=$T/host run_cupel
expect cmp "$T/before" "$T/after"

it "no process, group or loop device is left"
expect_clean
expect_equal "$(for group in "${own_groups[@]}"; do find "$group" -name 'cupel-doctor-*'; done)" ""

# A subshell of ours would run our traps if it got the signal before it became the program.
became_program() {
    [[ $(readlink "/proc/$1/exe") != "$(readlink /proc/$$/exe)" ]]
}
it "interrupted, it leaves nothing either"
for delay in 0 0.05 0.1 0.2 0.3; do
    (grouped "$CUPEL" doctor) >/dev/null 2>&1 </dev/null &
    expect wait_until 10 became_program $!
    sleep "$delay"
    kill -TERM $! 2>/dev/null
    wait $!
done
expect_clean
expect_equal "$(for group in "${own_groups[@]}"; do find "$group" -name 'cupel-doctor-*'; done)" ""

# ---- the command line --------------------------------------------------------------------------------------------------
it "a wrong command line"
run_cupel doctor --jsno
expect_exit 2
expect_stderr 'did you mean --json'
run_cupel doctor house
expect_exit 2
expect_stderr "takes no argument, got 'house'"

it "help"
run_cupel doctor --help
expect_exit 0
expect_stdout '^usage: cupel doctor'

it "colours on a terminal only, and not with NO_COLOR"
if command -v script >/dev/null; then
    script -qec "$CUPEL doctor" /dev/null </dev/null >"$T/tty" 2>&1
    expect grep -q $'\033\\[32mworks' "$T/tty"
    NO_COLOR=1 script -qec "$CUPEL doctor" /dev/null </dev/null >"$T/tty" 2>&1
    expect_not grep -q $'\033' "$T/tty"
else
    skip_it "script(1) is not installed"
fi

it "a full disk is an error"
STATUS=0
"$CUPEL" doctor >/dev/full 2>"$T/stderr" || STATUS=$?
expect_exit 3
expect_stderr 'cannot write the report'

all_done

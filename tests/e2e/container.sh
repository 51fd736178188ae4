#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Inside other containers, made by runc: as root with few capabilities, as root with all of them, as a user; with masked /proc or
# without, under a seccomp filter like Docker's. It works as far as the kernel lets it and says how far, or refuses with what the
# container lacks; docs/containers.md has the table of it.
# time-limit: 180
# sanitizers: no
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# ---- containers --------------------------------------------------------------------------------------------------------
# What Docker and podman give to root of a container.
docker_caps=(CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID SETPCAP SETUID SYS_CHROOT AUDIT_WRITE)
mapfile -t all_caps < <(setpriv --dump | sed -n 's/^Capability bounding set: //p' | tr ',[:lower:]' '\n[:upper:]') # of this machine
# What Docker's default filter keeps from containers without CAP_SYS_ADMIN, as far as it matters here: everything else passes.
docker_filter='.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"], syscalls: [
    {names: ["unshare", "setns", "mount", "umount2", "fsopen", "fsconfig", "fsmount", "open_tree", "move_mount", "mount_setattr",
        "pivot_root", "keyctl", "add_key", "request_key", "bpf"], action: "SCMP_ACT_ERRNO", errnoRet: 1},
    {names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: 38},
    {names: ["clone"], action: "SCMP_ACT_ERRNO", errnoRet: 1,
        args: [{index: 0, value: 268435456, valueTwo: 268435456, op: "SCMP_CMP_MASKED_EQ"}]}]}'
unmasked='.linux.maskedPaths = [] | .linux.readonlyPaths = []'

# What podman's keeps from them, of that.
podman_filter='.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"], syscalls: [
    {names: ["sethostname", "setdomainname", "bpf"], action: "SCMP_ACT_ERRNO", errnoRet: 1}]}'

# groups OPTION: this machine's cgroup tree, "rro" or "rw".
groups() {
    printf '.mounts += [{destination: "/sys/fs/cgroup", type: "bind", source: "%s", options: ["rbind", "%s"]}]' "$T/bundle/groups" "$1"
}
# caps NAME...: a filter of jq's that gives these capabilities.
caps() {
    # shellcheck disable=SC2016 # of jq's
    printf '([%s] | map("CAP_" + .)) as $c | .process.capabilities = {bounding: $c, effective: $c, permitted: $c}' \
        "$(printf ',"%s"' "$@" | cut -c 2-)"
}
# No group is made for the container, nor looked at: it sees an empty, read-only /sys/fs/cgroup, and so does runc, which goes on
# without where it may go on without root. The container's root is this machine's, but for /proc, /sys and /dev.
in_container() {
    local dir=$1 words=() path
    # not what else is mounted: others on this machine unmount some of that while a test looks
    mount --bind / "$dir/root" || return
    for path in "${@:2}"; do
        [[ $path -ef $dir/root$path ]] || mount --rbind "$path" "$dir/root$path" || return
    done
    mount --rbind /sys/fs/cgroup "$dir/groups" && mount -t tmpfs tmpfs /sys/fs/cgroup || return
    read -ra words < <(sed -E 's/^[0-9]+:(name=)?([^:]*):.*/\2/' /proc/self/cgroup | tr ',\n' '  ')
    mkdir -p "${words[@]/#//sys/fs/cgroup/}"
    mount -o remount,ro /sys/fs/cgroup
    exec runc --rootless=true --root "$dir/state" run --bundle "$dir" "cupel-e2e-$$"
}
# contained JQ-FILTER COMMAND...: leaves STATUS, stdout and stderr.
contained() {
    local filter=$1 dir=$T/bundle
    shift
    rm -rf -- "$dir" "$T/out" && mkdir -p "$dir/root" "$dir/groups"
    (cd -- "$dir" && runc spec) || return
    jq --arg root "$dir/root" --arg cwd "$T" --arg cache "$XDG_CACHE_HOME" '
        .root = {path: $root, readonly: false} | .process.terminal = false | .process.cwd = $cwd | .process.rlimits = []
        | .process.env += ["XDG_CACHE_HOME=" + $cache, "HOME=" + $cwd, "ASAN_OPTIONS=detect_leaks=0"]
        | .process.noNewPrivileges = false | .process.args = $ARGS.positional
        | del(.linux.resources) | .mounts |= map(select(.type != "cgroup")) | '"$filter" \
        "$dir/config.json" --args -- "$@" >"$dir/new.json" && mv "$dir/new.json" "$dir/config.json" || return
    STATUS=0
    (grouped unshare --mount --propagation private bash -c "$(declare -f in_container); in_container \"\$@\"" bash "$dir" "$T" "$build") \
        >"$T/stdout" 2>"$T/stderr" </dev/null || STATUS=$?
    complain_of_sanitizers
}
contained_run() {
    contained "$1" "$CUPEL" run --out "$T/out" "${@:2}"
}
# doctor_says ID STATE [REGEX]: of the last `doctor --json`.
doctor_says() {
    local row
    row=$(jq -r --arg id "$1" '.capabilities[] | select(.id == $id) | "\(.state) \(.detail); \(.remedy)"' stdout)
    if [[ $row == "$2 "* && $row =~ ${3-} ]]; then good; else bad "doctor says of $1: $row" "$(head -c 300 stderr)"; fi
}

why=''
command -v runc >/dev/null || why='runc is not installed'
[[ -n $why ]] || contained . /bin/true
if [[ -n $why ]] || ((STATUS != 0)); then
    it "containers"
    skip_it "${why:-runc cannot make one here: $(head -n 1 stderr)}"
    all_done
    exit 0
fi

mkdir -p tree/bin tree/etc && cp "$(command -v busybox)" tree/bin/busybox
for applet in sh cat id ls stat dd df; do ln -s busybox "tree/bin/$applet"; done
printf 'root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n' >tree/etc/passwd
echo secret >tree/etc/shadow && chown 0:42 tree/etc/shadow && chmod 640 tree/etc/shadow
tar -C tree -cf root.tar .
job_file jobs.yaml <<'YAML'
cupel: 1
rootfs: {t: {tar: root.tar}}
defaults: {limits: {wall: 1m}}
jobs:
  root: {run: "id -u; cat /proc/self/uid_map; echo x >/new; read pid rest </proc/self/stat; [ $pid = $$ ] && echo own; uname -n"}
  other: {rootfs: t, run: "stat -c %u:%g /etc/shadow"}
  nobody: {rootfs: t, user: nobody, run: "id -u"}
  fills: {rootfs: t, limits: {disk: 1M}, run: dd if=/dev/zero of=/big bs=1M count=2}
YAML
job_file memory.yaml <<'YAML'
cupel: 1
jobs:
  a: {limits: {memory: 64M, wall: 1m}, run: echo ran}
YAML

job_file eats.yaml <<'YAML'
cupel: 1
jobs:
  a: {limits: {memory: 16M, pids: 10, wall: 1m}, run: [/bin/sh, -c, "x=$(head -c 64M /dev/zero | tr '\\0' x); echo ${#x}"]}
YAML

# ---- root with the usual capabilities ----
usual=$(caps "${docker_caps[@]}")

it "root with Docker's capabilities and an unmasked /proc: everything that needs no group works"
contained_run "$usual | $unmasked" jobs.yaml
expect_exit 1
expect_equal "$(log root | tr -s ' ' | tr '\n' '|')" '0| 0 0 65536|own|cupel|'
expect_equal "$(log other)" 0:42
expect_equal "$(log nobody)" 65534
expect_verdict fills disk-limit
expect_not grep -q warning stderr
expect_clean

it "... a limit that takes a group is refused, naming controller and remedy"
contained_run "$usual | $unmasked" memory.yaml
expect_exit 3
expect_stderr "the limit 'memory' of job 'a' cannot be held"
expect_stderr 'hint: .*(cgroupns=private|writable)'
expect_not [ -e out/results.jsonl ]

it "... also where the groups can be seen, but not written"
contained_run "$usual | $unmasked | $(groups rro)" memory.yaml
expect_exit 3
expect_stderr "the limit 'memory' of job 'a' cannot be held"
expect_stderr 'hint: the cgroup tree is mounted read-only.*--privileged'

it "... and held where they can be written"
! $on_v2 || skip_it "on cgroup v2 the container needs a group without other processes"
contained_run "$usual | $unmasked | $(groups rw)" eats.yaml
expect_exit 1
expect_verdict a memory-limit
expect_result a '.usage.oom_kills >= 1'
expect_clean

it "... or named, with --best-effort"
contained_run "$usual | $unmasked" --best-effort memory.yaml
expect_exit 0
expect_said 'Not enforced: memory'

it "... and the doctor says so"
contained "$usual | $unmasked" "$CUPEL" doctor --json
expect_exit 0
doctor_says root works 'user namespace of 65536 ids'
doctor_says own-proc works
doctor_says memory-limit missing 'cgroup'
doctor_says loop missing '--privileged'

it "... and jobs there break out of nothing, as far as it can be tested without groups"
contained "$usual | $unmasked" "$CUPEL" selftest
expect_exit 0
expect_stdout '^[0-9]+ probes in .*: [0-9]+ held'
expect_not grep -qw BREACH stdout

it "... PID 1 of a job is not shown where /proc would give it to the job's root"
job_file init.yaml <<'YAML'
cupel: 1
jobs:
  a: {limits: {wall: 1m}, run: "ls -a /proc/1 | wc -l; ls /proc/self/fd"}
YAML
contained_run "$usual | $unmasked" init.yaml
expect_exit 0
expect_equal "$(log a | head -n 1)" 2

it "a masked /proc is refused before anything runs, with the options of docker and podman"
contained_run "$usual" jobs.yaml
expect_exit 3
expect_stderr 'error: a job cannot get a /proc of its own'
expect_stderr 'hint: .*systempaths=unconfined.*unmask=ALL'
expect_not [ -e out/results.jsonl ]
contained "$usual" "$CUPEL" doctor --json
expect_exit 3
doctor_says own-proc missing 'systempaths=unconfined'

it "a filter like Docker's is recognised, and its option named"
contained_run "$usual | $docker_filter" jobs.yaml
expect_exit 3
expect_stderr 'error: without CAP_SYS_ADMIN, cupel needs a user namespace'
expect_stderr 'hint: a seccomp filter of the container refuses it: .*seccomp=unconfined'
contained "$usual | $docker_filter" "$CUPEL" doctor --json
expect_exit 3
doctor_says root missing 'seccomp=unconfined'
doctor_says namespace-mount missing 'seccomp=unconfined'
doctor_says unprivileged-namespaces missing 'seccomp=unconfined'

it "a filter like podman's, which lets nobody name a machine, is no obstacle to root"
contained_run "$usual | $unmasked | $podman_filter" --only root jobs.yaml
expect_exit 0
expect_equal "$(log root | tail -n 1)" cupel

# ---- root with fewer ----

it "root without CAP_SETFCAP: the kernel maps root into no user namespace, and that is said"
contained_run "$unmasked" jobs.yaml
expect_exit 3
expect_stderr 'error: .*root of this container may be mapped into none: it lacks CAP_SETFCAP'
expect_stderr 'hint: .*SETFCAP, SETUID and SETGID'
contained "$unmasked" "$CUPEL" doctor --json
expect_exit 3
doctor_says root missing 'SETFCAP, SETUID and SETGID'

few="$(caps SETFCAP KILL) | $unmasked"
it "root that may not change ids: one id, and it says why"
contained_run "$few" --only root --only other jobs.yaml
expect_exit 0
expect_stderr 'warning: root of this container lacks CAP_SETUID or CAP_SETGID: jobs have one user'
expect_equal "$(log root | tr -s ' ' | tr '\n' '|')" '0| 0 0 1|own|cupel|'
# not the layer of the run above, in which that file has another owner
expect_equal "$(log other)" 0:0

it "... and another user is refused before anything runs"
contained_run "$few" jobs.yaml
expect_exit 3
expect_stderr "job 'nobody' has the user 'nobody'"
expect_not [ -e out/results.jsonl ]

# ---- a user ----

it "a user of the container: one id"
chmod 0711 "$T" && mkdir -m 0777 user
as_user='.process.user = {uid: 60123, gid: 60123} | .process.capabilities = {} | .process.noNewPrivileges = true'
contained "$as_user | $unmasked" env XDG_CACHE_HOME="$T/user" "$CUPEL" run --out "$T/user/out" --only root jobs.yaml
expect_exit 0
expect_stderr 'warning: .*: jobs have one user'
mv user/out out
expect_equal "$(log root | tr -s ' ' | tr '\n' '|')" '0| 0 0 1|own|cupel|'

it "... but a filter like podman's is refused to them, and its option named"
contained "$as_user | $unmasked | $podman_filter" env XDG_CACHE_HOME="$T/user" "$CUPEL" run --out "$T/user/out" --only root jobs.yaml
expect_exit 3
expect_stderr 'error: a job cannot get a host name of its own'
expect_stderr 'hint: a seccomp filter .*seccomp=unconfined'
expect_not [ -e user/out/results.jsonl ]

# ---- root with all ----
everything="$(caps "${all_caps[@]}") | $unmasked | .mounts |= map(if .type == \"sysfs\" then .options -= [\"ro\"] else . end)"

it "as with --privileged: all of it, with disks and ids of the job's own, though /dev has no loop device"
contained_run "$everything" jobs.yaml
expect_exit 1
expect_log root '^ +0 +[1-9][0-9]{5,} +65536$'
expect_equal "$(log nobody)" 65534
expect_verdict fills disk-limit
expect_result fills '.usage.disk_peak_bytes > 0'
expect_clean

devices=$(printf '%s\n' "${own_groups[@]}" | grep /devices/) || true # none: skipped below, aloud
if [[ -n $devices ]]; then
    printf 'b 7:* rwm\n' >"$devices/devices.deny"
    printf 'c 10:237 rwm\n' >"$devices/devices.deny"
    it "CAP_SYS_ADMIN without the loop devices is refused before anything runs, with what to give or to leave"
    contained_run "$everything" jobs.yaml
    expect_exit 3
    expect_stderr "error: cannot attach the job's disk to a loop device .*: Operation not permitted"
    expect_stderr 'hint: .*device-cgroup-rule.*setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin'
    expect_not [ -e out/results.jsonl ]
    contained "$everything" "$CUPEL" doctor --json
    expect_exit 3
    doctor_says loop missing 'setpriv --bounding-set'

    it "... and what the message advises works"
    contained "$everything" setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin -- "$CUPEL" run --out "$T/out" jobs.yaml
    expect_exit 1
    expect_equal "$(log nobody)" 65534
    expect_verdict fills disk-limit
    printf 'b 7:* rwm\n' >"$devices/devices.allow"
    printf 'c 10:237 rwm\n' >"$devices/devices.allow"
else
    it "CAP_SYS_ADMIN without the loop devices is refused before anything runs, with what to give or to leave"
    skip_it "no devices controller of cgroup v1 here"
fi

it "nothing is left"
expect_clean
all_done

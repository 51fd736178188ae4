#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Started by an ordinary user: what is made in another way than with root, what is refused, and what the program says then.
# That the same job files give the same results is for rootless-verdicts.sh and rootless-isolation.sh.
# time-limit: 180
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"

busybox=$(command -v busybox)
if [[ -z $busybox ]] || ! "$busybox" --list >/dev/null; then
    it "roots"
    skip_it "busybox-static is not installed"
    all_done
    exit 0
fi
mkdir -p tree/bin tree/etc tree/lower/deep
cp "$busybox" tree/bin/busybox
for applet in sh cat id ls df dd stat mkdir rm echo sed head; do ln -s busybox "tree/bin/$applet"; done
printf 'root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n' >tree/etc/passwd
echo secret >tree/etc/shadow && chown 0:42 tree/etc/shadow && chmod 640 tree/etc/shadow
tar -C tree -cf root.tar .

it "ids: the job's are the user's own and their subordinate ones, in the job and on disk"
job_file ids.yaml <<'YAML'
cupel: 1
rootfs: {t: {tar: root.tar}}
defaults: {rootfs: t, limits: {memory: 64M, pids: 20, wall: 1m}}
jobs:
  root: {run: "id -u; stat -c %u:%g /etc/shadow; cat /etc/shadow; echo x >/new; stat -c %u /new"}
  nobody: {user: nobody, run: "id -u; cat /etc/shadow || echo refused; echo groups $(id -G)"}
YAML
cupel_run ids.yaml
expect_exit 0
expect_equal "$(log root | tr '\n' ' ')" '0 0:42 secret 0 '
expect_equal "$(log nobody | tr '\n' ' ')" '65534 refused groups 65534 '
expect_equal "$(stat -c %u:%g cache/cupel/layers/*/fs/etc/shadow)" "$CUPEL_TEST_USER:$((1879179264 + 41))"
expect_not grep -q warning stderr
expect_clean

it "/dev has the right nodes, and they work"
job_file dev.yaml <<'YAML'
cupel: 1
rootfs: {t: {tar: root.tar}}
jobs:
  dev: {rootfs: t, run: "stat -c '%n %t:%T' /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty; echo x >/dev/null; head -c 2 /dev/zero"}
YAML
cupel_run dev.yaml
expect_exit 0
expect_equal "$(log dev | head -n 6 | sed 's,/dev/,,' | tr '\n' ' ')" 'null 1:3 zero 1:5 full 1:7 random 1:8 urandom 1:9 tty 5:0 '

it "devices: those that the job lists; kvm only where everybody may open it"
job_file devices.yaml <<'YAML'
cupel: 1
rootfs: {t: {tar: root.tar}}
defaults: {rootfs: t}
jobs:
  few: {devices: [zero, shm], run: "ls /dev | tr '\n' ' '; head -c 3 /dev/zero; cat </dev/null"}
  vm: {devices: [kvm], run: "ls /dev | tr '\n' ' '; exec 3<>/dev/kvm"}
YAML
cupel_run devices.yaml --only few
expect_exit 0
expect_equal "$(log few | tr -d '\0')" "fd null shm stderr stdin stdout zero "
mknod kvm c 10 232 && chmod 0660 kvm
with_kvm() { # ARGUMENT...: with this node for the machine's
    STATUS=0
    # shellcheck disable=SC2016,SC2030 # for the other shell; and here alone
    (as_who=() && grouped unshare --mount sh -c 'mount --bind kvm /dev/kvm && exec "$@"' sh \
        setpriv --reuid "$CUPEL_TEST_USER" --regid "$CUPEL_TEST_USER" --clear-groups -- "$CUPEL" "$@") >stdout 2>stderr </dev/null || STATUS=$?
}
if [[ -e /dev/kvm ]]; then
    with_kvm run --out out-kvm --allow-device kvm devices.yaml
    expect_exit 3
    expect_stderr "job 'vm': you may not open this machine's /dev/kvm: Permission denied"
    expect_stderr 'hint: a job is in none of your groups.*chmod o\+rw /dev/kvm'
    chmod 0666 kvm
fi
if (exec 3<>kvm) 2>/dev/null; then
    with_kvm run --out out --allow-device kvm devices.yaml
    expect_exit 0
    expect_equal "$(log vm)" "fd kvm null stderr stdin stdout "
    expect_equal "$(log few | tr -d '\0')" "fd null shm stderr stdin stdout zero "
fi

it "a disk that is asked for is in memory, exactly as large, and counts as memory"
job_file disk.yaml <<'YAML'
cupel: 1
rootfs: {t: {tar: root.tar}}
defaults: {rootfs: t, limits: {memory: 16M, pids: 20, wall: 1m}}
jobs:
  exact:
    limits: {disk: 1M, inodes: 100}
    run: |
      df -k / | sed -n '$s/  */ /gp'
      df -i / | sed -n '$s/  */ /gp'
      dd if=/dev/zero of=/big bs=4096 count=256 && rm /big
  counts: {limits: {disk: 64M}, run: dd if=/dev/zero of=/big bs=1M count=48}
  asks-for-none: {run: "dd if=/dev/zero of=/big bs=1M count=48 && ls -l /big"}
YAML
cupel_run disk.yaml
expect_verdict exact passed
expect_log exact ' 1024 0% /$'
expect_log exact ' 100 [0-9]+% /$'
expect_verdict counts memory-limit
expect_verdict asks-for-none passed
expect_result asks-for-none '.usage | has("disk_peak_bytes") | not'
expect_clean

it "a directory of the root can be removed and made anew"
job_file anew.yaml <<'YAML'
cupel: 1
rootfs: {t: {tar: root.tar}}
jobs:
  anew: {rootfs: t, run: "rm -r /lower && mkdir /lower && ls /lower && echo made"}
YAML
cupel_run anew.yaml
expect_equal "$(log anew)" made

it "the store is the user's own by default"
(
    unset XDG_CACHE_HOME
    cupel_run dev.yaml
    exit "$STATUS"
)
expect [ $? = 0 ]
expect [ -d .cache/cupel/layers ]

it "cupel rootfs: imports, exports with the owners of the archive, removes what others own"
run_cupel rootfs import mine root.tar
expect_exit 0
run_cupel rootfs export mine -o exported.tar
expect_exit 0
expect_equal "$(tar -tvf exported.tar etc/shadow 2>/dev/null | awk '{print $2}')" 0/42
run_cupel rootfs remove mine
expect_exit 0

# ---- without subordinate ids ----

without_ranges
it "without subordinate ids: it says so, and everything is root's"
cupel_run ids.yaml --only root
expect_exit 0
expect_stderr 'warning: /etc/subuid gives you no ids'
expect_stderr "warning: '.*root.tar': 1 entries belong to others than root"
expect_equal "$(log root | tr '\n' ' ')" '0 0:0 secret 0 '
expect_clean

it "without subordinate ids: another user is refused before anything runs, with the remedy"
cupel_run ids.yaml
expect_exit 3
expect_stderr "job 'nobody' has the user 'nobody'"
expect_stderr 'hint: .*uidmap.*usermod'
expect_not [ -e out/results.jsonl ]
with_ranges

it "without newuidmap: likewise, and it says which package"
mount --bind /dev/null "$(readlink -f "$(command -v newuidmap)")"
cupel_run ids.yaml --only root
expect_exit 0
expect_stderr 'warning: newuidmap is not installed \(package uidmap\)'
umount "$(readlink -f "$(command -v newuidmap)")"

# ---- what is refused ----

# ungrouped COMMAND...: by the user, but in a group that is not theirs.
ungrouped() {
    STATUS=0
    # shellcheck disable=SC2031 # nowhere else
    "${as_who[@]}" "$CUPEL" "$@" >"$T/stdout" 2>"$T/stderr" </dev/null || STATUS=$?
}
it "without groups of one's own: a limit is refused, naming controller, file and remedy"
ungrouped run --out out-ungrouped ids.yaml
expect_exit 3
expect_stderr "the limit 'memory' of job 'root' cannot be held"
expect_stderr 'memory'
expect_stderr 'hint: .*(chown|systemd-run --user)'

it "... or named, with --best-effort; what needs no group is held"
job_file few.yaml <<'YAML'
cupel: 1
rootfs: {t: {tar: root.tar}}
defaults: {rootfs: t}
jobs:
  a: {limits: {memory: 64M, pids: 10, wall: 1m}, run: echo ran}
  disk: {limits: {disk: 1M}, run: dd if=/dev/zero of=/big bs=1M count=2}
YAML
rm -rf out && ungrouped run --best-effort --out out few.yaml
expect_exit 1
expect_verdict a passed
expect_verdict disk disk-limit
expect_said 'Not enforced: memory'

it "an rlimit above one's own is refused before anything runs"
job_file rlimit.yaml <<'YAML'
cupel: 1
jobs:
  a: {limits: {open-files: 10000}, run: echo never}
YAML
(
    ulimit -n 4096
    cupel_run rlimit.yaml
    exit "$STATUS"
)
STATUS=$?
expect_exit 3
expect_stderr "the limit 'open-files' of job 'a' is above"
expect_stderr 'hint: .*ulimit'

it "an input with another mount in it is refused with the reason"
mkdir -p input/inner && mount -t tmpfs tmpfs input/inner
job_file input.yaml <<'YAML'
cupel: 1
jobs:
  a: {inputs: [{from: input, to: /work/input}], run: ls input}
YAML
cupel_run input.yaml
expect_exit 3
expect_evidence a 'another file system mounted'
umount input/inner

it "user namespaces switched off: the error names the switch"
chmod 0711 "$T"
# in a user namespace of its own, so that nobody else's switch is touched; root there, but without the right to mount
unshare --user --map-root-user --mount setpriv --bounding-set=-sys_admin --inh-caps=-all -- \
    sh -c 'echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"' sh "$CUPEL" run --out out-off ids.yaml \
    >stdout 2>stderr </dev/null
STATUS=$?
expect_exit 3
expect_stderr 'error: without CAP_SYS_ADMIN, cupel needs a user namespace: it cannot be made: No space left'
expect_stderr 'hint: .*user.max_user_namespaces'

it "a masked /proc, as in a container: it says what the container lacks"
run_masked() {
    mount --bind /dev/null /proc/version && grouped "$CUPEL" run --out "$T/out-masked" ids.yaml
}
STATUS=0
(run_masked) >stdout 2>stderr </dev/null || STATUS=$?
umount /proc/version
expect_exit 3
expect_stderr 'a job cannot get a /proc of its own'
expect_stderr 'hint: .*(systempaths=unconfined|unmask)'
expect_not [ -e out-masked/results.jsonl ]

it "a /dev/null that is none is not lent"
: >null && chmod 666 null && mount --bind null /dev/null
cupel_run dev.yaml
umount /dev/null
expect_exit 3
expect_evidence dev '/dev/null.*character device 1:3'

it "nothing is left"
expect_clean
it "the first example does as an ordinary user what it says"
cp -- "$top/jobs/examples/hello.yaml" . && cupel_run hello.yaml
expect_exit 0
expect_stderr '7 jobs: 7 passed$'
expect_clean

all_done

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a job sees of itself and what it cannot see or change of the host.
# lanes: root-v2
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

mkdir tree && echo original >tree/file && mkdir tree/sub && echo deep >tree/sub/deep && chmod 600 tree/file
echo read-only >ro-file
[[ -z ${CUPEL_TEST_USER-} ]] || chown -R "$CUPEL_TEST_USER:$CUPEL_TEST_USER" tree ro-file
export CUPEL_TEST_LEAK=leaked
job_file isolation.yaml <<'YAML'
cupel: 1
defaults: {limits: {memory: 256M, pids: 64, wall: 30m}}
jobs:
  namespaces:
    run: |
      for n in cgroup ipc mnt net pid time user uts; do echo "$n $(readlink /proc/self/ns/$n)"; done
  maps:
    run: cat /proc/self/uid_map /proc/self/gid_map
  queues:
    run: |
      stat -c %u:%g /dev/mqueue
      grep -o 'upperdir=[^,]*' /proc/self/mountinfo
  status:
    run: |
      cat /proc/self/status
      echo "umask $(umask)"
      echo "nice $(nice)"
      echo "oom $(cat /proc/self/oom_score_adj)"
      echo "session $(ps -o sid= -p $$) $$"
  user-status:
    user: nobody
    workdir: /work-of-nobody
    run: |
      cat /proc/self/status
      echo "id $(id -un) $(id -u)"
      touch /etc/by-nobody && echo WROTE
      touch here && echo own-workdir
      exit 0
    shell: [/bin/sh]
  numeric-user:
    user: "1234:567"
    run: echo "$(id -u):$(id -g):$(id -G)"
  fds:
    run: [ls, /proc/self/fd]
  processes:
    run: |
      for p in /proc/[0-9]*; do echo "pid ${p#/proc/}"; done
      echo "one $(tr '\0' ' ' </proc/1/cmdline)"
  init-untouchable:
    shell: [/bin/sh]
    run: |
      readlink /proc/1/exe && echo BREACH exe
      cat /proc/1/environ && echo BREACH environ
      ls /proc/1/fd && echo BREACH fd
      ls /proc/1/root/ && echo BREACH root
      kill -KILL 1; sleep 0.1; echo still here
      exit 0
  dev:
    run: |
      ls /dev
      echo x >/dev/null
      head -c 4 /dev/zero | od -An -tx1
      head -c 4 /dev/urandom | wc -c
      test -w /dev/shm
      (echo x >/dev/full) 2>&1 || echo full-works
  proc:
    shell: [/bin/sh]
    run: |
      head -c 1 /proc/kcore 2>/dev/null | wc -c | sed 's/^/kcore /'
      echo 1 >/proc/sys/kernel/randomize_va_space && echo BREACH sys
      echo h >/proc/sysrq-trigger && echo BREACH sysrq
      echo 100 >/proc/sys/vm/swappiness && echo BREACH vm
      touch /sys/x && echo BREACH sysfs
      mount -t tmpfs t /mnt && echo BREACH mount
      mount -o remount,rw /proc/sys && echo BREACH remount
      umount /proc/kcore && echo BREACH umount
      ls /sys/fs/cgroup 2>/dev/null | head -n 3 | sed 's/^/cgroupfs /'
      unshare -U true && echo BREACH userns
      hostname other && echo BREACH hostname
      mknod /tmp/sda b 8 0 && cat /tmp/sda && echo BREACH device
      dmesg && echo BREACH dmesg
      date -s 2001-01-01 && echo BREACH clock
      exit 0
  mounts:
    run: cat /proc/self/mountinfo
  hostname:
    hostname: elsewhere
    run: hostname; cat /proc/sys/kernel/hostname
  default-hostname:
    run: hostname
  host-hidden:
    shell: [/bin/sh]
    run: |
      ls -A /root /home | grep -v ':$' | grep . && echo BREACH home
      ls -A /tmp | grep . && echo BREACH tmp
      cat /etc/shadow && echo BREACH shadow
      ls -A /run | grep -v lock | grep . 
      exit 0
  writes-root:
    shell: [/bin/sh]
    run: |
      echo planted >/planted
      echo planted >/tmp/planted
      echo planted >/etc/cupel-e2e-planted
      echo planted >/usr/bin/cupel-e2e-planted
      rm -f /bin/true /usr/bin/true
      echo changed >>/etc/passwd
      exit 0
  reads-root:
    needs: [writes-root]
    run: |
      test ! -e /planted
      test ! -e /tmp/planted
      test ! -e /etc/cupel-e2e-planted
      test -x /bin/true
  cow:
    inputs: [{from: tree, to: /work/tree}]
    run: |
      test "$(cat tree/file)" = original
      echo changed >tree/file
      rm -r tree/sub
      echo new >tree/new
      cat tree/file
  ro:
    inputs: [{from: tree, to: /work/tree, mode: ro}, {from: ro-file, to: /work/deep/er/ro-file, mode: ro}]
    shell: [/bin/sh]
    run: |
      cat deep/er/ro-file tree/sub/deep
      echo changed >tree/file && echo BREACH
      echo changed >deep/er/ro-file && echo BREACH
      exit 0
  workdir:
    run: pwd
  workdir-made:
    workdir: /some/where/new
    run: pwd; touch x
  net-none:
    network: none
    run: cat /proc/net/dev; cat /sys/class/net/lo/flags
  net-loopback:
    run: cat /sys/class/net/lo/flags; ls /sys/class/net
YAML
host_passwd=$(sha256sum /etc/passwd)
cupel_run isolation.yaml

it "everything ran"
for id in $(jq -r .id <(job_lines)); do
    expect_verdict "$id" passed
done
expect_equal "$(job_lines | wc -l)" 23
expect_clean
expect_junit_valid

it "all eight namespaces are fresh"
for n in cgroup ipc mnt net pid time user uts; do
    expect_log namespaces "^$n $n:\[[0-9]+\]$"
    expect_no_log namespaces "^$n $(readlink "/proc/self/ns/$n" | sed 's/[][]/\\&/g')$"
done

it "ids are mapped to a range of their own, not to the host's"
if [[ -z ${CUPEL_TEST_USER-} ]]; then
    expect_equal "$(log maps | awk '$1 == 0 && $2 >= 65536 && $3 == 65536' | wc -l)" 2
else
    # what the user has, seen from the namespace around the job
    expect_equal "$(log maps | awk '{print $1, $2, $3}' | sort -u | tr '\n' ';')" "0 0 1;1 1 65535;"
fi

it "whom message queues belong to, and where its layer is, does not tell how many jobs there were"
expect_log queues '^0:0$'
expect_log queues '^upperdir=/upper/j[0-9a-f]{16}/u$'
expect_no_log queues '^upperdir=/upper/j0{8}'

it "root in the job has few capabilities, no new privileges, and a seccomp filter"
expect_log status '^NoNewPrivs:\s*1$'
expect_log status '^Seccomp:\s*2$'
expect_log status '^CapInh:\s*0000000000000000$'
expect_log status '^CapAmb:\s*0000000000000000$'
# CAP_SYS_ADMIN 21, CAP_SYS_PTRACE 19, CAP_NET_ADMIN 12, CAP_SYS_MODULE 16, CAP_SYS_TIME 25 in none of the sets
for set in CapPrm CapEff CapBnd; do
    caps=$(log status | awk -v s="$set:" '$1 == s {print $2}')
    expect [ $((0x${caps:-ffffffffffffffff} & (1 << 21 | 1 << 19 | 1 << 12 | 1 << 16 | 1 << 25))) = 0 ]
done

it "an ordinary user in the job has no capability at all"
for set in CapInh CapPrm CapEff CapAmb; do
    expect_log user-status "^$set:\s*0000000000000000$"
done
expect_log user-status '^id nobody 65534$'
expect_no_log user-status WROTE
expect_log user-status '^own-workdir$'
expect_equal "$(log numeric-user)" 1234:567:567

it "umask, priority, OOM score and session are as documented, not as inherited"
expect_log status '^umask 0022$'
expect_log status '^nice 0$'
expect_log status '^oom 1000$'
expect_log status '^SigIgn:\s*0000000000000000$'
expect_log status '^SigBlk:\s*0000000000000000$'

it "no descriptor above 2"
expect_equal "$(log fds | tr '\n' ' ')" "0 1 2 3 " # 3 is ls reading the directory

it "no process of the host is seen"
expect [ "$(log processes | grep -c '^pid ')" -le 5 ]
expect_log processes '^pid 1$'

it "PID 1 cannot be read or killed"
expect_no_log init-untouchable BREACH
expect_log init-untouchable '^still here$'

it "/dev has what is listed and it works"
expect_equal "$(log dev | grep -xE 'full|mqueue|null|ptmx|pts|random|shm|tty|urandom|zero|fd|stdin|stdout|stderr|console|core' | sort |
    grep -vxE 'fd|stdin|stdout|stderr|mqueue|console|core' | tr '\n' ' ')" "full null ptmx pts random shm tty urandom zero "
expect_no_log dev '^(sd|vd|nvme|loop|mem|kmsg|kvm|fuse|dm-)'
expect_log dev '00 00 00 00'
expect_log dev '^4$'
expect_log dev '^full-works$'

it "/proc, /sys and mounts cannot be used against the host"
expect_no_log proc BREACH
expect_log proc '^kcore 0$'

it "no mount shows a path of ours, and each is nosuid"
expect_no_log mounts "$(printf '%s' "$T" | sed 's/[.]/\\./g')"
expect_equal "$(log mounts | grep -vc nosuid)" 0

it "hostname"
expect_equal "$(log hostname | sort -u)" elsewhere
expect_equal "$(log default-hostname)" cupel

it "home directories, /tmp and credentials of the host are not visible"
expect_no_log host-hidden BREACH

it "writing to the root changes neither the host nor the next job"
expect_not [ -e /etc/cupel-e2e-planted ]
expect_not [ -e /usr/bin/cupel-e2e-planted ]
expect [ -x /bin/true ]
expect_equal "$(sha256sum /etc/passwd)" "$host_passwd"
expect_verdict reads-root passed

it "a cow input may be changed in the job and stays as it was on the host"
expect_equal "$(log cow)" changed
expect_equal "$(cat tree/file)" original
expect [ -e tree/sub/deep ]
expect_not [ -e tree/new ]

it "a read-only input can be read and not written"
expect_no_log ro BREACH
expect_equal "$(log ro | tr '\n' ' ')" "read-only deep "
expect_equal "$(cat tree/file) $(cat ro-file)" "original read-only"

it "workdir is made"
expect_equal "$(log workdir)" /work
expect_equal "$(log workdir-made)" /some/where/new

it "network: none has lo down, loopback has it up and nothing else"
expect_log net-none '^0x8$'
expect_log net-loopback '^0x9$'
expect_equal "$(log net-loopback | tail -n 1)" lo

it "the host's network must be allowed on the command line"
job_file net.yaml <<'YAML'
cupel: 1
jobs:
  n: {network: host, run: readlink /proc/self/ns/net}
YAML
cupel_run net.yaml
expect [ "$STATUS" != 0 ]
expect grep -rqs -e '--allow-host-network' stderr out/results.jsonl
cupel_run net.yaml --allow-host-network
expect_exit 0
expect_equal "$(log n)" "$(readlink /proc/self/ns/net)"

it "how whoever started cupel is scheduled, or hears of children, is none of a job's"
cat >"$T/odd" <<SH
#!/bin/bash
trap '' CHLD
exec chrt -b 0 ionice -c 3 setarch -R $(printf %q "$CUPEL") "\$@"
SH
chmod 0755 "$T/odd"
job_file scheduled.yaml <<'YAML'
cupel: 1
jobs:
  scheduled: {run: "chrt -p $$; ionice -p $$; echo slack $(cat /proc/self/timerslack_ns)", limits: {wall: 30m}}
YAML
CUPEL=$T/odd cupel_run scheduled.yaml
expect_exit 0
expect_log scheduled 'policy: SCHED_OTHER$'
expect_log scheduled '^none: prio'
expect_log scheduled '^slack 50000$'

all_done

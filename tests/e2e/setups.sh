#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a job does to its own files never makes a later set-up an error of the harness, hang, or believe it: whether the set-up is
# that of its own next step, of a job that starts from it, or of one over a root that a command made.
# time-limit: 120
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

if ! command -v busybox >/dev/null; then
    it "set-ups"
    skip_it "no busybox on this host"
    all_done
    exit 0
fi
has_users() { [[ -z ${CUPEL_TEST_USER-} ]] || command -v newuidmap >/dev/null; }
mkdir -p tree/{bin,etc,dev,proc,sys,tmp,work} given/sub
cp "$(command -v busybox)" tree/bin/busybox
for name in sh rm mkdir chmod id cat mkfifo mv ls ln dd head pwd touch od stat hostname true wc env; do
    ln -s busybox "tree/bin/$name"
done
printf 'root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/home/of/nobody:/bin/sh\n' >tree/etc/passwd
chmod 666 tree/etc/passwd
echo '10.9.8.7 neighbour' >tree/etc/hosts
tar -C tree -cf tree.tar --owner=0 --group=0 .
(cd tree && rmdir work proc && touch work proc && tar -cf ../files.tar --owner=0 --group=0 . && rm work proc && mkdir work proc)
touch given/file
echo '10.9.8.7 given' >hosts
[[ -z ${CUPEL_TEST_USER-} ]] || chown -R "$CUPEL_TEST_USER:$CUPEL_TEST_USER" given hosts

job_file setups.yaml <<'YAML'
cupel: 1
rootfs:
  tree: {tar: tree.tar}
  files: {tar: files.tar}
  without-workdir: {from: tree, run: "rm -r /work; touch /work"}
  with-home: {from: tree, run: "ln -s /nowhere /root; rm -f /etc/hosts"}
  fifo-passwd: {from: tree, run: "rm /etc/passwd; mkfifo /etc/passwd"}
defaults: {rootfs: tree, limits: {wall: 20s, memory: 64M}}
jobs:
  # ---- the job's own next step ----
  # where the devices are the host's, lent as mounts, none can be taken away
  null-fifo: {run: [{name: a, run: "cd /dev; rm null && mkfifo null || true"}, {name: b, run: "cat; echo second"}]}
  null-directory: {run: [{name: a, run: "rm /dev/null && mkdir /dev/null || true"}, {name: b, run: "cat; echo second"}]}
  null-link: {run: [{name: a, run: "mkfifo /tmp/f; ln -sf /tmp/f /dev/null || true"}, {name: b, run: "cat; echo second"}]}
  null-planted: {run: [{name: a, run: "echo planted >/tmp/f; mv /tmp/f /dev/null || true"}, {name: b, run: "cat; echo second"}]}
  null-device: {run: [{name: a, run: "mv /dev/random /dev/null || true"}, {name: b, run: "head -c 4 | wc -c"}]}
  workdir-gone: {run: [{name: a, run: "cd /; rm -r /work"}, {name: b, run: pwd}, {name: c, run: pwd}]}
  workdir-fifo: {run: [{name: a, run: "cd /; rm -r /work; mkfifo /work"}, {name: b, run: pwd}]}
  workdir-magic: {run: [{name: a, run: "cd /; rm -r /work; ln -s /proc/self/cwd /work"}, {name: b, run: pwd}]}
  workdir-new: {run: [{name: a, run: "touch old; mv /work /old; mkdir /work; touch /work/new"}, {name: b, run: "pwd; ls"}]}
  workdir-link: {run: [{name: a, run: "cd /; mkdir d; rm -r /work; ln -s d /work"}, {name: b, run: pwd}]}
  no-shell: {run: [{name: a, run: "rm /bin/sh"}, {name: b, run: pwd}]}
  fifo-shell: {run: [{name: a, run: "rm /bin/sh; mkfifo -m 755 /bin/sh"}, {name: b, run: pwd}]}
  full-memory:
    limits: {memory: 24M}
    run: [{name: a, run: "dd if=/dev/zero of=/dev/shm/f bs=64k count=380; true"}, {name: b, run: [cat, /dev/shm/f]}]
  with-input: {stdin: "given\n", run: [{name: a, run: "cat; rm /dev/null || true"}, {name: b, run: cat}]}
  # ---- jobs that start from it ----
  base:
    run: "cd /; rm -r work tmp; touch work; mkfifo tmp; rm etc/passwd; mkfifo etc/passwd; rm -r bin/cat"
  over-base: {from: base, workdir: /root, run: id}
  liar: {run: "echo nobody:x:0:0::/tmp:/bin/sh >/etc/passwd; rm -r /work; touch /work"}
  workdir-file: {from: liar, run: id}
  mover: {inputs: [{from: given/file, to: /data/file, mode: ro}], run: "mv /data /moved; mkfifo /data"}
  over-mover: {from: mover, run: id}
  # ---- files that others gave ----
  in-input: {inputs: [{from: given, to: /given}], workdir: /given/file, run: id}
  over-input: {inputs: [{from: given, to: /given}, {from: given, to: /given/file/x}], run: id}
  in-root: {rootfs: without-workdir, run: id}
  in-root-passwd: {rootfs: fifo-passwd, run: id}
  in-tar: {rootfs: files, run: id}
  in-tar-named: {workdir: /etc/passwd, run: id}
  in-tar-input: {inputs: [{from: given, to: /etc/passwd/x}], run: id}
  # ---- names ----
  names: {rootfs: host, hostname: of-job, run: "getent ahosts of-job; getent hosts localhost; hostname -f"}
  hosts: {run: "cat /etc/hosts; echo 10.9.8.7 mine >>/etc/hosts"}
  hosts-after: {from: hosts, hostname: next, run: cat /etc/hosts}
  hosts-input: {inputs: [{from: hosts, to: /etc/hosts}], run: cat /etc/hosts}
  hosts-input-ro: {inputs: [{from: hosts, to: /etc/hosts, mode: ro}], run: cat /etc/hosts}
  home: {run: "cd; pwd; stat -c %u:%a ."}
  home-in-the-way: {rootfs: with-home, run: "echo $HOME; env"}
YAML
# Users other than root take ids: an ordinary user has those only from root.
if has_users; then
    cat >>setups.yaml <<'YAML'
  workdir-closed: {user: nobody, workdir: /tmp/w, run: [{name: a, run: chmod 0 .}, {name: b, run: pwd}]}
  home-of-user: {user: nobody, run: "cd; pwd; stat -c %u:%a . ..; touch x"}
  lied-to: {from: liar, workdir: /, user: nobody, run: "id -u; id -g; echo $HOME; cat /etc/passwd"}
YAML
fi
run_cupel run --out "$T/out" setups.yaml

it "what a step makes of /dev/null is not the next one's input"
expect_exit 1
for job in null-fifo null-directory null-link null-planted; do
    expect_verdict "$job" passed
    expect_equal "$(log "$job")" second
done
expect_verdict null-device passed
expect_equal "$(log null-device)" 0
expect_verdict with-input passed
expect_equal "$(log with-input | tr '\n' ' ')" "given given "

# broken JOB STEP WHAT: it failed, and WHAT is in the evidence of that step.
broken() {
    expect_verdict "$1" failed
    expect_evidence "$1" "$3"
    [[ -z $2 ]] || expect_verdict "$1/$2" failed
}
it "a step whose set-up an earlier one broke has failed, and says of what"
broken workdir-gone b "^step 'b': cannot be set up: 'workdir' failed on /work: No such file or directory; an earlier step left it so"
expect_verdict workdir-gone/a passed
expect_verdict workdir-gone/c skipped
broken workdir-fifo b "'workdir' failed on /work: Not a directory"
broken workdir-magic b "'workdir' failed on /work: Too many levels"
broken no-shell b "cannot execute '/bin/sh'"
broken fifo-shell b "cannot execute '/bin/sh': Permission denied"
if has_users; then
    broken workdir-closed b "'chdir' failed on /tmp/w: Permission denied; an earlier step left it so"
fi
expect_verdict full-memory memory-limit

it "a later step starts in what is its workdir by then, as cd would"
expect_verdict workdir-new passed
expect_equal "$(log workdir-new | tr '\n' ' ')" "/work new "
expect_verdict workdir-link passed
expect_log workdir-link '^/d$'

it "a job whose set-up the job before broke has failed, and says whose doing that is"
expect_verdict base passed
broken over-base "" "^cannot be set up: 'etc' failed on /tmp: Not a directory; job 'base', which it starts from, left it so"
broken workdir-file "" "'workdir' failed on /work: Not a directory; job 'liar'"
broken over-mover "" "'attach-inputs' failed on /data/file: Not a directory; job 'mover'"

it "who a user is, no earlier job says"
if has_users; then
    expect_verdict lied-to passed
    expect_equal "$(log lied-to | tr '\n' ' ')" "65534 65534 /home/of/nobody nobody:x:0:0::/tmp:/bin/sh "
else
    skip_it "newuidmap is not installed: jobs have no user but root"
fi

it "nor is it an error of the harness what lies in an input or in a root"
broken in-input "" "'workdir' failed on /given/file: Not a directory; so it is in the input /given"
broken over-input "" "'attach-inputs' failed on /given/file/x: Not a directory; so it is in the input /given"
broken in-root "" "'workdir' failed on /work: Not a directory; the command that made the root 'without-workdir' left it so"
broken in-root-passwd "" "'user' failed on /etc/passwd: Invalid argument; the command that made the root 'fifo-passwd'"
broken in-tar "" "'proc' failed on /proc: Not a directory; so it is in the root 'files'"
broken in-tar-named "" "'workdir' failed on /etc/passwd: Not a directory; so it is in the root 'tree'"
broken in-tar-input "" "'attach-inputs' failed on /etc/passwd/x: Not a directory; so it is in the root 'tree'"
expect_junit_valid
expect_clean

it "a job's host name and localhost are its own, whatever the root's /etc/hosts says"
expect_verdict names passed
for pattern in '^127\.0\.0\.1 +STREAM' '^::1 +STREAM of-job' '^::1 +localhost' '^of-job$'; do
    expect_log names "$pattern"
done
expect_equal "$(log hosts)" "$(printf '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.0.1\tcupel\n::1\tcupel')"
expect_log hosts-after '^::1.next$'
expect_no_log hosts-after 'mine|neighbour'

it "an input at /etc/hosts is what the job file wants there"
expect_equal "$(log hosts-input)" "10.9.8.7 given"
expect_equal "$(log hosts-input-ro)" "10.9.8.7 given"

it "a home is made where the root has none, and is the user's; what stands in its way is let be"
expect_verdict home passed
expect_equal "$(log home | tr '\n' ' ')" "/root 0:755 "
expect_verdict home-in-the-way passed
expect_log home-in-the-way '^HOME=/root$'
if has_users; then
    expect_verdict home-of-user passed
    expect_equal "$(log home-of-user | tr '\n' ' ')" "/home/of/nobody 65534:755 0:755 "
fi

it "an earlier step's O_NONBLOCK is not the next one's"
if command -v python3 >/dev/null; then
    cat >flags.yaml <<'YAML'
cupel: 1
jobs:
  flags:
    run:
      - {name: a, run: [python3, -c, "import fcntl, os\nfor fd in 0, 1, 2: fcntl.fcntl(fd, fcntl.F_SETFL, os.O_NONBLOCK)"]}
      - {name: b, run: [python3, -c, "import fcntl, os\nfor fd in 0, 1, 2: print(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_NONBLOCK)"]}
    stdin: x
    limits: {wall: 20s}
YAML
    cupel_run flags.yaml
    expect_verdict flags passed
    expect_equal "$(log flags | tr '\n' ' ')" "0 0 0 "
else
    skip_it "no python3 on this host"
fi

# ---- a set-up that is stuck ----
job_file stuck.yaml <<'YAML'
cupel: 1
rootfs: {tree: {tar: tree.tar}}
defaults: {rootfs: tree, limits: {memory: 64M}}
jobs:
  of-job:
    limits: {wall: 1s}
    run: [{name: a, run: "rm /dev/null; mkfifo /dev/null"}, {name: b, run: pwd, limits: {wall: 30s}}, {name: c, run: pwd}]
  of-step:
    limits: {wall: 50s}
    run: [{name: a, run: "rm /dev/null; mkfifo /dev/null"}, {name: b, run: pwd, limits: {wall: 1s}}]
YAML
it "a set-up between two steps that is stuck is ended by the wall limit, the job's or the step's"
if [[ -n ${CUPEL_TEST_USER-} ]]; then
    skip_it "/dev/null is a mount, and no job can put anything in its place"
elif has_fault_injection; then
    CUPEL_WEAKEN=step-stdin cupel_run -j 2 stuck.yaml
    expect_exit 1
    expect_verdict of-job timeout
    expect_evidence of-job "^step 'b': wall limit 1 s reached: still being set up after 1(\.[0-9]+)? s, at 'stdio'"
    expect_verdict of-job/a passed
    expect_verdict of-job/b timeout
    expect_verdict of-job/c skipped
    expect_verdict of-step timeout
    expect_evidence of-step "^step 'b': wall limit 1 s reached: still being set up after 1(\.[0-9]+)? s, at 'stdio'"
    expect_clean

    it "Ctrl-C ends a set-up that is stuck"
    sed -i 's/wall: 1s/wall: 40s/' stuck.yaml
    CUPEL_WEAKEN=step-stdin cupel_start -j 2 --only of-job stuck.yaml
    expect wait_until 20 test -d out/logs
    sleep 0.5
    kill -INT "$CUPEL_PID"
    cupel_wait
    expect_exit 130
    expect_clean
else
    skip_it "$CUPEL was built without CUPEL_FAULT_INJECTION"
fi

all_done

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What every job has of its own in its root, /etc/hosts, /etc/resolv.conf and a home, whether it is a layer over the root, which jobs
# of a slot share, or is laid over the root in the job: the same files, and no job finds what another made of them.
# time-limit: 120
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

if ! command -v busybox >/dev/null || ! command -v python3 >/dev/null; then
    it "a job's own files"
    skip_it "no busybox or no python3 on this host"
    all_done
    exit 0
fi
has_users() { [[ -z ${CUPEL_TEST_USER-} ]] || command -v newuidmap >/dev/null; }
mkdir -p tree/{bin,etc,dev,proc,sys,tmp,work} given
cp "$(command -v busybox)" tree/bin/busybox
for name in sh rm mv cat ls ln mkdir pwd touch stat grep sed id true chmod; do
    ln -s busybox "tree/bin/$name"
done
printf 'root:x:0:0::/root:/bin/sh\nuser:x:7:8::/user:/bin/sh\nnobody:x:65534:65534::/nonexistent/nobody:/bin/sh\nguest:x:9:9::/etc:/bin/sh\n' >tree/etc/passwd
echo '10.9.8.7 neighbour' >tree/etc/hosts
chmod 751 tree/etc
touch -d '2001-02-03 04:05:06Z' tree/etc
tar -C tree -cf tree.tar --owner=0 --group=0 .
# of the same root: /etc is a link; there is none; /etc/hosts is a link into nowhere; /etc has an access list
mv tree/etc tree/conf && ln -s conf tree/etc && tar -C tree -cf linked.tar --owner=0 --group=0 .
rm tree/etc && tar -C tree -cf none.tar --owner=0 --group=0 .
mv tree/conf tree/etc && rm tree/etc/hosts && ln -s /nowhere tree/etc/hosts && ln -s etc tree/e && tar -C tree -cf dangling.tar --owner=0 --group=0 .
python3 - <<'PY'
import tarfile
with tarfile.open("tree.tar") as old, tarfile.open("listed.tar", "w", format=tarfile.PAX_FORMAT) as new:
    for member in old:
        if member.name == "./etc":
            member.pax_headers = {"SCHILY.acl.access": "user::rwx,user:65534:rwx,group::r-x,mask::rwx,other::r-x"}
        new.addfile(member, old.extractfile(member) if member.isfile() else None)
PY
echo '10.9.8.7 given' >given/hosts
touch given/file
[[ -z ${CUPEL_TEST_USER-} ]] || chown -R "$CUPEL_TEST_USER:$CUPEL_TEST_USER" given

job_file own.yaml <<'YAML'
cupel: 1
rootfs:
  tree: {tar: tree.tar}
  linked: {tar: linked.tar}
  none: {tar: none.tar}
  dangling: {tar: dangling.tar}
  listed: {tar: listed.tar}
  made: {from: tree, run: "echo made >/etc/made; echo 10.9.8.7 made >>/etc/hosts; ls -d /root"}
defaults: {rootfs: tree, limits: {wall: 20s, memory: 64M}}
jobs:
  # one slot, one after the other
  first: {hostname: one, run: "cat /etc/hosts; stat -c '%n %a %u:%g %F' /etc /etc/hosts; stat -c %Y /etc; grep -c lowerdir=/own/ /proc/mounts"}
  writes: {hostname: one, run: "echo 10.9.8.7 mine >>/etc/hosts; chmod 600 /etc/hosts; touch /etc/new /root/new; cat /etc/hosts"}
  after-writes: {hostname: one, run: "cat /etc/hosts; stat -c %a /etc/hosts; ls /etc /root"}
  removes: {hostname: one, run: "rm /etc/hosts; ls /etc; mv /etc/passwd /etc/hosts; rm -r /etc /root; ls -d /etc /root || true"}
  renames: {hostname: one, run: "mv /etc/hosts /etc/moved; ln /etc/moved /etc/linked; cat /etc/moved; stat -c %h /etc/linked"}
  after-removes: {hostname: one, run: "cat /etc/hosts; ls /etc"}
  other-name: {hostname: two, run: "cat /etc/hosts; ls /etc"}
  first-again: {hostname: one, run: "cat /etc/hosts; ls /etc; stat -c '%n %a %u:%g %F' /etc /etc/hosts"}
  two-steps: {run: [{name: a, run: "echo 10.9.8.7 mine >/etc/hosts"}, {name: b, run: cat /etc/hosts}]}
  base: {run: "echo 10.9.8.7 mine >>/etc/hosts; echo x >/etc/new; touch /root/x"}
  over-base: {from: base, hostname: over, run: "cat /etc/hosts; cat /etc/new; ls /root"}
  remover: {run: "rm -r /etc/hosts /root"}
  over-remover: {from: remover, run: "cat /etc/hosts; stat -c '%n %a' /root"}
  untouched: {run: "touch /elsewhere"}
  over-untouched: {from: untouched, hostname: one, run: "cat /etc/hosts; stat -c '%n %a %u:%g %F' /etc /etc/hosts; stat -c %Y /etc; grep -c lowerdir=/own/ /proc/mounts; ls /elsewhere"}
  over-that: {from: over-untouched, hostname: two, run: "cat /etc/hosts; grep -c lowerdir=/own/ /proc/mounts; ls /elsewhere; touch /etc/new"}
  over-all: {from: over-that, run: "cat /etc/hosts; ls /etc; grep -c lowerdir=/own/ /proc/mounts || true"}
  over-made: {rootfs: made, run: "cat /etc/hosts; cat /etc/made"}
  # other roots
  linked: {rootfs: linked, run: "cat /conf/hosts; stat -c %F /etc"}
  none: {rootfs: none, run: "ls -a / | grep etc || echo none"}
  dangling: {rootfs: dangling, run: "cat /etc/hosts; stat -c %F /etc/hosts"}
  # inputs there
  of-etc: {inputs: [{from: given, to: /etc}], run: "cat /etc/hosts; ls /etc"}
  by-link: {rootfs: dangling, inputs: [{from: given, to: /e}], run: "cat /etc/hosts; ls /etc"}
  elsewhere: {inputs: [{from: given, to: /root}, {from: given/file, to: /file}], run: "cat /etc/hosts; ls /root"}
YAML
if has_users; then
    cat >>own.yaml <<'YAML'
  user-home: {user: user, run: "cd; pwd; stat -c '%n %a %u:%g' /user; ls -d /root || echo none; touch /user/x; ls -A /user"}
  user-home-again: {user: user, run: "ls -A /user; echo end"}
  over-home: {from: user-home, user: user, run: "ls -A /user"}
  makes-user: {run: "mkdir -m 700 /user; touch /user/of-root"}
  over-user: {from: makes-user, user: user, run: "cd; pwd; stat -c '%n %a %u:%g' /user"}
  no-user: {user: "4321:8", run: "cd; pwd; stat -c '%n %a %u:%g' ~; touch ~/x; stat -c '%a %u' /home"}
  others-home: {user: guest, run: "cd; pwd; stat -c '%n %a %u:%g' ~; touch ~/x; stat -c '%a %u' /home"}
  over-guest: {from: others-home, user: guest, run: "cd; pwd; ls"}
  said-home: {user: "4321", env: {HOME: /etc}, run: "echo ~; ls -d /home || echo none"}
  own-home: {env: {HOME: /user}, run: "ls -d /user || echo none"}
  listed: {rootfs: listed, user: nobody, run: "touch /etc/of-nobody && ls /etc; cat /etc/hosts"}
YAML
fi
run_cupel run --out "$T/out" -j 1 own.yaml

# hosts NAME: what /etc/hosts says in a job of that host name.
hosts() { printf '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.0.1\t%s\n::1\t%s' "$1" "$1"; }
like="/etc 751 0:0 directory
/etc/hosts 644 0:0 regular file"

it "all of it runs"
expect_exit 0
expect_junit_valid
expect_clean

it "/etc/hosts is the job's own file, and /etc is as the root has it, in a layer that costs the job's disk nothing"
expect_equal "$(log first)" "$(hosts one)
$like
981173106
1"

it "what a job makes of its own files, no later job of the slot finds"
expect_equal "$(log writes)" "$(hosts one)
10.9.8.7 mine"
expect_equal "$(log after-writes)" "$(hosts one)
644
/etc:
hosts
passwd

/root:"
expect_equal "$(log removes)" "passwd"
expect_equal "$(log renames)" "$(hosts one)
2"
expect_equal "$(log after-removes)" "$(hosts one)
hosts
passwd"

it "a job of another name has that one, and the next again its own"
expect_equal "$(log other-name)" "$(hosts two)
hosts
passwd"
expect_equal "$(log first-again)" "$(hosts one)
hosts
passwd
$like"

it "a later step finds what an earlier one wrote; a job over another has its own again, and the rest"
expect_equal "$(log two-steps)" "10.9.8.7 mine"
expect_equal "$(log over-base)" "$(hosts over)
x
x"
expect_equal "$(log over-remover)" "$(hosts cupel)
/root 755"
expect_equal "$(log over-made)" "$(hosts cupel)
made"

it "over a job that left nothing in /etc, it is in a layer as well; over one that did, the rest of that stays"
expect_equal "$(log over-untouched)" "$(hosts one)
$like
981173106
1
/elsewhere"
expect_equal "$(log over-that)" "$(hosts two)
1
/elsewhere"
expect_equal "$(log over-all)" "$(hosts cupel)
hosts
new
passwd
0"

it "roots whose /etc is a link, is missing, or has no file at its hosts"
expect_equal "$(log linked)" "$(hosts cupel)
symbolic link"
expect_equal "$(log none)" none
expect_equal "$(log dangling)" "$(hosts cupel)
regular file"

it "an input that lies over /etc, also by way of a link, has the job's own in place of its own"
expect_equal "$(log of-etc)" "$(hosts cupel)
file
hosts"
expect_equal "$(log by-link)" "$(hosts cupel)
file
hosts"
expect_equal "$(log elsewhere)" "$(hosts cupel)
file
hosts"

it "a home that the root does not have is its user's, and no other's"
if has_users; then
    expect_equal "$(log user-home)" "/user
/user 755 7:8
none
x"
    expect_equal "$(log user-home-again)" end
    expect_equal "$(log own-home)" none
    expect_equal "$(log over-home)" x
    expect_equal "$(log over-user)" "/home/7
/user 700 0:0"
else
    skip_it "newuidmap is not installed: jobs have no user but root"
fi

it "a user that the root does not know, or whose home is another's, has one of its own"
if has_users; then
    expect_equal "$(log no-user)" "/home/4321
/home/4321 755 4321:8
755 0"
    expect_equal "$(log others-home)" "/home/9
/home/9 755 9:9
755 0"
    expect_equal "$(log over-guest)" "/home/9
x"
    expect_equal "$(log said-home)" "/etc
none"
else
    skip_it "newuidmap is not installed: jobs have no user but root"
fi

it "an access list that the root has on /etc holds in the job"
if has_users; then
    expect_equal "$(log listed)" "hosts
of-nobody
passwd
$(hosts cupel)"
else
    skip_it "newuidmap is not installed: jobs have no user but root"
fi

it "localhost and the host's name resolve on both families, whatever the job's own network"
job_file names.yaml <<'YAML'
cupel: 1
defaults:
  env: {ASK: 'import socket; [print(n, socket.getaddrinfo(n, 80, f)[0][4][0]) for n in ("localhost", socket.gethostname()) for f in (socket.AF_INET, socket.AF_INET6)]'}
  hostname: my.box
  run: [/bin/sh, -c, 'exec python3 -c "$ASK"']
jobs:
  loopback: {}
  none: {network: none}
YAML
run_cupel run --out "$T/out" names.yaml
for job in loopback none; do
    expect_equal "$(log $job | tr '\n' ' ')" "localhost 127.0.0.1 localhost ::1 my.box 127.0.0.1 my.box ::1 "
done

all_done

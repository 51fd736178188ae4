#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Inputs that are copied to the job's disk: directories with `mode: copy`, single files; what that is worth, and what it takes.
# sanitizers: no
# time-limit: 60
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

mkdir -p d/sub/deep && echo a >d/sub/a && ln d/sub/a d/sub/b && ln -s ../x d/link && mkfifo d/fifo
truncate -s 1T d/sparse && head -c 3M /dev/urandom >d/data && head -c 20M /dev/zero >big && echo small >file
touch -d '2001-02-03 04:05:06 UTC' d/data && chmod 0750 d/sub/deep
python3 -c 'import os; os.setxattr("d/sub", "user.mine", b"z"); os.setxattr("d/sub", "user.overlay.opaque", b"y")' 2>/dev/null
owner=${CUPEL_TEST_USER:-70001} # whoever that is on the host, in the job it is the job's user
chown -hR "$owner:$owner" d big file
cat >copies.yaml <<'YAML'
cupel: 1
defaults:
  limits: {disk: 5M, wall: 1m, memory: 256M}
  inputs: [{from: d, to: /work/d, mode: copy}, {from: big, to: /work/big}, {from: file, to: /work/file, mode: ro}, {from: d/sparse, to: /work/s}, {from: d/sparse, to: /srv/s}]
jobs:
  same:
    run: |
      cd d; stat -c '%n %F %a %h' sub sub/deep; stat -c '%n %F %a %h %s' sub/a data fifo sparse; readlink link; date -ur data +%F
      test sub/a -ef sub/b && echo linked; cat sub/a
      python3 -c 'import os; print([n for n in os.listxattr("sub") if not n.startswith("security")])'
  sparse: {run: "stat -c '%s %b' s /srv/s; echo end >>s"}
  kernel: {inputs: [{from: /proc/sys/kernel/ostype, to: /srv/p}, {from: /sys/kernel/mm/transparent_hugepage/hpage_pmd_size, to: /srv/q}], run: "cat /srv/p; stat -c %s /srv/q; wc -c </srv/q"}
  renames:
    run: |
      python3 -c 'import os; os.rename("d/sub", "d/moved"); os.rename("d/moved/deep", "d/deep")'
      ls d d/moved; echo changed >d/data
  owned: {user: USER, run: "stat -c '%u %g' d d/data big; echo more >>d/data; echo more >>big; mkdir d/sub/deep/own; mv d/sub d/other"}
  room: {run: "df -k --output=avail /work/d | tail -1; head -c 4M /dev/zero >/x; cmp big big"}
  full: {run: "head -c 6M /dev/zero >/x"}
  without: {limits: {inodes: 20}, run: "for i in $(seq 19); do : >/tmp/$i; done"}
  base: {run: "echo more >>d/sub/a; rm d/data"}
  next: {from: base, run: "cat d/sub/a; test ! -e d/data; echo again >>d/sub/a"}
YAML
[[ -z ${CUPEL_TEST_USER-} ]] && user='"1000:1001"' mine='1000 1001' || user=root mine='0 0'
sed -i "s/USER/$user/" copies.yaml
cupel_run copies.yaml -j 2

it "the copy is what it was made of; overlayfs' attributes are not taken along"
expect_verdict same passed
expect_equal "$(log same)" "sub directory 755 3
sub/deep directory 750 2
sub/a regular file 644 2 2
data regular file 644 1 3145728
fifo fifo 644 1 0
sparse regular file 644 1 1099511627776
../x
2001-02-03
linked
a
['user.mine']"

it "a single file keeps its holes, which take no room and no time"
expect_verdict sparse passed
expect_equal "$(log sparse)" "1099511627776 0
1099511627776 0"

it "of the kernel's files, which tell no sizes or wrong ones, there is what can be read"
size=$(wc -c </sys/kernel/mm/transparent_hugepage/hpage_pmd_size)
expect_verdict kernel passed
expect_equal "$(log kernel)" "$(uname -s)
$size
$size"

it "directories in it can be renamed, and the host's stay"
expect_verdict renames passed
expect test -d d/sub/deep
expect_equal "$(stat -c %s d/data)" 3145728

it "what belonged to the host's owner belongs to the job's user"
expect_verdict owned passed
expect_equal "$(log owned)" "$mine
$mine
$mine"

it "the limit of disk counts what the job writes, and not what was copied for it"
expect_verdict room passed
expect_verdict full disk-limit
expect_verdict without passed

it "a job that starts from another has its copy, as that one left it"
expect_verdict next passed
expect_equal "$(log next)" "a
more"
expect_equal "$(cat d/sub/a)" a

cat >grows.yaml <<'YAML'
cupel: 1
jobs:
  a: {run: "sleep 1"}
  b: {needs: [a], limits: {disk: 1M}, inputs: [{from: grown, to: /grown}], run: "stat -c %s /grown"}
YAML
it "a file that grows between the start of the run and that of the job"
echo x >grown && chmod a+r grown
cupel_start grows.yaml
sleep 0.3 && head -c 9M /dev/zero >grown
cupel_wait
expect_exit 0
expect_equal "$(log b)" 9437184

if [[ -z ${CUPEL_TEST_USER-} ]]; then
    it "a file system without id-mapped mounts is refused before anything runs, and copied where that is said"
    mkdir ram
    cat >ram.sh <<'SH'
mount -t ramfs ramfs ram && mkdir ram/d && echo there >ram/d/f || exit 99
printf 'cupel: 1\njobs: {a: {inputs: [{from: ram/d, to: /d}], run: "true"}}\n' >mounted.yaml
printf 'cupel: 1\njobs: {a: {inputs: [{from: ram/d, to: /d, mode: copy}, {from: ram/d/f, to: /f}], run: "cat /d/f /f"}}\n' >copied.yaml
"$CUPEL" run --out mounted mounted.yaml; echo "mounted $?"
"$CUPEL" run --out out copied.yaml; echo "copied $?"
SH
    rm -rf out
    (grouped unshare -m --propagation private bash ram.sh >stdout 2>stderr </dev/null)
    expect_stdout '^mounted 3$'
    expect_stderr "mounted.yaml:2: job 'a': the input .*/ram/d is on a file system that takes no id-mapped mounts"
    expect_stderr 'mode: copy'
    expect_not test -s mounted/results.jsonl
    expect_stdout '^copied 0$'
    expect_equal "$(log a)" "there
there"
fi

it "a copy that is not done in time is the disk's fault, not the job's"
printf 'cupel: 1\njobs:\n  copies: {inputs: [{from: d/sub, to: /d, mode: copy}], run: "true"}\n  views: {inputs: [{from: d/sub, to: /d}], run: "true"}\n' >late.yaml
CUPEL_WEAKEN=copying-time cupel_run late.yaml
expect_exit 3
expect_verdict copies error
expect_evidence copies "^copying the input '.*/d/sub' to the job's disk was not done in time: its wall limit, 30 s for set-up, and a second for each 8 MiB or 200 files"
expect_verdict views passed

it "nothing is left"
expect_clean
all_done

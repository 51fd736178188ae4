#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Roots other than the host's: tar in every compression, scratch, and hostile trees.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

busybox=$(command -v busybox)
if [[ -z $busybox ]] || ! "$busybox" --list >/dev/null; then
    it "roots"
    skip_it "busybox-static is not installed"
    all_done
    exit 0
fi

mkdir -p tree/bin tree/etc tree/usr/share/doc tree/opt
cp "$busybox" tree/bin/busybox
for applet in sh cat ls echo true id mkdir env sleep test head wc stat readlink touch ln rm; do
    ln -s busybox "tree/bin/$applet"
done
printf 'root:x:0:0:root:/root:/bin/sh\nsomebody:x:4242:4343::/home/somebody:/bin/sh\n' >tree/etc/passwd
printf 'root:x:0:\nsomebody:x:4343:\n' >tree/etc/group
echo 'the tar' >tree/etc/which
echo linked >tree/opt/one && ln tree/opt/one tree/opt/two
chown -R 0:0 tree && chown 4242:4343 tree/opt/one && chmod 4755 tree/opt/one
tar -C tree -cf plain.tar .
gzip -k plain.tar && xz -k plain.tar && zstd -q -k plain.tar && bzip2 -k plain.tar

{
    printf 'cupel: 1\nrootfs:\n'
    for c in '' .gz .xz .zst .bz2; do
        printf '  plain%s: {tar: plain.tar%s}\n' "${c/./-}" "$c"
    done
    printf '  sums: {tar: plain.tar, sha256: %s}\njobs:\n' "$(sha256sum plain.tar | cut -d' ' -f1)"
    for c in '' -gz -xz -zst -bz2; do
        printf '  plain%s: {rootfs: plain%s, run: "cat /etc/which"}\n' "$c" "$c"
    done
    cat <<'YAML'
  sums: {rootfs: sums, run: "cat /etc/which; ls /"}
  owner: {rootfs: plain, run: "stat -c '%u:%g %a %h' /opt/one"}
  named-user: {rootfs: plain, user: somebody, run: "id -u; id -g; env"}
  writes: {rootfs: plain, run: "echo changed >/etc/which; rm /opt/one; cat /etc/which"}
  reads: {rootfs: plain, needs: [writes], run: "cat /etc/which /opt/one"}
  places: {rootfs: plain, run: "test -c /dev/null; test -r /proc/self/status; test -d /sys; test -d /tmp; test -d /work; touch /tmp/x"}
YAML
} >tar.yaml
cupel_run tar.yaml -j 2

it "a tar is a root, in every compression"
for c in '' -gz -xz -zst -bz2; do
    expect_verdict "plain$c" passed
    expect_equal "$(log "plain$c")" 'the tar'
done
expect_verdict sums passed

it "owners, set-id bits and hard links are kept"
expect_equal "$(log owner)" '4242:4343 4755 2'

it "users are those of the root's own passwd file"
expect_equal "$(log named-user | head -n 2 | tr '\n' ' ')" '4242 4343 '
expect_log named-user '^HOME=/home/somebody$'

it "the root is the same for the next job"
expect_equal "$(log writes)" changed
expect_equal "$(log reads | tr '\n' ' ')" 'the tar linked '

it "what every job has is there though the tar has it not"
expect_verdict places passed
expect_clean
expect_junit_valid

it "a second run takes it from the store"
expect_said 'unpacking .*plain\.tar\.gz'
cupel_run tar.yaml --only plain-gz --only reads
expect_exit 0
expect_not grep -q unpacking stdout stderr

it "scratch with a static program as input"
job_file scratch.yaml <<YAML
cupel: 1
jobs:
  s:
    rootfs: scratch
    inputs: [{from: $busybox, to: /bin/busybox}]
    run: [/bin/busybox, ls, /]
  with-shell:
    rootfs: scratch
    inputs: [{from: $busybox, to: /bin/sh}]
    run: echo from sh
YAML
cupel_run scratch.yaml
expect_exit 0
expect_log s '^bin$'
expect_no_log s '^(etc|usr|home)$'
expect_equal "$(log with-shell)" 'from sh'
expect_clean

it "a hostile tree: /dev, /proc, /etc and /work may be links, nothing outside is touched"
mkdir -p hostile/bin victim
cp "$busybox" hostile/bin/busybox
for applet in sh cat ls echo id; do ln -s busybox "hostile/bin/$applet"; done
for d in dev proc sys etc work tmp; do ln -s "$T/victim" "hostile/$d"; done
tar -C hostile -cf hostile.tar .
job_file hostile.yaml <<'YAML'
cupel: 1
rootfs: {h: {tar: hostile.tar}}
jobs:
  h: {rootfs: h, run: "echo ran"}
YAML
cupel_run hostile.yaml
expect_result h '.verdict == "failed" or .verdict == "passed"'
expect_equal "$(find victim -mindepth 1)" ""
expect_clean

it "cupel rootfs lists what the store has"
run_cupel rootfs list
expect_exit 0

all_done

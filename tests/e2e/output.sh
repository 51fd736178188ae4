#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `-o FILE`: what is not a regular file is written into, never replaced; with nodes of our own, in a mount namespace of our own.
# sanitizers: no
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

mkdir -p tree/etc && echo hello >tree/etc/file
run_cupel rootfs import small tree
run_cupel rootfs export small -o plain.tar
it "a new file is written, one that is there replaced when the new one is whole"
expect_exit 0
expect_equal "$(tar -xOf plain.tar etc/file)" hello
sum=$(sha256sum <plain.tar)
echo earlier >again.tar && ln again.tar other-name
run_cupel rootfs export small -o again.tar
expect_equal "$(sha256sum <again.tar)" "$sum"
expect_equal "$(cat other-name)" earlier
run_cupel rootfs export nosuch -o again.tar
expect_exit 2
expect_equal "$(sha256sum <again.tar)" "$sum"

# What is in FILE's place, in a directory where device nodes work: its kind and where it leads before and after.
cat >nodes.sh <<'SH'
mkdir nodes && mount -t tmpfs none nodes && cd nodes || exit 1
mknod null c 1 3 && mknod full c 1 7 && mkfifo fifo && echo earlier >target && mkdir directory &&
    ln -s null to-null && ln -s fifo to-fifo && ln -s target to-file && ln -s new to-nothing && ln -s directory to-directory || exit 1
for name in null full fifo to-null to-fifo to-file to-nothing directory to-directory; do
    reader=
    case $name in *fifo) cat fifo >"$name.read" & reader=$! ;; esac
    before=$(stat -c '%F %i %t:%T' "$name")
    timeout 20 "$CUPEL" rootfs export small -o "$name" 2>"$name.stderr"
    echo "$name $? $([[ $(stat -c '%F %i %t:%T' "$name") == "$before" ]] && echo same || echo OTHER)"
    [[ -z $reader ]] || wait "$reader"
done
sha256sum fifo.read to-fifo.read target new | cut -d' ' -f1
ls -A
cat ./*directory.stderr full.stderr
SH
it "a device, a FIFO and a link are written into and stay what they are"
export CUPEL
(grouped unshare -m --propagation private bash nodes.sh) >stdout 2>stderr </dev/null
STATUS=$?
expect_exit 0
for name in null fifo to-null to-fifo to-file to-nothing; do
    expect_stdout "^$name 0 same$"
done
for name in full directory to-directory; do
    expect_stdout "^$name [23] same$"
done
expect_equal "$(grep -c "^${sum%% *}$" stdout)" 4
expect_stdout "cannot write 'directory'.*Is a directory"
expect_stdout 'No space left'
expect_not grep -q '\.tmp$' stdout

it "standard output by its name is written into, be it a pipe or a file"
ln -s /proc/self/fd/1 stdout-as-in-dev
expect_equal "$(grouped "$CUPEL" rootfs export small -o stdout-as-in-dev | sha256sum)" "$sum"
(grouped "$CUPEL" rootfs export small -o stdout-as-in-dev) >redirected.tar
expect_equal "$(sha256sum <redirected.tar)" "$sum"

it "a lock file that is no file is left as it is, one that is a link is not written through"
job_file job.yaml <<'YAML'
cupel: 1
rootfs: {r: {tar: plain.tar}}
jobs: {a: {rootfs: r, run: [/bin/true]}}
YAML
echo '{"format": 1, "files": {}}' >elsewhere.lock && ln -s elsewhere.lock cupel.lock
cp elsewhere.lock before.lock
run_cupel rootfs lock job.yaml
expect_exit 0
expect cmp elsewhere.lock before.lock
rm cupel.lock && mkfifo cupel.lock
run_cupel rootfs lock job.yaml
expect_exit 2
expect [ -p cupel.lock ]
expect_clean
all_done

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Bad input and bad places: one clear error that says what to do, the documented exit code, nothing half-written, nothing left.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

job_file ok.yaml <<'YAML'
cupel: 1
jobs:
  a: {run: echo fine}
YAML

# one_error EXIT REGEX: that exit code, exactly one error, which matches, and nothing left behind.
one_error() {
    expect_exit "$1"
    expect_equal "$(grep -c 'error:' "$T/stderr")" 1
    expect_stderr "$2"
    expect_clean
}

it "a tar that is not there"
job_file missing.yaml <<'YAML'
cupel: 1
rootfs: {r: {tar: nosuch.tar}}
jobs:
  a: {rootfs: r, run: [/bin/true]}
YAML
cupel_run missing.yaml
one_error 2 'nosuch\.tar'

it "a root that nobody declared"
job_file unknown.yaml <<'YAML'
cupel: 1
rootfs: {debian: {tar: x.tar}}
jobs:
  a: {rootfs: debain, run: [/bin/true]}
YAML
cupel_run unknown.yaml
expect_exit 2
expect_stderr "debain"
expect_stderr "did you mean 'debian'"

it "a user that the root does not have"
job_file user.yaml <<'YAML'
cupel: 1
jobs:
  before: {run: echo ran}
  a: {run: "true", user: nobdy}
YAML
cupel_run user.yaml
one_error 2 "user\.yaml:4:26: there is no user 'nobdy' in the root 'host', did you mean 'nobody'\?"
expect_stderr 'its /etc/passwd has root, daemon, '
expect_equal "$(jq -r '"\(.id) \(.verdict) \(.attempts)"' <(job_lines) | xargs)" 'before error null a error null'
expect_evidence before "no user 'nobdy'"
expect_junit_valid

it "a user's name in a root without a passwd file"
job_file user.yaml <<'YAML'
cupel: 1
jobs:
  a: {rootfs: scratch, run: [/x], user: somebody}
YAML
cupel_run user.yaml
one_error 2 "user\.yaml:3:41: there is no user 'somebody' in the root 'scratch'"
expect_stderr 'it has no /etc/passwd'

it "a corrupt tar"
head -c 100000 /dev/urandom >corrupt.tar.gz
job_file corrupt.yaml <<'YAML'
cupel: 1
rootfs: {r: {tar: corrupt.tar.gz}}
jobs:
  a: {rootfs: r, run: [/bin/true]}
YAML
cupel_run corrupt.yaml
expect_exit 2
expect_stderr 'corrupt\.tar\.gz'
expect_verdict a error
expect_evidence a 'corrupt\.tar\.gz'
expect_result a '(has("attempts") | not) and (has("started") | not)'
expect_junit_valid
expect_equal "$(xmllint --xpath 'string(//testcase/error/@type)' out/junit.xml)" error
expect_clean

it "a truncated tar"
mkdir -p tree/bin && cp "$(command -v busybox)" tree/bin/ && tar -C tree -czf whole.tar.gz . &&
    head -c 300000 whole.tar.gz >cut.tar.gz
sed 's/corrupt.tar/cut.tar/' corrupt.yaml >cut.yaml
cupel_run cut.yaml
expect_exit 2
expect grep -rqs 'cut\.tar\.gz' "$T/stderr" "$T/out/results.jsonl"
expect_clean

it "a tar that climbs out"
mkdir -p climb && echo planted >climb/planted
tar -C climb -cf dotdot.tar --transform='s,^planted$,../../../planted-dotdot,' -P planted
mkdir -p link && ln -s "$T" link/out && tar -C link -cf through.tar out
mkdir -p through/out && echo planted >through/out/planted-link && tar -C through -rf through.tar out/planted-link
for tar in dotdot through; do
    sed "s/corrupt.tar.gz/$tar.tar/" corrupt.yaml >"$tar.yaml"
    cupel_run "$tar.yaml"
    expect_exit 2
    expect_equal "$(find "$T" / -maxdepth 1 -name 'planted-*' | wc -l)" 0
    expect_clean
done

it "a wrong checksum"
sha256=$(printf '0%.0s' {1..64})
sed "s/{tar: corrupt.tar.gz}/{tar: whole.tar.gz, sha256: $sha256}/" corrupt.yaml >checksum.yaml
cupel_run checksum.yaml
expect_exit 2
expect grep -rqsE 'sha-?256|checksum|digest' "$T/stderr" "$T/out/results.jsonl"
expect_clean

it "an input that is not there"
job_file input.yaml <<'YAML'
cupel: 1
jobs:
  a: {inputs: [{from: nosuch, to: /work/x}], run: [/bin/true]}
YAML
cupel_run input.yaml
expect_exit 2
expect_stderr 'nosuch'

it "an unreadable job file"
mkdir directory.yaml
cupel_run directory.yaml
expect_exit 2
expect_stderr 'directory\.yaml'

it "an empty file, no YAML, and bombs"
: >empty.yaml
cupel_run empty.yaml
expect_exit 2
printf 'a: [\n' >open.yaml
cupel_run open.yaml
expect_exit 2
expect_stderr 'open\.yaml:'
{
    printf 'a0: &a0 [x,x,x,x,x,x,x,x,x]\n'
    for i in {1..12}; do printf 'a%d: &a%d [' "$i" "$i"; printf "*a$((i - 1)),%.0s" {1..9}; printf ']\n'; done
} >bomb.yaml
cupel_run bomb.yaml
expect_exit 2
printf '[%.0s' {1..5000} >deep.yaml
cupel_run deep.yaml
expect_exit 2

it "impossible limits"
for limit in "memory: 0" "memory: -1M" "memory: 12Q" "cpu: 0" "wall: 0s" "pids: 0" "memory: 99999999999999999999G" "disk: 1"; do
    printf 'cupel: 1\njobs:\n  a: {run: echo, limits: {%s}}\n' "$limit" >limit.yaml
    cupel_run limit.yaml
    expect_exit 2
    expect_stderr 'limit\.yaml:3:'
done

it "an --out that cannot be written"
: >file
run_cupel run ok.yaml --out "$T/file/out"
one_error 2 'file/out'
run_cupel run ok.yaml --out /proc/nosuch/out
one_error 3 '/proc/nosuch/out'

it "an --out that another run is writing to"
job_file slow.yaml <<'YAML'
cupel: 1
jobs:
  a: {run: "echo started; exec sleep 60"}
YAML
cupel_start slow.yaml
expect wait_until 20 grep -qs started "$T/out/logs/a.stdout"
second=0
(grouped "$CUPEL" run ok.yaml --out "$T/out") >second.stdout 2>second.stderr </dev/null || second=$?
expect_equal "$second" 3
expect grep -q "$T/out" second.stderr
kill -INT "$CUPEL_PID"
cupel_wait
expect_exit 130
expect_clean

it "a full disk at the store"
mkdir small
cat >small.sh <<'SH'
mount -t tmpfs -o size=64k tmpfs small || exit 99
head -c 1000000 /dev/zero >small/fill 2>/dev/null
export XDG_CACHE_HOME=$PWD/small
"$CUPEL" run --out out-small ok.yaml
SH
STATUS=0
(grouped unshare -m --propagation private bash small.sh >stdout 2>stderr </dev/null) || STATUS=$?
if ((STATUS == 99)); then
    skip_it "no tmpfs can be mounted here"
else
    expect_exit 3
    expect_stderr 'No space left|full|ENOSPC'
fi

it "a full disk at --out"
cat >small-out.sh <<'SH'
mount -t tmpfs -o size=64k,nr_inodes=20 tmpfs small || exit 99
head -c 1000000 /dev/zero >small/fill 2>/dev/null
"$CUPEL" run --out small/out ok.yaml
SH
STATUS=0
(grouped unshare -m --propagation private bash small-out.sh >stdout 2>stderr </dev/null) || STATUS=$?
if ((STATUS == 99)); then
    skip_it "no tmpfs can be mounted here"
else
    expect_exit 3
    expect_stderr 'No space left|full|ENOSPC'
    expect_clean
fi

it "no cgroup access: limits that cgroups hold are refused before anything runs"
job_file limited.yaml <<'YAML'
cupel: 1
jobs:
  a: {run: "echo ran", limits: {memory: 64M, pids: 10}}
  seen: {cgroup-view: true, run: "ls -A /sys/fs/cgroup"}
YAML
# A bind mount of our own, read-only, in a mount namespace of our own: nobody else's mount changes.
cat >no-cgroup.sh <<'SH'
awk '$3 ~ /^cgroup2?$/ {print $2}' /proc/self/mounts | while read -r m; do
    mount --bind "$m" "$m" && mount -o remount,bind,ro "$m" || exit 99
done || exit 99
"$CUPEL" run --out "$1" "${@:2}" limited.yaml
SH
STATUS=0
(grouped unshare -m --propagation private bash no-cgroup.sh out-ro >stdout 2>stderr </dev/null) || STATUS=$?
if ((STATUS == 99)); then
    skip_it "cgroup mounts cannot be covered here"
else
    expect_exit 3
    expect_stderr 'memory|cgroup'
    expect_not grep -rqs ran out-ro/logs
    expect_clean
fi

it "no cgroup access with --best-effort: it runs and names what is not enforced"
STATUS=0
(grouped unshare -m --propagation private bash no-cgroup.sh "$T/out" --best-effort >stdout 2>stderr </dev/null) || STATUS=$?
if ((STATUS == 99)); then
    skip_it "cgroup mounts cannot be covered here"
else
    expect_exit 0
    expect_verdict a passed
    expect grep -qiE 'not enforced' stdout stderr
    expect_result seen '.verdict == "passed" and .unenforced == ["cgroup-view"]'
    expect_clean
fi

all_done

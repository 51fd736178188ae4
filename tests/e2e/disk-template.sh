#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Empty disks are kept in the store: used where they are whole and mke2fs is the same, made again where not, never more
# than a number of them; and a disk is as large as its limit says, whichever way it was made.
# sanitizers: no
# lanes: root-v2
# time-limit: 60
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

disks=$T/cache/cupel/disks
mke2fs=$(command -v mke2fs || echo /sbin/mke2fs)

# with_mke2fs ARGUMENT...: a run that has $T/mke2fs for an mke2fs, in a mount namespace of its own.
with_mke2fs() {
    rm -rf -- "$T/out"
    STATUS=0
    # shellcheck disable=SC2016
    (grouped unshare -m --propagation private sh -c 'mount --bind "$1" "$(readlink -f "$2")" || exit 99; shift 2; exec "$@"' \
        sh "$T/mke2fs" "$mke2fs" "$CUPEL" run --out "$T/out" "$@" >"$T/stdout" 2>"$T/stderr" </dev/null) || STATUS=$?
}
template() {
    find "$disks" -name "$1-*" ! -name '*.tmp' 2>/dev/null
}

# Each of the limits is what a job finds: all of it, and no more.
job_file exact.yaml <<'YAML'
cupel: 1
defaults: {limits: {disk: 4M, inodes: 300}}
jobs:
  fits: {run: "head -c 3900K /dev/zero >/tmp/a && for i in $(seq 250); do : >/tmp/$i; done && sync -f /tmp"}
  bytes: {run: "head -c 4200K /dev/zero >/tmp/a"}
  inodes: {run: "for i in $(seq 310); do : >/tmp/$i || exit 1; done"}
YAML
expect_exact() {
    expect_exit 1
    expect_verdict fits passed
    expect_verdict bytes disk-limit
    expect_verdict inodes disk-limit
}

it "a run keeps the empty disk that it made, and is exact"
cupel_run exact.yaml -j 1
expect_exact
expect test -f "$(template 4194304)"
expect_equal "$(stat -c %a "$disks") $(stat -c '%a %u' "$(template 4194304)")" "700 600 $EUID"

it "the next one uses it as it is, and is exact"
before=$(stat -c '%i %y' "$(template 4194304)")
cupel_run exact.yaml -j 1
expect_exact
expect_equal "$(stat -c '%i %y' "$(template 4194304)")" "$before"
expect_clean

the_rest_is_alike
for what in damaged torn empty long other; do
    it "one that is $what is made again, and what it had is not used"
    file=$(template 4194304)
    case $what in
    damaged) printf '\001' | dd of="$file" bs=1 seek=$(($(stat -c %s "$file") - 1000)) conv=notrunc status=none ;;
    torn) truncate -s -4096 "$file" ;;
    empty) : >"$file" ;;
    long) printf '\0\0\0\0\0\0\0\0' >>"$file" ;;
    other) cp -- "$file" other && sed 's/^cupel disk 2/cupel disk 1/' <other >"$file" ;;
    esac
    cp -- "$file" broken
    cupel_run exact.yaml -j 1
    expect_exact
    expect_not cmp -s "$(template 4194304)" broken
    before=$(stat -c '%i %y' "$(template 4194304)")
    cupel_run exact.yaml -j 1
    expect_equal "$(stat -c '%i %y' "$(template 4194304)")" "$before"
done

it "what is no file there, or leads elsewhere, is not read, and not written to"
file=$(template 4194304) name=$(basename -- "$(template 4194304)")
echo untouched >victim
rm -- "$file" && ln -s "$T/victim" "$disks/$name"
cupel_run exact.yaml -j 1
expect_exact
expect_equal "$(<victim)" untouched
rm -f -- "$disks/$name" && mkfifo "$disks/$name"
cupel_run exact.yaml -j 1
expect_exact
rm -f -- "$disks/$name" && mkdir "$disks/$name"
cupel_run exact.yaml -j 1
expect_exact
rmdir -- "$disks/$name" 2>/dev/null

job_file one.yaml <<'YAML'
cupel: 1
jobs:
  one: {limits: {disk: 5M}, run: "echo written >/tmp/a && cat /tmp/a"}
YAML
it "with a disk there is no mke2fs; of another mke2fs it is made again"
cp -- "$(readlink -f -- "$mke2fs")" "$T/mke2fs"
with_mke2fs one.yaml
if ((STATUS == 99)); then
    skip_it "nothing can be mounted over mke2fs here"
else
    expect_exit 0
    stamp=$(stat -c %y mke2fs)
    dd if=/dev/zero of=mke2fs bs=64 count=1 conv=notrunc status=none && touch -d "$stamp" mke2fs # no program any more
    with_mke2fs one.yaml
    expect_exit 0
    expect_log one written
    touch mke2fs
    with_mke2fs one.yaml
    expect_exit 3
    expect_evidence one 'mke2fs failed'
    expect_clean
fi

it "runs that make it at the same time all pass, and leave one whole"
rm -rf -- "$disks"
for i in 1 2 3 4; do
    (
        XDG_CACHE_HOME=$T/cache
        grouped "$CUPEL" run --out "$T/out$i" -j 1 one.yaml >"$T/said$i" 2>&1 </dev/null
    ) &
    pids[i]=$!
done
for i in 1 2 3 4; do
    wait "${pids[i]}" || bad "run $i failed" "$(<"said$i")"
done
expect_equal "$(find "$disks" -type f | wc -l)" 1
before=$(stat -c '%i %y' "$(template 5242880)")
cupel_run one.yaml -j 1
expect_exit 0
expect_equal "$(stat -c '%i %y' "$(template 5242880)")" "$before"

it "where none can be kept, all works without"
rm -rf -- "$disks" && : >"$disks"
cupel_run exact.yaml -j 1
expect_exact
expect_clean
rm -f -- "$disks"

it "a disk without a limit of its own is made once, by a thread beside the run's preparation; others in their slot"
# made_by LIMITS: how many disks a run of one such job makes, its template being there, and in which kind of task.
made_by() {
    local task
    printf 'cupel: 1\njobs:\n  j: {limits: {%s}, run: ":"}\n' "$1" >one.yaml
    cupel_run one.yaml
    expect_exit 0
    rm -rf -- "$T/out"
    (grouped strace -f -qq -e trace=ioctl,exit -o calls "$CUPEL" run --out "$T/out" one.yaml) >stdout 2>stderr </dev/null
    task=$(sed -nE 's/^([0-9]+) .*LOOP_CONFIGURE, .*/\1/p' calls)
    # a thread ends by exit(2), a process by exit_group(2)
    if grep -qE "^$task +exit\(0" calls; then task=thread; else task=process; fi
    echo "$(grep -c 'LOOP_CONFIGURE, ' calls) $task"
}
if command -v strace >/dev/null; then
    expect_equal "$(made_by '')" "1 thread"
    expect_equal "$(made_by 'disk: 9M')" "1 process"
    expect_clean
else
    skip_it "strace is not installed"
fi

it "there are never more than 32 of them, and of so many the longest unused goes"
{
    echo 'cupel: 1'
    echo 'jobs:'
    for i in $(seq 34); do
        echo "  j$i: {limits: {disk: $((i + 2))M}, run: ':'}"
    done
} >many.yaml
cupel_run many.yaml -j 1
expect_exit 0
expect_equal "$(find "$disks" -type f | wc -l)" 32
expect_equal "$(template $((36 * 1048576)))" ''
touch -d '2 hours ago' "$(template $((7 * 1048576)))"
touch -d '3 hours ago' "$(template $((8 * 1048576)))"
cupel_run many.yaml -j 1 --only j34
expect_exit 0
expect_equal "$(find "$disks" -type f | wc -l)" 32
expect_equal "$(template $((8 * 1048576)))" ''
expect test -f "$(template $((36 * 1048576)))"

it "cupel rootfs gc removes those that were not used for so long"
touch -d '40 days ago' "$(template $((9 * 1048576)))"
run_cupel rootfs gc --older 30d
expect_exit 0
expect_equal "$(template $((9 * 1048576)))" ''
expect_equal "$(find "$disks" -type f | wc -l)" 31

it "without an option it removes them all"
run_cupel rootfs gc
expect_exit 0
expect_equal "$(find "$disks" -type f | wc -l)" 0
expect_clean
all_done

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The out directory lies within what jobs see as often as not, and is never seen by one: not in an input of any mode, not in those of
# derived roots, in whose key it has no part, not by a session, and not in the host's root.
# sanitizers: no
# time-limit: 180
if ((EUID == 0)) && [[ -z ${CUPEL_TEST_USER-}${own_mounts-} ]]; then
    own_mounts=1 exec unshare --mount --propagation private bash "$0" "$@"
fi
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

mkdir -p proj/some/sub proj/src && echo main >proj/src/main.c && echo x >proj/some/sub/x
chmod 2751 proj/some && chmod 1775 proj/some/sub && touch -d @1000000000 proj/some/sub/x
[[ -z ${CUPEL_TEST_USER-} ]] || chown -R "$CUPEL_TEST_USER:$CUPEL_TEST_USER" proj
[[ -n ${CUPEL_TEST_USER-} ]] || chown 1234:4321 proj/some
ln -s proj link

# What each of them prints: what there is, and what the directories are.
job_file proj/job.yaml <<'YAML'
cupel: 1
defaults:
  limits: {wall: 1m}
  env:
    LC_ALL: C
    LOOK: |
      find . | sort && find . -mindepth 1 -type d -printf '%p %m %U:%G %T@\n' | sort && stat -c '%a %u:%g' .
      tar cf /tmp/all.tar . && ! tar tf /tmp/all.tar | grep -E '[.]std|cupel-out'
jobs:
  noisy: {inputs: [.], run: seq 200000}
  ro: {inputs: [{from: ., to: /work, mode: ro}], run: eval "$LOOK"}
  cow: {inputs: [.], run: eval "$LOOK"}
  copy: {inputs: [{from: ., to: /work, mode: copy}], run: eval "$LOOK", limits: {disk: 16M}}
  sub: {inputs: [{from: some, to: /work, owner: host}], run: eval "$LOOK"}
  write:
    inputs: [.]
    run: |
      set -e
      test ! -e cupel-out && test ! -e some/sub/out
      for dir in cupel-out some/sub/out; do
        mkdir $dir && test -z "$(ls -A $dir)" && echo mine >$dir/file && rm -r $dir && echo mine >$dir
        test "$(cat $dir)" = mine && rm $dir && test ! -e $dir
      done
      rm -r some && mkdir -p some/sub && test -z "$(ls -A some/sub)"
  after: {from: write, run: "find . -name '.cupel-out' -o -name '*.stdout'; ls -A some/sub && echo nothing"}
YAML

# look DIRECTORY OUT: as the jobs should see it.
look() {
    (cd "$1" && export LC_ALL=C && find . -path "$2" -prune -o -print | sort &&
        find . -mindepth 1 -path "$2" -prune -o -mindepth 1 -type d -printf '%p %m %U:%G %T@\n' | sort && stat -c '%a %u:%g' .)
}
# Owners on the host are the jobs' user's where they are root's; an ordinary user's files are root's in their jobs.
owners() {
    if [[ -n ${CUPEL_TEST_USER-} ]]; then sed -E "s/( )$CUPEL_TEST_USER:$CUPEL_TEST_USER( |$)/\\10:0\\2/"; else cat; fi
}
# expect_hidden OUT [OUT-IN-PROJ]: of the run that reported to OUT.
expect_hidden() {
    local id
    expect_exit 0
    rm -f "$T/out" && ln -s "$1" "$T/out"
    for id in ro cow copy; do
        expect_equal "$(log $id)" "$(look "$T/proj" "./$2" | owners)"
    done
    expect_equal "$(log sub)" "$(look "$T/proj/some" "./${2#some/}" | owners)"
    expect_equal "$(log after)" nothing
    rm -f "$T/out"
}

it "by its default name, also when it was there before"
cd proj || exit 1
for _ in 1 2; do
    run_cupel run -j 4 job.yaml
    expect_hidden "$T/proj/cupel-out" cupel-out
done
expect_equal "$(wc -l <cupel-out/logs/noisy.stdout)" 200000
rm -r cupel-out

it "further down, by a relative path"
run_cupel run -j 4 --out some/sub/out job.yaml
expect_hidden "$T/proj/some/sub/out" some/sub/out
rm -r some/sub/out
cd ..

it "by a path from the root, through a link, seen through another"
run_cupel run -j 4 --out "$T/proj/some/sub/out" link/job.yaml
expect_hidden "$T/proj/some/sub/out" some/sub/out
rm -r proj/some/sub/out
(cd / && grouped "$CUPEL" run -j 4 --out "$T/link/cupel-out" "$T/proj/job.yaml") >stdout 2>stderr </dev/null
STATUS=$?
expect_hidden "$T/proj/cupel-out" cupel-out

it "mounted elsewhere, as in containers, as well"
mkdir -p proj/some/sub/out "else where"
[[ -z ${CUPEL_TEST_USER-} ]] || chown "$CUPEL_TEST_USER:$CUPEL_TEST_USER" proj/some/sub/out
mv proj/cupel-out aside
mount --bind proj/some/sub/out "else where"
run_cupel run -j 4 --out "else where" proj/job.yaml
umount "else where"
expect_hidden "$T/proj/some/sub/out" some/sub/out
rm -r proj/some/sub/out && mv aside proj/cupel-out

it "an input that is named within it is seen"
job_file proj/inner.yaml <<'YAML'
cupel: 1
jobs: {inner: {inputs: [{from: cupel-out/logs, to: /work}], run: ls}}
YAML
(cd proj && grouped "$CUPEL" run inner.yaml) >stdout 2>stderr </dev/null
STATUS=$?
expect_exit 0
expect grep -qx noisy.stdout proj/cupel-out/logs/inner.stdout

it "a session sees as little of it"
cd proj || exit 1
run_cupel shell job.yaml cow -- find . -name 'cupel-*'
expect_exit 0
expect_equal "$(cat "$T/stdout")" ''
cd ..
rm -rf proj/cupel-out proj/inner.yaml

it "in the host's root"
opt=$(mktemp -d /opt/cupel-e2e.XXXXXX) && trap 'rm -rf -- "$opt"; finish' EXIT
mkdir -p "$opt/way" && echo seen >"$opt/way/seen" && chmod 0755 "$opt" "$opt/way"
[[ -z ${CUPEL_TEST_USER-} ]] || chown -R "$CUPEL_TEST_USER:$CUPEL_TEST_USER" "$opt"
job_file host.yaml <<YAML
cupel: 1
jobs: {host: {run: "cd $opt && find . | LC_ALL=C sort && stat -c '%n %a %Y' . way"}}
YAML
run_cupel run --out "$opt/way/out" host.yaml
expect_exit 0
expect_equal "$(cat "$opt/way/out/logs/host.stdout")" \
    "$(printf '%s\n' . ./way ./way/seen && cd "$opt" && stat -c '%n %a %Y' . way)"

it "in an input of a derived root, made once"
busybox=$(command -v busybox)
if [[ -z $busybox ]] || ! "$busybox" --list >/dev/null; then
    skip_it "busybox-static is not installed"
else
    mkdir -p tree/bin && cp "$busybox" tree/bin/busybox && ln -s busybox tree/bin/sh && ln -s busybox tree/bin/cat &&
        ln -s busybox tree/bin/find
    tar -C tree --owner=0 --group=0 -cf base.tar .
    job_file proj/derived.yaml <<'YAML'
cupel: 1
rootfs:
  base: {tar: ../base.tar}
  tools:
    from: base
    inputs: [{from: ., to: /src}, {from: some, to: /some, mode: ro}, {from: src, to: /copy, mode: copy}]
    run: cat /proc/sys/kernel/random/uuid >/stamp; find /src /some /copy -name 'cupel-out' -o -name out >/found
jobs: {stamp: {rootfs: tools, run: cat /stamp /found}}
YAML
    cd proj || exit 1
    run_cupel run derived.yaml
    expect_exit 0
    stamp=$(cat cupel-out/logs/stamp.stdout)
    expect_equal "${#stamp}" 36 # and nothing found
    run_cupel run derived.yaml
    expect_equal "$(cat cupel-out/logs/stamp.stdout)" "$stamp"
    run_cupel shell derived.yaml stamp
    expect_exit 0
    expect_not grep -q "making root" "$T/stderr"
    run_cupel shell derived.yaml stamp -- cat /stamp
    expect_equal "$(cat "$T/stdout")" "$stamp"
    rm -rf cupel-out
    run_cupel run --out some/sub/out derived.yaml
    expect_equal "$(cat some/sub/out/logs/stamp.stdout)" "$stamp"
    echo changed >>src/main.c
    run_cupel run --out some/sub/out derived.yaml
    expect_exit 0
    expect_not [ "$(cat some/sub/out/logs/stamp.stdout)" == "$stamp" ]
    cd ..
fi
expect_clean
all_done

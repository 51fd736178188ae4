#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The lock file: `cupel rootfs lock`, `cupel run --locked`: on what was locked, or on nothing. Images of registries: image.sh; Debian:
# debian.sh.
# time-limit: 120
# sanitizers: no
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

for program in umoci busybox jq; do
    if ! command -v $program >/dev/null; then
        printf 'skip - lockfile: needs %s\n' $program
        all_done
        exit 0
    fi
done
quiet() {
    "$@" >"$T/quiet" 2>&1 || { cat "$T/quiet" >&2; return 1; }
    [[ ! -d img ]] || chmod -R a+rX img # as an ordinary user reads it
}
refused() { # CODE REGEX: the run says so, and no job has run
    expect_exit "$1"
    expect_stderr "$2"
    expect_equal "$(jq -r 'select(.type != "run" and (.attempts or .verdict != "error")) | .id' out/results.jsonl 2>/dev/null)" ""
}
make_tar() { # NAME CONTENT: without entries for directories
    mkdir -p tree/bin && cp "$(command -v busybox)" tree/bin/busybox && echo "$2" >tree/what
    tar -cf "$1" -C tree bin/busybox what
    rm -r tree
}
make_tar a.tar first
quiet umoci init --layout img && quiet umoci new --image img:1 && quiet umoci unpack --image img:1 w
mkdir -p w/rootfs/bin && cp "$(command -v busybox)" w/rootfs/bin/ && echo image >w/rootfs/what
quiet umoci repack --refresh-bundle --image img:1 w
echo other >w/rootfs/what
quiet umoci repack --image img:2 w
mkdir -p dir/bin && cp "$(command -v busybox)" dir/bin/ && echo directory >dir/what
run_cupel rootfs import kept dir

job_file job.yaml <<'YAML'
cupel: 1
rootfs:
  tar: {tar: a.tar}
  image: {oci: img, tag: "1"}
  imported: {imported: kept}
defaults: {run: [/bin/busybox, cat, /what]}
jobs:
  t: {rootfs: tar}
  i: {rootfs: image}
  d: {rootfs: imported}
YAML

it "without a lock file, nothing runs, and what to do is said"
cupel_run job.yaml --locked
refused 2 "there is no lock file '$T/cupel.lock' for root 'tar'"
expect_stderr "cupel rootfs lock $T/job.yaml"

it "a lock file is written beside the job file: one line a fact, sorted, and with it the file runs"
run_cupel rootfs lock job.yaml
expect_exit 0
expect_equal "$(cat stdout)" $'tar: not locked before\nimage: not locked before\nimported: not locked before'
expect_equal "$(jq -r '.files["job.yaml"].tar | .tar + " " + .sha256' cupel.lock)" "a.tar $(sha256sum <a.tar | cut -d' ' -f1)"
expect_equal "$(jq -r '.files["job.yaml"].image.digest' cupel.lock)" "$(jq -r '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == "1").digest' img/index.json)"
expect_equal "$(jq -r '.files["job.yaml"].imported.trees | length' cupel.lock)" 1
expect_equal "$(jq -S --indent 2 . cupel.lock)" "$(cat cupel.lock)"
cupel_run job.yaml --locked
expect_exit 0
expect_equal "$(log t) $(log i) $(log d)" "first image directory"

it "on another store, made from the same sources, the lock still holds, and locking again changes nothing"
cp cupel.lock was
tree_of() { run_cupel rootfs import "$@" && run_cupel rootfs show "$1" && jq -r '.layers[0].tree' stdout; }
tree=$(tree_of tarred a.tar)
rm -rf "$T/cache"
run_cupel rootfs import kept dir
expect_equal "$(tree_of tarred a.tar)" "$tree"
cupel_run job.yaml --locked
expect_exit 0
run_cupel rootfs lock job.yaml
expect_exit 0
expect_equal "$(cat stdout)" $'tar: as locked\nimage: as locked\nimported: as locked'
expect cmp cupel.lock was
run_cupel rootfs lock job.yaml --check
expect_exit 0

it "a tar, an image, an imported root that is not what was locked: named, with both, and nothing runs"
make_tar a.tar second
now=$(sha256sum <a.tar | cut -d' ' -f1) locked=$(jq -r '.files["job.yaml"].tar.sha256' cupel.lock)
cupel_run job.yaml --locked
refused 2 "root 'tar' is not what it was locked as \($T/cupel.lock\): sha256 is $now, locked is $locked"
cupel_run job.yaml --locked --only i # what is not used is not asked for
expect_exit 0
cp img/index.json index.was
quiet umoci repack --image img:1 w
cupel_run job.yaml --locked --only i
refused 2 "root 'image' is not what it was locked as .*: digest is sha256:[0-9a-f]{64}, locked is sha256:[0-9a-f]{64}$"
cp index.was img/index.json
echo changed >dir/what
run_cupel rootfs import kept dir
cupel_run job.yaml --locked --only d
refused 2 "root 'imported' is not what it was locked as .*: trees is 2:[0-9a-f]{64}, locked is 2:[0-9a-f]{64}$"

it "lock --check tells what differs, with exit status 1, and writes nothing; lock tells it and writes"
run_cupel rootfs lock --check job.yaml
expect_exit 1
expect_stdout "^tar: sha256 is $now, locked is $locked$"
expect_stdout "^image: as locked$"
expect cmp cupel.lock was
run_cupel rootfs lock job.yaml
expect_exit 0
expect_stdout "^imported: trees is "
cupel_run job.yaml --locked
expect_exit 0
expect_equal "$(log t) $(log i) $(log d)" "second image changed"

it "a job file that asks for another root than was locked is refused before anything is unpacked"
sed 's/tag: "1"/tag: "2"/' job.yaml >saved && cp saved job.yaml
cupel_run job.yaml --locked --only i
refused 2 "root 'image' was locked as another one \($T/cupel.lock\): tag is 2, locked is 1$"
sed -i 's/tag: "2"/tag: "1"/; s/  image:/  new: {tar: a.tar}\n&/; s/^  t:.*/&\n  n: {rootfs: new}/' job.yaml
cupel_run job.yaml --locked --only n
refused 2 "$T/cupel.lock says nothing about root 'new' of 'job.yaml'"
sed -i 's/new: {tar: a.tar}/new: {oci: img, tag: "1"}/' job.yaml
sed 's/"image": {/"new": {"tar": "a.tar", "sha256": "x"}, &/' cupel.lock >with && cp cupel.lock without && cp with cupel.lock
cupel_run job.yaml --locked --only n
refused 2 "root 'new' was locked as another one .*: tar is nothing, locked is a.tar; oci is img, locked is nothing"
cp without cupel.lock

it "a derived root is locked by what makes it and by what came of it, but for times; another command or another outcome is refused"
job_file derived.yaml <<'YAML'
cupel: 1
rootfs:
  tar: {tar: a.tar}
  same: {from: tar, run: [/bin/busybox, cp, /what, /copy]}
  twice: {from: same, run: [/bin/busybox, sh, -c, "echo $WORD >/word"], env: {WORD: one}}
  other: {from: tar, run: [/bin/busybox, sh, -c, "/bin/busybox head -c 9 /dev/urandom >/chance"]}
jobs:
  s: {rootfs: twice, run: [/bin/busybox, cat, /copy, /word]}
  o: {rootfs: other, run: [/bin/busybox, cat, /chance]}
YAML
run_cupel rootfs lock derived.yaml
expect_exit 0
expect_equal "$(jq -r '.files["derived.yaml"] | [.same.from, .twice.from] | join(" ")' cupel.lock)" "tar same"
cupel_run derived.yaml --locked
expect_exit 0
expect_equal "$(log s)" $'second\none'
rm -rf "$T/cache"
cupel_run derived.yaml --locked --only s # made anew, with other times
expect_exit 0
expect_said "making root twice"
cupel_run derived.yaml --locked --only o
refused 3 "root 'other' is not what it was locked as .*: contents is [0-9a-f]{64}, locked is [0-9a-f]{64}$"
run_cupel rootfs build derived.yaml other --locked
expect_exit 3
run_cupel rootfs lock derived.yaml --check
expect_exit 1
expect_stdout "^other: contents is "
expect_stdout "^twice: as locked$"
sed -i 's/WORD: one/WORD: two/' derived.yaml
cupel_run derived.yaml --locked --only s
refused 2 "root 'twice' was locked as another one .*: recipe is [0-9a-f]{64}, locked is [0-9a-f]{64}$"
sed -i 's/from: same/from: tar/; s/WORD: two/WORD: one/' derived.yaml
cupel_run derived.yaml --locked --only s
refused 2 "root 'twice' was locked as another one .*: from is tar, locked is same$"
rm derived.yaml
run_cupel rootfs import kept dir # for what follows

it "several job files in a directory share one lock file and leave each other's part alone, also at once"
for i in 1 2 3 4; do
    sed '/^  new\|^  n:/d' job.yaml >"job$i.yaml"
done
cp cupel.lock before
for i in 1 2 3 4; do
    (grouped "$CUPEL" rootfs lock "job$i.yaml") >/dev/null 2>"stderr$i" &
done
wait
expect_equal "$(grep -hv ": unpacking\|: waiting" stderr[1-4])" ""
expect_equal "$(jq -r '.files | keys | join(" ")' cupel.lock)" "derived.yaml job.yaml job1.yaml job2.yaml job3.yaml job4.yaml"
expect_equal "$(jq '.files["job.yaml"]' cupel.lock)" "$(jq '.files["job.yaml"]' before)"
cupel_run job3.yaml job4.yaml --locked
expect_exit 0
mkdir -p elsewhere && cp job3.yaml elsewhere/job9.yaml && cp -r a.tar img elsewhere/
cp cupel.lock elsewhere/
cupel_run elsewhere/job9.yaml --locked
refused 2 "$T/elsewhere/cupel.lock says nothing about 'job9.yaml' and its root 'tar'"

it "scratch needs no entry; what runs over this machine's own files is refused, and lock warns of it"
job_file host.yaml <<'YAML'
cupel: 1
jobs:
  empty: {rootfs: scratch, inputs: [{from: dir/bin/busybox, to: /busybox}], run: [/busybox, echo, fine]}
  machine: {run: echo host}
YAML
run_cupel rootfs lock host.yaml
expect_exit 0
expect_stderr "job 'machine' runs over this machine's own files, which no lock can hold"
cupel_run host.yaml --locked --only empty
expect_exit 0
cupel_run host.yaml --locked
refused 2 "the root 'host' cannot be locked"

it "build --locked makes what is locked ready, and nothing else"
run_cupel rootfs build job1.yaml tar --locked
expect_exit 0
make_tar a.tar third
run_cupel rootfs build job1.yaml tar --locked
expect_exit 2
expect_stderr "root 'tar' is not what it was locked as"

it "a broken lock file: one error with its place, and it is not written over"
cp cupel.lock good
i=0
while IFS='|' read -r change where; do
    i=$((i + 1))
    cp good cupel.lock && sed -i "$change" cupel.lock
    cmp -s good cupel.lock && bad "change $i changes nothing"
    for arguments in "run job1.yaml --locked --only i" "rootfs lock job1.yaml"; do
        cp cupel.lock broken
        # shellcheck disable=SC2086
        run_cupel $arguments
        expect_exit 2
        expect_stderr "error: $T/cupel.lock: ?$where"
        expect_equal "$(grep -c 'error:' stderr)" 1
        expect cmp cupel.lock broken
    done
done <<'CASES'
5s/.*/<<<<<<< ours/|[0-9]+:[0-9]+: this is no JSON
$d|[0-9]+:[0-9]+: this is no JSON
s/"format": 1/"format": 2/|its format is 2, and this cupel knows only 1
s/"format": 1/"format": "1"/|it does not say which 'format' it has
s/"files": {/"filed": {/|it has no map of 'files'
s/"job1.yaml": {/"job1.yaml": {"image": 5,/|[0-9]+:[0-9]+: this is no JSON: duplicate
s/"job2.yaml": {/"a": [], &/|files, 'a' is no map of roots
s/"job2.yaml": {/&"x": 5,/|files, 'job2.yaml', 'x' is no map
s/"job2.yaml": {/&"x": {"tar": "x"},/|files, 'job2.yaml', 'x' has no 'sha256'
s/"job2.yaml": {/&"x": {"sha256": "x"},/|files, 'job2.yaml', 'x' does not have one source
s/"digest": "sha256:/&0/|files, 'job.yaml', 'image': 'digest' is no digest
s/"tag": "1"/"tag": 1/|files, 'job.yaml', 'image': 'tag' is no text
s/"tag": "1"/"tag": "1\\u0000"/|[0-9]+:[0-9]+: this is no JSON
s/"tag": "1"/"hash": "1"/|files, 'job.yaml', 'image': 'hash' is nothing that cupel knows
s/"trees": \[/"trees": [1,/|files, 'job.yaml', 'imported': 'trees' has no text at 1
s/"job2.yaml": {/&"x": {"debian": "x", "trees": [], "installed": {"a:b": "1"}},/|files, 'job2.yaml', 'x': 'installed' has something else than a version and a sha256 for 'a:b'
s/"job2.yaml": {/&"x": {"debian": "x", "trees": [], "installed": []},/|files, 'job2.yaml', 'x': 'installed' is no map
CASES
expect_equal $i 17
head -c 65000000 /dev/zero | tr '\0' '[' >cupel.lock
run_cupel run job1.yaml --locked
expect_exit 2
rm cupel.lock && mkfifo cupel.lock
run_cupel run job1.yaml --locked
expect_exit 2
rm cupel.lock && ln -s good cupel.lock # read through a link, and replaced by a file
cupel_run job1.yaml --locked --only i
expect_exit 0
cp good was
run_cupel rootfs lock job1.yaml
expect_exit 0
expect cmp good was
expect_not test -L cupel.lock
expect_clean

all_done

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The out directory as a checkout may carry it: links and worse in place of what cupel makes there, and directories that are not
# cupel's. Whatever comes of the run, what lies outside stays as it was.
# sanitizers: no
# time-limit: 240
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

job_file job.yaml <<'YAML'
cupel: 1
defaults: {limits: {wall: 1m}}
jobs:
  bin: {run: "mkdir d && echo new >d/file && echo said", artifacts: [/work/d/file]}
YAML

# What a run must not touch: files that the names of a run would fall upon, and what it would write.
make_victim() {
    rm -rf victim && mkdir -p victim/bin victim/logs victim/attempt-1 victim/artifacts/bin
    local file
    for file in bin/precious bin.stdout bin.stderr results.jsonl junit.xml attempt-1/bin.stdout artifacts/bin/precious plain; do
        echo precious >"victim/$file"
    done
    [[ -z ${CUPEL_TEST_USER-} ]] || chown -R "$CUPEL_TEST_USER:$CUPEL_TEST_USER" victim
}
state_of_victim() {
    find victim -printf '%p %y %m %U %G %s %T@\n' | sort && find victim -type f -exec sha256sum {} + | sort
}
# out_of FILE...: a fresh directory that a run of ours has made, of which these entries are gone.
out_of() {
    rm -rf out && cp -a whole out && echo earlier >out/logs/bin.stdout && (cd out && rm -rf -- "$@")
}

make_victim
run_cupel run --out whole job.yaml
it "a run leaves its marker, and a .gitignore"
expect_exit 0
expect [ -f whole/.cupel-out ]
expect_equal "$(cat whole/.gitignore)" '*'
expect_equal "$(cat whole/artifacts/bin/work/d/file)" new
git_sees() { git -c safe.directory='*' -C checkout status --porcelain --untracked-files=all; }
if command -v git >/dev/null; then
    mkdir checkout && git init -q checkout && cp -a whole checkout/cupel-out
    expect_equal "$(git_sees)" ''
fi

# plant NAME WHAT: in the place of an entry of OUT.
plant() {
    local at=out${1:+/$1} up=${1//[^\/]/}
    case $2 in
    link) ln -s "$(printf '../%.0s' ${up:+$(seq ${#up})} ${1:+1})victim$3" "$at" ;;
    dangling) ln -s "$T/victim/made-by-cupel" "$at" ;;
    hardlink) ln "victim/$3" "$at" ;;
    fifo) mkfifo "$at" ;;
    socket) perl -e 'use Socket; socket(my $s, AF_UNIX, SOCK_STREAM, 0); bind($s, sockaddr_un($ARGV[0])) or die' "$at" ;;
    file) echo in the way >"$at" ;;
    directory) mkdir -p "$at/below" && echo theirs >"$at/below/file" ;;
    esac
    [[ -z ${CUPEL_TEST_USER-} ]] || chown -hR "$CUPEL_TEST_USER:$CUPEL_TEST_USER" "$at"
}

# The entry of OUT (.: OUT itself), what is in its place, and where a link leads to below victim/.
while read -r name what to; do
    [[ $name == . ]] && name=''
    it "${name:-the out directory itself}: $what ${to:+to $to }is refused before anything runs"
    make_victim
    if [[ -z $name ]]; then rm -rf out; else out_of "$name"; fi
    plant "$name" "$what" "$to"
    before=$(state_of_victim)
    run_cupel run --out out job.yaml
    expect_equal "$(state_of_victim)" "$before"
    expect_exit 2
    expect_stderr "cupel: error: .*'out'"
    expect_stderr 'hint: .*--out DIR'
    expect_not grep -qs said out/logs/bin.stdout
done <<'TABLE'
. link
. link /bin
. dangling
. file
. fifo
logs link
logs dangling
logs file
artifacts link /artifacts
artifacts dangling
artifacts socket
.cupel-out link /plain
.cupel-out directory
.lock link /plain
.lock dangling
.lock fifo
.lock hardlink plain
results.jsonl directory
junit.xml.tmp directory
TABLE

# The same of plain files: those of a line at once, NAME:WHAT:TO.
while read -r -a planted; do
    it "${planted[*]}: give way"
    make_victim
    out_of "${planted[@]%%:*}"
    for entry in "${planted[@]}"; do
        IFS=: read -r name what to <<<"$entry"
        plant "$name" "$what" "$to"
    done
    before=$(state_of_victim)
    run_cupel run --out out job.yaml
    expect_equal "$(state_of_victim)" "$before"
    expect_exit 0
    expect_equal "$(cat out/logs/bin.stdout)" said
    expect_equal "$(cat out/artifacts/bin/work/d/file)" new
    expect_equal "$(jq -r .verdict <(job_lines out))" passed
    expect xmllint --noout out/junit.xml
    expect_equal "$(cd out && find results.jsonl junit.xml* .gitignore logs artifacts ! \( -type f -links 1 \) ! -type d)" ''
done <<'TABLE'
results.jsonl:link:/results.jsonl junit.xml:link:/junit.xml junit.xml.tmp:link:/plain .gitignore:link:/plain logs/bin.stdout:link:/bin.stdout logs/attempt-1:link:/attempt-1 artifacts/bin:link:/bin
results.jsonl:dangling junit.xml:dangling junit.xml.tmp:dangling .gitignore:dangling logs/bin.stdout:dangling logs/bin.stderr:dangling logs/bin.log:dangling artifacts/bin:dangling
results.jsonl:hardlink:results.jsonl junit.xml:hardlink:junit.xml junit.xml.tmp:hardlink:plain logs/bin.stdout:hardlink:bin.stdout logs/bin.stderr:hardlink:bin.stderr
results.jsonl:fifo junit.xml:fifo junit.xml.tmp:fifo .gitignore:fifo logs/bin.stdout:fifo artifacts/bin:file
logs/bin.stdout:directory logs/bin.log:directory logs/bin.stderr:directory artifacts/bin/work:link:/bin
TABLE

it "a link on a relative way to it is not followed, one on a way from the root is"
make_victim
before=$(state_of_victim)
ln -s victim way
run_cupel run --out way/new job.yaml
expect_exit 2
expect_stderr "error: cannot create the out directory 'way/new': 'way' is a symbolic link$"
run_cupel run --out "$T/way/new" job.yaml
expect_exit 2
expect_stderr "error: cannot create the out directory '$T/way/new': '$T/way' is a symbolic link$"
mkfifo fifo
for place in fifo:fifo/new:FIFO /dev/null:/dev/null/a/new:device ./job.yaml:./job.yaml/new:file; do
    IFS=: read -r part path what <<<"$place"
    run_cupel run --out "$path" job.yaml
    expect_exit 2
    expect_equal "$(grep -c error: stderr)" 1
    expect_stderr "error: cannot create the out directory '$path': '$part' is a $what$"
done
run_cupel run --out "$(printf 'n%.0s' {1..256})" job.yaml
expect_exit 2
expect_stderr 'hint: a name has at most 255 bytes'
run_cupel run --out "$(printf 'n/%.0s' {1..2048})" job.yaml
expect_exit 2
expect [ ! -e n ]
run_cupel run --out ./job.yaml/new job.yaml
expect_stderr "error: cannot create the out directory './job.yaml/new': './job.yaml' is a file$"
expect_equal "$(state_of_victim)" "$before"
(cd / && grouped "$CUPEL" run --out "$T/way/new" "$T/job.yaml") >stdout 2>stderr </dev/null
STATUS=$?
expect_exit 0
expect [ -f victim/new/junit.xml ]

it "a self-test is told so before it begins"
run_cupel selftest --only memory-anonymous --out way
expect_exit 2
expect_stderr "'way' is a symbolic link"
expect_equal "$(cat stdout)" ''

it "directories that are not cupel's are refused, and stay as they were"
mkdir -p others/{files,results,locked,kept,hidden}
mkdir -p others/files/artifacts/bin others/locked/artifacts/bin
echo mine | tee others/files/thesis.txt others/files/artifacts/bin/thesis.txt others/results/results.jsonl \
    others/locked/thesis.txt others/locked/artifacts/bin/thesis.txt others/hidden/.profile >/dev/null
touch others/locked/.lock others/kept/.gitkeep
[[ -z ${CUPEL_TEST_USER-} ]] || chown -R "$CUPEL_TEST_USER:$CUPEL_TEST_USER" others
before=$(cd others && find . -type f -exec sha256sum {} + | sort)
for name in files results locked kept hidden; do
    run_cupel run --out "others/$name" job.yaml
    expect_exit 2
    expect_stderr "'others/$name' is not cupel's"
    expect_stderr 'hint: .*--out DIR'
done
expect_equal "$(cd others && find . -type f -exec sha256sum {} + | sort)" "$before"

# Where the root directory is read-only, so that a program that takes it does no harm.
it "the root directory is refused, and ways to write it"
cat >root.sh <<'SH'
mount --bind "$1" "$1" && mount -o remount,ro,bind / && cd -- "$1" || exit 1
shift
exec "$@"
SH
for name in / // /. /../; do
    if [[ -n ${CUPEL_TEST_USER-} ]]; then
        run_cupel run --out "$name" job.yaml # who could do no harm
    else
        (grouped unshare -m --propagation private bash root.sh "$T" "$CUPEL" run --out "$name" job.yaml) \
            >stdout 2>stderr </dev/null
        STATUS=$?
    fi
    expect_exit 2
    expect_stderr "the out directory '$name' is not cupel's"
done

it "an empty directory is taken, one of an earlier version recognised, and what is not cupel's in its own stays"
mkdir empty && rm -rf old && cp -a whole old && rm old/.cupel-out old/.gitignore old/earlier.jsonl
[[ -z ${CUPEL_TEST_USER-} ]] || chown "$CUPEL_TEST_USER:$CUPEL_TEST_USER" empty
echo mine | tee whole/notes.txt whole/logs/notes.txt >/dev/null
for name in empty old whole; do
    run_cupel run --out "$name" job.yaml
    expect_exit 0
    expect [ -f "$name/.cupel-out" ]
done
expect_equal "$(cat whole/notes.txt whole/logs/notes.txt)" $'mine\nmine'

it "after sudo, all of it is the caller's"
if [[ -n ${CUPEL_TEST_USER-} ]]; then
    skip_it "an ordinary user calls no sudo here"
else
    not_theirs() { find "$1" ! \( -uid 12345 -gid 23456 \) -printf '%p %U:%G\n'; }
    export SUDO_UID=12345 SUDO_GID=23456
    run_cupel run --out sudo/deep/out job.yaml
    expect_exit 0
    expect_equal "$(not_theirs sudo)" ''
    mkdir sudo-again && run_cupel run --out sudo-again job.yaml
    expect_equal "$(not_theirs sudo-again)" ''
    for id in -1 4294967295 '12345 ' 0x10 1e3 99999999999 ''; do
        rm -rf odd && SUDO_UID=$id run_cupel run --out odd job.yaml
        expect_exit 0
        expect_equal "$(find odd ! \( -uid 0 -gid 0 \))" ''
    done
    make_victim
    out_of logs/bin.stdout results.jsonl
    chown -R 0:0 out
    ln victim/bin.stdout out/logs/ && ln -s ../victim/results.jsonl out/results.jsonl
    run_cupel run --out out job.yaml
    expect_exit 0
    expect_equal "$(find victim ! -uid 0)" ''
    unset SUDO_UID SUDO_GID
fi
expect_clean
it "what is removed or replaced while a run goes on is missed at its end"
cat >wait.yaml <<'YAML'
cupel: 1
jobs: {a: {run: sleep 2}}
YAML
for what in results.jsonl logs artifacts ''; do
    rm -rf "$T/moved"
    cupel_start wait.yaml
    expect wait_until 20 test -e "$T/out/results.jsonl"
    mv "$T/out/$what" "$T/moved"
    cupel_wait
    expect_exit 3
    expect_stderr "${what:-the out directory itself} was removed or replaced in .*/out while the run went on"
done
rm -rf "$T/moved" "$T/out"
expect_clean

it "so is a single log or artifact that the reports name, of an earlier attempt too"
mkdir sign
cat >names.yaml <<'YAML'
cupel: 1
jobs:
  a:
    artifacts: [/tmp/x/**]
    run: "mkdir -p /tmp/x/y && for i in 1 2 3 4 5; do echo $i >/tmp/x/y/$i; done; echo said"
  b: {retries: 1, run: "echo said; exit 1"}
  z: {needs: [a], inputs: [{from: sign, to: /sign, mode: ro}], run: "until [ -n \"$(cat /sign/go)\" ]; do sleep 0.05; done"}
YAML
of_a_and_b() { [[ $(jq -r .job <(job_lines out) 2>/dev/null | sort | tr -d '\n') == ab ]]; }
rest='while the run went on: what was written there is lost$'
for what in '' logs/a.stdout logs/attempt-1/b.stdout artifacts/a/tmp/x/y/3 artifacts/a; do
    rm -rf out && : >sign/go
    cupel_start names.yaml -j 2
    expect wait_until 20 of_a_and_b
    [[ -z $what ]] || rm -r "out/$what"
    echo go >sign/go
    cupel_wait
    case $what in
    '') expect_exit 1 ;;
    artifacts/a)
        expect_exit 3
        expect_stderr "error: (artifacts/a/tmp/x/y/[1-5](, )?){3} and 2 more were removed or replaced in .*/out $rest"
        ;;
    *)
        expect_exit 3
        expect_stderr "error: $what was removed or replaced in .*/out $rest"
        ;;
    esac
    expect_junit_valid
done
expect_clean

all_done

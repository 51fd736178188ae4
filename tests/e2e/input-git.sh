#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Inputs with `git`: which files of a checkout a job sees, in each mode, and that the repository gets nothing run by it.
# time-limit: 90
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

if ! command -v git >/dev/null; then
    printf 'skip - input-git: git is not installed\n'
    all_done
    exit 0
fi
mkdir home
chmod 755 home
export HOME=$T/home GIT_CONFIG_NOSYSTEM=1
git config --global user.name t
git config --global user.email t@example.org
git config --global protocol.file.allow always
git config --global --add safe.directory '*'
own() { [[ -z ${CUPEL_TEST_USER-} ]] || chown -hR "$CUPEL_TEST_USER:$CUPEL_TEST_USER" "$@"; }

odd=$'new\nline' raw=$'\xff\xfe'
git init -q other
echo 1 >other/of-other
git -C other add . && git -C other commit -qm other
git init -q repo
cd repo || exit 1
mkdir -p src/deep "src/$raw" build
for f in src/a.c src/deep/b.c "src/$raw/$odd" gone a a-b plain; do echo "$f" >"$f"; done
ln -s src/deep link
printf '%s\n' '*.o' build secret.txt >.gitignore
git add . && git -c submodule.recurse=false submodule --quiet add "$T/other" sub
GIT_COMMITTER_DATE="1700000000 +0200" git commit -qm first
mkfifo src/fifo
# what git tracks and is not there, or is something else now; what it does not know, ignores, and does not look into
rm gone plain
mkdir plain
git init -q src/nested
for f in plain/new src/deep/new.c src/a.o build/out secret.txt src/nested/x untracked-dir/f; do
    mkdir -p "$(dirname "$f")"
    echo "$f" >"$f"
done
chmod 750 src/deep && touch -d 2001-02-03T04:05:06Z src/deep src
cd .. || exit 1
own repo
find_all="cd /in && find . -mindepth 1 -print0 | LC_ALL=C sort -z | tr '\\\\0' '|'; stat -c ' %a %Y' src/deep"

job_file git.yaml <<YAML
cupel: 1
defaults: {run: "$find_all"}
jobs:
  cow: {inputs: [{from: repo, to: /in, git: tracked}]}
  ro: {inputs: [{from: repo, to: /in, mode: ro, git: tracked}]}
  copied: {inputs: [{from: repo, to: /in, mode: copy, git: tracked}]}
  new: {inputs: [{from: repo, to: /in, git: unignored}]}
  new-copied: {inputs: [{from: repo, to: /in, mode: copy, git: unignored}]}
  below: {inputs: [{from: repo/src, to: /in, git: tracked}], run: "cd /in && find . -mindepth 1 -print0 | LC_ALL=C sort -z | tr '\\\\0' '|'"}
  less: {inputs: [{from: repo, to: /in, git: tracked, exclude: ["src/*", link]}], run: "cd /in && find . -mindepth 1 -print0 | LC_ALL=C sort -z | tr '\\\\0' '|'"}
  times:
    inputs: [{from: repo, to: /in, mode: copy, mtime: commit, git: tracked}, {from: repo/src, to: /all, mode: copy, mtime: commit}]
    run: "test -p /all/fifo && find /in /all -printf '%T@\\\\n' | sort -u; echo \$SOURCE_DATE_EPOCH"
  own-time: {inputs: [{from: repo, to: /in, mode: copy, mtime: commit}], env: {SOURCE_DATE_EPOCH: "1"}, run: "echo \$SOURCE_DATE_EPOCH"}
  written:
    inputs: [{from: repo, to: /in, git: tracked}]
    run: "mkdir /in/build && echo mine >/in/build/out && echo mine >/in/src/a.o && cat /in/build/out /in/src/a.o"
YAML
before=$(find repo -printf '%p %m %u %T@\n' | sort)
cupel_run git.yaml

it "a job sees what git tracks and is there, in each mode; a directory that git knows as something else is empty"
expect_exit 0
tracked="./.gitignore|./.gitmodules|./a|./a-b|./link|./plain|./src|./src/a.c|./src/deep|./src/deep/b.c|./src/$raw|./src/$raw/$odd|./sub"
for job in cow ro copied; do
    expect_equal "$(cat "out/logs/$job.stdout")" "$tracked| 750 981173106"
done

it "or what it does not ignore as well"
for job in new new-copied; do
    expect_equal "$(cat "out/logs/$job.stdout")" "./.gitignore|./.gitmodules|./a|./a-b|./link|./plain|./plain/new|./src|./src/a.c|./src/deep|./src/deep/b.c|./src/deep/new.c|./src/nested|./src/$raw|./src/$raw/$odd|./sub|./untracked-dir|./untracked-dir/f| 750 981173106"
done

it "a directory of a checkout will do, exclude leaves out more, and a job may make what it does not see"
expect_equal "$(cat out/logs/below.stdout)" "./a.c|./deep|./deep/b.c|./$raw|./$raw/$odd|"
expect_equal "$(cat out/logs/less.stdout)" "./.gitignore|./.gitmodules|./a|./a-b|./plain|./src|./sub|"
expect_equal "$(paste -sd ' ' out/logs/written.stdout)" "mine mine"
expect_equal "$(find repo -printf '%p %m %u %T@\n' | sort)" "$before"

it "with mtime everything in the copy has the time of the commit, and the job is told, unless it says otherwise"
expect_equal "$(paste -sd ' ' out/logs/times.stdout)" "1700000000.0000000000 1700000000"
expect_equal "$(cat out/logs/own-time.stdout)" "1"

it "the keys of results and roots count what is listed, where nothing else of the directory has changed"
busybox=$(command -v busybox)
if [[ -n $busybox ]] && "$busybox" --list >/dev/null; then
    mkdir -p tree/bin
    cp "$busybox" tree/bin/sh
    tar -C tree --owner=0 --group=0 -cf base.tar .
    job_file key.yaml <<'YAML'
cupel: 1
rootfs:
  base: {tar: base.tar}
  made: {from: base, inputs: [{from: repo/src, to: /in, git: tracked}], run: "busybox ls /in/deep >/list"}
jobs:
  b: {rootfs: made, run: busybox cat /list}
  a: {rootfs: base, inputs: [{from: repo/src, to: /in, git: tracked}], cache-result: true, run: "busybox ls /in/deep"}
YAML
    cupel_run key.yaml
    expect_equal "$(paste -sd ' ' out/logs/b.stdout)" "b.c"
    cupel_run key.yaml
    expect_equal "$(jq -r 'select(.job == "a" and .step == null) | .cached != null' out/results.jsonl)" "true"
    git -C repo add src/deep/new.c
    own repo
    cupel_run key.yaml
    expect_equal "$(paste -sd ' ' out/logs/a.stdout)" "b.c new.c"
    expect_equal "$(paste -sd ' ' out/logs/b.stdout)" "b.c new.c"
fi

it "what is no checkout is refused before anything runs: a plain directory, a bare repository, a file"
mkdir none
git init -q --bare bare
own none bare
for from in none bare repo/.git repo/a; do
    job_file "wrong.yaml" <<YAML
cupel: 1
jobs: {a: {inputs: [{from: $from, to: /in, git: tracked}], run: "true"}}
YAML
    cupel_run wrong.yaml
    expect_exit 2
    expect_stderr "^cupel: .*wrong.yaml:2: (git cannot say which files there are in .*/$from|'git' is for a directory, and .*/repo/a is none)"
done

it "so is a checkout without a commit, where its time is asked for"
git init -q unborn
own unborn
job_file unborn.yaml <<YAML
cupel: 1
jobs: {a: {inputs: [{from: unborn, to: /in, mode: copy, mtime: commit}], run: "true"}}
YAML
cupel_run unborn.yaml
expect_exit 2
expect_stderr "unborn.yaml:2: git cannot say the time of the commit that is checked out in .*/unborn"

it "so is a repository whose configuration says that it is about another directory"
git -C none init -q
git -C none config core.worktree "$T/repo"
own none
sed -i 's/from: [^,]*/from: none/' wrong.yaml
cupel_run wrong.yaml
expect_exit 2
expect_stderr "lies outside of the checkout that its repository names, $T/repo"

it "nothing that the repository's configuration names is run"
cat >"$T/evil" <<EOF
#!/bin/sh
echo "\$0 \$*" >>$T/evil-ran
cat
EOF
chmod +x "$T/evil"
mkdir evil-hooks
cp "$T/evil" evil-hooks/post-index-change
printf '* filter=evil diff=evil\n' >repo/.git/info/attributes
for key in filter.evil.clean filter.evil.smudge filter.evil.process core.fsmonitor core.sshCommand core.pager diff.external; do
    git -C repo config "$key" "$T/evil $key"
done
git -C repo config core.hooksPath "$T/evil-hooks"
touch repo/src/a.c
own repo
cupel_run git.yaml --only new
expect_exit 0
expect test ! -e "$T/evil-ran"
git -C repo status >/dev/null 2>&1 # the trap does work
expect test -e "$T/evil-ran"

if [[ -z ${CUPEL_TEST_USER-} ]]; then
    it "a checkout of another user's is refused"
    git config --global --unset-all safe.directory
    chown -hR 60124:60124 repo
    cupel_run git.yaml --only new
    expect_exit 2
    expect_stderr "it says: fatal: detected dubious ownership in repository at '$T/repo'"
fi
expect_clean

all_done

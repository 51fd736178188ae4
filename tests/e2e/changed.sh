#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Jobs whose inputs have changed (--changed): what git says of them, and that a repository gets nothing run by it.
# No twin as an ordinary user: git is asked by whoever starts cupel, in any case.
# sanitizers: no
# time-limit: 90
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

if ! command -v git >/dev/null; then
    printf 'skip - changed: git is not installed\n'
    all_done
    exit 0
fi
export HOME=$T/home GIT_CONFIG_NOSYSTEM=1
mkdir home repo
git config --global user.name t
git config --global user.email t@example.org
cd repo || exit 1

ran() { jq -r 'select(.step == null and .attempts) | .job' "$T/out/results.jsonl" 2>/dev/null | paste -sd ' '; }
# changed OPTION...: which jobs ran
changed() {
    cupel_run ci.yaml -j 1 "$@"
    ran
}

git init -q .
mkdir lib app doc
for dir in lib app doc; do echo 1 >$dir/file; done
echo '*.o' >.gitignore
echo 'x-nothing: 1' >common.yaml
echo one >values
mkdir -p sums/deep
touch sums/deep/a.x sums/deep/a.y
cat >ci.yaml <<'YAML'
cupel: 1
include: [common.yaml]
defaults: {run: "true"}
jobs:
  lib: {inputs: [{from: lib, to: /lib-src}]}
  app: {inputs: [{from: app/file, to: /app}], needs: setup}
  package: {needs: app}
  doc: {inputs: [{from: doc, to: /doc}]}
  setup: {}
  each: {matrix: {V: {lines: values}}, env: {SUM: "${{ hash('sums/**/*.x') }}"}}
YAML
git add .
git commit -qm first

it "nothing has changed"
cupel_run ci.yaml --changed
expect_exit 0
expect_stderr '^cupel: nothing of what was chosen has changed$'
expect test ! -e "$T/out"

it "what has changed, what needs it, and what it needs"
echo 2 >app/file
expect_equal "$(changed --changed)" "setup app package"
expect_equal "$(changed --changed --skip package)" "setup app"

it "new files count, ignored ones do not, removed ones do"
touch doc/new lib/x.o
expect_equal "$(changed --changed --only lib --only doc)" "doc"
rm doc/new lib/file
expect_equal "$(changed --changed --only lib --only doc)" "lib"
git checkout -q lib/file app/file

it "what has another name has changed in both places; so has a directory that is new"
git mv doc/file lib/moved
expect_equal "$(changed --changed)" "lib doc"
git reset -q --hard
mkdir -p doc/new/deep
touch doc/new/deep/file
expect_equal "$(changed --changed)" "doc"
rm -r doc/new

it "another commit can be named; one that is none is an error, as is a directory without git"
echo 3 >lib/file
git commit -qam second
expect_equal "$(changed --changed)" ""
expect_equal "$(changed --changed=HEAD~1)" "lib"
for ref in nothing --output=x 'HEAD:lib'; do
    cupel_run ci.yaml --changed="$ref"
    expect_exit 2
    expect_stderr "git knows no commit '$ref'"
done
mkdir "$T/bare"
cp ci.yaml common.yaml values "$T/bare"
cp -r lib app doc sums "$T/bare"
cupel_run "$T/bare/ci.yaml" --changed
expect_exit 2
expect_stderr 'git cannot say what has changed in'

it "if the job file has changed, or what it includes, all its jobs run"
for file in ci.yaml common.yaml values sums/deep/a.x; do
    echo '# more' >>$file
    expect_equal "$(changed --changed --skip 'each/*')" "lib doc setup app package"
    git checkout -q $file
done

echo more >sums/deep/a.y # which hash() does not read
expect_equal "$(changed --changed)" ""
git checkout -q sums

it "--dry-run shows them, and creates nothing"
echo 4 >app/file
rm -rf "$T/out"
run_cupel run ci.yaml --changed --dry-run --out "$T/out"
expect_equal "$(paste -sd ' ' "$T/stdout")" "setup app package"
expect test ! -e "$T/out"
git checkout -q app/file

it "the caller's GIT_ variables lead nowhere else"
echo 4 >lib/file
GIT_DIR=/nonexistent GIT_INDEX_FILE=/nonexistent
export GIT_DIR GIT_INDEX_FILE
ran_then=$(changed --changed)
unset GIT_DIR GIT_INDEX_FILE
expect_equal "$ran_then" "lib"

it "nothing that the repository's configuration names is run"
cat >"$T/evil" <<EOF
#!/bin/sh
echo "\$0 \$*" >>$T/evil-ran
cat
EOF
chmod +x "$T/evil"
mkdir evil-hooks
cp "$T/evil" evil-hooks/post-index-change
printf '* filter=evil diff=evil\n' >.git/info/attributes
for filter in evil 'e.v=i"l'; do
    git config "filter.$filter.clean" "$T/evil clean"
    git config "filter.$filter.smudge" "$T/evil smudge"
    git config "filter.$filter.required" true
done
git config filter.process.process "$T/evil process"
git config core.fsmonitor "$T/evil fsmonitor"
git config core.hooksPath "$PWD/evil-hooks"
git config diff.external "$T/evil external"
git config diff.evil.command "$T/evil command"
git config diff.evil.textconv "$T/evil textconv"
touch doc/file # it has to be looked at, and is the same
rm -f "$T/evil-ran"
expect_equal "$(changed --changed)" "lib"
expect test ! -e "$T/evil-ran"
git diff HEAD -- doc/file >/dev/null 2>&1 # the trap does work
expect test -e "$T/evil-ran"
expect_clean

all_done

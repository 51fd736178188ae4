#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What an input's `exclude` leaves out, seen, copied and written over; nothing of the host changes.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

mkdir -p tree/src/deep tree/node_modules/m tree/only tree/.git
for f in src/a.c src/a.o src/deep/b.o src/deep/b.c node_modules/m/x only/c.o top.o .git/HEAD; do echo "$f" >"tree/$f"; done
ln -s src/deep tree/link
chmod 750 tree/src/deep && touch -d 2001-02-03T04:05:06Z tree/src/deep tree/src
[[ -z ${CUPEL_TEST_USER-} ]] || chown -hR "$CUPEL_TEST_USER:$CUPEL_TEST_USER" tree
before=$(find tree -printf '%p %m %u %T@\n' | sort)

job_file exclude.yaml <<'YAML'
cupel: 1
defaults: {run: "cd /in && find . -mindepth 1 | sort | tr '\\n' ' '; stat -c ' %a %Y' src/deep"}
jobs:
  cow: {inputs: [{from: tree, to: /in, exclude: ["**/*.o", node_modules, ".g*"]}]}
  ro: {inputs: [{from: tree, to: /in, mode: ro, exclude: ["**/*.o", node_modules, ".g*"]}]}
  copied: {inputs: [{from: tree, to: /in, mode: copy, exclude: ["**/*.o", node_modules, ".g*"]}]}
  braces: {inputs: [{from: tree, to: /in, exclude: ["{src,only,node_modules,.git}/**", link, top.o, none]}], run: "cd /in && find . -mindepth 1 | sort | tr '\\n' ' '"}
  through: {inputs: [{from: tree, to: /in, exclude: [link/b.c]}], run: "cat /in/src/deep/b.c"}
  written:
    inputs: [{from: tree, to: /in, exclude: [node_modules, "**/*.o"]}]
    run: "mkdir /in/node_modules && echo mine >/in/node_modules/y && echo mine >/in/top.o && mv /in/src/a.c /in/src/a.o && rm -r /in/only"
  goes-on:
    from: written
    run: "cd /in && cat node_modules/* top.o src/a.o && ls node_modules && test ! -e only && test ! -e src/deep/b.o"
YAML
cupel_run exclude.yaml

it "what matches is not there, with all that it holds; what is beside it is as it was"
expect_exit 0
for job in cow ro copied; do
    expect_equal "$(cat "out/logs/$job.stdout")" "./link ./only ./src ./src/a.c ./src/deep ./src/deep/b.c  750 981173106"
done
expect_equal "$(cat out/logs/braces.stdout)" "./.git ./node_modules ./only ./src "
expect_equal "$(cat out/logs/through.stdout)" "src/deep/b.c"

it "a job may make something of that name, and those that start from it see that"
expect_verdict written passed
expect_equal "$(tr '\n' ' ' <out/logs/goes-on.stdout)" "mine mine src/a.c y "

it "the out directory within the same input is hidden all the same, at its name or above it"
mkdir tree/made
[[ -z ${CUPEL_TEST_USER-} ]] || chown "$CUPEL_TEST_USER:$CUPEL_TEST_USER" tree/made
job_file both.yaml <<'YAML'
cupel: 1
defaults: {run: "cd /in && find . -mindepth 1 -path './made*' | sort | tr '\\n' ' '"}
jobs:
  beside: {inputs: [{from: tree, to: /in, exclude: "**/*.o"}]}
  itself: {inputs: [{from: tree, to: /in, exclude: made/out}]}
  above: {inputs: [{from: tree, to: /in, exclude: made}]}
YAML
run_cupel run --out tree/made/out both.yaml
expect_exit 0
expect_equal "$(cat tree/made/out/logs/beside.stdout)" "./made "
expect_equal "$(cat tree/made/out/logs/itself.stdout)" "./made "
expect_equal "$(cat tree/made/out/logs/above.stdout)" ""
rm -r tree/made

it "what is left out takes no room on a job's disk"
mkdir -p large/skip && fallocate -l 200M large/skip/f && echo x >large/f
job_file room.yaml <<'YAML'
cupel: 1
defaults: {run: stat -f -c %b /}
jobs:
  with: {inputs: [{from: large, to: /in, mode: copy, exclude: skip}]}
  without: {}
YAML
cupel_run room.yaml -j 1
expect_exit 0
expect_equal "$(cat out/logs/with.stdout)" "$(cat out/logs/without.stdout)"
rm -r large

it "nothing of the host's has changed"
touch -d "@$(awk '$1 == "tree" {print $4}' <<<"$before")" tree
expect_equal "$(find tree -printf '%p %m %u %T@\n' | sort)" "$before"
expect_clean

all_done

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Patterns of a job file find nothing in the run's own out directory and in the store, by their place alone.
# sanitizers: no
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

mkdir -p work/src/sub work/empty
cd work || exit 1
echo 1 >src/sub/a
export XDG_CACHE_HOME=$PWD/cache
mkdir cache
[[ -z ${CUPEL_TEST_USER-} ]] || chown -R "$CUPEL_TEST_USER:$CUPEL_TEST_USER" .
cat >own.yaml <<'YAML'
cupel: 1
defaults: {run: echo "$SUM", env: {SUM: "${{ hash('**') }}"}}
jobs:
  sum: {}
  dirs: {matrix: {D: {dirs: '*'}}}
  files: {matrix: {F: {files: '**'}}}
YAML
jobs_of() { jq -r 'select(.step == null and .attempts) | .id' "$1/results.jsonl" | LC_ALL=C sort | paste -sd ' '; }
sum_of() { cat "$1/logs/sum.stdout"; }
instances="dirs/D=cache dirs/D=empty dirs/D=src files/F=a files/F=own.yaml sum"

it "a second run has the same hash, and the same instances, as the first one and as they are listed"
run_cupel run own.yaml
expect_exit 0
first=$(sum_of cupel-out)
expect_equal "$(jobs_of cupel-out)" "$instances"
run_cupel run own.yaml
expect_exit 0
expect_equal "$(sum_of cupel-out)" "$first"
expect_equal "$(jobs_of cupel-out)" "$instances"
run_cupel list own.yaml
expect_equal "$(LC_ALL=C sort "$T/stdout" | paste -sd ' ')" "$instances"

it "so it is with another out directory; that of other runs counts"
mkdir -m 777 other
run_cupel run --out other/out --only sum own.yaml
second=$(sum_of other/out)
expect test "$second" != "$first"
run_cupel run --out other/out --only sum own.yaml
expect_equal "$(sum_of other/out)" "$second"
rm -r other/out

it "whoever makes a directory that looks like one hides nothing there"
cp -r cupel-out src/decoy
run_cupel run --only sum own.yaml
expect_exit 0
expect test "$(sum_of cupel-out)" != "$first"
rm -r src/decoy

it "who names it gets what is in there"
cat >named.yaml <<'YAML'
cupel: 1
jobs:
  sum: {run: echo "$SUM", env: {SUM: "${{ hash('cupel-out/junit.xml', 'cupel-out/logs/*') }}"}}
  dirs: {matrix: {D: {dirs: 'cupel-out'}}, run: "true"}
YAML
run_cupel list named.yaml
expect_exit 0
expect_equal "$(LC_ALL=C sort "$T/stdout" | paste -sd ' ')" "dirs/D=cupel-out sum"
expect_clean

all_done

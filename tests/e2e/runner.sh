#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tests/run, with sets of tests made up for it: what it counts, and that a file which failed beside others gets a second chance.
# sanitizers: no
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# made NAME: an end-to-end test of the set, from standard input; $T/again-NAME is a file of its own, to remember by.
mkdir -p made/e2e made/unit build/tests/unit build/harness/cli
cp -- "$top/tests/run" made/run
made() {
    { printf 'state=%s\n' "$T/again-$1"; cat; } >"made/e2e/$1.sh"
}
# run_made [OPTION]...: one call, with nothing remembered.
run_made() {
    rm -f again-* counts events
    STATUS=0
    made/run --build build --jobs 2 --counts counts --events events "$@" e2e >stdout 2>stderr </dev/null || STATUS=$?
}
last_line() {
    tail -n 1 stdout
}
made good <<'SH'
echo "ok - one"
echo "ok - two"
echo "skip - three: no reason"
SH
made flaky-one <<'SH'
echo "ok - one"
[ ! -e "$state" ] || { echo "ok - two"; echo alone >"$state"; exit 0; }
touch "$state"
echo "# because of the moon"
echo "# and of more"
echo "not ok - two"
exit 1
SH

it "what passes, is skipped and fails is counted, and nothing is run again without need"
run_made '=e2e/good'
expect_exit 0
expect_equal "$(last_line)" "1 files: 2 passed, 0 failed, 1 skipped"
expect_equal "$(cat counts)" "2 0 1"
expect_equal "$(cat events)" "$(printf 'begin e2e/good\nend e2e/good 2 0 1')"

it "a file that fails and then, alone, passes has passed; it is named, and its failure stays to be read"
run_made
expect_exit 0
expect_equal "$(last_line)" "2 files: 4 passed, 0 failed, 1 skipped, 1 flaky"
expect_stdout '^FLAKY  e2e/flaky-one: failed beside others, passed alone$'
expect_stdout '^ +failed: two: because of the moon$'
expect_stdout '^ +\| # and of more$'
expect_equal "$(cat counts)" "4 0 1 e2e/flaky-one"
expect_equal "$(grep flaky-one events | tail -n 2)" "$(printf 'end e2e/flaky-one 2 0 0\nflaky e2e/flaky-one')"

it "it runs again only once all others have ended"
made slow <<'SH'
until grep -qs 'not ok - two' "$(dirname "$0")"/../../first; do sleep 0.05; done
echo "ok - the other has failed"
SH
sed -i "s,^touch .*,&; echo 'not ok - two' >$T/first," made/e2e/flaky-one.sh
run_made
expect_exit 0
# which of the others is the last to end, and whether before the first failure is told, is chance
expect_equal "$(grep -cE '^end e2e/(good|slow) ' events)" 2
expect_equal "$(tac events | sed '/^begin e2e\/flaky-one$/q' | grep -cE 'e2e/(good|slow)')" 0
rm made/e2e/slow.sh

it "a file that always fails has failed, is told by name in the end, and is run twice"
made broken <<'SH'
echo run >>"$state"
echo "# never"
echo "not ok - it works"
exit 1
SH
run_made
expect_exit 1
expect_equal "$(wc -l <again-broken)" 2
expect_equal "$(last_line)" "3 files: 4 passed, 1 failed, 1 skipped, 1 flaky"
expect_equal "$(tail -n 2 stdout | head -n 1)" "FAILED  e2e/broken: it works: never"

it "one that ends early, or reports nothing, has failed as well, and says why"
made silent <<<true
made early <<<'echo "ok - one"; exit 7'
rm made/e2e/{broken,flaky-one}.sh
run_made
expect_exit 1
expect_stdout '^FAILED  e2e/silent: reported no test at all$'
expect_stdout '^FAILED  e2e/early: ended with exit code 7$'
expect_equal "$(last_line)" "3 files: 3 passed, 2 failed, 1 skipped"

it "three flaky files are no noise: all have failed"
rm made/e2e/{silent,early}.sh
for i in 1 2 3; do
    made "flaky-$i" <<'SH'
[ ! -e "$state" ] || { echo "ok - it"; exit 0; }
touch "$state"
echo "not ok - it"
SH
done
run_made
expect_exit 1
expect_equal "$(last_line)" "4 files: 2 passed, 3 failed, 1 skipped"
expect_equal "$(grep -c '^FAILED  e2e/flaky-[123]: it$' stdout)" 3
expect_stdout '^3 files failed: more than 2 are no noise, none is run again$'

it "failed unit tests are told by name and message too"
rm made/e2e/flaky-*.sh
cat >build/tests/unit/test_made <<'SH'
#!/bin/sh
printf '1..2\nok 1 - fine\nnot ok 2 - wrong\n# 1 != 2\n# at test_made.c:7\n'
exit 1
SH
chmod +x build/tests/unit/test_made
run_made unit
expect_exit 1
expect_equal "$(tail -n 2 stdout)" "$(printf 'FAILED  unit/test_made: wrong: 1 != 2\n2 files: 3 passed, 1 failed, 1 skipped')"

it "what a test prints of a failure is cut in its middle, and is not taken for a result"
cat >made/e2e/long.sh <<SH
. "$e2e/lib.sh"
it "long"
bad "\$(printf 'first\nok - no result\n'; seq -f %0100g 1000; echo last)"
seq 1000
all_done
SH
run_made '=e2e/long'
expect_exit 1
expect_stdout '^ +\| # first$'
expect_stdout '^ +\| \[\.\.\. [0-9]+ lines left out \.\.\.\]$'
expect_stdout '^ +\| 1000$'
sed -i /^seq/d made/e2e/long.sh
run_made '=e2e/long'
expect_stdout '^ +\| # \[\.\.\. [0-9]+ characters left out \.\.\.\]$'
expect_stdout '^ +\| # last$'
expect_equal "$(last_line)" "1 files: 0 passed, 1 failed, 0 skipped"

all_done

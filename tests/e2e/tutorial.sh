#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# docs/ci.md, from an empty folder to a failure reopened and mended: its files are written and its commands run as they stand
# there, in their order. What it says of a pipeline is run by convert.sh.
# sanitizers: no
# time-limit: 120
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

(grouped mkdir sum bin)
printf '#!/bin/sh\nexec "%s" "$@"\n' "$CUPEL" >bin/cupel
chmod +x bin/cupel
PATH=$T/bin:$PATH
cd sum || exit 1
sed '/^## From a pipeline$/,$d' "$top/docs/ci.md" >"$T/page"
awk '/^```file / {file = $2; next} /^```$/ {file = ""} file != "" {print >file}' "$T/page"
sed -n 's/^\$ //p' "$T/page" >"$T/commands"
[[ -z ${CUPEL_TEST_USER-} ]] || chown "$CUPEL_TEST_USER" ./*

# run_shown PATTERN: the next command of the page, which has to match.
run_shown() {
    local command
    IFS= read -r command <&3
    # shellcheck disable=SC2053 # a pattern
    [[ $command == $1 ]] || bad "the page's next command is: $command"
    STATUS=0
    (grouped bash -c "$command") >"$T/stdout" 2>"$T/stderr" </dev/null || STATUS=$?
}
verdicts() {
    jq -r 'select(.verdict and .id) | "\(.id) \(.verdict)"' cupel-out/results.jsonl | sort | xargs
}
exec 3<"$T/commands"

it "the page's files are there, and its job file is right"
expect [ -s sum.sh -a -s primes.sh -a -s cupel.yaml ]
run_shown 'cupel validate'
expect_exit 0
run_shown 'cupel list'
expect_exit 0
expect_equal "$(awk '{print $1}' "$T/stdout" | sort | xargs)" "ask build test/A=08,SUM=9 test/A=1,SUM=2"

it "its run: a job that fails, a cache, a service, a secret and an artifact"
if command -v python3 >/dev/null; then
    run_shown '*cupel run --keep-failed'
    expect_exit 1
    expect_equal "$(verdicts)" "ask passed build passed test/A=08,SUM=9 failed test/A=1,SUM=2 passed"
    expect_stderr "reopen: cupel shell --failed"
    run_shown 'cat cupel-out/artifacts*'
    expect_exit 0
    expect_equal "$(tail -n 1 "$T/stdout")" 199
    run_shown 'grep*'
    expect_exit 0
    expect_equal "$(grep -rl open-sesame cupel-out)" ""
else
    skip_it "there is no python3 for its service"
fi

it "the failure, reopened"
if command -v python3 >/dev/null; then
    run_shown 'cupel shell --failed*'
    expect [ "$STATUS" -ne 0 ]
    expect_stderr '\+ echo|08'
else
    skip_it "there is no python3 for its service"
fi

it "mended, and only what is outstanding is run again"
if command -v python3 >/dev/null; then
    run_shown 'echo*>sum.sh'
    run_shown '*cupel run --rerun-failed'
    expect_exit 0
    expect_equal "$(verdicts)" "build passed test/A=08,SUM=9 passed"
    expect_stderr "cache: exact"
    expect_equal "$(cat <&3)" ""
else
    skip_it "there is no python3 for its service"
fi

all_done

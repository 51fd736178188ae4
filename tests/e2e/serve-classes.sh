#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sandboxes that `cupel serve` keeps ready, and what of a job comes to them late. The cases are in serve.py.
#
# sanitizers: no
# time-limit: 240
# shellcheck source=tests/e2e/lib.sh
[[ -n ${e2e-} ]] || . "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# shellcheck source=tests/e2e/serve.bash
. "$e2e/serve.bash"

serve_start --slots 1
cases limits
it "what was kept ready is gone with the server"
serve_end
expect_exit 0
expect_clean

serve_start --slots 2 --ready 2 --ready-all 4
cases kinds
if [[ -z ${CUPEL_TEST_USER-} ]]; then
    pkill -KILL -P "$SERVE_PID"
    cases died
fi
serve_end
serve_start --slots 1 --ready 0
cases none
serve_end

it "more sandboxes than there may be are refused"
run_cupel serve --socket "$SOCK" --ready 5 --ready-all 4
expect_exit 2
expect_stderr 'ready 5 is more than --ready-all 4'
run_cupel serve --socket "$SOCK" --ready 1024
expect_exit 2
it "and more than files may be open for, unless nobody asked for them"
# how many files a slot takes differs with cgroup v2, and so does how many are too many
if [[ ! -d /sys/fs/cgroup/memory ]]; then
    skip_it "the limits of open files here are for cgroup v1"
else
    (ulimit -n 150 && grouped "$CUPEL" serve --socket "$SOCK" --ready 50 >"$T/stdout" 2>"$T/stderr" </dev/null)
    expect_equal "$? $(grep -c 'cannot keep 100 sandboxes ready' "$T/stderr")" "3 1"
    (ulimit -n 140 && serve_start --slots 2 && serve_end && ((STATUS == 0)))
    expect_equal "$? $(grep -c 'no more than 2 sandboxes are kept ready' "$T/stderr")" "0 1"
fi
expect_clean

for fault in late-limits late-resource-limits; do
    CUPEL_FAULT=$fault serve_start --slots 1
    cases "$fault"
    serve_end
done

all_done

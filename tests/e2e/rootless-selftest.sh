#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The hostile suite, started by an ordinary user: what can be tested holds.
# time-limit: 180
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"

# expect_held LEAST: no breach, everything judged, and at least so many held.
expect_held() {
    expect_exit 0
    expect_equal "$(jq -r '.probes[] | select(.outcome == "BREACH" or .outcome == "not judged") | "\(.name): \(.outcome): \(.detail)"' stdout)" ""
    expect [ "$(jq '[.probes[] | select(.outcome == "held")] | length' stdout)" -ge "$1" ]
}

it "with subordinate ids: what can be tested holds"
run_cupel selftest --json
expect_held 100
jq -r '.probes[] | select(.outcome == "not tested") | "# \(.name): \(.detail)"' stdout

it "with one id: the same"
without_ranges
run_cupel selftest --json
expect_held 90
jq -r '.probes[] | select(.outcome == "not tested") | "# \(.name): \(.detail)"' stdout

it "nothing is left"
expect_clean
all_done

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The hostile suite, started by an ordinary user: what can be tested holds.
# time-limit: 180
# sanitizers: no
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"
# shellcheck source=tests/e2e/held.bash
. "$e2e/held.bash"

it "with subordinate ids: what can be tested holds"
run_cupel selftest --json
expect_held 100
told_untested stdout

it "with one id: the same"
without_ranges
run_cupel selftest --json
expect_held 90
told_untested stdout

it "nothing is left"
expect_clean
all_done

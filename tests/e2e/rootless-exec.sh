#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `cupel exec` by an ordinary user: all that exec.sh expects of root.
# sanitizers: no
# time-limit: 180
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"

it "without subordinate ids, and without any group"
without_ranges
"${as_who[@]}" "$CUPEL" exec -- sh -c 'id -u; exit 4' >stdout 2>stderr </dev/null
expect_equal "$? $(cat stdout)" "4 0"

with_ranges
end_case
# shellcheck source=tests/e2e/exec.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/exec.sh"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# student-tricks.sh, started by an ordinary user, whose files the submissions and the answers are.
# sanitizers: no
# time-limit: 90
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"
# shellcheck source=tests/e2e/student-tricks.sh
. "$e2e/student-tricks.sh"

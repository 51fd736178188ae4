#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# executing.sh, started by an ordinary user.
# time-limit: 120
# sanitizers: no
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"
# shellcheck source=tests/e2e/executing.sh
. "$e2e/executing.sh"

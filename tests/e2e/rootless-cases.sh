#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# cases.sh, started by an ordinary user: the same job file, the same verdicts.
# sanitizers: no
# time-limit: 120
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"
# shellcheck source=tests/e2e/cases.sh
. "$e2e/cases.sh"

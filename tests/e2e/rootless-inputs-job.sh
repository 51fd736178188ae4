#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# inputs-job.sh, started by an ordinary user: layers whose owners are not mapped.
# sanitizers: no
# time-limit: 120
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"
# shellcheck source=tests/e2e/inputs-job.sh
. "$e2e/inputs-job.sh"

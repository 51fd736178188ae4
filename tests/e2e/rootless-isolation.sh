#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# isolation.sh, started by an ordinary user: what a job sees of itself and what it cannot see or change of the host.
# time-limit: 180
# sanitizers: no
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"
# shellcheck source=tests/e2e/isolation.sh
. "$e2e/isolation.sh"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# near-limit.sh, started by an ordinary user: who has a group holds the limit, and tries again alone, as root does.
# sanitizers: no
# time-limit: 120
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"
# shellcheck source=tests/e2e/near-limit.sh
. "$e2e/near-limit.sh"

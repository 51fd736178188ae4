#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# services.sh, started by an ordinary user.
# time-limit: 240
# sanitizers: no
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"
# shellcheck source=tests/e2e/services.sh
. "$e2e/services.sh"

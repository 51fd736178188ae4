#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# interactive.sh, started by an ordinary user.
# sanitizers: no
# time-limit: 180
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"
# shellcheck source=tests/e2e/interactive.sh
. "$e2e/interactive.sh"

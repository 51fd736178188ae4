#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# instructions.sh, started by an ordinary user: counting takes what kernel.perf_event_paranoid gives them, and is refused without.
# sanitizers: no
# lanes: root-v2
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"
# shellcheck source=tests/e2e/instructions.sh
. "$e2e/instructions.sh"

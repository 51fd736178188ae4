#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# compat-runexec.sh, started by an ordinary user: the same calls, the same lines.
# sanitizers: no
# time-limit: 240
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"
# shellcheck source=tests/e2e/compat-runexec.sh
. "$e2e/compat-runexec.sh"

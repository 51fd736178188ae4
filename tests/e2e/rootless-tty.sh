#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# tty.sh, started by an ordinary user: the same jobs.
# sanitizers: no
# time-limit: 60
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"
# shellcheck source=tests/e2e/tty.sh
. "$e2e/tty.sh"

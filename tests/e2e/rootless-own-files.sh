#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# own-files.sh, started by an ordinary user: the same job file, the same verdicts.
# time-limit: 120
# sanitizers: no
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"
# shellcheck source=tests/e2e/own-files.sh
. "$e2e/own-files.sh"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# verdicts.sh, started by an ordinary user: the same job file, the same verdicts, the same evidence.
# time-limit: 180
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"
# shellcheck source=tests/e2e/verdicts.sh
. "$e2e/verdicts.sh"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# artifacts.sh, started by an ordinary user: files of ids that are not theirs come out as their own.
# sanitizers: no
# time-limit: 120
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"
# shellcheck source=tests/e2e/artifacts.sh
. "$e2e/artifacts.sh"

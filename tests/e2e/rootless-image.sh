#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The cases of image.sh, started by an ordinary user with a range of subordinate ids.
# time-limit: 120
# sanitizers: no
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"
# shellcheck source=tests/e2e/image.sh
. "$e2e/image.sh"

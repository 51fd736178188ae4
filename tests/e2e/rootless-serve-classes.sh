#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The cases of serve-classes.sh with a server of an ordinary user's, who has a range of subordinate ids.
# sanitizers: no
# time-limit: 240
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"
# shellcheck source=tests/e2e/serve-classes.sh
. "$e2e/serve-classes.sh"

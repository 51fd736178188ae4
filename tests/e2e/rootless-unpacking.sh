#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# unpacking.sh, with the program started by an ordinary user who has subordinate ids: the owners are those ids, and the root is the same.
# sanitizers: no
# time-limit: 180
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"
# shellcheck source=tests/e2e/unpacking.sh
. "$e2e/unpacking.sh"

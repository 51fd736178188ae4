#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# snapshots.sh, started by an ordinary user: the same jobs, with a directory or memory in place of disks.
# sanitizers: no
# time-limit: 120
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"
# shellcheck source=tests/e2e/snapshots.sh
. "$e2e/snapshots.sh"

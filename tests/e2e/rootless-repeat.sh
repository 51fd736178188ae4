#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# repeat.sh, as far as an ordinary user is somebody else: a fresh directory for each time in place of a disk.
# sanitizers: no
# time-limit: 60
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"
# shellcheck source=tests/e2e/repeat.sh
. "$e2e/repeat.sh"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# inode-numbers.sh as an ordinary user.
# sanitizers: no
# time-limit: 90
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"
# shellcheck source=tests/e2e/inode-numbers.sh
. "$e2e/inode-numbers.sh"

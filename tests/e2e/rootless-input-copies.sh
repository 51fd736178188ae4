#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# input-copies.sh as an ordinary user.
# sanitizers: no
# time-limit: 60
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"
# shellcheck source=tests/e2e/input-copies.sh
. "$e2e/input-copies.sh"

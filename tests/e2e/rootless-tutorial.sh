#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# docs/ci.md, as an ordinary user follows it.
# sanitizers: no
# time-limit: 90
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"
# shellcheck source=tests/e2e/tutorial.sh
. "$e2e/tutorial.sh"

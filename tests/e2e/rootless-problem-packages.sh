#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# problem-packages.sh, started by an ordinary user: the same packages, the same findings.
# sanitizers: no
# time-limit: 120
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"
# shellcheck source=tests/e2e/problem-packages.sh
. "$e2e/problem-packages.sh"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# programs.sh, started by an ordinary user.
# sanitizers: no
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"
# shellcheck source=tests/e2e/programs.sh
. "$e2e/programs.sh"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# submissions.sh, started by an ordinary user.
# sanitizers: no
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"
# shellcheck source=tests/e2e/submissions.sh
. "$e2e/submissions.sh"

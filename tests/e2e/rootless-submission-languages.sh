#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# submission-languages.sh, started by an ordinary user: the same class, and what that user may not read.
# sanitizers: no
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"
# shellcheck source=tests/e2e/submission-languages.sh
. "$e2e/submission-languages.sh"

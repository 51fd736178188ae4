#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Secrets as an ordinary user gives them: the cases of secrets.sh.
# sanitizers: no
# time-limit: 120
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"
# shellcheck source=tests/e2e/secrets.sh
. "$e2e/secrets.sh"

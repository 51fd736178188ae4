#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# derived.sh, started by an ordinary user: the same roots, in a store of theirs.
# sanitizers: no
# time-limit: 120
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"
# shellcheck source=tests/e2e/derived.sh
. "$e2e/derived.sh"

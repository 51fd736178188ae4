#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# watch.sh, as far as an ordinary user is somebody else: what they watch.
# sanitizers: no
# time-limit: 90
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"
# shellcheck source=tests/e2e/watch.sh
. "$e2e/watch.sh"

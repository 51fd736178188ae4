#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The out directory as a checkout may carry it, for an ordinary user.
# sanitizers: no
# time-limit: 240
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"
# shellcheck source=tests/e2e/outdir.sh
. "$e2e/outdir.sh"

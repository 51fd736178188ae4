#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# hardening.sh, started by an ordinary user: the same walls, made without any right on the host.
# time-limit: 180
# sanitizers: no
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"
# shellcheck source=tests/e2e/hardening.sh
. "$e2e/hardening.sh"

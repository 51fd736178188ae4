#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# caches.sh, started by an ordinary user: the same caches, in a store of theirs.
# sanitizers: no
# time-limit: 180
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"
# shellcheck source=tests/e2e/caches.sh
. "$e2e/caches.sh"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# network.sh, started by an ordinary user: the same networks.
# sanitizers: no
# time-limit: 180
if [[ -z ${CUPEL_TEST_NETWORK-} && $EUID == 0 ]]; then
    CUPEL_TEST_NETWORK=1 exec unshare --net --mount --propagation private -- bash "$0" "$@"
fi
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"
# shellcheck source=tests/e2e/network.sh
. "$e2e/network.sh"

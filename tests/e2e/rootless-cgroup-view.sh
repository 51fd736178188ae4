#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# cgroup-view.sh, started by an ordinary user: the same.
# lanes: root-v2
# sanitizers: no
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"
# shellcheck source=tests/e2e/cgroup-view.sh
. "$e2e/cgroup-view.sh"

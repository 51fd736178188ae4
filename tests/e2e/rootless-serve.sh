#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `cupel serve` by an ordinary user: all that serve-pairs.sh and serve.sh expect of root's, except what is about other users.
# sanitizers: no
# time-limit: 240
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"

# shellcheck source=tests/e2e/serve.sh
. "$e2e/serve.sh"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Many jobs through one socket of `cupel serve`, with clients and servers killed at random: nothing is lost, twice, left, or grows.
# soak.py says what is checked. --full: 20,000 jobs, 200 kills of clients, 20 of the server; CUPEL_KILL_SEED makes the same choices.
# sanitizers: no
# time-limit: 240
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

python=$(PATH=/usr/bin:/bin command -v python3)
amount=(--jobs 300 --client-kills 14 --server-kills 6)
[[ ${1-} != --full ]] || amount=(--jobs 20000 --client-kills 200 --server-kills 20)
[[ -z ${CUPEL_KILL_SEED-} ]] || amount+=(--seed "$CUPEL_KILL_SEED")
install -m 0755 "$e2e/soak.py" "$T/soak.py"

it "jobs of clients that stay have one result each, whoever else is killed, and nothing is left"
STATUS=0
(grouped "$python" "$T/soak.py" "${amount[@]}" "$CUPEL") >stdout 2>stderr </dev/null || STATUS=$?
sed 's/^/# /' stdout
expect_exit 0
grep -v '^cupel: warning: removed what' stderr | sed 's/^/# /'
expect_clean

all_done

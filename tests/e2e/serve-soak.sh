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

# shellcheck source=tests/e2e/serve.bash
. "$e2e/serve.bash"
# shellcheck source=tests/e2e/layout.bash
. "$e2e/layout.bash"
if BUSYBOX=$(command -v busybox); then
    export BUSYBOX
    make_plain_layout "$T/image" 1 1 '' "$(printf 'u%.0s' {1..60000}):0"
    serve_start --slots 1 --ready 0 --root "image=$T/image"
    USER_LENGTH=60000 cases image-user
    serve_end
    expect_clean
else
    printf 'skip - memory with the user of an image: needs busybox\n'
fi

all_done

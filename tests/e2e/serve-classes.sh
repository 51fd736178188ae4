#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sandboxes that `cupel serve` keeps ready, and what of a job comes to them late. The cases are in serve.py.
#
# sanitizers: no
# time-limit: 240
# lanes: root-v2
# shellcheck source=tests/e2e/lib.sh
[[ -n ${e2e-} ]] || . "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

SOCK=$T/s.sock
# serve_start OPTION...: a server on $SOCK, which answers.
serve_start() {
    (grouped "$CUPEL" serve --socket "$SOCK" "$@") >"$T/stdout" 2>"$T/stderr" </dev/null &
    SERVE_PID=$!
    wait_until 30 answers || bad "the server does not start" "$(cat "$T/stderr")"
}
answers() {
    [[ -S $SOCK ]] && client request GET /healthz >/dev/null 2>&1
}
# Whom the server knows: without root, root is a stranger.
client() {
    "${as_who[@]}" "$(PATH=/usr/bin:/bin command -v python3)" "$T/serve.py" "$SOCK" "$@"
}
serve_end() {
    kill -TERM "$SERVE_PID"
    STATUS=0
    wait "$SERVE_PID" || STATUS=$?
}
cases() {
    end_case
    client "$@" || any_failed=true
}
install -m 0755 "$e2e/serve.py" "$T/serve.py"

serve_start --slots 1
cases limits
it "what was kept ready is gone with the server"
serve_end
expect_exit 0
expect_clean

for fault in late-limits late-resource-limits; do
    CUPEL_FAULT=$fault serve_start --slots 1
    cases "$fault"
    serve_end
done

all_done

# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by tests of `cupel serve`, after lib.sh: a server, and its clients, which are the same user.
# shellcheck disable=SC2154,SC2034 # of lib.sh, and for who sources this

SOCK=$T/s.sock
python=$(PATH=/usr/bin:/bin command -v python3) # which other users may run as well
SERVE_PID=
install -m 0755 "$e2e/serve.py" "$T/serve.py" # which they can read

# serve_start OPTION...: a server on $SOCK, which answers.
serve_start() {
    (grouped "$CUPEL" serve --socket "$SOCK" "$@") >"$T/stdout" 2>"$T/stderr" </dev/null &
    SERVE_PID=$!
    export SERVE_PID
    wait_until 30 answers || bad "the server does not start" "$(cat "$T/stderr")"
}
# The socket is there before its mode and group are.
answers() {
    [[ -S $SOCK ]] && ask GET /healthz >/dev/null
}
serve_wait() {
    STATUS=0
    wait "$SERVE_PID" || STATUS=$?
    complain_of_sanitizers
}
serve_end() {
    kill -TERM "$SERVE_PID"
    serve_wait
}
# cases GROUP: the cases of serve.py over the running server; what they report are lines of the protocol.
cases() {
    end_case
    "${as_who[@]}" "$python" "$T/serve.py" "$SOCK" "$@" || any_failed=true
}
# ask METHOD PATH [BODY]: prints the status and the body.
ask() {
    "${as_who[@]}" "$python" "$T/serve.py" "$SOCK" request "$@" 2>&1
}
descriptors() {
    find "/proc/$SERVE_PID/fd" -mindepth 1 | wc -l
}
# No more descriptors than there were, once connections are gone.
descriptors_are() {
    (($(descriptors) <= $1))
}

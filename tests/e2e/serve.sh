#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `cupel serve`: jobs over HTTP on a Unix socket. What clients see stands in serve.py; here are the server's starts and ends.
#
# time-limit: 240
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# shellcheck source=tests/e2e/serve.bash
. "$e2e/serve.bash"

serve_start --slots 2
ask GET /healthz >/dev/null
fds=$(descriptors)
cases main
it "a server of many clients has no more descriptors open than before"
expect wait_until 60 descriptors_are "$fds"
it "told to end, it is gone with all that it had"
serve_end
expect_exit 0
expect_not test -e "$SOCK"
expect_clean

serve_start --slots 1 --queue 4 --cache-files 1M --keep 256K
cases small
serve_end

serve_start --slots 1 --ready 1
cases ready
it "a sandbox that was ready when the server ended is gone with it"
serve_end
expect_exit 0
expect_clean

mkdir -p "$T/files/sub"
echo plain | tee "$T/files/plain" >"$T/files/sub/plain"
echo secret >"$T/secret"
ln -s "$T/secret" "$T/files/link"
ln -s /etc "$T/files/out"
mkfifo "$T/files/fifo"
mkdir -p "$T/fb" "$T/f/b" "$T/slashes"
echo fbx >"$T/fb/x"
echo f-b-x >"$T/f/b/x"
echo slashes >"$T/slashes/x"
serve_start --slots 1 --files "$T/slashes//" --files "$T/files" --files "$T/fb" --files "$T/f"
SERVE_FILES=$T/files cases beneath
cases slots
cases ending
it "a server that was told to end exits with 0"
serve_wait
expect_exit 0
expect_clean

serve_start --slots 1 --grace 100ms
cases impatient
it "a server that had to cancel a job exits with 0"
serve_wait
expect_exit 0
expect_clean

# ---- killed ----
it "what a killed server had is gone with it, and the next one takes its socket"
serve_start --slots 1
ask POST /jobs '{"rootfs": "host", "run": ["/bin/sleep", "1000"]}' >/dev/null &
client=$!
wait_until 30 eval 'ask GET /healthz | grep -q "\"running\":1"'
kill -KILL "$SERVE_PID"
serve_wait
wait "$client"
expect wait_until 10 no_processes
serve_start --slots 1
expect_equal "$(ask GET /healthz | cut -c 1-3)" 200
serve_end
expect_clean

# ---- who ----
if [[ -z ${CUPEL_TEST_USER-} ]]; then # only root can be others
    it "another user is not let in by a socket of mode 0600, though it can be named"
    serve_start --slots 1
    chmod 0755 "$T"
    as_stranger() {
        setpriv --reuid 12345 --regid 12345 --clear-groups "$python" "$T/serve.py" "$SOCK" request GET /healthz
    }
    expect_not as_stranger
    chmod 0666 "$SOCK"
    expect as_stranger
    it "nor where somebody has opened the socket's mode to a group that is not theirs"
    chmod 0660 "$SOCK"
    expect_not as_stranger
    serve_end
    it "the socket's mode and group let others in, who have nothing to do with jobs of somebody else"
    serve_start --slots 2 --mode 0660 --group nogroup
    expect_equal "$(stat -c '%a %G' "$SOCK")" "660 nogroup"
    as_other() {
        setpriv --reuid 12345 --regid 12345 --groups "$(getent group nogroup | cut -d : -f 3)" \
            "$python" "$T/serve.py" "$SOCK" request "$@"
    }
    expect_equal "$(as_other POST /jobs '{"rootfs": "host", "run": ["/bin/true"]}' | grep -c '"verdict":"passed"')" 1
    ask POST /jobs '{"rootfs": "host", "run": ["/bin/echo", "x"]}' >/dev/null
    expect_equal "$(as_other GET /jobs/2 | cut -c 1-3)" 404
    expect_equal "$(as_other DELETE /jobs/2 | cut -c 1-3)" 404
    expect_equal "$(ask DELETE /jobs/2 | cut -c 1-3)" 204
    serve_end

    it "the mode of a socket with a relative path is as good"
    (cd "$T" && grouped "$CUPEL" serve --socket relative.sock --mode 0666) >"$T/stdout" 2>"$T/stderr" </dev/null &
    SERVE_PID=$!
    at_relative() {
        setpriv --reuid 12345 --regid 12345 --clear-groups "$python" "$T/serve.py" "$T/relative.sock" request GET /healthz 2>/dev/null
    }
    expect wait_until 30 at_relative
    serve_end

    serve_start --slots 1 --queue 4 --mode 0666
    cases others
    serve_end
fi

# ---- starts ----
it "a socket that systemd hands over is taken"
rm -f "$SOCK"
(grouped "$python" "$T/serve.py" activate "$SOCK" "$CUPEL" serve --slots 1) >"$T/stdout" 2>"$T/stderr" &
SERVE_PID=$!
wait_until 30 test -S "$SOCK"
expect_equal "$(ask POST /jobs '{"rootfs": "host", "run": ["/bin/true"]}' | grep -c '"verdict":"passed"')" 1
serve_end
expect_exit 0
expect test -S "$SOCK"
rm -f "$SOCK"
it "without a socket, serve says so"
run_cupel serve
expect_exit 2
expect_stderr 'no socket to listen on'
it "serve refuses what is in the way, and a second server"
echo x >"$SOCK"
run_cupel serve --socket "$SOCK"
expect_exit 2
expect_stderr 'no socket$'
rm "$SOCK"
serve_start --slots 1
run_cupel serve --socket "$SOCK"
expect_exit 2
expect_stderr 'another server listens'
serve_end
it "serve refuses a root that is not there, and a mode that is none"
run_cupel serve --socket "$SOCK" --root nowhere
expect_exit 2
expect_stderr nowhere
run_cupel serve --socket "$SOCK" --mode rw
expect_exit 2
run_cupel serve --socket "$SOCK" --files relative
expect_exit 2
expect_stderr "absolute path, not 'relative'"
run_cupel serve --socket "$SOCK" --grace x
expect_exit 2
expect_stderr "a duration from 0s to 1h, or none, got 'x'"
expect_clean

all_done

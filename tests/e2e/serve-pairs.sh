#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `cupel serve` in small: pairs of jobs that talk to each other, and the server's ends; also with cgroup v2.
# lanes: root-v2
# time-limit: 120
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/e2e/serve.bash
. "$e2e/serve.bash"

serve_start --slots 2
ask GET /healthz >/dev/null
fds=$(descriptors)
cases pairs
it "a server of many pairs has no more descriptors open than before"
expect wait_until 60 descriptors_are "$fds"
it "told to end, it is gone with all that it had"
serve_end
expect_exit 0
expect_clean

serve_start --slots 1
cases one-slot
serve_end

it "what a killed server had is gone with it, pairs too, and the next one takes its socket"
serve_start --slots 2
ask POST /jobs '{"defaults": {"rootfs": "host"}, "pipes": [["a", "b"]], "jobs": {"a": {"run": ["/bin/cat"]}, "b": {"run": ["/bin/cat"]}}}' >/dev/null &
client=$!
wait_until 30 eval 'ask GET /healthz | grep -q "\"running\":2"'
kill -KILL "$SERVE_PID"
serve_wait
wait "$client"
expect wait_until 10 no_processes
serve_start --slots 2
expect_equal "$(ask GET /healthz | cut -c 1-3)" 200
serve_end
expect_clean

all_done

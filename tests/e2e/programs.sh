#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Programs that cupel starts: root's are the system's own, whatever PATH is; each ends with cupel, and with its first Ctrl-C.
# sanitizers: no
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

job_file one.yaml <<'END'
cupel: 1
jobs:
  a: {limits: {wall: 60s}, run: [/bin/true]}
  b: {needs: [a], run: [/bin/true]}
END
program=$CUPEL
as_in() {
    printf '#!/bin/sh\nexec env %s %q "$@"\n' "$1" "$program" >"$T/as-in"
    chmod 0755 "$T/as-in"
    CUPEL=$T/as-in
}

it "as from cron, with a PATH that has no sbin"
as_in "-i HOME=$T XDG_CACHE_HOME=$T/cache CUPEL_CONFIG= PATH=/usr/bin:/bin"
cupel_run one.yaml
expect_exit 0
if [[ -z ${CUPEL_TEST_USER-} ]]; then
    it "root never runs what the caller's PATH has in their place"
    mkdir planted
    for name in mke2fs pasta newuidmap newgidmap systemd-run skopeo mmdebstrap; do
        printf '#!/bin/sh\necho %s >>%q\nexit 1\n' "$name" "$T/planted/ran" >"planted/$name"
        chmod 0755 "planted/$name"
    done
    as_in "PATH=$T/planted:$PATH"
    cupel_run one.yaml
    expect_exit 0
    run_cupel doctor
    expect_not [ -e planted/ran ]
fi

CUPEL=$program
hangs() {
    foreign_processes | while read -r pid; do tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null; echo; done | grep -q '^sleep 333'
}
no_hanging() {
    ! hangs
}
it "an mke2fs that hangs ends with the first Ctrl-C"
if [[ -n ${CUPEL_TEST_USER-} ]]; then
    skip_it "an ordinary user's jobs have no disk that mke2fs makes"
elif ! has_fault_injection; then
    skip_it "takes a build for tests, which can be told where programs are"
else
    mkdir hanging
    printf '#!/bin/sh\nexec sleep 333\n' >hanging/mke2fs
    chmod 0755 hanging/mke2fs
    export CUPEL_PROGRAMS=$T/hanging
    cupel_start one.yaml
    expect wait_until 20 hangs
    kill -INT "$CUPEL_PID"
    began=$SECONDS
    cupel_wait
    expect_exit 130
    expect_verdict a cancelled
    expect_evidence a '^cancelled by the user'
    expect [ $((SECONDS - began)) -lt 30 ]
    expect no_hanging
    expect_clean

    it "and with cupel's SIGKILL"
    cupel_start one.yaml
    expect wait_until 20 hangs
    kill -KILL "$CUPEL_PID"
    cupel_wait
    expect wait_until 20 no_hanging
    unset CUPEL_PROGRAMS
    run_cupel clean
    expect_clean
fi

all_done

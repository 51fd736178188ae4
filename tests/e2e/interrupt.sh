#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Whoever ends a run while its roots are made ready gets exit code 130 and a report, whatever cupel was waiting for, however often the
# signal comes; and nothing is left. (Bootstraps and fetches: debian.sh, image.sh. Derived roots: derived.sh.)
# time-limit: 120
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

if ! command -v python3 >/dev/null; then
    printf 'skip - interrupt: needs python3\n'
    all_done
    exit 0
fi

# Unpacking takes a while; layers of an image, too.
python3 - "$e2e" <<'PYTHON'
import os, sys
os.environ.update(CUPEL='', XDG_CACHE_HOME='')
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
from images import *
many = layer(*(f('many/%d' % i, 'x' * 600) for i in range(30000)))
save('many.tar', many)
Layout('image', [layer(f('below', 'x')), many])
PYTHON
for what in tar oci; do
    job_file $what.yaml <<YAML
cupel: 1
rootfs: {r: {$what: $([[ $what == tar ]] && echo many.tar || echo image)}}
jobs: {j: {rootfs: r, run: [/x]}, k: {rootfs: r, run: [/x]}}
YAML
done

# begin NAME FILE: a run in the background, into out-NAME; its pid in pids[NAME].
declare -A pids
begin() {
    mkdir "out-$1"
    [[ -z ${CUPEL_TEST_USER-} ]] || chown "$CUPEL_TEST_USER" "out-$1"
    (grouped "$CUPEL" run --out "$T/out-$1" "$2") >"$T/stdout-$1" 2>"$T/stderr-$1" </dev/null &
    pids[$1]=$!
}
# The process that unpacks `many`, stopped in the midst of it: it has no time to be done.
worker=
stopped_worker() {
    local pid children
    read -ra children < <(cat /proc/"$1"/task/*/children 2>/dev/null | tr '\n' ' ')
    for pid in "${children[@]}"; do
        kill -STOP "$pid" 2>/dev/null || continue
        [[ -d /proc/$pid/root/many && ! -d /proc/$pid/root/etc ]] && worker=$pid && return
        kill -CONT "$pid"
    done
    return 1
}
# ended NAME: with 130, each job cancelled, a report, and no word but one error.
ended() {
    local status=0
    wait "${pids[$1]}" || status=$?
    expect_equal "$status" 130
    expect_equal "$(jq -r '.id + " " + .verdict' <(job_lines "out-$1") | sort | tr '\n' ' ')" "j cancelled k cancelled "
    expect grep -q '<testsuites' "out-$1/junit.xml"
    expect_equal "$(grep -c 'error: interrupted' "stderr-$1")" 1
}

for what in tar oci; do
    it "$what: while it is unpacked"
    begin one $what.yaml
    expect wait_until 30 stopped_worker "${pids[one]}"
    it "$what: while another run makes the root, which is waited for"
    begin two $what.yaml
    waits_for_lock() { ls -l "/proc/${pids[two]}/fd" 2>/dev/null | grep -q '/cupel/locks/[0-9a-f]'; }
    expect wait_until 30 waits_for_lock
    kill -TERM "${pids[two]}" && kill -HUP "${pids[two]}"
    ended two
    it "$what: and the run that makes it, by several signals at once"
    kill -INT "${pids[one]}"
    kill -TERM "${pids[one]}" && kill -HUP "${pids[one]}"
    ended one
    expect_equal "$(ls -A "$T/cache/cupel/tmp")" ""
    expect_not test -d "/proc/$worker"
    expect_clean
    rm -rf out-one out-two
done

all_done

#!/usr/bin/env bash
# lanes: user-v2
# Groups of a killed run whose store is gone are found on the machine; those of a living one are left alone.
# sanitizers: no
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

job_file sleeps.yaml <<'END'
cupel: 1
jobs:
  a: {limits: {wall: 60s, memory: 64M, pids: 8}, run: [/bin/sleep, "30"]}
END
job_file quick.yaml <<'END'
cupel: 1
jobs:
  a: {limits: {wall: 60s, memory: 64M, pids: 8}, run: [/bin/true]}
END
groups() {
    find "${own_groups[@]}" -mindepth 1 -type d -name 'cupel-*-*' | sort
}
running() {
    find "${own_groups[@]}" -type d -name 'j[0-9]*' | grep -q .
}
# Leaves groups behind, and no store that knows of them.
kill_and_lose() {
    cupel_start sleeps.yaml
    wait_until 20 running
    kill -KILL "$CUPEL_PID"
    cupel_wait
    wait_until 10 no_processes
    rm -rf -- "$T/cache"
}

if ((${#own_groups[@]} == 0)); then
    it "groups of a killed run" && skip_it "no cgroups here"
    all_done
    exit
fi
it "cupel clean finds the groups of a killed run whose store is gone"
# `cupel clean` looks everywhere: one of another test, at the same time, may have found them first.
kill_and_lose
run_cupel clean
expect_exit 0
expect_stdout '^(cgroups of [0-9]+ dead runs? removed, of which this store knows nothing|0 dead runs removed)$'
expect_equal "$(groups)" ""

if ! $on_v2; then # there each start of the tests has a group of its own
    it "and so does the next run beside it"
    kill_and_lose
    cupel_run quick.yaml
    expect_exit 0
    expect_equal "$(groups)" ""
fi

it "neither touches a run that lives, whatever store it has"
XDG_CACHE_HOME=$T/other
[[ -z ${CUPEL_TEST_USER-} ]] || install -d -o "$CUPEL_TEST_USER" "$T/other"
cupel_start sleeps.yaml
wait_until 20 running
before=$(groups)
XDG_CACHE_HOME=$T/cache
mv "$T/out" "$T/out-of-it"
run_cupel clean
expect_exit 0
cupel_run quick.yaml
expect_exit 0
expect [ -n "$before" ]
expect_equal "$(groups)" "$before"
rm -rf "$T/out" && mv "$T/out-of-it" "$T/out" # what is not there at its end would be missed
kill -INT "$CUPEL_PID"
cupel_wait
expect_exit 130
expect_equal "$(groups)" ""
expect_clean

all_done

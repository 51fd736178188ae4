#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# cupel selftest: everything holds on this host; and every probe reports a breach once its walls are taken away.
# sanitizers: no
# time-limit: 480
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/e2e/held.bash
. "$e2e/held.bash"

run_cupel selftest --list --json
cp stdout list.json

it "the table has a hundred probes, each once, and some for each promise"
expect_exit 0
expect [ "$(jq length list.json)" -ge 100 ]
expect_equal "$(jq -r '.[].name' list.json | sort | uniq -d)" ""
expect_equal "$(jq -c '[.[].promises[]] | unique' list.json)" "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]"

it "each probe can be shown to fail; none but what is open anyway without taking a wall away"
expect_equal "$(jq -r '.[] | select(.weaken == "nothing" or (.weaken | length) == 0) | .name' list.json)" cache-timing

it "docs/selftest.md has the table, word for word"
run_cupel selftest --list --markdown
expect [ "$(wc -l <stdout)" -gt 100 ]
expect_equal "$(sed '1,/^## The probes$/d' "$top/docs/selftest.md")" "$(cat stdout)"

it "wrong command lines are told"
run_cupel selftest --only no-such-probe
expect_exit 2
expect_stderr "no probe matches 'no-such-probe'"
run_cupel selftest argument
expect_exit 2
run_cupel selftest --nothing
expect_exit 2
run_cupel selftest --markdown
expect_exit 2

it "where its directory cannot be made, that place is named"
TMPDIR=$T/nowhere run_cupel selftest --only memory-anonymous
expect_exit 3
expect_stderr "below $T/nowhere: No such file or directory$"
expect_stderr 'hint: TMPDIR names another directory'

it "without its programs it cannot run"
export CUPEL_PROBES=$T/nowhere
run_cupel selftest
unset CUPEL_PROBES
expect_exit 3
expect_stderr 'CUPEL_PROBES'

it "everything holds on this host"
run_cupel selftest --json --out "$T/out"
cp stdout all.json
expect_held 100
expect_equal "$(jq -r '.probes[].name' all.json)" "$(jq -r '.[].name' list.json)"
expect_junit_valid
expect_equal "$(grep -c '<testsuite ' out/junit.xml)" "$(jq length list.json)"
expect_clean

it "what was not tested says why"
good
told_untested all.json

it "the table is for people: a line a promise, and the count"
run_cupel selftest --only umask --only nice
expect_exit 0
expect_stdout '^ *held +8  no descriptor above 2, and nothing inherited: 2 of 2 probes held$'
expect_stdout '^2 probes in .*: 2 held$'

it "Ctrl-C ends it: what was not seen to the end is no breach, and nothing is left"
mkdir scene
has_a_result() {
    compgen -G 'scene/cupel-selftest.*/shared/out-0/results.jsonl' >/dev/null && has_job_lines scene/cupel-selftest.*/shared/out-0
}
(TMPDIR=$T/scene grouped "$CUPEL" selftest --json) >stdout 2>stderr </dev/null &
CUPEL_PID=$!
expect wait_until 20 has_a_result
kill -INT "$CUPEL_PID"
cupel_wait
expect_exit 130
expect_equal "$(jq -r '.probes[] | select(.outcome == "BREACH") | .name' stdout)" ""
expect_equal "$(ls scene)" ""
expect_clean

it "what a killed self-test has laid out, cupel clean removes"
(TMPDIR=$T/scene grouped "$CUPEL" selftest --json) >stdout 2>stderr </dev/null &
CUPEL_PID=$!
expect wait_until 20 has_a_result
kill -KILL "$CUPEL_PID"
cupel_wait
expect_equal "$(ls scene | wc -l)" 1
export TMPDIR=$T/scene
run_cupel clean
expect_exit 0
expect_stdout '^1 directory of killed self-tests removed$'
expect_equal "$(ls scene)" ""

it "so does the next self-test, and nobody removes what is another's or a living one's"
mkdir -p scene/cupel-selftest.killed/out-0 scene/cupel-selftest.others
chown 12345 scene/cupel-selftest.others

echo kept >scene/file
ln -s "$T/scene/file" scene/cupel-selftest.link
(grouped "$CUPEL" selftest --json) >stdout 2>stderr </dev/null &
CUPEL_PID=$!
expect wait_until 20 has_a_result
kill -STOP "$CUPEL_PID"
expect [ ! -e scene/cupel-selftest.killed ]
living=$(dirname "$(dirname "$(dirname "$(echo scene/cupel-selftest.*/shared/out-0/results.jsonl)")")")
"$CUPEL" clean >cleaned
expect_equal "$(grep -c self-tests cleaned)" 0
expect [ -d "$living" ]
kill -CONT "$CUPEL_PID"
cupel_wait
expect_exit 0
unset TMPDIR
expect_equal "$(ls scene | tr '\n' ' ')" "cupel-selftest.link cupel-selftest.others file "
expect_clean

if ! has_fault_injection; then
    it "walls that are taken away"
    skip_it "$CUPEL was built without CUPEL_FAULT_INJECTION"
    all_done
    exit 0
fi

# outcome NAME, detail NAME: of the last run
outcome() {
    jq -r --arg n "$1" '.probes[] | select(.name == $n) | .outcome' stdout
}
detail() {
    jq -r --arg n "$1" '.probes[] | select(.name == $n) | .detail' stdout
}

shown=0
# Walls that have nothing to do with each other are taken away together, to save time.
# shellcheck disable=SC2054 # each element is a list with commas
together=(
    session,environment,resource-limits,close-fds,cgroup-namespace,device-nodes,raw-status,escape-reports,artifact-holes,artifact-links,artifact-list,out-links,out-hidden,namespace-owner,netlink-queues,socket-queues,pty-max,disk-masks
    id-map,input-views,shm,proc-instance,streams,verdict-channel,artifact-copies
)
mapfile -t walls < <(jq -r '[.[].weaken] | unique[]' list.json)
for group in "${together[@]}" "${walls[@]}"; do
    if [[ " ${together[*]} " == *" $group "* ]]; then
        mapfile -t names < <(jq -r --arg g "$group" '($g | split(",")) as $walls | .[] | select(.weaken as $w | $walls | index($w)) | .name' list.json)
    elif [[ ,${together[0]},${together[1]}, == *",$group,"* ]]; then
        continue
    else
        mapfile -t names < <(jq -r --arg w "$group" '.[] | select(.weaken == $w) | .name' list.json)
    fi
    export CUPEL_WEAKEN=$group
    run_cupel selftest --json "${names[@]/#/--only=}"
    unset CUPEL_WEAKEN
    ((shown += ${#names[@]}))
    for name in "${names[@]}"; do
        it "without $(jq -r --arg n "$name" '.[] | select(.name == $n) | .weaken' list.json): $name is a breach"
        case "$(outcome "$name"): $(detail "$name")" in
        BREACH*) good ;;
        'known open'*) expect_equal "$group" nothing ;;
        held*'Function not implemented' | held*'No such file or directory') skip_it "this kernel has none: $(detail "$name")" ;;
        'not tested: '*) skip_it "$(detail "$name")" ;;
        *) bad "$(outcome "$name"): $(detail "$name")" "$(seen)" ;;
        esac
    done
done

it "every probe was seen without its walls"
expect_equal "$shown" "$(jq length list.json)"

it "a breach is a failure in the report, and exit code 1"
rm -rf out
export CUPEL_WEAKEN=session
run_cupel selftest --only umask --out "$T/out"
unset CUPEL_WEAKEN
expect_exit 1
expect_stdout '^ *BREACH  umask \(promise 8\)'
expect_verdict umask failed
expect grep -q '<failure message="BREACH: umask 0002"' out/junit.xml
expect_junit_valid

it "nothing is left, whatever wall was missing"
run_cupel clean
expect_clean
all_done

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `cache-result`: a job that has passed is not run again as long as nothing changes that it depends on, and is whenever something does.
# sanitizers: no
# time-limit: 180
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

busybox=$(command -v busybox)
if [[ -z $busybox ]] || ! "$busybox" --list >/dev/null; then
    it "cached results"
    skip_it "busybox-static is not installed"
    all_done
    exit 0
fi
mkdir -p tree/bin tree/etc
cp "$busybox" tree/bin/busybox
for applet in sh cat ls echo true false sleep test touch; do
    ln -s busybox "tree/bin/$applet"
done
tar -C tree --owner=0 --group=0 -cf base.tar .
echo other >tree/etc/other
tar -C tree --owner=0 --group=0 -cf other.tar .
store=$XDG_CACHE_HOME/cupel

# file NAME: a job file from standard input, below its head.
file() {
    {
        printf '%s\n' 'cupel: 1' 'rootfs: {base: {tar: base.tar}, other: {tar: other.tar}}' \
            'defaults: {rootfs: base, cache-result: true, limits: {wall: 60s}}' 'jobs:'
        cat
    } >"$1.yaml"
}
results() { find "$store/results" -type f | wc -l; }
# cached: the jobs of the last run that were not run, in order.
cached() { jq -rs 'map(select(.cached)) | map(.id) | sort | join(" ")' "$T/out/results.jsonl"; }
last_run() { basename "$(find "$store/results" -type f | head -n 1)"; }

mkdir -p in && echo one >in/data && echo text >given && echo '{"defaultAction": "SCMP_ACT_ALLOW"}' >profile.json
file once <<'YAML'
  once:
    inputs: [in]
    stdin-file: given
    pass-env: [FROM_CALLER]
    env: {A: "1"}
    seccomp: profile.json
    run: cat /work/in/data; cat; echo "$A $FROM_CALLER"
  steps:
    run: [{name: a, run: "true"}, {name: b, when: failure, run: "true"}]
YAML

it "a job that has passed is not run again, and is told as passed (cached), with the run in which it did"
FROM_CALLER=x cupel_run once.yaml
expect_exit 0
expect_equal "$(cached)" ''
expect_equal "$(results)" 2
run=$(jq -r .run "$store/results/$(last_run)")
FROM_CALLER=x cupel_run once.yaml
expect_exit 0
expect_equal "$(cached)" 'once steps'
expect_result once ".verdict == \"passed\" and .cached.run == \"$run\" and (.cached.ended | test(\"^20.*Z\$\")) and .started == null and .attempts == null"
expect_said " once: passed \\(cached\\): run $run, 20.* UTC"
expect_said '2 passed \(2 cached\)'
expect grep -qF "<property name=\"cached\" value=\"run $run, 20" "$T/out/junit.xml"
expect_equal "$(jq -rs 'map(select(.id == "steps/a" or .id == "steps/b") | .verdict) | join(" ")' <(job_lines))" 'passed skipped'
expect_equal "$(find "$T/out/logs" -type f | wc -l)" 0
expect_clean

it "whatever it depends on makes it run again: its words, variables, inputs, files, limits, root"
change() { # change HOW COMMAND...: the next run runs it, and the one after that does not
    "${@:2}"
    FROM_CALLER=${caller-x} cupel_run once.yaml --only once
    expect_exit 0
    [[ -z $(cached) ]] || bad "with another $1 it was not run"
    FROM_CALLER=${caller-x} cupel_run once.yaml --only once
    [[ $(cached) == once ]] || bad "after another $1 it was run twice"
}
change script sed -i 's/run: cat/run: true; cat/' once.yaml
change variable sed -i 's/A: "1"/A: "2"/' once.yaml
change limit sed -i 's/    stdin-file/    limits: {pids: 50}\n&/' once.yaml
change "owner of an input" chown "${CUPEL_TEST_USER:-7}" given
change "workdir's input" sh -c 'echo two >in/data'
change "name in an input" touch in/new
change "mode in an input" chmod 755 in/data
change "standard input" sh -c 'echo other >given'
change profile sh -c 'echo "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": []}" >profile.json'
change root sed -i 's/    stdin-file/    rootfs: other\n&/' once.yaml
caller=y
change "variable of the caller's" true

it "what it does not depend on does not: times, description, tags, retries, needs"
touch -d '2 days ago' in/data in
sed -i 's/    stdin-file/    description: other words\n    tags: [x]\n    retries: 2\n    needs: [steps]\n    allow-failure: true\n&/' once.yaml
FROM_CALLER=y cupel_run once.yaml --only once
expect_exit 0
expect_equal "$(cached)" 'once steps'

it "--no-cache runs all, and what passes is kept anew"
FROM_CALLER=y cupel_run once.yaml --no-cache
expect_exit 0
expect_equal "$(cached)" ''
FROM_CALLER=y cupel_run once.yaml
expect_equal "$(cached)" 'once steps'

it "an input that is not looked at would be taken for what it was"
if has_fault_injection; then
    FROM_CALLER=y CUPEL_WEAKEN=result-inputs cupel_run once.yaml --only once
    echo three >in/data
    FROM_CALLER=y CUPEL_WEAKEN=result-inputs cupel_run once.yaml --only once
    expect_equal "$(cached)" 'once steps'
else
    skip_it "this build has no fault injection"
fi

it "only what has passed is kept, at the first attempt, with nothing left running, and with the inputs that it began with"
run_cupel cache gc
expect_equal "$(results)" 0
echo go >changing
file not <<'YAML'
  failed: {run: "false"}
  flaky: {retries: 1, inputs: [{from: tries, to: /tries, mode: ro}], run: "false", allow-failure: true}
  leaky: {run: "sleep 1000 &"}
  changed: {inputs: [{from: changing, to: /changing, mode: ro}], run: "echo here; until test \"$(cat /changing)\" = changed; do sleep 0.02; done"}
  there-and-back: {inputs: [{from: back, to: /d, mode: ro}], run: "echo here; until test \"$(cat /d/file)\" = changed; do sleep 0.02; done; echo seen; until test \"$(cat /d/file)\" = go; do sleep 0.02; done"}
  kept: {inputs: [{from: still, to: /d}], run: "true"}
YAML
echo 1 >tries
mkdir back still
echo go | tee back/file >still/file
cupel_start not.yaml -j 2
expect wait_until 30 grep -qs here "$T/out/logs/changed.stdout"
echo changed >changing
expect wait_until 30 grep -qs here "$T/out/logs/there-and-back.stdout"
echo changed >back/file
expect wait_until 30 grep -qs seen "$T/out/logs/there-and-back.stdout"
echo go >back/file
cupel_wait
expect_exit 1
expect_verdict changed passed
expect_verdict there-and-back passed
expect_verdict leaky passed
expect_equal "$(jq -r .job "$store"/results/*)" kept

it "a job that starts from another is cached with it; one that runs has its base run"
run_cupel cache gc
file chain <<'YAML'
  base: {run: "echo one >/made"}
  top: {from: base, run: cat /made}
  other: {from: base, run: cat /made}
  after: {needs: [base], cache-result: false, run: "true"}
YAML
cupel_run chain.yaml
expect_exit 0
cupel_run chain.yaml
expect_equal "$(cached)" 'base other top'
sed -i 's#top: {from: base, run: cat#top: {from: base, run: true; cat#' chain.yaml
cupel_run chain.yaml
expect_exit 0
expect_equal "$(cached)" other
expect_log top '^one$'
sed -i 's/echo one/echo two/' chain.yaml
cupel_run chain.yaml
expect_equal "$(cached)" ''
expect_log other '^two$'

it "a job that takes files of another is never cached, and has that one run, with what it starts from"
file takes <<'YAML'
  below: {run: "echo one >/below"}
  made: {from: below, inputs: [{from: in, to: /in}], run: "echo more >/in/more"}
  alone: {run: "true"}
  takes: {inputs: [{job: made, from: /in, to: /got, mode: ro}], run: "cat /got/more"}
YAML
cupel_run takes.yaml
expect_exit 0
cupel_run takes.yaml
expect_exit 0
expect_equal "$(cached)" alone
expect_log takes '^more$'

it "cupel cache lists results, removes those of a job, and what is no record is none"
run_cupel cache list
expect_stdout '^[0-9a-f]{12}      passed  20.* base  \(run '
run_cupel cache list --json
expect jq -e 'map(select(.kind == "result" and .job == "top" and (.file | endswith("chain.yaml")))) | length > 0' stdout >/dev/null
run_cupel cache remove base
expect_exit 0
cupel_run chain.yaml
expect_equal "$(cached)" 'other top'
for record in "$store"/results/*; do
    echo '{}' >"$record"
done
cupel_run chain.yaml
expect_exit 0
expect_equal "$(cached)" ''
run_cupel cache gc --older 1d
expect_equal "$(results)" 3
run_cupel cache gc --keep 8K
expect_stdout '^1 result of jobs removed$'
run_cupel cache gc
expect_equal "$(results)" 0

it "a job file is told what cannot be cached; what defaults say is for those that can"
cat >wrong.yaml <<'YAML'
cupel: 1
rootfs: {base: {tar: base.tar}}
defaults: {rootfs: base}
jobs:
  host: {rootfs: host, cache-result: true, run: "true"}
  nat: {network: nat, cache-result: true, run: "true"}
  bridge: {network: {bridge: b}, cache-result: true, run: "true"}
  secret: {secrets: [TOKEN], cache-result: true, run: "true"}
  service: {services: {s: {run: sleep 1}}, cache-result: true, run: "true"}
  artifact: {artifacts: [/x], cache-result: true, run: "true"}
  tests: {junit: [/x.xml], cache-result: true, run: "true"}
  theirs: {inputs: [{from: in, untrusted: true}], cache-result: true, run: "true"}
  below: {from: nat, cache-result: true, run: "true"}
  takes: {inputs: [{job: artifact, from: /x}], cache-result: true, run: "true"}
YAML
run_cupel validate wrong.yaml
expect_exit 2
for said in "job 'host' cannot be cached: the host's own root" "job 'nat' cannot be cached: what its network" "job 'bridge' cannot be cached: what the jobs" \
    "job 'secret' cannot be cached: what it does with a secret" "job 'service' cannot be cached: what its services" \
    "job 'artifact' cannot be cached: its artifacts" "job 'tests' cannot be cached: what its own tests say" \
    "job 'takes' cannot be cached: an input is another job's files" \
    "job 'theirs' cannot be cached: an input is untrusted" "job 'below' cannot be cached: of 'nat', which it starts from: what its network"; do
    expect_stderr "$said"
done
sed 's/cache-result: true/cache-result: sometimes/' wrong.yaml >word.yaml
run_cupel validate word.yaml
expect_stderr "'cache-result' must be true or false"
sed -i 's/cache-result: true, //; s/defaults: {/&cache-result: true, /' wrong.yaml
run_cupel validate wrong.yaml
expect_exit 0

it "a link that is not followed is not read for a key either: what it leads to may have no end"
ln -s /dev/zero endless && ln -s / everything
file links <<'YAML'
  good: {run: "true"}
  given: {stdin-file: endless, run: "true"}
  input: {inputs: [{from: everything, to: /in}], run: "true"}
YAML
cupel_run links.yaml
expect_exit 1
expect_verdict good passed
for job in given input; do expect_verdict "$job" invalid-submission; done

all_done

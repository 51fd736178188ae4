#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Lines of results.jsonl have what `cupel schema results` says, and nothing else; and what they say of files, lines, roots and slots
# is so.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# invalid_lines FILE: the numbers of those that are none of the schema's, and on standard error why.
invalid_lines() {
    python3 - "$1" <<'PY'
import json, sys
import jsonschema

schema = json.load(open("schema.json"))
whole = jsonschema.Draft202012Validator(schema)
for number, line in enumerate(open(sys.argv[1]), 1):
    value = json.loads(line)
    if whole.is_valid(value):
        continue
    print(number)
    # of the one alternative that it says it is, which names what is wrong with it
    of = jsonschema.Draft202012Validator({**schema["$defs"][value["type"]], "$defs": schema["$defs"]})
    for error in of.iter_errors(value):
        print(f"line {number}: {error.json_path}: {error.message}", file=sys.stderr)
PY
}
can_validate() {
    python3 -c 'import jsonschema; jsonschema.Draft202012Validator' 2>/dev/null
}

mkdir -p sub && echo 'int x;' >sub/a.c && printf 'junk' >sub/b.c
cat >included.yaml <<'YAML'
templates:
  t: {run: [{name: far, run: 'true'}]}
YAML
job_file jobs.yaml <<'YAML'
cupel: 1
include: included.yaml
defaults: {rootfs: host, limits: {memory: 64M}}
jobs:
  elsewhere: {extends: t}
  plain:
    run: echo out; echo err >&2
  files:
    run: |
      mkdir -p tree; printf abc >tree/a; ln tree/a tree/same; ln -s a tree/link
      truncate -s 70M tree/holes; truncate -s 1M tree/small; : >tree/nothing
    artifacts: tree
  steps:
    run:
      - {name: first, run: 'true'}
      - {name: second, run: exit 3}
    allow-failure: true
    tags: [a, b]
  again:
    run: |
      sleep 60 &
      exit 1
    retries: 1
  needs: {run: 'true', needs: again}
  slow: {run: sleep 0.3}
  reports:
    run: 'printf "1..2\nok 1 - one\nnot ok 2 - two\n" >t.tap'
    tap: t.tap
  grade:
    matrix: {SUB: {files: 'sub/*.c'}}
    inputs: [{from: '${{ SUB }}', to: /in.c, untrusted: true}]
    run: grep -q int /in.c
    cases: [{name: one, points: 2}, {name: two, points: 1.5}]
YAML

it "the schema is one"
run_cupel schema results
expect_exit 0
cp stdout schema.json
expect jq -e '.oneOf | length >= 3' schema.json >/dev/null
if ! can_validate; then
    end_case_now_skipped "python3-jsonschema is not installed"
else
    expect python3 -c 'import json, jsonschema; jsonschema.Draft202012Validator.check_schema(json.load(open("schema.json")))'
fi

it "lines of every kind are as it says"
cupel_run -j2 jobs.yaml
expect_exit 1
cat out/results.jsonl >all.jsonl
expect_equal "$(jq -r .type all.jsonl | sort | uniq -c | xargs)" "12 job 1 run 3 step 2 submission"
if ! can_validate; then
    end_case_now_skipped "python3-jsonschema is not installed"
else
    # and what is not so is told
    for change in '.verdict = "well"' '.more = 1' 'del(.id)' '.started = "now"' '.usage.wall_seconds = "1"'; do
        jq -c "select(.id == \"plain\") | $change" all.jsonl
    done >changed.jsonl
    cat all.jsonl changed.jsonl >both.jsonl
    n=$(wc -l <all.jsonl)
    expect_equal "$(invalid_lines both.jsonl 2>why | xargs)" "$((n + 1)) $((n + 2)) $((n + 3)) $((n + 4)) $((n + 5))"
    expect_equal "$(grep -c . why)" 5
fi

it "a job says its suite, file and line, and the slot that ran it"
expect_equal "$(jq -r 'select(.id) | .suite' all.jsonl | sort -u)" jobs
for id in elsewhere plain files steps; do
    expect_result "$id" ".file == \"jobs.yaml\" and .line == $(grep -n "^  $id:" jobs.yaml | cut -d: -f1)"
    expect_result "$id" '.slot >= 1 and .slot <= 4'
done
expect_result steps/second ".line == $(grep -n 'name: second' jobs.yaml | cut -d: -f1)"
expect_result elsewhere/far 'has("line") | not' # it is another file's
expect_result needs '(has("slot") | not) and .verdict == "skipped"'
expect_result again '.slot >= 1 and .previous_attempts[0].slot >= 1'

it "the first line is about the run"
head -n 1 all.jsonl >run.json
the_run() {
    if jq -e "$1" run.json >/dev/null; then good; else bad "does not hold of the run: $1" "$(cat run.json)"; fi
}
the_run '.type == "run" and .format == 1 and .slots == 2 and .jobs == 12 and .cpus >= 1 and .memory_bytes > 0'
the_run ".version == \"$("$CUPEL" --version | cut -d' ' -f2)\" and (.commit == null or (.commit | test(\"^[0-9a-f]{40}(-dirty)?$\")))"
the_run '.command[1:] == ["run", "-j2", "jobs.yaml"] or (.command | index("jobs.yaml"))'
the_run ".host == \"$(uname -n)\" and .kernel == \"$(uname -srm)\" and (.cgroups | test(\"cgroup\"))"
expect_equal "$(jq -r '.files[] | "\(.sha256)  \(.file)"' run.json | sed 's|  /.*/|  |')" "$(sha256sum jobs.yaml included.yaml)"
the_run '[.files[].included] == [null, true] and .roots == [{root: "host", file: "jobs.yaml"}] and (has("unenforced") | not)'
the_run '.outcome == "finished" and .wall_seconds >= .preparing_seconds and .preparing_seconds > 0'
expect_equal "$(jq -cS .verdicts run.json)" "$(jq -csS 'map(select(.type == "job").verdict) | group_by(.) | map({key: .[0], value: length}) | from_entries' all.jsonl)"
the_run ".started <= \"$(jq -rs 'map(.started // empty) | min' all.jsonl)\" and .ended > .started"

it "an artifact says how long it is, and its SHA-256"
expect_equal "$(jq -r 'select(.id == "files").artifacts[] | "\(.path | sub(".*/"; "")) \(.size_bytes) \(.sha256 != null)"' all.jsonl | xargs)" \
    "a 3 true holes 73400320 false link null false nothing 0 true same 3 true small 1048576 true"
jq -r '.artifacts[]? | select(.sha256) | "\(.sha256)  out/\(.path)"' all.jsonl >sums
expect_equal "$(wc -l <sums)" 4
expect sha256sum -c --quiet sums

it "a root says by what it is known"
make_root() {
    mkdir -p root/bin && cp "$(command -v busybox)" root/bin/sh && tar -C root -cf "$1" .
}
if ! command -v busybox >/dev/null; then
    skip_it "busybox-static is not installed"
else
    make_root root.tar
    job_file rooted.yaml <<'YAML'
cupel: 1
rootfs:
  base: {tar: root.tar}
  made: {from: base, run: 'true'}
jobs:
  one: {rootfs: base, run: 'true'}
  two: {rootfs: base, run: 'true'}
  three: {rootfs: made, run: 'true'}
  four: {rootfs: host, run: 'true'}
YAML
    cupel_run rooted.yaml
    expect_exit 0
    expect_result one '.root_digest | test("^[0-9a-f]{64}$")'
    expect_equal "$(result two .root_digest)" "$(result one .root_digest)"
    expect_result three ".root_digest | test(\"^[0-9a-f]{64}$\") and . != \"$(result one .root_digest)\""
    expect_result four 'has("root_digest") | not'
    head -n 1 out/results.jsonl >run.json
    the_run "[.roots[] | [.root, .digest]] == [[\"host\", null], [\"base\", \"$(result one .root_digest)\"], [\"made\", \"$(result three .root_digest)\"]]"
    the_run '[.roots[].locked] == [null, null, null]'
    grep -v '^  four' rooted.yaml >locked.yaml
    run_cupel rootfs lock locked.yaml
    expect_exit 0
    cupel_run --locked locked.yaml
    expect_exit 0
    head -n 1 out/results.jsonl >run.json
    the_run '[.roots[].locked] == [true, true]'
fi
expect_clean

it "a run that ends before its first job says so; one that was killed has not ended"
printf 'cupel: 1\nrootfs: {bad: {tar: nothing.tar}}\njobs: {a: {rootfs: bad, run: x}, b: {rootfs: bad, run: x}}\n' >bad.yaml
: >nothing.tar
cupel_run bad.yaml
expect_exit 2
head -n 1 out/results.jsonl >run.json
the_run '.outcome == "not begun" and .verdicts == {error: 2} and (has("roots") | not) and (has("preparing_seconds") | not)'
expect_equal "$(job_lines | wc -l)" 2
job_file slow.yaml <<'YAML'
cupel: 1
defaults: {rootfs: host}
jobs: {first: {run: 'true'}, slow: {run: sleep 600}}
YAML
cupel_start slow.yaml -j1
expect wait_until 30 has_job_lines
kill -KILL "$CUPEL_PID"
cupel_wait
head -n 1 out/results.jsonl >run.json
the_run '.type == "run" and .jobs == 2 and .roots != null and (has("outcome") | not) and (has("verdicts") | not)'
cupel_run slow.yaml --timeout 1s
head -n 1 out/results.jsonl >run.json
the_run '.outcome == "time over" and .verdicts == {passed: 1, cancelled: 1}'

it "what is secret is hidden in the command line, and what is hostile is escaped"
job_file secret.yaml <<'YAML'
cupel: 1
params: {WORD: x}
jobs: {a: {rootfs: host, run: 'true', secrets: [TOKEN]}}
YAML
TOKEN=hunter2hunter2 cupel_run secret.yaml --set WORD=hunter2hunter2$'\033[2J'
expect_exit 0
head -n 1 out/results.jsonl >run.json
expect_not grep -q 'hunter2' out/results.jsonl
expect_not grep -q $'\033' out/results.jsonl
the_run '.command | index("WORD=***\u001b[2J")'
expect_clean

all_done

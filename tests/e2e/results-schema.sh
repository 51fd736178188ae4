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
expect_equal "$(jq -r .type all.jsonl | sort | uniq -c | xargs)" "12 job 3 step 2 submission"
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
fi
expect_clean

all_done

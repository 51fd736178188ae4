#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What moves a cursor, turns the direction of writing or is not to be seen: never sent as itself, whoever wrote it, and the JSON
# reads the same.
# sanitizers: no
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

marks=$'\u009b\u200b\u202e\u2066\u2028\ufeff\u00ad\U000e0041'
# sends_marks FILE...: whether any of them stands in it as itself.
sends_marks() {
    python3 - "$@" <<'PY'
import sys
text = ''.join(open(f, encoding='utf-8', errors='replace').read() for f in sys.argv[1:])
sys.exit(not any(m in text for m in '\u009b\u200b\u202e\u2066\u2028\ufeff\u00ad\U000e0041'))
PY
}
printf '%s' "$marks" >marks
job_file job.yaml <<YAML
cupel: 1
defaults: {limits: {wall: 1m}}
jobs:
  loud:
    description: "a \u202e description \u200b \U000e0041"
    run: cat marks; cat marks >&2; echo; cp marks "n\$(cat marks)"; exit 3
    inputs: [{from: marks, to: /work/marks}]
    artifacts: ["/work/n*"]
YAML
cupel_run job.yaml
it "console, JUnit and results.jsonl"
expect_exit 1
expect_not sends_marks stdout stderr out/junit.xml out/results.jsonl
expect sends_marks out/logs/loud.stdout
expect_junit_valid
expect_stderr '\\u009B\\u200B\\u202E|\\x9B'
expect_equal "$(jq -r '.artifacts[0].path' <(job_lines out))" "artifacts/loud/work/n$marks"
expect_equal "$(jq -r '.description' <(job_lines out))" $'a \u202e description \u200b \U000e0041'
it "list and validate, of the file's own words"
run_cupel list job.yaml
expect_exit 0
expect_not sends_marks stdout
run_cupel list --json job.yaml
expect_not sends_marks stdout
expect_equal "$(jq -r '.[0].description' stdout)" $'a \u202e description \u200b \U000e0041'
printf 'cupel: 1\njobs: {a: {run: x, %s: y, needs: ["%s"], rootfs: "%s"}}\n' \
    $'k\u202e\u200b' $'n\u2066\U000e0041' $'r\u00ad\u200b' >bad$'\u202e'.yaml
run_cupel validate bad$'\u202e'.yaml
expect_exit 2
expect_not sends_marks stdout stderr
run_cupel run bad.yaml --only $'\u202e'
expect_exit 2
expect_not sends_marks stdout stderr
expect_clean
all_done

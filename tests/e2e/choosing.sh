#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Which files are read when none is named; what --dry-run and --json tell; which jobs of a file run (--only, --skip, --tag), in which order (--shuffle), and after how many failures no more (--fail-fast=N).
# time-limit: 120
# sanitizers: no
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

ran() { jq -r 'select(.step == null and .attempts) | .job' out/results.jsonl | paste -sd ' '; }
listed() { # listed OPTION...: what cupel list says of choose.yaml
    run_cupel list choose.yaml "$@"
    sed 's/ .*//' stdout | paste -sd ' '
}

job_file choose.yaml <<'YAML'
cupel: 1
defaults: {run: "true"}
jobs:
  build: {}
  lint: {tags: [quick-style]}
  test: {matrix: {N: [1, 2, 3]}, needs: build, tags: [slow, quick]}
  docs: {tags: [docs]}
YAML

it "without a file, cupel.yaml or .cupel.yaml is read, and - is standard input"
mkdir none hidden both && cp choose.yaml hidden/.cupel.yaml && cp choose.yaml both/cupel.yaml && echo x >both/.cupel.yaml
for where in hidden both; do
    (cd "$where" && "$CUPEL" list) >stdout 2>stderr || bad "list: $(<stderr)"
    expect_equal "$(wc -l <stdout)" 6
    (cd "$where" && "$CUPEL" validate) >stdout 2>stderr || bad "validate: $(<stderr)"
done
expect_equal "$(<stdout)" 'cupel.yaml: ok (6 jobs)'
for command in run list validate; do
    STATUS=0
    (cd none && "$CUPEL" "$command") >stdout 2>stderr || STATUS=$?
    expect_exit 2
    expect_stderr "cupel $command takes .*, and there is no cupel.yaml or .cupel.yaml here"
done
sed 's/docs: {/docs: {matrx: 3, /' choose.yaml >wrong.yaml
STATUS=0
"$CUPEL" validate - <wrong.yaml >stdout 2>stderr || STATUS=$?
expect_exit 2
expect_stderr "^<stdin>:7:10: unknown key 'matrx'"
"$CUPEL" run --out "$T/out" - --only docs --keep-failed <choose.yaml >stdout 2>stderr || bad "run -: $(<stderr)"
expect_equal "$(ran)" docs
STATUS=0
"$CUPEL" list - - <choose.yaml >stdout 2>stderr || STATUS=$?
expect_exit 2

it "--dry-run tells what would run, and creates nothing"
rm -rf out
cupel_run choose.yaml --dry-run --only 'test/N=[13]'
expect_exit 0
expect_equal "$(paste -sd ' ' stdout)" "build test/N=1 test/N=3"
expect test ! -e out
cupel_run wrong.yaml --dry-run
expect_exit 2

it "--json tells how it goes on after a job"
job_file flow.yaml <<'YAML'
cupel: 1
defaults: {run: "true"}
jobs:
  a: {allow-failure: true, retries: 2, retry-on: [timeout, failed, 77], retry-delay: 1500ms, secrets: [TOKEN]}
  b: {needs: [{job: a, when: always}, c], allow-failure: {exit: 3, verdicts: [timeout]}, after: "true", artifacts: /out}
  c: {matrix: {N: [1]}, max-parallel: 1, fail-fast: true}
YAML
run_cupel list flow.yaml --json
expect_exit 0
flow() { jq -cS --arg job "$1" '.[] | select(.name == $job) | del(.file, .name, .rootfs, .tags)' stdout; }
expect_equal "$(flow a)" '{"allow-failure":true,"needs":[],"retries":2,"retry-delay":1.5,"retry-on":["timeout","failed",77],"secrets":["TOKEN"]}'
expect_equal "$(flow b)" '{"after":true,"allow-failure":{"exit":[3],"verdicts":["timeout"]},"artifacts":["/out"],"needs":["a","c/N=1"],"needs-when":{"a":"always"}}'
expect_equal "$(flow c/N=1)" '{"fail-fast":true,"matrix":{"N":"1"},"max-parallel":1,"needs":[],"of":"c"}'

it "--skip leaves jobs out"
cupel_run choose.yaml -j 1 --skip 'test/*' --skip lint
expect_exit 0
expect_equal "$(ran)" "build docs"
expect_equal "$(listed --skip 'test/N=[12]' --skip lint)" "build test/N=3 docs"

it "what another needs is not skipped, and that is said"
cupel_run choose.yaml -j 1 --only 'test/*' --skip build --skip 'test/N=2'
expect_exit 0
expect_equal "$(ran)" "build test/N=1 test/N=3"
expect_stderr "'build' is not skipped: a job that is chosen needs it"

it "--tag takes patterns"
expect_equal "$(listed --tag 'quick*')" "build lint test/N=1 test/N=2 test/N=3"
expect_equal "$(listed --tag 'd?cs' --tag quick-style)" "lint docs"
expect_equal "$(listed --tag 'quick*' --skip 'test/*')" "lint"

it "what matches no job names the nearest, and nothing runs"
for option in '--only lnit' '--skip lnit'; do
    rm -rf out
    # shellcheck disable=SC2086 # two words
    cupel_run choose.yaml $option
    expect_exit 2
    expect_stderr "no job of choose.yaml is named 'lnit'"
    expect_stderr "did you mean 'lint'\\?"
    expect test ! -e out
done
cupel_run choose.yaml --tag dcos
expect_exit 2
expect_stderr "no job of choose.yaml has the tag 'dcos'"
cupel_run choose.yaml --skip 'test'
expect_exit 2
expect_stderr "did you mean 'test/\\*'\\? These are its instances"
cupel_run choose.yaml --skip '*'
expect_exit 2
expect_stderr "what is skipped leaves no job of choose.yaml"

job_file other.yaml <<'YAML'
cupel: 1
jobs: {lint: {run: "true"}, extra: {run: "true"}}
YAML

it "of several files, a pattern has to match in one"
cupel_run choose.yaml other.yaml -j 1 --only extra --only docs
expect_exit 0
expect_equal "$(ran)" "docs extra"
run_cupel list choose.yaml other.yaml --only 'l*'
expect_equal "$(paste -sd ' ' stdout)" "lint lint"
cupel_run choose.yaml other.yaml --only extr
expect_exit 2
expect_stderr "no job of these 2 files is named 'extr'"

job_file order.yaml <<'YAML'
cupel: 1
jobs:
  last: {run: "true", needs: n/N=1}
  n: {matrix: {N: {range: [1, 9]}}, run: "true"}
YAML

it "--shuffle gives another order, and its seed gives that order again"
cupel_run order.yaml -j 1
in_file=$(ran)
cupel_run order.yaml -j 1 --shuffle
expect_exit 0
seed=$(sed -n 's/.*shuffled: --shuffle=\([0-9]*\) gives this order again.*/\1/p' stderr)
expect test -n "$seed"
first=$(ran)
cupel_run order.yaml -j 1 --shuffle="$seed"
expect_stderr "--shuffle=$seed gives this order again"
expect_equal "$(ran)" "$first"
expect_equal "$(tr ' ' '\n' <<<"$first" | sort)" "$(tr ' ' '\n' <<<"$in_file" | sort)"
cupel_run order.yaml -j 1 --shuffle=1
one=$(ran)
cupel_run order.yaml -j 1 --shuffle=2
expect test "$one" != "$(ran)"
expect_equal "$(ran | grep -c 'n/N=1.* last')" 1 # needs hold
cupel_run order.yaml --shuffle=x
expect_exit 2

job_file fails.yaml <<'YAML'
cupel: 1
jobs:
  may: {run: exit 1, allow-failure: true}
  a: {run: exit 1}
  b: {run: "true"}
  c: {run: exit 1}
  d: {run: exit 1}
YAML

it "--fail-fast=N starts nothing more after N jobs that did not pass"
cupel_run fails.yaml -j 1 --fail-fast=2
expect_exit 1
expect_equal "$(ran)" "may a b c"
expect_verdict d skipped
expect_evidence d '^2 jobs did not pass, and --fail-fast=2 was given$'
cupel_run fails.yaml -j 1 --fail-fast
expect_equal "$(ran)" "may a"
expect_evidence d '^an earlier job did not pass, and --fail-fast was given$'
cupel_run fails.yaml -j 1 --fail-fast=9
expect_equal "$(ran)" "may a b c d"
expect_junit_valid
cupel_run fails.yaml --fail-fast=0
expect_exit 2
expect_clean

all_done

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Which files are read when none is named; what --dry-run and --json tell; which jobs of a file run (--only, --skip, --tag, --rerun-failed), in which order (--shuffle), and after how many failures no more (--fail-fast=N).
# No twin as an ordinary user: what runs is chosen before anything asks who that is.
# time-limit: 120
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

ran() { jq -r 'select(.step == null and .attempts) | .job' out/results.jsonl | paste -sd ' '; }
listed() { # listed OPTION...: what cupel list says of choose.yaml
    run_cupel list choose.yaml "$@"
    sed 's/ .*//' stdout | paste -sd ' '
}

again() { run_cupel run --out out --rerun-failed "$@"; } # cupel_run begins anew

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
expect_equal "$(paste -sd ' ' stdout)" "choose.lint other.lint"
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
job_file outstanding.yaml <<'YAML'
cupel: 1
jobs:
  built: {run: touch /made}
  good: {run: "true"}
  bad: {run: "test -e /work/mend", inputs: [{from: flag, to: /work}], from: built}
  after: {run: "true", needs: bad}
  tidy: {run: "true", needs: [{job: good, when: failure}]}
  may: {run: exit 1, allow-failure: true}
  other: {run: "test -e /work/mend", inputs: [{from: flag, to: /work}]}
YAML
mkdir flag

it "jobs of several files with one name are told apart, by name, glob and matrix, from list to rerun"
job_file one.yaml <<'YAML'
cupel: 1
jobs:
  same: {matrix: {P: [a/b, "c[1]"]}, run: 'test "$P" = a/b'}
  mine: {run: "true"}
YAML
job_file two.yaml <<'YAML'
cupel: 1
jobs:
  same: {matrix: {P: [a/b, "c[1]"]}, run: exit 1}
YAML
run_cupel list one.yaml two.yaml --skip 'two.*1]'
expect_equal "$(paste -sd ' ' stdout)" "one.same/P=a/b one.same/P=c[1] mine two.same/P=a/b"
cupel_run one.yaml two.yaml -j 1
expect_exit 1
again one.yaml two.yaml -j 1 --only 'one.*'
expect_exit 1
expect_equal "$(jq -r 'select(.attempts) | .id' out/results.jsonl | paste -sd ' ')" 'one.same/P=c[1]'
again one.yaml two.yaml --dry-run --only 'two.same/P=c[1]'
expect_exit 0
expect_equal "$(<stdout)" 'two.same/P=c[1]'
cat >one.yaml <<'YAML'
cupel: 1
jobs: {same: {matrix: {P: [a/b, "c[1]"]}, run: "true"}}
YAML
again one.yaml two.yaml --skip 'two.same/P=*'
expect_exit 5
expect_stderr '2 jobs were not rerun, and still outstanding: two.same/P=a/b, two.same/P=c\[1\]$'

it "--rerun-failed runs what has not passed, and what that needs"
cupel_run outstanding.yaml --rerun-failed
expect_exit 2
expect_stderr "'.*/out' has no results of an earlier run"
cupel_run outstanding.yaml -j 1
expect_exit 1
expect_equal "$(ran)" "built good bad may other"
again outstanding.yaml -j 1
expect_exit 1
expect_stderr '3 jobs are outstanding'
expect_equal "$(ran)" "built bad other"
touch flag/mend

it "what a choice leaves outstanding is exit code 5, and named"
again outstanding.yaml -j 1 --only after
expect_exit 5
expect_equal "$(ran)" "built bad after"
expect_stderr '1 job was not rerun, and still outstanding: other'
again outstanding.yaml --only good
expect_exit 5
expect_stderr 'nothing of what was chosen is outstanding'
again outstanding.yaml -j 1
expect_exit 0
expect_equal "$(ran)" "other"
again outstanding.yaml
expect_exit 0
expect_stderr 'nothing of what was chosen is outstanding'
expect_equal "$(ran)" "other"

it "what was never run is outstanding; what is in the file no longer is told"
rm flag/mend
cupel_run outstanding.yaml -j 1 --fail-fast --only other --only good --only tidy
expect_exit 1
sed -i 's/^  other:/  renamed:/' outstanding.yaml
touch flag/mend
again outstanding.yaml -j 1
expect_exit 0
expect_stderr "'other' did not pass, and is in outstanding.yaml no longer"
expect_equal "$(ran)" "built bad after may renamed"

it "a run that was killed has what it has not finished outstanding, and what came before"
job_file killed.yaml <<'YAML'
cupel: 1
defaults: {inputs: [{from: flag, to: /work}]}
jobs: {one: {run: "true"}, two: {run: "test -e /work/mend || sleep 1000"}, three: {run: "true"}}
YAML
rm flag/mend
cupel_start killed.yaml -j 1
expect wait_until 60 grep -qs '"job":"one"' out/results.jsonl
kill -KILL "$CUPEL_PID"
cupel_wait
touch flag/mend
again killed.yaml -j 1
expect_exit 0
expect_equal "$(ran)" "two three"
expect_clean

it "so it is with a run that was interrupted; what has not begun is outstanding too"
rm flag/mend
cupel_start killed.yaml -j 1
expect wait_until 60 grep -qs '"job":"one"' out/results.jsonl
kill -INT "$CUPEL_PID"
cupel_wait
expect_exit 130
again killed.yaml --dry-run
expect_exit 0
expect_equal "$(paste -sd ' ' stdout)" "two three"
touch flag/mend
again killed.yaml -j 1
expect_exit 0
expect_equal "$(ran)" "two three"

it "a file of another run stays outstanding"
job_file also.yaml <<'YAML'
cupel: 1
jobs: {elsewhere: {run: exit 1}}
YAML
cupel_run killed.yaml also.yaml
expect_exit 1
again ./killed.yaml
expect_exit 5
expect_stderr '1 job was not rerun, and still outstanding: elsewhere'
again "$T/also.yaml"
expect_exit 1

it "what is kept of earlier runs is no link, and lines that are none say nothing"
cupel_run killed.yaml
ln -sf /etc/passwd out/earlier.jsonl
again killed.yaml
expect_exit 2
expect_stderr "cannot read the results of an earlier run in 'out'"
cupel_run killed.yaml
printf '%s\n' '{"job"' '[]' '{"file": 3, "job": []}' >>out/results.jsonl
again killed.yaml
expect_exit 0
expect_clean

all_done

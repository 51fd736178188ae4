#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The program's exit codes, and what the command line accepts.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

job_file ok.yaml <<'YAML'
cupel: 1
jobs:
  a-one: {run: echo one, tags: [quick]}
  b-two: {run: echo two, needs: [a-one]}
  c-three: {run: echo three, tags: [quick, odd], description: the third}
YAML
job_file bad.yaml <<'YAML'
cupel: 1
jobs:
  a: {run: echo, limits: {memroy: 1M}}
  b: {run: echo, need: [a]}
YAML
job_file fails.yaml <<'YAML'
cupel: 1
jobs:
  bad: {run: exit 1}
  good: {run: sleep 0.5}
  late: {run: echo late, needs: [good]}
YAML

it "all passed is 0"
cupel_run ok.yaml
expect_exit 0
expect [ -s "$T/out/junit.xml" ]
expect_junit_valid
expect_clean

it "a failure is 1"
cupel_run fails.yaml
expect_exit 1

it "a wrong job file is 2, with every error, its place and a suggestion"
cupel_run bad.yaml
expect_exit 2
expect_stderr 'bad\.yaml:3:'
expect_stderr "did you mean 'memory'"
expect_stderr 'bad\.yaml:4:'
expect_stderr "did you mean 'needs'"
expect_not [ -e "$T/out" ]

it "validate says the same and runs nothing"
run_cupel validate bad.yaml
expect_exit 2
expect_stderr 'bad\.yaml:3:'
run_cupel validate ok.yaml
expect_exit 0

it "a job file that is not there is 2 and named"
run_cupel run nosuch.yaml
expect_exit 2
expect_stderr 'nosuch\.yaml'

it "wrong command lines are 2"
for arguments in "" "nosuchcommand" "run" "grade" "grade --by" "grade --at noon ok.yaml" "grade ok.yaml" "run --nosuchoption ok.yaml" "run -j 0 ok.yaml" "run -j x ok.yaml" "validate"; do
    # shellcheck disable=SC2086
    run_cupel $arguments
    expect_exit 2
    expect [ -s "$T/stderr" ]
done

it "a filter that matches nothing is 2"
cupel_run ok.yaml --only 'zz*'
expect_exit 2
expect_stderr 'zz\*'
cupel_run ok.yaml --tag nosuchtag
expect_exit 2
expect_stderr 'nosuchtag'

it "--only runs what matches and what that needs"
cupel_run ok.yaml --only 'b-*'
expect_exit 0
expect_verdict a-one passed
expect_verdict b-two passed
expect_equal "$(job_lines | wc -l)" 2

it "--tag runs what carries it"
cupel_run ok.yaml --tag odd
expect_exit 0
expect_verdict c-three passed
expect_equal "$(job_lines | wc -l)" 1

it "--fail-fast starts nothing after a failure"
cupel_run fails.yaml -j 1 --fail-fast
expect_exit 1
expect_verdict bad failed
expect_result late '.verdict == "cancelled" or .verdict == "skipped"'

it "list names the jobs"
run_cupel list ok.yaml
expect_exit 0
expect_stdout 'a-one'
expect_stdout 'c-three.*the third'

it "schema is JSON Schema"
run_cupel schema
expect_exit 0
expect jq -e '."$schema" | test("json-schema")' "$T/stdout"

it "--version and help are 0"
run_cupel --version
expect_exit 0
expect_stdout '^cupel [0-9]+\.[0-9]+'
run_cupel help
expect_exit 0
expect_stdout 'run'
run_cupel --help
expect_exit 0

it "help COMMAND is COMMAND --help; a wrong option is told with the nearest"
run_cupel help run
expect_exit 0
expect_stdout '^usage: cupel run \[FILE\.\.\.\] \[options\]'
run_cupel help rootfs import
expect_exit 0
expect_stdout '^usage: cupel rootfs import '
run_cupel help runn
expect_exit 2
expect_stderr "did you mean 'run'"
for line in 'help help' 'help --help' 'help -h'; do
    read -ra words <<<"$line"
    run_cupel "${words[@]}"
    expect_exit 0
    expect_stdout '^usage: cupel help \[COMMAND\]'
done
run_cupel help version
expect_exit 0
expect_stdout '^usage: cupel version'
run_cupel hepl
expect_exit 2
expect_stderr "did you mean 'help'"
run_cupel run --keep-faild ok.yaml
expect_exit 2
expect_stderr 'did you mean --keep-failed'
run_cupel run --sample 1us ok.yaml
expect_exit 2
expect_stderr "from 10ms to 1h, or off, got '1us'"

it "completion and man page know every option that a command's help shows"
commands_of() {
    "$CUPEL" ${1:+"$1"} --help | sed -n "s/^  \([a-z]*\) .*/${1:+$1 }\1/p"
}
mapfile -t commands < <(commands_of; commands_of rootfs; commands_of cache)
expect [ "${#commands[@]}" -gt 12 ]
for command in "${commands[@]}"; do
    read -ra words <<<"$command"
    for option in $("$CUPEL" "${words[@]}" --help | grep -oE '^ +(-., )?--[a-z-]+' | grep -oE -- '--[a-z-]+'); do
        expect grep -q -e "$option" "$e2e/../../packaging/completion/cupel.bash"
        expect grep -qE "Fl [\\]-${option#--}" "$e2e/../../docs/cupel.1"
    done
done

it "two files make one run"
job_file other.yaml <<'YAML'
cupel: 1
jobs:
  other: {run: echo other}
YAML
cupel_run ok.yaml other.yaml
expect_exit 0
expect_verdict other passed
expect_verdict a-one passed
expect_junit_valid

it "without a store of one's own there is one clear error and exit 3"
chmod 755 "$T"
STATUS=0
(grouped setpriv --reuid=65534 --regid=65534 --clear-groups "$CUPEL" run --out "$T/out-user" ok.yaml) >"$T/stdout" 2>"$T/stderr" || STATUS=$?
if ((STATUS == 126 || STATUS == 127)); then
    skip_it "an ordinary user cannot reach $CUPEL here"
else
    expect_exit 3
    expect_stderr 'root cache .*: Permission denied'
    expect_equal "$(grep -c 'error:' "$T/stderr")" 1
fi

all_done

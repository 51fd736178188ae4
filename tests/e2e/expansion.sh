#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a job file says once and means many times, in runs: instances of a matrix with their values, in pairs, so many at once,
# failing fast; templates and files that are included; parameters; directories that others have filled; a failed instance opened again.
# time-limit: 120
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

mkdir -p tree/bin && cp "$(command -v busybox)" tree/bin/busybox && ln -s busybox tree/bin/sh && tar -C tree -cf root.tar .
head='cupel: 1
rootfs: {plain: {tar: root.tar}}
params: {LEVEL: "1"}
defaults: {rootfs: plain, limits: {wall: 1m}}
'
ids() { jq -r "select(.step == null)${1:-} | .id" <(job_lines) | sort | tr '\n' ' '; }

it "each instance has its values, in its text and its environment, and starts from its own"
{
    printf %s "$head"
    cat <<'YAML'
jobs:
  build:
    matrix: {CC: [gcc, "c c"], SAN: ["", address], exclude: [{CC: gcc, SAN: address}]}
    run: echo "$CC,$SAN,${{ CC }},${{ params.LEVEL }}" >/made; echo '$${{ CC }}'
    artifacts: /made
  test:
    matrix: {CC: [gcc, "c c"]}
    from: build
    run: /bin/busybox cat /made
    expect: {stdout: "${{ CC }},,${{ CC }},1\n"}
YAML
} >pairs.yaml
sed '/^  test/,$d' pairs.yaml >built.yaml
cupel_run built.yaml --set LEVEL=3
expect_exit 0
expect_equal "$(ids)" 'build/CC=c c,SAN= build/CC=c c,SAN=address build/CC=gcc,SAN= '
expect_equal "$(cat "out/$(result 'build/CC=c c,SAN=address' '.artifacts[0].path')")" 'c c,address,c c,3'
# shellcheck disable=SC2016 # as it is
expect_equal "$(cat "out/$(result 'build/CC=gcc,SAN=' .logs.stdout)")" '${{ CC }}'
expect_junit_valid
run_cupel validate pairs.yaml
expect_exit 2
expect_stderr "'test/CC=c c' starts from one job, and 'build' is 2 of them: 'build/CC=c c,SAN=', 'build/CC=c c,SAN=address'"
sed 's/SAN: \["", address\], exclude.*SAN: address}\]/SAN: [""]/' pairs.yaml >paired.yaml
cupel_run paired.yaml
expect_exit 0
expect_equal "$(ids '| select(.verdict == "passed")')" 'build/CC=c c,SAN= build/CC=gcc,SAN= test/CC=c c test/CC=gcc '
cupel_run paired.yaml --only 'test/*gcc'
expect_equal "$(ids)" 'build/CC=gcc,SAN= test/CC=gcc '

it "no two instances of a job run at once where it says so, and others run beside them"
{
    printf %s "$head"
    cat <<'YAML'
jobs:
  one: {matrix: {N: {range: [1, 6]}}, max-parallel: 1, run: ": ${{ N }}"}
  other: {matrix: {N: {range: [1, 6]}}, run: ": ${{ N }}"}
YAML
} >parallel.yaml
cupel_run parallel.yaml -j 4
expect_exit 0
expect_equal "$(ids | wc -w)" 12

it "shards of a job know which of how many they are, and all of them are needed"
{
    printf %s "$head"
    cat <<'YAML'
jobs:
  a: {parallel: 3, max-parallel: 1, run: 'echo "$CI_NODE_INDEX/$CI_NODE_TOTAL $TEST_SHARD_INDEX/$TEST_TOTAL_SHARDS"; test ${{ CI_NODE_INDEX }} != 3'}
  b: {parallel: 2, needs: a, run: ":"}
YAML
} >shards.yaml
cupel_run shards.yaml -j 2
expect_exit 1
expect_equal "$(cat "out/$(result a/CI_NODE_INDEX=2 .logs.stdout)")" '2/3 1/3'
expect_equal "$(ids '| select(.verdict == "skipped")')" 'b/CI_NODE_INDEX=1 b/CI_NODE_INDEX=2 '

it "once an instance has not passed, those that have not started are skipped, and what needs them"
{
    printf %s "$head"
    cat <<'YAML'
jobs:
  a: {matrix: {N: {range: [1, 4]}}, fail-fast: true, run: "test ${{ N }} != 2"}
  b: {run: ":"}
  c: {matrix: {N: ["1", "4"]}, needs: a, run: ":"}
YAML
} >fast.yaml
cupel_run fast.yaml -j 1
expect_exit 1
expect_equal "$(ids '| select(.verdict == "passed")')" 'a/N=1 b c/N=1 '
expect_equal "$(ids '| select(.verdict == "skipped")')" 'a/N=3 a/N=4 c/N=4 '
expect_equal "$(result a/N=3 .evidence)" "'a/N=2', of the same job, did not pass (failed), and the job says fail-fast"

it "what others have put into a directory is found by its name, and is no other instance's matter"
mkdir -p subs/anna subs/bert "subs/c,d" && echo anna >subs/anna/out && echo bert >subs/bert/out && echo cd >"subs/c,d/out"
ln -s /etc subs/link && mkfifo subs/fifo && touch subs/file
{
    printf %s "$head"
    cat <<'YAML'
jobs:
  grade:
    matrix: {SUB: {dirs: "subs/*"}}
    inputs: [{from: "${{ SUB }}", to: /work}]
    run: /bin/busybox cat out
YAML
} >grade.yaml
cupel_run grade.yaml
expect_exit 1
expect_equal "$(ids '| select(.verdict == "passed")')" 'grade/SUB=anna grade/SUB=bert grade/SUB=c%2Cd '
expect_equal "$(ids '| select(.verdict == "invalid-submission")')" 'grade/SUB=link '
expect_equal "$(cat "out/$(result 'grade/SUB=c%2Cd' .logs.stdout)")" cd

it "what lies below that, and leads away or is no file, is that instance's result too, wherever the pattern begins"
echo answer >key && mkdir -p subs/dora subs/emil subs/fred/out && ln -s "$T/key" subs/dora/out && mkfifo subs/emil/out
for from in subs "$T/subs"; do
    {
        printf %s "$head"
        sed "s|FROM|$from|" <<'YAML'
jobs:
  input:
    matrix: {SUB: {dirs: "FROM/*"}}
    inputs: [{from: "${{ SUB }}/out", to: /work/in}]
    run: [/bin/busybox, cat, /work/in]
  stdin:
    matrix: {SUB: {dirs: "FROM/*"}}
    stdin-file: "${{ SUB }}/out"
    run: [/bin/busybox, cat]
  expected:
    matrix: {SUB: {files: "FROM/[a-f]*/out"}}
    expect: {stdout-file: "${{ SUB }}"}
    run: [/bin/busybox, echo, anna]
YAML
    } >below.yaml
    cupel_run below.yaml
    expect_exit 1
    for sub in anna bert c%2Cd; do
        expect_result "input/SUB=$sub" '.verdict == "passed"'
        expect_result "stdin/SUB=$sub" '.verdict == "passed"'
    done
    for sub in dora emil; do
        expect_result "input/SUB=$sub" '.verdict == "invalid-submission"'
        expect_result "stdin/SUB=$sub" '.verdict == "invalid-submission"'
    done
    expect_result stdin/SUB=fred '.verdict == "invalid-submission"'
    expect_equal "$(ids '| select(.id | startswith("expected/")) | select(.verdict == "passed")' | wc -w)" 1
    expect_equal "$(ids '| select(.id | startswith("expected/")) | select(.verdict == "invalid-submission")' | wc -w)" 1
    expect_equal "$(grep -rl answer out)" ''
done
rm -r subs/dora subs/emil subs/fred key

it "a directory that cannot be looked into is its own instance's result, and the others run"
deep=$(printf 'd/%.0s' {1..70})
mkdir -p "subs/dora/$deep"
{
    printf %s "$head"
    cat <<'YAML'
jobs:
  deep: {matrix: {SUB: {files: "subs/**/ou[t]"}}, inputs: [{from: "${{ SUB }}", to: /work/in}], run: [/bin/busybox, cat, /work/in]}
  flat: {matrix: {SUB: {files: "subs/*/out"}}, inputs: [{from: "${{ SUB }}", to: /work/in}], run: [/bin/busybox, cat, /work/in]}
YAML
} >unfit.yaml
cupel_run unfit.yaml
expect_exit 1
expect_equal "$(result deep/SUB=dora .evidence)" 'subs/dora has directories nested deeper than 64'
expect_equal "$(ids '| select(.verdict == "invalid-submission")')" 'deep/SUB=dora '
expect_equal "$(ids '| select(.verdict == "passed") | select(.id | endswith("/SUB=subs/anna/out"))')" 'deep/SUB=subs/anna/out flat/SUB=subs/anna/out '
expect_equal "$(ids '| select(.verdict != "passed" and .verdict != "invalid-submission")')" ''
rm -r subs/dora

it "a failed instance is opened with the parameters that its run had"
{
    printf %s "$head"
    cat <<'YAML'
jobs:
  fails: {matrix: {N: [x]}, env: {LEVEL: "${{ params.LEVEL }}"}, run: "echo ${{ N }} >/mine; exit 3"}
YAML
} >fails.yaml
cupel_run fails.yaml --keep-failed --set LEVEL=7
expect_exit 1
# shellcheck disable=SC2016 # in the job
run_cupel shell --failed fails/N=x -- /bin/busybox sh -c 'echo "$LEVEL $N $(/bin/busybox cat /mine)"'
expect_equal "$(cat stdout)" '7 x x'
run_cupel clean --kept

it "who names a job that has instances is told one of them"
run_cupel shell fails.yaml fails -- true
expect_exit 2
expect_stderr "hint: did you mean 'fails/N=x'?"
run_cupel exec --root fails.yaml:fails -- true
expect_exit 2
expect_stderr "hint: did you mean 'fails/N=x'?"

it "jobs start from templates, of other files too, and are opened again with what those were"
mkdir -p common && echo data >common/data
cat >common/base.yaml <<'YAML'
rootfs: {shared: {tar: ../root.tar}}
templates:
  .base: {rootfs: shared, inputs: [{from: data, to: /data}], env: {A: base, B: base}}
  fails: {extends: .base, matrix: {N: ["1", "2"]}, run: "echo $A $B ${{ N }} $(/bin/busybox cat /data); test ${{ N }} = 1"}
YAML
cat >templates.yaml <<'YAML'
cupel: 1
include: common/base.yaml
defaults: {limits: {wall: 1m}}
jobs:
  job: {extends: fails, env: {B: own}}
YAML
cupel_run templates.yaml --keep-failed
expect_exit 1
expect_equal "$(cat "out/$(result job/N=1 .logs.stdout)")" 'base own 1 data'
expect_equal "$(cat "out/$(result job/N=2 .logs.stdout)")" 'base own 2 data'
run_cupel list --expanded templates.yaml
expect_exit 0
sed 's|from: data|from: common/data|; s|\.\./root.tar|root.tar|; s|busybox cat /data|busybox echo again|' stdout >expanded.yaml
run_cupel list --expanded --json expanded.yaml --only '*=2'
expect_equal "$(jq -c '.[0].jobs["job/N=2"].env' stdout)" '{"N":"2","A":"base","B":"own"}'
cp -r out out.kept && cupel_run expanded.yaml
expect_exit 1
expect_equal "$(cat "out/$(result job/N=1 .logs.stdout)")" 'base own 1 again'
rm -r out && mv out.kept out
echo 'rootfs: [' >common/base.yaml
run_cupel validate templates.yaml
expect_exit 2
expect_stderr 'common/base.yaml:2:1: the file ends here'
expect_stderr 'templates.yaml has 1 problem'
# shellcheck disable=SC2016 # in the job
run_cupel shell --failed job/N=2 -- /bin/busybox sh -c 'echo "$A $B $N"'
expect_exit 0
expect_equal "$(cat stdout)" 'base own 2'
run_cupel clean --kept

it "a parameter that no file has, or that must be given, is told"
run_cupel validate fails.yaml --set LEVEK=1
expect_exit 2
expect_stderr 'no file has such a parameter'
sed 's/params: .*/params: {OTHER: x}/; s/params.LEVEL/params.OTHER/' fails.yaml >others.yaml
for command in validate list; do
    run_cupel "$command" fails.yaml others.yaml --set LEVEL=1 --set OTHER=2
    expect_exit 0
    run_cupel "$command" fails.yaml others.yaml --set LEVEL=1 --set OTHES=2
    expect_exit 2
    expect_stderr '--set OTHES=2: no file has such a parameter'
    expect_equal "$(cat stdout)" ''
done
sed 's/LEVEL: "1"/LEVEL: null/' fails.yaml >must.yaml
cupel_run must.yaml
expect_exit 2
expect_stderr "the parameter 'LEVEL' must be given: --set LEVEL=VALUE, or CUPEL_PARAM_LEVEL in the environment"
CUPEL_PARAM_LEVEL=4 run_cupel list must.yaml
expect_exit 0

it "an id as long as it may be has files of its own"
long=$(printf 'x%.0s' {1..400})
{
    printf %s "$head"
    printf 'jobs:\n  a: {matrix: {A: [%s, %sy], B: [%s]}, run: "echo %s"}\n' "$long" "$long" "$long" '${{ A }}'
} >long.yaml
cupel_run long.yaml
expect_exit 0
expect_equal "$(jq -r .logs.stdout <(job_lines out) | sort -u | wc -l)" 2
expect_equal "$(cat "out/$(result "a/A=${long}y,B=$long" .logs.stdout)")" "${long}y"
expect_clean
all_done

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What jobs may be called, and that no two jobs of a run share an id, a log, an artifact, a test case or a kept directory, whatever
# their names and however many files they come from.
# sanitizers: no
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

mkdir a b
for dir in a b; do
    cat >$dir/grade.yaml <<YAML
cupel: 1
rootfs: {extra: {from: plain, run: [/bin/busybox, echo, made by $dir]}, plain: {tar: ../root.tar}}
defaults: {rootfs: extra, limits: {wall: 1m}}
jobs:
  sum: {run: [/bin/busybox, sh, -c, "echo sum of $dir; echo $dir >/mine; exit 3"], artifacts: [/mine]}
  only-$dir: {run: [/bin/busybox, echo, "$dir"]}
YAML
done
mkdir -p tree/bin && cp "$(command -v busybox)" tree/bin/ && tar -C tree -cf root.tar .

it "two files with a job of one name: each has its own"
cupel_run a/grade.yaml b/grade.yaml --keep-failed
expect_exit 1
expect_equal "$(jq -r .id <(job_lines out) | sort | tr '\n' ' ')" 'a/grade.yaml:sum b/grade.yaml:sum only-a only-b '
for dir in a b; do
    log=$(result "$dir/grade.yaml:sum" .logs.stdout)
    expect_equal "$(cat "out/$log")" "sum of $dir"
    expect_equal "$(cat "out/$(result "$dir/grade.yaml:sum" '.artifacts[0].path')")" $dir
    expect_equal "$(result "$dir/grade.yaml:sum" .job)" sum
    run_cupel shell --failed "$dir/grade.yaml:sum" -- /bin/busybox cat /mine
    expect_equal "$(cat stdout)" $dir
done
cases() { xmllint --xpath '//testcase' "$T/out/junit.xml" | grep -o '<testcase [^>]*' | grep -o 'name="[^"]*" classname="[^"]*"'; }
expect_equal "$(cases | sort | uniq -d)" ''
expect_equal "$(cases | wc -l)" 4
expect_junit_valid
expect_equal "$(find out/logs -name 'rootfs*' -printf '%f\n' | sort | tr '\n' ' ')" \
    'rootfs+a%2Fgrade.yaml%3Aextra.log rootfs+a%2Fgrade.yaml%3Aextra.stderr rootfs+a%2Fgrade.yaml%3Aextra.stdout rootfs+b%2Fgrade.yaml%3Aextra.log rootfs+b%2Fgrade.yaml%3Aextra.stderr rootfs+b%2Fgrade.yaml%3Aextra.stdout '

it "suites that tell the files apart come before the name; one file twice is counted"
sed 's/^cupel: 1/&\nname: first/' a/grade.yaml >a/first.yaml
cupel_run a/first.yaml b/grade.yaml --only sum
expect_equal "$(jq -r .id <(job_lines out) | sort | tr '\n' ' ')" 'first.sum grade.sum '
cupel_run a/grade.yaml a/grade.yaml --only sum
expect_equal "$(jq -r .id <(job_lines out) | sort | tr '\n' ' ')" 'a/grade.yaml:sum a/grade.yaml:sum#2 '

# Names that are one to something on their way: a file system without case, a path, an XML reader, an escape, a cut.
it "names as people have them, and such that could fall together"
long=$(printf 'x%.0s' {1..200})
hundred=$(printf 'é%.0s' {1..99})
python3 - "$long" "$hundred" >names.yaml <<'PY'
import json, sys
long, hundred = sys.argv[1:]
names = ['test:unit', 'build linux', 'tést/gcc', 'Build Linux', 'build  linux', 'build \\x20linux', 'build%20linux',
         'a', 'a/b', 'a#2', 'A', 'rootfs+r', 'x.stdout', 'x', "it's", '$(touch planted)', '../up', 'con', ' ', '日本語', '%', '%25',
         'café', 'cafe\u0301', long, long[:-1] + 'y', hundred + 'a', hundred + 'b', '"q"', '<a>&', '*', 'a\\b', '#', '~']
names = [n for n in names if not n.startswith('.')]
jobs = {n: {'run': ['/bin/busybox', 'sh', '-c', 'echo "$CUPEL_JOB"; echo "$CUPEL_JOB" >/mine'], 'artifacts': ['/mine']} for n in names}
jobs['a']['run'] = [{'name': 'b', 'run': jobs['a']['run']}, {'name': 'c', 'run': ['/bin/busybox', 'true']}]
jobs['tést/gcc']['needs'] = ['test:unit', 'build linux']
print(json.dumps({'cupel': 1, 'rootfs': {'plain': {'tar': 'root.tar'}}, 'defaults': {'rootfs': 'plain', 'limits': {'wall': '1m'}},
                  'jobs': jobs}))
PY
cupel_run names.yaml
expect_exit 0
expect_equal "$(jq -r .id <(job_lines out) | sort | uniq -d)" ''
expect_equal "$(jq -r 'select(.step == null) | .logs.stdout, (.artifacts[0].path | split("/")[1])' <(job_lines out) | tr '[:upper:]' '[:lower:]' | sort | uniq -d)" ''
expect_equal "$(cases | sort | uniq -d)" ''
expect_junit_valid
python3 - >wrong <<'PY'
import json
for line in open('out/results.jsonl'):
    r = json.loads(line)
    if r['type'] == 'job' and (open('out/' + r['logs']['stdout']).read() != r['job'] + '\n' or r['id'] != r['job']
                            or [open('out/' + a['path']).read() for a in r['artifacts']] != [r['job'] + '\n']):
        print(r['id'], r)
PY
expect_equal $? 0
expect_equal "$(cat wrong)" ''
expect_not [ -e planted ]
expect_equal "$(jq -r 'select(.step != null) | .id' out/results.jsonl | sort | tr '\n' ' ')" 'a/b#2 a/c '
cupel_run names.yaml --only 'build linux' --only 'tést/*'
expect_equal "$(jq -r .id <(job_lines out) | wc -l)" 3
run_cupel list names.yaml
expect_stdout '^tést/gcc$'

it "a name that cannot be one is told with what is wrong"
printf 'cupel: 1\njobs: {.a: {run: x}, "-b": {run: x}, "c\\td": {run: x}, "%s": {run: x}}\n' "${long}x" >bad.yaml
run_cupel validate bad.yaml
expect_exit 2
expect_stderr "'\.a' is no name for a job: it begins with '\.'"
expect_stderr "'-b' is no name for a job: it begins with '-'"
expect_stderr 'letter 2, U\+0009'
expect_stderr 'it has 201 bytes, and 200 are possible'

it "a job of any such name can be entered, and what it left opened"
job_file run.yaml <<'YAML'
cupel: 1
rootfs: {plain: {tar: root.tar}}
defaults: {rootfs: plain, limits: {wall: 1m}}
jobs:
  "it's a/b c": {run: [/bin/busybox, sh, -c, "echo here >/mine; echo on; while ! [ -e /go ]; do sleep 0.1; done; exit 3"]}
YAML
cupel_start run.yaml --keep-failed
expect wait_until 20 grep -qs on "$T/out/logs/it%27s%20a%2Fb%20c.stdout"
(grouped "$CUPEL" enter "it's a/b c" -- /bin/busybox cat /mine) >enter.out 2>&1 </dev/null
expect_equal "$(cat enter.out)" here
(grouped "$CUPEL" enter "it's a/b c" -- /bin/busybox touch /go) >enter.out 2>&1 </dev/null # ends with the job, or before it
cupel_wait
expect_exit 1
expect_stderr "reopen: cupel shell --failed 'it'\\\\''s a/b c'"
run_cupel shell --failed "it's a/b c" -- /bin/busybox cat /mine
expect_equal "$(cat stdout)" here
run_cupel clean --kept
expect_clean
all_done

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A class that hands in C, Python and shell scripts: each is compiled and run as its language says, with its limits, and what nobody can
# tell the language of is that one's fault alone. What else there may be in a submission: tests/unit/test_jobs_languages.c.
# sanitizers: no
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

mkdir -p subs/{c,broken,python,shell,says,both,none,link,fifo,unreadable}
printf '#include "add.h"\n#include <stdio.h>\nint main(void) { int a, b; return scanf("%%d %%d", &a, &b) == 2 && printf("%%d\\n", add(a, b)) > 0 ? 0 : 1; }\n' >subs/c/main.c
printf 'int add(int a, int b);\n' >subs/c/add.h
printf '#include "add.h"\nint add(int a, int b) { return a + b; }\n' >"subs/c/two words.c"
echo 'int main(void) { return' >subs/broken/main.c
printf 'from help import add\nprint(add(*map(int, input().split())))\n' >subs/python/main.py
printf 'def add(a, b):\n    return a + b\n' >subs/python/help.py
echo 'read -r a b; echo $((a + b))' >subs/shell/sum.sh
cp subs/shell/sum.sh subs/broken/main.c subs/says/ && echo shell >subs/says/language
cp subs/shell/sum.sh subs/broken/main.c subs/both/
echo 'see sum.sh' >subs/none/README
mkdir host && cp subs/shell/sum.sh host/
ln -s ../../host/sum.sh subs/link/sum.sh
ln -s ../host subs/outside
mkfifo subs/fifo/sum.sh subs/fifo/language
cp subs/shell/sum.sh subs/unreadable/ && chmod 700 subs/unreadable

job_file grade.yaml <<'YAML'
cupel: 1
defaults: {limits: {wall: 20s}}
languages:
  c: {extensions: c, compile: 'gcc -o program "$@"', run: [/work/program]}
  python: {extensions: py, main: main.py, run: 'exec python3 "$SUBMISSION_MAIN"', time-factor: 2, time-allowance: 1s, memory-factor: 2.5}
  shell: {extensions: [sh, bash], compile: 'sh -n "$1"', run: [sh, "${{ SUBMISSION_MAIN }}"], memory-allowance: 1M}
jobs:
  compile:
    role: compile
    matrix: {SUBMISSION: {dirs: "subs/*"}}
    inputs: [{from: "${{ SUBMISSION }}", to: /work}]
  grade:
    matrix: {SUBMISSION: {dirs: "subs/*"}}
    from: compile
    limits: {cpu-time: 10s, memory: 64M}
    cases:
      - {name: small, stdin: "1 2\n", expect: {stdout: "3\n"}}
      - {name: large, stdin: "1000 2000\n", expect: {stdout: "3000\n"}, limits: {cpu-time: {limit: 5s, kill: 7s}}}
YAML
cupel_run grade.yaml

it "C, Python and shell scripts, and what says itself what it is in"
expect_exit 1
for submission in c python shell says; do
    expect_verdict "grade/SUBMISSION=$submission/small" passed
    expect_verdict "grade/SUBMISSION=$submission/large" passed
done
expect_verdict compile/SUBMISSION=broken compile-error

it "limits are those of the language"
limits='[.limits.cpu_time_seconds, .limits.cpu_time_kill_seconds, .limits.wall_seconds, .limits.memory_bytes / 1048576]'
expect_result grade/SUBMISSION=c/small "$limits == [10, null, 20, 64]"
expect_result grade/SUBMISSION=python/small "$limits == [21, null, 41, 160]"
expect_result grade/SUBMISSION=python/large "$limits == [11, 15, 41, 160]"
expect_result grade/SUBMISSION=shell/large "$limits == [5, 7, 20, 65]"
expect_result compile/SUBMISSION=python '.limits.wall_seconds == 20'

it "what is in none, in several, or nobody can tell is an invalid submission of its own"
for submission in both none link outside fifo; do
    expect_verdict "compile/SUBMISSION=$submission" invalid-submission
    expect_verdict "grade/SUBMISSION=$submission/small" "not run"
done
expect_evidence compile/SUBMISSION=both 'subs/both is in two languages: c \(main.c\) and shell \(sum.sh\)'
expect_evidence compile/SUBMISSION=none 'subs/none has no file that ends in one of .c, .py, .sh, .bash'
expect_evidence compile/SUBMISSION=link 'subs/link has no file that ends in'
expect_evidence compile/SUBMISSION=outside 'subs/outside is a symbolic link'
expect_evidence compile/SUBMISSION=fifo "has a file 'language' that is no short text"
if [[ -n ${CUPEL_TEST_USER-} ]]; then
    expect_verdict compile/SUBMISSION=unreadable invalid-submission
    expect_evidence compile/SUBMISSION=unreadable 'subs/unreadable cannot be read'

    it "what whoever starts cupel has closed itself is nobody's fault: ungraded, with what to do"
    mkdir -p closed/{mine,open} && cp subs/shell/sum.sh closed/mine/ && cp subs/shell/sum.sh closed/open/
    chown "$CUPEL_TEST_USER" closed/mine && chmod 000 closed/mine
    sed 's:subs/:closed/:' grade.yaml >closed.yaml
    cupel_run closed.yaml
    expect_exit 3
    expect_verdict compile/SUBMISSION=mine error
    expect_evidence compile/SUBMISSION=mine '^closed/mine cannot be read: Permission denied \(see that whoever starts cupel can read it'
    expect_verdict grade/SUBMISSION=open/small passed
    expect_said '^grade/SUBMISSION=mine: ungraded: error at compile/SUBMISSION=mine'
else
    expect_verdict grade/SUBMISSION=unreadable/small passed
fi
expect_clean

it "mistakes are told with their place"
sed 's/time-factor: 2/time-factor: two/' grade.yaml >wrong.yaml
run_cupel validate wrong.yaml
expect_exit 2
expect_stderr "^wrong.yaml:5:[0-9]+: 'time-factor' must be a number such as 2 or 1.5"

it "a compiler that the root lacks is nobody's compile error; one that may be there is tried"
mkdir -p lacking/{one,two} tool && printf 'fine\n' >lacking/one/a.zz && printf 'exit 127\n' >lacking/two/a.sh
printf '#!/bin/sh\nexit 0\n' >tool/zzc && chmod 755 tool/zzc
# lacking_with COMPILE [KEY...]: what comes of it.
lacking_with() {
    local compile=$1
    shift
    {
        printf '%s\n' 'cupel: 1' 'defaults: {limits: {wall: 20s}}' 'languages:' \
            "  z: {extensions: zz, compile: $compile, run: [/bin/true]}" \
            "  shell: {extensions: sh, compile: 'sh \"\$1\"', run: [/bin/true]}" 'jobs:' '  compile:' '    role: compile' \
            '    matrix: {SUBMISSION: {dirs: "lacking/*"}}' "$@" '  grade:' '    matrix: {SUBMISSION: {dirs: "lacking/*"}}' \
            '    from: compile' '    cases: [{name: a, points: 1}]'
    } | job_file lacking.yaml
    cupel_run lacking.yaml
}
inputs='    inputs: [{from: "${{ SUBMISSION }}", to: /work}]'
for compile in "'zzc -o program \"\$@\"'" '[zzc, "$1"]' '[/usr/bin/zzc]' "' /opt/zzc x'"; do
    lacking_with "$compile" "$inputs"
    expect_verdict compile/SUBMISSION=one error
    expect_evidence compile/SUBMISSION=one "^its root has no program '.*zzc', which was to compile it: nothing was run; put it into the root\$"
    expect_verdict compile/SUBMISSION=two compile-error # a submission that ends so itself
    expect_said '^grade/SUBMISSION=one: ungraded: error at compile/SUBMISSION=one'
done
expect_exit 3
# what an input may bring is not looked for, and what a script does if there is none is the script's matter
lacking_with "'zzc \"\$@\"'" '    inputs: [{from: "${{ SUBMISSION }}", to: /work}, {from: tool, to: /usr/local/bin}]'
expect_verdict compile/SUBMISSION=one passed
for compile in "'zzc \"\$@\" || exit 3'" "'./zzc'" '[./zzc]'; do
    lacking_with "$compile" "$inputs"
    expect_verdict compile/SUBMISSION=one compile-error
done
# nor is what the root's shell does itself: a word of every shell, of dash alone, of bash alone
case $(readlink -f /bin/sh) in
*/dash) own=chdir others=pushd ;;
*) own=pushd others=zzc ;;
esac
for compile in "'umask 022'" "'$own /work'"; do
    lacking_with "$compile" "$inputs"
    expect_verdict compile/SUBMISSION=one passed
done
lacking_with "'$others /work'" "$inputs"
expect_verdict compile/SUBMISSION=one error
# nor where the working directory is searched, which is the submission's
lacking_with "'zzc \"\$@\"'" "$inputs" '    env: {PATH: "/usr/bin:/bin:."}'
expect_verdict compile/SUBMISSION=one compile-error
expect_clean

all_done

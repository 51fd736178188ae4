#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Problem packages that are made to do harm: each ends in one clear error, or judges as if the harm were not there, by all three
# commands that read one; nothing of the host is read, and nothing is left. What their bytes can do: tests/fuzz/fuzz_package.c.
# sanitizers: no
# time-limit: 180
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

mkdir theirs && echo cat >theirs/ann.sh
# fresh: a package 'p' that keeps its promises.
fresh() {
    rm -rf p && mkdir -p p/data/{sample,secret} p/submissions/accepted
    printf 'problem_format_version: 2025-09\nname: X\nuuid: 5ca6ba5b-36d5-4eff-8aa7-d967cbc4375e\nlicense: cc0\nlimits: {time_limit: 1, validation_time: 1}\n' >p/problem.yaml
    echo 3 | tee p/data/sample/1.in >p/data/sample/1.ans
    echo 4 | tee p/data/secret/1.in >p/data/secret/1.ans
    echo cat >p/submissions/accepted/cat.sh
}
# validator SCRIPT
validator() {
    mkdir -p p/output_validator && printf '#!/bin/sh\n%s\n' "$1" >p/output_validator/run && chmod 755 p/output_validator/run
}
# commands PACKAGE: all that read one, a line of arguments each.
commands() {
    printf '%s\n' "convert package $1" "problem verify $1 --out $T/out" "grade --out $T/out $1 theirs/ann.sh"
}
# refused MESSAGE [PACKAGE]: each says that, of one problem, makes nothing, and runs nothing.
refused() {
    local arguments
    while read -r arguments; do
        rm -rf out
        # shellcheck disable=SC2086 # its words
        run_cupel $arguments
        expect_exit 2
        expect_stderr "$1"
        expect_equal "$(grep -c 'cupel: error: ' stderr)" 1
        expect_not grep -q ' problems$' stderr
        expect_not grep -q "[^[:print:][:space:]]" stderr
        expect [ ! -s stdout -a ! -e out ]
    done < <(commands "${2-p}")
}

it "YAML that stands for more than there is room for, for itself, is nested without end, or is 100 MB"
fresh
{
    echo 'x1: &a1 [x,x,x,x,x,x,x,x,x]'
    for i in {2..12}; do echo "x$i: &a$i [*a$((i - 1)),*a$((i - 1)),*a$((i - 1)),*a$((i - 1)),*a$((i - 1)),*a$((i - 1)),*a$((i - 1)),*a$((i - 1)),*a$((i - 1))]"; done
} >>p/problem.yaml
refused '^.*p/problem.yaml:[0-9]+:[0-9]+: with what \*a[0-9]* stands for, the file has more than '
fresh
echo 'keywords: &a [*a]' >>p/problem.yaml
refused 'p/problem.yaml:6:15: \*a stands within what it stands for'
fresh
head -c 10000 /dev/zero | tr '\0' '[' >p/data/secret/test_group.yaml
refused 'p/data/secret/test_group.yaml:1:[0-9]+: .*(deep|levels)'
fresh
head -c 100M /dev/zero | tr '\0' '#' >>p/problem.yaml
refused 'p/problem.yaml: it has more than 1048576 bytes'

it "links that lead out of it, wherever they stand"
while read -r place; do
    fresh
    mkdir -p "$(dirname "p/$place")"
    rm -rf "p/$place" && ln -s /etc/passwd "p/$place"
    refused "p/$place: .*(the link leads out of the package|it is a symbolic link, and is not followed)"
done <<'TXT'
problem.yaml
data/secret/1.in
data/secret/1.yaml
data/secret/test_group.yaml
include/default
output_validator/run
submissions/accepted/cat.sh
TXT

it "what is no file, and files without end"
for place in problem.yaml data/secret/1.in data/secret/1.yaml output_validator/run; do
    fresh
    mkdir -p "$(dirname "p/$place")" && rm -f "p/$place" && mkfifo "p/$place"
    refused "p/$place: it is (no regular file|neither a file nor a directory)"
done
for place in in ans yaml; do
    fresh
    truncate -s 1T p/data/secret/1.$place
    refused "p/data/secret/1.$place: it (is larger than 1 GiB, which is the most that a job is given|has more than 1048576 bytes)"
done

it "other formats and archives are told from packages"
fresh
rm p/problem.yaml && echo 'test_cases: [{in: 1.in, out: 1.out}]' >p/init.yml
refused 'format of DMOJ, which is not read'
tar -cf p.tar p
for arguments in "convert package p.tar" "problem verify p.tar"; do
    # shellcheck disable=SC2086
    run_cupel $arguments
    expect_exit 2
    expect_stderr 'cupel: error: .*p.tar'
done

it "names that move the cursor or end a line are passed over, and so are shell words in flags"
fresh
mkdir p/submissions/$'q\n\e[1A' p/data/secret/$'d\e[2J'
echo 5 | tee p/data/secret/$'a\n\e[2Jb.in' >p/data/secret/$'a\n\e[2Jb.ans'
echo false >p/submissions/accepted/$'x\n\e[1Ay.sh'
run_cupel problem verify p --out "$T/out"
expect_exit 0
expect_stdout '^submissions/accepted/cat.sh: 2 AC,'
expect_not grep -q $'\e' stdout stderr
cat >p/problem.yaml <<'YAML'
name: X
validation: custom
validator_flags: '$(touch /tmp/harm) `touch harm` ; touch harm ${{ params.x }}'
YAML
mkdir -p p/output_validators/v
cat >p/output_validators/v/run <<'SH'
#!/bin/sh
[ "$4 $5 $6 $7 $8 ${13}" = '$(touch /tmp/harm) `touch harm` ; }}' ] && [ ! -e /tmp/harm ] && exit 42
exit 43
SH
chmod 755 p/output_validators/v/run
run_cupel problem verify p --out "$T/out"
expect_exit 0
expect_stdout '^submissions/accepted/cat.sh: 2 AC,'

it "a validator that prints a gibibyte, or never ends, is nobody's wrong answer"
for harm in 'head -c 1G /dev/zero; exit 42' 'exec sleep 1000'; do
    fresh
    validator "$harm"
    run_cupel problem verify p --out "$T/out"
    expect_exit 3
    expect_stdout '^ *not judged: 2 of its cases$'
    run_cupel grade --out "$T/out" p theirs/ann.sh
    expect_exit 3
    expect_stderr 'the checker is at fault: (output|wall) limit '
done

it "one of input that does so has accepted nothing and rejected nothing: what it has to do is named"
fresh
mkdir p/input_validators && echo 'while True: print("y" * 1000000)' >p/input_validators/loud.py && echo 'import time; time.sleep(1000)' >p/input_validators/slow.py
run_cupel problem verify p --out "$T/out"
expect_exit 1
expect_stdout '^data/secret/1.in: not judged by all validators$'
expect_stdout 'NOT AS PROMISED: input_validators/loud.py has to accept or to reject it, and ended as .output-limit.$'
expect_clean

all_done

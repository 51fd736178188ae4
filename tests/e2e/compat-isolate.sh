#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# packaging/compat/isolate: called as judges call isolate (CMS's and judge0's lists of options), with the meta-files, exit codes and
# files that they expect; and what a hostile program leaves in a box.
# sanitizers: no
# time-limit: 240
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

if ! command -v python3 >/dev/null || ! command -v gcc >/dev/null; then
    it "isolate's front end"
    skip_it "python3 or gcc is not installed"
    all_done
    exit 0
fi
mkdir compat boxes && cp "$top"/packaging/compat/* compat/ && chmod -R a+rX compat
[[ -z ${CUPEL_TEST_USER-} ]] || chown "$CUPEL_TEST_USER:$CUPEL_TEST_USER" boxes
export CUPEL_ISOLATE_ROOT=$T/boxes
STDIN=/dev/null

# isolate ARGUMENT...: as run_cupel.
isolate() {
    STATUS=0
    (grouped "$T/compat/isolate" "$@") >"$T/stdout" 2>"$T/stderr" <"$STDIN" || STATUS=$?
}
# As whoever starts the program; a judge writes its files itself.
caller() { "${as_who[@]}" "$@"; }
meta() { sed -n "s/^$1://p" "$T/meta/m"; }
expect_meta() {
    if meta "$1" | grep -qxE -- "$2"; then good; else bad "no $1:$2 in the meta-file" "$(cat "$T/meta/m")" "$(seen)"; fi
}
expect_no_meta() {
    if [[ -z $(meta "$1") ]]; then good; else bad "$1 should not be in the meta-file" "$(cat "$T/meta/m")"; fi
}
at_least() { awk -v a="$1" -v b="$2" 'BEGIN {exit !(a + 0 >= b + 0)}'; }
mkdir meta
[[ -z ${CUPEL_TEST_USER-} ]] || chown "$CUPEL_TEST_USER" meta
new_box() { # ARGUMENT...: leaves its directory in BOX
    isolate --box-id=3 --cg "$@" --init
    BOX=$(cat stdout)
}
in_box() { isolate --box-id=3 --cg "--meta=$T/meta/m" "$@"; }
put() { caller tee "$BOX/box/$1" >/dev/null; }

it "init prints a new box's directory, run needs one, clean-up removes it and may come twice"
isolate --box-id=5 --run -- /bin/true
expect_exit 2
expect_stderr 'did you run .*--init'
new_box
expect_exit 0
expect_equal "$BOX" "$T/boxes/3"
expect [ -d "$BOX/box" ]
echo old | put file
new_box
expect_equal "$(ls "$BOX/box")" ""
isolate --box-id=3 --cg --cleanup
expect_exit 0
expect [ ! -e "$BOX" ]
isolate --box-id=3 --cg --cleanup
expect_exit 0

# ---- as CMS calls it: its own directory as /tmp, writable by whom the modes say ------------------------------------------
cms_home() {
    rm -rf cms && mkdir -p cms/home
    [[ -z ${CUPEL_TEST_USER-} ]] || chown -R "$CUPEL_TEST_USER:$CUPEL_TEST_USER" cms
}
cms=(--chdir=/tmp "--dir=/tmp=$T/cms/home:rw" --dir=/dev/shm:tmp --dir=/etc/alternatives=/etc/alternatives:maybe)
program='
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
int main(void)
{
    char how[32] = "";
    int a = 0, b = 0;
    if (scanf("%d %d %31s", &a, &b, how) < 2)
        return 9;
    if (strcmp(how, "spin") == 0)
        for (;;)
            ;
    while (strcmp(how, "part") == 0 && clock() < CLOCKS_PER_SEC / 5)
        ;
    if (strcmp(how, "sleep") == 0)
        sleep(1000);
    if (strcmp(how, "eat") == 0)
        for (;;)
            memset(malloc(1 << 20), 1, 1 << 20);
    if (strcmp(how, "crash") == 0)
        raise(SIGSEGV);
    if (strcmp(how, "fork") == 0)
        printf("fork %d\n", fork() < 0);
    if (strcmp(how, "print") == 0)
        for (;;)
            puts("more and more");
    if (strcmp(how, "exit") == 0)
        return 42;
    printf("%d\n", a + b);
    return 0;
}'

it "CMS: a compilation and an evaluation in one directory"
new_box
cms_home
caller tee cms/home/sum.c >/dev/null <<<"$program"
chmod 777 cms/home
in_box "${cms[@]}" --dir=/etc --full-env --env=HOME=/tmp --fsize=1048576 --stack=524288 --cg-mem=524288 \
    --stdout=/tmp/compiler_stdout.txt --processes=1000 --stderr=/tmp/compiler_stderr.txt --time=10 --wall-time=60 \
    --extra-time=0.5 --run -- /usr/bin/gcc -DEVAL -O2 -o sum sum.c
expect_exit 0
expect_stderr '^OK \([0-9.]+ sec real, [0-9.]+ sec wall\)$'
expect_meta exitcode 0
expect_no_meta status
expect at_least "$(meta time)" 0.001
expect at_least "$(meta cg-mem)" 100
expect [ -x cms/home/sum ]
expect [ -f cms/home/compiler_stderr.txt ]
# allow_writing_only: nobody but the caller may write, except to the output
evaluate() { # INPUT ARGUMENT...
    caller tee cms/home/input.txt >/dev/null <<<"$1"
    caller bash -c ': >cms/home/output.txt; chmod 755 cms/home cms/home/*; chmod 722 cms/home/output.txt'
    in_box "${cms[@]}" --env=HOME=/tmp --stdin=/tmp/input.txt --stdout=/tmp/output.txt --stderr=/tmp/output.txt \
        --cg-mem=65536 --processes=1 --time=1 --wall-time=10 --extra-time=0.5 "${@:2}" --run -- ./sum
}
evaluate "20 22"
expect_exit 0
expect_equal "$(cat cms/home/output.txt)" 42
expect_equal "$(stat -c %a cms/home/output.txt)" 722

it "CMS: a program cannot write where the modes do not let it, and the caller's files stay"
evaluate "1 2" --dir=extra="$T/cms/home"
in_box "${cms[@]}" --processes=10 --run -- /bin/sh -c 'rm -f sum; echo x >new; echo y >sum; echo z >output.txt; ls'
expect_exit 0
expect_equal "$(cat cms/home/output.txt)" z
expect [ -x cms/home/sum ]
expect [ ! -e cms/home/new ]

it "time limits: CPU time, wall time, and what CMS makes of them"
evaluate "1 2 spin"
expect_exit 1
expect_meta status TO
expect_meta message 'Time limit exceeded'
expect_meta killed 1
expect at_least "$(meta time)" 1
expect_stderr '^Time limit exceeded$'
evaluate "1 2 sleep" --wall-time=0.3
expect_exit 1
expect_meta status TO
expect_meta message 'Time limit exceeded .wall clock.'
expect at_least "$(meta time-wall)" 0.3

it "extra time: a program that ends within it has its own time and exit code, and is too late all the same"
evaluate "1 2 part" --time=0.1 --extra-time=30
expect_exit 1
expect_meta status TO
expect_no_meta exitcode
expect_no_meta killed

it "memory: an OOM kill is told as such"
evaluate "1 2 eat" --time=10
expect_exit 1
expect_meta cg-oom-killed 1
expect_meta status SG
expect_meta exitsig 9
expect at_least "$(meta cg-mem)" 60000
expect_meta cupel-evidence '.*memory.*'

it "run-time errors: exit codes and signals"
evaluate "1 2 exit"
expect_exit 1
expect_meta status RE
expect_meta exitcode 42
expect_meta message 'Exited with error status 42'
evaluate "1 2 crash"
expect_exit 1
expect_meta status SG
expect_meta exitsig 11
expect_meta message 'Caught fatal signal 11'

it "a second process is refused, and output beyond the size of a file is SIGXFSZ"
evaluate "1 2 fork"
expect_equal "$(head -n 1 cms/home/output.txt)" "fork 1"
evaluate "1 2 print" --fsize=64
expect_meta exitsig 25
expect_equal "$(stat -c %s cms/home/output.txt)" 65536

it "CMS: what it does before it deletes a directory"
in_box "--dir=/tmp=$T/cms/home:rw" --run -- /bin/chmod 777 -R /tmp
expect [ "$STATUS" -le 1 ] # what is the caller's is not the program's to change, as with isolate
expect_clean

# ---- as judge0 calls it: streams of its own shell, files beside the box ---------------------------------------------------
judge0=(-s -b 3 -M "$T/meta/m" -t 5 -x 1 -w 10 -k 64000 -p60 --cg-timing --cg-mem=128000 -f 1024 -E HOME=/tmp
    -E "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" -E LANG -E LANGUAGE -E LC_ALL -E JUDGE0_VERSION -d /etc:noexec)

it "judge0: a compilation by a script, then a run with its own redirections"
new_box
put main.c <<<"$program"
put compile.sh <<<'/usr/bin/gcc  main.c'
isolate --cg "${judge0[@]}" --stderr-to-stdout -i /dev/null --run -- /bin/bash compile.sh
expect_exit 0
expect_equal "$(cat stdout stderr)" ""
put run.sh <<<'./a.out'
echo 3 4 >numbers
STDIN=$T/numbers isolate --cg "${judge0[@]}" --run -- /bin/bash run.sh
expect_exit 0
expect_equal "$(cat stdout)" 7
expect_meta exitcode 0
put main.c <<<'int main(void) { return no_such; }'
isolate --cg "${judge0[@]}" --stderr-to-stdout -i /dev/null --run -- /bin/bash compile.sh
expect_exit 1
expect_stdout 'no_such.* undeclared'
expect_meta status RE

it "judge0: without control groups, the memory is max-rss"
STDIN=$T/numbers isolate -s -b 3 -M "$T/meta/m" --stderr-to-stdout -t 2 -x 0.5 -w 5 -k 64000 -p30 -m 128000 -f 1024 -d /etc:noexec --run -- \
    /bin/bash run.sh
expect_exit 0
expect at_least "$(meta max-rss)" 100
expect_no_meta cg-mem

it "a program that is not there or cannot be executed is the sandbox's error, as execve tells it"
in_box --run -- /box/nosuch
expect_exit 2
expect_meta status XX
expect_meta message 'execve\(.+\): No such file or directory'
in_box --stdout=out --run -- nosuch
expect_meta message 'execve\(.+\): No such file or directory'
in_box --run -- ./main.c
expect_meta message 'execve\(.+\): Permission denied'
in_box --stdin=nosuch --run -- /bin/true
expect_exit 2
expect_meta message 'open.*'

# ---- files --------------------------------------------------------------------------------------------------------------
it "what runs leave in the box stays for the next, and what they remove is gone; it belongs to the caller"
new_box
echo keep | put keep
echo go | put go
in_box -p --run -- /bin/sh -c 'mkdir -p d/e && echo one >d/e/file && rm go && echo new >keep && chmod 700 keep'
expect_exit 0
in_box -p --run -- /bin/sh -c 'cat keep d/e/file; mv d moved; rm /box/moved/e/nosuch 2>/dev/null; ls'
expect_equal "$(tr '\n' ' ' <stdout)" "new one keep moved "
expect_equal "$(cd "$BOX/box" && find . -type f -printf '%P\n' | sort | tr '\n' ' ')" "keep moved/e/file "
expect_equal "$(stat -c %U "$BOX/box/moved/e/file")" "$(caller id -un)"
expect_equal "$(stat -c %a "$BOX/box/keep")" 700

it "what somebody else owns in the box is the command's as well"
if [[ -n ${CUPEL_TEST_USER-} ]]; then
    skip_it "an ordinary user has no files of others in the box"
else
    mkdir "$BOX/box/theirs" && echo theirs >"$BOX/box/theirs/file" && chown -R 1234 "$BOX/box/theirs" && chmod 600 "$BOX/box/theirs/file"
    in_box -p --run -- /bin/sh -c 'cat theirs/file; echo more >>theirs/file; echo x >theirs/new'
    expect_exit 0
    expect_equal "$(tr '\n' ' ' <"$BOX/box/theirs/file")" "theirs more "
fi

it "the sandbox has what isolate's has, by default and by rules"
in_box -p --run -- /bin/sh -c 'ls /; id -u; ls /etc 2>&1'
expect_equal "$(tr '\n' ' ' <stdout | sed 's/ls: .*//; s/[.~]cupel-compat //g')" "bin box dev lib lib64 proc sys tmp usr 60000 "
mkdir shown && echo text >shown/file && chmod -R a+rX shown
in_box -p --dir="seen=$T/shown" --dir=gone="$T/nosuch":maybe --dir=mine:tmp --dir=lib64= --run -- \
    /bin/busybox sh -c 'cat /seen/file; echo x 2>/dev/null >/seen/x || echo read-only; echo x >/mine/x && echo writable; ls -d /lib64 /gone'
expect_equal "$(tr '\n' ' ' <stdout)" "text read-only writable "
in_box --dir=gone="$T/nosuch" --run -- /bin/true
expect_exit 2
expect_meta message '.*no such directory'

it "what is brought back may lie on another file system, and be closed to its owner"
far=$(caller mktemp -d /dev/shm/cupel-e2e.XXXXXX)
caller bash -c "echo old >$far/file && chmod 640 $far/file && echo same >$far/same && touch -d @5 $far/same && chmod 777 $far"
in_box -p --dir="far=$far:rw" --run -- /bin/sh -c 'rm -f /far/file; echo new >/far/file; echo x >/far/closed; chmod 0 /far/closed'
expect_exit 0
expect_equal "$(caller cat "$far/file")" new
expect_equal "$(stat -c '%Y %a' "$far/same") $(stat -c %a "$far/closed") $(ls "$far" | wc -l)" "5 644 0 3"
rm -rf "$far"

it "the environment is what the rules say, and cupel's own"
A=1 B=2 in_box -E A -E C=3 -E NOT_SET --run -- /usr/bin/env
expect_equal "$(grep -E '^(A|B|C|NOT_SET|LIBC_FATAL_STDERR_)=' stdout | sort | tr '\n' ' ')" "A=1 C=3 LIBC_FATAL_STDERR_=1 "
A=1 B=2 in_box --full-env -E B= --run -- /usr/bin/env
expect_equal "$(grep -E '^(A|B)=' stdout)" "A=1"

it "a quota given to init is the box's"
new_box --quota=2048,40
in_box -p --run -- /bin/sh -c 'head -c 8M /dev/zero >big; echo $?'
expect_stdout '^1$'
in_box -p --run -- /bin/sh -c 'rm -f big; i=0; while [ $i -lt 60 ]; do : >f$i || exit 7; i=$((i + 1)); done'
expect_meta status RE

# ---- hostile leftovers --------------------------------------------------------------------------------------------------
it "links and special files that a program leaves never reach the host, nor lead anywhere"
new_box
mkdir outside && echo untouched >outside/file
[[ -z ${CUPEL_TEST_USER-} ]] || chown -R "$CUPEL_TEST_USER" outside
echo text | put data
in_box -p --run -- /bin/sh -c "rm data; ln -s $T/outside/file data; ln -s $T/outside dir; mkfifo pipe; ln -s / meta; echo x >plain"
expect_exit 0
expect_equal "$(ls "$BOX/box")" plain
# What the caller has put there itself, say by unpacking somebody's archive, is not followed either.
caller ln -s "$T/outside" "$BOX/box/dir"
caller ln -s "$T/outside/file" "$BOX/box/data"
caller ln "$T/outside/file" "$BOX/box/hard"
in_box -p --run -- /bin/sh -c 'rm -f dir data; mkdir dir; echo inner >dir/file; echo mine >data; echo overwritten >hard'
expect_exit 0
expect_equal "$(cat "$BOX/box/dir/file" "$BOX/box/data" "$BOX/box/hard" | tr '\n' ' ')" "inner mine overwritten "
expect_equal "$(cat outside/file; ls outside)" "untouched
file"
caller ln -s "$T/outside/file" "$BOX/box/meta"
isolate --box-id=3 --cg "--meta=$BOX/box/meta" --run -- /bin/true
expect_exit 2
expect_equal "$(cat outside/file)" untouched
isolate --box-id=3 --cg --cleanup
expect_equal "$(cat outside/file)" untouched

it "a program cannot make itself the sandbox's error"
new_box
in_box -p --stdout=out --run -- /bin/sh -c 'echo "$0 127" >/.cupel-compat/why; exit 127'
expect_exit 1
expect_meta status RE
expect_meta exitcode 127

it "what another rule shows in a directory with rw never gets there, and what it hides stays, in any order"
files_in() { (cd "$1" && find . -type f -printf '%P\n' | sort | tr '\n' ' '); }
outer() {
    rm -rf rules
    mkdir rules && chmod 777 rules
    caller mkdir -p rules/w/sub/deep rules/w/empty rules/o
    caller bash -c 'echo p >rules/w/sub/p; echo q >rules/w/sub/deep/q; echo o >rules/o/o; ln -s sub rules/w/link; ln -s . rules/w/self
        chmod 777 rules/w rules/w/sub rules/o'
}
outer
for rule in w/sub:tmp "w/sub=$T/rules/o" "w/./sub=$T/rules/o" "w/link=$T/rules/o" "w/sub=$T/rules/o:rw"; do
    for order in "--dir=$rule --dir=w=$T/rules/w:rw" "--dir=w=$T/rules/w:rw --dir=$rule"; do
        outer
        # shellcheck disable=SC2086
        in_box -p $order --run -- /bin/sh -c 'echo new >/w/new; (rm -f /w/sub/o; echo own >/w/sub/own) 2>/dev/null; exit 0'
        expect_exit 0
        expect_equal "$order: $(files_in rules/w)" "$order: new sub/deep/q sub/p "
        kept="o "
        [[ $rule != *:rw ]] || kept="own "
        expect_equal "$order: $(files_in rules/o)" "$order: $kept"
        expect [ -d rules/w/empty ]
    done
done
outer
in_box -p "--dir=w=$T/rules/w:rw" "--dir=w/self=$T/rules/o" --run -- /bin/true
expect_exit 2
expect_stderr '/w/self leads to /w, and would be over /w'
expect_equal "$(files_in rules/w)" "sub/deep/q sub/p "

it "what others do meanwhile in a directory with rw is not undone"
outer
caller bash -c 'cd rules/w; for name in log changed both gone; do echo old >$name; done; chmod 666 log changed both gone'
mkfifo go
exec {go}<>go
: >begun
(grouped "$T/compat/isolate" --box-id=3 --cg "--meta=$T/meta/m" "--dir=w=$T/rules/w:rw" -p --run -- /bin/sh -c \
    'echo begun; read -r line; cd /w; echo mine >mine; echo mine >changed; echo mine >both; rm gone') >begun 2>held.err <go &
pid=$!
changing_begins() { [[ -s $T/begun ]]; }
expect wait_until 20 changing_begins
caller bash -c 'cd rules/w; echo line >>log; echo theirs >theirs; echo theirs >both; mv sub/p sub/moved'
echo go >&"$go"
STATUS=0
wait $pid || STATUS=$?
exec {go}>&-
expect_exit 0
expect_equal "$(files_in rules/w)" "both changed log mine sub/deep/q sub/moved theirs "
expect_equal "$(cd rules/w && cat both changed log mine | tr '\n' ' ')" "theirs mine old line mine "
expect_meta cupel-not-brought-back '.*rules/w/both is not as it was shown to the command.*'

# ---- what else ----------------------------------------------------------------------------------------------------------
it "a box in use is refused, or waited for; SIGTERM ends the program, and is told"
held() { [[ -e $BOX/own && -n $(cat "$T/begun" 2>/dev/null) ]]; }
: >begun
(grouped "$T/compat/isolate" --box-id=3 --cg "--meta=$T/meta/m" -p --run -- /bin/sh -c 'echo begun; exec sleep 1000') >begun 2>held.err </dev/null &
pid=$!
expect wait_until 20 held
isolate --box-id=3 --cg --run -- /bin/true
expect_exit 2
expect_stderr 'currently in use'
kill -TERM $pid
STATUS=0
wait $pid || STATUS=$?
expect_exit 1
expect_meta status SG
expect_meta exitsig 15
isolate --box-id=3 --cg --wait --run -- /bin/true
expect_exit 0
expect_clean

it "what is not done is refused by name, before anything runs"
for option in --inherit-fds --tty-hack --special-files --syscalls=1 --as-uid=1 --as-gid=1 --print-cg-root; do
    in_box "$option" --run -- /bin/true
    expect_exit 2
    expect_stderr "${option%=*} is not supported: "
done
in_box --dir=disk=/dev:dev --run -- /bin/true
expect_exit 2
expect_stderr "'dev' is not supported"
in_box --env=PATH= --run -- /bin/true
expect_stderr 'env=PATH='
for wrong in --nosuch --time=soon --processes=x --dir=a:strange "--dir=a=b" --quota=1; do
    isolate "$wrong" --box-id=9 --init
    [[ $wrong == --dir* ]] && isolate --box-id=3 "$wrong" --run -- /bin/true
    expect_exit 2
    expect [ -s stderr ]
done
isolate --run
expect_exit 2
isolate -b 3 --init extra
expect_exit 2
isolate --version
expect_exit 0
expect_clean

all_done

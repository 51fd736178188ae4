#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# packaging/compat/runexec: called as BenchExec's runexec is, with the lines on standard output, the output file and the result files
# that come of it.
# sanitizers: no
# time-limit: 240
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

if ! command -v python3 >/dev/null; then
    it "runexec's front end"
    skip_it "python3 is not installed"
    all_done
    exit 0
fi
mkdir compat w w/sub w/sub/scratch && cp "$top"/packaging/compat/* compat/ && chmod -R a+rX compat
[[ -z ${CUPEL_TEST_USER-} ]] || chown -R "$CUPEL_TEST_USER:$CUPEL_TEST_USER" w
STDIN=/dev/null
# runexec ARGUMENT...: in the directory w.
runexec() {
    STATUS=0
    (cd -- "$T/w" && grouped env "TMPDIR=$T/w/sub/scratch" "$T/compat/runexec" "$@") >"$T/stdout" 2>"$T/stderr" <"$STDIN" || STATUS=$?
}
caller() { "${as_who[@]}" "$@"; }
value() { sed -n "s/^$1=//p" "$T/stdout"; }
expect_value() {
    if value "$1" | grep -qxE -- "$2"; then good; else bad "no $1=$2 in the output" "$(seen)"; fi
}
expect_no_value() {
    if [[ -z $(value "$1") ]]; then good; else bad "$1 should not be printed" "$(seen)"; fi
}
# What the command printed: what follows the header.
output() { sed 1,6d "$T/w/${1:-output.log}"; }

it "a command: its output beneath a header, its figures on standard output"
runexec -- /bin/sh -c 'echo TEST_TOKEN; echo to stderr >&2; echo again'
expect_exit 0
expect_equal "$(head -n 4 w/output.log | tr '\n' '|')" "/bin/sh -c 'echo TEST_TOKEN; echo to stderr >&2; echo again'|||$(printf -- '-%.0s' {1..80})|"
expect_equal "$(output | tr '\n' '|')" "TEST_TOKEN|to stderr|again|"
expect_value starttime '20[0-9-]+T[0-9:.]+[+-][0-9]{2}:[0-9]{2}'
expect_value returnvalue 0
expect_value walltime '[0-9.]+s'
expect_value cputime '[0-9.]+s'
expect_value memory '[0-9]+B'
expect_no_value terminationreason
expect_no_value exitsignal
expect_stderr 'INFO - Starting command /bin/sh -c'
expect_clean

it "the options as BenchExec's own tests and documents give them"
cores=(--cores 0)
[[ -z ${CUPEL_TEST_USER-} ]] || $on_v2 || cores=() # no ordinary user has been given the hierarchy of cpuset
runexec --quiet --walltimelimit 10s --timelimit 5s --memlimit 100MB "${cores[@]}" --container --no-tmpfs --read-only-dir / --hidden-dir /home \
    --overlay-dir /var --dir / --output "$T/w/run.log" -- /bin/sh -c 'pwd; ls -A /home; exit 3'
expect_exit 0
expect_value returnvalue 3
expect_equal "$(output run.log)" /
expect_equal "$(grep -c INFO stderr)" 0
caller tee w/arguments >/dev/null <<<$'--walltimelimit\n10min\n--quiet\n--\n/bin/echo\nfrom a file'
runexec @arguments
expect_equal "$(output)" "from a file"

it "what this machine cannot hold is told in the words of a limit, and not of a file that nobody wrote"
runexec --cores 999 -- /bin/true
expect_exit 1
expect_stderr "CRITICAL - the limit 'cpuset' of job 'command' cannot be held on this machine: "

it "why it was ended: wall time, CPU time, memory, a signal"
runexec --walltimelimit 1 -- /bin/sleep 1000
expect_exit 0
expect_value terminationreason walltime
expect_value exitsignal 9
expect_no_value returnvalue
runexec --timelimit 1s -- /bin/sh -c 'while :; do :; done'
expect_value terminationreason cputime
runexec --memlimit 30MB -- /usr/bin/tail /dev/zero
expect_value terminationreason memory
expect_value exitsignal 9
runexec -- /bin/sh -c 'kill -SEGV $$'
expect_value exitsignal 11
expect_no_value terminationreason
runexec -- /bin/nosuch
expect_exit 0
expect_value terminationreason failed
expect_stderr "Cannot execute '/bin/nosuch': No such file or directory"
expect_clean

it "files: how many and how large"
runexec --filesSizeLimit 5MB --no-tmpfs -- /bin/sh -c 'head -c 20000000 /dev/zero >big'
expect_value terminationreason files-size
runexec --filesCountLimit 50 --no-tmpfs -- /bin/sh -c 'i=0; while [ $i -lt 200 ]; do : >f$i || exit 1; i=$((i + 1)); done'
expect_value terminationreason files-count
expect_value returnvalue '[1-9][0-9]*'
rm -rf w/output.files

it "standard input: none, a file, this one's"
caller tee w/in <<<"from a file" >/dev/null
runexec -- /bin/cat
expect_equal "$(output)" ""
runexec --input in -- /bin/cat
expect_equal "$(output)" "from a file"
STDIN=$T/w/in runexec --input - --output second.log -- /bin/cat
expect_equal "$(output second.log)" "from a file"

it "what it writes goes to the output directory, and nowhere else on the host"
caller bash -c 'echo old >w/sub/kept && echo old >w/sub/changed'
runexec -- /bin/sh -c 'echo new >sub/changed; mkdir -p sub/deep; echo made >sub/deep/made; ln -s /etc/passwd link; echo x >/tmp/elsewhere'
expect_equal "$(cat w/sub/changed)" old
expect_equal "$(cd w/output.files && find . -type f -printf '%P\n' | sort | tr '\n' ' ')" "sub/changed sub/deep/made "
expect_equal "$(cat w/output.files/sub/changed)" new
runexec --output-directory other --result-files '*.txt' --result-files '/tmp/x' -- /bin/sh -c 'echo 1 >a.txt; echo 2 >b.log; echo 3 >/tmp/x'
expect_equal "$(cd w/other && find . -type f -printf '%P\n' | sort | tr '\n' ' ')" "tmp/x ${T#/}/w/a.txt "
rm -rf w/output.files
runexec --result-files '' -- /bin/sh -c 'echo 1 >a.txt'
expect [ ! -e w/output.files ]

it "directories: read-only, hidden, with full access"
caller mkdir -p w/full w/secret w/ro
caller bash -c 'echo hidden >w/secret/file; echo shown >w/ro/file'
runexec --full-access-dir full --hidden-dir secret --read-only-dir ro -- \
    /bin/sh -c 'ls secret; echo x 2>/dev/null >ro/x || echo read-only; cat ro/file; echo direct >full/new; echo y >secret/own'
expect_equal "$(output | tr '\n' ' ')" "read-only shown "
expect_equal "$(cat w/full/new)" direct
expect_equal "$(ls w/secret)" file
for wrong in "--full-access-dir /" "--hidden-dir /" "--hidden-dir /proc" "--read-only-dir nosuch" "--hidden-dir ro --read-only-dir ro"; do
    # shellcheck disable=SC2086
    runexec $wrong -- /bin/true
    expect_exit 2
done

# A directory of the caller's with another one in it.
outer() {
    rm -rf w/outer
    caller mkdir -p w/outer/sub/deep w/outer/empty
    caller bash -c 'echo p >w/outer/sub/p; echo q >w/outer/sub/deep/q'
}
files_in() { (cd "$1" && find . -type f -printf '%P\n' | sort | tr '\n' ' '); }

it "what another option shows in a directory with full access never gets there, and what it hides stays"
for mode in hidden overlay read-only full-access; do
    outer
    runexec --quiet --full-access-dir outer --$mode-dir outer/sub -- \
        /bin/sh -c 'echo new >outer/new; (rm -f outer/sub/p && echo own >outer/sub/own) 2>/dev/null; exit 0'
    expect_exit 0
    kept="new sub/deep/q sub/p "
    [[ $mode != full-access ]] || kept="new sub/deep/q sub/own "
    expect_equal "$mode: $(files_in w/outer)" "$mode: $kept"
    expect [ -d w/outer/empty ]
done
outer
caller ln -s outer w/by-link
runexec --full-access-dir outer --hidden-dir by-link/sub -- /bin/true
expect_equal "$(files_in w/outer)" "sub/deep/q sub/p "
runexec --full-access-dir by-link/sub -- /bin/true
expect_exit 2
expect_stderr "by-link/sub leads to $T/w/outer/sub through a link"
expect_equal "$(files_in w/outer)" "sub/deep/q sub/p "

it "what others do meanwhile in a directory with full access is not undone"
outer
caller bash -c 'cd w/outer; for name in log changed both gone grown dropped; do echo old >$name; done'
rm -rf w/output.files && caller mkfifo w/go && caller tee w/begun.log </dev/null
exec {go}<>w/go
(cd w && grouped env "TMPDIR=$T/w/sub/scratch" "$T/compat/runexec" --output begun.log --input - --full-access-dir outer -- /bin/sh -c \
    'echo begun; read -r line; cd outer; echo mine >mine; echo mine >changed; echo mine >both; rm gone grown') >stdout 2>stderr <w/go &
pid=$!
changing_begins() { [[ $(output begun.log) == begun ]]; }
expect wait_until 20 changing_begins
caller bash -c 'cd w/outer; echo line >>log; echo theirs >theirs; echo theirs >both; echo line >>grown; rm dropped; mv sub/p sub/moved'
echo go >&"$go"
STATUS=0
wait $pid || STATUS=$?
exec {go}>&-
expect_exit 0
expect_equal "$(files_in w/outer)" "both changed grown log mine sub/deep/q sub/moved theirs "
expect_equal "$(cd w/outer && cat both changed grown log mine | tr '\n' ' ')" "theirs mine old line old line mine "
expect_stderr 'outer/both is not as it was shown to the command'
expect_stderr 'outer/grown is not as it was shown to the command'
expect_equal "$(cat w/output.files/outer/both)" mine
rm -rf w/output.files w/go

it "what is mounted in a directory with full access is not taken for removed"
if [[ -z ${CUPEL_TEST_USER-} ]]; then
    outer
    export T
    expect unshare -m bash -c 'mount -t tmpfs none "$T/w/outer/empty" && echo there >"$T/w/outer/empty/file" && cd "$T/w" &&
        "$T/compat/runexec" --quiet --full-access-dir outer -- /bin/true && test -e outer/empty/file'
else
    skip_it "an ordinary user mounts nothing"
fi

it "output that is too long loses lines of its middle"
runexec --maxOutputSize 2kB -- /bin/sh -c 'i=0; while [ $i -lt 2000 ]; do echo "line $i"; i=$((i + 1)); done'
expect_equal "$(tail -n 1 w/output.log)" "line 1999"
expect grep -q 'lines in the middle were removed' w/output.log
expect [ "$(stat -c %s w/output.log)" -lt 2300 ]

it "links in the working directory lead nowhere"
caller bash -c 'echo untouched >w/victim; rm -f w/output.log; ln -s victim w/output.log; ln -s victim w/to'
runexec -- /bin/echo overwritten
expect_exit 1
runexec --output to --quiet -- /bin/echo overwritten
expect_exit 1
expect_equal "$(cat w/victim)" untouched
rm -rf w/output.log w/output.files w/to
caller bash -c 'mkdir w/output.files w/elsewhere && ln -s ../elsewhere w/output.files/sub'
runexec --quiet -- /bin/sh -c 'echo new >sub/more'
expect_equal "$(ls w/elsewhere)" ""
expect_equal "$(cat w/output.files/sub/more)" new

it "a signal ends the command, and is told"
caller tee w/begun.log </dev/null
(cd w && grouped env "TMPDIR=$T/w/sub/scratch" "$T/compat/runexec" --output begun.log -- /bin/sh -c 'echo begun; exec sleep 1000') >stdout 2>stderr </dev/null &
pid=$!
has_begun() { [[ $(output begun.log) == begun ]]; }
expect wait_until 20 has_begun
kill -TERM $pid
STATUS=0
wait $pid || STATUS=$?
expect_exit 0
expect_value terminationreason killed
expect_clean

it "what is not done is refused by name"
for option in --softtimelimit=1 --memoryNodes=0 --skip-cleanup --no-container --keep-tmp --require-cgroup-subsystem=cpu \
    --set-cgroup-value=cpu.shares=1; do
    runexec "$option" -- /bin/true
    expect_exit 2
    expect_stderr "${option%%=*} is not supported: "
done
for wrong in --memlimit=1XB --timelimit=soon --nosuch --result-files=../x; do
    runexec "$wrong" -- /bin/true
    expect_exit 2
done

all_done

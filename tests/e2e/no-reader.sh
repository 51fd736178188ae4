#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Nobody reads what the run prints: jobs go on, the reports are written, and a signal ends the wait for the reader.
# sanitizers: no
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

python3 - >loud.yaml <<'PY'
print('cupel: 1\nrootfs: {r: {tar: root.tar}}\ndefaults: {rootfs: r, limits: {wall: 1m}}\njobs:')
for i in range(40): # the tail of each is four KiB of the summary
    print('  j%d: {run: [/bin/busybox, sh, -c, "head -c 6000 /dev/zero | tr \'\\\\0\' x | fold; exit 1"]}' % i)
PY
mkdir -p tree/bin && cp "$(command -v busybox)" tree/bin/ && for i in sh head tr fold; do ln -s busybox tree/bin/$i; done
tar -C tree -cf root.tar .
is_waiting() { [[ -s out/junit.xml && $(job_lines out | wc -l) == 40 && $(awk '/^State/ {print $2}' "/proc/$1/status") == S ]]; }

for signal in TERM INT; do
    it "SIG$signal ends the wait for a reader of the console, with the reports written"
    rm -rf out reader && mkfifo reader
    # shellcheck disable=SC2217 # it holds the FIFO open, and reads nothing
    sleep 1000 <reader &
    reader=$!
    (grouped "$CUPEL" run --out out -j 4 loud.yaml) >stdout 2>reader </dev/null &
    pid=$!
    expect wait_until 60 is_waiting $pid
    kill -USR1 $pid
    sleep 0.3 # so that it is seen not to end by that
    expect kill -0 $pid
    kill -$signal $pid
    ended() { ! kill -0 $pid 2>/dev/null; }
    expect wait_until 20 ended
    ended || kill -KILL $pid
    STATUS=0
    wait $pid || STATUS=$?
    expect_exit 130
    expect xmllint --noout out/junit.xml
    expect_equal "$(jq -r .verdict <(job_lines out) | sort | uniq -c | tr -d ' ')" 40failed
    kill $reader
    wait $reader 2>/dev/null
    expect_clean
done

it "a stopped terminal likewise"
rm -rf out
cat >terminal.py <<'PY'
import os, pty, sys, time, termios
pid, master = pty.fork() # nobody reads the master: the terminal is full after some KiB, as with Ctrl-S
if pid == 0:
    os.environ['TERM'] = 'xterm'
    os.execvp(sys.argv[1], sys.argv[1:])
def done():
    try:
        return os.path.getsize('out/junit.xml') > 0
    except OSError:
        return False
deadline = time.monotonic() + 60
while not done() and time.monotonic() < deadline:
    time.sleep(0.1)
os.kill(pid, 15)
deadline = time.monotonic() + 20
while time.monotonic() < deadline:
    ended, status = os.waitpid(pid, os.WNOHANG)
    if ended:
        sys.exit(os.waitstatus_to_exitcode(status))
    time.sleep(0.1)
os.kill(pid, 9)
sys.exit('it did not end')
PY
STATUS=0
(grouped python3 terminal.py "$CUPEL" run --out out -j 4 loud.yaml) >stdout 2>stderr </dev/null || STATUS=$?
expect_exit 130
expect_equal "$(job_lines out | wc -l)" 40
expect_clean
all_done

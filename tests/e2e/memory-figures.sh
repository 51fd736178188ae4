#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Figures of memory: one that does not depend on what the page cache held, and one of the largest process.
# sanitizers: no
# lanes: root-v2
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

mib=$((1 << 20))
mkdir files # not a file by itself, which is read by the harness
head -c $((60 * mib)) /dev/urandom >files/big.bin
# Large pages would be as many as addresses happen to allow.
cat >files/program.py <<'PYTHON'
import ctypes, sys, time
ctypes.CDLL(None).prctl(41, 1, 0, 0, 0) # PR_SET_THP_DISABLE
held = bytearray(b"x") * (24 << 20)
if sys.argv[1] == "reads":
    with open("/files/big.bin", "rb", buffering=0) as f:
        while f.read(1 << 16): pass
    time.sleep(1)
elif sys.argv[1] == "waits":
    open("/tmp/there", "w").close()
    time.sleep(600)
PYTHON
job_file reads.yaml <<'YAML'
cupel: 1
defaults: {rootfs: host, limits: {wall: 30m}}
jobs:
  job:
    inputs: [{from: files, to: /files}]
    env: {PYTHONHASHSEED: "0"}
    run: [/usr/bin/python3, /files/program.py, reads]
YAML
forget() { dd of=files/big.bin oflag=nocache conv=notrunc,fdatasync count=0 status=none; }
usage() { jq "select(.id == \"$1\") | .usage.$2" out/results.jsonl; }

it "what a program asked for is the same whether or not the page cache holds what it reads"
forget
cupel_run reads.yaml
expect_verdict job passed
cold=$(usage job memory_anonymous_peak_bytes) cold_all=$(usage job memory_peak_bytes)
cupel_run reads.yaml
expect_verdict job passed
warm=$(usage job memory_anonymous_peak_bytes)
# the kernel charges 64 pages at once, on each CPU, and sums up what it tells in such portions as well
bound=$(((2 * 64 * $(nproc) + 16) * $(getconf PAGESIZE)))
expect [ "$((cold > warm ? cold - warm : warm - cold))" -le "$bound" ]
expect [ "$cold" -ge $((24 * mib)) ]
expect [ "$cold" -lt $((48 * mib)) ]
if [[ $(stat -f -c %T .) == tmpfs ]]; then
    end_case_now_skipped "a file in memory is never cold"
else
    expect [ "$cold_all" -ge $((cold + 40 * mib)) ]
fi

it "the largest process is told of, whoever it was and whatever ended it; what is left in memory as well"
job_file largest.yaml <<'YAML'
cupel: 1
defaults: {rootfs: host, limits: {wall: 30m}, inputs: [{from: files, to: /files}]}
jobs:
  itself: {run: [/usr/bin/python3, /files/program.py, ends]}
  child: {run: "/usr/bin/python3 /files/program.py ends; true"}
  left-running: {run: "/usr/bin/python3 /files/program.py waits & until [ -e /tmp/there ]; do sleep 0.01; done"}
  killed: {limits: {memory: 20M}, run: "/usr/bin/python3 /files/program.py ends; exit 3"}
  steps: {run: [{name: large, run: "/usr/bin/python3 /files/program.py ends"}, {name: small, run: "true"}]}
  leaves: {run: "head -c 8M /dev/zero >/dev/shm/x"}
YAML
cupel_run largest.yaml
expect_exit 1
for job in itself child left-running steps; do
    expect_result $job ".usage.max_rss_bytes > $((24 * mib)) and .usage.max_rss_bytes < $((64 * mib))"
done
expect_result leaves ".usage.memory_anonymous_peak_bytes >= $((8 * mib - bound)) and (.usage.max_rss_bytes // 0) < $((8 * mib))"
expect_verdict killed memory-limit
# Of ten kills in five seconds, whoever's they are, the kernel tells, and of no more (docs/results.md).
for again in {1..4}; do
    [[ $(result killed .evidence) != *' of its own'* ]] || break
    printf '# the kernel did not tell of that kill (%d)\n' "$again"
    sleep 6
    cupel_run largest.yaml --only killed
done
expect_result killed '.usage.memory_anonymous_peak_bytes > 4000000'
expect_clean

all_done

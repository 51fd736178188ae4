#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Services: servers beside a job, in its network and in sandboxes of their own; when they are ready, what becomes of the job where
# they are not, or end, and that none outlives its job, whoever ends what.
# sanitizers: no
# time-limit: 180
# lanes: root-v2
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

peer=$build/tests/peer
if [[ ! -x $peer ]]; then
    printf 'skip - services: %s is not built\n' "$peer"
    all_done
    exit 0
fi
cp -- "$peer" "$T/peer"
mkdir shared && : >shared/go && : >shared/end

# ---- roots, secrets, limits ---------------------------------------------------------------------------------------------

python3 - "$e2e" <<'PYTHON'
import os, sys
os.environ.update(CUPEL='', XDG_CACHE_HOME='')
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
from images import *
with open('peer', 'rb') as peer:
    Layout('image', [layer(f('peer', peer.read(), mode=0o755))],
           config={'Entrypoint': ['/peer', 'serve', 'tcp', '0.0.0.0', '80'], 'Cmd': ['from-image'], 'User': '1000:1000', 'WorkingDir': '/'})
PYTHON
chmod -R a+rX image
cat >full.py <<'PY'
# Connections whose queues are full, to a listener that accepts none of them.
import resource, socket, sys, time
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
listener, kept = socket.socket(), []
if sys.argv[1] != 'fill':
    listener.bind(('127.0.0.1', 80))
    listener.listen(4096)
    print('up', flush=True)
while sys.argv[1] != 'listen':
    s = socket.create_connection(('127.0.0.1', 80))
    s.setblocking(False)
    try:
        while True:
            s.send(b'x' * 65536)
    except BlockingIOError:
        kept.append(s)
time.sleep(1000)
PY
export TOKEN='correct horse battery staple'
job_file more.yaml <<'YAML'
cupel: 1
rootfs: {image: {oci: image}}
defaults: {limits: {wall: 30m}, inputs: [{from: peer, to: /bin/peer, mode: ro}]}
jobs:
  image: {services: {db: {rootfs: image, ready: {tcp: 80}}}, run: peer ask tcp db 80}
  image-args: {services: {db: {rootfs: image, args: [from-args], ready: {tcp: 80}}}, run: peer ask tcp db 80}
  secret:
    services: {db: {secrets: [TOKEN], run: "echo given ${#TOKEN}; echo \"<$TOKEN>\"; exit 3", ready: {tcp: 1}}}
    run: "true"
  not-given: {services: {db: {secrets: [TOKEN], run: "sleep 1000"}}, run: "echo \"<${TOKEN-}>\""}
  fills:
    limits: {memory: 48M, wall: 30m}
    services: {db: {run: "python3 full.py listen", inputs: [full.py], ready: {log: up}}}
    inputs: [full.py]
    run: python3 full.py fill
  fills-before:
    limits: {memory: 48M, wall: 30m}
    services: {db: {run: "python3 full.py both", inputs: [full.py], ready: {log: never}}}
    run: echo ran
  fills-submitted:
    limits: {memory: 48M, wall: 30m}
    services: {db: {run: "python3 full.py both", inputs: [{from: full.py, untrusted: true}], ready: {log: never}}}
    run: echo ran
  deaf:
    timeout-grace: 100ms
    services: {db: {run: "trap '' TERM; echo up; (setsid sleep 1000 &); while :; do sleep 1000; done", ready: {log: up}}}
    run: "true"
  exec:
    services:
      db:
        user: nobody
        workdir: /tmp
        env: {NAME: asked}
        limits: {pids: 16, memory: 64M}
        run: "echo begun; sleep 0.3; touch there; sleep 1000"
        ready: {exec: [/bin/sh, -c, 'echo noise; id -u >$NAME; test -e there']}
        interval: 50ms
    run: "true"
  bomb:
    limits: {pids: 8}
    services:
      db:
        limits: {pids: 16, wall: 30m}
        run: |
          echo up
          i=0; while [ $i -lt 40 ]; do (sleep 1000) & i=$((i + 1)); done
          wait
        ready: {log: up}
    run: '(sleep 0.1); (sleep 0.1); echo still goes'
YAML
cupel_run more.yaml -j 2

it "one over an image may leave 'run' out"
expect_verdict image passed
expect_log image '^from-image$'
expect_log image-args '^from-args$'

it "one has secrets of its own, which nobody sees, nor does its job"
expect_verdict secret error
expect_log secret.service-db '^given 28$'
expect_log secret.service-db '^<\*\*\*>$'
expect_evidence secret 'it wrote last: given 28\|<\*\*\*>$'
expect_log not-given '^<>$'
expect_not grep -r "$TOKEN" out stdout stderr

it "what is in the sockets of the network is bounded by the job's memory limit"
expect_verdict fills memory-limit
# where a control group counts them, the kernel may come first
expect_evidence fills "the queues of its TCP, UDP and raw sockets, and its services', hold|OOM kill"
it "... and is no doing of the job's before it began"
expect_verdict fills-before error
expect_evidence fills-before "^the sockets of its services held more than the job's memory limit of 48 MiB before it began$"
expect_not [ -s out/logs/fills-before.stdout ]
expect_verdict fills-submitted failed
expect_evidence fills-submitted "^the sockets of its services held more"
expect_not [ -s out/logs/fills-submitted.stdout ]

it "a command that succeeds in its sandbox says that one is ready"
expect_verdict exec passed
expect_equal "$(log exec.service-db)" begun

it "one that does not listen to its end is killed, with all that it left running"
expect_verdict deaf passed

it "the limits of a service are its own"
expect_verdict bomb passed
expect_log bomb '^still goes$'
expect_clean

# ---- who ends what -----------------------------------------------------------------------------------------------------

# go EXIT: has the jobs that wait end with this code; in place, since a job need not see new files of an input.
go() {
    echo "$1" >shared/go
}
hold() {
    : >shared/go
    : >shared/end
}
# The process of a service has ended: it has told what became of that.
service_has_ended() {
    [[ $(ps -o stat= --ppid "$(busy_slot)") == *Z* ]]
}
# A slot whose job has a service: nobody else has two children.
busy_slot() {
    local child
    for child in $(pgrep -P "$CUPEL_PID"); do
        (($(pgrep -c -P "$child") < 2)) || { echo "$child"; return; }
    done
    return 1
}
dying() {
    sed "s/@END@/$1/" >dying.yaml <<'YAML'
cupel: 1
defaults: {limits: {wall: 30m}, inputs: [{from: shared, to: /shared, mode: ro}]}
jobs:
  job:
    services:
      db:
        run: |
          echo up
          until [ -s /shared/end ]; do sleep 0.05; done
          @END@
        inputs: [{from: shared, to: /shared, mode: ro}]
        limits: {memory: 32M, output: 64K}
        ready: {log: up}
    run: |
      echo begun
      until [ -s /shared/go ]; do sleep 0.05; done
      exit $(cat /shared/go)
YAML
    hold
    cupel_start dying.yaml
    begun() { grep -q begun out/logs/job.stdout 2>/dev/null; }
    expect wait_until 30 begun
    echo now >shared/end
    expect wait_until 30 service_has_ended
    go "$2"
    cupel_wait
}
it "one that its memory limit ends while the job runs is evidence of a job that fails, and no error: the job may have done it"
dying 'tail \/dev\/zero' 7
expect_exit 1
expect_verdict job failed
expect_evidence job "the service 'db' ended while the job ran: memory limit 32 MiB reached"

job_file held.yaml <<'YAML'
cupel: 1
defaults:
  limits: {wall: 30m}
  inputs: [{from: peer, to: /bin/peer, mode: ro}, {from: shared, to: /shared, mode: ro}]
  services: {db: {run: "trap 'echo told to end; kill $!' TERM; peer serve tcp 0.0.0.0 80 from-$CUPEL_JOB & wait $!; exit 0", inputs: [{from: peer, to: /bin/peer, mode: ro}], ready: {tcp: 80}}}
  run: |
    peer ask tcp db 80
    until [ -s /shared/go ]; do sleep 0.05; done
    exit $(cat /shared/go)
jobs: {a: {}, b: {}}
YAML
both_began() { grep -q from-a out/logs/a.stdout 2>/dev/null && grep -q from-b out/logs/b.stdout 2>/dev/null; }
job_file waits.yaml <<'YAML'
cupel: 1
jobs: {j: {services: {db: {run: "echo begun; sleep 1000", ready: {tcp: 1}}}, run: echo ran}}
YAML

it "Ctrl-C ends both, services after their jobs, and nothing is left"
hold
cupel_start held.yaml -j 2
expect wait_until 30 both_began
kill -INT "$CUPEL_PID"
cupel_wait
expect_exit 130
expect_verdict a cancelled
expect_evidence a '^cancelled by the user after [^;]*$'
expect_log a.service-db '^told to end$'
expect_clean

it "SIGKILL of the supervisor ends all of it; of a slot, its job and the service"
for who in supervisor slot; do
    hold
    cupel_start held.yaml -j 2
    expect wait_until 30 both_began
    if [[ $who == supervisor ]]; then
        kill -KILL "$CUPEL_PID"
    else
        kill -KILL "$(busy_slot)"
        go 0
    fi
    cupel_wait
    if [[ $who == slot ]]; then
        expect_equal "$(jq -r .verdict <(job_lines out) | sort | tr '\n' ' ')" "error passed "
    fi
    expect wait_until 10 no_processes
    cupel_run waits.yaml --only j --timeout 100ms
    expect_clean
done

the_rest_is_alike

# ---- names, sandboxes, when one is ready -------------------------------------------------------------------------------

job_file good.yaml <<'YAML'
cupel: 1
x-peer: &peer [{from: peer, to: /bin/peer, mode: ro}]
defaults:
  inputs: *peer
  limits: {wall: 30m}
services:
  each: {run: 'exec peer serve tcp 0.0.0.0 80 "$CUPEL_JOB has ${{ V }}"', inputs: *peer, ready: {tcp: 80}}
  nobodys: {run: "false"}
jobs:
  each: {matrix: {V: [one, two]}, use-services: each, run: peer ask tcp each 80}
  names:
    services:
      my-db: {run: [/bin/peer, serve, tcp, 0.0.0.0, "80", from-db], inputs: *peer, ready: {tcp: 80}, alias: [postgres, sql.test]}
      other: {run: [/bin/peer, serve, tcp, "::", "81", from-other], inputs: *peer, ready: {tcp: 81}}
    run: |
      for name in my-db postgres sql.test "$CUPEL_SERVICE_MY_DB_HOST"; do peer ask tcp $name 80; done
      peer ask tcp6 ::1 81 || peer ask tcp ::1 81
      echo "port $CUPEL_SERVICE_MY_DB_PORT"
      grep -c postgres /etc/hosts
  beside:
    services:
      first: {run: [/bin/peer, serve, tcp, 0.0.0.0, "7000", from-first], inputs: *peer, ready: {tcp: 7000}}
      second:
        run: |
          until peer ask tcp first 7000; do sleep 0.02; done
          echo "second of $CUPEL_JOB asks $CUPEL_SERVICE_FIRST_PORT"
          exec peer serve tcp 0.0.0.0 7001 from-second
        inputs: *peer
        ready: {log: '^second of .* 7000$'}
    run: until peer ask tcp second 7001; do sleep 0.02; done
  apart:
    user: nobody
    services:
      db:
        user: nobody
        workdir: /tmp
        env: {ONLY: service}
        run: |
          id -u; echo service >/tmp/whose; ls /proc | grep -c '^[0-9]'
          ls -A /sys | wc -l
          exec peer serve tcp 0.0.0.0 7000 "$ONLY"
        inputs: *peer
        ready: {tcp: 7000}
    env: {ONLY: job}
    workdir: /tmp
    run: |
      [ ! -e /tmp/whose ] && echo no file of the service
      ls /proc | grep -c '^[0-9]'
      peer ask tcp db 7000; echo "$ONLY"
  http:
    services: {web: {run: [python3, -m, http.server, "8080"], workdir: /tmp, ready: {http: /, port: 8080}, interval: 20ms}}
    run: exec 3<>/dev/tcp/web/8080; printf 'GET / HTTP/1.0\r\n\r\n' >&3; head -n 1 <&3
    shell: [/bin/bash, -eu]
  ends-with-it:
    services: {db: {run: "trap 'echo told to end; exit 0' TERM; echo up; while :; do sleep 0.05; done", ready: {log: up}}}
    run: "true"
    after: echo "after $CUPEL_JOB_VERDICT"
  in-after:
    services: {db: {run: [/bin/peer, serve, tcp, 0.0.0.0, "80", still-there], inputs: *peer, ready: {tcp: 80}}}
    run: exit 1
    after: peer ask tcp db 80
  retried:
    retries: 1
    services: {db: {run: "echo up; sleep 1000", ready: {log: up}}}
    run: exit 1
  at-once: {services: {db: {run: [sleep, "1000"]}}, run: "true"}
  from: {from: names, run: "! grep postgres /etc/hosts"}
YAML
cupel_run good.yaml -j 2

it "services are reached by their names, aliases and variables, on any port, as soon as the job begins"
expect_verdict names passed
expect_equal "$(log names | tr '\n' ' ')" "from-db from-db from-db from-db from-other port 80 1 "

it "one that stands beside the jobs is each instance's own; that nobody has one is said"
expect_verdict each/V=one passed
expect_log each%2FV=one '^each/V=one.service-each has one$'
expect_log each%2FV=two '^each/V=two.service-each has two$'
expect_stderr "^cupel: warning: good.yaml:[0-9]*: no job has the service 'nobodys': one that is to says 'use-services: \[nobodys\]'$"

it "services reach one another, and a line of the output says that one is ready"
expect_verdict beside passed
expect_log beside '^from-second$'
expect_log beside.service-second '^second of beside.service-second asks 7000$'

it "a service has a sandbox of its own: user, processes, files, environment"
expect_verdict apart passed
expect_equal "$(log apart | head -n 4 | tr '\n' ' ')" "no file of the service $(log apart | sed -n 2p) service job "
expect_log apart.service-db '^65534$'

it "... and no sysfs, which would be the network's"
expect_equal "$(log apart.service-db | sed -n 3p)" 0

it "a GET that is answered says that one is ready"
expect_verdict http passed
expect_log http '^HTTP/1.. 200'

it "they are told to end when the job is over, after what runs after it, and have its grace"
expect_verdict ends-with-it passed
expect_log ends-with-it.service-db '^told to end$'
expect_log ends-with-it '^after passed$'
expect_log in-after '^still-there$'

it "each attempt has its own, and what they wrote is kept with it"
expect_verdict retried failed
expect_equal "$(cat out/logs/attempt-1/retried.service-db.stdout out/logs/retried.service-db.stdout)" "up
up"

it "who asks in its sandbox whether one is ready is gone before that is known: nobody else has to wait for it"
cat >adopt.py <<'PY'
# Runs a command, and says how many processes whose parent has ended it was left with.
import ctypes, os, subprocess, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
status = subprocess.Popen(sys.argv[1:], stdout=sys.stderr).wait()
adopted = 0
try:
    while os.waitpid(-1, os.WNOHANG)[0] > 0:
        adopted += 1
except ChildProcessError:
    pass
print(status, adopted)
PY
job_file asked.yaml <<'YAML'
cupel: 1
jobs:
  asked: {services: {db: {run: [sleep, "1000"], ready: {exec: ["true"]}}, other: {run: [sleep, "1000"], ready: {exec: ["true"]}}}, run: "true"}
YAML
(PATH=/usr/bin:/bin grouped python3 adopt.py "$CUPEL" run --out "$T/out-asked" asked.yaml) >stdout 2>stderr </dev/null
expect_equal "$(cat stdout)" "0 0"

it "without 'ready' one is once its command runs; a job that starts from another has none of its"
expect_verdict at-once passed
expect_verdict from passed
expect_clean

# ---- what becomes of the job -------------------------------------------------------------------------------------------

job_file bad.yaml <<'YAML'
cupel: 1
defaults: {limits: {wall: 30m}}
jobs:
  never: {services: {db: {run: "echo no port here >&2; sleep 1000", ready: {tcp: 5432}, within: 1s}}, run: echo ran}
  ends: {services: {db: {run: "echo cannot open config >&2; exit 3", ready: {tcp: 5432}}}, run: echo ran}
  ends-well: {services: {db: {run: "(setsid sleep 1000 &) ; exit 0", ready: {tcp: 5432}}}, run: echo ran}
  missing: {services: {db: {run: [/no/such/program]}}, run: echo ran}
  silent: {services: {db: {run: "printf 'almost up'; sleep 1000", ready: {log: '^up$'}, within: 300ms}}, run: echo ran}
  wrong-page: {services: {web: {run: [python3, -m, http.server, "8080"], workdir: /tmp, ready: {http: /none, port: 8080}, interval: 20ms, within: 5s}}, run: echo ran}
  refuses: {services: {db: {run: "sleep 1000", ready: {exec: [/bin/sh, -c, exit 9]}, within: 2s}}, run: echo ran}
  never-ends: {services: {db: {run: "sleep 1000", ready: {exec: [sleep, "1000"]}, within: 500ms}}, run: echo ran}
  cannot-ask: {services: {db: {run: "sleep 1000", ready: {exec: [/no/such/program]}, within: 2s}}, run: echo ran}
  one-of-two:
    services: {good: {run: "echo up; sleep 1000", ready: {log: up}}, bad: {run: exit 5, ready: {tcp: 1}}}
    run: echo ran
  retried: {retries: 1, services: {db: {run: exit 3, ready: {tcp: 5432}}}, run: echo ran}
  floods: {services: {db: {run: 'yes no port', limits: {output: 64K}, ready: {tcp: 5432}}}, run: echo ran}
  submitted: {services: {db: {run: exit 3, inputs: [{from: shared, to: /in, untrusted: true}], ready: {tcp: 5432}}}, run: echo ran}
  untrusted: {services: {db: {run: "sleep 1000", inputs: [{from: no-such-file, untrusted: true}]}}, run: echo ran}
YAML
it "where one is not ready the job is not run, and that is an error, with what it wrote last"
cupel_run bad.yaml -j 2
expect_exit 3
for job in never ends ends-well missing silent wrong-page refuses never-ends cannot-ask one-of-two retried floods; do
    expect_verdict "$job" error
    expect_not [ -s "out/logs/$job.stdout" ]
done
expect_evidence never "^the service 'db' did not become ready: it had 1 s \(port 5432: Connection refused\); it wrote last: no port here$"
expect_evidence ends "^the service 'db' did not become ready: exit code 3, expected 0; it wrote last: cannot open config$"
expect_evidence ends-well "^the service 'db' did not become ready: its command ended with the exit code 0"
expect_evidence missing "cannot execute '/no/such/program'"
expect_evidence silent 'no line of its output matched.*almost up'
expect_evidence wrong-page 'the status 404'
expect_evidence refuses 'it had 2 s \(its command ended with the exit code 9\)'
expect_evidence never-ends 'its command has not ended'
expect_evidence cannot-ask 'its command could not be run'
expect_evidence one-of-two "^the service 'bad'"
expect_result retried '.attempts == 2'
expect_evidence floods "^the service 'db' did not become ready: output limit 64 KiB reached.*it wrote last: .*no port"
expect_equal "$(stat -c %s out/logs/floods.service-db.stdout)" 65536
it "... but where a service runs what nobody vouches for, it is what is judged, and no error"
expect_verdict submitted failed
expect_evidence submitted "^the service 'db' did not become ready: exit code 3, expected 0$"
expect_not [ -s out/logs/submitted.stdout ]
it "... and what a submission has done to a service's input is the submission's"
expect_verdict untrusted invalid-submission
expect_clean

it "one that ends while the job runs is evidence of a job that fails, and no error: the job may have done it"
dying 'echo oops; exit 4' 7
expect_exit 1
expect_verdict job failed
expect_evidence job "^exit code 7, expected 0; the service 'db' ended while the job ran: exit code 4, expected 0; it wrote last: up\|oops$"
it "... whatever ended it: a signal, a flood of output"
dying 'kill -SEGV $$' 7
expect_verdict job failed
expect_evidence job 'killed by signal 11 \(SIGSEGV\)'
dying 'yes' 7
expect_verdict job failed
expect_evidence job "the service 'db' ended while the job ran: output limit 64 KiB reached"
expect_equal "$(stat -c %s out/logs/job.service-db.stdout)" 65536
it "... and a job that does what it is for has passed, with a note"
dying 'yes' 0
expect_exit 0
expect_verdict job passed
expect_result job '.notes | length == 1 and (.[0] | test("^the service .db. ended while the job ran: output limit 64 KiB reached.*it wrote last: "))'
expect_clean

it "two jobs at once use the same port, each its own service"
hold
cupel_start held.yaml -j 2
expect wait_until 30 both_began
go 0
cupel_wait
expect_exit 0
expect_equal "$(log a) $(log b)" "from-a.service-db from-b.service-db"

it "Ctrl-C while a service is waited for"
cupel_start waits.yaml
service_began() { grep -q begun out/logs/j.service-db.stdout 2>/dev/null; }
expect wait_until 30 service_began
kill -INT "$CUPEL_PID"
cupel_wait
expect_exit 130
expect_verdict j cancelled
expect_evidence j '^cancelled by the user'
expect_clean

it "the process of a service that dies is the harness's fault: an error, unless the job has passed"
for end in 0 7; do
    hold
    cupel_start held.yaml --only a
    a_began() { grep -q from-a out/logs/a.stdout 2>/dev/null; }
    expect wait_until 30 a_began
    slot=$(busy_slot)
    for pid in $(pgrep -P "$slot"); do # the other one is the job's PID 1
        [[ $(readlink "/proc/$pid/ns/pid") != "$(readlink "/proc/$slot/ns/pid")" ]] || kill -KILL "$pid"
    done
    expect wait_until 30 service_has_ended
    go $end
    cupel_wait
    if ((end == 0)); then
        expect_verdict a passed
    else
        expect_verdict a error
        expect_evidence a "^exit code 7, expected 0; the service 'db' ended while the job ran: the process that ran it died"
    fi
done
expect_clean

# ---- sessions ----------------------------------------------------------------------------------------------------------

job_file shell.yaml <<'YAML'
cupel: 1
jobs:
  j:
    services: {db: {run: [/bin/peer, serve, tcp, 0.0.0.0, "80", from-db], inputs: &peer [{from: peer, to: /bin/peer, mode: ro}], ready: {tcp: 80}, alias: [sql]}}
    inputs: *peer
    run: "echo written >left; peer ask tcp sql 80; exit 3"
  never: {services: {db: {run: "echo no port here; sleep 1000", ready: {tcp: 80}, within: 300ms}}, run: "true"}
  set-up: {services: {db: {run: "sleep 1000"}}, inputs: [{from: full.py, to: /etc/passwd/x}], run: "true"}
  waits: {services: {db: {run: "echo begun; sleep 1000", ready: {tcp: 80}, within: 1h}}, run: "true"}
YAML
ask='peer ask tcp sql 80; exit 5'
# in_shell JOB [OPTIONS]... -- COMMAND...
in_shell() {
    run_cupel shell shell.yaml "$@" </dev/null
}
it "a shell in the sandbox of a job has its services, and they end with it"
in_shell j -- /bin/sh -c "$ask"
expect_exit 5
expect_equal "$(cat stdout)" from-db
expect_clean
it "... also over what the job left, and in one command of cupel exec"
cupel_run shell.yaml --only j --keep-failed
expect_verdict j failed
run_cupel shell --failed j -- /bin/sh -c "cat left; $ask" </dev/null
expect_exit 5
expect_equal "$(tr '\n' ' ' <stdout)" 'written from-db '
run_cupel exec --root shell.yaml:j -- /bin/sh -c "$ask" </dev/null
expect_exit 5
expect_equal "$(cat stdout)" from-db
it "... but not with --no-services"
in_shell j --no-services -- /bin/sh -c 'grep -c sql /etc/hosts || peer ask tcp 127.0.0.1 80'
expect_equal "$(cat stdout)" "0
Connection refused"
it "where one is not ready there is no session, and it says why"
in_shell never -- echo ran
expect_exit 2
expect_said "the service 'db' did not become ready: it had 300 ms \(port 80: Connection refused\); it wrote last: no port here"
expect_said '\-\-no-services'
in_shell set-up -- echo ran
expect_exit 3
expect_said "set-up step 'attach-inputs' failed on /etc/passwd/x"
expect_not grep -q ran stdout
it "a signal ends it while they are waited for"
: >stderr # what was said before this one
grouped "$CUPEL" shell shell.yaml waits -- echo ran >stdout 2>stderr </dev/null &
waits() { grep -q starting stderr; }
expect wait_until 30 waits
kill -TERM $!
wait $!
expect_equal $? 143
expect_not grep -q ran stdout
expect_clean

# ---- what is refused ---------------------------------------------------------------------------------------------------

# refused JOB-KEYS REGEX: of one job each, all in one file.
refused_keys=() refused_words=()
refused() {
    refused_keys+=("$1") refused_words+=("$2")
}
it "what cannot be is refused, with what to write"
refused 'services: {db: {run: x}}, network: none' "'services' go with the networks 'loopback' and 'nat'"
refused 'services: {db: {run: x}}, network: host' "'services' go with the networks 'loopback' and 'nat'"
refused 'services: {db: {}}' "service 'db' has no 'run'"
refused 'services: {db: {run: [{run: x}]}}' "must be text or an argv list"
refused 'services: {db: {run: x, ready: {tcp: 1}}, other: {run: x, ready: {tcp: 1}}}' 'have the same port'
refused 'services: {db: {run: x}, DB: {run: x}}' 'have the same name'
refused 'services: {a-b: {run: x}, a.b: {run: x}}' 'have the same name'
refused 'services: {db: {run: x, alias: other}, other: {run: x}}' 'have the same name'
refused 'services: {localhost: {run: x}}' 'is no name for a service'
refused 'services: {a_b: {run: x}}' 'is no name for a service'
refused 'services: {db: {run: x, ready: {}}}' "'ready' is an empty map"
refused 'services: {db: {run: x, ready: {tcp: 0}}}' "'tcp' must be between 1 and 65535"
refused 'services: {db: {run: x, ready: {tcp: 1, log: x}}}' "'tcp' and 'log'"
refused 'services: {db: {run: x, ready: {exec: x}}}' "'exec'"
refused 'services: {db: {run: x, ready: {log: "("}}}' 'no regular expression'
refused 'services: {db: {run: x, ready: {log: (a)\1}}}' 'refers to a group'
refused 'services: {db: {run: x, ready: {log: "((a{1,255}){1,255}){1,255}"}}}' 'too much for a regular expression'
refused 'services: {db: {run: x, ready: {http: /}}}' "takes the port as well"
refused 'services: {db: {run: x, ready: {http: "a b", port: 1}}}' 'the path of a URL'
refused 'services: {db: {run: x, ready: {tcp: 1, port: 2}}}' "'port' goes with 'http'"
refused 'services: {db: {run: x, retries: 1}}' "'retries'"
{
    printf 'cupel: 1\njobs:\n'
    for i in "${!refused_keys[@]}"; do printf '  j%d: {run: x, %s}\n' "$i" "${refused_keys[i]}"; done
} >refused.yaml
run_cupel validate refused.yaml
expect_exit 2
for i in "${!refused_words[@]}"; do expect_stderr "^refused.yaml:$((i + 3)):[0-9]*: .*${refused_words[i]}"; done

all_done

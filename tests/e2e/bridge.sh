#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Jobs on a bridge: a client and its servers by name, and nobody else.
# time-limit: 120
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

peer=$build/tests/peer
if [[ ! -x $peer ]]; then
    printf 'skip - bridge: %s is not built\n' "$peer"
    all_done
    exit 0
fi
cp -- "$peer" "$T/peer"

# A server ends when its client has asked what it asks last: by the file that the peer writes its news to. A client that is out
# of patience asks the same again, so that how often it has asked says nothing.
cat >server.sh <<'SH'
peer serve tcp 0.0.0.0 7000 "$1" tcp :: 7000 "$1-6" udp 0.0.0.0 7001 "$1-udp" tcp 127.0.0.1 7002 "$1-inside" >news &
until grep -qx "saw $1-udp" news; do sleep 0.02; done
kill $!
wait $! || :
SH
cat >client.sh <<'SH'
# until it listens: servers start together with their client, not before it
for s in "$@"; do
    until peer ask tcp "$s" 7000 2>/dev/null | grep "^$s"; do sleep 0.02; done
    peer ask tcp6 "$s" 7000
    peer ask tcp "$s" 7002 || :
    peer ask udp "$s" 7001
done
SH

job_file cluster.yaml <<'YAML'
cupel: 1
defaults:
  network: {bridge: cluster}
  inputs: [{from: peer, to: /work/bin/peer, mode: ro}, {from: server.sh, to: /work/server.sh}, {from: client.sh, to: /work/client.sh}]
  env: {PATH: "/work/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
  limits: {wall: 60s}
jobs:
  client:
    run: |
      hostname
      sh /work/client.sh node1 node2 db
      cat /etc/hosts
      ls /sys/class/net | tr '\n' ' '
  node1: {run: "hostname; sh /work/server.sh node1"}
  node2: {run: "sh /work/server.sh node2", user: nobody, workdir: /tmp}
  node3: {run: "hostname; sh /work/server.sh db", hostname: db}
YAML
it "a client and a three-node server, by name, over IPv4 and IPv6; all start together without -j"
cupel_run cluster.yaml
expect_exit 0
expect_equal "$(log client | head -n 13 | tail -n 12 | tr '\n' ' ')" \
    "node1 node1-6 Connection refused node1-udp node2 node2-6 Connection refused node2-udp db db-6 Connection refused db-udp "
expect_clean

it "each is called as its job, or by its hostname, which is its own as well"
expect_equal "$(log client | head -n 1) $(log node1) $(log node3)" "client node1 db"
expect_log client '^10\.213\.0\.4.node3 db$'
expect_log client '^fd63:7570:656c:1::4.node3 db$'
expect_log client '^127\.0\.0\.1.localhost'
expect_log client '^eth0 lo $'

it "one of a bridge brings the others"
cupel_run cluster.yaml --only client
expect_exit 0
expect_equal "$(job_lines out | wc -l)" 4

it "too few slots are refused before anything runs, with what to say"
cupel_run cluster.yaml -j 3
expect_exit 2
expect_stderr "cluster\.yaml:[0-9]+: the 4 jobs on the bridge 'cluster' start together, and -j allows 3"
expect_stderr 'hint: say -j 4'
expect_not [ -e out/results.jsonl ]
cupel_run cluster.yaml -j 4
expect_exit 0

# Nobody else: another bridge of the run has the same addresses, and nothing leads out.
job_file apart.yaml <<'YAML'
cupel: 1
defaults:
  inputs: [{from: peer, to: /work/bin/peer, mode: ro}, {from: server.sh, to: /work/server.sh}, {from: client.sh, to: /work/client.sh}]
  env: {PATH: "/work/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
  limits: {wall: 60s}
jobs:
  a-client:
    network: {bridge: a}
    run: |
      sh /work/client.sh a-server
      export PEER_PATIENCE_MS=300 # who answers at all, has done so before
      for to in 10.213.0.3 10.213.0.4 fd63:7570:656c:1::3 b-third 10.213.255.254 198.51.100.1 2001:db8::1 $HOST_ADDRESS; do
        echo "$to: $(peer ask tcp $to 7000)" || :
      done
      peer abstract cupel-bridge-test
      peer ask udp 255.255.255.255 7001 || :
  a-server: {network: {bridge: a}, run: sh /work/server.sh a-server}
  b-client: {network: {bridge: b}, run: sh /work/client.sh b-server}
  b-server: {network: {bridge: b}, run: "sh /work/server.sh b-server; cat news"}
  b-third: {network: {bridge: b}, run: "peer serve tcp 0.0.0.0 7000 third udp 0.0.0.0 7001 third-udp >news & sleep 2; kill $!; wait $! || :; cat news"}
  outside: {network: loopback, env: {PEER_PATIENCE_MS: 300}, run: "peer ask tcp 10.213.0.2 7000 || :"}
YAML
it "two bridges, a job on neither, and the host do not meet"
address=$(hostname -I | tr ' ' '\n' | head -n 1)
sed -i "s/ \$HOST_ADDRESS/ ${address:-192.0.2.1}/" apart.yaml
setpriv --pdeathsig KILL -- "$T/peer" abstract-serve cupel-bridge-test >abstract &
# shellcheck disable=SC2094 # the first is a word, the other a file
setpriv --pdeathsig KILL -- "$T/peer" serve tcp 0.0.0.0 7000 host >host &
expect wait_until 10 grep -q ready host
cupel_run apart.yaml -j 6
expect_exit 0
expect_log a-client '^a-server$'
expect_log b-client '^b-server$'
expect_equal "$(log a-client | grep -cE '^(10\.213|fd63).*: (No route to host|no answer)$')" 4
expect_log a-client '^b-third: no such name$'
expect_equal "$(log a-client | grep -cE '^(198\.51\.100\.1|2001:db8::1): Network is unreachable$')" 2
expect_log a-client "^${address:-192.0.2.1}: Network is unreachable$"
expect_log a-client '^Connection refused$'
expect_equal "$(log b-third)" ready
expect_log outside '^Network is unreachable$'
expect_equal "$(cat host)" ready
expect_clean

# Everything that a job sends to on its link is an entry of a table that the whole machine shares.
cp -- "$top/tests/network/neighbours.py" .
job_file neighbours.yaml <<'YAML'
cupel: 1
defaults: {network: {bridge: n}, inputs: [neighbours.py], limits: {wall: 60s}}
jobs:
  many: {run: "python3 neighbours.py 10.213 fd63:7570:656c:1; tail -n +2 /proc/net/arp | cut -d ' ' -f 1; ip -6 neigh show | grep -v ff02 | cut -d ' ' -f 1"}
  one: {run: "sleep 1"}
YAML
it "a job has no more of the machine's neighbour table than there are jobs on its bridge"
cupel_run neighbours.yaml
expect_exit 0
expect_equal "$(log many | sort | tr '\n' ' ')" "10.213.0.2 fd63:7570:656c:1::2 "

job_file needs.yaml <<'YAML'
cupel: 1
defaults: {run: "true"}
jobs:
  before: {run: "exit 1"}
  fine: {run: "sleep 0.3"}
  x: {network: {bridge: n}, needs: before}
  y: {network: {bridge: n}, needs: fine}
  after: {needs: y}
YAML
it "when one of a bridge is skipped, so are the others, and they say so"
cupel_run needs.yaml -j 2
expect_exit 1
expect_verdict x skipped
expect_verdict y skipped
expect_verdict after skipped
expect_evidence x "needs 'before', which did not pass"
expect_evidence y "starts together with 'x' of its bridge, which was skipped"
expect_evidence after "needs 'y', which was skipped"

job_file patient.yaml <<'YAML'
cupel: 1
defaults: {run: "sleep 0.2; date +%s.%N"}
jobs:
  one: {}
  x: {network: {bridge: n}, run: "date +%s.%N >began; sleep 0.5; cat began; date +%s.%N"}
  y: {network: {bridge: n}, run: "date +%s.%N >began; sleep 0.5; cat began; date +%s.%N"}
  two: {}
  three: {}
YAML
expect_times() {
    expect_equal "$(jq "$@")" true
}
it "a bridge's jobs run at the same time, and what comes after them in the file does not hold them up"
cupel_run patient.yaml -j 2
expect_exit 0
# each began before the other ended
expect_times -en --arg x "$(log x)" --arg y "$(log y)" '[$x, $y | split("\n") | map(tonumber)] | .[0][0] < .[1][1] and .[1][0] < .[0][1]'
expect_times -en --arg x "$(log x)" --arg three "$(log three)" '($x | split("\n")[0] | tonumber) < ($three | tonumber)'

it "a job of a bridge is not run again, even with --retries"
sed 's/run: "true"/run: "exit 1"/; s/, needs: [a-z]*//' needs.yaml >again.yaml
cupel_run again.yaml -j 2 --retries 2
expect_result x '.attempts == 1'
expect_result fine '.attempts >= 1'

job_file long.yaml <<'YAML'
cupel: 1
defaults: {network: {bridge: n}, run: "echo up; exec sleep 1000"}
jobs: {a: {}, b: {}}
YAML
both_up() {
    [[ $(cat out/logs/a.stdout out/logs/b.stdout 2>/dev/null | grep -c up) == 2 ]]
}
it "kill -9 of the supervisor leaves nothing of a bridge"
interfaces=$(ls /sys/class/net | tr '\n' ' ')
cupel_start long.yaml -j 2
expect wait_until 20 both_up
expect_equal "$(ls /sys/class/net | tr '\n' ' ')" "$interfaces" # nothing of it was ever in the host's network
kill -KILL "$CUPEL_PID"
cupel_wait
expect wait_until 5 no_processes
run_cupel clean
expect_clean

it "a bridge without a name, or an unknown key, is refused with its place"
job_file wrong.yaml <<'YAML'
cupel: 1
jobs:
  a: {run: x, network: {bridge: "a/b"}}
  b: {run: x, network: {brigde: a}}
YAML
cupel_run wrong.yaml
expect_exit 2
expect_stderr "wrong\.yaml:3:33: 'bridge' must be a name"
expect_stderr "wrong\.yaml:4:25: unknown key 'brigde', did you mean 'bridge'"

if has_fault_injection; then
    it "a fault at the step leaves nothing behind"
    export CUPEL_FAULT=network
    cupel_run long.yaml
    unset CUPEL_FAULT
    expect_exit 3
    expect_evidence a "set-up step 'network' failed: an injected fault"
    expect_clean
fi

all_done

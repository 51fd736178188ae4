#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Networks, on a machine made for this test: a network namespace stands for the host, with an interface towards a second one
# that stands for the world; nothing depends on what the real machine is connected to.
# time-limit: 120
if [[ -z ${CUPEL_TEST_NETWORK-} && $EUID == 0 ]]; then
    # mount: for an /etc/resolv.conf and a /dev/net/tun of our own
    CUPEL_TEST_NETWORK=1 exec unshare --net --mount --propagation private -- bash "$0" "$@"
fi
# sanitizers: no
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

peer=$build/tests/peer
if [[ ! -x $peer ]]; then
    printf 'skip - network: %s is not built\n' "$peer"
    all_done
    exit 0
fi
cp -- "$peer" "$T/peer"

# tun_node MODE: a /dev/net/tun of this script's own, whatever the machine's is like; false: that cannot be.
tun_node() {
    mount -t tmpfs -o mode=0755 tmpfs /dev/net && mknod -m "$1" /dev/net/tun c 10 200 && (exec 3<>/dev/net/tun)
} 2>/dev/null
# Root's is as the kernel makes it: for root only.
if ! tun_node "$([[ -z ${CUPEL_TEST_USER-} ]] && echo 0600 || echo 0666)"; then
    printf 'skip - network: no tun device can be had here (modprobe tun; in a container, --device /dev/net/tun)\n'
    all_done
    exit 0
fi

# ---- the host's side -------------------------------------------------------------------------------------------------

# background COMMAND...: ends with this script, whatever ends that.
background() {
    setpriv --pdeathsig KILL -- "$@" &
}
is_ready() {
    grep -qs '^ready' "$1"
}
saw() {
    grep -qs "^saw $1\$" "$T/host-servers"
}

ip link set lo up
background unshare --net sleep 1000
world=$!
wait_until 10 sh -c "[ \"\$(readlink /proc/$world/ns/net)\" != \"\$(readlink /proc/self/ns/net)\" ]"
if ! ip link add up0 type veth peer name world0 netns "$world" 2>"$T/why"; then
    printf 'skip - network: no veth on this kernel: %s\n' "$(head -n 1 "$T/why")"
    all_done
    exit 0
fi
nsenter --net="/proc/$world/ns/net" sh -c '
    ip link set lo up && ip link set world0 up && ip addr add 10.99.0.2/24 dev world0 && ip addr add fd99::2/64 dev world0 nodad'
ip addr add 10.99.0.1/24 dev up0
ip addr add fd99::1/64 dev up0 nodad
ip link set up0 up
ip route add default via 10.99.0.2
ip route add default via fd99::2
# pasta takes an interface for IPv6 only once its link-local address is settled
is_settled() {
    [[ -z $(ip -6 addr show dev up0 tentative) ]]
}
wait_until 10 is_settled
printf 'nameserver 127.0.0.53\nsearch example.test\n' >"$T/resolv.conf"
if [[ ! -e /etc/resolv.conf ]]; then # an /etc of our own, which nobody else sees
    mkdir "$T/etc" && mount -t tmpfs tmpfs "$T/etc" && mkdir "$T/etc/upper" "$T/etc/work" &&
        mount -t overlay -o "lowerdir=/etc,upperdir=$T/etc/upper,workdir=$T/etc/work" overlay /etc &&
        umount -l "$T/etc" && rmdir "$T/etc" && rm -f /etc/resolv.conf && : >/etc/resolv.conf # perhaps a link into nowhere
fi
mount --bind "$T/resolv.conf" /etc/resolv.conf

background "$T/peer" serve tcp 127.0.0.1 8001 loop4 tcp ::1 8001 loop6 udp 127.0.0.1 8001 loop4-udp udp ::1 8001 loop6-udp \
    tcp 10.99.0.1 8003 host4 tcp fd99::1 8003 host6 udp 10.99.0.1 8003 host4-udp \
    dns 127.0.0.53 53 10.99.0.2 dns 10.99.0.1 53 10.99.0.1 >"$T/host-servers"
mkdir www
head -c 20000000 /dev/urandom >www/blob
background nsenter --net="/proc/$world/ns/net" "$T/peer" serve tcp 10.99.0.2 8004 world4 tcp fd99::2 8004 world6 >"$T/world-servers"
background nsenter --net="/proc/$world/ns/net" busybox httpd -f -p 10.99.0.2:8005 -h "$T/www"
background "$T/peer" abstract-serve cupel-test >"$T/abstract-server"
expect_servers() {
    wait_until 10 is_ready "$T/host-servers" && wait_until 10 is_ready "$T/world-servers" &&
        wait_until 10 is_ready "$T/abstract-server"
}
it "the test's own machine is up"
expect expect_servers
expect_equal "$("$T/peer" ask tcp 10.99.0.2 8004)" world4
expect_equal "$("$T/peer" ask tcp 127.0.0.1 8001)" loop4
expect_equal "$("$T/peer" abstract cupel-test)" connected
expect saw loop4
: >"$T/host-servers"

# ---- none, loopback, nat, host: what each has ----------------------------------------------------------------------------

job_file plain.yaml <<'YAML'
cupel: 1
defaults:
  inputs: [{from: peer, to: /work/bin/peer, mode: ro}]
  env: {PATH: "/work/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
  limits: {wall: 30s}
  run: |
    say() { echo "$1: $(shift; "$@" 2>&1 || :)"; }
    say interfaces sh -c 'ls /sys/class/net | tr "\n" " "'
    say lo cat /sys/class/net/lo/flags
    say abstract peer abstract cupel-test
    say loop4 peer ask tcp 127.0.0.1 8001
    say loop6 peer ask tcp ::1 8001
    say host4 peer ask tcp 10.99.0.1 8003
    say resolver sh -c 'tr "\n" " " </etc/resolv.conf'
jobs:
  none: {network: none}
  loopback: {network: loopback}
  host: {network: host}
  nat: {network: nat}
YAML
it "the host's network must be allowed on the command line, before anything runs"
cupel_run plain.yaml
expect_exit 2
expect_stderr 'plain\.yaml:[0-9]+: job .host. asks for the host.s network$'
expect_stderr 'hint: say --allow-host-network'
expect_not [ -e out/results.jsonl ]
cupel_run plain.yaml --allow-host-network -j 2
expect_exit 0

it "none: lo is down, nothing else is there"
expect_log none '^interfaces: lo $'
expect_log none '^lo: 0x8$'
expect_log none '^host4: Network is unreachable$'
expect_log none '^loop4: Network is unreachable$'

it "loopback: lo of its own, up, with nothing of the host's on it"
expect_log loopback '^interfaces: lo $'
expect_log loopback '^lo: 0x9$'
expect_log loopback '^loop4: Connection refused$'
expect_log loopback '^host4: Network is unreachable$'

it "none, loopback and nat: the host's abstract sockets are out of reach"
for job in none loopback nat; do
    expect_log "$job" '^abstract: Connection refused$'
done

it "host: what the host has, but for sysfs; its resolvers as they are"
expect_log host '^interfaces: ls: cannot access'
expect_log host '^loop4: loop4$'
expect_log host '^loop6: loop6$'
expect_log host '^abstract: (connected|Operation not permitted)$' # Landlock refuses where it can: hardening.sh
expect_log host '^resolver: nameserver 127\.0\.0\.53 search example\.test $'

it "nat: one interface beside lo, a resolver that can be reached"
expect_log nat '^interfaces: eth0 lo $'
expect_log nat '^lo: 0x9$'
expect_log nat '^resolver: nameserver 10\.0\.2\.3 search example\.test $'
expect_clean

it "an unknown network is refused with its place"
job_file unknown.yaml <<'YAML'
cupel: 1
jobs:
  a: {network: natt, run: [/bin/true]}
YAML
cupel_run unknown.yaml
expect_exit 2
expect_stderr 'unknown\.yaml:3:16: .*did you mean .nat.'

it "nat: a job has one neighbour of the machine's table for each way out, its gateway, wherever it sends to"
cp -- "$top/tests/network/neighbours.py" .
job_file neighbours.yaml <<'YAML'
cupel: 1
jobs:
  many:
    network: nat
    inputs: [neighbours.py]
    limits: {wall: 60s}
    run: "python3 neighbours.py 10.0 fd63:7570:656c:2; tail -n +2 /proc/net/arp | cut -d ' ' -f 1; ip -6 neigh show | grep -v ff02 | cut -d ' ' -f 1"
YAML
cupel_run neighbours.yaml
expect_exit 0
expect_equal "$(log many | sort | tr '\n' ' ')" "10.0.2.2 fd63:7570:656c:2::2 "
expect_clean

# ---- nat: what it reaches and what not ---------------------------------------------------------------------------------

job_file nat.yaml <<'YAML'
cupel: 1
defaults:
  network: nat
  inputs: [{from: peer, to: /work/bin/peer, mode: ro}]
  env: {PATH: "/work/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
  limits: {wall: 60s}
jobs:
  out:
    run: |
      ip -6 route >&2 # in case it fails
      for to in "tcp 10.99.0.1 8003" "udp 10.99.0.1 8003" "tcp fd99::1 8003" "tcp 10.99.0.2 8004" "tcp fd99::2 8004"; do
        peer ask $to
      done
      getent hosts some.name.test
  loopback:
    env: {PEER_PATIENCE_MS: 150} # what gets through sees it at once, and the servers say so
    run: |
      for to in "tcp 127.0.0.1" "udp 127.0.0.1" "tcp ::1" "udp ::1" "tcp ::ffff:127.0.0.1"; do
        peer ask $to 8001 || :
        peer ask $to 8001 eth0 || : # past the job's own loopback
        peer ask $to 8001 lo || :
      done
      # its gateway, its resolver, itself, the host's address, the unspecified one
      for a in 10.0.2.2 10.0.2.3 10.0.2.100 10.99.0.1 0.0.0.0 fd63:7570:656c:2::2 fd99::1; do
        peer ask tcp $a 8001 || :
        peer ask udp $a 8001 || :
        peer ask tcp $a 8001 eth0 || :
        peer ask udp $a 8001 eth0 || :
      done
  user:
    user: nobody
    run: |
      peer ask tcp 10.99.0.1 8003
      peer ask tcp 127.0.0.1 8001 eth0 || :
  own-loopback:
    run: |
      peer serve tcp 127.0.0.1 9000 own tcp ::1 9000 own6 >/dev/null &
      until peer ask tcp 127.0.0.1 9000; do sleep 0.05; done
      peer ask tcp ::1 9000
      kill $!
  download:
    run: busybox wget -q -O - http://10.99.0.2:8005/blob | sha256sum
YAML
: >host-servers
it "nat reaches servers on the host's addresses and beyond, by IPv4 and IPv6, and names"
cupel_run nat.yaml -j 2 --only out --only user --only own-loopback --only download
expect_verdict out passed
expect_equal "$(log out | head -n 5 | tr '\n' ' ')" "host4 host4-udp host6 world4 world6 "
expect_log out '^10\.99\.0\.2 +some\.name\.test'

it "nat: what comes through is intact"
expect_equal "$(log download | cut -d ' ' -f 1)" "$(sha256sum <www/blob | cut -d ' ' -f 1)"

it "nat: any user of the job has it, and a loopback of the job's own"
expect_verdict user passed
expect_log user '^host4$'
expect_equal "$(log own-loopback | tail -n 2 | tr '\n' ' ')" "own own6 "

it "nat: nothing comes to what listens on the host's loopback, by no address and no interface"
expect [ -s host-servers ]
: >host-servers
cupel_run nat.yaml --only loopback
expect_verdict loopback passed
expect_equal "$(grep -c . out/logs/loopback.stdout)" 43
expect_not saw 'loop[46].*'
expect_no_log loopback '^loop'
expect_clean

# resolved_by ADDRESS...: what the host's resolv.conf says
resolved_by() {
    printf 'nameserver %s\n' "$@" >"$T/resolv.conf"
}
job_file names.yaml <<'YAML'
cupel: 1
defaults: {network: nat, limits: {wall: 2m}}
jobs:
  asks: {run: "cat /etc/resolv.conf; getent hosts some.name.test", limits: {wall: 15s}} # glibc waits for 5 s, asks anew, and again
YAML
it "nat: a resolver that can be reached is asked itself, and its answers come from where it was asked"
resolved_by 10.99.0.1
cupel_run names.yaml
expect_verdict asks passed
expect_log asks '^nameserver 10\.99\.0\.1$'
expect_log asks '^10\.99\.0\.1 +some\.name\.test'

it "nat: ... and one at a loopback address after it is left out; before it, both are asked"
resolved_by 10.99.0.1 127.0.0.53
cupel_run names.yaml
expect_verdict asks passed
expect_equal "$(log asks | grep -c nameserver)" 1
resolved_by 127.0.0.53 10.99.0.1
cupel_run names.yaml
expect_verdict asks passed
expect_log asks '^10\.99\.0\.2 +some\.name\.test'
printf 'nameserver 127.0.0.53\nsearch example.test\n' >"$T/resolv.conf"

it "nat: no way in, and jobs do not meet"
job_file inward.yaml <<'YAML'
cupel: 1
defaults:
  network: nat
  inputs: [{from: peer, to: /work/bin/peer, mode: ro}]
  env: {PATH: "/work/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
  limits: {wall: 60s}
jobs:
  server: {run: "peer serve tcp 0.0.0.0 9001 from-inside udp 0.0.0.0 9001 from-inside & sleep 3; kill $!"}
  neighbour: {env: {PEER_PATIENCE_MS: 150}, run: "sleep 1; for a in 10.0.2.100 10.99.0.1; do peer ask tcp $a 9001; peer ask udp $a 9001; done || :"}
YAML
server_is_up() {
    grep -qs '^ready' out/logs/server.stdout
}
cupel_start inward.yaml -j 2
expect wait_until 20 server_is_up
for from in "tcp 127.0.0.1" "tcp 10.99.0.1" "udp 10.99.0.1" "tcp ::1"; do
    # shellcheck disable=SC2086 # two words
    expect_equal "$("$T/peer" ask $from 9001)" "Connection refused"
done
cupel_wait
expect_exit 0
expect_no_log server 'saw'
expect_no_log neighbour 'from-inside'

it "nat: many jobs at once, each with its own"
{
    printf 'cupel: 1\ndefaults: {network: nat, inputs: [{from: peer, to: /work/bin/peer, mode: ro}], run: /work/bin/peer ask tcp 10.99.0.1 8003}\njobs:\n'
    printf '  j%d: {}\n' {1..24}
} >many.yaml
cupel_run many.yaml -j 6
expect_exit 0
expect_equal "$(cat out/logs/*.stdout | sort | uniq -c | tr -s ' ')" " 24 host4"
expect_clean

it "nat: whether it can be had is tried while many filters are compiled beside"
{
    calls=(acct getcpu times getsid sync flock)
    printf 'cupel: 1\njobs:\n  out: {network: nat, run: [/bin/true]}\n'
    for ((i = 1; i < 64; i++)); do
        deny=()
        for ((k = 0; k < 6; k++)); do
            ((!(i >> k & 1))) || deny+=("${calls[k]}")
        done
        printf '  job%d: {seccomp: {deny: [%s]}, run: [/bin/true]}\n' "$i" "$(IFS=, && echo "${deny[*]}")"
    done
} >filters.yaml
cupel_start filters.yaml
is_over() { ! kill -0 "$CUPEL_PID" 2>/dev/null; }
if wait_until 30 is_over; then good; else bad "it has not come to an end" && kill -KILL "$CUPEL_PID"; fi
cupel_wait
expect_exit 0

# ---- nat: what serves it ends with the job, whoever dies --------------------------------------------------------------

pastas() {
    local pid
    for pid in $(foreign_processes); do
        [[ $(readlink "/proc/$pid/exe") == */pas* ]] && echo "$pid"
    done
}
job_file long.yaml <<'YAML'
cupel: 1
defaults: {network: nat, run: "echo up; exec sleep 1000"}
jobs: {a: {}, b: {}}
YAML
both_up() {
    [[ $(cat out/logs/a.stdout out/logs/b.stdout 2>/dev/null | grep -c up) == 2 ]]
}
it "pasta is confined: no id of the host's, no right over it, its own empty root, a filter"
cupel_start long.yaml -j 2
expect wait_until 20 both_up
expect_equal "$(pastas | wc -l)" 2
for pid in $(pastas); do
    expect [ "$(awk '/^Uid/ {print $2}' "/proc/$pid/status")" -ge 65536 ]
    expect grep -q '^Seccomp:.2$' "/proc/$pid/status"
    expect_not [ "$(readlink "/proc/$pid/ns/user")" = "$(readlink /proc/self/ns/user)" ]
    expect_equal "$(ls "/proc/$pid/root/")" ""
done

it "kill -9 of the supervisor takes pasta with it"
expect [ -n "$(pastas)" ]
kill -KILL "$CUPEL_PID"
cupel_wait
expect wait_until 5 no_processes
run_cupel clean
expect_clean

job_file lost.yaml <<'YAML'
cupel: 1
jobs:
  a:
    network: nat
    inputs: [{from: peer, to: /work/bin/peer, mode: ro}]
    env: {PEER_PATIENCE_MS: 2000}
    limits: {wall: 60s}
    run: |
      echo up
      while bin/peer ask tcp 10.99.0.1 8003 >/dev/null; do sleep 0.05; done
      echo lost
YAML
a_up() {
    grep -qs up out/logs/a.stdout
}
it "a network that is lost on the way is said so"
cupel_start lost.yaml
expect wait_until 20 a_up
# shellcheck disable=SC2046 # one
kill -KILL $(pastas)
cupel_wait
expect_log a '^lost$'
expect_result a '.notes | any(test("the network was lost while the job ran"))'
expect_clean

it "a cancelled run leaves no pasta"
cupel_start long.yaml -j 2
expect wait_until 20 both_up
kill -INT "$CUPEL_PID"
cupel_wait
expect_exit 130
expect_clean

# ---- nat: what fails ---------------------------------------------------------------------------------------------------

job_file one.yaml <<'YAML'
cupel: 1
jobs:
  a: {network: nat, run: [/bin/true]}
  b: {run: [/bin/true]}
YAML
mkdir -p bin no-pasta
ln -s "$(command -v mke2fs)" no-pasta/
# with_path DIRECTORIES: starts the program with those in place of where it looks for others
with_path() {
    printf '#!/bin/bash\nCUPEL_PROGRAMS=%q exec %q "$@"\n' "$1" "$program" >"$T/started-with-path"
    chmod +x "$T/started-with-path"
    CUPEL=$T/started-with-path
}
program=$CUPEL
it "without pasta the run is refused before anything runs, with the remedy"
with_path "$T/no-pasta"
cupel_run one.yaml
expect_exit 3
expect_stderr "one\.yaml:3: job 'a'.*the program pasta"
expect_stderr 'hint: install the package passt'
expect_not [ -e out/results.jsonl ]

CUPEL=$program

it "a tun device that only root may open: no obstacle to root, and refused to a user before anything runs; doctor says the same"
tun_node 0600
run_cupel doctor
tun_row=$(grep -A 1 ' tun device ' "$T/stdout")
cupel_run one.yaml
if [[ -n ${CUPEL_TEST_USER-} ]]; then
    expect_exit 3
    expect_stderr "one\.yaml:3: job 'a': .*takes /dev/net/tun: Permission denied"
    expect_stderr 'hint: .*chmod 0666 /dev/net/tun'
    expect_not [ -e out/results.jsonl ]
    expect grep -q '^missing ' <<<"$tun_row"
    expect grep -q 'chmod 0666' <<<"$tun_row"
else
    expect_exit 0
    expect grep -q '^works .* of pasta.s own' <<<"$tun_row"
fi
umount /dev/net
it "one that everybody may open is used as it is"
tun_node 0666
cupel_run one.yaml
expect_exit 0
run_cupel doctor
expect_stdout '^works +tun device .* /dev/net/tun$'
expect_clean

if [[ -n ${CUPEL_TEST_USER-} ]]; then
    it "nat with the user's own id alone"
    without_ranges
    cupel_run nat.yaml --only out --only loopback -j 2
    with_ranges
    expect_exit 0
    expect_equal "$(log out | head -n 5 | tr '\n' ' ')" "host4 host4-udp host6 world4 world6 "
    expect_no_log loopback '^loop'
    expect_clean
fi

# fake_pasta: a script from standard input, in place of pasta
fake_pasta() {
    { echo '#!/bin/sh'; cat; } >bin/pasta
    chmod +x bin/pasta
    with_path "$T/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    cupel_run one.yaml
    CUPEL=$program
}
it "a pasta that fails is an error of that job alone, in its words"
chmod 0755 "$T" bin
fake_pasta <<'END'
echo "the kettle is empty" >&2
exit 1
END
expect_exit 3
expect_verdict a error
expect_evidence a "set-up step 'network' failed: pasta failed: the kettle is empty"
expect_verdict b passed
expect_clean

it "a host without a way out is named as the reason"
ip route del default via 10.99.0.2
ip route del default via fd99::2
cupel_run one.yaml
expect_verdict a error
expect_evidence a 'network.*interface.*default route'
expect_clean
ip route add default via 10.99.0.2

if has_fault_injection; then
    it "a fault at the step leaves nothing behind"
    export CUPEL_FAULT=network
    cupel_run one.yaml
    unset CUPEL_FAULT
    expect_exit 3
    expect_evidence a "set-up step 'network' failed: an injected fault"
    expect_clean
fi

all_done

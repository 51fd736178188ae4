#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Derived roots: {from: ROOT, run: COMMAND}: made once, kept in the store, made again when something of it changes.
# time-limit: 120
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

busybox=$(command -v busybox)
if [[ -z $busybox ]] || ! "$busybox" --list >/dev/null; then
    it "derived roots"
    skip_it "busybox-static is not installed"
    all_done
    exit 0
fi
mkdir -p tree/bin tree/etc tree/opt/old/sub tree/gone
cp "$busybox" tree/bin/busybox
for applet in sh cat ls echo true id mkdir mv rm rmdir chown chmod stat sleep test touch ln mkfifo find sort env date head tail seq dd; do
    ln -s busybox "tree/bin/$applet"
done
printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n' >tree/etc/passwd
echo base >tree/etc/which && echo old >tree/opt/old/file && echo sub >tree/opt/old/sub/file && echo gone >tree/gone/file
tar -C tree --owner=0 --group=0 -cf base.tar .
mkdir -p data && echo one >data/one && echo single >single
[[ -z ${CUPEL_TEST_USER-} ]] || chown -R "$CUPEL_TEST_USER:$CUPEL_TEST_USER" data single

# derived NAME [SED]: a job file with a derived root, edited.
derived() {
    cat >"$1.yaml" <<'YAML'
cupel: 1
rootfs:
  base: {tar: base.tar}
  tools:
    from: base
    env: {WORD: first}
    inputs: [{from: data, to: /data}, {from: single, to: /etc/single}]
    limits: {wall: 20s, disk: 64M}
    run: |
      echo "$WORD $(cat /data/one /etc/single)" >/opt/made
      echo more >>/etc/which
      rm -r /gone
      rm -r /opt/old && mkdir /opt/old && echo new >/opt/old/new
      mkdir /opt/user && touch -d @1000000000 /opt/user/file && chown 1000:1000 /opt/user/file && chmod 4711 /opt/user/file
      ln /opt/made /opt/also && ln -s made /opt/link && mkfifo /opt/fifo
      echo lost >/data/lost
      cat /proc/sys/kernel/random/uuid >/opt/stamp
jobs:
  look: {rootfs: tools, run: cat /opt/made /etc/which}
  stamp: {rootfs: tools, run: cat /opt/stamp}
YAML
    [[ -z ${2-} ]] || sed -i "$2" "$1.yaml"
}
stamp() { log stamp; }

it "what the command writes is a layer over the other root: additions, changes, deletions, replaced directories"
derived one
cat >>one.yaml <<'YAML'
  all:
    rootfs: tools
    run: |
      test ! -e /gone
      test "$(ls /opt/old)" = new
      test "$(cat /opt/old/new)" = new
      stat -c '%u:%g %a %Y' /opt/user/file
      test "$(stat -c %i /opt/made)" = "$(stat -c %i /opt/also)"
      test -L /opt/link
      test -p /opt/fifo
      test ! -e /data/lost
      test ! -e /etc/single
      test ! -e /data/one
  plain: {rootfs: base, run: cat /etc/which /gone/file /opt/old/file}
YAML
cupel_run one.yaml -j 2
expect_exit 0
expect_equal "$(log look | tr '\n' ' ')" 'first one single base more '
expect_equal "$(log all)" '1000:1000 4711 1000000000'
expect_equal "$(log plain | tr '\n' ' ')" 'base gone old '
expect_said 'making root tools'
expect_equal "$(cat single data/* | tr '\n' ' ')" 'single one '
expect_clean
first=$(stamp)

it "it is made once: by this file, by another that says the same, whatever the names and limits"
cupel_run one.yaml
expect_exit 0
expect_equal "$(stamp)" "$first"
expect_equal "$(grep -c 'making root' stderr)" 0
derived two 's/  tools:/  other:/; s/rootfs: tools/rootfs: other/; s/64M/32M/'
touch data/one single
cupel_run two.yaml
expect_equal "$(stamp)" "$first"

changed() { # changed NAME [SED]
    it "it is made again when this changes: $1"
    derived changed "$2"
    cupel_run changed.yaml
    expect_exit 0
    expect_not test "$(stamp)" = "$first"
    expect_said 'making root tools'
}
changed "the command" 's/echo lost/echo LOST/'
changed "its environment" 's/first/second/'
expect_log look '^second one$'
changed "its network" 's/env: {WORD: first}/&\n    network: none/'
changed "where an input is placed" 's#/data\b#/daten#g'
echo two >data/one
changed "the content of an input" ''
expect_log look '^first two$'
echo one >data/one && chmod +x single
changed "the mode of an input" ''
chmod -x single && echo x >data/x
changed "the names in an input" ''
rm data/x && echo other >tree/etc/which && tar -C tree --owner=0 --group=0 -cf base.tar . && echo base >tree/etc/which
changed "the root that it starts from" ''
expect_log look '^other$'
tar -C tree --owner=0 --group=0 -cf base.tar .

it "roots derived from derived roots; each is made once"
cat >chain.yaml <<'YAML'
cupel: 1
rootfs:
  c: {from: b, run: "cat /opt/a /opt/b >/opt/c; rm /opt/a"}
  b: {from: a, run: [/bin/sh, -c, "cat /opt/a /opt/a >/opt/b"]}
  a: {from: base, run: "echo a >/opt/a"}
  base: {tar: base.tar}
jobs:
  top: {rootfs: c, run: "cat /opt/c; test ! -e /opt/a"}
  low: {rootfs: a, run: cat /opt/a}
  snap: {from: top, run: cat /opt/c}
YAML
cupel_run chain.yaml -j 2
expect_exit 0
expect_equal "$(log top | tr '\n' ' ')" 'a a a '
expect_equal "$(grep -c 'making root' stderr)" 3
cupel_run chain.yaml
expect_exit 0
expect_equal "$(grep -c 'making root' stderr)" 0

it "only what selected jobs need is made"
rm -rf "$T/cache"
cupel_run chain.yaml --only low
expect_exit 0
expect_equal "$(grep -c 'making root' stderr)" 1

it "cupel rootfs build makes them, all or those named"
rm -rf "$T/cache"
run_cupel rootfs build chain.yaml b
expect_exit 0
expect_stdout '^b: ready, 3 layers$'
expect_equal "$(grep -c 'making root' stderr)" 2
run_cupel rootfs build chain.yaml
expect_exit 0
expect_equal "$(sort stdout | tr '\n' ' ')" 'a: ready, 2 layers b: ready, 3 layers base: ready, 1 layer c: ready, 4 layers '
expect_equal "$(grep -c 'making root' stderr)" 1
expect_clean

it "cupel shell --rootfs opens one; it is locked with the roots beneath"
run_cupel shell --rootfs c --file chain.yaml -- /bin/cat /opt/c
expect_exit 0
expect_equal "$(tr '\n' ' ' <stdout)" 'a a a '
run_cupel rootfs lock chain.yaml
expect_exit 0
expect_stdout "^c: not locked before$"
cupel_run chain.yaml --locked
expect_exit 0
cp base.tar base.kept && echo x >>base.tar
cupel_run chain.yaml --locked
expect_exit 2
mv base.kept base.tar

it "cupel shell makes it too"
run_cupel shell chain.yaml top -- /bin/cat /opt/c
expect_exit 0
expect_equal "$(tr '\n' ' ' <stdout)" 'a a a '
expect_clean

it "a command that fails ends the run before any job: what, where, how, the end of its output, where all of it is"
cat >fails.yaml <<'YAML'
cupel: 1
rootfs:
  base: {tar: base.tar}
  broken:
    from: base
    run: |
      seq 1 1000
      echo 'E: Unable to locate package' >&2; touch /opt/half
      exit 100
jobs:
  plain: {rootfs: base, run: "echo ran"}
  uses: {rootfs: broken, run: "true"}
YAML
cupel_run fails.yaml
expect_exit 2
expect_stderr "error: fails.yaml:4: cannot make root 'broken': exit code 100, expected 0"
expect_stderr '^    . E: Unable to locate package$'
expect_stderr '^    . 1000$'
expect_equal "$(grep -c '^    . 1$' stderr)" 0
expect_stderr 'hint: .*out/logs/rootfs\+broken.stderr'
expect_equal "$(wc -l <"$T/out/logs/rootfs+broken.stdout")" 1000
expect_not test -e "$T/out/logs/plain.stdout"
expect_clean
expect_equal "$(ls cache/cupel/tmp)" ''

it "and is run again next time"
sed -i 's/exit 100/exit 0/' fails.yaml
cupel_run fails.yaml
expect_exit 0

it "a command that cannot be executed, or is over its limits, is told as such"
sed 's/seq 1 1000/sleep 1000/; s/    run: |/    limits: {wall: 300ms}\n&/' fails.yaml >slow.yaml
cupel_run slow.yaml
expect_exit 2
expect_stderr "cannot make root 'broken': wall"
printf 'cupel: 1\nrootfs: {base: {tar: base.tar}, r: {from: base, run: [/no/such]}}\njobs: {a: {rootfs: r, run: "true"}}\n' >noexec.yaml
cupel_run noexec.yaml
expect_exit 2
expect_stderr "cannot make root 'r': .*/no/such"
expect_clean

it "a file that is one large hole is refused: it would be read for hours, beyond every limit"
printf 'cupel: 1\nrootfs: {base: {tar: base.tar}, r: {from: base, limits: {disk: 16M}, run: dd if=/dev/null of=/big bs=1 seek=2000G}}\njobs: {a: {rootfs: r, run: "true"}}\n' >hole.yaml
cupel_run hole.yaml
expect_exit 2
expect_stderr "refused to copy a layer: with 'big' it holds more than 64 GiB"
expect_clean

it "an input that changes while the command reads it is an error, and nothing of it stays"
mkdir -p moving
[[ -z ${CUPEL_TEST_USER-} ]] || chown "$CUPEL_TEST_USER:$CUPEL_TEST_USER" moving
echo old >moving/one
job_file moving.yaml <<'YAML'
cupel: 1
rootfs:
  base: {tar: base.tar}
  r:
    from: base
    inputs: [{from: moving, to: /moving}]
    limits: {wall: 30s}
    run: |
      echo begun
      until [ "$(cat /moving/one)" = new ]; do sleep 0.1; done
      cat /moving/one >/got
jobs:
  a: {rootfs: r, run: cat /got}
YAML
cupel_start moving.yaml
expect wait_until 20 grep -qs begun out/logs/rootfs+r.stdout
echo new >moving/one
cupel_wait
expect_exit 2
expect_stderr "an input of root 'r' changed while it was made"
cupel_run moving.yaml
expect_exit 0
expect_equal "$(log a)" new

it "a network of the host's is only given when it is allowed"
printf 'cupel: 1\nrootfs: {base: {tar: base.tar}, r: {from: base, network: host, run: "true"}}\njobs: {a: {rootfs: r, run: "true"}}\n' >host.yaml
cupel_run host.yaml
expect_exit 2
expect_stderr "job 'r' asks for the host's network"
cupel_run host.yaml --allow-host-network
expect_exit 0

it "several that want the same at once: one makes it"
sed 's/echo lost/sleep 1; echo LOST/' one.yaml >same.yaml
rm -rf "$T/cache"
for i in 1 2 3 4; do
    (grouped "$CUPEL" run --out "$T/many$i" same.yaml) >"$T/many$i.log" 2>&1 </dev/null &
done
wait
expect_equal "$(cat many?/logs/stamp.stdout | sort -u | wc -l)" 1
expect_equal "$(cat many?/logs/stamp.stdout | wc -l)" 4
expect_equal "$(grep -l 'making root tools' many?.log | wc -l)" 1
expect_clean

it "killed while it is made, nothing is left that the next start does not clean away, and it is made then"
sed 's/sleep 1; /sleep 1000; /' same.yaml >never.yaml
cupel_start never.yaml
is_making() {
    local pid
    for pid in $(foreign_processes); do
        [[ $(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline") == *'sleep 1000 ' ]] && return 0
    done
    return 1
}
expect wait_until 15 is_making
kill -KILL "$CUPEL_PID"
cupel_wait 2>/dev/null
expect wait_until 5 no_processes
cupel_run one.yaml
expect_exit 0
expect_clean
expect_equal "$(ls cache/cupel/tmp)" ''

it "interrupted while it is made: nothing is left, no job ran, exit code 130"
cupel_start never.yaml
expect wait_until 15 is_making
kill -INT "$CUPEL_PID"
cupel_wait
expect_exit 130
expect_stderr "interrupted while root 'tools' was made"
expect_clean
expect_equal "$(ls cache/cupel/tmp)" ''
expect_equal "$(jq -r .verdict <(job_lines out) | sort -u)" cancelled

it "the store has it as any other layer"
run_cupel rootfs list
expect_exit 0
expect_stdout 'derived'
run_cupel rootfs verify
expect_exit 0

it "hostile: what the command leaves cannot order overlayfs about, nor become a device"
cat >hostile.yaml <<'YAML'
cupel: 1
rootfs:
  base: {tar: base.tar}
  r:
    from: base
    run: |
      mkdir -p /opt/deep && cd /opt/deep
      i=0; while test $i -lt 300; do mkdir d && cd d; i=$((i+1)); done
      echo bottom >bottom
      cd /; ln -s /etc /opt/etc; ln -s ../../../../../../../../etc/passwd /opt/passwd; rm -r /etc && ln -s /nowhere /etc
      touch "/opt/$(printf 'new\nline \033[31m')" /opt/.wh.made /opt/.wh..wh..opq
jobs:
  look: {rootfs: r, run: "test -L /etc; ls /opt; find /opt/deep -name bottom | head -c 20; test -e /bin/busybox"}
YAML
cupel_run hostile.yaml
expect_exit 0
expect_log look '^passwd$'
expect_log look '^/opt/deep/d/d/d/d/d'

all_done

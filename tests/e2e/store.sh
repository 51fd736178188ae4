#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The store as people see it: who uses a root, where it lies, what of it stays by the configuration.
# time-limit: 180
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

busybox=$(command -v busybox)
if [[ -z $busybox ]]; then
    printf 'skip - store: needs busybox (Debian: busybox-static)\n'
    all_done
    exit 0
fi
store=$T/cache/cupel
root() { # DIRECTORY TEXT: a root of its own
    mkdir -p "$1/bin" && cp "$busybox" "$1/bin/busybox" && echo "$2" >"$1/what"
}
root one 1
root two 2
cat >busy.yaml <<'YAML'
cupel: 1
rootfs: {one: {imported: one}}
defaults: {rootfs: one, limits: {disk: 16M}}
jobs:
  waits: {run: [/bin/busybox, sleep, "1000"]}
  fails: {run: [/bin/busybox, "false"]}
YAML
is_running() { [[ -n $(compgen -G "$store/runs/*/roots") ]] && "${as_who[@]}" "$CUPEL" rootfs list | grep -q 'in use'; }

it "list, show and remove say which run, which process and which jobs use a root"
run_cupel rootfs import one one
expect_exit 0
run_cupel rootfs import two two
expect_exit 0
cupel_start busy.yaml
expect wait_until 20 is_running
run=$(basename "$(dirname "$store"/runs/*/roots)")
run_cupel rootfs list
expect_equal "$(awk '$1 == "one" { getline; print }' stdout)" "    run $run (pid $(cat "$store/runs/$run/lock")): waits, fails"
expect_equal "$(grep -c 'in use' stdout)" 1
run_cupel rootfs show one
expect_equal "$(jq -c '[.users[] | .run, .jobs, .kept]' stdout)" "[\"$run\",\"waits, fails\",false]"
expect_equal "$(jq '.own_bytes + .shared_bytes == .bytes and .own_bytes > 0' stdout)" true
run_cupel rootfs show two
expect_equal "$(jq -c .users stdout)" "[]"
run_cupel rootfs remove one
expect_exit 3
expect_stderr "root 'one' is in use: run $run \(pid [0-9]+\): waits, fails"
run_cupel rootfs gc
expect_equal "$(cat stdout)" "0 layers removed, 0 B"
kill -TERM "$(cat "$store/runs/$run/lock")"
cupel_wait
expect_exit 130
run_cupel rootfs list
expect_not grep -q 'in use' stdout

it "a root that another process reads is in use by that process"
mkfifo out.fifo
(exec "${as_who[@]}" "$CUPEL" rootfs export two >out.fifo) &
reader=$!
exec 5<out.fifo
in_use_two() { "${as_who[@]}" "$CUPEL" rootfs list | grep -q '^two .* in use'; }
expect wait_until 20 in_use_two
run_cupel rootfs remove two
expect_exit 3
expect_stderr "root 'two' is in use: process $reader"
cat <&5 >/dev/null
wait "$reader"
exec 5<&-

it "what is kept of a failed job is named as user of its root, and by its key the layer is refused with the job's name"
cupel_run busy.yaml --only fails --keep-failed
expect_exit 1
run_cupel rootfs list
expect_stdout '^    what is kept of the failed job fails of run '
key=$(run_cupel rootfs show one; jq -r '.layers[0].key' stdout)
run_cupel rootfs remove "$key"
expect_exit 3
expect_stderr 'of a failed job: what is kept of the failed job fails of run '
expect [ -d "$store/layers/$key" ]
run_cupel clean --kept
run_cupel rootfs remove "$key"
expect_exit 0
expect_not [ -d "$store/layers/$key" ]
expect_clean

# ---- damage ----
it "verify names a layer of which anything has changed, with the roots that have it and what to do"
run_cupel rootfs import one one
run_cupel rootfs import first one
key=$(run_cupel rootfs show one; jq -r '.layers[0].key' stdout)
fs=$store/layers/$key/fs
damage() { # WHAT COMMAND...: and back from the copy
    local says=$1
    rm -rf saved && cp -a "$store" saved
    "${@:2}"
    touch -r "saved/layers/$key/fs" "$fs"
    run_cupel rootfs verify
    expect_exit 1
    expect_stdout "^layer $key$says; a layer of first, one$"
    expect_stdout '^1 found damaged: `cupel rootfs verify --repair` removes damaged layers'
    rm -rf "$store" && cp -a saved "$store"
}
changed=' \(one\) is not as it was when it was made( \(changed since: /.*\))?'
flip() { printf X | dd of="$1" bs=1 seek=1000 conv=notrunc status=none && touch -r "saved/layers/$key/fs/bin/busybox" "$1"; }
add_file() { echo new >"$fs/bin/new" && touch -r "saved/layers/$key/fs/bin" "$fs/bin"; }
damage "$changed" flip "$fs/bin/busybox"
damage "$changed" chmod 4755 "$fs/bin/busybox"
owner=12:34
[[ -z ${CUPEL_TEST_USER-} ]] || owner=1879179276:1879179298 # of their range: all others look the same to them
damage "$changed" chown "$owner" "$fs/what"
damage "$changed" touch -d 2020-01-01 "$fs/what"
damage "$changed" rm "$fs/what"
damage "$changed" add_file
damage "$changed" ln "$fs/what" "$fs/again"
damage "$changed" python3 -c 'import os, sys; os.setxattr(sys.argv[1], "user.more", b"x")' "$fs/what"
damage ': its layer.json is damaged' truncate -s 10 "$store/layers/$key/layer.json"
damage ' cannot be read' rm "$store/layers/$key/layer.json"
damage ' is not whole' rm "$store/layers/$key/pin"
run_cupel rootfs verify
expect_exit 0

it "verify --repair takes damaged layers away with the names that have them, and they can be imported again; what is used stays"
repair() { # COMMAND...
    "$@"
    run_cupel rootfs verify --repair
    expect_exit 1
    expect_stdout "^layer $key.*; a layer of first, one: removed; import again: first, one$"
    cp stdout repaired
    expect_equal "$(tail -n 1 stdout)" "1 found damaged, 1 removed: a run makes again what it needs"
    expect_not [ -e "$store/layers/$key" ]
    run_cupel rootfs verify
    expect_exit 0
    run_cupel rootfs import one one
    expect_exit 0
    run_cupel rootfs import first one
    expect [ -e "$fs/what" ]
}
repair rm "$store/layers/$key/pin" # and then a layer that is new, and not copied
sleep 0.02 # the kernel's clock for inodes has ticks
flip_one() { printf X | dd of="$fs/bin/busybox" bs=1 seek=1000 conv=notrunc status=none; }
repair flip_one
grep -q 'made (changed since: /bin/busybox); a layer of first, one: removed' repaired || bad "the changed file is not named" "$(cat repaired)"
repair rm "$fs/what"
grep -qF 'made (changed since: /); a layer of' repaired || bad "the changed directory is not named" "$(cat repaired)"
repair rm "$store/layers/$key/layer.json"
cupel_start busy.yaml --only waits
expect wait_until 20 is_running
rm "$fs/what"
run_cupel rootfs verify --repair one
expect_exit 1
expect_stdout "^layer $key.*: it stays, something uses it"
expect [ -e "$store/layers/$key" ]
kill -TERM "$(cat "$store"/runs/*/lock)"
cupel_wait
run_cupel rootfs verify --repair
expect_stdout "removed; import again"
expect_equal "$(ls "$store/names")" two
expect_not [ -e "$store/layers/$key" ]
expect_clean

# ---- the configuration ----
config() { cat >"$T/config.yaml"; export CUPEL_CONFIG=$T/config.yaml; }
layers() { find "$store/layers" -mindepth 1 -maxdepth 1 | wc -l; }
tars() { # N...: job files tN.yaml over a root of its own each, of a tar of some 2 MiB
    local n
    for n; do
        root "t$n" "$n" && tar -C "t$n" -cf "t$n.tar" .
        printf 'cupel: 1\nrootfs: {t: {tar: t%s.tar}}\njobs: {j: {rootfs: t, run: [/bin/busybox, cat, /what]}}\n' "$n" >"t$n.yaml"
    done
}
tars 1 2 3 4
size=$(stat -c %s one/bin/busybox)

it "a configuration that is wrong is refused with place and suggestion, by whatever opens the store, and by nothing else"
config <<<'cache: {kep: 20G}'
for command in "rootfs list" "run t1.yaml" "clean" "doctor" "list --kept" "config"; do
    # shellcheck disable=SC2086 # words
    run_cupel $command
    expect_exit 2
    expect_stderr "config.yaml:1:9: unknown key 'kep', did you mean 'keep'\?"
done
run_cupel validate t1.yaml
expect_exit 0

it "the store lies where the configuration says, unless CUPEL_CACHE says otherwise"
config <<<"cache: {path: $T/elsewhere, older: 30d}"
run_cupel rootfs list
expect_equal "$(cat stdout)" "no roots in $T/elsewhere"
run_cupel config
expect_equal "$(cat stdout)" "# $T/config.yaml
cache:
  path: $T/elsewhere
  # keep: any size may stay
  older: 30d"
cupel_run t1.yaml
expect_exit 0
expect_equal "$(find elsewhere/layers -mindepth 1 -maxdepth 1 | wc -l)" 1
CUPEL_CACHE=$T/third run_cupel rootfs list
expect_equal "$(cat stdout)" "no roots in $T/third"

it "above 'keep' a run's end removes what nothing needs, the longest unused first, and says so in one line"
config </dev/null
run_cupel rootfs remove two
run_cupel rootfs import one one # 1 layer of a name
for n in 1 2 3; do
    cupel_run t$n.yaml
    expect_exit 0
done
expect_equal "$(layers)" 4
touch -d '-1 hour' "$store"/layers/*/pin
cupel_run t1.yaml # used again: the longest unused is now t2's
config <<<"cache: {keep: $((size * 7 / 2))}"
cupel_run t4.yaml
expect_exit 0
expect_equal "$(log j)" 4
expect_stderr '^cupel: removed 2 layers that nothing needs from the root cache, '
expect_equal "$(layers)" 3
run_cupel rootfs list
expect_equal "$(awk 'NR > 1 { print $1, $NF }' stdout | sort | tr '\n' ' ')" "- t1.tar - t4.tar one one "

it "an import tidies up as well; what a name has stays, and that it is more than the limit is said"
config <<<"cache: {keep: $size}"
run_cupel rootfs import two two
expect_exit 0
expect_stderr '^cupel: removed 2 layers'
expect_equal "$(layers)" 2
run_cupel rootfs import two two
expect_exit 0
expect_stderr 'warning: the root cache has .*, more than the .* of the configuration, and all of it is needed'

it "'older' removes what was not used for so long; a run of another's keeps what it uses"
config <<<"cache: {older: 1h}"
sed 's/cat, .what/sleep, "1000"/' t1.yaml >sleeps.yaml
CUPEL_CONFIG='' cupel_start sleeps.yaml
expect wait_until 20 is_running
touch -d '-2 hours' "$store"/layers/*/pin
mkdir -p second && { [[ -z ${CUPEL_TEST_USER-} ]] || chown "$CUPEL_TEST_USER" second; }
STATUS=0
(grouped "$CUPEL" run --out second/out t2.yaml) >second/stdout 2>second/stderr || STATUS=$?
expect_exit 0
expect_equal "$(grep -c removed second/stderr) $(layers)" "0 4" # the two names', t1's, t2's
kill -TERM "$(cat "$store"/runs/*/lock)"
cupel_wait
touch -d '-2 hours' "$store"/layers/*/pin
cupel_run t2.yaml
expect_exit 0
expect_stderr '^cupel: removed 1 layer that'
expect_equal "$(layers)" 3
expect_clean

all_done

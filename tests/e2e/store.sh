#!/usr/bin/env bash
# The store as people see it: who uses a root.
# time-limit: 90
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

busybox=$(command -v busybox)
if [[ -z $busybox ]]; then
    printf 'skip - store: needs busybox (Debian: busybox-static)\n'
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
is_running() { [[ -n $(compgen -G "$store/runs/*/roots") ]] && "$CUPEL" rootfs list | grep -q 'in use'; }

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
(exec "$CUPEL" rootfs export two >out.fifo) &
reader=$!
exec 5<out.fifo
in_use_two() { "$CUPEL" rootfs list | grep -q '^two .* in use'; }
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

all_done

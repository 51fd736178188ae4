#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Caches of jobs: `cache: {key, paths}`: saved once, restored by who may have it, whole or not at all, whatever a job left there.
# sanitizers: no
# time-limit: 180
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

busybox=$(command -v busybox)
if [[ -z $busybox ]] || ! "$busybox" --list >/dev/null; then
    it "caches"
    skip_it "busybox-static is not installed"
    all_done
    exit 0
fi
mkdir -p tree/bin tree/etc
cp "$busybox" tree/bin/busybox
for applet in sh cat ls echo true id mkdir mv rm chown chmod stat sleep test touch ln mkfifo mknod find sort env head seq dd truncate cmp wc grep; do
    ln -s busybox "tree/bin/$applet"
done
printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n' >tree/etc/passwd
tar -C tree --owner=0 --group=0 -cf base.tar .
echo other >tree/etc/other
tar -C tree --owner=0 --group=0 -cf other.tar .
store=$XDG_CACHE_HOME/cupel

# file NAME: a job file from standard input, below its head.
file() {
    {
        printf '%s\n' 'cupel: 1' 'params: {K: one, R: none}' 'rootfs: {base: {tar: base.tar}, other: {tar: other.tar}}' \
            'defaults: {rootfs: base, limits: {wall: 60s}}' 'jobs:'
        cat
    } >"$1.yaml"
}
saved() { find "$store/saved" -type f | wc -l; }
forget() { run_cupel cache gc; }

file use <<'YAML'
  use:
    cache: {key: "k-${{ params.K }}", paths: [/var/kept, build], restore: ["${{ params.R }}"]}
    run: |
      find /var/kept /work/build | sort
      cat /var/kept/list 2>/dev/null || true
      echo "${{ params.K }}" >>/var/kept/list
      mkdir -p build/sub && echo "${{ params.K }}" >"build/sub/${{ params.K }}"
YAML

it "what a job leaves in a cached directory is there for the next run, and once saved it stays as it was"
cupel_run use.yaml
expect_exit 0
expect_equal "$(log use | tr '\n' ' ')" '/var/kept /work/build '
expect_result use '.caches == [{"key": "k-one", "hit": "miss", "saved": true}]'
cupel_run use.yaml
expect_result use '.caches == [{"key": "k-one", "hit": "exact"}]'
expect_said ' use: cache: exact$'
expect_equal "$(log use | tr '\n' ' ')" '/var/kept /var/kept/list /work/build /work/build/sub /work/build/sub/one one '
cupel_run use.yaml
expect_equal "$(log use | grep -c '^one$')" 1
expect_equal "$(saved)" 1
expect_clean

it "another key begins with what was saved last under the beginning of one, and is saved whole"
cupel_run use.yaml --set K=two --set R=k-
expect_result use '.caches == [{"key": "k-two", "hit": "partial", "restored": "k-one", "saved": true}]'
expect grep -qF '<property name="caches" value="k-two: partial (k-one), saved"/>' "$T/out/junit.xml"
expect_equal "$(log use | grep -c '^one$')" 1
cupel_run use.yaml --set K=three --set R=k-
expect_equal "$(log use | grep -v / | tr '\n' ' ')" 'one two '
expect_equal "$(log use | grep -c build/sub/)" 2
cupel_run use.yaml --set K=three
expect_equal "$(log use | grep -v / | tr '\n' ' ')" 'one two three '
expect_equal "$(saved)" 3

it "what is saved is for the same root, user and paths alone"
for change in 's/^    run:/    rootfs: other\n&/' 's/^    run:/    user: user\n&/' 's#/var/kept, build#build, /var/kept#' 's#, build\]#]#'; do
    sed "$change" use.yaml >changed.yaml
    cupel_run changed.yaml --set R=k-
    expect_exit 0
    expect_no_log use '^(one|two|three)$'
done

it "a user's own directory belongs to them, the first time and later"
file user <<'YAML'
  user:
    user: user
    cache: {key: mine, paths: [/var/kept/deep]}
    run: stat -c '%u:%g %a' /var/kept/deep && touch /var/kept/deep/x && chmod 750 /var/kept/deep && stat -c '%u:%g' /var/kept/deep/x
YAML
cupel_run user.yaml
expect_exit 0
expect_equal "$(log user | tr '\n' ' ')" '1000:1000 755 1000:1000 '
cupel_run user.yaml
expect_exit 0
expect_equal "$(log user | tr '\n' ' ')" '1000:1000 750 1000:1000 '

it "what is deleted of a restored cache is not in the next one"
forget
file gone <<'YAML'
  gone:
    cache: {key: "g-${{ params.K }}", paths: [/c], restore: [g-]}
    run: |
      find /c | sort
      if [ "${{ params.K }}" = one ]; then
        mkdir -p /c/dir/old /c/stay && touch /c/file /c/dir/old/f /c/stay/f
      elif [ "${{ params.K }}" = two ]; then
        rm -r /c/file /c/dir && mkdir /c/dir && touch /c/dir/new
      fi
YAML
for k in one two three; do
    cupel_run gone.yaml --set K=$k
    expect_exit 0
done
expect_equal "$(log gone | tr '\n' ' ')" '/c /c/dir /c/dir/new /c/stay /c/stay/f '
expect_equal "$(find "$store"/layers/*/fs/0 -type c | wc -l)" 0

it "a job saves when it has passed, always, or never"
forget
file when <<'YAML'
  success: {cache: {key: success, paths: [/c]}, run: touch /c/x && false}
  always: {cache: {key: always, paths: [/c], save: always}, run: touch /c/x && false}
  limit: {cache: {key: limit, paths: [/c], save: always}, run: touch /c/x && sleep 1000, limits: {wall: 300ms}}
  never: {cache: {key: never, paths: [/c], save: never}, run: touch /c/x}
  pull: {cache: {key: pull, paths: [/c], policy: pull}, run: touch /c/x}
  several: {cache: [{key: a, paths: [/a]}, {key: b, paths: [/b], save: never}], run: touch /a/x /b/x}
YAML
cupel_run when.yaml
expect_result several '[.caches[].hit] == ["miss", "miss"]'
expect_said ' several: caches: 0 of 2 hit$'
run_cupel cache list
expect_equal "$(awk '{print $6}' stdout | sort | tr '\n' ' ')" 'a always limit '

it "a job that starts from another finds its cached directories as that one left them"
forget
file chain <<'YAML'
  base: {cache: {key: "c-${{ params.K }}", paths: [/c], restore: [c-]}, run: "touch /c/${{ params.K }}; rm -f /c/zero"}
  top: {from: base, run: "ls /c; touch /c/top"}
  third: {from: top, cache: {key: "d-${{ params.K }}", paths: [/d], restore: [d-]}, run: "ls /c /d; touch /d/${{ params.K }}"}
  over: {from: base, cache: {key: "z-zero", paths: [/c]}, run: "ls /c; touch /c/zero"}
  fourth: {from: third, run: "ls /c /d"}
YAML
cupel_run chain.yaml
expect_exit 0
expect_equal "$(log top) $(log third | tr '\n' ' ')$(log fourth | tr '\n' ' ')" 'one /c: one top  /d: /c: one top  /d: one '
cupel_run chain.yaml --set K=two -j 4
expect_exit 0
expect_equal "$(log top | tr '\n' ' ')$(log fourth | tr '\n' ' ')$(log over)" 'one two /c: one top two  /d: one two zero'
run_cupel cache list
expect_equal "$(awk '{print $6}' stdout | sort | tr '\n' ' ')" 'c-one c-two d-one d-two z-zero '
expect_clean

it "what defaults say is every job's, and does not take away what the job before has made of it"
forget
file common <<'YAML'
  base: {run: "touch /c/base"}
  top: {from: base, run: "ls /c; touch /c/top"}
  own: {from: base, cache: {key: own, paths: [/c]}, run: "echo own; ls /c"}
YAML
sed -i 's/^defaults: {/defaults: {cache: {key: common, paths: [\/c]}, /' common.yaml
cupel_run common.yaml
expect_exit 0
expect_equal "$(log top):$(log own)" base:own
cupel_run common.yaml
expect_exit 0
expect_equal "$(log top):$(log own)" base:own

it "what a failed job left is opened again over what it had restored, which stays as long as that is kept"
forget
run_cupel clean --kept
cupel_run chain.yaml --only base
file failed <<'YAML'
  base: {cache: {key: "c-${{ params.K }}", paths: [/c], restore: [c-]}, run: "ls /c; touch /c/mine; rm -f /c/gone; false"}
YAML
cupel_run failed.yaml --set K=two --keep-failed
expect_verdict base failed
run_cupel cache remove c-one
expect_exit 3
expect_stderr 'is in use'
run_cupel cache gc
expect_stdout '^0 caches removed'
run_cupel rootfs verify
expect_exit 0
run_cupel shell --failed base -- ls /c
expect_exit 0
expect_equal "$(tr '\n' ' ' <stdout)" 'mine one '
run_cupel clean --kept
run_cupel cache remove c-one
expect_exit 0

it "a job that was prepared before another has saved what it wants is given that all the same"
forget
file after <<'YAML'
  one: {cache: {key: same, paths: [/c]}, run: "sleep 0.5; touch /c/x"}
  two: {cache: {key: same, paths: [/c]}, run: "ls /c"}
  rest: {matrix: {N: {range: [1, 80]}}, run: ":"} # for so many, the next one is prepared
YAML
cupel_run after.yaml -j 1
expect_exit 0
expect_log two '^x$'

it "a shell in a job's sandbox, or a command of one's own there, finds the cache and saves nothing"
forget
cupel_run chain.yaml --only base
sed 's/params: {K: one/params: {K: other/' chain.yaml >new.yaml
run_cupel shell chain.yaml base -- sh -c 'ls /c; touch /c/shell'
expect_exit 0
expect_stdout '^one$'
run_cupel exec --root chain.yaml:base -- sh -c 'ls /c; touch /c/shell'
expect_exit 0
expect_stdout '^one$'
run_cupel exec --root new.yaml:base -- touch /c/shell
expect_exit 0
run_cupel cache list
expect_equal "$(awk '{print $6}' stdout)" c-one

it "nothing is copied: a cache larger than the job's disk is restored"
forget
file large <<'YAML'
  large:
    cache: {key: large, paths: [/c]}
    limits: {disk: "${{ params.K }}"}
    run: |
      if [ "${{ params.K }}" = 64M ]; then dd if=/dev/urandom of=/c/data bs=1M count=40 2>/dev/null; fi
      cat /c/data | wc -c
YAML
cupel_run large.yaml --set K=64M
expect_exit 0
cupel_run large.yaml --set K=8M
expect_exit 0
expect_equal "$(log large)" 41943040

it "who has an untrusted input is given what others saved, and never saves"
forget
mkdir -p theirs && echo x >theirs/x
[[ -z ${CUPEL_TEST_USER-} ]] || chown -R "$CUPEL_TEST_USER:$CUPEL_TEST_USER" theirs
file trust <<'YAML'
  other: {cache: {key: "t-${{ params.K }}", paths: [/c], save: always}, inputs: [{from: theirs, untrusted: true}], run: ls /c; echo poison >/c/x}
YAML
file beside <<'YAML'
  served: {cache: {key: served, paths: [/c]}, services: {it: {run: sleep 1000, inputs: [{from: theirs, untrusted: true}]}}, run: touch /c/x}
  trusting: {cache: {key: trusting, paths: [/c]}, services: {it: {run: sleep 1000, inputs: [theirs]}}, run: touch /c/x}
  near: {cache: {key: near, paths: [/c]}, network: {bridge: b}, run: touch /c/x}
  far: {network: {bridge: b}, inputs: [{from: theirs, untrusted: true}], run: "true"}
  over: {from: near, cache: {key: over, paths: [/d]}, run: touch /d/x}
  takes: {inputs: [{job: near, from: /etc, to: /e}], cache: {key: takes, paths: [/c]}, run: touch /c/x}
YAML
sed 's/inputs: .*true}\], //; s/poison/good/' trust.yaml >trusted.yaml
cupel_run trust.yaml
expect_exit 0
expect_said "the cache 't-one' is not saved: the job, or what it stands on or runs beside, has an untrusted input"
expect_equal "$(saved)" 0
cupel_run beside.yaml
expect_exit 0
run_cupel cache list
expect_equal "$(awk '{print $6}' stdout)" trusting
forget
cupel_run trusted.yaml
cupel_run trust.yaml
expect_log other '^x$'
sed 's/; echo.*/; cat \/c\/x}/' trusted.yaml >look.yaml
cupel_run look.yaml
expect_log other '^good$'
if has_fault_injection; then
    CUPEL_WEAKEN=cache-trust cupel_run trust.yaml --set K=two
    cupel_run look.yaml --set K=two
    expect_log other '^poison$'
fi

it "what another user of a root, or a job of another root, has saved is nobody else's, not even by the beginning of its key"
forget
file poison <<'YAML'
  theirs: {user: user, cache: {key: "p-${{ params.K }}", paths: [/c]}, run: "echo poison >/c/theirs"}
  other: {rootfs: other, cache: {key: "p-${{ params.K }}", paths: [/c]}, run: "echo poison >/c/other"}
YAML
file ours <<'YAML'
  ours: {cache: {key: "p-${{ params.K }}", paths: [/c], restore: [p-], save: never}, run: ls /c}
YAML
cupel_run poison.yaml
expect_exit 0
expect_equal "$(saved)" 2
cupel_run ours.yaml
expect_result ours '.caches[0].hit == "miss"'
cupel_run ours.yaml --set K=two
expect_result ours '.caches[0].hit == "miss"'
if has_fault_injection; then
    forget
    CUPEL_WEAKEN=cache-domain cupel_run poison.yaml
    CUPEL_WEAKEN=cache-domain cupel_run ours.yaml
    expect_log ours '^(theirs|other)$'
fi

it "whatever a job leaves in a cached directory harms neither the host nor a later job"
forget
echo host >host-file
file hostile <<'YAML'
  hostile:
    cache: {key: "h-${{ params.K }}", paths: [/c], restore: [h-]}
    run: |
      if [ "${{ params.K }}" = one ]; then
        ln -s /etc/passwd /c/out && ln -s ../../../../../../../../etc/shadow /c/up && ln -s /c /c/loop
        mkfifo /c/fifo && cp /bin/busybox /c/id && chmod 6755 /c/id
        mknod /c/null c 1 3 2>/dev/null || true
        mknod /c/whiteout c 0 0 2>/dev/null || true
        touch "/c/$(printf 'line\nfeed\033[31m')" "/c/$(seq -s x 1000 | head -c 255)" /c/.wh.x /c/.wh..wh..opq
        mkdir -p /c/0/fs /c/layers && chmod 0 /c/0 && chmod 2777 /c/layers
        touch /c/a && ln /c/a /c/b
        chmod 1777 /c
      else
        find /c -type p -o -type c -o -type b -o -type s
        ls -la /c >/dev/null
        stat -c '%a' /c /c/0 /c/id && stat -c '%h' /c/a && ls /c | wc -l
        /c/id -u
      fi
YAML
cupel_run hostile.yaml
expect_exit 0
expect_equal "$(saved)" 1
cupel_run hostile.yaml --set K=two
expect_exit 0
expect_equal "$(log hostile | tr '\n' ' ')" '1777 0 6755 2 10 0 '
expect_equal "$(find "$store/layers" "$store/tmp" \( -type p -o -type c -o -type b -o -type s \) -path '*/0/*' | wc -l)" 0
run_cupel rootfs verify
expect_exit 0
run_cupel cache remove h-one h-two
expect_exit 0
expect_equal "$(saved) $(cat host-file)" '0 host'
expect_clean

it "a file that reads as more than any cache may be is not saved, and leaves nothing"
file sparse <<'YAML'
  sparse: {cache: {key: sparse, paths: [/c]}, run: truncate -s 1000G /c/huge}
YAML
cupel_run sparse.yaml
expect_exit 0
expect_said "the cache 'sparse' is not saved: refused to copy a directory: with 'huge' it holds more than 64 GiB"
expect_equal "$(saved) $(find "$store/tmp" -mindepth 1 | wc -l)" '0 0'

it "a secret's file is in no layer, even where the directory around it is cached"
forget
printf 'a-secret-of-mine' >key.txt
[[ -z ${CUPEL_TEST_USER-} ]] || chown "$CUPEL_TEST_USER" key.txt
file secret <<'YAML'
  secret: {cache: {key: s, paths: [/run]}, secrets: [{name: KEY, file: key.txt, as: file}], run: wc -c </run/secrets/KEY; touch /run/x}
YAML
cupel_run secret.yaml
expect_exit 0
cupel_run secret.yaml
expect_exit 0
expect_log secret '^16$'
expect_equal "$(saved)" 1
expect_equal "$(grep -rl a-secret-of-mine "$store" | wc -l)" 0

it "of two runs that save one key, the first one's stays, and both pass"
forget
file two <<'YAML'
  two: {cache: {key: both, paths: [/c]}, run: "seq 2000 | while read i; do echo \"${{ params.K }}\" >/c/$i; done"}
YAML
"${as_who[@]}" "$CUPEL" run --out "$T/out-a" two.yaml --set K=a >a.out 2>&1 &
one=$!
"${as_who[@]}" "$CUPEL" run --out "$T/out-b" two.yaml --set K=b >b.out 2>&1 &
wait "$one" && first=0 || first=$?
wait "$!" && second=0 || second=$?
expect_equal "$first $second" '0 0'
expect_equal "$(saved)" 1
expect_equal "$(cat "$store"/layers/*/fs/0/[0-9]* | sort -u | wc -l) $(cat "$store"/layers/*/fs/0/[0-9]* | wc -l)" '1 2000'

it "cupel cache lists, removes by key and by name, and leaves what a run uses"
run_cupel cache list
expect_exit 0
expect_stdout '^[0-9a-f]{12}  .* both  /c$'
name=$(awk '{print $1}' stdout)
run_cupel cache list --json
expect_exit 0
expect_equal "$(jq -c 'map([.key, .paths, .in_use, .entries > 2000, (.name[0:12])])' stdout)" "[[\"both\",[\"/c\"],false,true,\"$name\"]]"
file hold <<'YAML'
  hold: {cache: {key: both, paths: [/c]}, run: "sleep 1000", limits: {wall: 1000s}}
YAML
cupel_start hold.yaml
in_use() { run_cupel cache list && grep -q '(in use)' stdout; }
expect wait_until 30 in_use
run_cupel cache remove both
expect_exit 3
expect_stderr "the cache 'both' \\($name\\) is in use"
run_cupel cache gc
expect_stdout '^0 caches removed'
kill -INT "$CUPEL_PID"
cupel_wait
expect_exit 130
run_cupel cache remove nothing
expect_exit 2
run_cupel cache remove "$name"
expect_exit 0
expect_equal "$(saved) $(find "$store"/layers/*/fs/0 2>/dev/null | wc -l)" '0 0'

file locked <<'YAML'
  make:
    cache: [{key: "l-${{ params.K }}", paths: [/c], sharing: "${{ params.R }}"}, {key: other, paths: [/d], save: never, sharing: locked}]
    inputs: [{from: gate, to: /gate, mode: ro}]
    run: |
      echo here
      while [ -z "$(ls /c)" ] && ! grep -q . /gate; do sleep 0.02; done
      if grep -q fail /gate; then exit 1; fi
      touch /c/made
YAML
# has_turn PID: whether a process below it has a lock of the store open, and so has a cache or waits for it.
has_turn() {
    local slot
    for slot in $(pgrep -P "$1"); do
        [[ -z $(find "/proc/$slot/fd" -lname "$store/locks/*" 2>/dev/null) ]] || return 0
    done
    return 1
}
# locked_run NAME [OPTION...]: starts it behind; its process is $started.
locked_run() {
    rm -rf -- "$T/out-$1" # or what an earlier one said would be taken for what this one says
    "${as_who[@]}" "$CUPEL" run --out "$T/out-$1" locked.yaml "${@:2}" >"$1.out" 2>&1 &
    started=$!
}
caches_of() { jq -c 'select(.id == "make") | [.verdict, .caches[0].hit, .caches[0].saved]' "$T/out-$1/results.jsonl"; }
# two_at_once: with nothing saved, $first has the cache's turn, and $second waits for it, until the gate says more.
two_at_once() {
    forget
    : >gate
    locked_run first --set R=locked
    first=$started
    expect wait_until 30 has_turn "$first"
    locked_run second --set R=locked
    second=$started
    expect wait_until 30 has_turn "$second"
}
# expect_ends 'ONE TWO': the exit codes of both.
expect_ends() {
    wait "$first" && one=0 || one=$?
    wait "$second" && two=0 || two=$?
    expect_equal "$one $two" "$1"
}

it "of jobs with one key that is locked, in two runs, the second waits, and finds what the first has saved"
two_at_once
echo open >gate
expect_ends '0 0'
expect_equal "$(caches_of first) $(caches_of second)" '["passed","miss",true] ["passed","exact",null]'
expect grep -q "waited .* for the cache 'l-one', which another job was making" second.out

it "one that is private waits for nobody, and of those that wait, the next one makes it where the first has failed"
forget
: >gate
locked_run first --set R=private
first=$started
expect wait_until 30 grep -qs here "$T/out-first/logs/make.stdout"
sed 's/while.*/true/' locked.yaml >at-once.yaml
cupel_run at-once.yaml --set R=private
expect_exit 0
expect_result make '.caches[0] == {"key": "l-one", "hit": "miss", "saved": true} and .notes == null'
echo open >gate
wait "$first" && one=0 || one=$?
expect_equal "$one $(caches_of first)" '0 ["passed","miss",null]'
two_at_once
echo fail >gate
expect_ends '1 1'
expect_equal "$(caches_of first) $(caches_of second)" '["failed","miss",null] ["failed","miss",null]'
expect grep -q "waited .* for the cache 'l-one'" second.out

it "who waits for a cache can be cancelled"
two_at_once
kill -INT "$second"
wait "$second" && two=0 || two=$?
echo open >gate
wait "$first" && one=0 || one=$?
expect_equal "$one $two" '0 130'
expect_equal "$(caches_of second)" '["cancelled",null,null]'
expect_clean

it "what is saved goes with the rest when the store is tidied up, the longest unused first"
forget
cupel_run use.yaml
cupel_run use.yaml --set K=two
find "$store/layers" -name pin -exec touch -d '2 days ago' {} +
cupel_run use.yaml
run_cupel cache gc --older 1d
expect_stdout '^1 cache removed'
run_cupel cache list
expect_equal "$(awk '{print $6}' stdout)" k-one
run_cupel cache gc --keep 0
expect_stdout '^1 cache removed'
expect_equal "$(saved)" 0

it "what lacks its layer is no cache: a job saves anew, verify tells, and gc removes what is left of it"
cupel_run use.yaml
cupel_run use.yaml --set K=two
record=$(grep -l k-one "$store"/saved/*)
rm -r "$store/layers/${record##*/}"
run_cupel rootfs verify
expect_exit 1
expect_stdout "^saved/${record##*/}: the cache that it is of is gone"
run_cupel cache list
expect_equal "$(awk '{print $6}' stdout)" k-two
cupel_run use.yaml --set K=three --set R=k-o
expect_result use '.caches[0].hit == "miss"'
run_cupel cache gc --older 1d
expect_stdout '^1 record of caches that were gone removed$'
run_cupel rootfs verify
expect_exit 0
cupel_run use.yaml
expect_result use '.caches[0] == {"key": "k-one", "hit": "miss", "saved": true}'
rm -r "$store/layers/${record##*/}"
run_cupel rootfs verify --repair
expect_exit 1
expect_stdout "^saved/${record##*/}: the cache that it is of is gone: removed\$"
run_cupel rootfs verify
expect_exit 0

it "a job file is told what cannot be a cache"
file wrong <<'YAML'
  a: {cache: {paths: [/c]}, run: "true"}
  b: {cache: {key: k}, run: "true"}
  c: {cache: {key: k, paths: [/proc/x]}, run: "true"}
  d: {cache: {key: k, paths: [/run/secrets]}, run: "true"}
  e: {cache: {key: k, paths: [/work]}, run: "true"}
  f: {cache: {key: k, paths: [/c, /c/d]}, run: "true"}
  g: {cache: {key: k, paths: [../x]}, run: "true"}
  h: {cache: {key: "a\nb", paths: [/c]}, run: "true"}
  i: {cache: {key: k, paths: [/c], save: never, policy: pull}, run: "true"}
  j: {cache: {key: k, paths: [/c], sharing: locked}, network: {bridge: b}, run: "true"}
  l: {cache: {key: k, path: [/c]}, run: "true"}
YAML
run_cupel validate wrong.yaml
expect_exit 2
for said in "'cache' needs the key 'key'" "'cache' needs the key 'paths'" 'cannot be at /proc/x' 'cannot be at /run/secrets' 'cannot be at /work,' \
    "the cache at /c/d and the one at /c are in one another's way" "must not contain '..'" "'key' has a control character" \
    "'save' and 'policy' exclude each other" "'sharing: locked' is not for a job on a bridge" "'path'"; do
    expect_stderr "$said"
done

all_done

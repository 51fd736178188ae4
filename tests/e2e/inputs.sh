#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Inputs: whose they are in the job, and what is refused of what somebody else has put there.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

as_root() { [[ -z ${CUPEL_TEST_USER-} ]]; }
give() { as_root || chown -hR "$CUPEL_TEST_USER:$CUPEL_TEST_USER" "$@"; }

mkdir -p secret sub/real && echo ANSWER >secret/1.ans && echo student >sub/real/sol.c
ln -s ../secret/1.ans sub/sol.c && ln -s ../secret sub/dir && ln -s /etc/shadow sub/in.txt && ln -s nowhere sub/dangling
ln -s loop sub/loop && mkfifo sub/fifo && ln -s /sys sub/kernel
give secret sub

it "a link in an input's path is not followed: the job says so, and the run goes on"
cat >links.yaml <<YAML
cupel: 1
jobs:
  file: {inputs: [{from: sub/sol.c, to: /w/sol.c}], run: [/bin/cat, /w/sol.c]}
  ro: {inputs: [{from: ./sub//sol.c, to: /w/sol.c, mode: ro}], run: [/bin/cat, /w/sol.c]}
  directory: {inputs: [{from: sub/dir, to: /w}], run: [/bin/cat, /w/1.ans]}
  through: {inputs: [{from: sub/dir/1.ans, to: /w/x}], run: [/bin/cat, /w/x]}
  short: {inputs: [sub/dir], run: "cat sub/dir/*"}
  dotdot: {inputs: [{from: sub/../sub/dir, to: /w}], run: [/bin/cat, /w/1.ans]}
  dangling: {inputs: [{from: sub/dangling, to: /w/x}], run: [/bin/cat, /w/x]}
  loop: {inputs: [{from: sub/loop, to: /w/x}], run: [/bin/cat, /w/x]}
  stdin: {stdin-file: sub/in.txt, run: [/usr/bin/head, "-1"]}
  stdin2: {stdin-file: sub/dir/1.ans, run: [/bin/cat]}
  expected: {run: [/bin/echo, hi], expect: {stdout-file: sub/sol.c}}
  after: {inputs: [{from: sub/real/sol.c, to: /w/sol.c}], run: [/bin/cat, /w/sol.c]}
  needs-it: {needs: file, run: "true"}
YAML
cupel_run links.yaml
expect_exit 1
for job in file ro directory through short dotdot dangling loop stdin stdin2 expected; do
    expect_verdict "$job" invalid-submission
    expect_evidence "$job" 'is a symbolic link, to .*, and is not followed'
done
expect_evidence file "input $T/sub/sol.c is a symbolic link, to '../secret/1.ans', and is not followed: name what is meant, or say \`untrusted: false\`"
expect_evidence stdin "stdin-file $T/sub/in.txt is a symbolic link, to '/etc/shadow', .* or give its absolute path"
expect_verdict after passed
expect_verdict needs-it skipped
expect_equal "$(grep -rl -e ANSWER -e '^root:' "$T/out" | wc -l)" 0
expect_clean

it "untrusted: true: whatever lies there, or does not, is the job's result; false: links are followed"
cat >untrusted.yaml <<YAML
cupel: 1
jobs:
  missing: {inputs: [{from: sub/none, to: /w/x, untrusted: true}], run: [/bin/cat, /w/x]}
  said-first: {inputs: [{untrusted: true, from: sub/none, to: /w/x}], run: [/bin/cat, /w/x]}
  beneath: {inputs: [{from: sub/real/sol.c/x, to: /w/x, untrusted: true}], run: [/bin/cat, /w/x]}
  fifo: {inputs: [{from: sub/fifo, to: /w/x, untrusted: true}], run: [/bin/cat, /w/x]}
  kernel: {inputs: [{from: sub/kernel, to: /w, untrusted: true}], run: [/bin/cat, /w/x]}
  kernel-below: {mounts: [{from: sub/kernel/kernel, to: /w}], run: [/bin/cat, /w/x]}
  absolute: {inputs: [{from: $T/sub/dir/1.ans, to: /w/x, untrusted: true}], run: [/bin/cat, /w/x]}
  good: {inputs: [{from: sub/real, to: /w, untrusted: true}], run: [/bin/cat, /w/sol.c], expect: {stdout: "student\n"}}
  followed: {inputs: [{from: sub/dir, to: /w, untrusted: false}], run: [/bin/cat, /w/1.ans], expect: {stdout: "ANSWER\n"}}
  by-name: {inputs: [{from: $T/sub/sol.c, to: /w/x, mode: ro}], run: [/bin/cat, /w/x], expect: {stdout: "ANSWER\n"}}
YAML
cupel_run untrusted.yaml
expect_exit 1
for job in missing said-first beneath fifo absolute kernel kernel-below; do expect_verdict "$job" invalid-submission; done
expect_evidence missing 'is not there'
expect_evidence fifo 'is neither a regular file nor a directory'
for job in good followed by-name; do expect_verdict "$job" passed; done
expect_clean

it "it is not run again: it would be refused again"
cat >retried.yaml <<'YAML'
cupel: 1
jobs: {a: {retries: 3, inputs: [{from: sub/sol.c, to: /w/x}], run: [/bin/cat, /w/x]}}
YAML
cupel_run retried.yaml
expect_verdict a invalid-submission
expect_equal "$(jq '.previous_attempts // [] | length' <(job_lines) | tail -n 1)" 0

it "without untrusted, what is not there is an error of the job file"
cat >missing.yaml <<'YAML'
cupel: 1
jobs:
  a: {inputs: [sub/none], run: "true"}
  b: {inputs: [sub/fifo], run: "true"}
  c: {stdin-file: sub/real, run: "true"}
  d: {inputs: [{from: sub/real, untrusted: perhaps}], run: "true"}
YAML
cupel_run missing.yaml
expect_exit 2
expect_stderr "missing.yaml:3:16: 'inputs': cannot read .*/sub/none: No such file or directory"
expect_stderr "missing.yaml:4:16: .*/sub/fifo is neither a regular file nor a directory"
expect_stderr "missing.yaml:5:19: .*/sub/real is not a regular file"
expect_stderr "missing.yaml:6:44: 'untrusted' must be true or false, not 'perhaps'"

it "what is made on the way to an input is what it would be without: the user's workdir and home, everybody's /tmp"
mkdir -p bare/bin bare/etc && cp "$(command -v busybox)" bare/bin/busybox && ln -sf busybox bare/bin/sh &&
    printf 'root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n' >bare/etc/passwd && tar -C bare -cf bare.tar .
cat >places.yaml <<'YAML'
cupel: 1
rootfs: {bare: {tar: bare.tar}}
defaults: {rootfs: bare, shell: [/bin/busybox, sh, -eu], user: ann}
jobs:
  cow: &look {inputs: [{from: sub/real, to: /work/a/s}, {from: sub/real, to: /home/ann/.cache/s}, {from: sub/real, to: /tmp/s}], run: "busybox stat -c %u:%a /work /home/ann /tmp | busybox tr '\\n' ' '; echo x >/work/x; echo x >/home/ann/x; echo x >/tmp/x", expect: {stdout: "1000:755 1000:755 0:1777 "}}
YAML
sed -i 's/&look //' places.yaml
for mode in ro copy; do sed -n "s/^  cow:/  $mode:/; s/}, {from/, mode: $mode}, {from/g; s/s}\], run/s, mode: $mode}], run/p" places.yaml; done >added && cat added >>places.yaml
printf '  file: {inputs: [{from: sub/real/sol.c, to: /work/sol.c}, {from: sub/real/sol.c, to: /work/b/ro.c, mode: ro}], run: "echo x >/work/x; busybox stat -c %%u /work", expect: {stdout: "1000\\n"}}\n' >>places.yaml
cupel_run places.yaml
expect_exit 0
for job in cow ro copy file; do expect_verdict "$job" passed; done

# ---- whose they are ----

make_tree() {
    rm -rf in one && mkdir -p in/sub && echo f >in/f && echo g >in/sub/g && echo o >one && chmod 700 in in/sub && chmod 600 in/f in/sub/g one
}
cat >owners.yaml <<'YAML'
cupel: 1
defaults:
  inputs: [{from: in, to: /work/in}, {from: one, to: /work/one}, {from: in, to: /work/ro, mode: ro}, {from: one, to: /work/one-ro, mode: ro}]
  run: |
    test "$(cd in; stat -c %u:%g:%a . f sub sub/g | tr '\n' ' ')" = "$(id -u):$(id -g):700 $(id -u):$(id -g):600 $(id -u):$(id -g):700 $(id -u):$(id -g):600 "
    test "$(stat -c %u:%g:%a one one-ro ro ro/f | tr '\n' ' ')" = "$(id -u):$(id -g):600 $(id -u):$(id -g):600 $(id -u):$(id -g):700 $(id -u):$(id -g):600 "
    cat ro/f ro/sub/g one-ro >/dev/null
    echo more >>one
    cd in
    echo more >>f; echo new >sub/new; rm sub/g; chmod 640 f; mkdir build; mv f f2
    cp -a . /tmp/copy; tar cf /tmp/x.tar .; mkdir /tmp/e; tar xf /tmp/x.tar -C /tmp/e
    ! echo x 2>/dev/null >>../ro/f
    rm -rf sub build
jobs:
  root: {}
  nobody: {user: nobody}
  number: {user: "1000:1001"}
YAML
if as_root; then
    for owner in 0:0 1001:0 65534:65534 70000:200001 4000000000:4000000000; do
        it "inputs of host user $owner belong to the job's user, who may write"
        make_tree && chown -R "$owner" in one
        before=$(stat -c '%n %u:%g:%a' in in/f in/sub in/sub/g one)
        cupel_run owners.yaml
        expect_exit 0
        for job in root nobody number; do expect_verdict "$job" passed; done
        expect_equal "$(stat -c '%n %u:%g:%a' in in/f in/sub in/sub/g one)" "$before"
        expect_equal "$(cat in/f in/sub/g one | tr '\n' ' ')" "f g o "
    done
    expect_clean

    it "what belongs to others in the tree stays theirs; owner: host keeps all as it is"
    make_tree && chown -R 1000:1000 in && chown 1234:5678 in/f && chown 0:0 in/sub/g && chmod 755 in in/sub && chmod 644 in/f in/sub/g
    cat >others.yaml <<'YAML'
cupel: 1
defaults: {run: "cd /i && stat -c %n=%u:%g . f sub/g | tr '\\n' ' '"}
jobs:
  mapped: {inputs: [{from: in, to: /i}], expect: {stdout: ".=0:0 f=1234:5678 sub/g=1000:1000 "}}
  user: {user: "1234", inputs: [{from: in, to: /i}], expect: {stdout: ".=1234:1234 f=1000:5678 sub/g=0:0 "}}
  host: {inputs: [{from: in, to: /i, owner: host}], expect: {stdout: ".=1000:1000 f=1234:5678 sub/g=0:0 "}}
YAML
    cupel_run others.yaml
    expect_exit 0
    for job in mapped user host; do expect_verdict "$job" passed; done

    it "ids above 65535 that stay are nobody's; in a copy, and at the top, the job's root's"
    make_tree && chown -R 70000:200001 in && chown 100000:100001 in/f && chmod 755 in in/sub && chmod 644 in/f in/sub/g
    cat >beyond.yaml <<'YAML'
cupel: 1
defaults: {run: "cd /i && stat -c %n=%u:%g . f sub/g | tr '\\n' ' '"}
jobs:
  mapped: {inputs: [{from: in, to: /i}], expect: {stdout: ".=0:0 f=65534:65534 sub/g=0:0 "}}
  user: {user: "7:8", inputs: [{from: in, to: /i}], expect: {stdout: ".=7:8 f=65534:65534 sub/g=7:8 "}}
  copied: {user: "7:8", inputs: [{from: in, to: /i, mode: copy}], expect: {stdout: ".=7:8 f=0:0 sub/g=7:8 "}}
  host: {inputs: [{from: in, to: /i, owner: host}], expect: {stdout: ".=0:0 f=65534:65534 sub/g=65534:65534 "}}
  host-copied: {inputs: [{from: in, to: /i, mode: copy, owner: host}], expect: {stdout: ".=0:0 f=0:0 sub/g=0:0 "}}
YAML
    cupel_run beyond.yaml
    expect_exit 0
    for job in mapped user copied host host-copied; do expect_verdict "$job" passed; done

    it "what an earlier job made of its inputs belongs to the user of the job that starts from it"
    make_tree && chown -R 1000:1000 in one
    cat >chain.yaml <<'YAML'
cupel: 1
jobs:
  build: {inputs: [{from: in, to: /work}, {from: one, to: /data/one}], run: "echo made >made; mkdir obj; chmod 700 obj; echo more >>f; echo x >>/data/one; chown 7:7 sub"}
  test: {from: build, user: nobody, run: 'test "$(stat -c %U . made obj f /data/one | sort -u)" = nobody; echo out >out; echo y >>made; echo z >obj/z; echo w >>f; echo y >>/data/one; test "$(stat -c %u sub)" = 7'}
  again: {from: test, run: 'test "$(stat -c %u . made obj obj/z f out /data/one | sort -u)" = 0; cat made obj/z f /data/one | tr "\n" " "', expect: {stdout: "made y z f more w o x y "}}
YAML
    cupel_run chain.yaml
    expect_exit 0
    for job in build test again; do expect_verdict "$job" passed; done
    expect_clean
else
    it "inputs of whoever starts cupel belong to the job's user, who may write"
    make_tree && give in one
    cat >owners.yaml <<'YAML'
cupel: 1
defaults:
  inputs: [{from: in, to: /work/in}, {from: one, to: /work/one}]
  run: |
    test "$(stat -c %u:%g:%a in in/f in/sub in/sub/g one | tr '\n' ' ')" = "$(id -u):$(id -g):700 $(id -u):$(id -g):600 $(id -u):$(id -g):700 $(id -u):$(id -g):600 $(id -u):$(id -g):600 "
    echo more >>one; cd in; echo more >>f; echo new >sub/new; rm sub/g; chmod 640 f; mkdir build; mv f f2; rm -rf sub build
jobs:
  root: {}
  nobody: {user: nobody}
  number: {user: "1000:1001"}
YAML
    cupel_run owners.yaml
    expect_exit 0
    for job in root nobody number; do expect_verdict "$job" passed; done
    expect_equal "$(cat in/f in/sub/g one | tr '\n' ' ')" "f g o "
    expect_clean

    it "and so does what an earlier job made of them"
    make_tree && give in
    cat >chain.yaml <<'YAML'
cupel: 1
jobs:
  build: {user: nobody, inputs: [{from: in, to: /work}], run: "echo made >made; echo more >>f"}
  test: {from: build, user: nobody, run: "echo x >>made; cat f made | tr '\\n' ' '", expect: {stdout: "f more made x "}}
YAML
    cupel_run chain.yaml
    expect_exit 0
    for job in build test; do expect_verdict "$job" passed; done
    expect_equal "$(cat in/f)" f
    expect_clean
fi

all_done

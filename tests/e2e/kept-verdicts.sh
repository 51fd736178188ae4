#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `cupel run --reuse`: every verdict of a case is kept as it is reached, and made anew only when something changes that it depends on.
# sanitizers: no
# time-limit: 180
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

busybox=$(command -v busybox)
if [[ -z $busybox ]] || ! "$busybox" --list >/dev/null; then
    it "kept verdicts"
    skip_it "busybox-static is not installed"
    all_done
    exit 0
fi
mkdir -p tree/bin tree/etc
cp "$busybox" tree/bin/busybox
for applet in sh cat echo test sleep true kill; do
    ln -s busybox "tree/bin/$applet"
done
tar -C tree --owner=0 --group=0 -cf base.tar .
store=$XDG_CACHE_HOME/cupel

mkdir -p subs/{broken,crash,right,wrong} tests check
echo 'read -r a b; echo $((a + b))' >subs/right/sum.sh
echo 'read -r a b; echo "I am told $a" >&2; if [ "$a" = 2 ]; then echo 5; else echo $((a + b)); fi' >subs/wrong/sum.sh
echo 'read -r a b; if [ "$a" = 1 ]; then kill -9 $$; fi; echo $((a + b))' >subs/crash/sum.sh
echo 'syntax error (' >subs/broken/sum.sh
for n in 1 2 3; do echo "$n 2" >"tests/$n.in" && echo "$((n + 2))" >"tests/$n.ans"; done
cat >check/check <<'SH'
#!/bin/sh
read -r got
read -r want <"$2"
echo "got $got" >"$3/judgemessage.txt"
[ "$got" = "$want" ] && exit 42
exit 43
SH
chmod 755 check/check
cat >class.yaml <<'YAML'
cupel: 1
rootfs: {base: {tar: base.tar}}
defaults: {rootfs: base, limits: {wall: 30m}}
jobs:
  compile:
    role: compile
    matrix: {SUB: {dirs: "subs/*"}}
    inputs: [{from: "${{ SUB }}", to: /work}]
    run: sh -n sum.sh
  grade:
    matrix: {SUB: {dirs: "subs/*"}}
    from: compile
    run: sh sum.sh
    cases:
      - {files: "tests/*.in", answer: .ans, group: secret}
      - {name: checked, stdin: "4 4\n", expect: {stdout: "8\n", checker: {protocol: kattis, inputs: [{from: check, to: /check}], run: [/check/check]}}}
    groups: {secret: {points: 30}}
    stop: group
YAML

# kept: the ids of the last run that were not run, in order; ran: those that were.
kept() { jq -rs 'map(select(.cached)) | map(.id) | sort | join(" ")' "$T/out/results.jsonl"; }
ran() { jq -rs 'map(select(.attempts and (.cached | not))) | map(.id) | sort | join(" ")' "$T/out/results.jsonl"; }
# said: what the last run says, but for what tells that it was kept.
said() { jq -cS 'del(.cached)' <(job_lines) | sort; }
verdicts() { "${as_who[@]}" "$CUPEL" cache list --json | jq 'map(select(.kind == "verdict")) | length'; }
all='compile/SUB=broken compile/SUB=crash compile/SUB=right compile/SUB=wrong grade/SUB=crash/1 grade/SUB=crash/checked'
all+=' grade/SUB=right/1 grade/SUB=right/2 grade/SUB=right/3 grade/SUB=right/checked grade/SUB=wrong/1 grade/SUB=wrong/2 grade/SUB=wrong/checked'

it "a run that is repeated runs nothing, and reports all as it was: verdicts, evidence, figures, logs, points"
cupel_run class.yaml --reuse -j 4
expect_exit 1
expect_equal "$(ran)" "$all"
expect_equal "$(verdicts)" 13
expect_result grade/SUB=wrong/checked '.message_for_staff == "got 8"'
said >first
cp -r "$T/out/logs" logs
cupel_run class.yaml --reuse -j 4
expect_exit 1
expect_equal "$(kept)" "$all"
expect_equal "$(ran)" ''
said >second
expect_equal "$(diff first second)" ''
expect_result grade/SUB=wrong/2 '.verdict == "failed" and .usage.cpu_seconds >= 0 and (.evidence | test("expected")) and .cached.run and .attempts == 1'
expect_said ' grade/SUB=wrong/2: .*; failed \(cached\): run '
expect_said '[0-9]+ passed \([0-9]+ cached\), 1 failed \(1 cached\), 1 signaled \(1 cached\), 1 compile-error \(1 cached\)'
# empty logs are not named by any report
find logs -type f -empty -delete
expect_equal "$(diff -r logs "$T/out/logs")" ''
expect grep -q '^I am told 2$' "$T/out/logs/grade%2FSUB=wrong%2F2.stderr"
expect_junit_valid
expect_clean

it "in another out directory as well; without --reuse all is run, and with --no-cache all is kept anew"
run_cupel run class.yaml --reuse --out elsewhere
expect_equal "$(diff -r logs elsewhere/logs)" ''
cupel_run class.yaml -j 4
expect_equal "$(ran)" "$all"
cupel_run class.yaml --reuse --no-cache -j 4
expect_equal "$(ran)" "$all"
expect_equal "$(verdicts)" 13

# change WHAT WHICH COMMAND...: the next run runs just these, and the one after that none
change() {
    local ids
    "${@:3}"
    cupel_run class.yaml --reuse -j 4
    ids=$(ran)
    [[ $ids == "$2" ]] || bad "with another $1 these were run: $ids"
    cupel_run class.yaml --reuse -j 4
    expect_equal "$(ran)" ''
}
it "what is changed is run again, with what it is made by, and nothing else"
change 'submission' 'compile/SUB=right grade/SUB=right/1 grade/SUB=right/2 grade/SUB=right/3 grade/SUB=right/checked' sed -i 's/^/true; /' subs/right/sum.sh
# of what could not be compiled, and what is not run after a wrong one, nothing is made again
change 'input of a case' 'compile/SUB=right grade/SUB=right/3' eval 'echo 3 4 >tests/3.in; echo 7 >tests/3.ans'
change 'checker' 'compile/SUB=crash compile/SUB=right compile/SUB=wrong grade/SUB=crash/checked grade/SUB=right/checked grade/SUB=wrong/checked' \
    sed -i 's/got \$got/has $got/' check/check
change 'variable of a case' 'compile/SUB=crash compile/SUB=right compile/SUB=wrong grade/SUB=crash/checked grade/SUB=right/checked grade/SUB=wrong/checked' \
    sed -i 's/{name: checked, /&env: {A: b}, /' class.yaml
change 'limit' 'compile/SUB=crash compile/SUB=right compile/SUB=wrong grade/SUB=crash/1 grade/SUB=crash/checked grade/SUB=right/1 grade/SUB=right/2 grade/SUB=right/3 grade/SUB=right/checked grade/SUB=wrong/1 grade/SUB=wrong/2 grade/SUB=wrong/checked' \
    sed -i 's/    run: sh sum.sh/    limits: {pids: 40}\n&/' class.yaml
rm -r subs/broken && ln -s /etc subs/broken
change 'submission that is a link' 'compile/SUB=broken' true
touch -d '2 days ago' subs/right/sum.sh tests/1.in
cupel_run class.yaml --reuse -j 4
expect_equal "$(ran)" ''
mkdir subs/new && echo 'echo 9' >subs/new/sum.sh
change 'submission more' 'compile/SUB=new grade/SUB=new/1 grade/SUB=new/checked' true

it "points, groups and who may see what are not what a verdict depends on"
sed -i 's/secret: {points: 30}/secret: {points: 60, visibility: hidden}/' class.yaml
cupel_run class.yaml --reuse
expect_equal "$(ran)" ''
expect_equal "$(jq -r 'select(.submission == "grade/SUB=right") | .score' "$T/out/results.jsonl")" 61

it "where a checker gave more points than a case has by now, it is asked again"
cat >worth.yaml <<'YAML'
cupel: 1
rootfs: {base: {tar: base.tar}}
jobs:
  worth:
    rootfs: base
    run: echo out
    expect: {checker: {run: 'echo 8 >$3/score.txt; exit 42', protocol: kattis}}
    cases: [{name: a, stdin: x, points: 10}]
YAML
cupel_run worth.yaml --reuse
expect_exit 0
sed -i 's/points: 10/points: 9/' worth.yaml
cupel_run worth.yaml --reuse
expect_equal "$(kept)" worth/a
sed -i 's/points: 9/points: 5/' worth.yaml
cupel_run worth.yaml --reuse
expect_exit 3
expect_evidence worth/a 'it gives more points than the case has'

it "an input that is not looked at would be taken for what it was"
if has_fault_injection; then
    export CUPEL_WEAKEN=verdict-inputs
    cupel_run class.yaml --reuse -j 4
    echo 'echo never' >subs/right/sum.sh
    cupel_run class.yaml --reuse -j 4
    unset CUPEL_WEAKEN
    expect_equal "$(ran)" ''
else
    skip_it "this build has no fault injection"
fi

it "a run that is killed goes on where it was: only what was running is run again"
cat >slow.yaml <<'YAML'
cupel: 1
rootfs: {base: {tar: base.tar}}
defaults: {rootfs: base, limits: {wall: 30m}}
jobs:
  compile: {role: compile, inputs: [{from: slow, to: /work}], run: "true"}
  grade:
    from: compile
    run: '[ "$N" != 3 ] || [ ! -e wait ] || sleep 5000'
    env: {N: "0"}
    cases: [{name: a}, {name: b}, {name: c, env: {N: "3"}}]
YAML
mkdir slow && touch slow/wait
run_cupel cache gc
expect_stdout '^[0-9]+ verdicts removed$'
cupel_start slow.yaml --reuse -j 1
expect wait_until 60 eval '(( $(verdicts) == 3 ))'
kill -KILL "$CUPEL_PID"
cupel_wait
run_cupel rootfs verify
expect_exit 0
cupel_start slow.yaml --reuse -j 1
expect wait_until 60 eval 'grep -qs "\"id\":\"grade/b\"" "$T/out/results.jsonl"'
kill -INT "$CUPEL_PID"
cupel_wait
expect_exit 130
expect_equal "$(kept)" 'grade/a grade/b'
expect_equal "$(verdicts)" 3
run_cupel clean
expect_clean

it "a verdict over inputs that changed meanwhile is not kept, also where the change was taken back"
cat >moving.yaml <<'YAML'
cupel: 1
rootfs: {base: {tar: base.tar}}
defaults: {rootfs: base, limits: {wall: 30m}}
jobs:
  there:
    inputs: [{from: "moving", to: /d, mode: ro}]
    run: 'echo here; until test "$(cat /d/file)" = changed; do sleep 0.02; done; echo seen; until test "$(cat /d/file)" = go; do sleep 0.02; done'
    cases: [{name: and-back, expect: {stdout: "here\nseen\n"}}]
  still: {inputs: [{from: slow, to: /d}], run: "true", cases: [{name: there}]}
YAML
mkdir moving && echo go >moving/file
there_and_back() {
    echo go >moving/file
    cupel_start moving.yaml --reuse -j 2
    expect wait_until 60 grep -qs here "$T/out/logs/there%2Fand-back.stdout"
    echo changed >moving/file
    expect wait_until 60 grep -qs seen "$T/out/logs/there%2Fand-back.stdout"
    echo go >moving/file
    cupel_wait
    expect_exit 0
}
there_and_back
expect_stderr '1 verdict is not kept for later runs: an input changed'
run_cupel cache list --json
expect_equal "$(jq -r 'map(select(.kind == "verdict" and (.file | endswith("moving.yaml"))) | .job) | join(" ")' stdout)" 'still/there'
if has_fault_injection; then
    export CUPEL_WEAKEN=verdict-witness
    there_and_back
    unset CUPEL_WEAKEN
    cupel_run moving.yaml --reuse
    expect_equal "$(kept)" 'still/there there/and-back'
fi

it "what is not the job's own doing, or depends on what nobody knows, is not kept"
cat >not.yaml <<'YAML'
cupel: 1
rootfs: {base: {tar: base.tar}}
defaults: {rootfs: base, limits: {wall: 30m}}
jobs:
  lost: {run: [/nowhere/at/all], cases: [{name: a}]}
  left: {run: "echo x >x", artifacts: [x], cases: [{name: a}]}
  told: {secrets: [TOKEN], run: "true", cases: [{name: a}]}
  faulty: {run: "echo 1", cases: [{name: a, expect: {stdout: "1\n", checker: {protocol: kattis, run: [/bin/true]}}}]}
  loud: {run: "i=0; while [ $i -lt 9000 ]; do echo 0123456789012345678901234567890123456789; i=$((i + 1)); done", cases: [{name: a}]}
  plain: {run: "true"}
YAML
TOKEN=secret123 cupel_run not.yaml --reuse -j 4
expect_verdict faulty/a error
TOKEN=secret123 cupel_run not.yaml --reuse -j 4
expect_equal "$(kept)" "$(jq -r 'select(.id == "lost/a" and .verdict == "failed") | .id' "$T/out/results.jsonl")"

it "cupel cache tells of verdicts, and removes them; one that is damaged is none"
run_cupel cache list
expect_stdout '^    verdicts .* 20.*slow.yaml  \(3\)$'
run_cupel cache list --json
expect jq -e 'map(select(.kind == "verdict" and .job == "grade/a" and .verdict == "passed" and .bytes > 0)) | length == 1' stdout >/dev/null
rm slow/wait
cupel_run slow.yaml --reuse
expect_equal "$(ran)" 'compile grade/a grade/b grade/c'
run_cupel cache remove grade/b
cupel_run slow.yaml --reuse
expect_equal "$(ran)" 'compile grade/b'
log=$store/verdicts/log
cp "$log" whole
for cut in 1 150 400; do # of the last record, which is that of grade/b: its content, and its head
    cp whole "$log"
    truncate -s -"$cut" "$log"
    if ((cut == 1)); then
        run_cupel rootfs verify
        expect_exit 1
        expect_stdout 'verdicts/log: 1 kept verdict is not whole'
    fi
    cupel_run slow.yaml --reuse
    expect_equal "$(ran)" 'compile grade/b'
    run_cupel rootfs verify
    expect_exit 0
done
printf x | dd of="$log" conv=notrunc status=none # what comes behind it is not read either
cupel_run slow.yaml --reuse
expect_equal "$(ran)" 'compile grade/a grade/b grade/c'
run_cupel cache remove slow.yaml
cupel_run slow.yaml --reuse
expect_equal "$(ran)" 'compile grade/a grade/b grade/c'

it "over the host's own root, verdicts are kept as long as no package and no program is changed"
job_file host.yaml <<'YAML'
cupel: 1
defaults: {rootfs: host}
jobs:
  host: {run: "exit 7", cases: [{name: a}]}
YAML
cupel_run host.yaml --reuse
cupel_run host.yaml --reuse
expect_equal "$(kept)" 'host/a'
expect_verdict host/a failed

all_done

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Secrets: what a job is given and nobody else sees: a corpus of ways in which they get out, in one run with the wall and one
# without, where each is seen to leak.
# time-limit: 120
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

export TOKEN='s3cr/et+"va<lue' OTHER='correct horse battery staple'
printf 'first line of it\nsecond line\n}\n' >key.txt
printf '%s\n' '#!/bin/sh' 'echo from-the-command' >tell && chmod 755 tell
echo 87.654321 >number.txt
chmod 644 key.txt number.txt

cat >secrets.yaml <<'YAML'
cupel: 1
defaults:
  rootfs: host
  limits: {wall: 30s}
  secrets:
    - TOKEN
    - OTHER
    - {name: KEY, file: key.txt, as: file}
    - {name: MADE, command: [./tell]}
jobs:
  given:
    secrets: [TOKEN, OTHER, {name: KEY, file: key.txt}, {name: FILE, file: key.txt, as: file}, {name: MADE, command: [./tell]}]
    run: |
      printf '%s|%s|%s|%s' "$TOKEN" "$OTHER" "$KEY" "$MADE" | md5sum
      md5sum <"/run/secrets/FILE"
      stat -c '%a %U %F' /run/secrets/FILE
      (echo x >/run/secrets/FILE) 2>/dev/null || echo read-only
      [ -z "${FILE-}" ] && echo no variable
  given-user:
    user: nobody
    run: "stat -c '%a %U' /run/secrets/KEY; md5sum </run/secrets/KEY"
  whole: {run: 'echo "<$TOKEN>"; echo "<$OTHER>" >&2'}
  bytes:
    run: |
      i=1; while [ $i -le ${#OTHER} ]; do printf '%s' "$OTHER" | cut -c$i | tr -d '\n'; sleep 0.01; i=$((i + 1)); done; echo .
  base64: {run: 'for p in "" x xx; do printf "$p%s" "$TOKEN" | base64; printf "$p%s." "$OTHER" | base64; done'}
  wrapped: {run: 'printf "user: administrator of it all\npassword: %s of that\n" "$OTHER" | base64'}
  escaped:
    run: |
      printf '%s\n' 's3cr%2Fet%2B%22va%3Clue s3cr%2fet%2b%22va%3clue correct%20horse%20battery%20staple correct+horse+battery+staple'
      printf '%s\n' 's3cr/et+\"va<lue s3cr\/et+\"va\u003clue s3cr/et+&quot;va&lt;lue'
  lines: {run: 'cat /run/secrets/KEY; grep second /run/secrets/KEY'}
  message: {run: [{name: write, run: 'printf "#!/nowhere/%s\n" "$MADE" >/tmp/x; chmod 755 /tmp/x'}, {name: start, run: [/tmp/x]}]}
  differs: {run: 'echo "answer $OTHER"', expect: {stdout: "answer correct 1\n"}}
  same: {run: 'echo "$MADE"; echo "***"', expect: {stdout: "from-the-command\n***\n"}}
  left: {run: 'setsid sh -c "sleep 100; : $OTHER" & sleep 0.2'}
  named: {run: 'mkdir -p /work/out/d; echo x >"/work/out/an-$MADE.txt"; mkdir "/work/out/in-$MADE"; echo y >"/work/out/in-$MADE/f"; ln -s /x "/work/out/link-$MADE"; ln -s "in-$MADE" /work/out/to', artifacts: [/work/out/**]}
  taken: {run: ':', artifacts: [/run/secrets/**]}
  steps: {run: [{name: one, run: 'printf "begin $OTHER|correct horse"'}, {name: two, run: 'printf " battery staple"'}, {name: three, run: 'echo "end of it"; exit 3'}]}
  after: {run: 'printf "correct hor"', after: 'echo "se battery staple $OTHER"'}
  cut: {run: 'printf "0123456789$OTHER"', limits: {output: 30}}
  renamed: {run: 'printf "%s" "$MADE" >/proc/self/comm; cp /bin/sleep "/tmp/$MADE"; ( exec "/tmp/$MADE" 100 ) & sleep 0.3; kill -SEGV $!; wait $!; exit 1'}
  own-tests:
    run: |
      cd /work
      cat >j.xml <<XML
      <testsuite name="of $MADE"><testcase classname="$OTHER" name="case $MADE"><failure message="got $OTHER">s3cr/et+&quot;va&lt;lue</failure><system-out>$MADE</system-out></testcase></testsuite>
      XML
      printf 'not ok 1 - of %s\n  ---\n  message: %s\n  ...\n1..1\n' "$MADE" "$OTHER" >t.tap
      printf '{"results":{"tool":{"name":"%s"},"tests":[{"name":"of %s","status":"failed","duration":1,"message":"%s"}]}}' "$MADE" "$MADE" "$OTHER" >c.json
    junit: j.xml
    tap: t.tap
    ctrf: c.json
  files-of-tests: {run: 'mkdir "/work/t-$MADE"; echo "<no/>" >"/work/t-$MADE/$MADE.xml"', junit: "/work/t-*/*.xml"}
  covered: {secrets: [{name: NUMBER, file: number.txt}], run: 'echo "lines: $NUMBER%"', coverage: 'lines: (\d+\.\d+)%'}
  served:
    services: {db: {secrets: [OTHER], run: 'echo "up $OTHER"; echo "$OTHER" >&2; exec sleep 1000', ready: {log: '^up corr'}}}
    run: exit 1
  unready: {services: {db: {secrets: [OTHER], run: 'echo "no $OTHER"; exit 3', ready: {tcp: 1}}}, run: ':'}
  around:
    secrets: []
    run: |
      cat /proc/1/environ /proc/1/cmdline /proc/1/maps /proc/1/mem 2>/dev/null | grep -ac 'horse [b]att' || true
      cat /proc/[0-9]*/environ | grep -ac 'horse [b]att' || true
  base: {run: 'mkdir -p /kept; ls -A /run/secrets >/kept/list'}
  below: {from: base, secrets: [], run: 'find /run/secrets -type f; cat /run/secrets/* 2>/dev/null || true; env | grep -c TOKEN || true; cat /kept/list'}
YAML
sed -i "s|\[./tell\]|[$T/tell]|" secrets.yaml
sum() { printf %s "$1" | md5sum; }

# Everything that a run leaves and says, as one text. What it must not have: any secret, whole or as something that gives it
# away; the job file itself is the caller's own.
forms() {
    printf '%s\n' "$TOKEN" "$OTHER" from-the-command 87.6543 'first line of it' 'second line' 'horse battery' 'correct hor' \
        "$(printf %s "$TOKEN" | base64)" "$(printf %s "$OTHER" | base64 | cut -c1-30)" \
        aG9yc2UgYmF0 "$(printf 'x%s' "$TOKEN" | base64 | cut -c5-18)" "$(printf 'xx%s' "$TOKEN" | base64 | cut -c5-18)" \
        's3cr%2F' 's3cr%2f' 'horse%20' 'horse+' 's3cr\/et' 's3cr/et+\"' 's3cr/et+&quot;'
}
leaks() {
    { cat stdout stderr; find out -type f -exec cat {} +; find out | sed 's/^/name /'; } | grep -aF -f <(forms)
}
# leaks_of JOB: the same of what is there of one job.
leaks_of() {
    {
        jq -c --arg id "$1" 'select(.id == $id)' out/results.jsonl
        cat out/logs/"$1".*
        find "out/artifacts/$1" -type f -exec cat {} +
        find "out/artifacts/$1" | sed 's/^/name /'
    } 2>/dev/null | grep -aF -f <(forms)
}

it "a job has its secrets: as variables, from a file, from a command, as files that only its user reads"
cupel_run secrets.yaml -j 3 --trace-setup
expect_verdict given passed
expect_log given "^$(sum "$TOKEN|$OTHER|$(cat key.txt)|from-the-command")"
expect_log given "^$(md5sum <key.txt)"
expect_log given '^400 root regular file$'
expect_log given '^read-only$'
expect_log given '^no variable$'
expect_log given-user '^400 nobody$'
expect_log given-user "^$(md5sum <key.txt)"

it "nothing of a secret is in anything that a run writes or prints"
expect test -s out/setup-trace.jsonl
expect_equal "$(leaks)" ""
expect_log whole '^<\*\*\*>$'
expect_log bytes '^\*\*\*\.$'
expect_equal "$(log escaped | tr -d '* \n')" ""
expect_equal "$(log lines | tr '\n' ' ')" '*** *** '
expect_result message '.evidence | contains("/nowhere/***")'
expect_result differs '.verdict == "failed" and (.evidence | contains("got \"***"))'
expect_result left '[.. | .command? // empty | contains("***")] | any'
expect_result cut '.verdict == "output-limit"'
expect_equal "$(log cut)" '0123456789***'

it "expect compares what the job wrote, not what is shown"
expect_result same '.verdict == "passed"'
expect_equal "$(log same | tr '\n' ' ')" '*** *** '

it "an artifact's name is masked; what lies in a directory of such a name, and /run/secrets, is left out"
expect_equal "$(cd out/artifacts/named && find . -type f)" './work/out/an-***.txt'
expect_result named '[.artifacts[].path] == ["artifacts/named/work/out/an-***.txt"]'
expect_result named '[.notes[] | select(contains("in-*** has a secret in its path"))] | length == 1'
expect_equal "$(find out/artifacts/taken -type f 2>/dev/null)" ''

it "steps have their own parts of the output, and what lies over two is masked as well"
expect_equal "$(log after)" '*** ***'
expect_equal "$(log steps)" 'begin ***|***end of it'
expect_equal "$(xmllint --xpath 'string(//testcase[@name = "three"]/failure)' out/junit.xml | sed '1,/standard output/d')" 'end of it'

it "what a job's own tests report is masked: names, messages, output, and names of files"
expect_result own-tests '.tests.cases | length == 3'
expect_result own-tests '[.tests.cases[] | .name + .message] | all(contains("***"))'
expect_result files-of-tests '.verdict == "failed" and (.evidence | contains("***"))'

it "a figure that is a secret is none"
expect_result covered '.coverage == null'

it "what a service writes is masked in its logs and in what is told of it"
expect_equal "$(cat out/logs/served.service-db.stdout out/logs/served.service-db.stderr | tr '\n' ' ')" 'up *** *** '
expect_evidence unready "it wrote last: no \*\*\*$"

it "a job that is given none finds none in the processes around it"
expect_equal "$(log around | tr '\n' ' ')" '0 0 '

it "a job that starts from another finds none of that one's secrets"
expect_log below '^0$'
expect_log below '^KEY$'
expect_no_log below 'line'

it "each of these leaks where the wall is away"
CUPEL_WEAKEN=secrets cupel_run secrets.yaml -j 3
for job in whole bytes base64 wrapped escaped lines message differs left named taken steps after cut own-tests files-of-tests covered served unready; do
    if [[ -n $(leaks_of "$job") ]]; then good; else bad "nothing of $job got out, where the wall is away"; fi
done

it "what a command says when it fails has no other secret, wherever that stands"
cat >fails.yaml <<'YAML'
cupel: 1
jobs: {a: {rootfs: host, secrets: [{name: KEY, command: [sh, -c, 'echo "bad token $OTHER" >&2; exit 1']}, TOKEN], run: ":"}, b: {rootfs: host, secrets: [OTHER], run: ":"}}
YAML
cupel_run fails.yaml
expect_exit 2
expect_stderr 'it says: bad token \*\*\*$'
expect_equal "$(leaks)" ""

it "a link that others may have left is not followed to a secret"
mkdir -p from && ln -s "$T/key.txt" from/key
printf 'cupel: 1\njobs: {a: {rootfs: host, secrets: [{name: KEY, file: %s}], run: ":"}}\n' from/key >linked.yaml
cupel_run linked.yaml
expect_exit 2
expect_stderr 'leads through a symbolic link'
sed -i "s|from/key|$T/from/key|" linked.yaml
cupel_run linked.yaml
expect_exit 0

it "secrets whose forms would take too much memory are refused, with the one that went too far"
for i in 1 2 3 4; do head -c 250 /dev/urandom >"random$i"; done
cat >long.yaml <<'YAML'
cupel: 1
jobs: {a: {rootfs: host, run: ":", secrets: [{name: A, file: random1, as: file}, {name: B, file: random2, as: file},
                                             {name: C, file: random3, as: file}, {name: D, file: random4, as: file}]}}
YAML
CUPEL_FAULT=secret-masks cupel_run long.yaml # which has the bound be small: the real one takes seconds to reach
expect_exit 2
expect_stderr "secret '[BCD]' .line [23].: with it, the secrets of this run are too long to be masked"
cupel_run long.yaml
expect_exit 0

it "a kept job has none, and a shell gets them only when asked"
cupel_run secrets.yaml --only differs --keep-failed
expect_equal "$(leaks)" ""
expect_equal "$(grep -raF --exclude=file -f <(forms) "$XDG_CACHE_HOME" | head -n 3)" ""
run_cupel shell --failed differs -- sh -c 'echo "<$TOKEN>"; ls /run/secrets'
expect_exit 0
expect_equal "$(cat stdout)" '<>'
expect_stderr '--secrets'
run_cupel shell --failed differs --secrets -- sh -c 'echo "<$TOKEN>"; ls /run/secrets'
expect_exit 0
expect_equal "$(cat stdout)" "<$TOKEN>
KEY"
run_cupel clean --kept

it "a snapshot would have the files where that wall is away"
CUPEL_WEAKEN=secret-files cupel_run secrets.yaml --only below
expect_equal "$(log below | grep -c '^/run/secrets/KEY$')" 1

it "cupel exec masks what it hands on"
run_cupel exec --root ./secrets.yaml:whole -- sh -c 'printf "<%s> corr" "$OTHER"; echo "$TOKEN" >&2'
expect_exit 0
expect_equal "$(cat stdout)" '<***> corr'
expect_equal "$(cat stderr)" '***'

# has_value FILE NAME: pids in our groups whose /proc/PID/FILE has the value of MADE, and whose name matches.
has_value() {
    local pid
    for pid in $(foreign_processes); do
        grep -qE "$2" "/proc/$pid/comm" && grep -qa from-the-command "/proc/$pid/$1" && echo "$pid"
    done 2>/dev/null
}
job_has_it() {
    [[ -n $(has_value environ '^sleep$') ]]
}

it "no process but the job's has a value in its words or its environment"
printf 'cupel: 1\njobs: {j: {rootfs: host, run: [sleep, "100"], secrets: [{name: A, command: ["%s/tell"]}]}}\n' "$T" >sleep.yaml
cupel_start sleep.yaml
expect wait_until 20 job_has_it
expect_equal "$(has_value cmdline .)" ""
(grouped "$CUPEL" enter) >entered 2>&1 </dev/null
(grouped "$CUPEL" enter j -- sh -c 'echo "<$A>"; cat /proc/1/environ /proc/[0-9]*/cmdline 2>/dev/null | grep -ac the-comman[d]') >>entered 2>&1 </dev/null
expect_equal "$(grep -acF from-the-command entered) $(tail -n 2 entered | tr '\n' ' ')" "0 <> 0 "
expect_equal "$(has_value environ cupel)" ""
expect_equal "$(for pid in $(foreign_processes); do cat "/proc/$pid/comm"; done | sort -u | tr '\n' ' ')" "cupel cupel-init sleep "
kill -INT "$CUPEL_PID"
cupel_wait
expect_exit 130

it "what the job file says of many jobs is masked in the reports at the end of the run, too"
{
    printf 'cupel: 1\ndefaults: {rootfs: host, secrets: [{name: MADE, command: ["%s/tell"]}]}\njobs:\n' "$T"
    for i in $(seq 20); do
        printf '  j%d: {description: "of from-the-command, %d", tags: [ci, from-the-command, t%d], run: ":"}\n' "$i" "$i" "$i"
    done
} >many.yaml
cupel_run many.yaml
expect_exit 0
expect_junit_valid
many() { # many WORDS: what is expected of job 1 to 20
    seq 20 | sed "s/^/$1/" | sort
}
expect_equal "$(xmllint --xpath '//property[@name = "description"]/@value' out/junit.xml | sed 's/^ *value="//; s/"$//' | sort)" "$(many 'of ***, ')"
expect_equal "$(xmllint --xpath '//property[@name = "tags"]/@value' out/junit.xml | sed 's/^ *value="//; s/"$//; s/&#10;/ /g' | sort)" "$(many 'ci *** t')"
expect_equal "$(jq -r '.tags | join(" ")' <(job_lines out) | sort)" "$(many 'ci *** t')"

it "list, validate and doctor fetch none, and need none"
mv key.txt elsewhere
forms | while read -r form; do grep -qF -- "$form" secrets.yaml || printf '%s\n' "$form"; done >unwritten # what the file itself does not have
for words in 'list' 'list --json' 'list --expanded' 'list --expanded --json' validate; do
    # shellcheck disable=SC2086 # several words
    ( unset TOKEN OTHER && run_cupel $words secrets.yaml && exit "$STATUS" )
    expect_equal "$?$(cat stdout stderr | grep -aF -f unwritten)" 0
done
mv elsewhere key.txt
run_cupel doctor
expect_equal "$(cat stdout stderr | grep -aF -f <(forms))" ""

it "what a command has started ends with cupel, however that ends"
cat >starts <<'SH'
#!/bin/sh
sh -c 'echo $$ >>pids; exec sleep 1000' &
setsid sh -c 'echo $$ >>pids; exec sleep 1000' &
(setsid sh -c 'echo $$ >>pids; exec sleep 1000' &)
wait
SH
chmod 755 starts
printf 'cupel: 1\njobs: {j: {rootfs: host, run: ":", secrets: [{name: A, command: ["%s/starts"]}]}}\n' "$T" >starts.yaml
three_began() { [[ $(wc -l <pids) == 3 ]]; }
none_is_left() {
    local pid
    while read -r pid; do
        [[ $(ps -o stat= -p "$pid") != [!Z]* ]] || return 1
    done <pids
}
for signal in INT KILL; do
    : >pids
    chmod 666 pids
    cupel_start starts.yaml
    expect wait_until 20 three_began
    kill -"$signal" "$CUPEL_PID"
    { cupel_wait; } 2>/dev/null
    expect wait_until 20 none_is_left
done
: >pids
CUPEL_WEAKEN=secret-children cupel_start starts.yaml
expect wait_until 20 three_began
kill -INT "$CUPEL_PID"
cupel_wait
expect_exit 130
expect_not none_is_left
xargs kill <pids

it "a run that fails before it knows all secrets does not record its command line"
printf 'cupel: 1\nparams: {p: x}\njobs: {j: {rootfs: host, run: "echo ${{ params.p }}", secrets: [NOT_SET_ANYWHERE, OTHER]}}\n' >unknown.yaml
for fault in '' run-texts run-signals; do
    CUPEL_FAULT=$fault cupel_run unknown.yaml --set "p=$OTHER"
    expect_not test "$STATUS" = 0
    expect_equal "$(leaks)" ""
    expect_equal "$(jq -r 'select(.type == "run") | .outcome, has("command")' out/results.jsonl | xargs)" "not begun false"
done

it "what cannot be a secret is refused, and nothing runs"
refused() { # refused SECRETS MESSAGE
    printf 'cupel: 1\njobs: {j: {rootfs: host, run: "true", secrets: [%s]}}\n' "$1" >bad.yaml
    cupel_run bad.yaml
    expect_exit 2
    expect_stderr "$2"
}
export SHORT=abc
printf 'x\n' >short.txt
refused SHORT "'SHORT'.*shorter than 4 bytes"
refused '{name: A, file: short.txt}' "'A'.*shorter than 4 bytes"
refused NOT_SET_ANYWHERE 'is not in the environment'
refused '{name: A, file: nowhere.txt}' 'nowhere.txt'
refused '{name: A, command: [sh, -c, "echo from-the-command; echo no from-the-command >&2; exit 3"]}' 'exited 3'
expect_stderr 'it says: no \*\*\*'
refused '{name: A, command: ["'"$T/tell"'"], file: x}' "exclude each other"
refused 'TOKEN, TOKEN' "two secrets are called 'TOKEN'"
printf 'cupel: 1\njobs: {from-the-command: {rootfs: host, run: "true", secrets: [{name: A, command: ["%s/tell"]}]}}\n' "$T" >bad.yaml
cupel_run bad.yaml
expect_exit 2
expect_stderr "stands in what job '\*\*\*' is called by"
expect_equal "$(leaks)" ""
for keys in 'matrix: {X: [from-the-command]}, run: ":"' 'run: [{name: of from-the-command, run: ":"}]'; do
    printf 'cupel: 1\njobs: {j: {rootfs: host, %s, secrets: [{name: A, command: ["%s/tell"]}]}}\n' "$keys" "$T" >bad.yaml
    cupel_run bad.yaml
    expect_exit 2
    expect_stderr "stands in what job '.*' is called by"
    expect_equal "$(leaks)" ""
    expect [ ! -s out/results.jsonl ]
done
printf 'cupel: 1\njobs: {j: {rootfs: host, run: ":", description: the from-the-command, tags: [from-the-command], secrets: [{name: A, command: ["%s/tell"]}, {name: B, command: ["false"]}]}}\n' "$T" >bad.yaml
cupel_run bad.yaml
expect_exit 2
expect_result j '.verdict == "error" and .description == "the ***" and .tags == ["***"]'
expect_equal "$(leaks)" ""
printf 'cupel: 1\njobs: {j: {rootfs: host, run: "true", env: {TOKEN: x}, secrets: [TOKEN]}}\n' >bad.yaml
cupel_run bad.yaml
expect_exit 2
expect_stderr "'env' sets TOKEN"
expect_clean

all_done

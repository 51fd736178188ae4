#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Secrets while something is under way: what a terminal shows of a run, what a run leaves for the next one, and what `cupel serve`,
# which takes none, answers and logs. What a run leaves otherwise is secrets.sh's.
# No twin as an ordinary user: these are the program's own texts, whoever started it.
# sanitizers: no
# time-limit: 60
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/e2e/serve.bash
. "$e2e/serve.bash"

export TOKEN='from-the-environment' OTHER='correct horse battery staple'
forms() {
    printf '%s\n' "$TOKEN" "$OTHER" 'horse battery' 'correct hor' "$(printf %s "$TOKEN" | base64)"
}
# leaks FILE...: the lines of them, and of what is below a directory, that have one.
leaks() {
    grep -raF -h -f <(forms) "$@"
}
busybox=$(command -v busybox)
if [[ -z $busybox ]] || ! "$busybox" --list >/dev/null; then
    printf 'skip - secrets-shown: busybox-static is not installed\n'
    exit 0
fi
mkdir -p tree/bin "in-$TOKEN"
cp "$busybox" tree/bin/busybox
for applet in sh echo sleep; do ln -s busybox "tree/bin/$applet"; done
tar -C tree --owner=0 --group=0 -cf "in-$TOKEN/$TOKEN.tar" .
cat >live.yaml <<YAML
cupel: 1
rootfs:
  base: {tar: in-$TOKEN/$TOKEN.tar}
  derived: {from: base, run: "echo $TOKEN"}
YAML
cat >>live.yaml <<'YAML'
defaults: {rootfs: host, limits: {wall: 60s}, secrets: [TOKEN, OTHER]}
jobs:
  passes: {run: 'echo "$TOKEN"'}
  retried: {retries: 1, run: 'printf "last line $TOKEN"; echo "$OTHER" >&2; sleep 0.5; exit 1'}
  rooted: {rootfs: derived, run: 'echo "$OTHER"; sleep 0.5; exit 1'}
  stepped: {run: [{name: one, run: 'echo "of $TOKEN"; sleep 0.5'}, {name: two, run: 'exit 1'}]}
  served:
    services: {db: {secrets: [OTHER], run: 'echo "up $OTHER"; while sleep 0.1; do echo "$OTHER"; done', ready: {log: '^up corr'}}}
    run: 'sleep 0.5; exit 1'
  unready: {services: {db: {secrets: [OTHER], run: 'echo "no $OTHER"; exec sleep 1000', ready: {log: never}, within: 200ms}}, run: ':'}
  left: {leaks: fail, run: 'setsid sh -c "sleep 100; : $OTHER" & sleep 0.5'}
YAML
# in_terminal FILE COMMAND: what it writes to a terminal, control sequences and all.
in_terminal() {
    TERM=xterm-256color script -qec "$2" "$1" </dev/null >/dev/null
}

it "a terminal shows none, neither of what runs, nor of what is being made, nor of what went wrong"
in_terminal shown "$CUPEL run --out out live.yaml -j 7"
expect grep -qaF $'\e[?25l' shown # it was drawn in place
expect grep -qa 'retried.*MiB\|retried.*KiB\|retried.*\[' shown
expect grep -qaF 'unpacking ***.tar' shown
expect grep -qaF 'last line ***' shown
expect_evidence unready '; it wrote last: no \*\*\*$'
expect grep -qaF 'no ***' shown
expect_equal "$(leaks shown out)" ""

it "nor does one that reruns what failed, or what is kept for that"
in_terminal shown "$CUPEL run --out out live.yaml -j 7 --rerun-failed"
expect_equal "$(jq -r '.job // empty' out/earlier.jsonl | sort | tr '\n' ' ')" 'left passes retried rooted served stepped unready '
expect_not grep -qa 'passes' shown
expect_equal "$(leaks shown out)" ""

it "each of these is one where the wall is away"
in_terminal shown "XDG_CACHE_HOME=$T/cold CUPEL_WEAKEN=secrets $CUPEL run --out out live.yaml -j 7 --rerun-failed"
for text in "unpacking $TOKEN" "last line $TOKEN" "no $OTHER"; do
    expect grep -qaF "$text" shown
done

rm -rf out

it "no path of a job file or of the out directory has one: where jobs are from is noted, and shown"
mkdir "of-$TOKEN"
printf 'cupel: 1\njobs: {j: {rootfs: host, run: "true", secrets: [TOKEN]}}\n' | tee "of-$TOKEN/plain.yaml" >plain.yaml
(cd "of-$TOKEN" && run_cupel run --out "$T/out" plain.yaml; exit "$STATUS")
expect_equal $? 2
expect_stderr 'the value of a secret stands in the path of a job file'
expect_not test -e out/earlier.jsonl
expect_equal "$(leaks out stdout stderr)" ""
run_cupel run --out "out-$TOKEN" plain.yaml
expect_exit 2
expect_stderr 'the value of a secret stands in the path of the out directory'
expect_equal "$(leaks "out-$TOKEN" stdout stderr)" ""
(cd "of-$TOKEN" && CUPEL_WEAKEN=secrets run_cupel run --out "$T/out" plain.yaml)
expect test -n "$(leaks out/earlier.jsonl)"
cupel_run plain.yaml
expect_exit 0

it "cupel serve takes none, wherever a request has it, and says so before anything is fetched"
printf '#!/bin/sh\ntouch "%s/fetched"\necho %s\n' "$T" "$OTHER" >tell && chmod 755 tell
serve_start --slots 1 --root host
refused() { # refused BODY MESSAGE
    local answer
    answer=$(ask POST /jobs "$1")
    if [[ $answer == "400 "* && $answer =~ $2 ]]; then good; else bad "not refused with '$2': $1" "$answer"; fi
}
job='"rootfs":"host","run":["true"]'
made="\"secrets\":[{\"name\":\"A\",\"command\":[\"$T/tell\"]}]"
refused "{$job,\"secrets\":[\"TOKEN\"]}" "'job': 'secrets' would be the server's; say 'env'"
refused "{\"jobs\":{\"one\":{$job},\"two\":{$job,$made}}}" "'two': 'secrets' would be the server's"
refused "{\"defaults\":{$made},\"jobs\":{\"one\":{$job}}}" "'defaults': 'secrets' would be the server's"
refused "{$made,\"jobs\":{\"one\":{$job}}}" "'secrets' is no key of a batch"
refused "{$job,\"services\":{\"db\":{\"run\":[\"sleep\",\"9\"],$made}}}" "'services' is for job files"
refused "{\"rootfs\":\"host\",\"run\":[{\"name\":\"x\",\"run\":[\"true\"],$made}]}" "unknown key 'secrets' in a step"
refused "{$job,\"after\":{\"run\":[\"true\"],$made}}" "unknown key 'secrets' in 'after'"
expect_not test -e fetched

it "and of what stands in its own environment, nothing gets into a job, an answer, its log or its figures"
for run in 'env; cat /proc/1/environ /proc/[0-9]*/environ 2>/dev/null; exit 1' 'echo "<${TOKEN-}> ${OTHER-}"; exec /nowhere'; do
    ask POST /jobs "{\"rootfs\":\"host\",\"run\":\"${run//\"/\\\"}\"}"
done >answers
expect_equal "$(grep -c '^200 ' answers)" 2
expect_equal "$(jq -r .verdict < <(sed -n 's/^200 //p' answers) | sort -u)" failed
paths=$(jq -r '.logs[]? | "jobs/\(match("[0-9]+").string)/\(.)"' < <(sed -n 's/^200 //p' answers))
for path in $paths metrics healthz; do
    ask GET "/$path"
done >figures
cat figures >>answers
expect grep -q ' <> $' answers # the logs are among them
expect grep -q jobs_total answers
expect_equal "$(leaks answers stdout stderr)" ""
serve_end
expect_exit 0
expect_clean

all_done

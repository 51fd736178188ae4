# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by hardening.sh: programs in the common languages (tests/fixtures/languages) are compiled and run under `seccomp: strict`, each in
# a job of its own, as graders have it: nobody's, without a capability, over sources that cannot be written to. What this machine has no tools for is skipped, and said; `scripts/setup test` installs all of them.

# shellcheck disable=SC2154 # of lib.sh
cp -r "$top/tests/fixtures/languages" programs
names=() jobs=() missing=()
# language NAME TOOL COMMAND [KEY...]: a job; tools have to be where jobs see them, below /usr: a shim in a home directory is none.
language() {
    local name=$1 tool=$2 run=$3
    shift 3
    names+=("$name")
    if PATH=/usr/local/bin:/usr/bin:/bin command -v "$tool" >/dev/null; then
        jobs+=("  ${name,,}: {run: \"$run\"$(printf ', %s' "$@")}")
    else
        missing+=("$name: no $tool")
    fi
}
language C gcc 'gcc -o program /work/hard.c -pthread && exec ./program'
language C-address gcc 'gcc -fsanitize=address,undefined -o program /work/hard.c -pthread && exec ./program'
language C-thread gcc 'gcc -fsanitize=thread -o program /work/hard.c -pthread && exec ./program'
language Cxx g++ 'g++ -std=c++20 -o program /work/hard.cc -pthread && exec ./program'
# Limits below what the program throws away: its garbage collector works, or it is killed.
language Python python3 'exec python3 /work/hard.py' 'limits: {memory: 512M}'
language Node node 'exec node /work/hard.js' 'limits: {memory: 512M}'
language Java java 'java -XX:+UseZGC -m jdk.compiler/com.sun.tools.javac.Main -d . /work/Hard.java && exec java -Xmx256m Hard' 'limits: {memory: 1G}'
language Go go 'go build -o program /work/hard.go && exec ./program' 'limits: {memory: 512M}'
language Rust rustc 'rustc --edition 2021 -o program /work/hard.rs && exec ./program'
{
    printf 'cupel: 1\ndefaults:\n  seccomp: strict\n  user: nobody\n  capabilities: []\n'
    printf '  workdir: /tmp\n  inputs: [{from: programs, to: /work, mode: ro}]\n'
    printf '  limits: {wall: 120s, pids: 512, memory: 1536M}\n'
    printf '  env: {PATH: /usr/local/bin:/usr/bin:/bin, GO111MODULE: "off", GOCACHE: /tmp/go}\njobs:\n'
    printf '%s\n' "${jobs[@]}"
} >strict.yaml
cupel_run strict.yaml
for name in "${names[@]}"; do
    it "seccomp: strict compiles and runs what a hard program in ${name/xx/++} does"
    why=$(printf '%s\n' "${missing[@]}" | sed -n "s/^$name: //p")
    if [[ -n $why ]]; then
        skip_it "$why"
    else
        expect_verdict "${name,,}" passed
        expect_equal "$(log "${name,,}")" "done"
    fi
done

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What README.md and docs/ show is true: each job file in them is one, README's does what it says there, and each command and option
# of its list is there. docs/job-file.md's example, which takes a bootstrapped root, is run by tests/examples.
# sanitizers: no
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# blocks FILE: the file's fenced blocks of YAML, as NAME-LINE.yaml
blocks() {
    awk -v name="$(basename -- "$1" .md)" '
        /^```yaml$/ {file = "block-" name "-" FNR ".yaml"; next}
        /^```$/ {file = ""}
        file != "" {print >file}' "$1"
}
for file in "$top"/README.md "$top"/SECURITY.md "$top"/docs/*.md; do
    blocks "$file"
done

it "there are some: README's, docs/job-file.md's, docs/configuration.md's"
expect [ -e block-README-*.yaml ]
expect compgen -G "block-job-file-*.yaml"
expect [ -e block-configuration-*.yaml ]

it "each is a job file, or a part of one, without a problem; the one that is a configuration file is that"
mkdir -p src ci submissions/a tests/{sample,secret} && touch tests/sample/1.{in,ans} tests/secret/2.{in,ans} && echo 'templates: {}' >ci/common.yaml
for file in block-*.yaml; do
    if grep -q '^cache:' "$file"; then
        STATUS=0
        CUPEL_CONFIG=$T/$file "$CUPEL" config >"$T/stdout" 2>"$T/stderr" || STATUS=$?
    else
        grep -q '^cupel:' "$file" || sed -i '1i cupel: 1' "$file"
        grep -q '^jobs:' "$file" || printf 'jobs: {one: {run: echo}}\n' >>"$file"
        run_cupel validate "$T/$file"
    fi
    expect_exit 0
done

# usual: what is the same in every run of it: figures are one number; who may not read the kernel's log is not told whom it took;
# and a shell that is quicker than cupel says that its child was killed
usual() {
    sed -E '/^ *standard error \(.*greedy/d; /^ *\| Killed$/d; s/; the kernel took .*//; s/[0-9]+(\.[0-9]+)?/N/g; s/N (ms|us|s)\b/N T/g; s/ +/ /g; s/Report: .*/Report: FILE/' | sort
}
it "README's job file does what README says"
if command -v make >/dev/null; then
    printf 'prices:\n\techo apple 1 >prices\n' >src/Makefile
    mv block-README-*.yaml shop.yaml
    cupel_run shop.yaml
    expect_exit 1
    expect_verdict build passed
    expect_verdict unit passed
    expect_verdict greedy memory-limit
    awk '/^```$/ {if (inside) exit; inside = after; next} /^What `cupel run/ {after = 1} inside' "$top/README.md" >said
    expect [ "$(wc -l <said)" -gt 5 ]
    expect_equal "$(usual <"$T/stderr")" "$(usual <said)"
    expect_equal "$(find out/artifacts/build -type f -exec cat {} +)" "apple 1"
else
    skip_it "there is no make for the job 'build'"
fi

# The lines of README's "Usage" as "COMMAND OPTION": of the command that a line, or the one before it, begins with.
usage() {
    awk '/^## Usage$/ {here = 1} here && /^```$/ {inside = !inside; if (!inside) exit}
        inside && $1 == "cupel" {command = $2}
        inside {line = $0; while (match(line, /--[a-z][a-z-]*/)) {print command, substr(line, RSTART, RLENGTH); line = substr(line, RSTART + RLENGTH)}}
        inside && $1 == "cupel" {print command, ""}' "$top/README.md"
}
it "each command and each option of README's list is there"
expect [ "$(usage | wc -l)" -gt 20 ]
while read -r command option; do
    [[ $command != help ]] || continue
    run_cupel help "$command"
    expect_exit 0
    [[ -z $option || $option == --help ]] || expect grep -qF -e "$option" "$T/stdout"
done < <(usage)

it "README's scripts are there"
while read -r script; do
    expect [ -x "$top/$script" ]
done < <(grep -oE '^(scripts|tests)/[a-z-]+' "$top/README.md")

all_done

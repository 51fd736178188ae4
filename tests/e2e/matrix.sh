#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# docs/limits-matrix.md tells the truth: each case that it names is in the file that it names, and the file runs where it says so;
# every limit of a job file has a row.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

page=$top/docs/limits-matrix.md
# Each row's test, case, v1 and v2.
mapfile -t rows < <(awk -F ' [|] ' '/^\| / && $3 ~ /^`(e2e|vm)\// {
    gsub(/`/, "", $3); sub(/ \|$/, "", $6); printf "%s\t%s\t%s\t%s\n", $3, $4, $5, $6}' "$page")

it "each case is in its file, and the file in its lanes"
expect [ "${#rows[@]}" -ge 40 ]
for row in "${rows[@]}"; do
    IFS=$'\t' read -r file name v1 v2 <<<"$row"
    grep -qF -- "it \"$name\"" "$top/tests/$file.sh" || bad "no such case in tests/$file.sh: $name"
    if [[ $v2 == 'on demand' ]]; then
        grep '^On demand only' "$top/docs/testing.md" | grep -qF " $file" || bad "$file is not on demand: docs/testing.md"
        continue
    fi
    [[ $v2 == yes ]] || bad "not on v2: $row"
    sed -n '1,12p' "$top/tests/$file.sh" | grep -qE '^# lanes: (.* )?root-v2( |$)' || bad "tests/$file.sh does not run on v2"
    [[ $v1 != yes || $file == e2e/* ]] || bad "tests/$file.sh does not run on v1"
done

it "every limit of a job has a row"
mapfile -t limits < <("$CUPEL" schema --markdown |
    awk '/^### Limits/ {on = 1; next} /^##/ {on = 0} on && /^\| `/ {gsub(/`/, "", $2); print $2}')
expect [ "${#limits[@]}" -ge 16 ]
for limit in "${limits[@]}"; do
    grep -qE "^\| \`$limit\`" "$page" || bad "no row for the limit $limit"
done

all_done

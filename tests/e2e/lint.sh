#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# scripts/lint: each of its checks finds what it is there for (its self-test), and what runs between clone and exec in the
# build under test leads to no malloc, no stdio and no error object. The other checks of the tree are .ci/run's.
# sanitizers: no
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

for tool in git python3 nm objdump clang-format clang-tidy shellcheck codespell; do
    command -v "$tool" >/dev/null || missing=${missing:+$missing, }$tool
done

it "each check finds a breach of its rule, and nothing in a tree without one"
if [[ -z ${missing-} ]]; then
    "$top/scripts/lint" --self-test >self-test
    expect_equal $? 0
    expect [ "$(grep -c '^ok - ' self-test)" -gt 40 ]
    expect_equal "$(grep -v '^ok - ' self-test)" ""
else
    skip_it "there is no $missing (scripts/setup lint)"
fi

it "a missing tool is an error that says what to do, not a check that found nothing"
mkdir -p bin
for program in bash env git python3 dirname sed grep find xargs nproc sort awk cat; do
    ln -sf -- "$(command -v "$program")" "bin/$program"
done
if git -C "$top" rev-parse --git-dir >/dev/null 2>&1; then
    PATH=$T/bin "$top/scripts/lint" shellcheck >said 2>&1
    expect_equal $? 1
    expect grep -q 'shellcheck is not installed: run scripts/setup lint' said
else
    skip_it "$top is no checkout of git"
fi

it "a tree that is no checkout, and somebody else's, is read as well"
mkdir -p tree
printf '# A page\n\nWith a [link](nowhere.md).\n' >tree/page.md
chown -R nobody tree
"$top/scripts/lint" --tree "$T/tree" links commits >said 2>&1
expect_equal $? 1
expect grep -q '^page.md:3: ' said
expect grep -q 'there is no history: commits are not looked at' said

it "nothing between clone and exec leads to malloc, stdio or the error object"
if ! command -v objdump >/dev/null; then
    skip_it "there is no objdump (scripts/setup lint)"
elif [[ ! -d $build/harness/sandbox/CMakeFiles ]]; then
    skip_it "the program under test is in no build directory"
else
    "$top/scripts/lint" --build "$build" init >said 2>&1
    expect_equal $? 0
    expect_equal "$(grep -v '^ok' said)" ""
fi

all_done

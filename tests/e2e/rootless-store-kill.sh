#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The store of an ordinary user: the cases of store-kill.sh, and that two users share nothing.
# sanitizers: no
# time-limit: 300
# shellcheck source=tests/e2e/as-user.bash
. "$(dirname -- "${BASH_SOURCE[0]}")/as-user.bash"

user=$CUPEL_TEST_USER
chmod 0711 "$T" # the other user reaches the program
as_other() { # another user runs the program with the first one's store
    STATUS=0
    setpriv --reuid $((user + 1)) --regid $((user + 1)) --clear-groups -- env HOME=/nonexistent CUPEL_CACHE="$1" "$CUPEL" rootfs list \
        >"$T/stdout" 2>"$T/stderr" </dev/null || STATUS=$?
}

it "a user's store is closed to others, and who wants to use it is told so"
mkdir -p r/etc && echo x >r/etc/x && chmod -R a+rX r
run_cupel rootfs import r r
expect_exit 0
expect_equal "$(find cache/cupel -maxdepth 1 -type d -printf '%m %u\n' | sort -u)" "700 cupel-e2e"
expect_equal "$(find cache/cupel/layers -name layer.json -printf '%m\n')" 600
as_other "$T/cache/cupel"
expect_exit 3
expect_stderr "cannot .* in the root cache $T/cache/cupel: Permission denied"
expect_stderr 'hint: set CUPEL_CACHE to a directory that you can write to'
run_cupel rootfs remove r
expect_exit 0

it "a store of somebody else is refused even where it is open, and its modes stay"
mkdir theirs && chown "$((user + 1)):$((user + 1))" theirs && chmod 0777 theirs
CUPEL_CACHE=$T/theirs run_cupel rootfs list
expect_exit 3
expect_stderr "the root cache $T/theirs belongs to "
expect_stderr 'hint: set CUPEL_CACHE to a directory of your own'
expect_equal "$(stat -c %a theirs) $(find theirs -mindepth 1 | wc -l)" "777 0"
mkdir roots && chmod 0777 roots
CUPEL_CACHE=$T/roots run_cupel rootfs list
expect_exit 3
expect_stderr "the root cache $T/roots belongs to "

it "a store of one's own that is open to others is closed"
mkdir own && chown "$user:$user" own && chmod 0777 own
CUPEL_CACHE=$T/own run_cupel rootfs list
expect_exit 0
expect_equal "$(stat -c %a own)" 700

# shellcheck source=tests/e2e/store-kill.sh
. "$e2e/store-kill.sh"

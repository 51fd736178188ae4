#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The clients of `cupel serve` that docs/serve.md shows do what they say.
# sanitizers: no
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# block LANGUAGE: the document's one block in that language.
block() {
    awk -v language="$1" '$0 == "```" language {inside = 1; next} /^```$/ {inside = 0} inside' "$top/docs/serve.md"
}

export SOCKET=$T/s.sock
(grouped "$CUPEL" serve --socket "$SOCKET") >"$T/serve.out" 2>"$T/serve.err" </dev/null &
server=$!
wait_until 30 test -S "$SOCKET"

it "docs/serve.md's client with curl"
if command -v curl >/dev/null; then
    expect_equal "$(block sh | bash | jq -r '.verdict')" passed
else
    skip_it "curl is not installed"
fi
it "docs/serve.md's client in Python"
expect_equal "$(block python | python3 - | sort)" "case-0 passed
case-1 passed
case-2 passed"
it "docs/serve.md's client in Node"
if command -v node >/dev/null; then
    block js >client.js
    expect_equal "$(node client.js)" "greeting passed"
else
    skip_it "node is not installed"
fi
it "the server ends with 0"
kill -TERM "$server"
STATUS=0
wait "$server" || STATUS=$?
expect_equal "$STATUS" 0
expect_clean

it "the units in packaging/systemd are ones that systemd takes"
if command -v systemd-analyze >/dev/null; then
    mkdir -p units
    cp "$top"/packaging/systemd/cupel.* units/
    sed -i 's,/usr/local/bin/cupel,/bin/true,' units/cupel.service
    expect_equal "$(systemd-analyze verify --man=no "$T/units/cupel.socket" "$T/units/cupel.service" 2>&1 | grep -F "$T/units")" ""
else
    skip_it "systemd-analyze is not installed"
fi

all_done

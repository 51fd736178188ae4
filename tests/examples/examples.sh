#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The examples on real software: upstream sources built and tested in a bootstrapped root, as a user would run them. Uses the
# user's own store, so that a second run finds its root there.
# time-limit: 900
store=${XDG_CACHE_HOME-}
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../e2e/lib.sh"
if [[ -n $store ]]; then export XDG_CACHE_HOME=$store; else unset XDG_CACHE_HOME; fi

# The small ones, on the host's own root; verdicts.yaml is there to fail in every way.
for name in hello steps limits verdicts; do
    it "$name.yaml"
    cupel_run "$top/jobs/examples/$name.yaml"
    expect_exit "$([[ $name == verdicts ]] && echo 1 || echo 0)"
    expect_junit_valid
    expect_clean
done

if ! "$top/scripts/fetch-examples" >"$T/fetch.log" 2>&1; then
    it "real software"
    skip_it "scripts/fetch-examples failed: $(tail -n 1 "$T/fetch.log")"
    all_done
    exit 0
fi

for file in "$top"/jobs/examples/*.yaml; do
    name=$(basename -- "$file") options=()
    grep -q 'debian:' "$file" || continue
    # The compiler that differs most from this machine's; all of them by hand (docs/testing.md).
    [[ $name != self.yaml ]] || options=(--only gcc-14)
    it "$name ${options[*]}"
    cupel_run "$file" "${options[@]}"
    expect_exit 0
    expect_equal "$(jq -r 'select(.verdict != "passed") | .id + ": " + .verdict + " " + .evidence' <(job_lines))" ""
    expect [ -n "$(find "$T/out/artifacts" -type f | head -n 1)" ]
    expect_junit_valid
    expect_clean
done

it "the example of docs/job-file.md"
mkdir project && cd project || exit 1
awk '/^```yaml$/ {inside = 1; next} /^```$/ {if (inside) exit} inside' "$top/docs/job-file.md" >jobs.yaml
printf '#!/bin/sh\necho "CFLAGS = -O1" >config.mk\n' >configure && chmod 755 configure
cat >Makefile <<'END'
include config.mk
all: libfoo.a crash
libfoo.a: libfoo.a(foo.o)
crash: crash.c libfoo.a
check:
	./crash 1
END
echo 'int foo(int n) { return n > 0 ? n : *(volatile int *)8; }' >foo.c
cat >crash.c <<'END'
#include <stdlib.h>
int foo(int);
int main(int argc, char **argv) { return argc != 2 || foo((int)strtoul(argv[1], NULL, 10)) < 0; }
END
cupel_run jobs.yaml
expect_exit 0
expect_verdict test passed
expect [ -n "$(find "$T/out/artifacts/build" -name libfoo.a -size +0)" ]
expect_clean

all_done

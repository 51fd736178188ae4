#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` leaves is all that cupel needs: the program runs from there, and finds what belongs to it.
# sanitizers: no
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

if ! command -v cmake >/dev/null || [[ ! -e $build/cmake_install.cmake ]]; then
    it "installing"
    skip_it "there is no cmake, or $build is not as CMake left it"
    all_done
    exit 0
fi

it "cmake --install: the program, its probes, its manual page"
expect cmake --install "$build" --prefix "$T/usr" >"$T/install.log"
CUPEL=$T/usr/bin/cupel
expect [ -x "$T/usr/bin/cupel" ]
expect [ -e "$T/usr/share/man/man1/cupel.1" ]

it "the installed program finds its probes"
run_cupel selftest --only pivot-root
expect_exit 0
expect_said "1 probe in .*: 1 held"
expect_clean

it "installed front ends find the program"
if command -v python3 >/dev/null; then
    in_installed() { (grouped env -u CUPEL "CUPEL_ISOLATE_ROOT=$T/boxes" "$T/usr/libexec/cupel/compat/isolate" "$@"); }
    expect in_installed --init
    expect in_installed --silent --run -- /bin/true
    expect in_installed --cleanup
else
    skip_it "python3 is not installed"
fi

it "... and says where it looked when they are gone"
rm -r "$T/usr/libexec"
run_cupel selftest --only pivot-root
expect_exit 3
expect_stderr 'no cupel-probes in .*/usr/bin/\.\./libexec/cupel'
expect_stderr 'hint: install all of cupel'

all_done

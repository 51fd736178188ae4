#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# jobs/examples/launchers: other programs that start their tests by `cupel exec`, with the files shown there.
# sanitizers: no
# time-limit: 180
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

cp -r "$top/jobs/examples/launchers" launchers
mkdir bin && ln -s "$CUPEL" bin/cupel
export PATH=$T/bin:$PATH
# launch COMMAND...: in our groups; leaves STATUS and the files stdout and stderr.
launch() {
    STATUS=0
    (grouped "$@") >"$T/stdout" 2>"$T/stderr" </dev/null || STATUS=$?
}

it "CTest, by a launcher or an emulator"
if ! command -v ctest >/dev/null || ! command -v gcc >/dev/null; then
    skip_it "cmake or gcc is not installed"
else
    expect cmake -S launchers/cmake -B build >cmake.log 2>&1
    expect cmake --build build >>cmake.log 2>&1
    launch ctest --test-dir build --output-on-failure
    expect_stdout 'writes .*Passed'
    expect_stdout 'shell .*Passed'
    expect_stdout 'too-much .*Failed'
    expect_stdout '^cupel: memory-limit: '
    expect [ -x build/writes ]
    expect [ ! -e build/written ]
    expect_clean
fi

it "cargo, by a runner"
if ! cargo --version >/dev/null 2>&1; then
    skip_it "cargo is not installed"
else
    launch env -C launchers/rust cargo test --offline
    expect_stdout 'test tests::runs_in_a_sandbox ... ok'
    expect_stdout 'test tests::writes ... ok'
    expect [ ! -e launchers/rust/written ]
    expect_clean
fi

it "nextest, by a wrapper script"
if ! cargo nextest --version >/dev/null 2>&1; then
    skip_it "cargo-nextest is not installed, and no package of Debian's has it"
else
    rm -rf launchers/rust/.cargo
    launch env -C launchers/rust cargo nextest run --offline
    expect_stderr '2 passed'
    expect [ ! -e launchers/rust/written ]
    expect_clean
fi

# Debian's bazel-bootstrap fetches rules from the net, but for those of packages of their own. Its rules_cc is too new for it:
# here are the names that are loaded of it, and nothing for its reports of coverage.
bazel_offline() {
    local rules=/usr/share/bazel/rules
    mkdir -p rules_cc/cc coverage
    touch rules_cc/WORKSPACE rules_cc/cc/BUILD coverage/WORKSPACE
    local name
    for name in cc_{binary,library,test,import,proto_library,toolchain,toolchain_suite}; do
        printf '%s = native.%s\n' "$name" "$name"
    done >rules_cc/cc/defs.bzl
    printf 'sh_binary(name = "coverage_report_generator", srcs = ["none.sh"], visibility = ["//visibility:public"])\n' \
        >coverage/BUILD
    printf '#!/bin/sh\n' >coverage/none.sh && chmod +x coverage/none.sh
    printf 'test:cupel --override_repository=%s\n' "rules_cc=$T/rules_cc" "remote_coverage_tools=$T/coverage" \
        platforms=/usr/share/bazel/platforms "rules_java=$rules/java" "rules_proto=$rules/proto"
}
it "Bazel, by --run_under"
if ! command -v bazel >/dev/null || [[ ! -e /usr/share/bazel/rules/java || ! -e /usr/share/bazel/rules/proto ]]; then
    skip_it "not installed: the packages bazel-bootstrap bazel-platforms bazel-rules-java bazel-rules-proto (250 MB)"
else
    mkdir -p bazel && cp launchers/bazelrc bazel/.bazelrc
    sed -i "s|/home/me/.cache/bazel|$T/base|; s|/home/me/project|$T/bazel|" bazel/.bazelrc
    bazel_offline >>bazel/.bazelrc
    printf '#!/bin/sh\ntest "$CUPEL_JOB" = exec && echo written >written && test -d "$TEST_TMPDIR"\n' >bazel/inside.sh
    chmod +x bazel/inside.sh
    printf 'sh_test(name = "inside", srcs = ["inside.sh"])\n' >bazel/BUILD
    touch bazel/WORKSPACE
    launch env -C bazel bazel "--output_base=$T/base" test --config=cupel //...
    expect_exit 0
    expect_stdout '//:inside .*PASSED'
    expect_equal "$(find base bazel -name written)" ""
    env -C bazel bazel "--output_base=$T/base" shutdown
    expect_clean
fi

it "xargs: several at once, their results in one file"
mkdir scripts
for i in 1 2 3 4 5; do echo "echo $i; exit $((i == 4))" >scripts/$i.sh; done
launch launchers/xargs.sh scripts
expect_exit 123
expect_equal "$(sort stdout | tr '\n' ' ')" "1 2 3 4 5 "
expect_equal "$(jq -r '.id + " " + .verdict' results.jsonl | sort | tr '\n' ';')" \
    "scripts/1.sh passed;scripts/2.sh passed;scripts/3.sh passed;scripts/4.sh failed;scripts/5.sh passed;"
expect_clean

all_done

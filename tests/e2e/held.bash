# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced after lib.sh: expectations of what `cupel selftest --json` has printed to the file stdout.

# expect_held LEAST: no breach, everything judged, and at least so many probes held. What did not hold is named first, a
# line a probe: the JSON itself is long, and a log may be cut.
expect_held() {
    local failing held
    if ! failing=$(jq -r '.probes[] | select(.outcome == "BREACH" or .outcome == "not judged") | "\(.name): \(.outcome): \(.detail)"' stdout) ||
        [[ ! -s stdout ]]; then
        bad "the self-test has printed no JSON" "$(seen)"
        return
    fi
    [[ -z $failing ]] || bad "$failing"
    # a breach has explained the exit code
    [[ -n $failing ]] || expect_exit 0
    held=$(jq '[.probes[] | select(.outcome == "held")] | length' stdout)
    if ((held >= $1)); then good; else bad "only $held probes held, where $1 were to: $(told_untested stdout)"; fi
}

# told_untested FILE: what was not tested, and why, a line a probe.
told_untested() {
    jq -r '.probes[] | select(.outcome == "not tested") | "# \(.name): \(.detail)"' "$1"
}

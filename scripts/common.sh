# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What scripts/demo and scripts/test share: where the project is, and how it is configured and built without noise.
# Sourced, never run. It decides nothing about what is built or run.

top=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
readonly top

say() {
    printf '\n== %s\n' "$*"
}

# Runs a command with its output kept aside; shows the output only when the command fails.
quietly() {
    local log status=0
    log=$(mktemp "${TMPDIR:-/tmp}/cupel-log.XXXXXX")
    "$@" >"$log" 2>&1 || status=$?
    if ((status != 0)); then
        printf 'failed (exit %d): %s\n' "$status" "$*" >&2
        cat -- "$log" >&2
    fi
    rm -f -- "$log"
    return "$status"
}

# build PRESET DIR [TARGET]...: configures where the presets have changed, then builds what changed.
build() {
    local preset=$1 dir=$2
    shift 2
    local targets=()
    (($# > 0)) && targets=(--target "$@")
    if [[ ! -e $top/$dir/build.ninja || $top/CMakePresets.json -nt $top/$dir/CMakeCache.txt ]]; then
        (cd -- "$top" && quietly cmake --preset "$preset") || return
    fi
    quietly cmake --build "$top/$dir" "${targets[@]}"
}

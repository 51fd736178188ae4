#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the OCI image specification says of layers, and images that must be refused: the cases are tables in images.py, which makes them.
# time-limit: 300
# sanitizers: no
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

if ! command -v python3 >/dev/null; then
    printf 'skip - images: needs python3\n'
    all_done
    exit 0
fi

# --full: also what takes half a minute
slow=()
[[ ${1-} != --full ]] || slow=(--slow)
last=
while IFS= read -r line; do
    last=$line
    it "${line#* }"
    case $line in
    PASS\ *) good ;;
    SKIP\ *) skip_it "memory is not bounded under AddressSanitizer" ;;
    *) bad "$line" ;;
    esac
done < <(python3 "$e2e/images.py" "${slow[@]}" 2>&1)
it "all cases were tried"
expect_equal "${last#* }" "the store is whole after all of that"

all_done

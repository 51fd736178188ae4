#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Images and files as people's builders write them: taken, or refused with what they are. The cases are tables in builders.py, which makes them.
# time-limit: 120
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

if ! command -v python3 >/dev/null; then
    printf 'skip - builders: needs python3\n'
    all_done
    exit 0
fi

# where an ordinary user can read them
mkdir py && cp "$e2e/images.py" "$e2e/builders.py" py/ && chmod -R a+rX py && mkdir work
[[ -z ${CUPEL_TEST_USER-} ]] || chown "$CUPEL_TEST_USER" work
cases() {
    cd work && grouped env CUPEL="$CUPEL" PYTHONDONTWRITEBYTECODE=1 python3 ../py/builders.py 2>&1
}
tried=0 said=
while IFS= read -r line; do
    it "${line#* }"
    case $line in
    "PASS "*" cases were tried") said=${line//[^0-9]/} ;;
    PASS\ *) tried=$((tried + 1)) ;;
    *) bad "$line" ;;
    esac
    good
done < <(cases)
it "none was left out"
expect_equal "$tried" "$said"

all_done

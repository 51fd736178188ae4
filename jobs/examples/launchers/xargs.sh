#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# xargs.sh DIR: runs each script of DIR in a sandbox of its own, as many at once as there are processors.
# The results are lines of results.jsonl in the present directory; 123 is xargs' exit code where some script failed.
set -eu
exec 3>results.jsonl
find "$1" -name '*.sh' | sort | xargs -P "$(nproc)" -I{} \
    cupel exec --name {} --input {}:/work/test.sh:ro --timeout 60s --limit memory=512M --result fd:3 -- sh test.sh

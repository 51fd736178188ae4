#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes the image of a Gradescope autograder (Debian 12, Ubuntu 24.04). Gradescope runs it once, as root, where the zip was unpacked.
# That has this file, run_autograder, course.yaml with what it names, and this repository as cupel/.
# What the course itself takes, such as a compiler, is installed here as well.
set -euo pipefail
# An image of the course's own may have it already.
if ! command -v cupel >/dev/null; then
    cd -- "$(dirname -- "${BASH_SOURCE[0]}")/cupel"
    apt-get update
    scripts/setup demo
    cmake --preset release
    cmake --build --preset release
    cmake --install build --prefix /usr/local
fi
cupel version

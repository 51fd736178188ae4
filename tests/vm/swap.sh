#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The limits `memory` and `swap` on a machine that swaps: none by default, as much as was asked for, and not more. Switches a
# swap file on, so it runs in the virtual machine only (scripts/test-vm).
# lanes: root-v2
# shellcheck source=tests/e2e/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../e2e/lib.sh"

trap 'swapoff "$T/swap" 2>/dev/null; finish' EXIT

it "the machine swaps"
dd if=/dev/zero of=swap bs=1M count=192 status=none && chmod 600 swap && mkswap -q swap && swapon swap
expect grep -qF "$T/swap" /proc/swaps

# tail keeps the whole line in memory: 60 MB, and what the programs themselves take.
job_file swap.yaml <<'YAML'
cupel: 1
defaults:
  limits: {memory: 32M, wall: 30m}
  run: head -c 60M /dev/zero | tr '\0' x | tail -n 1 | wc -c
jobs:
  none: {}
  some: {limits: {swap: 100M}}
  little: {limits: {swap: 8M}}
YAML
cupel_run swap.yaml -j 1

it "without the limit swap, a job with a limit of memory has none"
expect_verdict none memory-limit
expect_evidence none 'memory limit 32 MiB reached.*OOM'

it "with it, it has memory and swap"
expect_verdict some passed
expect_log some '^62914560$'
expect_result some '.usage.oom_kills == 0 and .usage.memory_peak_bytes <= 33554432'
expect_result some '.limits.swap_bytes == 104857600'

it "and no more than both"
expect_verdict little memory-limit
expect_evidence little 'memory limit 32 MiB reached.*OOM'
expect_clean

all_done

/* SPDX-License-Identifier: Apache-2.0 */
/* shuffle: private to supervisor: an order made by chance that a number makes again. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Writes 0 to n - 1 in an order that depends on seed and n alone, on every machine. */
void shuffle_ranks(uint64_t seed, size_t *ret_ranks, size_t n);

/* SPDX-License-Identifier: Apache-2.0 */
/* shuffle: see shuffle.h. The numbers are those of SplitMix64 (Steele, Lea, Flood: Fast Splittable
 * Pseudorandom Number Generators, 2014), the order is Fisher and Yates'. */
#include "harness/supervisor/shuffle.h"

static uint64_t next_number(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Returns a number below n, each with the same chance: what is left over at the end of the range is
 * drawn again. */
static uint64_t below(uint64_t *state, uint64_t n)
{
    uint64_t number, left_over = UINT64_MAX % n;

    do
        number = next_number(state);
    while (number >= UINT64_MAX - left_over);
    return number % n;
}

void shuffle_ranks(uint64_t seed, size_t *ret_ranks, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ret_ranks[i] = i;
    for (size_t i = n; i > 1; i--) {
        size_t other = (size_t)below(&seed, i), rank = ret_ranks[i - 1];

        ret_ranks[i - 1] = ret_ranks[other];
        ret_ranks[other] = rank;
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* copy_data: private to sandbox; the bytes of a file, copied by the kernel. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* Is told of each piece that was copied, of n bytes; a negative errno ends the copying. */
typedef int copy_data_fn(void *data, size_t n);
/* Copies what is in `from` at at..end to the same place of `to`; an early end of file is no error.
 */
int copy_data_extent(int from, int to, off_t at, off_t end, copy_data_fn *each, void *data);
/* Copies the bytes of one regular file, up to where reading it ends, into an empty one; holes stay
 * holes and cost nothing. */
int copy_data_of(int from, int to);

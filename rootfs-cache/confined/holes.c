/* SPDX-License-Identifier: Apache-2.0 */
/* holes: see holes.h. */
#include "rootfs-cache/confined/holes.h"

#include <string.h>

bool holes_are_likely(const struct stat *st)
{
    return (uint64_t)st->st_blocks * 512 < (uint64_t)st->st_size;
}

void holes_next_data(int fd, off_t size, off_t *at, off_t *ret_end)
{
    off_t data = lseek(fd, *at, SEEK_DATA), end = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);

    if (data < 0 && errno == ENXIO) { /* a hole up to the end */
        *at = *ret_end = size;
        return;
    }
    data -= data > 0 ? data % (off_t)HOLES_BLOCK : 0;
    *at = data > *at ? data : *at;
    *ret_end =
        end < 0 ? size : (end + (off_t)HOLES_BLOCK - 1) / (off_t)HOLES_BLOCK * (off_t)HOLES_BLOCK;
    if (*ret_end > size)
        *ret_end = size;
}

bool holes_is_zero(const char *data, size_t n)
{
    return data[0] == '\0' && memcmp(data, data + 1, n - 1) == 0;
}

ssize_t holes_read(int fd, char *data, size_t n, off_t at)
{
    size_t got = 0;

    while (got < n) {
        ssize_t r = pread(fd, data + got, n - got, at + (off_t)got);

        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return -errno;
        if (r == 0)
            break;
        got += (size_t)r;
    }
    return (ssize_t)got;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* copy_data: the bytes of a file, copied by the kernel, holes left holes. Owners, modes and all
 * else of a file are the caller's.
 *
 * Runs between clone and exec: no malloc, no stdio. */
#include "harness/sandbox/init/copy_data.h"

#include "base/base.h"

#include <sys/sendfile.h>
#include <sys/stat.h>

#define CHUNK ((size_t)1 << 20)

int copy_data_extent(int from, int to, off_t at, off_t end, copy_data_fn *each, void *data)
{
    if (lseek(to, at, SEEK_SET) < 0)
        return -errno;
    while (at < end) {
        size_t left = (size_t)(end - at);
        ssize_t n = sendfile(to, from, &at, left < CHUNK ? left : CHUNK);
        int r;

        if (n <= 0)
            return n < 0 ? -errno : 0;
        r = each != NULL ? each(data, (size_t)n) : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

int copy_data_of(int from, int to)
{
    struct stat st;
    off_t at = 0;
    int r = fstat(from, &st) < 0 ? -errno : 0;

    while (r == 0 && at < st.st_size) {
        off_t data = lseek(from, at, SEEK_DATA), hole;

        if (data < 0 && errno == ENXIO)
            return ftruncate(to, st.st_size) < 0 ? -errno : 0;
        hole = data < 0 ? data : lseek(from, data, SEEK_HOLE);
        if (hole < 0)
            break; /* has no holes to tell of, as the files of /proc */
        r = copy_data_extent(from, to, data, hole, NULL, NULL);
        at = hole;
    }
    /* /proc has no sizes, and /sys the wrong ones: what is read is what there is */
    return r == 0 ? copy_data_extent(from, to, at, INT64_MAX, NULL, NULL) : r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* async_safe: text and reading without malloc or stdio, for what runs between clone and exec. */
#include "harness/sandbox/init/async_safe.h"

#include "base/base.h"

#include <string.h>
#include <sys/syscall.h>

size_t safe_copy(char *to, const char *from, size_t size)
{
    size_t n = strlen(from);

    if (size > 0) {
        size_t k = n < size ? n : size - 1;

        memcpy(to, from, k);
        to[k] = '\0';
    }
    return n;
}

size_t safe_append(char *to, const char *from, size_t size)
{
    size_t used = strnlen(to, size);

    return used + safe_copy(to + used, from, size - used);
}

size_t safe_append_number(char *to, uint64_t n, size_t size)
{
    char digits[24];
    size_t i = sizeof(digits) - 1;

    digits[i] = '\0';
    do {
        digits[--i] = (char)('0' + n % 10);
        n /= 10;
    } while (n != 0);
    return safe_append(to, digits + i, size);
}

int safe_read_all(int fd, char *buf, size_t size)
{
    size_t used = 0;

    while (used < size) {
        ssize_t n = read(fd, buf + used, size - used);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return (int)used;
        used += (size_t)n;
    }
    return -EFBIG;
}

int safe_drop_groups(uint32_t ids)
{
    return syscall(SYS_setgroups, 0, NULL) < 0 && (errno != EPERM || ids > 1) ? -errno : 0;
}

int safe_take_groups(uint32_t ids, const uint32_t *groups, unsigned n)
{
    if (n == 0 || ids <= 1)
        return safe_drop_groups(ids);
    return syscall(SYS_setgroups, (size_t)n, groups) < 0 ? -errno : 0;
}

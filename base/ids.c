/* SPDX-License-Identifier: Apache-2.0 */
/* ids: which user and group ids this process's user namespace has. All of the host's, or, without
 * root, only the caller's own and those that newuidmap(1) may give them. */
#include "base/base.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#define MAP_MAX ((size_t)64 << 10) /* 340 extents at most (user_namespaces(7)) */
#define ALL_IDS UINT32_C(4294967295)
#define OWNERS UINT32_C(65536) /* that files of a root may have */

static char *read_map(const char *path)
{
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *text;
    size_t len;

    return fd >= 0 && file_read_fd(fd, MAP_MAX, &text, &len) == 0 ? text : NULL;
}

/* The extent that begins with id `first` inside; extents come in any order. */
static bool find_extent(const char *map, uint32_t first, uint32_t *ret_outside, uint32_t *ret_count)
{
    for (const char *line = map; line != NULL && *line != '\0'; line = strchr(line, '\n')) {
        uint32_t inside, outside, count;

        line += *line == '\n';
        if (sscanf(line, "%" SCNu32 " %" SCNu32 " %" SCNu32, &inside, &outside, &count) != 3 ||
            inside != first)
            continue;
        *ret_outside = outside;
        *ret_count = count;
        return true;
    }
    return false;
}

static uint32_t count_from_zero(const char *map)
{
    uint32_t n = 0, outside, count;

    while (map != NULL && find_extent(map, n, &outside, &count) && count > 0 &&
           count <= ALL_IDS - n)
        n += count;
    return n;
}

uint32_t ids_mapped(void)
{
    cleanup_free char *uids = read_map("/proc/self/uid_map"),
                      *gids = read_map("/proc/self/gid_map");
    uint32_t u = count_from_zero(uids), g = count_from_zero(gids);

    return u < g ? u : g;
}

uint32_t ids_of_root(void)
{
    cleanup_free char *map = read_map("/proc/self/uid_map");
    uint32_t outside, count;

    return map != NULL && find_extent(map, 0, &outside, &count) ? outside : 0;
}

char *ids_identity_map(const char *file, uint32_t count)
{
    cleanup_free char *path = xasprintf("/proc/self/%s", file), *map = read_map(path);
    struct strbuf text = {0};
    uint32_t n = 0, outside, have;

    strbuf_adds(&text, "");
    while (n < count && map != NULL && find_extent(map, n, &outside, &have) && have > 0) {
        if (have > count - n)
            have = count - n;
        strbuf_addf(&text, "%" PRIu32 " %" PRIu32 " %" PRIu32 "\n", n, n, have);
        n += have;
    }
    return text.data;
}

char *ids_describe(void)
{
    static const char *const paths[] = {"/proc/self/uid_map", "/proc/self/gid_map"};
    struct strbuf text = {0};
    bool all = true;

    strbuf_adds(&text, "");
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        cleanup_free char *map = read_map(paths[i]);
        uint32_t n = 0, outside = 0, count = 0;

        while (map != NULL && find_extent(map, n, &outside, &count) && count > 0 &&
               count <= ALL_IDS - n) {
            strbuf_addf(&text, "%s%" PRIu32 " %" PRIu32 " %" PRIu32,
                        n > 0   ? ", "
                        : i > 0 ? "; "
                                : "",
                        n, outside, count);
            all = all && outside == n;
            n += count;
        }
        all = all && n >= OWNERS;
    }
    if (!all)
        return text.data;
    strbuf_free(&text);
    return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* artifact_names: see artifact_names.h. */
#include "harness/attempt/artifact_names.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#define NAME_BYTES_MAX 255

static int artifact_names_by_name(const void *a, const void *b, void *text)
{
    const char *t = text;

    return strcmp(t + *(const uint32_t *)a + 1, t + *(const uint32_t *)b + 1);
}

/* Returns how many bytes the list takes with another name of `len` bytes. */
static size_t bytes_with(const struct artifact_names *names, size_t len)
{
    return names->len + len + 2 + (names->n + 1) * sizeof(*names->order);
}

size_t artifact_names_bytes(const struct artifact_names *names)
{
    return names->len + names->n * sizeof(*names->order);
}

static void sort(struct artifact_names *names)
{
    if (names->n > 1)
        qsort_r(names->order, names->n, sizeof(*names->order), artifact_names_by_name, names->text);
}

/* Keeps the first half, in order, so that there is room again. */
static void drop_half(struct artifact_names *names)
{
    char *text = xmalloc(names->len);
    size_t len = 0, n = names->n / 2;

    sort(names);
    for (size_t i = 0; i < n; i++) {
        const char *entry = names->text + names->order[i];
        size_t size = strlen(entry + 1) + 2;

        memcpy(text + len, entry, size);
        names->order[i] = (uint32_t)len;
        len += size;
    }
    free(names->text);
    names->text = text;
    names->len = len;
    names->n = n;
    names->more = true;
}

static void *grown(void *p, size_t have, size_t size)
{
    return (have & (have - 1)) == 0 ? xrealloc(p, (have == 0 ? 1 : 2 * have) * size) : p;
}

static void add_name(struct artifact_names *names, size_t *cap, const struct dirent *e, size_t len)
{
    if (names->len + len + 2 > *cap) {
        *cap = 2 * *cap + len + 2;
        names->text = xrealloc(names->text, *cap);
    }
    names->order = grown(names->order, names->n, sizeof(*names->order));
    names->order[names->n++] = (uint32_t)names->len;
    names->text[names->len] = (char)e->d_type;
    memcpy(names->text + names->len + 1, e->d_name, len + 1);
    names->len += len + 2;
}

/* One entry; behind `bound`, nothing is taken any more: what is there is known not to fit. */
static void artifact_names_take(struct artifact_names *names, size_t *cap, const struct dirent *e,
                                size_t room, char bound[static NAME_BYTES_MAX + 1])
{
    size_t len = strlen(e->d_name);

    if (len > NAME_BYTES_MAX)
        return;
    if (bound[0] != '\0' && strcmp(e->d_name, bound) > 0) {
        names->more = true;
        return;
    }
    if (names->n > 1 && bytes_with(names, len) > room) {
        drop_half(names);
        *cap = names->len;
        strcpy(bound, names->text + names->order[names->n - 1] + 1);
        if (strcmp(e->d_name, bound) > 0)
            return;
    }
    add_name(names, cap, e, len);
}

int artifact_names_read(int dir, const char *after, size_t room, struct artifact_names *ret)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;
    DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
    struct artifact_names names = {0};
    char bound[NAME_BYTES_MAX + 1] = "";
    const struct dirent *e;
    size_t cap = 0;

    if (list == NULL) {
        r = -errno;
        base_closep(&fd);
        return r;
    }
    while ((errno = 0, e = readdir(list)) != NULL)
        if (!file_is_dot(e->d_name) && (after == NULL || strcmp(e->d_name, after) > 0))
            artifact_names_take(&names, &cap, e, room, bound);
    r = -errno;
    (void)closedir(list);
    if (r < 0) {
        artifact_names_free(&names);
        return r;
    }
    sort(&names);
    *ret = names;
    return 0;
}

const char *artifact_names_next(struct artifact_names *names, unsigned char *ret_type)
{
    const char *entry;

    if (names->next == names->n)
        return NULL;
    entry = names->text + names->order[names->next++];
    *ret_type = (unsigned char)entry[0];
    return entry + 1;
}

void artifact_names_free(struct artifact_names *names)
{
    free(names->text);
    free(names->order);
    *names = (struct artifact_names){0};
}

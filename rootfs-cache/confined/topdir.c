/* SPDX-License-Identifier: Apache-2.0 */
/* topdir: tars in which the whole root lies below a directory of its own (bootstrap tarballs of
 * Arch Linux, what somebody packed from one directory above): how that is told, and taken off. In
 * the confined child. */
#include "rootfs-cache/confined/unpacker.h"

#include <string.h>

/* Directories that a root has at its top. */
static bool topdir_is_of_root(const char *name, size_t n)
{
    static const char *const words[] = {"bin", "etc", "usr", "lib", "sbin", "var"};

    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (strlen(words[i]) == n && strncmp(name, words[i], n) == 0)
            return true;
    return false;
}

void topdir_note(struct unpacker *u, const char *name, bool directory)
{
    size_t n = strcspn(name, "/");
    bool below = name[n] == '/';

    if (u->tops > 1 || str_eq(name, ".") || (!below && !directory)) /* files beside it are fine */
        return;
    if (u->tops == 0 && n < sizeof(u->top))
        memcpy(u->top, name, n);
    if (u->tops == 0 || u->top[n] != '\0' || strncmp(u->top, name, n) != 0)
        u->tops++;
    if (topdir_is_of_root(name, n))
        u->tops = 2;
    u->top_is_root |= below && topdir_is_of_root(name + n + 1, strcspn(name + n + 1, "/"));
}

void topdir_tell(struct unpacker *u)
{
    if (u->layer == NULL && u->tops == 1 && u->top_is_root)
        memcpy(u->counts->top, u->top, sizeof(u->counts->top));
}

bool topdir_strip(struct strbuf *name, unsigned components)
{
    const char *rest = name->data;

    if (components > 0 && str_eq(rest, "."))
        return false;
    for (; components > 0; components--) {
        rest = strchr(rest, '/');
        if (rest == NULL)
            return false;
        rest++;
    }
    name->len = strlen(rest);
    memmove(name->data, rest, name->len + 1);
    return true;
}

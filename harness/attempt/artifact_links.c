/* SPDX-License-Identifier: Apache-2.0 */
/* artifact_links: see artifact_links.h. A table with open addresses: 16 bytes a file and its
 * digest, whatever its names are. */
#include "harness/attempt/artifact_links.h"

#include <fcntl.h>
#include <string.h>
#include <sys/random.h>

#define FILES_MAX (1u << 18)
#define NO_LINKS UINT32_MAX

struct link_entry {
    uint64_t inode;
    uint32_t device; /* as the kernel has it: 32 bits */
    uint32_t number; /* of its name aside, from 1; 0: no entry; NO_LINKS: it has none */
};

struct link_digest {
    bool known;
    unsigned char sha256[32];
};

struct artifact_links {
    int out;
    int dir; /* the one aside */
    char name[40];
    struct link_entry *entries;
    struct link_digest *digests; /* by number, from 1 on */
    size_t size;                 /* a power of two, at least twice `n` */
    uint32_t n;
};

struct artifact_links *artifact_links_new(int out)
{
    struct artifact_links *l = xcalloc(1, sizeof(*l));

    l->out = out;
    l->dir = -EBADF;
    return l;
}

static const char *number_name(uint32_t number, char buf[static 16])
{
    (void)snprintf(buf, 16, "%u", number);
    return buf;
}

void artifact_links_free(struct artifact_links *l)
{
    char name[16];

    for (uint32_t i = 1; l->dir >= 0 && i <= l->n; i++)
        (void)unlinkat(l->dir, number_name(i, name), 0);
    if (l->dir >= 0)
        (void)unlinkat(l->out, l->name, AT_REMOVEDIR);
    base_closep(&l->dir);
    free(l->entries);
    free(l->digests);
    free(l);
}

/* ---- the table ---- */

static struct link_entry *artifact_links_find(struct artifact_links *l, uint64_t inode,
                                              uint32_t device)
{
    uint64_t h = (inode ^ ((uint64_t)device << 32)) * UINT64_C(0x9e3779b97f4a7c15);

    for (size_t i = (size_t)(h >> 32);; i++) {
        struct link_entry *e = &l->entries[i & (l->size - 1)];

        if (e->number == 0 || (e->inode == inode && e->device == device))
            return e;
    }
}

static void artifact_links_grow(struct artifact_links *l)
{
    struct link_entry *old = l->entries;
    size_t n = l->size;

    if (2 * ((size_t)l->n + 1) <= n)
        return;
    l->size = n == 0 ? 64 : 2 * n;
    l->entries = xcalloc(l->size, sizeof(*l->entries));
    l->digests = xrealloc(l->digests, (l->size / 2 + 1) * sizeof(*l->digests));
    for (size_t i = 0; i < n; i++)
        if (old[i].number != 0)
            *artifact_links_find(l, old[i].inode, old[i].device) = old[i];
    free(old);
}

/* ---- the directory aside ---- */

static int open_aside(struct artifact_links *l)
{
    uint64_t random[2];

    if (l->dir >= 0)
        return 0;
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return -errno;
    (void)snprintf(l->name, sizeof(l->name), ".%016llx%016llx", (unsigned long long)random[0],
                   (unsigned long long)random[1]);
    if (mkdirat(l->out, l->name, 0700) < 0)
        return -errno;
    l->dir = file_open_beneath(l->out, l->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    return l->dir < 0 ? l->dir : 0;
}

int artifact_links_use(struct artifact_links *l, const struct stat *st, int dir, const char *name,
                       struct reports_file *ret)
{
    const struct link_entry *e =
        l->size > 0 ? artifact_links_find(l, st->st_ino, (uint32_t)st->st_dev) : NULL;
    char number[16];

    if (e == NULL || e->number == 0)
        return -ENOENT;
    if (e->number == NO_LINKS)
        return -EXDEV;
    if (linkat(l->dir, number_name(e->number, number), dir, name, 0) == 0) {
        ret->has_sha256 = l->digests[e->number].known;
        memcpy(ret->sha256, l->digests[e->number].sha256, sizeof(ret->sha256));
        return 0;
    }
    return errno == EPERM || errno == EOPNOTSUPP ? -EXDEV : -errno;
}

bool artifact_links_keep(struct artifact_links *l, const struct stat *st, int dir, const char *name,
                         const struct reports_file *file)
{
    struct link_entry *e;
    char number[16];

    if (l->n == FILES_MAX)
        return false;
    artifact_links_grow(l);
    e = artifact_links_find(l, st->st_ino, (uint32_t)st->st_dev);
    *e = (struct link_entry){.inode = st->st_ino, .device = (uint32_t)st->st_dev, .number = ++l->n};
    l->digests[l->n].known = file->has_sha256;
    memcpy(l->digests[l->n].sha256, file->sha256, sizeof(file->sha256));
    if (open_aside(l) < 0 || linkat(dir, name, l->dir, number_name(e->number, number), 0) < 0)
        e->number = NO_LINKS;
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* export: a layer becomes a tar: entries sorted by name, hard links, owners, times, holes, ACLs and
 * attributes kept, so that the same layer gives the same bytes. Runs in a confined child like
 * unpacking: the tree is as hostile as the archive was. Not responsible for the tar's own form
 * (tarwriter.c). */
#include "rootfs-cache/confined/export.h"

#include "rootfs-cache/confined/child.h"
#include "rootfs-cache/confined/holes.h"
#include "rootfs-cache/confined/links.h"
#include "rootfs-cache/confined/tarwriter.h"
#include "rootfs-cache/confined/unpacker.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define EXPORT_CHUNK ((size_t)256 * 1024)
/* A tree that was unpacked from a tar is no deeper than a path is long. */
#define EXPORT_DEPTH_MAX 2048
#define LIST_MAX 65536
#define PARTS_MAX                                                                                  \
    ((size_t)1 << 20) /* that a file with holes has; one with more is written without them */

struct export_part {
    off_t at, end;
};

struct exporter {
    struct tarwriter out;
    struct links links;
    char *chunk, *names, *value;
    struct export_part *parts; /* where the file at hand has data */
    size_t n_parts;
    struct child_counts *counts;
    dev_t dev; /* of the tree: what is mounted in it is left out */
    struct cupel_error *err;
};

static int export_failed(struct exporter *x, const char *path, int errnum)
{
    return cupel_error_set(x->err, CUPEL_ERROR_HARNESS, errnum, "cannot export '%s'", path);
}

/* ---- attributes and ACLs ---- */

static int export_by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void export_add_xattrs(struct exporter *x, const char *path, struct strbuf *records)
{
    ssize_t n = llistxattr(path, x->names, LIST_MAX);
    cleanup_free const char **list = xcalloc((size_t)(n > 0 ? n : 0) + 1, sizeof(*list));
    size_t count = 0;

    for (const char *name = x->names; n > 0 && name < x->names + n; name += strlen(name) + 1)
        if (attributes_are_kept(name))
            list[count++] = name;
    qsort(list, count, sizeof(*list), export_by_text);
    for (size_t i = 0; i < count; i++) {
        cleanup_free char *key = xasprintf("SCHILY.xattr.%s", list[i]);
        ssize_t size = lgetxattr(path, list[i], x->value, XATTR_SIZE_MAX);

        if (size >= 0)
            tarwriter_record(records, key, x->value, (size_t)size);
    }
}

static void add_acl_entry(struct strbuf *text, const struct posix_acl_xattr_entry *e)
{
    static const struct {
        int tag;
        const char *word;
    } words[] = {{ACL_USER_OBJ, "user"}, {ACL_USER, "user"}, {ACL_GROUP_OBJ, "group"},
                 {ACL_GROUP, "group"},   {ACL_MASK, "mask"}, {ACL_OTHER, "other"}};
    int tag = le16toh(e->e_tag), permissions = le16toh(e->e_perm);
    char id[16] = "";

    if (tag == ACL_USER || tag == ACL_GROUP)
        (void)snprintf(id, sizeof(id), "%u", le32toh(e->e_id));
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (words[i].tag == tag)
            strbuf_addf(text, "%s%s:%s:%c%c%c", text->len > 0 ? "," : "", words[i].word, id,
                        permissions & ACL_READ ? 'r' : '-', permissions & ACL_WRITE ? 'w' : '-',
                        permissions & ACL_EXECUTE ? 'x' : '-');
}

/* Adds an ACL with the numbers of users and groups: names would be looked up where it is unpacked.
 * */
static void add_acl(struct exporter *x, const char *path, const char *attribute, const char *key,
                    struct strbuf *records)
{
    cleanup_strbuf struct strbuf text = {0};
    ssize_t n = lgetxattr(path, attribute, x->value, XATTR_SIZE_MAX);
    const struct posix_acl_xattr_header *header = (const void *)x->value;
    const struct posix_acl_xattr_entry *entries = (const void *)(header + 1);

    if (n <= (ssize_t)sizeof(*header))
        return;
    for (size_t i = 0; i < ((size_t)n - sizeof(*header)) / sizeof(*entries); i++)
        add_acl_entry(&text, &entries[i]);
    if (text.len > 0)
        tarwriter_record(records, key, text.data, text.len);
}

static void add_records(struct exporter *x, const char *path, const struct stat *st,
                        struct strbuf *records)
{
    if (S_ISLNK(st->st_mode))
        return;
    add_acl(x, path, "system.posix_acl_access", "SCHILY.acl.access", records);
    if (S_ISDIR(st->st_mode))
        add_acl(x, path, "system.posix_acl_default", "SCHILY.acl.default", records);
    export_add_xattrs(x, path, records);
}

/* ---- content ---- */

static void export_add_part(struct exporter *x, off_t at, off_t end)
{
    if (x->n_parts > 0 && x->parts[x->n_parts - 1].end == at) {
        x->parts[x->n_parts - 1].end = end;
        return;
    }
    if ((x->n_parts & (x->n_parts - 1)) == 0)
        x->parts =
            xrealloc(x->parts, (x->n_parts == 0 ? 64 : 2 * x->n_parts + 64) * sizeof(*x->parts));
    x->parts[x->n_parts++] = (struct export_part){at, end};
}

/* Finds the parts of a file that hold data, by what is in it: a block that reads as zeros is a
 * hole, whatever the file system has there, so that the same root gives the same bytes on every
 * one. */
static int export_find_parts(struct exporter *x, int fd, const struct stat *st)
{
    bool has_holes = holes_are_likely(st);
    off_t at = 0, end = st->st_size;

    x->n_parts = 0;
    while (at < st->st_size && x->n_parts < PARTS_MAX) {
        if (has_holes)
            holes_next_data(fd, st->st_size, &at, &end);
        while (at < end) {
            size_t want = end - at < (off_t)EXPORT_CHUNK ? (size_t)(end - at) : EXPORT_CHUNK;
            ssize_t n = holes_read(fd, x->chunk, want, at);

            if (n < (ssize_t)want)
                return n < 0 ? (int)n : -EIO;
            for (size_t i = 0; i < want; i += HOLES_BLOCK) {
                size_t size = want - i < HOLES_BLOCK ? want - i : HOLES_BLOCK;

                if (!holes_is_zero(x->chunk + i, size))
                    export_add_part(x, at + (off_t)i, at + (off_t)(i + size));
            }
            at += (off_t)want;
        }
    }
    return 0;
}

static void all_of_it(struct exporter *x, const struct stat *st)
{
    x->n_parts = 0;
    if (st->st_size > 0)
        export_add_part(x, 0, st->st_size);
}

/* What GNU tar writes: how many parts, and each; of a file that ends in a hole, an empty one at its
 * end. */
static char *export_map_of(const struct exporter *x, const struct stat *st)
{
    struct strbuf map = {0};
    bool hole_at_end = x->n_parts == 0 || x->parts[x->n_parts - 1].end < st->st_size;

    strbuf_addf(&map, "%zu\n", x->n_parts + hole_at_end);
    for (size_t i = 0; i < x->n_parts; i++)
        strbuf_addf(&map, "%lld\n%lld\n", (long long)x->parts[i].at,
                    (long long)(x->parts[i].end - x->parts[i].at));
    if (hole_at_end)
        strbuf_addf(&map, "%lld\n0\n", (long long)st->st_size);
    return map.data;
}

static int copy_parts(struct exporter *x, int fd)
{
    for (size_t i = 0; i < x->n_parts; i++)
        for (off_t at = x->parts[i].at; at < x->parts[i].end;) {
            size_t left = (size_t)(x->parts[i].end - at),
                   want = left < EXPORT_CHUNK ? left : EXPORT_CHUNK;
            ssize_t n = holes_read(fd, x->chunk, want, at);
            int r = n < 0               ? (int)n
                    : n < (ssize_t)want ? -EIO
                                        : tarwriter_data(&x->out, x->chunk, want);

            if (r < 0)
                return r;
            at += (off_t)want;
        }
    return 0;
}

static int export_file(struct exporter *x, struct tarwriter_entry *entry)
{
    cleanup_close int fd = file_open_beneath(AT_FDCWD, entry->path, O_RDONLY | O_CLOEXEC, 0);
    cleanup_free char *map = NULL;
    int r = fd < 0 ? fd : 0;

    all_of_it(x, entry->st);
    if (r == 0 && entry->st->st_size >= (off_t)HOLES_BLOCK) {
        r = export_find_parts(x, fd, entry->st);
        if (x->n_parts == PARTS_MAX ||
            (x->n_parts == 1 && x->parts[0].end - x->parts[0].at == entry->st->st_size))
            all_of_it(x, entry->st);
        else
            entry->sparse_map = map = export_map_of(x, entry->st);
    }
    for (size_t i = 0; i < x->n_parts; i++)
        entry->size += (uint64_t)(x->parts[i].end - x->parts[i].at);
    if (r == 0)
        r = tarwriter_header(&x->out, entry);
    if (r == 0)
        r = copy_parts(x, fd);
    return r == 0 ? tarwriter_pad(&x->out, entry->size) : r;
}

static int export_one(struct exporter *x, const char *path, const struct stat *st)
{
    struct tarwriter_entry entry = {
        .path = path, .st = st, .link = links_seen(&x->links, (size_t)st->st_dev, st, path)};
    char target[PATH_MAX];
    int r = 0;

    x->counts->entries++;
    entry.hard = entry.link != NULL;
    if (!entry.hard)
        add_records(x, path, st, &entry.records);
    if (!entry.hard && S_ISLNK(st->st_mode)) {
        ssize_t n = readlinkat(AT_FDCWD, path, target, sizeof(target) - 1);

        r = n < 0 ? -errno : 0;
        target[n < 0 ? 0 : n] = '\0';
        entry.link = target;
    }
    if (r == 0)
        r = S_ISREG(st->st_mode) && !entry.hard ? export_file(x, &entry)
                                                : tarwriter_header(&x->out, &entry);
    strbuf_free(&entry.records);
    return r < 0 ? export_failed(x, path, r) : 0;
}

static int export_by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int export_directory(struct exporter *x, const char *path, int depth);

static int export_child(struct exporter *x, const char *path, const char *name, int depth)
{
    cleanup_free char *child = str_eq(path, ".") ? xstrdup(name) : xasprintf("%s/%s", path, name);
    struct stat st;
    int r;

    if (fstatat(AT_FDCWD, child, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return export_failed(x, child, errno);
    if (S_ISSOCK(
            st.st_mode)) /* a tar has no word for it, and it means nothing without who made it */
        return 0;
    r = export_one(x, child, &st);
    return r == 0 && S_ISDIR(st.st_mode) && st.st_dev == x->dev
               ? export_directory(x, child, depth + 1)
               : r;
}

static int export_directory(struct exporter *x, const char *path, int depth)
{
    struct dirent **names = NULL;
    int n = depth < EXPORT_DEPTH_MAX ? scandirat(AT_FDCWD, path, &names, NULL, export_by_bytes)
                                     : -1,
        r = 0;

    if (n < 0)
        return export_failed(x, path, depth < EXPORT_DEPTH_MAX ? errno : ELOOP);
    for (int i = 0; i < n; i++) {
        if (r == 0 && !str_eq(names[i]->d_name, ".") && !str_eq(names[i]->d_name, ".."))
            r = export_child(x, path, names[i]->d_name, depth);
        free(names[i]);
    }
    free(names);
    return r;
}

static int export_tree(struct exporter *x)
{
    struct stat st;
    int r;

    if (fstatat(AT_FDCWD, ".", &st, 0) < 0)
        return export_failed(x, ".", errno);
    x->dev = st.st_dev;
    r = export_one(x, ".", &st);
    if (r == 0)
        r = export_directory(x, ".", 0);
    if (r < 0)
        return r;
    r = tarwriter_end(&x->out);
    return r < 0 ? export_failed(x, ".", r) : 0;
}

static int export_in_child(void *arg, int fd, struct child_counts *counts, struct cupel_error *err)
{
    struct exporter x = {.chunk = xmalloc(EXPORT_CHUNK),
                         .names = xmalloc(LIST_MAX),
                         .value = xmalloc(XATTR_SIZE_MAX),
                         .counts = counts,
                         .err = err};
    int r;

    (void)arg;
    tarwriter_begin(&x.out, fd);
    r = export_tree(&x);
    tarwriter_free(&x.out);
    links_free(&x.links);
    free(x.parts);
    free(x.chunk);
    free(x.names);
    free(x.value);
    return r;
}

int export_tree_to(int tree, int fd, int keep, const char *what, struct cupel_error *err)
{
    cleanup_free char *work = xasprintf("export '%s'", what);
    struct child_counts counts;

    return child_run(
        &(struct child_work){
            .fn = export_in_child, .what = work, .tree = tree, .fd = fd, .keep = keep},
        &counts, err);
}

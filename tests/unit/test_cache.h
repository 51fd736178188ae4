/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of rootfs-cache share: a store of their own, tars made entry by entry, and looking
 * at what came of them. */
#pragma once

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "rootfs-cache/sources/sources.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct fixture {
    char dir[64]; /* everything is beneath it */
    char *store;
    char *tar; /* where tests put their archive */
    struct cache *cache;
};

static int fixture_setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct cupel_error err;

    /* not /tmp, which may be a tmpfs: those have user attributes only since Linux 6.6 */
    (void)snprintf(f->dir, sizeof(f->dir), "/var/tmp/cupel-test-cache.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->store = xasprintf("%s/store", f->dir);
    f->tar = xasprintf("%s/root.tar", f->dir);
    assert_int_equal(setenv("CUPEL_CACHE", f->store, 1), 0);
    if (cache_open(&f->cache, &err) < 0)
        fail_msg("%s", err.message);
    *state = f;
    return 0;
}

static int fixture_teardown(void **state)
{
    struct fixture *f = *state;
    int r;

    cache_close(f->cache);
    r = file_remove_tree_at(AT_FDCWD, f->dir);
    free(f->store);
    free(f->tar);
    free(f);
    return r;
}

/* ---- tars ---- */

struct item {
    const char *name;
    mode_t type; /* AE_IFREG when 0 */
    mode_t mode;
    const char *data;     /* content, or a symbolic link's target */
    const char *hardlink; /* target */
    int64_t uid, gid;
    time_t mtime;
    const char *xattr; /* name of an attribute with the value "v" */
};

static inline void add_item(struct archive *a, const struct item *item)
{
    struct archive_entry *e = archive_entry_new();
    mode_t type = item->type != 0 ? item->type : AE_IFREG;

    archive_entry_copy_pathname(e, item->name);
    archive_entry_set_filetype(e, type);
    archive_entry_set_perm(e, item->mode != 0 ? item->mode : type == AE_IFDIR ? 0755 : 0644);
    archive_entry_set_uid(e, item->uid);
    archive_entry_set_gid(e, item->gid);
    archive_entry_set_mtime(e, item->mtime, 0);
    archive_entry_set_size(e, 0);
    if (item->hardlink != NULL)
        archive_entry_copy_hardlink(e, item->hardlink);
    else if (type == AE_IFLNK)
        archive_entry_copy_symlink(e, item->data);
    else if (item->data != NULL)
        archive_entry_set_size(e, (int64_t)strlen(item->data));
    if (type == AE_IFCHR || type == AE_IFBLK) {
        archive_entry_set_rdevmajor(e, 1);
        archive_entry_set_rdevminor(e, 3);
    }
    if (item->xattr != NULL)
        archive_entry_xattr_add_entry(e, item->xattr, "v", 1);
    assert_true(archive_write_header(a, e) >=
                ARCHIVE_WARN); /* a warning: the name is not UTF-8, and is kept as it is */
    if (archive_entry_size(e) > 0)
        assert_int_equal(archive_write_data(a, item->data, strlen(item->data)),
                         (la_ssize_t)strlen(item->data));
    archive_entry_free(e);
}

/* Writes items up to the one without a name; `filter` is libarchive's name of a compression, or
 * NULL. */
static inline void make_tar(const char *path, const struct item *items, const char *filter)
{
    struct archive *a = archive_write_new();

    assert_int_equal(archive_write_set_format_pax_restricted(a), ARCHIVE_OK);
    if (filter != NULL)
        assert_int_equal(archive_write_add_filter_by_name(a, filter), ARCHIVE_OK);
    assert_int_equal(archive_write_set_bytes_in_last_block(a, 1), ARCHIVE_OK);
    assert_int_equal(archive_write_open_filename(a, path), ARCHIVE_OK);
    for (; items->name != NULL; items++)
        add_item(a, items);
    assert_int_equal(archive_write_close(a), ARCHIVE_OK);
    assert_int_equal(archive_write_free(a), ARCHIVE_OK);
}

/* ---- looking ---- */

static inline int prepare_tar(struct fixture *f, const char *sha256, struct cache_root *root,
                              struct cupel_error *err)
{
    struct cache_source source = {.kind = CACHE_TAR, .name = "r", .tar = f->tar, .sha256 = sha256};

    return cache_prepare(f->cache, &source, root, err);
}

static inline struct cache_root must_prepare(struct fixture *f)
{
    struct cache_root root = CACHE_ROOT_INIT;
    struct cupel_error err;

    if (prepare_tar(f, NULL, &root, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(root.n_layers, 1);
    assert_true(root.pin[0] >= 0);
    return root;
}

static inline void assert_content(int dir, const char *path, const char *expected)
{
    cleanup_free char *text = NULL;
    size_t length;

    int r = file_read_at(dir, path, 1 << 20, &text, &length);

    if (r < 0)
        fail_msg("%s: %s", path, strerror(-r));
    assert_string_equal(text, expected);
}

/* Entries of a place of the store, other than "." and "..". */
static inline size_t count_in(struct fixture *f, const char *place)
{
    cleanup_free char *path = xasprintf("%s/%s", f->store, place);
    struct dirent **names;
    int n = scandir(path, &names, NULL, NULL);

    assert_true(n >= 2);
    for (int i = 0; i < n; i++)
        free(names[i]);
    free(names);
    return (size_t)n - 2;
}

static inline void assert_nothing_left(struct fixture *f)
{
    assert_int_equal(count_in(f, "layers"), 0);
    assert_int_equal(count_in(f, "tmp"), 0);
}

static inline void assert_contains(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("'%s' is not in '%s'", part, text);
}

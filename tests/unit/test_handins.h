/* SPDX-License-Identifier: Apache-2.0 */
/* test_handins: what the tests of archives of submissions share: making one, unpacking it, and
 * looking at what became of it. Included behind cmocka.h. */
#pragma once

#include "ingest/handins.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct fixture {
    char dir[64];
    char *below;
    char *archive; /* the last that was made */
    struct handins found;
    struct cupel_error err;
};

static inline int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    (void)snprintf(f->dir, sizeof(f->dir), "/tmp/cupel-test-submissions.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->below = xasprintf("%s/out/submissions", f->dir);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    int r = file_remove_tree_at(AT_FDCWD, f->dir);

    handins_free(&f->found);
    free(f->below);
    free(f->archive);
    free(f);
    return r;
}

/* ---- making archives ---- */

struct item {
    const char *name;
    const char *data; /* content, or where a link leads */
    mode_t type;      /* AE_IFREG when 0 */
    mode_t mode;
    const char *hardlink;
    int64_t size;  /* instead of data: so many zeros, which are a hole in a tar */
    size_t length; /* of data, where that is no text */
};

static inline void add(struct archive *a, const struct item *item, bool tar)
{
    struct archive_entry *e = archive_entry_new();
    size_t n = item->length > 0 ? item->length : item->data != NULL ? strlen(item->data) : 0;
    mode_t type = item->type != 0 ? item->type : AE_IFREG;

    archive_entry_copy_pathname(e, item->name);
    archive_entry_set_filetype(e, type);
    archive_entry_set_perm(e, item->mode != 0 ? item->mode : 0644);
    if (type == AE_IFLNK)
        archive_entry_copy_symlink(e, item->data);
    if (item->hardlink != NULL)
        archive_entry_copy_hardlink(e, item->hardlink);
    archive_entry_set_size(e, type != AE_IFREG ? 0
                              : item->size > 0 ? item->size
                              : item->hardlink ? 0
                                               : (int64_t)n);
    if (item->size > 0 && tar)
        archive_entry_sparse_add_entry(e, 0, 512);
    assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
    if (type == AE_IFREG && item->hardlink == NULL && item->size == 0 && n > 0)
        assert_int_equal(archive_write_data(a, item->data, n), n);
    for (int64_t left = tar && item->size > 0 ? 512 : item->size; left > 0; left -= 65536) {
        static const char zeros[65536];

        assert_true(archive_write_data(a, zeros, left < 65536 ? (size_t)left : 65536) > 0);
    }
    archive_entry_free(e);
}

/* Writes a zip or a tar, compressed as its name says; items end with one without a name. */
static inline void write_archive(const char *path, const struct item *items)
{
    struct archive *a = archive_write_new();
    const char *name = strrchr(path, '/'); /* a random directory may have any letters */
    bool tar = strstr(name, ".zip") == NULL;

    assert_int_equal(tar ? archive_write_set_format_pax(a) : archive_write_set_format_zip(a),
                     ARCHIVE_OK);
    if (strstr(name, "gz") != NULL)
        (void)archive_write_add_filter_gzip(a);
    else if (strstr(name, ".xz") != NULL)
        (void)archive_write_add_filter_xz(a);
    assert_int_equal(archive_write_open_filename(a, path), ARCHIVE_OK);
    for (; items->name != NULL; items++)
        add(a, items, tar);
    assert_int_equal(archive_write_close(a), ARCHIVE_OK);
    archive_write_free(a);
}

static inline void make(struct fixture *f, const char *name, const struct item *items)
{
    free(f->archive);
    f->archive = xasprintf("%s/%s", f->dir, name);
    write_archive(f->archive, items);
}

/* What an archive is, as the content of a member of another. */
static inline struct item packed(struct fixture *f, const char *name, const char *file,
                                 const struct item *items)
{
    cleanup_free char *path = xasprintf("%s/%s", f->dir, file);
    char *data;
    size_t n;

    write_archive(path, items);
    assert_int_equal(file_read_at(AT_FDCWD, path, 1 << 24, &data, &n), 0);
    return (struct item){.name = name, .data = data, .length = n};
}

/* ---- looking ---- */

static inline int unpack_with(struct fixture *f, struct handins_request request)
{
    handins_free(&f->found);
    request.archive = f->archive;
    request.below = f->below;
    f->err = (struct cupel_error){0};
    return handins_unpack(&request, &f->found, &f->err);
}

static inline void unpack(struct fixture *f, enum handins_layout layout)
{
    if (unpack_with(f, (struct handins_request){0}) < 0)
        fail_msg("%s", f->err.message);
    assert_string_equal(handins_layout_name(f->found.layout), handins_layout_name(layout));
}

static inline void assert_refused_archive(struct fixture *f, const char *why)
{
    assert_true(unpack_with(f, (struct handins_request){0}) < 0);
    assert_int_equal(f->err.kind, CUPEL_ERROR_INPUT);
    if (strstr(f->err.message, why) == NULL)
        fail_msg("'%s' does not say '%s'", f->err.message, why);
}

static inline const struct handin *of(struct fixture *f, const char *id)
{
    for (size_t i = 0; i < f->found.n; i++)
        if (str_eq(f->found.list[i].id, id))
            return &f->found.list[i];
    fail_msg("there is no submission '%s'", id);
    return NULL;
}

static inline char *content(struct fixture *f, const char *id, const char *file)
{
    cleanup_free char *path = xasprintf("%s/%s", of(f, id)->path, file);
    char *data;
    size_t n;

    return file_read_at(AT_FDCWD, path, 1 << 20, &data, &n) < 0 ? NULL : data;
}

static inline void assert_has(struct fixture *f, const char *id, const char *file, const char *text)
{
    cleanup_free char *data = content(f, id, file);

    if (of(f, id)->refused != NULL)
        fail_msg("'%s' %s", id, of(f, id)->refused);
    if (data == NULL)
        fail_msg("'%s' has no '%s'", id, file);
    assert_string_equal(data, text);
}

static inline void assert_has_size(struct fixture *f, const char *id, const char *file, off_t size)
{
    cleanup_free char *path = xasprintf("%s/%s", of(f, id)->path, file);
    struct stat st;

    assert_null(of(f, id)->refused);
    assert_int_equal(lstat(path, &st), 0);
    assert_int_equal(st.st_size, size);
}

/* Nothing but regular files and directories, of modes of our own. */
static inline void check_tree(int dir)
{
    cleanup_close int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY);
    struct dirent *e;
    DIR *d = fdopendir(steal_fd(&copy));
    struct stat st;

    assert_non_null(d);
    while ((e = readdir(d)) != NULL) {
        if (file_is_dot(e->d_name))
            continue;
        assert_int_equal(fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW), 0);
        assert_true(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode));
        assert_int_equal(st.st_mode & 07022, 0);
        if (S_ISDIR(st.st_mode)) {
            cleanup_close int sub = openat(dir, e->d_name, O_RDONLY | O_DIRECTORY);

            check_tree(sub);
        } else {
            assert_int_equal(st.st_nlink, 1);
        }
    }
    (void)closedir(d);
}

static inline void assert_refused(struct fixture *f, const char *id, const char *why)
{
    const struct handin *s = of(f, id);
    cleanup_close int dir = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    assert_true(dir >= 0);
    check_tree(dir);
    if (s->refused == NULL)
        fail_msg("'%s' is not refused", id);
    if (strstr(s->refused, why) == NULL)
        fail_msg("'%s' does not say '%s'", s->refused, why);
}

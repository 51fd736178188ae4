/* export: a layer becomes a tar: pax, entries sorted by name, hard links, owners, times, ACLs and attributes kept, so
 * that the same layer gives the same bytes. Runs in a confined child like unpacking: the tree is as hostile as the
 * archive was. */
#include "rootfs-cache/child.h"
#include "rootfs-cache/merge.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define EXPORT_CHUNK ((size_t)256 * 1024)
/* A tree that was unpacked from a tar is no deeper than a path is long; this bounds the open directories. */
#define EXPORT_DEPTH_MAX 512

struct exporter {
    struct archive *out;
    struct archive *disk; /* reads attributes */
    struct archive_entry_linkresolver *links;
    char *chunk;
    struct child_counts *counts;
    bool holes; /* are kept: the same content need not be the same bytes then */
    dev_t dev;  /* of the tree: what is mounted in it is left out */
    struct cupel_error *err;
};

static int export_failed(struct exporter *x, const char *path, int errnum, const char *why)
{
    errnum = errnum > 0 ? errnum : EIO;
    (void)cupel_error_set(x->err, CUPEL_ERROR_HARNESS, errnum, "cannot export '%s'%s%s", path, why != NULL ? ": " : "",
                          why != NULL ? why : "");
    return -errnum;
}

static int copy_file(struct exporter *x, const char *path, int64_t size)
{
    cleanup_close int fd = file_open_beneath(AT_FDCWD, path, O_RDONLY, 0);

    if (fd < 0)
        return export_failed(x, path, -fd, NULL);
    while (size > 0) {
        ssize_t n = read(fd, x->chunk, EXPORT_CHUNK);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return export_failed(x, path, n < 0 ? errno : EIO, NULL);
        if (archive_write_data(x->out, x->chunk, (size_t)n) < 0)
            return export_failed(x, path, archive_errno(x->out), archive_error_string(x->out));
        size -= n;
    }
    return 0;
}

static int write_out(struct exporter *x, struct archive_entry *entry, const char *path)
{
    bool has_content = archive_entry_filetype(entry) == AE_IFREG && archive_entry_hardlink(entry) == NULL &&
                       archive_entry_size(entry) > 0;

    x->counts->entries++;
    if (archive_write_header(x->out, entry) < ARCHIVE_WARN)
        return export_failed(x, path, archive_errno(x->out), archive_error_string(x->out));
    return has_content ? copy_file(x, path, archive_entry_size(entry)) : 0;
}

static int export_one(struct exporter *x, const char *path, const struct stat *st)
{
    struct archive_entry *entry = archive_entry_new(), *spare = NULL;
    int r;

    if (entry == NULL)
        return export_failed(x, path, ENOMEM, NULL);
    archive_entry_copy_pathname(entry, path);
    archive_entry_copy_sourcepath(entry, path);
    if (archive_read_disk_entry_from_file(x->disk, entry, -1, st) < ARCHIVE_WARN) {
        r = export_failed(x, path, archive_errno(x->disk), archive_error_string(x->disk));
    } else {
        archive_entry_set_fflags(entry, 0, 0);
        archive_entry_unset_atime(entry); /* what differs from run to run */
        archive_entry_unset_ctime(entry);
        if (!x->holes)
            archive_entry_sparse_clear(entry);
        archive_entry_linkify(x->links, &entry,
                              &spare); /* pax: a further name of a file becomes a link entry at once */
        r = write_out(x, entry, path);
    }
    archive_entry_free(entry);
    return r;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
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
        return export_failed(x, child, errno, NULL);
    if (S_ISSOCK(st.st_mode)) /* a tar has no word for it, and it means nothing without who made it */
        return 0;
    r = export_one(x, child, &st);
    return r == 0 && S_ISDIR(st.st_mode) && st.st_dev == x->dev ? export_directory(x, child, depth + 1) : r;
}

static int export_directory(struct exporter *x, const char *path, int depth)
{
    struct dirent **names = NULL;
    int n = depth < EXPORT_DEPTH_MAX ? scandirat(AT_FDCWD, path, &names, NULL, by_bytes) : -1, r = 0;

    if (n < 0)
        return export_failed(x, path, depth < EXPORT_DEPTH_MAX ? errno : ELOOP, NULL);
    for (int i = 0; i < n; i++) {
        if (r == 0 && !str_eq(names[i]->d_name, ".") && !str_eq(names[i]->d_name, ".."))
            r = export_child(x, path, names[i]->d_name, depth);
        free(names[i]);
    }
    free(names);
    return r;
}

static int export_tree(struct exporter *x, int fd)
{
    struct stat st;
    int r;

    if (archive_write_set_format_pax_restricted(x->out) < ARCHIVE_OK ||
        archive_write_set_options(x->out, "hdrcharset=BINARY") < ARCHIVE_WARN ||
        archive_write_set_bytes_in_last_block(x->out, 1) < ARCHIVE_OK || archive_write_open_fd(x->out, fd) < ARCHIVE_OK)
        return export_failed(x, ".", archive_errno(x->out), archive_error_string(x->out));
    archive_entry_linkresolver_set_strategy(x->links, ARCHIVE_FORMAT_TAR_PAX_RESTRICTED);
    if (fstatat(AT_FDCWD, ".", &st, 0) < 0)
        return export_failed(x, ".", errno, NULL);
    x->dev = st.st_dev;
    r = export_one(x, ".", &st);
    if (r == 0)
        r = export_directory(x, ".", 0);
    if (r == 0 && archive_write_close(x->out) < ARCHIVE_OK)
        r = export_failed(x, ".", archive_errno(x->out), archive_error_string(x->out));
    return r;
}

static int export_in_child(void *arg, int fd, struct child_counts *counts, struct cupel_error *err)
{
    struct exporter x = {.out = archive_write_new(),
                         .disk = archive_read_disk_new(),
                         .links = archive_entry_linkresolver_new(),
                         .chunk = xmalloc(EXPORT_CHUNK),
                         .counts = counts,
                         .holes = *(const bool *)arg,
                         .err = err};
    int r;

    if (x.out == NULL || x.disk == NULL || x.links == NULL)
        r = export_failed(&x, ".", ENOMEM, NULL);
    else
        r = export_tree(&x, fd);
    (void)archive_write_free(x.out);
    (void)archive_read_free(x.disk);
    archive_entry_linkresolver_free(x.links);
    free(x.chunk);
    return r;
}

int export_tree_to(int tree, int fd, int keep, bool holes, const char *what, struct cupel_error *err)
{
    cleanup_free char *work = xasprintf("export '%s'", what);
    struct child_counts counts;

    return child_run(
        &(struct child_work){.fn = export_in_child, .arg = &holes, .what = work, .tree = tree, .fd = fd, .keep = keep},
        &counts, err);
}

int cache_export(struct cache *cache, const char *what, int fd, struct cupel_error *err)
{
    struct cache_source source = {.kind = CACHE_NAMED, .name = what};
    struct cache_root root = CACHE_ROOT_INIT;
    cleanup_close int tree = -EBADF;
    int r = cache_prepare(cache, &source, NULL, NULL, &root, err);

    if (r == 0) {
        tree = r = merge_layers(&root, what, err);
        if (r >= 0)
            r = export_tree_to(tree, fd, root.pin[0], false, what, err);
    }
    cache_root_release(&root);
    return r;
}

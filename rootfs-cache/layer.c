/* layer: what an OCI layer has on top of a tar (OCI image specification, layer.md): its digests, and that it speaks
 * of a tree of which it holds a part only. Directories that it implies, links that lead through or to files of the layers
 * beneath: they are looked up there. Whiteouts are whiteout.c's. In the confined child; the layers beneath were as hostile as this one. */
#include "rootfs-cache/layer.h"
#include "rootfs-cache/likeness.h"

#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define DIGEST_HEX (2 * 32 + 1)
#define LINKS_MAX 40 /* as the kernel has it (path_resolution(7)) */

void layer_close(struct layer **layer)
{
    struct layer *l = *layer;

    if (l == NULL)
        return;
    if (l->blob != NULL)
        (void)archive_read_free(l->blob);
    EVP_MD_CTX_free(l->blob_digest);
    EVP_MD_CTX_free(l->tar_digest);
    free(l->chunk);
    for (size_t i = 0; i < l->n_implied; i++)
        free(l->implied[i]);
    free(l->implied);
    for (size_t i = 0; i < l->n_whiteouts; i++)
        free(l->whiteouts[i]);
    free(l->whiteouts);
    free(l);
}

uint64_t layer_read_bytes(const struct layer *layer)
{
    return layer->at;
}

/* ---- from blob to tar, and both digests ---- */

static la_ssize_t read_blob(struct archive *a, void *data, const void **ret_block)
{
    struct layer *l = data;
    uint64_t left = l->what->blob->size - l->at;
    ssize_t n;

    *ret_block = l->chunk;
    do
        n = pread(l->fd, l->chunk, left < UNPACK_BLOCK ? left : UNPACK_BLOCK, l->what->blob->offset + (off_t)l->at);
    while (n < 0 && errno == EINTR);
    if (n < 0) {
        archive_set_error(a, errno, "cannot read it");
        return -1;
    }
    l->at += (uint64_t)n;
    if (l->what->done != NULL)
        atomic_store_explicit(l->what->done, l->at, memory_order_relaxed);
    if (n > 0 && EVP_DigestUpdate(l->blob_digest, l->chunk, (size_t)n) != 1)
        return -1;
    return n;
}

static la_ssize_t read_tar(struct archive *a, void *data, const void **ret_block)
{
    struct layer *l = data;
    size_t size = 0;
    int64_t offset;
    int r = l->at_end ? ARCHIVE_EOF : archive_read_data_block(l->blob, ret_block, &size, &offset);

    if (r == ARCHIVE_EOF) {
        l->at_end = true;
        return 0;
    }
    if (r < ARCHIVE_OK || (!l->plain && EVP_DigestUpdate(l->tar_digest, *ret_block, size) != 1)) {
        archive_set_error(a, archive_errno(l->blob), "%s", archive_error_string(l->blob));
        return -1;
    }
    l->unpacked += size;
    return (la_ssize_t)size;
}

static int open_blob(struct unpacker *u, struct layer *l)
{
    struct archive_entry *entry;
    int r;

    l->blob = archive_read_new();
    l->blob_digest = EVP_MD_CTX_new();
    l->tar_digest = EVP_MD_CTX_new();
    if (l->blob == NULL || l->blob_digest == NULL || l->tar_digest == NULL ||
        EVP_DigestInit_ex(l->blob_digest, EVP_sha256(), NULL) != 1 ||
        EVP_DigestInit_ex(l->tar_digest, EVP_sha256(), NULL) != 1)
        return cupel_error_set(u->err, CUPEL_ERROR_HARNESS, ENOMEM, "cannot unpack '%s'", u->name);
    unpacker_support_filters(l->blob);
    (void)archive_read_support_format_raw(l->blob);
    if (archive_read_open(l->blob, l, NULL, read_blob, NULL) < ARCHIVE_OK)
        return unpacker_corrupt(u, archive_error_string(l->blob));
    r = archive_read_next_header(l->blob, &entry);
    if (r < ARCHIVE_WARN)
        return unpacker_corrupt(u, archive_error_string(l->blob));
    l->at_end = r == ARCHIVE_EOF;
    l->plain = archive_filter_code(l->blob, 0) == ARCHIVE_FILTER_NONE;
    return 0;
}

int layer_open(struct unpacker *u, const struct unpack_layer *what, int fd, struct layer **ret)
{
    struct layer *l = xcalloc(1, sizeof(*l));
    int r;

    *ret = l;
    *l = (struct layer){.what = what, .fd = fd, .chunk = xmalloc(UNPACK_BLOCK)};
    u->layer = l;
    r = open_blob(u, l);
    if (r < 0)
        return r;
    (void)archive_read_support_format_tar(u->in);
    if (archive_read_open(u->in, l, NULL, read_tar, NULL) < ARCHIVE_OK)
        return unpacker_corrupt(u, archive_error_string(u->in));
    return 0;
}

static int finish_digest(struct unpacker *u, EVP_MD_CTX *context, char ret_hex[DIGEST_HEX])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];

    if (EVP_DigestFinal_ex(context, bytes, NULL) != 1)
        return unpacker_corrupt(u, "its digest cannot be computed");
    for (size_t i = 0; i < 32; i++)
        (void)snprintf(ret_hex + 2 * i, 3, "%02x", bytes[i]);
    return 0;
}

static int compare(struct unpacker *u, const char *hex, const char *expected, const char *of)
{
    char why[200];

    if (expected[0] == '\0' || str_eq(hex, expected))
        return 0;
    (void)snprintf(why, sizeof(why), "the digest of %s is sha256:%s", of, hex);
    return unpacker_corrupt(u, why);
}

/* What follows the tar's end marker is part of what was hashed. */
static int check_digests(struct unpacker *u, struct layer *l)
{
    char blob[DIGEST_HEX], tar[DIGEST_HEX];
    const void *block;
    la_ssize_t n;
    int r;

    while ((n = read_tar(u->in, l, &block)) > 0)
        if (l->unpacked > u->limits->bytes)
            return unpacker_corrupt(u, "it does not end");
    if (n < 0)
        return unpacker_corrupt(u, archive_error_string(u->in));
    while ((n = read_blob(l->blob, l, &block)) > 0)
        ;
    if (n < 0)
        return unpacker_corrupt(u, "it cannot be read to its end");
    r = finish_digest(u, l->blob_digest, blob);
    if (r == 0)
        r = finish_digest(u, l->tar_digest, tar);
    if (r == 0)
        r = compare(u, blob, l->what->digest, "the layer");
    return r < 0 ? r : compare(u, l->plain ? blob : tar, l->what->diff_id, "the tar in the layer");
}

/* ---- the layers beneath ---- */

/* They may still be in the making, beside this one; whoever makes them then says when they are whole. */
static int wait_for_lowers(struct layer *l)
{
    int ready = l->is_ready || l->what->ready < 0 ? -EBADF : l->what->lowers[l->what->n_lowers];
    char nothing;
    ssize_t n;

    if (ready < 0)
        return 0;
    do
        n = read(ready, &nothing, 1);
    while (n < 0 && errno == EINTR);
    if (n != 0)
        return n < 0 ? -errno : -EPROTO;
    l->is_ready = true;
    return 0;
}

/* One layer: 1 with the fd (O_PATH; a directory: readable) of `path`, 0 when it has none and those beneath may, -ENOENT when it hides
 * those beneath. No link is followed. */
static int lower_step(int lower, const char *path, int *ret_fd, struct stat *ret_st)
{
    cleanup_close int at = openat(lower, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool hides = false;

    if (at < 0)
        return -errno;
    for (;;) {
        char part[NAME_MAX + 1];
        size_t n = strcspn(path, "/");
        int next;

        if (n > NAME_MAX)
            return -ENAMETOOLONG;
        memcpy(part, path, n);
        part[n] = '\0';
        hides |= likeness_is_opaque(at);
        if (fstatat(at, part, ret_st, AT_SYMLINK_NOFOLLOW) < 0)
            return errno != ENOENT ? -errno : hides ? -ENOENT : 0;
        if (likeness_is_whiteout(ret_st))
            return -ENOENT;
        next = openat(at, part, (S_ISDIR(ret_st->st_mode) ? O_RDONLY | O_DIRECTORY : O_PATH) | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0)
            return -errno;
        base_closep(&at);
        at = next;
        path += n;
        if (*path == '\0')
            break;
        path++;
        if (!S_ISDIR(ret_st->st_mode))
            return -ENOENT;
    }
    *ret_fd = steal_fd(&at);
    return 1;
}

int layer_find_beneath(struct layer *l, const char *path, int *ret_fd, struct stat *ret_st)
{
    int ready = wait_for_lowers(l);

    if (ready < 0)
        return ready;
    for (size_t i = 0; i < l->what->n_lowers; i++) {
        int r = lower_step(l->what->lowers[i], path, ret_fd, ret_st);

        if (r != 0)
            return r < 0 ? r : 0;
    }
    return -ENOENT;
}

/* ---- parents ---- */

static void note_implied(struct layer *l, const char *path)
{
    l->implied = xrealloc(l->implied, (l->n_implied + 1) * sizeof(*l->implied));
    l->implied[l->n_implied++] = xstrdup(path);
}

/* It has an entry of its own after all. */
static void forget_implied(struct layer *l, const char *path)
{
    for (size_t i = 0; i < l->n_implied; i++)
        if (str_eq(l->implied[i], path)) {
            free(l->implied[i]);
            memmove(&l->implied[i], &l->implied[i + 1], (--l->n_implied - i) * sizeof(*l->implied));
            return;
        }
}

/* `prefix` is a symbolic link beneath: what it and the `rest` of a name lead to, seen from the root. */
static int through_link(struct unpacker *u, const char *entry, int link, const char *prefix, const char *rest,
                        struct strbuf *ret)
{
    cleanup_strbuf struct strbuf whole = {0}, clean = {0};
    const char *slash = strrchr(prefix, '/');
    char target[PATH_MAX];
    ssize_t n = readlinkat(link, "", target, sizeof(target) - 1);

    if (n <= 0)
        return unpacker_refuse(u, entry, "leads through a symbolic link that cannot be read");
    target[n] = '\0';
    if (target[0] != '/' && slash != NULL)
        strbuf_addf(&whole, "%.*s/", (int)(slash - prefix), prefix);
    strbuf_addf(&whole, "%s/%s", target, rest);
    strbuf_adds(&clean, "");
    for (const char *p = whole.data; *p != '\0'; p += strspn(p, "/")) { /* ".." stays within, as in a chroot */
        size_t len = strcspn(p, "/");

        if (len == 2 && p[0] == '.' && p[1] == '.') {
            char *last = strrchr(clean.data, '/');

            clean.len = last != NULL ? (size_t)(last - clean.data) : 0;
            clean.data[clean.len] = '\0';
        } else if (len > 0 && !(len == 1 && p[0] == '.')) {
            if (clean.len > 0)
                strbuf_adds(&clean, "/");
            strbuf_add(&clean, p, len);
        }
        p += len;
    }
    strbuf_free(ret);
    *ret = clean;
    clean = (struct strbuf){0};
    return 0;
}

int layer_mark_opaque(struct unpacker *u, const char *entry, const char *path)
{
    return setxattr(path, LIKENESS_OPAQUE, "y", 1, 0) < 0 ? unpacker_write_failed(u, entry, errno, NULL) : 0;
}

/* Makes the directories above `name` that no entry has made, as the layers beneath have them. */
int layer_make_parents(struct unpacker *u, const char *entry, struct strbuf *name)
{
    size_t at = 0;

    if (files_is_placed(u, name->data))
        return 0;
    for (int links = 0;;) {
        cleanup_free char *prefix = NULL;
        cleanup_close int beneath = -EBADF;
        bool deleted = false;
        const char *slash = strchr(name->data + at, '/');
        struct stat st;
        int r;

        if (slash == NULL)
            return 0;
        prefix = xstrdup(name->data);
        prefix[slash - name->data] = '\0';
        at = (size_t)(slash - name->data) + 1;
        if (fstatat(AT_FDCWD, prefix, &st, AT_SYMLINK_NOFOLLOW) == 0) {
            if (!likeness_is_whiteout(&st))
                continue; /* what else is no directory is refused when the entry is written */
            if (unlink(prefix) < 0)
                return unpacker_write_failed(u, entry, errno, NULL);
            deleted = true; /* and made anew: nothing of it beneath shows */
            r = -ENOENT;
        } else {
            r = layer_find_beneath(u->layer, prefix, &beneath, &st);
        }
        if (r < 0 && r != -ENOENT)
            return unpacker_write_failed(u, entry, -r, NULL);
        if (r == 0 && S_ISLNK(st.st_mode)) {
            cleanup_free char *rest = xstrdup(slash + 1);

            if (++links > LINKS_MAX)
                return unpacker_refuse(u, entry, "leads through too many symbolic links");
            r = through_link(u, entry, beneath, prefix, rest, name);
            if (r < 0)
                return r;
            at = 0;
            continue;
        }
        if (mkdir(prefix, 0755) < 0)
            return unpacker_write_failed(u, entry, errno, NULL);
        if (r == 0 && S_ISDIR(st.st_mode))
            note_implied(u->layer, prefix);
        r = deleted ? layer_mark_opaque(u, entry, prefix) : 0;
        if (r < 0)
            return r;
    }
}

/* ---- hard links to files beneath ---- */

/* Reopens what lower_find found, which is O_PATH, for reading: there is no /proc here. */
static int open_beneath(const struct layer *l, const char *path)
{
    for (size_t i = 0; i < l->what->n_lowers; i++) {
        int fd = file_open_beneath(l->what->lowers[i], path, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);

        if (fd >= 0 || fd != -ENOENT)
            return fd;
    }
    return -ENOENT;
}

/* A link to a file that this layer does not have: it is copied up, as the kernel would, had the link been made in a container. */
static int copy_up(struct unpacker *u, const char *entry, const char *target)
{
    cleanup_strbuf struct strbuf name = {0};
    cleanup_close int found = -EBADF, from = -EBADF;
    struct stat st;
    int r;

    if (layer_find_beneath(u->layer, target, &found, &st) < 0)
        return 0; /* refused when the entry is written */
    if (!S_ISREG(st.st_mode))
        return unpacker_refuse(u, entry, "is a hard link to something beneath that is no regular file");
    strbuf_adds(&name, target);
    r = layer_make_parents(u, entry, &name);
    if (r < 0)
        return r;
    from = open_beneath(u->layer, target);
    r = from < 0 ? from : likeness_copy_file(from, name.data);
    if (r == 0)
        r = likeness_make(name.data, &st, from);
    u->counts->bytes += r == 0 ? (uint64_t)st.st_size : 0;
    return r < 0 ? unpacker_write_failed(u, entry, -r, NULL) : 0;
}

static int prepare_hardlink(struct unpacker *u, struct archive_entry *entry, const char *name)
{
    cleanup_strbuf struct strbuf target = {0};
    const char *link = archive_entry_hardlink(entry);
    struct stat st;

    if (link == NULL || unpacker_normalize(link, &target) != NULL)
        return 0; /* refused when the entry is written */
    if (fstatat(AT_FDCWD, target.data, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return likeness_is_whiteout(&st)
                   ? unpacker_refuse(u, name, "is a hard link to something that this layer deletes")
                   : 0;
    return copy_up(u, name, target.data);
}

/* ---- entries ---- */

/* A directory where this layer has deleted what was there: it starts empty. */
static int replace_whiteout(struct unpacker *u, struct archive_entry *entry, const char *name)
{
    struct stat st;

    if (fstatat(AT_FDCWD, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !likeness_is_whiteout(&st))
        return 0;
    if (unlink(name) < 0)
        return unpacker_write_failed(u, name, errno, NULL);
    if (archive_entry_filetype(entry) != AE_IFDIR || archive_entry_hardlink(entry) != NULL)
        return 0;
    return mkdir(name, 0755) < 0 ? unpacker_write_failed(u, name, errno, NULL) : layer_mark_opaque(u, name, name);
}

int layer_entry(struct unpacker *u, struct archive_entry *entry, struct strbuf *name)
{
    cleanup_free char *shown = xstrdup(name->data);
    const char *slash = strrchr(name->data, '/');
    int r;

    if (str_starts(slash != NULL ? slash + 1 : name->data, WHITEOUT_PREFIX)) {
        files_forget_place(u);
        r = whiteout_make(u, shown, name);
        return r < 0 ? r : 1;
    }
    r = layer_make_parents(u, shown, name);
    if (r == 0 && (archive_entry_filetype(entry) != AE_IFDIR || archive_entry_hardlink(entry) != NULL))
        r = whiteout_drop(u, shown, name->data);
    forget_implied(u->layer, name->data);
    if (r == 0)
        r = prepare_hardlink(u, entry, shown);
    return r < 0 ? r : replace_whiteout(u, entry, name->data);
}

/* Without an entry of its own the root is as it was. */
static int root_like_beneath(struct unpacker *u)
{
    struct layer *l = u->layer;
    int r = u->has_root || l->what->n_lowers == 0 ? 0 : wait_for_lowers(l);

    if (r == 0 && !u->has_root && l->what->n_lowers > 0 && fstat(l->what->lowers[0], &u->root) < 0)
        r = -errno;
    return r < 0 ? unpacker_write_failed(u, ".", -r, NULL) : 0;
}

int layer_finish(struct unpacker *u)
{
    struct layer *l = u->layer;
    int r = check_digests(u, l);

    if (r == 0)
        r = root_like_beneath(u);

    for (size_t i = l->n_implied; r == 0 && i-- > 0;) { /* children first: making one changes its parent's time */
        cleanup_close int beneath = -EBADF;
        struct stat st;

        r = layer_find_beneath(l, l->implied[i], &beneath, &st);
        if (r == 0)
            r = likeness_make(l->implied[i], &st, beneath);
        if (r < 0)
            return unpacker_write_failed(u, l->implied[i], -r, NULL);
    }
    return r;
}

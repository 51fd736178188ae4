/* SPDX-License-Identifier: Apache-2.0 */
/* unpack: a tar becomes a tree. The archive is hostile: it may name any path, plant links and then
 * write through them, never end, or break a decompressor. So all of it happens in a confined child
 * (child.c) whose root is the tree; each name is checked against what earlier entries made before
 * libarchive writes it; and sizes are bounded.
 *
 * Leading slashes are taken off, as every tar does. Refused, with the entry's name: "..", anything
 * beneath or through a symbolic link, hard links to such or to what is not in the archive. Left
 * out: devices (a job gets its own /dev), sockets, and extended attributes that overlayfs or the
 * host's security modules would act on (attributes.c). OCI whiteouts have no meaning in a plain tar
 * and are kept as the files they are. */
#include "rootfs-cache/confined/stream.h"
#include "rootfs-cache/confined/treesum.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define UNPACK_OWNERS UINT32_C(65536)
#define UNPACK_OWNER_NOBODY 65534

static void free_writer(struct archive **a)
{
    if (*a != NULL)
        (void)archive_write_free(*a);
}

/* ---- names ---- */

/* Says what is wrong with writing to (or linking from) `path`, seen from what earlier entries made,
 * or NULL. *ret_implies (may be NULL): no entry has made the directory that it is in. */
static const char *check_place(const char *path, bool directory, bool *ret_implies)
{
    const char *slash = strrchr(path, '/');
    struct stat st;

    if (slash != NULL) {
        cleanup_free char *parent = xstrdup(path);
        cleanup_close int fd = -EBADF;

        parent[slash - path] = '\0';
        fd = file_open_beneath(AT_FDCWD, parent, O_PATH, 0);
        if (fd == -ELOOP)
            return "lies beneath a symbolic link";
        if (fd < 0 && fd != -ENOENT)
            return "lies beneath something that is no directory";
        if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode)))
            return "lies beneath something that is no directory";
        if (ret_implies != NULL)
            *ret_implies = fd < 0;
    }
    /* a directory entry over a link would set the mode and owner of what the link leads to */
    if (directory && fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode))
        return "is a directory, but an earlier entry of that name is not";
    return NULL;
}

static const char *check_hardlink(struct archive_entry *entry, unsigned strip)
{
    cleanup_strbuf struct strbuf target = {0};
    const char *link = archive_entry_hardlink(entry), *wrong;
    struct stat st;

    if (link == NULL)
        return NULL;
    wrong = unpacker_normalize(link, &target);
    if (wrong != NULL)
        return "is a hard link to outside the archive";
    if (!topdir_strip(&target, strip))
        return "is a hard link to what `strip` takes off";
    if (check_place(target.data, false, NULL) != NULL)
        return "is a hard link to something beneath a symbolic link";
    if (fstatat(AT_FDCWD, target.data, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return "is a hard link to something that is not in the archive before it";
    if (S_ISDIR(st.st_mode))
        return "is a hard link to a directory";
    archive_entry_set_hardlink(entry, target.data);
    return NULL;
}

static const char *check_symlink(struct archive_entry *entry)
{
    const char *to =
        archive_entry_filetype(entry) == AE_IFLNK ? archive_entry_symlink(entry) : NULL;

    return to != NULL && strlen(to) >= PATH_MAX
               ? "is a symbolic link to a name longer than 4095 bytes"
               : NULL;
}

/* ---- owners ---- */

/* A job's user namespace maps 0..65535 only; an owner beyond would be nobody's. Where it maps root
 * alone, all is root's. */
static void bound_owner(struct unpacker *u, struct archive_entry *entry)
{
    int64_t uid = archive_entry_uid(entry), gid = archive_entry_gid(entry);
    int64_t instead = u->owners > UNPACK_OWNER_NOBODY ? UNPACK_OWNER_NOBODY : 0;
    bool bad_uid = uid < 0 || uid >= u->owners, bad_gid = gid < 0 || gid >= u->owners;

    if (bad_uid)
        archive_entry_set_uid(entry, instead);
    if (bad_gid)
        archive_entry_set_gid(entry, instead);
    if (bad_uid || bad_gid)
        u->counts->remapped_owners++;
}

/* ---- one entry after the other ---- */

/* A hole takes no room, and a tar of a kilobyte can hold terabytes of them; but whoever reads the
 * tree reads them. */
static int count_as_read(struct unpacker *u, struct archive_entry *entry)
{
    int64_t size = archive_entry_size(entry);
    char text[UNIT_TEXT_SIZE];

    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) != NULL)
        return 0;
    if (size >= 0 && !__builtin_add_overflow(u->reads_as, (uint64_t)size, &u->reads_as) &&
        u->reads_as <= u->limits->bytes)
        return 0;
    return unpacker_bomb(u, unit_format_size(u->limits->bytes, text));
}

/* The way of what is no new regular file, or is to be put where something is already. */
static int write_by_libarchive(struct unpacker *u, struct archive_entry *entry, const char *name)
{
    bool directory =
        archive_entry_filetype(entry) == AE_IFDIR && archive_entry_hardlink(entry) == NULL;
    bool implies = false;
    const char *wrong;
    int r = 0;

    if (!directory)
        regular_files_forget_place(u);
    wrong = check_place(name, directory, &implies);
    if (wrong == NULL)
        wrong = check_hardlink(entry, u->strip);
    if (wrong == NULL)
        wrong = check_symlink(entry);
    if (wrong != NULL)
        return unpacker_refuse(u, name, wrong);
    if (implies)
        dirtimes_imply(u, name);
    archive_entry_copy_pathname(entry, name);
    archive_entry_set_fflags(entry, 0, 0); /* immutable files could not be removed again */
    if (str_eq(name, ".")) {
        u->root = *archive_entry_stat(entry);
        u->has_root = true;
    } else {
        dirtimes_note(u, entry, name);
    }
    if (archive_write_header(u->out, entry) < ARCHIVE_OK)
        return unpacker_write_failed(u, name, archive_errno(u->out), archive_error_string(u->out));
    if (archive_entry_hardlink(entry) == NULL && archive_entry_filetype(entry) == AE_IFREG)
        r = unpacker_copy(u, name, -EBADF);
    if (r == 0 && archive_write_finish_entry(u->out) < ARCHIVE_OK)
        r = unpacker_write_failed(u, name, archive_errno(u->out), archive_error_string(u->out));
    return r;
}

static int write_entry(struct unpacker *u, struct archive_entry *entry, const char *name)
{
    int r = count_as_read(u, entry);

    if (r < 0)
        return r;
    bound_owner(u, entry);
    r = regular_files_make(u, entry, name);
    if (r == 0)
        r = write_by_libarchive(u, entry, name);
    return r < 0 ? r : attributes_make(u, entry, name);
}

static int handle_entry(struct unpacker *u, struct archive_entry *entry)
{
    cleanup_strbuf struct strbuf name = {0};
    const char *raw = archive_entry_pathname(entry), *wrong;
    mode_t type = archive_entry_filetype(entry);

    if (raw == NULL || raw[0] == '\0')
        return unpacker_corrupt(u, "an entry has no name");
    if (++u->counts->entries > u->limits->entries) {
        char buf[64];

        (void)snprintf(buf, sizeof(buf), "%llu entries", (unsigned long long)u->limits->entries);
        return unpacker_bomb(u, buf);
    }
    wrong = unpacker_normalize(raw, &name);
    if (wrong != NULL)
        return unpacker_refuse(u, raw, wrong);
    if (!topdir_strip(
            &name, u->strip)) /* as tar's --strip-components has it: what has no more is left out */
        return 0;
    if (leftout_entry(u, entry, name.data))
        return 0;
    if (archive_entry_hardlink(entry) == NULL && str_eq(name.data, ".") && type != AE_IFDIR)
        return unpacker_refuse(u, raw, "would replace the root by something that is no directory");
    topdir_note(u, name.data, type == AE_IFDIR);
    if (u->layer != NULL) {
        int r = oci_layer_entry(u, entry, &name);

        if (r != 0)
            return r < 0 ? r : 0; /* 1: a whiteout, which is none of the tree's entries */
    }
    return write_entry(u, entry, name.data);
}

/* A tar ends with blocks of zeros. Without them it was cut, perhaps just between two entries, which
 * libarchive takes for its end: then the position after the last entry is where the file ends. */
static bool ended_properly(int64_t after_last_entry, int64_t at_end)
{
    return at_end - ((after_last_entry + 511) & ~(int64_t)511) >= 512;
}

/* Sets what the root itself shall be like. Where no entry says so, it gets fixed values: the same
 * archive gives the same tree, whenever it is unpacked. */
static int finish_root(struct unpacker *u)
{
    const struct timespec times[2] = {u->root.st_mtim, u->root.st_mtim};

    if ((geteuid() == 0 && chown(".", u->root.st_uid, u->root.st_gid) < 0) ||
        chmod(".", u->root.st_mode & 07777) < 0 || utimensat(AT_FDCWD, ".", times, 0) < 0)
        return unpacker_write_failed(u, ".", errno, NULL);
    return 0;
}

static int next_entry(struct unpacker *u, struct archive_entry **ret)
{
    int r = archive_read_next_header(u->in, ret);

    if (r == ARCHIVE_EOF)
        return 0;
    /* a warning is about a name that is not UTF-8 (kept as bytes) or a damaged attribute */
    if (r < ARCHIVE_WARN || (r == ARCHIVE_WARN && archive_entry_pathname(*ret) == NULL))
        return u->counts->entries == 0 ? stream_is_no_tar(u, u->stream)
                                       : unpacker_corrupt(u, archive_error_string(u->in));
    return 1;
}

static int read_entries(struct unpacker *u)
{
    struct archive_entry *entry;
    int64_t position = 0;
    int r;

    while ((r = next_entry(u, &entry)) > 0) {
        r = handle_entry(u, entry);
        if (r < 0)
            return r;
        if (archive_read_data_skip(u->in) < ARCHIVE_WARN)
            return unpacker_corrupt(u, archive_error_string(u->in));
        position = archive_filter_bytes(u->in, 0);
    }
    if (r < 0 || u->layer != NULL) /* a layer may well change nothing */
        return r;
    if (u->counts->entries == 0)
        return stream_is_no_tar(u, u->stream);
    if (!ended_properly(position, archive_filter_bytes(u->in, 0)))
        return unpacker_corrupt(u, "the archive is cut short: its end marker is missing");
    topdir_tell(u);
    return u->stream->plain ? 0 : stream_finish(u, u->stream);
}

static int unpack_entries(struct unpacker *u)
{
    int r = read_entries(u);

    if (r == 0 && u->layer != NULL)
        r = oci_layer_settle(u);
    if (r < 0)
        return r;
    /* modes and times of directories are set at last */
    if (archive_write_close(u->out) < ARCHIVE_OK)
        return unpacker_write_failed(u, ".", archive_errno(u->out), archive_error_string(u->out));
    r = u->layer != NULL ? oci_layer_finish(u) : 0;
    if (r == 0)
        r = attributes_finish(u);
    if (r == 0)
        r = dirtimes_set(u);
    return r < 0 ? r : finish_root(u);
}

static int open_stream(struct unpacker *u, const struct unpack_layer *layer, int fd,
                       struct stream *ret)
{
    struct stat st;

    if (layer == NULL && fstat(fd, &st) < 0)
        return cupel_error_set(u->err, CUPEL_ERROR_INPUT, errno, "cannot read '%s'", u->name);
    *ret = layer == NULL
               ? (struct stream){.fd = fd, .size = (uint64_t)st.st_size, .positions = true}
               : (struct stream){.fd = fd,
                                 .offset = layer->blob->offset,
                                 .size = layer->blob->size,
                                 .done = layer->done};
    return stream_open(u, ret, layer != NULL);
}

struct unpack_task {
    const char *name;
    uint32_t owners;
    unsigned strip;
    const struct unpack_limits *limits;
    const struct unpack_layer *layer;
};

static int unpack_child(void *arg, int fd, struct child_counts *counts, struct cupel_error *err)
{
    const struct unpack_task *task = arg;
    _cleanup_(unpacker_free_reader) struct archive *in = archive_read_new();
    _cleanup_(free_writer) struct archive *out = archive_write_disk_new();
    _cleanup_(oci_layer_close) struct layer *layer = NULL;
    _cleanup_(stream_close) struct stream stream = {.fd = -EBADF};
    struct unpacker u = {.name = task->name,
                         .limits = task->limits,
                         .owners = task->owners,
                         .strip = task->strip,
                         .in = in,
                         .out = out,
                         .counts = counts,
                         .err = err,
                         .place = -EBADF,
                         .root = {.st_mode = 0755}};
    int r;

    if (in == NULL || out == NULL)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, ENOMEM, "cannot unpack '%s'", task->name);
    (void)archive_write_disk_set_options(
        out, ARCHIVE_EXTRACT_OWNER | ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME |
                 ARCHIVE_EXTRACT_SECURE_SYMLINKS | ARCHIVE_EXTRACT_SECURE_NODOTDOT |
                 ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS);
    if (task->layer != NULL)
        oci_layer_begin(&u, task->layer, &layer);
    r = open_stream(&u, task->layer, fd, &stream);
    if (r == 0)
        r = unpack_entries(&u);
    regular_files_forget_place(&u);
    leftout_forget(&u);
    attributes_forget(&u);
    dirtimes_forget(&u);
    /* while all of it is in the page cache */
    return r < 0 ? r : treesum_here(counts->digest, err);
}

struct unpacking {
    struct unpack_task task;
    char *what;
    struct child_work work;
    struct child_process *process;
};

static void free_unpacking(struct unpacking *u)
{
    free(u->what);
    free(u);
}

static int begin_unpacking(const struct unpack_task *task, int fd, int tree, int keep,
                           struct unpacking **ret, struct cupel_error *err)
{
    struct unpacking *u = xcalloc(1, sizeof(*u));
    const struct unpack_layer *layer = task->layer;
    uint32_t ids = ids_mapped();
    int r;

    u->task = *task;
    u->task.owners = ids == 0 || ids > UNPACK_OWNERS ? UNPACK_OWNERS : ids;
    u->what = xasprintf("unpack '%s'", task->name);
    u->work = (struct child_work){.fn = unpack_child,
                                  .arg = &u->task,
                                  .what = u->what,
                                  .tree = tree,
                                  .fd = fd,
                                  .keep = keep,
                                  .of_input = true};
    if (layer != NULL) { /* what it waits for goes along with what lies beneath */
        layer->lowers[layer->n_lowers] = layer->ready;
        u->work.more = layer->lowers;
        u->work.n_more = layer->n_lowers + 1;
    }
    r = child_start(&u->work, &u->process, err);
    if (r < 0)
        free_unpacking(u);
    else
        *ret = u;
    return r;
}

int unpacking_begin(const struct unpack_layer *layer, const char *name, int tree, int keep,
                    const struct unpack_limits *limits, struct unpacking **ret,
                    struct cupel_error *err)
{
    const struct unpack_task task = {.name = name, .limits = limits, .layer = layer};

    return begin_unpacking(&task, layer->blob->fd, tree, keep, ret, err);
}

int unpacking_begin_tar(int fd, const char *name, unsigned strip, int tree, int keep,
                        const struct unpack_limits *limits, struct unpacking **ret,
                        struct cupel_error *err)
{
    const struct unpack_task task = {.name = name, .limits = limits, .strip = strip};

    return begin_unpacking(&task, fd, tree, keep, ret, err);
}

void unpack_warn(const char *name, const struct child_counts *counts)
{
    if (counts->remapped_owners > 0)
        log_warning(
            ids_mapped() == 1
                ? "'%s': %llu entries belong to others than root, and now to root: there is no "
                  "other id"
            : counts->remapped_owners == 1
                ? "'%s': %llu entry has an owner above 65535 and now belongs to 65534 (nobody)"
                : "'%s': %llu entries have an owner above 65535 and now belong to 65534 (nobody)",
            name, (unsigned long long)counts->remapped_owners);
    if (counts->unknown_acls > 0)
        log_warning(
            counts->unknown_acls == 1
                ? "'%s': %llu entry of an ACL is left out: the root's own passwd and group do "
                  "not have that user or group"
                : "'%s': %llu entries of ACLs are left out: the root's own passwd and group do "
                  "not have those users and groups",
            name, (unsigned long long)counts->unknown_acls);
    if (counts->top[0] != '\0')
        log_warning("'%s': all of the root lies below '%s/'; --strip 1 (in a job file `strip: 1`) "
                    "takes that off",
                    name, counts->top);
}

int unpacking_socket(const struct unpacking *unpacking)
{
    return child_socket(unpacking->process);
}

int unpacking_end(struct unpacking *unpacking, struct child_counts *ret_counts,
                  struct cupel_error *err)
{
    int r = child_end(unpacking->process, ret_counts, err);

    free_unpacking(unpacking);
    return r;
}

void unpacking_abandon(struct unpacking *unpacking)
{
    child_abandon(unpacking->process);
    free_unpacking(unpacking);
}

int unpack_tar(int fd, const char *name, int tree, int keep, const struct unpack_limits *limits,
               struct child_counts *ret_counts, struct cupel_error *err)
{
    struct unpacking *u;
    int r = unpacking_begin_tar(fd, name, 0, tree, keep, limits, &u, err);

    return r < 0 ? r : unpacking_end(u, ret_counts, err);
}

int unpack_layer(const struct unpack_layer *layer, const char *name, int tree, int keep,
                 const struct unpack_limits *limits, struct child_counts *ret_counts,
                 struct cupel_error *err)
{
    struct unpacking *u;
    int r = unpacking_begin(layer, name, tree, keep, limits, &u, err);

    return r < 0 ? r : unpacking_end(u, ret_counts, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* regular_files: regular files, which are most of what is in an archive, written with a handful of
 * calls each. libarchive looks anew at every directory above a name, each time (SECURE_SYMLINKS),
 * which is most of what it costs; here the kernel does, once for all files of a directory: openat2
 * that follows no link, and what it gave is held open. Not responsible for what else an archive
 * has, nor for what was there before: such an entry goes the usual way, which also says what is
 * wrong with it. */
#include "rootfs-cache/confined/unpacker.h"

#include <fcntl.h>
#include <string.h>

void regular_files_forget_place(struct unpacker *u)
{
    base_closep(&u->place);
    u->place = -EBADF;
    free(steal_ptr(u->place_path));
}

bool regular_files_is_placed(const struct unpacker *u, const char *name)
{
    const char *slash = strrchr(name, '/');
    size_t n = slash != NULL ? (size_t)(slash - name) : 0;

    return u->place >= 0 && n > 0 && strncmp(u->place_path, name, n) == 0 &&
           u->place_path[n] == '\0';
}

/* The directory that `name` is in, where earlier entries have made it. */
static int find_place(struct unpacker *u, const char *name)
{
    const char *slash = strrchr(name, '/');
    cleanup_free char *path = NULL;
    int fd;

    if (slash == NULL)
        return AT_FDCWD;
    if (regular_files_is_placed(u, name))
        return u->place;
    path = xstrdup(name);
    path[slash - name] = '\0';
    fd = file_open_beneath(AT_FDCWD, path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0)
        return fd;
    regular_files_forget_place(u);
    u->place = fd;
    u->place_path = steal_ptr(path);
    return fd;
}

static int regular_files_finish(int fd, struct archive_entry *entry)
{
    const struct timespec times[2] = {
        {.tv_nsec = UTIME_OMIT},
        {.tv_sec = archive_entry_mtime(entry), .tv_nsec = archive_entry_mtime_nsec(entry)}};

    /* the owner first: changing it clears set-id bits */
    if (fchown(fd, (uid_t)archive_entry_uid(entry), (gid_t)archive_entry_gid(entry)) < 0 ||
        fchmod(fd, archive_entry_perm(entry) & 07777) < 0)
        return -errno;
    return archive_entry_mtime_is_set(entry) && futimens(fd, times) < 0 ? -errno : 0;
}

int regular_files_make(struct unpacker *u, struct archive_entry *entry, const char *name)
{
    const char *slash = strrchr(name, '/');
    cleanup_close int fd = -EBADF;
    int place, r;

    /* without root, whose file it becomes is a longer story */
    if (geteuid() != 0 || archive_entry_filetype(entry) != AE_IFREG ||
        archive_entry_hardlink(entry) != NULL)
        return 0;
    place = find_place(u, name);
    if (place < 0 && place != AT_FDCWD)
        return 0;
    fd = openat(place, slash != NULL ? slash + 1 : name,
                O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return 0;
    r = unpacker_copy(u, name, fd);
    if (r < 0)
        return r;
    r = regular_files_finish(fd, entry);
    return r < 0 ? unpacker_write_failed(u, name, -r, NULL) : 1;
}

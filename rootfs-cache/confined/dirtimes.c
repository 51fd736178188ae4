/* SPDX-License-Identifier: Apache-2.0 */
/* dirtimes: the times of directories in an unpacking: what is made in one changes its time, so they
 * are set at last. In the confined child. */
#include "rootfs-cache/confined/unpacker.h"

#include <fcntl.h>
#include <string.h>

/* libarchive sets a new directory's time at last, but at once where it was there already: what is
 * made in it then changes it. */
void dirtimes_note(struct unpacker *u, struct archive_entry *entry, const char *name)
{
    const struct timespec mtime = {archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)};
    struct stat st;

    if (archive_entry_filetype(entry) != AE_IFDIR || archive_entry_hardlink(entry) != NULL ||
        !archive_entry_mtime_is_set(entry) || fstatat(AT_FDCWD, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    u->late = xrealloc(u->late, (u->n_late + 1) * sizeof(*u->late));
    u->late[u->n_late++] = (struct dir_time){.path = xstrdup(name), .mtime = mtime};
}

/* Directories above `name` that no entry has made get a fixed time, as the root does (finish_root),
 * unless one does later. */
void dirtimes_imply(struct unpacker *u, const char *name)
{
    cleanup_free char *path = xstrdup(name);
    struct stat st;

    for (char *slash = strrchr(path, '/'); slash != NULL; slash = strrchr(path, '/')) {
        *slash = '\0';
        if (fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
            return;
        u->late = xrealloc(u->late, (u->n_late + 1) * sizeof(*u->late));
        u->late[u->n_late++] = (struct dir_time){.path = xstrdup(path)};
    }
}

/* An entry that came later may have put something else there. */
int dirtimes_set(struct unpacker *u)
{
    for (size_t i = 0; i < u->n_late; i++) {
        const struct timespec times[2] = {u->late[i].mtime, u->late[i].mtime};
        struct stat st;

        if (fstatat(AT_FDCWD, u->late[i].path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISDIR(st.st_mode) &&
            utimensat(AT_FDCWD, u->late[i].path, times, AT_SYMLINK_NOFOLLOW) < 0)
            return unpacker_write_failed(u, u->late[i].path, errno, NULL);
    }
    return 0;
}

void dirtimes_forget(struct unpacker *u)
{
    for (size_t i = 0; i < u->n_late; i++)
        free(u->late[i].path);
    free(u->late);
}

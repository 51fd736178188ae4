/* SPDX-License-Identifier: Apache-2.0 */
/* hidden_mounts: the other names of the out directory. In a container a directory of the host is
 * often mounted once as the input, and one in it once more elsewhere, to write to: the same
 * directory then lies in the input under a name that its own path says nothing of. In the
 * supervisor. */
#include "harness/sandbox/slot/hidden.h"

#include "base/base.h"

#include <fcntl.h>
#include <string.h>

#define MOUNTINFO_MAX ((size_t)64 << 20)

/* A line of mountinfo (proc_pid_mountinfo(5)). */
struct mounted {
    uint64_t id;
    const char *device, *root, *point;
};

/* "ID PARENT MAJ:MIN ROOT POINT ..."; cuts the line up. */
static bool parse(char *line, struct mounted *m)
{
    char *field[5], *save = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(field); i++) {
        field[i] = strtok_r(i == 0 ? line : NULL, " ", &save);
        if (field[i] == NULL)
            return false;
    }
    text_unescape_mount(field[3]);
    text_unescape_mount(field[4]);
    *m = (struct mounted){strtoull(field[0], NULL, 10), field[2], field[3], field[4]};
    return true;
}

static size_t parse_all(char *text, struct mounted **ret)
{
    size_t n = 0;
    char *save = NULL;

    for (char *line = strtok_r(text, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        *ret = xrealloc(*ret, (n + 1) * sizeof(**ret));
        n += parse(line, &(*ret)[n]);
    }
    return n;
}

/* What comes after `directory` in `path`, from its slash on; NULL: it is not below it. */
static const char *below(const char *path, const char *directory)
{
    size_t n = str_eq(directory, "/") ? 0 : strlen(directory);

    return strncmp(path, directory, n) == 0 && path[n] == '/' ? path + n : NULL;
}

/* Where it is in its own file system; malloc'ed. */
static char *path_in(const struct mounted *own, const char *path)
{
    const char *rest = str_eq(path, own->point) ? "" : below(path, own->point);

    return rest == NULL ? NULL : xasprintf("%s%s", str_eq(own->root, "/") ? "" : own->root, rest);
}

static int try_name(const struct mounted *m, const char *rest, const struct stat *is,
                    int (*found)(void *data, int fd), void *data)
{
    cleanup_free char *path = xasprintf("%s%s", str_eq(m->point, "/") ? "" : m->point, rest);
    cleanup_close int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0 || st.st_dev != is->st_dev || st.st_ino != is->st_ino)
        return 0; /* something else is mounted over that */
    return found(data, fd);
}

int hidden_other_names(int fd, const char *path, int (*found)(void *data, int fd), void *data)
{
    cleanup_free struct mounted *mounts = NULL;
    cleanup_free char *text = NULL, *inside = NULL;
    const struct mounted *own = NULL;
    struct statx sx;
    struct stat st;
    size_t n, len;
    int r = file_read_at(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text, &len);

    if (r < 0)
        return r;
    if (fstat(fd, &st) < 0 || statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &sx) < 0)
        return -errno;
    n = parse_all(text, &mounts);
    for (size_t i = 0; i < n; i++)
        if (mounts[i].id == sx.stx_mnt_id)
            own = &mounts[i];
    inside = own != NULL ? path_in(own, path) : NULL;
    for (size_t i = 0; r == 0 && inside != NULL && i < n; i++) {
        const char *rest = below(inside, mounts[i].root);

        if (&mounts[i] != own && rest != NULL && str_eq(mounts[i].device, own->device))
            r = try_name(&mounts[i], rest, &st, found, data);
    }
    return r;
}

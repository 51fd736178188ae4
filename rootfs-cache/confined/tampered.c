/* SPDX-License-Identifier: Apache-2.0 */
/* tampered: see tampered.h. By the time of the last change of an inode, which no program sets at
 * will (inode(7)). In the confined child: the tree may be anything by now. */
#include "rootfs-cache/confined/tampered.h"

#include "rootfs-cache/confined/child.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define NAMED_MAX 5
#define DEPTH_MAX 512
#define TEXT_MAX ((size_t)64 << 10)

struct tampered_search {
    struct timespec since;
    struct strbuf named;
    uint64_t changed, all;
};

static void tampered_look_at(struct tampered_search *s, const char *path, const struct stat *st)
{
    bool later = st->st_ctim.tv_sec != s->since.tv_sec ? st->st_ctim.tv_sec > s->since.tv_sec
                                                       : st->st_ctim.tv_nsec > s->since.tv_nsec;

    s->all++;
    s->changed += later;
    if (later && s->changed <= NAMED_MAX)
        strbuf_addf(&s->named, "%s/%.300s", s->changed > 1 ? ", " : "", path);
}

static void tampered_walk(struct tampered_search *s, int parent, const char *name, const char *path,
                          int depth)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 && depth < DEPTH_MAX ? fdopendir(fd) : NULL;
    struct dirent *e;

    if (dir == NULL) {
        base_closep(&fd);
        return;
    }
    while ((e = readdir(dir)) != NULL) {
        cleanup_free char *child = NULL;
        struct stat st;

        if (str_eq(e->d_name, ".") || str_eq(e->d_name, "..") ||
            fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        child = path[0] != '\0' ? xasprintf("%s/%s", path, e->d_name) : xstrdup(e->d_name);
        tampered_look_at(s, child, &st);
        if (S_ISDIR(st.st_mode))
            tampered_walk(s, fd, e->d_name, child, depth + 1);
    }
    (void)closedir(dir);
}

static int tampered_in_child(void *arg, int fd, struct child_counts *counts,
                             struct cupel_error *err)
{
    struct tampered_search s = {.since = *(const struct timespec *)arg};
    struct stat st;
    int r = 0;

    if (fstatat(AT_FDCWD, ".", &st, 0) == 0)
        tampered_look_at(&s, "", &st);
    tampered_walk(&s, AT_FDCWD, ".", "", 0);
    counts->entries = s.all;
    counts->bytes = s.changed;
    if (s.named.len > 0)
        r = file_write_all(fd, s.named.data, s.named.len);
    strbuf_free(&s.named);
    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot name what was changed") : 0;
}

char *tampered_since(int tree, int keep, const struct timespec *since)
{
    cleanup_close int dir = openat(tree, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                      names = memfd_create("cupel-changed", MFD_CLOEXEC);
    struct timespec reference = *since;
    struct child_counts counts = {0};
    cleanup_free char *text = NULL;
    struct cupel_error ignored; /* it is a help to who looks for the cause, and no finding */
    size_t length;

    if (dir < 0 || names < 0 ||
        child_run(&(struct child_work){.fn = tampered_in_child,
                                       .arg = &reference,
                                       .what = "look for changes",
                                       .tree = dir,
                                       .fd = names,
                                       .keep = keep},
                  &counts, &ignored) < 0)
        return NULL;
    if (counts.bytes == 0 || counts.bytes >= counts.entries || lseek(names, 0, SEEK_SET) < 0 ||
        file_read_fd(names, TEXT_MAX, &text, &length) < 0)
        return NULL;
    if (counts.bytes <= NAMED_MAX)
        return steal_ptr(text);
    return xasprintf("%s and %llu more", text, (unsigned long long)(counts.bytes - NAMED_MAX));
}

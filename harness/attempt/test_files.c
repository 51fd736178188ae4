/* SPDX-License-Identifier: Apache-2.0 */
/* test_files: see test_files.h. Nothing of the job runs any more, but every name is hostile:
 * directories are opened beneath one another by descriptor, without following a link, entries are
 * looked at one by one and not kept, and both depth and time are bounded. Not responsible for what
 * the files hold. */
#include "harness/attempt/test_files.h"

#include "base/patterns.h"
#include "harness/attempt/artifact_base.h"
#include "harness/attempt/artifact_place.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define DEPTH_MAX TEST_FILES_DEPTH_MAX
#define FIND_NS (10 * NSEC_PER_SEC)

/* A directory on the way. */
struct find_level {
    DIR *dir;
    struct pattern_states states;
    size_t path_length; /* of the path up to it */
};

struct finder {
    struct patterns *patterns;
    struct find_level levels[DEPTH_MAX];
    size_t depth; /* how many of them are open */
    struct strbuf path;
    struct strings *found;
    uint64_t end_ns;
};

static void find_leave(struct finder *f)
{
    struct find_level *l = &f->levels[--f->depth];

    (void)closedir(l->dir);
    pattern_states_free(&l->states);
}

/* Goes into a directory of the job's; -ELOOP: it lies too deep, and something in it may match. */
static int find_enter(struct finder *f, int fd, struct pattern_states states)
{
    bool is_kernels = artifact_is_kernels(fd), too_deep = !is_kernels && f->depth == DEPTH_MAX;
    DIR *dir = is_kernels || too_deep ? NULL : fdopendir(fd);

    if (dir == NULL) {
        (void)close(fd);
        pattern_states_free(&states);
        return too_deep ? -ELOOP : 0;
    }
    f->levels[f->depth++] = (struct find_level){dir, states, f->path.len};
    return 0;
}

/* What is no directory any more has nothing that matches; nor has what the harness may not open,
 * which is not the job's. */
static int find_open(struct finder *f, int dirfd, const char *name, struct pattern_states states)
{
    int fd = file_open_beneath(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);

    if (fd >= 0)
        return find_enter(f, fd, states);
    pattern_states_free(&states);
    return fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM ? fd : 0;
}

static void set_path(struct finder *f, const char *name)
{
    f->path.len = f->levels[f->depth - 1].path_length;
    strbuf_addf(&f->path, "%s%s", f->path.len > 0 ? "/" : "", name);
}

static int find_look(struct finder *f, const struct dirent *e)
{
    struct find_level *l = &f->levels[f->depth - 1];
    unsigned char type = e->d_type;
    struct pattern_states states;
    struct stat st;

    if (type == DT_UNKNOWN && fstatat(dirfd(l->dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        type = (unsigned char)IFTODT(st.st_mode);
    if (type == DT_DIR) {
        if (!patterns_enter(f->patterns, &l->states, e->d_name, &states))
            return 0;
        set_path(f, e->d_name);
        return find_open(f, dirfd(l->dir), e->d_name, states);
    }
    if (type != DT_REG || !patterns_match(f->patterns, &l->states, e->d_name, true))
        return 0;
    if (f->found->n == TEST_FILES_MAX)
        return -E2BIG;
    set_path(f, e->d_name);
    strings_add(f->found, xstrdup(f->path.data));
    return 0;
}

static int find_walk(struct finder *f)
{
    int r = 0;

    for (size_t n = 0; r == 0 && f->depth > 0; n++) {
        const struct dirent *e = readdir(f->levels[f->depth - 1].dir);

        if (e == NULL)
            find_leave(f);
        else if (!file_is_dot(e->d_name))
            r = find_look(f, e);
        if (r == 0 && n % 1024 == 0 && clock_monotonic_ns() > f->end_ns)
            r = -ETIME;
    }
    while (f->depth > 0)
        find_leave(f);
    return r;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int test_files_find(int root, const char *workdir, const char *const *patterns,
                    struct strings *ret_paths, const char **ret_unmatched)
{
    struct finder f = {.found = ret_paths, .end_ns = clock_monotonic_ns() + FIND_NS};
    cleanup_free char *base = artifact_base(root, workdir);
    struct pattern_states states;
    int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

    if (fd < 0)
        return -errno;
    f.patterns = patterns_new(patterns, base);
    patterns_begin(f.patterns, &states);
    (void)find_enter(&f, fd, states);
    r = find_walk(&f);
    *ret_unmatched = NULL;
    for (size_t i = 0; *ret_unmatched == NULL && patterns[i] != NULL; i++)
        if (!patterns_used(f.patterns, i))
            *ret_unmatched = patterns[i];
    patterns_free(f.patterns);
    strbuf_free(&f.path);
    if (ret_paths->n > 1)
        qsort(ret_paths->items, ret_paths->n, sizeof(ret_paths->items[0]), compare_paths);
    return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* control_files: reading and writing the kernel's control files by table, with no stdio and no
 * malloc, because a job pays for each. Does not know which files there are (v1.c, v2.c), nor makes
 * or removes groups (cgroup_run.c, kill.c). */
#include "harness/cgroup/cgroup_private.h"

#include "base/weaken.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/sysmacros.h>

const char *group_path(char buf[static GROUP_PATH_SIZE], const char *group, const char *file)
{
    size_t group_len = group != NULL ? strlen(group) : 0;
    size_t file_len = strlen(file);
    char *p = buf;

    if (group_len + file_len + 2 > GROUP_PATH_SIZE)
        return ""; /* openat("") is ENOENT: names are bounded where they come in */
    if (group != NULL) {
        memcpy(p, group, group_len);
        p += group_len;
        *p++ = '/';
    }
    memcpy(p, file, file_len + 1);
    return buf;
}

ssize_t group_read(int dirfd, const char *group, const char *file, char *buf, size_t size)
{
    char path[GROUP_PATH_SIZE];
    cleanup_close int fd =
        openat(dirfd, group_path(path, group, file), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t n;

    if (fd < 0)
        return -errno;
    /* These files are one record each; the kernel hands it out whole when the buffer is large
     * enough. */
    do
        n = read(fd, buf, size - 1);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    if ((size_t)n == size - 1)
        return -EFBIG;
    buf[n] = '\0';
    return n;
}

int group_write(int dirfd, const char *group, const char *file, const char *text)
{
    char path[GROUP_PATH_SIZE];
    cleanup_close int fd =
        openat(dirfd, group_path(path, group, file), O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t n;

    if (fd < 0)
        return -errno;
    do
        n = write(fd, text, strlen(text));
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

/* Decimal digits only; no sign, no space, no overflow. */
static bool parse_number(const char *s, uint64_t *ret)
{
    uint64_t v = 0;

    if (*s < '0' || *s > '9')
        return false;
    for (; *s >= '0' && *s <= '9'; s++) {
        if (__builtin_mul_overflow(v, 10u, &v) ||
            __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
            return false;
    }
    *ret = v;
    return true;
}

bool text_number(const char *text, const char *key, uint64_t *ret)
{
    size_t len = key != NULL ? strlen(key) : 0;

    if (key == NULL)
        return parse_number(text, ret);
    for (const char *line = text; line != NULL && *line != '\0';) {
        if (strncmp(line, key, len) == 0 && line[len] == ' ')
            return parse_number(line + len + 1, ret);
        line = strchr(line, '\n');
        if (line != NULL)
            line++;
    }
    return false;
}

bool text_has_word(const char *list, const char *word)
{
    size_t len = strlen(word);

    for (const char *p = list; *p != '\0';) {
        size_t n = strcspn(p, " ,\n");

        if (n == len && memcmp(p, word, len) == 0)
            return true;
        p += n;
        p += strspn(p, " ,\n");
    }
    return false;
}

/* Whether the line that `at` is in speaks of a loop device: what it reads and writes is read and
 * written again, on the same account, at the disk under it. */
static bool is_loop_line(const char *text, const char *at)
{
    while (at > text && at[-1] != '\n')
        at--;
    return str_starts(at, "7:");
}

/* Sums what stands after `prefix` wherever that follows a blank: " Read " in v1's lines, " rbytes="
 * in v2's. */
static bool sum_devices(const char *text, const char *prefix, uint64_t *ret, size_t *ret_devices)
{
    uint64_t sum = 0;
    size_t len = strlen(prefix), devices = 0;

    for (const char *p = strstr(text, prefix); p != NULL; p = strstr(p, prefix)) {
        uint64_t v;

        p += len;
        if (is_loop_line(text, p))
            continue;
        devices++;
        if (!parse_number(p, &v) || __builtin_add_overflow(sum, v, &sum))
            return false;
    }
    *ret = sum;
    *ret_devices = devices;
    return true;
}

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=1234": how long some process had to wait, in us. */
static bool parse_pressure(const char *text, const char *key, uint64_t *ret)
{
    const char *total = strstr(text, " total=");

    return str_starts(text, key) && total != NULL && parse_number(total + strlen(" total="), ret);
}

static bool parse_figure(const struct figure_file *row, const char *text, uint64_t *ret)
{
    char prefix[32];
    size_t devices;

    switch (row->format) {
    case FORMAT_NUMBER:
    case FORMAT_KEYED:
        return text_number(text, row->key, ret);
    case FORMAT_DEVICES:
        snprintf(prefix, sizeof(prefix), " %s ", row->key);
        /* No device: the group did nothing or, on newer kernels, nothing is throttled and so not
         * counted. Not known. */
        return sum_devices(text, prefix, ret, &devices) && devices > 0;
    case FORMAT_PAIRS:
        snprintf(prefix, sizeof(prefix), " %s=", row->key);
        /* v2 always counts: no device means did nothing */
        return sum_devices(text, prefix, ret, &devices);
    case FORMAT_PRESSURE:
        return parse_pressure(text, row->key, ret);
    }
    return false;
}

/* ---- figures ---- */

static int kept_file(const struct kept_files *kept, const struct tree *tree, const char *name)
{
    for (size_t i = 0; kept != NULL && i < kept->n; i++)
        if (kept->file[i].tree == tree && str_eq(kept->file[i].name, name))
            return kept->file[i].fd;
    return -EBADF;
}

ssize_t group_read_kept(const struct tree *tree, const char *group, const struct kept_files *kept,
                        const char *file, char *buf, size_t size)
{
    int fd = kept_file(kept, tree, file);
    ssize_t n;

    if (fd < 0)
        return group_read(tree->run_fd, group, file, buf, size);
    do
        n = pread(fd, buf, size - 1, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    if ((size_t)n == size - 1)
        return -EFBIG;
    buf[n] = '\0';
    return n;
}

void group_keep_figures(const struct tree *tree, const char *group, uint32_t wanted,
                        struct kept_files *kept)
{
    uint32_t had = 0; /* figures of which a file is there: the next ones are fallbacks */

    for (size_t i = 0; i < tree->ops->figure_count && kept->n < KEPT_FILES_MAX; i++) {
        const struct figure_file *row = &tree->ops->figures[i];
        uint32_t bit = 1u << row->figure;
        char path[GROUP_PATH_SIZE];
        int fd;

        if (!(tree->controllers & CTL_BIT(row->controller)) || !(wanted & bit) || (had & bit) != 0)
            continue;
        fd = kept_file(kept, tree, row->file);
        if (fd < 0) {
            fd = openat(tree->run_fd, group_path(path, group, row->file),
                        O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
            if (fd < 0)
                continue;
            kept->file[kept->n].tree = tree;
            kept->file[kept->n].name = row->file;
            kept->file[kept->n++].fd = fd;
        }
        had |= bit;
    }
}

void group_read_figures(const struct tree *tree, const char *group, const struct kept_files *kept,
                        uint32_t wanted, struct cgroup_usage *usage)
{
    const char *held = NULL; /* the file that is in buf */
    uint32_t asked = 0;      /* figures of which a file is there, whether it knows them or not */
    bool readable = false;
    char buf[16 * 1024];

    for (size_t i = 0; i < tree->ops->figure_count; i++) {
        const struct figure_file *row = &tree->ops->figures[i];
        uint32_t bit = 1u << row->figure;
        uint64_t value;

        if (!(tree->controllers & CTL_BIT(row->controller)) || !(wanted & bit) ||
            (usage->known & bit) != 0)
            continue;
        if ((asked & bit) != 0 && !str_eq(held, row->file)) /* a fallback for kernels without it */
            continue;
        if (held == NULL || !str_eq(held, row->file)) {
            held = row->file;
            readable = group_read_kept(tree, group, kept, row->file, buf, sizeof(buf)) >= 0;
        }
        asked |= readable ? bit : 0;
        if (readable && parse_figure(row, buf, &value) &&
            !__builtin_mul_overflow(value, row->scale, &value)) {
            usage->value[row->figure] = value;
            usage->known |= bit;
        }
    }
}

bool tree_serves(const struct tree *tree, const struct cgroup_limits *limits)
{
    return (tree->controllers & ~CTL_ON_DEMAND) != 0 ||
           ((tree->controllers & CTL_BIT(CTL_CPUSET)) != 0 && limits->cpus != NULL) ||
           ((tree->controllers & CTL_BIT(CTL_PERF)) != 0 && limits->counts);
}

static int write_limit(const struct tree *tree, const char *group, const struct limit_file *row,
                       const char *text, const struct cgroup_run *run, struct cupel_error *err)
{
    int r = group_write(tree->run_fd, group, row->file, text);

    if (r == 0 || (row->held_on != 0 && r == -row->held_on))
        return 0;
    /* No swap accounting, but no swap either: nothing can get past the memory limit. */
    if (r == -ENOENT && row->feature == CGROUP_SWAP_LIMIT && !run->host_swaps)
        return 0;
    return cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot write \"%s\" to %s/%s/%s", text,
                           tree->path, group, row->file);
}

/* Writes the limits of these rows of the table, which are bits. */
static int set_rows(const struct tree *tree, const char *group, uint32_t rows,
                    const struct cgroup_limits *limits, const struct cgroup_run *run,
                    struct cupel_error *err)
{
    for (size_t i = 0; i < tree->ops->limit_count; i++) {
        const struct limit_file *row = &tree->ops->limits[i];
        char text[LIMIT_TEXT_SIZE];
        int r = 0;

        if (!((rows >> i) & 1u) || !(tree->controllers & CTL_BIT(row->controller)))
            continue;
        if (row->render != NULL && row->render(limits, text))
            r = write_limit(tree, group, row, text, run, err);
        for (size_t d = 0; r == 0 && row->render_disk != NULL && d < limits->n_disks; d++)
            if (row->render_disk(limits, limits->disk[d], text))
                r = write_limit(tree, group, row, text, run, err);
        if (r < 0)
            return r;
    }
    return 0;
}

int group_set_limits(const struct tree *tree, const char *group, const struct cgroup_limits *limits,
                     const struct cgroup_run *run, struct cupel_error *err)
{
    return set_rows(tree, group, UINT32_MAX, limits, run, err);
}

/* Whether the row says the same of both; its text for the first in `text`, which is empty where
 * there is nothing to write. */
static bool is_same(const struct limit_file *row, const struct cgroup_limits *was,
                    const struct cgroup_limits *limits, char text[static LIMIT_TEXT_SIZE])
{
    char other[LIMIT_TEXT_SIZE];

    if (!row->render(was, text))
        text[0] = '\0';
    return row->render(limits, other) ? str_eq(text, other) : text[0] == '\0';
}

static bool is_same_io(const struct cgroup_limits *a, const struct cgroup_limits *b)
{
    return a->n_disks == b->n_disks && memcmp(a->io, b->io, sizeof(a->io)) == 0 &&
           memcmp(a->disk, b->disk, a->n_disks * sizeof(a->disk[0])) == 0;
}

/* Writes that there is no limit, wherever there was one. */
static int lift_limit(const struct tree *tree, const char *group, const struct limit_file *row,
                      const struct cgroup_limits *was, const struct cgroup_run *run,
                      struct cupel_error *err)
{
    char text[LIMIT_TEXT_SIZE];
    int r = 0;

    for (size_t d = 0; r == 0 && row->render_disk != NULL && d < was->n_disks; d++) {
        if (!row->render_disk(was, was->disk[d], text))
            continue;
        (void)snprintf(text, sizeof(text), "%u:%u %s", major(was->disk[d]), minor(was->disk[d]),
                       row->none);
        r = write_limit(tree, group, row, text, run, err);
    }
    return row->render_disk != NULL || row->none == NULL
               ? r
               : write_limit(tree, group, row, row->none, run, err);
}

/* The rows of the table whose limit is another, as bits. */
static uint32_t find_changed(const struct tree *tree, const struct cgroup_limits *was,
                             const struct cgroup_limits *limits, uint32_t *ret_had)
{
    char text[LIMIT_TEXT_SIZE];
    uint32_t changed = 0;

    *ret_had = 0;
    for (size_t i = 0; i < tree->ops->limit_count; i++) {
        const struct limit_file *row = &tree->ops->limits[i];

        if (!(tree->controllers & CTL_BIT(row->controller)) ||
            (row->render != NULL ? is_same(row, was, limits, text) : is_same_io(was, limits)))
            continue;
        changed |= 1u << i;
        if (row->render == NULL || text[0] != '\0')
            *ret_had |= 1u << i;
    }
    return changed;
}

int group_change_limits(const struct tree *tree, const char *group, const struct cgroup_limits *was,
                        const struct cgroup_limits *limits, const struct cgroup_run *run,
                        struct cupel_error *err)
{
    uint32_t had, changed = find_changed(tree, was, limits, &had);
    int r = 0;

    if (changed != 0 && fault_wanted("late-limits"))
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, EIO, "cannot change the limits of %s/%s",
                               tree->path, group);
    for (size_t i = tree->ops->limit_count; r == 0 && i-- > 0;)
        if ((had >> i) & 1u)
            r = lift_limit(tree, group, &tree->ops->limits[i], was, run, err);
    return r == 0 ? set_rows(tree, group, changed, limits, run, err) : r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* copies: inputs that lie on the job's own disk from the start: single files that the job may
 * write, and whole directories with `mode: copy`. What they take of the disk is added to it, as
 * they are when the job starts: a limit 'disk' counts what the job writes. */
#include "harness/sandbox/slot/copies.h"
#include "harness/sandbox/sandbox.h"
#include "harness/sandbox/slot/hidden.h"
#include "harness/sandbox/slot/id_map.h"
#include "harness/sandbox/slot/keep_copy.h"
#include "harness/sandbox/slot/seen.h"
#include "harness/sandbox/slot/stage.h"
#include "harness/sandbox/slot/submission.h"
#include "harness/sandbox/slot/upper.h"

#include "base/weaken.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#define DEPTH_MAX 128

struct sum {
    uint64_t bytes, files;
    const struct sandbox_hidden *hidden; /* has no part in it */
    struct seen seen;                    /* nor has what that leaves out */
    uint64_t left;                       /* so many names are still looked at */
};

/* Some file systems tell of no blocks; elsewhere such a file is nothing but a hole, or small. */
static bool is_hole(int fd)
{
    return fd >= 0 && lseek(fd, 0, SEEK_DATA) < 0 && errno == ENXIO;
}

/* `fd` is of the file, or none: asked only where there are no blocks. */
static void add(struct sum *s, int fd, const struct stat *st)
{
    uint64_t bytes = (uint64_t)st->st_blocks * 512;

    if (bytes == 0 && S_ISREG(st->st_mode) && st->st_size > 0 && !is_hole(fd))
        bytes = (uint64_t)st->st_size;
    if (S_ISDIR(st->st_mode) && bytes < UPPER_BLOCK)
        bytes = UPPER_BLOCK;
    s->bytes += (bytes + UPPER_BLOCK - 1) / UPPER_BLOCK * UPPER_BLOCK;
    s->files++;
}

static int open_blockless(int dir, const char *name, const struct stat *st)
{
    return S_ISREG(st->st_mode) && st->st_blocks == 0 && st->st_size > 0
               ? openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
               : -EBADF;
}

/* Adds what is in a directory; `at`: of it, `seen` has to be asked. */
static void add_tree(struct sum *s, int dir, const struct seen_at *at, unsigned depth)
{
    DIR *list = fdopendir(dir); /* which has it from here on */
    struct dirent *e;

    if (list == NULL) {
        (void)close(dir);
        return;
    }
    while (depth < DEPTH_MAX && s->left > 0 && (e = readdir(list)) != NULL) {
        cleanup_close int blockless = -EBADF;
        enum seen_what what = SEEN_ALL;
        struct seen_at below = {0};
        struct stat st;
        int sub;

        if (str_eq(e->d_name, ".") || str_eq(e->d_name, "..") ||
            fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || hidden_is(s->hidden, &st))
            continue;
        if (at != NULL)
            what = seen_look(&s->seen, at, e->d_name, S_ISDIR(st.st_mode), &below);
        if (what == SEEN_NOT)
            continue;
        s->left--;
        blockless = open_blockless(dir, e->d_name, &st);
        add(s, blockless, &st);
        sub = S_ISDIR(st.st_mode)
                  ? openat(dir, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                  : -1;
        if (sub >= 0)
            add_tree(s, sub, what == SEEN_PARTLY ? &below : NULL, depth + 1);
        seen_at_free(&below);
    }
    (void)closedir(list);
}

static void add_directory(struct sum *s, const struct jobs_input *in, int path)
{
    int fd = openat(path, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct seen_at top;

    if (fd < 0)
        return;
    /* what has more is refused */
    s->left = jobs_input_is_bounded(in) ? SUBMISSION_ENTRIES_MAX : UINT64_MAX;
    if (!seen_begin(&s->seen, in)) {
        add_tree(s, fd, NULL, 0);
        return;
    }
    seen_at_top(&s->seen, &top);
    add_tree(s, fd, &top, 0);
    seen_at_free(&top);
    seen_end(&s->seen);
}

static void add_input(struct sum *s, const struct jobs_input *in)
{
    cleanup_close int path = -EBADF, file = -EBADF;
    struct stat st;

    if (in->mode == JOBS_INPUT_RO || in->cache > 0 || in->job > 0)
        return;
    path = file_open_trusted(in->host.path, in->host.trusted, O_PATH);
    if (path < 0 || fstat(path, &st) < 0)
        return; /* what is not there is told when it is opened */
    if (S_ISREG(st.st_mode)) {
        if (st.st_blocks == 0)
            file = file_open_trusted(in->host.path, in->host.trusted, O_RDONLY | O_NONBLOCK);
        add(s, file, &st);
    } else if (in->mode == JOBS_INPUT_COPY) {
        add_directory(s, in, path);
    }
}

/* A disk that is not exact is the same for jobs with few copies and for those with none. */
#define LOOSE_BYTES (UINT64_C(64) << 20)
#define LOOSE_FILES 4096
#define LOOSE_STEP ((UINT64_C(1) << 30) / UPPER_OWN_BYTES)
#define EXACT_STEP ((UINT64_C(1) << 20) / UPPER_OWN_BYTES)

/* What a disk on a network, or one that others use, is still expected to do. */
#define SLOW_BYTES_A_SECOND (UINT64_C(8) << 20)
#define SLOW_FILES_A_SECOND 200

static uint64_t slowly(const struct sum *s)
{
    uint64_t seconds = s->bytes / SLOW_BYTES_A_SECOND + s->files / SLOW_FILES_A_SECOND;

    return seconds < UINT64_MAX / NSEC_PER_SEC ? seconds * NSEC_PER_SEC : UINT64_MAX;
}

uint64_t copies_shares(const struct jobs_job *job, bool exact, const struct sandbox_hidden *hidden,
                       uint64_t more, uint64_t *ret_ns)
{
    struct sum s = {.hidden = hidden, .bytes = more, .files = more > 0 ? job->n_inputs : 0};
    uint64_t by_bytes, by_files, shares, step = exact ? EXACT_STEP : LOOSE_STEP;

    for (size_t i = 0; i < job->n_inputs; i++)
        add_input(&s, &job->inputs[i]);
    *ret_ns = slowly(&s);
    if (s.files == 0 || (!exact && s.bytes <= LOOSE_BYTES && s.files <= LOOSE_FILES))
        return 0;
    by_bytes =
        s.bytes / UPPER_OWN_BYTES + s.bytes / UPPER_OWN_BYTES / 64 + 1; /* extents, directories */
    by_files = s.files / UPPER_OWN_INODES + 1;
    shares = by_bytes > by_files ? by_bytes : by_files;
    return (shares + step - 1) / step * step;
}

struct copies_stop {
    int cancel;
    uint64_t until;
    bool late;
};

static bool is_to_stop(void *data)
{
    struct copies_stop *stop = data;
    struct pollfd p = {.fd = stop->cancel, .events = POLLIN};

    stop->late = weakened("copying-time") || clock_monotonic_ns() >= stop->until;
    return stop->late || (p.fd >= 0 && poll(&p, 1, 0) > 0);
}

int copies_make(struct sandbox_stage *s, int dir, const struct jobs_input *in,
                const struct owner_change *change, const char *job_dir, size_t input,
                uint64_t until)
{
    struct copies_stop stop = {.cancel = s->cancel, .until = until};
    struct keep_copy_bounds bounds = {.bytes = UINT64_MAX, /* the disk has one */
                                      .files = UINT64_MAX,
                                      .ids = s->privilege.ids,
                                      .id_base = s->privilege.host ? s->id_base : 0,
                                      .change = change,
                                      .hidden = s->hidden,
                                      .stopped = is_to_stop,
                                      .data = &stop};
    cleanup_free char *path = xasprintf("%s/u%zu", job_dir, input);
    cleanup_close int to =
        openat(upper_fd(s->upper), path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    cleanup_close int aside =
        openat(upper_fd(s->upper), job_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    const struct timespec time = {.tv_sec = in->commit_time};
    struct seen seen;
    int r;

    if (to < 0 || aside < 0)
        return -errno;
    if (in->git != JOBS_GIT_NOT_ASKED && in->listed == NULL)
        return -ENODATA;
    if (in->has_commit_time)
        bounds.time = &time;
    if (seen_begin(&seen, in))
        bounds.seen = &seen;
    r = keep_copy_contents(dir, to, aside, &bounds);
    seen_end(&seen);
    return r == -ECANCELED && stop.late ? -ETIMEDOUT : r;
}

int copies_check(struct sandbox_stage *s, const struct jobs_input *in, const char *job_dir,
                 size_t input, struct cupel_error *err)
{
    cleanup_free char *path = xasprintf("%s/u%zu", job_dir, input);
    cleanup_close int copy =
        openat(upper_fd(s->upper), path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    return copy < 0 ? -errno : submission_check(copy, in, true, err);
}

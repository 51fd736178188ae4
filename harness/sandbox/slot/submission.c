/* SPDX-License-Identifier: Apache-2.0 */
/* submission: whether an untrusted input holds what the job file says that it may: `required`,
 * `allowed`, `max-size`. What lies there is its author's: nothing is opened but directories, no
 * link is followed, and names, depth and time are bounded. Not responsible for the way to the input
 * (host_path.c). In the slot. */
#include "harness/sandbox/slot/submission.h"

#include "harness/sandbox/sandbox.h"
#include "harness/sandbox/slot/seen.h"

#include "base/weaken.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 64
#define CHECK_NS (10 * NSEC_PER_SEC)
#define SHOWN_MAX 160 /* bytes of a path, its end */

struct checking {
    const struct jobs_input *in;
    struct cupel_error *err;
    struct patterns *allowed, *required; /* or NULL */
    struct seen seen;
    uid_t owner; /* of the directory */
    bool is_copy;
    uint64_t bytes, until;
    unsigned entries;
    struct strbuf path; /* of the directory that is being looked at, and of what is in it */
};

/* What the entries of one directory are matched against. */
struct submission_place {
    int fd;
    unsigned depth;
    bool asks_seen;
    struct pattern_states allowed, required;
    struct seen_at seen;
};

static void place_free(struct submission_place *p)
{
    base_closep(&p->fd);
    pattern_states_free(&p->allowed);
    pattern_states_free(&p->required);
    seen_at_free(&p->seen);
}

/* ---- what is said ---- */

static void add_path(struct strbuf *b, const char *path)
{
    size_t n = strlen(path);

    if (n > SHOWN_MAX)
        strbuf_adds(b, "...");
    text_add_line(b, n > SHOWN_MAX ? path + n - SHOWN_MAX : path);
}

/* Refuses the input, or what is at `path` in it. */
static int refuse(const struct checking *c, const char *path, const char *why)
{
    cleanup_strbuf struct strbuf b = {0};

    add_path(&b, c->in->from);
    if (path != NULL) {
        strbuf_adds(&b, ": '");
        add_path(&b, path);
        strbuf_adds(&b, "'");
    }
    (void)cupel_error_set(c->err, CUPEL_ERROR_INPUT, 0, "input %s %s", b.data, why);
    return -EUCLEAN;
}

/* Says that the input, or what is at `path` in it, cannot be read by whoever started cupel: that is
 * no doing of its author's, as nobody knows what they have handed in. */
static int not_readable(const struct checking *c, const char *path)
{
    cleanup_strbuf struct strbuf b = {0};

    add_path(&b, c->in->from);
    if (path != NULL) {
        strbuf_adds(&b, "/");
        add_path(&b, path);
    }
    return host_path_no_rights(c->err, "input", b.data);
}

static int refuse_size(const struct checking *c, const char *path, const char *how, uint64_t size)
{
    char most[UNIT_TEXT_SIZE], has[UNIT_TEXT_SIZE];
    cleanup_free char *why = xasprintf("%s %s: `max-size` is %s", how, unit_format_size(size, has),
                                       unit_format_size(c->in->max_size, most));

    return refuse(c, path, why);
}

static const char *kind_of(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFLNK:
        return "is a symbolic link";
    case S_IFIFO:
        return "is a FIFO";
    case S_IFSOCK:
        return "is a socket";
    case S_IFCHR:
    case S_IFBLK:
        return "is a device";
    default:
        return "is neither a file nor a directory";
    }
}

/* ---- one file ---- */

/* Whether cupel has the right to read it, whoever may in the job. */
static bool may_read(int fd, bool directory)
{
    return faccessat(fd, "", directory ? R_OK | X_OK : R_OK, AT_EACCESS | AT_EMPTY_PATH) == 0 ||
           errno != EACCES;
}

/* Another user's file with a further name here is that user's, and no part of what was handed in.
 */
static bool is_of_another(const struct checking *c, const struct stat *st)
{
    return !c->is_copy && st->st_nlink > 1 && st->st_uid != c->owner;
}

static int check_file(struct checking *c, const struct submission_place *at, int fd,
                      const char *name, const char *path, const struct stat *st)
{
    uint64_t size = (uint64_t)st->st_size;
    bool is_allowed = c->allowed == NULL || patterns_match(c->allowed, &at->allowed, name, false);

    if (!is_allowed)
        return refuse(c, path, "is not among what is `allowed`");
    if (is_of_another(c, st))
        return refuse(c, path, "is a hard link to a file of another user");
    if (!may_read(fd, false))
        return not_readable(c, path);
    if (c->in->max_size == 0)
        return 0;
    if (size > c->in->max_size)
        return refuse_size(c, path, "has", size);
    c->bytes += size; /* both are bounded */
    return c->bytes > c->in->max_size ? refuse_size(c, NULL, "holds at least", c->bytes) : 0;
}

/* ---- a directory ---- */

static int walk(struct checking *c, struct submission_place *at);

static int enter(struct checking *c, const struct submission_place *at, const char *name,
                 struct seen_at *seen)
{
    struct submission_place below = {
        .depth = at->depth + 1, .asks_seen = at->asks_seen, .seen = *seen};
    int r;

    *seen = (struct seen_at){0};
    below.fd = openat(at->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (below.fd < 0 && errno == ENOENT)
        r = 0; /* no longer */
    else if (below.fd < 0)
        r = not_readable(c, c->path.data);
    else if (below.depth > DEPTH_MAX)
        r = refuse(c, c->path.data, "is too deep a directory");
    else {
        if (c->allowed != NULL)
            (void)patterns_enter(c->allowed, &at->allowed, name, &below.allowed);
        if (c->required != NULL)
            (void)patterns_enter(c->required, &at->required, name, &below.required);
        r = walk(c, &below);
    }
    place_free(&below);
    return r;
}

static int check_bounds(struct checking *c)
{
    cleanup_free char *why = NULL;

    if (++c->entries > SUBMISSION_ENTRIES_MAX) {
        why = xasprintf("holds more than %u names", SUBMISSION_ENTRIES_MAX);
        return refuse(c, NULL, why);
    }
    if (c->entries % 256 != 0 || clock_monotonic_ns() < c->until)
        return 0;
    return cupel_error_set(c->err, CUPEL_ERROR_HARNESS, ETIMEDOUT,
                           "looking through the input %s took longer than %u s", c->in->from,
                           (unsigned)(CHECK_NS / NSEC_PER_SEC));
}

static int check_entry(struct checking *c, const struct submission_place *at, const char *name)
{
    cleanup_close int fd = openat(at->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct seen_at below = {0};
    enum seen_what what = SEEN_ALL;
    struct stat st;
    int r = 0;

    if (fd < 0 && errno == ENOENT)
        return 0; /* no longer */
    if (fd < 0 || fstat(fd, &st) < 0)
        return not_readable(c, c->path.data);
    if (at->asks_seen)
        what = seen_look(&c->seen, &at->seen, name, S_ISDIR(st.st_mode), &below);
    if (what != SEEN_NOT && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        r = refuse(c, c->path.data, kind_of(st.st_mode));
    else if (what != SEEN_NOT && S_ISREG(st.st_mode))
        r = check_file(c, at, fd, name, c->path.data, &st);
    if (r == 0 && what != SEEN_NOT && c->required != NULL &&
        patterns_match(c->required, &at->required, name, false) && S_ISDIR(st.st_mode))
        r = refuse(c, c->path.data, "is a directory, where a file is `required`");
    if (r == 0 && what != SEEN_NOT && S_ISDIR(st.st_mode))
        r = enter(c, at, name, &below);
    seen_at_free(&below);
    return r;
}

static int walk(struct checking *c, struct submission_place *at)
{
    int own = fcntl(at->fd, F_DUPFD_CLOEXEC, 0), r = 0;
    DIR *list = own < 0 ? NULL : fdopendir(own);
    size_t length = c->path.len;
    const struct dirent *e;

    if (list == NULL) {
        base_closep(&own);
        return cupel_error_set(c->err, CUPEL_ERROR_HARNESS, errno, "cannot read the input %s",
                               c->in->from);
    }
    while (r == 0 && (errno = 0, e = readdir(list)) != NULL) {
        if (file_is_dot(e->d_name))
            continue;
        strbuf_addf(&c->path, "%s%s", length > 0 ? "/" : "", e->d_name);
        r = check_bounds(c);
        if (r == 0)
            r = check_entry(c, at, e->d_name);
        c->path.len = length;
        c->path.data[length] = '\0';
    }
    if (r == 0 && errno != 0)
        r = cupel_error_set(c->err, CUPEL_ERROR_HARNESS, errno, "cannot read the input %s",
                            c->in->from);
    (void)closedir(list);
    return r;
}

/* ---- all of it ---- */

/* Checks that what must be there is: of a pattern with braces, which stands in several parts, one
 * is enough. */
static int check_required(const struct checking *c)
{
    const struct jobs_globs *g = &c->in->required;

    for (size_t i = 0, next; g->patterns != NULL && g->patterns[i] != NULL; i = next) {
        bool used = false;

        for (next = i; g->patterns[next] != NULL && g->written[next] == g->written[i]; next++)
            used |= patterns_used(c->required, next);
        if (!used) {
            cleanup_free char *why = xasprintf("lacks '%s', which is `required`", g->written[i]);

            return refuse(c, NULL, why);
        }
    }
    return 0;
}

static void begin(struct checking *c, struct submission_place *top)
{
    if (c->in->allowed.patterns != NULL) {
        c->allowed = patterns_new(c->in->allowed.patterns, "/");
        patterns_begin(c->allowed, &top->allowed);
    }
    if (c->in->required.patterns != NULL) {
        c->required = patterns_new(c->in->required.patterns, "/");
        patterns_begin(c->required, &top->required);
    }
}

static int check_directory(struct checking *c, struct submission_place *top, int fd)
{
    int r;

    top->fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (top->fd < 0)
        return not_readable(c, NULL);
    top->asks_seen = !c->is_copy && seen_begin(&c->seen, c->in);
    if (top->asks_seen)
        seen_at_top(&c->seen, &top->seen);
    r = walk(c, top);
    if (top->asks_seen)
        seen_end(&c->seen);
    return r;
}

/* A single file is what is in it: its own name is what the patterns are about. */
static int check_single(struct checking *c, const struct submission_place *top, int fd,
                        const struct stat *st)
{
    const char *slash = strrchr(c->in->from, '/');
    const char *name = slash != NULL ? slash + 1 : c->in->from;
    int r = check_file(c, top, fd, name, NULL, st);

    if (r == 0 && c->required != NULL)
        (void)patterns_match(c->required, &top->required, name, false);
    return r;
}

int submission_check(int fd, const struct jobs_input *in, bool is_copy, struct cupel_error *err)
{
    struct checking c = {
        .in = in, .err = err, .is_copy = is_copy, .until = clock_monotonic_ns() + CHECK_NS};
    struct submission_place top = {.fd = -EBADF};
    struct stat st;
    int r;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (in->host.untrusted && !may_read(fd, S_ISDIR(st.st_mode)))
        return not_readable(&c, NULL);
    if (!jobs_input_is_bounded(in) || (!is_copy && weakened("submission-source")))
        return 0;
    c.owner = st.st_uid;
    begin(&c, &top);
    r = S_ISDIR(st.st_mode) ? check_directory(&c, &top, fd) : check_single(&c, &top, fd, &st);
    if (r == 0)
        r = check_required(&c);
    place_free(&top);
    patterns_free(c.allowed);
    patterns_free(c.required);
    strbuf_free(&c.path);
    return r;
}

uint64_t submission_file_max(const struct jobs_input *in)
{
    return in->max_size;
}

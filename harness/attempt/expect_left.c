/* SPDX-License-Identifier: Apache-2.0 */
/* expect_left: see expect_left.h. Nothing of the job runs any more, but every name in its root is
 * hostile: a file is opened beneath the root by descriptor, through no link, and has to be a
 * regular one. How it is compared: compare.c. */
#include "harness/attempt/expect_left.h"

#include "base/weaken.h"
#include "harness/attempt/artifact_base.h"
#include "harness/attempt/artifact_place.h"
#include "harness/attempt/attempt_end.h"
#include "harness/attempt/expect.h"
#include "harness/attempt/verdict.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* Larger ones are not what anybody expects, and reading them takes long. */
#define LEFT_FILE_MAX ((uint64_t)1 << 30)

struct left_files {
    struct attempt *a;
    int root;
    const char *base; /* of relative paths, beneath the root */
    const struct jobs_expect *expect;
    struct step_facts *facts;
    struct cupel_error *err;
};

bool expect_left_asks(const struct jobs_job *job)
{
    bool any = job->output != NULL;

    for (size_t i = 0; i < job->n_steps; i++)
        any |= job->steps[i].expect.n_files > 0;
    return any;
}

/* Notes that a file is not as it should be. */
static void left_fails(const struct left_files *l, const char *what, const char *why)
{
    l->facts->output_differs = true;
    (void)snprintf(l->facts->difference, sizeof(l->facts->difference), "%s %s", what, why);
}

static const char *why_not_opened(int errnum)
{
    switch (errnum) {
    case ENOENT:
        return "is missing";
    case ELOOP:
        return "is a symbolic link, or lies behind one";
    case ENOTDIR:
        return "lies in what is no directory";
    case ENXIO: /* a socket */
        return "is no regular file";
    default:
        return strerror(errnum);
    }
}

/* What a checker is given is bounded as if it had been printed: it reads all of it. */
static uint64_t most_for_checker(const struct jobs_limits *limits)
{
    static const enum jobs_limit bounds[] = {JOBS_LIMIT_OUTPUT, JOBS_LIMIT_STDOUT};
    uint64_t most = LEFT_FILE_MAX;
    bool any = false;

    for (size_t i = 0; i < ARRAY_SIZE(bounds); i++) {
        if (!jobs_limit_is_set(limits, bounds[i]))
            continue;
        any = true;
        if (limits->value[bounds[i]] < most)
            most = limits->value[bounds[i]];
    }
    return any ? most : JOBS_CHECKED_MAX;
}

static int open_beneath(int root, const char *path)
{
    const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY;
    int fd;

    if (!weakened("left-links"))
        return file_open_beneath(root, path, flags | O_NOFOLLOW, 0);
    fd = openat(root, path, flags | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* Opens a file of the job's of at most so many bytes; 0 and ret->fd < 0: it is noted why not. */
static int open_left(const struct left_files *l, const char *path, const char *what, uint64_t most,
                     struct compare_source *ret)
{
    cleanup_free char *beneath =
        path[0] == '/' || l->base[0] == '\0' ? xstrdup(path) : xasprintf("%s/%s", l->base, path);
    cleanup_close int fd = open_beneath(l->root, beneath + strspn(beneath, "/"));
    char size[UNIT_TEXT_SIZE], why[64];
    struct stat st;

    *ret = (struct compare_source){.fd = -EBADF};
    if (fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM || (fd >= 0 && fstat(fd, &st) < 0))
        return cupel_error_set(l->err, CUPEL_ERROR_HARNESS, fd < 0 ? fd : errno,
                               "cannot open what the job left");
    if (fd < 0) {
        left_fails(l, what, why_not_opened(-fd));
    } else if ((!S_ISREG(st.st_mode) && !weakened("left-kinds")) || artifact_is_kernels(fd)) {
        left_fails(l, what, "is no regular file");
    } else if ((uint64_t)st.st_size > most && !weakened("left-size")) {
        (void)snprintf(why, sizeof(why), "is larger than %s", unit_format_size(most, size));
        left_fails(l, what, why);
    } else {
        *ret = (struct compare_source){.len = (uint64_t)st.st_size};
        ret->fd = steal_fd(&fd);
    }
    return 0;
}

/* Names it so that what differs is seen as well. */
static void name_left(const char *path, struct strbuf *what)
{
    text_add_line(what, path);
    if (what->len > 120)
        what->data[120] = '\0';
}

/* Compares one file with one of the host, or with a text. */
static int check_left(const struct left_files *l, const char *path,
                      const struct jobs_host_path *host, const char *key,
                      const struct compare_source *text)
{
    cleanup_strbuf struct strbuf what = {0};
    struct compare_source expected = {.fd = -EBADF}, got;
    int r;

    name_left(path, &what);
    r = open_left(l, path, what.data, LEFT_FILE_MAX, &got);
    if (r < 0 || got.fd < 0)
        return r;
    if (text != NULL)
        expected = *text;
    else
        r = expect_open(host, key, &expected, l->err);
    if (r == 0) {
        r = expect_compare(what.data, l->a->ctx->run->redact, l->expect, &expected, &got, l->facts);
        if (r < 0)
            (void)cupel_error_set(l->err, CUPEL_ERROR_HARNESS, r,
                                  "cannot compare what job '%s' left", l->a->job->name);
    }
    base_closep(&got.fd);
    base_closep(&expected.fd);
    return r;
}

/* Takes what a checker is to judge. */
static int take_output(const struct left_files *l)
{
    cleanup_strbuf struct strbuf what = {0};
    struct compare_source got;
    int r;

    name_left(l->a->job->output, &what);
    r = open_left(l, l->a->job->output, what.data, most_for_checker(&l->a->job->limits), &got);
    if (r == 0 && got.fd >= 0)
        l->a->written = (struct checker_output){.known = true, .fd = got.fd, .len = got.len};
    return r;
}

static int check_output(const struct left_files *l)
{
    const struct jobs_expect *e = l->expect;
    const struct compare_source text = {.text = e->stdout_text, .fd = -EBADF, .len = e->stdout_len};

    if (e->checker != NULL)
        return take_output(l);
    if (e->stdout_text != NULL)
        return check_left(l, l->a->job->output, NULL, NULL, &text);
    return e->stdout_file.path == NULL
               ? 0
               : check_left(l, l->a->job->output, &e->stdout_file, "stdout-file", NULL);
}

static int check_step(struct left_files *l, size_t step)
{
    const struct jobs_job *job = l->a->job;
    int r = 0;

    l->expect = &job->steps[step].expect;
    l->facts = &l->a->facts->steps[step];
    if (!l->facts->ended)
        return 0;
    if (job->output != NULL && step + 1 == job->n_steps)
        r = check_output(l);
    for (size_t i = 0; r == 0 && !l->facts->output_differs && i < l->expect->n_files; i++)
        r = check_left(l, l->expect->files[i].path, &l->expect->files[i].host, "files", NULL);
    return r;
}

void expect_left_check(struct attempt *a, struct attempt_result *ret)
{
    struct cupel_error err;
    cleanup_close int root = -EBADF;
    cleanup_free char *base = NULL;
    struct left_files l = {.a = a, .err = &err};
    int r = 0;

    if (ret->job.verdict != REPORTS_PASSED || !expect_left_asks(a->job))
        return;
    root = sandbox_open_root(a->ctx->stage, &a->sandbox);
    if (root < 0)
        r = cupel_error_set(&err, CUPEL_ERROR_HARNESS, root,
                            "cannot open the finished root to see what job '%s' left",
                            a->job->name);
    if (r == 0)
        base = artifact_base(root, a->job->workdir);
    l.root = root;
    l.base = base;
    for (size_t i = 0; r == 0 && i < a->facts->n_steps; i++)
        r = check_step(&l, i);
    if (r == 0) /* what was compared may have been read back after it was lost */
        r = sandbox_lost_writes(a->ctx->stage, &err);
    if (r < 0)
        attempt_fail(a, &err);
    verdict_of_job(a->job, a->facts, &ret->job);
}

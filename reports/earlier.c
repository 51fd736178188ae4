/* SPDX-License-Identifier: Apache-2.0 */
/* earlier: what earlier runs into an out directory said of jobs, for a run that continues them. The
 * last run's word is its results.jsonl; what those before it said is in a record that it wrote down
 * when it began. So nothing has to be written when a run ends, however it does. Not responsible for
 * what is run again (harness/cli/cli_rerun.c). */
#include "reports/json_lines.h"
#include "reports/out.h"
#include "reports/report_text.h"

#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

/* What lies in an out directory may come with a checkout. So it takes no more than so much memory
 * or time. */
#define FILES_MAX ((size_t)4096) /* more fit on no command line that a person reads */
/* Each entry has its file's path, which a line of results names in a few bytes. */
#define NAMES_SIZE_MAX ((size_t)256 * 1024 * 1024)

/* A job of a file, as results name both (text_escape); the run that says so, 0 or later. */
struct earlier_entry {
    char *path, *job;
    unsigned run;
    enum reports_earlier_state state;
};

struct reports_earlier {
    struct earlier_entry *list; /* in the order of path and job, each once */
    size_t n, room;
    size_t names_size;     /* of all of them */
    char **files, **paths; /* what the last run called its files, and where they are */
    size_t n_files;
};

static const char *const state_names[] = {
    [REPORTS_EARLIER_UNKNOWN] = NULL,
    [REPORTS_EARLIER_OUTSTANDING] = "outstanding",
    [REPORTS_EARLIER_NOT_NEEDED] = "not-needed",
    [REPORTS_EARLIER_PASSED] = "passed",
};

char *reports_earlier_escape(const char *text)
{
    struct strbuf b = {0};

    strbuf_adds(&b, "");
    text_escape(&b, text, strlen(text), TEXT_JSON);
    return b.data;
}

/* ---- reading ---- */

/* 0 or -errno. */
static int add_entry(struct reports_earlier *e, const char *path, const char *job, unsigned run,
                     enum reports_earlier_state state)
{
    e->names_size += strlen(path) + strlen(job) + 2;
    if (e->names_size > NAMES_SIZE_MAX)
        return -EFBIG;
    if (e->n == e->room) {
        e->room = 2 * e->room + 64;
        e->list = xrealloc(e->list, e->room * sizeof(*e->list));
    }
    e->list[e->n++] = (struct earlier_entry){xstrdup(path), xstrdup(job), run, state};
    return 0;
}

/* Takes a line of the record: where a file is, or what is known of a job. 0 or -errno. */
static int take_record(void *data, const json_t *line)
{
    struct reports_earlier *e = data;
    const char *file = json_lines_text(line, "file"), *path = json_lines_text(line, "path");
    const char *job = json_lines_text(line, "job"), *state = json_lines_text(line, "state");

    if (path == NULL)
        return 0;
    if (file != NULL) {
        if (e->n_files == FILES_MAX) /* each of the results is looked for among them */
            return -EFBIG;
        e->files = xrealloc(e->files, (e->n_files + 1) * sizeof(*e->files));
        e->paths = xrealloc(e->paths, (e->n_files + 1) * sizeof(*e->paths));
        e->files[e->n_files] = xstrdup(file);
        e->paths[e->n_files++] = xstrdup(path);
    }
    for (size_t i = REPORTS_EARLIER_OUTSTANDING; job != NULL && i < ARRAY_SIZE(state_names); i++)
        if (state != NULL && str_eq(state, state_names[i]))
            return add_entry(e, path, job, 0, (enum reports_earlier_state)i);
    return 0;
}

/* Takes a line of the results; those of steps say nothing that their job's does not. */
static int take_result(void *data, const json_t *line)
{
    struct reports_earlier *e = data;
    const char *file = json_lines_text(line, "file"), *job = json_lines_text(line, "job");
    const char *verdict = json_lines_text(line, "verdict");
    enum reports_earlier_state state = REPORTS_EARLIER_OUTSTANDING;

    if (file == NULL || job == NULL || verdict == NULL || json_object_get(line, "step") != NULL)
        return 0;
    if (str_eq(verdict, "passed") || json_is_true(json_object_get(line, "allowed_failure")))
        state = REPORTS_EARLIER_PASSED;
    else if (json_is_true(json_object_get(line, "not_needed")))
        state = REPORTS_EARLIER_NOT_NEEDED;
    for (size_t i = 0; i < e->n_files; i++)
        if (str_eq(e->files[i], file))
            return add_entry(e, e->paths[i], job, 1, state);
    return 0;
}

static int compare_names(const struct earlier_entry *a, const struct earlier_entry *b)
{
    int r = strcmp(a->path, b->path);

    return r != 0 ? r : strcmp(a->job, b->job);
}

/* Puts, of one job, what counts first: the later run, and of one run the worse end. */
static int compare_entries(const void *a_, const void *b_)
{
    const struct earlier_entry *a = a_, *b = b_;
    int r = compare_names(a, b);

    if (r != 0)
        return r;
    return a->run != b->run ? (a->run < b->run ? 1 : -1)
                            : (a->state > b->state) - (a->state < b->state);
}

static void keep_first_of_each(struct reports_earlier *e)
{
    size_t n = 0;

    if (e->n > 0)
        qsort(e->list, e->n, sizeof(*e->list), compare_entries);
    for (size_t i = 0; i < e->n; i++) {
        if (n == 0 || compare_names(&e->list[n - 1], &e->list[i]) != 0) {
            e->list[n++] = e->list[i];
            continue;
        }
        free(e->list[i].path);
        free(e->list[i].job);
    }
    e->n = n;
}

int reports_earlier_read(const char *out, struct reports_earlier **ret, struct cupel_error *err)
{
    cleanup_close int dirfd = open(out, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct reports_earlier *e;
    int r = dirfd < 0 ? -errno : reports_out_is_one(dirfd) ? 0 : -ENOENT;

    e = xcalloc(1, sizeof(*e));
    if (r == 0)
        r = json_lines_read(dirfd, OUTDIR_EARLIER, take_record, e);
    if (r == 0)
        r = json_lines_read(dirfd, OUT_JSONL, take_result, e);
    if (r < 0) {
        reports_earlier_free(e);
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, r == -ENOENT ? 0 : r,
                              r == -ENOENT ? "'%s' has no results of an earlier run"
                                           : "cannot read the results of an earlier run in '%s'",
                              out);
        cupel_error_hint(err, "run the files once without --rerun-failed, or name with --out where "
                              "their results are");
        return r;
    }
    keep_first_of_each(e);
    *ret = e;
    return 0;
}

void reports_earlier_free(struct reports_earlier *e)
{
    for (size_t i = 0; e != NULL && i < e->n; i++) {
        free(e->list[i].path);
        free(e->list[i].job);
    }
    for (size_t i = 0; e != NULL && i < e->n_files; i++) {
        free(e->files[i]);
        free(e->paths[i]);
    }
    if (e != NULL) {
        free(e->list);
        free(e->files);
        free(e->paths);
    }
    free(e);
}

/* ---- asking ---- */

enum reports_earlier_state reports_earlier_find(const struct reports_earlier *e, const char *path,
                                                const char *job)
{
    cleanup_free char *of = reports_earlier_escape(path), *name = reports_earlier_escape(job);
    const struct earlier_entry wanted = {.path = of, .job = name};
    size_t low = 0, high = e->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int r = compare_names(&wanted, &e->list[middle]);

        if (r == 0)
            return e->list[middle].state;
        if (r < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return REPORTS_EARLIER_UNKNOWN;
}

void reports_earlier_each_outstanding(const struct reports_earlier *e,
                                      void (*each)(void *data, const char *path, const char *job),
                                      void *data)
{
    for (size_t i = 0; i < e->n; i++)
        if (e->list[i].state == REPORTS_EARLIER_OUTSTANDING)
            each(data, e->list[i].path, e->list[i].job);
}

/* ---- what a run writes down ---- */

static void add_line(struct strbuf *to, json_t *object)
{
    cleanup_free char *dump = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;

    if (dump != NULL) {
        text_add_json(to, dump);
        strbuf_adds(to, "\n");
    }
    json_decref(object);
}

void reports_earlier_add_file(const char *file, const char *path, struct strbuf *to)
{
    cleanup_free char *name = reports_earlier_escape(file), *where = reports_earlier_escape(path);

    add_line(to, json_pack("{s:s, s:s}", "file", name, "path", where));
}

void reports_earlier_add_all(const struct reports_earlier *e, struct strbuf *to)
{
    for (size_t i = 0; i < e->n; i++)
        add_line(to, json_pack("{s:s, s:s, s:s}", "path", e->list[i].path, "job", e->list[i].job,
                               "state", state_names[e->list[i].state]));
}

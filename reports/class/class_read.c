/* SPDX-License-Identifier: Apache-2.0 */
/* class_read: a table of a class from the results of a run. Results come in the order in which jobs
 * end: here they are put in order. Not responsible for what of it is shown to whom. */
#include "base/weaken.h"
#include "reports/class/class.h"
#include "reports/json_lines.h"
#include "reports/outdir.h"
#include "reports/record_job.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

/* A case as it was read, and whose it is. */
struct read_case {
    struct class_case c;
    const char *of; /* the submission's id */
    json_int_t number;
};
struct read_submission {
    struct class_submission s;
    const char *job, *file, *from;
    const char *place; /* what its matrix says of the student; or what its id says */
};

struct class_reader {
    struct arena *arena;
    const struct class_wanted *wanted;
    struct read_case *cases;
    size_t n_cases, case_room;
    struct read_submission *list;
    size_t n, room;
    struct class_before *others;
    size_t n_others, before_room;
    size_t n_runs, n_known;           /* as class_table has them */
    const char *last_group, *last_of; /* texts that many cases share */
    struct strbuf scratch;
};

/* Makes room for one more in a list. */
static void *grow(void *list, size_t n, size_t *room, size_t size)
{
    if (n < *room)
        return list;
    *room = 2 * *room + 64;
    return xrealloc(list, *room * size);
}

/* ---- fields ---- */

static const char *keep_text(struct class_reader *r, const json_t *line, const char *key)
{
    const char *text = json_lines_text(line, key);

    return text != NULL ? arena_strdup(r->arena, text) : NULL;
}

/* The same, of what stands in many lines in a row. */
static const char *keep_shared(struct class_reader *r, const char *text, const char **last)
{
    if (text != NULL && (*last == NULL || !str_eq(*last, text)))
        *last = arena_strdup(r->arena, text);
    return text != NULL ? *last : NULL;
}

/* A number times `scale`, rounded; CLASS_UNKNOWN: there is none, or none that can be. */
static uint64_t keep_number(const json_t *line, const char *key, double scale)
{
    const json_t *value = json_object_get(line, key);
    double v = json_number_value(value) * scale;

    return json_is_number(value) && v >= 0 && v < 1e18 ? (uint64_t)(v + 0.5) : CLASS_UNKNOWN;
}

static uint64_t keep_points(const json_t *line, const char *key)
{
    uint64_t points = keep_number(line, key, 1000);

    return points != CLASS_UNKNOWN ? points : 0;
}

static enum reports_verdict keep_verdict(const json_t *line)
{
    const char *name = json_lines_text(line, "verdict");

    for (unsigned v = 0; name != NULL && v < REPORTS_VERDICT_COUNT; v++)
        if (str_eq(name, reports_verdict_name((enum reports_verdict)v)))
            return (enum reports_verdict)v;
    return REPORTS_ERROR;
}

/* What is not known may not be shown. */
static enum class_visibility keep_visibility(const json_t *line)
{
    static const char *const names[CLASS_VISIBILITY_COUNT] = {[CLASS_VISIBLE] = "visible",
                                                              [CLASS_AFTER_DUE] = "after-due",
                                                              [CLASS_AFTER_PUBLISHED] =
                                                                  "after-published",
                                                              [CLASS_HIDDEN] = "hidden"};
    const char *name = json_lines_text(line, "visibility");

    for (unsigned v = 0; name != NULL && v < CLASS_VISIBILITY_COUNT; v++)
        if (str_eq(name, names[v]))
            return (enum class_visibility)v;
    return CLASS_HIDDEN;
}

/* ---- lines ---- */

/* Returns the id of a case without the case's name, and without what made it unique behind that. */
static const char *submission_of(struct class_reader *r, const char *id, const char *name)
{
    size_t n = strlen(id), tail = strlen(name) + 1;
    const char *mark = strrchr(id, '#');

    if ((n <= tail || !str_eq(id + n - tail + 1, name)) && mark != NULL)
        n = (size_t)(mark - id);
    r->scratch.len = 0;
    strbuf_add(&r->scratch, id, n > tail ? n - tail : n);
    return r->scratch.data;
}

static void take_case(struct class_reader *r, const json_t *line, const char *id, const char *name)
{
    const json_t *usage = json_object_get(line, "usage"), *logs = json_object_get(line, "logs");
    struct read_case *c;

    r->cases = grow(r->cases, r->n_cases, &r->case_room, sizeof(*r->cases));
    c = &r->cases[r->n_cases++];
    *c = (struct read_case){
        .of = keep_shared(r, submission_of(r, id, name), &r->last_of),
        .number = json_integer_value(json_object_get(line, "number")),
        .c = {.name = arena_strdup(r->arena, name),
              .group = keep_shared(r, json_lines_text(line, "group"), &r->last_group),
              .description = keep_text(r, line, "description"),
              .hint = keep_text(r, line, "hint"),
              .evidence = keep_text(r, line, "evidence"),
              .for_all = keep_text(r, line, "message_for_all"),
              .for_staff = keep_text(r, line, "message_for_staff"),
              .stdout_log = keep_text(r, logs, "stdout"),
              .stderr_log = keep_text(r, logs, "stderr"),
              .points = keep_points(line, "points"),
              .score = keep_number(line, "score", 1000),
              .cpu_ns = keep_number(usage, "cpu_seconds", 1e9),
              .memory_bytes = keep_number(usage, "memory_anonymous_peak_bytes", 1),
              .verdict = keep_verdict(line),
              .visibility = keep_visibility(line)},
    };
}

/* Any other job may be what a submission starts from. */
static void take_before(struct class_reader *r, const json_t *line, const char *id)
{
    const json_t *logs = json_object_get(line, "logs");

    r->others = grow(r->others, r->n_others, &r->before_room, sizeof(*r->others));
    r->others[r->n_others++] = (struct class_before){.id = arena_strdup(r->arena, id),
                                                     .evidence = keep_text(r, line, "evidence"),
                                                     .stdout_log = keep_text(r, logs, "stdout"),
                                                     .stderr_log = keep_text(r, logs, "stderr"),
                                                     .verdict = keep_verdict(line)};
}

/* Takes the value of the key by which students are told apart: the one that is wanted, or the only
 * one that there is. */
static const char *place_of(struct class_reader *r, const json_t *line, const char *id,
                            const char *job)
{
    json_t *matrix = json_object_get(line, "matrix");
    const char *value = NULL, *within = strstr(id, job);

    if (r->wanted->by != NULL)
        value = json_lines_text(matrix, r->wanted->by);
    else if (json_object_size(matrix) == 1)
        value = json_string_value(json_object_iter_value(json_object_iter(matrix)));
    if (value != NULL || r->wanted->by != NULL)
        return value != NULL ? arena_strdup(r->arena, value) : NULL;
    /* of several keys: all of them, as they stand in the id */
    if (within != NULL && within[strlen(job)] == '/')
        id = within + strlen(job) + 1;
    return arena_strdup(r->arena, id);
}

static const struct class_group *keep_groups(struct class_reader *r, const json_t *line,
                                             size_t *ret_n)
{
    json_t *groups = json_object_get(line, "groups");
    size_t n = json_array_size(groups);
    struct class_group *list = arena_alloc(r->arena, (n + 1) * sizeof(*list));

    *ret_n = 0;
    for (size_t i = 0; i < n; i++) {
        const json_t *g = json_array_get(groups, i);
        const char *name = keep_text(r, g, "name");

        if (name != NULL)
            list[(*ret_n)++] = (struct class_group){.name = name,
                                                    .points = keep_points(g, "points"),
                                                    .score = keep_number(g, "score", 1000)};
    }
    return list;
}

static void take_submission(struct class_reader *r, const json_t *line, const char *id)
{
    const char *job = json_lines_text(line, "of");
    struct read_submission *s;

    if (job == NULL || (r->wanted->job != NULL && !str_eq(job, r->wanted->job)))
        return;
    r->list = grow(r->list, r->n, &r->room, sizeof(*r->list));
    s = &r->list[r->n++];
    *s = (struct read_submission){
        .job = arena_strdup(r->arena, job),
        .file = keep_text(r, line, "file"),
        .from = keep_text(r, line, "from"),
        .place = place_of(r, line, id, job),
        .s = {.id = arena_strdup(r->arena, id),
              .verdict = keep_verdict(line),
              .first_bad = keep_text(r, line, "first_bad"),
              .points = keep_points(line, "points"),
              .score = keep_number(line, "score", 1000)},
    };
    s->s.groups = keep_groups(r, line, &s->s.n_groups);
}

static int take_line(void *data, const json_t *line)
{
    struct class_reader *r = data;
    const char *id = json_lines_text(line, "id"), *name = json_lines_text(line, "case"),
               *submission = json_lines_text(line, "submission");

    if (submission != NULL)
        take_submission(r, line, submission);
    else if (id == NULL || json_object_get(line, "step") != NULL)
        return 0;
    r->n_runs += submission == NULL;
    r->n_known += submission == NULL && json_object_get(line, "cached") != NULL;
    if (submission != NULL)
        return 0;
    if (name != NULL)
        take_case(r, line, id, name);
    else
        take_before(r, line, id);
    return 0;
}

/* ---- what belongs together ---- */

static int compare_cases(const void *a_, const void *b_)
{
    const struct read_case *a = a_, *b = b_;
    int r = strcmp(a->of, b->of);

    if (r == 0)
        r = (a->number > b->number) - (a->number < b->number);
    return r != 0 ? r : strcmp(a->c.name, b->c.name);
}

static int compare_others(const void *a, const void *b)
{
    return strcmp(((const struct class_before *)a)->id, ((const struct class_before *)b)->id);
}

static int compare_submissions(const void *a, const void *b)
{
    return strcmp(((const struct read_submission *)a)->s.id,
                  ((const struct read_submission *)b)->s.id);
}

static const char *last_component(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

/* Returns where a path that ends at `end` begins: at the first slash that begins a word. */
static const char *path_before(const char *text, const char *end)
{
    for (const char *p = text; p < end; p++)
        if (*p == '/' && (p == text || p[-1] == ' ' || p[-1] == '\''))
            return p;
    return end;
}

/* Returns a text in which the submission's path is its last component: where it lies on this
 * machine is not for whoever has submitted it. */
static const char *without_place(struct class_reader *r, const char *text, const char *place)
{
    const char *last = place != NULL ? last_component(place) : place, *at;
    struct strbuf *to = &r->scratch;

    if (text == NULL || last == place || strstr(text, place) == NULL)
        return text;
    to->len = 0;
    for (; (at = strstr(text, place)) != NULL; text = at + strlen(place)) {
        strbuf_add(to, text, (size_t)(path_before(text, at) - text));
        strbuf_adds(to, last);
    }
    strbuf_adds(to, text);
    return arena_strdup(r->arena, to->data);
}

/* Gives each submission its cases, and what they start from. All lists are in the order of ids. */
static void join_parts(struct class_reader *r)
{
    struct class_case *cases = arena_alloc(r->arena, (r->n_cases + 1) * sizeof(*cases));
    struct class_before *others = arena_alloc(r->arena, (r->n_others + 1) * sizeof(*others));
    size_t at = 0;

    memcpy(others, r->others != NULL ? r->others : others, r->n_others * sizeof(*others));
    for (size_t i = 0; i < r->n_cases; i++)
        cases[i] = r->cases[i].c;
    for (size_t i = 0; i < r->n; i++) {
        struct read_submission *s = &r->list[i];
        const struct class_before wanted = {.id = s->from};
        struct class_before *before = NULL;

        while (at < r->n_cases && strcmp(r->cases[at].of, s->s.id) < 0)
            at++;
        s->s.cases = &cases[at];
        for (; at < r->n_cases && str_eq(r->cases[at].of, s->s.id); at++) {
            cases[at].evidence = without_place(r, cases[at].evidence, s->place);
            s->s.n_cases++;
        }
        if (s->from != NULL && r->n_others > 0)
            before = bsearch(&wanted, others, r->n_others, sizeof(*others), compare_others);
        if (before != NULL)
            before->evidence = without_place(r, before->evidence, s->place);
        s->s.before = before;
    }
}

static void sort_parts(struct class_reader *r)
{
    if (r->n_cases > 0)
        qsort(r->cases, r->n_cases, sizeof(*r->cases), compare_cases);
    if (r->n_others > 0)
        qsort(r->others, r->n_others, sizeof(*r->others), compare_others);
    if (r->n > 0)
        qsort(r->list, r->n, sizeof(*r->list), compare_submissions);
}

/* ---- whose it is ---- */

/* Names the student of each: the last component of the path, where that is unique, and where the
 * roster has it only without its ending, without. Two paths whose bytes differ may read the same in
 * results ("\xFF" for a byte that is no text): ids, which tell such apart, are these students'. */
static void name_students(struct class_reader *r)
{
    const struct roster *roster = r->wanted->roster;
    struct strset seen = {0}, twice = {0}, places = {0}, alike = {0};

    for (size_t i = 0; i < r->n; i++) {
        if (!strset_add(&seen, last_component(r->list[i].place)))
            (void)strset_add(&twice, last_component(r->list[i].place));
        if (!strset_add(&places, r->list[i].place))
            (void)strset_add(&alike, r->list[i].place);
    }
    for (size_t i = 0; i < r->n; i++) {
        struct class_submission *s = &r->list[i].s;
        const char *name = last_component(r->list[i].place), *dot = strrchr(name, '.');

        s->student = strset_has(&twice, name) ? r->list[i].place : name;
        if (r->wanted->by == NULL && strset_has(&alike, r->list[i].place))
            s->student = s->id;
        s->entry = roster != NULL ? roster_find(roster, s->student) : NULL;
        if (roster == NULL || s->entry != NULL || dot == NULL || dot == name)
            continue;
        name = arena_strndup(r->arena, s->student, (size_t)(dot - s->student));
        s->entry = roster_find(roster, name);
        s->student = s->entry != NULL ? name : s->student;
    }
    strset_free(&seen);
    strset_free(&twice);
    strset_free(&places);
    strset_free(&alike);
}

/* ---- names that are not seen as they are ---- */

/* Whether it is; else adds it with the bytes of what is not seen written out: "%1B". */
static bool spell_name(const char *name, struct strbuf *to)
{
    const unsigned char *p = (const unsigned char *)name;
    size_t n = strlen(name);
    bool plain = true;

    for (size_t i = 0, length; i < n; i += length) {
        uint32_t c = 0;

        length = text_decode(p + i, n - i, &c);
        if (length != 0 && !text_is_hidden(c)) {
            strbuf_add(to, p + i, length);
            continue;
        }
        length = length == 0 ? 1 : length;
        for (size_t k = 0; k < length; k++)
            strbuf_addf(to, "%%%02X", p[i + k]);
        plain = false;
    }
    return plain;
}

/* Spells such names so that no two students look the same, whatever shows them: who is called as
 * another with an escape sequence before it would have that one's row in a table. */
static void spell_names(struct class_reader *r)
{
    struct strset taken = {0};

    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < r->n; i++) {
            struct class_submission *s = &r->list[i].s;
            cleanup_strbuf struct strbuf spelt = {0};
            bool plain = spell_name(s->student, &spelt) || weakened("spelt-names");
            const char *name = spelt.data;

            if (plain == (pass == 1))
                continue;
            if (plain) {
                (void)strset_add(&taken, s->student);
                continue;
            }
            for (unsigned number = 2; !strset_add(&taken, name); number++)
                name = arena_printf(r->arena, "%s#%u", spelt.data, number);
            s->student = name != spelt.data ? name : arena_strdup(r->arena, name);
        }
    strset_free(&taken);
}

static int compare_students(const void *a, const void *b)
{
    return strcmp(((const struct class_submission *)a)->student,
                  ((const struct class_submission *)b)->student);
}

/* Adds who is in the roster and has submitted nothing. */
static void add_absent(struct class_reader *r, struct class_submission *list, size_t *n)
{
    const struct roster *roster = r->wanted->roster;
    struct strset here = {0};

    for (size_t i = 0; i < *n; i++)
        if (list[i].entry != NULL)
            (void)strset_add(&here, list[i].entry->id);
    for (size_t i = 0; i < roster->n; i++)
        if (!strset_has(&here, roster->list[i].id))
            list[(*n)++] =
                (struct class_submission){.student = arena_strdup(r->arena, roster->list[i].id),
                                          .entry = &roster->list[i],
                                          .verdict = REPORTS_SKIPPED,
                                          .points = r->n > 0 ? r->list[0].s.points : 0,
                                          .score = CLASS_UNKNOWN};
    strset_free(&here);
}

/* Refuses two submissions of one student. */
static int refuse_equal(const struct class_table *t, struct cupel_error *err)
{
    for (size_t i = 1; i < t->n; i++) {
        const struct class_submission *a = &t->submissions[i - 1], *b = &t->submissions[i];

        if (!str_eq(a->student, b->student))
            continue;
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "'%s' and '%s' are both of student '%s'",
                              a->id != NULL ? a->id : "nothing", b->id != NULL ? b->id : "nothing",
                              a->student);
        cupel_error_hint(err, "grade one of them, or name with --by the key of the matrix that "
                              "tells students apart");
        return -EINVAL;
    }
    return 0;
}

static int make_table(struct class_reader *r, struct class_table **ret, struct cupel_error *err)
{
    size_t absent = r->wanted->roster != NULL ? r->wanted->roster->n : 0;
    struct class_submission *list = arena_alloc(r->arena, (r->n + absent + 1) * sizeof(*list));
    struct class_table *t = arena_alloc(r->arena, sizeof(*t));
    int equal;

    *t = (struct class_table){.arena = r->arena,
                              .title = r->list[0].job,
                              .submissions = list,
                              .n_runs = r->n_runs,
                              .n_known = r->n_known};
    for (size_t i = 0; i < r->n; i++) {
        list[t->n++] = r->list[i].s;
        t->n_unknown += absent > 0 && list[i].entry == NULL;
    }
    if (r->wanted->roster != NULL)
        add_absent(r, list, &t->n);
    qsort(list, t->n, sizeof(*list), compare_students);
    equal = refuse_equal(t, err);
    if (equal == 0)
        *ret = t;
    return equal;
}

/* ---- what is wrong with it ---- */

/* One table is of one job. */
static int refuse_several(const struct class_reader *r, struct cupel_error *err)
{
    const struct read_submission *first = &r->list[0];

    for (size_t i = 1; i < r->n; i++) {
        const struct read_submission *s = &r->list[i];
        bool files = s->file == NULL || first->file == NULL || !str_eq(s->file, first->file);

        if (str_eq(s->job, first->job) && !files)
            continue;
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                              "there are submissions of '%s' (%s) and of '%s' (%s)", first->job,
                              first->file != NULL ? first->file : "?", s->job,
                              s->file != NULL ? s->file : "?");
        cupel_error_hint(err, files ? "report the runs of one job file at a time"
                                    : "say with --job NAME of which of them");
        return -EINVAL;
    }
    return 0;
}

static int check_read(const struct class_reader *r, const char *out, struct cupel_error *err)
{
    if (r->n == 0) {
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                              r->wanted->job != NULL
                                  ? "the results in '%s' have no submissions of a job '%s'"
                                  : "the results in '%s' have no submissions",
                              out, r->wanted->job);
        cupel_error_hint(err, "submissions are what a job with `cases` judges (docs/job-file.md)");
        return -EINVAL;
    }
    for (size_t i = 0; i < r->n; i++) {
        if (r->list[i].place == NULL) {
            (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "the matrix of '%s' has no key '%s'",
                                  r->list[i].s.id, r->wanted->by);
            return -EINVAL;
        }
        if (i > 0 && str_eq(r->list[i - 1].s.id, r->list[i].s.id))
            return cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "there are two submissions '%s'",
                                   r->list[i].s.id);
    }
    return refuse_several(r, err);
}

/* ---- all of it ---- */

/* Opens an out directory to read from it. A run that is going on holds its lock. */
static int open_results(const char *out, int *ret, struct cupel_error *err)
{
    cleanup_close int dir = open(out, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
                      lock = -EBADF;
    int r = dir < 0 ? -errno : outdir_is_marked(dir) ? 0 : -ENOENT;

    if (r < 0) {
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, r == -ENOENT ? 0 : r,
                              r == -ENOENT ? "'%s' has no results of a run" : "cannot open '%s'",
                              out);
        cupel_error_hint(err, "name what the run was given with --out");
        return r;
    }
    lock = openat(dir, OUTDIR_LOCK, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (lock >= 0 && flock(lock, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "a run is writing to '%s'", out);
        cupel_error_hint(err, "wait until it ends");
        return -EWOULDBLOCK;
    }
    *ret = steal_fd(&dir);
    return 0;
}

/* Makes the table of what has been read; 0, or what is wrong with it. */
static int finish_table(struct class_reader *r, const char *out, struct class_table **ret,
                        struct cupel_error *err)
{
    int code;

    sort_parts(r);
    code = check_read(r, out, err);
    if (code < 0)
        return code;
    join_parts(r);
    name_students(r);
    spell_names(r);
    return make_table(r, ret, err);
}

static void free_lists(struct class_reader *r)
{
    free(r->cases);
    free(r->list);
    free(r->others);
    strbuf_free(&r->scratch);
}

int class_check(const struct class_wanted *wanted, const struct reports_submission *list, size_t n,
                struct cupel_error *err)
{
    struct class_reader r = {.arena = arena_new(), .wanted = wanted};
    struct class_table *table = NULL;
    int code;

    for (size_t i = 0; i < n; i++) {
        json_t *line = record_object(&record_submission, &list[i], RECORD_ONLY);

        (void)take_line(&r, line);
        json_decref(line);
    }
    code = finish_table(&r, "", &table, err);
    arena_free(r.arena);
    free_lists(&r);
    return code;
}

int class_read(const char *out, const struct class_wanted *wanted, struct class_table **ret,
               int *ret_dir, struct cupel_error *err)
{
    struct class_reader r = {.arena = arena_new(), .wanted = wanted};
    cleanup_close int dir = -EBADF;
    int code = open_results(out, &dir, err);

    if (code == 0) {
        code = json_lines_read(dir, OUTDIR_JSONL, take_line, &r);
        if (code < 0)
            (void)cupel_error_set(err, CUPEL_ERROR_INPUT, code, "cannot read the results in '%s'",
                                  out);
    }
    if (code == 0)
        code = finish_table(&r, out, ret, err);
    if (code == 0)
        *ret_dir = steal_fd(&dir);
    else
        arena_free(r.arena);
    free_lists(&r);
    return code;
}

void class_free(struct class_table *t)
{
    if (t != NULL)
        arena_free(t->arena);
}

const struct class_submission *class_find(const struct class_table *t, const char *student)
{
    const struct class_submission wanted = {.student = student};

    return t->n > 0 ? bsearch(&wanted, t->submissions, t->n, sizeof(wanted), compare_students)
                    : NULL;
}

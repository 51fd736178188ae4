/* SPDX-License-Identifier: Apache-2.0 */
/* reference_runs: the file's own solutions are run, and what comes of them is compared with what
 * the file says of them. Not responsible for what words it may say that in
 * (jobs/file_references.c). */
#include "harness/grade/grade_private.h"

#include <string.h>

#define REFERENCE_OUT "reference"

/* Returns the bit of a verdict in what is promised; 0: nobody can promise it. */
static uint32_t bit_of(enum reports_verdict verdict)
{
    if (verdict == REPORTS_PASSED)
        return JOBS_PROMISE_PASSED;
    for (enum jobs_bad_end end = 0; end < JOBS_END_COUNT; end++)
        if (str_eq(jobs_bad_end_name(end), reports_verdict_name(verdict)))
            return UINT32_C(1) << end;
    return 0;
}

/* Whether a value of a matrix is this path: of what lies below the file's directory, the rest of
 * it. */
static bool is_path(const struct jobs_plan *plan, const char *value, const char *path)
{
    size_t n = strlen(plan->dir);

    return str_eq(value, path) ||
           (strncmp(path, plan->dir, n) == 0 && path[n] == '/' && str_eq(value, path + n + 1));
}

/* Whether a submission of the second reading is this solution. */
static bool is_reference(const struct jobs_plan *runs, const struct jobs_judged *j,
                         const struct jobs_reference *ref)
{
    const char *const *values = j->n > 0 ? runs->jobs[j->first].matrix : NULL;

    for (; values != NULL && *values != NULL; values++)
        if (is_path(runs, strchr(*values, '=') + 1, ref->submission.path))
            return true;
    return false;
}

static const struct class_submission *result_of(const struct class_table *t, const char *id)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->submissions[i].id != NULL && str_eq(t->submissions[i].id, id))
            return &t->submissions[i];
    return NULL;
}

/* Adds where a submission was not as promised: the first bad case, and why. */
static void add_first_bad(const struct class_submission *s, struct strbuf *to)
{
    const char *evidence = NULL;

    if (s->first_bad == NULL)
        return;
    strbuf_addf(to, " at %s", s->first_bad);
    for (size_t i = 0; i < s->n_cases; i++)
        if (str_eq(s->cases[i].name, s->first_bad))
            evidence = s->cases[i].evidence;
    if (s->before != NULL && str_eq(s->before->id, s->first_bad))
        evidence = s->before->evidence;
    if (evidence != NULL && *evidence != '\0')
        strbuf_addf(to, ": %s", evidence);
}

/* Says what came of one where it is not as promised; whether it is. */
static bool is_as_promised(const struct jobs_reference *ref, const struct class_submission *s)
{
    cleanup_strbuf struct strbuf text = {0}, shown = {0};

    if (s != NULL && class_is_graded(s) && (bit_of(s->verdict) & ref->promised) != 0)
        return true;
    strbuf_addf(&text, "%s is to be %s", ref->submission.path, ref->word);
    if (ref->line > 0)
        strbuf_addf(&text, " (line %d)", ref->line);
    strbuf_adds(&text, ", and ");
    if (s == NULL || !class_is_graded(s)) {
        strbuf_adds(&text, "could not be judged");
        if (s != NULL) {
            strbuf_adds(&text, ": ");
            class_add_reason(s, &text);
        }
    } else {
        strbuf_addf(&text, "came out as %s", reports_verdict_name(s->verdict));
        add_first_bad(s, &text);
    }
    text_add_line(&shown, text.data);
    (void)fprintf(stderr, "cupel: reference: %s\n", shown.data);
    return false;
}

/* Compares all that came of one solution: there is more, where the matrix has more keys. */
static bool keeps_promise(const struct grade_chosen *c, const struct class_table *t,
                          const struct jobs_reference *ref)
{
    bool keeps = true, any = false;

    for (size_t i = 0; i < c->plan->n_judged; i++) {
        const struct jobs_judged *j = &c->plan->judged[i];

        if (!grade_is_judged(c, j) || !is_reference(c->plan, j, ref))
            continue;
        any = true;
        keeps &= is_as_promised(ref, result_of(t, j->name));
    }
    return any ? keeps : is_as_promised(ref, NULL);
}

static int compare_all(const struct grade_chosen *c, const struct jobs_plan *plan, const char *out,
                       size_t *ret_broken, struct cupel_error *err)
{
    const struct class_wanted wanted = {.job = c->job};
    cleanup_close int logs = -EBADF;
    struct class_table *table = NULL;
    int r = class_read(out, &wanted, &table, &logs, err);

    for (size_t i = 0; r == 0 && i < plan->n_references; i++)
        *ret_broken += !keeps_promise(c, table, &plan->references[i]);
    class_free(table);
    return r;
}

int grade_references(const struct grade_options *o, struct jobs_plan *references,
                     const struct jobs_plan *plan, int *ret_exit, struct cupel_error *err)
{
    cleanup_free char *out = xasprintf("%s/" REFERENCE_OUT, o->run.out);
    cleanup_strbuf struct strbuf text = {0};
    struct grade_estimate estimate;
    struct grade_chosen chosen = {0};
    size_t broken = 0;
    int r = grade_choose(o, references, &chosen, err);

    if (r < 0)
        return r;
    grade_estimate(&chosen, grade_slots(o), GRADE_UNKNOWN, &estimate);
    grade_estimate_say(&estimate, &text);
    (void)fprintf(stderr, "cupel: the file's own solutions first: %s\n", text.data);
    r = reports_out_claim(o->run.out, err);
    if (r == 0)
        r = grade_run(o, &chosen, out, ret_exit, err);
    if (r == 0 && *ret_exit != 130) {
        r = compare_all(&chosen, plan, out, &broken, err);
        *ret_exit = broken > 0 ? CUPEL_ERROR_HARNESS : 0;
    }
    if (r == 0 && *ret_exit == 0)
        (void)fprintf(stderr, "cupel: %zu of %zu solutions came out as the file says\n",
                      plan->n_references, plan->n_references);
    if (r == 0 && broken > 0)
        (void)fprintf(stderr,
                      "cupel: %zu of %zu solutions did not come out as the file says: "
                      "nothing of the class was run (see %s)\n",
                      broken, plan->n_references, out);
    grade_chosen_free(&chosen);
    return r;
}

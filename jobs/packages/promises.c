/* SPDX-License-Identifier: Apache-2.0 */
/* promises: whether a package keeps what it promises: each submission comes to what its folder and
 * submissions.yaml say, validators accept and reject what they have to, and the time limit lies
 * between the times of the slowest that has to be in time and of the fastest that must not. */
#include "jobs/packages/package.h"

#include <string.h>

struct case_result {
    unsigned outcome; /* 0: not known */
    uint64_t cpu_ns;
    const char *messages;
};

struct submission_result {
    bool is_uncompiled, has_score;
    uint64_t score;
    struct case_result *cases; /* by number */
};

/* How a case that is for validators alone did. */
struct checked_case {
    const struct test_case *of;
    size_t n_accepted, n_rejected; /* by input validators */
    size_t n_at_fault;             /* of those, that did neither */
    const char *at_fault, *how;    /* the first of these, and its verdict */
    unsigned output;               /* OUTCOME_ACCEPTED, OUTCOME_WRONG, or 0 */
};

struct jobs_package_check {
    struct problem_package p;
    struct jobs_packaging asked;
    const struct test_case **judged; /* by number: in the order of their names */
    size_t n_judged, n_checked;
    struct submission_result *submissions;
    struct checked_case *checked; /* all cases of the package, by name */
    /* while it is said */
    struct strbuf *out;
    struct jobs_package_found found;
    uint64_t lower_ns, upper_ns; /* of the time limit; upper: UINT64_MAX: none */
    const char *lower_of, *upper_of;
};

/* ---- which is which ---- */

static int compare_judged(const void *a, const void *b)
{
    return strcmp((*(const struct test_case *const *)a)->name,
                  (*(const struct test_case *const *)b)->name);
}

static int compare_checked(const void *a, const void *b)
{
    return strcmp(((const struct checked_case *)a)->of->name,
                  ((const struct checked_case *)b)->of->name);
}

static struct checked_case *find_checked(struct jobs_package_check *c, const char *name)
{
    const struct test_case of = {.name = name};
    const struct checked_case key = {.of = &of};

    return bsearch(&key, c->checked, c->n_checked, sizeof(key), compare_checked);
}

static struct case_result *find_result(struct jobs_package_check *c, size_t submission,
                                       const char *name)
{
    const struct test_case key = {.name = name}, *at = &key;
    const struct test_case **found =
        bsearch(&at, c->judged, c->n_judged, sizeof(*c->judged), compare_judged);

    return found == NULL ? NULL : &c->submissions[submission].cases[found - c->judged];
}

/* Finds the submission that an id names behind `prefix`, and what follows it; submissions of a
 * package are two names, the folder's and their own. */
static bool find_submission(const struct jobs_package_check *c, const char *id, const char *prefix,
                            size_t *ret, const char **ret_rest)
{
    const struct package_texts *all = &c->p.submissions;

    if (!str_starts(id, prefix))
        return false;
    id += strlen(prefix);
    for (size_t i = 0; i < all->n; i++) {
        size_t n = strlen(all->items[i]);

        if (strncmp(all->items[i], id, n) == 0 && (id[n] == '/' || id[n] == '\0')) {
            *ret = i;
            *ret_rest = id + n + (id[n] == '/');
            return true;
        }
    }
    return false;
}

static void list_cases(struct jobs_package_check *c)
{
    struct problem_package *p = &c->p;
    size_t n = 0;

    c->n_judged = p->cases[CASE_JUDGED].n;
    c->judged = xcalloc(c->n_judged, sizeof(*c->judged));
    for (unsigned kind = 0; kind < CASE_KIND_COUNT; kind++)
        c->n_checked += p->cases[kind].n;
    c->checked = xcalloc(c->n_checked, sizeof(*c->checked));
    c->n_checked = 0;
    for (unsigned kind = 0; kind < CASE_KIND_COUNT; kind++)
        for (const struct test_case *of = p->cases[kind].first; of != NULL; of = of->next) {
            c->checked[c->n_checked++].of = of;
            if (kind == CASE_JUDGED)
                c->judged[n++] = of;
        }
    qsort(c->judged, c->n_judged, sizeof(*c->judged), compare_judged);
    qsort(c->checked, c->n_checked, sizeof(*c->checked), compare_checked);
    c->submissions = xcalloc(p->submissions.n + 1, sizeof(*c->submissions));
    for (size_t i = 0; i < p->submissions.n; i++)
        c->submissions[i].cases = xcalloc(c->n_judged, sizeof(*c->submissions[i].cases));
}

int jobs_package_check_write(const struct jobs_packaging *what, struct jobs_converted *ret_made,
                             struct jobs_package_check **ret, struct cupel_error *err)
{
    struct jobs_package_check *c = xcalloc(1, sizeof(*c));
    int r;

    c->asked = *what;
    c->asked.verify = true;
    package_init(&c->p, &c->asked, &ret_made->notes);
    r = package_convert(&c->p, ret_made, err);
    if (r < 0) {
        package_free(&c->p);
        free(c);
        return r;
    }
    list_cases(c);
    *ret = c;
    return 0;
}

void jobs_package_check_free(struct jobs_package_check *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->p.submissions.n; i++)
        free(c->submissions[i].cases);
    free(c->submissions);
    free(c->judged);
    free(c->checked);
    package_free(&c->p);
    free(c);
}

/* ---- what came of it ---- */

static unsigned outcome_of(const struct jobs_package_outcome *o)
{
    static const struct {
        const char *verdict;
        unsigned outcome;
    } outcomes[] = {
        {"passed", OUTCOME_ACCEPTED},      {"timeout", OUTCOME_SLOW},
        {"cpu-limit", OUTCOME_SLOW},       {"signaled", OUTCOME_CRASHED},
        {"memory-limit", OUTCOME_CRASHED}, {"pids-limit", OUTCOME_CRASHED},
        {"disk-limit", OUTCOME_CRASHED},   {"output-limit", OUTCOME_CRASHED},
    };

    if (str_eq(o->verdict, "failed")) /* by its exit code, or by what it has printed */
        return o->exit > 0 ? OUTCOME_CRASHED : OUTCOME_WRONG;
    for (size_t i = 0; i < ARRAY_SIZE(outcomes); i++)
        if (str_eq(outcomes[i].verdict, o->verdict))
            return outcomes[i].outcome;
    return 0;
}

/* Notes a job of an input validator, "input-NAME/CASE". Any exit code but 42 rejects, as the format
 * says; one that a signal or a limit has ended has said nothing of the input. */
static void note_input(struct jobs_package_check *c, const struct jobs_package_outcome *o)
{
    const char *name = o->id + strlen("input-"), *slash = strchr(name, '/');
    struct checked_case *checked = slash != NULL ? find_checked(c, slash + 1) : NULL;

    if (checked == NULL || outcome_of(o) == 0)
        return;
    if (str_eq(o->verdict, "passed")) {
        checked->n_accepted++;
    } else if (str_eq(o->verdict, "failed")) {
        checked->n_rejected++;
    } else if (checked->n_at_fault++ == 0) {
        checked->at_fault = arena_strndup(c->p.arena, name, (size_t)(slash - name));
        checked->how = arena_strdup(c->p.arena, o->verdict);
    }
}

void jobs_package_check_note(struct jobs_package_check *c, const struct jobs_package_outcome *o)
{
    struct checked_case *checked;
    struct case_result *result;
    const char *rest;
    size_t i;

    if (find_submission(c, o->id, "grade/SUBMISSION=", &i, &rest)) {
        result = find_result(c, i, rest);
        if (result == NULL)
            return;
        result->outcome = outcome_of(o);
        result->cpu_ns = o->cpu_ns;
        result->messages = o->messages != NULL ? arena_strdup(c->p.arena, o->messages) : NULL;
    } else if (find_submission(c, o->id, "compile/SUBMISSION=", &i, &rest)) {
        c->submissions[i].is_uncompiled =
            str_eq(o->verdict, "compile-error") || str_eq(o->verdict, "invalid-submission");
    } else if (str_starts(o->id, "outputs/")) {
        checked = find_checked(c, o->id + strlen("outputs/"));
        if (checked != NULL)
            checked->output = str_eq(o->verdict, "passed")   ? OUTCOME_ACCEPTED
                              : str_eq(o->verdict, "failed") ? OUTCOME_WRONG
                                                             : 0;
    } else if (str_starts(o->id, "input-")) {
        note_input(c, o);
    }
}

void jobs_package_check_score(struct jobs_package_check *c, const char *id, uint64_t score)
{
    const char *rest;
    size_t i;

    if (!find_submission(c, id, "grade/SUBMISSION=", &i, &rest))
        return;
    c->submissions[i].has_score = true;
    c->submissions[i].score = score;
}

/* ---- what is said ---- */

BASE_PRINTF(2, 3)
static void broken(struct jobs_package_check *c, const char *format, ...)
{
    cleanup_strbuf struct strbuf text = {0};
    va_list args;

    va_start(args, format);
    strbuf_vaddf(&text, format, args);
    va_end(args);
    c->found.n_broken++;
    strbuf_addf(c->out, "  NOT AS PROMISED: %s\n", package_shown(&c->p, text.data));
}

static const char *time_text(struct problem_package *p, uint64_t ns)
{
    char buf[UNIT_TEXT_SIZE];

    return arena_strdup(p->arena, unit_format_duration(ns, buf));
}

/* Whose word it is: the folder's, or that of submissions.yaml with its line. */
static const char *source_of(struct problem_package *p, const struct expectation *e)
{
    return e->place == NULL ? arena_printf(p->arena, "'%s'", e->submissions)
                            : arena_printf(p->arena, "'%s'%s%s (submissions.yaml, line %u)",
                                           e->submissions, e->cases != NULL ? ", " : "",
                                           e->cases != NULL ? e->cases : "", e->place->place.line);
}

/* What a submission came to in the cases that an expectation is about. */
struct summary {
    unsigned outcomes;
    size_t n;
    uint64_t slowest_ns;
    const char *slowest, *bad; /* names of cases; bad: the first that is not permitted */
    unsigned bad_outcome;
    bool has_message;
};

static struct summary sum_up(const struct jobs_package_check *c, size_t submission,
                             const struct expectation *e)
{
    struct summary s = {0};

    for (size_t i = 0; i < c->n_judged; i++) {
        const struct case_result *r = &c->submissions[submission].cases[i];
        const char *name = c->judged[i]->name;

        if (r->outcome == 0 || (e != NULL && e->cases != NULL && !package_matches(e->cases, name)))
            continue;
        s.n++;
        s.outcomes |= r->outcome;
        if (r->cpu_ns >= s.slowest_ns) {
            s.slowest_ns = r->cpu_ns;
            s.slowest = name;
        }
        if (e != NULL && e->permitted != 0 && (r->outcome & ~e->permitted) != 0 && s.bad == NULL) {
            s.bad = name;
            s.bad_outcome = r->outcome;
        }
        s.has_message |= e != NULL && e->message != NULL && r->messages != NULL &&
                         strstr(r->messages, e->message) != NULL;
    }
    return s;
}

/* Narrows what the time limit may be. */
static void bound_limit(struct jobs_package_check *c, const char *name, const struct expectation *e,
                        const struct summary *s)
{
    const struct posed_limits *l = &c->p.problem.limits;
    bool is_lower = e->timing == TIMING_LOWER || (e->timing == TIMING_USUAL && e->permitted != 0 &&
                                                  (e->permitted & OUTCOME_SLOW) == 0);
    bool is_upper =
        e->timing == TIMING_UPPER || (e->timing == TIMING_USUAL && e->required == OUTCOME_SLOW);
    uint64_t lower = s->slowest_ns / 1000 * l->accepted_to_limit;
    uint64_t upper = s->slowest_ns / l->limit_to_slow * 1000;

    if (s->n == 0)
        return;
    if (is_lower && (c->lower_of == NULL || lower > c->lower_ns)) {
        c->lower_ns = lower;
        c->lower_of = arena_printf(c->p.arena, "%s took %s in %s", name,
                                   time_text(&c->p, s->slowest_ns), s->slowest);
    }
    if (is_upper && (c->upper_of == NULL || upper < c->upper_ns)) {
        c->upper_ns = upper;
        c->upper_of = arena_printf(c->p.arena, "%s took %s or more in %s", name,
                                   time_text(&c->p, s->slowest_ns), s->slowest);
    }
}

static uint64_t points_of_all(const struct problem_package *p)
{
    uint64_t sum = 0;

    for (const struct test_group *g = p->root.first; g != NULL; g = g->next)
        sum += g->points;
    return sum;
}

static void check_score(struct jobs_package_check *c, const struct submission_result *r,
                        const struct expectation *e)
{
    if (e->has_score && (!r->has_score || r->score < e->least || r->score > e->most))
        broken(c, "%s has it have from %g to %g points", source_of(&c->p, e),
               (double)e->least / 1000, (double)e->most / 1000);
    if (e->is_partial && r->has_score && (r->score == 0 || r->score == points_of_all(&c->p)))
        broken(c, "%s has it have some of the points, and not all", source_of(&c->p, e));
}

static void check_expectation(struct jobs_package_check *c, size_t i, const struct expectation *e)
{
    const char *name = c->p.submissions.items[i];
    struct summary s = sum_up(c, i, e);

    if (s.bad != NULL)
        broken(c, "%s permits %s, and %s is %s", source_of(&c->p, e),
               package_outcome_words(&c->p, e->permitted), s.bad,
               package_outcome_words(&c->p, s.bad_outcome));
    if (e->required != 0 && (s.outcomes & e->required) == 0)
        broken(c, "%s has at least one case be %s", source_of(&c->p, e),
               package_outcome_words(&c->p, e->required));
    if (e->message != NULL && !s.has_message)
        broken(c, "%s has the validator say '%s'", source_of(&c->p, e), e->message);
    check_score(c, &c->submissions[i], e);
    bound_limit(c, name, e, &s);
}

static void say_outcomes(struct jobs_package_check *c, size_t i)
{
    static const unsigned outcomes[] = {OUTCOME_ACCEPTED, OUTCOME_WRONG, OUTCOME_SLOW,
                                        OUTCOME_CRASHED};
    struct summary s = sum_up(c, i, NULL);

    for (size_t k = 0; k < ARRAY_SIZE(outcomes); k++) {
        size_t n = 0;

        for (size_t j = 0; j < c->n_judged; j++)
            n += c->submissions[i].cases[j].outcome == outcomes[k];
        if (n > 0)
            strbuf_addf(c->out, " %zu %s,", n, package_outcome_words(&c->p, outcomes[k]));
    }
    if (c->submissions[i].has_score && c->p.problem.scoring)
        strbuf_addf(c->out, " %g points,", (double)c->submissions[i].score / 1000);
    if (s.slowest != NULL)
        strbuf_addf(c->out, " at most %s (%s)", time_text(&c->p, s.slowest_ns), s.slowest);
    strbuf_adds(c->out, "\n");
}

static void say_submission(struct jobs_package_check *c, size_t i)
{
    const char *name = c->p.submissions.items[i];
    size_t n_unknown = 0, n_expected = 0;

    strbuf_addf(c->out, "submissions/%s:", name);
    if (c->submissions[i].is_uncompiled) {
        strbuf_adds(c->out, " it cannot be made\n");
        broken(c, "a submission of the package's own can be made");
        return;
    }
    say_outcomes(c, i);
    for (size_t j = 0; j < c->n_judged; j++)
        n_unknown += c->submissions[i].cases[j].outcome == 0;
    if (n_unknown > 0) {
        c->found.n_unjudged++;
        strbuf_addf(c->out, "  not judged: %zu of its cases\n", n_unknown);
        return;
    }
    for (const struct expectation *e = c->p.expectations; e != NULL; e = e->next)
        if (package_matches(e->submissions, name)) {
            n_expected++;
            check_expectation(c, i, e);
        }
    if (n_expected == 0)
        strbuf_adds(c->out, "  nothing is expected of it\n");
}

static void say_output(struct jobs_package_check *c, const struct checked_case *of)
{
    bool is_valid = of->of->group->kind == CASE_VALID_OUTPUT;

    strbuf_addf(c->out, "data/%s.out: %s\n", of->of->name,
                of->output == OUTCOME_ACCEPTED ? "accepted"
                : of->output == OUTCOME_WRONG  ? "rejected"
                                               : "not judged");
    if (of->output == 0)
        c->found.n_unjudged++;
    else if (is_valid != (of->output == OUTCOME_ACCEPTED))
        broken(c, "the validator of output has to %s it", is_valid ? "accept" : "reject");
}

static void say_input(struct jobs_package_check *c, const struct checked_case *of, size_t n)
{
    bool is_invalid = of->of->group->kind == CASE_INVALID_INPUT;

    if (of->n_at_fault > 0) {
        strbuf_addf(c->out, "data/%s.in: not judged by all validators\n", of->of->name);
        broken(c, "input_validators/%s has to accept or to reject it, and ended as '%s'",
               of->at_fault, of->how);
    }
    if (of->n_accepted + of->n_rejected + of->n_at_fault < n) {
        strbuf_addf(c->out, "data/%s.in: not judged by all validators\n", of->of->name);
        c->found.n_unjudged++;
    } else if (is_invalid ? of->n_accepted == n : of->n_rejected > 0) {
        strbuf_addf(c->out, "data/%s.in: %s\n", of->of->name, is_invalid ? "accepted" : "rejected");
        broken(c, is_invalid ? "a validator of input has to reject it"
                             : "all validators of input have to accept it");
    }
}

static void say_validators(struct jobs_package_check *c)
{
    size_t n = 0;

    for (const struct package_program *v = c->p.input_validators; v != NULL; v = v->next)
        n++;
    for (size_t i = 0; i < c->n_checked; i++) {
        const struct checked_case *of = &c->checked[i];

        if (of->of->out != NULL && (of->of->group->kind == CASE_VALID_OUTPUT ||
                                    of->of->group->kind == CASE_INVALID_OUTPUT))
            say_output(c, of);
        if (n > 0)
            say_input(c, of, n);
    }
    if (n == 0)
        strbuf_adds(c->out, "input_validators: there are none that are run\n");
    else
        strbuf_addf(c->out, "input_validators: %zu, each on %zu inputs\n", n, c->n_checked);
}

/* The least multiple of the resolution that is not below the bound. */
static uint64_t least_limit(const struct jobs_package_check *c)
{
    uint64_t step = c->p.problem.limits.resolution_ns;
    uint64_t n = (c->lower_ns + step - 1) / step;

    return (n > 0 ? n : 1) * step;
}

static void say_limit(struct jobs_package_check *c)
{
    const struct posed_limits *l = &c->p.problem.limits;
    uint64_t least, said = l->time_ns;

    if (c->lower_of == NULL) {
        strbuf_adds(c->out, "time limit: no submission says how long what is right takes\n");
        return;
    }
    least = least_limit(c);
    strbuf_addf(c->out, "time limit: at least %s, since %s\n", time_text(&c->p, c->lower_ns),
                c->lower_of);
    if (c->upper_of != NULL)
        strbuf_addf(c->out, "time limit: at most %s, since %s\n", time_text(&c->p, c->upper_ns),
                    c->upper_of);
    if (c->upper_of != NULL && least > c->upper_ns) {
        strbuf_adds(c->out, "time limit: none lies between\n");
        broken(c,
               "what is too slow is so by a factor of %g beyond a limit that gives what is right "
               "%g times its time",
               (double)l->limit_to_slow / 1000, (double)l->accepted_to_limit / 1000);
    } else {
        strbuf_addf(c->out, "time limit: %s is the least that does\n", time_text(&c->p, least));
    }
    if (said != 0 && (said < c->lower_ns || (c->upper_of != NULL && said > c->upper_ns)))
        broken(c, "'time_limit' is %s", time_text(&c->p, said));
}

struct jobs_package_found jobs_package_check_say(struct jobs_package_check *c, struct strbuf *out)
{
    c->out = out;
    c->found = (struct jobs_package_found){0};
    c->lower_of = c->upper_of = NULL;
    for (size_t i = 0; i < c->p.submissions.n; i++)
        say_submission(c, i);
    say_validators(c);
    say_limit(c);
    return c->found;
}

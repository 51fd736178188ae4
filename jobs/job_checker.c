/* SPDX-License-Identifier: Apache-2.0 */
/* job_checker: a program that judges what a job wrote, or talks with it. It is read as a job is, by
 * the same keys, and how it tells what it finds is read here. Not responsible for running it, nor
 * for what its exit code means (harness/attempt/checker_protocol.c). */
#include "jobs/limits.h"
#include "jobs/load.h"

#define CHECKER_WALL_NS (30 * NSEC_PER_SEC)
#define CHECKER_MEMORY_BYTES (UINT64_C(512) << 20)

struct checker_draft {
    struct jobs_checker checker; /* first: the table's offsets count from here */
    struct draft draft;
    const struct node *args;
    bool given[JOBS_CHECKED_COUNT]; /* whose exit codes are said */
};

/* ---- keys ---- */

/* Sets what the job's key of the same name sets, for the checker. */
void key_set_of_checker(struct loader *l, const struct key *k, const struct node *value,
                        void *object)
{
    struct checker_draft *c = object;
    const struct key *of_job = key_find(&keys_job, k->name);

    c->checker.has_root |= str_eq(k->name, "rootfs");
    of_job->set(l, of_job, value, &c->draft);
}

/* Keeps the arguments, which follow those of the protocol. */
void key_set_checker_args(struct loader *l, const struct key *k, const struct node *value,
                          void *object)
{
    (void)l;
    (void)k;
    ((struct checker_draft *)object)->args = value;
}

void key_set_checker_exits(struct loader *l, const struct key *k, const struct node *value,
                           void *object)
{
    (void)keys_apply(l, k->sub, value, object);
}

/* One exit code has one meaning: what the file says goes before what the protocol has it be. */
void key_set_checker_exit(struct loader *l, const struct key *k, const struct node *value,
                          void *object)
{
    struct checker_draft *c = object;
    enum jobs_checked meaning = (enum jobs_checked)k->offset;

    if (items_count(value) == 0)
        problem_at(l, value, "'%s' is an empty list", k->name);
    for (const struct node *item = items_first(value); item != NULL;
         item = items_next(value, item)) {
        uint64_t code;

        if (!value_integer(l, item, k->name, 0, k->max, &code))
            continue;
        if (c->checker.meaning[code] != JOBS_CHECKED_NOTHING && c->checker.meaning[code] != meaning)
            problem_at(l, item, "the exit code %s is given two meanings", item->text);
        c->checker.meaning[code] = (uint8_t)meaning;
    }
    c->given[meaning] = true;
}

/* ---- what a protocol has without that ---- */

static const struct {
    enum jobs_protocol protocol;
    uint8_t code;
    enum jobs_checked meaning;
} exit_codes[] = {
    {JOBS_PROTOCOL_KATTIS, 42, JOBS_CHECKED_RIGHT},
    {JOBS_PROTOCOL_KATTIS, 43, JOBS_CHECKED_WRONG},
    {JOBS_PROTOCOL_TESTLIB, 0, JOBS_CHECKED_RIGHT},
    {JOBS_PROTOCOL_TESTLIB, 1, JOBS_CHECKED_WRONG},
    {JOBS_PROTOCOL_TESTLIB, 2, JOBS_CHECKED_PRESENTATION},
    {JOBS_PROTOCOL_TESTLIB, 3, JOBS_CHECKED_FAIL},
    {JOBS_PROTOCOL_TESTLIB, 4, JOBS_CHECKED_DIRT},
    {JOBS_PROTOCOL_TESTLIB, 7, JOBS_CHECKED_POINTS},
    {JOBS_PROTOCOL_TESTLIB, 8, JOBS_CHECKED_UNEXPECTED_END},
    {JOBS_PROTOCOL_CMS, 0, JOBS_CHECKED_POINTS},
    {JOBS_PROTOCOL_EXIT, 0, JOBS_CHECKED_RIGHT},
    {JOBS_PROTOCOL_EXIT, 1, JOBS_CHECKED_WRONG},
};

static void add_exit_codes(struct checker_draft *c)
{
    for (size_t i = 0; i < ARRAY_SIZE(exit_codes); i++) {
        uint8_t *meaning = &c->checker.meaning[exit_codes[i].code];

        if (exit_codes[i].protocol == c->checker.protocol && *meaning == JOBS_CHECKED_NOTHING &&
            !c->given[exit_codes[i].meaning])
            *meaning = (uint8_t)exit_codes[i].meaning;
    }
}

/* Returns what the protocol hands over, in the order of its own documentation. */
static const char *const *protocol_arguments(const struct jobs_checker *c)
{
    static const char *const lists[2][4][4] = {
        {
            [JOBS_PROTOCOL_KATTIS] = {JOBS_CHECKER_INPUT, JOBS_CHECKER_ANSWER,
                                      JOBS_CHECKER_FEEDBACK "/"},
            [JOBS_PROTOCOL_TESTLIB] = {JOBS_CHECKER_INPUT, JOBS_CHECKER_OUTPUT,
                                       JOBS_CHECKER_ANSWER},
            [JOBS_PROTOCOL_EXIT] = {JOBS_CHECKER_INPUT, JOBS_CHECKER_OUTPUT, JOBS_CHECKER_ANSWER},
            [JOBS_PROTOCOL_CMS] = {JOBS_CHECKER_INPUT, JOBS_CHECKER_ANSWER, JOBS_CHECKER_OUTPUT},
        },
        /* of those that talk with the job */
        {
            [JOBS_PROTOCOL_KATTIS] = {JOBS_CHECKER_INPUT, JOBS_CHECKER_ANSWER,
                                      JOBS_CHECKER_FEEDBACK "/"},
            [JOBS_PROTOCOL_TESTLIB] = {JOBS_CHECKER_INPUT, JOBS_CHECKER_LOG, JOBS_CHECKER_ANSWER},
            [JOBS_PROTOCOL_EXIT] = {JOBS_CHECKER_INPUT, JOBS_CHECKER_ANSWER},
        },
    };

    return lists[c->interactive][c->protocol];
}

static size_t count_texts(const char *const *list)
{
    size_t n = 0;

    while (list != NULL && list[n] != NULL)
        n++;
    return n;
}

static void add_arguments(struct loader *l, struct checker_draft *c)
{
    struct jobs_step *step = &c->draft.job.steps[0];
    const char *const *of_protocol = protocol_arguments(&c->checker);
    const char **args = NULL, **argv;
    size_t n = count_texts((const char *const *)step->argv), n_protocol = count_texts(of_protocol),
           n_args;

    if (c->args != NULL && !value_argv(l, c->args, "args", 0, &args))
        return;
    n_args = count_texts((const char *const *)args);
    argv = arena_alloc(l->plan->arena, (n + 1 + n_protocol + n_args + 1) * sizeof(*argv));
    memcpy(argv, step->argv, n * sizeof(*argv));
    if (c->draft.run->kind == NODE_SCALAR)
        argv[n++] = c->draft.shell[0]; /* a script's arguments begin with its name */
    memcpy(argv + n, of_protocol, n_protocol * sizeof(*argv));
    n += n_protocol;
    if (n_args > 0)
        memcpy(argv + n, args, n_args * sizeof(*argv));
    step->argv = argv;
}

/* ---- one checker ---- */

static void set_default_limits(struct jobs_limits *limits)
{
    *limits = (struct jobs_limits){
        .set = 1u << JOBS_LIMIT_WALL | 1u << JOBS_LIMIT_MEMORY,
        .unsaid = 1u << JOBS_LIMIT_WALL | 1u << JOBS_LIMIT_MEMORY,
        .value = {[JOBS_LIMIT_WALL] = CHECKER_WALL_NS, [JOBS_LIMIT_MEMORY] = CHECKER_MEMORY_BYTES}};
}

static void check_places(struct loader *l, const struct draft *d, const char *what)
{
    for (size_t i = 0; i < d->job.n_inputs; i++) {
        const char *to = d->job.inputs[i].to;

        if (to != NULL &&
            (path_lies_in(to, JOBS_CHECKER_DIR) || path_lies_in(JOBS_CHECKER_DIR, to)))
            problem_at(l, d->inputs,
                       "an input of %s cannot be placed at %s: what it judges is at %s", what, to,
                       JOBS_CHECKER_DIR);
    }
}

static void checker_finish(struct loader *l, struct checker_draft *c)
{
    struct draft none, *d = &c->draft;
    struct jobs_limits *limits = &d->job.limits;
    const char *what = c->checker.interactive ? "an interactor" : "a checker";

    draft_init(&none, l->plan->arena);
    draft_finish(l, d, &none);
    inputs_refuse_jobs(l, d, what);
    check_places(l, d, what);
    if (!jobs_limit_is_said(limits, JOBS_LIMIT_MEMORY))
        limits->unsaid |= 1u << JOBS_LIMIT_SWAP;
    if (d->job.has_steps) {
        problem_at(l, d->run, "'run' of %s must be text or an argv list, not a list of steps",
                   what);
        return;
    }
    if (d->run != NULL && d->run->kind == NODE_SCALAR && d->run->found != 0)
        problem_at(
            l, d->run,
            "what a matrix has found, which others have named, would be a part of the script "
            "of %s: hand it over by 'args'",
            what);
    if (d->job.n_steps != 1 || d->job.steps[0].argv == NULL)
        return;
    d->job.steps[0].expect = (struct jobs_expect){.exit = -1}; /* each means something */
    add_exit_codes(c);
    add_arguments(l, c);
}

/* Reads one; NULL: there is none. */
static struct jobs_checker *read_checker(struct loader *l, const struct key *k,
                                         const struct node *value, bool interactive)
{
    struct checker_draft c = {
        .checker = {.line = source_line_of(&l->source, value->place), .interactive = interactive}};
    const char *workdir = l->workdir;
    struct jobs_checker *own;

    if (l->host == NULL) {
        problem_at(l, value->key, "'%s' is for job files", k->name);
        return NULL;
    }
    draft_init(&c.draft, l->plan->arena);
    set_default_limits(&c.draft.job.limits);
    c.draft.job.network = JOBS_NETWORK_NONE;
    c.draft.job.timeout_grace = 0;
    c.draft.job.is_checker = true;
    c.draft.job.name = k->name;
    c.draft.job.line = c.checker.line;
    c.draft.name = value->key;
    if (!keys_apply(l, k->sub, value, &c))
        return NULL;
    c.draft.has_run =
        value->lost || node_child(value, "run") != NULL || key_was_meant(k->sub, value, "run");
    checker_finish(l, &c);
    l->workdir = workdir; /* of the job that it stands in */
    c.checker.job = arena_alloc(l->plan->arena, sizeof(*c.checker.job));
    *c.checker.job = c.draft.job;
    own = arena_alloc(l->plan->arena, sizeof(*own));
    *own = c.checker;
    return own;
}

void key_set_checker(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    struct jobs_checker *own = read_checker(l, k, value, false);

    if (own != NULL)
        ((struct jobs_expect *)object)->checker = own;
}

void key_set_interactive(struct loader *l, const struct key *k, const struct node *value,
                         void *object)
{
    struct jobs_checker *own = read_checker(l, k, value, true);
    struct draft *d = object;

    if (own == NULL)
        return;
    d->interactor = own;
    d->interactive = value->key;
}

void key_set_transcript(struct loader *l, const struct key *k, const struct node *value,
                        void *object)
{
    (void)value_in_unit(l, value, k->name, JOBS_UNIT_SIZE, k->min, k->max,
                        &((struct checker_draft *)object)->checker.transcript);
}

/* ---- those of jobs ---- */

/* What is to be judged is bounded where nobody said how: a checker that reads all of it would reach
 * its own limits, which is no verdict on the job. */
static void bound_output(struct jobs_job *job, uint64_t most)
{
    struct jobs_limits *of_job = &job->limits;
    struct jobs_limits *of_step = &job->steps[job->n_steps - 1].limits;
    const uint32_t said = 1u << JOBS_LIMIT_OUTPUT | 1u << JOBS_LIMIT_STDOUT;

    if (job->output != NULL || ((of_job->set | of_step->set) & said) != 0)
        return;
    if (job->n_steps == 1) /* earlier steps may print what nobody judges */
        of_step = of_job;
    of_step->set |= 1u << JOBS_LIMIT_STDOUT;
    of_step->unsaid |= 1u << JOBS_LIMIT_STDOUT;
    of_step->value[JOBS_LIMIT_STDOUT] = most;
}

/* One that `defaults` give is another one for each job: by its name, and its root. */
void checker_settle(struct loader *l, struct draft *d)
{
    const struct jobs_checker *of;
    struct jobs_checker *own;
    struct jobs_step *last = d->job.n_steps > 0 ? &d->job.steps[d->job.n_steps - 1] : NULL;

    d->job.checker = NULL;
    for (size_t i = 0; i + 1 < d->job.n_steps; i++)
        if (d->job.steps[i].expect.checker != NULL) {
            problem_at(l, d->run,
                       "step '%s' has a checker, which judges when the job is over: it is for the "
                       "last step",
                       d->job.steps[i].name);
            return;
        }
    of = last == NULL ? NULL : d->interactor != NULL ? d->interactor : last->expect.checker;
    if (of == NULL || !budget_charge(l, d->name, 24))
        return;
    own = arena_alloc(l->plan->arena, sizeof(*own));
    *own = *of;
    own->job = arena_alloc(l->plan->arena, sizeof(*own->job));
    *own->job = *of->job;
    own->job->name = arena_printf(l->plan->arena, "%s.%s", d->job.name, jobs_checker_word(own));
    d->job.checker = own;
    bound_output(&d->job, own->interactive ? JOBS_TALKED_MAX : JOBS_CHECKED_MAX);
    if (own->interactive) /* what is expected is the answer that it is given */
        last->expect.checker = own;
}

void checkers_resolve(struct loader *l)
{
    for (size_t i = 0; i < l->plan->n_jobs; i++) {
        const struct jobs_job *job = &l->plan->jobs[i];

        if (job->checker != NULL && !job->checker->has_root)
            job->checker->job->root = job->root;
    }
}

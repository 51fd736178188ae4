/* SPDX-License-Identifier: Apache-2.0 */
/* step: a job's `run` becomes steps with complete argument lists, and `expect` what each of them
 * must do. */
#include "jobs/load.h"

#include <ctype.h>
#include <signal.h>

/* ---- expect ---- */

void key_set_expect(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    refuse_both(l, value, "exit", "signal");
    refuse_both(l, value, "stdout", "stdout-file");
    refuse_both(l, value, "stderr", "stderr-file");
    (void)keys_apply(l, k->sub, value, (char *)object + k->offset);
    compare_check(l, value, (struct jobs_expect *)((char *)object + k->offset));
}

void key_set_exit(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    struct jobs_expect *e = object;
    uint64_t code;

    if (!value_integer(l, value, k->name, k->min, k->max, &code))
        return;
    e->exit = (int)code;
    e->signal = 0; /* from defaults: the own key wins */
}

static int signal_number(const char *text)
{
    const char *name = str_starts(text, "SIG") ? text + 3 : text;

    if (isdigit((unsigned char)text[0])) {
        char *end;
        long v = strtol(text, &end, 10);

        return *end == '\0' && v >= 1 && v <= 64 ? (int)v : 0;
    }
    for (int s = 1; s < 32; s++)
        if (sigabbrev_np(s) != NULL && str_eq(sigabbrev_np(s), name))
            return s;
    return 0;
}

void key_set_signal(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    struct jobs_expect *e = object;
    int s;

    if (!value_is_text(l, value, k->name, "a signal such as SEGV, SIGSEGV or 11"))
        return;
    if (value_refuse_octal(l, value, k->name, "a signal such as SEGV, SIGSEGV or 11 (1 to 64)"))
        return;
    s = signal_number(value->text);
    if (s == 0) {
        (void)value_unexpected(l, value, k->name, "a signal such as SEGV, SIGSEGV or 11 (1 to 64)");
        return;
    }
    e->signal = s;
    e->exit = -1;
}

void key_set_stdout(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    struct jobs_expect *e = object;

    if (!value_text(l, value, k->name, &e->stdout_text))
        return;
    e->stdout_len = value->n;
    e->stdout_file.path = NULL;
}

/* Reads a file of the host; the text that `defaults` may have gives way to it. */
static void expected_file_read(struct loader *l, const struct key *k, const struct node *value,
                               struct jobs_host_path *ret, const char **text, size_t *len)
{
    struct jobs_host_path path;

    if (!value_named_path(l, value, k->name, &path) ||
        !value_host_path_exists(l, value, k->name, false, &path))
        return;
    *ret = path;
    *text = NULL;
    *len = 0;
}

void key_set_stdout_file(struct loader *l, const struct key *k, const struct node *value,
                         void *object)
{
    struct jobs_expect *e = object;

    expected_file_read(l, k, value, &e->stdout_file, &e->stdout_text, &e->stdout_len);
}

void key_set_stderr(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    struct jobs_expect *e = object;

    if (!value_text(l, value, k->name, &e->stderr_text))
        return;
    e->stderr_len = value->n;
    e->stderr_file.path = NULL;
}

void key_set_stderr_file(struct loader *l, const struct key *k, const struct node *value,
                         void *object)
{
    struct jobs_expect *e = object;

    expected_file_read(l, k, value, &e->stderr_file, &e->stderr_text, &e->stderr_len);
}

/* ---- argument lists ---- */

static size_t count_strings(const char *const *list)
{
    size_t n = 0;

    while (list[n] != NULL)
        n++;
    return n;
}

/* shell -c SCRIPT [shell's name ARGS...]: with arguments the shell wants $0 first. */
static const char **script_argv(struct loader *l, const struct draft *d, const char *script,
                                const char **args)
{
    size_t n = count_strings(d->shell), n_args = args != NULL ? count_strings(args) : 0;
    const char **argv = arena_alloc(l->plan->arena, (n + 4 + n_args) * sizeof(*argv));

    memcpy(argv, d->shell, n * sizeof(*argv));
    argv[n++] = "-c";
    argv[n++] = script;
    if (n_args != 0) {
        argv[n++] = d->shell[0];
        memcpy(argv + n, args, n_args * sizeof(*argv));
    }
    return argv;
}

static const char **command_argv(struct loader *l, const char **command, const char **args)
{
    size_t n = count_strings(command), n_args = args != NULL ? count_strings(args) : 0;
    const char **argv;

    if (n_args == 0)
        return command;
    argv = arena_alloc(l->plan->arena, (n + n_args + 1) * sizeof(*argv));
    memcpy(argv, command, n * sizeof(*argv));
    memcpy(argv + n, args, n_args * sizeof(*argv));
    return argv;
}

static void read_command(struct loader *l, const struct draft *d, const char *key,
                         const struct node *run, const char **args, const char ***ret_argv)
{
    const char **command;
    const char *script;

    if (run->kind == NODE_LIST) {
        if (!value_argv(l, run, key, 1, &command))
            return;
        if (command[0][0] == '\0')
            problem_at(l, run->first, "the name of the program in '%s' is empty", key);
        *ret_argv = command_argv(l, command, args);
        return;
    }
    if (run->kind == NODE_SCALAR && run->n == 0 && !run->plain)
        problem_at(l, run, "'%s' is empty", key);
    else if (value_argument(l, run, key, &script))
        *ret_argv = script_argv(l, d, script, args);
}

/* ---- steps ---- */

/* A step's values as keys_step stores them: by offset, in this order. */
struct step_nodes {
    const struct node *name;
    const struct node *run;
    const struct node *expect;
    const struct node *limits;
    enum jobs_step_when when; /* read already */
};

void key_set_step_when(struct loader *l, const struct key *k, const struct node *value,
                       void *object)
{
    struct step_nodes *nodes = object;
    size_t index;

    if (value_choice(l, value, k, &index))
        nodes->when = (enum jobs_step_when)index;
}

/* Steps share the job's cgroup and file system, so only what is counted per command can differ
 * between them. */
static void step_limits_read(struct loader *l, const struct node *map, struct jobs_limits *limits)
{
    (void)keys_apply(l, &keys_limits, map, limits);
    for (const struct node *v = map->first; v != NULL; v = v->next)
        for (size_t i = 0; i < JOBS_LIMIT_COUNT; i++) {
            size_t n = strcspn(jobs_limit_table[i].key, "."); /* "io" of "io.read-bps" */

            if (v->key->n == n && strncmp(v->key->text, jobs_limit_table[i].key, n) == 0 &&
                !jobs_limit_table[i].per_step) {
                problem_at(l, v->key,
                           "the limit '%s' holds for a whole job; it cannot stand in a step",
                           v->key->text);
                break;
            }
        }
}

static void step_name_read(struct loader *l, const struct node *name, struct jobs_step *step)
{
    if (!value_is_text(l, name, "name", "text"))
        return;
    if (name->n == 0 || name->n > LOAD_NAME_MAX || strchr(name->text, '\n') != NULL)
        (void)value_unexpected(l, name, "name", "one line of at most 200 bytes");
    else
        step->name = arena_strdup(l->plan->arena, name->text);
}

static void step_read(struct loader *l, const struct draft *d, const struct node *map,
                      size_t number, struct jobs_step *step)
{
    struct step_nodes nodes = {0};

    step->line = (int)map->place.line;
    step->own_line = source_line_of(&l->source, map->place);
    step->expect = d->expect;
    if (map->kind != NODE_MAP) {
        (void)value_unexpected(l, map, "run", "either all plain arguments or all steps (maps)");
        return;
    }
    (void)keys_apply(l, &keys_step, map, &nodes);
    if (nodes.name != NULL)
        step_name_read(l, nodes.name, step);
    if (step->name == NULL)
        step->name = arena_printf(l->plan->arena, "step-%zu", number);
    if (nodes.run != NULL)
        read_command(l, d, "run", nodes.run, NULL, &step->argv);
    step->when = nodes.when;
    if (nodes.expect != NULL) {
        static const struct key at_start = {.sub = &keys_expect, .offset = 0};

        key_set_expect(l, &at_start, nodes.expect, &step->expect);
    }
    if (nodes.limits != NULL)
        step_limits_read(l, nodes.limits, &step->limits);
}

/* `before` as a step of its own, which has to exit 0 whatever is expected of `run`. */
static void before_read(struct loader *l, const struct draft *d, struct jobs_step *step)
{
    step->name = "before";
    step->line = (int)d->before->place.line;
    step->own_line = source_line_of(&l->source, d->before->place);
    read_command(l, d, "before", d->before, NULL, &step->argv);
}

static void step_list_read(struct loader *l, struct draft *d)
{
    size_t first = d->before != NULL ? 1 : 0, n = first;
    struct jobs_step *steps;

    if (d->run->n > JOBS_STEPS_MAX - first) {
        problem_at(l, d->run, "'run' has %zu steps; at most %zu are possible%s", d->run->n,
                   JOBS_STEPS_MAX - first, first != 0 ? " beside 'before'" : "");
        return;
    }
    if (!budget_charge(l, d->run, 16 * d->run->n))
        return;
    if (d->args != NULL)
        problem_at(l, d->args, "'args' has no meaning for a job with steps");
    steps = arena_alloc(l->plan->arena, (d->run->n + first) * sizeof(*steps));
    if (first != 0)
        before_read(l, d, &steps[0]);
    for (const struct node *map = d->run->first; map != NULL; map = map->next, n++) {
        step_read(l, d, map, n - first + 1, &steps[n]);
        d->job.goes_on |= steps[n].when != JOBS_STEP_SUCCESS;
        for (size_t i = 0; i < n && steps[n].name != NULL; i++)
            if (steps[i].name != NULL && str_eq(steps[i].name, steps[n].name))
                problem_at(l, map, "two steps are named '%s'; the first on line %d", steps[n].name,
                           steps[i].line);
    }
    d->job.steps = steps;
    d->job.n_steps = n;
    d->job.has_steps = true;
}

/* A text `before` and a text `run` as one script: what the first exports, defines or enters is
 * there for the second. */
static void joined_read(struct loader *l, const struct draft *d, const char **args,
                        const char ***ret_argv)
{
    const char *before, *run, *script;

    if (d->run->n == 0 && !d->run->plain)
        problem_at(l, d->run, "'run' is empty");
    if (d->before->n == 0 && !d->before->plain)
        problem_at(l, d->before, "'before' is empty");
    if (!value_argument(l, d->before, "before", &before) || !value_argument(l, d->run, "run", &run))
        return;
    script = arena_printf(l->plan->arena, "%s\n%s", before, run);
    if (strlen(script) > LOAD_ARG_MAX)
        problem_at(l, d->before, "'before' and 'run' together are longer than %zu bytes",
                   LOAD_ARG_MAX);
    else
        *ret_argv = script_argv(l, d, script, args);
}

/* `run` is one command; with a `before` that is no script of the same shell, the second step. */
static void single_read(struct loader *l, struct draft *d, const char **args)
{
    bool joined = d->before != NULL && d->before->kind == NODE_SCALAR && d->run != NULL &&
                  d->run->kind == NODE_SCALAR;
    bool own_step = d->before != NULL && !joined;
    struct jobs_step *steps = arena_alloc(l->plan->arena, (own_step ? 2 : 1) * sizeof(*steps));
    struct jobs_step *step = steps;

    if (own_step && d->run == NULL) {
        problem_at(l, d->before, "'before' needs a 'run': this job runs what its image says");
        return;
    }
    if (own_step) {
        before_read(l, d, step++);
        step->name = "run";
    }
    step->expect = d->expect;
    step->line = d->run != NULL ? (int)d->run->place.line : d->job.line;
    step->own_line = d->run != NULL ? source_line_of(&l->source, d->run->place) : d->job.own_line;
    if (d->run == NULL)
        step->argv = args;
    else if (joined)
        joined_read(l, d, args, &step->argv);
    else
        read_command(l, d, "run", d->run, args, &step->argv);
    d->job.steps = steps;
    d->job.n_steps = own_step ? 2 : 1;
    d->job.has_steps = own_step;
}

#define AFTER_WALL_NS (60 * NSEC_PER_SEC)

static void after_read(struct loader *l, struct draft *d)
{
    struct after_nodes nodes = {.run = d->after, .wall = AFTER_WALL_NS};
    struct jobs_step *step = arena_alloc(l->plan->arena, sizeof(*step));

    if (d->after->kind == NODE_MAP) {
        nodes.run = NULL;
        (void)keys_apply(l, &keys_after, d->after, &nodes);
    }
    step->line = (int)d->after->place.line;
    if (nodes.run != NULL)
        read_command(l, d, d->after->kind == NODE_MAP ? "run" : "after", nodes.run, NULL,
                     &step->argv);
    d->job.after = step;
    d->job.after_wall = nodes.wall;
    d->job.goes_on = true;
}

void steps_read(struct loader *l, struct draft *d)
{
    const char **args = NULL;

    d->job.after = NULL;
    d->job.goes_on = false;
    if (d->after != NULL)
        after_read(l, d);

    if (d->run != NULL && d->run->kind == NODE_LIST && d->run->first != NULL &&
        d->run->first->kind == NODE_MAP) {
        step_list_read(l, d);
        return;
    }
    if (d->args != NULL)
        (void)value_argv(l, d->args, "args", 0, &args);
    single_read(l, d, args);
}

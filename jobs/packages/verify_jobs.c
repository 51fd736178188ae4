/* SPDX-License-Identifier: Apache-2.0 */
/* verify_jobs: the jobs that verify a package itself: its validators, on the data that they have to
 * accept or to reject. What came of them is read in promises.c. */
#include "jobs/packages/job_file.h"

/* Outputs that are known to be right or wrong, as if a submission had printed them. */
static void add_outputs(struct problem_package *p, struct out *jobs)
{
    static const enum case_kind kinds[] = {CASE_INVALID_OUTPUT, CASE_VALID_OUTPUT};
    const struct test_case *usual = write_usual_case(p);
    struct out *job, *expect, *cases;

    if (p->cases[CASE_INVALID_OUTPUT].n + p->cases[CASE_VALID_OUTPUT].n == 0)
        return;
    if (p->problem.interactive) {
        package_left(p, NULL, NULL, "data",
                     "outputs that a validator has to accept or to reject are none of a "
                     "conversation");
        return;
    }
    job = out_map(&p->out, jobs, "outputs");
    out_texts(&p->out, job, "run", 2, (const char *const[]){"cat", "/output"});
    expect = out_map(&p->out, job, "expect");
    if (p->validator != NULL)
        write_checker(p, expect);
    write_expected(p, expect, usual, NULL);
    cases = out_list(&p->out, job, "cases");
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        for (const struct test_case *c = p->cases[kinds[i]].first; c != NULL; c = c->next) {
            struct out *map = out_map(&p->out, cases, NULL);

            out_text(&p->out, map, "name", c->name);
            write_input(p, out_list(&p->out, map, "inputs"), c->out, "/output", false);
            out_text(&p->out, map, "stdin-file", package_host_path(p, c->in));
            expect = out_map(&p->out, map, "expect");
            out_text(&p->out, expect, "stdout-file", package_host_path(p, c->ans));
            write_expected(p, expect, c, usual);
        }
}

/* The arguments of an input validator: its own, then those that the submission has. */
static void add_input_args(struct problem_package *p, struct out *map, const struct test_case *c,
                           const char *name)
{
    const struct case_config *config = &c->config;
    const struct node *own =
        config->input_args_of != NULL ? node_child(config->input_args_of, name) : NULL;
    struct package_texts args = {0};

    for (const struct node *v = own != NULL ? own->first : NULL; v != NULL; v = v->next)
        package_add_text(p, &args, v->text);
    if (config->input_args_for == NULL || str_eq(config->input_args_for, name))
        for (size_t i = 0; i < config->input_args.n; i++)
            package_add_text(p, &args, config->input_args.items[i]);
    for (size_t i = 0; i < config->args.n; i++)
        package_add_text(p, &args, config->args.items[i]);
    if (args.n > 0)
        write_literals(p, map, "args", &args);
}

static void add_input_case(struct problem_package *p, struct out *cases, const struct test_case *c,
                           const char *name)
{
    struct out *map = out_map(&p->out, cases, NULL);

    out_text(&p->out, map, "name", c->name);
    if (c->files != NULL)
        write_case_files(p, map, c, "/validator");
    out_text(&p->out, map, "stdin-file", package_host_path(p, c->in));
    add_input_args(p, map, c, name);
}

static void add_input_validator(struct problem_package *p, struct out *jobs,
                                const struct package_program *program)
{
    char *made = arena_printf(p->arena, "make-%s", program->name);
    struct out *job = out_map(&p->out, jobs, made), *cases;

    write_program_inputs(p, job, program);
    write_literal(p, job, "run",
                  arena_printf(p->arena, "set -eu\n%s", package_program_script(p, program)));
    write_limits(p, job, 0, 0, 0);
    job = out_map(&p->out, jobs, arena_printf(p->arena, "input-%s", program->name));
    out_text(&p->out, job, "from", made);
    out_text(&p->out, job, "workdir", "/validator");
    out_texts(&p->out, job, "run", 1, (const char *const[]){"/validator/run"});
    out_bare(&p->out, out_map(&p->out, job, "expect"), "exit", "42");
    write_limits(p, job, 0, 0, 0);
    cases = out_list(&p->out, job, "cases");
    for (unsigned kind = 0; kind < CASE_KIND_COUNT; kind++)
        for (const struct test_case *c = p->cases[kind].first; c != NULL; c = c->next)
            add_input_case(p, cases, c, program->name);
}

void write_verifying(struct problem_package *p, struct out *jobs)
{
    add_outputs(p, jobs);
    for (const struct package_program *v = p->input_validators; v != NULL; v = v->next)
        add_input_validator(p, jobs, v);
}

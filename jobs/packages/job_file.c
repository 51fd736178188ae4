/* SPDX-License-Identifier: Apache-2.0 */
/* job_file: the job file, once all is known of a package: what makes submissions, and what judges
 * them. Every text that the package gives is written so that it stands for itself. */
#include "jobs/packages/job_file.h"

#include <string.h>

/* What holds where the package says nothing: the format leaves it to the judge. */
#define USUAL_TIME_NS (10 * NSEC_PER_SEC)
#define USUAL_MEMORY_MIB 1024
#define USUAL_OUTPUT_MIB 8
#define USUAL_CODE_KIB 128
#define USUAL_SECONDS 60
#define USUAL_PIDS "256" /* threads, of which a virtual machine has some */

static uint64_t or_usual(uint64_t said, uint64_t usual)
{
    return said != 0 ? said : usual;
}

/* ---- values ---- */

void write_size(struct problem_package *p, struct out *in, const char *key, uint64_t n, char unit)
{
    out_bare(&p->out, in, key, arena_printf(p->arena, "%llu%c", (unsigned long long)n, unit));
}

static void add_time(struct problem_package *p, struct out *in, const char *key, uint64_t ns)
{
    char buf[UNIT_TEXT_SIZE];

    out_bare(&p->out, in, key, arena_strdup(p->arena, unit_spell_duration(ns, buf)));
}

static void add_points(struct problem_package *p, struct out *in, uint64_t points)
{
    uint64_t rest = points % 1000;
    char *text = arena_printf(p->arena, rest != 0 ? "%llu.%03llu" : "%llu",
                              (unsigned long long)(points / 1000), (unsigned long long)rest);

    for (size_t n = strlen(text); rest != 0 && text[n - 1] == '0'; n--)
        text[n - 1] = '\0';
    out_bare(&p->out, in, "points", text);
}

void write_literal(struct problem_package *p, struct out *in, const char *key, const char *text)
{
    out_text(&p->out, in, key, out_literal(&p->out, text));
}

void write_literals(struct problem_package *p, struct out *in, const char *key,
                    const struct package_texts *texts)
{
    struct out *list = out_list(&p->out, in, key);

    for (size_t i = 0; i < texts->n; i++)
        write_literal(p, list, NULL, texts->items[i]);
}

void write_input(struct problem_package *p, struct out *inputs, const char *path, const char *to,
                 bool is_writable)
{
    struct out *input = out_map(&p->out, inputs, NULL);

    out_text(&p->out, input, "from", package_host_path(p, path));
    out_text(&p->out, input, "to", to);
    if (!is_writable)
        out_text(&p->out, input, "mode", "ro");
}

static bool same_texts(const struct package_texts *a, const struct package_texts *b)
{
    size_t i = 0;

    while (a->n == b->n && i < a->n && str_eq(a->items[i], b->items[i]))
        i++;
    return a->n == b->n && i == a->n;
}

void write_limits(struct problem_package *p, struct out *in, uint64_t seconds, uint64_t memory_mib,
                  uint64_t output_mib)
{
    struct out *limits = out_map(&p->out, in, "limits");

    write_size(p, limits, "wall", or_usual(seconds, USUAL_SECONDS), 's');
    write_size(p, limits, "memory", or_usual(memory_mib, USUAL_MEMORY_MIB), 'M');
    out_bare(&p->out, limits, "pids", USUAL_PIDS);
    write_size(p, limits, "output", or_usual(output_mib, USUAL_OUTPUT_MIB), 'M');
}

/* ---- validators ---- */

void write_program_inputs(struct problem_package *p, struct out *in,
                          const struct package_program *program)
{
    const char *slash = strrchr(program->path, '/');
    const char *place = program->is_directory ? "/package/validator"
                                              : arena_printf(p->arena, "/package/validator%s",
                                                             slash != NULL ? slash : "/validator");

    write_input(p, out_list(&p->out, in, "inputs"), program->path, place, false);
}

/* The root in which it is made once, where jobs have a root that such can be made over. */
static void add_validator_root(struct problem_package *p, struct out *roots)
{
    struct out *root = out_map(&p->out, roots, "validator");

    out_text(&p->out, root, "from", "judge");
    write_program_inputs(p, root, p->validator);
    write_literal(p, root, "run",
                  arena_printf(p->arena, "set -eu\n%s", package_program_script(p, p->validator)));
}

/* Makes the validator and becomes it. Where it cannot be made, that must not be taken for its word:
 * whatever exit code stops the script, it ends with 1. */
static const char *checker_script(struct problem_package *p)
{
    return arena_printf(p->arena,
                        "set -eu\n"
                        "trap 'exit 1' EXIT\n"
                        "exec 3<&0 4>&1 </dev/null >&2\n"
                        "%s"
                        "cd /work\n"
                        "exec /validator/run \"$@\" <&3 >&4 3<&- 4>&-\n",
                        package_program_script(p, p->validator));
}

static void write_validator(struct problem_package *p, struct out *checker)
{
    const struct posed_limits *l = &p->problem.limits;

    out_text(&p->out, checker, "protocol", "kattis");
    if (p->asked->image != NULL) {
        out_text(&p->out, checker, "rootfs", "validator");
        out_texts(&p->out, checker, "run", 1, (const char *const[]){"/validator/run"});
    } else { /* over 'host' no root can be made: it is made for each case */
        write_program_inputs(p, checker, p->validator);
        write_literal(p, checker, "run", checker_script(p));
    }
    write_limits(p, checker, l->validation_time, l->validation_memory, l->validation_output);
}

void write_checker(struct problem_package *p, struct out *expect)
{
    write_validator(p, out_map(&p->out, expect, "checker"));
}

static void validator_args(struct problem_package *p, const struct test_case *c,
                           struct package_texts *ret)
{
    for (size_t i = 0; i < p->problem.flags.n; i++)
        package_add_text(p, ret, p->problem.flags.items[i]);
    for (size_t i = 0; i < c->config.validator_args.n; i++)
        package_add_text(p, ret, c->config.validator_args.items[i]);
}

/* The validator that talks with the submission, which has the same arguments for all cases. */
static void write_interactor(struct problem_package *p, struct out *job,
                             const struct test_case *usual)
{
    struct out *interactive = out_map(&p->out, job, "interactive");
    struct package_texts args = {0};

    write_validator(p, interactive);
    validator_args(p, usual, &args);
    if (args.n > 0)
        write_literals(p, interactive, "args", &args);
}

const struct test_case *write_usual_case(const struct problem_package *p)
{
    const struct test_cases *all = &p->cases[CASE_JUDGED];
    const struct test_case *usual = all->first;
    size_t n = 0;

    /* each case that has others is set off against one that has them */
    for (const struct test_case *c = all->first; c != NULL; c = c->next) {
        if (n == 0)
            usual = c;
        if (same_texts(&c->config.validator_args, &usual->config.validator_args))
            n++;
        else
            n--;
    }
    n = 0;
    for (const struct test_case *c = all->first; c != NULL; c = c->next)
        n += same_texts(&c->config.validator_args, &usual->config.validator_args);
    return 2 * n > all->n ? usual : all->first;
}

void write_expected(struct problem_package *p, struct out *expect, const struct test_case *c,
                    const struct test_case *than)
{
    struct package_texts args = {0};
    const char *wrong;

    if (than != NULL && same_texts(&c->config.validator_args, &than->config.validator_args))
        return;
    if (p->problem.interactive) {
        package_refuse(p, c->in,
                       "a validator that talks with the submission has the same arguments for all "
                       "cases, and this one has others");
        return;
    }
    validator_args(p, c, &args);
    if (p->validator != NULL) {
        struct out *checker = out_get_map(&p->out, expect, "checker");

        if (than != NULL || args.n > 0)
            write_literals(p, checker, "args", &args);
        return;
    }
    wrong = write_comparing(p, expect, &args);
    if (wrong != NULL)
        package_refuse(p, c->in, "%s", wrong);
}

/* ---- cases ---- */

static const struct test_group *written_group(const struct test_group *g)
{
    while (g->is_merged)
        g = g->parent;
    return g;
}

void write_case_files(struct problem_package *p, struct out *map, const struct test_case *c,
                      const char *dir)
{
    struct package_list list;
    struct out *inputs;

    if (!package_list(p, c->files, &list) || list.n == 0)
        return;
    inputs = out_list(&p->out, map, "inputs");
    for (size_t i = 0; i < list.n; i++)
        write_input(p, inputs, list.items[i].path,
                    arena_printf(p->arena, "%s/%s", dir, list.items[i].name),
                    p->problem.writes_files);
}

static void add_case(struct problem_package *p, struct out *cases, const struct test_case *c,
                     const struct test_case *usual)
{
    struct out *map = out_map(&p->out, cases, NULL), *expect;

    out_text(&p->out, map, "name", c->name);
    if (c->config.description != NULL)
        write_literal(p, map, "description", c->config.description);
    if (c->files != NULL)
        write_case_files(p, map, c, "/work");
    out_text(&p->out, map, "stdin-file", package_host_path(p, c->in));
    if (c->config.args.n > 0)
        write_literals(p, map, "args", &c->config.args);
    expect = out_map(&p->out, map, "expect");
    out_text(&p->out, expect, "stdout-file", package_host_path(p, c->ans));
    write_expected(p, expect, c, usual);
    out_text(&p->out, map, "group", written_group(c->group)->name);
    if (c->config.full_feedback > 0 && !str_eq(c->group->name, "sample"))
        out_text(&p->out, map, "visibility", "visible");
    if (c->config.hint != NULL)
        write_literal(p, map, "hint", c->config.hint);
}

static void add_groups(struct problem_package *p, struct out *in, const struct test_group *of)
{
    static const char *const scores[] = {
        [AGGREGATION_PASS] = "pass", [AGGREGATION_SUM] = "sum", [AGGREGATION_MIN] = "min"};

    for (const struct test_group *g = of->first; g != NULL; g = g->next) {
        const char *slash = strrchr(g->name, '/');
        struct out *map, *groups;

        if (g->is_merged)
            continue;
        map = out_map(&p->out, in, slash != NULL ? slash + 1 : g->name);
        add_points(p, map, g->points);
        if (g->score != AGGREGATION_UNSAID)
            out_text(&p->out, map, "score", scores[g->score]);
        if (g->needs.n > 0 && !p->asked->verify)
            write_literals(p, map, "needs", &g->needs);
        if (str_eq(g->name, "secret"))
            out_text(&p->out, map, "visibility", "hidden");
        groups = out_map(&p->out, map, "groups");
        add_groups(p, groups, g);
        if (groups->n == 0)
            out_drop(&p->out, map, groups);
    }
}

/* How many groups go on after what is wrong, and how many do not. */
static void count_going_on(const struct test_group *in, size_t n[2])
{
    n[in->goes_on]++;
    for (const struct test_group *g = in->first; g != NULL; g = g->next)
        count_going_on(g, n);
}

/* What is said of the legacy format's `on_reject`: a job's `stop` is the same in all groups. */
static void add_stop(struct problem_package *p, struct out *job)
{
    size_t n[2] = {0}, inner[2] = {0};

    if (p->problem.format != FORMAT_LEGACY || p->asked->verify)
        return;
    count_going_on(&p->root, n);
    for (const struct test_group *g = p->root.first; g != NULL; g = g->next)
        for (const struct test_group *in = g->first; in != NULL; in = in->next)
            count_going_on(in, inner);
    if (n[true] == 0)
        out_text(&p->out, job, "stop", "all");
    else if (inner[false] > 0 && inner[true] == 0)
        out_text(&p->out, job, "stop", "group");
    else if (n[false] > 0)
        package_note(p, NULL, NULL, "data",
                     "'on_reject' is break in some groups alone: all cases are judged");
}

/* ---- jobs ---- */

static void add_matrix(struct problem_package *p, struct out *job)
{
    struct out *axis;

    if (p->asked->grading) { /* in whose place others are named: of which kind they are is theirs */
        axis = out_map(&p->out, out_map(&p->out, job, "matrix"), "SUBMISSION");
        write_literal(p, axis, "files",
                      arena_printf(p->arena, "%s/*/*", package_host_path(p, "submissions")));
        return;
    }
    write_literals(p, out_map(&p->out, job, "matrix"), "SUBMISSION", &p->submissions);
}

static void add_tools(struct problem_package *p, struct out *jobs)
{
    cleanup_strbuf struct strbuf text = {0};
    struct package_texts tools = {0};
    struct out *job;

    package_tools(p, &tools);
    if (tools.n == 0)
        return;
    strbuf_adds(&text, "missing=0\nfor tool in");
    for (size_t i = 0; i < tools.n; i++)
        strbuf_addf(&text, " %s", tools.items[i]);
    strbuf_adds(&text, "; do\n"
                       "  if ! command -v \"$tool\" >/dev/null; then\n"
                       "    echo \"$tool is not in the root that submissions are made in\"\n"
                       "    missing=1\n"
                       "  fi\n"
                       "done\n"
                       "exit $missing\n");
    job = out_map(&p->out, jobs, "tools");
    out_text(&p->out, job, "description", "what is not there is no submission's fault");
    write_size(p, out_map(&p->out, job, "limits"), "wall", USUAL_SECONDS, 's');
    out_text(&p->out, job, "run", arena_strdup(p->arena, text.data));
}

static void add_compile(struct problem_package *p, struct out *jobs)
{
    const struct posed_limits *l = &p->problem.limits;
    struct out *job = out_map(&p->out, jobs, "compile"), *inputs, *input;
    struct package_list list;
    bool has_include = package_list(p, "include", &list) && list.n > 0;

    out_text(&p->out, job, "role", "compile");
    add_matrix(p, job);
    if (out_find(jobs, "tools") != NULL)
        out_text(&p->out, job, "needs", "tools");
    inputs = out_list(&p->out, job, "inputs");
    input = out_map(&p->out, inputs, NULL);
    out_text(
        &p->out, input, "from",
        p->asked->submissions != NULL || p->asked->grading
            ? "${{ SUBMISSION }}"
            : arena_printf(p->arena, "%s/${{ SUBMISSION }}", package_host_path(p, "submissions")));
    out_text(&p->out, input, "to", "/submission");
    out_text(&p->out, input, "mode", "ro");
    out_bare(&p->out, input, "untrusted", "true");
    write_size(p, input, "max-size", or_usual(l->code, USUAL_CODE_KIB), 'K');
    if (has_include)
        write_input(p, inputs, "include", "/package/include", false);
    write_limits(p, job, l->compilation_time, l->compilation_memory, 0);
    write_literal(p, job, "run", package_compile_script(p, has_include));
}

static void add_grade_limits(struct problem_package *p, struct out *job)
{
    const struct posed_limits *l = &p->problem.limits;
    struct out *limits = out_map(&p->out, job, "limits"), *cpu;
    uint64_t time = or_usual(l->time_ns, USUAL_TIME_NS);
    uint64_t kill = time / 1000 * l->limit_to_slow + NSEC_PER_SEC;

    cpu = out_map(&p->out, limits, "cpu-time");
    add_time(p, cpu, "limit", time);
    add_time(p, cpu, "kill", kill);
    /* of who waits, and uses none: for a validator, too, that is made while it does */
    add_time(p, limits, "wall",
             3 * kill + (p->problem.interactive ? USUAL_SECONDS : 5) * NSEC_PER_SEC);
    write_size(p, limits, "memory", or_usual(l->memory, USUAL_MEMORY_MIB), 'M');
    out_bare(&p->out, limits, "pids", USUAL_PIDS);
    write_size(p, limits, "output", or_usual(l->output, USUAL_OUTPUT_MIB), 'M');
    if (p->problem.writes_files)
        write_size(p, limits, "disk", or_usual(l->output, USUAL_OUTPUT_MIB), 'M');
}

static void add_grade(struct problem_package *p, struct out *jobs)
{
    struct out *job = out_map(&p->out, jobs, "grade"), *expect, *cases;
    const struct test_case *usual = write_usual_case(p);

    add_matrix(p, job);
    out_text(&p->out, job, "from", "compile");
    out_text(&p->out, job, "user", "nobody");
    add_grade_limits(p, job);
    out_texts(&p->out, job, "run", 1, (const char *const[]){"/judge/run"});
    if (p->problem.interactive) {
        write_interactor(p, job, usual);
    } else {
        expect = out_map(&p->out, job, "expect");
        if (p->validator != NULL)
            write_checker(p, expect);
        write_expected(p, expect, usual, NULL);
    }
    cases = out_list(&p->out, job, "cases");
    for (const struct test_case *c = p->cases[CASE_JUDGED].first; c != NULL; c = c->next)
        add_case(p, cases, c, usual);
    add_groups(p, out_map(&p->out, job, "groups"), &p->root);
    add_stop(p, job);
}

void package_write(struct problem_package *p)
{
    struct out *jobs, *roots;

    if (p->asked->image != NULL) {
        roots = out_map(&p->out, p->out.root, "rootfs");
        out_text(&p->out, out_map(&p->out, roots, "judge"), "image", p->asked->image);
        if (p->validator != NULL)
            add_validator_root(p, roots);
    }
    out_text(&p->out, out_map(&p->out, p->out.root, "defaults"), "rootfs",
             p->asked->image != NULL ? "judge" : "host");
    if (p->asked->grading)
        write_references(p);
    else if (p->submissions.n == 0)
        package_left(p, NULL, NULL, "submissions", "there are none to judge");
    jobs = out_map(&p->out, p->out.root, "jobs");
    add_tools(p, jobs);
    add_compile(p, jobs);
    add_grade(p, jobs);
    if (p->asked->verify)
        write_verifying(p, jobs);
}

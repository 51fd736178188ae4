/* SPDX-License-Identifier: Apache-2.0 */
/* test_data: data/sample and data/secret: which test cases there are, in their order, in which
 * groups, and what belongs to each. */
#include "jobs/jobs.h"
#include "jobs/packages/package.h"

#include <string.h>

static bool ends_with(const char *name, const char *ending)
{
    size_t n = strlen(name), m = strlen(ending);

    return n > m && str_eq(name + n - m, ending);
}

/* ---- groups ---- */

static struct test_group *add_group(struct problem_package *p, struct test_group *parent,
                                    const char *name)
{
    struct test_group *g = arena_alloc(p->arena, sizeof(*g));

    g->name = name;
    g->parent = parent;
    g->kind = parent->kind;
    g->config.full_feedback = -1;
    if (p->problem.format == FORMAT_2025_09) {
        g->aggregation = AGGREGATION_UNSAID;
    } else { /* what is said around it holds in it */
        g->config = parent->config;
        g->config.full_feedback = -1;
        g->goes_on = parent->goes_on;
        g->has_grader = parent->has_grader;
        g->lenient = parent->lenient;
        g->grader = parent->grader;
        g->accept_score = parent->accept_score;
        g->has_range = false;
        g->place = NULL;
    }
    if (parent->last != NULL)
        parent->last->next = g;
    else
        parent->first = g;
    parent->last = g;
    return g;
}

static const char *config_name(const struct problem_package *p)
{
    return p->problem.format == FORMAT_2025_09 ? "test_group.yaml" : "testdata.yaml";
}

/* Reads the group's configuration, where there is one. */
static void read_config(struct problem_package *p, const char *path,
                        const struct package_list *list, struct test_group *g)
{
    const struct package_entry *e = package_find(list, config_name(p));
    const char *other = p->problem.format == FORMAT_2025_09 ? "testdata.yaml" : "test_group.yaml";
    struct package_yaml *y;

    if (e != NULL && (y = package_read_yaml(p, e->path)) != NULL)
        package_read_group(p, y, g);
    if (package_find(list, other) != NULL)
        package_refuse(p, arena_printf(p->arena, "%s/%s", path, other),
                       "in this version of the format, it is called %s", config_name(p));
}

/* ---- a case ---- */

static void inherit(struct case_config *config, const struct test_group *g)
{
    if (!config->args.said)
        config->args = g->config.args;
    if (!config->validator_args.said)
        config->validator_args = g->config.validator_args;
    if (!config->input_args.said) {
        config->input_args = g->config.input_args;
        config->input_args_of = g->config.input_args_of;
        config->input_args_for = g->config.input_args_for;
    }
    if (config->full_feedback < 0)
        config->full_feedback = g->config.full_feedback;
}

/* Reads what stands beside a case's input. */
static void read_beside(struct problem_package *p, const struct package_list *list,
                        const char *stem, struct test_case *c)
{
    const struct package_entry *yaml = package_find(list, arena_printf(p->arena, "%s.yaml", stem));
    const struct package_entry *files =
        package_find(list, arena_printf(p->arena, "%s.files", stem));
    const struct package_entry *hint = package_find(list, arena_printf(p->arena, "%s.hint", stem));
    const struct package_entry *what = package_find(list, arena_printf(p->arena, "%s.desc", stem));
    struct package_yaml *y;

    if (p->problem.format == FORMAT_2025_09) {
        if (yaml != NULL && (y = package_read_yaml(p, yaml->path)) != NULL)
            package_read_case(p, y, &c->config);
        if (files != NULL && files->is_directory)
            c->files = files->path;
        return;
    }
    if (hint != NULL)
        c->config.hint = package_read_text(p, hint->path);
    if (what != NULL)
        c->config.description = package_read_text(p, what->path);
}

/* Refuses what no job would be given; a sparse file has the size that it says. */
static void check_size(struct problem_package *p, const struct package_entry *e)
{
    char most[UNIT_TEXT_SIZE];

    if (e->size > JOBS_GIVEN_MAX)
        package_refuse(p, e->path, "it is larger than %s, which is the most that a job is given",
                       unit_format_size(JOBS_GIVEN_MAX, most));
}

/* The path of the file that stands beside a case's input with that ending, or NULL. */
static const char *beside(struct problem_package *p, const struct package_list *list,
                          const char *stem, const char *ending)
{
    const struct package_entry *e =
        package_find(list, arena_printf(p->arena, "%s.%s", stem, ending));

    if (e == NULL || e->is_directory)
        return NULL;
    check_size(p, e);
    return e->path;
}

static void add_case(struct problem_package *p, const char *path, const struct package_list *list,
                     const struct package_entry *in, struct test_group *g)
{
    const char *stem = arena_strndup(p->arena, in->name, strlen(in->name) - strlen(".in"));
    bool has_out = g->kind == CASE_INVALID_OUTPUT || g->kind == CASE_VALID_OUTPUT;
    const char *ans = beside(p, list, stem, "ans"),
               *out = has_out ? beside(p, list, stem, "out") : NULL;
    struct test_cases *cases = &p->cases[g->kind];
    struct test_case *c;

    check_size(p, in);
    if (g->kind == CASE_INVALID_INPUT)
        ans = "";
    if (ans == NULL || (out == NULL && has_out)) {
        package_refuse(p, in->path, "there is no %s.%s beside it", stem,
                       ans == NULL ? "ans" : "out");
        return;
    }
    c = arena_alloc(p->arena, sizeof(*c));
    /* below data/ */
    c->name = arena_printf(p->arena, "%s/%s", path + strlen("data/"), stem);
    c->in = in->path;
    c->ans = ans[0] != '\0' ? ans : NULL;
    c->out = out;
    c->group = g;
    c->config.full_feedback = -1;
    read_beside(p, list, stem, c);
    inherit(&c->config, g);
    g->n_cases++;
    *cases->end = c;
    cases->end = &c->next;
    cases->n++;
}

/* ---- directories ---- */

/* Whether an answer or what else belongs to a case has none. */
static void check_lonely(struct problem_package *p, const struct package_list *list,
                         const struct package_entry *e)
{
    const char *in;

    if (!ends_with(e->name, ".ans"))
        return;
    in = arena_printf(p->arena, "%.*s.in", (int)(strlen(e->name) - strlen(".ans")), e->name);
    if (package_find(list, in) == NULL)
        package_left(p, NULL, NULL, e->path, "there is no %s beside it", in);
}

static void read_directory(struct problem_package *p, const char *path, struct test_group *g,
                           unsigned depth);

/* Goes into a directory of test data, which is a group of its own or not. */
static void read_inner(struct problem_package *p, const char *path, const struct package_entry *e,
                       struct test_group *g, unsigned depth)
{
    const char *own = arena_printf(p->arena, "%s/%s", path, e->name);
    struct package_list list;
    bool is_group;

    if (!str_eq(own, e->path)) {
        package_refuse(p, own, "a directory of test data is no link");
        return;
    }
    if (!package_list(p, own, &list))
        return;
    is_group = (p->problem.format == FORMAT_LEGACY && g->kind == CASE_JUDGED) ||
               (p->problem.format == FORMAT_2025_09 && package_find(&list, config_name(p)) != NULL);
    if (is_group && p->problem.format == FORMAT_2025_09 && !str_eq(g->name, "secret"))
        package_refuse(p, own, "a group of test cases lies in data/secret, and in no other group");
    if (is_group)
        g = add_group(p, g, own + strlen("data/"));
    read_directory(p, own, g, depth + 1);
}

static void read_directory(struct problem_package *p, const char *path, struct test_group *g,
                           unsigned depth)
{
    struct package_list list;

    if (depth > PACKAGE_DEPTH_MAX) {
        package_refuse(p, path, "directories of test data lie %u deep at most", PACKAGE_DEPTH_MAX);
        return;
    }
    if (!package_list(p, path, &list))
        return;
    if (str_eq(g->name, path + strlen("data/")))
        read_config(p, path, &list, g);
    for (size_t i = 0; i < list.n; i++) {
        const struct package_entry *e = &list.items[i];

        if (e->is_directory && !ends_with(e->name, ".files"))
            read_inner(p, path, e, g, depth);
        else if (!e->is_directory && ends_with(e->name, ".in"))
            add_case(p, path, &list, e, g);
        else
            check_lonely(p, &list, e);
    }
}

/* Groups and cases are never mixed in data/secret. */
static void check_mixed(struct problem_package *p)
{
    for (struct test_group *g = p->root.first; g != NULL; g = g->next)
        if (p->problem.format == FORMAT_2025_09 && g->first != NULL && g->n_cases > 0)
            package_refuse(p, arena_printf(p->arena, "data/%s", g->name),
                           "there are groups in it, and test cases that are in none of them");
}

static const struct test_group *find_group(const struct test_group *in, const char *name)
{
    for (const struct test_group *g = in->first; g != NULL; g = g->next) {
        const struct test_group *found = str_eq(g->name, name) ? g : find_group(g, name);

        if (found != NULL)
            return found;
    }
    return NULL;
}

static void check_needs(struct problem_package *p, const struct test_group *in)
{
    for (const struct test_group *g = in->first; g != NULL; g = g->next) {
        for (size_t i = 0; i < g->needs.n; i++) {
            const char *name = g->needs.items[i];

            if (find_group(&p->root, name) == NULL || strcmp(name, g->name) >= 0)
                package_problem(g->yaml, node_child(g->yaml->map, "require_pass"),
                                "'require_pass': no group '%s' stands before this one", name);
        }
        check_needs(p, g);
    }
}

void package_read_data(struct problem_package *p)
{
    static const struct {
        const char *name;
        enum case_kind kind;
    } parts[] = {
        {"sample", CASE_JUDGED},
        {"secret", CASE_JUDGED},
        {"invalid_input", CASE_INVALID_INPUT},
        {"invalid_output", CASE_INVALID_OUTPUT},
        {"valid_output", CASE_VALID_OUTPUT},
    };
    struct test_group *checked = arena_alloc(p->arena, sizeof(*checked)); /* by no submission */
    struct package_list list;

    p->root.accept_score = 1000;
    if (!package_list(p, "data", &list)) {
        package_refuse(p, "data", "there are no test cases");
        return;
    }
    if (p->problem.format == FORMAT_LEGACY)
        read_config(p, "data", &list, &p->root);
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        const struct package_entry *e = package_find(&list, parts[i].name);
        bool is_judged = parts[i].kind == CASE_JUDGED;
        const char *path = arena_printf(p->arena, "data/%s", parts[i].name);
        struct test_group *g;

        if (e == NULL || !e->is_directory || (!is_judged && !p->asked->verify))
            continue;
        if (!str_eq(e->path, path)) {
            package_refuse(p, path, "a directory of test data is no link");
            continue;
        }
        g = add_group(p, is_judged ? &p->root : checked, parts[i].name);
        g->kind = parts[i].kind;
        read_directory(p, path, g, 1);
    }
    check_mixed(p);
    check_needs(p, &p->root);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* gitlab: .gitlab-ci.yml, its upper level: templates and what extends them, stages, variables,
 * defaults. A job's own keys: gitlab_job.c. */
#include "jobs/convert/gitlab.h"

#include <string.h>

#define EXTENDS_MAX 11 /* as deep as GitLab allows */

/* Words of the pipeline itself, which are no jobs. */
static const char *const own_words[] = {
    "stages", "variables", "default",       "include",      "workflow", "image", "services",
    "cache",  "spec",      "before_script", "after_script", "types",    "x-",
};

static bool is_own_word(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(own_words); i++)
        if (str_eq(name, own_words[i]))
            return true;
    return false;
}

/* ---- templates ---- */

static struct node *copy_of(struct gitlab *g, const struct node *n)
{
    struct node *copy;

    (void)convert_charge(g->c, 16);
    copy = arena_alloc(g->c->arena, sizeof(*copy));
    *copy = *n;
    copy->next = NULL;
    return copy;
}

/* The map with what `over` says over it: maps merge key by key, everything else is replaced. */
static const struct node *merge(struct gitlab *g, const struct node *base, const struct node *over,
                                int depth)
{
    struct node *map, **link;

    if (base->kind != NODE_MAP || over->kind != NODE_MAP || depth > TREE_DEPTH_MAX)
        return over;
    map = copy_of(g, over);
    map->first = NULL;
    map->n = 0;
    link = &map->first;
    for (const struct node *v = base->first; v != NULL; v = v->next) {
        const struct node *own;

        if (!convert_charge(g->c, over->n))
            return map;
        own = node_child(over, v->key->text);
        *link = copy_of(g, own != NULL ? merge(g, v, own, depth + 1) : v);
        link = &(*link)->next;
        map->n++;
    }
    for (const struct node *v = over->first; v != NULL; v = v->next) {
        if (!convert_charge(g->c, base->n))
            return map;
        if (node_child(base, v->key->text) != NULL)
            continue;
        *link = copy_of(g, v);
        link = &(*link)->next;
        map->n++;
    }
    return map;
}

const struct node *gitlab_merge(struct gitlab *g, const struct node *base, const struct node *over)
{
    return merge(g, base, over, 0);
}

/* The job or template with all that it extends. NULL: it cannot be told. */
static const struct node *resolve(struct gitlab *g, size_t index, int depth)
{
    struct gitlab_job *j = &g->jobs[index];
    const struct node *extends = node_child(j->node, "extends"), *below = NULL;

    if (j->state == 2 || extends == NULL) {
        j->state = 2;
        return j->node;
    }
    if (j->state == 1 || depth > EXTENDS_MAX) {
        source_problem(&g->c->source, extends->place, "'extends' goes round, or deeper than %d",
                       EXTENDS_MAX);
        return j->node;
    }
    j->state = 1;
    for (const struct node *i = items_first(extends); i != NULL; i = items_next(extends, i)) {
        size_t of;

        if (i->kind != NODE_SCALAR || !name_index_find(&g->index, i->text, &of)) {
            convert_left(g->c, g->out_defaults, i, "'%s' extends '%s', which is not in this file",
                         j->name, i->kind == NODE_SCALAR ? i->text : "a list");
            j->is_part = true;
            continue;
        }
        if (!convert_charge(g->c, 16))
            break;
        below = below == NULL ? resolve(g, of, depth + 1)
                              : merge(g, below, resolve(g, of, depth + 1), 0);
        j->is_part |= g->jobs[of].is_part;
    }
    if (below != NULL) {
        struct node *whole = copy_of(g, merge(g, below, j->node, 0));

        whole->key = j->node->key;
        j->node = whole;
    }
    j->state = 2;
    return j->node;
}

const struct node *gitlab_referred(struct gitlab *g, const struct node *n)
{
    const struct node *at = NULL;
    size_t of;

    if (n->n < 1 || n->first->kind != NODE_SCALAR || !convert_charge(g->c, 16 + g->root->n))
        return NULL;
    if (name_index_find(&g->index, n->first->text, &of))
        at = resolve(g, of, 0);
    else
        at = node_child(g->root, n->first->text);
    for (const struct node *i = n->first->next; i != NULL && at != NULL; i = i->next)
        at = i->kind == NODE_SCALAR && at->kind == NODE_MAP ? node_child(at, i->text) : NULL;
    return at;
}

/* Names a command that does not come over, and puts one in its place on which the script fails. */
static void lose_command(struct gitlab *g, struct out *in, const struct node *n,
                         struct strbuf *lines, const char *why)
{
    convert_left(g->c, in, n, "%s: the script fails there", why);
    strbuf_addf(lines, "exit 1 # line %u: left out\n", n->place.line);
}

void gitlab_lines(struct gitlab *g, struct out *in, const struct node *n, struct strbuf *lines,
                  int depth)
{
    if (!convert_charge(g->c, 1 + (n->kind == NODE_SCALAR ? n->n / 8 : 0)))
        return;
    if (n->kind == NODE_SCALAR) {
        if (node_is_null(n))
            return;
        strbuf_adds(lines, n->text);
        if (n->n > 0 && n->text[n->n - 1] != '\n')
            strbuf_adds(lines, "\n");
    } else if (n->reference) {
        const struct node *of = depth < EXTENDS_MAX ? gitlab_referred(g, n) : NULL;

        if (of != NULL)
            gitlab_lines(g, in, of, lines, depth + 1);
        else
            lose_command(g, in, n, lines, "what this !reference names is not in this file");
    } else if (n->kind == NODE_LIST && depth <= TREE_DEPTH_MAX) {
        for (const struct node *i = n->first; i != NULL; i = i->next)
            gitlab_lines(g, in, i, lines, depth + 1);
    } else {
        lose_command(g, in, n, lines, "a command is text");
    }
}

/* ---- variables ---- */

/* Variables that GitLab sets, and what they are here. */
static const struct {
    const char *name, *value;
} predefined[] = {
    {"CI_PROJECT_DIR", CONVERT_WORKDIR},
    {"CI_COMMIT_SHA", "${{ git.commit }}"},
    {"CI_COMMIT_BRANCH", "${{ git.branch }}"},
    {"CI_COMMIT_REF_NAME", "${{ git.branch }}"},
    {"GITLAB_CI", "true"},
};

const struct node *gitlab_variable(const struct gitlab *g, const struct node *job, const char *name)
{
    const struct node *maps[] = {job != NULL ? node_child(job, "variables") : NULL,
                                 g->workflow_variables, node_child(g->root, "variables")};
    const struct node *v = NULL;

    for (size_t i = 0; v == NULL && i < ARRAY_SIZE(maps); i++)
        if (maps[i] != NULL && maps[i]->kind == NODE_MAP)
            v = node_child(maps[i], name);
    if (v != NULL && v->kind == NODE_MAP)
        v = node_child(v, "value");
    return v != NULL && v->kind == NODE_SCALAR ? v : NULL;
}

static bool is_name_letter(char ch)
{
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
           ch == '_';
}

/* The name behind a '$', as $NAME or ${NAME}; NULL where there is none. *ret_end is behind it. */
static const char *variable_at(struct converter *c, const char *p, const char **ret_end)
{
    bool braces = p[1] == '{';
    const char *begin = p + 1 + braces, *end = begin;

    while (is_name_letter(*end))
        end++;
    if (end == begin || (braces && *end != '}'))
        return NULL;
    *ret_end = end + braces;
    return arena_strndup(c->arena, begin, (size_t)(end - begin));
}

/* The value of a variable, or NULL. */
static const char *value_of(struct gitlab *g, const struct node *job, const char *name, int depth)
{
    const struct condition_value given = condition_given(g->c, name);
    const struct node *v = gitlab_variable(g, job, name);

    if (given.text != NULL || given.is_unset)
        return given.text != NULL ? convert_literal(g->c, given.text) : "";
    if (v != NULL)
        return gitlab_expand(g, job, v->text, depth + 1);
    if (job != NULL && job->key != NULL && str_eq(name, "CI_JOB_NAME"))
        return convert_literal(g->c, job->key->text);
    for (size_t i = 0; i < ARRAY_SIZE(predefined); i++)
        if (str_eq(predefined[i].name, name)) {
            g->c->uses_git |= str_starts(name, "CI_COMMIT_");
            return predefined[i].value;
        }
    return NULL;
}

const char *gitlab_expand(struct gitlab *g, const struct node *job, const char *text, int depth)
{
    cleanup_strbuf struct strbuf out = {0};

    if (strchr(text, '$') == NULL)
        return text;
    if (depth > 8)
        return NULL;
    for (const char *p = text; *p != '\0';) {
        const char *end, *name, *value;

        if (*p != '$') {
            size_t n = strcspn(p, "$");

            strbuf_adds(&out, convert_literal(g->c, arena_strndup(g->c->arena, p, n)));
            p += n;
            continue;
        }
        if (p[1] == '$') {
            strbuf_adds(&out, "$");
            p += 2;
            continue;
        }
        name = variable_at(g->c, p, &end);
        value = name != NULL ? value_of(g, job, name, depth) : NULL;
        if (value == NULL || !convert_charge(g->c, 16 + strlen(value)) || out.len > 65536)
            return NULL;
        strbuf_adds(&out, value);
        p = end;
    }
    return out.data != NULL ? arena_strdup(g->c->arena, out.data) : "";
}

void gitlab_predefined(struct gitlab *g, const struct gitlab_job *j, struct out *in,
                       const struct node *at, const char *text)
{
    for (const char *p = strstr(text, "$"); p != NULL; p = strchr(p + 1, '$')) {
        const char *name, *value = NULL;

        if (!str_starts(p, "$CI_") && !str_starts(p, "${CI_") && !str_starts(p, "$GITLAB_") &&
            !str_starts(p, "${GITLAB_"))
            continue;
        name =
            arena_strndup(g->c->arena, p + 1 + (p[1] == '{'),
                          strspn(p + 1 + (p[1] == '{'), "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789"));
        if (str_eq(name, "CI_JOB_NAME")) {
            struct out *env = out_get_map(&g->c->out, in, "env");

            if (out_find(env, name) == NULL)
                out_text(&g->c->out, env, name, convert_literal(g->c, j->name));
            continue;
        }
        if (gitlab_variable(g, j->node, name) != NULL || gitlab_is_parallel(j, name) ||
            condition_given(g->c, name).is_unset || condition_given(g->c, name).text != NULL ||
            !strset_add(&g->said, name))
            continue;
        for (size_t i = 0; i < ARRAY_SIZE(predefined); i++)
            if (str_eq(predefined[i].name, name))
                value = predefined[i].value;
        g->c->uses_git |= value != NULL && str_starts(name, "CI_COMMIT_");
        if (value != NULL)
            out_text(&g->c->out, out_get_map(&g->c->out, g->out_defaults, "env"), name, value);
        else
            convert_left(g->c, in, at, "the variable %s is not set here", name);
    }
}

/* Adds the pipeline's variable, unless it is there. */
static void write_variable(struct gitlab *g, struct out *env, const struct node *v)
{
    const struct node *value = v->kind == NODE_MAP ? node_child(v, "value") : v;
    const char *text =
        value != NULL && value->kind == NODE_SCALAR ? gitlab_expand(g, NULL, value->text, 0) : NULL;

    if (out_find(env, v->key->text) != NULL)
        return;
    if (!convert_is_variable(v->key->text))
        convert_left(g->c, env, v, "'%s' is no name of a variable here", v->key->text);
    else if (text == NULL)
        convert_left(g->c, env, v, "the variable '%s' is made of others that are not known",
                     v->key->text);
    else
        out_text(&g->c->out, env, v->key->text, text);
    gitlab_variable_rest(g, env, v);
}

/* Adds what --var says, which wins over all others. */
static void write_given(struct gitlab *g, struct out *env)
{
    const struct jobs_converting *asked = g->c->asked;

    for (size_t i = 0; i < asked->n_variables; i++) {
        const char *equals = strchr(asked->variables[i], '=');
        const char *name = equals != NULL ? arena_strndup(g->c->arena, asked->variables[i],
                                                          (size_t)(equals - asked->variables[i]))
                                          : NULL;

        if (name != NULL && convert_is_variable(name) && out_find(env, name) == NULL)
            out_text(&g->c->out, env, name,
                     convert_literal(g->c, condition_given(g->c, name).text));
    }
}

static void write_variables(struct gitlab *g)
{
    const struct node *maps[] = {g->workflow_variables, node_child(g->root, "variables")};
    struct out *env = out_get_map(&g->c->out, g->out_defaults, "env");

    write_given(g, env);
    for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
        for (const struct node *v = maps[i] != NULL && maps[i]->kind == NODE_MAP ? maps[i]->first
                                                                                 : NULL;
             v != NULL; v = v->next)
            if (convert_charge(g->c, 16 + env->n))
                write_variable(g, env, v);
}

void gitlab_variable_rest(struct gitlab *g, struct out *in, const struct node *v)
{
    static const char *const taken[] = {"value", "description", "options"};

    for (const struct node *k = v->kind == NODE_MAP ? v->first : NULL; k != NULL; k = k->next)
        if (!convert_is_among(k->key->text, taken, ARRAY_SIZE(taken)))
            convert_left(g->c, in, k, "'%s' of a variable", k->key->text);
}

/* ---- the pipeline ---- */

const struct node *gitlab_word(const struct gitlab *g, const struct node *job, const char *word)
{
    const struct node *v = node_child(job, word);
    const struct node *inherit = node_child(job, "inherit");
    const struct node *of =
        inherit != NULL && inherit->kind == NODE_MAP ? node_child(inherit, "default") : NULL;

    if (v != NULL)
        return v;
    if (of != NULL && convert_is_false(of))
        return NULL;
    if (of != NULL && of->kind == NODE_LIST) {
        const struct node *i = of->first;

        while (i != NULL && !(i->kind == NODE_SCALAR && str_eq(i->text, word)))
            i = i->next;
        if (i == NULL)
            return NULL;
    }
    if (g->defaults != NULL && (v = node_child(g->defaults, word)) != NULL)
        return v;
    return is_own_word(word) ? node_child(g->root, word) : NULL;
}

static const char *job_name_at(const void *data, size_t i)
{
    return ((const struct gitlab_job *)data)[i].name;
}

static void read_jobs(struct gitlab *g)
{
    g->jobs = xcalloc(g->root->n + 1, sizeof(*g->jobs));
    for (const struct node *v = g->root->first; v != NULL; v = v->next)
        if (v->kind == NODE_MAP && !is_own_word(v->key->text))
            g->jobs[g->n_jobs++] = (struct gitlab_job){
                .node = v, .name = v->key->text, .is_job = v->key->text[0] != '.'};
    name_index_build(&g->index, g->n_jobs, job_name_at, g->jobs);
}

static void read_stages(struct gitlab *g)
{
    static const char *const usual[] = {"build", "test", "deploy"};
    const struct node *list = node_child(g->root, "stages");
    size_t n = 0;

    if (list == NULL || list->kind != NODE_LIST)
        list = NULL;
    g->stages = arena_alloc(g->c->arena, ((list != NULL ? list->n : 3) + 2) * sizeof(*g->stages));
    g->stages[n++] = ".pre";
    for (size_t i = 0; list == NULL && i < ARRAY_SIZE(usual); i++)
        g->stages[n++] = usual[i];
    for (const struct node *i = list != NULL ? list->first : NULL; i != NULL; i = i->next)
        if (i->kind == NODE_SCALAR)
            g->stages[n++] = i->text;
    g->stages[n++] = ".post";
    g->n_stages = n;
}

static void find_stage(struct gitlab *g, struct gitlab_job *j, struct out *jobs)
{
    const struct node *stage = node_child(j->node, "stage");
    const char *name = stage != NULL && stage->kind == NODE_SCALAR ? stage->text : "test";

    for (j->stage = 0; j->stage < g->n_stages; j->stage++)
        if (!convert_charge(g->c, 1) || str_eq(g->stages[j->stage], name))
            return;
    j->stage = 0;
    convert_left(g->c, jobs, stage != NULL ? stage : j->node,
                 "the stage '%s' of '%s' is not among 'stages': it comes first", name, j->name);
}

/* What the pipeline says beside its jobs. */
static void write_top(struct gitlab *g)
{
    struct out *in = g->out_defaults;

    for (const struct node *v = g->root->first; v != NULL; v = v->next) {
        if (str_eq(v->key->text, "spec"))
            convert_left(g->c, in, v, "inputs of a pipeline: `params` may be what is meant");
        else if (v->kind != NODE_MAP && !is_own_word(v->key->text) && v->key->text[0] != '.')
            convert_left(g->c, in, v, "'%s' is no job", v->key->text);
    }
}

static void write_jobs(struct gitlab *g, struct out *jobs)
{
    struct gitlab_job *j;

    for (size_t i = 0; i < g->n_jobs && convert_charge(g->c, 1); i++) {
        j = &g->jobs[i];
        if (j->is_job)
            (void)resolve(g, i, 0);
        if (j->is_job)
            gitlab_decide(g, j, jobs);
        if (!j->is_written && !j->is_held)
            continue;
        find_stage(g, j, jobs);
        j->own_needs = node_child(j->node, "needs") != NULL;
    }
    for (size_t i = 0; i < g->n_jobs && convert_charge(g->c, 1); i++) {
        const struct node *artifacts, *parallel, *when;

        j = &g->jobs[i];
        if (!j->is_written && !j->is_held)
            continue;
        artifacts = gitlab_word(g, j->node, "artifacts");
        parallel = node_child(j->node, "parallel");
        j->keeps = artifacts != NULL && artifacts->kind == NODE_MAP &&
                   node_child(artifacts, "paths") != NULL;
        when = j->keeps ? node_child(artifacts, "when") : NULL;
        if (convert_text(when) != NULL && str_eq(when->text, "on_failure"))
            j->keeps = false;
        j->matrix =
            parallel != NULL && parallel->kind == NODE_MAP ? node_child(parallel, "matrix") : NULL;
    }
    gitlab_hold_needing(g, jobs);
    for (size_t i = 0; i < g->n_jobs && convert_charge(g->c, 16); i++) {
        struct out *job;

        j = &g->jobs[i];
        if (!j->is_written && !j->is_held)
            continue;
        job = out_map(&g->c->out, jobs, j->name);
        gitlab_job_write(g, j, job);
        if (j->is_held)
            out_hold(jobs, job);
    }
}

void convert_gitlab(struct converter *c, const struct node *root)
{
    static const char *const shell[] = {"/bin/sh", "-e"}, *const here[] = {"."};
    struct gitlab g = {.c = c, .root = root};

    g.out_defaults = out_map(&c->out, c->out.root, "defaults");
    g.root = gitlab_include(&g, g.out_defaults);
    g.defaults = node_child(g.root, "default");
    if (g.defaults != NULL && g.defaults->kind != NODE_MAP)
        g.defaults = NULL;
    read_jobs(&g);
    out_comment(&c->out, g.out_defaults, "the project, in each job's " CONVERT_WORKDIR);
    out_texts(&c->out, g.out_defaults, "inputs", 1, here);
    out_texts(&c->out, g.out_defaults, "shell", 2, shell);
    out_comment(&c->out, g.out_defaults,
                "GitLab's jobs reach the network: leave it out where none does");
    out_text(&c->out, g.out_defaults, "network", "nat");
    read_stages(&g);
    gitlab_workflow(&g, g.out_defaults);
    write_top(&g);
    write_variables(&g);
    write_jobs(&g, out_map(&c->out, c->out.root, "jobs"));
    strset_free(&g.said);
    strset_free(&g.pools);
    name_index_free(&g.index);
    free(g.jobs);
}

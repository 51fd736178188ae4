/* SPDX-License-Identifier: Apache-2.0 */
/* gitlab_rules: which of GitLab's jobs are run: `rules`, `only`, `except`, `when`, and `rules` of
 * the whole pipeline (`workflow`), as far as the file and --var tell. */
#include "jobs/convert/gitlab.h"

#include <string.h>

/* ---- variables ---- */

struct asking {
    struct gitlab *g;
    const struct node *job; /* or NULL */
};

static struct condition_value known_as(const char *text)
{
    return (struct condition_value){.is_unset = text == NULL, .text = text};
}

static bool is_given(const struct gitlab *g, const char *name)
{
    const struct condition_value v = condition_given(g->c, name);

    return v.text != NULL && v.text[0] != '\0';
}

/* What GitLab sets follows, in part, from what else it has set. */
static struct condition_value follows(const struct gitlab *g, const char *name)
{
    const struct condition_value source = condition_given(g->c, "CI_PIPELINE_SOURCE");
    bool is_branch = is_given(g, "CI_COMMIT_BRANCH"), is_tag = is_given(g, "CI_COMMIT_TAG");
    bool is_request = source.text != NULL && str_eq(source.text, "merge_request_event");

    if (str_eq(name, "CI") || str_eq(name, "GITLAB_CI"))
        return known_as("true");
    if (source.text != NULL && !is_request &&
        (str_starts(name, "CI_MERGE_REQUEST_") || str_eq(name, "CI_OPEN_MERGE_REQUESTS")))
        return known_as(NULL);
    if (is_request && (str_eq(name, "CI_COMMIT_BRANCH") || str_eq(name, "CI_COMMIT_TAG")))
        return known_as(NULL);
    if ((is_branch && str_eq(name, "CI_COMMIT_TAG")) ||
        (is_tag && str_eq(name, "CI_COMMIT_BRANCH")))
        return known_as(NULL);
    if (str_eq(name, "CI_COMMIT_REF_NAME") && (is_branch || is_tag))
        return condition_given(g->c, is_branch ? "CI_COMMIT_BRANCH" : "CI_COMMIT_TAG");
    return (struct condition_value){0};
}

static struct condition_value ask(void *data, const char *name)
{
    struct asking *a = data;
    struct condition_value v = condition_given(a->g->c, name);
    const struct node *here;
    const char *text;

    if (v.is_unset || v.text != NULL)
        return v;
    here = gitlab_variable(a->g, a->job, name);
    if (here == NULL)
        return follows(a->g, name);
    text = gitlab_expand(a->g, a->job, here->text, 0);
    if (text != NULL && strstr(text, "${{") == NULL)
        v.text = text;
    return v;
}

static enum truth expression_truth(struct gitlab *g, const struct node *job, const struct node *n)
{
    struct asking a = {.g = g, .job = job};

    return convert_text(n) != NULL ? condition_gitlab(g->c, n->text, ask, &a) : TRUTH_MAYBE;
}

/* ---- rules ---- */

static enum truth rule_truth(struct gitlab *g, const struct node *job, const struct node *rule)
{
    const struct node *condition = node_child(rule, "if");
    enum truth t = condition != NULL ? expression_truth(g, job, condition) : TRUTH_YES;

    if (node_child(rule, "changes") != NULL || node_child(rule, "exists") != NULL)
        t = truth_least(t, TRUTH_MAYBE);
    return t;
}

static const char *rule_when(const struct node *job, const struct node *rule)
{
    const struct node *when = node_child(rule, "when");

    if (when == NULL && job != NULL)
        when = node_child(job, "when");
    return convert_text(when) != NULL ? when->text : "on_success";
}

/* A list of rules with what it refers to, and what that refers to. */
struct rule_list {
    const struct node **rules;
    size_t n;
    bool bad; /* one of them is no map, or is not in this file */
};

static void add_rules(struct gitlab *g, const struct node *n, struct rule_list *list, int depth)
{
    if (!convert_charge(g->c, 16) || depth > TREE_DEPTH_MAX) {
        list->bad = true;
    } else if (n->reference) {
        const struct node *of = gitlab_referred(g, n);

        list->bad |= of == NULL;
        if (of != NULL)
            add_rules(g, of, list, depth + 1);
    } else if (n->kind == NODE_LIST) {
        for (const struct node *i = n->first; i != NULL; i = i->next)
            add_rules(g, i, list, depth + 1);
    } else if (n->kind == NODE_MAP) {
        list->rules = xrealloc(list->rules, (list->n + 1) * sizeof(*list->rules));
        list->rules[list->n++] = n;
    } else {
        list->bad = true;
    }
}

/* What the rules say of when a job is run: "never" where none holds. NULL: that cannot be told.
 * *ret_rule is the one that decides it for sure, or NULL. */
static const char *rules_say(struct gitlab *g, const struct node *job, const struct rule_list *list,
                             const struct node **ret_rule)
{
    const char *all = NULL;
    bool sure = true;

    *ret_rule = NULL;
    for (size_t i = 0; i < list->n; i++) {
        const char *text = rule_when(job, list->rules[i]);
        enum truth t = rule_truth(g, job, list->rules[i]);

        if (t == TRUTH_NO)
            continue;
        if (all != NULL && !str_eq(all, text))
            return NULL;
        all = text;
        sure &= t == TRUTH_YES;
        if (t == TRUTH_YES) {
            *ret_rule = sure ? list->rules[i] : NULL;
            return all;
        }
    }
    if (all == NULL)
        return "never";
    /* none of them holds for sure: what all of them say, if that is never to run by itself */
    return str_eq(all, "manual") || str_eq(all, "delayed") || str_eq(all, "never") ? all : NULL;
}

/* Sets what the job's `when` and `rules` come to. */
static void find_when(struct gitlab *g, struct gitlab_job *j)
{
    const struct node *when = node_child(j->node, "when"), *rules = node_child(j->node, "rules");
    const struct node *at = rules != NULL ? rules : when != NULL ? when : j->node;
    struct rule_list list = {0};

    j->at = at;
    j->when = NULL;
    if (rules == NULL || node_is_null(rules)) {
        j->when = convert_text(when) != NULL ? when->text : "on_success";
        return;
    }
    add_rules(g, rules, &list, 0);
    if (!list.bad && list.n > 0)
        j->when = rules_say(g, j->node, &list, &j->rule);
    free(list.rules);
}

enum truth gitlab_rules_hold(struct gitlab *g, const struct node *rules)
{
    struct rule_list list = {0};
    const struct node *rule;
    const char *when;

    add_rules(g, rules, &list, 0);
    when = list.bad ? NULL : rules_say(g, NULL, &list, &rule);
    free(list.rules);
    return when == NULL ? TRUTH_MAYBE : truth_of(!str_eq(when, "never"));
}

/* ---- only and except ---- */

/* Whether `only` lets the job run in all pipelines of branches and tags, as if it were not there.
 */
static bool only_is_all(const struct node *only)
{
    bool branches = false, tags = false;

    for (const struct node *i = only->kind == NODE_MAP ? NULL : items_first(only); i != NULL;
         i = items_next(only, i)) {
        branches |= convert_text(i) != NULL && str_eq(i->text, "branches");
        tags |= convert_text(i) != NULL && str_eq(i->text, "tags");
    }
    return branches && tags;
}

/* Whether the text is the name or pattern, which may have the project behind an '@'. */
static enum truth ref_matches(struct gitlab *g, const struct node *job, const char *name)
{
    struct asking a = {.g = g, .job = job};
    const struct condition_value ref = ask(&a, "CI_COMMIT_REF_NAME");
    const char *end = strrchr(name, name[0] == '/' ? '/' : '@');
    size_t n = name[0] == '/' ? (size_t)(end - name) + 1
               : end != NULL  ? (size_t)(end - name)
                              : strlen(name);
    enum truth t;

    if (ref.text == NULL)
        return TRUTH_MAYBE;
    if (name[0] == '/')
        t = n > 1 ? condition_matches(g->c, ref.text, name, n) : TRUTH_MAYBE;
    else
        t = truth_of(strlen(ref.text) == n && strncmp(ref.text, name, n) == 0);
    /* of another project, or a pattern with flags: only what does not match is sure */
    return name[n] != '\0' ? truth_least(t, TRUTH_MAYBE) : t;
}

static enum truth is_set(struct condition_value v)
{
    return v.text != NULL ? truth_of(v.text[0] != '\0') : v.is_unset ? TRUTH_NO : TRUTH_MAYBE;
}

/* Whether an entry of `refs` holds. */
static enum truth ref_truth(struct gitlab *g, const struct node *job, const struct node *n)
{
    static const char *const sources[][2] = {
        {"pushes", "push"},
        {"merge_requests", "merge_request_event"},
        {"schedules", "schedule"},
        {"web", "web"},
        {"api", "api"},
        {"triggers", "trigger"},
        {"pipelines", "pipeline"},
        {"external", "external"},
        {"chat", "chat"},
    };
    struct asking a = {.g = g, .job = job};
    const char *text = convert_text(n);

    if (text == NULL || text[0] == '\0')
        return TRUTH_MAYBE;
    if (str_eq(text, "branches"))
        return is_set(ask(&a, "CI_COMMIT_BRANCH"));
    if (str_eq(text, "tags"))
        return is_set(ask(&a, "CI_COMMIT_TAG"));
    for (size_t i = 0; i < ARRAY_SIZE(sources); i++)
        if (str_eq(text, sources[i][0])) {
            const struct condition_value v = ask(&a, "CI_PIPELINE_SOURCE");

            return v.text != NULL ? truth_of(str_eq(v.text, sources[i][1])) : TRUTH_MAYBE;
        }
    return ref_matches(g, job, text);
}

/* Whether any of a list holds. */
static enum truth any_truth(struct gitlab *g, const struct node *job, const struct node *list,
                            enum truth (*truth)(struct gitlab *g, const struct node *job,
                                                const struct node *n))
{
    enum truth t = TRUTH_NO;

    for (const struct node *i = items_first(list); i != NULL; i = items_next(list, i))
        t = truth_greatest(t, convert_charge(g->c, 16) ? truth(g, job, i) : TRUTH_MAYBE);
    return t;
}

/* Whether `only` or `except` holds: of the keys of a map all have to for `only`, one for `except`.
 */
static enum truth refs_truth(struct gitlab *g, const struct node *job, const struct node *refs,
                             bool is_only)
{
    enum truth t = truth_of(is_only);

    if (refs->kind != NODE_MAP)
        return any_truth(g, job, refs, ref_truth);
    for (const struct node *v = refs->first; v != NULL; v = v->next) {
        enum truth one = str_eq(v->key->text, "refs") ? any_truth(g, job, v, ref_truth)
                         : str_eq(v->key->text, "variables")
                             ? any_truth(g, job, v, expression_truth)
                             : TRUTH_MAYBE;

        t = is_only ? truth_least(t, one) : truth_greatest(t, one);
    }
    return t;
}

/* Whether `only` and `except` let the job run. */
static enum truth lets_run(struct gitlab *g, const struct gitlab_job *j)
{
    const struct node *only = node_child(j->node, "only"), *except = node_child(j->node, "except");
    const struct condition_value source = condition_given(g->c, "CI_PIPELINE_SOURCE");
    enum truth t = TRUTH_YES, not_except = TRUTH_YES;

    if (only != NULL) {
        t = refs_truth(g, j->node, only, true);
        if (t == TRUTH_MAYBE && only_is_all(only))
            t = TRUTH_YES;
    } else if (node_child(j->node, "rules") == NULL) {
        t = truth_of(source.text == NULL || !str_eq(source.text, "merge_request_event"));
    }
    if (except != NULL)
        not_except = (enum truth)(TRUTH_YES - refs_truth(g, j->node, except, false));
    return truth_least(t, not_except);
}

/* ---- which jobs ---- */

static bool name_is_good(const char *name)
{
    size_t n = strlen(name), length;
    uint32_t letter = 0;

    if (n == 0 || n > LOAD_NAME_MAX || name[0] == '-' || name[0] == '.' ||
        strstr(name, "${{") != NULL)
        return false;
    for (size_t i = 0; i < n; i += length) {
        length = text_decode((const unsigned char *)name + i, n - i, &letter);
        if (length == 0 || text_is_hidden(letter))
            return false;
    }
    return true;
}

/* Whether it can be a job at all; says why not. */
static bool is_possible(struct gitlab *g, const struct gitlab_job *j, struct out *jobs)
{
    if (node_child(j->node, "trigger") != NULL)
        convert_left(g->c, jobs, j->node, "the job '%s', which starts another pipeline", j->name);
    else if (node_child(j->node, "script") == NULL)
        convert_left(g->c, jobs, j->node, "the job '%s', which has no script in this file",
                     j->name);
    else if (!name_is_good(j->name))
        convert_left(g->c, jobs, j->node, "the job '%s', whose name no job may have here", j->name);
    else
        return true;
    return false;
}

/* Says that the job stands as a comment since it is not run in such a pipeline. */
static void hold_silent(struct gitlab *g, struct gitlab_job *j, struct out *jobs,
                        const struct node *at, const char *why)
{
    convert_note(g->c, jobs, at, "the job '%s', %s: it is a comment", j->name, why);
    j->is_held = true;
}

void gitlab_decide(struct gitlab *g, struct gitlab_job *j, struct out *jobs)
{
    static const char *const known[] = {"on_success", "on_failure", "always"};
    const struct node *at, *only = node_child(j->node, "only");
    const struct node *except = node_child(j->node, "except");
    bool by_itself = false; /* it would run, if a condition held */
    const char *why = NULL;
    enum truth runs;

    if (!is_possible(g, j, jobs))
        return;
    find_when(g, j);
    runs = lets_run(g, j);
    at = only != NULL ? only : except != NULL ? except : j->at;
    if (j->when != NULL && str_eq(j->when, "never")) {
        hold_silent(g, j, jobs, j->at, "which is never run");
        return;
    }
    if (runs == TRUTH_NO) {
        hold_silent(g, j, jobs, at, "which is not run in such a pipeline");
        return;
    }
    if (j->when != NULL && (str_eq(j->when, "manual") || str_eq(j->when, "delayed"))) {
        why = "which is started by hand or later";
    } else if (j->when == NULL || !convert_is_among(j->when, known, ARRAY_SIZE(known))) {
        why =
            j->when == NULL ? "whose 'rules' are not evaluated" : "whose 'when' is not known here";
        by_itself = true;
    } else if (runs == TRUTH_MAYBE) {
        why = "whose 'only' or 'except' is not evaluated";
        by_itself = true;
    } else if (j->is_part) {
        why = "which extends what is not in this file";
        by_itself = true;
    }
    j->is_written = why == NULL || (by_itself && g->c->asked->assume);
    j->is_held = !j->is_written;
    if (why != NULL)
        convert_left(g->c, jobs, runs == TRUTH_MAYBE && j->when != NULL ? at : j->at,
                     "the job '%s', %s: it %s", j->name, why,
                     j->is_held ? "is a comment" : "always runs");
}

/* ---- what rules say beside ---- */

/* Sets the variables of the rule that decides, which win over the job's own. */
static void rule_variables(struct gitlab *g, struct gitlab_job *j, struct out *job,
                           const struct node *map)
{
    struct out *env = out_get_map(&g->c->out, job, "env"), *there;

    for (const struct node *v = map->kind == NODE_MAP ? map->first : NULL; v != NULL; v = v->next) {
        const char *text = v->kind == NODE_SCALAR ? gitlab_expand(g, j->node, v->text, 0) : NULL;

        if (text == NULL || !convert_is_variable(v->key->text) ||
            gitlab_is_parallel(j, v->key->text))
            convert_left(g->c, env, v, "the variable '%s' of a rule", v->key->text);
        else if (convert_charge(g->c, 16 + env->n) &&
                 (there = out_find(env, v->key->text)) != NULL && there->kind == OUT_TEXT)
            there->text = text;
        else
            out_text(&g->c->out, env, v->key->text, text);
    }
}

static void rule_allows_failure(struct gitlab *g, struct out *job, const struct node *v)
{
    struct out *there = out_find(job, "allow-failure");

    if (!convert_is_true(v) && !convert_is_false(v)) {
        convert_left(g->c, job, v, "'allow_failure' of a rule");
        return;
    }
    if (there != NULL)
        out_drop(&g->c->out, job, there);
    if (convert_is_true(v))
        out_bare(&g->c->out, job, "allow-failure", "true");
}

void gitlab_rules_rest(struct gitlab *g, struct gitlab_job *j, struct out *job,
                       const struct node *rules)
{
    static const char *const taken[] = {"if", "changes", "exists", "when"};
    struct rule_list list = {0};

    add_rules(g, rules, &list, 0);
    for (size_t i = 0; i < list.n; i++) {
        const struct node *r = list.rules[i];

        if (j->rule != NULL ? r != j->rule : rule_truth(g, j->node, r) == TRUTH_NO)
            continue;
        for (const struct node *v = r->first; v != NULL; v = v->next)
            if (r == j->rule && str_eq(v->key->text, "variables"))
                rule_variables(g, j, job, v);
            else if (r == j->rule && str_eq(v->key->text, "allow_failure"))
                rule_allows_failure(g, job, v);
            else if (!convert_is_among(v->key->text, taken, ARRAY_SIZE(taken)))
                convert_left(g->c, job, v, "'%s' of a rule", v->key->text);
    }
    free(list.rules);
}

/* ---- the whole pipeline ---- */

void gitlab_workflow(struct gitlab *g, struct out *in)
{
    const struct node *workflow = node_child(g->root, "workflow");
    const struct node *rules =
        workflow != NULL && workflow->kind == NODE_MAP ? node_child(workflow, "rules") : NULL;
    const struct node *rule = NULL, *variables;
    struct rule_list list = {0};
    const char *when = NULL;

    if (workflow == NULL)
        return;
    if (rules != NULL)
        add_rules(g, rules, &list, 0);
    if (rules != NULL && !list.bad)
        when = rules_say(g, NULL, &list, &rule);
    free(list.rules);
    if (rules == NULL)
        convert_note(g->c, in, workflow, "'workflow': a file does not say when it is run");
    else if (when != NULL && str_eq(when, "never"))
        convert_left(g->c, in, workflow, "'workflow': there is no pipeline then");
    else if (rule == NULL)
        convert_left(g->c, in, workflow,
                     "'workflow': a file does not say when it is run; who calls cupel does");
    variables = rule != NULL ? node_child(rule, "variables") : NULL;
    if (variables != NULL && variables->kind == NODE_MAP)
        g->workflow_variables = variables;
}

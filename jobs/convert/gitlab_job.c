/* SPDX-License-Identifier: Apache-2.0 */
/* gitlab_job: a job of GitLab's, word by word, by one table. What it comes after: gitlab_needs.c.
 */
#include "jobs/convert/gitlab.h"

#include <string.h>

typedef void word_fn(struct gitlab *g, struct gitlab_job *j, struct out *job,
                     const struct node *value);

static void word_lines(struct gitlab *g, const struct gitlab_job *j, struct out *job,
                       const struct node *value, const char *key)
{
    cleanup_strbuf struct strbuf lines = {0};

    gitlab_lines(g, job, value, &lines, 0);
    if (lines.len == 0 && str_eq(key, "run")) {
        convert_left(g->c, job, value, "a script without a command: it fails");
        strbuf_adds(&lines, "exit 1\n");
    }
    if (lines.len == 0)
        return;
    gitlab_predefined(g, j, job, value, lines.data);
    out_text(&g->c->out, job, key, convert_literal(g->c, arena_strdup(g->c->arena, lines.data)));
}

static void word_script(struct gitlab *g, struct gitlab_job *j, struct out *job,
                        const struct node *value)
{
    word_lines(g, j, job, value, "run");
}

static void word_before(struct gitlab *g, struct gitlab_job *j, struct out *job,
                        const struct node *value)
{
    word_lines(g, j, job, value, "before");
}

static void word_after(struct gitlab *g, struct gitlab_job *j, struct out *job,
                       const struct node *value)
{
    word_lines(g, j, job, value, "after");
}

/* The image's name with its variables; NULL, and said, where they are not known. */
static const char *image_name(struct gitlab *g, struct gitlab_job *j, struct out *in,
                              const struct node *value)
{
    const struct node *name = value->kind == NODE_MAP ? node_child(value, "name") : value;
    const char *text = convert_text(name);

    text = text != NULL ? gitlab_expand(g, j->node, text, 0) : NULL;
    if (text == NULL)
        convert_left(g->c, in, value, "which image it is cannot be told from this file");
    return text;
}

static void word_image(struct gitlab *g, struct gitlab_job *j, struct out *job,
                       const struct node *value)
{
    const char *image = image_name(g, j, job, value);

    if (image == NULL)
        return;
    j->image = convert_root(g->c, image);
    if (j->image == NULL) {
        convert_left(g->c, job, value, "'%s' is no image's name", image);
        return;
    }
    out_text(&g->c->out, job, "rootfs", j->image);
    if (value->kind != NODE_MAP)
        return;
    for (const struct node *v = value->first; v != NULL; v = v->next)
        if (!str_eq(v->key->text, "name") && !str_eq(v->key->text, "entrypoint"))
            convert_left(g->c, job, v, "'%s' of an image", v->key->text);
}

static void word_variables(struct gitlab *g, struct gitlab_job *j, struct out *job,
                           const struct node *value)
{
    struct out *env;

    if (value->kind != NODE_MAP)
        return;
    env = out_get_map(&g->c->out, job, "env");
    for (const struct node *v = value->first; v != NULL; v = v->next) {
        const struct node *of = v->kind == NODE_MAP ? node_child(v, "value") : v;
        const char *text =
            of != NULL && of->kind == NODE_SCALAR ? gitlab_expand(g, j->node, of->text, 0) : NULL;

        if (gitlab_is_parallel(j, v->key->text) || condition_given(g->c, v->key->text).text != NULL)
            continue;
        if (!convert_is_variable(v->key->text))
            convert_left(g->c, env, v, "'%s' is no name of a variable here", v->key->text);
        else if (text == NULL)
            convert_left(g->c, env, v, "the variable '%s' is made of others that are not known",
                         v->key->text);
        else if (out_find(env, v->key->text) == NULL)
            out_text(&g->c->out, env, v->key->text, text);
        gitlab_variable_rest(g, env, v);
    }
}

/* ---- services ---- */

/* A host name of an image's: its last part without its tag. */
static const char *service_name(struct converter *c, const char *image)
{
    const char *slash = strrchr(image, '/');
    const char *last = slash != NULL ? slash + 1 : image;
    char *name = arena_strndup(c->arena, last, strcspn(last, ":@"));

    for (char *p = name; *p != '\0'; p++)
        if (strchr("_.", *p) != NULL)
            *p = '-';
    return name;
}

/* What servers are told by variables is, in GitLab, what the job has. */
static void service_env(struct gitlab *g, struct gitlab_job *j, struct out *service,
                        const struct node *own)
{
    const struct node *maps[] = {own, node_child(j->node, "variables"),
                                 node_child(g->root, "variables")};
    struct out *env = out_map(&g->c->out, service, "env");

    for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
        for (const struct node *v = maps[i] != NULL && maps[i]->kind == NODE_MAP ? maps[i]->first
                                                                                 : NULL;
             v != NULL; v = v->next) {
            const char *text = v->kind == NODE_SCALAR && convert_charge(g->c, 16 + env->n)
                                   ? gitlab_expand(g, j->node, v->text, 0)
                                   : NULL;

            if (text == NULL || !convert_is_variable(v->key->text))
                convert_left(g->c, env, v, "the variable '%s' of a service", v->key->text);
            else if (out_find(env, v->key->text) == NULL)
                out_text(&g->c->out, env, v->key->text, text);
        }
}

static void add_service(struct gitlab *g, struct gitlab_job *j, struct out *services,
                        const struct node *item)
{
    const char *image = image_name(g, j, services, item), *name;
    const struct node *alias = item->kind == NODE_MAP ? node_child(item, "alias") : NULL;
    struct out *service;

    if (image == NULL)
        return;
    name = service_name(g->c, image);
    if (str_eq(name, "docker")) {
        convert_left(g->c, services, item,
                     "a container engine beside the job: it would need rights "
                     "that no sandbox gives");
        return;
    }
    if (alias != NULL && alias->kind == NODE_SCALAR && host_name_is_valid(alias->text))
        name = alias->text;
    service = convert_service(g->c, services, item, name, image);
    if (service == NULL)
        return;
    service_env(g, j, service, item->kind == NODE_MAP ? node_child(item, "variables") : NULL);
    if (out_find(service, "ready") == NULL)
        convert_note(g->c, service, item, "say under 'ready' how '%s' is known to be ready", name);
    for (const struct node *v = item->kind == NODE_MAP ? item->first : NULL; v != NULL; v = v->next)
        if (!str_eq(v->key->text, "name") && !str_eq(v->key->text, "alias") &&
            !str_eq(v->key->text, "variables"))
            convert_left(g->c, service, v, "'%s' of a service", v->key->text);
}

static void word_services(struct gitlab *g, struct gitlab_job *j, struct out *job,
                          const struct node *value)
{
    struct out *services = out_map(&g->c->out, job, "services");

    for (const struct node *i = items_first(value); i != NULL; i = items_next(value, i))
        if (convert_charge(g->c, 16))
            add_service(g, j, services, i);
}

/* ---- what it leaves, how it ends ---- */

static void add_artifact_paths(struct gitlab *g, struct gitlab_job *j, struct out *paths,
                               const struct node *list)
{
    for (const struct node *i = items_first(list); i != NULL; i = items_next(list, i)) {
        const char *text = i->kind == NODE_SCALAR ? gitlab_expand(g, j->node, i->text, 0) : NULL;
        const char *path = text != NULL ? convert_pattern(g->c, text) : NULL;

        if (path == NULL || strstr(path, "${{") != NULL)
            convert_left(g->c, paths, i, "the path of an artifact '%s' cannot be told",
                         i->kind == NODE_SCALAR ? i->text : "");
        else if (convert_charge(g->c, 16))
            out_text(&g->c->out, paths, NULL, path);
    }
}

/* `coverage` by a Cobertura file, where that is what the report is. */
static bool add_coverage(struct gitlab *g, struct gitlab_job *j, struct out *job,
                         const struct node *report)
{
    const struct node *format =
        report->kind == NODE_MAP ? node_child(report, "coverage_format") : NULL;
    const struct node *at = report->kind == NODE_MAP ? node_child(report, "path") : NULL;
    const char *text = convert_text(at) != NULL ? gitlab_expand(g, j->node, at->text, 0) : NULL;
    const char *path = text != NULL ? convert_path(g->c, text) : NULL;

    if (convert_text(format) == NULL || !str_eq(format->text, "cobertura") || path == NULL ||
        strstr(path, "${{") != NULL || out_find(job, "coverage") != NULL)
        return false;
    out_text(&g->c->out, out_map(&g->c->out, job, "coverage"), "cobertura", path);
    return true;
}

static void add_reports(struct gitlab *g, struct gitlab_job *j, struct out *job, struct out *paths,
                        const struct node *reports)
{
    for (const struct node *v = reports->kind == NODE_MAP ? reports->first : NULL; v != NULL;
         v = v->next) {
        if (str_eq(v->key->text, "junit") && out_find(job, "junit") == NULL) {
            add_artifact_paths(g, j, out_list(&g->c->out, job, "junit"), v);
            continue;
        }
        if (str_eq(v->key->text, "coverage_report") && add_coverage(g, j, job, v))
            continue;
        if (v->kind != NODE_MAP)
            add_artifact_paths(g, j, paths, v);
        convert_left(g->c, paths, v, "the report '%s' is not read", v->key->text);
    }
}

static void word_coverage(struct gitlab *g, struct gitlab_job *j, struct out *job,
                          const struct node *value)
{
    const char *why = "it is no text", *text = convert_text(value);

    (void)j;
    if (out_find(job, "coverage") != NULL)
        why = "the Cobertura file is read instead";
    else if (text != NULL && text[0] != '\0' && strstr(text, "${{") == NULL &&
             coverage_pattern(g->c->arena, text, value->n, &why) != NULL) {
        out_text(&g->c->out, job, "coverage", text);
        return;
    }
    convert_left(g->c, job, value, "'coverage': %s", why);
}

static void word_artifacts(struct gitlab *g, struct gitlab_job *j, struct out *job,
                           const struct node *value)
{
    static const char *const when[][2] = {
        {"on_success", "success"}, {"on_failure", "failure"}, {"always", "always"}};
    struct out *artifacts = out_map(&g->c->out, job, "artifacts"), *paths;
    const struct node *w = value->kind == NODE_MAP ? node_child(value, "when") : NULL;
    const char *here = w == NULL ? "success" : NULL;

    paths = out_list(&g->c->out, artifacts, "paths");
    for (size_t i = 0; w != NULL && i < ARRAY_SIZE(when); i++)
        if (w->kind == NODE_SCALAR && str_eq(w->text, when[i][0]))
            here = when[i][1];
    for (const struct node *v = value->kind == NODE_MAP ? value->first : NULL; v != NULL;
         v = v->next) {
        const char *word = v->key->text;

        if (str_eq(word, "paths"))
            add_artifact_paths(g, j, paths, v);
        else if (str_eq(word, "exclude"))
            add_artifact_paths(g, j, out_list(&g->c->out, artifacts, "exclude"), v);
        else if (str_eq(word, "reports"))
            add_reports(g, j, job, paths, v);
        else if (str_eq(word, "expire_in") || str_eq(word, "name") || str_eq(word, "expose_as"))
            convert_note(g->c, artifacts, v, "'%s': artifacts stay in --out until the next run",
                         word);
        else if (!str_eq(word, "when"))
            convert_left(g->c, artifacts, v, "'%s' of artifacts", word);
    }
    if (here == NULL) {
        convert_left(g->c, artifacts, w, "'when' of artifacts: they are kept after success");
        here = "success";
    }
    if (paths->n > 0) {
        out_text(&g->c->out, artifacts, "when", here);
        /* GitLab only warns */
        out_text(&g->c->out, artifacts, "if-missing", "note");
    } else {
        if (out_find(artifacts, "exclude") != NULL)
            convert_left(g->c, artifacts, node_child(value, "exclude"),
                         "'exclude' of artifacts that have no paths");
        out_only_comments(&g->c->out, artifacts);
    }
}

/* "1h 30m", "3 hours 30 minutes", "90": in seconds. False: it is none. */
static bool read_time(const char *text, uint64_t *ret)
{
    static const struct {
        const char *letter;
        uint64_t seconds;
    } units[] = {{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}, {"w", 604800}};
    uint64_t sum = 0;

    while (*text != '\0') {
        char *end;
        unsigned long long n;
        size_t i;

        text += strspn(text, " ");
        if (strspn(text, "0123456789") == 0 || strspn(text, "0123456789") > 8)
            return false;
        n = strtoull(text, &end, 10);
        text = end + strspn(end, " ");
        for (i = 0; i < ARRAY_SIZE(units) && *text != units[i].letter[0]; i++)
            ;
        if (str_starts(text, "mo") || str_starts(text, "y"))
            return false;
        if (i == ARRAY_SIZE(units) && *text != '\0')
            return false;
        sum += n * (i < ARRAY_SIZE(units) ? units[i].seconds : 1);
        text += strcspn(text, " 0123456789");
        text += strspn(text, " ");
        if (str_starts(text, "and "))
            text += 4;
    }
    *ret = sum;
    return sum > 0 && sum <= 365 * UINT64_C(86400);
}

static void word_timeout(struct gitlab *g, struct gitlab_job *j, struct out *job,
                         const struct node *value)
{
    uint64_t seconds;

    (void)j;
    if (value->kind == NODE_SCALAR && read_time(value->text, &seconds))
        convert_wall(g->c, job, seconds);
    else
        convert_left(g->c, job, value, "'timeout' is no time that is known here");
}

/* Adds what `retry: {when}` says in the words of `retry-on`. */
static void retry_when(struct gitlab *g, struct out *job, const struct node *list)
{
    static const char *const words[][2] = {
        {"script_failure", "failure"},
        {"job_execution_timeout", "timeout"},
        {"stuck_or_timeout_failure", "timeout"},
        {"runner_system_failure", "error"},
        {"unknown_failure", "error"},
        {"api_failure", "error"},
        {"scheduler_failure", "error"},
    };
    struct out *on = NULL;

    for (const struct node *i = items_first(list); i != NULL; i = items_next(list, i)) {
        const char *text = convert_text(i), *here = NULL;
        bool there = false;

        for (size_t k = 0; text != NULL && k < ARRAY_SIZE(words); k++)
            if (str_eq(text, words[k][0]))
                here = words[k][1];
        if (text != NULL && str_eq(text, "always"))
            continue;
        if (here == NULL) {
            convert_left(g->c, job, i, "'retry' after '%s'", text != NULL ? text : "");
            continue;
        }
        on = out_get_list(&g->c->out, job, "retry-on");
        for (const struct out *o = on->first; o != NULL; o = o->next)
            there |= str_eq(o->text, here);
        if (!there)
            out_text(&g->c->out, on, NULL, here);
    }
}

static void word_retry(struct gitlab *g, struct gitlab_job *j, struct out *job,
                       const struct node *value)
{
    const struct node *max = value->kind == NODE_MAP ? node_child(value, "max") : value;
    const char *text = convert_text(max);

    (void)j;
    if (text == NULL || strlen(text) != 1 || text[0] < '0' || text[0] > '9') {
        convert_left(g->c, job, value, "'retry' says no number that is known here");
        return;
    }
    out_bare(&g->c->out, job, "retries", text);
    for (const struct node *v = value->kind == NODE_MAP ? value->first : NULL; v != NULL;
         v = v->next) {
        if (str_eq(v->key->text, "when"))
            retry_when(g, job, v);
        else if (!str_eq(v->key->text, "max"))
            convert_left(g->c, job, v, "'%s' of 'retry'", v->key->text);
    }
}

static bool is_exit_code(const struct node *n)
{
    return n->kind == NODE_SCALAR && n->n > 0 && n->n < 4 &&
           strspn(n->text, "0123456789") == n->n && (n->n == 1 || n->text[0] != '0') &&
           atoi(n->text) < 256;
}

static void word_allow_failure(struct gitlab *g, struct gitlab_job *j, struct out *job,
                               const struct node *value)
{
    const struct node *codes = value->kind == NODE_MAP ? node_child(value, "exit_codes") : NULL;
    struct out *list;

    (void)j;
    if (codes == NULL) {
        if (convert_is_true(value))
            out_bare(&g->c->out, job, "allow-failure", "true");
        else if (!convert_is_false(value))
            convert_left(g->c, job, value, "'allow_failure' is neither true nor false");
        return;
    }
    list = out_list(&g->c->out, out_map(&g->c->out, job, "allow-failure"), "exit");
    for (const struct node *i = items_first(codes); i != NULL; i = items_next(codes, i)) {
        if (is_exit_code(i))
            out_bare(&g->c->out, list, NULL, i->text);
        else
            convert_left(g->c, list, i, "no exit code");
    }
}

static void word_resource_group(struct gitlab *g, struct gitlab_job *j, struct out *job,
                                const struct node *value)
{
    const char *text =
        convert_text(value) != NULL ? gitlab_expand(g, j->node, value->text, 0) : NULL;

    if (text == NULL || !name_is_valid(text) ||
        (!strset_has(&g->pools, text) && g->n_pools == JOBS_POOLS_MAX)) {
        convert_left(g->c, job, value, "'resource_group' whose name none can have here");
        return;
    }
    g->n_pools += strset_add(&g->pools, text);
    out_text(&g->c->out, job, "exclusive", text);
}

static void word_inherit(struct gitlab *g, struct gitlab_job *j, struct out *job,
                         const struct node *value)
{
    (void)j;
    if (value->kind == NODE_MAP && node_child(value, "variables") != NULL &&
        !convert_is_true(node_child(value, "variables")))
        convert_left(g->c, job, value, "'inherit': the job has all variables of the pipeline");
}

/* ---- the table ---- */

/* Words that a job has; `from_default`: `default` or the pipeline may give it. One without a
 * function is told of: as a note where it changes nothing that the job does. */
static const struct {
    const char *word;
    word_fn *write;
    bool from_default;
    const char *note, *left;
} words[] = {
    {.word = "image", .write = word_image, .from_default = true},
    {.word = "variables", .write = word_variables},
    {.word = "services", .write = word_services, .from_default = true},
    {.word = "parallel", .write = gitlab_parallel},
    {.word = "before_script", .write = word_before, .from_default = true},
    {.word = "script", .write = word_script},
    {.word = "after_script", .write = word_after, .from_default = true},
    {.word = "artifacts", .write = word_artifacts, .from_default = true},
    {.word = "retry", .write = word_retry, .from_default = true},
    {.word = "timeout", .write = word_timeout, .from_default = true},
    {.word = "allow_failure", .write = word_allow_failure},
    {.word = "inherit", .write = word_inherit},
    {.word = "cache", .write = gitlab_cache, .from_default = true},
    {.word = "tags", .from_default = true, .note = "'tags' choose a runner; there is none here"},
    {.word = "interruptible",
     .from_default = true,
     .note = "'interruptible': a run ends when told"},
    {.word = "resource_group", .write = word_resource_group},
    {.word = "id_tokens", .from_default = true, .left = "'id_tokens': write 'secrets'"},
    {.word = "secrets", .left = "'secrets' of a vault: write 'secrets' with a 'command'"},
    {.word = "environment", .left = "'environment': a run deploys to none"},
    {.word = "release", .left = "'release': nothing is released"},
    {.word = "coverage", .write = word_coverage},
    {.word = "rules", .write = gitlab_rules_rest},
    {.word = "hooks", .from_default = true, .left = "'hooks' are a runner's"},
};

/* Words that other functions have taken. */
static bool is_taken(const char *word)
{
    static const char *const taken[] = {"extends",      "stage", "needs", "only",
                                        "dependencies", "when",  "except"};

    for (size_t i = 0; i < ARRAY_SIZE(taken); i++)
        if (str_eq(taken[i], word))
            return true;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (str_eq(words[i].word, word))
            return true;
    return false;
}

void gitlab_job_write(struct gitlab *g, struct gitlab_job *j, struct out *job)
{
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        const struct node *v = words[i].from_default ? gitlab_word(g, j->node, words[i].word)
                                                     : node_child(j->node, words[i].word);

        /* an empty list of anything but commands is as good as none */
        if (v == NULL ||
            (v->kind == NODE_LIST && v->n == 0 && !v->reference && words[i].write != word_script))
            continue;
        if (words[i].write != NULL)
            words[i].write(g, j, job, v);
        else if (words[i].note != NULL)
            convert_note(g->c, job, v, "%s", words[i].note);
        else
            convert_left(g->c, job, v, "%s", words[i].left);
        if (str_eq(words[i].word, "image"))
            gitlab_needs(g, j, job);
    }
    if (out_find(job, "rootfs") == NULL && gitlab_word(g, j->node, "image") == NULL) {
        gitlab_needs(g, j, job);
        convert_note(g->c, job, j->node, "it names no image: it runs over the host's own root");
    }
    for (const struct node *v = j->node->first; v != NULL; v = v->next)
        if (!is_taken(v->key->text))
            convert_left(g->c, job, v, "'%s' has no counterpart", v->key->text);
}

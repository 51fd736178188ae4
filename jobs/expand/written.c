/* SPDX-License-Identifier: Apache-2.0 */
/* written: what a job file comes to once all of it is written out: each job with what it extends,
 * what `defaults` give it and the values of its instance, as a job file that is run as this one is.
 * Values stand as they were written; names of jobs and roots as the plan has found them. For those
 * who read it, and for programs. Not responsible for anything that is run. */
#include "jobs/expand/expand.h"
#include "jobs/expand/node_text.h"

struct jobs_expanded {
    struct arena *tree;
    const struct node **list; /* of the jobs, for jobs_describe; or NULL */
    const struct node *rootfs, *pools, *defaults, *jobs; /* or NULL */
};

/* ---- laying defaults below a job ---- */

/* Maps that merge with those of `defaults`, and the key that what is no map stands for. */
static const struct laid_map {
    const char *key, *stands_for;
    bool own_last; /* what a job replaces stands where it has it, not where `defaults` have it */
} laid_maps[] = {{"env", NULL, false},          {"limits", NULL, false},
                 {"expect", NULL, false},       {"artifacts", "paths", false},
                 {"seccomp", "profile", false}, {"services", NULL, true},
                 {"junit", "paths", false},     {"tap", "paths", false},
                 {"ctrf", "paths", false},      {"exclusive", NULL, false}};

/* Of two that say the same, a job's own replaces that of `defaults`. */
static const char *const exclusives[][2] = {{"stdin", "stdin-file"},
                                            {"exit", "signal"},
                                            {"stdout", "stdout-file"},
                                            {"stderr", "stderr-file"}};

struct writing {
    const struct jobs_expanded *x;
    const struct jobs_plan *plan;
    struct arena *arena; /* of one job */
};

static bool has_other(const struct node *own, const char *key)
{
    for (size_t i = 0; i < ARRAY_SIZE(exclusives); i++)
        for (size_t k = 0; k < 2; k++)
            if (str_eq(exclusives[i][k], key) && node_child(own, exclusives[i][1 - k]) != NULL)
                return true;
    return false;
}

static struct node *written_copy(struct writing *w, const struct node *n)
{
    struct node *copy = arena_alloc(w->arena, sizeof(*copy));

    *copy = *n;
    copy->next = NULL;
    return copy;
}

static struct node *written_text(struct writing *w, const char *text)
{
    return written_copy(w, &(struct node){.kind = NODE_SCALAR, .text = text, .n = strlen(text)});
}

/* A map or a list that is being put together. */
struct written_list {
    struct node *of, **link;
};

static struct written_list written_new(struct writing *w, enum node_kind kind)
{
    struct node *of = written_copy(w, &(struct node){.kind = (uint8_t)kind});

    return (struct written_list){of, &of->first};
}

static void written_add(struct writing *w, struct written_list *to, const char *key,
                        struct node *child)
{
    *to->link = child;
    to->link = &child->next;
    to->of->n++;
    if (key != NULL)
        child->key = written_text(w, key);
}

static const char *own_key(const void *data, size_t i)
{
    return ((const struct node *const *)data)[i]->key->text;
}

/* Returns the two maps as one, of which the own wins; in the order of `base`. */
static struct node *lay_map(struct writing *w, const struct laid_map *laid, const struct node *own,
                            const struct node *base)
{
    bool excludes = str_eq(laid->key, "expect"); /* in other maps these are names */
    struct written_list map = written_new(w, NODE_MAP);
    cleanup_free const struct node **keys = xcalloc(own->n, sizeof(*keys));
    cleanup_free bool *taken = xcalloc(own->n, sizeof(*taken));
    _cleanup_(name_index_free) struct name_index index = {0};
    size_t n = 0, i;

    for (const struct node *v = own->first; v != NULL; v = v->next)
        keys[n++] = v;
    name_index_build(&index, n, own_key, keys);
    if (base->kind != NODE_MAP && laid->stands_for != NULL &&
        !name_index_find(&index, laid->stands_for, &i))
        written_add(w, &map, laid->stands_for, written_copy(w, base));
    for (const struct node *v = base->kind == NODE_MAP ? base->first : NULL; v != NULL;
         v = v->next) {
        bool is_own = name_index_find(&index, v->key->text, &i);

        if (is_own && laid->own_last)
            continue;
        if (is_own)
            taken[i] = true;
        if (is_own || !excludes ||
            (!has_other(own, v->key->text) &&
             !compare_drops(node_child(own, "compare"), v->key->text)))
            written_add(w, &map, v->key->text, written_copy(w, is_own ? keys[i] : v));
    }
    for (i = 0; i < n; i++)
        if (!taken[i])
            written_add(w, &map, keys[i]->key->text, written_copy(w, keys[i]));
    return map.of;
}

/* Returns an input of which a matrix has found the path: that nobody is to trust it, which the file
 * of the matrix does not say, is said here. */
static struct node *distrusted(struct writing *w, const struct node *input)
{
    struct node *yes = written_text(w, "true");
    struct written_list map = written_new(w, NODE_MAP);

    yes->plain = true;
    if (input->kind == NODE_SCALAR)
        written_add(w, &map, "from", written_copy(w, input));
    for (const struct node *v = input->kind == NODE_MAP ? input->first : NULL; v != NULL;
         v = v->next)
        written_add(w, &map, v->key->text, written_copy(w, v));
    written_add(w, &map, "untrusted", yes);
    return map.of;
}

static bool is_found(const struct node *input)
{
    const struct node *from = input->kind == NODE_MAP ? node_child(input, "from") : input;

    return from != NULL && from->kind == NODE_SCALAR && from->found > 0 &&
           (input->kind != NODE_MAP || node_child(input, "untrusted") == NULL);
}

/* Returns an input that is the files of one job, of which the whole name is said. */
static struct node *of_one_job(struct writing *w, const struct node *input, size_t job)
{
    struct written_list map = written_new(w, NODE_MAP);

    for (const struct node *v = input->first; v != NULL; v = v->next)
        written_add(w, &map, v->key->text,
                    str_eq(v->key->text, "job") ? written_text(w, w->plan->jobs[job].name)
                                                : written_copy(w, v));
    return map.of;
}

/* Returns `inputs`, of which those are marked that a matrix has found, and those named that are of
 * one instance; without what a job would have of itself. */
static struct node *lay_inputs(struct writing *w, const struct jobs_job *job, struct node *inputs)
{
    struct written_list list = written_new(w, NODE_LIST);
    bool any = false;

    for (const struct node *v = items_first(inputs); v != NULL; v = items_next(inputs, v))
        any |= is_found(v) || (v->kind == NODE_MAP && node_child(v, "job") != NULL);
    if (!any)
        return inputs;
    for (const struct node *v = items_first(inputs); v != NULL; v = items_next(inputs, v)) {
        bool takes = v->kind == NODE_MAP && node_child(v, "job") != NULL;
        size_t at = takes ? input_of_item(w->arena, job, v) : JOBS_NO_INPUT;

        if (at != JOBS_NO_INPUT)
            written_add(w, &list, NULL, of_one_job(w, v, job->inputs[at].job - 1));
        else if (!takes)
            written_add(w, &list, NULL, is_found(v) ? distrusted(w, v) : written_copy(w, v));
    }
    return list.of;
}

/* Returns `services`, with the inputs of each. */
static struct node *lay_services(struct writing *w, const struct jobs_job *job,
                                 struct node *services)
{
    struct written_list map = written_new(w, NODE_MAP);

    for (const struct node *s = services->first; s != NULL; s = s->next) {
        struct written_list service = written_new(w, NODE_MAP);

        for (const struct node *v = s->kind == NODE_MAP ? s->first : NULL; v != NULL; v = v->next) {
            struct node *copy = written_copy(w, v);

            written_add(w, &service, v->key->text,
                        str_eq(v->key->text, "inputs") ? lay_inputs(w, job, copy) : copy);
        }
        written_add(w, &map, s->key->text, s->kind == NODE_MAP ? service.of : written_copy(w, s));
    }
    return map.of;
}

/* Returns what a job says of a key, with what `defaults` say; NULL: nothing. */
static struct node *lay_key(struct writing *w, const struct node *job, const char *key)
{
    const struct node *defaults = w->x->defaults;
    const struct node *own = node_child(job, key);
    const struct node *base = defaults != NULL ? node_child(defaults, key) : NULL;

    if (own == NULL)
        return base != NULL && !has_other(job, key) ? written_copy(w, base) : NULL;
    for (size_t i = 0; i < ARRAY_SIZE(laid_maps) && base != NULL && own->kind == NODE_MAP; i++)
        if (str_eq(laid_maps[i].key, key))
            return lay_map(w, &laid_maps[i], own, base);
    return written_copy(w, own);
}

static struct node *needs_of(struct writing *w, const struct jobs_job *job)
{
    static const char *const words[] = {[JOBS_NEED_SUCCESS] = "success",
                                        [JOBS_NEED_FAILURE] = "failure",
                                        [JOBS_NEED_ALWAYS] = "always"};
    struct written_list list = written_new(w, NODE_LIST);

    for (size_t i = 0; i < job->n_needs; i++) {
        const char *name = w->plan->jobs[job->needs[i]].name;

        if (job->needs[i] == job->from && i + 1 == job->n_needs)
            continue; /* `from` says it, and comes last */
        if (job->needs_when[i] == JOBS_NEED_SUCCESS || job->needs_when[i] == JOBS_NEED_FILES) {
            written_add(w, &list, NULL, written_text(w, name));
        } else {
            struct written_list map = written_new(w, NODE_MAP);

            written_add(w, &map, "job", written_text(w, name));
            written_add(w, &map, "when", written_text(w, words[job->needs_when[i]]));
            written_add(w, &list, NULL, map.of);
        }
    }
    return list.of->n > 0 ? list.of : NULL;
}

/* Whether what `defaults` say of a key would be refused in the job: it is about files, and says
 * nothing of which, or about cases, of which the job is none. */
static bool says_nothing(const struct jobs_job *job, const char *key)
{
    return (job->of_case == NULL && (str_eq(key, "points") || str_eq(key, "visibility"))) ||
           (str_eq(key, "artifacts") && job->artifacts.paths.patterns == NULL) ||
           (str_eq(key, "junit") && job->tests[JOBS_TESTS_JUNIT].patterns == NULL) ||
           (str_eq(key, "tap") && job->tests[JOBS_TESTS_TAP].patterns == NULL) ||
           (str_eq(key, "ctrf") && job->tests[JOBS_TESTS_CTRF].patterns == NULL);
}

/* Returns all of a job, its keys in the order of their table. */
static struct node *lay_job(struct writing *w, const struct node *node, const struct jobs_job *job)
{
    struct written_list map = written_new(w, NODE_MAP);

    for (size_t i = 0; i < keys_job.n; i++) {
        const char *key = keys_job.keys[i].name;
        struct node *value = lay_key(w, node, key);

        if (str_eq(key, "rootfs") && value != NULL)
            value = job->from == JOBS_FROM_NOTHING ? written_text(w, w->plan->roots[job->root].name)
                                                   : NULL;
        else if (str_eq(key, "from"))
            value = job->from != JOBS_FROM_NOTHING ? written_text(w, w->plan->jobs[job->from].name)
                                                   : NULL;
        else if (str_eq(key, "needs"))
            value = needs_of(w, job);
        else if (says_nothing(job, key))
            value = NULL;
        else if (str_eq(key, "inputs") && value != NULL)
            value = lay_inputs(w, job, value);
        else if (str_eq(key, "services") && value != NULL && value->kind == NODE_MAP)
            value = lay_services(w, job, value);
        if (value != NULL)
            written_add(w, &map, key, value);
    }
    return map.of;
}

/* ---- cases ---- */

static const struct key *key_of_case(const char *name)
{
    const struct key *k = key_find(&keys_case, name);

    return k != NULL && k->set == key_set_of_case ? k : NULL;
}

static struct node *written_points(struct writing *w, uint64_t points)
{
    char buf[32];
    struct node *n;

    (void)snprintf(buf, sizeof(buf), points % 1000 != 0 ? "%llu.%03u" : "%llu",
                   (unsigned long long)(points / 1000), (unsigned)(points % 1000));
    n = written_text(w, arena_strdup(w->arena, buf));
    n->plain = true;
    return n;
}

/* Adds what a case says besides a job: what its group would give it is its own here, so that a file
 * of some of the cases says the same of them. */
static void add_case_keys(struct writing *w, struct written_list *map, const struct jobs_case *c,
                          const struct jobs_judged *j)
{
    written_add(w, map, "points", written_points(w, c->points));
    if (c->group != 0)
        written_add(w, map, "group", written_text(w, j->groups[c->group].name));
    if (c->visibility != j->groups[c->group].visibility)
        written_add(w, map, "visibility", written_text(w, jobs_visibility_name(c->visibility)));
    if (c->hint != NULL)
        written_add(w, map, "hint", written_text(w, c->hint));
}

/* Returns the groups in one of them, or NULL. */
static struct node *lay_groups(struct writing *w, const struct jobs_judged *j, size_t parent)
{
    struct written_list map = written_new(w, NODE_MAP);

    for (size_t g = 1; g < j->n_groups; g++) {
        const struct jobs_case_group *of = &j->groups[g];
        struct written_list group = written_new(w, NODE_MAP), needs = written_new(w, NODE_LIST);
        const char *slash = strrchr(of->name, '/');
        struct node *below;

        if (of->parent != parent)
            continue;
        for (size_t i = 0; i < of->n_needs; i++)
            written_add(w, &needs, NULL, written_text(w, j->groups[of->needs[i]].name));
        if (of->has_points && of->score != JOBS_SCORE_SUM)
            written_add(w, &group, "points", written_points(w, of->points));
        if (of->score != JOBS_SCORE_SUM)
            written_add(w, &group, "score", written_text(w, jobs_score_name(of->score)));
        if (of->n_needs > 0)
            written_add(w, &group, "needs", needs.of);
        if (of->visibility != j->groups[parent].visibility)
            written_add(w, &group, "visibility",
                        written_text(w, jobs_visibility_name(of->visibility)));
        below = lay_groups(w, j, g);
        if (below != NULL)
            written_add(w, &group, "groups", below);
        written_add(w, &map, slash != NULL ? slash + 1 : of->name, group.of);
    }
    return map.of->n > 0 ? map.of : NULL;
}

/* Returns what one case says itself; the rest goes to `job`, if that is not NULL. */
static struct node *lay_case(struct writing *w, const struct node *node, const struct jobs_job *job,
                             struct written_list *rest)
{
    const struct jobs_judged *j = &w->plan->judged[job->of_case->judged];
    struct written_list map = written_new(w, NODE_MAP);
    struct node *all = lay_job(w, node, job);

    written_add(w, &map, "name", written_text(w, job->of_case->name));
    for (struct node *v = all->first, *next; v != NULL; v = next) {
        next = v->next;
        v->next = NULL;
        if (str_eq(v->key->text, "points") || str_eq(v->key->text, "visibility"))
            continue; /* of `defaults` and the job: in each case and group, where it matters */
        if (key_of_case(v->key->text) != NULL)
            written_add(w, &map, v->key->text, v);
        else if (rest != NULL)
            written_add(w, rest, v->key->text, v);
    }
    add_case_keys(w, &map, job->of_case, j);
    return map.of;
}

/* Returns the job of a submission, with those of its cases that are selected; *node and *i: of its
 * first one, and then of its last. */
static struct node *lay_judged(struct writing *w, const bool *selected, const struct node **node,
                               size_t *i)
{
    const struct jobs_judged *j = &w->plan->judged[w->plan->jobs[*i].of_case->judged];
    struct written_list job = written_new(w, NODE_MAP), list = written_new(w, NODE_LIST);
    struct node *groups = lay_groups(w, j, 0);

    for (;; (*i)++, *node = (*node)->next) {
        if (selected[*i])
            written_add(w, &list, NULL,
                        lay_case(w, *node, &w->plan->jobs[*i], list.of->n == 0 ? &job : NULL));
        if (*i + 1 == j->first + j->n)
            break;
    }
    written_add(w, &job, "cases", list.of);
    if (groups != NULL)
        written_add(w, &job, "groups", groups);
    if (j->stop != JOBS_STOP_NEVER)
        written_add(w, &job, "stop", written_text(w, jobs_stop_name(j->stop)));
    if (j->groups[0].visibility != JOBS_VISIBLE)
        written_add(w, &job, "visibility",
                    written_text(w, jobs_visibility_name(j->groups[0].visibility)));
    return job.of;
}

/* ---- YAML ---- */

static const struct key key_of_job = {.sub = &keys_job}, key_of_root = {.sub = &keys_root};

/* Writes a map of the top level; nothing for one that is not there, or empty. */
static void write_top(FILE *out, const char *key, const struct node *map, const struct key *k)
{
    if (map == NULL || map->n == 0)
        return;
    (void)fprintf(out, "%s:\n", key);
    for (const struct node *v = map->first; v != NULL; v = v->next) {
        (void)fputs("  ", out);
        yaml_write_key(out, v->key->text, 2);
        yaml_write_value(out, v, k, 2);
    }
}

void jobs_expanded_write(const struct jobs_expanded *x, const struct jobs_plan *plan,
                         const bool *selected, FILE *out)
{
    struct writing w = {.x = x, .plan = plan};
    const struct node *node = x->jobs->first;

    (void)fputs("cupel: 1\nname: ", out);
    yaml_write_text(out, plan->name, strlen(plan->name));
    (void)fputc('\n', out);
    write_top(out, "rootfs", x->rootfs, &key_of_root);
    write_top(out, "pools", x->pools, NULL);
    (void)fputs("jobs:\n", out);
    for (size_t i = 0; i < plan->n_jobs; i++, node = node->next) {
        if (!selected[i])
            continue;
        w.arena = arena_new();
        (void)fputs("  ", out);
        if (plan->jobs[i].of_case != NULL) {
            yaml_write_key(out, plan->judged[plan->jobs[i].of_case->judged].name, 2);
            yaml_write_value(out, lay_judged(&w, selected, &node, &i), &key_of_job, 2);
        } else {
            yaml_write_key(out, plan->jobs[i].name, 2);
            yaml_write_value(out, lay_job(&w, node, &plan->jobs[i]), &key_of_job, 2);
        }
        arena_free(w.arena);
    }
}

/* About when a job runs, what else runs meanwhile and what becomes of its end: no part of what it
 * does. A key that is new counts until it stands here. */
static const char *const beside[] = {"description", "tags",         "needs",         "retries",
                                     "retry-on",    "retry-delay",  "exclusive",     "slots",
                                     "fail-fast",   "max-parallel", "allow-failure", "cache-result",
                                     "points",      "visibility"};

static bool is_beside(const char *key)
{
    bool is = false;

    for (size_t i = 0; i < ARRAY_SIZE(beside); i++)
        is |= str_eq(beside[i], key);
    return is;
}

int jobs_describe(const struct jobs_plan *plan, size_t job, struct strbuf *out)
{
    struct writing w = {.x = plan->written, .plan = plan, .arena = arena_new()};
    const struct node *map = lay_job(&w, plan->written->list[job], &plan->jobs[job]);
    cleanup_free char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);

    for (const struct node *v = f != NULL ? map->first : NULL; v != NULL; v = v->next) {
        if (is_beside(v->key->text))
            continue;
        yaml_write_key(f, v->key->text, 0);
        yaml_write_value(f, v, node_key_below(&key_of_job, v), 0);
    }
    arena_free(w.arena);
    if (f == NULL || fclose(f) != 0)
        return -ENOMEM;
    strbuf_add(out, text, n);
    return 0;
}

/* ---- JSON ---- */

static json_t *matrix_of(const struct jobs_job *job)
{
    json_t *object = json_object();

    for (const char *const *pair = job->matrix; *pair != NULL; pair++) {
        const char *equals = strchr(*pair, '=');
        cleanup_free char *key = strndup(*pair, (size_t)(equals - *pair));

        (void)json_object_set_new(object, key, json_of_text(equals + 1));
    }
    return object;
}

/* What a case is besides a job; its points are a text, as all other values. */
static json_t *case_of(const struct jobs_plan *plan, const struct jobs_job *job)
{
    const struct jobs_case *c = job->of_case;
    const struct jobs_judged *j = &plan->judged[c->judged];
    struct writing w = {.plan = plan, .arena = arena_new()};
    json_t *object = json_object();

    (void)json_object_set_new(object, "name", json_of_text(c->name));
    (void)json_object_set_new(object, "submission", json_of_text(j->name));
    (void)json_object_set_new(object, "points", json_of_text(written_points(&w, c->points)->text));
    if (c->group != 0)
        (void)json_object_set_new(object, "group", json_of_text(j->groups[c->group].name));
    (void)json_object_set_new(object, "visibility",
                              json_string(jobs_visibility_name(c->visibility)));
    if (c->hint != NULL)
        (void)json_object_set_new(object, "hint", json_of_text(c->hint));
    arena_free(w.arena);
    return object;
}

char *jobs_expanded_json(const struct jobs_expanded *x, const struct jobs_plan *plan,
                         const bool *selected)
{
    struct writing w = {.x = x, .plan = plan};
    const struct node *node = x->jobs->first;
    json_t *file = json_object(), *jobs = json_object();
    char *text;

    (void)json_object_set_new(file, "file", json_string(plan->file));
    (void)json_object_set_new(file, "name", json_string(plan->name));
    (void)json_object_set_new(file, "rootfs",
                              x->rootfs != NULL ? json_of_node(x->rootfs, NULL) : json_object());
    if (x->pools != NULL)
        (void)json_object_set_new(file, "pools", json_of_node(x->pools, NULL));
    for (size_t i = 0; i < plan->n_jobs; i++, node = node->next) {
        const struct jobs_job *job = &plan->jobs[i];
        json_t *j;

        if (!selected[i])
            continue;
        w.arena = arena_new();
        j = json_of_node(lay_job(&w, node, job), &key_of_job);
        if (job->matrix != NULL) {
            (void)json_object_set_new(j, "of", json_string(plan->groups[job->group].name));
            (void)json_object_set_new(j, "matrix", matrix_of(job));
        }
        if (job->of_case != NULL)
            (void)json_object_set_new(j, "case", case_of(plan, job));
        (void)json_object_set_new(jobs, job->name, j);
        arena_free(w.arena);
    }
    (void)json_object_set_new(file, "jobs", jobs);
    text = json_dumps(file, JSON_INDENT(2));
    json_decref(file);
    return text;
}

/* ---- loading ---- */

/* Takes the tree over, which the loader would free. */
static void keep_tree(void *data, struct loader *l, const struct node *root)
{
    struct jobs_expanded *x = data;

    *x = (struct jobs_expanded){.tree = l->tree,
                                .rootfs = node_child(root, "rootfs"),
                                .pools = node_child(root, "pools"),
                                .defaults = node_child(root, "defaults"),
                                .jobs = node_child(root, "jobs")};
    l->tree = NULL;
}

void expanded_keep(struct loader *l, const struct node *root)
{
    struct jobs_plan *plan = l->plan;
    struct jobs_expanded *x;
    const struct node *node;
    bool any = l->parameters != NULL && l->parameters->describes;

    for (size_t i = 0; i < plan->n_jobs; i++)
        any |= plan->jobs[i].caches_result;
    if (!any)
        return;
    x = xcalloc(1, sizeof(*x));
    keep_tree(x, l, root);
    x->list = xcalloc(plan->n_jobs, sizeof(*x->list));
    node = x->jobs->first;
    for (size_t i = 0; i < plan->n_jobs; i++, node = node->next)
        x->list[i] = node;
    plan->written = x;
}

int load_tree_expanded(const struct load_from *from, struct jobs_plan **ret_plan,
                       struct jobs_expanded **ret_expanded, struct strbuf *problems,
                       struct cupel_error *err)
{
    struct jobs_expanded *x = xcalloc(1, sizeof(*x));
    struct load_from with = *from;
    int r;

    with.keep = keep_tree;
    with.data = x;
    r = load_tree(&with, ret_plan, problems, err);
    if (r < 0)
        free(x);
    else
        *ret_expanded = x;
    return r;
}

int jobs_load_expanded(const char *path, const struct jobs_parameters *parameters,
                       struct jobs_plan **ret_plan, struct jobs_expanded **ret_expanded,
                       struct strbuf *problems, struct cupel_error *err)
{
    struct jobs_expanded *x = xcalloc(1, sizeof(*x));
    int r =
        load_file(path, &(struct load_from){.parameters = parameters, .keep = keep_tree, .data = x},
                  ret_plan, problems, err);

    if (r < 0)
        free(x);
    else
        *ret_expanded = x;
    return r;
}

void jobs_expanded_free(struct jobs_expanded *x)
{
    if (x == NULL)
        return;
    arena_free(x->tree);
    free(x->list);
    free(x);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* load: from a file to a plan: reads the text, calls each part in its order, and sums up the
 * problems. */
#include "jobs/load.h"

#include "jobs/expand/expand.h"

#include <fcntl.h>
#include <libgen.h>
#include <malloc.h>

#define READINGS_MAX ((size_t)1024) /* what is beyond them is not noted */

void key_set_version(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    uint64_t version;

    (void)object;
    if (!value_integer(l, value, k->name, 0, UINT64_MAX, &version))
        return;
    if (version != k->min)
        problem_at(l, value, "format version %s is not known; this cupel reads version 1",
                   value->text);
}

/* Returns the file's name without directories and without ".yaml" or ".yml". */
static const char *stem(struct loader *l)
{
    const char *slash = strrchr(l->plan->file, '/');
    const char *base = slash != NULL ? slash + 1 : l->plan->file;
    const char *dot = strrchr(base, '.');
    size_t n = dot != NULL && dot != base && (str_eq(dot, ".yaml") || str_eq(dot, ".yml"))
                   ? (size_t)(dot - base)
                   : strlen(base);

    return arena_strndup(l->plan->arena, base, n);
}

static void read_suite_name(struct loader *l, const struct node *name)
{
    l->plan->name = stem(l);
    if (name == NULL || !value_is_text(l, name, "name", "text"))
        return;
    if (name->n == 0 || name->n > LOAD_NAME_MAX || strchr(name->text, '\n') != NULL)
        (void)value_unexpected(l, name, "name", "one line of at most 200 bytes");
    else
        l->plan->name = arena_strdup(l->plan->arena, name->text);
}

static void read_job(struct loader *l, struct draft *d, const struct draft *defaults,
                     const struct node *map)
{
    *d = *defaults;
    d->name = map->key;
    d->job.name = arena_strdup(l->plan->arena, map->key->text);
    d->job.line = (int)map->key->place.line;
    d->job.own_line = source_line_of(&l->source, map->key->place);
    d->job.group = JOBS_NO_GROUP;
    if (l->instances != NULL) {
        const struct instance_of *of = &l->instances[l->plan->n_jobs];

        d->job.group = of->group;
        d->job.matrix = of->matrix;
        d->job.refused = of->refused;
        d->job.unread = of->unread;
        d->job.of_case = of->of_case;
    }
    if (d->job.group == JOBS_NO_GROUP) /* of an instance, the job's name was looked at */
        job_name_check(l, map->key);
    if (map->kind != NODE_MAP) {
        (void)value_unexpected(l, map, d->job.name, "a map of job keys");
        return;
    }
    draft_read(l, d, map);
    draft_finish(l, d, defaults);
}

static void read_jobs(struct loader *l, const struct draft *defaults, const struct node *map)
{
    struct jobs_plan *plan = l->plan;

    if (map->n == 0 && !map->lost)
        problem_at(l, map, "'jobs' is empty");
    if (map->n > LOAD_JOBS_MAX) {
        problem_at(l, map, "'jobs' has %zu jobs; at most %d are possible in one file", map->n,
                   LOAD_JOBS_MAX);
        return;
    }
    l->refs = xcalloc(map->n, sizeof(*l->refs));
    plan->jobs = arena_alloc(plan->arena, map->n * sizeof(*plan->jobs));
    for (const struct node *v = map->first; v != NULL; v = v->next) {
        struct draft d;

        read_job(l, &d, defaults, v);
        l->refs[plan->n_jobs] = (struct job_refs){
            .name = d.name,
            .needs = d.needs,
            .from = d.from,
            .bridge = d.bridge,
            .inputs = d.inputs,
            .takes_files = d.takes_files,
            .has_hostname = d.has_hostname,
            .own_needs = d.own_needs,
            .own_from = d.own_from,
            .own_inputs = d.own_inputs,
            .own_cache = d.own_cache,
            .cache_result = d.cache_result != defaults->cache_result ? d.cache_result : NULL,
            .points = d.has_points ? d.points : CASE_POINTS_USUAL,
            .visibility = d.visibility,
            .lost = v->lost};
        plan->jobs[plan->n_jobs++] = d.job;
    }
    needs_resolve(l);
    from_resolve(l);
    bridges_resolve(l);
    taken_resolve(l);
    results_resolve(l);
    cases_resolve(l);
    checkers_resolve(l);
}

/* What comes to a server is written out already, and asks nothing of the machine. */
static void refuse_expansion(struct loader *l, const struct file_nodes *nodes)
{
    const struct node *all[] = {nodes->params, nodes->include,   nodes->templates, nodes->services,
                                nodes->pools,  nodes->reference, nodes->languages};

    for (size_t i = 0; i < ARRAY_SIZE(all); i++)
        if (all[i] != NULL)
            problem_at(l, all[i]->key, "'%s' is for job files", all[i]->key->text);
}

static void read_file(struct loader *l, const struct node *root)
{
    struct file_nodes nodes = {0};
    struct draft defaults;

    if (!keys_apply(l, &keys_file, root, &nodes)) {
        if (root->kind != NODE_BAD)
            problem_at(l, root, "a job file is a map with the keys 'cupel' and 'jobs'");
        return;
    }
    read_suite_name(l, nodes.name);
    if (l->host == NULL)
        refuse_expansion(l, &nodes);
    roots_read(l, nodes.rootfs);
    if (nodes.templates != NULL)
        templates_check(l, nodes.templates);
    if (nodes.services != NULL && l->host != NULL)
        services_check(l, nodes.services);
    if (nodes.pools != NULL)
        pools_read(l, nodes.pools);
    if (nodes.reference != NULL && l->host != NULL)
        references_read(l, nodes.reference);
    draft_init(&defaults, l->plan->arena);
    if (nodes.defaults != NULL) {
        draft_read(l, &defaults, nodes.defaults);
        defaults.own_needs = defaults.own_from = defaults.own_inputs = defaults.own_cache = false;
        draft_read_inputs(l, &defaults);
    }
    if (nodes.jobs != NULL)
        read_jobs(l, &defaults, nodes.jobs);
}

static int summarise(struct loader *l, struct strbuf *problems, struct cupel_error *err)
{
    size_t n = source_print(&l->source, problems);

    return cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "%s has %zu %s", l->plan->file, n,
                           n == 1 ? "problem" : "problems");
}

size_t load_mark_of(const char *text, size_t len)
{
    return len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

/* Returns the tree as it is read or built, with what it says once and means many times written out.
 */
static struct node *make_tree(struct loader *l, const struct load_from *from,
                              struct cupel_error *err)
{
    struct node *root;

    if (from->build != NULL)
        return from->build(from->data, l, err);
    root = tree_read(&l->source, l->tree, l->plan->arena);
    if (root != NULL && l->host != NULL)
        expand(l, root);
    return root;
}

int load_tree(const struct load_from *from, struct jobs_plan **ret_plan, struct strbuf *problems,
              struct cupel_error *err)
{
    size_t mark = load_mark_of(from->text, from->len);
    struct loader l = {
        .source = {.file = from->file, .text = from->text + mark, .len = from->len - mark},
        .tree = arena_new(),
        .host = from->host,
        .parameters = from->parameters};
    struct arena *arena = arena_new();
    const struct node *root;
    int r = 0;

    l.plan = arena_alloc(arena, sizeof(*l.plan));
    l.plan->arena = arena;
    l.plan->file = arena_strdup(arena, from->file);
    l.plan->dir = arena_strdup(arena, from->dir);
    root = make_tree(&l, from, err);
    if (root != NULL)
        read_file(&l, root);
    if (!source_is_good(&l.source))
        r = summarise(&l, problems, err);
    else if (root == NULL)
        r = -EINVAL;
    else if (from->keep != NULL)
        from->keep(from->data, &l, root);
    else
        expanded_keep(&l, root);
    source_free(&l.source);
    name_index_free(&l.roots);
    name_index_free(&l.jobs);
    name_index_free(&l.groups);
    strset_free(&l.readable);
    free(l.refs);
    unknown_keys_free(&l);
    if (l.tree != NULL)
        arena_free(l.tree);
    if (r < 0)
        jobs_plan_free(l.plan);
    else
        *ret_plan = l.plan;
    return r;
}

int load_text(const char *file, const char *dir, const char *text, size_t len,
              struct jobs_plan **ret_plan, struct strbuf *problems, struct cupel_error *err)
{
    const struct load_from from = {
        .file = file, .dir = dir, .text = text, .len = len, .host = &expand_real_host};

    return load_tree(&from, ret_plan, problems, err);
}

const char *load_dir_of(const struct loader *l, const struct node *n)
{
    uint32_t file = source_file_of(&l->source, n->place);

    return file != 0 && l->source.inclusions[file - 1].dir != NULL
               ? l->source.inclusions[file - 1].dir
               : l->plan->dir;
}

struct expand_where load_where(const struct loader *l, const char *dir)
{
    const struct jobs_parameters *p = l->parameters;

    return (struct expand_where){
        .dir = dir, .own = p != NULL ? p->own : NULL, .n_own = p != NULL ? p->n_own : 0};
}

void load_note_reading(struct loader *l, const char *dir, const char *path, bool is_names)
{
    const char *whole = path[0] == '/' ? arena_strdup(l->plan->arena, path)
                                       : arena_printf(l->plan->arena, "%s/%s", dir, path);
    struct jobs_plan *plan = l->plan;

    for (size_t i = 0; i < plan->n_readings; i++) /* as many as somebody has written */
        if (plan->readings[i].is_names == is_names && str_eq(plan->readings[i].path, whole))
            return;
    if (plan->n_readings == READINGS_MAX)
        return;
    if (plan->readings == NULL)
        plan->readings = arena_alloc(plan->arena, READINGS_MAX * sizeof(*plan->readings));
    plan->readings[plan->n_readings++] = (struct jobs_reading){whole, is_names};
}

char *load_directory_of(const char *path)
{
    cleanup_free char *copy = xstrdup(path);

    return realpath(dirname(copy), NULL);
}

/* Loads a text as if the file had it. */
static int load_as(const char *path, const char *text, size_t len, const struct load_from *how,
                   struct jobs_plan **ret_plan, struct strbuf *problems, struct cupel_error *err)
{
    cleanup_free char *dir = load_directory_of(path);
    struct load_from from = *how;
    int r;

    from.file = path;
    from.dir = dir;
    from.text = text;
    from.len = len;
    from.host = &expand_real_host;

    if (dir == NULL)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, errno,
                               "cannot find the directory of job file %s", path);
    r = load_tree(&from, ret_plan, problems, err);
    /* The tree was several times the file; slots that are forked later should not inherit it. */
    (void)malloc_trim(0);
    return r;
}

int jobs_load_text_with(const char *path, const char *text, size_t len,
                        const struct jobs_parameters *parameters, struct jobs_plan **ret_plan,
                        struct strbuf *problems, struct cupel_error *err)
{
    return load_as(path, text, len, &(struct load_from){.parameters = parameters}, ret_plan,
                   problems, err);
}

int jobs_load(const char *path, struct jobs_plan **ret_plan, struct strbuf *problems,
              struct cupel_error *err)
{
    return jobs_load_with(path, NULL, ret_plan, problems, err);
}

int jobs_load_with(const char *path, const struct jobs_parameters *parameters,
                   struct jobs_plan **ret_plan, struct strbuf *problems, struct cupel_error *err)
{
    return load_file(path, &(struct load_from){.parameters = parameters}, ret_plan, problems, err);
}

int load_file(const char *path, const struct load_from *how, struct jobs_plan **ret_plan,
              struct strbuf *problems, struct cupel_error *err)
{
    bool is_stdin = str_eq(path, JOBS_STDIN);
    cleanup_free char *text = NULL;
    size_t len;
    int r = is_stdin ? file_read_fd(STDIN_FILENO, LOAD_FILE_MAX, &text, &len)
                     : file_read_at(AT_FDCWD, path, LOAD_FILE_MAX, &text, &len);

    path = is_stdin ? "<stdin>" : path;
    if (r == -EFBIG)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "job file %s is larger than %zu MiB",
                               path, LOAD_FILE_MAX / 1024 / 1024);
    if (r == -EINVAL)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "job file %s is not a regular file",
                               path);
    if (r < 0)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, r, "cannot read job file %s", path);
    r = load_as(path, text, len, how, ret_plan, problems, err);
    if (r == 0) {
        (*ret_plan)->text = arena_strndup((*ret_plan)->arena, text, len);
        (*ret_plan)->text_len = len;
    }
    return r;
}

int jobs_load_text(const char *path, const char *text, size_t len, struct jobs_plan **ret_plan,
                   struct strbuf *problems, struct cupel_error *err)
{
    return jobs_load_text_with(path, text, len, NULL, ret_plan, problems, err);
}

int jobs_load_request(const char *name, const char *dir, const char *text, size_t len,
                      struct jobs_plan **ret_plan, struct strbuf *problems, struct cupel_error *err)
{
    const struct load_from from = {.file = name, .dir = dir, .text = text, .len = len};

    return load_tree(&from, ret_plan, problems, err);
}

void jobs_plan_free(struct jobs_plan *plan)
{
    if (plan == NULL)
        return;
    jobs_expanded_free(plan->written);
    arena_free(plan->arena); /* the plan itself lies in it */
}

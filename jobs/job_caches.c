/* SPDX-License-Identifier: Apache-2.0 */
/* job_caches: which directories of a job are kept between runs. To the sandbox each is an input
 * that comes from the store. Not responsible for what is saved or restored
 * (harness/attempt/caches.c).
 */
#include "jobs/load.h"

#define KEY_MAX 512

struct cache_draft {
    struct jobs_cache cache; /* first: the table's offsets count from here */
    const struct node *paths;
};

void key_set_cache(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    struct draft *d = object;

    if (l->host == NULL)
        problem_at(l, value->key, "'%s' is for job files", k->name);
    d->cache = value;
}

bool cache_key_is_line(const char *text, size_t len)
{
    size_t i = 0;

    while (i < len && (unsigned char)text[i] >= ' ' && text[i] != 0x7f)
        i++;
    return i == len;
}

static bool cache_key(struct loader *l, const struct node *n, const char *name, const char **ret)
{
    if (!value_is_text(l, n, name, "text of at most 512 bytes"))
        return false;
    if (n->n > KEY_MAX) {
        problem_at(l, n, "'%s' is %zu bytes long; at most %d are possible", name, n->n, KEY_MAX);
        return false;
    }
    if (!cache_key_is_line(n->text, n->n)) {
        problem_at(l, n, "'%s' has a control character", name);
        return false;
    }
    *ret = arena_strndup(l->plan->arena, n->text, n->n);
    return true;
}

void key_set_cache_key(struct loader *l, const struct key *k, const struct node *value,
                       void *object)
{
    struct cache_draft *c = object;

    (void)cache_key(l, value, k->name, &c->cache.key);
}

/* Waits until `workdir` is known. */
void key_set_cache_paths(struct loader *l, const struct key *k, const struct node *value,
                         void *object)
{
    struct cache_draft *c = object;

    if (items_count(value) == 0)
        problem_at(l, value, "'%s' is empty", k->name);
    c->paths = value;
}

void key_set_cache_restore(struct loader *l, const struct key *k, const struct node *value,
                           void *object)
{
    struct cache_draft *c = object;
    const char **list;
    size_t n = 0;

    if (items_count(value) > JOBS_CACHES_MAX) {
        problem_at(l, value, "'%s' has more than %d entries", k->name, JOBS_CACHES_MAX);
        return;
    }
    list = arena_alloc(l->plan->arena, (items_count(value) + 1) * sizeof(*list));
    for (const struct node *item = items_first(value); item != NULL; item = items_next(value, item))
        n += cache_key(l, item, k->name, &list[n]);
    c->cache.restore = list;
}

static bool is_beneath(const char *path, const char *directory)
{
    size_t n = strlen(directory);

    return strncmp(path, directory, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

/* An absolute path in the job, or one below its working directory; NULL after a problem. */
static const char *caches_path(struct loader *l, const struct draft *d, const struct node *n)
{
    char *path;

    if (!value_is_text(l, n, "paths", "paths in the job"))
        return NULL;
    path = n->text[0] == '/' ? arena_strndup(l->plan->arena, n->text, n->n)
                             : arena_printf(l->plan->arena, "%s/%s", d->job.workdir, n->text);
    if (strlen(path) != (n->text[0] == '/' ? n->n : strlen(d->job.workdir) + 1 + n->n) ||
        strlen(path) >= 4096) {
        problem_at(l, n, "'paths' has an entry that is no path");
        return NULL;
    }
    if (!path_normalise(path)) {
        problem_at(l, n, "'paths' must not contain '..': '%s'", n->text);
        return NULL;
    }
    if (input_belongs_to_sandbox(path) || is_beneath(path, "/run/secrets")) {
        problem_at(l, n, "a cache cannot be at %s, which belongs to the sandbox", path);
        return NULL;
    }
    if (is_beneath(d->job.workdir, path)) {
        problem_at(l, n, "a cache cannot be at %s, which the job's working directory is in", path);
        return NULL;
    }
    return path;
}

/* What lies in a cached directory would be hidden by it: such inputs are attached before. */
static bool has_room(struct loader *l, const struct node *at, const char *path,
                     const struct jobs_input *inputs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *to = inputs[i].to;

        if (to == NULL)
            continue;
        if (is_beneath(to, path) || (inputs[i].cache > 0 && is_beneath(path, to))) {
            problem_at(l, at, "the cache at %s and %s at %s are in one another's way", path,
                       inputs[i].cache > 0 ? "the one" : "the input", to);
            return false;
        }
    }
    return true;
}

static void take_paths(struct loader *l, struct draft *d, struct jobs_cache *cache, size_t number,
                       const struct node *paths)
{
    struct jobs_job *job = &d->job;
    const char **list = arena_alloc(l->plan->arena, (items_count(paths) + 1) * sizeof(*list));

    for (const struct node *item = items_first(paths); item != NULL;
         item = items_next(paths, item)) {
        const char *path = caches_path(l, d, item);

        if (path == NULL || !has_room(l, item, path, job->inputs, job->n_inputs))
            continue;
        job->inputs[job->n_inputs++] =
            (struct jobs_input){.to = path,
                                .mode = JOBS_INPUT_COW,
                                .owner = JOBS_OWNER_HOST,
                                .cache = number,
                                .cache_path = cache->n_paths,
                                .line = source_line_of(&l->source, item->place)};
        list[cache->n_paths++] = path;
    }
    cache->paths = list;
}

static void read_one(struct loader *l, struct draft *d, const struct node *n, size_t number,
                     struct jobs_cache *ret)
{
    struct cache_draft c = {.cache = {.line = source_line_of(&l->source, n->place)}};

    if (!keys_apply(l, &keys_cache, n, &c)) {
        (void)value_unexpected(l, n, "cache", "a map of key, paths, restore and save");
        return;
    }
    refuse_both(l, n, "save", "policy");
    if (c.cache.sharing == JOBS_CACHE_LOCKED && d->job.network == JOBS_NETWORK_BRIDGE)
        problem_at(
            l, n,
            "'sharing: locked' is not for a job on a bridge: it would wait, and those on the "
            "bridge start together");
    if (c.paths != NULL)
        take_paths(l, d, &c.cache, number, c.paths);
    *ret = c.cache;
}

static size_t count_paths(const struct node *list)
{
    size_t n = 0;

    for (const struct node *item = items_first(list); item != NULL; item = items_next(list, item)) {
        const struct node *paths = item->kind == NODE_MAP ? node_child(item, "paths") : NULL;

        n += paths != NULL ? items_count(paths) : 0;
    }
    return n;
}

void caches_read(struct loader *l, struct draft *d)
{
    size_t n = items_count(d->cache), paths = count_paths(d->cache), i = 0;
    struct jobs_job *job = &d->job;
    struct jobs_input *inputs;
    struct jobs_cache *caches;

    if (n > JOBS_CACHES_MAX || paths > JOBS_CACHE_PATHS_MAX ||
        job->n_inputs + paths > LOAD_ITEMS_MAX) {
        problem_at(l, d->cache, "'cache' has more than %d entries, or %d paths", JOBS_CACHES_MAX,
                   JOBS_CACHE_PATHS_MAX);
        return;
    }
    if (!budget_charge(l, d->cache, 4 * (n + paths + job->n_inputs)))
        return;
    /* a list of its own: that of the inputs may be `defaults`' */
    inputs = arena_alloc(l->plan->arena, (job->n_inputs + paths + 1) * sizeof(*inputs));
    if (job->n_inputs > 0)
        memcpy(inputs, job->inputs, job->n_inputs * sizeof(*inputs));
    job->inputs = inputs;
    caches = arena_alloc(l->plan->arena, n * sizeof(*caches));
    for (const struct node *item = items_first(d->cache); item != NULL;
         item = items_next(d->cache, item), i++)
        read_one(l, d, item, i + 1, &caches[i]);
    job->caches = caches;
    job->n_caches = n;
}

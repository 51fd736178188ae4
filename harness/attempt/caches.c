/* SPDX-License-Identifier: Apache-2.0 */
/* caches: see caches.h. In the slot. To the sandbox each path of a cache is an input whose lower
 * layer comes from the store, so nothing is copied to restore it, and what the job writes lies in
 * a layer of its own. Saving merges the two, in a confined child of the store's.
 *
 * Not responsible for who shares what is saved, nor for its becoming visible
 * (rootfs-cache/saved.c). */
#include "harness/attempt/caches.h"

#include "base/weaken.h"
#include "harness/attempt/attempt_end.h"
#include "harness/attempt/launch.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>

/* What is noted for the jobs that start from this one: a line for each input. */
#define NOTE_LINE ((size_t)CACHE_KEY_LEN + 1)
#define NOTE_MAX (NOTE_LINE * 1024)

struct caches {
    const struct run *run;
    const struct instance *instance;
    struct cache_saved *saved;     /* by cache of the job */
    int *turns;                    /* by cache of the job: ours of saving it; or -EBADF */
    struct strings notes;          /* of having waited for them */
    struct sandbox_cached *cached; /* by input: its descriptors are ours */
    struct cache_saved *taken;     /* by input, of what the job starts from */
    /* by input: which layer it is, or "" */
    char (*layers)[CACHE_KEY_LEN + 1];
    size_t n_saved, n_cached;
    bool needed; /* others start from what lies on it */
};

const struct sandbox_cached *caches_trees(const struct caches *c)
{
    return c != NULL ? c->cached : NULL;
}

bool caches_are_needed(const struct caches *c)
{
    return c != NULL && c->needed;
}

void caches_free(struct caches *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->n_cached; i++) {
        base_closep(&c->cached[i].tree);
        cache_saved_close(&c->taken[i]);
    }
    for (size_t i = 0; i < c->n_saved; i++) {
        cache_saved_close(&c->saved[i]);
        cache_saved_yield(&c->turns[i]);
    }
    strings_free(&c->notes);
    free(c->saved);
    free(c->turns);
    free(c->cached);
    free(c->taken);
    free(c->layers);
    free(c);
}

/* Tells who shares what this job saves: jobs over the same root, of the same user, with the same
 * paths. The text of `user` is lent until the next call. */
static struct cache_saved_of whose(const struct caches *c, const struct jobs_cache *cache,
                                   char user[static 32])
{
    const struct instance *in = c->instance;

    if (in->user != NULL)
        (void)snprintf(user, 32, "%u:%u", in->user->uid, in->user->gid);
    return (struct cache_saved_of){.root = &c->run->roots[in->root],
                                   .user = in->user != NULL ? user : in->job->user,
                                   .paths = (const char *const *)cache->paths};
}

/* ---- who may save ---- */

/* Says whether it is the job's own, and not of one that it starts from. */
static bool is_own(const struct jobs_job *job, const struct jobs_input *in)
{
    return in->cache > 0 && in->depth == job->depth;
}

/* Says whether somebody who is not trusted may have had a part in what the job wrote: they are not
 * to choose what others find. */
static bool is_untrusted(const struct caches *c)
{
    return c->instance->job->untrusted && !weakened("cache-trust");
}

/* Says whether all paths are its own: not where one is what the job before has made of its own
 * cache. */
static bool is_whole(const struct jobs_job *job, size_t number)
{
    size_t n = 0;

    for (size_t i = 0; i < job->n_inputs; i++)
        n += is_own(job, &job->inputs[i]) && job->inputs[i].cache == number + 1;
    return n == job->caches[number].n_paths;
}

/* Says whether the job saves it where all goes well. */
static bool may_be_saved(const struct caches *c, size_t number)
{
    return c->instance->job->caches[number].save != JOBS_CACHE_NEVER &&
           is_whole(c->instance->job, number) && !is_untrusted(c);
}

/* ---- restoring ---- */

/* Opens a path of what is saved, or what stands for it where nothing is. */
static int open_path(const struct caches *c, const struct jobs_input *in, int saved,
                     struct sandbox_cached *ret, struct cupel_error *err)
{
    char name[24];

    ret->fresh = saved < 0;
    if (ret->fresh) {
        ret->tree = cache_saved_empty(c->run->cache, err);
        return ret->tree < 0 ? ret->tree : 0;
    }
    (void)snprintf(name, sizeof(name), "%zu", in->cache_path);
    ret->tree = openat(saved, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return ret->tree < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, errno,
                                           "cannot open what was saved of %s", in->to)
                         : 0;
}

/* Looks for one of the job's caches; 1: there is none. */
static int find_saved(struct caches *c, size_t number, struct cupel_error *err)
{
    const struct jobs_cache *cache = &c->instance->job->caches[number];
    char user[32];
    struct cache_saved_of of = whose(c, cache, user);

    cache_saved_close(&c->saved[number]);
    return cache_saved_open(c->run->cache, &of, cache->key, (const char *const *)cache->restore,
                            &c->saved[number], err);
}

/* ---- taking turns ---- */

#define TURN_LOOK_MS 50 /* nobody is told when a lock is free */

struct wanted_turn {
    size_t number; /* of the cache */
    char layer[CACHE_KEY_LEN + 1];
};

static int turns_by_layer(const void *a, const void *b)
{
    return strcmp(((const struct wanted_turn *)a)->layer, ((const struct wanted_turn *)b)->layer);
}

/* Waits for it, unless an order comes, which is left where it is. */
static int take_turn(struct caches *c, int orders, const struct wanted_turn *w,
                     struct cupel_error *err)
{
    const char *key = c->instance->job->caches[w->number].key;
    uint64_t since = clock_monotonic_ns();
    struct pollfd order = {.fd = orders, .events = POLLIN};
    char took[UNIT_TEXT_SIZE];
    bool waited = false;
    int r;

    while ((r = cache_saved_turn(c->run->cache, w->layer, &c->turns[w->number])) == -EWOULDBLOCK) {
        waited = true;
        if (poll(&order, 1, TURN_LOOK_MS) > 0)
            return cupel_error_set(err, CUPEL_ERROR_HARNESS, ECANCELED,
                                   "cancelled while it waited for the cache '%s'", key);
    }
    if (r < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot wait for the cache '%s'", key);
    if (waited)
        strings_add(&c->notes,
                    xasprintf("waited %s for the cache '%s', which another job was making",
                              unit_format_duration(clock_monotonic_ns() - since, took), key));
    return 0;
}

/* Waits until nobody else makes what this job lacks and is `locked`. All jobs take their turns in
 * one order, or two that want the same two would wait for each other. Whoever will save keeps the
 * turn until then. */
static int take_turns(struct caches *c, int orders, struct cupel_error *err)
{
    const struct jobs_job *job = c->instance->job;
    struct wanted_turn wanted[JOBS_CACHES_MAX];
    size_t n = 0;
    int r = 0;

    for (size_t i = 0; r == 0 && i < job->n_caches; i++) {
        char user[32];
        struct cache_saved_of of = whose(c, &job->caches[i], user);

        if (job->caches[i].sharing != JOBS_CACHE_LOCKED || c->saved[i].exact)
            continue;
        wanted[n].number = i;
        r = cache_saved_name(c->run->cache, &of, job->caches[i].key, wanted[n++].layer, err);
    }
    if (n > 0)
        qsort(wanted, n, sizeof(*wanted), turns_by_layer);
    for (size_t i = 0; r >= 0 && i < n; i++) {
        size_t number = wanted[i].number;

        r = take_turn(c, orders, &wanted[i], err);
        if (r == 0)
            r = find_saved(c, number, err);
        if (c->saved[number].exact || !may_be_saved(c, number))
            cache_saved_yield(&c->turns[number]);
    }
    return r < 0 ? r : 0;
}

/* ---- what is restored ---- */

/* `orders`: whoever runs the job as such; -1: it saves nothing, and waits for nobody. */
static int restore_own(struct caches *c, int orders, struct cupel_error *err)
{
    const struct jobs_job *job = c->instance->job;
    int r = 0;

    for (size_t i = 0; r >= 0 && i < job->n_caches; i++)
        r = find_saved(c, i, err);
    if (r >= 0 && orders >= 0)
        r = take_turns(c, orders, err);
    for (size_t i = 0; r >= 0 && i < job->n_inputs; i++)
        if (is_own(job, &job->inputs[i])) {
            const struct cache_saved *saved = &c->saved[job->inputs[i].cache - 1];

            r = open_path(c, &job->inputs[i], saved->tree, &c->cached[i], err);
            memcpy(c->layers[i], saved->layer, sizeof(saved->layer));
        }
    return r < 0 ? r : 0;
}

bool caches_are_current(const struct caches *c)
{
    const struct jobs_job *job = c != NULL ? c->instance->job : NULL;
    bool same = true;

    for (size_t i = 0; c != NULL && same && i < job->n_caches; i++) {
        const struct jobs_cache *cache = &job->caches[i];
        struct cache_saved now = CACHE_SAVED_NONE;
        struct cupel_error ignored;
        char user[32];
        struct cache_saved_of of = whose(c, cache, user);

        same = cache_saved_open(c->run->cache, &of, cache->key, (const char *const *)cache->restore,
                                &now, &ignored) >= 0 &&
               str_eq(now.layer, c->saved[i].layer);
        cache_saved_close(&now);
    }
    return same;
}

static void name_note(size_t number, char buf[static 32])
{
    (void)snprintf(buf, 32, "caches-%zu", number);
}

/* What lies below what the job before has written, or a kept one, has to be what lay there when it
 * wrote it, whatever was saved meanwhile. `note` says so; without it, nothing did. */
static int restore_noted(struct caches *c, const char *note, bool all, struct cupel_error *err)
{
    const struct jobs_job *job = c->instance->job;
    size_t length = strlen(note);
    int r = 0;

    for (size_t i = 0; r == 0 && i < job->n_inputs; i++) {
        const char *layer = i * NOTE_LINE < length ? note + i * NOTE_LINE : "-";
        struct cache_saved *saved = &c->taken[i];

        if (job->inputs[i].cache == 0 || (!all && is_own(job, &job->inputs[i])))
            continue;
        if (layer[0] != '-')
            (void)snprintf(c->layers[i], sizeof(c->layers[i]), "%.*s", CACHE_KEY_LEN, layer);
        r = layer[0] == '-' ? 0 : cache_saved_again(c->run->cache, c->layers[i], saved, err);
        if (r == 0)
            r = open_path(c, &job->inputs[i], saved->tree, &c->cached[i], err);
    }
    return r;
}

static int restore_taken(struct caches *c, struct cupel_error *err)
{
    cleanup_free char *note = NULL;
    char name[32];
    size_t length;

    name_note(c->instance->from, name);
    if (file_read_at(c->run->dirfd, name, NOTE_MAX, &note, &length) < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, ENODATA,
                               "cannot tell what the job that this one starts from restored");
    return restore_noted(c, note, false, err);
}

char *caches_describe(const struct caches *c)
{
    struct strbuf b = {0};

    if (c == NULL)
        return NULL;
    strbuf_adds(&b, "");
    for (size_t i = 0; i < c->n_cached; i++)
        strbuf_addf(&b, "%-*s ", CACHE_KEY_LEN, c->layers[i][0] != '\0' ? c->layers[i] : "-");
    return b.data;
}

void caches_add_keys(const struct caches *c, struct strbuf *keys)
{
    for (size_t i = 0; c != NULL && i < c->n_cached; i++)
        if (c->layers[i][0] != '\0')
            strbuf_addf(keys, "%s%s",
                        keys->len > 0 ? (const char[]){CACHE_KEYS_SEPARATOR, '\0'} : "",
                        c->layers[i]);
}

int caches_note(struct caches *c, size_t number, struct cupel_error *err)
{
    cleanup_free char *note = caches_describe(c);
    char name[32];
    int r;

    if (note == NULL)
        return 0;
    name_note(number, name);
    r = file_write_passing_at(c->run->dirfd, name, note, strlen(note), 0600);
    c->needed = r == 0;
    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, r,
                                   "cannot note what the job has restored")
                 : 0;
}

static void caches_new(const struct run *run, const struct instance *instance, struct caches **ret)
{
    const struct jobs_job *job = instance->job;
    struct caches *c = xcalloc(1, sizeof(*c));

    *c = (struct caches){.run = run,
                         .instance = instance,
                         .saved = xcalloc(job->n_caches + 1, sizeof(*c->saved)),
                         .turns = xcalloc(job->n_caches + 1, sizeof(*c->turns)),
                         .cached = xcalloc(job->n_inputs, sizeof(*c->cached)),
                         .taken = xcalloc(job->n_inputs, sizeof(*c->taken)),
                         .layers = xcalloc(job->n_inputs, sizeof(*c->layers)),
                         .n_saved = job->n_caches,
                         .n_cached = job->n_inputs};
    for (size_t i = 0; i < c->n_saved; i++) {
        c->saved[i] = (struct cache_saved)CACHE_SAVED_NONE;
        c->turns[i] = -EBADF;
    }
    for (size_t i = 0; i < c->n_cached; i++) {
        c->taken[i] = (struct cache_saved)CACHE_SAVED_NONE;
        c->cached[i].tree = -EBADF;
    }
    *ret = c;
}

int caches_restore(const struct attempt_context *ctx, const struct instance *instance,
                   const struct launch_session *session, struct caches **ret,
                   struct cupel_error *err)
{
    const struct sandbox_kept *kept = session != NULL ? session->kept : NULL;
    const struct jobs_job *job = instance->job;
    bool own = false, taken = false;
    struct caches *c;
    int r = 0;

    for (size_t i = 0; i < job->n_inputs; i++) {
        own |= is_own(job, &job->inputs[i]);
        taken |= job->inputs[i].cache > 0 && !is_own(job, &job->inputs[i]);
    }
    if (!own && !taken)
        return 0;
    caches_new(ctx->run, instance, &c);
    if (kept != NULL)
        r = restore_noted(c, kept->caches != NULL ? kept->caches : "", true, err);
    else if (own)
        r = restore_own(c, session == NULL ? ctx->orders : -1, err);
    if (r == 0 && kept == NULL && taken)
        r = restore_taken(c, err);
    if (r < 0)
        caches_free(c);
    else
        *ret = c;
    return r;
}

/* ---- saving ---- */

static bool is_to_be_saved(const struct jobs_cache *cache, enum reports_verdict verdict)
{
    if (cache->save == JOBS_CACHE_NEVER || verdict >= REPORTS_ERROR)
        return false;
    return cache->save == JOBS_CACHE_ALWAYS || verdict == REPORTS_PASSED;
}

/* What the job wrote, and what that lies on. */
static int open_parts(const struct caches *c, size_t number, struct attempt_context *ctx,
                      const struct sandbox_job *sandbox, struct cache_saved_part *parts,
                      struct cupel_error *err)
{
    const struct jobs_job *job = c->instance->job;
    int r = 0;

    for (size_t i = 0; r == 0 && i < job->n_inputs; i++) {
        struct cache_saved_part *part = &parts[job->inputs[i].cache_path];

        if (!is_own(job, &job->inputs[i]) || job->inputs[i].cache != number + 1)
            continue;
        r = sandbox_written_open(ctx->stage, sandbox, i, &part->layer[0], err);
        if (r == 0)
            part->n = 1;
        if (r == 0 && !c->cached[i].fresh)
            part->layer[part->n++] = c->cached[i].tree;
    }
    return r;
}

static int check_writes(void *data, struct cupel_error *err)
{
    struct attempt_context *ctx = data;

    return sandbox_lost_writes(ctx->stage, err);
}

static int save(const struct caches *c, size_t number, struct attempt_context *ctx,
                const struct sandbox_job *sandbox, struct cupel_error *err)
{
    const struct jobs_cache *cache = &c->instance->job->caches[number];
    struct cache_saved_part parts[CACHE_SAVED_PATHS_MAX] = {0};
    const struct cache_saving saving = {.key = cache->key,
                                        .parts = parts,
                                        .stop = attempt_is_stopped,
                                        .check = check_writes,
                                        .data = ctx};
    char user[32];
    struct cache_saved_of of = whose(c, cache, user);
    int r = open_parts(c, number, ctx, sandbox, parts, err);

    sandbox_stage_libraries(true); /* it forks the child that copies */
    if (r == 0)
        r = cache_save(c->run->cache, &of, &saving, err);
    sandbox_stage_libraries(false);
    for (size_t i = 0; i < cache->n_paths; i++)
        if (parts[i].n > 0)
            base_closep(&parts[i].layer[0]);
    return r;
}

/* Tells what the job has found of each. */
static void caches_tell(const struct caches *c, struct attempt_result *result)
{
    result->n_caches = c->n_saved;
    result->caches = xcalloc(c->n_saved + 1, sizeof(*result->caches));
    for (size_t i = 0; i < c->n_saved; i++) {
        const struct cache_saved *saved = &c->saved[i];
        bool partial = saved->key != NULL && !saved->exact;

        result->caches[i] =
            (struct reports_cache){.hit = saved->exact ? REPORTS_HIT_EXACT
                                          : partial    ? REPORTS_HIT_PARTIAL
                                                       : REPORTS_HIT_MISS,
                                   .restored = partial ? xstrdup(saved->key) : NULL};
    }
}

void caches_save(struct caches *c, struct attempt_context *ctx, const struct sandbox_job *sandbox,
                 struct attempt_result *result)
{
    const struct jobs_job *job = c->instance->job;

    caches_tell(c, result);
    for (size_t i = 0; i < job->n_caches; i++) {
        struct cupel_error err;
        int r;

        if (!is_to_be_saved(&job->caches[i], result->job.verdict) || c->saved[i].exact ||
            !is_whole(job, i))
            continue;
        if (is_untrusted(c))
            strings_add(
                &result->notes,
                xasprintf("the cache '%s' is not saved: the job, or what it stands on or runs "
                          "beside, has an untrusted input",
                          job->caches[i].key));
        else if ((r = save(c, i, ctx, sandbox, &err)) < 0)
            strings_add(&result->notes, xasprintf("the cache '%s' is not saved: %s",
                                                  job->caches[i].key, err.message));
        else
            result->caches[i].saved = r == 0; /* else somebody else was first */
    }
    for (size_t i = 0; i < c->n_saved; i++)
        cache_saved_yield(&c->turns[i]);
    for (size_t i = 0; i < c->notes.n; i++)
        strings_add(&result->notes, xstrdup(c->notes.items[i]));
}

/* SPDX-License-Identifier: Apache-2.0 */
/* verdict_keys: see verdict_keys.h. A key is made of the root, of what the job file says of the
 * job, its environment, what is in its inputs and other files, the same of its checker, the keys of
 * the jobs that it starts from, and the machine. Things that many jobs read are read once. Not
 * responsible for what is kept under a key (kept_verdicts.c). */
#include "harness/prepare/verdict_keys.h"

#include "base/path_list.h"
#include "base/weaken.h"
#include "harness/attempt/environment.h"
#include "harness/prepare/host_state.h"
#include "harness/run/instances.h"

#include <search.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

/* Raised when a key is made in another way. */
#define VERDICT_RECIPE "verdict 1"
/* Who files what nobody is to trust may file any number of bytes. */
#define UNTRUSTED_BYTES (UINT64_C(256) << 20)
#define UNTRUSTED_ENTRIES UINT64_C(100000)
/* Jobs that start one from another, or take files of one another. */
#define CHAIN_MAX 64

/* A file or directory that was read for a key; many jobs may have it. */
struct thing {
    struct cache_look_at at;
    struct cache_looked was;
    int failed; /* it could not be read: why */
    bool changed;
    uint64_t looked; /* at which round */
};

struct instance_key {
    enum { KEY_NOT_MADE, KEY_IN_THE_MAKING, KEY_NONE, KEY_MADE } state;
    char key[CACHE_KEY_LEN + 1];
    struct thing **things; /* its own, and its checker's */
    size_t n_things;
    uint64_t looked;
    bool holds;
};

struct verdict_keys {
    const struct run *run;     /* of who calls: a run that is prepared moves */
    struct instance_key *list; /* by instance */
    size_t n;
    void *things; /* tsearch's */
    struct arena *arena;
    char **roots; /* what each root is, once that is known */
    struct strbuf machine, host;
    uint64_t round;
};

/* A key while it is made: texts with their lengths, so that nothing can pass for something else. */
struct key_making {
    struct verdict_keys *k;
    struct cache *cache;
    struct instance_key *of;
    struct strbuf text;
    unsigned depth;
};

static void key_bytes(struct key_making *m, const void *data, size_t n)
{
    uint64_t length = n;

    strbuf_add(&m->text, &length, sizeof(length));
    strbuf_add(&m->text, data, n);
}

static void key_text(struct key_making *m, const char *text)
{
    key_bytes(m, text, strlen(text));
}

static void key_number(struct key_making *m, uint64_t n)
{
    key_bytes(m, &n, sizeof(n));
}

static void key_list(struct key_making *m, const char *const *list)
{
    size_t n = 0;

    while (list != NULL && list[n] != NULL)
        n++;
    key_number(m, n);
    for (size_t i = 0; i < n; i++)
        key_text(m, list[i]);
}

/* ---- things ---- */

static int compare_things(const void *a, const void *b)
{
    const struct cache_look_at *x = &((const struct thing *)a)->at,
                               *y = &((const struct thing *)b)->at;
    int r = strcmp(x->path, y->path);

    if (r == 0)
        r = (x->trusted > y->trusted) - (x->trusted < y->trusted);
    if (r == 0)
        r = (x->max_bytes > y->max_bytes) - (x->max_bytes < y->max_bytes);
    return r;
}

static void thing_is_of(struct key_making *m, struct thing *t)
{
    struct instance_key *of = m->of;

    if ((of->n_things & (of->n_things + 1)) == 0) /* room for 1, 3, 7, 15 ... */
        of->things = xrealloc(of->things, (2 * of->n_things + 1) * sizeof(struct thing *));
    of->things[of->n_things++] = t;
}

/* Adds what is in a file or directory, but nothing of the out directory in there. */
static int key_thing(struct key_making *m, const struct jobs_host_path *path, uint64_t max_bytes)
{
    struct verdict_keys *k = m->k;
    struct thing *t = arena_alloc(k->arena, sizeof(*t));
    struct stat st;
    void **at;

    *t = (struct thing){.at = {.path = path->path, .trusted = path->trusted}};
    if (path->untrusted) {
        t->at.max_bytes = max_bytes != 0 ? max_bytes : UNTRUSTED_BYTES;
        t->at.max_entries = UNTRUSTED_ENTRIES;
    }
    at = tsearch(t, &k->things, compare_things);
    if (at == NULL)
        return -ENOMEM;
    if (*(struct thing **)at == t) {
        if (k->run->hidden != NULL && stat(path->path, &st) == 0)
            t->at.without = sandbox_hidden_below(k->run->hidden, &st);
        t->failed = cache_look(m->cache, &t->at, true, &t->was);
    }
    t = *(struct thing **)at;
    if (t->failed == 0) {
        key_text(m, weakened("verdict-inputs") ? "" : t->was.content);
        thing_is_of(m, t);
    }
    return t->failed;
}

/* Adds a file that the job file names, if it does. */
static int key_file(struct key_making *m, const char *what, const struct jobs_host_path *path)
{
    key_text(m, path->path != NULL ? what : "");
    return path->path != NULL ? key_thing(m, path, 0) : 0;
}

/* ---- what a job says ---- */

static int key_inputs(struct key_making *m, const struct jobs_job *job)
{
    int r = 0;

    key_number(m, job->n_inputs);
    for (size_t i = 0; r == 0 && i < job->n_inputs; i++) {
        const struct jobs_input *in = &job->inputs[i];

        key_text(m, in->to);
        key_number(m, in->mode);
        key_number(m, in->owner);
        key_number(m, in->depth);
        key_number(m, in->host.untrusted);
        key_number(m, in->has_commit_time ? (uint64_t)in->commit_time : 0);
        if (in->cache > 0)
            key_text(m, "cache"); /* what is in it only saves time */
        else if (in->job > 0)
            key_text(m, "job"); /* whose key is in this one */
        else if (in->from == NULL)
            r = -EINVAL;
        else
            r = key_thing(m, &in->host, in->max_size);
        if (in->listed != NULL)
            key_list(m, path_list_paths(in->listed));
    }
    return r;
}

static int key_expected(struct key_making *m, struct jobs_expect *e)
{
    const struct jobs_host_path *path;
    int r = 0;

    for (size_t i = 0; r == 0 && (path = jobs_expect_path(e, i)) != NULL; i++)
        r = key_file(m, "expected", path);
    return r;
}

static int key_profile(struct key_making *m, const struct jobs_profile *profile)
{
    struct jobs_host_path path = {.path = NULL};

    if (profile != NULL)
        path = (struct jobs_host_path){.path = profile->path, .trusted = strlen(profile->path)};
    return key_file(m, "seccomp", &path);
}

static bool keys_over_host(const struct instance *in)
{
    size_t root = in->job->root;

    while (in->plan->roots[root].kind == JOBS_ROOT_DERIVED)
        root = in->plan->roots[root].base;
    return in->plan->roots[root].kind == JOBS_ROOT_HOST;
}

static int key_root(struct key_making *m, const struct instance *in)
{
    struct verdict_keys *k = m->k;
    char key[CACHE_KEY_LEN + 1];
    struct cupel_error ignored;

    if (k->roots[in->root] == NULL) {
        int r = cache_result_key(m->cache, &k->run->roots[in->root],
                                 (const char *[]){VERDICT_RECIPE}, 1, key, &ignored);

        if (r < 0)
            return r;
        k->roots[in->root] = arena_strdup(k->arena, key);
    }
    key_text(m, k->roots[in->root]);
    if (!keys_over_host(in))
        return 0;
    if (k->host.len == 0)
        host_state_of_root(&k->host);
    key_bytes(m, k->host.data, k->host.len);
    return 0;
}

/* Adds all that a job, or a checker, is: but not what it starts from. */
static int key_job(struct key_making *m, const struct instance *in)
{
    const struct jobs_job *job = in->job;
    cleanup_free const char **env = environment_of(m->k->run, in);
    int r = key_root(m, in);

    key_list(m, env);
    if (in->user != NULL) {
        key_number(m, in->user->uid);
        key_number(m, in->user->gid);
    }
    key_number(m, job->n_steps);
    for (size_t i = 0; r == 0 && i < job->n_steps; i++) {
        key_list(m, (const char *const *)job->steps[i].argv);
        r = key_expected(m, &job->steps[i].expect);
    }
    if (r == 0)
        r = key_file(m, "stdin", &job->stdin_file);
    if (r == 0)
        r = key_profile(m, job->seccomp.file);
    return r == 0 ? key_inputs(m, job) : r;
}

static int key_described(struct key_making *m, const struct instance *in)
{
    cleanup_strbuf struct strbuf said = {0};
    int r = jobs_describe(in->plan, (size_t)(in->job - in->plan->jobs), &said);

    key_bytes(m, said.data, said.len);
    return r;
}

/* ---- keys ---- */

/* Whether a job depends on what no key can hold. */
static bool is_unknowable(const struct instance *in)
{
    const struct jobs_job *job = in->job;

    return in->plan->written == NULL || job->network == JOBS_NETWORK_NAT ||
           job->network == JOBS_NETWORK_HOST || job->network == JOBS_NETWORK_BRIDGE ||
           jobs_services_count(job) > 0 || job->n_secrets > 0;
}

/* Lists of whose files the job's are made: each leads to the ones below it. */
static size_t sources_of(const struct run *run, size_t instance, size_t ret[static JOBS_READS_MAX])
{
    const struct instance *in = &run->instances[instance];

    if (jobs_takes_files(in->job))
        return instances_read(run->instances, run->n_instances, instance, ret);
    ret[0] = in->from;
    return in->from != INSTANCE_NONE;
}

static int make_key(struct verdict_keys *k, struct cache *cache, size_t instance, unsigned depth);

static int key_sources(struct key_making *m, size_t instance)
{
    size_t sources[JOBS_READS_MAX], n = sources_of(m->k->run, instance, sources);
    int r = 0;

    key_number(m, n);
    for (size_t i = 0; r == 0 && i < n; i++) {
        r = make_key(m->k, m->cache, sources[i], m->depth + 1);
        key_text(m, m->k->list[sources[i]].key);
    }
    return r;
}

static int key_all(struct key_making *m, size_t instance)
{
    const struct instance *in = &m->k->run->instances[instance];
    int r = is_unknowable(in) || m->depth > CHAIN_MAX ? -ENODATA : 0;

    key_text(m, VERDICT_RECIPE);
    key_bytes(m, m->k->machine.data, m->k->machine.len);
    if (r == 0)
        r = key_sources(m, instance);
    if (r == 0)
        r = key_described(m, in);
    if (r == 0)
        r = key_job(m, in);
    if (r == 0 && in->checker != NULL)
        r = key_job(m, in->checker);
    return r == 0 ? cache_bytes_key(m->text.data, m->text.len, m->of->key) : r;
}

/* Makes a key, if it is not made. 0, or why there is none. */
static int make_key(struct verdict_keys *k, struct cache *cache, size_t instance, unsigned depth)
{
    struct key_making m = {.k = k, .cache = cache, .of = &k->list[instance], .depth = depth};
    int r;

    if (m.of->state != KEY_NOT_MADE)
        return m.of->state == KEY_MADE ? 0 : -ENODATA;
    m.of->state = KEY_IN_THE_MAKING;
    r = key_all(&m, instance);
    strbuf_free(&m.text);
    m.of->state = r == 0 ? KEY_MADE : KEY_NONE;
    return r;
}

int verdict_keys_find(struct verdict_keys *k, const struct prepared *p, size_t instance,
                      const char **ret_key)
{
    int r;

    k->run = &p->run;
    r = make_key(k, p->cache, instance, 0);
    if (r == -EINTR)
        return r;
    *ret_key = r == 0 ? k->list[instance].key : NULL;
    return 0;
}

/* What of the machine and of this run a job can notice. */
static void describe_machine(struct strbuf *to, const struct run *run)
{
    struct utsname u;

    if (uname(&u) < 0)
        u = (struct utsname){.release = ""};
    strbuf_addf(to, "cupel %s, %s %s %s, %s, %x%s, ", CUPEL_VERSION, u.sysname, u.release,
                u.machine, run->privilege.host ? "root" : "user", run->unenforced_set,
                run->no_cgroup_view ? ", no view" : "");
    host_state_of_processor(to);
}

struct verdict_keys *verdict_keys_new(const struct run *run)
{
    struct verdict_keys *k = xcalloc(1, sizeof(*k));

    k->n = run->n_instances;
    k->list = xcalloc(run->n_instances, sizeof(*k->list));
    k->roots = xcalloc(run->n_roots, sizeof(*k->roots));
    k->arena = arena_new();
    describe_machine(&k->machine, run);
    return k;
}

static void thing_stays(void *node)
{
    (void)node; /* it lies in the arena */
}

void verdict_keys_free(struct verdict_keys *k)
{
    if (k == NULL)
        return;
    for (size_t i = 0; i < k->n; i++)
        free(k->list[i].things);
    tdestroy(k->things, thing_stays);
    free(k->list);
    free(k->roots);
    strbuf_free(&k->machine);
    strbuf_free(&k->host);
    arena_free(k->arena);
    free(k);
}

/* ---- whether they hold ---- */

void verdict_keys_look_again(struct verdict_keys *k)
{
    k->round++;
}

/* Where the last change was so recent that another one may have the same time, the content is read
 * once more. What has changed once was not, somewhere in between, what its key was made of. */
static bool is_unchanged(struct verdict_keys *k, struct cache *cache, struct thing *t)
{
    struct cache_looked now;
    bool reads = !t->was.settled;

    if (t->changed || t->looked == k->round)
        return !t->changed;
    t->looked = k->round;
    if (cache_look(cache, &t->at, reads, &now) < 0 || !str_eq(now.witness, t->was.witness) ||
        (reads && !str_eq(now.content, t->was.content))) {
        t->changed = !weakened("verdict-witness");
        return !t->changed;
    }
    t->was.settled |= reads && now.settled;
    return true;
}

static bool still_holds(struct verdict_keys *k, struct cache *cache, size_t instance)
{
    struct instance_key *of = &k->list[instance];
    size_t sources[JOBS_READS_MAX], n;

    if (of->looked == k->round)
        return of->holds;
    of->looked = k->round;
    of->holds = of->state == KEY_MADE;
    for (size_t i = 0; of->holds && i < of->n_things; i++)
        of->holds = is_unchanged(k, cache, of->things[i]);
    n = sources_of(k->run, instance, sources);
    for (size_t i = 0; of->holds && i < n; i++)
        of->holds = still_holds(k, cache, sources[i]);
    return of->holds;
}

bool verdict_keys_still_hold(struct verdict_keys *k, const struct prepared *p, size_t instance)
{
    k->run = &p->run;
    return still_holds(k, p->cache, instance);
}

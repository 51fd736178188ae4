/* SPDX-License-Identifier: Apache-2.0 */
/* serve_request: from the body of POST /jobs to a batch. The keys are those of a job file and are
 * read by its loader (jobs/); here is only what a client may not have that somebody with a job file
 * has: paths of the host, the server's environment, roots of their own. */
#include "harness/serve/serve_files.h"
#include "harness/serve/serve_jobs.h"
#include "harness/serve/serve_peers.h"
#include "harness/serve/serve_slot.h"

#include <inttypes.h>
#include <string.h>

#define REQUEST_NAME "request"
#define DUMP_FLAGS (JSON_REAL_PRECISION(15)) /* 1.2 stays 1.2 */
#define NAME_DEFAULT "job"
#define DEPTH_MAX 32                 /* of arrays and objects; no key of a job has half as many */
#define NAMED_MAX ((size_t)16 << 10) /* files by digest, in one request */

struct request {
    struct server *s;
    struct serve_batch *batch;
    struct serve_refusal *why;
    const char *place; /* of the job that is looked at: its name, or "defaults" */
};

/* ---- paths ---- */

static int pin(struct request *q, const char *name)
{
    struct serve_file *file = serve_files_find(&q->s->files, name);
    struct serve_batch *b = q->batch;

    if (file == NULL)
        return serve_refuse(q->why, MHD_HTTP_UNPROCESSABLE_CONTENT,
                            "'%s': there is no file '%s'; PUT it to /files/%s first", q->place,
                            name, strchr(name, ':') + 1);
    if (b->n_files == NAMED_MAX)
        return serve_refuse(q->why, MHD_HTTP_CONTENT_TOO_LARGE,
                            "the jobs name more than %zu files; post fewer at once", NAMED_MAX);
    b->files = xrealloc(b->files, (b->n_files + 1) * sizeof(struct serve_file *));
    b->files[b->n_files++] = file;
    file->pins++;
    return 0;
}

static int check_path(struct request *q, const char *key, const char *path)
{
    size_t length;

    if (serve_file_is_name(path))
        return pin(q, path);
    if (serve_slot_may_read(q->s, path, &length))
        return 0;
    return serve_refuse(q->why, MHD_HTTP_BAD_REQUEST,
                        "'%s': '%s' cannot name '%s': a file is named by 'sha256:' and its digest, "
                        "or lies beneath a directory that the server was started with (--files)",
                        q->place, key, path);
}

/* A path, maps that have one under `key`, or a list of these. What has another form is the
 * loader's to refuse. */
static int check_paths(struct request *q, const char *name, const char *key, const json_t *value)
{
    int r = 0;

    if (json_is_string(value))
        return check_path(q, name, json_string_value(value));
    if (json_is_object(value))
        return check_paths(q, name, key, json_object_get(value, key));
    for (size_t i = 0; r == 0 && json_is_array(value) && i < json_array_size(value); i++)
        r = check_paths(q, name, key, json_array_get(value, i));
    return r;
}

static int check_files(struct request *q, const json_t *files)
{
    void *at = json_object_iter((json_t *)files);
    int r = 0;

    for (; r == 0 && at != NULL; at = json_object_iter_next((json_t *)files, at))
        r = check_paths(q, "expect.files", "files", json_object_iter_value(at));
    return r;
}

/* Looks at what is expected of a job or a step. */
static int check_expect(struct request *q, const json_t *map)
{
    const json_t *expect = json_object_get(map, "expect");
    int r =
        check_paths(q, "expect.stdout-file", "stdout-file", json_object_get(expect, "stdout-file"));

    if (r == 0)
        r = check_paths(q, "expect.stderr-file", "stderr-file",
                        json_object_get(expect, "stderr-file"));
    return r < 0 ? r : check_files(q, json_object_get(expect, "files"));
}

static int check_steps(struct request *q, const json_t *job)
{
    const json_t *run = json_object_get(job, "run");
    int r = 0;

    for (size_t i = 0; r == 0 && json_is_array(run) && i < json_array_size(run); i++)
        r = check_expect(q, json_array_get(run, i));
    return r;
}

static int check_profile(struct request *q, const json_t *job)
{
    const json_t *seccomp = json_object_get(job, "seccomp");
    const char *profile =
        json_string_value(json_is_object(seccomp) ? json_object_get(seccomp, "profile") : seccomp);

    if (profile == NULL || str_eq(profile, "default") || str_eq(profile, "strict"))
        return 0;
    return serve_refuse(q->why, MHD_HTTP_BAD_REQUEST,
                        "'%s': 'seccomp' takes default or strict here, not a file", q->place);
}

static bool is_served(const struct server *s, const char *root)
{
    for (size_t i = 0; i < s->plan->n_roots; i++)
        if (s->root_served[i] && str_eq(s->plan->roots[i].name, root))
            return true;
    return false;
}

/* Refuses a root that the server was not started with: the loader would say to describe it in the
 * file, which a request cannot. */
static int check_root(struct request *q, const json_t *job)
{
    const char *root = json_string_value(json_object_get(job, "rootfs"));
    cleanup_strbuf struct strbuf served = {0};

    if (root == NULL || is_served(q->s, root))
        return 0;
    for (size_t i = 0; i < q->s->plan->n_roots; i++)
        if (q->s->root_served[i])
            strbuf_addf(&served, "%s%s", served.len > 0 ? ", " : "", q->s->plan->roots[i].name);
    return serve_refuse(q->why, MHD_HTTP_BAD_REQUEST,
                        "'%s': the server was not started with the root '%s' (--root), but with %s",
                        q->place, root, served.data);
}

/* Refuses what orders jobs: each would have to be run before another one is. */
static int check_order(struct request *q, const json_t *job)
{
    const char *key = json_object_get(job, "needs") != NULL  ? "needs"
                      : json_object_get(job, "from") != NULL ? "from"
                                                             : NULL;

    return key == NULL ? 0
                       : serve_refuse(q->why, MHD_HTTP_BAD_REQUEST,
                                      "'%s': '%s' is for job files: a client posts the next job "
                                      "when it has the result of the one before",
                                      q->place, key);
}

static int check_job(struct request *q, const char *place, const json_t *job)
{
    int r;

    q->place = place;
    if (check_root(q, job) < 0 || check_order(q, job) < 0)
        return -1;
    if (json_object_get(job, "pass-env") != NULL)
        return serve_refuse(q->why, MHD_HTTP_BAD_REQUEST,
                            "'%s': 'pass-env' would pass the server's environment; say 'env'",
                            place);
    if (json_object_get(job, "secrets") != NULL)
        return serve_refuse(q->why, MHD_HTTP_BAD_REQUEST,
                            "'%s': 'secrets' would be the server's; say 'env'", place);
    r = check_profile(q, job);
    if (r == 0)
        r = check_paths(q, "inputs", "from", json_object_get(job, "inputs"));
    if (r == 0)
        r = check_paths(q, "stdin-file", "stdin-file", json_object_get(job, "stdin-file"));
    if (r == 0)
        r = check_expect(q, job);
    return r == 0 ? check_steps(q, job) : r;
}

/* ---- what jobs ask for ---- */

static int check_loaded(struct request *q, const struct jobs_job *job)
{
    if (!q->s->root_served[job->root]) /* it names none, and has that of job files then */
        return serve_refuse(q->why, MHD_HTTP_BAD_REQUEST,
                            "'%s': the server was not started with the root '%s' (--root)",
                            job->name, q->batch->plan->roots[job->root].name);
    if (job->network == JOBS_NETWORK_BRIDGE)
        return serve_refuse(q->why, MHD_HTTP_BAD_REQUEST, "'%s': bridges are for job files",
                            job->name);
    if (job->retry_delay > 0)
        return serve_refuse(q->why, MHD_HTTP_BAD_REQUEST, "'%s': 'retry-delay' is for job files",
                            job->name);
    if (job->network == JOBS_NETWORK_NAT && !q->s->options->nat)
        return serve_refuse(q->why, MHD_HTTP_BAD_REQUEST,
                            "'%s': the server was not started with --nat", job->name);
    if (job->network == JOBS_NETWORK_HOST && !q->s->options->allow_host_network)
        return serve_refuse(q->why, MHD_HTTP_BAD_REQUEST,
                            "'%s': the server was not started with --allow-host-network",
                            job->name);
    return 0;
}

/* ---- pairs ---- */

/* Finds a job of the batch; its index, or PAIR_OF_NONE. */
static size_t find_job(const struct serve_batch *b, const char *name)
{
    for (size_t i = 0; i < b->n; i++)
        if (str_eq(b->plan->jobs[i].name, name))
            return i;
    return PAIR_OF_NONE;
}

static int check_paired(struct request *q, size_t i)
{
    const struct jobs_job *job = &q->batch->plan->jobs[i];
    const char *why = NULL;

    if (q->batch->works[i].pair != PAIR_OF_NONE)
        why = "is in two pairs";
    else if (job->n_steps > 1)
        why = "has several steps, and in a pair it has one";
    else if (job->after != NULL)
        why = "has 'after', whose output would be the other's input";
    else if (job->stdin_text != NULL || job->stdin_file.path != NULL)
        why = "has a standard input of its own, and in a pair it reads what the other writes";
    else if (job->capture == JOBS_CAPTURE_FILE)
        why = "has 'capture: file', and in a pair its output is a pipe to the other";
    else if (job->retries > 0)
        why = "has 'retries', and in a pair it cannot be run again alone";
    return why == NULL ? 0
                       : serve_refuse(q->why, MHD_HTTP_BAD_REQUEST, "'pipes': the job '%s' %s",
                                      job->name, why);
}

static int join_pair(struct request *q, const json_t *pair)
{
    size_t index[2];

    if (!json_is_array(pair) || json_array_size(pair) != 2)
        return serve_refuse(q->why, MHD_HTTP_BAD_REQUEST,
                            "'pipes' must be a list of pairs: [[\"one\", \"other\"]]");
    for (size_t k = 0; k < 2; k++) {
        const char *name = json_string_value(json_array_get(pair, k));

        if (name == NULL)
            return serve_refuse(q->why, MHD_HTTP_BAD_REQUEST,
                                "'pipes': a pair has two names of jobs");
        index[k] = find_job(q->batch, name);
        if (index[k] == PAIR_OF_NONE)
            return serve_refuse(q->why, MHD_HTTP_BAD_REQUEST,
                                "'pipes': there is no job '%s' in this batch", name);
        if (check_paired(q, index[k]) < 0)
            return -1;
    }
    if (index[0] == index[1])
        return serve_refuse(q->why, MHD_HTTP_BAD_REQUEST,
                            "'pipes': '%s' cannot be joined to itself",
                            q->batch->plan->jobs[index[0]].name);
    q->batch->works[index[0]].pair = index[1];
    q->batch->works[index[1]].pair = index[0];
    return 0;
}

static int join_pairs(struct request *q, const json_t *pipes)
{
    int r = 0;

    for (size_t i = 0; i < q->batch->n; i++)
        q->batch->works[i].pair = PAIR_OF_NONE;
    if (pipes == NULL)
        return 0;
    if (!json_is_array(pipes))
        return serve_refuse(q->why, MHD_HTTP_BAD_REQUEST,
                            "'pipes' must be a list of pairs: [[\"one\", \"other\"]]");
    for (size_t i = 0; r == 0 && i < json_array_size(pipes); i++)
        r = join_pair(q, json_array_get(pipes, i));
    if (r == 0 && json_array_size(pipes) > 0 && q->s->options->slots < 2)
        return serve_refuse(q->why, MHD_HTTP_UNPROCESSABLE_CONTENT,
                            "'pipes': the two of a pair run at once, and this server has one slot "
                            "(--slots)");
    return r;
}

static int check_plan(struct request *q)
{
    struct serve_batch *b = q->batch;
    struct cupel_error err;
    int r = 0;

    for (size_t i = 0; r == 0 && i < b->n; i++)
        r = check_loaded(q, &b->plan->jobs[i]);
    if (r < 0)
        return r;
    serve_slot_bind_paths(q->s, b->plan);
    for (size_t i = 0; i < b->n; i++)
        b->instances[i] = serve_slot_instance(b->plan, i, b->id);
    if (prepare_more_check(&q->s->p, &q->s->run_options, b->instances, b->n, &err) < 0)
        return serve_refuse_error(q->why,
                                  err.kind == CUPEL_ERROR_INPUT ? MHD_HTTP_BAD_REQUEST
                                                                : MHD_HTTP_UNPROCESSABLE_CONTENT,
                                  &err);
    return 0;
}

/* ---- texts ---- */

/* A text that the loader reads the same as the JSON that came: YAML knows no surrogates, and wants
 * control characters escaped. Malloc'ed. */
static char *dump(const json_t *file, size_t flags)
{
    struct strbuf text = {0};
    char *raw = json_dumps(file, DUMP_FLAGS | flags);

    text_add_json(&text, raw != NULL ? raw : "");
    free(raw);
    return text.data;
}

static json_t *file_with(const struct server *s, const json_t *defaults, json_t *jobs)
{
    json_t *file = json_pack("{s:i, s:O}", "cupel", 1, "rootfs", s->roots);

    if (defaults != NULL)
        (void)json_object_set(file, "defaults", (json_t *)(uintptr_t)defaults);
    (void)json_object_set_new(file, "jobs", jobs);
    return file;
}

static int load(struct request *q, json_t *whole)
{
    cleanup_strbuf struct strbuf problems = {0};
    cleanup_free char *text = dump(whole, JSON_INDENT(1));
    struct cupel_error err;

    if (text == NULL)
        return serve_refuse(q->why, MHD_HTTP_BAD_REQUEST, "the body cannot be read");
    if (jobs_load_request(REQUEST_NAME, q->s->files.path, text, strlen(text), &q->batch->plan,
                          &problems, &err) < 0) {
        (void)serve_refuse_error(q->why, MHD_HTTP_BAD_REQUEST, &err);
        if (problems.data != NULL)
            q->why->problems = xstrdup(problems.data);
        return -1;
    }
    return 0;
}

/* Cuts a batch into texts of one job each. What the jobs share is kept once, as the head of all:
 * it may be as large as a body, and there may be as many jobs as wait. */
static int make_works(struct request *q, const json_t *defaults, json_t *jobs)
{
    static const char tail[] = "{}}"; /* of a file without jobs */
    struct serve_batch *b = q->batch;
    json_t *none = file_with(q->s, defaults, json_object());
    const char *name;
    json_t *job;
    size_t i = 0;

    b->head = dump(none, JSON_COMPACT);
    b->head_len = b->head != NULL ? strlen(b->head) - strlen(tail) : 0;
    b->held_bytes += b->head_len;
    json_decref(none);
    json_object_foreach(jobs, name, job)
    {
        json_t *one = json_pack("{s:O}", name, job);
        struct serve_work *w = &b->works[i++];

        w->text = dump(one, JSON_COMPACT);
        w->len = w->text != NULL ? strlen(w->text) : 0;
        w->asked_ns = clock_monotonic_ns();
        b->waiting_bytes += w->len;
        json_decref(one);
        if (b->head_len + w->len + sizeof("}") > SERVE_BODY_MAX)
            return serve_refuse(q->why, MHD_HTTP_CONTENT_TOO_LARGE, "'%s': the job is too large",
                                name);
    }
    return 0;
}

/* ---- how much may wait ---- */

/* What one user may have of a bound: a half, so that others find room, except for root and ours. */
static size_t share_of(uid_t uid, size_t bound)
{
    return serve_peers_is_privileged(uid) ? bound : (bound + 1) / 2;
}

static bool may_wait(const struct server *s, uid_t uid, size_t jobs, size_t bytes)
{
    size_t own_jobs = 0, own_bytes = 0;

    for (const struct serve_batch *b = s->batches; b != NULL; b = b->next)
        if (b->uid == uid && !b->ended) {
            own_jobs += b->n_waiting;
            own_bytes += b->waiting_bytes + b->held_bytes;
        }
    return s->n_waiting + jobs <= s->options->queue &&
           s->waiting_bytes + bytes <= SERVE_WAITING_MAX &&
           own_jobs + jobs <= share_of(uid, s->options->queue) &&
           own_bytes + bytes <= share_of(uid, SERVE_WAITING_MAX);
}

int serve_request_admit(struct server *s, uid_t uid, size_t jobs, size_t bytes,
                        struct serve_refusal *why)
{
    size_t most = share_of(uid, s->options->queue);

    if (s->phase != SERVE_OPEN)
        return serve_refuse(why, MHD_HTTP_SERVICE_UNAVAILABLE,
                            "the server is ending and takes no more jobs");
    if (jobs > most)
        return serve_refuse(why, MHD_HTTP_CONTENT_TOO_LARGE,
                            "%zu jobs are more than may wait here, which is %zu (--queue)", jobs,
                            most);
    if (bytes > share_of(uid, SERVE_WAITING_MAX))
        return serve_refuse(why, MHD_HTTP_CONTENT_TOO_LARGE,
                            "the texts of these jobs are more than may wait here");
    if (may_wait(s, uid, jobs, bytes))
        return 0;
    (void)serve_refuse(
        why, MHD_HTTP_TOO_MANY_REQUESTS,
        "%zu jobs wait already, with %zu bytes of text; at most %u may (--queue), with "
        "%zu bytes, and of this user %zu, with %zu bytes",
        s->n_waiting, s->waiting_bytes, s->options->queue, SERVE_WAITING_MAX, most,
        share_of(uid, SERVE_WAITING_MAX));
    why->retry_after = 1;
    return -1;
}

/* ---- all of it ---- */

/* Says whether arrays and objects lie in each other more than `depth` deep. The loader's text is
 * indented by that, each value on its own line. */
static bool is_deeper(const json_t *value, size_t depth)
{
    const char *key;
    json_t *one;

    if (!json_is_array(value) && !json_is_object(value))
        return false;
    if (depth == 0)
        return true;
    for (size_t i = 0; i < json_array_size(value); i++)
        if (is_deeper(json_array_get(value, i), depth - 1))
            return true;
    json_object_foreach((json_t *)(uintptr_t)value, key,
                        one) if (is_deeper(one, depth - 1)) return true;
    return false;
}

/* Counts what each result repeats of its job, for which there is no text. */
static size_t repeated_bytes(const struct serve_batch *b)
{
    size_t bytes = 0;

    for (size_t i = 0; i < b->n; i++)
        if (b->plan->jobs[i].description != NULL)
            bytes += strlen(b->plan->jobs[i].description);
    return bytes;
}

static int read_batch(struct request *q, const json_t *defaults, json_t *jobs, const json_t *pipes)
{
    struct serve_batch *b = q->batch;
    json_t *whole, *job;
    const char *name;
    int r = defaults != NULL ? check_job(q, "defaults", defaults) : 0;

    json_object_foreach(jobs, name, job) if (r == 0) r = check_job(q, name, job);
    if (r < 0)
        return r;
    b->n = b->n_waiting = json_object_size(jobs);
    whole = file_with(q->s, defaults, json_incref(jobs));
    r = load(q, whole);
    json_decref(whole);
    if (r < 0)
        return r;
    if (b->plan->n_jobs != b->n)
        return serve_refuse(q->why, MHD_HTTP_BAD_REQUEST, "the body has jobs that are none");
    b->instances = xcalloc(b->n, sizeof(*b->instances));
    b->works = xcalloc(b->n, sizeof(*b->works));
    b->held_bytes = repeated_bytes(b);
    r = check_plan(q);
    if (r == 0)
        r = join_pairs(q, pipes);
    if (r == 0)
        r = make_works(q, defaults, jobs);
    return r == 0
               ? serve_request_admit(q->s, b->uid, b->n, b->held_bytes + b->waiting_bytes, q->why)
               : r;
}

static const char *other_key(const json_t *body)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)body, key,
                        value) if (!str_eq(key, "jobs") && !str_eq(key, "defaults") &&
                                   !str_eq(key, "pipes") && !str_eq(key, "cupel") &&
                                   !str_eq(key, "name")) return key;
    return NULL;
}

static int read_body(struct request *q, json_t *body, const char *name)
{
    json_t *jobs = json_object_get(body, "jobs"), *one;
    int r;

    if (!json_is_object(body))
        return serve_refuse(q->why, MHD_HTTP_BAD_REQUEST,
                            "the body is no object: a job's keys, or {\"jobs\": {NAME: …}}");
    if (is_deeper(body, DEPTH_MAX))
        return serve_refuse(q->why, MHD_HTTP_BAD_REQUEST,
                            "the body has more than %d levels, of which no job has so many",
                            DEPTH_MAX);
    if (jobs == NULL) {
        one = json_pack("{s:O}", name != NULL ? name : NAME_DEFAULT, body);
        if (one == NULL)
            return serve_refuse(q->why, MHD_HTTP_BAD_REQUEST, "'name' is not UTF-8");
        r = read_batch(q, NULL, one, NULL);
        json_decref(one);
        return r;
    }
    if (other_key(body) != NULL)
        return serve_refuse(q->why, MHD_HTTP_BAD_REQUEST,
                            "'%s' is no key of a batch, which has 'defaults', 'jobs' and 'pipes'",
                            other_key(body));
    if (!json_is_object(jobs) || json_object_size(jobs) == 0)
        return serve_refuse(q->why, MHD_HTTP_BAD_REQUEST, "'jobs' must be a map with jobs in it");
    if (serve_request_admit(q->s, q->batch->uid, json_object_size(jobs), 0, q->why) < 0)
        return -1;
    return read_batch(q, json_object_get(body, "defaults"), jobs, json_object_get(body, "pipes"));
}

int serve_request_read(struct server *s, uid_t uid, const char *body, size_t len, const char *name,
                       struct serve_batch **ret, struct serve_refusal *why)
{
    struct request q = {.s = s, .batch = xcalloc(1, sizeof(*q.batch)), .why = why};
    json_error_t error;
    json_t *json = json_loadb(body, len, JSON_REJECT_DUPLICATES, &error);
    int r;

    q.batch->id = ++s->next_id;
    q.batch->uid = uid;
    r = json != NULL ? read_body(&q, json, name)
                     : serve_refuse(why, MHD_HTTP_BAD_REQUEST, "the body is no JSON: %d:%d: %s",
                                    error.line, error.column, error.text);
    json_decref(json);
    if (r < 0)
        serve_batch_free(s, q.batch);
    else
        *ret = q.batch;
    return r;
}

void serve_batch_free(struct server *s, struct serve_batch *b)
{
    (void)s;
    for (size_t i = 0; i < b->n_files; i++)
        b->files[i]->pins--;
    for (size_t i = 0; b->works != NULL && i < b->n; i++) {
        free(b->works[i].text);
        free(b->works[i].log_name);
        arena_free(b->works[i].arena);
    }
    free(b->head);
    free(b->files);
    free(b->works);
    free(b->instances);
    strbuf_free(&b->out);
    jobs_plan_free(b->plan);
    free(b);
}

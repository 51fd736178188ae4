/* SPDX-License-Identifier: Apache-2.0 */
/* serve_http: see serve_http.h. What is asked is carried out by others; this file knows the routes,
 * how large a body may be, and how an answer is written. Whatever is wrong with a request is one
 * object with the key `error`. */
#include "harness/serve/serve_http.h"

#include "harness/serve/serve_files.h"
#include "harness/serve/serve_jobs.h"
#include "harness/serve/serve_metrics.h"
#include "harness/serve/serve_peers.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#define IDLE_SECONDS 120u /* without a byte; a stream that waits for results is not idle */
#define CONNECTION_MEMORY (32u << 10) /* of one connection, headers included */
#define STREAM_BLOCK (16u << 10)
#define PARAMETERS_MAX 2

struct serve_ask {
    struct server *s;
    struct serve_peer *peer;
    const struct serve_route *route; /* NULL: there is none */
    bool known_path;
    char *parameter[PARAMETERS_MAX]; /* what stands for {…}, malloc'ed */
    struct strbuf body;
    uint64_t body_bytes; /* that came, kept or not */
    bool too_large;
    bool too_many; /* bodies are in memory for one more of this size */
    struct serve_upload *upload;
    struct serve_batch *batch; /* whose results it streams */
};

typedef enum MHD_Result answer_fn(struct serve_ask *ask, struct MHD_Connection *c);
static answer_fn post_jobs, get_job, delete_job, get_kept, put_file, get_file, get_health,
    get_metrics;

#define ROUTES(X)                                                                                  \
    X("POST", "/jobs", post_jobs)                                                                  \
    X("GET", "/jobs/{id}", get_job)                                                                \
    X("DELETE", "/jobs/{id}", delete_job)                                                          \
    X("GET", "/jobs/{id}/{path}", get_kept)                                                        \
    X("PUT", "/files/{sha256}", put_file)                                                          \
    X("GET", "/files/{sha256}", get_file)                                                          \
    X("GET", "/healthz", get_health)                                                               \
    X("GET", "/metrics", get_metrics)
#define ROUTE(method, path, answer) {method, path, method " " path, answer},
static const struct serve_route {
    const char *method;
    const char *path;
    const char *name;
    answer_fn *answer;
} route_table[] = {ROUTES(ROUTE)};

const char *serve_http_route(size_t i)
{
    return i < ARRAY_SIZE(route_table) ? route_table[i].name : NULL;
}

/* ---- answers ---- */

static enum MHD_Result send_response(struct serve_ask *ask, struct MHD_Connection *c,
                                     unsigned status, struct MHD_Response *r, const char *type)
{
    enum MHD_Result result;

    if (r == NULL)
        return MHD_NO;
    if (type != NULL)
        (void)ask->s->mhd.add_response_header(r, "Content-Type", type);
    if (status < ARRAY_SIZE(ask->s->figures.answers))
        ask->s->figures.answers[status]++;
    result = ask->s->mhd.queue_response(c, status, r);
    ask->s->mhd.destroy_response(r);
    return result;
}

static struct MHD_Response *text_response(struct serve_ask *ask, const char *text, size_t len)
{
    /* copied: MHD_create_response_from_buffer takes no const */
    return ask->s->mhd.create_response_from_buffer(len, (void *)(uintptr_t)text,
                                                   MHD_RESPMEM_MUST_COPY);
}

static enum MHD_Result send_json(struct serve_ask *ask, struct MHD_Connection *c, unsigned status,
                                 json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT);
    cleanup_strbuf struct strbuf clean = {0};
    enum MHD_Result r = MHD_NO;

    if (text != NULL) {
        text_add_json(&clean, text);
        strbuf_adds(&clean, "\n");
        r = send_response(ask, c, status, text_response(ask, clean.data, clean.len),
                          "application/json");
    }
    free(text);
    json_decref(object);
    return r;
}

static json_t *lossy(const char *text)
{
    json_t *j = json_string(text);
    cleanup_strbuf struct strbuf clean = {0};

    if (j != NULL)
        return j;
    text_add_line(&clean, text); /* not UTF-8 */
    return json_string(clean.data);
}

static enum MHD_Result send_refusal(struct serve_ask *ask, struct MHD_Connection *c,
                                    struct serve_refusal *why)
{
    json_t *o = json_object();
    struct MHD_Response *r;
    cleanup_free char *text = NULL;
    cleanup_strbuf struct strbuf clean = {0};
    unsigned status = why->status;
    char seconds[16];

    (void)json_object_set_new(o, "error", lossy(why->message));
    if (why->hint != NULL)
        (void)json_object_set_new(o, "hint", lossy(why->hint));
    if (why->problems != NULL)
        (void)json_object_set_new(o, "problems", lossy(why->problems));
    text = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    text_add_json(&clean, text != NULL ? text : "{}");
    strbuf_adds(&clean, "\n");
    r = text_response(ask, clean.data, clean.len);
    (void)snprintf(seconds, sizeof(seconds), "%u", why->retry_after);
    if (r != NULL && why->retry_after > 0)
        (void)ask->s->mhd.add_response_header(r, "Retry-After", seconds);
    serve_refusal_free(why);
    return send_response(ask, c, status, r, "application/json");
}

static enum MHD_Result send_error(struct serve_ask *ask, struct MHD_Connection *c, unsigned status,
                                  const char *message)
{
    struct serve_refusal why = {0};

    (void)serve_refuse(&why, status, "%s", message);
    return send_refusal(ask, c, &why);
}

/* ---- the stream of results ---- */

static ssize_t read_results(void *cls, uint64_t pos, char *to, size_t max)
{
    struct serve_ask *ask = cls;
    struct serve_batch *b = ask->batch;
    size_t n = b->out.len - b->sent;

    (void)pos;
    if (b->gone)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (n > 0) {
        n = n < max ? n : max;
        memcpy(to, b->out.data + b->sent, n);
        b->sent += n;
        if (b->sent == b->out.len)
            b->sent = b->out.len = 0;
        return (ssize_t)n;
    }
    if (b->ended)
        return MHD_CONTENT_READER_END_OF_STREAM;
    ask->s->mhd.suspend_connection(b->connection);
    b->suspended = true;
    return 0;
}

void serve_http_wake(struct server *s, struct serve_batch *b)
{
    if (b->connection == NULL || !b->suspended)
        return;
    b->suspended = false;
    s->mhd.resume_connection(b->connection);
}

static enum MHD_Result stream_batch(struct serve_ask *ask, struct MHD_Connection *c,
                                    struct serve_batch *b)
{
    struct MHD_Response *r = ask->s->mhd.create_response_from_callback(
        MHD_SIZE_UNKNOWN, STREAM_BLOCK, read_results, ask, NULL);
    char place[40];

    (void)snprintf(place, sizeof(place), "/jobs/%" PRIu64, b->id);
    if (r != NULL)
        (void)ask->s->mhd.add_response_header(r, "Location", place);
    ask->batch = b;
    ask->peer->batch = b;
    ask->peer->streaming = true;
    b->connection = c;
    return send_response(ask, c, MHD_HTTP_OK, r, "application/x-ndjson");
}

/* ---- jobs ---- */

static void drop_body(struct serve_ask *ask)
{
    strbuf_free(&ask->body);
    ask->body = (struct strbuf){0};
    ask->peer->body_bytes = 0;
}

static enum MHD_Result post_jobs(struct serve_ask *ask, struct MHD_Connection *c)
{
    const char *name = ask->s->mhd.lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "name");
    struct serve_refusal why = {0};
    struct serve_batch *b;
    enum MHD_Result result;
    int r;

    if (ask->too_many) {
        (void)serve_refuse(&why, MHD_HTTP_TOO_MANY_REQUESTS,
                           "too many bodies are on their way to the server already");
        why.retry_after = 1;
        return send_refusal(ask, c, &why);
    }
    r = serve_request_admit(ask->s, ask->peer->uid, 1, ask->body.len, &why);
    if (r == 0)
        r = serve_request_read(ask->s, ask->peer->uid, ask->body.data != NULL ? ask->body.data : "",
                               ask->body.len, name, &b, &why);
    drop_body(ask);
    if (r < 0)
        return send_refusal(ask, c, &why);
    serve_jobs_add(ask->s, b);
    result = stream_batch(ask, c, b);
    /* at once: the client can wait for its headers, the job need not */
    serve_jobs_dispatch(ask->s);
    return result;
}

/* Finds the batch that {id} names, if this client may have to do with it. */
static struct serve_batch *find_batch(struct serve_ask *ask)
{
    char *end;
    uint64_t id = strtoull(ask->parameter[0], &end, 10);
    struct serve_batch *b = *end == '\0' ? serve_jobs_find(ask->s, id) : NULL;
    uid_t uid = ask->peer->uid;

    return b != NULL && (uid == b->uid || serve_peers_is_privileged(uid)) ? b : NULL;
}

static enum MHD_Result no_such_job(struct serve_ask *ask, struct MHD_Connection *c)
{
    return send_error(ask, c, MHD_HTTP_NOT_FOUND,
                      "there are no such jobs of yours, or nothing of them is kept any more");
}

static enum MHD_Result get_job(struct serve_ask *ask, struct MHD_Connection *c)
{
    const struct serve_batch *b = find_batch(ask);

    if (b == NULL)
        return no_such_job(ask, c);
    return send_json(ask, c, MHD_HTTP_OK,
                     json_pack("{s:I, s:I, s:I, s:I, s:b}", "id", (json_int_t)b->id, "jobs",
                               (json_int_t)b->n, "waiting", (json_int_t)b->n_waiting, "running",
                               (json_int_t)b->n_running, "ended", (int)b->ended));
}

static enum MHD_Result delete_job(struct serve_ask *ask, struct MHD_Connection *c)
{
    struct serve_batch *b = find_batch(ask);

    if (b == NULL)
        return no_such_job(ask, c);
    if (!b->ended) {
        serve_jobs_cancel(ask->s, b, b->cancelled ? ORDER_KILL : ORDER_CANCEL,
                          "cancelled by its client before it started");
        return send_json(ask, c, MHD_HTTP_ACCEPTED, json_pack("{s:s}", "state", "cancelling"));
    }
    if (b->connection == NULL)
        serve_jobs_forget(ask->s, b);
    return send_response(ask, c, MHD_HTTP_NO_CONTENT, text_response(ask, "", 0), NULL);
}

static enum MHD_Result send_content(struct serve_ask *ask, struct MHD_Connection *c, int fd)
{
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        if (fd >= 0)
            (void)close(fd);
        return send_error(ask, c, MHD_HTTP_NOT_FOUND, "there is no such file");
    }
    return send_response(ask, c, MHD_HTTP_OK,
                         ask->s->mhd.create_response_from_fd64((uint64_t)st.st_size, fd),
                         "application/octet-stream");
}

/* Says whether the path goes up somewhere: what lies beneath the directory of all batches is not
 * all one client's. */
static bool climbs(const char *path)
{
    for (const char *part = path; part != NULL; part = strchr(part, '/')) {
        part += *part == '/';
        if (part[0] == '.' && part[1] == '.' && (part[2] == '/' || part[2] == '\0'))
            return true;
    }
    return false;
}

/* Sends a log or an artifact by the path that the result names. All that a batch leaves begins with
 * its id (serve_slot_instance). */
static enum MHD_Result get_kept(struct serve_ask *ask, struct MHD_Connection *c)
{
    const struct serve_batch *b = find_batch(ask);
    char own[2][48];

    if (b == NULL)
        return no_such_job(ask, c);
    (void)snprintf(own[0], sizeof(own[0]), "logs/%" PRIu64 ".", b->id);
    (void)snprintf(own[1], sizeof(own[1]), "artifacts/%" PRIu64 ".", b->id);
    if (climbs(ask->parameter[1]) ||
        (!str_starts(ask->parameter[1], own[0]) && !str_starts(ask->parameter[1], own[1])))
        return send_error(ask, c, MHD_HTTP_NOT_FOUND, "these jobs have left no such file");
    return send_content(ask, c,
                        file_open_beneath(reports_out_dirfd(ask->s->p.run.out), ask->parameter[1],
                                          O_RDONLY | O_NONBLOCK | O_NOCTTY, 0));
}

/* ---- files ---- */

static char *file_name(const struct serve_ask *ask)
{
    return xasprintf("sha256:%s", ask->parameter[0]);
}

static enum MHD_Result put_file(struct serve_ask *ask, struct MHD_Connection *c)
{
    struct serve_upload *upload = steal_ptr(ask->upload);
    cleanup_free char *name = file_name(ask);
    struct serve_refusal why = {0};

    if (!serve_file_is_name(name))
        return send_error(ask, c, MHD_HTTP_BAD_REQUEST,
                          "a file is named by its SHA-256: 64 lower-case hexadecimal digits");
    if (upload == NULL) /* it was there already */
        return send_response(ask, c, MHD_HTTP_OK, text_response(ask, "", 0), NULL);
    if (serve_upload_end(ask->s, upload, &why) < 0)
        return send_refusal(ask, c, &why);
    return send_response(ask, c, MHD_HTTP_CREATED, text_response(ask, "", 0), NULL);
}

static enum MHD_Result get_file(struct serve_ask *ask, struct MHD_Connection *c)
{
    cleanup_free char *name = file_name(ask);
    struct serve_file *file = serve_files_find(&ask->s->files, name);

    if (file == NULL)
        return send_error(ask, c, MHD_HTTP_NOT_FOUND, "there is no such file: PUT it");
    return send_content(ask, c, serve_files_read(&ask->s->files, file));
}

/* ---- how it is ---- */

static enum MHD_Result get_health(struct serve_ask *ask, struct MHD_Connection *c)
{
    const struct server *s = ask->s;
    bool open = s->phase == SERVE_OPEN;

    return send_json(ask, c, open ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE,
                     json_pack("{s:s, s:s, s:I, s:I, s:I}", "status", open ? "ok" : "ending",
                               "version", CUPEL_VERSION, "slots", (json_int_t)s->options->slots,
                               "running", (json_int_t)serve_jobs_running(s), "waiting",
                               (json_int_t)s->n_waiting));
}

static enum MHD_Result get_metrics(struct serve_ask *ask, struct MHD_Connection *c)
{
    cleanup_strbuf struct strbuf text = {0};

    serve_metrics_write(ask->s, &text);
    return send_response(ask, c, MHD_HTTP_OK, text_response(ask, text.data, text.len),
                         "text/plain; version=0.0.4");
}

/* ---- routes ---- */

/* Compares a path with a route's, and takes what stands for its parameters. The last one takes all
 * that is left. */
static bool matches(const char *route, const char *path, char *parameter[PARAMETERS_MAX])
{
    size_t n = 0;

    for (; *route != '\0'; route++) {
        const char *end;

        if (*route != '{') {
            if (*route != *path++)
                break;
            continue;
        }
        route = strchr(route, '}');
        end = route[1] == '\0' && n > 0 ? path + strlen(path) : path + strcspn(path, "/");
        if (end == path)
            break;
        parameter[n] = xcalloc(1, (size_t)(end - path) + 1);
        memcpy(parameter[n++], path, (size_t)(end - path));
        path = end;
    }
    if (*route == '\0' && *path == '\0')
        return true;
    while (n > 0) {
        free(parameter[--n]);
        parameter[n] = NULL;
    }
    return false;
}

static void find_route(struct serve_ask *ask, const char *path, const char *method)
{
    if (str_eq(method, "HEAD"))
        method = "GET";
    for (size_t i = 0; i < ARRAY_SIZE(route_table); i++) {
        char *parameter[PARAMETERS_MAX] = {NULL, NULL};

        if (!matches(route_table[i].path, path, parameter))
            continue;
        ask->known_path = true;
        if (str_eq(method, route_table[i].method)) {
            ask->route = &route_table[i];
            memcpy(ask->parameter, parameter, sizeof(parameter));
            return;
        }
        free(parameter[0]);
        free(parameter[1]);
    }
}

static enum MHD_Result no_route(struct serve_ask *ask, struct MHD_Connection *c)
{
    if (ask->known_path)
        return send_error(ask, c, MHD_HTTP_METHOD_NOT_ALLOWED, "no such method here");
    return send_error(ask, c, MHD_HTTP_NOT_FOUND, "no such path: docs/serve.md has all");
}

/* ---- bodies ---- */

static uint64_t body_max(const struct serve_ask *ask)
{
    return ask->route != NULL && ask->route->answer == put_file ? ask->s->files.max
                                                                : SERVE_BODY_MAX;
}

static enum MHD_Result too_large(struct serve_ask *ask, struct MHD_Connection *c)
{
    struct serve_refusal why = {0};
    char most[UNIT_TEXT_SIZE];

    (void)serve_refuse(&why, MHD_HTTP_CONTENT_TOO_LARGE, "the body is larger than %s",
                       unit_format_size(body_max(ask), most));
    return send_refusal(ask, c, &why);
}

/* Refuses a body that says that it is too large before it comes. All else is answered behind the
 * body: a client that is still sending might not read the answer. */
static enum MHD_Result begin_body(struct serve_ask *ask, struct MHD_Connection *c)
{
    const char *length = ask->s->mhd.lookup_connection_value(c, MHD_HEADER_KIND, "Content-Length");

    if (length != NULL && strtoull(length, NULL, 10) > body_max(ask))
        return too_large(ask, c);
    if (ask->route != NULL && ask->route->answer == put_file) {
        cleanup_free char *name = file_name(ask);

        if (serve_file_is_name(name) && serve_files_find(&ask->s->files, name) == NULL)
            ask->upload = serve_upload_begin(&ask->s->files, name);
    }
    return MHD_YES;
}

static void keep_body(struct serve_ask *ask, const char *data, size_t len)
{
    ask->too_many = ask->too_many || !serve_peers_take_body(ask->s, ask->peer, len);
    if (ask->too_many)
        drop_body(ask);
    else
        strbuf_add(&ask->body, data, len);
}

/* Takes a piece; what is beyond the bound is not kept, and who goes on sending is cut off. */
static enum MHD_Result add_body(struct serve_ask *ask, const char *data, size_t len)
{
    if (ask->too_large)
        return MHD_NO;
    ask->body_bytes += len;
    ask->too_large = ask->body_bytes > body_max(ask);
    if (ask->upload != NULL)
        serve_upload_add(ask->upload, data, len);
    else if (ask->route != NULL && ask->route->answer == post_jobs && !ask->too_large)
        keep_body(ask, data, len);
    return MHD_YES;
}

/* ---- the library's calls ---- */

static struct serve_ask *begin(struct server *s, struct MHD_Connection *c)
{
    const union MHD_ConnectionInfo *info =
        s->mhd.get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct serve_peer *peer = info != NULL ? serve_peers_find(s, info->connect_fd) : NULL;
    struct serve_ask *ask;

    if (peer == NULL)
        return NULL;
    ask = xcalloc(1, sizeof(*ask));
    *ask = (struct serve_ask){.s = s, .peer = peer};
    peer->asking = true;
    peer->since_ns = clock_monotonic_ns();
    return ask;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **state)
{
    struct serve_ask *ask = *state;
    enum MHD_Result r;

    (void)version;
    if (ask == NULL) {
        ask = *state = begin(cls, c);
        if (ask == NULL)
            return MHD_NO;
        find_route(ask, url, method);
        return begin_body(ask, c);
    }
    if (*size > 0) {
        r = add_body(ask, data, *size);
        *size = 0;
        return r;
    }
    if (ask->too_large)
        return too_large(ask, c);
    return ask->route != NULL ? ask->route->answer(ask, c) : no_route(ask, c);
}

static void on_completed(void *cls, struct MHD_Connection *c, void **state,
                         enum MHD_RequestTerminationCode how)
{
    struct server *s = cls;
    struct serve_ask *ask = *state;

    (void)c;
    (void)how;
    if (ask == NULL)
        return;
    ask->peer->asking = ask->peer->streaming = false;
    ask->peer->batch = NULL;
    ask->peer->since_ns = clock_monotonic_ns();
    if (ask->batch != NULL) {
        ask->batch->connection = NULL;
        serve_jobs_abandon(s, ask->batch);
    }
    if (ask->upload != NULL)
        serve_upload_drop(ask->upload);
    drop_body(ask);
    for (size_t i = 0; i < PARAMETERS_MAX; i++)
        free(ask->parameter[i]);
    free(ask);
    *state = NULL;
}

static void on_connection(void *cls, struct MHD_Connection *c, void **state,
                          enum MHD_ConnectionNotificationCode how)
{
    struct server *s = cls;
    const union MHD_ConnectionInfo *info =
        s->mhd.get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct serve_peer *peer = info != NULL ? serve_peers_find(s, info->connect_fd) : NULL;

    (void)state;
    if (how == MHD_CONNECTION_NOTIFY_CLOSED && peer != NULL)
        serve_peers_forget(s, peer);
}

/* ---- begin and end ---- */

int serve_http_open(struct server *s, struct cupel_error *err)
{
    int r = serve_mhd_load(&s->mhd, err);

    if (r < 0)
        return r;
    s->daemon = s->mhd.start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL,
        on_request, s, MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, s, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_CONNECTION_LIMIT,
        4096u, MHD_OPTION_END);
    if (s->daemon == NULL)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "libmicrohttpd does not start");
    return 0;
}

void serve_http_close(struct server *s)
{
    if (s->daemon == NULL)
        return;
    for (struct serve_batch *b = s->batches; b != NULL; b = b->next) {
        b->gone = true;
        serve_http_wake(s, b); /* MHD_stop_daemon takes no suspended connection */
    }
    (void)s->mhd.run(s->daemon);
    s->mhd.stop_daemon(s->daemon);
    s->daemon = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* serve_jobs: see serve_jobs.h. Batches take turns, a job each, so that a large one holds nobody
 * up. A batch whose client does not read what has been written gets no turn: its stream is bounded
 * by that. What a verdict is, and what is tried again, is decided as in a run (attempt/). */
#include "harness/serve/serve_jobs.h"

#include "harness/attempt/results.h"
#include "harness/attempt/verdict.h"
#include "harness/attempt/wire.h"
#include "harness/serve/serve_http.h"
#include "harness/serve/serve_kinds.h"
#include "harness/serve/serve_metrics.h"
#include "harness/serve/serve_slot.h"
#include "harness/serve/serve_turns.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define KEPT_BATCHES_MAX 4096        /* of which something is kept */
#define CELL_KEPT ((size_t)64 << 10) /* more of a cell is given back after a job */

/* ---- lists ---- */

void serve_jobs_add(struct server *s, struct serve_batch *b)
{
    struct serve_batch **at = &s->batches;

    while (*at != NULL)
        at = &(*at)->next;
    *at = b;
    s->n_waiting += b->n_waiting;
    s->waiting_bytes += b->held_bytes + b->waiting_bytes;
}

/* One of its jobs waits, or does so no more. */
static void count_waiting(struct server *s, struct serve_batch *b, size_t i, bool waits)
{
    size_t len = b->works[i].len;

    b->n_waiting += waits ? 1 : (size_t)-1;
    s->n_waiting += waits ? 1 : (size_t)-1;
    b->waiting_bytes += waits ? len : -len;
    s->waiting_bytes += waits ? len : -len;
}

struct serve_batch *serve_jobs_find(struct server *s, uint64_t id)
{
    struct serve_batch *b = s->batches;

    while (b != NULL && b->id != id)
        b = b->next;
    return b;
}

size_t serve_jobs_running(const struct server *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n_slots; i++)
        n += s->slots[i].batch != NULL;
    return n;
}

void serve_jobs_forget(struct server *s, struct serve_batch *b)
{
    struct serve_batch **at = &s->batches;

    while (*at != b)
        at = &(*at)->next;
    *at = b->next;
    if (s->turn == b)
        serve_turns_take(s, b);
    for (size_t i = 0; i < b->n; i++) {
        s->kept_bytes -= b->works[i].kept_bytes;
        if (b->works[i].log_name != NULL)
            reports_out_forget(s->p.run.out, b->works[i].log_name);
    }
    serve_batch_free(s, b);
}

/* ---- what stays of a batch ---- */

static uint64_t bytes_below(struct server *s, const char *path)
{
    struct stat st;

    return path != NULL &&
                   fstatat(reports_out_dirfd(s->p.run.out), path, &st, AT_SYMLINK_NOFOLLOW) == 0
               ? (uint64_t)st.st_size
               : 0;
}

/* Notes what an attempt has left on the disk, for its client to fetch. */
static void keep_left(struct server *s, struct serve_work *w, const struct instance *in,
                      const struct reports_result *r)
{
    const char *const *artifact = (const char *const *)r->artifacts;
    uint64_t bytes = bytes_below(s, r->stdout_log) + bytes_below(s, r->stderr_log) +
                     bytes_below(s, r->merged_log);

    for (; artifact != NULL && *artifact != NULL; artifact++)
        bytes += bytes_below(s, *artifact);
    if (r->stdout_log == NULL && r->stderr_log == NULL && r->artifacts == NULL)
        return;
    if (w->log_name == NULL)
        w->log_name = xstrdup(in->log_name);
    w->kept_bytes += bytes;
    s->kept_bytes += bytes;
}

static bool is_left(const struct serve_batch *b)
{
    for (size_t i = 0; i < b->n; i++)
        if (b->works[i].log_name != NULL)
            return true;
    return false;
}

/* Removes what jobs have left whose batch has not ended, or whose results are still read. */
static void trim_works(struct server *s)
{
    for (struct serve_batch *b = s->batches; b != NULL; b = b->next)
        for (size_t i = 0; i < b->n; i++) {
            struct serve_work *w = &b->works[i];

            if (s->kept_bytes <= s->options->kept_max)
                return;
            if (w->state != SERVE_DONE || w->log_name == NULL)
                continue;
            reports_out_forget(s->p.run.out, w->log_name);
            s->kept_bytes -= w->kept_bytes;
            w->kept_bytes = 0;
            free(w->log_name);
            w->log_name = NULL;
        }
}

void serve_jobs_trim(struct server *s)
{
    size_t n = 0;

    for (const struct serve_batch *b = s->batches; b != NULL; b = b->next)
        n += b->ended;
    for (struct serve_batch *b = s->batches, *next; b != NULL; b = next) {
        next = b->next;
        if (s->kept_bytes <= s->options->kept_max && n <= KEPT_BATCHES_MAX)
            return;
        if (!b->ended || b->connection != NULL)
            continue;
        serve_jobs_forget(s, b);
        n--;
    }
    trim_works(s);
}

/* Lets go of what only running jobs need. */
static void end_batch(struct server *s, struct serve_batch *b)
{
    b->ended = true;
    s->waiting_bytes -= b->held_bytes;
    free(b->head);
    b->head = NULL;
    for (size_t i = 0; i < b->n_files; i++)
        b->files[i]->pins--;
    b->n_files = 0;
    for (size_t i = 0; i < b->n; i++) {
        free(b->works[i].text);
        b->works[i].text = NULL;
        arena_free(b->works[i].arena);
        b->works[i].arena = NULL;
        b->works[i].before = NULL;
    }
    free(b->instances);
    b->instances = NULL;
    jobs_plan_free(b->plan);
    b->plan = NULL;
    if (b->connection != NULL)
        serve_http_wake(s, b);
    else if (b->gone || !is_left(b))
        serve_jobs_forget(s, b);
}

/* ---- results ---- */

static void write_result(struct server *s, struct serve_batch *b, const struct reports_result *r)
{
    if (b->gone)
        return;
    (void)reports_jsonl_text(r, &b->out);
    serve_http_wake(s, b);
}

/* An attempt, or that there was none; as outcomes_store in the supervisor. */
static void store(struct serve_work *w, const struct jobs_job *job, struct reports_result *r,
                  struct arena *arena)
{
    r->attempts_max = job->retries + 1;
    if (w->before != NULL) {
        results_follow(r, w->before, arena);
        arena_join(arena, w->arena);
    }
    w->before = r;
    w->arena = arena;
}

static bool is_retried(const struct server *s, const struct serve_batch *b,
                       const struct jobs_job *job, const struct reports_result *r)
{
    return s->phase == SERVE_OPEN && !b->cancelled && r->attempts > r->n_previous &&
           r->attempts < r->attempts_max && verdict_is_retried(job, r->verdict, r->exit);
}

static void wait_again(struct server *s, struct serve_batch *b, size_t i)
{
    struct serve_work *w = &b->works[i];
    struct cupel_error err;

    if (results_keep_logs(&s->p.run, &b->instances[i], w->arena, w->before, &err) < 0)
        log_warning("%s", err.message);
    results_forget_earlier(&s->p.run, &b->instances[i]);
    w->state = SERVE_WAITING;
    count_waiting(s, b, i, true);
    if (i < b->first_waiting)
        b->first_waiting = i;
}

static void finish(struct server *s, struct serve_batch *b, size_t i, struct reports_result *r,
                   struct arena *arena)
{
    struct serve_work *w = &b->works[i];

    store(w, b->instances[i].job, r, arena);
    keep_left(s, w, &b->instances[i], r);
    if (is_retried(s, b, b->instances[i].job, r)) {
        wait_again(s, b, i);
        return;
    }
    w->state = SERVE_DONE;
    free(w->text);
    w->text = NULL;
    serve_metrics_job(s, r->verdict, w->asked_ns);
    write_result(s, b, r);
    if (b->n_waiting == 0 && b->n_running == 0)
        end_batch(s, b);
}

static void finish_unrun(struct server *s, struct serve_batch *b, size_t i,
                         enum reports_verdict verdict, const char *evidence, unsigned attempts)
{
    struct arena *arena;
    struct reports_result *r =
        results_unrun(&s->p.run, &b->instances[i], verdict, evidence, &arena);

    r->attempts = attempts;
    finish(s, b, i, r, arena);
}

/* ---- slots ---- */

int serve_jobs_open_slot(struct server *s, size_t number, struct cupel_error *err)
{
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = SERVE_EVENT(SERVE_EVENT_SLOT, number)};
    int r = serve_slot_start(s, number, err);

    if (r == 0 && epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->slots[number].slot.socket, &e) < 0)
        r = cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot watch slot %zu", number);
    return r;
}

/* `other` is the end of a pair's sockets that is for this job, or -EBADF. */
static int order(struct server *s, size_t number, struct serve_batch *b, size_t i, int other,
                 struct cupel_error *err)
{
    struct serve_slot *slot = &s->slots[number];
    const struct serve_work *w = &b->works[i];
    int r = slot->slot.pid > 0 ? 0 : serve_jobs_open_slot(s, number, err);

    if (r < 0)
        return r;
    if (w->pair != PAIR_OF_NONE && other < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, EMFILE, "it cannot be joined to '%s'",
                               b->instances[w->pair].id);
    memcpy(slot->cell->text, b->head, b->head_len); /* of both it is known that they fit */
    memcpy(slot->cell->text + b->head_len, w->text, w->len);
    memcpy(slot->cell->text + b->head_len + w->len, "}", sizeof("}"));
    slot->cell->len = b->head_len + w->len + 1;
    slot->cell->n_steps = b->instances[i].job->n_steps;
    slot->cell->batch = b->id;
    (void)snprintf(slot->cell->log_name, sizeof(slot->cell->log_name), "%s",
                   b->instances[i].log_name);
    (void)snprintf(slot->cell->pair_with, sizeof(slot->cell->pair_with), "%s",
                   w->pair != PAIR_OF_NONE ? b->instances[w->pair].id : "");
    slot->slot.instance = ++s->next_order;
    r = other >= 0 ? slot_order_pair(&slot->slot, slot->slot.instance, other)
                   : slot_order(&slot->slot, ORDER_RUN, slot->slot.instance);
    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "it does not take orders") : 0;
}

static void start_work(struct server *s, size_t number, struct serve_batch *b, size_t i, int other)
{
    struct serve_slot *slot = &s->slots[number];
    struct cupel_error err;

    count_waiting(s, b, i, false);
    slot->room = serve_jobs_running(s) > 0 ? UINT64_MAX : s->stock.now[GOODS_MEMORY];
    if (order(s, number, b, i, other, &err) < 0) {
        cleanup_free char *evidence = xasprintf("no slot could be started: %s", err.message);

        slot->batch = NULL;
        finish_unrun(s, b, i, REPORTS_ERROR, evidence, 0);
        return;
    }
    b->works[i].state = SERVE_RUNNING;
    b->works[i].slot = number;
    b->n_running++;
    slot->batch = b;
    slot->index = i;
    slot->killed = false;
}

static size_t next_work(struct serve_batch *b)
{
    while (b->works[b->first_waiting].state != SERVE_WAITING)
        b->first_waiting++;
    return b->first_waiting;
}

static void start_alone(struct server *s, struct serve_batch *b, size_t i)
{
    start_work(s, serve_kinds_take(s, serve_kinds_note(s, b, i)), b, i, -EBADF);
}

/* Starts the two of a pair, joined by a pair of sockets. No slot may be forked while these are
 * open: it would keep a copy, and neither job would see the end of the other. */
static void start_pair(struct server *s, struct serve_batch *b, size_t i)
{
    const size_t work[] = {i, b->works[i].pair};
    int ends[] = {-EBADF, -EBADF};
    size_t number[2];
    struct cupel_error err;

    for (size_t k = 0; k < 2; k++) {
        number[k] = serve_kinds_take(s, 0); /* of a pair, no sandbox is ready */
        s->slots[number[k]].batch = b;      /* taken */
        if (s->slots[number[k]].slot.pid <= 0 && serve_jobs_open_slot(s, number[k], &err) < 0)
            log_warning("%s", err.message);
    }
    if (s->slots[number[0]].slot.pid > 0 && s->slots[number[1]].slot.pid > 0 &&
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        ends[0] = ends[1] = -EBADF;
    for (size_t k = 0; k < 2; k++) { /* with the second one, the batch may be gone */
        start_work(s, number[k], b, work[k], ends[k]);
        base_closep(&ends[k]);
    }
}

/* Says whether a job, or the pair that it is of, may start beside those that run: the sum of their
 * limits is no more than there is. Where nothing runs there is nothing to wait for. */
static bool is_admitted(const struct server *s, const struct serve_batch *b, size_t i)
{
    const size_t pair = b->works[i].pair;

    if (s->options->overcommit || serve_jobs_running(s) == 0)
        return true;
    for (enum goods g = 0; g < GOODS_COUNT; g++) {
        uint64_t sum = goods_wanted(&b->instances[i], g);

        if (pair != PAIR_OF_NONE)
            sum += goods_wanted(&b->instances[pair], g);
        for (size_t k = 0; sum > 0 && k < s->n_slots; k++)
            if (s->slots[k].batch != NULL)
                sum += goods_wanted(&s->slots[k].batch->instances[s->slots[k].index], g);
        if (sum > s->stock.now[g])
            return false;
    }
    return true;
}

static void start_waiting(struct server *s)
{
    if (!s->options->overcommit && s->n_waiting > 0)
        goods_look_again(&s->p.run, &s->stock);
    while (s->phase == SERVE_OPEN && serve_jobs_running(s) < s->options->slots) {
        struct serve_batch *b = serve_turns_next(s);
        size_t i = b != NULL ? next_work(b) : 0;

        if (b == NULL)
            return;
        if ((b->works[i].pair != PAIR_OF_NONE && s->options->slots - serve_jobs_running(s) < 2) ||
            !is_admitted(s, b, i)) { /* the others wait too, or a large one would for ever */
            s->turn = b;
            return;
        }
        serve_turns_take(s, b);
        if (b->works[i].pair != PAIR_OF_NONE)
            start_pair(s, b, i);
        else
            start_alone(s, b, i);
    }
}

void serve_jobs_dispatch(struct server *s)
{
    start_waiting(s);
    serve_kinds_fill(s); /* of what is left */
}

/* Takes the slot's job from it. */
static struct serve_batch *release(struct server *s, size_t number)
{
    struct serve_slot *slot = &s->slots[number];
    struct serve_batch *b = slot->batch;

    slot->batch = NULL;
    if (slot->cell->len > CELL_KEPT)
        (void)madvise(slot->cell, sizeof(*slot->cell), MADV_REMOVE);
    if (b != NULL)
        b->n_running--;
    return b;
}

static void bury(struct server *s, size_t number)
{
    size_t index = s->slots[number].index;
    struct serve_batch *b = release(s, number);
    cleanup_free char *evidence = NULL;
    int status;

    serve_kinds_failed(s, s->slots[number].kind);
    s->slots[number].kind = 0;
    (void)epoll_ctl(s->epoll, EPOLL_CTL_DEL, s->slots[number].slot.socket, NULL);
    status = slot_stop(&s->slots[number].slot);
    evidence = WIFSIGNALED(status)
                   ? xasprintf("the slot that ran this job died of signal %d", WTERMSIG(status))
                   : xstrdup("the slot that ran this job died");
    if (b != NULL)
        finish_unrun(s, b, index, REPORTS_ERROR, evidence, 1);
}

static bool is_answer(const struct serve_slot *slot, const struct wire_result *w)
{
    return slot->batch != NULL && w->instance == slot->slot.instance &&
           w->result.n_cases == slot->batch->instances[slot->index].job->n_steps;
}

void serve_jobs_on_slot(struct server *s, size_t number)
{
    struct serve_slot *slot = &s->slots[number];
    struct reports_result *r;
    struct serve_batch *b;
    struct wire_result w;
    const struct instance *in;

    if (wire_receive(slot->slot.socket, &w) < 0) {
        bury(s, number);
        return;
    }
    if (!is_answer(slot, &w)) {
        wire_result_free(&w);
        bury(s, number);
        return;
    }
    serve_kinds_ran(s, slot->job_kind, slot->cell->was_ready);
    b = release(s, number);
    in = &b->instances[slot->index];
    r = arena_alloc(w.arena, sizeof(*r));
    *r = w.result;
    r->attempts = 1;
    r->slot = (unsigned)number + 1;
    results_describe(&s->p.run, in, w.arena, r);
    results_name_logs(in, w.has_stdout, w.has_stderr, "logs", w.arena, r);
    if (!s->options->overcommit)
        goods_note(&s->stock, slot->room, in, w.arena, r);
    if (r->tests != NULL) { /* nothing else keeps the records until they are written */
        arena_join(w.arena, w.lists);
        w.lists = NULL;
    }
    finish(s, b, slot->index, r, w.arena);
    arena_free(w.lists);
}

/* ---- ends before their time ---- */

void serve_jobs_cancel(struct server *s, struct serve_batch *b, enum slot_order how,
                       const char *why)
{
    b->cancelled = true;
    for (size_t i = 0; i < s->n_slots; i++)
        if (s->slots[i].batch == b && !s->slots[i].killed) {
            s->slots[i].killed = how == ORDER_KILL;
            (void)slot_order(&s->slots[i].slot, how, s->slots[i].slot.instance);
        }
    serve_jobs_cancel_waiting(s, b, why);
}

void serve_jobs_cancel_waiting(struct server *s, struct serve_batch *b, const char *why)
{
    for (size_t i = b->first_waiting, n = b->n_waiting; n > 0; i++) {
        if (b->works[i].state != SERVE_WAITING)
            continue;
        n--;
        count_waiting(s, b, i, false);
        finish_unrun(s, b, i, REPORTS_CANCELLED, why, 0); /* with the last one, b may be gone */
    }
}

void serve_jobs_abandon(struct server *s, struct serve_batch *b)
{
    bool all_read = b->ended && b->sent == b->out.len;

    if (b->ended) {
        if (!all_read || !is_left(b))
            serve_jobs_forget(s, b);
        return;
    }
    b->gone = true;
    strbuf_free(&b->out);
    b->out = (struct strbuf){0};
    b->sent = 0;
    serve_jobs_cancel(s, b, ORDER_KILL, "cancelled: its client went away");
}

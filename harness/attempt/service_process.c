/* SPDX-License-Identifier: Apache-2.0 */
/* service_process: see service_process.h. It is a slot for one attempt: it has a stage, a disk and
 * a range of ids of its own, so that a job and its services share no more than two jobs that run at
 * once, but for their network. It goes there once and for all, since its sandbox is cloned from it,
 * and what it asks to find out whether the service is ready, it asks from there. As a copy of a
 * slot it has none of the libraries that a slot leaves behind (sandbox/slot/dontfork.c). */
#include "harness/attempt/service_process.h"

#include "harness/attempt/attempt.h"
#include "harness/attempt/observe.h"
#include "harness/attempt/ready.h"
#include "harness/attempt/slot.h"
#include "harness/attempt/wire.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

/* No service has a right over the namespace, which is the job's: not even as root of its own may it
 * bind a port below 1024. In a namespace of their own nobody is kept from such a port for
 * anybody's sake. Where that cannot be said, the service will say so itself. */
static int enter_network(int network, struct cupel_error *err)
{
    if (setns(network, CLONE_NEWNET) < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot enter the job's network");
    (void)file_put_at(AT_FDCWD, "/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
    return 0;
}

/* What the run has of a service is what it has of a job, but nothing is kept of it. */
static struct run run_of_services(const struct run *run)
{
    struct run own = *run;

    own.keep_failed = 0;
    own.streams = NULL;
    own.traces = false;
    own.sample_ns = 0;
    own.disk = NULL;
    return own;
}

static void report_unstarted(const struct service_order *order, const struct cupel_error *err)
{
    struct step_facts step = {0};
    struct judgement of_step = {0};
    struct attempt_result result = {
        .facts = {.cause = CAUSE_HARNESS, .n_steps = 1, .steps = &step, .harness = *err},
        .steps = &of_step};

    verdict_of_job(order->instance->job, &result.facts, &result.job);
    (void)wire_send(order->orders, 0, &result);
}

/* The end of what it wrote belongs to what is told of one that ended by itself. */
static void add_tail(const struct ready *ready, struct attempt_result *result)
{
    cleanup_strbuf struct strbuf tail = {0};
    size_t n = strlen(result->job.evidence);

    if (result->job.verdict == REPORTS_CANCELLED)
        return;
    ready_tail(ready, &tail);
    if (tail.len > 0)
        (void)snprintf(result->job.evidence + n, sizeof(result->job.evidence) - n,
                       "%s; it wrote last: %s",
                       n == 0 ? "its command ended with the exit code 0" : "", tail.data);
}

static int run_it(struct attempt_context *ctx, const struct service_order *order,
                  struct cupel_error *err)
{
    struct attempt_leftover leftover;
    struct attempt_result result;
    int lock = -EBADF;
    int r = enter_network(order->network, err);

    if (r == 0)
        r = slot_open_stage(ctx->run, order->number, &ctx->stage, &lock, err);
    if (r < 0)
        return r;
    sandbox_stage_cancel_by(ctx->stage, order->orders);
    observe_open(ctx);
    ctx->around = cgroup_around_open(ctx->run->cgroups);
    attempt_run(ctx, order->instance, NULL, &result, &leftover);
    add_tail(ctx->ready, &result);
    (void)wire_send(order->orders, 0, &result);
    attempt_result_free(&result);
    attempt_take_down(ctx, &leftover);
    sandbox_stage_close(ctx->stage);
    return 0;
}

_Noreturn void service_process(const struct run *run, const struct service_order *order)
{
    struct run own = run_of_services(run);
    struct slot_view view = {0};
    struct attempt_context ctx = {.run = &own,
                                  .view = &view,
                                  .orders = order->orders,
                                  .pair = -EBADF,
                                  .ready = ready_new(order->instance->service, order->tell)};
    struct cupel_error err;

    slot_become(order->slot);
    if (run_it(&ctx, order, &err) < 0)
        report_unstarted(order, &err);
    ready_free(ctx.ready);
    _exit(0);
}

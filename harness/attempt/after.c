/* SPDX-License-Identifier: Apache-2.0 */
/* after: see after.h. It is one more command of the job's: the same user, filter, group and disk,
 * so that it has what the job's limits left it. The limits of time are not the job's: one moment
 * ends it. All facts of the job were taken before, and none of its is among them. */
#include "harness/attempt/after.h"

#include "harness/attempt/attempt_end.h"
#include "harness/attempt/attempt_limits.h"
#include "harness/attempt/misread_list.h"
#include "harness/attempt/slot.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

struct after_end {
    bool ended, gone;
    int status;
    int not_executed;
    const char *by;                /* what of ours ended it; or NULL */
    char why[SANDBOX_DETAIL_SIZE]; /* of what failed before it ran */
    uint64_t deadline;             /* then SIGTERM; and after its grace, SIGKILL */
    bool terminated;
};

static void end_it(struct attempt *a, struct after_end *end, const char *by)
{
    if (end->by == NULL)
        end->by = by;
    sandbox_kill(&a->sandbox);
    end->gone = true;
}

static void receive(struct attempt *a, struct after_end *end)
{
    struct sandbox_event e;

    while (sandbox_receive(&a->sandbox, &e) > 0)
        switch (e.kind) {
        case SANDBOX_STEP_ENDED:
            end->ended = true;
            end->status = e.status;
            break;
        case SANDBOX_NOT_EXECUTED:
            end->not_executed = e.errnum;
            end->gone = true; /* PID 1 waits for an order that does not come */
            return;
        case SANDBOX_SETUP_FAILED:
            (void)snprintf(end->why, sizeof(end->why), "%s: %s", e.what, strerror(e.errnum));
            break;
        case SANDBOX_STEP_QUIET:
        case SANDBOX_GONE:
            end->gone = true;
            return;
        case SANDBOX_STEP_STARTED:
        case SANDBOX_LEFT_RUNNING:
        case SANDBOX_TERMINAL_READY:
            break;
        }
}

static void take_output(struct attempt *a, struct after_end *end)
{
    struct cupel_error err;
    int r = capture_drain(&a->capture, &err);

    if (r < 0)
        end_it(a, end, "its output could not be kept");
    else if (a->capture.over)
        end_it(a, end, "it wrote more than the job's limit of output");
}

static void check_time(struct attempt *a, struct after_end *end, uint64_t now)
{
    if (uncounted_exceeds(&a->uncounted, now))
        end_it(a, end, "the queues of its sockets held more than the job's memory limit");
    if (now < end->deadline)
        return;
    if (end->terminated) {
        end_it(a, end, NULL);
        return;
    }
    end->by = "its wall limit was reached";
    end->terminated = true;
    end->deadline = now + a->job->timeout_grace;
    sandbox_terminate(&a->sandbox);
}

static uint64_t next_look(const struct attempt *a, const struct after_end *end)
{
    return a->uncounted.next_ns < end->deadline ? a->uncounted.next_ns : end->deadline;
}

static void watch(struct attempt *a, struct after_end *end)
{
    while (!end->gone) {
        struct pollfd fds[] = {
            {.fd = a->ctx->orders, .events = POLLIN},
            {.fd = a->sandbox.control, .events = POLLIN},
            {.fd = a->capture.pipe[0], .events = POLLIN},
            {.fd = a->capture.pipe[1], .events = POLLIN},
            {.fd = a->sandbox.pidfd, .events = POLLIN},
        };
        uint64_t now = clock_monotonic_ns(), wake = next_look(a, end),
                 wait = wake > now ? wake - now : 0;
        struct timespec timeout = {(time_t)(wait / NSEC_PER_SEC), (long)(wait % NSEC_PER_SEC)};
        int n = ppoll(fds, ARRAY_SIZE(fds), &timeout, NULL);

        if (n < 0 && errno != EINTR)
            break;
        receive(a, end);
        check_time(a, end, clock_monotonic_ns());
        if (n > 0 && (fds[2].revents != 0 || fds[3].revents != 0))
            take_output(a, end);
        if (n > 0 && fds[4].revents != 0)
            end->gone = true;
        if (n > 0 && fds[0].revents != 0 && attempt_is_stopped(a->ctx))
            end_it(a, end, "the run was ended");
    }
    receive(a, end); /* what PID 1 said with its last breath */
}

/* "`after` failed: exit code 3": nothing where it did not. */
static void tell(const struct after_end *end, const struct jobs_step *step, struct strings *notes)
{
    int status = end->status;

    if (end->by != NULL)
        strings_add(notes, xasprintf("`after` was ended: %s", end->by));
    else if (end->not_executed != 0)
        strings_add(notes, xasprintf("`after` failed: cannot execute '%s': %s%s", step->argv[0],
                                     strerror(end->not_executed),
                                     misread_list_words(step, end->not_executed)));
    else if (!end->ended)
        strings_add(
            notes, xasprintf("`after` was not run%s%s", end->why[0] != '\0' ? ": " : "", end->why));
    else if (WIFSIGNALED(status))
        strings_add(notes, xasprintf("`after` failed: killed by signal %d", WTERMSIG(status)));
    else if (WEXITSTATUS(status) != 0)
        strings_add(notes, xasprintf("`after` failed: exit code %d", WEXITSTATUS(status)));
}

void after_run(struct attempt *a, struct attempt_result *ret)
{
    struct after_end end = {.deadline = clock_monotonic_ns() + a->job->after_wall};
    struct limits_view v = attempt_limits(a);
    struct capture *c = &a->capture;
    struct cupel_error err;

    if (a->job->after == NULL || !a->has_sandbox || (a->facts->started_ns == 0 && !a->quiet))
        return;
    if (!a->quiet || a->forced) {
        strings_add(&ret->notes, xstrdup("`after` was not run: nothing of the job was left"));
        return;
    }
    /* what the job wrote beyond its limit is nobody's; then as much again as it may write */
    capture_discard(c);
    c->limit = c->written[0] + c->written[1] +
               (limits_enforced(&v, v.job, JOBS_LIMIT_OUTPUT) ? v.job->value[JOBS_LIMIT_OUTPUT]
                                                              : LIMITS_OUTPUT_DEFAULT);
    for (int which = 0; which < 2; which++) {
        enum jobs_limit one = which == 0 ? JOBS_LIMIT_STDOUT : JOBS_LIMIT_STDERR;

        c->each[which] =
            limits_enforced(&v, v.job, one) ? c->written[which] + v.job->value[one] : UINT64_MAX;
    }
    c->over = false;
    uncounted_begin(&a->uncounted, a->job, limits_enforced(&v, v.job, JOBS_LIMIT_MEMORY),
                    &a->sandbox);
    sandbox_continue_at(&a->sandbox, (unsigned)a->facts->n_steps,
                        reports_verdict_name(ret->job.verdict));
    watch(a, &end);
    uncounted_end(&a->uncounted);
    sandbox_kill(&a->sandbox); /* whatever it left running ends as a job's does */
    sandbox_reap(&a->sandbox);
    if (capture_drain(&a->capture, &err) < 0 || capture_flush(&a->capture, &err) < 0)
        strings_add(&ret->notes, xasprintf("the output of `after` is incomplete: %s", err.message));
    tell(&end, a->job->after, &ret->notes);
}

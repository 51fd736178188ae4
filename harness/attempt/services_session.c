/* SPDX-License-Identifier: Apache-2.0 */
/* services_session: see services_session.h. To its services, a session is the attempt at a job of
 * which nothing but the start is watched. Not responsible for the session itself (session/serve.c).
 */
#include "harness/attempt/services_session.h"

#include "harness/attempt/attempt_state.h"

#include <poll.h>

struct services_session {
    struct attempt attempt;
    struct attempt_facts facts;
    struct step_facts step;
};

static struct services_session *session_new(struct attempt_context *ctx,
                                            const struct instance *instance,
                                            struct cgroup_job *cgroup,
                                            const struct sandbox_job *sandbox)
{
    struct services_session *s = xcalloc(1, sizeof(*s));

    s->facts = (struct attempt_facts){.n_steps = 1, .steps = &s->step};
    s->attempt = (struct attempt){.ctx = ctx,
                                  .instance = instance,
                                  .job = instance->job,
                                  .facts = &s->facts,
                                  .cgroup = cgroup,
                                  .sandbox = *sandbox,
                                  .has_sandbox = true,
                                  .forced = true,
                                  .kill_at = LIMITS_NEVER};
    s->attempt.observer.ctx = ctx;
    s->attempt.services = services_new(&s->attempt);
    return s;
}

static void wait_until_ready(struct attempt *a)
{
    while (services_are_awaited(a) && !a->killed) {
        enum { ORDERS, GONE, HOLD, COUNT };
        struct pollfd fds[COUNT + SERVICES_POLLS] = {
            [ORDERS] = {.fd = a->ctx->orders, .events = POLLIN},
            [GONE] = {.fd = a->sandbox.pidfd, .events = POLLIN},
            [HOLD] = {.fd = services_wait_for(a), .events = POLLIN}};
        nfds_t n = COUNT + (nfds_t)services_poll(a, fds + COUNT);

        if (poll(fds, n, -1) < 0)
            continue; /* EINTR */
        if (fds[ORDERS].revents != 0 || fds[GONE].revents != 0)
            return;
        if (fds[HOLD].revents != 0)
            services_begin(a, fds[HOLD].revents);
        else
            services_serve(a, fds + COUNT);
    }
}

static int explain(const struct attempt_facts *f, struct cupel_error *err)
{
    if (f->service.text[0] == '\0') {
        *err = f->harness;
        return -EIO;
    }
    (void)cupel_error_set(err, f->service.is_fault ? CUPEL_ERROR_HARNESS : CUPEL_ERROR_INPUT, 0,
                          "%s", f->service.text);
    cupel_error_hint(err, "--no-services opens the shell without them");
    return -EIO;
}

int services_session_begin(struct attempt_context *ctx, const struct instance *instance,
                           struct cgroup_job *cgroup, const struct sandbox_job *sandbox,
                           struct services_session **ret_services, struct cupel_error *err)
{
    struct services_session *s;
    int r;

    *ret_services = NULL;
    if (jobs_services_count(instance->job) == 0)
        return 0;
    s = session_new(ctx, instance, cgroup, sandbox);
    wait_until_ready(&s->attempt);
    if (!s->attempt.killed) {
        *ret_services = s;
        return 0;
    }
    r = explain(&s->facts, err);
    s->facts.service.text[0] = '\0';
    services_session_end(s);
    return r;
}

void services_session_end(struct services_session *s)
{
    if (s == NULL)
        return;
    services_end(&s->attempt);
    if (s->facts.service.text[0] != '\0')
        (void)fprintf(stderr, "cupel: %s\n", s->facts.service.text);
    services_free(s->attempt.services);
    free(s);
}

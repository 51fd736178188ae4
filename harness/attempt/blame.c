/* SPDX-License-Identifier: Apache-2.0 */
/* blame: see blame.h. The set-up's own table says what can make a step fail (sandbox/slot/steps.c);
 * here is which of that the job has. */
#include "harness/attempt/blame.h"

#include <string.h>

/* The input that the path is, or is in: its content is nobody's but the job's. One that cannot be
 * attached is not there yet. */
static const struct jobs_input *input_of(const struct jobs_job *job, const struct sandbox_event *e)
{
    bool attaching = str_eq(e->what, "attach-inputs");

    for (size_t i = 0; i < job->n_inputs; i++) {
        const char *to = job->inputs[i].to;
        size_t n = strlen(to);

        if (str_starts(e->detail, to) &&
            (e->detail[n] == '/' || (e->detail[n] == '\0' && !attaching)))
            return &job->inputs[i];
    }
    return NULL;
}

/* What a root has of its own is what whoever made it put there. The host's is nobody's doing: where
 * a job file names a place that it has not, the job could not be run at all. */
static bool is_of_root(const struct instance *instance)
{
    return instance->plan->roots[instance->job->root].kind != JOBS_ROOT_HOST;
}

/* The nearest that can have done it, in words that follow the error. */
static enum blame find_culprit(const struct run *run, const struct instance *instance,
                               const struct sandbox_event *e, struct strbuf *b)
{
    const struct jobs_input *input = input_of(instance->job, e);
    enum blame whose = BLAME_JOB;

    if ((e->causes & SANDBOX_BY_STEPS) != 0 && e->step > 0)
        strbuf_adds(b, "an earlier step left it so");
    else if ((e->causes & SANDBOX_BY_MEMORY) != 0 && e->step > 0 &&
             jobs_limit_is_set(&instance->job->limits, JOBS_LIMIT_MEMORY))
        strbuf_adds(b, "what earlier steps left takes all of its memory limit");
    else if ((e->causes & SANDBOX_BY_ROOT) != 0 && input != NULL) {
        strbuf_addf(b, "so it is in the input %s", input->to);
        whose = input->host.untrusted ? BLAME_SUBMISSION : BLAME_JOB;
    } else if ((e->causes & SANDBOX_BY_JOBS) != 0 && instance->from != INSTANCE_NONE)
        strbuf_addf(b, "job '%s', which it starts from, left it so",
                    run->instances[instance->from].job->name);
    else if ((e->causes & SANDBOX_BY_ROOT) != 0 && is_of_root(instance))
        strbuf_addf(b,
                    instance->plan->roots[instance->job->root].kind == JOBS_ROOT_DERIVED
                        ? "the command that made the root '%s' left it so"
                        : "so it is in the root '%s'",
                    instance->plan->roots[instance->job->root].name);
    return b->len > 0 ? whose : BLAME_NOBODY;
}

enum blame blame_set_up(const struct run *run, const struct instance *instance,
                        const struct sandbox_event *event, char *ret_evidence, size_t size)
{
    cleanup_strbuf struct strbuf b = {0}, shown = {0};
    enum blame whose = find_culprit(run, instance, event, &b);

    if (whose == BLAME_NOBODY)
        return whose;
    text_add_line(&shown, event->detail);
    (void)snprintf(ret_evidence, size, "cannot be set up: '%s' failed%s%s: %s; %s", event->what,
                   event->detail[0] != '\0' ? " on " : "", shown.data != NULL ? shown.data : "",
                   strerror(event->errnum), b.data);
    return whose;
}

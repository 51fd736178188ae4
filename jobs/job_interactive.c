/* SPDX-License-Identifier: Apache-2.0 */
/* job_interactive: what does not go with `interactive`, where a job's standard input and output are
 * those of the program that judges it. Not responsible for reading that (job_checker.c). */
#include "jobs/load.h"

/* Finds where the job itself says the key, or one of `under`; else where it says `interactive`. */
static const struct node *place_of(const struct draft *d, const char *under, const char *key)
{
    const struct node *map = d->map, *found;

    if (map != NULL && map->kind == NODE_MAP && under != NULL)
        map = node_child(map, under);
    found = map != NULL && map->kind == NODE_MAP ? node_child(map, key) : NULL;
    return found != NULL ? found->key : d->interactive;
}

static void refuse(struct loader *l, const struct draft *d, const char *under, const char *key,
                   const char *why)
{
    problem_at(l, place_of(d, under, key), "'%s' does not go with 'interactive': %s", key, why);
}

/* A case says what the program that judges is given; of any other job, it would be the job's. */
static void check_streams(struct loader *l, const struct draft *d, const struct jobs_expect *e)
{
    const char *input = "the job's standard input is what the interactor writes; `stdin` of a case "
                        "is what the interactor is given",
               *output = "the interactor judges what the job writes; of a case, it is the answer "
                         "that the interactor is given";

    if (d->job.of_case == NULL && d->job.stdin_text != NULL)
        refuse(l, d, NULL, "stdin", input);
    if (d->job.of_case == NULL && d->job.stdin_file.path != NULL)
        refuse(l, d, NULL, "stdin-file", input);
    if (d->job.of_case == NULL && e->stdout_text != NULL)
        refuse(l, d, "expect", "stdout", output);
    if (d->job.of_case == NULL && e->stdout_file.path != NULL)
        refuse(l, d, "expect", "stdout-file", output);
    if (e->regex != NULL)
        refuse(l, d, "expect", "regex", "the interactor judges what the job writes");
    if (d->expect.checker != NULL)
        refuse(l, d, "expect", "checker", "a job is judged by one of the two");
}

void interactive_check(struct loader *l, const struct draft *d)
{
    if (d->interactor == NULL || d->interactive == NULL || d->job.n_steps == 0)
        return;
    if (d->job.has_steps || d->job.n_steps > 1)
        problem_at(l, d->run != NULL ? d->run : d->interactive,
                   "a job with 'interactive' runs one command, which is what the interactor talks "
                   "with");
    check_streams(l, d, &d->job.steps[d->job.n_steps - 1].expect);
    if (d->job.tty)
        refuse(l, d, NULL, "tty", "the job's standard output is a pipe to the interactor");
    if (d->job.capture == JOBS_CAPTURE_FILE)
        refuse(l, d, NULL, "capture", "the job's standard output is a pipe to the interactor");
    if (d->secrets != NULL && d->interactor->transcript > 0)
        refuse(l, d, NULL, "secrets", "a transcript would show them; leave 'transcript' out");
    if (d->job.output != NULL)
        refuse(l, d, NULL, "output", "the interactor judges what the job writes");
}

/* schedule: see schedule.h. Each job counts its unmet needs; who reaches zero is ready. */
#include "harness/supervisor/schedule.h"

enum state { WAITING, STARTED, ENDED };

struct node {
    enum state state;
    size_t unmet;
    size_t *dependents;
    size_t n_dependents;
};

struct schedule {
    struct node *nodes;
    size_t n;
    size_t ended;
    size_t first; /* no job before this one can be next */
};

struct schedule *schedule_new(size_t n)
{
    struct schedule *s = xcalloc(1, sizeof(*s));

    s->nodes = xcalloc(n, sizeof(*s->nodes));
    s->n = n;
    return s;
}

void schedule_free(struct schedule *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->n; i++)
        free(s->nodes[i].dependents);
    free(s->nodes);
    free(s);
}

void schedule_add_need(struct schedule *s, size_t job, size_t need)
{
    struct node *n = &s->nodes[need];

    n->dependents = xrealloc(n->dependents, (n->n_dependents + 1) * sizeof(size_t));
    n->dependents[n->n_dependents++] = job;
    s->nodes[job].unmet++;
}

bool schedule_next(struct schedule *s, size_t *ret_job)
{
    while (s->first < s->n && s->nodes[s->first].state != WAITING)
        s->first++;
    for (size_t i = s->first; i < s->n; i++) {
        if (s->nodes[i].state != WAITING || s->nodes[i].unmet != 0)
            continue;
        s->nodes[i].state = STARTED;
        *ret_job = i;
        return true;
    }
    return false;
}

/* Breadth first over a list, so that a chain of thousands of needs costs no stack. */
static void skip_dependents(struct schedule *s, size_t job, schedule_skip_fn *skip, void *data)
{
    size_t *queue = xmalloc((s->n + 1) * sizeof(size_t));
    size_t head = 0, tail = 0;

    queue[tail++] = job;
    while (head < tail) {
        size_t at = queue[head++];

        for (size_t i = 0; i < s->nodes[at].n_dependents; i++) {
            size_t next = s->nodes[at].dependents[i];

            if (s->nodes[next].state != WAITING)
                continue;
            s->nodes[next].state = ENDED;
            s->ended++;
            skip(data, next, at);
            queue[tail++] = next;
        }
    }
    free(queue);
}

void schedule_ended(struct schedule *s, size_t job, bool passed, schedule_skip_fn *skip, void *data)
{
    s->nodes[job].state = ENDED;
    s->ended++;
    if (!passed) {
        skip_dependents(s, job, skip, data);
        return;
    }
    for (size_t i = 0; i < s->nodes[job].n_dependents; i++)
        s->nodes[s->nodes[job].dependents[i]].unmet--;
}

void schedule_abandon(struct schedule *s, void (*each)(void *data, size_t job), void *data)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->nodes[i].state != WAITING)
            continue;
        s->nodes[i].state = ENDED;
        s->ended++;
        each(data, i);
    }
}

bool schedule_done(const struct schedule *s)
{
    return s->ended == s->n;
}

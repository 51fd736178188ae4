/* SPDX-License-Identifier: Apache-2.0 */
/* serve_kinds: see serve_kinds.h. There are as many slots more than may run jobs as sandboxes may
 * be ready, so that a job of a kind that none is ready for has a slot with nothing to throw away.
 * What a sandbox is and whether it is as good for a job is known to the slot alone
 * (attempt/shape.c, serve_slot.c); a kind is a number that most likely only jobs of the same shape
 * have. */
#include "harness/serve/serve_kinds.h"

#include "harness/attempt/shape.h"
#include "harness/serve/serve_jobs.h"

#include <stdatomic.h>
#include <string.h>

/* ---- kinds ---- */

static struct serve_kind *find_kind(struct server *s, uint64_t mark)
{
    for (size_t i = 0; mark != 0 && i < SERVE_KINDS_MAX; i++)
        if (s->kinds[i].mark == mark)
            return &s->kinds[i];
    return NULL;
}

/* Returns when a job of the kind came last; 0 for one that is not known any more. */
static uint64_t last_use(struct server *s, uint64_t mark)
{
    const struct serve_kind *kind = find_kind(s, mark);

    return kind != NULL ? kind->used : 0;
}

/* Makes room for one in place of what was not used for the longest. */
static struct serve_kind *make_kind(struct server *s, uint64_t mark, const struct instance *in)
{
    struct serve_kind *oldest = &s->kinds[0];

    for (size_t i = 1; i < SERVE_KINDS_MAX; i++)
        if (s->kinds[i].used < oldest->used)
            oldest = &s->kinds[i];
    free(oldest->text);
    *oldest = (struct serve_kind){
        .mark = mark, .id = ++s->next_kind, .root = s->plan->roots[in->root].name};
    return oldest;
}

static uint64_t mark_of(const struct server *s, const struct instance *in)
{
    return s->options->ready > 0 && shape_can_wait(in, s->files.path) ? shape_mark(in) | 1 : 0;
}

void serve_kinds_open(struct server *s)
{
    const struct instance *in = &s->p.run.instances[0];
    uint64_t mark = mark_of(s, in);
    struct serve_kind *kind = mark != 0 ? make_kind(s, mark, in) : NULL;

    if (kind == NULL)
        return;
    kind->limits = in->job->limits;
    kind->jobs = s->options->ready;
    kind->used = ++s->kind_uses;
    s->kinds_changed = true;
}

void serve_kinds_close(struct server *s)
{
    for (size_t i = 0; i < SERVE_KINDS_MAX; i++)
        free(s->kinds[i].text);
}

/* Whether a sandbox with the limits of one needs none rewritten for the other. */
static bool same_limits(const struct jobs_limits *a, const struct jobs_limits *b)
{
    if (a->set != b->set)
        return false;
    for (enum jobs_limit i = 0; i < JOBS_LIMIT_COUNT; i++)
        if (((a->set >> i) & 1u) && a->value[i] != b->value[i])
            return false;
    return true;
}

/* Takes this job's text as what the next sandboxes are made for. */
static void take_text(struct serve_kind *kind, const struct serve_batch *b, size_t i)
{
    const struct serve_work *w = &b->works[i];

    free(kind->text);
    kind->len = b->head_len + w->len + 1;
    kind->text = xcalloc(1, kind->len + 1);
    memcpy(kind->text, b->head, b->head_len);
    memcpy(kind->text + b->head_len, w->text, w->len);
    kind->text[b->head_len + w->len] = '}';
    kind->limits = b->instances[i].job->limits;
    kind->limits.cpus = NULL;
}

uint64_t serve_kinds_note(struct server *s, const struct serve_batch *b, size_t i)
{
    const struct instance *in = &b->instances[i];
    bool fits = b->head_len + b->works[i].len + 2 <= SERVE_KIND_TEXT_MAX;
    uint64_t mark = fits ? mark_of(s, in) : 0;
    struct serve_kind *kind = find_kind(s, mark);

    if (mark == 0)
        return 0;
    if (kind == NULL)
        kind = make_kind(s, mark, in);
    if (!same_limits(&kind->limits, &in->job->limits) || (kind->text == NULL && kind->used == 0))
        take_text(kind, b, i);
    kind->used = ++s->kind_uses;
    kind->jobs++;
    kind->failed = false;
    return mark;
}

void serve_kinds_ran(struct server *s, uint64_t mark, bool was_ready)
{
    struct serve_kind *kind = find_kind(s, mark);

    s->kinds_changed = true;
    s->figures.found_ready += was_ready;
    if (kind != NULL && was_ready)
        kind->found++;
    else if (kind != NULL)
        kind->missed++;
}

void serve_kinds_failed(struct server *s, uint64_t mark)
{
    struct serve_kind *kind = find_kind(s, mark);

    s->kinds_changed = true;
    if (kind != NULL)
        kind->failed = true;
}

/* ---- slots ---- */

static bool is_holding(const struct serve_slot *slot, uint64_t mark)
{
    return slot->batch == NULL && slot->kind != 0 && (mark == 0 || slot->kind == mark);
}

size_t serve_kinds_ready(const struct server *s, uint64_t mark)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n_slots; i++)
        n += is_holding(&s->slots[i], mark) && atomic_load(&s->slots[i].cell->ready);
    return n;
}

/* How much of a sacrifice it is to run a job there: none where its sandbox is ready, then one that
 * has none, the higher the more recently used. */
static uint64_t sacrifice(struct server *s, const struct serve_slot *slot, uint64_t mark)
{
    if (mark != 0 && slot->kind == mark)
        return atomic_load(&slot->cell->ready) ? 0 : 1;
    if (slot->kind == 0)
        return slot->slot.pid > 0 ? 2 : 3;
    return 4 + last_use(s, slot->kind);
}

size_t serve_kinds_take(struct server *s, uint64_t mark)
{
    size_t chosen = SIZE_MAX;

    for (size_t i = 0; i < s->n_slots; i++)
        if (s->slots[i].batch == NULL &&
            (chosen == SIZE_MAX ||
             sacrifice(s, &s->slots[i], mark) < sacrifice(s, &s->slots[chosen], mark)))
            chosen = i;
    s->slots[chosen].kind = 0;
    s->slots[chosen].job_kind = mark;
    return chosen;
}

/* Says whether the slot can be told to prepare: it has read what it was told last. */
static bool can_be_told(const struct serve_slot *slot)
{
    return slot->batch == NULL && slot->cell != NULL &&
           atomic_load(&slot->cell->kinds_read) == slot->kinds_sent;
}

/* An idle slot that has nothing; or, where as many are held as may be, one whose kind is used less
 * than this. */
static size_t find_place(struct server *s, const struct serve_kind *kind, size_t held)
{
    size_t chosen = SIZE_MAX;

    for (size_t i = 0; i < s->n_slots; i++) {
        const struct serve_slot *slot = &s->slots[i];

        if (!can_be_told(slot))
            continue;
        if (held < s->ready_all && slot->kind == 0)
            return i;
        if (held >= s->ready_all && slot->kind != 0 && last_use(s, slot->kind) < kind->used &&
            (chosen == SIZE_MAX || last_use(s, slot->kind) < last_use(s, s->slots[chosen].kind)))
            chosen = i;
    }
    return chosen;
}

/* Has the slot prepare one; what it held is thrown away. */
static void give(struct server *s, size_t number, struct serve_kind *kind)
{
    struct serve_slot *slot = &s->slots[number];
    struct cupel_error ignored; /* jobs will tell */

    if (slot->slot.pid <= 0 && serve_jobs_open_slot(s, number, &ignored) < 0) {
        kind->failed = true;
        return;
    }
    if (kind->text != NULL)
        memcpy(slot->cell->kind_text, kind->text, kind->len + 1);
    slot->cell->kind_len = kind->text != NULL ? kind->len : 0;
    slot->kind = kind->mark;
    slot->kinds_sent++;
    (void)slot_order(&slot->slot, ORDER_PREPARE, 0); /* one that is gone is found to be so */
}

/* Fills up to as many as there were jobs of the kind, and to --ready: one that comes once is not
 * worth more. Returns whether kinds that are used less may have some. */
static bool fill_kind(struct server *s, struct serve_kind *kind)
{
    size_t have = 0, held = 0;

    for (size_t i = 0; i < s->n_slots; i++) {
        have += is_holding(&s->slots[i], kind->mark);
        held += is_holding(&s->slots[i], 0);
    }
    for (; !kind->failed && have < s->options->ready && have < kind->jobs; have++) {
        size_t place = find_place(s, kind, held);

        if (place == SIZE_MAX)
            return false;
        held += s->slots[place].kind == 0;
        give(s, place, kind);
    }
    return true;
}

/* Is called when a job ends or after a while, and not when one starts: it would be in the way. */
void serve_kinds_fill(struct server *s)
{
    uint64_t below = UINT64_MAX;

    if (!s->kinds_changed || s->phase != SERVE_OPEN)
        return;
    s->kinds_changed = false;
    for (;;) {
        struct serve_kind *next = NULL;

        for (size_t i = 0; i < SERVE_KINDS_MAX; i++)
            if (s->kinds[i].mark != 0 && s->kinds[i].used < below &&
                (next == NULL || s->kinds[i].used > next->used))
                next = &s->kinds[i];
        if (next == NULL || !fill_kind(s, next))
            return;
        below = next->used;
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* serve_turns: see serve_turns.h. Users take turns, so that many requests of one do not keep others
 * waiting; and so do the requests of each, a job each. Not responsible for whether what is next may
 * start beside what runs (serve_jobs.c). */
#include "harness/serve/serve_turns.h"

static uint64_t turn_of(const struct server *s, uid_t uid)
{
    for (size_t i = 0; i < SERVE_USERS_MAX; i++)
        if (s->users[i].turn > 0 && s->users[i].uid == uid)
            return s->users[i].turn;
    return 0;
}

static bool has_turn(const struct serve_batch *b)
{
    return b->n_waiting > 0 && b->out.len - b->sent < SERVE_STREAM_MAX;
}

struct serve_batch *serve_turns_next(const struct server *s)
{
    struct serve_batch *b = s->turn != NULL ? s->turn : s->batches, *next = NULL;

    for (size_t seen = 0; seen < s->n_waiting; b = b->next != NULL ? b->next : s->batches) {
        seen += b->n_waiting;
        if (has_turn(b) && (next == NULL || turn_of(s, b->uid) < turn_of(s, next->uid)))
            next = b;
    }
    return next;
}

void serve_turns_take(struct server *s, const struct serve_batch *b)
{
    struct serve_user *user = &s->users[0];

    for (size_t i = 0; i < SERVE_USERS_MAX; i++)
        if (s->users[i].turn > 0 && s->users[i].uid == b->uid) {
            user = &s->users[i];
            break;
        } else if (s->users[i].turn < user->turn) {
            user = &s->users[i];
        }
    *user = (struct serve_user){b->uid, ++s->turns};
    s->turn = b->next;
}

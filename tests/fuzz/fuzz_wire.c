/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_wire: a slot's answer, damaged. An undamaged one comes out as it went in; any other is
 * refused, or at least hangs together. Input: the shape of a result, then damage: where (two bytes)
 * and what. So no seed depends on the layout. */
#include "fuzz.h"
#include "harness/attempt/artifacts.h"
#include "harness/attempt/attempt.h"
#include "harness/attempt/facts.h"
#include "harness/attempt/wire.h"

#include <sys/socket.h>

#define STEPS_MAX 4
#define MESSAGE_MAX 16384

static void make_result(struct attempt_result *r, struct fuzz_input *in)
{
    uint8_t shape = fuzz_byte(in), lists = fuzz_byte(in);

    *r = (struct attempt_result){
        .facts = {.n_steps = 1 + shape % STEPS_MAX,
                  .started_ns = 5,
                  .ended_ns = 9,
                  .n_leaks = (shape >> 2) % 4},
        .job = {.verdict = (enum reports_verdict)(shape % REPORTS_VERDICT_COUNT),
                .evidence = "evidence"},
        .has_stdout = (shape & 64) != 0,
        .near_limit = (shape & 128) != 0 ? xstrdup("near") : NULL,
    };
    r->facts.steps = xcalloc(r->facts.n_steps, sizeof(*r->facts.steps));
    r->steps = xcalloc(r->facts.n_steps, sizeof(*r->steps));
    r->facts.leaks = xcalloc(r->facts.n_leaks, sizeof(*r->facts.leaks));
    r->n_caches = lists / 64u;
    r->caches = xcalloc(r->n_caches, sizeof(*r->caches));
    for (size_t i = 0; i < r->n_caches; i++)
        r->caches[i] = (struct reports_cache){.hit = (enum reports_hit)i,
                                              .restored = i == 1 ? xstrdup("key") : NULL};
    for (size_t i = 0; i < lists % 8u; i++)
        strings_add(&r->notes, xasprintf("note %zu", i));
    for (size_t i = 0; i < lists / 8u % 8u; i++)
        strings_add(&r->artifacts, xasprintf("artifacts/job/%zu", i));
}

/* The message in buf, and its length. */
static size_t pack(const struct attempt_result *r, char *buf)
{
    int ends[2];
    ssize_t n;

    FUZZ_EXPECT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    FUZZ_EXPECT(wire_send(ends[0], 3, r) == 0);
    n = recv(ends[1], buf, MESSAGE_MAX, MSG_DONTWAIT);
    FUZZ_EXPECT(n > 0 && n < MESSAGE_MAX);
    (void)close(ends[0]);
    (void)close(ends[1]);
    return (size_t)n;
}

static bool damage(char *message, size_t *n, struct fuzz_input *in)
{
    bool any = false;

    while (in->left >= 3) {
        size_t where = (size_t)fuzz_byte(in) << 8;

        where = (where | fuzz_byte(in)) % (*n + 1);
        if (where == *n) { /* cut short instead, or made longer */
            uint8_t how = fuzz_byte(in);

            if (how % 2 == 0 && *n > how)
                *n -= how;
            else if (*n + how < MESSAGE_MAX)
                *n += how;
        } else {
            message[where] = (char)fuzz_byte(in);
        }
        any = true;
    }
    return any;
}

static int receive(const char *message, size_t n, struct wire_result *ret)
{
    int ends[2], r;

    FUZZ_EXPECT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    FUZZ_EXPECT(n == 0 || send(ends[0], message, n, MSG_DONTWAIT) == (ssize_t)n);
    (void)close(ends[0]);
    r = wire_receive(ends[1], ret);
    (void)close(ends[1]);
    return r;
}

static size_t length(const char *const *list)
{
    size_t n = 0;

    for (; list != NULL && list[n] != NULL; n++)
        FUZZ_EXPECT(strlen(list[n]) < MESSAGE_MAX);
    return n;
}

/* Everything in it can be looked at. */
static void check(const struct wire_result *w)
{
    const struct reports_result *r = &w->result;

    FUZZ_EXPECT(r->verdict < REPORTS_VERDICT_COUNT && strlen(r->evidence) < MESSAGE_MAX);
    FUZZ_EXPECT(r->near_limit == NULL || strlen(r->near_limit) < MESSAGE_MAX);
    for (size_t i = 0; i < r->n_cases; i++)
        FUZZ_EXPECT(r->cases[i].verdict < REPORTS_VERDICT_COUNT &&
                    strlen(r->cases[i].evidence) < MESSAGE_MAX);
    for (size_t i = 0; i < r->n_leaks; i++)
        FUZZ_EXPECT(strlen(r->leaks[i].command) <= sizeof(((struct leak *)NULL)->command));
    for (size_t i = 0; i < r->timeline.n; i++)
        (void)*(const volatile uint64_t *)&r->timeline.points[i].at_ns;
    for (size_t i = 0; i < r->n_caches; i++)
        FUZZ_EXPECT(r->caches[i].hit < REPORTS_HIT_COUNT &&
                    (r->caches[i].restored == NULL || strlen(r->caches[i].restored) < MESSAGE_MAX));
    FUZZ_EXPECT(r->n_cases <= JOBS_STEPS_MAX && r->n_leaks <= WIRE_LEAKS_MAX &&
                r->timeline.n <= TIMELINE_MAX);
    FUZZ_EXPECT(length(r->notes) <= WIRE_NOTES_MAX && length(r->artifacts) <= ARTIFACTS_LISTED_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    char message[MESSAGE_MAX] = {0};
    struct attempt_result sent;
    struct wire_result got;
    size_t n;
    bool damaged;
    int r;

    make_result(&sent, &in);
    n = pack(&sent, message);
    damaged = damage(message, &n, &in);
    r = receive(message, n, &got);
    FUZZ_EXPECT(r <= 0 && (damaged || r == 0));
    if (r == 0) {
        check(&got);
        if (!damaged)
            FUZZ_EXPECT(got.instance == 3 && got.result.n_cases == sent.facts.n_steps &&
                        got.result.n_caches == sent.n_caches &&
                        length(got.result.notes) == sent.notes.n &&
                        length(got.result.artifacts) == sent.artifacts.n);
        wire_result_free(&got);
    }
    free(sent.near_limit);
    sent.near_limit = NULL;
    attempt_result_free(&sent);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_init: whatever PID 1 may say over its socket, in any order. The slot only ever hears of
 * steps that there are, each started, ended and left quiet in its turn, and never more than it has
 * room for. Input: how many steps, then for each report its kind, step, number and descriptors, a
 * byte each. */
#include "fuzz.h"

#include "harness/sandbox/init/init_report.h"
#include "harness/sandbox/sandbox.h"
#include "harness/sandbox/slot/listen.h"

#include <fcntl.h>
#include <sys/socket.h>

#define STEPS_MAX 5
#define REPORTS_MAX 64

/* What the slot keeps of a job: see attempt.c. */
struct slot_side {
    bool started[STEPS_MAX], ended[STEPS_MAX], quiet[STEPS_MAX];
    unsigned leaks[STEPS_MAX];
    unsigned n_steps;
    bool failed;
};

static void send_one(int socket, struct fuzz_input *in)
{
    uint8_t kind = fuzz_byte(in), flags;
    struct init_report report = {.kind = kind == 100 ? INIT_WANTS_TRIM : kind,
                                 .step = fuzz_byte(in)};
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC), fds[] = {null, null};

    report.errnum = (int8_t)fuzz_byte(in);
    flags = fuzz_byte(in);
    memset(report.detail, 'x', (flags & 1) != 0 ? sizeof(report.detail) : 3);
    /* sometimes cut short, sometimes with descriptors */
    FUZZ_EXPECT(socket_send(socket, &report,
                            (flags & 2) != 0 ? flags % sizeof(report) : sizeof(report), fds,
                            (flags >> 2) % 3) >= 0);
    (void)close(null);
}

static void hear(struct slot_side *s, const struct sandbox_event *e)
{
    FUZZ_EXPECT(memchr(e->detail, '\0', sizeof(e->detail)) != NULL);
    if (e->kind == SANDBOX_SETUP_FAILED) {
        FUZZ_EXPECT(e->what != NULL && *e->what != '\0' && !s->failed);
        s->failed = true;
        return;
    }
    if (e->kind == SANDBOX_GONE || e->kind == SANDBOX_TERMINAL_READY)
        return;
    FUZZ_EXPECT(e->step < s->n_steps && !s->failed);
    switch (e->kind) {
    case SANDBOX_STEP_STARTED:
        FUZZ_EXPECT(!s->started[e->step] && (e->step == 0 || s->quiet[e->step - 1]));
        s->started[e->step] = true;
        break;
    case SANDBOX_STEP_ENDED:
        FUZZ_EXPECT(s->started[e->step] && !s->ended[e->step]);
        s->ended[e->step] = true;
        break;
    case SANDBOX_LEFT_RUNNING:
        FUZZ_EXPECT(s->ended[e->step] && ++s->leaks[e->step] <= SANDBOX_LEAKS_MAX && e->errnum > 0);
        break;
    case SANDBOX_STEP_QUIET:
        FUZZ_EXPECT(s->ended[e->step] && !s->quiet[e->step]);
        s->quiet[e->step] = true;
        break;
    case SANDBOX_NOT_EXECUTED:
        FUZZ_EXPECT(!s->started[e->step]);
        break;
    default:
        FUZZ_EXPECT(false); /* there is no other kind */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    struct slot_side side = {.n_steps = 1 + fuzz_byte(&in) % STEPS_MAX};
    struct sandbox_job job = SANDBOX_JOB_INIT;
    struct sandbox_event event;
    int ends[2], before, after;

    before = open("/dev/null", O_RDONLY | O_CLOEXEC);
    (void)close(before);
    FUZZ_EXPECT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    job.control = ends[0];
    listen_begin(&job, side.n_steps, false);
    for (size_t i = 0; in.left > 0 && i < REPORTS_MAX; i++) {
        int r;

        send_one(ends[1], &in);
        r = sandbox_receive(&job, &event);
        FUZZ_EXPECT(r == 0 || r == 1);
        if (r == 0)
            continue;
        hear(&side, &event);
        if (event.kind == SANDBOX_GONE)
            break;
    }
    (void)close(ends[1]);
    (void)close(ends[0]);
    if (job.terminal >= 0)
        (void)close(job.terminal);
    after = open("/dev/null", O_RDONLY | O_CLOEXEC);
    FUZZ_EXPECT(after == before); /* every descriptor that came was taken or closed */
    (void)close(after);
    return 0;
}

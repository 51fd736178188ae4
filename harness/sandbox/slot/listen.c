/* SPDX-License-Identifier: Apache-2.0 */
/* listen: what PID 1 says, taken by the slot. PID 1 is ours, but it lives in the job's namespaces
 * and is the nearest thing there is to a job: should one ever get hold of it, what it says is still
 * only taken where it makes sense, in its order, and about steps that there are. Knows the protocol
 * and nothing of what its words are good for. */
#include "harness/sandbox/slot/listen.h"
#include "harness/sandbox/init/init_report.h"
#include "harness/sandbox/init/setup_step.h"
#include "harness/sandbox/sandbox.h"
#include "harness/sandbox/slot/oom_order.h"
#include "harness/sandbox/slot/steps.h"
#include "harness/sandbox/slot/upper.h"

#include <string.h>
#include <sys/socket.h>

/* Where PID 1 is, by what it has said. */
enum { SETTING_UP = 1, RUNNING = 2, ENDED = 4, QUIET = 8, OVER = 16 };

/* No process has more addresses. */
#define MAX_RSS_MEANINGFUL (UINT64_C(1) << 57)

/* What may be said where, and where it leads. */
static const struct word {
    uint32_t kind;
    unsigned from;
    unsigned to; /* 0: no further */
    bool of_step;
} words[] = {
    {INIT_WANTS_TRIM, SETTING_UP, 0, false},
    {SANDBOX_TERMINAL_READY, SETTING_UP, 0, false},
    {SANDBOX_SETUP_FAILED, SETTING_UP | QUIET, OVER, false},
    {SANDBOX_NOT_EXECUTED, SETTING_UP | QUIET, OVER, true},
    {SANDBOX_STEP_STARTED, SETTING_UP | QUIET, RUNNING, true},
    {SANDBOX_STEP_ENDED, RUNNING, ENDED, true},
    {SANDBOX_LEFT_RUNNING, ENDED, 0, true},
    {SANDBOX_STEP_QUIET, ENDED, QUIET, true},
};

static const struct word *find_word(uint32_t kind)
{
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (words[i].kind == kind)
            return &words[i];
    return NULL;
}

static bool makes_sense(const struct sandbox_job *job, const struct word *word,
                        const struct init_report *report)
{
    const struct sandbox_talk *t = &job->talk;

    if (word == NULL || (word->from & t->state) == 0 ||
        (word->of_step && report->step != t->step) || report->max_rss > MAX_RSS_MEANINGFUL)
        return false;
    switch (report->kind) {
    case INIT_WANTS_TRIM:
        return !t->trimmed;
    case SANDBOX_TERMINAL_READY:
        return job->terminal < 0;
    case SANDBOX_SETUP_FAILED:
        return report->step < SETUP_STEP_COUNT;
    case SANDBOX_STEP_STARTED:
        return report->uid < SANDBOX_ID_COUNT && report->gid < SANDBOX_ID_COUNT;
    case SANDBOX_STEP_QUIET:
        return t->step < t->n_steps;
    case SANDBOX_LEFT_RUNNING:
        return t->leaks < SANDBOX_LEAKS_MAX && report->errnum > 0;
    default:
        return true;
    }
}

static void advance(struct sandbox_talk *t, const struct word *word)
{
    if (word->to != 0)
        t->state = word->to;
    if (word->kind == SANDBOX_NOT_EXECUTED && t->goes_on) {
        t->state = QUIET; /* and waits for what comes next */
        t->step++;
    }
    t->trimmed |= word->kind == INIT_WANTS_TRIM;
    t->leaks = word->kind == SANDBOX_LEFT_RUNNING ? t->leaks + 1 : 0;
    t->step += word->kind == SANDBOX_STEP_QUIET;
    if (t->step == t->n_steps) /* and nothing can be said of any other */
        t->state = OVER;
}

static int give_disk_its_size(struct sandbox_job *job, struct sandbox_event *ret_event)
{
    int r =
        job->trims != NULL ? upper_trim(job->trims, job->trim_bytes, job->trim_inodes) : -EINVAL;

    if (r == 0) {
        sandbox_continue(job);
        return 0;
    }
    job->talk.state = OVER;
    *ret_event = (struct sandbox_event){
        .kind = SANDBOX_SETUP_FAILED, .errnum = -r, .what = sandbox_step_name(SETUP_DISK)};
    return 1;
}

/* One report, whose descriptors (all of which are closed by the caller, if they are not taken) are
 * `fds`. */
static int take(struct sandbox_job *job, const struct init_report *report,
                int fds[static SOCKET_FDS_MAX], struct sandbox_event *ret_event)
{
    const struct word *word = find_word(report->kind);

    if (!makes_sense(job, word, report) || (report->kind == SANDBOX_TERMINAL_READY && fds[0] < 0)) {
        job->talk.state = OVER;
        *ret_event = (struct sandbox_event){
            .kind = SANDBOX_SETUP_FAILED, .errnum = EPROTO, .what = "report"};
        (void)snprintf(ret_event->detail, sizeof(ret_event->detail),
                       "what PID 1 says (%u of step %u)", report->kind, report->step);
        return 1;
    }
    advance(&job->talk, word);
    if (report->kind == INIT_WANTS_TRIM)
        return give_disk_its_size(job, ret_event);
    *ret_event = (struct sandbox_event){.kind = (enum sandbox_event_kind)report->kind,
                                        .step = report->step,
                                        .status = report->status,
                                        .errnum = report->errnum,
                                        .at_ns = report->at_ns,
                                        .unmappable = report->unmappable,
                                        .cut = report->cut != 0};
    if (report->kind == SANDBOX_STEP_STARTED && report->disk_bytes > job->disk_before)
        job->disk_before = report->disk_bytes;
    if (report->kind == SANDBOX_STEP_STARTED && report->disk_inodes > job->inodes_before)
        job->inodes_before = report->disk_inodes;
    if (report->kind == SANDBOX_STEP_STARTED)
        job->max_rss_init = report->max_rss;
    else if (report->max_rss > job->max_rss)
        job->max_rss = report->max_rss;
    if (report->kind == SANDBOX_STEP_QUIET && job->talk.state != OVER)
        oom_order_commands(job);
    if (report->kind == SANDBOX_STEP_STARTED) {
        oom_order_init(job);
        base_closep(&job->hold);
        job->has_ids = true;
        job->uid = report->uid;
        job->gid = report->gid;
    }
    if (report->kind == SANDBOX_TERMINAL_READY)
        job->terminal = steal_fd(&fds[0]);
    if (report->kind == SANDBOX_SETUP_FAILED) {
        ret_event->what = sandbox_step_name(report->step);
        ret_event->step = job->talk.step;
        ret_event->causes = steps_causes(report->step, report->errnum);
    }
    memcpy(ret_event->detail, report->detail, sizeof(report->detail));
    ret_event->detail[sizeof(ret_event->detail) - 1] = '\0';
    return 1;
}

void listen_begin(struct sandbox_job *job, unsigned n_steps, bool goes_on)
{
    job->talk = (struct sandbox_talk){.state = SETTING_UP, .n_steps = n_steps, .goes_on = goes_on};
}

int sandbox_receive(struct sandbox_job *job, struct sandbox_event *ret_event)
{
    struct init_report report;
    int fds[SOCKET_FDS_MAX], r = 1;
    ssize_t n = socket_receive(job->control, &report, sizeof(report), MSG_DONTWAIT, fds);

    if (n == -EAGAIN)
        return 0;
    /* end of file, a socket error that means the same, or somebody who does not talk as we do and
     * is not heard any more */
    if (n != (ssize_t)sizeof(report) || job->talk.state == OVER)
        *ret_event = (struct sandbox_event){.kind = SANDBOX_GONE};
    else
        r = take(job, &report, fds, ret_event);
    for (size_t i = 0; i < SOCKET_FDS_MAX; i++)
        base_closep(&fds[i]);
    return r;
}

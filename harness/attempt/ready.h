/* SPDX-License-Identifier: Apache-2.0 */
/* ready: private to attempt: whether a service is ready, found out in the process that runs it,
 * which is in the job's network. Nothing here waits; what a service answers or writes is bounded,
 * and believed in no other way than that it is ready. */
#pragma once

#include "base/base.h"
#include "jobs/jobs.h"

#include <poll.h>
#include <regex.h>

#define READY_LINE_MAX ((size_t)4096) /* of a line, what is matched */
#define READY_ANSWER_MAX ((size_t)64) /* of an HTTP answer, what is looked at */
#define READY_TAIL_MAX ((size_t)240)  /* of what it wrote last, what is told */

struct ready {
    const struct jobs_service *service;
    int tell;        /* closed with a byte when it is ready; or -EBADF */
    bool is_ready;   /* or nothing is waited for any more */
    uint64_t try_at; /* CLOCK_MONOTONIC, ns; UINT64_MAX: no try is due */
    uint64_t wait;   /* from a try that failed to the next one, ns */
    uint64_t until;  /* when it has to be ready */
    int socket;      /* of a try that is under way, or -EBADF */
    bool is_v6;
    bool is_connected; /* and the request is sent */
    char answer[READY_ANSWER_MAX + 1];
    size_t answered;
    pid_t asker;   /* who runs the command of `exec` now, or -1 */
    int asker_fd;  /* its pidfd, or -EBADF */
    char why[128]; /* what the last try found */
    regex_t pattern;
    struct ready_line {
        char text[READY_LINE_MAX + 1];
        size_t n;
    } line[2];
    char tail[READY_TAIL_MAX + 1]; /* as it is shown */
    size_t tail_n;
};

/* Takes over `tell`, whose other end hears of it. */
struct ready *ready_new(const struct jobs_service *service, int tell);
void ready_free(struct ready *r);
/* Begins to try: the command has been executed. */
void ready_started(struct ready *r, uint64_t at_ns);
/* Takes what it wrote, for a pattern. */
void ready_take(struct ready *r, int which, const char *data, size_t n);
/* Remembers the end of what is shown of that. */
void ready_remember(struct ready *r, const char *data, size_t n);
/* Adds the end of what it wrote, as one line; empty where it wrote nothing. */
void ready_tail(const struct ready *r, struct strbuf *out);

/* ---- for the loop ---- */

uint64_t ready_wake(const struct ready *r);
void ready_poll(const struct ready *r, struct pollfd *fd);
void ready_serve(struct ready *r, const struct pollfd *fd, uint64_t now);
/* Whether the command of `exec` is to be run now; then ready_asks tells who does that, a child,
 * whose exit code is the command's, READY_NOT_RUN where it could not be run. */
#define READY_NOT_RUN 125
bool ready_wants_exec(const struct ready *r, uint64_t now);
void ready_asks(struct ready *r, pid_t pid, int pidfd, uint64_t now);
/* Whether its time is over; says why it is not ready, in *why. */
bool ready_is_late(const struct ready *r, uint64_t now, const char **why);

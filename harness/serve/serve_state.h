/* SPDX-License-Identifier: Apache-2.0 */
/* serve_state: private to serve: the server as its parts share it. All of it lives in one process
 * of one thread, whose loop (server.c) never waits for a job or a client. */
#pragma once

#include "harness/attempt/goods.h"
#include "harness/attempt/slot.h"
#include "harness/prepare/prepare.h"
#include "harness/serve/serve_mhd.h"
#include "harness/serve/server.h"

#include <jansson.h>
#include <stdatomic.h>

#define SERVE_BODY_MAX ((size_t)4 << 20)     /* of POST /jobs; what a job file may have */
#define SERVE_WAITING_MAX ((size_t)64 << 20) /* texts of all jobs that wait */
#define SERVE_BODIES_MAX ((size_t)64 << 20)  /* of POST /jobs that are on their way */
#define SERVE_STREAM_MAX ((size_t)256 << 10) /* of results that a client has not read yet */
#define SERVE_FILE_NAME_SIZE 72              /* "sha256:" and 64 digits */

/* ---- jobs ---- */

enum serve_work_state { SERVE_WAITING, SERVE_RUNNING, SERVE_DONE };

#define PAIR_OF_NONE SIZE_MAX

/* A job of a batch. */
struct serve_work {
    char *text; /* what follows the batch's head in a job file with this job alone */
    size_t len;
    enum serve_work_state state;
    size_t pair;                   /* the work whose output is its input, or PAIR_OF_NONE */
    size_t slot;                   /* while it runs */
    uint64_t asked_ns;             /* when it came */
    struct reports_result *before; /* of the attempts so far, or NULL */
    struct arena *arena;           /* where that lives */
    char *log_name;                /* of logs and artifacts that are kept, or NULL */
    uint64_t kept_bytes;
};

/* What one request has brought. */
struct serve_batch {
    struct serve_batch *next;
    uint64_t id;
    uid_t uid;              /* who asked */
    struct jobs_plan *plan; /* until all have ended */
    struct instance *instances;
    struct serve_work *works;
    size_t n, first_waiting, n_waiting, n_running;
    char *head; /* of the job file of each job: what they share, which is kept once */
    size_t head_len;
    size_t held_bytes;         /* that the batch holds as long as it has not ended */
    size_t waiting_bytes;      /* of the texts of those that wait */
    struct serve_file **files; /* that it names, pinned */
    size_t n_files;
    /* the stream of results: what of `out` before `sent` has gone */
    struct strbuf out;
    size_t sent;
    struct MHD_Connection *connection; /* while somebody reads; NULL: nobody */
    bool suspended;
    bool gone; /* who read is not there any more */
    bool cancelled;
    bool ended; /* all its results are written */
};

/* ---- files ---- */

struct serve_file {
    struct serve_file *next;
    char name[SERVE_FILE_NAME_SIZE];
    uint64_t size;
    unsigned pins; /* by batches that have not ended */
    uint64_t used; /* counts uses: the lowest goes first */
};

struct serve_files {
    int dirfd;
    char *path; /* absolute: what relative paths in jobs refer to */
    struct serve_file *list;
    size_t n;
    uint64_t bytes, max, uses;
    uint64_t coming_bytes; /* of uploads that have not ended, as many at most */
};

/* ---- clients ---- */

struct serve_peer {
    int fd;
    uid_t uid;
    uint64_t since_ns;         /* that it has been in this state */
    bool asking;               /* a request of it is being read or answered */
    size_t body_bytes;         /* of it that are in memory */
    bool streaming;            /* the answer is a stream of results, which may take any time */
    struct serve_batch *batch; /* whose results it reads, or NULL */
};

/* When a user had the last turn; who comes after so many others is a new one. */
#define SERVE_USERS_MAX 64
struct serve_user {
    uid_t uid;
    uint64_t turn; /* counts turns; 0: nobody */
};

/* ---- figures ---- */

#define SERVE_BUCKETS 14
struct serve_figures {
    uint64_t verdicts[REPORTS_VERDICT_COUNT];
    uint64_t answers[600]; /* by status */
    uint64_t refused_peers, evicted_files, vanished_clients;
    uint64_t found_ready;                /* jobs that found a sandbox ready */
    uint64_t latency[SERVE_BUCKETS + 1]; /* from order to verdict, by bucket; the last: longer */
    uint64_t latency_ns, latency_n;
};

/* ---- slots ---- */

/* Of which sandboxes may be ready; and how long the text of such a job may be. */
#define SERVE_KINDS_MAX 64
#define SERVE_KIND_TEXT_MAX ((size_t)64 << 10)

/* Jobs whose sandboxes are alike. */
struct serve_kind {
    uint64_t mark; /* 0: there is none */
    uint64_t id;
    const char *root; /* its name */
    char *text;       /* of a job of it; NULL: one that says nothing, of the first root */
    size_t len;
    struct jobs_limits limits; /* of that */
    uint64_t used;             /* counts uses: the lowest goes first */
    uint64_t jobs;             /* how many there were */
    uint64_t found, missed;    /* for how many of them one was ready, or none */
    bool failed;
};

/* What a slot and the server share of a job. */
struct serve_cell {
    size_t len;
    size_t n_steps;
    uint64_t batch;
    bool was_ready; /* the slot's answer: a sandbox was, for this job */
    char log_name[1024];
    char pair_with[256]; /* the name of the other job of its pair, or empty */
    char text[SERVE_BODY_MAX];
    /* of the kind that ORDER_PREPARE is about; the server writes it once the slot has read the one
     * before */
    _Atomic uint64_t kinds_read;
    _Atomic bool ready; /* a sandbox is */
    size_t kind_len;    /* 0: of a job that says nothing */
    char kind_text[SERVE_KIND_TEXT_MAX];
};

struct serve_slot {
    struct slot slot;
    struct serve_cell *cell;   /* shared memory */
    struct serve_batch *batch; /* while busy */
    size_t index;              /* of its works */
    uint64_t room;             /* the memory that there was when it started */
    uint64_t kind;             /* of the sandbox that it keeps ready or makes, or 0 */
    uint64_t job_kind;         /* of its job */
    uint64_t kinds_sent;
    bool killed;
};

/* ---- the server ---- */

/* What an event of the loop is about, above the number that goes with it. */
#define SERVE_EVENT_SLOT UINT64_C(0)
#define SERVE_EVENT_PEER UINT64_C(1)
#define SERVE_EVENT_HTTP UINT64_C(2)
#define SERVE_EVENT_LISTENER UINT64_C(3)
#define SERVE_EVENT_SIGNAL UINT64_C(4)
#define SERVE_EVENT_TICK UINT64_C(5)
#define SERVE_EVENT(kind, number) ((kind) << 32 | (uint64_t)(number))

enum serve_phase { SERVE_OPEN, SERVE_ENDING, SERVE_KILLING };

struct server {
    const struct serve_options *options;
    struct run_options run_options;
    struct prepared p;
    struct jobs_plan *plan;   /* one job for each root */
    json_t *roots;            /* the key `rootfs` of every job file */
    bool *root_served;        /* by index into the plan's roots */
    struct goods_stock stock; /* of the machine */
    struct serve_mhd mhd;
    struct MHD_Daemon *daemon;
    int listener, epoll, signals, tick;
    bool owns_socket; /* it was made, not handed over */
    struct serve_slot *slots;
    size_t n_slots;   /* more than may run jobs: the others keep sandboxes ready */
    size_t ready_all; /* how many sandboxes may be ready */
    struct serve_kind kinds[SERVE_KINDS_MAX];
    uint64_t next_kind, kind_uses;
    bool kinds_changed;          /* something may be missing */
    struct serve_batch *batches; /* the oldest first */
    struct serve_batch *turn;    /* the next in line */
    struct serve_user users[SERVE_USERS_MAX];
    uint64_t turns;
    uint64_t next_id;
    uint32_t next_order;
    size_t n_waiting, waiting_bytes;
    uint64_t kept_bytes;
    struct serve_files files;
    struct serve_peer **peers; /* by descriptor */
    size_t peers_size, n_peers;
    struct serve_figures figures;
    enum serve_phase phase;
    uint64_t phase_ns; /* when it began */
    bool accepting;    /* the listener is watched */
};

/* An answer that is an error: its status, and what is said. */
struct serve_refusal {
    unsigned status;
    unsigned retry_after; /* seconds; 0: not said */
    char *message;        /* malloc'ed */
    char *hint;           /* or NULL */
    char *problems;       /* of a job file, as `cupel validate` prints them; or NULL */
};
void serve_refusal_free(struct serve_refusal *r);
/* Fills it, and returns -1. */
int serve_refuse(struct serve_refusal *r, unsigned status, const char *format, ...)
    BASE_PRINTF(3, 4);
int serve_refuse_error(struct serve_refusal *r, unsigned status, const struct cupel_error *err);

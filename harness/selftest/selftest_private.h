/* SPDX-License-Identifier: Apache-2.0 */
/* private to selftest: the table's form, what a run of it needs, and what came of each probe. */
#pragma once

#include "harness/selftest/selftest.h"

#include <jansson.h>

/* ---- the table ---- */

#define PROMISES 15
extern const char *const promise_texts[PROMISES]; /* promise 1 is promise_texts[0] */

/* Exit codes of harness/selftest/probes/probes.h. */
enum { EXIT_CONTAINED = 0, EXIT_BREACH = 10, EXIT_UNTESTED = 11, EXIT_OPEN = 12 };

enum outcome {
    OUTCOME_HELD,
    OUTCOME_BREACH,
    OUTCOME_UNTESTED,
    OUTCOME_OPEN,
    OUTCOME_FAILED,
    OUTCOME_COUNT
};
extern const char *const outcome_names[OUTCOME_COUNT];

#define EXIT_INTERRUPTED 130 /* of supervisor_run, and ours */

/* Which jobs run together. */
enum lane {
    LANE_ALONE,     /* any number at once */
    LANE_NEIGHBOUR, /* while the neighbour holds what is looked for */
    LANE_SEQUENCE,  /* one slot: each finds what the one before has left */
    LANE_AROUND,    /* in a run whose jobs together may have AROUND_MEMORY */
    LANE_AFTER,     /* no job: judged when all is over */
    LANE_COUNT,
};

#define AROUND_MEMORY (UINT64_C(80) << 20)

struct verdict {
    enum outcome outcome;
    char detail[512];
};
struct selftest_scene;
struct selftest_probe;
typedef void judge_fn(const struct selftest_scene *s, const struct selftest_probe *p,
                      struct verdict *v);

struct selftest_probe {
    const char *name; /* of the probe and of its job */
    const char *theme;
    const char *promises; /* their numbers, with spaces */
    const char *tries;
    const char *wall; /* what holds it */
    /* CUPEL_WEAKEN under which it must report a breach; "nothing": it is open as it stands */
    const char *weaken;
    const char *plant;   /* probe that is run before, in a job of its own */
    const char *keys;    /* further keys of its job */
    const char *limits;  /* limits that are the wall */
    const char *command; /* its job's, in place of the probe; a flow sequence */
    bool has_service;    /* its job has one, which holds what the probe looks for */
    const char *verdict; /* the job's, when the wall strikes; anything else is a breach */
    judge_fn *judge;     /* from outside, in place of what the probe says */
    enum lane lane;
};
extern const struct selftest_probe probe_table[];
extern const size_t probe_count;
extern const char probe_user_keys[]; /* of jobs that are not root's */
bool probe_keeps(const struct selftest_probe *p, unsigned promise);

judge_fn judge_processes, judge_pipe, judge_secret, judge_no_artifact, judge_hard_link,
    judge_sparse, judge_names, judge_long_names, judge_forged, judge_exit, judge_xml, judge_json,
    judge_terminal, judge_self_exe, judge_ids, judge_cleanup, judge_nice, judge_resource_limits,
    judge_late, judge_oom_score, judge_lost_writes, judge_planted;

judge_fn judge_around;

/* ---- a run ---- */

/* What probes are told, and what is laid out for them on the host. */
struct selftest_scene {
    const struct selftest_options *options;
    char token[9]; /* eight hexadecimal digits */
    char *dir;     /* the scene's own directory, removed afterwards */
    int lock;      /* held as long as it is in use */
    char *secret;  /* a file in it that no job may get at */
    char *namespaces;
    int listener;
    unsigned port;
    uint64_t sparse_bytes;
    unsigned hold_ms;

    const bool *selected; /* by probe */
    struct verdict *verdicts;

    /* of the lane that is judged */
    char *out;
    json_t *results; /* the lines of results.jsonl by id */
    size_t bad_lines;
    char *console; /* what cupel printed meanwhile */
    size_t console_len;
    bool interrupted; /* by the user: what has not run stays unjudged */
    bool missed;      /* some job did not meet the neighbour */
    size_t runs_left; /* known when all is over */
    char *mount_left; /* a line of /proc/self/mounts, or NULL */
    uint64_t wall_ns;
};

/* A directory for this process, malloc'ed path, and the lock that says that it lives. */
/* Where the directory is made: TMPDIR, or what is usual. */
const char *place_base(void);
int place_make(char **ret_dir, int *ret_lock);

int scene_open(struct selftest_scene *s, const struct selftest_options *options,
               struct cupel_error *err);
void scene_close(struct selftest_scene *s);
/* Lays links in the out directory of the lane that is about to run; see planted.c. */
int planted_lay(const struct selftest_scene *s);
/* Takes on the state that jobs must not inherit, for while they run. */
void scene_be_odd(struct selftest_scene *s);
void scene_be_normal(struct selftest_scene *s);

/* Writes the job file of a lane. */
void plan_write(const struct selftest_scene *s, enum lane lane, struct strbuf *out);
/* Whether planter and finder are two steps of one job (a wall taken away). */
bool plan_is_one_job(const struct selftest_probe *p);

/* False for what needs another user than root where there is none: it is no job of the plan. */
bool plan_has_user(const struct selftest_probe *p);

/* Verdicts of the probes of a lane that has run. */
void judge_lane(struct selftest_scene *s, enum lane lane);
/* A probe outside of any sandbox: its exit status and standard output; only with
 * CUPEL_WEAKEN=sandbox. */
void judge_unboxed(struct selftest_scene *s, const struct selftest_probe *p);

__attribute__((format(printf, 3, 4))) void verdict_set(struct verdict *v, enum outcome outcome,
                                                       const char *fmt, ...);

/* Returns the first mount that is in `now` and not in `before`, both as in /proc/self/mounts, and
 * mentions one of the places (ending with NULL) or lies over one that was there; malloc'ed, or
 * NULL.
 */
char *mounts_left(const char *before, const char *now, const char *const *places);

/* ---- reports ---- */

void print_table(const struct selftest_scene *s);
int print_json(const struct selftest_scene *s);
struct reports_out;
int report_write(const struct selftest_scene *s, struct reports_out *out, struct cupel_error *err);
int report_exit(const struct selftest_scene *s);

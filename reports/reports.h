/* SPDX-License-Identifier: Apache-2.0 */
/* reports: results become files and screens. One results model, several writers. Knows nothing of
 * sandboxes or YAML. Fields and their units are documented in docs/results.md. */
#pragma once

#include "base/base.h"
#include "reports/score.h"
#include "reports/tests.h"

/* ---- the results model ---- */

enum reports_verdict {
    REPORTS_PASSED,
    REPORTS_FAILED,   /* wrong exit code or output */
    REPORTS_SIGNALED, /* the command died of a signal nobody asked for */
    REPORTS_TIMEOUT,
    REPORTS_CPU_LIMIT,
    REPORTS_MEMORY_LIMIT,
    REPORTS_PIDS_LIMIT,
    REPORTS_DISK_LIMIT,
    REPORTS_OUTPUT_LIMIT,
    /* what others left in an input is refused: a link, no file or directory, nothing */
    REPORTS_INVALID_SUBMISSION,
    REPORTS_COMPILE_ERROR, /* the job that makes what is judged has failed, in whatever way */
    REPORTS_ERROR,         /* the harness could not run it: never the job's fault */
    REPORTS_SKIPPED,
    REPORTS_CANCELLED,
    REPORTS_NOT_RUN, /* a case: what it judges has not got so far */
    REPORTS_VERDICT_COUNT,
};
/* "passed", "cpu-limit", ... as in JOBFILE and results.jsonl. */
const char *reports_verdict_name(enum reports_verdict v);

/* Usage figures: one table gives name, unit and precision; a value that is not known has its bit
 * clear and appears nowhere. */
enum reports_figure {
    REPORTS_WALL_SECONDS,
    REPORTS_CPU_SECONDS,
    REPORTS_USER_SECONDS,
    REPORTS_SYSTEM_SECONDS,
    REPORTS_INSTRUCTIONS,
    REPORTS_THROTTLED_SECONDS,
    REPORTS_THROTTLED_PERIODS,
    REPORTS_MEMORY_PEAK_BYTES,
    REPORTS_MEMORY_HELD_PEAK_BYTES,
    REPORTS_MEMORY_ANONYMOUS_PEAK_BYTES,
    REPORTS_MAX_RSS_BYTES,
    REPORTS_MAJOR_FAULTS,
    REPORTS_THRASHING_SECONDS,
    REPORTS_OOM_KILLS,
    REPORTS_PIDS_PEAK,
    REPORTS_PIDS_REFUSED,
    REPORTS_READ_BYTES,
    REPORTS_WRITTEN_BYTES,
    REPORTS_READ_OPERATIONS,
    REPORTS_WRITE_OPERATIONS,
    REPORTS_OUTPUT_BYTES,
    REPORTS_DISK_PEAK_BYTES,
    REPORTS_INODES_PEAK,
    REPORTS_CPU_PRESSURE_SECONDS,
    REPORTS_MEMORY_PRESSURE_SECONDS,
    REPORTS_IO_PRESSURE_SECONDS,
    REPORTS_RUN_QUEUE_WAIT_SECONDS,
    REPORTS_MACHINE_CPU_PRESSURE_SECONDS, /* of the machine as a whole, while the job ran */
    REPORTS_MACHINE_MEMORY_PRESSURE_SECONDS,
    REPORTS_MACHINE_IO_PRESSURE_SECONDS,
    REPORTS_OTHERS_CPU_SECONDS,
    REPORTS_STOLEN_CPU_SECONDS,
    REPORTS_FIGURE_COUNT,
};
struct reports_usage {
    uint64_t known;
    /* seconds are kept as nanoseconds, everything else as itself */
    uint64_t value[REPORTS_FIGURE_COUNT];
};
/* "wall_seconds", ... */
const char *reports_figure_name(enum reports_figure f);
bool reports_figure_is_seconds(enum reports_figure f);
static inline void reports_usage_set(struct reports_usage *u, enum reports_figure f, uint64_t v)
{
    u->known |= UINT64_C(1) << f;
    u->value[f] = v;
}
static inline bool reports_usage_has(const struct reports_usage *u, enum reports_figure f)
{
    return (u->known >> f) & 1u;
}

/* A limit as it was in force, ready for writing: name with its unit ("memory_bytes",
 * "wall_seconds"), value, and whether it is a time or core count kept in thousandths (`scale`
 * divides the value). */
struct reports_limit {
    const char *name;
    uint64_t value;
    uint64_t scale; /* 1, 1000 (cores) or 1000000000 (seconds) */
    /* NULL, or what is written in place of the value, which is no number then */
    const char *text;
};

/* What a job found of one of its caches, and whether it has left it to later ones. */
enum reports_hit {
    REPORTS_HIT_MISS,    /* nothing */
    REPORTS_HIT_PARTIAL, /* what was saved under another key */
    REPORTS_HIT_EXACT,   /* what was saved under its own */
    REPORTS_HIT_COUNT,
};
const char *reports_hit_name(enum reports_hit hit);
struct reports_cache {
    const char *key;
    enum reports_hit hit;
    const char *restored; /* of a partial hit: that key; else NULL */
    bool saved;
};

/* What is known of an artifact, besides its path: of a regular file. */
struct reports_file {
    uint64_t size;
    bool has_size;
    bool has_sha256; /* holes without end are not hashed */
    unsigned char sha256[32];
};

#define REPORTS_EVIDENCE_SIZE 768
#define REPORTS_MESSAGE_SIZE 4096 /* of a checker's, NUL included */
#define REPORTS_SCORE_SCALE UINT64_C(1000000000)

/* A test case: the whole job, or one step of it. */
struct reports_case {
    /* step's name; NULL in the single case of a job without named steps: the job's own name is used
     */
    const char *name;
    /* of a named step, unique in the run; NULL: the job's, a slash and the name */
    const char *id;
    enum reports_verdict verdict;
    const char *evidence;
    int exit;      /* -1: none */
    int signal;    /* 0: none */
    unsigned line; /* of the job file, where it stands; 0: not known */
    uint64_t wall_ns;
    uint64_t stdout_from; /* where this case's bytes are in the job's log files */
    uint64_t stdout_to;
    uint64_t stderr_from;
    uint64_t stderr_to;
};

/* What a case of a submission is besides a job. */
struct reports_judged_case {
    const char *name;
    const char *group; /* or NULL */
    const char *hint;  /* or NULL */
    const char *shown; /* "visible", "hidden", ...: who may see that it was run */
    size_t number;     /* its place in the file's order, 1 or later */
    uint64_t points;   /* thousandths */
    /* of REPORTS_SCORE_WHOLE: what of its points it gives where it passes */
    uint32_t multiplier;
};

/* A process that was still alive when the job's command had ended; the command line is hostile
 * text. */
struct reports_leak {
    int pid; /* in the job */
    uint64_t cpu_ns;
    const char *command;
};

/* What a job used as time went by, one point after the other. */
struct reports_point {
    uint64_t at_ns;  /* since its first command was started */
    uint64_t cpu_ns; /* used by then, never less than before */
    uint64_t memory_bytes;
    uint64_t pids;
};
/* A column is known for all points or for none. Points stand `interval_ns` apart or, where nobody
 * could look in time, further. Memory and pids are those of the moment; in a series that was
 * thinned out, the most of the moments that a point stands for. */
struct reports_timeline {
    uint64_t interval_ns;
    const struct reports_point *points;
    size_t n; /* 0: none */
    bool has_cpu, has_memory, has_pids;
};

/* Adds "pid 7 `sleep 60` (CPU 0.01 s)": one line, harmless wherever it is put, never longer than
 * REPORTS_LEAK_SIZE. */
#define REPORTS_LEAK_SIZE 200
void reports_leak_describe(const struct reports_leak *leak, struct strbuf *out);
/* "1 process left running: pid 7 `sleep 60` (CPU 0.01 s)", naming at most `max` of the `n` that are
 * named at all; "at least 2048 processes ..." where not all could be counted (`cut`). */
#define REPORTS_LEAKS_SHOWN 3 /* `max` of a sentence */
void reports_leaks_describe(const struct reports_leak *leaks, size_t n, size_t in_all, bool cut,
                            size_t max, struct strbuf *out);

struct reports_result {
    const char *id; /* "job": unique in the run */
    const char *job;
    const char *suite;       /* the job file's name of its jobs */
    const char *file;        /* the job file, as given */
    unsigned line;           /* of it, where the job stands; 0: not known */
    const char *description; /* or NULL */
    const char *root_digest; /* by what its root is known; NULL: it is not */
    unsigned slot;           /* that ran it, 1 or later; 0: none did */
    enum reports_verdict verdict;
    /* one plain sentence; never NULL; "" for passed */
    const char *evidence;
    int exit;         /* -1: none */
    int signal;       /* 0: none */
    int not_executed; /* errno, where the last command could not be executed: for no report; or 0 */
    /* how often it was run, this time included; 0: it never was */
    unsigned attempts;
    unsigned attempts_max; /* how often it might have been; 0: any number of times */
    /* all attempts before this one have passed, and nothing else is kept of them */
    bool repeated;
    /* does not make the run fail: it was allowed to end so; or, of one that was skipped, it was
     * only for the case that another fails */
    bool harmless;
    /* the attempts before this one, the first one first */
    const struct reports_result *const *previous;
    const struct reports_judged_case *of_case; /* NULL: it is none */
    size_t n_previous;
    struct timespec started; /* CLOCK_REALTIME; zero when it never started */
    struct reports_usage usage;
    struct reports_limit *limits;
    size_t n_limits;
    struct reports_case *cases; /* at least one */
    size_t n_cases;
    const struct reports_leak *leaks; /* those that are named, the first few */
    size_t n_leaks;
    size_t leaks_in_all;
    bool leaks_cut; /* or more: they could not all be looked at */
    /* NULL, or the name by which what it left can be opened again (cupel shell --failed) */
    const char *kept;
    /* NULL, or why a result so close to its time limit might be the machine's doing */
    const char *near_limit;
    struct reports_timeline timeline;
    /* what its checker has said beside the verdict: hostile text, for those who may see all, and
     * for everybody; or NULL */
    const char *message_for_staff, *message_for_all;
    bool has_score, has_multiplier;
    uint64_t score,
        multiplier; /* in parts of REPORTS_SCORE_SCALE; of points, and of all there are */
    /* it was not run, since it has passed before: the id of that run, and when it ended; or NULL */
    const char *cached_run;
    time_t cached_at;
    bool has_coverage;
    uint32_t coverage_milli;     /* thousandths of a percent, by the job's own word */
    struct reports_tests *tests; /* that the job itself has reported; NULL: it was to report none */
    struct reports_cache *caches;
    size_t n_caches;
    const char **tags;       /* NULL-terminated or NULL */
    const char **unenforced; /* keys that --best-effort let go, NULL-terminated or NULL */
    /* further remarks ("artifact /work/x matched nothing"), NULL-terminated or NULL */
    const char **notes;
    const char **artifacts; /* paths below the out directory, NULL-terminated or NULL */
    /* of each of them; NULL: nothing is known of any */
    const struct reports_file *files;
    size_t artifacts_left_out; /* how many more of them there are */
    const char *stdout_log;    /* path below the out directory, or NULL */
    const char *stderr_log;
    const char *merged_log; /* of both; where there is one of the two */
};

/* ---- the out directory ---- */

/* The directory given by --out: results.jsonl, junit.xml, logs/, artifacts/. Locked while open: a
 * second run writing to the same place is refused. So is one that is neither empty nor cupel's, and
 * whatever in it would lead elsewhere (outdir.c): from here on it is used by descriptor only. After
 * sudo(8), all that is made in it belongs to the caller. */
struct reports_out;
int reports_out_open(const char *path, struct reports_out **ret_out, struct cupel_error *err);
/* Does the same, and leaves `earlier` (reports_earlier_add_*) in it for a run that continues this
 * one, before the results of the last run go. */
int reports_out_open_noting(const char *path, const struct strbuf *earlier,
                            struct reports_out **ret_out, struct cupel_error *err);
/* Takes that away: it has what may not be shown. */
void reports_out_forget_earlier(const struct reports_out *out);
void reports_out_close(struct reports_out *out);
/* An empty directory, or one that is made, for the artifacts of one job alone: they lie in it as
 * they did in the job. */
bool reports_out_has_only_files(const struct reports_out *out);
int reports_out_open_files(const char *path, struct reports_out **ret_out, struct cupel_error *err);
/* Whether what a reader finds under the names of the out directory is what was written there, and
 * the logs and artifacts that the reports name are there: somebody may have removed or replaced
 * them meanwhile, and what is lost is not to be reported as kept. Once the reports are written. */
struct reports_run;
int reports_out_check(const struct reports_out *out, const struct reports_run *run,
                      struct cupel_error *err);
const char *reports_out_path(const struct reports_out *out);
/* Whether this open directory (it may be O_PATH) is an out directory of cupel's. */
bool reports_out_is_one(int fd);
int reports_out_dirfd(const struct reports_out *out);
/* Gives what was made below it to whom the out directory belongs; 0 or -errno. */
int reports_out_give(const struct reports_out *out, int fd);
/* Makes an out directory of a path, or finds that it is one; a run may be writing to it. */
int reports_out_claim(const char *path, struct cupel_error *err);
/* Writes a file of an out directory's, aside and then renamed, for its owner alone. */
int reports_out_put(const char *path, const char *name, const char *text, size_t len,
                    struct cupel_error *err);
/* Reads one, of at most `max` bytes; malloc'ed. -ENOENT: there is none, or no out directory. */
int reports_out_get(const char *path, const char *name, size_t max, char **ret_text,
                    size_t *ret_len);
/* File-name form of an id: everything but [A-Za-z0-9._=,+@-] and any leading dot becomes %XX.
 * Writes at most size bytes; a name that would be too long is cut and given a hash. */
#define REPORTS_FILE_NAME_SIZE                                                                     \
    240 /* for all that is named after an id: room for a suffix is left */
void reports_file_name(const char *id, char *buf, size_t size);
/* The logs of a job: of its streams, and of both as lines with their times. */
enum reports_log { REPORTS_LOG_STDOUT, REPORTS_LOG_STDERR, REPORTS_LOG_MERGED, REPORTS_LOG_COUNT };
/* Creates logs/NAME.stdout, NAME.stderr and NAME.log anew, whatever was there, and empties
 * artifacts/NAME of an earlier run. */
int reports_out_open_logs(struct reports_out *out, const char *id,
                          int ret_fds[static REPORTS_LOG_COUNT], struct cupel_error *err);
/* Creates logs/NAME.transcript anew, of a job that talked with what judges it. */
int reports_out_open_transcript(struct reports_out *out, const char *id, int *ret_fd,
                                struct cupel_error *err);
/* Makes artifacts/NAME, empty, whatever was there, and opens it. */
int reports_out_open_artifacts(struct reports_out *out, const char *id, int *ret_dir,
                               struct cupel_error *err);
/* Removes an earlier run's (or attempt's) logs and artifacts of that name. What cannot be removed
 * is an error when it is made anew. */
void reports_out_forget(struct reports_out *out, const char *id);
/* Moves the logs that there are to logs/attempt-N/: the job is about to be run again. At most
 * REPORTS_ATTEMPTS_MAX. */
#define REPORTS_ATTEMPTS_MAX 11
int reports_out_keep_logs(struct reports_out *out, const char *id, unsigned attempt,
                          struct cupel_error *err);

/* The logs of a job as bytes, and behind them a transcript; NULL: it has no such one. */
#define REPORTS_LOGS_KEPT (REPORTS_LOG_COUNT + 1)
struct reports_logs {
    char *data[REPORTS_LOGS_KEPT]; /* malloc'ed */
    size_t len[REPORTS_LOGS_KEPT];
};
/* Reads those that the result names, and with `talked` the transcript. -EFBIG: they are more than
 * `max` bytes. */
int reports_out_read_logs(const struct reports_out *out, const char *id,
                          const struct reports_result *result, bool talked, size_t max,
                          struct reports_logs *ret);
/* Has logs/ hold these of the job, and nothing else of it, and artifacts/ nothing. */
int reports_out_put_logs(struct reports_out *out, const char *id, const struct reports_logs *logs,
                         struct cupel_error *err);
void reports_logs_free(struct reports_logs *logs);

/* Keeps the records of a result's tests, which need not stay in memory then, until the report is
 * written; in a file without a name. */
int reports_out_keep_tests(struct reports_out *out, struct reports_tests *tests,
                           struct cupel_error *err);
/* Appends them, from memory or from there; 0 or -errno. */
int reports_out_read_tests(const struct reports_out *out, const struct reports_tests *tests,
                           struct strbuf *to);

/* ---- what a run says of itself ---- */

/* A file that the run's jobs come from, as it was read. */
struct reports_run_file {
    const char *file; /* a job file as given; an included one by its absolute path */
    bool included;
    bool has_sha256;
    unsigned char sha256[32];
};
struct reports_run_root {
    const char *root;   /* its name in the job file */
    const char *file;   /* that job file */
    const char *digest; /* by what it is known; NULL: it is not */
    bool locked;        /* it was held to what the lock file says */
};
enum reports_outcome {
    REPORTS_NOT_ENDED,
    REPORTS_FINISHED,    /* all jobs have a result of their own */
    REPORTS_INTERRUPTED, /* somebody interrupted it */
    REPORTS_TIME_OVER,   /* its own time was over (--timeout) */
    REPORTS_NOT_BEGUN,   /* what jobs need could not be made ready */
    REPORTS_OUTCOME_COUNT,
};
/* The first line of results.jsonl. What is not known is NULL or 0. */
struct reports_run_record {
    const char *run;              /* its id */
    const char *const *command;   /* the command line, NULL-terminated */
    const char *host;             /* the machine's name */
    const char *kernel, *cgroups; /* in words */
    const char *cpu;              /* what the processors are called */
    unsigned cpus;                /* how many of them the run may use */
    uint64_t memory_bytes;        /* of the machine */
    bool rootless;
    unsigned slots;
    size_t jobs;
    struct timespec started; /* CLOCK_REALTIME, before anything was made ready */
    const struct reports_run_file *files;
    size_t n_files;
    const struct reports_run_root *roots;
    size_t n_roots;
    const char *const *unenforced; /* keys, NULL-terminated */
    uint64_t preparing_ms;         /* until the first job could start */
    /* from here on: of a run that has ended */
    enum reports_outcome outcome;
    struct timespec ended;
    uint64_t wall_ms; /* since it was started */
    size_t verdicts[REPORTS_VERDICT_COUNT];
};
/* Writes that line, which must be the first, or writes it anew where it stands. Once other lines
 * have followed, it has room for all that is known at the end and for nothing else: -EOVERFLOW. */
int reports_jsonl_put_run(struct reports_out *out, const struct reports_run_record *record,
                          struct cupel_error *err);

/* results.jsonl: one line a job (and one a step, id "job/step", where steps are named), appended
 * whole as each finishes, so that what finished is reported whatever happens to the run. */
int reports_jsonl_append(struct reports_out *out, const struct reports_result *result,
                         struct cupel_error *err);
/* Appends the line of a submission, once all its cases have theirs. */
int reports_jsonl_append_submission(struct reports_out *out,
                                    const struct reports_submission *submission,
                                    struct cupel_error *err);
/* Adds the same lines to a text; 0, or -ENOMEM where there is no room for one. */
int reports_jsonl_text(const struct reports_result *result, struct strbuf *to);

/* The same line alone, of a job without named steps, to fd, which may be anything. */
int reports_jsonl_write(int fd, const struct reports_result *result, struct cupel_error *err);

/* What lines of results.jsonl may have, as JSON Schema (draft 2020-12), and as the tables of
 * docs/results.md, each with its heading; malloc'ed. */
char *reports_schema(void);
size_t reports_schema_tables(void);
char *reports_schema_table(size_t i);

/* ---- what earlier runs said ---- */

enum reports_earlier_state {
    REPORTS_EARLIER_UNKNOWN,     /* no run had such a job */
    REPORTS_EARLIER_OUTSTANDING, /* it did not pass, or was not run */
    REPORTS_EARLIER_NOT_NEEDED,  /* it is for the case that another fails, which it did not */
    REPORTS_EARLIER_PASSED,      /* or was allowed to end as it did */
};
/* What the last run into an out directory, and those that it continued, said of jobs last. */
struct reports_earlier;
/* Believes what is there. -ENOENT: there are no results. */
int reports_earlier_read(const char *out, struct reports_earlier **ret, struct cupel_error *err);
void reports_earlier_free(struct reports_earlier *e);
/* `path`: where the job's file is, as it was noted. */
enum reports_earlier_state reports_earlier_find(const struct reports_earlier *e, const char *path,
                                                const char *job);
/* Returns a path or a name as it is noted; malloc'ed. */
char *reports_earlier_escape(const char *text);
/* Calls `each` for what is outstanding, in the order of paths and names. Both are escaped, fit to
 * be shown. */
void reports_earlier_each_outstanding(const struct reports_earlier *e,
                                      void (*each)(void *data, const char *path, const char *job),
                                      void *data);
/* Note, for reports_out_open_noting, where a file of the run is, and what earlier runs said. */
void reports_earlier_add_file(const char *file, const char *path, struct strbuf *to);
void reports_earlier_add_all(const struct reports_earlier *e, struct strbuf *to);

/* What both XML and people want to know of the run as a whole. */
struct reports_run {
    const char *name; /* suite name of the file */
    const char *hostname;
    struct reports_result *const *results; /* in file order */
    size_t n_results;
    const struct reports_submission *submissions;
    size_t n_submissions;
    bool interrupted;
    uint64_t wall_ns;
};

/* Gets ready, while there is nothing else to do, for what is written at the end: XML takes a
 * library that is loaded late. What is wrong with it is said then. */
void reports_junit_expect(void);
/* junit.xml, strict profile: valid against windyroad's and Jenkins' schemas. Written atomically. */
int reports_junit_write(struct reports_out *out, const struct reports_run *run,
                        struct cupel_error *err);

/* ---- the console ---- */

/* Live on a terminal (a bar, the running jobs with time and memory against their limits), plain
 * lines elsewhere; what a job printed is shown only for failures, at the end, with control
 * characters made visible. Until the summary no call blocks, whatever the reader of fd does. The
 * caller ignores SIGPIPE and leaves the terminal's OPOST on. */
struct reports_console;

struct reports_running {
    const char *id;
    unsigned attempt;      /* which one */
    unsigned attempts_max; /* 0: any number */
    uint64_t wall_ns;
    uint64_t wall_limit_ns; /* 0: none that anybody asked for */
    uint64_t memory_bytes;  /* UINT64_MAX: not known */
    uint64_t memory_limit;  /* 0: none */
};

struct reports_console *reports_console_new(int fd, size_t n_jobs, struct reports_out *out);
void reports_console_free(struct reports_console *c);
/* The end of a run waits for its reader, who may never read (a stopped terminal, a pager that
 * nobody looks at). While it does, `fd` is looked at as well, and as it becomes readable `stop` is
 * asked whether to give the display up. NULL for none; fd -EBADF: no more. */
void reports_console_stop_on(struct reports_console *c, int fd, bool (*stop)(void *data),
                             void *data);
bool reports_console_is_live(const struct reports_console *c);
/* A line of status before and between jobs ("bootstrapping debian bookworm"). */
void reports_console_status(struct reports_console *c, const char *text);
/* How far that work is, drawn in place on a terminal, not at all elsewhere; gone with done ==
 * total. Bytes, of a total that may be unknown (UINT64_MAX), and of `layers` (0: none) so many
 * done. */
struct reports_part {
    size_t number;
    uint64_t done, total;
};
struct reports_progress {
    const char *what;
    uint64_t done, total;
    size_t layers_done, layers;
    /* layers at work: a row for each beneath, as far as there is room */
    const struct reports_part *parts;
    size_t n_parts;
};
void reports_console_progress(struct reports_console *c, const struct reports_progress *progress);
void reports_console_started(struct reports_console *c, const char *id);
void reports_console_finished(struct reports_console *c, const struct reports_result *result);
/* Tells from here on what came of each submission, when that is known, in place of what came of
 * each case; of jobs, only those that the harness could not run. */
void reports_console_by_submission(struct reports_console *c);
/* What came of a submission; says nothing unless that is asked for. */
void reports_console_submission(struct reports_console *c, const struct reports_submission *s);
/* Ends the display with what went wrong and the tail of what was printed, as the summary shows it
 * of a job that failed. */
void reports_console_failure(struct reports_console *c, const struct reports_result *result);
/* An attempt that did not pass and is not the last. */
void reports_console_retried(struct reports_console *c, const struct reports_result *result);
/* Redraws the live part; a plain console names jobs that have run for one minute, two, four, ...
 * Either kind hands over here what a slow reader had not yet taken, so call it at least every
 * second (live: up to ten times). */
void reports_console_tick(struct reports_console *c, const struct reports_running *running,
                          size_t n);
/* One line for each running job, live or not (SIGUSR1, key `t`). */
void reports_console_dump(struct reports_console *c, const struct reports_running *running,
                          size_t n);
/* Failures with evidence and the tail of their output, then the count of each verdict and where the
 * reports are. */
void reports_console_summary(struct reports_console *c, const struct reports_run *run);

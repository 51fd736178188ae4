/* SPDX-License-Identifier: Apache-2.0 */
/* jsonl: results.jsonl, one object a line. Fields and units: docs/results.md. Not responsible for
 * order or for when a result is final. */
#include "base/weaken.h"
#include "reports/json_build.h"
#include "reports/out.h"
#include "reports/record_job.h"
#include "reports/record_run.h"
#include "reports/report_text.h"

#include <fcntl.h>
#include <jansson.h>
#include <string.h>

/* Enough digits for nanoseconds of a run of days, and few enough that 1.2 does not
 * read 1.2000000000000000178. */
#define NUMBER_DIGITS 15

static json_t *job_object(const struct reports_result *result)
{
    return record_object(&record_job, result, RECORD_JOB);
}

static json_t *step_object(const struct reports_result *result, const struct reports_case *c)
{
    cleanup_free char *id =
        c->id != NULL ? xstrdup(c->id) : xasprintf("%s/%s", result->id, c->name);
    const struct reports_result step = record_step_of(result, c, id);

    return record_object(&record_job, &step, RECORD_STEP);
}

/* Where that wall is away: quotes and ends of lines as they are. */
static void unescape(char *line)
{
    char *to = line;

    for (; *line != '\0'; line++)
        if (line[0] == '\\' && (line[1] == '"' || line[1] == 'n'))
            *to++ = *++line == 'n' ? '\n' : '"';
        else
            *to++ = *line;
    *to = '\0';
}

/* Returns the line that stands for it, ready to be written; NULL: memory is short. */
static char *line_of(json_t *object)
{
    cleanup_free char *dump =
        json_dumps(build_checked(object), JSON_COMPACT | JSON_REAL_PRECISION(NUMBER_DIGITS));
    struct strbuf text = {0};

    if (dump == NULL)
        return NULL;
    text_add_json(&text, dump);
    strbuf_adds(&text, "\n");
    if (weakened("escape-json"))
        unescape(text.data);
    return text.data;
}

/* Adds that line to a text; -ENOMEM where there is no room for it. */
static int add_line(json_t *object, struct strbuf *to)
{
    cleanup_free char *line = line_of(object);

    if (line == NULL)
        return -ENOMEM;
    strbuf_adds(to, line);
    return 0;
}

/* One write(2), so that a reader or a crash sees a line whole or not at all. A disk that fills up
 * in the middle of a line leaves a part of it: that is cut off again, so that the next line does
 * not grow out of it (nobody else writes: we hold the lock). */
static int append_line(struct reports_out *out, json_t *object, struct cupel_error *err)
{
    cleanup_free char *line = line_of(object); /* may be megabytes */
    off_t end = lseek(out->jsonlfd, 0, SEEK_END);
    size_t n;
    ssize_t w;

    if (line == NULL)
        return out_fail(out, "write " OUT_JSONL " in", ENOMEM, err);
    n = strlen(line);
    do {
        w = write(out->jsonlfd, line, n);
    } while (w < 0 && errno == EINTR);
    if (w >= 0 && (size_t)w == n)
        return 0;
    if (w >= 0) {
        errno = ENOSPC;
        if (end < 0 || ftruncate(out->jsonlfd, end) < 0)
            return out_fail(out, "take back half a line of " OUT_JSONL " in", errno, err);
        errno = ENOSPC;
    }
    return out_fail(out, "write " OUT_JSONL " in", errno, err);
}

/* The job's own line; the records of its tests may be in the out directory. */
static json_t *job_object_of(const struct reports_out *out, const struct reports_result *result)
{
    struct reports_result whole = *result;
    struct reports_tests tests;
    cleanup_strbuf struct strbuf records = {0};

    if (result->tests == NULL || result->tests->data != NULL)
        return job_object(result);
    tests = *result->tests;
    if (reports_out_read_tests(out, &tests, &records) == 0)
        tests.data = records.data;
    whole.tests = &tests;
    return job_object(&whole);
}

int reports_jsonl_append(struct reports_out *out, const struct reports_result *result,
                         struct cupel_error *err)
{
    cleanup_built json_t *job = job_object_of(out, result);
    int r = append_line(out, job, err);

    for (size_t i = 0; r == 0 && i < result->n_cases; i++) {
        cleanup_built json_t *step = NULL;

        if (result->cases[i].name == NULL)
            continue;
        step = step_object(result, &result->cases[i]);
        r = append_line(out, step, err);
    }
    return r;
}

int reports_jsonl_append_submission(struct reports_out *out,
                                    const struct reports_submission *submission,
                                    struct cupel_error *err)
{
    cleanup_built json_t *line = record_object(&record_submission, submission, RECORD_ONLY);

    return append_line(out, line, err);
}

/* ---- the run's own line ---- */

/* Puts a text where it belongs in the file, which all else is appended to: Linux appends what
 * pwrite(2) writes to a descriptor with O_APPEND. Nobody else writes. */
static int put_at_start(int fd, const char *text, size_t n)
{
    int flags = fcntl(fd, F_GETFL), r = 0;

    if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_APPEND) < 0)
        return -errno;
    for (size_t done = 0; r == 0 && done < n;) {
        ssize_t w = pwrite(fd, text + done, n - done, (off_t)done);

        if (w > 0)
            done += (size_t)w;
        else if (w == 0 || errno != EINTR)
            r = w == 0 ? -ENOSPC : -errno;
    }
    return fcntl(fd, F_SETFL, flags) < 0 && r == 0 ? -errno : r;
}

/* Returns how long the run's line can become, without its end; 0: memory is short. */
static size_t room_for_run(const struct reports_run_record *record)
{
    cleanup_free struct reports_run_file *files = xcalloc(record->n_files + 1, sizeof(*files));
    const struct reports_run_record longest = record_run_longest(record, files);
    cleanup_built json_t *object = record_object(&record_run, &longest, RECORD_ONLY);
    cleanup_free char *line = line_of(object);

    return line != NULL ? strlen(line) - 1 : 0;
}

int reports_jsonl_put_run(struct reports_out *out, const struct reports_run_record *record,
                          struct cupel_error *err)
{
    cleanup_built json_t *object = record_object(&record_run, record, RECORD_ONLY);
    cleanup_free char *line = line_of(object);
    off_t end = lseek(out->jsonlfd, 0, SEEK_END);
    bool alone = end == (off_t)out->run_width + (out->run_width > 0);
    size_t width = alone ? room_for_run(record) : out->run_width, n;
    int r = 0;

    if (line == NULL || width == 0)
        return out_fail(out, "write " OUT_JSONL " in", line == NULL || alone ? ENOMEM : EIO, err);
    n = strlen(line) - 1;
    if (n > width)
        return out_fail(out, "write the run's line of " OUT_JSONL " in", EOVERFLOW, err);
    if (alone && width < out->run_width)
        width = out->run_width; /* nothing is cut off: a reader may be at its end */
    line = xrealloc(line, width + 2);
    memset(line + n, ' ', width - n); /* JSON allows blanks between values, and so behind them */
    memcpy(line + width, "\n", 2);
    r = put_at_start(out->jsonlfd, line, width + 1);
    if (r == 0) {
        out->run_width = width;
        return 0;
    }
    if (alone && ftruncate(out->jsonlfd, 0) == 0)
        out->run_width = 0;
    return out_fail(out, "write " OUT_JSONL " in", r, err);
}

int reports_jsonl_write(int fd, const struct reports_result *result, struct cupel_error *err)
{
    cleanup_built json_t *job = job_object(result);
    cleanup_free char *line = line_of(job);
    int r = line != NULL ? file_write_all(fd, line, strlen(line)) : -ENOMEM;

    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot write the result") : 0;
}

int reports_jsonl_text(const struct reports_result *result, struct strbuf *to)
{
    cleanup_built json_t *job = job_object(result);
    int r = add_line(job, to);

    for (size_t i = 0; r == 0 && i < result->n_cases; i++) {
        cleanup_built json_t *step = NULL;

        if (result->cases[i].name == NULL)
            continue;
        step = step_object(result, &result->cases[i]);
        r = add_line(step, to);
    }
    return r;
}

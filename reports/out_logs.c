/* SPDX-License-Identifier: Apache-2.0 */
/* out_logs: the logs of a job as bytes: read to be kept for later runs, and put in place by one
 * that finds them kept. Not responsible for those of a job that runs (out.c). */
#include "reports/out.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static void log_name(const char *base, size_t log, char name[static OUT_LOG_NAME_SIZE])
{
    (void)snprintf(name, OUT_LOG_NAME_SIZE, "%s%s", base, out_log_suffixes[log]);
}

/* Opens a log that cupel has made; -ESTALE: that is no such file. */
static int open_log(const struct reports_out *out, const char *name, struct stat *ret_st)
{
    cleanup_close int fd =
        openat(out->logsfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, ret_st) < 0)
        return -errno;
    return S_ISREG(ret_st->st_mode) && ret_st->st_nlink == 1 ? steal_fd(&fd) : -ESTALE;
}

static int read_exactly(int fd, char *data, size_t n)
{
    for (size_t at = 0; at < n;) {
        ssize_t got = pread(fd, data + at, n - at, (off_t)at);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -errno : -EIO;
        at += (size_t)got;
    }
    return 0;
}

void reports_logs_free(struct reports_logs *logs)
{
    for (size_t i = 0; i < REPORTS_LOGS_KEPT; i++)
        free(logs->data[i]);
    *logs = (struct reports_logs){.data = {NULL}};
}

int reports_out_read_logs(const struct reports_out *out, const char *id,
                          const struct reports_result *result, bool talked, size_t max,
                          struct reports_logs *ret)
{
    const bool is_there[REPORTS_LOGS_KEPT] = {[REPORTS_LOG_STDOUT] = result->stdout_log != NULL,
                                              [REPORTS_LOG_STDERR] = result->stderr_log != NULL,
                                              [REPORTS_LOG_MERGED] = result->merged_log != NULL,
                                              [REPORTS_LOG_COUNT] = talked};
    char base[REPORTS_FILE_NAME_SIZE], name[OUT_LOG_NAME_SIZE];
    struct reports_logs logs = {.data = {NULL}};
    int r = 0;

    reports_file_name(id, base, sizeof(base));
    for (size_t i = 0; r == 0 && i < REPORTS_LOGS_KEPT; i++) {
        cleanup_close int fd = -EBADF;
        struct stat st;

        if (!is_there[i])
            continue;
        log_name(base, i, name);
        fd = open_log(out, name, &st);
        if (fd == -ENOENT && i == REPORTS_LOG_COUNT) /* nothing was said */
            continue;
        r = fd < 0 ? fd : (uint64_t)st.st_size > max ? -EFBIG : 0;
        if (r < 0)
            break;
        logs.len[i] = (size_t)st.st_size;
        max -= logs.len[i];
        logs.data[i] = xmalloc(logs.len[i] + 1);
        r = read_exactly(fd, logs.data[i], logs.len[i]);
    }
    if (r < 0)
        reports_logs_free(&logs);
    else
        *ret = logs;
    return r;
}

/* Whether what lies there is the very log. */
static bool is_the_log(const struct reports_out *out, const char *name, const char *data,
                       size_t len)
{
    struct stat st;
    cleanup_close int fd = open_log(out, name, &st);
    cleanup_free char *there = NULL;

    if (fd < 0 || (uint64_t)st.st_size != len)
        return false;
    there = xmalloc(len + 1);
    return read_exactly(fd, there, len) == 0 && memcmp(there, data, len) == 0;
}

/* A log that lies there already is left alone: making a file takes twenty times as long as looking
 * at one. */
int reports_out_put_logs(struct reports_out *out, const char *id, const struct reports_logs *logs,
                         struct cupel_error *err)
{
    char base[REPORTS_FILE_NAME_SIZE], name[OUT_LOG_NAME_SIZE];
    int r;

    reports_file_name(id, base, sizeof(base));
    for (size_t i = 0; i < REPORTS_LOGS_KEPT; i++) {
        cleanup_close int fd = -EBADF;

        log_name(base, i, name);
        if (logs->data[i] == NULL) {
            (void)file_remove_tree_at(out->logsfd, name);
            continue;
        }
        if (is_the_log(out, name, logs->data[i], logs->len[i]))
            continue;
        fd = outdir_make_file(out->logsfd, name, O_WRONLY, &out->owner);
        r = fd < 0 ? fd : file_write_all(fd, logs->data[i], logs->len[i]);
        if (r < 0)
            return out_fail(out, "write a log file in logs/ of", r, err);
    }
    r = file_remove_tree_at(out->artifactsfd, base);
    return r < 0 ? out_fail(out, "remove an earlier run's artifacts from", r, err) : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* coverage: see coverage.h. A figure that the job has chosen: it changes no verdict. What is read
 * is read by a confined child (ingest/), the output too: a pattern may take any time to match. */
#include "harness/attempt/coverage.h"

#include "harness/attempt/artifact_place.h"
#include "harness/attempt/test_files.h"
#include "harness/attempt/test_results.h"
#include "ingest/ingest.h"

#include <fcntl.h>
#include <sys/stat.h>

#define OUTPUT_LOOKED_AT ((off_t)16 << 20) /* the last bytes of each stream */

static void coverage_note(struct attempt_result *ret, const char *what, const char *why)
{
    cleanup_free char *raw = xasprintf("coverage: %s %s", what, why);
    struct strbuf text = {0};

    text_add_line(&text, raw);
    strings_add(&ret->notes, text.data);
}

/* Returns whether there is a figure, or there was something to remark upon. */
static bool coverage_read(struct attempt *a, enum ingest_coverage_kind kind, int fd,
                          const char *what, struct attempt_result *ret)
{
    struct cupel_error err;
    int r = ingest_coverage_load(kind, &err);

    if (r == 0) {
        sandbox_stage_libraries(true);
        r = ingest_coverage_read(kind, fd, a->job->coverage.pattern, a->ctx->run->dirfd,
                                 &ret->coverage_milli, &err);
        sandbox_stage_libraries(false);
    }
    ret->has_coverage = r > 0;
    if (r < 0)
        coverage_note(ret, what, err.message);
    return r != 0;
}

/* The log is the harness's own file; the descriptor that it is written by stays where it is. */
static bool coverage_of_stream(struct attempt *a, int which, struct attempt_result *ret)
{
    static const char *const names[] = {"standard output", "standard error"};
    cleanup_close int fd = -EBADF;
    char path[32];
    struct stat st;

    if (a->capture.log[which] < 0)
        return false;
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", a->capture.log[which]);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return false;
    if (st.st_size > OUTPUT_LOOKED_AT && lseek(fd, st.st_size - OUTPUT_LOOKED_AT, SEEK_SET) < 0)
        return false;
    return coverage_read(a, INGEST_COVERAGE_OUTPUT, fd, names[which], ret);
}

static void coverage_of_files(struct attempt *a, struct attempt_result *ret)
{
    const char **patterns = a->job->coverage.cobertura;
    cleanup_close int root = sandbox_open_root(a->ctx->stage, &a->sandbox);
    struct strings paths = {0};
    const char *unmatched;
    struct stat st;

    if (root >= 0 && test_files_find(root, a->job->workdir, patterns, &paths, &unmatched) == 0 &&
        paths.n == 1) {
        cleanup_close int fd = file_open_beneath(root, paths.items[0],
                                                 O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW, 0);

        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || artifact_is_kernels(fd) ||
            (uint64_t)st.st_size > INGEST_FILE_MAX)
            coverage_note(ret, paths.items[0], "cannot be read as a file of the job, up to 32 MiB");
        else if (!coverage_read(a, INGEST_COVERAGE_COBERTURA, fd, paths.items[0], ret))
            coverage_note(ret, paths.items[0], "has no figure");
    } else {
        coverage_note(ret, patterns[0],
                      paths.n > 1 ? "matches more than one file" : "matches no file");
    }
    strings_free(&paths);
}

void coverage_collect(struct attempt *a, struct attempt_result *ret)
{
    if (a->facts->started_ns == 0)
        return;
    if (a->job->coverage.cobertura != NULL)
        coverage_of_files(a, ret);
    else if (a->job->coverage.pattern != NULL && !coverage_of_stream(a, 0, ret) &&
             !coverage_of_stream(a, 1, ret))
        coverage_note(ret, "no line of the output", "matches, with a number from 0 to 100");
}

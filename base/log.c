/* SPDX-License-Identifier: Apache-2.0 */
/* log: remarks to standard error. Errors are not logged but returned (error.c). */
#include "base/base.h"
#include "base/redact.h"

#include <poll.h>

/* A reader that has stopped (Ctrl-S, a pager) must not stop a run: a remark waits so long for it. A
 * pipe that is ready takes PIPE_BUF bytes at once, which is more than one has. */
#define PATIENCE_MS 2000

static bool is_read(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};

    return poll(&p, 1, PATIENCE_MS) != 0;
}

void log_warning(const char *fmt, ...)
{
    char line[1024];
    cleanup_strbuf struct strbuf text = {0};
    cleanup_free char *own = NULL;
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    text_add_line(&text, redact_remark(line, &own));
    if (is_read(STDERR_FILENO))
        (void)fprintf(stderr, "cupel: warning: %s\n", text.data);
}

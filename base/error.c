/* SPDX-License-Identifier: Apache-2.0 */
/* error: the one error object. Not responsible for deciding what happens next: callers pass it up,
 * main prints it. */
#include "base/base.h"
#include "base/redact.h"

#include <string.h>

int cupel_error_set(struct cupel_error *err, enum cupel_error_kind kind, int errnum,
                    const char *fmt, ...)
{
    va_list ap;
    int n;

    errnum = errnum < 0 ? -errnum : errnum;
    err->kind = kind;
    err->errnum = errnum;
    err->by_author = false;
    err->hint[0] = '\0';
    va_start(ap, fmt);
    n = vsnprintf(err->message, sizeof(err->message), fmt, ap);
    va_end(ap);
    if (errnum != 0 && n >= 0 && (size_t)n < sizeof(err->message))
        (void)snprintf(err->message + n, sizeof(err->message) - (size_t)n, ": %s",
                       strerror(errnum));
    return errnum != 0 ? -errnum : -EINVAL;
}

void cupel_error_hint(struct cupel_error *err, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(err->hint, sizeof(err->hint), fmt, ap);
    va_end(ap);
}

void cupel_error_prefix(struct cupel_error *err, const char *fmt, ...)
{
    char old[sizeof(err->message)];
    va_list ap;
    int n;

    memcpy(old, err->message, sizeof(old));
    va_start(ap, fmt);
    n = vsnprintf(err->message, sizeof(err->message), fmt, ap);
    va_end(ap);
    /* what does not fit is the end of the old message */
    if (n >= 0 && (size_t)n + 3 < sizeof(err->message)) {
        size_t room = sizeof(err->message) - (size_t)n - 3, length = strnlen(old, room);

        memcpy(err->message + n, ": ", 2);
        memcpy(err->message + n + 2, old, length);
        err->message[(size_t)n + 2 + length] = '\0';
    }
}

void cupel_error_print(const struct cupel_error *err, FILE *stream)
{
    cleanup_strbuf struct strbuf text = {0};
    cleanup_free char *message = NULL, *hint = NULL;

    strbuf_adds(&text, "cupel: error: ");
    text_add_line(&text, redact_remark(err->message, &message));
    if (err->hint[0] != '\0') {
        strbuf_adds(&text, "\n  hint: ");
        text_add_line(&text, redact_remark(err->hint, &hint));
    }
    (void)fprintf(stream, "%s\n", text.data);
}

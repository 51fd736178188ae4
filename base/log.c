/* log: remarks to standard error. Errors are not logged but returned (error.c). */
#include "base/base.h"

void log_warning(const char *fmt, ...)
{
    char line[1024];
    cleanup_strbuf struct strbuf text = {0};
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    text_add_line(&text, line);
    (void)fprintf(stderr, "cupel: warning: %s\n", text.data);
}

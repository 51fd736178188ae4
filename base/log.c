/* log: remarks to standard error. Errors are not logged but returned (error.c). */
#include "base/base.h"

void log_warning(const char *fmt, ...)
{
    char line[1024];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    (void)fprintf(stderr, "cupel: warning: %s\n", line);
}

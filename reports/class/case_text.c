/* SPDX-License-Identifier: Apache-2.0 */
/* case_text: see case_text.h. Not responsible for whether it may be seen. */
#include "reports/class/case_text.h"

#include "reports/class/page.h"

static void add_line(struct strbuf *to, const char *before, const char *text)
{
    if (text != NULL && *text != '\0')
        strbuf_addf(to, "%s%s\n", before, text);
}

void case_text_add(struct strbuf *to, const struct class_case *c)
{
    add_line(to, "", reports_verdict_name(c->verdict));
    add_line(to, "", c->evidence);
    add_line(to, "The checker says: ", c->for_all);
    if (c->verdict != REPORTS_PASSED)
        add_line(to, "Hint: ", c->hint);
}

static void add_stream(struct strbuf *to, const char *what, int logs, const char *path, size_t max)
{
    cleanup_strbuf struct strbuf text = {0};

    if (printed_read(logs, path, max, &text))
        strbuf_addf(to, "%s:\n%s\n", what, text.data);
}

void case_text_add_printed(struct strbuf *to, const struct class_case *c, int logs)
{
    if (c->verdict == REPORTS_PASSED || c->verdict == REPORTS_NOT_RUN)
        return;
    add_stream(to, "Standard output", logs, c->stdout_log, PRINTED_OF_CASE);
    add_stream(to, "Standard error", logs, c->stderr_log, PRINTED_OF_CASE);
}

void case_text_add_before(struct strbuf *to, const struct class_view *v, int logs)
{
    add_line(to, "", v->before_reason);
    if (!v->has_compile_log)
        return;
    add_stream(to, "The compiler says", logs, v->of->before->stderr_log, PRINTED_OF_COMPILER);
    add_stream(to, "Standard output", logs, v->of->before->stdout_log, PRINTED_OF_COMPILER);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* page: see page.h. Not responsible for what a page says. */
#include "reports/class/page.h"

#include "base/weaken.h"
#include "reports/model.h"
#include "reports/report_text.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static const char style[] =
    ":root{color-scheme:light dark}body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;"
    "max-width:75rem;padding:0 1rem}table{border-collapse:collapse}th,td{border:1px solid #8886;"
    "padding:.2rem .5rem;text-align:left;vertical-align:top}td.n,th.n{text-align:right}"
    "thead th{position:sticky;top:0;background:Canvas}pre{overflow:auto;padding:.5rem;"
    "border:1px solid #8886;white-space:pre-wrap}.pass{background:#2a82}.bad{background:#d332}"
    ".none{background:#8882}.ungraded{background:#c3c3}.bar{display:inline-block;height:.8em;"
    "background:#48c}h2{margin-top:2rem}";

void page_text(struct strbuf *to, const char *text)
{
    cleanup_strbuf struct strbuf plain = {0};
    const char *p;

    if (weakened("escape-html")) {
        strbuf_adds(to, text);
        return;
    }
    text_escape(&plain, text, strlen(text), TEXT_XML);
    for (p = plain.data; *p != '\0';) {
        size_t n = strcspn(p, "&<>\"'");

        strbuf_add(to, p, n);
        p += n;
        if (*p != '\0')
            strbuf_addf(to, "&#%d;", *p++);
    }
}

void page_begin(struct strbuf *to, const char *title)
{
    strbuf_adds(to, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                    "style-src 'unsafe-inline'\"><meta name=\"viewport\" "
                    "content=\"width=device-width\"><meta name=\"referrer\" "
                    "content=\"no-referrer\"><title>");
    page_text(to, title);
    strbuf_addf(to, "</title><style>%s</style></head><body>\n<h1>", style);
    page_text(to, title);
    strbuf_adds(to, "</h1>\n");
}

void page_end(struct strbuf *to)
{
    strbuf_adds(to, "</body></html>\n");
}

void page_paragraph(struct strbuf *to, const char *before, const char *text)
{
    if (text == NULL || *text == '\0')
        return;
    strbuf_addf(to, "<p>%s", before);
    page_text(to, text);
    strbuf_adds(to, "</p>\n");
}

const char *page_kind(enum reports_verdict verdict)
{
    return verdict == REPORTS_PASSED          ? "pass"
           : verdict == REPORTS_NOT_RUN       ? "none"
           : reports_verdict_is_fair(verdict) ? "bad"
                                              : "ungraded";
}

void page_points(struct strbuf *to, uint64_t points)
{
    char buf[MODEL_NUMBER_SIZE];

    if (points != CLASS_UNKNOWN)
        strbuf_adds(to, model_points(points, buf));
}

/* Takes the bytes of a letter that was cut in two off the end. */
static void cut_whole(struct strbuf *b, size_t from)
{
    size_t n = b->len;
    uint32_t c;

    while (n > from && ((unsigned char)b->data[n - 1] & 0xc0) == 0x80 && b->len - n < 4)
        n--;
    if (n == from || (unsigned char)b->data[n - 1] < 0xc0)
        return;
    if (text_decode((const unsigned char *)b->data + n - 1, b->len - n + 1, &c) != 0)
        return;
    b->len = n - 1;
    b->data[b->len] = '\0';
}

bool printed_read(int logs, const char *path, size_t max, struct strbuf *to)
{
    cleanup_close int fd = -EBADF;
    char buf[4096];
    struct stat st;
    size_t from = to->len, got = 0;

    if (logs < 0 || path == NULL)
        return false;
    fd = file_open_beneath(logs, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return false;
    while (got < max) {
        size_t left = max - got;
        ssize_t n = read(fd, buf, left < sizeof(buf) ? left : sizeof(buf));

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        for (ssize_t i = 0; i < n; i++)
            buf[i] = buf[i] != '\0' ? buf[i] : '\x01'; /* a text ends at a NUL; shown as \x01 */
        strbuf_add(to, buf, (size_t)n);
        got += (size_t)n;
    }
    if ((uint64_t)st.st_size > got && got > 0) {
        cut_whole(to, from);
        strbuf_addf(to, "\n[... %lld more bytes]",
                    (long long)st.st_size - (long long)(to->len - from));
    }
    return got > 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* tests: see tests.h. */
#include "reports/tests.h"

#include <string.h>

#define SOURCE 'R'
#define FLAKY 'Y'
#define NUMBER_MAX ((size_t)20)

/* What stands for an outcome: a capital letter before the texts, a small one alone. */
static const struct {
    const char *name;
    char listed, counted;
} outcomes[REPORTS_TEST_OUTCOME_COUNT] = {
    [REPORTS_TEST_PASSED] = {"passed", 'P', 'p'},
    [REPORTS_TEST_FAILED] = {"failed", 'F', 'f'},
    [REPORTS_TEST_ERROR] = {"error", 'E', 'e'},
    [REPORTS_TEST_SKIPPED] = {"skipped", 'S', 's'},
};

const char *reports_test_outcome_name(enum reports_test_outcome o)
{
    return (unsigned)o < REPORTS_TEST_OUTCOME_COUNT ? outcomes[o].name : "error";
}

uint64_t reports_tests_sum(const uint64_t counts[REPORTS_TEST_OUTCOME_COUNT])
{
    uint64_t sum = 0;

    for (size_t i = 0; i < REPORTS_TEST_OUTCOME_COUNT; i++)
        sum += counts[i];
    return sum;
}

/* ---- writing ---- */

bool reports_tests_room(enum reports_test_outcome outcome, size_t bytes)
{
    size_t most = outcome == REPORTS_TEST_PASSED ? REPORTS_TESTS_PLENTY : REPORTS_TESTS_BYTES;
    size_t one = 3 * REPORTS_TEST_NAME_MAX + REPORTS_TEST_MESSAGE_MAX + REPORTS_TEST_DETAILS_MAX +
                 2 * NUMBER_MAX + 16;

    return bytes + one <= most;
}

/* Adds so much of a text as it may have, which ends with a whole character. No dots: what stands at
 * the end may be the beginning of a secret (base/redact.h). */
static void tests_put_text(struct strbuf *to, const char *text, size_t max)
{
    size_t n = text != NULL ? strlen(text) : 0, cut = n;

    if (n > max) {
        cut = max;
        while (cut > 0 && ((unsigned char)text[cut] & 0xc0) == 0x80)
            cut--;
    }
    strbuf_add(to, n > 0 ? text : "", cut);
    strbuf_add(to, "", 1);
}

static void tests_put_number(struct strbuf *to, uint64_t n, bool known)
{
    if (known)
        strbuf_addf(to, "%llu", (unsigned long long)n);
    strbuf_add(to, "", 1);
}

void reports_tests_put(struct strbuf *to, const struct reports_test_case *c)
{
    char letter = c->counted ? outcomes[c->outcome].counted : outcomes[c->outcome].listed;

    if (c->flaky)
        strbuf_add(to, &(const char){FLAKY}, 1);
    strbuf_add(to, &letter, 1);
    if (c->counted)
        return;
    tests_put_number(to, c->time_ns, c->time_ns != REPORTS_TEST_NO_TIME);
    tests_put_number(to, c->line, c->line != 0);
    tests_put_text(to, c->group, REPORTS_TEST_NAME_MAX);
    tests_put_text(to, c->name, REPORTS_TEST_NAME_MAX);
    tests_put_text(to, c->file, REPORTS_TEST_NAME_MAX);
    tests_put_text(to, c->message, REPORTS_TEST_MESSAGE_MAX);
    tests_put_text(to, c->details, REPORTS_TEST_DETAILS_MAX);
}

void reports_tests_put_source(struct strbuf *to, const char *path)
{
    strbuf_add(to, &(const char){SOURCE}, 1);
    tests_put_text(to, path, REPORTS_TEST_NAME_MAX);
}

/* ---- reading ---- */

/* The next text, of at most `max` bytes; NULL: there is none. */
static const char *tests_take_text(struct reports_test_cursor *c, size_t max)
{
    size_t left = (size_t)(c->end - c->at);
    const char *text = c->at, *nul = memchr(text, '\0', left < max + 1 ? left : max + 1);

    if (nul == NULL)
        return NULL;
    c->at = nul + 1;
    return text;
}

/* A number or nothing; false: neither. */
static bool tests_take_number(struct reports_test_cursor *c, uint64_t max, uint64_t otherwise,
                              uint64_t *ret)
{
    const char *text = tests_take_text(c, NUMBER_MAX);
    char *end;

    if (text == NULL)
        return false;
    *ret = otherwise;
    if (*text == '\0')
        return true;
    if (text[strspn(text, "0123456789")] != '\0')
        return false;
    errno = 0;
    *ret = strtoull(text, &end, 10);
    return errno == 0 && *ret <= max;
}

static int take_listed(struct reports_test_cursor *cursor, struct reports_test_case *ret)
{
    uint64_t line;

    if (!tests_take_number(cursor, UINT64_MAX - 1, REPORTS_TEST_NO_TIME, &ret->time_ns) ||
        !tests_take_number(cursor, UINT32_MAX, 0, &line))
        return -EBADMSG;
    ret->line = (uint32_t)line;
    ret->group = tests_take_text(cursor, REPORTS_TEST_NAME_MAX);
    ret->name = ret->group != NULL ? tests_take_text(cursor, REPORTS_TEST_NAME_MAX) : NULL;
    ret->file = ret->name != NULL ? tests_take_text(cursor, REPORTS_TEST_NAME_MAX) : NULL;
    ret->message = ret->file != NULL ? tests_take_text(cursor, REPORTS_TEST_MESSAGE_MAX) : NULL;
    ret->details = ret->message != NULL ? tests_take_text(cursor, REPORTS_TEST_DETAILS_MAX) : NULL;
    return ret->details != NULL ? 1 : -EBADMSG;
}

int reports_tests_next(struct reports_test_cursor *cursor, struct reports_test_case *ret)
{
    *ret = (struct reports_test_case){.time_ns = REPORTS_TEST_NO_TIME,
                                      .group = "",
                                      .name = "",
                                      .file = "",
                                      .message = "",
                                      .details = ""};
    if (cursor->source == NULL)
        cursor->source = "";
    while (cursor->at < cursor->end && *cursor->at == SOURCE) {
        cursor->at++;
        cursor->source = tests_take_text(cursor, REPORTS_TEST_NAME_MAX);
        if (cursor->source == NULL)
            return -EBADMSG;
    }
    if (cursor->at == cursor->end)
        return 0;
    if (*cursor->at == FLAKY && ++cursor->at < cursor->end)
        ret->flaky = true;
    for (enum reports_test_outcome o = 0; o < REPORTS_TEST_OUTCOME_COUNT; o++) {
        if (cursor->at == cursor->end ||
            (*cursor->at != outcomes[o].listed && *cursor->at != outcomes[o].counted))
            continue;
        ret->outcome = o;
        ret->counted = *cursor->at++ == outcomes[o].counted;
        return ret->counted ? 1 : take_listed(cursor, ret);
    }
    return -EBADMSG;
}

int reports_tests_check(struct reports_tests *t)
{
    struct reports_test_cursor cursor = {.at = t->data, .end = t->data + t->length};
    struct reports_test_case c;
    int r;

    memset(t->listed, 0, sizeof(t->listed));
    while ((r = reports_tests_next(&cursor, &c)) > 0) {
        if (c.counted)
            return -EBADMSG;
        t->listed[c.outcome]++;
    }
    for (size_t i = 0; i < REPORTS_TEST_OUTCOME_COUNT; i++)
        if (t->listed[i] > t->all[i])
            return -EBADMSG;
    return r;
}

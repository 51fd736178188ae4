/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_ingest: any bytes as the results of a job's own tests, in every format; and any bytes as
 * what a confined reader says, whom they may have taken over. Input: a byte for the format, then
 * the file. */
#include "fuzz.h"

#include "ingest/libxml_sax.h"
#include "ingest/readers.h"

static void check_test(const struct reports_test_case *c)
{
    FUZZ_EXPECT((unsigned)c->outcome < REPORTS_TEST_OUTCOME_COUNT);
    FUZZ_EXPECT(strlen(c->group) <= REPORTS_TEST_NAME_MAX);
    FUZZ_EXPECT(strlen(c->name) <= REPORTS_TEST_NAME_MAX);
    FUZZ_EXPECT(strlen(c->file) <= REPORTS_TEST_NAME_MAX);
    FUZZ_EXPECT(strlen(c->message) <= REPORTS_TEST_MESSAGE_MAX);
    FUZZ_EXPECT(strlen(c->details) <= REPORTS_TEST_DETAILS_MAX);
}

/* Reads records to their end, and writes them again: they are the same. *ret is how many. */
static int check_records(const char *data, size_t n, uint64_t *ret)
{
    struct reports_test_cursor cursor = {.at = data, .end = data + n};
    struct strbuf again = {0};
    struct reports_test_case c;
    int r;

    *ret = 0;
    while ((r = reports_tests_next(&cursor, &c)) > 0) {
        check_test(&c);
        reports_tests_put(&again, &c);
        ++*ret;
    }
    FUZZ_EXPECT(again.len <= n + 64 * *ret);
    strbuf_free(&again);
    return r;
}

/* Whatever it finds is a percentage. */
static void check_coverage(const uint8_t *data, size_t size)
{
    struct ingest_source from = {.fd = -EBADF, .data = (const char *)data, .left = size},
                         again = from;
    struct ingest_coverage printed = {0}, filed = {0};
    struct strbuf unused = {0};
    struct ingest_cases wrong = {.reply = &unused};

    ingest_coverage_output(&from, "([0-9]+[.,]?[0-9]*)%", &printed);
    ingest_coverage_cobertura(&again, &wrong, &filed);
    FUZZ_EXPECT(printed.milli <= 100000 && filed.milli <= 100000);
    FUZZ_EXPECT(unused.len == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static ingest_reader *const readers[] = {ingest_junit, ingest_tap, ingest_ctrf};
    struct fuzz_input in = {data, size};
    struct cupel_error err;
    struct strbuf reply = {0};
    struct ingest_source from = {.fd = -EBADF};
    struct ingest_cases to = {.reply = &reply};
    uint64_t n;

    FUZZ_EXPECT(libxml_sax_load(&err) == 0);
    if (size == 0) /* libFuzzer gives no address then */
        return 0;
    strbuf_add(&reply, "", 0);
    (void)check_records((const char *)data, size, &n);
    from.data = (const char *)in.data + 1;
    from.left = size - 1;
    readers[fuzz_byte(&in) % ARRAY_SIZE(readers)](&from, &to);
    /* what the reader writes is understood, and is as many cases as it says */
    FUZZ_EXPECT(check_records(reply.data, reply.len, &n) == 0 && n == to.n);
    FUZZ_EXPECT(to.why[0] == '\0' || strlen(to.why) < sizeof(to.why));
    check_coverage(data, size);
    strbuf_free(&reply);
    return 0;
}

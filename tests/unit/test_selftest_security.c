/* SPDX-License-Identifier: Apache-2.0 */
/* test_selftest_security: SECURITY.md names, with each promise, the probes that the table of the
 * selftest has for it. */
#include "harness/selftest/selftest_private.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The last column of the promise's row: its probes. */
static char *probes_of(const char *text, unsigned promise)
{
    cleanup_free char *begin = xasprintf("\n| %u | ", promise);
    const char *row = strstr(text, begin), *column = row;

    if (row == NULL)
        fail_msg("SECURITY.md has no row of promise %u", promise);
    for (unsigned i = 0; i < 3; i++)
        column = strchr(column, '|') + 1;
    return strndup(column, strcspn(column, "\n"));
}

static const struct selftest_probe *find_probe(const char *name, size_t n)
{
    for (size_t i = 0; i < probe_count; i++)
        if (strlen(probe_table[i].name) == n && strncmp(probe_table[i].name, name, n) == 0)
            return &probe_table[i];
    return NULL;
}

static void check_promise(const char *probes, unsigned promise)
{
    size_t named = 0, kept = 0;

    for (const char *p = strchr(probes, '`'); p != NULL; p = strchr(p, '`')) {
        size_t n = strcspn(++p, "`");
        const struct selftest_probe *probe = find_probe(p, n);

        if (probe == NULL && !str_starts(p, "tests/"))
            fail_msg("SECURITY.md names what is no probe, with promise %u: %.*s", promise, (int)n,
                     p);
        if (probe != NULL && !probe_keeps(probe, promise))
            fail_msg("%s is no probe of promise %u", probe->name, promise);
        named += probe != NULL;
        p += n + 1;
    }
    for (size_t i = 0; i < probe_count; i++)
        kept += probe_keeps(&probe_table[i], promise);
    if (named != kept)
        fail_msg("SECURITY.md names %zu of the %zu probes of promise %u", named, kept, promise);
}

static void test_every_probe_is_named(void **state)
{
    cleanup_free char *text = NULL;
    size_t len;

    (void)state;
    assert_int_equal(file_read_at(AT_FDCWD, "../../SECURITY.md", 1 << 20, &text, &len), 0);
    for (unsigned promise = 1; promise <= PROMISES; promise++) {
        cleanup_free char *probes = probes_of(text, promise);

        check_promise(probes, promise);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_probe_is_named)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

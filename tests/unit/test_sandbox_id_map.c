/* SPDX-License-Identifier: Apache-2.0 */
/* id_map: the text of a map gives each id of a file system at most one id of the job, the changed
 * one among them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "harness/sandbox/sandbox.h"
#include "harness/sandbox/slot/id_map.h"

#define COUNT SANDBOX_ID_COUNT

/* What of the file system becomes which of the job; COUNT: nothing. Fails where two ids become one.
 */
static void read_map(const char *text, uint32_t on_disk, uint32_t id_base,
                     uint32_t job_of[static COUNT], uint32_t *ret_of_far, uint32_t far)
{
    static bool taken[COUNT];
    unsigned disk, job, n;
    int used;

    memset(taken, 0, sizeof(taken));
    *ret_of_far = COUNT;
    for (uint32_t i = 0; i < COUNT; i++)
        job_of[i] = COUNT;
    for (; sscanf(text, "%u %u %u\n%n", &disk, &job, &n, &used) == 3; text += used)
        for (uint32_t i = 0; i < n; i++) {
            uint32_t d = disk + i - on_disk, j = job + i - id_base;

            assert_true(j < COUNT);
            assert_false(taken[j]);
            taken[j] = true;
            if (d == far)
                *ret_of_far = j;
            if (d < COUNT)
                job_of[d] = j;
        }
    assert_string_equal(text, "");
}

static void check(uint32_t on_disk, uint32_t id_base, uint32_t from, uint32_t to)
{
    static uint32_t job_of[COUNT];
    uint32_t of_from;
    cleanup_free char *text = id_map_text(on_disk, id_base, (struct id_change){from, to});

    read_map(text, on_disk, id_base, job_of, &of_from, from);
    assert_int_equal(of_from, to);
    if (from < COUNT)
        assert_int_equal(job_of[to], from);
    else
        assert_int_equal(job_of[to], to == 65534 ? 65533 : 65534);
    for (uint32_t i = 0; i < COUNT; i++)
        if (i != from && i != to && (from < COUNT || (i != 65534 && i != 65533)))
            assert_int_equal(job_of[i], i);
}

static void test_maps(void **state)
{
    static const uint32_t ids[] = {0, 1, 2, 1000, 65533, 65534, 65535};
    static const uint32_t far[] = {65536, 70000, 4000000000u};

    (void)state;
    for (size_t to = 0; to < ARRAY_SIZE(ids); to++) {
        for (size_t from = 0; from < ARRAY_SIZE(ids); from++) {
            check(0, 1879048192, ids[from], ids[to]);
            check(1879113728, 0, ids[from], ids[to]);
        }
        for (size_t from = 0; from < ARRAY_SIZE(far); from++)
            check(0, 1879048192, far[from], ids[to]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_maps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

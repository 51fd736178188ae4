/* SPDX-License-Identifier: Apache-2.0 */
/* test_doctor_report: the two forms of the report, of findings that are made up. */
#include "harness/doctor/doctor_private.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct doctor_row sample_rows[] = {
    {"one", "first", "every job", true, false, {DOCTOR_WORKS, "seen", ""}},
    {"two", "the second", "limits: memory", true, false, {DOCTOR_DEGRADED, "half", "do this"}},
    {"three", "third", "rootfs: x", false, false, {DOCTOR_MISSING, "not in PATH", "install it"}},
    {"four", "fourth", "every job", true, false, {DOCTOR_WORKS, "", ""}},
    {"five", "fifth", "limits: disk", false, true, {DOCTOR_MISSING, "no", "get it"}},
};
static const struct doctor_report sample = {ARRAY_SIZE(sample_rows), sample_rows};

static char *print_sample(bool json, bool colour)
{
    char *text = NULL;
    size_t len = 0;
    FILE *stream = open_memstream(&text, &len);

    assert_non_null(stream);
    assert_int_equal(
        json ? doctor_print_json(&sample, stream) : doctor_print(&sample, stream, colour), 0);
    assert_int_equal(fclose(stream), 0);
    return text;
}

static void test_text(void **state)
{
    cleanup_free char *text = print_sample(false, false);

    (void)state;
    assert_string_equal(text,
                        "works     first       every job       seen\n"
                        "degraded  the second  limits: memory\n"
                        "          half; to get it: do this\n"
                        "missing   third       rootfs: x\n"
                        "          not in PATH; to get it: install it\n"
                        "works     fourth      every job\n"
                        "missing   fifth       limits: disk\n"
                        "          no; to get it: get it\n"
                        "\n"
                        "cupel run can work on this host; it refuses jobs that need: third.\n");
}

/* Colours do not change the alignment. */
static void test_colour(void **state)
{
    cleanup_free char *text = print_sample(false, true), *plain = print_sample(false, false);
    char *to = text;

    (void)state;
    assert_non_null(strstr(text, "\033[32mworks\033[0m     first"));
    assert_non_null(strstr(text, "\033[31mmissing\033[0m   third"));
    assert_null(strchr(plain, '\033'));
    for (const char *from = text; *from != '\0'; from++) {
        if (*from == '\033')
            from += strcspn(from, "m");
        else
            *to++ = *from;
    }
    *to = '\0';
    assert_string_equal(text, plain);
}

static void test_only_required_and_missing_forbids_a_run(void **state)
{
    cleanup_free char *text = NULL;

    (void)state;
    assert_true(doctor_can_run(&sample));
    sample_rows[0].finding.state = DOCTOR_MISSING;
    assert_false(doctor_can_run(&sample));
    text = print_sample(false, false);
    sample_rows[0].finding.state = DOCTOR_WORKS;
    assert_non_null(strstr(text, "\ncupel run cannot work on this host, for want of: first.\n"));
}

static void test_json(void **state)
{
    cleanup_free char *text = NULL;
    json_t *root, *row;

    (void)state;
    (void)snprintf(sample_rows[2].finding.detail, sizeof(sample_rows[2].finding.detail), "caf\xe9");
    text = print_sample(true, false);
    (void)snprintf(sample_rows[2].finding.detail, sizeof(sample_rows[2].finding.detail),
                   "not in PATH");
    root = json_loads(text, 0, NULL);
    assert_non_null(root);
    assert_true(json_is_true(json_object_get(root, "can_run")));
    assert_int_equal(json_array_size(json_object_get(root, "capabilities")), 5);
    row = json_array_get(json_object_get(root, "capabilities"), 2);
    assert_string_equal(json_string_value(json_object_get(row, "id")), "three");
    assert_string_equal(json_string_value(json_object_get(row, "state")), "missing");
    assert_true(json_is_false(json_object_get(row, "required")));
    assert_string_equal(json_string_value(json_object_get(row, "needed_by")), "rootfs: x");
    assert_string_equal(json_string_value(json_object_get(row, "detail")), "caf?");
    assert_string_equal(json_string_value(json_object_get(row, "remedy")), "install it");
    json_decref(root);
}

static void test_full_disk_is_an_error(void **state)
{
    FILE *full = fopen("/dev/full", "we");

    (void)state;
    assert_non_null(full);
    assert_true(doctor_print(&sample, full, false) < 0);
    (void)fclose(full);
    full = fopen("/dev/full", "we");
    assert_non_null(full);
    assert_true(doctor_print_json(&sample, full) < 0);
    (void)fclose(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_colour),
        cmocka_unit_test(test_only_required_and_missing_forbids_a_run),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_full_disk_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* test_base_error: the error object: what it says, what it returns, and that nothing overruns it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>

#include "base/base.h"

static void test_set_says_what_and_why(void **state)
{
    struct cupel_error err;

    (void)state;
    memset(&err, 0xff, sizeof(err));
    assert_int_equal(cupel_error_set(&err, CUPEL_ERROR_HARNESS, ENOENT, "cannot open %s", "/x"),
                     -ENOENT);
    assert_int_equal(err.kind, CUPEL_ERROR_HARNESS);
    assert_int_equal(err.errnum, ENOENT);
    assert_string_equal(err.message, "cannot open /x: No such file or directory");
    assert_string_equal(err.hint, "");
}

static void test_sign_of_errno_does_not_matter(void **state)
{
    struct cupel_error err;

    (void)state;
    assert_int_equal(cupel_error_set(&err, CUPEL_ERROR_HARNESS, -EPERM, "x"), -EPERM);
    assert_int_equal(err.errnum, EPERM);
    assert_string_equal(err.message, "x: Operation not permitted");
}

static void test_without_errno(void **state)
{
    struct cupel_error err;

    (void)state;
    assert_int_equal(cupel_error_set(&err, CUPEL_ERROR_INPUT, 0, "unknown key '%s'", "a"), -EINVAL);
    assert_int_equal(err.errnum, 0);
    assert_int_equal(err.kind, CUPEL_ERROR_INPUT);
    assert_string_equal(err.message, "unknown key 'a'");
}

static void test_new_error_forgets_the_old_hint(void **state)
{
    struct cupel_error err;

    (void)state;
    (void)cupel_error_set(&err, CUPEL_ERROR_INPUT, 0, "first");
    cupel_error_hint(&err, "do %d things", 2);
    assert_string_equal(err.hint, "do 2 things");
    (void)cupel_error_set(&err, CUPEL_ERROR_INPUT, 0, "second");
    assert_string_equal(err.hint, "");
}

/* A struct with a fence behind it: what is too long is cut, never written past the end. */
static void test_long_messages_are_cut(void **state)
{
    struct {
        struct cupel_error err;
        unsigned char fence[64];
    } s;
    char text[4096];

    (void)state;
    memset(&s, 0x5a, sizeof(s));
    memset(text, 'a', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(cupel_error_set(&s.err, CUPEL_ERROR_HARNESS, EIO, "%s", text), -EIO);
    assert_int_equal(strlen(s.err.message), sizeof(s.err.message) - 1);
    cupel_error_hint(&s.err, "%s", text);
    assert_int_equal(strlen(s.err.hint), sizeof(s.err.hint) - 1);
    cupel_error_prefix(&s.err, "%s", text);
    assert_int_equal(strlen(s.err.message), sizeof(s.err.message) - 1);
    /* room for a part of the errno's text only */
    text[sizeof(s.err.message) - 5] = '\0';
    (void)cupel_error_set(&s.err, CUPEL_ERROR_HARNESS, EIO, "%s", text);
    assert_int_equal(strlen(s.err.message), sizeof(s.err.message) - 1);
    assert_string_equal(s.err.message + sizeof(s.err.message) - 5, ": In");
    for (size_t i = 0; i < sizeof(s.fence); i++)
        assert_int_equal(s.fence[i], 0x5a);
}

static void test_prefix_keeps_what_was_said(void **state)
{
    struct cupel_error err;
    char text[sizeof(err.message)];

    (void)state;
    (void)cupel_error_set(&err, CUPEL_ERROR_HARNESS, EACCES, "cannot open x");
    cupel_error_hint(&err, "run as root");
    cupel_error_prefix(&err, "root '%s'", "bookworm");
    assert_string_equal(err.message, "root 'bookworm': cannot open x: Permission denied");
    assert_string_equal(err.hint, "run as root");
    assert_int_equal(err.errnum, EACCES);
    /* the end of the old message is what gives way */
    memset(text, 'o', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    (void)cupel_error_set(&err, CUPEL_ERROR_HARNESS, 0, "%s", text);
    cupel_error_prefix(&err, "pre");
    assert_int_equal(strlen(err.message), sizeof(err.message) - 1);
    assert_memory_equal(err.message, "pre: ooo", 8);
}

static char *printed(const struct cupel_error *err)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);

    assert_non_null(f);
    cupel_error_print(err, f);
    assert_int_equal(fclose(f), 0);
    return text;
}

static void test_print(void **state)
{
    struct cupel_error err;
    cleanup_free char *plain = NULL, *hinted = NULL;

    (void)state;
    (void)cupel_error_set(&err, CUPEL_ERROR_INPUT, 0, "50%% of %s", "%s%n");
    plain = printed(&err);
    assert_string_equal(plain, "cupel: error: 50% of %s%n\n");
    cupel_error_hint(&err, "try again");
    hinted = printed(&err);
    assert_string_equal(hinted, "cupel: error: 50% of %s%n\n  hint: try again\n");
}

static void test_cleanup_keeps_errno_and_steal_empties(void **state)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), taken, nothing = -EBADF;
    char *p = xstrdup("x"), *q = steal_ptr(p);
    FILE *f = fdopen(open("/dev/null", O_RDONLY | O_CLOEXEC), "r"), *no_stream = NULL;

    (void)state;
    assert_null(p);
    assert_string_equal(q, "x");
    free(q);
    taken = steal_fd(&fd);
    assert_int_equal(fd, -EBADF);
    assert_true(fcntl(taken, F_GETFD) >= 0);
    errno = ENOTTY;
    base_closep(&taken);
    base_closep(&nothing);
    base_fclosep(&f);
    base_fclosep(&no_stream);
    assert_int_equal(errno, ENOTTY);
    assert_int_equal(fcntl(taken, F_GETFD), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_says_what_and_why),
        cmocka_unit_test(test_sign_of_errno_does_not_matter),
        cmocka_unit_test(test_without_errno),
        cmocka_unit_test(test_new_error_forgets_the_old_hint),
        cmocka_unit_test(test_long_messages_are_cut),
        cmocka_unit_test(test_prefix_keeps_what_was_said),
        cmocka_unit_test(test_print),
        cmocka_unit_test(test_cleanup_keeps_errno_and_steal_empties),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

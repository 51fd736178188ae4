/* SPDX-License-Identifier: Apache-2.0 */
/* test_base_memory: arenas give zeroed, aligned memory that does not move, and allocation that
 * cannot fail ends the process in the documented way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/base.h"

static void test_arena_is_zeroed_aligned_and_stays(void **state)
{
    enum { N = 3000 };
    static unsigned char *blocks[N];
    static size_t sizes[N];
    struct arena *a = arena_new();

    (void)state;
    for (size_t i = 0; i < N; i++) {
        sizes[i] = i % 61 == 0 ? 20000 + i : i % 37; /* some larger than a block, some empty */
        blocks[i] = arena_alloc(a, sizes[i]);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % 16, 0);
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(blocks[i][k], 0);
        memset(blocks[i], (int)(i % 251) + 1, sizes[i]);
    }
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(blocks[i][k], i % 251 + 1);
    arena_free(a);
    arena_free(NULL);
}

/* Exactly a block, a byte less and a byte more. */
static void test_arena_block_edges(void **state)
{
    (void)state;
    for (size_t size = 16 * 1024 - 17; size <= 16 * 1024 + 17; size++) {
        struct arena *a = arena_new();
        char *p = arena_alloc(a, size), *q = arena_alloc(a, 16);

        memset(p, 'p', size);
        memset(q, 'q', 16);
        assert_int_equal(p[size - 1], 'p');
        assert_int_equal(q[0], 'q');
        arena_free(a);
    }
}

static void test_arena_strings(void **state)
{
    struct arena *a = arena_new();
    char *cut = arena_strndup(a, "abcdef", 3), *whole = arena_strdup(a, "abcdef"),
         *empty = arena_strdup(a, "");
    char *bytes = arena_strndup(a, "a\0b", 3), *long_one;

    (void)state;
    assert_string_equal(cut, "abc");
    assert_string_equal(whole, "abcdef");
    assert_string_equal(empty, "");
    assert_memory_equal(bytes, "a\0b", 4);
    assert_string_equal(arena_printf(a, "%s-%d", whole, 7), "abcdef-7");
    long_one = arena_printf(a, "%0100000d", 1);
    assert_int_equal(strlen(long_one), 100000);
    assert_string_equal(arena_printf(a, "%s", ""), "");
    arena_free(a);
}

/* What lived in either lives in the one that is left, whichever of them was empty. */
static void test_arena_join(void **state)
{
    (void)state;
    for (int which = 0; which < 4; which++) {
        struct arena *a = arena_new(), *b = arena_new();
        char *one = which & 1 ? arena_strdup(a, "one") : NULL,
             *two = which & 2 ? arena_strdup(b, "two") : NULL;
        char *large = which & 2 ? arena_printf(b, "%0100000d", 2) : NULL, *three;

        arena_join(a, b);
        three = arena_strdup(a, "three");
        for (int i = 0; i < 1000; i++)
            assert_string_equal(arena_printf(a, "%d filler", 7), "7 filler");
        if (one != NULL)
            assert_string_equal(one, "one");
        if (two != NULL)
            assert_string_equal(two, "two");
        if (large != NULL)
            assert_int_equal(strlen(large), 100000);
        assert_string_equal(three, "three");
        arena_free(a);
    }
}

static void test_x_functions(void **state)
{
    char *p = xmalloc(0), *z = xcalloc(0, 0), *text = xasprintf("%s %d", "n", 3),
         *copy = xstrdup("");
    unsigned char *zeroed = xcalloc(100, 10);

    (void)state;
    assert_non_null(p);
    assert_non_null(z);
    assert_string_equal(text, "n 3");
    assert_string_equal(copy, "");
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(zeroed[i], 0);
    p = xrealloc(p, 10);
    memcpy(p, "123456789", 10);
    p = xrealloc(p, 100000);
    assert_string_equal(p, "123456789");
    p = xrealloc(p, 0);
    assert_non_null(p);
    free(p);
    free(z);
    free(text);
    free(copy);
    free(zeroed);
}

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif

static void test_out_of_memory_ends_with_a_line(void **state)
{
    char line[256];
    ssize_t n;
    int p[2], status;
    pid_t pid;

    (void)state;
#ifdef HAS_ASAN
    print_message("SKIPPED: AddressSanitizer does not let malloc fail\n");
    skip();
#endif
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        void *volatile much;

        (void)dup2(p[1], STDERR_FILENO);
        much = xcalloc((size_t)1 << 31, (size_t)1 << 31); /* 2^62 bytes: no machine has them */
        _exit(much != NULL ? 99 : 98);
    }
    (void)close(p[1]);
    n = read(p[0], line, sizeof(line) - 1);
    assert_true(n > 0);
    line[n] = '\0';
    assert_string_equal(line, "cupel: error: out of memory\n");
    (void)close(p[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), CUPEL_ERROR_HARNESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena_is_zeroed_aligned_and_stays),
        cmocka_unit_test(test_arena_block_edges),
        cmocka_unit_test(test_arena_strings),
        cmocka_unit_test(test_arena_join),
        cmocka_unit_test(test_x_functions),
        cmocka_unit_test(test_out_of_memory_ends_with_a_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

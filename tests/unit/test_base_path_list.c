/* SPDX-License-Identifier: Apache-2.0 */
/* test_base_path_list: what of a tree is on a list of paths, against a search of all of them. */
#include "base/path_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Names that are the beginnings of one another, and bytes below and above '/', and no UTF-8. */
static const char *const names[] = {"a",  "ab",   "a-",       "a.b", "a0",
                                    "\n", "\x01", "\xff\xfe", ".",   "b"};

static void add_path(struct strbuf *b, const char *path)
{
    strbuf_add(b, path, strlen(path) + 1);
}

/* Whether the path, of `n` bytes, is on the list, and whether anything is that lies below it. */
static void search_all(const struct strbuf *b, const char *path, size_t n, bool *ret_is,
                       bool *ret_below)
{
    *ret_is = *ret_below = false;
    for (const char *p = b->data; p < b->data + b->len; p += strlen(p) + 1)
        if (strncmp(p, path, n) == 0) {
            *ret_is |= p[n] == '\0';
            *ret_below |= p[n] == '/';
        }
}

static void compare_below(const struct path_list *l, const struct path_list_part *part,
                          const struct strbuf *all, const char *path, unsigned depth)
{
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        cleanup_free char *below = xasprintf("%s%s%s", path, *path != '\0' ? "/" : "", names[i]);
        struct path_list_part next;
        bool is, any_below, itself, there = path_list_enter(l, part, names[i], &next, &itself);

        search_all(all, below, strlen(below), &is, &any_below);
        assert_int_equal(there, is || any_below);
        assert_int_equal(itself, is);
        assert_int_equal(next.first < next.end, any_below);
        if (depth > 1)
            compare_below(l, &next, all, below, depth - 1);
    }
}

static struct path_list *list_of(const struct strbuf *b)
{
    char *text = xmalloc(b->len + 1);

    memcpy(text, b->data != NULL ? b->data : "", b->len);
    return path_list_new(text, b->len);
}

static void test_walk(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 64; round++) {
        cleanup_strbuf struct strbuf b = {0};
        uint64_t random = UINT64_C(0x9e3779b97f4a7c15) * (round + 1);
        struct path_list_part part;
        struct path_list *l;

        for (unsigned n = 0; n < round; n++) {
            cleanup_free char *path = NULL;

            random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            path = xasprintf("%s/%s/%s", names[(random >> 33) % ARRAY_SIZE(names)],
                             names[(random >> 43) % ARRAY_SIZE(names)],
                             names[(random >> 53) % ARRAY_SIZE(names)]);
            for (uint64_t cut = (random >> 29) % 3; cut > 0; cut--)
                *strrchr(path, '/') = '\0';
            add_path(&b, path);
            if (random % 7 == 0) /* as git tells of a file that is not merged */
                add_path(&b, path);
        }
        l = list_of(&b);
        part = path_list_all(l);
        compare_below(l, &part, &b, "", 3);
        path_list_free(l);
    }
}

static void test_directories(void **state)
{
    cleanup_strbuf struct strbuf b = {0};
    struct path_list_part part, below;
    struct path_list *l;
    bool itself;

    (void)state;
    add_path(&b, "sub/");
    add_path(&b, "c");
    l = list_of(&b);
    part = path_list_all(l);
    assert_string_equal(path_list_paths(l)[0], "c");
    assert_string_equal(path_list_paths(l)[1], "sub/");
    assert_null(path_list_paths(l)[2]);
    assert_true(path_list_enter(l, &part, "sub", &below, &itself));
    assert_false(itself);
    assert_false(path_list_enter(l, &below, "c", &part, &itself));
    path_list_free(l);
    path_list_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_directories),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

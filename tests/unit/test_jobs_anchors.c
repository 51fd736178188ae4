/* SPDX-License-Identifier: Apache-2.0 */
/* jobs: anchors, aliases and merge keys: what comes of them, where their mistakes are said, and
 * that little text does not become much memory. */
#include "test_jobs.h"

#include "jobs/jobs.h"

static void test_what_they_stand_for(void **state)
{
    (void)state;
    /* of a value, a list, a map, a key; in a flow and in a block */
    same_plan(
        "cupel: 1\nx-text: &t echo\njobs: {&n a: &a {run: *t, tags: &l [x, y]}, b: {tags: *l, "
        "run: *t, needs: *n}, c: *a}\n",
        "cupel: 1\njobs: {a: {run: echo, tags: [x, y]}, b: {tags: [x, y], run: echo, needs: "
        "a}, c: {run: echo, tags: [x, y]}}\n");
    /* a name that is given again is the later one's, from there on */
    same_plan("cupel: 1\nx-a: &t one\njobs: {a: {run: *t}, b: {run: &t two}, c: {run: *t}}\n",
              "cupel: 1\njobs: {a: {run: one}, b: {run: two}, c: {run: two}}\n");
    /* an alias within what an anchor names, of another */
    same_plan("cupel: 1\nx-e: &e {A: '1'}\nx-j: &j {run: x, env: *e}\njobs: {a: *j, b: *j}\n",
              "cupel: 1\njobs: {a: {run: x, env: {A: '1'}}, b: {run: x, env: {A: '1'}}}\n");
    /* text in quotes is text, whoever takes it */
    same_plan("cupel: 1\nx-t: &t 'true'\njobs: {a: {run: *t}}\n",
              "cupel: 1\njobs: {a: {run: 'true'}}\n");
}

static void test_merge_keys(void **state)
{
    (void)state;
    /* the map's own keys win, wherever `<<` stands; then the earlier of a list */
    same_plan("cupel: 1\n"
              "x-one: &one {limits: {memory: 1M}, env: {A: one}}\n"
              "x-two: &two {limits: {memory: 2M}, tags: [two], run: two}\n"
              "jobs:\n"
              "  a: {<<: *one, run: x}\n"
              "  b: {run: x, env: {B: b}, <<: *one}\n"
              "  c: {<<: [*one, *two], tags: c}\n"
              "  d: {<<: [*two, {run: x, description: y}]}\n",
              "cupel: 1\n"
              "jobs:\n"
              "  a: {run: x, limits: {memory: 1M}, env: {A: one}}\n"
              "  b: {run: x, env: {B: b}, limits: {memory: 1M}}\n"
              "  c: {tags: c, limits: {memory: 1M}, env: {A: one}, run: two}\n"
              "  d: {limits: {memory: 2M}, tags: [two], run: two, description: y}\n");
    /* in a map below, and of whole jobs, which stand behind */
    same_plan("cupel: 1\nx-e: &e {A: '1', B: '2'}\nx-jobs: &j {y: {run: y}, z: {run: z}}\n"
              "jobs: {<<: *j, a: {run: x, env: {<<: *e, B: '3'}}, z: {run: w}}\n",
              "cupel: 1\njobs: {a: {run: x, env: {B: '3', A: '1'}}, z: {run: w}, y: {run: y}}\n");
    /* in quotes it is a key like any other */
    same_plan("cupel: 1\njobs: {'<<': {run: x}}\n", "cupel: 1\njobs: {\"<<\": {run: x}}\n");
}

static void test_how_files_begin_and_end(void **state)
{
    (void)state;
    same_plan("\xef\xbb\xbf"
              "cupel: 1\r\njobs:\r\n  a: {run: x}\r\n...\r\n",
              "---\ncupel: 1\njobs:\n  a: {run: x}\n...\n");
    /* what the writer keeps for himself says nothing, whatever it is */
    same_plan("cupel: 1\nx-: 1\nx-run: [{memroy: 1}, !!str x]\njobs: {a: {run: x}}\n",
              "cupel: 1\njobs: {a: {run: x}}\n");
}

static void test_mistakes(void **state)
{
    static const struct mistake mistakes[] = {
        {"cupel: 1\njobs: {a: {run: *x}}\n",
         "2:17: *x stands for nothing: there is no &x before it; text that begins with '*' must be "
         "put in quotes\n"},
        {"cupel: 1\nx-a: &a [x, *a]\njobs: {a: {run: x}}\n",
         "2:13: *a stands within what it stands for: &a on line 2\n"},
        {"cupel: 1\nx-a: &a\n  <<: *a\njobs: {a: {run: x}}\n",
         "3:7: *a stands within what it stands for: &a on line 2\n"},
        {"cupel: 1\njobs: {a: {<<: [x], run: x}}\n",
         "2:17: '<<' takes in a map, or a list of maps (<<: *base, <<: [*one, *other]), not 'x'\n"},
        {"cupel: 1\njobs: {a: {<<: , run: x}}\n",
         "2:16: '<<' takes in a map, or a list of maps (<<: *base, <<: [*one, *other]), not "
         "empty\n"},
        {"cupel: 1\njobs: {a: {<<: {run: x}, <<: {tags: b}}}\n",
         "2:26: key '<<' is given twice; first on line 2\n"},
        {"cupel: 1\njobs: {a: {run: x, tags: b, <<: {tags: c}, tags: d}}\n",
         "2:44: key 'tags' is given twice; first on line 2\n"},
        /* what is wrong is said where it is written, once, with how it came to where it is wrong */
        {"cupel: 1\nx-l: &l {memroy: 1M}\njobs:\n  a: {run: x, limits: *l}\n  b: {run: x, limits: "
         "*l}\n",
         "2:10: unknown key 'memroy', did you mean 'memory'? (by way of *l on line 4)\n"},
        {"cupel: 1\nx-l: &l {memory: x}\nx-j: &j {run: x, limits: *l}\njobs:\n  a: {<<: *j}\n",
         "2:18: 'memory' must be a size such as 64K, 512M or 1.5G, not 'x' (by way of *j on line "
         "5, "
         "*l on line 3)\n"},
        {"cupel: 1\nx-j: &j {tags: [a/b]}\njobs:\n  a:\n    <<: *j\n    run: x\n    memory: 1\n",
         "2:17: 'tags' must be a name of at most 200 letters, digits, '.', '_' and '-', not 'a/b' "
         "(by way of *j on line 5)\n"
         "7:5: unknown key 'memory' in a job, did you mean 'memory' under 'limits'?\n"},
        /* a key that is missing may be in what could not be taken in */
        {"cupel: 1\njobs:\n  a: {<<: *j}\n",
         "3:11: *j stands for nothing: there is no &j before it; text that begins with '*' must be "
         "put in quotes\n"},
    };

    (void)state;
    check_mistakes(mistakes, ARRAY_SIZE(mistakes));
}

/* ---- bombs ---- */

/* Refuses it, with this problem, and without having made much of it. */
static void refused(const char *text, const char *problem)
{
    struct loaded r = load(text);
    cleanup_free char *lines = problem_lines(&r);

    if (r.plan != NULL || !str_eq(lines, problem))
        fail_msg("expected:\n%sgot:\n%s", problem, lines);
    unload(&r);
}

static void test_values(void **state)
{
    cleanup_strbuf struct strbuf b = {0};

    (void)state;
    strbuf_adds(&b, "cupel: 1\nx-a: &a [x,x,x,x,x,x,x,x,x,x]\n");
    for (char c = 'b'; c <= 'z'; c++) {
        strbuf_addf(&b, "x-%c: &%c [*%c", c, c, c - 1);
        for (int i = 0; i < 9; i++)
            strbuf_addf(&b, ",*%c", c - 1);
        strbuf_adds(&b, "]\n");
    }
    strbuf_adds(&b, "jobs: {a: {run: x}}\n");
    refused(b.data, "7:19: with what *e stands for, the file has more than 500000 values: &e on "
                    "line 6 has 111111\n");
}

static void test_bytes(void **state)
{
    cleanup_strbuf struct strbuf b = {0};

    (void)state;
    strbuf_addf(&b, "cupel: 1\nx-a: &a %01024d\nx-b:\n", 0);
    for (int i = 0; i < 4097; i++)
        strbuf_adds(&b, "- *a\n");
    strbuf_adds(&b, "jobs: {a: {run: x}}\n");
    refused(b.data, "4100:3: with what *a stands for, aliases make more than 4 MiB of text: &a on "
                    "line 2 has 1024 bytes\n");
}

static void test_depth(void **state)
{
    cleanup_strbuf struct strbuf b = {0};

    (void)state;
    strbuf_adds(&b, "cupel: 1\nx-a: &a0 x\n");
    for (int i = 1; i < 40; i++)
        strbuf_addf(&b, "x-a%d: &a%d [*a%d]\n", i, i, i - 1);
    strbuf_adds(&b, "jobs: {a: {run: x}}\n");
    refused(b.data, "33:14: nested deeper than 32 levels, with what *a30 stands for\n");
}

/* Reads as many as there can be of each kind: all of it is linear, or this takes minutes. */
static void test_very_many(void **state)
{
    cleanup_strbuf struct strbuf b = {0};
    struct loaded r;

    (void)state;
    strbuf_adds(&b, "cupel: 1\nx-m: &m\n");
    for (int i = 0; i < 50000; i++)
        strbuf_addf(&b, "  k%d: &n%d v\n", i, i);
    strbuf_adds(&b, "x-n:\n  <<: *m\n");
    for (int i = 0; i < 50000; i++)
        strbuf_addf(&b, "  k%d: *n%d\n", i + 25000, i);
    strbuf_adds(&b, "jobs: {a: {run: x}}\n");
    r = load_good(b.data);
    unload(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_they_stand_for),
        cmocka_unit_test(test_merge_keys),
        cmocka_unit_test(test_how_files_begin_and_end),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_very_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

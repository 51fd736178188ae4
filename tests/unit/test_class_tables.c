/* SPDX-License-Identifier: Apache-2.0 */
/* test_class_tables: what staff and platforms read, whatever texts others have chosen, and of how
 * many students and cases. */
#include "test_class.h"

#include <jansson.h>
#include <libxml/HTMLparser.h>
#include <stdlib.h>

#include "base/weaken.h"

/* ---- class.csv, read by rules of RFC 4180 that are written down here once more ---- */

struct sheet {
    struct strbuf cells[4096];
    size_t n;
    size_t rows, columns; /* of the first row */
};

static void read_cell(struct sheet *s, const char **at)
{
    struct strbuf *cell = &s->cells[s->n++];
    const char *p = *at;

    assert_true(s->n < ARRAY_SIZE(s->cells));
    strbuf_adds(cell, "");
    if (*p != '"') {
        while (*p != ',' && *p != '\r' && *p != '\0') {
            assert_true(*p != '"' && *p != '\n');
            strbuf_add(cell, p++, 1);
        }
    } else {
        for (p++; *p != '"' || p[1] == '"'; p++) {
            assert_true(*p != '\0');
            p += *p == '"';
            strbuf_add(cell, p, 1);
        }
        p++;
    }
    *at = p;
}

static void read_sheet(const char *text, struct sheet *s)
{
    for (const char *p = text; *p != '\0'; s->rows++) {
        size_t first = s->n;

        for (read_cell(s, &p); *p == ','; read_cell(s, &p))
            p++;
        assert_true(p[0] == '\r' && p[1] == '\n');
        p += 2;
        if (s->rows == 0)
            s->columns = s->n;
        assert_int_equal(s->n - first, s->columns);
    }
}

static const char *cell_of(const struct sheet *s, size_t row, const char *column)
{
    for (size_t i = 0; i < s->columns; i++)
        if (str_eq(s->cells[i].data, column))
            return s->cells[row * s->columns + i].data;
    fail_msg("no column '%s'", column);
    return NULL;
}

static void free_sheet(struct sheet *s)
{
    for (size_t i = 0; i < s->n; i++)
        strbuf_free(&s->cells[i]);
    free(s);
}

static struct sheet *sheet_of(const struct class_table *t)
{
    cleanup_strbuf struct strbuf text = {0};
    struct sheet *s = xcalloc(1, sizeof(*s));

    class_csv(t, &text);
    read_sheet(text.data, s);
    return s;
}

static void test_csv(void **state)
{
    const struct roster_entry ann = {.id = "ann",
                                     .name = "Ann, A.",
                                     .email = "a@x",
                                     .late = "2 d",
                                     .line = 2},
                              bob = {.id = "bob", .name = "=Bob", .line = 3};
    struct class_scene s;
    struct class_submission list[3];
    const struct class_table t = {.title = "grade", .submissions = list, .n = 3};
    struct sheet *sheet;

    (void)state;
    class_scene(&s);
    s.cases[1].name = "score"; /* as a column of ours */
    s.cases[2].name = "all";   /* as a group */
    s.cases[0].score = 2500;
    list[0] = s.submission;
    list[0].entry = &ann;
    list[0].score = 12345;
    list[1] = (struct class_submission){
        .student = "bob", .entry = &bob, .points = 100 * P, .score = CLASS_UNKNOWN};
    list[2] = s.submission;
    list[2].student = "cy";
    list[2].score = CLASS_UNKNOWN;
    list[2].verdict = REPORTS_ERROR;
    sheet = sheet_of(&t);
    assert_int_equal(sheet->rows, 4);
    assert_string_equal(cell_of(sheet, 1, "id"), "ann");
    assert_string_equal(cell_of(sheet, 1, "name"), "Ann, A.");
    assert_string_equal(cell_of(sheet, 1, "score"), "12.345");
    assert_string_equal(cell_of(sheet, 1, "max"), "100");
    assert_string_equal(cell_of(sheet, 1, "verdict"), "failed");
    assert_string_equal(cell_of(sheet, 1, "SAID-BY-visible-name"), "2.5");
    assert_string_equal(cell_of(sheet, 1, "score (2)"), "0");
    assert_string_equal(cell_of(sheet, 1, "all (2)"), "0");
    assert_string_equal(cell_of(sheet, 1, "late"), "2 d");
    assert_string_equal(cell_of(sheet, 1, "ungraded_reason"), "");
    assert_string_equal(cell_of(sheet, 2, "name"), "'=Bob");
    assert_string_equal(cell_of(sheet, 2, "score"), "");
    assert_string_equal(cell_of(sheet, 2, "ungraded_reason"), "nothing was submitted");
    assert_string_equal(cell_of(sheet, 3, "score"), "");
    assert_string_equal(cell_of(sheet, 3, "ungraded_reason"),
                        "error at SAID-BY-visible-name: SAID-BY-visible-evidence: expected '3', "
                        "got '4'");
    free_sheet(sheet);
}

static void test_no_cell_is_a_formula(void **state)
{
    static const char *const formulas[][2] = {
        {"=1+1", "'=1+1"},
        {"+1", "'+1"},
        {"-1", "'-1"},
        {"@SUM(A1)", "'@SUM(A1)"},
        {"\t=1", "        '=1"},
        {"\r=1", "\\x0D=1"},
        {"  =1", "  '=1"},
        {"\xef\xbc\x9d"
         "1",
         "'\xef\xbc\x9d"
         "1"},
        {"a;=1", "a;'=1"},
        {"a=1;b", "a=1;b"},
        {"\"=1", "\"=1"},
        {"x\n=1", "x\\x0A=1"},
        {"\x1b[m=1", "'=1"}, /* colours are left out */
    };
    struct class_scene s;
    const struct class_table t = {.title = "grade", .submissions = &s.submission, .n = 1};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(formulas); i++) {
        struct sheet *sheet;

        class_scene(&s);
        s.submission.student = formulas[i][0];
        s.cases[0].name = formulas[i][0];
        sheet = sheet_of(&t);
        assert_string_equal(cell_of(sheet, 1, "id"), formulas[i][1]);
        assert_string_equal(cell_of(sheet, 1, formulas[i][1]), "0");
        free_sheet(sheet);
    }
}

/* ---- HTML, read by libxml2 ---- */

static void check_elements(const xmlNode *n)
{
    static const char *const known[] = {"html",  "head", "meta", "title", "style", "body",
                                        "h1",    "h2",   "p",    "b",     "table", "thead",
                                        "tbody", "tr",   "th",   "td",    "pre",   "span"};

    for (; n != NULL; n = n->next) {
        bool found = false;

        if (n->type == XML_COMMENT_NODE)
            fail_msg("a comment");
        if (n->type != XML_ELEMENT_NODE)
            continue;
        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
            found |= str_eq((const char *)n->name, known[i]);
        if (!found)
            fail_msg("an element %s", (const char *)n->name);
        for (const xmlAttr *a = n->properties; a != NULL; a = a->next)
            if (str_starts((const char *)a->name, "on"))
                fail_msg("an attribute %s", (const char *)a->name);
        check_elements(n->children);
    }
}

/* What a reader of the page gets to read; malloc'ed by libxml2. */
static xmlChar *read_page(const struct strbuf *page)
{
    xmlDoc *doc = htmlReadMemory(page->data, (int)page->len, NULL, "UTF-8",
                                 HTML_PARSE_NONET | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING);
    xmlChar *text;

    assert_non_null(doc);
    check_elements(xmlDocGetRootElement(doc));
    text = xmlNodeGetContent(xmlDocGetRootElement(doc));
    xmlFreeDoc(doc);
    return text;
}

/* A submission of which every text is this one. */
static void say_everywhere(struct class_scene *s, const char *text)
{
    class_scene(s);
    for (size_t i = 0; i < SCENE_CASES; i++) {
        struct class_case *c = &s->cases[i];

        c->name = c->group = c->description = c->hint = c->evidence = text;
        c->for_all = c->for_staff = text;
        c->visibility = CLASS_VISIBLE;
    }
    for (size_t i = 0; i <= SCENE_CASES; i++)
        s->groups[i].name = text;
    s->submission.id = s->submission.student = text;
    s->submission.first_bad = s->before.id = s->before.evidence = text;
    s->before.verdict = s->submission.verdict = REPORTS_COMPILE_ERROR;
}

static void check_json(const struct strbuf *text)
{
    json_t *o = json_loadb(text->data, text->len, 0, NULL);

    assert_non_null(o);
    assert_true(json_is_object(o));
    assert_int_equal(strcspn(text->data, "\n"), text->len - 1); /* one line */
    json_decref(o);
}

static void test_hostile_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(hostile_texts); i++)
        for (unsigned graded = 0; graded < 2; graded++) {
            struct strbuf out[6] = {{0}};
            cleanup_view struct class_view v = {0};
            struct roster_entry e = {.id = hostile_texts[i],
                                     .name = hostile_texts[i],
                                     .email = hostile_texts[i],
                                     .late = hostile_texts[i]};
            struct class_scene s;
            const struct class_table t = {
                .title = hostile_texts[i], .submissions = &s.submission, .n = 1};
            struct sheet *sheet;
            const char *last;

            say_everywhere(&s, hostile_texts[i]);
            s.cases[SCENE_CASES - 1].visibility = CLASS_AFTER_PUBLISHED; /* all may be seen */
            s.submission.entry = &e;
            s.submission.score = graded ? 10 * P : CLASS_UNKNOWN;
            class_view_make(&s.submission, CLASS_PUBLISHED, &v);
            class_html(&t, &out[0]);
            student_html(&v, hostile_texts[i], -EBADF, &out[1]);
            for (size_t k = 0; k < 2; k++) {
                xmlChar *text = read_page(&out[k]);

                if (i == 0)
                    assert_non_null(strstr((const char *)text, hostile_texts[i]));
                xmlFree(text);
            }
            assert_int_equal(student_json(&v, -EBADF, &out[2]), 0);
            assert_int_equal(gradescope_json(&s.submission, -EBADF, &out[3]), 0);
            assert_int_equal(prairielearn_json(&v, -EBADF, &out[4]), 0);
            for (size_t k = 2; k < 5; k++)
                check_json(&out[k]);
            assert_int_equal(autolab_text(&v, NULL, &out[5]), 0);
            assert_int_equal(out[5].data[out[5].len - 1], '\n');
            out[5].data[out[5].len - 1] = '\0';
            last = strrchr(out[5].data, '\n') + 1;
            assert_int_equal(str_starts(last, "{\"scores\":{"), graded);
            for (const char *line = strchr(out[5].data, '{'); line != NULL && line < last;
                 line = strchr(line + 1, '{'))
                assert_true(line != out[5].data && line[-1] != '\n');
            sheet = sheet_of(&t);
            assert_int_equal(sheet->rows, 2);
            free_sheet(sheet);
            for (size_t k = 0; k < ARRAY_SIZE(out); k++)
                strbuf_free(&out[k]);
        }
}

/* ---- platforms ---- */

static json_t *load(const struct strbuf *text)
{
    json_t *o = json_loadb(text->data, text->len, 0, NULL);

    assert_non_null(o);
    return o;
}

static const char *text_at(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));

    assert_non_null(text);
    return text;
}

static void test_gradescope(void **state)
{
    static const char *const visibilities[] = {"visible", "after_due_date", "after_published",
                                               "hidden"};
    cleanup_strbuf struct strbuf text = {0}, other = {0};
    struct class_scene s;
    json_t *o, *tests;

    (void)state;
    class_scene(&s);
    s.submission.score = 12500;
    s.cases[3].verdict = REPORTS_PASSED;
    s.cases[3].score = 25 * P;
    assert_int_equal(gradescope_json(&s.submission, -EBADF, &text), 0);
    o = load(&text);
    tests = json_object_get(o, "tests");
    assert_true(json_number_value(json_object_get(o, "score")) == 12.5);
    assert_string_equal(text_at(o, "stdout_visibility"), "hidden");
    assert_null(json_object_get(o, "output")); /* which all see */
    assert_int_equal(json_array_size(tests), 4);
    for (size_t i = 0; i < 4; i++) {
        const json_t *test = json_array_get(tests, i);

        assert_string_equal(text_at(test, "visibility"), visibilities[i]);
        assert_string_equal(text_at(test, "status"), i == 3 ? "passed" : "failed");
        assert_int_equal(json_integer_value(json_object_get(test, "max_score")), 25);
        assert_null(strstr(text_at(test, "output"), "SAID-BY-STAFF"));
    }
    json_decref(o);
    s.submission.score = CLASS_UNKNOWN; /* nothing that could be taken for a score */
    assert_int_equal(gradescope_json(&s.submission, -EBADF, &other), 0);
    o = load(&other);
    assert_null(json_object_get(o, "score"));
    assert_null(json_object_get(o, "tests"));
    json_decref(o);
}

static void test_prairielearn(void **state)
{
    static const enum reports_verdict refused[] = {REPORTS_COMPILE_ERROR,
                                                   REPORTS_INVALID_SUBMISSION, REPORTS_ERROR};
    struct class_scene s;

    (void)state;
    class_scene(&s);
    s.submission.score = 25 * P;
    for (size_t i = 0; i <= ARRAY_SIZE(refused); i++) {
        cleanup_view struct class_view v = {0};
        cleanup_strbuf struct strbuf text = {0};
        json_t *o;

        if (i > 0)
            s.submission.verdict = refused[i - 1];
        if (i == ARRAY_SIZE(refused))
            s.submission.score = CLASS_UNKNOWN;
        class_view_make(&s.submission, CLASS_BEFORE_DUE, &v);
        assert_int_equal(prairielearn_json(&v, -EBADF, &text), 0);
        o = load(&text);
        assert_int_equal(json_is_true(json_object_get(o, "gradable")), i == 0);
        assert_int_equal(json_object_get(o, "score") != NULL, i == 0);
        assert_int_equal(json_object_get(o, "format_errors") != NULL, i > 0);
        assert_int_equal(json_array_size(json_object_get(o, "tests")), i == 0 ? 1 : 0);
        if (i == 0)
            assert_true(json_real_value(json_object_get(o, "score")) == 0.25);
        json_decref(o);
    }
}

static void test_autolab(void **state)
{
    cleanup_view struct class_view v = {0}, seen = {0};
    cleanup_strbuf struct strbuf text = {0}, one = {0};
    struct class_scene s;

    (void)state;
    class_scene(&s);
    s.cases[0].group = NULL;
    s.cases[0].score = 2500;
    s.groups[0].score = 7 * P;
    s.submission.score = 9500;
    class_view_make(&s.submission, CLASS_BEFORE_DUE, &v);
    assert_int_equal(autolab_text(&v, NULL, &text), -EACCES);
    assert_int_equal(text.len, 0);
    s.submission.n_cases = 1; /* the one that may be seen */
    class_view_make(&s.submission, CLASS_BEFORE_DUE, &seen);
    assert_int_equal(autolab_text(&seen, NULL, &text), 0);
    s.submission.n_cases = SCENE_CASES;
    assert_string_equal(text.data, "case SAID-BY-visible-name: failed, 2.5 of 25 points\n"
                                   "    SAID-BY-visible-evidence: expected '3', got '4'\n"
                                   "    SAID-BY-visible-message\n"
                                   "    hint: SAID-BY-visible-hint\n"
                                   "{\"scores\":{\"all\":7,\"SAID-BY-visible-name\":2.5},"
                                   "\"scoreboard\":[9.5]}\n");
    assert_int_equal(autolab_text(&v, "lab 1", &one), 0);
    assert_non_null(strstr(one.data, "\n{\"scores\":{\"lab 1\":9.5},\"scoreboard\":[9.5]}\n"));
}

/* ---- many ---- */

/* A submission of so many cases, each of which says this. */
static struct class_case *many_cases(size_t n, const char *evidence)
{
    struct class_case *list = xcalloc(n, sizeof(*list));

    for (size_t i = 0; i < n; i++)
        list[i] = (struct class_case){.name = xasprintf("case-%05zu", i),
                                      .group = i % 2 == 0 ? "even" : "odd",
                                      .evidence = evidence,
                                      .points = P,
                                      .score = 0,
                                      .cpu_ns = 1,
                                      .memory_bytes = 1,
                                      .verdict = REPORTS_FAILED};
    return list;
}

static void free_cases(struct class_case *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free((char *)list[i].name);
    free(list);
}

static size_t size_of_table(struct class_submission *list, size_t n)
{
    const struct class_table t = {.title = "grade", .submissions = list, .n = n};
    cleanup_strbuf struct strbuf csv = {0}, html = {0};

    class_csv(&t, &csv);
    class_html(&t, &html);
    return csv.len + html.len;
}

static void test_many_students(void **state)
{
    static const struct class_group groups[] = {{"even", 5 * P, 0}, {"odd", 5 * P, 0}};
    const size_t n = 2000, per = 10;
    struct class_case *cases = many_cases(per, "wrong");
    struct class_submission *list = xcalloc(n, sizeof(*list));
    size_t all, half;

    (void)state;
    for (size_t i = 0; i < n; i++)
        list[i] = (struct class_submission){.id = "x",
                                            .student = xasprintf("student-%04zu", i),
                                            .verdict = REPORTS_FAILED,
                                            .points = 10 * P,
                                            .cases = cases,
                                            .n_cases = per,
                                            .groups = groups,
                                            .n_groups = 2};
    all = size_of_table(list, n);
    half = size_of_table(list, n / 2);
    assert_true(all > half && all < 2 * half);
    for (size_t i = 0; i < n; i++)
        free((char *)list[i].student);
    free(list);
    free_cases(cases, per);
}

static void test_many_cases(void **state)
{
    static const struct class_group groups[] = {{"even", 5000 * P, 0}, {"odd", 5000 * P, 0}};
    const size_t n = 10000;
    struct class_case *cases =
        many_cases(n, "a sentence of evidence that takes some two hundred bytes, which ten "
                      "thousand cases together have no room for in one megabyte, so that what is "
                      "written has to do without, and says that it does, as it has to be said");
    struct class_submission s = {.id = "x",
                                 .student = "ann",
                                 .verdict = REPORTS_FAILED,
                                 .points = 10000 * P,
                                 .cases = cases,
                                 .n_cases = n,
                                 .groups = groups,
                                 .n_groups = 2};
    cleanup_strbuf struct strbuf json = {0}, html = {0}, learn = {0}, scope = {0};
    cleanup_view struct class_view v = {0};
    json_t *o;

    (void)state;
    class_view_make(&s, CLASS_BEFORE_DUE, &v);
    assert_int_equal(student_json(&v, -EBADF, &json), 0);
    student_html(&v, "grade", -EBADF, &html);
    assert_int_equal(gradescope_json(&s, -EBADF, &scope), 0);
    assert_non_null(strstr(json.data, "case-09999"));
    assert_non_null(strstr(html.data, "case-09999"));
    assert_non_null(strstr(scope.data, "case-09999"));
    assert_int_equal(prairielearn_json(&v, -EBADF, &learn), 0);
    assert_true(learn.len <= PRAIRIELEARN_SIZE_MAX);
    o = load(&learn);
    assert_int_equal(json_array_size(json_object_get(o, "tests")), n);
    assert_string_equal(text_at(o, "message"), "There is too much to be shown: some is left out.");
    json_decref(o);
    assert_true(size_of_table(&s, 1) > 0);
    free_cases(cases, n);
}

static void test_that_this_is_seen_to_fail(void **state)
{
    cleanup_strbuf struct strbuf csv = {0}, html = {0};
    struct class_scene s;
    const struct class_table t = {.title = "grade", .submissions = &s.submission, .n = 1};

    (void)state;
#ifndef CUPEL_FAULT_INJECTION
    print_message("skip: this build cannot take a wall out (CUPEL_FAULT_INJECTION)\n");
    skip();
#endif
    class_scene(&s);
    s.submission.student = "=1+1<script>";
    assert_int_equal(setenv("CUPEL_WEAKEN", "escape-csv,escape-html", 1), 0);
    class_csv(&t, &csv);
    class_html(&t, &html);
    assert_int_equal(unsetenv("CUPEL_WEAKEN"), 0);
    assert_non_null(strstr(csv.data, "\"=1+1<script>\""));
    assert_non_null(strstr(html.data, "<script>"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv),
        cmocka_unit_test(test_no_cell_is_a_formula),
        cmocka_unit_test(test_hostile_texts),
        cmocka_unit_test(test_gradescope),
        cmocka_unit_test(test_prairielearn),
        cmocka_unit_test(test_autolab),
        cmocka_unit_test(test_many_students),
        cmocka_unit_test(test_many_cases),
        cmocka_unit_test(test_that_this_is_seen_to_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

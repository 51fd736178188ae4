/* SPDX-License-Identifier: Apache-2.0 */
/* test_class_roster: what spreadsheets and people make of a list of students, and what is wrong
 * with it and where. */
#include "test_class.h"

/* "id|name|email|group|late", a line each; "-" for what is not there. */
static void expect_roster(const char *text, const char *lines)
{
    cleanup_strbuf struct strbuf problems = {0}, got = {0};
    struct roster *r = NULL;
    struct cupel_error err = {0};

    if (roster_parse("r.csv", text, strlen(text), &r, &problems, &err) < 0)
        fail_msg("%s: %s", err.message, problems.data);
    strbuf_adds(&got, "");
    for (size_t i = 0; i < r->n; i++) {
        const struct roster_entry *e = &r->list[i];
        const char *const parts[] = {e->id, e->name, e->email, e->group, e->late};

        for (size_t k = 0; k < ARRAY_SIZE(parts); k++)
            strbuf_addf(&got, "%s%s", parts[k] != NULL ? parts[k] : "-", k < 4 ? "|" : "\n");
        assert_ptr_equal(roster_find(r, e->id), e);
    }
    assert_string_equal(got.data, lines);
    assert_null(roster_find(r, "nobody"));
    roster_free(r);
}

static void expect_problems_of(const char *text, size_t n, const char *expected)
{
    cleanup_strbuf struct strbuf problems = {0};
    struct roster *r = NULL;
    struct cupel_error err = {0};

    assert_int_equal(roster_parse("r.csv", text, n, &r, &problems, &err), -EINVAL);
    assert_null(r);
    assert_int_equal(err.kind, CUPEL_ERROR_INPUT);
    assert_string_equal(problems.data, expected);
}

static void expect_problems(const char *text, const char *expected)
{
    expect_problems_of(text, strlen(text), expected);
}

static void test_forms(void **state)
{
    (void)state;
    expect_roster("id\n", "");
    expect_roster("id,name,email,group,late\nb,Ben,b@x,1,2 days\na,Ann,,2,\n",
                  "a|Ann|-|2|-\nb|Ben|b@x|1|2 days\n");
    expect_roster("\xef\xbb\xbf\"Student ID\";E-Mail;Full name\r\n7;s@x;\"Doe; Jane\"\r\n",
                  "7|Doe; Jane|s@x|-|-\n");
    expect_roster("email\tid\n\t x y \n", "x y|-|-|-|-\n");
    expect_roster("id,name\r1,\"a \"\"b\"\"\"\r2,c\r", "1|a \"b\"|-|-|-\n2|c|-|-|-\n");
    expect_roster("\n\nid,name\n\n1,\"two\nlines\"\n\n,\n2,x", "1|two lines|-|-|-\n2|x|-|-|-\n");
    expect_roster("id,name\n1,O\"Neil\n", "1|O\"Neil|-|-|-\n");
    expect_roster("id,name\n=1,J\xc3\xbcrgen\n", "=1|J\xc3\xbcrgen|-|-|-\n");
}

static void test_columns_that_are_not_used_are_named(void **state)
{
    static const char text[] = "id,SIS Login,no-column\n1,a,b\n";
    cleanup_strbuf struct strbuf remarks = {0};
    struct roster *r = NULL;
    struct cupel_error err = {0};

    (void)state;
    assert_int_equal(roster_parse("r.csv", text, strlen(text), &r, &remarks, &err), 0);
    assert_string_equal(remarks.data, "r.csv:1: not used: 'SIS Login', 'no-column'\n");
    roster_free(r);
}

static void test_what_is_wrong_has_its_line(void **state)
{
    (void)state;
    expect_problems("", "r.csv:1: it is empty: the first line names the columns, such as "
                        "id,name,email\n");
    expect_problems("name,email\na,b\n",
                    "r.csv:1: there is no column 'id': the first line names the columns, such as "
                    "id,name,email,group,late\n");
    expect_problems("id,Name,Full Name\n", "r.csv:1: column 'Full Name' stands here twice\n");
    expect_problems("id,name\n1,a\n\n2\n3,b,c\n,d\n1,e\n",
                    "r.csv:4: there is 1 field here and 2 in the first line\n"
                    "r.csv:5: there are 3 fields here and 2 in the first line\n"
                    "r.csv:6: the id is empty\n"
                    "r.csv:7: id '1' stands in line 2 already\n");
    /* what is found out at the end stands where it belongs */
    expect_problems("id,name\n2,a\n1,a\n1,b\n2,c\n3\n",
                    "r.csv:4: id '1' stands in line 3 already\n"
                    "r.csv:5: id '2' stands in line 2 already\n"
                    "r.csv:6: there is 1 field here and 2 in the first line\n");
    expect_problems("id,name\n1,\"a\nb\"x,y\n2,\"open\n3,c\n",
                    "r.csv:2: there are 3 fields here and 2 in the first line\n"
                    "r.csv:3: after closing quotes comes a separator or the end of the line\n"
                    "r.csv:4: the quotes that are opened here are not closed\n");
    expect_problems("id,name\n1,\xff\n2,\x1b[2J\n3,\xe2\x80\xae\n",
                    "r.csv:2: a field is not UTF-8: save the file as CSV in UTF-8\n"
                    "r.csv:3: a field has a control character, or one that is not seen\n"
                    "r.csv:4: a field has a control character, or one that is not seen\n");
    expect_problems_of("id\n1\0002\n", 6, "r.csv:1: it has NUL bytes: it is no text\n");
    expect_problems_of("\xff\xfei\0d\0", 6,
                       "r.csv:1: it is UTF-16: save the file as CSV in UTF-8\n");
}

static void test_bounds(void **state)
{
    cleanup_strbuf struct strbuf wide = {0}, problems = {0}, many = {0};
    struct roster *r = NULL;
    struct cupel_error err = {0};

    (void)state;
    strbuf_adds(&wide, "id");
    for (size_t i = 0; i < 300; i++)
        strbuf_adds(&wide, ",x");
    expect_problems(wide.data, "r.csv:1: a row has at most 256 fields\n");
    wide.len = 0;
    strbuf_adds(&wide, "id\n");
    for (size_t i = 0; i < 1001; i++)
        strbuf_adds(&wide, "x");
    expect_problems(wide.data, "r.csv:2: a field has at most 1000 bytes\n");
    strbuf_adds(&many, "id,name\n");
    strbuf_adds(&many, "x,a\nx,b\n");
    for (unsigned i = 0; i < 60; i++)
        strbuf_addf(&many, "%u\n", i);
    assert_int_equal(roster_parse("r.csv", many.data, many.len, &r, &problems, &err), -EINVAL);
    assert_non_null(strstr(err.message, "61 problems, of which the first are shown"));
    assert_non_null(strstr(problems.data, "r.csv:3: id 'x' stands in line 2 already\nr.csv:4: "));
    assert_non_null(strstr(problems.data, "r.csv:22: "));
    assert_null(strstr(problems.data, "r.csv:23: "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_columns_that_are_not_used_are_named),
        cmocka_unit_test(test_what_is_wrong_has_its_line),
        cmocka_unit_test(test_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

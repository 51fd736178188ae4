/* SPDX-License-Identifier: Apache-2.0 */
/* job_name: what a job may be called: whatever people call their jobs elsewhere ("test:unit",
 * "build linux", "tést/gcc"), as far as it can be told apart when it is read and is no option on a
 * command line. Not responsible for the names of files made from it (reports). */
#include "jobs/load.h"

/* The first letter that is not to be seen, or 0; *ret: which one it is, from 1 on. The file is
 * UTF-8. */
static uint32_t find_hidden(const struct node *name, size_t *ret)
{
    const unsigned char *p = (const unsigned char *)name->text;
    size_t letter = 1;
    uint32_t c = 0;

    for (size_t i = 0, length; i < name->n; i += length, letter++) {
        length = text_decode(p + i, name->n - i, &c);
        if (length == 0 || text_is_hidden(c)) {
            *ret = letter;
            return length != 0 ? c : p[i];
        }
    }
    *ret = 0;
    return 0;
}

/* Reports a name that cannot be read or told apart; `what`: "a job". */
static bool check_name(struct loader *l, const struct node *name, const char *what)
{
    size_t letter;
    uint32_t c = find_hidden(name, &letter);

    if (name->n == 0)
        problem_at(l, name, "'' is no name for %s: it is empty", what);
    else if (name->n > LOAD_NAME_MAX)
        problem_at(l, name, "'%.40s...' is no name for %s: it has %zu bytes, and %d are possible",
                   name->text, what, name->n, LOAD_NAME_MAX);
    else if (letter != 0)
        problem_at(l, name,
                   "'%s' is no name for %s: letter %zu, U+%04X, is a control or cannot be seen",
                   name->text, what, letter, (unsigned)c);
    else
        return true;
    return false;
}

void job_name_check(struct loader *l, const struct node *name)
{
    if (check_name(l, name, "a job") && (name->text[0] == '-' || name->text[0] == '.'))
        problem_at(l, name, "'%s' is no name for a job: it begins with '%c'%s", name->text,
                   name->text[0],
                   name->text[0] == '.' ? "; what jobs share stands under 'templates'" : "");
}

void template_name_check(struct loader *l, const struct node *name)
{
    (void)check_name(l, name, "a template");
}

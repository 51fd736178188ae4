/* SPDX-License-Identifier: Apache-2.0 */
/* misread_list: `run: [make, make test]` is two commands to GitLab, and one command with an
 * argument here. It can be right, so it is no mistake of the file; only a step that failed says so.
 */
#include "harness/attempt/misread_list.h"

#include <string.h>

#define WHAT_A_LIST_IS                                                                             \
    "a list is one command and its arguments, without a shell; write commands as one text, a "     \
    "line "                                                                                        \
    "each"

/* Whether the argument is one of the words before it, and more: "make test" after "make". What
 * follows an option (sh -c 'sh x') is the option's value. */
static bool repeats_a_word(const char *const *argv, size_t at)
{
    if (at == 0 || argv[at - 1][0] == '-')
        return false;
    for (size_t i = 0; i < at; i++) {
        size_t n = strlen(argv[i]);

        if (n > 0 && strncmp(argv[at], argv[i], n) == 0 && argv[at][n] == ' ')
            return true;
    }
    return false;
}

const char *misread_list_words(const struct jobs_step *step, int not_executed)
{
    bool misread = not_executed == ENOENT && strpbrk(step->argv[0], " \t\n") != NULL;

    return misread ? "; " WHAT_A_LIST_IS : "";
}

void misread_list_explain(const struct jobs_step *step, const struct step_facts *facts,
                          struct strbuf *evidence)
{
    const char *const *argv = (const char *const *)step->argv;

    if (facts->not_executed != 0) {
        strbuf_adds(evidence, misread_list_words(step, facts->not_executed));
        return;
    }
    for (size_t i = 1; argv[i] != NULL; i++)
        if (repeats_a_word(argv, i)) {
            strbuf_addf(evidence, "; '%.100s' was an argument of '%.100s': " WHAT_A_LIST_IS,
                        argv[i], argv[0]);
            return;
        }
}

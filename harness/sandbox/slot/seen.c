/* SPDX-License-Identifier: Apache-2.0 */
/* seen: see seen.h. Not responsible for the list that git made (prepare/git_inputs.c), nor for how
 * anything is hidden. */
#include "harness/sandbox/slot/seen.h"

bool seen_begin(struct seen *s, const struct jobs_input *in)
{
    *s = (struct seen){.only = in->listed};
    if (in->exclude.patterns != NULL)
        s->exclude = patterns_new(in->exclude.patterns, "/");
    return s->exclude != NULL || s->only != NULL;
}

void seen_end(struct seen *s)
{
    patterns_free(s->exclude);
    *s = (struct seen){0};
}

void seen_at_top(const struct seen *s, struct seen_at *ret)
{
    *ret = (struct seen_at){0};
    if (s->exclude != NULL)
        patterns_begin(s->exclude, &ret->excluded);
    if (s->only != NULL)
        ret->listed = path_list_all(s->only);
}

void seen_at_free(struct seen_at *at)
{
    pattern_states_free(&at->excluded);
    *at = (struct seen_at){0};
}

/* A directory that is itself on the list is another repository, of which nothing is seen. */
static bool is_listed(const struct seen *s, const struct seen_at *at, const char *name,
                      bool is_directory, struct path_list_part *ret_below)
{
    bool itself, any = path_list_enter(s->only, &at->listed, name, ret_below, &itself);

    return is_directory ? any : itself;
}

enum seen_what seen_look(const struct seen *s, const struct seen_at *at, const char *name,
                         bool is_directory, struct seen_at *ret_below)
{
    bool some = false;

    *ret_below = (struct seen_at){0};
    if (s->exclude != NULL && patterns_match(s->exclude, &at->excluded, name, false))
        return SEEN_NOT;
    if (s->only != NULL && !is_listed(s, at, name, is_directory, &ret_below->listed))
        return SEEN_NOT;
    if (!is_directory)
        return SEEN_ALL;
    if (s->exclude != NULL)
        some = patterns_enter(s->exclude, &at->excluded, name, &ret_below->excluded);
    return some || s->only != NULL ? SEEN_PARTLY : SEEN_ALL;
}

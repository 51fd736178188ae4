/* SPDX-License-Identifier: Apache-2.0 */
/* archives: an archive that somebody names becomes the submissions in it, which lie in the out
 * directory from then on. Not responsible for how it is unpacked (ingest/handins.h). */
#include "harness/grade/grade_private.h"

#include "reports/reports.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define ROSTER "roster.csv"

void grade_named_add(struct grade_named *n, const struct jobs_submission *s)
{
    if (n->n == n->room) {
        size_t room = n->room > 0 ? 2 * n->room : 64;
        struct jobs_submission *list = arena_alloc(n->arena, room * sizeof(*list));

        if (n->n > 0)
            memcpy(list, n->list, n->n * sizeof(*list));
        n->list = list;
        n->room = room;
    }
    n->list[n->n++] = *s;
}

/* Says what an archive was taken for: whoever knows better says so. */
static void say_layout(const char *word, const struct handins *found)
{
    static const char *const words[HANDINS_LAYOUT_COUNT] = {
        [HANDINS_MOODLE] = "an export of Moodle",
        [HANDINS_CANVAS] = "an export of Canvas",
        [HANDINS_GRADESCOPE] = "an export of Gradescope",
        [HANDINS_DIRECTORIES] = "a directory or an archive for each submission",
        [HANDINS_SINGLE] = "one submission",
    };
    cleanup_strbuf struct strbuf name = {0};
    size_t refused = 0;

    for (size_t i = 0; i < found->n; i++)
        refused += found->list[i].refused != NULL;
    text_add_line(&name, word);
    (void)fprintf(stderr, "cupel: %s: %s (%s), %zu submission%s", name.data, words[found->layout],
                  handins_layout_name(found->layout), found->n, found->n == 1 ? "" : "s");
    if (refused > 0)
        (void)fprintf(stderr, ", of which %zu hold%s what is refused", refused,
                      refused == 1 ? "s" : "");
    if (found->resembles != HANDINS_ANY)
        (void)fprintf(stderr, "; it looks like %s: --layout %s takes all of them for one",
                      words[found->resembles], handins_layout_name(found->resembles));
    (void)fprintf(stderr, "%s\n", found->reused ? "; unpacked before" : "");
}

/* Adds a cell as every reader of CSV takes it. What people call themselves is no formula. */
static void add_cell(struct strbuf *to, const char *text, char end)
{
    strbuf_adds(to, text != NULL && *text != '\0' && strchr("=+-@", *text) != NULL ? "\"'" : "\"");
    for (const char *c = text != NULL ? text : ""; *c != '\0'; c++) {
        if (*c == '"')
            strbuf_adds(to, "\"");
        strbuf_add(to, c, 1);
    }
    strbuf_adds(to, "\"");
    strbuf_add(to, &end, 1);
}

static void note_people(struct strbuf *roster, const struct handins *found)
{
    for (size_t i = 0; i < found->n; i++) {
        const struct handin *h = &found->list[i];

        add_cell(roster, h->id, ',');
        add_cell(roster, h->name, ',');
        add_cell(roster, h->email, ',');
        add_cell(roster, h->late ? "late" : NULL, '\n');
    }
}

int grade_unpack(const struct grade_naming *how, const char *word, bool one_of_many,
                 struct grade_named *to, struct cupel_error *err)
{
    cleanup_free char *out = NULL, *below = NULL;
    struct handins_request request = {.archive = word,
                                      .layout = how->layout,
                                      .bytes_max = how->bytes_max,
                                      .one_of_many = one_of_many};
    struct handins found = {0};
    int r = reports_out_claim(how->out, err);

    if (r < 0)
        return r;
    out = realpath(how->out, NULL);
    if (out == NULL)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot open '%s'", how->out);
    below = xasprintf("%s/submissions", str_eq(out, "/") ? "" : out);
    request.below = below;
    r = handins_unpack(&request, &found, err);
    if (r < 0)
        return r;
    say_layout(word, &found);
    for (size_t i = 0; i < found.n; i++) {
        const struct handin *h = &found.list[i];

        grade_named_add(
            to, &(struct jobs_submission){
                    .id = arena_strdup(to->arena, h->id),
                    .path = arena_strdup(to->arena, h->path),
                    .refused = h->refused != NULL ? arena_strdup(to->arena, h->refused) : NULL,
                });
    }
    note_people(&to->people, &found);
    to->n_unpacked += found.n;
    handins_free(&found);
    return 0;
}

int grade_named_roster(const struct grade_named *n, const char *out, char **ret_path,
                       struct cupel_error *err)
{
    cleanup_strbuf struct strbuf text = {0};
    int r;

    if (n->n == 0 || n->n_unpacked != n->n)
        return 0;
    strbuf_adds(&text, "id,name,email,late\n");
    strbuf_add(&text, n->people.data, n->people.len);
    r = reports_out_put(out, ROSTER, text.data, text.len, err);
    if (r == 0)
        *ret_path = xasprintf("%s/" ROSTER, out);
    return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* class_view: what a student may see of a submission, decided once for every writer. A case that
 * may not be seen shows in nothing: neither in a name, nor in a verdict, a score or a sum of which
 * it is a part. Not responsible for where it is written. */
#include "base/weaken.h"
#include "reports/class/class.h"

#include <string.h>

bool class_moment_find(const char *name, enum class_moment *ret)
{
    static const char *const names[CLASS_MOMENT_COUNT] = {
        [CLASS_BEFORE_DUE] = "before-due", [CLASS_DUE] = "due", [CLASS_PUBLISHED] = "published"};

    for (size_t i = 0; i < CLASS_MOMENT_COUNT; i++)
        if (str_eq(name, names[i])) {
            *ret = (enum class_moment)i;
            return true;
        }
    return false;
}

bool class_view_shows(const struct class_view *v, const struct class_case *c)
{
    static const enum class_visibility last[CLASS_MOMENT_COUNT] = {
        [CLASS_BEFORE_DUE] = CLASS_VISIBLE,
        [CLASS_DUE] = CLASS_AFTER_DUE,
        [CLASS_PUBLISHED] = CLASS_AFTER_PUBLISHED};

    return c->visibility <= last[v->now] || weakened("hidden-cases");
}

/* Whether a group is another, or lies in it. */
static bool is_within(const char *group, const char *of)
{
    size_t n = strlen(of);

    return strncmp(group, of, n) == 0 && (group[n] == '\0' || group[n] == '/');
}

/* Notes in the groups around a case whether it may be seen. */
static void view_note_groups(struct class_view *v, const struct class_case *c, bool shown)
{
    for (size_t g = 0; g < v->of->n_groups; g++)
        if (is_within(c->group, v->of->groups[g].name)) {
            v->shows_group[g] |= shown;
            v->shows_group_score[g] &= shown;
        }
}

/* The verdict of what is seen is that of the first case which is wrong; of none that is, whether
 * all of them were run. */
static void view_note_verdict(struct class_view *v, const struct class_case *c)
{
    bool good = c->verdict == REPORTS_PASSED || c->verdict == REPORTS_NOT_RUN;

    v->ungraded |= c->score == CLASS_UNKNOWN;
    if (v->first_bad != NULL)
        return;
    if (!v->has_verdict || c->verdict != REPORTS_PASSED)
        v->verdict = c->verdict;
    v->has_verdict = true;
    v->first_bad = good ? NULL : c->name;
}

/* Goes through the cases; of those of one group, which stand together, the groups around are looked
 * for once for each kind. */
static void view_go_through(struct class_view *v)
{
    const char *noted[2] = {NULL, NULL};

    for (size_t i = 0; i < v->of->n_cases; i++) {
        const struct class_case *c = &v->of->cases[i];
        bool shown = class_view_shows(v, c);

        v->whole &= shown;
        if (c->group != NULL && (noted[shown] == NULL || !str_eq(noted[shown], c->group))) {
            view_note_groups(v, c, shown);
            noted[shown] = c->group;
        }
        if (shown)
            view_note_verdict(v, c);
    }
}

/* Where nothing was run, that tells of no case: it may be seen whatever they are. What is not the
 * submission's own doing is not explained to whoever has submitted it. */
static void view_take_before(struct class_view *v)
{
    const struct class_before *b = v->of->before;

    v->has_verdict = true;
    v->verdict = v->of->verdict;
    v->first_bad = NULL;
    v->ungraded = !class_is_graded(v->of);
    v->score = v->of->score;
    v->whole = true;
    if (v->ungraded)
        return;
    v->before_reason = b->evidence;
    v->has_compile_log = b->verdict == REPORTS_COMPILE_ERROR;
}

void class_view_make(const struct class_submission *s, enum class_moment now,
                     struct class_view *ret)
{
    const struct class_before *b = s->before;

    *ret = (struct class_view){.of = s, .now = now, .whole = true, .score = CLASS_UNKNOWN};
    ret->shows_group = xcalloc(s->n_groups + 1, sizeof(bool));
    ret->shows_group_score = xcalloc(s->n_groups + 1, sizeof(bool));
    for (size_t g = 0; g < s->n_groups; g++)
        ret->shows_group_score[g] = true;
    view_go_through(ret);
    if (b != NULL && b->verdict != REPORTS_PASSED && s->first_bad != NULL &&
        str_eq(s->first_bad, b->id)) {
        view_take_before(ret);
        return;
    }
    if (ret->whole) {
        ret->has_verdict = true;
        ret->verdict = s->verdict;
        ret->first_bad = s->first_bad;
        ret->score = s->score;
        ret->ungraded = s->id != NULL && !class_is_graded(s);
    }
}

void class_view_free(struct class_view *v)
{
    free(v->shows_group);
    free(v->shows_group_score);
}

void class_add_reason(const struct class_submission *s, struct strbuf *to)
{
    const struct class_before *b = s->before;
    const char *evidence = NULL;
    bool found = false;

    if (s->id == NULL) {
        strbuf_adds(to, "nothing was submitted");
        return;
    }
    strbuf_adds(to, reports_verdict_name(s->verdict));
    if (s->first_bad == NULL)
        return;
    strbuf_addf(to, " at %s", s->first_bad);
    if (b != NULL && str_eq(s->first_bad, b->id)) {
        evidence = b->evidence;
        found = true;
    }
    for (size_t i = 0; !found && i < s->n_cases; i++)
        if (str_eq(s->cases[i].name, s->first_bad)) {
            evidence = s->cases[i].evidence;
            found = true;
        }
    if (!found)
        strbuf_adds(to, ": it was no part of the run");
    else if (evidence != NULL)
        strbuf_addf(to, ": %s", evidence);
}

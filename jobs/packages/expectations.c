/* SPDX-License-Identifier: Apache-2.0 */
/* expectations: what submissions of a package have to come to: by the folder that they are in, and
 * by submissions/submissions.yaml. Not responsible for what they have come to (promises.c). */
#include "jobs/load.h"
#include "jobs/packages/package.h"

#include <string.h>

#define BRACES_MAX 64
#define PATTERNS_MAX 1000

/* ---- patterns ---- */

/* One name of a path: '*' stands for any part of it. */
static bool name_matches(const char *pattern, size_t n, const char *name, size_t length)
{
    size_t i = 0, k = 0, star = SIZE_MAX, after = 0;

    while (k < length) {
        if (i < n && pattern[i] == '*') {
            star = i++;
            after = k;
        } else if (i < n && pattern[i] == name[k]) {
            i++;
            k++;
        } else if (star != SIZE_MAX) { /* the star has one more */
            i = star + 1;
            k = ++after;
        } else {
            return false;
        }
    }
    while (i < n && pattern[i] == '*')
        i++;
    return i == n;
}

/* Whether the pattern is about the path or about a directory that it lies in. */
static bool path_matches(const char *pattern, const char *path)
{
    for (;;) {
        size_t n = strcspn(pattern, "/"), length = strcspn(path, "/");

        if (!name_matches(pattern, n, path, length))
            return false;
        if (pattern[n] == '\0')
            return true;
        if (path[length] == '\0')
            return false;
        pattern += n + 1;
        path += length + 1;
    }
}

bool package_matches(const char *pattern, const char *path)
{
    struct strings all = {0};
    bool found = false;

    if (!globs_expand(pattern, BRACES_MAX, &all))
        return false;
    for (size_t i = 0; i < all.n; i++)
        found |= path_matches(all.items[i], path);
    strings_free(&all);
    return found;
}

/* ---- words ---- */

static const struct {
    const char *word;
    unsigned outcome;
} outcome_words[] = {
    {"AC", OUTCOME_ACCEPTED},
    {"WA", OUTCOME_WRONG},
    {"TLE", OUTCOME_SLOW},
    {"RTE", OUTCOME_CRASHED},
};

const char *package_outcome_words(struct problem_package *p, unsigned outcomes)
{
    cleanup_strbuf struct strbuf text = {0};

    for (size_t i = 0; i < ARRAY_SIZE(outcome_words); i++)
        if ((outcomes & outcome_words[i].outcome) != 0)
            strbuf_addf(&text, "%s%s", text.len > 0 ? " or " : "", outcome_words[i].word);
    return text.len > 0 ? arena_strdup(p->arena, text.data) : "none";
}

/* ---- submissions.yaml ---- */

#define EXPECTATION_FIELD(member) offsetof(struct expectation, member)

static void read_outcomes(struct problem_package *p, struct package_yaml *y,
                          const struct node *value, void *object, size_t offset)
{
    unsigned *field = (unsigned *)(void *)((char *)object + offset);
    struct package_texts words = {0};

    package_read_texts(p, y, value, &words, 0);
    *field = 0;
    for (size_t i = 0; i < words.n; i++) {
        size_t k = 0;

        while (k < ARRAY_SIZE(outcome_words) && !str_eq(outcome_words[k].word, words.items[i]))
            k++;
        if (k < ARRAY_SIZE(outcome_words))
            *field |= outcome_words[k].outcome;
        else
            package_problem(y, value, "'%s' is of AC, WA, TLE and RTE, and '%s' is none of them",
                            value->key->text, words.items[i]);
    }
    if (words.n == 0)
        package_problem(y, value, "'%s' is empty", value->key->text);
}

static void read_score(struct problem_package *p, struct package_yaml *y, const struct node *value,
                       void *object, size_t offset)
{
    struct expectation *e = object;
    const struct node *first = items_first(value);

    (void)p;
    (void)offset;
    if (items_count(value) < 1 || items_count(value) > 2) {
        package_problem(y, value, "'score' is a number, or the least and the greatest of a range");
        return;
    }
    e->has_score = package_number(y, first, PACKAGE_POINTS_MAX, &e->least);
    e->most = e->least;
    if (value->kind == NODE_LIST && first->next != NULL)
        e->has_score &= package_number(y, first->next, PACKAGE_POINTS_MAX, &e->most);
}

static void read_message(struct problem_package *p, struct package_yaml *y,
                         const struct node *value, void *object, size_t offset)
{
    (void)p;
    (void)offset;
    (void)package_text(y, value, &((struct expectation *)object)->message);
}

static void read_timing(struct problem_package *p, struct package_yaml *y, const struct node *value,
                        void *object, size_t offset)
{
    static const struct {
        const char *word;
        enum timing_use use;
    } words[] = {{"false", TIMING_NONE},
                 {"true", TIMING_USUAL},
                 {"lower", TIMING_LOWER},
                 {"upper", TIMING_UPPER}};

    (void)p;
    (void)offset;
    for (size_t i = 0; value->kind == NODE_SCALAR && i < ARRAY_SIZE(words); i++)
        if (str_eq(words[i].word, value->text)) {
            ((struct expectation *)object)->timing = words[i].use;
            return;
        }
    package_problem(y, value, "'%s' is true, false, lower or upper", value->key->text);
}

#define N_CASE_KEYS 5 /* the first ones, which may be said of some cases as well */
static const struct package_key keys[] = {
    {"permitted", read_outcomes, FORMAT_ANY, EXPECTATION_FIELD(permitted)},
    {"required", read_outcomes, FORMAT_ANY, EXPECTATION_FIELD(required)},
    {"score", read_score, FORMAT_ANY, 0},
    {"message", read_message, FORMAT_ANY, 0},
    {"use_for_time_limit", read_timing, FORMAT_ANY, 0},
    /* of submissions alone */
    {"language", NULL, FORMAT_ANY, 0}, /* submissions.c has said that it is left out */
    {"entrypoint", NULL, FORMAT_ANY, 0},
    {"authors", NULL, FORMAT_ANY, 0},
    {"model_solution", NULL, FORMAT_ANY, 0},
};

static struct expectation *add_expectation(struct problem_package *p, const char *submissions,
                                           const char *cases, const struct node *place)
{
    struct expectation *e = arena_alloc(p->arena, sizeof(*e)), **end = &p->expectations;

    while (*end != NULL)
        end = &(*end)->next;
    *end = e;
    e->submissions = submissions;
    e->cases = cases;
    e->place = place;
    return e;
}

/* Finds what the format says of a folder. */
static struct expectation *of_folder(struct problem_package *p, const char *name)
{
    struct expectation *e = p->expectations;

    while (e != NULL && (e->cases != NULL || !str_eq(e->submissions, name)))
        e = e->next;
    return e;
}

static bool is_own_key(const char *name)
{
    size_t i = 0;

    while (i < ARRAY_SIZE(keys) && !str_eq(keys[i].name, name))
        i++;
    return i < ARRAY_SIZE(keys);
}

/* Reads what stands under a pattern: keys of its own, and patterns of cases with such. */
static void read_pattern(struct problem_package *p, struct package_yaml *y, const struct node *map)
{
    struct expectation *e = of_folder(p, map->key->text);

    if (map->kind != NODE_MAP) {
        package_problem(y, map, "'%s' has a map", map->key->text);
        return;
    }
    if (e == NULL)
        e = add_expectation(p, map->key->text, NULL, map);
    e->place = map;
    for (const struct node *v = map->first; v != NULL; v = v->next) {
        struct node one = *map, alone = *v;

        if (!is_own_key(v->key->text) && v->kind == NODE_MAP) {
            package_keys(p, y, v, keys, N_CASE_KEYS,
                         add_expectation(p, map->key->text, v->key->text, v));
            continue;
        }
        alone.next = NULL;
        one.first = &alone;
        one.n = 1;
        package_keys(p, y, &one, keys, ARRAY_SIZE(keys), e);
    }
}

void package_read_expectations(struct problem_package *p)
{
    static const struct {
        const char *folder;
        unsigned formats, permitted, required;
    } folders[] = {
        {"accepted", FORMAT_ANY, OUTCOME_ACCEPTED, 0},
        {"rejected", FORMAT_2025_09, 0, OUTCOME_CRASHED | OUTCOME_SLOW | OUTCOME_WRONG},
        {"wrong_answer", FORMAT_ANY, OUTCOME_ACCEPTED | OUTCOME_WRONG, OUTCOME_WRONG},
        {"time_limit_exceeded", FORMAT_2025_09, OUTCOME_ACCEPTED | OUTCOME_SLOW, OUTCOME_SLOW},
        {"time_limit_exceeded", FORMAT_OLD, OUTCOME_ACCEPTED | OUTCOME_SLOW | OUTCOME_WRONG,
         OUTCOME_SLOW},
        {"run_time_error", FORMAT_2025_09, OUTCOME_ACCEPTED | OUTCOME_CRASHED, OUTCOME_CRASHED},
        {"run_time_error", FORMAT_OLD, 0, OUTCOME_CRASHED},
        {"brute_force", FORMAT_2025_09, OUTCOME_ACCEPTED | OUTCOME_CRASHED | OUTCOME_SLOW,
         OUTCOME_CRASHED | OUTCOME_SLOW},
        {"partially_accepted", FORMAT_LEGACY, 0, 0},
    };

    size_t n = 0;

    for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
        if ((folders[i].formats & p->problem.format) != 0) {
            struct expectation *e = add_expectation(p, folders[i].folder, NULL, NULL);

            e->permitted = folders[i].permitted;
            e->required = folders[i].required;
            e->is_partial = str_eq(folders[i].folder, "partially_accepted");
        }
    if (p->submissions_yaml == NULL || p->submissions_yaml->map == NULL)
        return;
    for (const struct node *v = p->submissions_yaml->map->first; v != NULL; v = v->next)
        n += 1 + (v->kind == NODE_MAP ? v->n : 0);
    if (n > PATTERNS_MAX) {
        package_refuse(p, p->submissions_yaml->path, "it has more than %d patterns", PATTERNS_MAX);
        return;
    }
    for (const struct node *v = p->submissions_yaml->map->first; v != NULL; v = v->next)
        read_pattern(p, p->submissions_yaml, v);
}

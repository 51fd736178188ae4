/* SPDX-License-Identifier: Apache-2.0 */
/* groups: what test_group.yaml, the legacy testdata.yaml and a case's own YAML file say. How many
 * points come of it is decided in points.c. */
#include "jobs/packages/package.h"

#include <string.h>

#define GROUP_FIELD(member) offsetof(struct test_group, member)
#define CONFIG_FIELD(member) offsetof(struct case_config, member)

static void read_feedback(struct problem_package *p, struct package_yaml *y,
                          const struct node *value, void *object, size_t offset)
{
    bool full;

    (void)p;
    if (package_bool(y, value, &full))
        *(int *)(void *)((char *)object + offset) = full;
}

static void read_one_text(struct problem_package *p, struct package_yaml *y,
                          const struct node *value, void *object, size_t offset)
{
    (void)p;
    (void)package_text(y, value, (const char **)(void *)((char *)object + offset));
}

/* A sequence for all input validators, or a map of their names to such. */
static void read_input_args(struct problem_package *p, struct package_yaml *y,
                            const struct node *value, void *object, size_t offset)
{
    struct case_config *config = (struct case_config *)(void *)((char *)object + offset);

    config->input_args = (struct package_texts){.said = true};
    config->input_args_of = NULL;
    if (value->kind != NODE_MAP) {
        package_read_texts(p, y, value, &config->input_args, 0);
        return;
    }
    for (const struct node *v = value->first; v != NULL; v = v->next) {
        struct package_texts unused;

        package_read_texts(p, y, v, &unused, 0); /* whether it is one */
    }
    config->input_args_of = value;
}

/* ---- test_group.yaml ---- */

static bool is_sample(const struct test_group *g)
{
    return str_eq(g->name, "sample");
}

/* Whether the group may say anything of scores, and where it has said so. */
static bool may_score(struct problem_package *p, struct package_yaml *y, const struct node *value,
                      struct test_group *g)
{
    g->place = value;
    if (!p->problem.scoring)
        package_problem(y, value, "'%s' is for problems of type 'scoring'", value->key->text);
    else if (is_sample(g))
        package_problem(y, value, "'%s' is not for the sample data", value->key->text);
    return p->problem.scoring && !is_sample(g);
}

static void read_max_score(struct problem_package *p, struct package_yaml *y,
                           const struct node *value, void *object, size_t offset)
{
    struct test_group *g = object;

    (void)offset;
    if (!may_score(p, y, value, g))
        return;
    g->is_unbounded = value->kind == NODE_SCALAR && str_eq(value->text, "unbounded");
    if (g->is_unbounded)
        package_problem(y, value,
                        "'max_score: unbounded': points without an end are not counted here");
    else
        g->has_max_score = package_number(y, value, PACKAGE_POINTS_MAX, &g->max_score);
}

static void read_aggregation(struct problem_package *p, struct package_yaml *y,
                             const struct node *value, void *object, size_t offset)
{
    static const char *const words[] = {[AGGREGATION_UNSAID] = "",
                                        [AGGREGATION_PASS] = "pass-fail",
                                        [AGGREGATION_SUM] = "sum",
                                        [AGGREGATION_MIN] = "min"};
    struct test_group *g = object;
    const char *text;

    (void)offset;
    if (!may_score(p, y, value, g) || !package_text(y, value, &text))
        return;
    for (unsigned i = AGGREGATION_PASS; i <= AGGREGATION_MIN; i++)
        if (str_eq(text, words[i]))
            g->aggregation = (enum aggregation)i;
    if (g->aggregation == AGGREGATION_UNSAID)
        package_problem(y, value, "'score_aggregation' is pass-fail, sum or min");
}

static void read_require_pass(struct problem_package *p, struct package_yaml *y,
                              const struct node *value, void *object, size_t offset)
{
    struct test_group *g = object;
    const char *text;

    if (!may_score(p, y, value, g))
        return;
    if (value->kind == NODE_LIST)
        package_read_texts(p, y, value, object, offset);
    else if (package_text(y, value, &text))
        package_add_text(p, &g->needs, text);
}

static void refuse_static(struct problem_package *p, struct package_yaml *y,
                          const struct node *value, void *object, size_t offset)
{
    (void)p;
    (void)object;
    (void)offset;
    package_problem(y, value, "'%s': a validator of the submission's text is not run",
                    value->key->text);
}

static const struct package_key group_keys[] = {
    {"max_score", read_max_score, FORMAT_2025_09, 0},
    {"score_aggregation", read_aggregation, FORMAT_2025_09, 0},
    {"require_pass", read_require_pass, FORMAT_2025_09, GROUP_FIELD(needs)},
    {"static_validation_score", refuse_static, FORMAT_2025_09, 0},
    {"static_validator_args", refuse_static, FORMAT_2025_09, 0},
    {"args", package_read_texts, FORMAT_2025_09, GROUP_FIELD(config.args)},
    {"input_validator_args", read_input_args, FORMAT_2025_09, GROUP_FIELD(config)},
    {"output_validator_args", package_read_texts, FORMAT_2025_09,
     GROUP_FIELD(config.validator_args)},
    {"input_visualizer_args", NULL, FORMAT_2025_09, 0},
    {"output_visualizer_args", NULL, FORMAT_2025_09, 0},
    {"full_feedback", read_feedback, FORMAT_2025_09, GROUP_FIELD(config.full_feedback)},
};

/* ---- testdata.yaml ---- */

static void read_on_reject(struct problem_package *p, struct package_yaml *y,
                           const struct node *value, void *object, size_t offset)
{
    struct test_group *g = object;
    const char *text;

    (void)p;
    (void)offset;
    if (!package_text(y, value, &text))
        return;
    g->goes_on = str_eq(text, "continue");
    if (!g->goes_on && !str_eq(text, "break"))
        package_problem(y, value, "'on_reject' is break or continue");
}

static void read_grading(struct problem_package *p, struct package_yaml *y,
                         const struct node *value, void *object, size_t offset)
{
    const char *text;

    (void)p;
    (void)object;
    (void)offset;
    if (package_text(y, value, &text) && !str_eq(text, "default"))
        package_problem(y, value, "'grading: %s': a grader of the package's own is not run", text);
}

static void read_grader_flags(struct problem_package *p, struct package_yaml *y,
                              const struct node *value, void *object, size_t offset)
{
    static const char *const scores[] = {
        [GRADER_SUM] = "sum", [GRADER_AVG] = "avg", [GRADER_MIN] = "min", [GRADER_MAX] = "max"};
    struct test_group *g = object;
    struct package_texts words = {0};

    (void)offset;
    g->place = value;
    g->has_grader = true;
    g->lenient = g->ignores_sample = false;
    g->grader = GRADER_SUM;
    package_read_words(p, y, value, &words, 0);
    for (size_t i = 0; i < words.n; i++) {
        const char *word = words.items[i];
        unsigned score = 0;

        while (score < ARRAY_SIZE(scores) && !str_eq(scores[score], word))
            score++;
        if (score < ARRAY_SIZE(scores))
            g->grader = (enum grader_score)score;
        else if (str_eq(word, "worst_error") || str_eq(word, "first_error"))
            g->lenient = false;
        else if (str_eq(word, "always_accept") || str_eq(word, "accept_if_any_accepted"))
            g->lenient = true;
        else if (str_eq(word, "ignore_sample") && g->parent == NULL)
            g->ignores_sample = true;
        else
            package_problem(y, value, "the default grader has no flag '%s' here", word);
    }
}

/* A text of flags, or {name: VALIDATOR, flags: TEXT}. */
static void read_validator_flags(struct problem_package *p, struct package_yaml *y,
                                 const struct node *value, void *object, size_t offset)
{
    static const struct package_key keys[] = {
        {"name", NULL, FORMAT_LEGACY, 0},
        {"flags", package_read_words, FORMAT_LEGACY, CONFIG_FIELD(validator_args)},
    };

    if (value->kind == NODE_MAP)
        package_keys(p, y, value, keys, ARRAY_SIZE(keys), &((struct test_group *)object)->config);
    else
        package_read_words(p, y, value, object, offset);
}

static void read_input_flags(struct problem_package *p, struct package_yaml *y,
                             const struct node *value, void *object, size_t offset)
{
    static const struct package_key keys[] = {
        {"name", read_one_text, FORMAT_LEGACY, CONFIG_FIELD(input_args_for)},
        {"flags", package_read_words, FORMAT_LEGACY, CONFIG_FIELD(input_args)},
    };
    struct case_config *config = (struct case_config *)(void *)((char *)object + offset);

    config->input_args_for = NULL;
    if (value->kind == NODE_MAP)
        package_keys(p, y, value, keys, ARRAY_SIZE(keys), config);
    else
        package_read_words(p, y, value, &config->input_args, 0);
}

static void read_score(struct problem_package *p, struct package_yaml *y, const struct node *value,
                       void *object, size_t offset)
{
    (void)p;
    ((struct test_group *)object)->place = value;
    (void)package_number(y, value, PACKAGE_POINTS_MAX,
                         (uint64_t *)(void *)((char *)object + offset));
}

static void read_reject_score(struct problem_package *p, struct package_yaml *y,
                              const struct node *value, void *object, size_t offset)
{
    uint64_t v = 0;

    (void)p;
    (void)object;
    (void)offset;
    if (package_number(y, value, PACKAGE_POINTS_MAX, &v) && v != 0)
        package_problem(y, value, "'reject_score': what is wrong gives no points here");
}

/* Two numbers, of which the second is the most that the group can give. */
static void read_range(struct problem_package *p, struct package_yaml *y, const struct node *value,
                       void *object, size_t offset)
{
    struct test_group *g = object;
    struct package_texts words = {0};
    uint64_t low = 0;

    (void)offset;
    g->has_range = false;
    package_read_words(p, y, value, &words, 0);
    if (words.n != 2) {
        package_problem(y, value, "'range' is two numbers");
        return;
    }
    if (str_eq(words.items[1], "inf") || str_eq(words.items[1], "+inf"))
        return;
    g->has_range = package_parse_number(words.items[1], PACKAGE_POINTS_MAX, &g->range_end);
    if (!g->has_range || (!str_eq(words.items[0], "-inf") &&
                          !package_parse_number(words.items[0], PACKAGE_POINTS_MAX, &low)))
        package_problem(y, value, "'range' is from a number that is not less than 0 to another");
    else if (low != 0)
        package_problem(y, value, "'range': what is wrong gives no points here");
}

static const struct package_key old_group_keys[] = {
    {"on_reject", read_on_reject, FORMAT_LEGACY, 0},
    {"grading", read_grading, FORMAT_LEGACY, 0},
    {"grader_flags", read_grader_flags, FORMAT_LEGACY, 0},
    {"input_validator_flags", read_input_flags, FORMAT_LEGACY, GROUP_FIELD(config)},
    {"output_validator_flags", read_validator_flags, FORMAT_LEGACY,
     GROUP_FIELD(config.validator_args)},
    {"accept_score", read_score, FORMAT_LEGACY, GROUP_FIELD(accept_score)},
    {"reject_score", read_reject_score, FORMAT_LEGACY, 0},
    {"range", read_range, FORMAT_LEGACY, 0},
};

void package_read_group(struct problem_package *p, struct package_yaml *y, struct test_group *g)
{
    g->yaml = y;
    if (y->map == NULL)
        return;
    if (p->problem.format == FORMAT_2025_09)
        package_keys(p, y, y->map, group_keys, ARRAY_SIZE(group_keys), g);
    else
        package_keys(p, y, y->map, old_group_keys, ARRAY_SIZE(old_group_keys), g);
}

/* ---- a case ---- */

void package_read_case(struct problem_package *p, struct package_yaml *y,
                       struct case_config *config)
{
    static const struct package_key keys[] = {
        {"args", package_read_texts, FORMAT_2025_09, CONFIG_FIELD(args)},
        {"input_validator_args", read_input_args, FORMAT_2025_09, 0},
        {"output_validator_args", package_read_texts, FORMAT_2025_09, CONFIG_FIELD(validator_args)},
        {"input_visualizer_args", NULL, FORMAT_2025_09, 0},
        {"output_visualizer_args", NULL, FORMAT_2025_09, 0},
        {"full_feedback", read_feedback, FORMAT_2025_09, CONFIG_FIELD(full_feedback)},
        {"hint", read_one_text, FORMAT_2025_09, CONFIG_FIELD(hint)},
        {"description", read_one_text, FORMAT_2025_09, CONFIG_FIELD(description)},
    };

    if (y->map != NULL)
        package_keys(p, y, y->map, keys, ARRAY_SIZE(keys), config);
}

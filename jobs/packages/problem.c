/* SPDX-License-Identifier: Apache-2.0 */
/* problem: problem.yaml: the version of the format, the kind of problem, limits. What a kind asks
 * of a judge that this one cannot do is refused here, by its name. */
#include "jobs/packages/package.h"

#define SECONDS_MAX 86400
#define MIB_MAX 1048576
#define MULTIPLIER_MAX 1000

#define PROBLEM_FIELD(member) offsetof(struct posed, member)
#define LIMIT_FIELD(member) offsetof(struct posed_limits, member)

static void read_whole(struct problem_package *p, struct package_yaml *y, const struct node *value,
                       void *object, size_t offset)
{
    uint64_t *field = (uint64_t *)(void *)((char *)object + offset), v;

    (void)p;
    if (!package_number(y, value, MIB_MAX, &v))
        return;
    if (v % 1000 != 0 || v == 0)
        package_problem(y, value, "'%s' is a whole number above 0", value->key->text);
    else
        *field = v / 1000;
}

static void read_seconds(struct problem_package *p, struct package_yaml *y,
                         const struct node *value, void *object, size_t offset)
{
    uint64_t *field = (uint64_t *)(void *)((char *)object + offset), v;

    (void)p;
    if (!package_number(y, value, SECONDS_MAX, &v))
        return;
    if (v == 0)
        package_problem(y, value, "'%s' is a time of at least a millisecond", value->key->text);
    else
        *field = v * NSEC_PER_MSEC;
}

static void read_multiplier(struct problem_package *p, struct package_yaml *y,
                            const struct node *value, void *object, size_t offset)
{
    uint64_t *field = (uint64_t *)(void *)((char *)object + offset), v;

    (void)p;
    if (!package_number(y, value, MULTIPLIER_MAX, &v))
        return;
    if (v < 1000)
        package_problem(y, value, "'%s' is at least 1", value->key->text);
    else
        *field = v;
}

static const struct package_key multiplier_keys[] = {
    {"ac_to_time_limit", read_multiplier, FORMAT_ANY, LIMIT_FIELD(accepted_to_limit)},
    {"time_limit_to_tle", read_multiplier, FORMAT_ANY, LIMIT_FIELD(limit_to_slow)},
};

static void read_multipliers(struct problem_package *p, struct package_yaml *y,
                             const struct node *value, void *object, size_t offset)
{
    (void)offset;
    package_keys(p, y, value, multiplier_keys, ARRAY_SIZE(multiplier_keys), object);
}

static void read_passes(struct problem_package *p, struct package_yaml *y, const struct node *value,
                        void *object, size_t offset)
{
    (void)p;
    (void)object;
    (void)offset;
    package_problem(y, value, "problems of more than one pass are not judged here");
}

static const struct package_key limit_keys[] = {
    {"time_limit", read_seconds, FORMAT_2025_09, LIMIT_FIELD(time_ns)},
    {"time_multipliers", read_multipliers, FORMAT_2025_09, 0},
    {"time_multiplier", read_multiplier, FORMAT_OLD, LIMIT_FIELD(accepted_to_limit)},
    {"time_safety_margin", read_multiplier, FORMAT_OLD, LIMIT_FIELD(limit_to_slow)},
    {"time_resolution", read_seconds, FORMAT_2025_09, LIMIT_FIELD(resolution_ns)},
    {"memory", read_whole, FORMAT_ANY, LIMIT_FIELD(memory)},
    {"output", read_whole, FORMAT_ANY, LIMIT_FIELD(output)},
    {"code", read_whole, FORMAT_ANY, LIMIT_FIELD(code)},
    {"compilation_time", read_whole, FORMAT_ANY, LIMIT_FIELD(compilation_time)},
    {"compilation_memory", read_whole, FORMAT_ANY, LIMIT_FIELD(compilation_memory)},
    {"validation_time", read_whole, FORMAT_ANY, LIMIT_FIELD(validation_time)},
    {"validation_memory", read_whole, FORMAT_ANY, LIMIT_FIELD(validation_memory)},
    {"validation_output", read_whole, FORMAT_ANY, LIMIT_FIELD(validation_output)},
    {"validation_passes", read_passes, FORMAT_2025_09, 0},
};

static void read_limits(struct problem_package *p, struct package_yaml *y, const struct node *value,
                        void *object, size_t offset)
{
    package_keys(p, y, value, limit_keys, ARRAY_SIZE(limit_keys), (char *)object + offset);
}

/* ---- kinds ---- */

static void read_one_type(struct problem_package *p, struct package_yaml *y,
                          const struct node *value)
{
    static const struct {
        const char *name, *refused;
    } types[] = {
        {"pass-fail", NULL},
        {"scoring", NULL},
        {"interactive", NULL},
        {"multi-pass", "problems of more than one pass are not judged here"},
        {"submit-answer", "submissions that are answers are not judged here"},
    };
    const char *text;
    size_t i = 0;

    if (!package_text(y, value, &text))
        return;
    while (i < ARRAY_SIZE(types) && !str_eq(types[i].name, text))
        i++;
    if (i == ARRAY_SIZE(types))
        package_problem(y, value, "there is no type '%s' of problems", text);
    else if (types[i].refused != NULL)
        package_problem(y, value, "type '%s': %s", text, types[i].refused);
    p->problem.scoring |= str_eq(text, "scoring");
    p->problem.interactive |= str_eq(text, "interactive");
}

static void read_type(struct problem_package *p, struct package_yaml *y, const struct node *value,
                      void *object, size_t offset)
{
    (void)object;
    (void)offset;
    if (value->kind == NODE_LIST && (p->problem.format & FORMAT_OLD) != 0)
        package_problem(y, value, "'type' is a text");
    else
        for (const struct node *v = items_first(value); v != NULL; v = items_next(value, v))
            read_one_type(p, y, v);
}

static void read_validation(struct problem_package *p, struct package_yaml *y,
                            const struct node *value, void *object, size_t offset)
{
    struct package_texts words = {0};

    (void)object;
    (void)offset;
    package_read_words(p, y, value, &words, 0);
    for (size_t i = 0; i < words.n; i++) {
        if (i == 0 && (str_eq(words.items[0], "default") || str_eq(words.items[0], "custom")))
            p->problem.has_validator = str_eq(words.items[0], "custom");
        else if (i > 0 && str_eq(words.items[i], "score"))
            package_problem(y, value,
                            "'score': points of a legacy validator's own are not counted here");
        else if (i > 0 && str_eq(words.items[i], "interactive"))
            p->problem.interactive = true;
        else
            package_problem(y, value,
                            "'validation' is 'default' or 'custom', followed by 'interactive', "
                            "'score' or neither, not '%s'",
                            words.items[i]);
    }
}

static void read_objective(struct problem_package *p, struct package_yaml *y,
                           const struct node *value, void *object, size_t offset)
{
    const char *text;

    (void)p;
    (void)object;
    (void)offset;
    if (package_text(y, value, &text) && !str_eq(text, "max"))
        package_problem(y, value, "'objective: %s': more points are always better here", text);
}

static void read_grading(struct problem_package *p, struct package_yaml *y,
                         const struct node *value, void *object, size_t offset)
{
    static const struct package_key keys[] = {
        {"objective", read_objective, FORMAT_LEGACY, 0},
        {"show_test_data_groups", NULL, FORMAT_LEGACY, 0},
    };

    (void)offset;
    package_keys(p, y, value, keys, ARRAY_SIZE(keys), object);
}

static void read_languages(struct problem_package *p, struct package_yaml *y,
                           const struct node *value, void *object, size_t offset)
{
    if (value->kind == NODE_LIST)
        package_read_texts(p, y, value, object, offset);
    else if (!str_eq(value->text != NULL ? value->text : "", "all"))
        package_problem(y, value, "'languages' is 'all' or a sequence of their codes");
}

static void read_writes(struct problem_package *p, struct package_yaml *y, const struct node *value,
                        void *object, size_t offset)
{
    (void)object;
    (void)offset;
    (void)package_bool(y, value, &p->problem.writes_files);
}

/* Refuses texts that are to be put into validators and submissions. */
static void read_constants(struct problem_package *p, struct package_yaml *y,
                           const struct node *value, void *object, size_t offset)
{
    (void)p;
    (void)object;
    (void)offset;
    if (value->kind != NODE_MAP || value->n > 0)
        package_problem(y, value,
                        "'constants': nothing is put in place of {{NAME}} in the package's files");
}

static const struct package_key problem_keys[] = {
    {"problem_format_version", NULL, FORMAT_ANY, 0},
    {"type", read_type, FORMAT_2025_09 | FORMAT_LEGACY, 0},
    {"name", NULL, FORMAT_ANY, 0},
    {"uuid", NULL, FORMAT_ANY, 0},
    {"version", NULL, FORMAT_2025_09, 0},
    {"credits", NULL, FORMAT_2025_09, 0},
    {"author", NULL, FORMAT_OLD, 0},
    {"source", NULL, FORMAT_ANY, 0},
    {"source_url", NULL, FORMAT_OLD, 0},
    {"license", NULL, FORMAT_ANY, 0},
    {"rights_owner", NULL, FORMAT_ANY, 0},
    {"embargo_until", NULL, FORMAT_2025_09, 0},
    {"limits", read_limits, FORMAT_ANY, PROBLEM_FIELD(limits)},
    {"keywords", NULL, FORMAT_ANY, 0},
    {"languages", read_languages, FORMAT_2025_09, PROBLEM_FIELD(languages)},
    {"allow_file_writing", read_writes, FORMAT_2025_09, 0},
    {"constants", read_constants, FORMAT_2025_09, 0},
    {"validation", read_validation, FORMAT_OLD, 0},
    {"validator_flags", package_read_words, FORMAT_OLD, PROBLEM_FIELD(flags)},
    {"grading", read_grading, FORMAT_LEGACY, 0},
};

static bool read_version(struct problem_package *p, struct package_yaml *y)
{
    static const struct {
        const char *name;
        unsigned format;
    } versions[] = {
        {"legacy", FORMAT_LEGACY}, {"legacy-icpc", FORMAT_ICPC}, {"2025-09", FORMAT_2025_09}};
    const struct node *n = node_child(y->map, "problem_format_version");

    p->problem.format = FORMAT_LEGACY; /* which is so where nothing is said */
    if (n == NULL)
        return true;
    for (size_t i = 0; i < ARRAY_SIZE(versions); i++)
        if (n->kind == NODE_SCALAR && str_eq(n->text, versions[i].name)) {
            p->problem.format = versions[i].format;
            return true;
        }
    package_problem(y, n,
                    "the versions of the format that are read are 2025-09, legacy and "
                    "legacy-icpc");
    return false;
}

void package_read_problem(struct problem_package *p, struct package_yaml *y)
{
    struct posed_limits *limits = &p->problem.limits;

    if (!read_version(p, y))
        return;
    *limits = (struct posed_limits){
        .accepted_to_limit = 2000, .limit_to_slow = 1500, .resolution_ns = NSEC_PER_SEC};
    if (p->problem.format != FORMAT_2025_09) {
        limits->accepted_to_limit = 5000;
        limits->limit_to_slow = 2000;
    }
    package_keys(p, y, y->map, problem_keys, ARRAY_SIZE(problem_keys), &p->problem);
    if (limits->time_ns == 0)
        package_note(p, NULL, NULL, y->path,
                     "no 'time_limit': it comes from the times of its submissions; 10 s hold "
                     "until it is said");
    if (limits->time_ns % limits->resolution_ns != 0)
        package_problem(y, node_child(y->map, "limits"),
                        "'time_limit' is no multiple of 'time_resolution'");
}

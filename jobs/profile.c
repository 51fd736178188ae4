/* SPDX-License-Identifier: Apache-2.0 */
/* profile: `seccomp: FILE`: a system call profile in the form that container engines take (the
 * `seccomp` object of the OCI runtime specification, config-linux.md; Docker's file has the same
 * with conditions). It becomes a list of rules for the compiler of the filter, which puts them
 * behind the default's refusals: a profile can only take away.
 *
 * Conditions are judged for what a job is: it has none of the capabilities that rules are made to
 * depend on (`includes.caps`), and the machine's own architecture and kernel. */
#include "jobs/load.h"

#include <fcntl.h>
#include <jansson.h>
#include <seccomp.h>
#include <sys/utsname.h>

#define PROFILE_MAX ((size_t)1 << 20)
#define RULES_MAX 4096
#define PROFILES_MAX 16 /* of one job file */

/* ---- words ---- */

static bool read_action(const char *word, json_t *errnum, uint32_t *ret)
{
    static const struct {
        const char *word;
        uint32_t action;
    } actions[] = {
        {"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW},
        {"SCMP_ACT_LOG", SCMP_ACT_LOG},
        {"SCMP_ACT_TRAP", SCMP_ACT_TRAP},
        {"SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD},
        {"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD},
        {"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS},
    };

    if (word == NULL)
        return false;
    if (str_eq(word, "SCMP_ACT_ERRNO")) {
        json_int_t n = json_is_integer(errnum) ? json_integer_value(errnum) : EPERM;

        *ret = SCMP_ACT_ERRNO((uint32_t)n & 0xfff);
        return n >= 0 && n < 4096;
    }
    for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
        if (str_eq(actions[i].word, word)) {
            *ret = actions[i].action;
            return true;
        }
    return false; /* NOTIFY and TRACE want somebody who answers */
}

static bool read_operator(const char *word, unsigned *ret)
{
    static const struct {
        const char *word;
        unsigned op;
    } operators[] = {
        {"SCMP_CMP_NE", SCMP_CMP_NE},
        {"SCMP_CMP_LT", SCMP_CMP_LT},
        {"SCMP_CMP_LE", SCMP_CMP_LE},
        {"SCMP_CMP_EQ", SCMP_CMP_EQ},
        {"SCMP_CMP_GE", SCMP_CMP_GE},
        {"SCMP_CMP_GT", SCMP_CMP_GT},
        {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
    };

    for (size_t i = 0; word != NULL && i < ARRAY_SIZE(operators); i++)
        if (str_eq(operators[i].word, word)) {
            *ret = operators[i].op;
            return true;
        }
    return false;
}

/* ---- conditions ---- */

static bool names_native(const json_t *arches)
{
#if defined(__x86_64__)
    static const char *const native[] = {"amd64", "x86_64", "SCMP_ARCH_X86_64"};
#elif defined(__aarch64__)
    static const char *const native[] = {"arm64", "aarch64", "SCMP_ARCH_AARCH64"};
#else
    static const char *const native[] = {"riscv64", "SCMP_ARCH_RISCV64"};
#endif

    for (size_t i = 0; i < json_array_size(arches); i++)
        for (size_t k = 0; k < ARRAY_SIZE(native); k++) {
            const char *word = json_string_value(json_array_get(arches, i));

            if (word != NULL && str_eq(word, native[k]))
                return true;
        }
    return false;
}

static bool is_kernel_at_least(const char *wanted)
{
    unsigned major, minor, have_major, have_minor;
    struct utsname u;

    return sscanf(wanted, "%u.%u", &major, &minor) == 2 && uname(&u) == 0 &&
           sscanf(u.release, "%u.%u", &have_major, &have_minor) == 2 &&
           (have_major > major || (have_major == major && have_minor >= minor));
}

static bool applies(const json_t *rule)
{
    const json_t *in = json_object_get(rule, "includes"), *ex = json_object_get(rule, "excludes");
    const json_t *in_arches = json_object_get(in, "arches"),
                 *kernel = json_object_get(in, "minKernel");
    const json_t *ex_kernel = json_object_get(ex, "minKernel");

    if (json_array_size(json_object_get(in, "caps")) > 0)
        return false;
    if (json_array_size(in_arches) > 0 && !names_native(in_arches))
        return false;
    if (json_is_string(kernel) && !is_kernel_at_least(json_string_value(kernel)))
        return false;
    if (json_is_string(ex_kernel) && is_kernel_at_least(json_string_value(ex_kernel)))
        return false;
    return !names_native(json_object_get(ex, "arches"));
}

/* ---- rules ---- */

struct profile_reading {
    struct arena *arena;
    struct jobs_profile *profile;
    char why[160]; /* what is wrong with the file */
};

static bool wrong(struct profile_reading *r, const char *fmt, ...) BASE_PRINTF(2, 3);
static bool wrong(struct profile_reading *r, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(r->why, sizeof(r->why), fmt, ap);
    va_end(ap);
    return false;
}

static bool read_arguments(struct profile_reading *r, const json_t *args,
                           struct jobs_profile_rule *rule)
{
    for (size_t i = 0; i < json_array_size(args); i++) {
        const json_t *arg = json_array_get(args, i);
        const json_t *index = json_object_get(arg, "index"), *value = json_object_get(arg, "value");
        struct jobs_profile_argument *to = &rule->arguments[rule->n_arguments];

        if (rule->n_arguments == ARRAY_SIZE(rule->arguments) || !json_is_integer(index) ||
            !json_is_integer(value) || json_integer_value(index) < 0 ||
            json_integer_value(index) > 5 ||
            !read_operator(json_string_value(json_object_get(arg, "op")), &to->op))
            return wrong(r, "an argument's rule needs index (0 to 5), value and op");
        to->index = (unsigned)json_integer_value(index);
        to->value = (uint64_t)json_integer_value(value);
        /* 0 when absent */
        to->second = (uint64_t)json_integer_value(json_object_get(arg, "valueTwo"));
        rule->n_arguments++;
    }
    return true;
}

static bool add_rule(struct profile_reading *r, const json_t *name,
                     const struct jobs_profile_rule *model)
{
    struct jobs_profile *p = r->profile;

    if (!json_is_string(name))
        return wrong(r, "the name of a system call is text");
    if (seccomp_syscall_resolve_name(json_string_value(name)) == __NR_SCMP_ERROR)
        /* newer than the library, or another architecture's: profiles are written for many */
        return true;
    p->rules[p->n_rules] = *model;
    p->rules[p->n_rules++].name = arena_strdup(r->arena, json_string_value(name));
    return true;
}

static bool read_rule(struct profile_reading *r, const json_t *rule)
{
    const json_t *names = json_object_get(rule, "names"), *name = json_object_get(rule, "name");
    struct jobs_profile_rule model = {0};
    bool good = true;

    if (!json_is_object(rule) || (!json_is_array(names) && !json_is_string(name)))
        return wrong(r, "each of 'syscalls' is an object with 'names'");
    if (!read_action(json_string_value(json_object_get(rule, "action")),
                     json_object_get(rule, "errnoRet"), &model.action))
        return wrong(r, "a rule has no 'action' that can be carried out");
    if (!applies(rule))
        return true;
    if (!read_arguments(r, json_object_get(rule, "args"), &model))
        return false;
    for (size_t i = 0; good && i < json_array_size(names); i++)
        good = add_rule(r, json_array_get(names, i), &model);
    return good && (!json_is_string(name) || add_rule(r, name, &model));
}

/* Says whether a profile allows a call whatever its arguments. The calls that this is asked of are
 * those without which the command cannot be executed: the filter is in force then. */
static bool allows(const struct jobs_profile *p, const char *name)
{
    bool allowed = p->otherwise == SCMP_ACT_ALLOW || p->otherwise == SCMP_ACT_LOG;

    for (size_t i = 0; i < p->n_rules; i++)
        if (str_eq(p->rules[i].name, name) && p->rules[i].n_arguments == 0)
            allowed = p->rules[i].action == SCMP_ACT_ALLOW || p->rules[i].action == SCMP_ACT_LOG;
    return allowed;
}

static bool read_profile(struct profile_reading *r, const json_t *root)
{
    const json_t *list = json_object_get(root, "syscalls");
    size_t names = 0;

    if (!json_is_object(root) ||
        !read_action(json_string_value(json_object_get(root, "defaultAction")),
                     json_object_get(root, "defaultErrnoRet"), &r->profile->otherwise))
        return wrong(r, "it has no 'defaultAction' that can be carried out");
    if (json_object_get(root, "listenerPath") != NULL)
        return wrong(r, "'listenerPath': there is nobody to listen");
    if (list != NULL && !json_is_array(list))
        return wrong(r, "'syscalls' is not a list");
    for (size_t i = 0; i < json_array_size(list); i++)
        names += 1 + json_array_size(json_object_get(json_array_get(list, i), "names"));
    if (names > RULES_MAX)
        return wrong(r, "it has more than %d rules", RULES_MAX);
    r->profile->rules = arena_alloc(r->arena, names * sizeof(*r->profile->rules));
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!read_rule(r, json_array_get(list, i)))
            return false;
    for (size_t i = 0; i < jobs_needed_calls_count; i++)
        if (!allows(r->profile, jobs_needed_calls[i]))
            return wrong(r, "it does not allow '%s', without which the command cannot be started",
                         jobs_needed_calls[i]);
    return true;
}

/* Finds a profile that was read before, for another job. */
static const struct jobs_profile *find_profile(const struct loader *l, const char *path,
                                               size_t *ret_n)
{
    *ret_n = 0;
    for (const struct jobs_profile *p = l->profiles; p != NULL; p = p->next, (*ret_n)++)
        if (str_eq(p->path, path))
            return p;
    return NULL;
}

const struct jobs_profile *profile_load(struct loader *l, const struct node *at, const char *path)
{
    struct profile_reading r = {.arena = l->plan->arena};
    cleanup_free char *text = NULL;
    json_error_t error;
    json_t *root;
    size_t len, n;
    bool good;
    const struct jobs_profile *known = find_profile(l, path, &n);
    int e = known == NULL && n < PROFILES_MAX
                ? file_read_at(AT_FDCWD, path, PROFILE_MAX, &text, &len)
                : 0;

    if (known != NULL)
        return known;
    if (n == PROFILES_MAX) {
        problem_at(l, at, "more than %d seccomp profiles in one job file", PROFILES_MAX);
        return NULL;
    }
    if (e < 0) {
        problem_at(l, at, "cannot read the profile %s: %s", path, strerror(-e));
        return NULL;
    }
    root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) {
        problem_at(l, at, "%s:%d:%d: %s", path, error.line, error.column, error.text);
        return NULL;
    }
    r.profile = arena_alloc(r.arena, sizeof(*r.profile));
    *r.profile = (struct jobs_profile){.path = path, .next = l->profiles};
    good = read_profile(&r, root);
    json_decref(root);
    if (!good) {
        problem_at(l, at, "the seccomp profile %s cannot be used: %s", path, r.why);
        return NULL;
    }
    l->profiles = r.profile;
    return r.profile;
}

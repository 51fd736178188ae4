/* SPDX-License-Identifier: Apache-2.0 */
/* value: single values: a node becomes a text, a number, a path, or a problem that says what was
 * expected. */
#include "jobs/load.h"

#include <ctype.h>
#include <fcntl.h>
#include <sys/stat.h>

bool value_unexpected(struct loader *l, const struct node *n, const char *name, const char *words)
{
    char buf[NODE_TEXT_SIZE];

    const char *colon = n->kind == NODE_SCALAR && n->plain ? strchr(n->text, ':') : NULL;
    bool no_blank =
        str_starts(words, "a map of") && colon != NULL && colon > n->text && colon[1] != '/';
    bool is_use_of_them = str_eq(name, "services") && n->kind == NODE_LIST;

    if (n->kind != NODE_BAD)
        problem_at(l, n, "'%s' must be %s, not %s%s", name, words, node_describe(n, buf),
                   no_blank         ? "; a blank is missing after the ':'"
                   : is_use_of_them ? "; 'use-services' names those of the top-level 'services'"
                                    : "");
    return false;
}

/* Why a text that looks like a number is none that all readers of YAML agree on, as the end of a
 * message; or NULL. */
static const char *number_hint(const char *text)
{
    size_t digits = strspn(text, "0123456789");

    if (text[0] == '0' && digits > 1 && text[digits] == '\0')
        return "; a leading zero makes it octal for some readers of YAML and decimal for others: "
               "write it without";
    if (text[0] == '0' && strchr("xXoObB", text[1]) != NULL && text[1] != '\0')
        return "; write it in decimal";
    if (digits > 0 && strchr(text, '_') != NULL)
        return "; write it without '_'";
    if (digits > 0 && text[digits] == ':')
        return "; some readers of YAML take a:b as a number to the base of 60: write 90s or 1m30s";
    if (digits > 0 && text[digits] == ',')
        return "; the decimal mark is '.'";
    if (digits > 0 && strchr(text, ' ') != NULL)
        return "; leave out the blank";
    if (text[0] == '+' ||
        (digits > 0 && (text[digits] == 'e' || text[digits] == 'E') && text[digits + 1] != '\0' &&
         strchr("+-0123456789", text[digits + 1]) != NULL))
        return "; write it in plain digits";
    return NULL;
}

/* A number behind which stands what is no unit here, by the first letters of how those are
 * described. */
static const char *unit_hint(const char *text, const char *words)
{
    size_t digits = strspn(text, "0123456789.");

    if (digits == 0 || text[digits] == '\0' || strchr("0123456789.:,_ %", text[digits]) != NULL)
        return NULL;
    if (str_starts(words, "a size"))
        return "; the units are K, M, G and T, each 1024 times the one before";
    if (str_starts(words, "a duration"))
        return "; the units are ns, us, ms, s, m, h and d";
    return str_starts(words, "a number of cores") && str_eq(text + digits, "m")
               ? "; half a core is 0.5"
               : NULL;
}

/* "'NAME' must be WORDS, not ...", with what may be wrong with how a number is written. Always
 * false. */
static bool number_unexpected(struct loader *l, const struct node *n, const char *name,
                              const char *words)
{
    const char *hint = n->kind == NODE_SCALAR ? number_hint(n->text) : NULL;
    char buf[NODE_TEXT_SIZE];

    if (hint == NULL && n->kind == NODE_SCALAR)
        hint = unit_hint(n->text, words);
    if (hint == NULL)
        return value_unexpected(l, n, name, words);
    problem_at(l, n, "'%s' must be %s, not %s%s", name, words, node_describe(n, buf), hint);
    return false;
}

/* Digits that begin with a zero: YAML 1.1 reads them as octal, and many readers do not. */
static bool is_octal(const struct node *n)
{
    return n->text[0] == '0' && n->n > 1 && strspn(n->text, "0123456789") == n->n;
}

bool value_refuse_octal(struct loader *l, const struct node *n, const char *name, const char *words)
{
    if (!is_octal(n))
        return false;
    (void)number_unexpected(l, n, name, words);
    return true;
}

bool value_is_text(struct loader *l, const struct node *n, const char *name, const char *words)
{
    if (n->kind != NODE_SCALAR || node_is_null(n) || node_is_bool(n))
        return value_unexpected(l, n, name, words);
    return true;
}

bool value_text(struct loader *l, const struct node *n, const char *name, const char **ret)
{
    if (!value_is_text(l, n, name, "text"))
        return false;
    *ret = n->text; /* which the plan keeps: tree_read */
    return true;
}

bool value_integer(struct loader *l, const struct node *n, const char *name, uint64_t min,
                   uint64_t max, uint64_t *ret)
{
    uint64_t v = 0;

    if (!value_is_text(l, n, name, "a whole number"))
        return false;
    if (value_refuse_octal(l, n, name, "a whole number"))
        return false;
    for (const char *p = n->text; *p != '\0' || p == n->text; p++) {
        if (!isdigit((unsigned char)*p))
            return number_unexpected(l, n, name, "a whole number");
        if (__builtin_mul_overflow(v, UINT64_C(10), &v) ||
            __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
            v = UINT64_MAX;
    }
    if (v < min || v > max) {
        problem_at(l, n, "'%s' must be between %llu and %llu, not %s", name,
                   (unsigned long long)min, (unsigned long long)max, n->text);
        return false;
    }
    *ret = v;
    return true;
}

static const struct {
    const char *words;
    int (*parse)(const char *text, uint64_t *ret);
    const char *(*format)(uint64_t value, char buf[static UNIT_TEXT_SIZE]);
} units[] = {
    [JOBS_UNIT_CORES] = {"a number of cores such as 1.5 or 150%", unit_parse_cores,
                         unit_format_cores},
    [JOBS_UNIT_DURATION] = {"a duration such as 250ms, 90s or 1h30m", unit_parse_duration,
                            unit_spell_duration},
    [JOBS_UNIT_SIZE] = {"a size such as 64K, 512M or 1.5G", unit_parse_size, unit_format_size},
};

/* Reads one that is described by these words. */
static bool in_unit(struct loader *l, const struct node *n, const char *name, enum jobs_unit unit,
                    const char *words, uint64_t min, uint64_t max, uint64_t *ret)
{
    char buf[UNIT_TEXT_SIZE];
    uint64_t v;
    int r;

    if (!value_is_text(l, n, name, words))
        return false;
    r = is_octal(n) ? -EINVAL : units[unit].parse(n->text, &v);
    if (r == -EINVAL)
        return number_unexpected(l, n, name, words);
    if (r < 0 || v > max) {
        problem_at(l, n, "'%s' must be at most %s, not %s", name, units[unit].format(max, buf),
                   n->text);
        return false;
    }
    if (v < min) {
        problem_at(l, n, "'%s' must be at least %s, not %s", name, units[unit].format(min, buf),
                   n->text);
        return false;
    }
    *ret = v;
    return true;
}

bool value_in_unit(struct loader *l, const struct node *n, const char *name, enum jobs_unit unit,
                   uint64_t min, uint64_t max, uint64_t *ret)
{
    if (unit == JOBS_UNIT_COUNT)
        return value_integer(l, n, name, min, max, ret);
    return in_unit(l, n, name, unit, units[unit].words, min, max, ret);
}

bool value_duration_or_none(struct loader *l, const struct node *n, const struct key *k,
                            uint64_t *ret)
{
    if (n->kind == NODE_SCALAR && str_eq(n->text, "none")) {
        *ret = UINT64_MAX;
        return true;
    }
    return in_unit(l, n, k->name, JOBS_UNIT_DURATION, k->value, k->min, k->max, ret);
}

bool value_offset(struct loader *l, const struct node *n, const struct key *k, int64_t *ret_ns)
{
    char buf[UNIT_TEXT_SIZE];
    uint64_t ns;
    bool less;
    int r;

    if (!value_is_text(l, n, k->name, k->value))
        return false;
    less = n->text[0] == '-';
    r = is_octal(n) ? -EINVAL : unit_parse_duration(n->text + less, &ns);
    if (r == -EINVAL)
        return number_unexpected(l, n, k->name, k->value);
    if (r < 0 || ns > k->max) {
        problem_at(l, n, "'%s' must be at most %s either way, not %s", k->name,
                   unit_format_duration(k->max, buf), n->text);
        return false;
    }
    *ret_ns = less ? -(int64_t)ns : (int64_t)ns;
    return true;
}

bool value_choice(struct loader *l, const struct node *n, const struct key *k, size_t *ret)
{
    const char *names[16];
    const char *near;
    size_t count = 0;

    if (!value_is_text(l, n, k->name, k->value))
        return false;
    for (const struct choice *c = k->choices; c->name != NULL && count < ARRAY_SIZE(names);
         c++, count++) {
        names[count] = c->name;
        if (!str_eq(c->name, n->text))
            continue;
        if (!c->supported) {
            problem_at(l, n, "'%s: %s' is not supported yet", k->name, c->name);
            return false;
        }
        *ret = count;
        return true;
    }
    near = str_nearest(n->text, names, count);
    problem_at(l, n, "'%s' must be %s, not '%s'%s%s%s", k->name, k->value, n->text,
               near != NULL ? ", did you mean '" : "", near != NULL ? near : "",
               near != NULL ? "'?" : "");
    return false;
}

bool name_is_valid(const char *name)
{
    size_t n = strlen(name);

    return n > 0 && n <= LOAD_NAME_MAX && !str_eq(name, ".") && !str_eq(name, "..") &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == n;
}

bool value_name(struct loader *l, const struct node *n, const char *name, const char **ret)
{
    if (!value_is_text(l, n, name, "a name of letters, digits, '.', '_' and '-'"))
        return false;
    if (!name_is_valid(n->text))
        return value_unexpected(l, n, name,
                                "a name of at most 200 letters, digits, '.', '_' and '-'");
    return value_text(l, n, name, ret);
}

bool path_normalise(char *path)
{
    const char *in = path;
    char *out = path;

    if (*in == '/')
        *out++ = *in++;
    while (*in != '\0') {
        size_t n = strcspn(in, "/");

        if (n == 2 && in[0] == '.' && in[1] == '.')
            return false;
        if (n > 0 && !(n == 1 && in[0] == '.')) {
            if (out > path && out[-1] != '/')
                *out++ = '/';
            memmove(out, in, n);
            out += n;
        }
        in += n + (in[n] == '/');
    }
    *out = '\0';
    return true;
}

/* A path relative to the job's workdir, with what it would be; always false. */
static bool relative_path(struct loader *l, const struct node *n, const char *name)
{
    char buf[NODE_TEXT_SIZE];
    char *path = NULL;

    if (l->workdir != NULL && !str_eq(name, "workdir") && n->n > 0 &&
        strchr("~$", n->text[0]) == NULL) {
        path = arena_printf(l->tree, "%s/%s", l->workdir, n->text);
        if (!path_normalise(path))
            path = NULL;
    }
    if (path == NULL)
        return value_unexpected(l, n, name, "an absolute path in the job");
    problem_at(
        l, n,
        "'%s' must be an absolute path in the job, not %s; below the job's workdir that is '%s'",
        name, node_describe(n, buf), path);
    return false;
}

bool value_job_path(struct loader *l, const struct node *n, const char *name, const char **ret)
{
    char *path;

    if (!value_is_text(l, n, name, "an absolute path in the job"))
        return false;
    if (n->text[0] != '/')
        return relative_path(l, n, name);
    if (n->n >= 4096) {
        problem_at(l, n, "'%s' is longer than a path may be", name);
        return false;
    }
    path = arena_strndup(l->plan->arena, n->text, n->n);
    if (!path_normalise(path)) {
        problem_at(l, n, "'%s' must not contain '..': '%s'", name, n->text);
        return false;
    }
    *ret = path;
    return true;
}

/* Absolute form of a path of the job file, or of one that it includes, in the plan. ".." stays:
 * what it means depends on links. */
static const char *host_path(struct loader *l, const char *dir, const char *text)
{
    char *path;

    while (text[0] == '.' && (text[1] == '/' || text[1] == '\0')) {
        text += 1;
        text += strspn(text, "/");
    }
    if (*text == '\0')
        return arena_strdup(l->plan->arena, dir);
    path = text[0] == '/'
               ? arena_strdup(l->plan->arena, text)
               : arena_printf(l->plan->arena, "%s/%s", str_eq(dir, "/") ? "" : dir, text);
    for (size_t n = strlen(path); n > 1 && path[n - 1] == '/';)
        path[--n] = '\0';
    return path;
}

static bool check_host_path(struct loader *l, const struct node *n, const char *name,
                            bool directory_ok, const char *path)
{
    struct stat st;

    if (fstatat(AT_FDCWD, path, &st, 0) < 0 || faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) < 0) {
        problem_at(l, n, "'%s': cannot read %s: %s", name, path, strerror(errno));
        return false;
    }
    if (!S_ISREG(st.st_mode) && !directory_ok) {
        problem_at(l, n, "'%s': %s is not a regular file", name, path);
        return false;
    }
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
        problem_at(l, n, "'%s': %s is neither a regular file nor a directory", name, path);
        return false;
    }
    return true;
}

bool value_bool(struct loader *l, const struct node *n, const char *name, bool *ret)
{
    struct node plain = *n;

    plain.plain |= n->replaced;
    if (n->kind != NODE_SCALAR || !node_is_bool(&plain))
        return value_unexpected(l, n, name, "true or false");
    *ret = strchr("tTyY", n->text[0]) != NULL || str_eq(n->text, "on") || str_eq(n->text, "On") ||
           str_eq(n->text, "ON");
    return true;
}

bool value_thousandths(struct loader *l, const struct node *n, const char *name, const char *words,
                       uint64_t max, uint64_t *ret)
{
    const char *p = n->text;
    uint64_t v = 0, unit = 1000;

    if (!value_is_text(l, n, name, words) || value_refuse_octal(l, n, name, words))
        return false;
    for (; *p >= '0' && *p <= '9' && v <= max; p++)
        v = 10 * v + 1000 * (uint64_t)(*p - '0');
    if (p > n->text && *p == '.' && p[1] != '\0')
        for (p++; *p >= '0' && *p <= '9' && unit > 1; p++)
            v += (uint64_t)(*p - '0') * (unit /= 10);
    if (p == n->text || (*p != '\0' && v <= max)) {
        cleanup_free char *more = xasprintf("%s with at most three decimals", words);

        return value_unexpected(l, n, name, more);
    }
    if (v > max) {
        problem_at(l, n, "'%s' is at most %llu", name, (unsigned long long)(max / 1000));
        return false;
    }
    *ret = v;
    return true;
}

/* What a matrix has found, and what lies below, is filled by others. */
static void distrust(struct jobs_host_path *path, size_t named)
{
    path->untrusted = true;
    if (named >= path->trusted)
        return;
    while (named > 0 && path->path[named - 1] != '/')
        named--;
    path->trusted = named;
}

bool value_named_path(struct loader *l, const struct node *n, const char *name,
                      struct jobs_host_path *ret)
{
    const char *dir = load_dir_of(l, n);

    if (!value_is_text(l, n, name, "a path on the host"))
        return false;
    if (n->n == 0)
        return value_unexpected(l, n, name, "a path on the host");
    ret->path = host_path(l, dir, n->text);
    ret->trusted = n->text[0] == '/' ? strlen(ret->path) : strlen(dir);
    ret->untrusted = false;
    ret->to_follow = "give its absolute path";
    if (ret->trusted > strlen(ret->path) || str_eq(dir, "/"))
        ret->trusted = n->text[0] == '/' ? ret->trusted : 0;
    if (n->found > 0)
        distrust(ret, n->text[0] == '/' ? n->found - 1 : ret->trusted);
    return true;
}

bool value_host_path_exists(struct loader *l, const struct node *n, const char *name,
                            bool directory_ok, const struct jobs_host_path *path)
{
    cleanup_close int fd = -EBADF;

    if (path->untrusted || (!directory_ok && strset_has(&l->readable, path->path)))
        return true;
    fd = file_open_trusted(path->path, path->trusted, O_PATH);
    /* a link, or whatever somebody put there whom the job file does not trust: the job says so, and
     * the run goes on */
    if (fd == -ELOOP)
        return true;
    if (!check_host_path(l, n, name, directory_ok, path->path))
        return false;
    if (!directory_ok)
        (void)strset_add(&l->readable, path->path);
    return true;
}

bool value_host_path(struct loader *l, const struct node *n, const char *name, bool directory_ok,
                     const char **ret)
{
    struct jobs_host_path path;

    if (!value_named_path(l, n, name, &path) ||
        !check_host_path(l, n, name, directory_ok, path.path))
        return false;
    *ret = path.path;
    return true;
}
bool value_argument(struct loader *l, const struct node *n, const char *name, const char **ret)
{
    if (!value_is_text(l, n, name, "text"))
        return false;
    if (n->n > LOAD_ARG_MAX) {
        problem_at(l, n,
                   "'%s' is %zu bytes long; Linux passes at most %zu bytes in one argument, so put "
                   "it into a file that "
                   "'inputs' brings in",
                   name, n->n, LOAD_ARG_MAX);
        return false;
    }
    return value_text(l, n, name, ret);
}

bool value_argv(struct loader *l, const struct node *n, const char *name, size_t min,
                const char ***ret)
{
    const char **argv;
    size_t count = 0;
    bool good = true;

    if (n->kind != NODE_LIST)
        return value_unexpected(l, n, name, "a list of arguments");
    if (n->n < min) {
        problem_at(l, n, "'%s' is an empty list", name);
        return false;
    }
    argv = arena_alloc(l->plan->arena, (n->n + 1) * sizeof(*argv));
    for (const struct node *item = n->first; item != NULL; item = item->next)
        good = value_argument(l, item, name, &argv[count++]) && good;
    if (good)
        *ret = argv;
    return good;
}

/* ---- general setters ---- */

static void *value_field(const struct key *k, void *object)
{
    return (char *)object + k->offset;
}

void key_set_text(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    (void)value_text(l, value, k->name, (const char **)value_field(k, object));
}

void key_set_job_path(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    (void)value_job_path(l, value, k->name, (const char **)value_field(k, object));
}

void key_set_host_file(struct loader *l, const struct key *k, const struct node *value,
                       void *object)
{
    (void)value_host_path(l, value, k->name, false, (const char **)value_field(k, object));
}

void key_set_host_path(struct loader *l, const struct key *k, const struct node *value,
                       void *object)
{
    (void)value_host_path(l, value, k->name, true, (const char **)value_field(k, object));
}

void key_set_integer(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    uint64_t v;

    if (value_integer(l, value, k->name, k->min, k->max, &v))
        *(unsigned *)value_field(k, object) = (unsigned)v;
}

void key_set_duration(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    (void)value_in_unit(l, value, k->name, JOBS_UNIT_DURATION, k->min, k->max,
                        (uint64_t *)value_field(k, object));
}

void key_set_size(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    (void)value_in_unit(l, value, k->name, JOBS_UNIT_SIZE, k->min, k->max,
                        (uint64_t *)value_field(k, object));
}

void key_set_names(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    const char **names = arena_alloc(l->plan->arena, (items_count(value) + 1) * sizeof(*names));
    size_t n = 0;

    for (const struct node *item = items_first(value); item != NULL; item = items_next(value, item))
        n += value_name(l, item, k->name, &names[n]);
    *(const char ***)value_field(k, object) = names;
}

void key_set_argv(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    (void)value_argv(l, value, k->name, 1, (const char ***)value_field(k, object));
}

void key_set_node(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    (void)l;
    *(const struct node **)value_field(k, object) = value;
}

void key_set_choice(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    size_t index;

    if (value_choice(l, value, k, &index))
        *(unsigned *)value_field(k, object) =
            (unsigned)index; /* enums of the model count as the choices do */
}

/* Several of the choices, as bits; what `defaults` gave is replaced. */
void key_set_choices(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    uint32_t bits = 0;
    size_t index;

    if (items_count(value) == 0)
        problem_at(l, value, "'%s' is an empty list", k->name);
    for (const struct node *item = items_first(value); item != NULL; item = items_next(value, item))
        if (value_choice(l, item, k, &index))
            bits |= 1u << index;
    *(uint32_t *)value_field(k, object) = bits;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* matrix: which values each key of a `matrix` has, and which combinations of them there are. Not
 * responsible for what becomes of one (expand.c), nor for finding files (host.c). */
#include "jobs/expand/matrix.h"

#include "jobs/expand/shards.h"

#include <ctype.h>

/* Sets of keys that entries of `exclude` have: each is looked up for each combination. */
#define EXCLUSIONS_MAX 64

#define SHORT_WORD_MAX 30 /* bytes, of each of so many keys in an id of 1000 */

/* Entries of `exclude` that name the same keys. */
struct matrix_exclusion {
    uint32_t axes;        /* bits */
    struct strset values; /* their numbers, "3,0,": see add_number */
};

static bool is_env_name(const char *text)
{
    if (!isalpha((unsigned char)*text) && *text != '_')
        return false;
    while (isalnum((unsigned char)*text) || *text == '_')
        text++;
    return *text == '\0';
}

static bool check_key(struct loader *l, const struct node *key)
{
    if (!is_env_name(key->text))
        problem_at(l, key,
                   "'%s' is no key of a matrix: it becomes an environment variable, so it has "
                   "letters, digits and '_' only",
                   key->text);
    else if (shards_have(key->text))
        problem_at(l, key, "'%s' is what 'parallel' sets", key->text);
    else if (str_starts(key->text, "CUPEL_"))
        problem_at(l, key, "'%s': names that begin with CUPEL_ are set by cupel itself", key->text);
    else
        return true;
    return false;
}

/* ---- words of an id ---- */

/* What cannot be seen is written %XX, and so is a "${{", which no key of a file can have. What
 * others named is so in any case that no two of it are alike: a '%' and a ',' as well. */
const char *matrix_word(struct loader *l, const char *text, size_t n, bool of_others)
{
    cleanup_strbuf struct strbuf b = {0};
    const unsigned char *p = (const unsigned char *)text;
    bool plain = true;

    for (size_t i = 0; i < n;) {
        uint32_t c = 0;
        size_t length = text_decode(p + i, n - i, &c);
        bool good = length != 0 && !text_is_hidden(c) &&
                    !(of_others && (p[i] == '%' || p[i] == ',')) &&
                    !(n - i >= 3 && memcmp(p + i, "${{", 3) == 0);

        length = length != 0 ? length : 1;
        for (size_t k = 0; !good && k < length; k++)
            strbuf_addf(&b, "%%%02X", p[i + k]);
        if (good)
            strbuf_add(&b, p + i, length);
        plain = plain && good;
        i += length;
    }
    return plain ? text : arena_strdup(l->tree, b.data);
}

/* ---- values ---- */

static const char *value_text_at(const void *data, size_t i)
{
    return ((const struct matrix_value *)data)[i].node->text;
}

static struct node *scalar_at(struct loader *l, const struct node *where, const char *text,
                              uint32_t found)
{
    struct node *n = node_new_text(l->tree, text, where->place);

    n->found = found;
    return n;
}

static void set_value(struct loader *l, const struct matrix_axis *axis, struct matrix_value *v,
                      const struct node *node, const char *word)
{
    v->node = node;
    v->word = word;
    v->refused = v->short_word = NULL;
    v->unread = false;
    v->pair = arena_printf(l->plan->arena, "%s=%s", axis->key->text, node->text);
}

/* Takes over texts of the host's, which the plan keeps. */
static void set_found(struct loader *l, struct matrix_axis *axis, const struct node *where,
                      const char *const *texts, const char *const *names, size_t n, uint32_t found)
{
    axis->values = arena_alloc(l->tree, n * sizeof(*axis->values));
    axis->n = n;
    axis->found = true;
    for (size_t i = 0; i < n; i++)
        set_value(l, axis, &axis->values[i],
                  scalar_at(l, where, arena_strdup(l->plan->arena, texts[i]), found),
                  matrix_word(l, names[i], strlen(names[i]), true));
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* How much of what a pattern matches the job file names, as in struct node: the directories before
 * the first part that may be one or another, or the last one. */
static uint32_t named_by(const char *pattern)
{
    size_t n = strcspn(pattern, "*?[\\");

    while (n > 0 && pattern[n - 1] != '/')
        n--;
    return (uint32_t)n + 1;
}

/* Returns the beginning of a word and a number, which no other of the key has: what others named
 * never has a '%' before anything but two digits. */
static const char *short_word(struct loader *l, const char *word, size_t number)
{
    size_t n = strlen(word);

    if (n <= SHORT_WORD_MAX)
        return word;
    for (n = SHORT_WORD_MAX; n > 0 && ((unsigned char)word[n] & 0xc0) == 0x80;)
        n--;
    return arena_printf(l->tree, "%.*s%%~%zu", (int)n, word, number + 1);
}

/* A path is called by its last component where no other one ends so. */
static void set_paths(struct loader *l, struct matrix_axis *axis, const struct node *where,
                      const struct expand_match *matches, size_t n)
{
    _cleanup_(strset_free) struct strset seen = {0}, shared = {0};
    const char **paths = arena_alloc(l->tree, n * sizeof(*paths));
    const char **names = arena_alloc(l->tree, n * sizeof(*names));

    for (size_t i = 0; i < n; i++) {
        paths[i] = matches[i].path;
        if (!strset_add(&seen, last_part(paths[i])))
            (void)strset_add(&shared, last_part(paths[i]));
    }
    for (size_t i = 0; i < n; i++)
        names[i] = strset_has(&shared, last_part(paths[i])) ? paths[i] : last_part(paths[i]);
    set_found(l, axis, where, paths, names, n, named_by(where->text));
    for (size_t i = 0; i < n; i++) {
        if (matches[i].refused != NULL)
            axis->values[i].refused = arena_strdup(l->plan->arena, matches[i].refused);
        axis->values[i].unread = matches[i].unread;
        axis->values[i].short_word = short_word(l, axis->values[i].word, i);
    }
}

/* Takes what the caller names in place of what would be found: others have filled that as well.
 * What lies below the job file's directory is called as it would have been found. */
static void set_named(struct loader *l, struct matrix_axis *axis, const struct node *where)
{
    const struct jobs_grading *g = load_grading(l);
    const char *dir = load_dir_of(l, where);
    const size_t length = strlen(dir);
    const bool strips = dir == l->plan->dir && length > 1;

    axis->values = arena_alloc(l->tree, g->n_submissions * sizeof(*axis->values));
    axis->n = g->n_submissions;
    axis->found = true;
    for (size_t i = 0; i < axis->n; i++) {
        const char *path = arena_strdup(l->plan->arena, g->submissions[i].path);
        const char *id = arena_strdup(l->tree, g->submissions[i].id);

        if (strips && strncmp(path, dir, length) == 0 && path[length] == '/')
            path += length + 1;
        set_value(l, axis, &axis->values[i],
                  scalar_at(l, where, path, (uint32_t)(last_part(path) - path) + 1),
                  matrix_word(l, id, strlen(id), true));
        if (g->submissions[i].refused != NULL)
            axis->values[i].refused =
                arena_printf(l->plan->arena, "%s %s", path, g->submissions[i].refused);
        axis->values[i].short_word = short_word(l, axis->values[i].word, i);
    }
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void read_lines(struct loader *l, struct matrix_axis *axis, const struct node *value)
{
    const char *text, **lines, *end;
    struct cupel_error err;
    size_t len, n = 0, room = 1;

    load_note_reading(l, load_dir_of(l, value), value->text, false);
    if (l->host->read(load_dir_of(l, value), value->text, l->tree, &text, &len, &err) < 0) {
        problem_at(l, value, "'lines': %s", err.message);
        return;
    }
    if (memchr(text, '\0', len) != NULL) {
        problem_at(l, value, "'lines': %s is no text: it has a NUL byte", value->text);
        return;
    }
    for (size_t i = 0; i < len; i++)
        room += text[i] == '\n';
    lines = arena_alloc(l->tree, room * sizeof(*lines));
    for (const char *line = text; *line != '\0'; line = *end != '\0' ? end + 1 : end) {
        size_t length;

        end = line + strcspn(line, "\n");
        length = (size_t)(end - line);
        length -= length > 0 && line[length - 1] == '\r';
        if (length > 0)
            lines[n++] = arena_strndup(l->tree, line, length);
    }
    qsort(lines, n, sizeof(*lines), compare_texts);
    room = n;
    n = 0;
    for (size_t i = 0; i < room; i++)
        if (i == 0 || !str_eq(lines[i], lines[i - 1]))
            lines[n++] = lines[i];
    set_found(l, axis, value, lines, lines, n, 0);
}

void key_set_generator(struct loader *l, const struct key *k, const struct node *value,
                       void *object)
{
    struct matrix_axis *axis = object;
    struct expand_where where = load_where(l, load_dir_of(l, value));
    struct expand_match *matches;
    struct cupel_error err;
    size_t n;

    if (!value_is_text(l, value, k->name, k->value))
        return;
    if (str_eq(k->name, "lines")) {
        read_lines(l, axis, value);
        return;
    }
    if (l->named != NULL && str_eq(l->named, axis->key->text)) {
        set_named(l, axis, value);
        return;
    }
    load_note_reading(l, where.dir, value->text, true);
    if (l->host->match(&where, value->text, str_eq(k->name, "dirs") ? EXPAND_DIRS : EXPAND_FILES,
                       l->tree, &matches, &n, &err) < 0)
        problem_at(l, value, "'%s': %s", k->name, err.message);
    else
        set_paths(l, axis, value, matches, n);
}

void key_set_range(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    struct matrix_axis *axis = object;
    uint64_t from, to;
    const char **texts;
    size_t n;

    if (value->n != 2) {
        (void)value_unexpected(l, value, k->name, k->value);
        return;
    }
    if (!value_integer(l, value->first, k->name, 0, INT64_MAX, &from) ||
        !value_integer(l, value->first->next, k->name, from, INT64_MAX, &to))
        return;
    if (to - from >= EXPAND_MATCHES_MAX) {
        problem_at(l, value, "'%s' has more than %d values", k->name, EXPAND_MATCHES_MAX);
        return;
    }
    n = (size_t)(to - from + 1);
    texts = arena_alloc(l->tree, n * sizeof(*texts));
    for (size_t i = 0; i < n; i++)
        texts[i] = arena_printf(l->tree, "%llu", (unsigned long long)from + i);
    set_found(l, axis, value, texts, texts, n, 0);
}

static void read_values(struct loader *l, struct matrix_axis *axis, const struct node *list)
{
    axis->values = arena_alloc(l->tree, list->n * sizeof(*axis->values));
    for (const struct node *v = list->first; v != NULL; v = v->next)
        if (value_is_text(l, v, axis->key->text, "a list of texts (\"\" for an empty one)"))
            set_value(l, axis, &axis->values[axis->n++], v, matrix_word(l, v->text, v->n, false));
    if (list->n == 0)
        problem_at(l, list, "'%s' is an empty list", axis->key->text);
}

/* The index has the values in their order, so equal ones are neighbours. */
static void refuse_equal(struct loader *l, const struct matrix_axis *axis)
{
    const struct name_index *index = &axis->index;

    for (size_t i = 1; i < index->n; i++)
        if (str_eq(index->names[i], index->names[i - 1])) {
            size_t one = index->indices[i], other = index->indices[i - 1];

            problem_at(l, axis->values[one > other ? one : other].node, "'%s' has '%s' twice",
                       axis->key->text, index->names[i]);
        }
}

void key_set_axis(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    struct matrix *m = object;
    struct matrix_axis *axis = &m->axes[m->n_axes];
    const bool bad = m->bad;

    m->bad = true;
    if (!check_key(l, value->key))
        return;
    if (m->n_axes == MATRIX_KEYS_MAX) {
        problem_at(l, value->key, "'matrix' has more than %d keys", MATRIX_KEYS_MAX);
        return;
    }
    m->bad = bad;
    axis->key = value->key;
    m->n_axes++;
    if (value->kind == NODE_LIST) {
        read_values(l, axis, value);
    } else if (value->n != 1) {
        problem_at(l, value, "'%s' needs one of 'dirs', 'files', 'lines' and 'range'",
                   value->key->text);
    } else {
        size_t before = l->source.n_problems;

        (void)keys_apply(l, k->sub, value, axis);
        if (axis->n == 0 && l->source.n_problems == before)
            problem_at(l, value->first, "'%s' finds nothing, so there is nothing to run",
                       value->first->key->text);
    }
    m->bad = m->bad || axis->n == 0;
    name_index_build(&axis->index, axis->n, value_text_at, axis->values);
    refuse_equal(l, axis);
}

void key_set_combinations(struct loader *l, const struct key *k, const struct node *value,
                          void *object)
{
    struct matrix *m = object;
    const struct node **field = str_eq(k->name, "include") ? &m->include : &m->exclude;

    for (const struct node *map = value->first; map != NULL; map = map->next) {
        if (map->kind != NODE_MAP) {
            (void)value_unexpected(l, map, k->name, k->value);
            m->bad = true;
            continue;
        }
        if (map->n == 0)
            problem_at(l, map, "an entry of '%s' is empty", k->name);
        if (map->n > MATRIX_KEYS_MAX)
            problem_at(l, map, "an entry of '%s' has more than %d keys", k->name, MATRIX_KEYS_MAX);
        m->bad = m->bad || map->n == 0 || map->n > MATRIX_KEYS_MAX;
        for (const struct node *v = map->first; v != NULL; v = v->next)
            if (!value_is_text(l, v, v->key->text, "text (\"\" for an empty one)") ||
                !check_key(l, v->key))
                m->bad = true;
    }
    *field = value;
}

/* ---- exclude ---- */

/* What is looked up for one set of keys: the numbers of their values. */
static size_t add_number(char *buf, size_t at, size_t number)
{
    return at + (size_t)snprintf(buf + at, 24, "%zu,", number);
}
#define NUMBERS_SIZE (MATRIX_KEYS_MAX * 24)

static struct matrix_exclusion *exclusion_of(struct matrix *m, uint32_t axes)
{
    for (size_t i = 0; i < m->n_exclusions; i++)
        if (m->exclusions[i].axes == axes)
            return &m->exclusions[i];
    if (m->n_exclusions == EXCLUSIONS_MAX)
        return NULL;
    if (m->exclusions == NULL)
        m->exclusions = xcalloc(EXCLUSIONS_MAX, sizeof(*m->exclusions));
    m->exclusions[m->n_exclusions].axes = axes;
    return &m->exclusions[m->n_exclusions++];
}

static const struct node *node_of(const struct node *map, const struct node *key)
{
    return node_child(map, key->text);
}

static void check_excluded(struct loader *l, const struct matrix *m, const struct node *v)
{
    const char *names[MATRIX_KEYS_MAX], *near;

    for (size_t i = 0; i < m->n_axes; i++) {
        names[i] = m->axes[i].key->text;
        if (str_eq(names[i], v->key->text))
            return;
    }
    near = str_nearest(v->key->text, names, m->n_axes);
    problem_at(l, v->key, "'exclude' names '%s', which is no key of the matrix%s%s%s", v->key->text,
               near != NULL ? ", did you mean '" : "", near != NULL ? near : "",
               near != NULL ? "'?" : "");
}

static void exclude_one(struct loader *l, struct matrix *m, const struct node *map)
{
    struct matrix_exclusion *e;
    char numbers[NUMBERS_SIZE];
    uint32_t axes = 0;
    size_t at = 0, number;

    for (const struct node *v = map->first; v != NULL; v = v->next)
        check_excluded(l, m, v);
    for (size_t i = 0; i < m->n_axes; i++) {
        const struct node *v = node_of(map, m->axes[i].key);

        if (v == NULL)
            continue;
        if (!name_index_find(&m->axes[i].index, v->text, &number)) {
            if (m->axes[i].found)
                return; /* what is not there need not be excluded */
            problem_at(l, v, "'exclude' names '%s', which is no value of '%s'", v->text,
                       v->key->text);
            return;
        }
        axes |= UINT32_C(1) << i;
        at = add_number(numbers, at, number);
    }
    e = exclusion_of(m, axes);
    if (e == NULL)
        problem_at(l, map, "'exclude' has entries with more than %d different sets of keys",
                   EXCLUSIONS_MAX);
    else if (axes != 0)
        (void)strset_add(&e->values, numbers);
}

static bool is_excluded(const struct matrix *m, const size_t *at)
{
    char numbers[NUMBERS_SIZE];

    for (size_t k = 0; k < m->n_exclusions; k++) {
        size_t length = 0;

        for (size_t i = 0; i < m->n_axes; i++)
            if (((m->exclusions[k].axes >> i) & 1u) != 0)
                length = add_number(numbers, length, at[i]);
        if (length > 0 && strset_has(&m->exclusions[k].values, numbers))
            return true;
    }
    return false;
}

/* ---- all of it ---- */

bool matrix_read(struct loader *l, const struct node *map, struct matrix *m)
{
    size_t before = l->source.n_problems + l->source.n_dropped;

    *m = (struct matrix){0};
    if (!keys_apply(l, &keys_matrix, map, m))
        return value_unexpected(l, map, "matrix", "a map of keys to lists of values");
    if (l->source.n_problems + l->source.n_dropped == before && m->exclude != NULL)
        for (const struct node *e = m->exclude->first; e != NULL; e = e->next)
            exclude_one(l, m, e);
    if (m->n_axes == 0 && m->include == NULL && l->source.n_problems == before)
        problem_at(l, map, "'matrix' is empty");
    return !m->bad && l->source.n_problems + l->source.n_dropped == before;
}

size_t matrix_size(const struct matrix *m)
{
    size_t n = m->n_axes > 0 ? 1 : 0;

    for (size_t i = 0; i < m->n_axes; i++)
        if (__builtin_mul_overflow(n, m->axes[i].n, &n))
            return SIZE_MAX;
    return n + (m->include != NULL ? m->include->n : 0);
}

static void each_product(const struct matrix *m, combination_fn *each, void *data)
{
    size_t at[MATRIX_KEYS_MAX] = {0};
    struct combination c = {.n = m->n_axes, .n_named = m->n_axes};

    for (size_t i = 0; i < m->n_axes; i++)
        c.key[i] = m->axes[i].key;
    for (;;) {
        size_t i = m->n_axes;

        for (size_t k = 0; k < m->n_axes; k++)
            c.value[k] = &m->axes[k].values[at[k]];
        if (!is_excluded(m, at))
            each(data, &c);
        while (i > 0 && ++at[i - 1] == m->axes[i - 1].n)
            at[--i] = 0;
        if (i == 0)
            return;
    }
}

void matrix_each(struct loader *l, const struct matrix *m, combination_fn *each, void *data)
{
    struct matrix_value values[MATRIX_KEYS_MAX];

    if (m->n_axes > 0)
        each_product(m, each, data);
    if (m->include == NULL)
        return;
    for (const struct node *map = m->include->first; map != NULL; map = map->next) {
        struct combination c = {0};

        for (const struct node *v = map->first; v != NULL; v = v->next, c.n++) {
            const struct matrix_axis axis = {.key = v->key};

            set_value(l, &axis, &values[c.n], v, matrix_word(l, v->text, v->n, false));
            c.key[c.n] = v->key;
            c.value[c.n] = &values[c.n];
        }
        c.n_named = c.n;
        each(data, &c);
    }
}

void matrix_free(struct matrix *m)
{
    for (size_t i = 0; i < m->n_axes; i++)
        name_index_free(&m->axes[i].index);
    for (size_t i = 0; i < m->n_exclusions; i++)
        strset_free(&m->exclusions[i].values);
    free(m->exclusions);
    m->exclusions = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* values: what single keys of a package's YAML files have, by tables of keys. */
#include "jobs/packages/package.h"

#define KEYS_MAX 64

void package_problem(struct package_yaml *y, const struct node *at, const char *format, ...)
{
    cleanup_strbuf struct strbuf text = {0};
    va_list args;

    va_start(args, format);
    strbuf_vaddf(&text, format, args);
    va_end(args);
    source_problem(&y->source, at->place, "%s", text.data);
}

static void refuse_key(struct problem_package *p, struct package_yaml *y, const struct node *key,
                       const struct package_key *keys, size_t n)
{
    const char *names[KEYS_MAX], *near;
    size_t n_names = 0;

    for (size_t i = 0; i < n && n_names < KEYS_MAX; i++) {
        if ((keys[i].formats & p->problem.format) != 0)
            names[n_names++] = keys[i].name;
        else if (str_eq(keys[i].name, key->text)) {
            package_problem(y, key, "'%s' belongs to another version of the format", key->text);
            return;
        }
    }
    near = str_nearest(key->text, names, n_names);
    package_problem(y, key, "the format has no key '%s' here%s%s%s", key->text,
                    near != NULL ? ", did you mean '" : "", near != NULL ? near : "",
                    near != NULL ? "'?" : "");
}

void package_keys(struct problem_package *p, struct package_yaml *y, const struct node *map,
                  const struct package_key *keys, size_t n, void *object)
{
    if (map->kind != NODE_MAP) {
        if (!node_is_null(map))
            package_problem(y, map, "'%s' is a map",
                            map->key != NULL ? map->key->text : "the file");
        return;
    }
    for (const struct node *v = map->first; v != NULL; v = v->next) {
        size_t i = 0;

        while (i < n &&
               !(str_eq(keys[i].name, v->key->text) && (keys[i].formats & p->problem.format) != 0))
            i++;
        if (i == n)
            refuse_key(p, y, v->key, keys, n);
        else if (keys[i].read != NULL)
            keys[i].read(p, y, v, object, keys[i].offset);
    }
}

static void not_this(struct package_yaml *y, const struct node *n, const char *what)
{
    char buf[NODE_TEXT_SIZE];

    package_problem(y, n, "'%s' is %s, not %s", n->key != NULL ? n->key->text : "an item", what,
                    node_describe(n, buf));
}

bool package_text(struct package_yaml *y, const struct node *n, const char **ret)
{
    if (n->kind != NODE_SCALAR || node_is_null(n)) {
        not_this(y, n, "a text");
        return false;
    }
    *ret = n->text;
    return true;
}

bool package_bool(struct package_yaml *y, const struct node *n, bool *ret)
{
    if (n->kind == NODE_SCALAR && n->plain)
        for (int is_true = 0; is_true < 2; is_true++)
            if (str_eq(n->text, is_true != 0 ? "true" : "false")) {
                *ret = is_true != 0;
                return true;
            }
    not_this(y, n, "true or false");
    return false;
}

bool package_parse_number(const char *text, uint64_t max, uint64_t *ret)
{
    uint64_t v = 0, unit = 1000;
    const char *p = text;

    for (; *p >= '0' && *p <= '9' && v <= 1000 * max; p++)
        v = 10 * v + 1000 * (uint64_t)(*p - '0');
    if (p > text && *p == '.')
        for (p++; *p >= '0' && *p <= '9'; p++)
            v += (uint64_t)(*p - '0') * (unit /= 10);
    if (p == text || *p != '\0' || v > 1000 * max)
        return false;
    *ret = v;
    return true;
}

bool package_number(struct package_yaml *y, const struct node *n, uint64_t max, uint64_t *ret)
{
    if (n->kind == NODE_SCALAR && package_parse_number(n->text, max, ret))
        return true;
    not_this(y, n, "a number that is not less than 0 nor very large");
    return false;
}

void package_add_text(struct problem_package *p, struct package_texts *texts, const char *text)
{
    if ((texts->n & (texts->n + 1)) == 0) { /* it is full: 0, 1, 3, 7, ... */
        const char **items = arena_alloc(p->arena, (2 * texts->n + 1) * sizeof(*items));

        for (size_t i = 0; i < texts->n; i++)
            items[i] = texts->items[i];
        texts->items = items;
    }
    texts->items[texts->n++] = text;
    texts->said = true;
}

void package_read_texts(struct problem_package *p, struct package_yaml *y, const struct node *value,
                        void *object, size_t offset)
{
    struct package_texts *texts = (struct package_texts *)((char *)object + offset);
    const char *text;

    *texts = (struct package_texts){.said = true};
    if (value->kind != NODE_LIST) {
        not_this(y, value, "a sequence of texts");
        return;
    }
    for (const struct node *v = value->first; v != NULL; v = v->next)
        if (package_text(y, v, &text))
            package_add_text(p, texts, text);
}

void package_read_words(struct problem_package *p, struct package_yaml *y, const struct node *value,
                        void *object, size_t offset)
{
    struct package_texts *texts = (struct package_texts *)((char *)object + offset);
    const char *text;

    *texts = (struct package_texts){.said = true};
    if (node_is_null(value) || !package_text(y, value, &text))
        return;
    if (text[strcspn(text, "'\"\\")] != '\0') {
        package_problem(y, value, "quotes in '%s' are not read", value->key->text);
        return;
    }
    while (*(text += strspn(text, " \t\n")) != '\0') {
        size_t n = strcspn(text, " \t\n");

        package_add_text(p, texts, arena_strndup(p->arena, text, n));
        text += n;
    }
}

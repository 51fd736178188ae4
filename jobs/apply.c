/* apply: walks a map of the file along its key table. Knows the table's shape, not what any key means. */
#include "jobs/load.h"

/* Which forms a node could be. */
static unsigned forms_of(const struct node *n)
{
    switch (n->kind) {
    case NODE_SCALAR:
        return FORM_ONE;
    case NODE_LIST:
        return FORM_LIST | FORM_OBJECTS;
    case NODE_MAP:
        return FORM_MAP | FORM_OBJECT | FORM_NAMED;
    case NODE_BAD:
        break;
    }
    return 0;
}

static const char *nearest_key(const struct key_table *table, const char *word)
{
    const char *names[64];
    size_t n = 0;

    for (size_t i = 0; i < table->n && n < ARRAY_SIZE(names); i++)
        names[n++] = table->keys[i].name;
    return str_nearest(word, names, n);
}

/* Nearest key of this map; else of a map that is one of its values, where the key may have been meant to stand. */
static void unknown_key(struct loader *l, const struct key_table *table, const struct node *key)
{
    const char *near = NULL;

    if (l->source.n_problems < SOURCE_PROBLEMS_MAX) /* above, it is only counted */
        near = nearest_key(table, key->text);
    if (near != NULL) {
        problem_at(l, key, "unknown key '%s', did you mean '%s'?", key->text, near);
        return;
    }
    for (size_t i = 0; i < table->n && l->source.n_problems < SOURCE_PROBLEMS_MAX; i++) {
        const struct key *k = &table->keys[i];

        near = (k->forms & FORM_OBJECT) != 0 ? nearest_key(k->sub, key->text) : NULL;
        if (near != NULL) {
            problem_at(l, key, "unknown key '%s' in %s, did you mean '%s' under '%s'?", key->text, table->what, near,
                       k->name);
            return;
        }
    }
    problem_at(l, key, "unknown key '%s' in %s", key->text, table->what);
}

static const struct key *find_key(const struct key_table *table, const char *name)
{
    for (size_t i = 0; i < table->n; i++)
        if (str_eq(table->keys[i].name, name))
            return &table->keys[i];
    return NULL;
}

bool keys_apply(struct loader *l, const struct key_table *table, const struct node *map, void *object)
{
    uint64_t seen = 0;

    if (map->kind != NODE_MAP)
        return false;
    for (const struct node *v = map->first; v != NULL; v = v->next) {
        const struct key *k = find_key(table, v->key->text);

        if (k == NULL) {
            unknown_key(l, table, v->key);
            continue;
        }
        seen |= UINT64_C(1) << (k - table->keys);
        if (k->set == NULL)
            problem_at(l, v->key, "key '%s' is not supported yet", k->name);
        else if ((forms_of(v) & k->forms) == 0)
            (void)value_unexpected(l, v, k->name, k->value);
        else
            k->set(l, k, v, object);
    }
    for (size_t i = 0; i < table->n; i++)
        if (table->keys[i].required && ((seen >> i) & 1u) == 0)
            problem_at(l, map->key != NULL ? map->key : map, "%s needs the key '%s'", table->what, table->keys[i].name);
    return true;
}

void refuse_both(struct loader *l, const struct node *map, const char *one, const char *other)
{
    const struct node *second = node_child(map, other);

    if (node_child(map, one) != NULL && second != NULL)
        problem_at(l, second->key, "'%s' and '%s' exclude each other", one, other);
}

void keys_markdown(const struct key_table *table, struct strbuf *out)
{
    strbuf_adds(out, "| key | value | default | meaning |\n|---|---|---|---|\n");
    for (size_t i = 0; i < table->n; i++) {
        const struct key *k = &table->keys[i];

        strbuf_addf(out, "| `%s` | %s | %s | %s%s |\n", k->name, k->value,
                    k->fallback != NULL ? k->fallback
                    : k->required       ? "required"
                                        : "",
                    k->set == NULL ? "*Not supported yet.* " : "", k->help);
    }
}

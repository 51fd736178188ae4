/* SPDX-License-Identifier: Apache-2.0 */
/* apply: walks a map of the file along its key table. Knows the table's shape, not what any key
 * means. */
#include "jobs/load.h"

/* Returns which forms a node could be. */
static unsigned forms_of(const struct node *n)
{
    switch (n->kind) {
    case NODE_SCALAR:
        return FORM_ONE;
    case NODE_LIST:
        return FORM_LIST | FORM_OBJECTS | FORM_MAPS;
    case NODE_MAP:
        return FORM_MAP | FORM_OBJECT | FORM_NAMED;
    case NODE_BAD:
        break;
    }
    return 0;
}

const struct key *key_find(const struct key_table *table, const char *name)
{
    /* the first letters tell most keys apart, which is most of what a large file costs here */
    for (size_t i = 0; i < table->n; i++)
        if (table->keys[i].name[0] == name[0] && str_eq(table->keys[i].name, name))
            return &table->keys[i];
    return NULL;
}

static void apply_key(struct loader *l, const struct key *k, const struct node *v, void *object)
{
    if ((forms_of(v) & k->forms) == 0)
        (void)value_unexpected(l, v, k->name, k->value);
    else
        k->set(l, k, v, object);
}

bool keys_apply(struct loader *l, const struct key_table *table, const struct node *map,
                void *object)
{
    uint64_t seen = 0;

    if (map->kind != NODE_MAP)
        return false;
    for (const struct node *v = map->first; v != NULL; v = v->next) {
        const struct key *k = key_find(table, v->key->text);
        struct key other;

        if (k == NULL && table->others != NULL) { /* one of them, by its own name */
            other = *table->others;
            other.name = v->key->text;
            apply_key(l, &other, v, object);
            continue;
        }
        if (k == NULL) {
            if (!table->free_names || !str_starts(v->key->text, "x-"))
                unknown_key(l, table, v);
            continue;
        }
        seen |= UINT64_C(1) << (k - table->keys);
        apply_key(l, k, v, object);
    }
    for (size_t i = 0; i < table->n; i++)
        if (table->keys[i].required && ((seen >> i) & 1u) == 0 &&
            !key_was_meant(table, map, table->keys[i].name))
            problem_at(l, map->key != NULL ? map->key : map, "%s needs the key '%s'%s", table->what,
                       table->keys[i].name,
                       table->keys[i].missing != NULL ? table->keys[i].missing : "");
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

        strbuf_addf(out, "| `%s` | %s | %s | %s |\n", k->name, k->value,
                    k->fallback != NULL ? k->fallback
                    : k->required       ? "required"
                                        : "",
                    k->help);
    }
    if (table->others != NULL)
        strbuf_addf(out, "| %s | %s | | %s |\n", table->others->name, table->others->value,
                    table->others->help);
    if (table->free_names)
        strbuf_adds(out, "| `x-…` | anything | | the writer's own, for anchors to stand in |\n");
}

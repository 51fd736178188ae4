/* SPDX-License-Identifier: Apache-2.0 */
/* root: the `rootfs` map becomes the plan's roots. Not responsible for making any of them. */
#include "jobs/load.h"

#include <ctype.h>

#define LOWER_DIGITS "abcdefghijklmnopqrstuvwxyz0123456789"

void key_set_sha256(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    struct jobs_root *root = object;
    char *digest;

    if (!value_is_text(l, value, k->name, k->value))
        return;
    if (value->n != 64 || strspn(value->text, "0123456789abcdefABCDEF") != 64) {
        (void)value_unexpected(l, value, k->name, k->value);
        return;
    }
    digest = arena_strdup(l->plan->arena, value->text);
    for (char *p = digest; *p != '\0'; p++)
        *p = (char)tolower((unsigned char)*p);
    root->sha256 = digest;
}

/* Suites and packages become words of a command line: nothing that an option or a path could begin
 * with. */
static bool is_word(const char *text, size_t n, const char *letters)
{
    return n > 0 && n <= LOAD_NAME_MAX && isalnum((unsigned char)text[0]) &&
           strspn(text, letters) >= n;
}

static const char *root_place_of(struct loader *l, const struct node *n)
{
    return arena_printf(l->plan->arena, "%s:%zu:%zu", source_name_of(&l->source, n->place),
                        (size_t)n->place.line, (size_t)n->place.column);
}

void key_set_suite(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    struct jobs_root *root = object;

    if (!value_is_text(l, value, k->name, k->value))
        return;
    if (!is_word(value->text, value->n, LOWER_DIGITS "+.-"))
        (void)value_unexpected(l, value, k->name, k->value);
    else
        root->suite = arena_strdup(l->plan->arena, value->text);
    root->suite_place = root_place_of(l, value);
}

/* NAME[:ARCH][=VERSION], as apt takes it (Debian policy 5.6.1, 5.6.12). */
static bool is_package(const char *text)
{
    size_t n = strcspn(text, ":=");

    if (!is_word(text, n, LOWER_DIGITS "+.-"))
        return false;
    text += n;
    if (*text == ':') {
        n = strcspn(++text, "=");
        if (!is_word(text, n, LOWER_DIGITS "-"))
            return false;
        text += n;
    }
    return *text == '\0' ||
           is_word(text + 1, strlen(text + 1), LOWER_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZ+.:~-");
}

void key_set_packages(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    struct jobs_root *root = object;
    const char **packages =
        arena_alloc(l->plan->arena, (items_count(value) + 1) * sizeof(*packages));
    const char **places = arena_alloc(l->plan->arena, (items_count(value) + 1) * sizeof(*places));
    size_t n = 0;

    for (const struct node *item = items_first(value); item != NULL;
         item = items_next(value, item)) {
        if (!value_is_text(l, item, k->name, k->value))
            continue;
        if (!is_package(item->text)) {
            problem_at(l, item, "'%s' is no package name", item->text);
            continue;
        }
        places[n] = root_place_of(l, item);
        packages[n++] = arena_strdup(l->plan->arena, item->text);
    }
    root->packages = packages;
    root->package_places = places;
}

/* OS/ARCHITECTURE[/VARIANT], as the image specification names them. */
void key_set_platform(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    const char *text = value->text;
    size_t parts = 0;

    if (!value_is_text(l, value, k->name, k->value))
        return;
    for (; is_word(text, strcspn(text, "/"), LOWER_DIGITS "._-"); text++) {
        parts++;
        text += strcspn(text, "/");
        if (*text == '\0')
            break;
    }
    if (parts < 2 || parts > 3 || *text != '\0')
        (void)value_unexpected(l, value, k->name, k->value);
    else
        ((struct jobs_root *)object)->platform = arena_strdup(l->plan->arena, value->text);
}

/* [HOST[:PORT]/]NAME[:TAG][@ALGORITHM:DIGEST]: skopeo knows the rest; here only what could not be
 * one. */
void key_set_image(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    const char *text = value->text;

    if (!value_is_text(l, value, k->name, k->value))
        return;
    if (strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:@") !=
            strlen(text) ||
        strstr(text, "//") != NULL || strspn(text, "._-/:@") > 0 || text[0] == '\0' ||
        strlen(text) > 500)
        (void)value_unexpected(l, value, k->name, k->value);
    else
        ((struct jobs_root *)object)->image = arena_strdup(l->plan->arena, text);
}

static const struct root_source {
    const char *key;
    enum jobs_root_kind kind;
    const char *with[6]; /* further keys that go with it */
} root_sources[] = {
    {"tar", JOBS_ROOT_TAR, {"sha256", "strip"}},
    {"debian", JOBS_ROOT_DEBIAN, {"packages"}},
    {"oci", JOBS_ROOT_OCI, {"tag", "platform"}},
    {"image", JOBS_ROOT_IMAGE, {"platform"}},
    {"imported", JOBS_ROOT_CACHED, {NULL}},
    {"from", JOBS_ROOT_DERIVED, {"run", "shell", "network", "env", "inputs", "limits"}},
};

/* Whether one of the sources that the key goes with is there. */
static bool goes_with(const struct node *map, const char *key)
{
    for (size_t i = 0; i < ARRAY_SIZE(root_sources); i++)
        for (size_t k = 0; k < ARRAY_SIZE(root_sources[i].with) && root_sources[i].with[k] != NULL;
             k++)
            if (str_eq(root_sources[i].with[k], key) &&
                node_child(map, root_sources[i].key) != NULL)
                return true;
    return false;
}

/* Whether an unknown key, of which more was said, stands for one. */
static bool source_was_meant(const struct node *map)
{
    for (size_t i = 0; i < ARRAY_SIZE(root_sources); i++)
        if (key_was_meant(&keys_root, map, root_sources[i].key))
            return true;
    return false;
}

/* Exactly one source, and only the keys that go with it. */
static void check_source(struct loader *l, const struct node *map, const char *name,
                         enum jobs_root_kind *ret_kind)
{
    const struct root_source *first = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(root_sources); i++) {
        const struct node *n = node_child(map, root_sources[i].key);

        if (n == NULL)
            continue;
        if (first != NULL)
            problem_at(l, n->key, "root '%s' has two sources, '%s' and '%s'", name, first->key,
                       root_sources[i].key);
        else
            first = &root_sources[i];
    }
    if (first == NULL && !source_was_meant(map))
        problem_at(l, map->key,
                   "root '%s' has no source: 'tar', 'oci', 'image', 'imported', 'debian' or 'from'",
                   name);
    for (size_t i = 0; i < ARRAY_SIZE(root_sources); i++)
        for (size_t k = 0; k < ARRAY_SIZE(root_sources[i].with) && root_sources[i].with[k] != NULL;
             k++) {
            const struct node *n = node_child(map, root_sources[i].with[k]);

            if (n != NULL && !goes_with(map, root_sources[i].with[k]) && !source_was_meant(map))
                problem_at(l, n->key, "'%s' goes with '%s' only", root_sources[i].with[k],
                           root_sources[i].key);
        }
    *ret_kind = first != NULL ? first->kind : JOBS_ROOT_TAR;
}

static void root_read(struct loader *l, struct root_draft *r, const struct node *map)
{
    static const char *const no_packages[] = {NULL};
    struct jobs_root *root = &r->root;

    draft_init(&r->build, l->plan->arena);
    r->build.name = map->key;
    root->name = arena_strdup(l->plan->arena, map->key->text);
    root->line = (int)map->key->place.line;
    root->file = arena_strdup(l->plan->arena, source_name_of(&l->source, map->key->place));
    if (str_eq(root->name, "host") || str_eq(root->name, "scratch"))
        problem_at(l, map->key, "the root '%s' is built in; choose another name", root->name);
    else if (!name_is_valid(root->name))
        problem_at(l, map->key, "'%s' is no name for a root: letters, digits, '.', '_' and '-'",
                   root->name);
    if (!keys_apply(l, &keys_root, map, r)) {
        (void)value_unexpected(l, map, root->name,
                               "a map such as {image: alpine:3}, {tar: FILE} or {debian: SUITE}");
        return;
    }
    check_source(l, map, root->name, &root->kind);
    if (root->kind == JOBS_ROOT_DEBIAN && root->packages == NULL) {
        root->packages = arena_alloc(l->plan->arena, sizeof(no_packages));
        memcpy(root->packages, no_packages, sizeof(no_packages));
    }
    if (root->kind == JOBS_ROOT_DERIVED)
        derived_finish(l, r, map);
}

static const char *root_name(const void *data, size_t i)
{
    return ((const struct jobs_root *)data)[i].name;
}

void roots_read(struct loader *l, const struct node *map)
{
    size_t n = 2 + (map != NULL ? map->n : 0);
    struct jobs_root *roots = arena_alloc(l->plan->arena, n * sizeof(*roots));
    cleanup_free const struct node **from = xcalloc(n, sizeof(*from));

    roots[0] = (struct jobs_root){.name = "host", .kind = JOBS_ROOT_HOST};
    roots[1] = (struct jobs_root){.name = "scratch", .kind = JOBS_ROOT_SCRATCH};
    n = 2;
    for (const struct node *v = map != NULL ? map->first : NULL; v != NULL; v = v->next) {
        struct root_draft r = {0};

        root_read(l, &r, v);
        from[n] = r.from;
        roots[n++] = r.root;
    }
    l->plan->roots = roots;
    l->plan->n_roots = n;
    name_index_build(&l->roots, n, root_name, roots);
    derived_resolve(l, from);
}

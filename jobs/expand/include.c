/* SPDX-License-Identifier: Apache-2.0 */
/* include: the roots, templates and services of other files become the job file's own, each node of
 * which knows the file that it is from. A file that is named in several ways is read once; one that
 * includes itself, and a name that two files give, are problems. Not responsible for what stands
 * under those names. */
#include "jobs/expand/include.h"

struct inclusion {
    const char *path; /* absolute */
    bool open;        /* what it includes itself is being read */
};
struct including {
    struct loader *l;
    struct node *root; /* of the job file */
    struct inclusion files[INCLUDES_MAX + 1];
    size_t n_files;
    size_t asked; /* entries of `include` so far */
    size_t bytes; /* of all texts */
};

/* ---- one file ---- */

/* Says where the file is and what is in it: of a copy of the job file as its run had it. */
static bool take_recorded(struct including *x, const struct node *item, const char **ret_path)
{
    const struct jobs_parameters *p = x->l->parameters;

    if (x->asked > p->n_inclusions) {
        problem_at(x->l, item, "'include': the run had no %s", item->text);
        return false;
    }
    *ret_path = arena_strdup(x->l->plan->arena, p->inclusions[x->asked - 1].path);
    return true;
}

static bool locate(struct including *x, const struct node *item, const char **ret_path)
{
    struct loader *l = x->l;
    struct cupel_error err;

    if (++x->asked > INCLUDES_MAX) {
        if (x->asked == INCLUDES_MAX + 1)
            problem_at(l, item, "with this, more than %d files are included", INCLUDES_MAX);
        return false;
    }
    if (l->parameters != NULL && l->parameters->inclusions != NULL)
        return take_recorded(x, item, ret_path);
    if (l->host->locate(load_dir_of(l, item), item->text, l->plan->arena, ret_path, &err) == 0)
        return true;
    problem_at(l, item, "'include': %s", err.message);
    return false;
}

static bool read_text(struct including *x, const struct node *item, struct source_file *file)
{
    struct loader *l = x->l;
    struct cupel_error err;

    if (l->parameters != NULL && l->parameters->inclusions != NULL) {
        const struct jobs_inclusion *copy = &l->parameters->inclusions[x->asked - 1];

        file->text = arena_strndup(l->plan->arena, copy->text, copy->len);
        file->len = copy->len;
    } else if (l->host->read(load_dir_of(l, item), item->text, l->plan->arena, &file->text,
                             &file->len, &err) < 0) {
        problem_at(l, item, "'include': %s", err.message);
        return false;
    }
    x->bytes += file->len;
    if (x->bytes <= LOAD_FILE_MAX)
        return true;
    problem_at(l, item, "with %s, the files that are included are larger than %zu MiB", item->text,
               LOAD_FILE_MAX >> 20);
    return false;
}

/* What messages call the file: as it can be reached from where cupel was started. */
static const char *name_for_messages(struct including *x, const struct node *item)
{
    const char *by = source_name_of(&x->l->source, item->place), *slash = strrchr(by, '/');

    if (item->text[0] == '/' || slash == NULL)
        return item->text;
    return arena_printf(x->l->tree, "%.*s/%s", (int)(slash - by), by, item->text);
}

static const char *directory_of(struct including *x, const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == path ? "/" : arena_strndup(x->l->plan->arena, path, (size_t)(slash - path));
}

/* Reads the tree of a file in the place of the job file's text. */
static struct node *read_tree(struct loader *l, const struct source_file *file)
{
    struct source *s = &l->source;
    const char *text = s->text;
    size_t len = s->len, mark = load_mark_of(file->text, file->len);
    struct source_file kept = *file;
    struct node *root;

    kept.text += mark;
    kept.len -= mark;
    s->reading = source_add_origin(s, &(struct source_origin){.file = source_add_file(s, &kept)});
    s->text = kept.text;
    s->len = kept.len;
    root = tree_read(s, l->tree, l->plan->arena);
    s->text = text;
    s->len = len;
    s->reading = 0;
    return root;
}

/* ---- what is in it ---- */

static void say_doubled(struct including *x, const char *key, const struct node *one,
                        const struct node *other)
{
    const struct source *s = &x->l->source;
    bool later = source_file_of(s, one->key->place) > source_file_of(s, other->key->place);
    const struct node *first = later ? other : one, *second = later ? one : other;

    problem_at(x->l, second->key, "'%s' stands under '%s' of %s, line %u, too", second->key->text,
               key, source_name_of(s, first->key->place), first->key->place.line);
}

static int compare_names(const void *a, const void *b)
{
    const struct node *x = *(const struct node *const *)a, *y = *(const struct node *const *)b;

    return strcmp(x->key->text, y->key->text);
}

/* Reports names that two files give; of one file that was said when its tree was read. */
static void refuse_doubled(struct including *x, const char *key, const struct node *map)
{
    cleanup_free const struct node **all = xcalloc(map->n, sizeof(*all));
    const struct source *s = &x->l->source;
    size_t n = 0;

    for (const struct node *v = map->first; v != NULL; v = v->next)
        all[n++] = v;
    qsort(all, n, sizeof(*all), compare_names);
    for (size_t i = 1; i < n; i++)
        if (str_eq(all[i]->key->text, all[i - 1]->key->text) &&
            source_file_of(s, all[i]->key->place) != source_file_of(s, all[i - 1]->key->place))
            say_doubled(x, key, all[i - 1], all[i]);
}

static struct node *map_of_root(struct including *x, struct node *key_of_other)
{
    struct node *map = (struct node *)node_child(x->root, key_of_other->text);
    struct node **link = &x->root->first;

    if (map != NULL)
        return map;
    while (*link != NULL)
        link = &(*link)->next;
    map = arena_alloc(x->l->tree, sizeof(*map));
    *map = (struct node){.kind = NODE_MAP, .place = key_of_other->place, .key = key_of_other};
    *link = map;
    x->root->n++;
    return map;
}

/* Puts what a file gives behind what is there already. */
static void take_in(struct including *x, struct node *given)
{
    struct node *map, **link;

    if (given == NULL || given->kind != NODE_MAP)
        return;
    map = map_of_root(x, given->key);
    if (map->kind != NODE_MAP)
        return;
    for (link = &map->first; *link != NULL;)
        link = &(*link)->next;
    *link = given->first;
    map->n += given->n;
    map->lost |= given->lost;
    map->dollar |= given->dollar;
    x->root->dollar |= given->dollar;
}

static void include_list(struct including *x, const struct node *list);

static void read_file(struct including *x, const struct node *item, const char *path)
{
    struct loader *l = x->l;
    struct source_file file = {.name = name_for_messages(x, item), .dir = directory_of(x, path)};
    struct included_nodes nodes = {0};
    bool lost = l->names_lost;
    struct node *root;

    l->names_lost = true;
    if (!read_text(x, item, &file))
        return;
    l->plan->inclusions[x->asked - 1].text = file.text;
    l->plan->inclusions[x->asked - 1].len = file.len;
    root = read_tree(l, &file);
    if (root == NULL)
        return;
    if (!keys_apply(l, &keys_included, root, &nodes)) {
        if (root->kind != NODE_BAD)
            problem_at(l, root,
                       "a file that is included is a map with 'rootfs', "
                       "'templates' or 'services'");
        return;
    }
    l->names_lost = lost;
    if (nodes.include != NULL)
        include_list(x, nodes.include);
    take_in(x, (struct node *)nodes.rootfs);
    take_in(x, (struct node *)nodes.templates);
    take_in(x, (struct node *)nodes.services);
    take_in(x, (struct node *)nodes.languages);
}

/* Says that a file includes itself: it is being read. */
static void say_circle(struct including *x, const struct node *item, size_t file)
{
    bool others = false;

    for (size_t i = file + 1; i < x->n_files; i++)
        others |= x->files[i].open;
    problem_at(x->l, item, "'include': %s includes itself%s", item->text,
               others ? ", by way of others" : "");
}

static void include_one(struct including *x, const struct node *item)
{
    struct loader *l = x->l;
    size_t at = x->n_files;
    const char *path;

    if (item->dollar) {
        problem_at(l, item, "'include': nothing is replaced in the name of a file");
        return;
    }
    if (item->kind == NODE_MAP && node_child(item, "local") != NULL) {
        problem_at(l, item, "'include' must be paths on the host, without 'local'");
        return;
    }
    if (!value_is_text(l, item, "include", "paths on the host"))
        return;
    if (item->n == 0) {
        (void)value_unexpected(l, item, "include", "paths on the host");
        return;
    }
    if (!locate(x, item, &path)) {
        l->names_lost = true;
        return;
    }
    l->plan->inclusions[x->asked - 1].path = path;
    l->plan->n_inclusions = x->asked;
    for (size_t i = 0; i < x->n_files; i++)
        if (str_eq(x->files[i].path, path)) {
            if (x->files[i].open)
                say_circle(x, item, i);
            return;
        }
    x->files[x->n_files++] = (struct inclusion){.path = path, .open = true};
    read_file(x, item, path);
    x->files[at].open = false;
}

static void include_list(struct including *x, const struct node *list)
{
    for (const struct node *item = items_first(list); item != NULL; item = items_next(list, item))
        include_one(x, item);
}

void include_files(struct loader *l, struct node *root)
{
    static const char *const parts[] = {"rootfs", "templates", "services"};
    const struct node *list = node_child(root, "include");
    struct including x = {.l = l, .root = root};
    const char *slash = strrchr(l->plan->file, '/');
    const struct node *map;

    if (list == NULL || list->kind == NODE_MAP || list->kind == NODE_BAD)
        return; /* which is said when its key is read */
    l->plan->inclusions = arena_alloc(l->plan->arena, INCLUDES_MAX * sizeof(*l->plan->inclusions));
    x.files[x.n_files++] = (struct inclusion){
        .path = arena_printf(l->tree, "%s/%s", str_eq(l->plan->dir, "/") ? "" : l->plan->dir,
                             slash != NULL ? slash + 1 : l->plan->file),
        .open = true};
    include_list(&x, list);
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        map = node_child(root, parts[i]);
        if (map != NULL && map->kind == NODE_MAP)
            refuse_doubled(&x, parts[i], map);
    }
}

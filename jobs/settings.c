/* SPDX-License-Identifier: Apache-2.0 */
/* settings: the configuration file, read as a job file is: by a key table, every problem with its
 * place. Knows nothing of where the file lies (harness/cli/cli_settings.c). */
#include "jobs/load.h"

#define SETTING(member) offsetof(struct jobs_settings, member)

/* Sets the store's path; `~/` is the caller's home. */
static void set_store_path(struct loader *l, const struct key *k, const struct node *value,
                           void *object)
{
    const char *home = getenv("HOME");
    struct jobs_settings *s = object;

    if (!value_is_text(l, value, k->name, k->value))
        return;
    if (str_starts(value->text, "~/") && home != NULL && home[0] == '/') {
        free(s->path);
        s->path = xasprintf("%s/%s", home, value->text + 2);
    } else if (value->text[0] == '/') {
        free(s->path);
        s->path = xstrdup(value->text);
    } else {
        (void)value_unexpected(l, value, k->name, k->value);
    }
}

static const struct key cache_list[] = {
    {.name = "path",
     .value = "an absolute path, or one that begins with ~/",
     .fallback =
         "`$XDG_CACHE_HOME/cupel`, else `/var/cache/cupel` as root and `~/.cache/cupel` otherwise",
     .help = "where the store lies; `CUPEL_CACHE` in the environment wins",
     .forms = FORM_ONE,
     .type = TYPE_TEXT,
     .set = set_store_path},
    {.name = "keep",
     .value = "a size such as 20G",
     .fallback = "any size may stay",
     .help = "how large the layers may be together: above, those go that nothing needs, the "
             "longest unused first",
     .forms = FORM_ONE,
     .type = TYPE_SIZE,
     .max = INT64_MAX,
     .set = key_set_size,
     .offset = SETTING(keep_bytes)},
    {.name = "older",
     .value = "a duration such as 30d",
     .fallback = "of any age may stay",
     .help = "layers that nothing needs go when they were not used for so long",
     .forms = FORM_ONE,
     .type = TYPE_DURATION,
     .min = NSEC_PER_SEC,
     .max = INT64_MAX,
     .set = key_set_duration,
     .offset = SETTING(older_ns)},
};
const struct key_table keys_settings_cache = {.id = "settings_cache",
                                              .title = "Keys of `cache`",
                                              .what = "'cache'",
                                              .keys = cache_list,
                                              .n = ARRAY_SIZE(cache_list)};

static void set_cache(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    (void)keys_apply(l, k->sub, value, object);
}

static const struct key file_list[] = {
    {.name = "cache",
     .value = "a map",
     .help = "the store of roots",
     .forms = FORM_OBJECT,
     .sub = &keys_settings_cache,
     .set = set_cache},
};
const struct key_table keys_settings = {.id = "settings",
                                        .title = "Top level",
                                        .what = "the configuration",
                                        .keys = file_list,
                                        .n = ARRAY_SIZE(file_list)};

/* Nothing but blanks and comments: a file of which every line is switched off. */
static bool says_nothing(const char *text)
{
    for (; *text != '\0'; text += strcspn(text, "\n"), text += *text != '\0') {
        text += strspn(text, " \t\r");
        if (*text != '\0' && *text != '\n' && *text != '#')
            return false;
    }
    return true;
}

void jobs_settings_free(struct jobs_settings *s)
{
    free(s->path);
    s->path = NULL;
}

int jobs_settings_read(const char *file, const char *text, size_t len, struct jobs_settings *ret,
                       struct strbuf *problems, struct cupel_error *err)
{
    struct loader l = {.source = {.file = file, .text = text, .len = len}, .tree = arena_new()};
    struct jobs_settings s = JOBS_SETTINGS_INIT;
    struct arena *arena = arena_new();
    const struct node *root = says_nothing(text) ? NULL : tree_read(&l.source, l.tree, arena);
    int r = 0;

    l.plan = arena_alloc(arena, sizeof(*l.plan));
    l.plan->arena = arena;
    if (root != NULL && !keys_apply(&l, &keys_settings, root, &s) && root->kind != NODE_BAD)
        problem_at(&l, root, "a configuration is a map with the key 'cache'");
    if (!source_is_good(&l.source)) {
        size_t n = source_print(&l.source, problems);

        r = cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "%s has %zu %s", file, n,
                            n == 1 ? "problem" : "problems");
    }
    unknown_keys_free(&l);
    source_free(&l.source);
    arena_free(l.tree);
    arena_free(arena);
    if (r < 0)
        jobs_settings_free(&s);
    else
        *ret = s;
    return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_cache: what jobs have saved for later ones: list, remove, gc. The work is rootfs-cache's. */
#include "harness/cli/cli.h"
#include "harness/cli/cli_collect.h"
#include "harness/cli/cmd_rootfs.h"

#include <jansson.h>
#include <string.h>
#include <time.h>

#define FIELD(name) offsetof(struct cache_arguments, name)

struct cache_arguments {
    struct cli_words words;
    struct cache_gc gc;
    uint64_t older_ns;
    bool json;
};

static void print_entry(const struct cache_saved_entry *e)
{
    char size[UNIT_TEXT_SIZE], when[32] = "?";
    struct tm tm;

    if (localtime_r(&e->last_used, &tm) != NULL)
        (void)strftime(when, sizeof(when), "%Y-%m-%d %H:%M", &tm);
    (void)printf("%.12s  %10s  %s  ", e->layer, unit_format_size(e->bytes, size), when);
    rootfs_print_plain(e->key);
    (void)fputc(' ', stdout);
    for (char *const *path = e->paths; *path != NULL; path++) {
        (void)fputc(' ', stdout);
        rootfs_print_plain(*path);
    }
    (void)printf("%s\n", e->in_use ? "  (in use)" : "");
}

static json_t *object_of(const struct cache_saved_entry *e)
{
    json_t *paths = json_array(), *o;

    for (char *const *path = e->paths; *path != NULL; path++)
        (void)json_array_append_new(paths, json_string(*path));
    o = json_pack("{s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:b}", "kind", "cache", "name", e->layer,
                  "paths", paths, "bytes", (json_int_t)e->bytes, "entries", (json_int_t)e->entries,
                  "created", (json_int_t)e->created, "last_used", (json_int_t)e->last_used,
                  "in_use", e->in_use);
    /* refused, and so absent, where they are not UTF-8 */
    (void)json_object_set_new(o, "key", json_string(e->key));
    (void)json_object_set_new(o, "user", json_string(e->user));
    (void)json_object_set_new(o, "root", json_string(e->root));
    return o;
}

static void cache_print_result(const struct cache_result *r)
{
    char when[32] = "?";
    struct tm tm;

    if (localtime_r(&r->last_used, &tm) != NULL)
        (void)strftime(when, sizeof(when), "%Y-%m-%d %H:%M", &tm);
    (void)printf("%.12s  %10s  %s  ", r->key, "passed", when);
    rootfs_print_plain(r->job);
    (void)printf("  (run %s)\n", r->run);
}

static json_t *object_of_result(const struct cache_result *r)
{
    json_t *o =
        json_pack("{s:s, s:s, s:s, s:I, s:I}", "kind", "result", "name", r->key, "run", r->run,
                  "ended", (json_int_t)r->ended, "last_used", (json_int_t)r->last_used);

    (void)json_object_set_new(o, "job", json_string(r->job));
    (void)json_object_set_new(o, "file", json_string(r->file));
    return o;
}

static json_t *object_of_verdict(const struct cache_verdict *v)
{
    json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "kind", "verdict", "name", v->key,
                          "run", v->run, "verdict", v->verdict, "ended", (json_int_t)v->ended,
                          "last_used", (json_int_t)v->last_used, "bytes", (json_int_t)v->bytes);

    (void)json_object_set_new(o, "job", json_string(v->job));
    (void)json_object_set_new(o, "file", json_string(v->file));
    return o;
}

static int cache_by_file(const void *a, const void *b)
{
    const struct cache_verdict *x = a, *y = b;
    int r = strcmp(x->file, y->file);

    return r != 0 ? r : (x->last_used < y->last_used) - (x->last_used > y->last_used);
}

/* A class has thousands: a line for each job file will do. */
static void cache_print_verdicts(struct cache_verdict *list, size_t n)
{
    size_t end;

    if (n > 0)
        qsort(list, n, sizeof(*list), cache_by_file);
    for (size_t i = 0; i < n; i = end) {
        char when[32] = "?", size[UNIT_TEXT_SIZE];
        uint64_t bytes = 0;
        struct tm tm;

        for (end = i; end < n && str_eq(list[end].file, list[i].file); end++)
            bytes += list[end].bytes;
        if (localtime_r(&list[i].last_used, &tm) != NULL)
            (void)strftime(when, sizeof(when), "%Y-%m-%d %H:%M", &tm);
        (void)printf("%12s  %10s  %s  ", "verdicts", unit_format_size(bytes, size), when);
        rootfs_print_plain(list[i].file);
        (void)printf("  (%zu)\n", end - i);
    }
}

static void cache_print_json(const struct cache_saved_entry *entries, size_t n,
                             const struct cache_result *results, size_t n_results,
                             const struct cache_verdict *verdicts, size_t n_verdicts)
{
    json_t *all = json_array();

    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(all, object_of(&entries[i]));
    for (size_t i = 0; i < n_results; i++)
        (void)json_array_append_new(all, object_of_result(&results[i]));
    for (size_t i = 0; i < n_verdicts; i++)
        (void)json_array_append_new(all, object_of_verdict(&verdicts[i]));
    (void)text_put_json(json_dumps(all, JSON_INDENT(2)), stdout);
    json_decref(all);
}

static int do_list(struct cache *cache, struct cache_arguments *a, struct cupel_error *err)
{
    struct cache_saved_entry *entries;
    struct cache_result *results = NULL;
    struct cache_verdict *verdicts = NULL;
    size_t n, n_results = 0, n_verdicts = 0;
    int r = cache_saved_list(cache, &entries, &n, err);

    if (r < 0)
        return r;
    r = cache_results_list(cache, &results, &n_results, err);
    if (r == 0)
        r = cache_verdicts_list(cache, &verdicts, &n_verdicts, err);
    if (r == 0 && a->json)
        cache_print_json(entries, n, results, n_results, verdicts, n_verdicts);
    for (size_t i = 0; r == 0 && !a->json && i < n; i++)
        print_entry(&entries[i]);
    for (size_t i = 0; !a->json && i < n_results; i++)
        cache_print_result(&results[i]);
    if (r == 0 && !a->json)
        cache_print_verdicts(verdicts, n_verdicts);
    cache_verdicts_free(verdicts, n_verdicts);
    cache_saved_entries_free(entries, n);
    cache_results_free(results, n_results);
    return r;
}

static int do_remove(struct cache *cache, struct cache_arguments *a, struct cupel_error *err)
{
    size_t n;
    int r = 0;

    for (int i = 0; r == 0 && i < a->words.n; i++) {
        size_t n_verdicts = 0;

        r = cache_results_remove(cache, a->words.word[i], &n, err);
        if (r == 0)
            r = cache_verdicts_remove(cache, a->words.word[i], &n_verdicts, err);
        if (r == 0 && n + n_verdicts == 0)
            r = cache_saved_remove(cache, a->words.word[i], &n, err);
    }
    return r;
}

static int do_gc(struct cache *cache, struct cache_arguments *a, struct cupel_error *err)
{
    struct cache_collected done = {0};
    int r;

    r = cli_collect(cache, &a->gc, a->older_ns, "cache", &done, err);
    if (r == 0 && done.results > 0)
        (void)printf("%zu result%s of jobs removed\n", done.results, done.results == 1 ? "" : "s");
    if (r == 0 && done.verdicts > 0)
        (void)printf("%zu verdict%s removed\n", done.verdicts, done.verdicts == 1 ? "" : "s");
    if (r == 0 && done.lost > 0)
        (void)printf("%zu record%s of caches that were gone removed\n", done.lost,
                     done.lost == 1 ? "" : "s");
    return r;
}

static const struct cli_option list_options[] = {
    CLI_OPTION('\0', "json", CLI_FLAG, FIELD(json), NULL, "print a JSON array, for programs"),
};

static const struct cli_option gc_options[] = {
    CLI_OPTION('\0', "keep", CLI_SIZE, FIELD(gc.keep_bytes), "SIZE",
               "stop when no more than this is left"),
    CLI_OPTION('\0', "older", CLI_DURATION, FIELD(older_ns), "DURATION",
               "remove only what was not used for so long"),
};

static const struct cache_action {
    struct cli_command command;
    const char *summary;
    int (*run)(struct cache *cache, struct cache_arguments *a, struct cupel_error *err);
} actions[] = {
    {{.name = "cache list",
      .usage = "cache list [--json]",
      .about =
          "One line for each cache that a job has saved: the beginning of its name in the "
          "store, its size, when it was last used, its key, and its paths. Then one for each job "
          "whose result is kept: the beginning of its key, when it was last used, the job, and the "
          "run "
          "in which it passed. Then one for each job file of which verdicts are kept (cupel run "
          "--reuse), with their size and how many they are.",
      .options = list_options,
      .n_options = ARRAY_SIZE(list_options)},
     "what jobs have saved",
     do_list},
    {{.name = "cache gc",
      .usage = "cache gc [--keep SIZE] [--older DURATION]",
      .about = "Removes caches that nothing uses, the longest unused first; without options, all "
               "of them.",
      .options = gc_options,
      .n_options = ARRAY_SIZE(gc_options)},
     "remove caches that nothing uses",
     do_gc},
    {{.name = "cache remove",
      .usage = "cache remove KEY...",
      .about =
          "Removes what is saved under KEY, whoever saved it, or the results and verdicts of the "
          "job, or of the job file, of that name. KEY may also be the beginning of the name that "
          "`cupel cache list` shows.",
      .min_words = 1,
      .max_words = CLI_ANY_NUMBER,
      .words = "keys of caches"},
     "remove what is saved under a key",
     do_remove},
};

static const char *action_name(const struct cache_action *action)
{
    return action->command.name + strlen("cache ");
}

static void cache_print_help(FILE *f)
{
    (void)fputs("usage: cupel cache COMMAND [arguments]\n\nLooks after what jobs have saved for "
                "later ones (`cache` in the job file).\n\n",
                f);
    for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
        (void)fprintf(f, "  %-10s %s\n", action_name(&actions[i]), actions[i].summary);
    (void)fputs("\n`cupel cache COMMAND --help` tells more.\n", f);
}

static int unknown_action(const char *word)
{
    const char *names[ARRAY_SIZE(actions)], *nearest;
    struct cupel_error err;

    for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
        names[i] = action_name(&actions[i]);
    nearest = str_nearest(word, names, ARRAY_SIZE(names));
    (void)cupel_error_set(&err, CUPEL_ERROR_INPUT, 0, "unknown command 'cache %s'", word);
    if (nearest != NULL)
        cupel_error_hint(&err, "did you mean 'cache %s'?", nearest);
    else
        cupel_error_hint(&err, "see cupel cache --help");
    return cli_fail(&err);
}

static int run_action(const struct cache_action *action, struct cache_arguments *a)
{
    struct cache *cache = NULL;
    struct cupel_error err;
    int r = cache_open(&cache, &err);

    if (r == 0)
        r = action->run(cache, a, &err);
    cache_close(cache);
    if (r == 0 && (fflush(stdout) != 0 || ferror(stdout)))
        r = cupel_error_set(&err, CUPEL_ERROR_HARNESS, errno, "cannot write to standard output");
    return r < 0 ? cli_fail(&err) : 0;
}

int cli_cache(int argc, char **argv)
{
    struct cache_arguments a = {.gc = {.keep_bytes = COLLECT_NOT_SAID, .saved_only = true},
                                .older_ns = COLLECT_NOT_SAID};
    const char *word = argc > 1 ? argv[1] : NULL;
    const struct cache_action *action = NULL;
    int code;

    if (word == NULL) {
        cache_print_help(stderr);
        return CUPEL_ERROR_INPUT;
    }
    if (str_eq(word, "-h") || str_eq(word, "--help")) {
        cache_print_help(stdout);
        return 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
        if (str_eq(action_name(&actions[i]), word))
            action = &actions[i];
    if (action == NULL)
        return unknown_action(word);
    if (!cli_parse(&action->command, argc - 1, argv + 1, &a, &a.words, &code))
        return code;
    code = cli_take_rights(argv - 1, CLI_RIGHTS_TO_STORE); /* argv[-1]: see main */
    return code != 0 ? code : run_action(action, &a);
}

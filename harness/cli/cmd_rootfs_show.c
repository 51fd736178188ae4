/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_rootfs_show: roots as people ask for them: how large, how old, used by whom. Changes nothing
 * but by `remove`. */
#include "harness/cli/cmd_rootfs.h"

#include "harness/run/root_users.h"

#include <jansson.h>
#include <string.h>

#define SHOWN_MAX 4 /* users named in one message */

static void age(time_t then, char buf[static UNIT_TEXT_SIZE])
{
    time_t now = time(NULL);
    long long s = now > then ? (long long)(now - then) : 0;

    if (s < 60)
        (void)snprintf(buf, UNIT_TEXT_SIZE, "just now");
    else if (s < 3600)
        (void)snprintf(buf, UNIT_TEXT_SIZE, "%lld min ago", s / 60);
    else if (s < 2 * 86400)
        (void)snprintf(buf, UNIT_TEXT_SIZE, "%lld h ago", s / 3600);
    else
        (void)snprintf(buf, UNIT_TEXT_SIZE, "%lld d ago", s / 86400);
}

void rootfs_print_plain(const char *text)
{
    cleanup_strbuf struct strbuf line = {0};

    text_add_line(&line, text);
    (void)fputs(line.data, stdout);
}

static void print_users(const struct cache_entry *e, const struct root_user *users, size_t n)
{
    size_t shown = 0;

    for (size_t i = 0; i < n; i++) {
        cleanup_free char *text =
            root_user_has(&users[i], e->key) ? root_user_text(&users[i]) : NULL;

        if (text == NULL || shown++ >= SHOWN_MAX)
            continue;
        (void)fputs("    ", stdout);
        rootfs_print_plain(text);
        (void)putchar('\n');
    }
    if (shown > SHOWN_MAX)
        (void)printf("    and %zu more\n", shown - SHOWN_MAX);
}

static void print_entry(const struct cache_entry *e)
{
    char size[UNIT_TEXT_SIZE], shared[UNIT_TEXT_SIZE], used[UNIT_TEXT_SIZE];

    if (e->in_use)
        (void)snprintf(used, sizeof(used), "in use");
    else
        age(e->last_used, used);
    (void)printf("%-20s %-9s %10s %10s %-12s %-12.12s ", e->name != NULL ? e->name : "-", e->kind,
                 unit_format_size(e->bytes, size), unit_format_size(e->shared_bytes, shared), used,
                 e->key);
    rootfs_print_plain(e->source);
    (void)putchar('\n');
}

int rootfs_list(struct cache *cache, struct rootfs_arguments *a, struct cupel_error *err)
{
    struct cache_entry *entries = NULL;
    struct root_user *users = NULL;
    size_t n = 0, n_users = 0;
    int r = cache_list(cache, &entries, &n, err);

    (void)a;
    if (r == 0)
        r = root_users_list(cache, &users, &n_users, err);
    if (r == 0 && n == 0)
        (void)printf("no roots in %s\n", cache_path(cache));
    else if (r == 0)
        (void)printf("%-20s %-9s %10s %10s %-12s %-12s %s\n", "NAME", "KIND", "SIZE", "SHARED",
                     "USED", "KEY", "SOURCE");
    for (size_t i = 0; r == 0 && i < n; i++) {
        print_entry(&entries[i]);
        print_users(&entries[i], users, n_users);
    }
    cache_entries_free(entries, n);
    root_users_free(users, n_users);
    return r;
}

/* ---- show ---- */

static json_t *users_of(const char *key, const struct root_user *users, size_t n)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++) {
        json_t *o;

        if (!root_user_has(&users[i], key))
            continue;
        o = json_pack("{s:b}", "kept", users[i].kept);
        if (users[i].run != NULL)
            (void)json_object_set_new(o, "run", json_string(users[i].run));
        if (users[i].jobs != NULL)
            (void)json_object_set_new(o, "jobs", json_string(users[i].jobs));
        if (users[i].pid > 0)
            (void)json_object_set_new(o, "pid", json_integer(users[i].pid));
        (void)json_array_append_new(list, o);
    }
    return list;
}

/* Adds what of a root others have too, and when it was used. */
static void add_facts(json_t *o, const char *what, const char *key,
                      const struct cache_entry *entries, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct cache_entry *e = &entries[i];
        char when[32] = "";
        struct tm tm;

        if (e->name != NULL ? !str_eq(e->name, what) : !str_eq(e->key, key))
            continue;
        if (gmtime_r(&e->last_used, &tm) != NULL && strftime(when, sizeof(when), "%FT%TZ", &tm) > 0)
            (void)json_object_set_new(o, "last_used", json_string(when));
        (void)json_object_set_new(o, "shared_bytes", json_integer((json_int_t)e->shared_bytes));
        (void)json_object_set_new(o, "own_bytes",
                                  json_integer((json_int_t)(e->bytes - e->shared_bytes)));
        return;
    }
}

int rootfs_show(struct cache *cache, struct rootfs_arguments *a, struct cupel_error *err)
{
    const char *what = a->words.word[0];
    cleanup_free char *json = NULL, *whole = NULL;
    struct cache_entry *entries = NULL;
    struct root_user *users = NULL;
    size_t n = 0, n_users = 0;
    json_t *o = NULL;
    char key[65];
    int r = cache_find(cache, what, key, err);

    if (r == 0)
        r = cache_show(cache, what, &json, err);
    if (r == 0)
        r = cache_list(cache, &entries, &n, err);
    if (r == 0)
        r = root_users_list(cache, &users, &n_users, err);
    o = r == 0 ? json_loads(json, 0, NULL) : NULL;
    if (o != NULL) {
        add_facts(o, what, key, entries, n);
        (void)json_object_set_new(o, "users", users_of(key, users, n_users));
        whole = json_dumps(o, JSON_INDENT(2));
    }
    if (r == 0)
        (void)text_put_json(steal_ptr(*(whole != NULL ? &whole : &json)), stdout);
    json_decref(o);
    cache_entries_free(entries, n);
    root_users_free(users, n_users);
    return r;
}

/* ---- remove ---- */

/* Names those who use any of the layers, as one text; NULL: nobody who can be seen. */
static char *name_users(struct cache *cache, const char *keys)
{
    struct strbuf b = {0};
    struct cupel_error ignored;
    struct root_user *users = NULL;
    size_t n = 0, shown = 0;

    if (root_users_list(cache, &users, &n, &ignored) < 0)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        bool has = false;

        for (const char *key = keys; !has && *key != '\0';
             key += strcspn(key, "+"), key += *key != '\0') {
            cleanup_free char *one = xasprintf("%.*s", (int)strcspn(key, "+"), key);

            has = root_user_has(&users[i], one);
        }
        if (has && shown++ < SHOWN_MAX) {
            cleanup_free char *text = root_user_text(&users[i]);

            strbuf_addf(&b, "%s%.200s", b.len > 0 ? "; " : "", text);
        }
    }
    if (shown > SHOWN_MAX)
        strbuf_addf(&b, "; and %zu more", shown - SHOWN_MAX);
    root_users_free(users, n);
    return b.data;
}

static int remove_one(struct cache *cache, const char *what, struct cupel_error *err)
{
    cleanup_free char *keys = NULL, *users = NULL;
    struct cupel_error ignored;
    int r;

    if (cache_find_keys(cache, what, &keys, &ignored) < 0)
        return cache_remove(cache, what, err);
    r = cache_remove(cache, what, err);
    if (r == -EBUSY && err->kind == CUPEL_ERROR_HARNESS)
        users = name_users(cache, keys);
    if (users != NULL) {
        struct cupel_error plain = *err;

        (void)cupel_error_set(err, plain.kind, 0, "%s: %s", plain.message, users);
        cupel_error_hint(err, "%s", plain.hint);
    }
    return r;
}

int rootfs_remove(struct cache *cache, struct rootfs_arguments *a, struct cupel_error *err)
{
    int r = 0;

    for (int i = 0; r == 0 && i < a->words.n; i++)
        r = remove_one(cache, a->words.word[i], err);
    return r;
}

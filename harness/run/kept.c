/* kept: see kept.h. An entry's `record` is a list of "KEY=VALUE", each with a NUL at its end, as an
 * environment is: any byte may be in it. attempt/keep_failed.c makes entries. */
#include "harness/run/kept.h"

#include "harness/sandbox/sandbox.h"
#include "rootfs-cache/cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define PLACE CACHE_KEPT
#define RECORD_MAX ((size_t)16 << 20)

/* The record's texts and where they go. */
static const struct {
    const char *key;
    size_t offset;
} fields[] = {
    {"run=", offsetof(struct kept, run)},           {"job=", offsetof(struct kept, job)},
    {"name=", offsetof(struct kept, name)},         {"file=", offsetof(struct kept, file)},
    {"out=", offsetof(struct kept, out)},           {"verdict=", offsetof(struct kept, verdict)},
    {"evidence=", offsetof(struct kept, evidence)}, {"root=", offsetof(struct kept, root)},
    {"dir=", offsetof(struct kept, dir)},           {"config=", offsetof(struct kept, config)},
};

static char **field_of(struct kept *k, size_t i)
{
    return (char **)(void *)((char *)k + fields[i].offset);
}

static void free_list(char **list)
{
    for (char **e = list; e != NULL && *e != NULL; e++)
        free(*e);
    free(list);
}

static void release(struct kept *k)
{
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
        free(*field_of(k, i));
    free(k->entry);
    free_list(k->env);
}

void kept_free(struct kept *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        release(&list[i]);
    free(list);
}

static void add_to_list(char ***list, const char *entry)
{
    size_t n = 0;

    while (*list != NULL && (*list)[n] != NULL)
        n++;
    *list = xrealloc(*list, (n + 2) * sizeof(**list));
    (*list)[n] = xstrdup(entry);
    (*list)[n + 1] = NULL;
}

static void take_field(struct kept *k, const char *line)
{
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
        if (str_starts(line, fields[i].key) && *field_of(k, i) == NULL)
            *field_of(k, i) = xstrdup(line + strlen(fields[i].key));
    if (str_starts(line, "id-base="))
        k->id_base = (uint32_t)strtoul(line + strlen("id-base="), NULL, 10);
    if (str_starts(line, "uid="))
        k->uid = (uint32_t)strtoul(line + strlen("uid="), NULL, 10);
    if (str_starts(line, "gid="))
        k->gid = (uint32_t)strtoul(line + strlen("gid="), NULL, 10);
    if (str_starts(line, "bytes="))
        k->bytes = strtoull(line + strlen("bytes="), NULL, 10);
    if (str_starts(line, "when="))
        k->when = strtoll(line + strlen("when="), NULL, 10);
    if (str_starts(line, "env="))
        add_to_list(&k->env, line + strlen("env="));
}

static bool is_whole(const struct kept *k)
{
    return k->run != NULL && k->job != NULL && k->name != NULL && k->file != NULL &&
           k->out != NULL && k->verdict != NULL && k->evidence != NULL && k->root != NULL &&
           k->dir != NULL && strchr(k->dir, '/') == NULL && k->dir[0] == 'j' &&
           k->uid < SANDBOX_ID_COUNT && k->gid < SANDBOX_ID_COUNT;
}

/* False for what is no entry. */
static bool read_entry(int place, const char *entry, struct kept *ret)
{
    cleanup_free char *path = xasprintf("%s/record", entry), *disk = xasprintf("%s/disk", entry),
                      *text = NULL;
    struct kept k = {.entry = xstrdup(entry), .uid = UINT32_MAX, .gid = UINT32_MAX};
    struct stat st;
    size_t len;

    if (file_read_at(place, path, RECORD_MAX, &text, &len) == 0 &&
        fstatat(place, disk, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        for (size_t at = 0; at < len; at += strlen(text + at) + 1)
            take_field(&k, text + at);
    }
    if (is_whole(&k)) {
        *ret = k;
        return true;
    }
    release(&k);
    return false;
}

static int newest_first(const void *a, const void *b)
{
    const struct kept *x = a, *y = b;

    if (x->when != y->when)
        return x->when < y->when ? 1 : -1;
    if (!str_eq(x->run, y->run)) /* within one second: runs are named by when they began, in
                                    hexadecimal digits of one length */
        return -strcmp(x->run, y->run);
    return -strverscmp(x->entry, y->entry);
}

int kept_list(int store_dirfd, struct kept **ret_list, size_t *ret_n, struct cupel_error *err)
{
    struct dirent **names = NULL;
    cleanup_close int place =
        openat(store_dirfd, PLACE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int n = place < 0 ? -1 : scandirat(place, ".", &names, NULL, alphasort);
    struct kept *list = NULL;
    size_t found = 0;

    if (n < 0 && errno != ENOENT)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno,
                               "cannot look for what is kept in the store");
    if (n > 0)
        list = xcalloc((size_t)n, sizeof(*list));
    for (int i = 0; i < n; i++) {
        if (names[i]->d_name[0] != '.' && read_entry(place, names[i]->d_name, &list[found]))
            found++;
        free(names[i]);
    }
    free(names);
    if (found > 0)
        qsort(list, found, sizeof(*list), newest_first);
    *ret_list = list;
    *ret_n = found;
    return 0;
}

static bool fits(const struct kept *k, const char *what, const char *run, const char *out)
{
    size_t n = strlen(k->run);
    bool full = strncmp(what, k->run, n) == 0 && what[n] == '/';

    return str_eq(full ? what + n + 1 : what, k->job) && (run == NULL || str_starts(k->run, run)) &&
           (out == NULL || str_eq(out, k->out));
}

int kept_find(int store_dirfd, const char *what, const char *run, const char *out,
              struct kept **ret, struct cupel_error *err)
{
    struct kept *list = NULL, *found = NULL;
    size_t n = 0;
    int r = kept_list(store_dirfd, &list, &n, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < n && found == NULL; i++)
        if (fits(&list[i], what, run, out)) {
            found = xmalloc(sizeof(*found));
            *found = list[i];
            list[i] = (struct kept){0};
        }
    kept_free(list, n);
    if (found == NULL) {
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "nothing is kept of a failed job '%s'%s%s",
                              what, run != NULL ? " of run " : "", run != NULL ? run : "");
        cupel_error_hint(err, "`cupel run --keep-failed` keeps what failed jobs leave; `cupel list "
                              "--kept` shows what is kept");
        return -ENOENT;
    }
    *ret = found;
    return 0;
}

int kept_open(int store_dirfd, const struct kept *k, const char *file)
{
    cleanup_free char *path = xasprintf(PLACE "/%s/%s", k->entry, file);

    return file_open_beneath(store_dirfd, path, O_RDONLY, 0);
}

int kept_remove(int store_dirfd, const struct kept *k)
{
    cleanup_close int place =
        openat(store_dirfd, PLACE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    return place < 0 ? -errno : file_remove_tree_at(place, k->entry);
}

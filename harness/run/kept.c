/* SPDX-License-Identifier: Apache-2.0 */
/* kept: see kept.h. attempt/keep_failed.c makes entries; what one is, its file "record" says
 * (keyvalue.h). */
#include "harness/run/kept.h"

#include "harness/run/keyvalue.h"
#include "harness/sandbox/sandbox.h"
#include "jobs/jobs.h"
#include "rootfs-cache/cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define PLACE CACHE_KEPT
#define RECORD_MAX ((size_t)16 << 20)

/* The record's keys and where they go. */
static const struct {
    const char *key;
    size_t offset;
} texts[] = {
    {"run", offsetof(struct kept, run)},           {"job", offsetof(struct kept, job)},
    {"name", offsetof(struct kept, name)},         {"file", offsetof(struct kept, file)},
    {"out", offsetof(struct kept, out)},           {"verdict", offsetof(struct kept, verdict)},
    {"evidence", offsetof(struct kept, evidence)}, {"root", offsetof(struct kept, root)},
    {"dir", offsetof(struct kept, dir)},           {"config", offsetof(struct kept, config)},
    {"caches", offsetof(struct kept, caches)},
};

static char **kept_text_of(struct kept *k, size_t i)
{
    return (char **)(void *)((char *)k + texts[i].offset);
}

static void kept_release(struct kept *k)
{
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        free(*kept_text_of(k, i));
    free(k->entry);
    keyvalue_free_all(k->env);
    keyvalue_free_all(k->set);
}

void kept_free(struct kept *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        kept_release(&list[i]);
    free(list);
}

static uint64_t number_of(const struct keyvalue *record, const char *key, uint64_t otherwise)
{
    const char *text = keyvalue_nth(record, key, 0);

    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static void take_record(struct kept *k, const struct keyvalue *record)
{
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        *kept_text_of(k, i) = keyvalue_copy(record, texts[i].key);
    k->id_base = (uint32_t)number_of(record, "id-base", 0);
    k->uid = (uint32_t)number_of(record, "uid", UINT32_MAX);
    k->gid = (uint32_t)number_of(record, "gid", UINT32_MAX);
    k->bytes = number_of(record, "bytes", 0);
    k->below = (unsigned)number_of(record, "below", 0);
    k->when = (int64_t)number_of(record, "when", 0);
    k->env = keyvalue_all(record, "env");
    k->set = keyvalue_all(record, "set");
}

static bool is_whole(const struct kept *k)
{
    return k->run != NULL && k->job != NULL && k->name != NULL && k->file != NULL &&
           k->out != NULL && k->verdict != NULL && k->evidence != NULL && k->root != NULL &&
           k->dir != NULL && strchr(k->dir, '/') == NULL && k->dir[0] == 'j' &&
           k->below <= JOBS_READS_MAX && k->uid < SANDBOX_ID_COUNT && k->gid < SANDBOX_ID_COUNT;
}

/* Reads one entry; false for what is no entry. */
static bool read_entry(int place, const char *entry, struct kept *ret)
{
    cleanup_free char *path = xasprintf("%s/record", entry), *disk = xasprintf("%s/disk", entry);
    cleanup_keyvalue struct keyvalue record = {0};
    struct kept k = {.entry = xstrdup(entry)};
    struct stat st;

    if (keyvalue_read(&record, place, path, RECORD_MAX) == 0 &&
        fstatat(place, disk, &st, AT_SYMLINK_NOFOLLOW) == 0)
        take_record(&k, &record);
    if (is_whole(&k)) {
        *ret = k;
        return true;
    }
    kept_release(&k);
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

const char *kept_below_name(unsigned i, char buf[static KEPT_NAME_SIZE])
{
    (void)snprintf(buf, KEPT_NAME_SIZE, "below-%u", i);
    return buf;
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

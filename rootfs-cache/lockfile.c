/* SPDX-License-Identifier: Apache-2.0 */
/* lockfile: see lockfile.h: the file itself, read, checked, compared and written. Not responsible
 * for what any root is (locked.c). Somebody may have written or merged it by hand: what is in it is
 * checked before anything is done with it. */
#include "rootfs-cache/lockfile.h"

#include "rootfs-cache/confined/hash.h"
#include "rootfs-cache/sources/packages.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#define FORMAT 1
#define LOCKFILE_MAX ((size_t)64 << 20)
#define ABOUT                                                                                      \
    "written by `cupel rootfs lock`: what the roots of these job files are; `cupel run --locked` " \
    "runs on nothing else"

const struct lockfile_field lockfile_fields[] = {
    {"tar", LOCKFILE_FILE, LOCKFILE_TEXT},       {"oci", LOCKFILE_FILE, LOCKFILE_TEXT},
    {"image", LOCKFILE_ASKED, LOCKFILE_TEXT},    {"imported", LOCKFILE_ASKED, LOCKFILE_TEXT},
    {"debian", LOCKFILE_ASKED, LOCKFILE_TEXT},   {"from", LOCKFILE_ASKED, LOCKFILE_TEXT},
    {"recipe", LOCKFILE_ASKED, LOCKFILE_TEXT},   {"packages", LOCKFILE_ASKED, LOCKFILE_TEXTS},
    {"tag", LOCKFILE_ASKED, LOCKFILE_TEXT},      {"platform", LOCKFILE_ASKED, LOCKFILE_TEXT},
    {"machine", LOCKFILE_ASKED, LOCKFILE_TEXT},  {"sha256", LOCKFILE_FOUND, LOCKFILE_TEXT},
    {"digest", LOCKFILE_FOUND, LOCKFILE_DIGEST}, {"config", LOCKFILE_FOUND, LOCKFILE_TEXT},
    {"contents", LOCKFILE_FOUND, LOCKFILE_TEXT}, {"installed", LOCKFILE_FOUND, LOCKFILE_PACKAGES},
    {"trees", LOCKFILE_FOUND, LOCKFILE_TEXTS},   {"strip", LOCKFILE_ASKED, LOCKFILE_TEXT},
};
const size_t lockfile_n_fields = ARRAY_SIZE(lockfile_fields);

/* ---- reading ---- */

static int lockfile_damaged(const char *path, struct cupel_error *err, const char *fmt, ...)
    BASE_PRINTF(3, 4);
static int lockfile_damaged(const char *path, struct cupel_error *err, const char *fmt, ...)
{
    cleanup_strbuf struct strbuf b = {0};
    va_list ap;

    va_start(ap, fmt);
    strbuf_vaddf(&b, fmt, ap);
    va_end(ap);
    (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "%s%s", path, b.data);
    cupel_error_hint(
        err,
        "take it as it was from version control, or remove it and lock again: cupel rootfs lock");
    return -EBADMSG;
}

static const struct lockfile_field *find_field(const char *name)
{
    for (size_t i = 0; i < lockfile_n_fields; i++)
        if (str_eq(lockfile_fields[i].name, name))
            return &lockfile_fields[i];
    return NULL;
}

/* A string without a NUL in it. */
static bool lockfile_is_text(const json_t *value)
{
    return json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value);
}

static bool is_digest(const char *text)
{
    return str_starts(text, "sha256:") && hash_is_hex(text + 7);
}

static char *check_packages(const json_t *value)
{
    struct packages packages = {0};
    cleanup_free char *wrong = NULL;

    if (packages_of_json(value, &packages, &wrong) < 0)
        return xasprintf("has something else than a version and a sha256 for '%s'",
                         wrong != NULL ? wrong : "?");
    packages_free(&packages);
    return NULL;
}

/* NULL, or what is wrong with it (malloc'ed). */
static char *check_value(const struct lockfile_field *field, const json_t *value)
{
    const json_t *item;
    size_t i;

    switch (field->type) {
    case LOCKFILE_TEXT:
        return lockfile_is_text(value) ? NULL : xstrdup("is no text");
    case LOCKFILE_DIGEST:
        return lockfile_is_text(value) && is_digest(json_string_value(value))
                   ? NULL
                   : xstrdup("is no digest");
    case LOCKFILE_TEXTS:
        if (!json_is_array(value))
            return xstrdup("is no list");
        json_array_foreach(value, i, item) if (!lockfile_is_text(item)) return xasprintf(
            "has no text at %zu", i + 1);
        return NULL;
    case LOCKFILE_PACKAGES:
        return json_is_object(value) ? check_packages(value) : xstrdup("is no map");
    }
    return NULL;
}

/* What an entry of each kind has to say; a source that needs nothing more is no kind. */
static const struct {
    const char *source;
    const char *with[2];
} kinds[] = {
    {"tar", {"sha256"}},     {"oci", {"digest"}},
    {"image", {"digest"}},   {"debian", {"installed", "trees"}},
    {"imported", {"trees"}}, {"from", {"recipe", "contents"}},
};

static int check_kind(const char *path, const char *file, const char *name, const json_t *entry,
                      struct cupel_error *err)
{
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (json_object_get(entry, kinds[i].source) == NULL)
            continue;
        n++;
        for (size_t k = 0; k < ARRAY_SIZE(kinds[i].with) && kinds[i].with[k] != NULL; k++)
            if (json_object_get(entry, kinds[i].with[k]) == NULL)
                return lockfile_damaged(path, err, ": files, '%s', '%s' has no '%s'", file, name,
                                        kinds[i].with[k]);
    }
    return n == 1 ? 0
                  : lockfile_damaged(path, err, ": files, '%s', '%s' does not have one source",
                                     file, name);
}

static int check_root(const char *path, const char *file, const char *name, const json_t *entry,
                      struct cupel_error *err)
{
    const char *key;
    json_t *value;

    if (!json_is_object(entry))
        return lockfile_damaged(path, err, ": files, '%s', '%s' is no map", file, name);
    json_object_foreach((json_t *)(uintptr_t)entry, key, value)
    {
        const struct lockfile_field *field = find_field(key);
        cleanup_free char *wrong =
            field != NULL ? check_value(field, value) : xstrdup("is nothing that cupel knows");

        if (wrong != NULL)
            return lockfile_damaged(path, err, ": files, '%s', '%s': '%.100s' %s", file, name, key,
                                    wrong);
    }
    return check_kind(path, file, name, entry, err);
}

static int check_files(const char *path, const json_t *files, struct cupel_error *err)
{
    const char *file, *name;
    json_t *roots, *entry;

    json_object_foreach((json_t *)(uintptr_t)files, file, roots)
    {
        if (!json_is_object(roots))
            return lockfile_damaged(path, err, ": files, '%s' is no map of roots", file);
        json_object_foreach(roots, name, entry)
        {
            int r = check_root(path, file, name, entry, err);

            if (r < 0)
                return r;
        }
    }
    return 0;
}

/* *ret: the map of files; -ENOENT without a lock file. */
static int read_lockfile(int dir, const char *path, json_t **ret, struct cupel_error *err)
{
    cleanup_free char *text = NULL;
    cleanup_json json_t *all = NULL;
    const json_t *format;
    json_error_t where;
    size_t length;
    int r = file_read_at(dir, LOCKFILE_NAME, LOCKFILE_MAX, &text, &length);

    if (r == -ENOENT)
        return r;
    if (r < 0)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, r, "cannot read the lock file '%s'", path);
    all = json_loadb(text, length, JSON_REJECT_DUPLICATES, &where);
    if (all == NULL)
        return lockfile_damaged(path, err, ":%d:%d: this is no JSON: %s", where.line, where.column,
                                where.text);
    format = json_object_get(all, "format");
    if (!json_is_integer(format))
        return lockfile_damaged(path, err, ": it does not say which 'format' it has");
    if (json_integer_value(format) != FORMAT) {
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                              "%s: its format is %lld, and this cupel knows only %d", path,
                              json_integer_value(format), FORMAT);
        cupel_error_hint(
            err, "use the cupel that wrote it, or remove it and lock again: cupel rootfs lock");
        return -EBADMSG;
    }
    if (!json_is_object(json_object_get(all, "files")))
        return lockfile_damaged(path, err, ": it has no map of 'files'");
    r = check_files(path, json_object_get(all, "files"), err);
    if (r == 0)
        *ret = json_incref(json_object_get(all, "files"));
    return r;
}

int cache_lockfile_open(const char *dir, const char *job_file, struct cache_lockfile **ret,
                        struct cupel_error *err)
{
    cleanup_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cleanup_free char *path = xasprintf("%s/" LOCKFILE_NAME, dir);
    const char *slash = strrchr(job_file, '/');
    cleanup_json json_t *files = NULL;
    struct cache_lockfile *lockfile;
    int r = fd < 0 ? -errno : read_lockfile(fd, path, &files, err);

    if (fd < 0)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, r, "cannot read the directory '%s'", dir);
    if (r < 0 && r != -ENOENT)
        return r;
    lockfile = xcalloc(1, sizeof(*lockfile));
    lockfile->dir = xstrdup(dir);
    lockfile->path = steal_ptr(path);
    lockfile->job_file = xstrdup(slash != NULL ? slash + 1 : job_file);
    lockfile->exists = r == 0;
    lockfile->had = json_incref(json_object_get(files, lockfile->job_file));
    lockfile->noted = json_object();
    *ret = lockfile;
    return 0;
}

void cache_lockfile_close(struct cache_lockfile *lockfile)
{
    if (lockfile == NULL)
        return;
    free(lockfile->dir);
    free(lockfile->path);
    free(lockfile->job_file);
    json_decref(lockfile->had);
    json_decref(lockfile->noted);
    free(lockfile);
}

/* ---- comparing ---- */

static void add_value(struct strbuf *out, const json_t *value)
{
    const json_t *item;
    size_t i;

    if (value == NULL) {
        strbuf_adds(out, "nothing");
    } else if (json_is_string(value)) {
        text_add_line(out, json_string_value(value));
    } else {
        strbuf_adds(out, json_array_size(value) == 0 ? "none" : "");
        json_array_foreach(value, i, item)
        {
            strbuf_adds(out, i > 0 ? " " : "");
            text_add_line(out, json_string_value(item));
        }
    }
}

static void add_packages(struct strbuf *out, const json_t *locked, const json_t *now)
{
    _cleanup_(packages_free) struct packages a = {0}, b = {0};
    cleanup_free char *wrong_a = NULL, *wrong_b = NULL;

    if (packages_of_json(locked, &a, &wrong_a) == 0 && packages_of_json(now, &b, &wrong_b) == 0)
        packages_difference(&a, &b, out);
}

void lockfile_difference(const json_t *locked, const json_t *now, bool found_too,
                         struct strbuf *out)
{
    for (size_t i = 0; i < lockfile_n_fields; i++) {
        const struct lockfile_field *f = &lockfile_fields[i];
        const json_t *l = json_object_get(locked, f->name), *n = json_object_get(now, f->name);

        if ((f->what == LOCKFILE_FOUND && !found_too) || (l == NULL && n == NULL) ||
            (f->what == LOCKFILE_FILE && l != NULL && n != NULL) || json_equal(l, n))
            continue;
        strbuf_adds(out, out->len > 0 ? "; " : "");
        if (f->type == LOCKFILE_PACKAGES && l != NULL && n != NULL) {
            add_packages(out, l, n);
            continue;
        }
        strbuf_addf(out, "%s is ", f->name);
        add_value(out, n);
        strbuf_adds(out, ", locked is ");
        add_value(out, l);
    }
}

static void tell_one(cache_lockfile_tell_fn *tell, void *data, const char *root, const json_t *had,
                     const json_t *noted, size_t *n)
{
    cleanup_strbuf struct strbuf difference = {0}, name = {0};

    text_add_line(&name, root); /* perhaps one of the lock file's alone */
    if (had != NULL && noted != NULL)
        lockfile_difference(had, noted, true, &difference);
    else
        strbuf_adds(&difference,
                    had == NULL ? "not locked before" : "no root of the job file any more");
    if (difference.len > 0)
        (*n)++;
    tell(data, name.data != NULL ? name.data : "", difference.len > 0 ? difference.data : NULL);
}

size_t cache_lockfile_compare(const struct cache_lockfile *lockfile, cache_lockfile_tell_fn *tell,
                              void *data)
{
    const char *name;
    json_t *entry;
    size_t n = 0;

    json_object_foreach(lockfile->noted, name, entry)
        tell_one(tell, data, name, json_object_get(lockfile->had, name), entry, &n);
    json_object_foreach(lockfile->had, name,
                        entry) if (json_object_get(lockfile->noted, name) == NULL)
        tell_one(tell, data, name, entry, NULL, &n);
    return n;
}

/* ---- writing ---- */

static int write_files(int dir, const struct cache_lockfile *lockfile, json_t *files,
                       struct cupel_error *err)
{
    cleanup_json json_t *all = json_object();
    cleanup_free char *text = NULL;
    char *json;
    int r;

    (void)json_object_set_new(all, "about", json_string(ABOUT));
    (void)json_object_set_new(all, "format", json_integer(FORMAT));
    (void)json_object_set(files, lockfile->job_file, lockfile->noted);
    (void)json_object_set(all, "files", files);
    json = json_dumps(all, JSON_INDENT(2) | JSON_SORT_KEYS);
    if (json == NULL)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "cannot write '%s': '%s' is not UTF-8",
                               lockfile->path, lockfile->job_file);
    text = xasprintf("%s\n", json);
    free(json);
    r = file_write_atomic_at(dir, LOCKFILE_NAME, text, strlen(text), 0644);
    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_INPUT, r, "cannot write '%s'", lockfile->path)
                 : 0;
}

/* A link is replaced by the file: a checkout can carry it, so what it leads to is not written. A
 * FIFO or device has been refused by the reader. One writer at a time, so that two who lock two
 * files beside each other both find themselves in it. */
int cache_lockfile_write(const struct cache_lockfile *lockfile, struct cupel_error *err)
{
    cleanup_close int dir = open(lockfile->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cleanup_json json_t *files = NULL;
    int r;

    while (dir >= 0 && flock(dir, LOCK_EX) < 0)
        if (errno != EINTR)
            return cupel_error_set(err, CUPEL_ERROR_INPUT, errno, "cannot write '%s'",
                                   lockfile->path);
    if (dir < 0)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, errno, "cannot write '%s'", lockfile->path);
    r = read_lockfile(dir, lockfile->path, &files, err);
    if (r == -ENOENT)
        files = json_object();
    else if (r < 0)
        return r;
    return write_files(dir, lockfile, files, err);
}

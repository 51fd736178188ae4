/* SPDX-License-Identifier: Apache-2.0 */
/* store: places, locks, commit, pin and recovery of the content-addressed store. Not responsible
 * for any layer's content.
 *
 * Two locks. locks/KEY (flock, exclusive) is held by whoever makes or removes the layer KEY.
 * layers/KEY/pin (flock) is shared by users and taken exclusively by remove. A reader of a finished
 * layer takes only the latter, and never waits.
 */
#include "rootfs-cache/store/store.h"

#include "base/interrupt.h"

#include "rootfs-cache/confined/hash.h"
#include "rootfs-cache/confined/treesum.h"
#include "rootfs-cache/store/verdict_log.h"

#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

static const char *const store_places[] = {"layers",    "locks",       "tmp",         "runs",
                                           "names",     "images",      "digests",     STORE_FETCHED,
                                           STORE_SAVED, STORE_RESULTS, STORE_VERDICTS};

static const char cachedir_tag[] =
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This directory holds root filesystems cached by cupel; they can be made again.\n";

int store_error(const struct cache *cache, struct cupel_error *err, int errnum, const char *what)
{
    int r;

    if (errnum == -EINTR) /* interrupt_lock(): nothing else here ends by a signal */
        return cupel_error_set(err, CUPEL_ERROR_INTERRUPTED, 0,
                               "interrupted before it could %s in the root cache", what);
    r = cupel_error_set(err, CUPEL_ERROR_HARNESS, errnum, "cannot %s in the root cache %s", what,
                        cache->path);
    errnum = errnum < 0 ? -errnum : errnum;
    if (errnum == ENOSPC || errnum == EDQUOT)
        cupel_error_hint(err, "free space there, remove layers with `cupel rootfs remove`, or set "
                              "CUPEL_CACHE to a directory "
                              "on a bigger disk");
    else if (errnum == EACCES || errnum == EPERM || errnum == EROFS)
        cupel_error_hint(err, "set CUPEL_CACHE to a directory that you can write to");
    return r;
}

/* The store's place: an explicit wish, the desktop's convention, else the system's or the user's
 * cache directory. */
char *cache_place(bool of_system)
{
    const char *own = getenv("CUPEL_CACHE"), *xdg = getenv("XDG_CACHE_HOME"),
               *home = getenv("HOME");

    if (own != NULL && own[0] != '\0')
        return xstrdup(own);
    if (xdg != NULL && xdg[0] == '/')
        return xasprintf("%s/cupel", xdg);
    if (of_system)
        return xstrdup("/var/cache/cupel");
    return home != NULL && home[0] == '/' ? xasprintf("%s/.cache/cupel", home) : NULL;
}

void cache_watch(struct cache *cache, cache_progress_fn *watcher, void *data)
{
    cache->watcher = watcher;
    cache->watcher_data = data;
}

bool store_is_watched(const struct cache *cache)
{
    return cache->watcher != NULL;
}

void store_tell(const struct cache *cache, const struct cache_progress *progress)
{
    if (cache->watcher != NULL)
        cache->watcher(cache->watcher_data, progress);
}

void store_say(const struct cache *cache, const char *fmt, ...)
{
    cleanup_strbuf struct strbuf what = {0};
    va_list ap;

    va_start(ap, fmt);
    strbuf_vaddf(&what, fmt, ap);
    va_end(ap);
    store_tell(cache, &(struct cache_progress){.what = what.data});
}

int store_lock_key(const struct cache *cache, const char *key, int operation)
{
    char path[sizeof("locks/") + CACHE_KEY_LEN];
    cleanup_close int fd = -EBADF;
    int r;

    (void)snprintf(path, sizeof(path), "locks/%.*s", CACHE_KEY_LEN, key); /* a name may be longer */
    fd = openat(cache->dir, path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    r = interrupt_lock(fd, operation);
    return r < 0 ? r : steal_fd(&fd);
}

static int make_places(struct cache *cache)
{
    for (size_t i = 0; i < ARRAY_SIZE(store_places); i++)
        if (mkdirat(cache->dir, store_places[i], 0700) < 0 && errno != EEXIST)
            return -errno;
    if (faccessat(cache->dir, "CACHEDIR.TAG", F_OK, 0) == 0)
        return 0;
    return file_write_atomic_at(cache->dir, "CACHEDIR.TAG", cachedir_tag, sizeof(cachedir_tag) - 1,
                                0644);
}

/* The store must be ours alone: layers hold setuid programs, and who can write to it can change
 * every job's root. */
static int check_owner(struct cache *cache, struct cupel_error *err)
{
    struct stat st;

    if (fstat(cache->dir, &st) < 0)
        return store_error(cache, err, errno, "look");
    if (st.st_uid != geteuid()) {
        (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, 0,
                              "the root cache %s belongs to uid %u, not to uid %u", cache->path,
                              (unsigned)st.st_uid, (unsigned)geteuid());
        cupel_error_hint(err, "set CUPEL_CACHE to a directory of your own");
        return -EPERM;
    }
    if ((st.st_mode & 077) != 0 && fchmod(cache->dir, 0700) < 0)
        return store_error(cache, err, errno, "set the mode");
    return 0;
}

static int open_store(struct cache *cache, struct cupel_error *err)
{
    /* the root of a namespace of our own is not the system's */
    cleanup_free char *wish = cache_place(geteuid() == 0 && cache->ids == NULL);
    int r;

    if (wish == NULL) {
        (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, 0,
                              "no place for the root cache: HOME is not set");
        cupel_error_hint(err, "set CUPEL_CACHE to a directory");
        return -EINVAL;
    }
    cache->path = steal_ptr(wish);
    cache->dir = file_open_dir_p_at(AT_FDCWD, cache->path, 0700);
    if (cache->dir < 0)
        return store_error(cache, err, cache->dir, "open a directory");
    if (cache->path[0] != '/') {
        char *absolute = realpath(cache->path, NULL);

        if (absolute == NULL)
            return store_error(cache, err, errno, "find the absolute path");
        free(cache->path);
        cache->path = absolute;
    }
    r = check_owner(cache, err);
    if (r < 0)
        return r;
    r = make_places(cache);
    if (r < 0)
        return store_error(cache, err, r, "make a directory");
    store_sweep(cache);
    return 0;
}

int cache_open(struct cache **ret_cache, struct cupel_error *err)
{
    struct cache *cache = xcalloc(1, sizeof(*cache));
    int r;

    cache->dir = -EBADF;
    cache->ids = ids_describe();
    r = open_store(cache, err);
    if (r < 0) {
        cache_close(cache);
        return r;
    }
    *ret_cache = cache;
    return 0;
}

void cache_close(struct cache *cache)
{
    if (cache == NULL)
        return;
    cache_host_look_end(cache->host_look);
    verdict_log_free(cache->verdicts);
    verdict_log_free(cache->held_verdicts);
    base_closep(&cache->dir);
    free(cache->path);
    free(cache->ids);
    free(cache);
}

const char *cache_path(const struct cache *cache)
{
    return cache->path;
}

int cache_dirfd(const struct cache *cache)
{
    return cache->dir;
}

/* ---- finished layers ---- */

/* True while `dir` is still what layers/KEY names: a remover may have been quicker than our pin. */
static bool still_visible(const struct cache *cache, const char *path, int dir)
{
    struct stat a, b;

    return fstat(dir, &a) == 0 && fstatat(cache->dir, path, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
           a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

/* A store on a read-only disk has locks as well; only some network file systems want a lock's file
 * open for writing. */
static int open_pin(int dir, const char *path)
{
    int fd = openat(dir, path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0 && errno == EROFS)
        fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? -errno : fd;
}

int store_open_layer(const struct cache *cache, const char *key, int *ret_tree, int *ret_pin)
{
    char path[sizeof("layers/") + CACHE_KEY_LEN];
    cleanup_close int dir = -EBADF, tree = -EBADF, pin = -EBADF;

    (void)snprintf(path, sizeof(path), "layers/%.*s", CACHE_KEY_LEN, key);
    dir = openat(cache->dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (dir < 0)
        return -errno;
    pin = open_pin(dir, "pin");
    if (pin < 0)
        return pin;
    /* held exclusively only for the moments of a rename or of a question, never for work */
    while (flock(pin, LOCK_SH) < 0)
        if (errno != EINTR)
            return -errno;
    if (!still_visible(cache, path, dir))
        return -ENOENT;
    tree = openat(dir, "fs", O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (tree < 0)
        return -errno;
    /* the time of last use; a store on a read-only disk just does not know it */
    (void)futimens(pin, NULL);
    *ret_tree = steal_fd(&tree);
    *ret_pin = steal_fd(&pin);
    return 0;
}

/* Whether a pin is held is told by trying to take it. Two who tried at once would each take the
 * other for a user: so one at a time, by a lock on the directory `locks`. */
static int lock_trials(const struct cache *cache)
{
    cleanup_close int fd = openat(cache->dir, "locks", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    while (flock(fd, LOCK_EX) < 0)
        if (errno != EINTR)
            return -errno;
    return steal_fd(&fd);
}

bool store_in_use(const struct cache *cache, const char *key)
{
    cleanup_free char *path = xasprintf("layers/%s/pin", key);
    cleanup_close int trial = lock_trials(cache), pin = open_pin(cache->dir, path);

    return trial >= 0 && pin >= 0 && flock(pin, LOCK_EX | LOCK_NB) < 0;
}

bool store_has_layer(const struct cache *cache, const char *key)
{
    char path[sizeof("layers/") + CACHE_KEY_LEN];

    (void)snprintf(path, sizeof(path), "layers/%.*s", CACHE_KEY_LEN, key);
    return faccessat(cache->dir, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int store_sync_place(const struct cache *cache, const char *place)
{
    cleanup_close int dir = openat(cache->dir, place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return dir < 0 || fsync(dir) < 0 ? -errno : 0;
}

int store_remove_layer(struct cache *cache, const char *key, store_check_fn *check, void *data)
{
    char from[sizeof("layers/") + CACHE_KEY_LEN], to[sizeof("tmp/") + CACHE_KEY_LEN];
    cleanup_free char *pin_path = xasprintf("layers/%s/pin", key);
    cleanup_close int lock = store_lock_key(cache, key, LOCK_EX), trial = -EBADF, pin = -EBADF;
    int r;

    if (lock < 0)
        return lock;
    (void)snprintf(from, sizeof(from), "layers/%.*s", CACHE_KEY_LEN, key);
    (void)snprintf(to, sizeof(to), "tmp/%.*s", CACHE_KEY_LEN, key);
    pin = openat(cache->dir, pin_path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (pin < 0 && (errno != ENOENT || !store_has_layer(cache, key)))
        return -errno;
    trial = lock_trials(cache);
    if (trial < 0)
        return trial;
    if (pin >= 0 &&
        flock(pin, LOCK_EX | LOCK_NB) < 0) /* one that has lost its pin, nobody can begin to use */
        return errno == EWOULDBLOCK ? -EBUSY : -errno;
    r = check(cache, key, data);
    if (r != 0)
        return r;
    if (renameat(cache->dir, from, cache->dir, to) < 0)
        return -errno;
    base_closep(&trial);
    trial = -EBADF;
    /* out of sight first: after a power cut, what is visible is whole */
    r = store_sync_place(cache, "layers");
    if (r < 0)
        return r;
    base_closep(&pin);
    pin = -EBADF; /* who waited for it finds the layer gone; the key's lock covers the rest */
    return file_remove_tree_at(cache->dir, to);
}

/* ---- layers in the making ---- */

static int make_draft(struct store_draft *draft)
{
    char path[sizeof("tmp/") + CACHE_KEY_LEN];
    cleanup_close int pin = -EBADF;
    int r;

    (void)snprintf(path, sizeof(path), "tmp/%s", draft->key);
    r = file_remove_tree_at(draft->cache->dir, path);
    if (r < 0)
        return r;
    draft->dir = file_open_dir_p_at(draft->cache->dir, path, 0700);
    if (draft->dir < 0)
        return draft->dir;
    draft->tree = file_open_dir_p_at(draft->dir, "fs", 0755);
    if (draft->tree < 0)
        return draft->tree;
    if (fchmod(draft->tree, 0755) < 0) /* whatever the umask */
        return -errno;
    pin = openat(draft->dir, "pin", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    return pin < 0 ? -errno : 0;
}

/* Begins with the key's lock, which is the draft's from here on. */
static int begin_with(struct cache *cache, const char *key, int lock, struct store_draft *ret_draft,
                      struct cupel_error *err)
{
    struct store_draft draft = STORE_DRAFT_INIT;
    int r;

    draft.cache = cache;
    (void)snprintf(draft.key, sizeof(draft.key), "%s", key);
    draft.lock = lock;
    if (store_has_layer(cache, key)) {
        base_closep(&draft.lock);
        return 1;
    }
    r = make_draft(&draft);
    if (r < 0) {
        store_end(&draft);
        return store_error(cache, err, r, "make a layer");
    }
    *ret_draft = draft;
    return 0;
}

int store_try_begin(struct cache *cache, const char *key, struct store_draft *ret_draft,
                    struct cupel_error *err)
{
    int lock = store_lock_key(cache, key, LOCK_EX | LOCK_NB);

    if (lock == -EWOULDBLOCK)
        return lock;
    return lock < 0 ? store_error(cache, err, lock, "lock a layer")
                    : begin_with(cache, key, lock, ret_draft, err);
}

int store_begin(struct cache *cache, const char *key, struct store_draft *ret_draft,
                struct cupel_error *err)
{
    int lock = store_lock_key(cache, key, LOCK_EX | LOCK_NB);

    if (lock == -EWOULDBLOCK) {
        store_say(cache, "waiting for another importer of the same root");
        lock = store_lock_key(cache, key, LOCK_EX);
    }
    return lock < 0 ? store_error(cache, err, lock, "lock a layer")
                    : begin_with(cache, key, lock, ret_draft, err);
}

static int write_info(const struct store_draft *draft, const struct store_info *info,
                      const char *tree)
{
    cleanup_free char *text = NULL;
    json_t *o = json_pack("{s:i, s:s, s:s, s:I, s:I, s:I}", "format", 1, "kind", info->kind, "key",
                          draft->key, "created", (json_int_t)time(NULL), "entries",
                          (json_int_t)info->entries, "bytes", (json_int_t)info->bytes);
    /* a source may be named in bytes that JSON cannot carry */
    json_t *source = json_string(info->source);

    if (o == NULL)
        return -ENOMEM;
    (void)json_object_set_new(o, "source",
                              source != NULL ? source : json_string("(name is not UTF-8)"));
    (void)json_object_set_new(o, "tree", json_string(tree));
    if (info->sha256 != NULL)
        (void)json_object_set_new(o, "sha256", json_string(info->sha256));
    if (info->contents != NULL)
        (void)json_object_set_new(o, "contents", json_string(info->contents));
    if (info->remapped_owners != 0)
        (void)json_object_set_new(o, "remapped_owners",
                                  json_integer((json_int_t)info->remapped_owners));
    text = json_dumps(o, JSON_INDENT(2));
    json_decref(o);
    if (text == NULL)
        return -ENOMEM;
    return file_write_atomic_at(draft->dir, "layer.json", text, strlen(text), 0600);
}

int store_seal(struct store_draft *draft, const struct store_info *info, struct cupel_error *err)
{
    char tree[TREESUM_TEXT_SIZE];
    int r = 0;

    if (info->tree != NULL)
        treesum_text(info->tree, tree);
    else
        r = treesum(draft->tree, draft->lock, tree, err);
    if (r < 0)
        return r;
    r = write_info(draft, info, tree);
    return r < 0 ? store_error(draft->cache, err, r, "describe a layer") : 0;
}

static int make_visible(struct store_draft *draft, struct cupel_error *err)
{
    char from[sizeof("tmp/") + CACHE_KEY_LEN], to[sizeof("layers/") + CACHE_KEY_LEN];

    (void)snprintf(from, sizeof(from), "tmp/%s", draft->key);
    (void)snprintf(to, sizeof(to), "layers/%s", draft->key);
    if (renameat(draft->cache->dir, from, draft->cache->dir, to) < 0)
        return store_error(draft->cache, err, errno, "finish a layer");
    base_closep(&draft->dir);
    draft->dir = -EBADF; /* nothing left for store_end to remove */
    return 0;
}

int store_publish(struct store_draft *drafts, size_t n, struct cupel_error *err)
{
    int r = 0;

    if (n == 0)
        return 0;
    /* content first, then the name: after a power cut a visible layer is a whole one */
    if (syncfs(drafts[0].dir) < 0)
        return store_error(drafts[0].cache, err, errno, "write a layer");
    for (size_t i = 0; r == 0 && i < n; i++)
        r = make_visible(&drafts[i], err);
    if (r < 0)
        return r;
    r = store_sync_place(drafts[0].cache, "layers");
    return r < 0 ? store_error(drafts[0].cache, err, r, "finish a layer") : 0;
}

int store_commit(struct store_draft *draft, const struct store_info *info, struct cupel_error *err)
{
    int r = store_seal(draft, info, err);

    return r < 0 ? r : store_publish(draft, 1, err);
}

void store_end(struct store_draft *draft)
{
    char path[sizeof("tmp/") + CACHE_KEY_LEN];

    base_closep(&draft->tree);
    if (draft->dir >= 0) {
        base_closep(&draft->dir);
        (void)snprintf(path, sizeof(path), "tmp/%s", draft->key);
        if (file_remove_tree_at(draft->cache->dir, path) < 0)
            log_warning("cannot remove %s/%s; the next start tries again", draft->cache->path,
                        path);
    }
    base_closep(&draft->lock);
    *draft = (struct store_draft)STORE_DRAFT_INIT;
}

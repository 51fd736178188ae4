/* SPDX-License-Identifier: Apache-2.0 */
/* verdict_log: see verdict_log.h. Writers take turns by a lock; readers take none. Nobody looks for
 * a record within another one, whose content a job may have written: what follows one that is
 * damaged is not read, and the next writer replaces the file. So bytes that were once read as a
 * record never change in that file, but for the time of its last use. Not responsible for what a
 * record says (rootfs-cache/verdicts.c). */
#include "rootfs-cache/store/verdict_log.h"

#include "rootfs-cache/confined/hash.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#define LOG_PATH_ASIDE STORE_VERDICT_LOG ".tmp"
#define LOG_PATH_LOCK STORE_VERDICTS "/.lock"
#define LOG_MAGIC "cupel v2" /* raised with every change of what follows */
#define LOG_MAGIC_LEN 8
/* To set the time of its last use at each use would cost more than the use. */
#define LOG_USE_SECONDS 3600
/* A writer has its turn for a record, or for the whole file. */
#define TURN_NS (5 * NSEC_PER_SEC)
#define TURN_LOOK_NS 1000000
#define LOG_CHUNK ((size_t)64 * 1024)
/* What was replaced may take so much, and no more than the rest. */
#define LOG_DEAD_MAX (UINT64_C(1) << 20)

/* Numbers stand as the machine has them. Behind it comes the content. */
struct log_head {
    char magic[LOG_MAGIC_LEN];
    uint64_t used; /* the only thing that changes */
    uint64_t size; /* of the content */
    char key[CACHE_KEY_LEN];
    char digest[CACHE_KEY_LEN]; /* of the content */
    char check[CACHE_KEY_LEN];  /* of the three before it */
};
#define LOG_CHECKED_FROM offsetof(struct log_head, size)
#define LOG_CHECKED_LEN (offsetof(struct log_head, check) - LOG_CHECKED_FROM)
_Static_assert(sizeof(struct log_head) == LOG_MAGIC_LEN + 16 + 3 * CACHE_KEY_LEN, "has no holes");

/* Where the last record of a key lies. Who reads it compares the whole key. */
struct log_place {
    uint64_t key; /* its first sixteen digits */
    uint64_t at;
    uint32_t size; /* with its head; 0: no record */
};

struct verdict_log {
    int fd;
    struct stat st; /* of what fd is */
    uint64_t seen;  /* so long the file was when it was last read */
    uint64_t end;   /* of the last record that is whole */
    uint64_t dead;  /* bytes of records that others have replaced */
    struct log_place *places;
    size_t n, room; /* a power of two, or none */
};

void verdict_record_release(struct verdict_record *record)
{
    free(record->data);
    *record = (struct verdict_record){.data = NULL};
}

/* ---- where records lie ---- */

static uint64_t key_number(const char *key)
{
    char digits[17];

    (void)snprintf(digits, sizeof(digits), "%.16s", key);
    return strtoull(digits, NULL, 16);
}

/* Returns the place of a key, or the free one where it belongs. */
static struct log_place *place_for(const struct verdict_log *log, uint64_t key)
{
    size_t i = (size_t)key & (log->room - 1);

    while (log->places[i].size != 0 && log->places[i].key != key)
        i = (i + 1) & (log->room - 1);
    return &log->places[i];
}

static void make_places(struct verdict_log *log)
{
    struct log_place *old = log->places;
    size_t n = log->room;

    log->room = n > 0 ? 2 * n : 64;
    log->places = xcalloc(log->room, sizeof(*log->places));
    for (size_t i = 0; i < n; i++)
        if (old[i].size != 0)
            *place_for(log, old[i].key) = old[i];
    free(old);
}

static void put_place(struct verdict_log *log, const char *key, uint64_t at, size_t size)
{
    struct log_place *place;

    if (4 * (log->n + 1) > 3 * log->room)
        make_places(log);
    place = place_for(log, key_number(key));
    log->dead += place->size;
    log->n += place->size == 0;
    *place = (struct log_place){key_number(key), at, (uint32_t)size};
}

static int compare_places(const void *a, const void *b)
{
    const struct log_place *x = a, *y = b;

    return (x->at > y->at) - (x->at < y->at);
}

/* Returns the places in the order of the file; malloc'ed, log->n of them. */
static struct log_place *sorted_places(const struct verdict_log *log)
{
    struct log_place *list = xcalloc(log->n + 1, sizeof(*list));
    size_t n = 0;

    for (size_t i = 0; i < log->room; i++)
        if (log->places[i].size != 0)
            list[n++] = log->places[i];
    qsort(list, n, sizeof(*list), compare_places);
    return list;
}

/* ---- reading ---- */

static int make_check(const struct log_head *head, char ret[CACHE_KEY_LEN + 1])
{
    return hash_bytes((const char *)head + LOG_CHECKED_FROM, LOG_CHECKED_LEN, ret);
}

static bool head_is_whole(const struct log_head *head)
{
    char check[CACHE_KEY_LEN + 1];

    return memcmp(head->magic, LOG_MAGIC, LOG_MAGIC_LEN) == 0 && head->size <= VERDICT_LOG_MAX &&
           make_check(head, check) == 0 && memcmp(check, head->check, CACHE_KEY_LEN) == 0;
}

/* Reads so many bytes; false: they are not there. */
static bool log_read(int fd, uint64_t at, void *to, size_t n)
{
    size_t done = 0;

    while (done < n) {
        ssize_t r = pread(fd, (char *)to + done, n - done, (off_t)(at + done));

        if (r <= 0)
            return false;
        done += (size_t)r;
    }
    return true;
}

/* Notes where the records are that have come since the file was last read, up to one that is not
 * whole. */
static void scan(struct verdict_log *log, uint64_t size)
{
    cleanup_free char *chunk = xmalloc(LOG_CHUNK);
    uint64_t at = 0, n = 0;

    while (log->end + sizeof(struct log_head) <= size) {
        char key[CACHE_KEY_LEN + 1] = "";
        struct log_head head;
        uint64_t next;

        if (log->end < at || log->end + sizeof(head) > at + n) {
            at = log->end;
            n = size - at < LOG_CHUNK ? size - at : LOG_CHUNK;
            if (!log_read(log->fd, at, chunk, n))
                break;
        }
        memcpy(&head, chunk + (log->end - at), sizeof(head));
        next = log->end + sizeof(head) + head.size;
        if (!head_is_whole(&head) || next > size)
            break;
        memcpy(key, head.key, CACHE_KEY_LEN);
        put_place(log, key, log->end, next - log->end);
        log->end = next;
    }
    log->seen = size;
}

static void forget(struct verdict_log *log)
{
    base_closep(&log->fd);
    free(log->places);
    *log = (struct verdict_log){.fd = -EBADF};
}

/* Opens what lies there now. A store that is read-only just lacks the marks of use. */
static int log_open(const struct cache *cache, struct verdict_log *log, int flags)
{
    const int all = flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

    forget(log);
    log->fd = openat(cache->dir, STORE_VERDICT_LOG, O_RDWR | all, 0600);
    if (log->fd < 0 && flags == 0)
        log->fd = openat(cache->dir, STORE_VERDICT_LOG, O_RDONLY | all);
    if (log->fd < 0 || fstat(log->fd, &log->st) < 0)
        return -errno;
    return S_ISREG(log->st.st_mode) ? 0 : -EINVAL;
}

/* Returns the log with all that is there by now; with O_CREAT it is made where there is none. */
static int log_now(struct cache *cache, int flags, struct verdict_log **ret)
{
    struct verdict_log *log = cache->verdicts;
    struct stat st;
    int r = 0;

    if (log == NULL) {
        log = cache->verdicts = xcalloc(1, sizeof(*log));
        log->fd = -EBADF;
    }
    *ret = log;
    if (fstatat(cache->dir, STORE_VERDICT_LOG, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        r = errno == ENOENT && flags == 0 ? -ENOENT : errno == ENOENT ? 0 : -errno;
        if (r == 0)
            r = log_open(cache, log, flags);
    } else if (log->fd < 0 || st.st_ino != log->st.st_ino || st.st_dev != log->st.st_dev) {
        r = log_open(cache, log, 0);
    } else {
        log->st = st;
    }
    if (r < 0)
        forget(log);
    else if ((uint64_t)log->st.st_size != log->seen)
        scan(log, (uint64_t)log->st.st_size);
    return r;
}

/* Reads a record; false: it is not whole. */
static bool read_record(const struct verdict_log *log, const struct log_place *place,
                        struct verdict_record *ret)
{
    struct verdict_record record = {.bytes = place->size,
                                    .n = place->size - sizeof(struct log_head)};
    char *all = xmalloc(place->size), digest[CACHE_KEY_LEN + 1];
    struct log_head head;
    bool whole = log_read(log->fd, place->at, all, place->size);

    if (whole) {
        memcpy(&head, all, sizeof(head));
        memmove(all, all + sizeof(head), record.n);
        whole = head_is_whole(&head) && head.size == record.n &&
                hash_bytes(all, record.n, digest) == 0 &&
                memcmp(digest, head.digest, CACHE_KEY_LEN) == 0;
    }
    if (!whole) {
        free(all);
        return false;
    }
    memcpy(record.key, head.key, CACHE_KEY_LEN);
    record.used = (time_t)head.used;
    record.data = all;
    *ret = record;
    return true;
}

static void log_mark_use(const struct verdict_log *log, const struct log_place *place, time_t used)
{
    const uint64_t now = (uint64_t)time(NULL);

    if ((uint64_t)used + LOG_USE_SECONDS < now)
        (void)!pwrite(log->fd, &now, sizeof(now),
                      (off_t)(place->at + offsetof(struct log_head, used)));
}

static int find_in(const struct verdict_log *log, const char *key, struct verdict_record *ret)
{
    struct verdict_record record;
    const struct log_place *place;

    if (log->n == 0)
        return -ENOENT;
    place = place_for(log, key_number(key));
    if (place->size == 0 || !read_record(log, place, &record))
        return -ENOENT;
    if (!str_eq(record.key, key)) {
        verdict_record_release(&record);
        return -ENOENT;
    }
    log_mark_use(log, place, record.used);
    *ret = record;
    return 0;
}

int verdict_log_find(struct cache *cache, const char *key, struct verdict_record *ret)
{
    struct verdict_log *log;
    int r;

    if (!hash_is_hex(key))
        return -ENOENT;
    if (cache->held_verdicts != NULL && find_in(cache->held_verdicts, key, ret) == 0)
        return 0;
    r = log_now(cache, 0, &log);
    return r == 0 ? find_in(log, key, ret) : r;
}

void verdict_log_hold(struct cache *cache)
{
    verdict_log_free(cache->held_verdicts);
    cache->held_verdicts = steal_ptr(cache->verdicts);
}

int verdict_log_each(struct cache *cache, verdict_log_fn *fn, void *data)
{
    cleanup_free struct log_place *list = NULL;
    struct verdict_log *log;
    int r = log_now(cache, 0, &log);

    if (r < 0)
        return r == -ENOENT ? 0 : r;
    list = sorted_places(log);
    for (size_t i = 0; r >= 0 && i < log->n; i++) {
        struct verdict_record record;

        if (!read_record(log, &list[i], &record))
            continue;
        r = fn(&record, data);
        verdict_record_release(&record);
    }
    return r < 0 ? r : 0;
}

/* ---- writing ---- */

/* Waits for its turn, but not for ever: whoever has it may be stopped. The descriptor that holds
 * it, or -errno, -EBUSY after that time. */
static int take_turn(const struct cache *cache)
{
    int fd = openat(cache->dir, LOG_PATH_LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600), r;
    const uint64_t until_ns = clock_monotonic_ns() + TURN_NS;

    if (fd < 0)
        return -errno;
    while ((r = flock(fd, LOCK_EX | LOCK_NB)) < 0 && (errno == EINTR || errno == EWOULDBLOCK) &&
           clock_monotonic_ns() < until_ns)
        (void)nanosleep(&(struct timespec){.tv_nsec = TURN_LOOK_NS}, NULL);
    r = r == 0 ? fd : errno == EWOULDBLOCK || errno == EINTR ? -EBUSY : -errno;
    if (r < 0)
        base_closep(&fd);
    return r;
}

/* Writes the records that stay behind one another; how many, or -errno. */
static int write_staying(const struct verdict_log *log, int to, verdict_log_stays *stays,
                         void *data)
{
    cleanup_free struct log_place *list = sorted_places(log);
    int written = 0, r = 0;

    for (size_t i = 0; r == 0 && i < log->n; i++) {
        cleanup_free char *all = xmalloc(list[i].size);
        struct verdict_record record;

        if (!read_record(log, &list[i], &record))
            continue;
        if ((stays == NULL || stays(record.key, data)) &&
            log_read(log->fd, list[i].at, all, list[i].size)) {
            r = file_write_all(to, all, list[i].size);
            written++;
        }
        verdict_record_release(&record);
    }
    return r < 0 ? r : written;
}

/* Replaces the file, in one's turn. Nothing is left of it where nothing stays. */
static int rewrite(struct cache *cache, struct verdict_log *log, verdict_log_stays *stays,
                   void *data)
{
    cleanup_close int to = openat(cache->dir, LOG_PATH_ASIDE,
                                  O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    int r = to < 0 ? -errno : write_staying(log, to, stays, data);

    if (r == 0)
        r = unlinkat(cache->dir, STORE_VERDICT_LOG, 0) < 0 && errno != ENOENT ? -errno : 0;
    else if (r > 0)
        r = fsync(to) < 0 || renameat(cache->dir, LOG_PATH_ASIDE, cache->dir, STORE_VERDICT_LOG) < 0
                ? -errno
                : 1;
    if (r <= 0 && to >= 0)
        (void)unlinkat(cache->dir, LOG_PATH_ASIDE, 0);
    forget(log);
    return r < 0 ? r : 0;
}

int verdict_log_rewrite(struct cache *cache, verdict_log_stays *stays, void *data)
{
    cleanup_close int turn = take_turn(cache);
    struct verdict_log *log;
    int r = turn < 0 ? turn : log_now(cache, 0, &log);

    if (r < 0)
        return r == -ENOENT ? 0 : r;
    return rewrite(cache, log, stays, data);
}

/* Replaces the file where something else than records is at its end, or much of it is of no use.
 * Where that cannot be (a disk without room for both), records still go to its end: in one's turn,
 * nobody else is writing what follows the last one that is whole. */
static int make_tidy(struct cache *cache, struct verdict_log **log)
{
    const struct verdict_log *l = *log;
    int r;

    if (l->end == l->seen && (l->dead < LOG_DEAD_MAX || 2 * l->dead < l->end))
        return 0;
    r = cache->stays_untidy ? 0 : rewrite(cache, *log, NULL, NULL);
    if (r < 0) {
        cache->stays_untidy = true;
        log_warning("the verdicts that are kept in %s cannot be written anew without those that "
                    "others have replaced (%s): their file grows until that can be done",
                    cache->path, strerror(-r));
    }
    return log_now(cache, O_CREAT, log);
}

/* Writes at the end. What was written of it is cut off where not all of it could be: nobody has
 * read that as a record. */
static int append(struct verdict_log *log, const char *key, const struct strbuf *all)
{
    const size_t n = all->len;
    size_t done = 0;

    while (done < n) {
        ssize_t w = pwrite(log->fd, all->data + done, n - done, (off_t)(log->end + done));

        if (w < 0) {
            const int failed = errno;

            (void)!ftruncate(log->fd, (off_t)log->end);
            return -failed;
        }
        done += (size_t)w;
    }
    put_place(log, key, log->end, n);
    log->end += n;
    log->seen = log->end;
    return 0;
}

static int make_record(const char *key, const void *data, size_t n, struct strbuf *ret)
{
    struct log_head head = {.used = (uint64_t)time(NULL), .size = n};
    char hex[CACHE_KEY_LEN + 1];
    int r = n > VERDICT_LOG_MAX ? -EFBIG : hash_bytes(data, n, hex);

    if (r < 0)
        return r;
    memcpy(head.magic, LOG_MAGIC, LOG_MAGIC_LEN);
    memcpy(head.key, key, CACHE_KEY_LEN);
    memcpy(head.digest, hex, CACHE_KEY_LEN);
    r = make_check(&head, hex);
    memcpy(head.check, hex, CACHE_KEY_LEN);
    strbuf_add(ret, &head, sizeof(head));
    strbuf_add(ret, data, n);
    return r;
}

int verdict_log_add(struct cache *cache, const char *key, const void *data, size_t n)
{
    cleanup_strbuf struct strbuf all = {0};
    cleanup_close int turn = -EBADF;
    struct verdict_log *log;
    int r = hash_is_hex(key) ? make_record(key, data, n, &all) : -EINVAL;

    if (r < 0)
        return r;
    turn = take_turn(cache);
    r = turn < 0 ? turn : log_now(cache, O_CREAT, &log);
    if (r == 0)
        r = make_tidy(cache, &log);
    return r == 0 ? append(log, key, &all) : r;
}

/* ---- looking after it ---- */

int verdict_log_check(struct cache *cache, size_t *ret_bad)
{
    cleanup_free struct log_place *list = NULL;
    cleanup_close int turn = take_turn(cache);
    bool nobody_writes = turn == -EROFS || turn == -EACCES; /* the store is for reading only */
    struct verdict_log *log;
    int r = turn < 0 && !nobody_writes ? turn : log_now(cache, 0, &log);

    *ret_bad = 0;
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    list = sorted_places(log);
    for (size_t i = 0; i < log->n; i++) {
        struct verdict_record record = {.data = NULL};

        *ret_bad += !read_record(log, &list[i], &record);
        verdict_record_release(&record);
    }
    *ret_bad += log->end != log->seen;
    return 0;
}

void verdict_log_free(struct verdict_log *log)
{
    if (log == NULL)
        return;
    forget(log);
    free(log);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* verdict_log: private to rootfs-cache. All verdicts that are kept, in one file (verdicts/log)
 * which only ever grows at its end, or is replaced as a whole. Each record has digests of its head
 * and of its content, so that one which was cut short or has changed is none. */
#pragma once

#include "rootfs-cache/store/store.h"

/* Bytes of a record's content at most. */
#define VERDICT_LOG_MAX ((size_t)64 * 1024 + CACHE_VERDICT_MAX)

struct verdict_log;

/* A record as it was read. */
struct verdict_record {
    char key[CACHE_KEY_LEN + 1];
    time_t used;    /* when it was last found, so exactly: an hour */
    uint64_t bytes; /* that it takes in the file */
    char *data;     /* its content, malloc'ed */
    size_t n;
};
void verdict_record_release(struct verdict_record *record);

/* NULL is none. */
void verdict_log_free(struct verdict_log *log);
/* Finds the last record of a key and marks its use. -ENOENT: there is none that is whole. */
int verdict_log_find(struct cache *cache, const char *key, struct verdict_record *ret);
/* Lets all that was found so far be found until the store is closed, whatever others make of the
 * file: it is read on where it was opened. */
void verdict_log_hold(struct cache *cache);
/* Adds a record, in place of what the key had; -EFBIG: it is too large; -EBUSY: another writer has
 * had its turn for seconds. A reader, also one after a
 * SIGKILL at any moment, finds it whole or not at all, and finds all records before it. */
int verdict_log_add(struct cache *cache, const char *key, const void *data, size_t n);
/* Calls `fn` for each record in the order in which they were added, until it returns something
 * negative, which is the result. */
typedef int verdict_log_fn(const struct verdict_record *record, void *data);
int verdict_log_each(struct cache *cache, verdict_log_fn *fn, void *data);
/* Replaces the file by one of those records that `stays` is true of; NULL: of all that are whole.
 */
typedef bool verdict_log_stays(const char *key, void *data);
int verdict_log_rewrite(struct cache *cache, verdict_log_stays *stays, void *data);
/* Counts the records that are not whole, and what lies behind the last one as one more. */
int verdict_log_check(struct cache *cache, size_t *ret_bad);

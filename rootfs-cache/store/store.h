/* SPDX-License-Identifier: Apache-2.0 */
/* store: private to rootfs-cache. Where layers lie, who may write them, and how they become
 * visible. Knows nothing of where a layer's content comes from. docs/rootfs-cache.md describes the
 * layout. */
#pragma once

#include "rootfs-cache/cache.h"

struct cache {
    char *path; /* absolute */
    int dir;
    /* of our user namespace; NULL: the host's own. A layer's owners are right only for who has the
     * same. */
    char *ids;
    cache_progress_fn *watcher; /* or NULL */
    void *watcher_data;
    struct cache_host_look *host_look; /* or NULL */
    struct verdict_log *verdicts;      /* or NULL: not looked at yet */
    struct verdict_log *held_verdicts; /* of verdict_log_hold, or NULL */
    bool stays_untidy;                 /* the log cannot be rewritten, which was said */
};

/* A layer in the making: tmp/KEY/, with KEY's lock held. Nothing of it is visible before
 * store_commit. */
struct store_draft {
    struct cache *cache;
    char key[CACHE_KEY_LEN + 1];
    int lock;
    int dir;  /* tmp/KEY */
    int tree; /* tmp/KEY/fs, the layer's content, mode 0755 */
};
#define STORE_DRAFT_INIT                                                                           \
    {                                                                                              \
        .lock = -EBADF, .dir = -EBADF, .tree = -EBADF                                              \
    }

/* Tells whoever watches (cache_watch) of a new phase, without figures. */
void store_say(const struct cache *cache, const char *fmt, ...) BASE_PRINTF(2, 3);
/* Tells whoever watches of figures. */
void store_tell(const struct cache *cache, const struct cache_progress *progress);
bool store_is_watched(const struct cache *cache);
/* How often figures are told. */
#define PROGRESS_MS 200

/* What is written beside a layer, for people and for `cupel rootfs list`. */
struct store_info {
    const char *kind;   /* "tar", "debian", "mask", "scratch" */
    const char *source; /* "alpine.tar.gz", "debian bookworm: gcc make" */
    const char *sha256; /* of the source file, or NULL */
    uint64_t entries;
    uint64_t bytes;
    const char *contents;     /* digest of the tree but for its times, or NULL */
    uint64_t remapped_owners; /* entries whose owner was beyond 65535 */
    /* its digest (treesum.h, 32 bytes), where who made it knows; NULL: to be computed */
    const unsigned char *tree;
};

/* Opens the finished layer `key`: its content as O_PATH, and a pin. -ENOENT when the store has
 * none. Marks it as used.
 */
int store_open_layer(const struct cache *cache, const char *key, int *ret_tree, int *ret_pin);

/* Takes the lock of `key` (LOCK_EX, with or without LOCK_NB): a descriptor that holds it, or
 * -errno. */
int store_lock_key(const struct cache *cache, const char *key, int operation);

bool store_has_layer(const struct cache *cache, const char *key);

/* Takes the lock of `key`, waiting for another importer (and telling of that), and starts with an
 * empty draft. Returns 1 when the layer turned out to be finished after the wait: then there is no
 * draft. */
int store_begin(struct cache *cache, const char *key, struct store_draft *ret_draft,
                struct cupel_error *err);
/* The same without waiting: -EWOULDBLOCK when another importer is at it. */
int store_try_begin(struct cache *cache, const char *key, struct store_draft *ret_draft,
                    struct cupel_error *err);
/* Syncs the draft and makes it visible in one rename. */
int store_commit(struct store_draft *draft, const struct store_info *info, struct cupel_error *err);
/* The same in two parts, for several that become visible together, in that order: describes one;
 * syncs them all. */
int store_seal(struct store_draft *draft, const struct store_info *info, struct cupel_error *err);
int store_publish(struct store_draft *drafts, size_t n, struct cupel_error *err);
/* Removes the draft, unless committed, and releases the lock. */
void store_end(struct store_draft *draft);

/* What jobs saved for later ones: saved/KEY is the record of the layer KEY. */
#define STORE_SAVED "saved"
/* Which jobs have passed (passed.c): results/KEY, a block of the disk each. */
#define STORE_RESULTS "results"
#define STORE_RESULT_BYTES UINT64_C(4096)
/* Removes those that go by what is wanted, when all layers that go are gone; `left`: bytes. */
int results_collect(struct cache *cache, const struct cache_gc *want, uint64_t *left,
                    size_t *ret_removed);
/* What jobs have come to (verdicts.c, verdict_log.c): all of them in one file. */
#define STORE_VERDICTS "verdicts"
#define STORE_VERDICT_LOG STORE_VERDICTS "/log"
int verdicts_collect(struct cache *cache, const struct cache_gc *want, uint64_t *left,
                     size_t *ret_removed);
/* What was fetched of an image when it was cut short: fetched/KEY, written with KEY's lock held. */
#define STORE_FETCHED "fetched"
/* Removes what nobody goes on with: drafts of dead importers, records and fetches that were cut
 * short. Whoever opens the store does so. */
void store_sweep(const struct cache *cache);
void store_sweep_fetched(const struct cache *cache, uint64_t older_seconds);

/* What only saves time, and is made again: empty disks that runs keep
 * (harness/sandbox/slot/disk_template.c), keys of layers (digest.c). */
#define STORE_DISKS "disks"
#define STORE_KEY_PREFIX "key-"
/* Removes of that what was not used for so long (of keys: not made since). Who uses some of it at
 * the moment has it open. */
void store_sweep_savers(const struct cache *cache, uint64_t older_seconds);

/* Takes the layer out of sight, then removes it. -EBUSY when somebody uses it. `check` is asked
 * when nobody can begin to any more, and with another result than 0 the layer stays: that is the
 * result. */
#define STORE_WANTED (-EADDRINUSE) /* for `check`: something still refers to it */
typedef int store_check_fn(struct cache *cache, const char *key, void *data);
int store_remove_layer(struct cache *cache, const char *key, store_check_fn *check, void *data);
/* What was renamed or removed in this directory of the store stays so after a power cut. */
int store_sync_place(const struct cache *cache, const char *place);
bool store_in_use(const struct cache *cache, const char *key);

/* Fills *err for a failed write beneath the store: says what to do when the disk is full. */
int store_error(const struct cache *cache, struct cupel_error *err, int errnum, const char *what);

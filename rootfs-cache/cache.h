/* SPDX-License-Identifier: Apache-2.0 */
/* rootfs-cache: a root's source becomes read-only layers in a content-addressed store. Knows
 * nothing of jobs or sandboxes.
 *
 * Store (docs/rootfs-cache.md): $CUPEL_CACHE, else $XDG_CACHE_HOME/cupel, else /var/cache/cupel as
 * root; mode 0700, because layers hold setuid programs. Written aside, synced, renamed: what is
 * visible is whole. One lock a key, so that several importers do the work once and readers never
 * wait. */
#pragma once

#include "base/base.h"

struct cache;
struct packages;

#define CACHE_KEY_LEN 64 /* hex digits of a SHA-256: of a layer's key, or of a digest */

enum cache_source_kind {
    CACHE_HOST,
    CACHE_SCRATCH,
    CACHE_TAR,
    CACHE_DEBIAN,
    CACHE_OCI,
    CACHE_IMAGE,     /* from a registry, by skopeo */
    CACHE_DIRECTORY, /* a copy of it */
    CACHE_NAMED,     /* in the store already: `name` is what cache_find takes */
    CACHE_PATH, /* told by what is in it, as cache_import does: `path`, and `tag` of an image */
};

/* Where a root comes from. Borrowed strings. */
struct cache_source {
    enum cache_source_kind kind;
    const char *name;   /* for messages */
    const char *tar;    /* CACHE_TAR: absolute path */
    const char *sha256; /* CACHE_TAR: expected digest of the file, or NULL */
    unsigned strip;     /* CACHE_TAR: directories to be taken off the front of each name */
    /* CACHE_OCI: absolute path of an OCI layout (directory or tar) or a `docker save` archive */
    const char *oci;
    /* CACHE_IMAGE: "registry.example/team/base:1", with or without @sha256:… */
    const char *image;
    /* CACHE_OCI: what the layers are called after, when not the path; or NULL */
    const char *shown;
    const char *tag;       /* CACHE_OCI: which image of several, a tag, name or digest; or NULL */
    const char *platform;  /* of both: "linux/arm64", or NULL for this machine's */
    const char *directory; /* CACHE_DIRECTORY: absolute path */
    const char *path;      /* CACHE_PATH: absolute */
    const char *suite;     /* CACHE_DEBIAN */
    const char *const *packages;       /* CACHE_DEBIAN: NULL-terminated */
    const char *const *package_places; /* "FILE:LINE:COLUMN" of each, for messages; or NULL */
    const char *suite_place;           /* the same of the suite; or NULL */
    /* CACHE_DEBIAN: exactly these; NULL but within cache_prepare_locked */
    const struct packages *locked;
    /* instead of what the root has, what cache_config_text gave; or NULL */
    const char *config;
};

#define CACHE_LAYERS_MAX 500 /* of an image */
/* Of a root that is ready: the bottom ones of more are merged. As many as leave room in an
 * overlay's 255 bytes of layers (flatten.c) for those that jobs put upon them
 * (JOBS_FROM_DEPTH_MAX). */
#define CACHE_STACK_MAX 40

/* What an image wants its processes to be like (config.md of the OCI image specification):
 * "NAME=VALUE", NULL-terminated; user and workdir as written, or NULL; entrypoint and command
 * NULL-terminated, empty where there is none. Hostile text, but for newlines and the like in user
 * and workdir, which are refused. */
struct cache_config {
    struct arena *arena; /* of all of it */
    const char **env;
    const char *user;
    const char *workdir;
    const char **entrypoint;
    const char **command; /* after the entrypoint, unless other arguments are given */
};

/* A root ready for use: at most CACHE_STACK_MAX directories to be stacked read-only, top first. The
 * fds are O_PATH|O_DIRECTORY; the pins keep the layers from being removed while they are open. For
 * CACHE_HOST: layer 0 is the mask (opaque directories and whiteouts over what a job must not see:
 * home directories, /tmp, /run, credentials), layer 1 the host's "/". For CACHE_SCRATCH: one empty
 * directory. */
struct cache_root {
    int layer[CACHE_LAYERS_MAX];
    int pin[CACHE_LAYERS_MAX]; /* of each layer, or -EBADF */
    size_t n_layers;
    char key[CACHE_LAYERS_MAX][CACHE_KEY_LEN + 1]; /* of each layer, or "" */
    char digest[CACHE_KEY_LEN + 1];                /* of the image's manifest, or "" */
    struct cache_config *config; /* what an image says of its processes; NULL without one */
};
#define CACHE_ROOT_INIT                                                                            \
    {                                                                                              \
        .n_layers = 0                                                                              \
    }

/* Opens the store, making it when missing. */
int cache_open(struct cache **ret_cache, struct cupel_error *err);
void cache_close(struct cache *cache);
/* Looks, aside, for what of the host no job may see, so that the first root of CACHE_HOST need not
 * wait for that. NULL: it will. The cache takes it over; one that no cache has got is ended. */
struct cache_host_look;
struct cache_host_look *cache_host_look_begin(void);
void cache_host_look_end(struct cache_host_look *look);
void cache_take_host_look(struct cache *cache, struct cache_host_look *look);
/* Where the store is, before it is opened: as CUPEL_CACHE says, or by convention, which is another
 * one of the system's root. Malloc'ed, or NULL. */
char *cache_place(bool of_system);
/* Absolute path of the store, and an fd of it (borrowed): other state of a run lives in its
 * `runs/`. */
const char *cache_path(const struct cache *cache);
int cache_dirfd(const struct cache *cache);

/* Tells what long work is going on: once a phase ("bootstrapping debian bookworm", "unpacking
 * alpine.tar.gz") without figures. Where it can be measured, figures follow some times a second,
 * and with done == total at its end. */
#define CACHE_AT_ONCE_MAX 4
struct cache_layer_progress {
    size_t number;        /* from 1, at the bottom */
    uint64_t done, total; /* bytes of its blob; total UINT64_MAX: not known */
};
struct cache_progress {
    const char *what;
    /* bytes; total 0: no figures, UINT64_MAX: not known */
    uint64_t done, total;
    size_t layers_done, layers;                             /* layers 0: it has none */
    struct cache_layer_progress at_work[CACHE_AT_ONCE_MAX]; /* those that are being unpacked */
    size_t n_at_work;
};
typedef void cache_progress_fn(void *data, const struct cache_progress *progress);
/* Has `watcher`, or nobody where it is NULL, told of the long work that is done with the store from
 * now on. */
void cache_watch(struct cache *cache, cache_progress_fn *watcher, void *data);

/* Makes the root ready: returns at once when the store has it, else does the work or waits for who
 * does it. */
int cache_prepare(struct cache *cache, const struct cache_source *source,
                  struct cache_root *ret_root, struct cupel_error *err);
/* The keys of the root's layers as one word (malloc'ed), which CACHE_NAMED takes as a name. */
#define CACHE_KEYS_SEPARATOR '+'
char *cache_root_keys(const struct cache_root *root);
/* An image's configuration as one line of text (malloc'ed), for a source's `config`; NULL for NULL.
 */
char *cache_config_text(const struct cache_config *config);
void cache_root_release(struct cache_root *root);

/* ---- lock files: what the roots of a job file were when they were locked (docs/rootfs-cache.md)
 * ---- */

/* cupel.lock beside the job file, read and checked as a whole; without one, everything is refused
 * by cache_prepare_locked. */
struct cache_lockfile;
int cache_lockfile_open(const char *dir, const char *job_file, struct cache_lockfile **ret,
                        struct cupel_error *err);
void cache_lockfile_close(struct cache_lockfile *lockfile);
/* Like cache_prepare, but the root `name` of the job file is what the lock file says, or it is an
 * error: CUPEL_ERROR_INPUT where job file, lock file and the files named do not agree,
 * CUPEL_ERROR_HARNESS where what is locked cannot be had any more. */
int cache_prepare_locked(struct cache *cache, const struct cache_lockfile *lockfile,
                         const char *name, const struct cache_source *source,
                         struct cache_root *ret_root, struct cupel_error *err);
/* The same of cache_derive: the recipe is the locked one, and what is in the layer, but for times.
 */
struct cache_recipe;
int cache_derive_locked(struct cache *cache, const struct cache_lockfile *lockfile,
                        const struct cache_recipe *recipe, struct cache_root *ret_root,
                        struct cupel_error *err);
/* Notes what the root, made ready from that source, is. For any kind but host and scratch. */
int cache_lockfile_note(struct cache_lockfile *lockfile, const struct cache *cache,
                        const char *name, const struct cache_source *source,
                        const struct cache_root *root, struct cupel_error *err);
int cache_lockfile_note_derived(struct cache_lockfile *lockfile, const struct cache *cache,
                                const struct cache_recipe *recipe, const struct cache_root *root,
                                struct cupel_error *err);
/* Tells of each root that is noted or that the lock file has how the two differ (NULL: not at all);
 * returns how many do. */
typedef void cache_lockfile_tell_fn(void *data, const char *root, const char *difference);
size_t cache_lockfile_compare(const struct cache_lockfile *lockfile, cache_lockfile_tell_fn *tell,
                              void *data);
/* Replaces, atomically, what the lock file says of the job file by what was noted. */
int cache_lockfile_write(const struct cache_lockfile *lockfile, struct cupel_error *err);

/* ---- derived roots ---- */

/* Makes what is missing: gives the tree (readable) that becomes the layer, in overlayfs' form
 * (`userxattr`), however hostile. The caller closes it; whoever else wants the same waits
 * meanwhile. */
typedef int cache_build_fn(void *data, int *ret_tree, struct cupel_error *err);
struct cache_recipe {
    const char *name;              /* for messages */
    const char *from;              /* the base's name in the job file */
    const char *shown;             /* what the layer is called after */
    const struct cache_root *base; /* ready, and not the host's */
    /* all that decides what comes of it, but for the base; NULL-terminated */
    const char *const *texts;
    /* paths below the tree's root that are left out of the layer, NULL-terminated */
    const char *const *without;
    cache_build_fn *build; /* NULL: only look */
    void *data;            /* of build */
};
/* The root that the recipe makes of its base; it says the same of its processes. 1: there is none,
 * and no `build`. */
int cache_derive(struct cache *cache, const struct cache_recipe *recipe,
                 struct cache_root *ret_root, struct cupel_error *err);
/* Computes the digest of a file or directory of the host's, for a recipe's texts: without its
 * times, and without what lies at the path `without` in it (or NULL), which the command must then
 * not see. Of `path`, `trusted` bytes are followed (file_open_trusted). */
int cache_digest_path(struct cache *cache, const char *path, size_t trusted, const char *without,
                      char ret_hex[CACHE_KEY_LEN + 1], struct cupel_error *err);
/* Computes one that is another after any change there, also one that was taken back. */
int cache_witness_path(const char *path, size_t trusted, const char *without,
                       char ret_hex[CACHE_KEY_LEN + 1], struct cupel_error *err);

/* What is to be looked at: a file or directory of the host's, of whose path `trusted` bytes are
 * followed (file_open_trusted), but for what lies at the path `without` in it (or NULL). */
struct cache_look_at {
    const char *path;
    size_t trusted;
    const char *without;
    uint64_t max_bytes, max_entries; /* of those that are looked at; 0: any number */
};
struct cache_looked {
    char content[CACHE_KEY_LEN + 1]; /* of what is there, without its times; "": it was not read */
    char witness[CACHE_KEY_LEN + 1]; /* another one after any change, also one taken back */
    bool settled;                    /* it changed so long ago that the witness can be relied on */
};
/* Looks at it in this process, thousands of times a second where it is small, and reads it if it is
 * asked to. What cannot be looked at (a link, no file or directory, nothing) is looked at as such.
 * -EFBIG: there is too much of it; -EINTR. */
int cache_look(struct cache *cache, const struct cache_look_at *at, bool reads,
               struct cache_looked *ret);

/* ---- caches of jobs: directories that one run saves for later ones ---- */

/* Who shares what is saved: those that say the same of all of this. */
struct cache_saved_of {
    const struct cache_root *root; /* which the job is over */
    const char *user;              /* who wrote it, in the job */
    const char *const *paths;      /* NULL-terminated, absolute in the job */
};
#define CACHE_SAVED_PATHS_MAX 64
/* One that is there: the directory of the path number N is called "N". */
struct cache_saved {
    int tree; /* O_PATH */
    int pin;
    char layer[CACHE_KEY_LEN + 1]; /* "": there is none */
    bool exact;                    /* it has the very key */
    char *key; /* under which it was saved (malloc'ed); NULL of one that is opened again */
};
#define CACHE_SAVED_NONE                                                                           \
    {                                                                                              \
        .tree = -EBADF, .pin = -EBADF                                                              \
    }
void cache_saved_close(struct cache_saved *saved);
/* Opens what was saved under `key`, else what was saved last under a key that begins with the first
 * of `restore` (NULL-terminated, or NULL) that there is one of. 1: there is none. */
int cache_saved_open(struct cache *cache, const struct cache_saved_of *of, const char *key,
                     const char *const *restore, struct cache_saved *ret, struct cupel_error *err);
/* Opens one that was open before, by its `layer`. */
int cache_saved_again(struct cache *cache, const char *layer, struct cache_saved *ret,
                      struct cupel_error *err);
/* Tells the layer that would be opened or saved. */
int cache_saved_name(struct cache *cache, const struct cache_saved_of *of, const char *key,
                     char ret_layer[CACHE_KEY_LEN + 1], struct cupel_error *err);
/* Takes the turn of making it, which one has at a time; -EWOULDBLOCK: somebody else has it. In any
 * case *turn, which is negative the first time, is for cache_saved_yield. */
int cache_saved_turn(struct cache *cache, const char *layer, int *turn);
void cache_saved_yield(int *turn);
/* Returns an empty directory of the store, for who has none. */
int cache_saved_empty(struct cache *cache, struct cupel_error *err);
/* The layers that lie over one another at one of the paths, top first; however hostile. */
struct cache_saved_part {
    int layer[2];
    size_t n;
};
/* Asked now and then: whether to give up (-ECANCELED). */
typedef bool cache_saved_stop_fn(void *data);
typedef int cache_saved_check_fn(void *data, struct cupel_error *err);
struct cache_saving {
    const char *key;
    const struct cache_saved_part *parts; /* of each path */
    cache_saved_stop_fn *stop;            /* or NULL */
    /* asked when all is copied: whether that is what there was; or NULL */
    cache_saved_check_fn *check;
    void *data; /* of both */
};
/* Saves it as one layer, whole or not at all, and waits for nobody. 1: there is one, or somebody is
 * saving it. */
int cache_save(struct cache *cache, const struct cache_saved_of *of,
               const struct cache_saving *saving, struct cupel_error *err);
/* What is saved, the most recently used first. */
struct cache_saved_entry {
    char layer[CACHE_KEY_LEN + 1];
    char *key, *user, *root;
    char **paths; /* NULL-terminated */
    uint64_t bytes, entries;
    time_t created, last_used;
    bool in_use;
};
int cache_saved_list(struct cache *cache, struct cache_saved_entry **ret_entries, size_t *ret_n,
                     struct cupel_error *err);
void cache_saved_entries_free(struct cache_saved_entry *entries, size_t n);
/* Removes all that are called `what`, or whose layer's key begins so (four digits at least); of how
 * many. One in use stays and is an error. */
int cache_saved_remove(struct cache *cache, const char *what, size_t *ret_n,
                       struct cupel_error *err);

/* ---- which jobs have passed ---- */

struct cache_result {
    char key[CACHE_KEY_LEN + 1]; /* of all that it depends on */
    char *job, *file;            /* malloc'ed, as all texts here */
    char *run;                   /* the run's id */
    time_t ended, last_used;
};
/* The key of what comes of these texts over a root. */
int cache_result_key(struct cache *cache, const struct cache_root *root, const char *const *texts,
                     size_t n, char ret_key[CACHE_KEY_LEN + 1], struct cupel_error *err);
/* Whether something with that key has passed. */
bool cache_result_find(struct cache *cache, const char *key, struct cache_result *ret);
void cache_result_release(struct cache_result *result);
/* Writes down that it has; atomically, in place of what is there. */
int cache_result_keep(struct cache *cache, const struct cache_result *result,
                      struct cupel_error *err);
/* All of them, the most recently used first. */
int cache_results_list(struct cache *cache, struct cache_result **ret_results, size_t *ret_n,
                       struct cupel_error *err);
void cache_results_free(struct cache_result *results, size_t n);
/* Removes those of the job of that name, or whose key begins so (four digits at least); of how
 * many. */
int cache_results_remove(struct cache *cache, const char *what, size_t *ret_n,
                         struct cupel_error *err);

/* ---- what jobs have come to, whatever it was ---- */

/* A verdict that is kept: what it is of, and the record of it, which is the caller's affair. */
struct cache_verdict {
    char key[CACHE_KEY_LEN + 1]; /* of all that it depends on */
    char *job, *file;            /* malloc'ed, as all texts here */
    char *run;                   /* the run's id */
    char *verdict;
    time_t ended, last_used;
    uint64_t bytes; /* that it takes in the store */
};
#define CACHE_VERDICT_MAX ((size_t)256 * 1024) /* of a record */
/* The digest of these bytes, as a key. */
int cache_bytes_key(const void *data, size_t n, char ret_key[CACHE_KEY_LEN + 1]);
/* Reads what is kept under a key, if it is whole: false else. *ret_record is malloc'ed. */
bool cache_verdict_find(struct cache *cache, const char *key, struct cache_verdict *ret,
                        char **ret_record, size_t *ret_n);
void cache_verdict_release(struct cache_verdict *v);
/* Lets what was found by now be found again until the store is closed, also where it is removed. */
void cache_verdicts_hold(struct cache *cache);
/* Keeps it, whole or not at all, in place of what is there. */
int cache_verdict_keep(struct cache *cache, const struct cache_verdict *v, const char *record,
                       size_t n, struct cupel_error *err);
/* All of them, the most recently used first. */
int cache_verdicts_list(struct cache *cache, struct cache_verdict **ret, size_t *ret_n,
                        struct cupel_error *err);
void cache_verdicts_free(struct cache_verdict *list, size_t n);
/* Removes those of the job or the job file of that name, or whose key begins so (four digits at
 * least); of how many. */
int cache_verdicts_remove(struct cache *cache, const char *what, size_t *ret_n,
                          struct cupel_error *err);

/* ---- what `cupel rootfs` does with the store ---- */

struct cache_entry {
    char key[CACHE_KEY_LEN + 1]; /* of its layer, or the topmost of several */
    char *name;                  /* imported name, or NULL: a layer that is of none */
    /* "tar", "image", "layer", "directory", "bundle", "debian", "derived", "mask", "scratch" */
    char *kind;
    char *source; /* as it was given */
    size_t n_layers;
    uint64_t bytes;        /* of all layers */
    uint64_t shared_bytes; /* of those that other names have too */
    uint64_t entries;
    time_t created;
    time_t last_used;
    bool in_use; /* its top layer is */
};

/* Everything in the store, names first, then the most recently used. */
int cache_list(struct cache *cache, struct cache_entry **ret_entries, size_t *ret_n,
               struct cupel_error *err);
void cache_entries_free(struct cache_entry *entries, size_t n);
/* Tells of each process that has the pin of a layer, as far as the kernel's list of locks shows it
 * (not those of other PID namespaces, nor without /proc). */
typedef void cache_holder_fn(void *data, const char *key, pid_t pid);
int cache_each_pin_holder(struct cache *cache, cache_holder_fn *fn, void *data,
                          struct cupel_error *err);
/* What `what` means: an imported name, a key, or a prefix of at least four digits that fits only
 * one key. The key of the layer, of several the topmost. */
int cache_find(struct cache *cache, const char *what, char ret_key[CACHE_KEY_LEN + 1],
               struct cupel_error *err);
/* All of its layers' keys, top first, as cache_root_keys gives them (malloc'ed). */
int cache_find_keys(struct cache *cache, const char *what, char **ret_keys,
                    struct cupel_error *err);
struct cache_import {
    const char *name;
    /* a tar of a root, an OCI layout (directory or tar), a `docker save` archive, an OCI runtime
     * bundle, or any other directory: told by what is in it */
    const char *path;
    const char *tag;      /* of an image, as in struct cache_source */
    const char *platform; /* of an image */
    unsigned strip;       /* of a tar: directories to be taken off the front of each name */
};
/* Stores it under its name; an earlier meaning of the name is replaced. */
int cache_import(struct cache *cache, const struct cache_import *import, struct cupel_error *err);
struct cache_pull {
    const char *name;
    /* as in struct cache_source; NULL: what the name was pulled from before */
    const char *image;
    const char *platform; /* NULL: this machine's, or with a NULL image that of before */
};
/* than the name had before */
enum cache_pulled { CACHE_PULLED_NEW, CACHE_PULLED_SAME, CACHE_PULLED_OTHER };
/* Fetches what is not there yet of an image in a registry and stores it under its name; an earlier
 * meaning of the name is replaced. */
int cache_pull(struct cache *cache, const struct cache_pull *pull, enum cache_pulled *ret_what,
               char ret_digest[CACHE_KEY_LEN + 1], struct cupel_error *err);
/* Each finding is told: what is wrong, and what to do. */
typedef void cache_finding_fn(void *data, const char *finding);
struct cache_verify {
    const char *what; /* NULL: everything */
    /* take damaged layers away, with the names that have them, unless something uses them */
    bool repair;
    cache_finding_fn *tell;
    void *data;
};
struct cache_verified {
    size_t checked, bad, removed; /* layers; findings; layers */
};
/* Reads every layer, or those of `what`, and compares it with what it was when it was made; looks
 * whether names have all their layers. */
int cache_verify(struct cache *cache, const struct cache_verify *want, struct cache_verified *ret,
                 struct cupel_error *err);
#define CACHE_SAVED_KIND "cache" /* of the layers that jobs saved */
struct cache_gc {
    /* until layers take no more than this; UINT64_MAX: any amount may stay */
    uint64_t keep_bytes;
    uint64_t older_seconds; /* those unused for so long; UINT64_MAX: of no age */
    bool saved_only;        /* of nothing but caches of jobs */
};
struct cache_collected {
    size_t removed;
    size_t lost;          /* records of caches whose layers were gone, which are removed too */
    size_t results;       /* of jobs, which are removed too */
    size_t verdicts;      /* likewise */
    uint64_t freed, left; /* bytes */
};
/* Removes layers, the longest unused first, but none that is in use, of an imported name, or of
 * what is kept of a failed job. */
int cache_gc(struct cache *cache, const struct cache_gc *want, struct cache_collected *ret,
             struct cupel_error *err);
/* Writes the root, its layers merged, as a tar (pax, sorted by name) to fd. */
int cache_export(struct cache *cache, const char *what, int fd, struct cupel_error *err);
/* Forgets the name, and removes those of its layers that nothing else refers to; or removes the
 * layer when `what` is a key. One in use stays and is an error. */
int cache_remove(struct cache *cache, const char *what, struct cupel_error *err);
/* Layers and configuration as JSON text (malloc'ed). */
int cache_show(struct cache *cache, const char *what, char **ret_json, struct cupel_error *err);

/* Whoever keeps something over a root for later puts the root's keys (cache_root_keys) into a file
 * of this name in a directory of its own beneath this one in the store: then nothing removes those
 * layers. */
#define CACHE_KEPT "kept"
#define CACHE_KEPT_LAYERS "layers"

/* SPDX-License-Identifier: Apache-2.0 */
/* child: private to rootfs-cache. Runs a function in a process of its own, confined (confine.c),
 * and brings one result back: a crash in a decompressor or a parser becomes a message, and what
 * hostile bytes could reach is one tree, or nothing at all. What comes back is as hostile as what
 * was read: it is bounded and checked here as far as its meaning is known, and by who asked. */
#pragma once

#include "rootfs-cache/cache.h"

struct child_counts {
    uint64_t entries;
    uint64_t bytes;
    uint64_t remapped_owners;
    uint64_t skipped_devices;
    uint64_t unknown_acls;    /* entries of ACLs that stand for nobody */
    char top[256];            /* the directory that all of a root lies below, or "" */
    unsigned char digest[32]; /* of what was read, for work that computes one */
};

/* Runs in the child with the tree as current and (as root) root directory. `fd` is the archive. */
typedef int child_fn(void *arg, int fd, struct child_counts *counts, struct cupel_error *err);

/* The child's own end, for readers. */
struct child_self;
/* Runs in a child that has no rights whatever, and of files only `fd` and what it asks for; its
 * result is bytes. */
typedef int child_reader_fn(void *arg, struct child_self *self, int fd, struct strbuf *reply,
                            struct cupel_error *err);
/* Asks the parent, from within a reader: returns a readable fd of the regular file that the parent
 * calls `name`, or a negative errno. */
int child_ask(struct child_self *self, const char *name);
/* In the parent: opens it, or a negative errno. The name is whatever the child says. */
typedef int child_open_fn(void *data, const char *name);

#define CHILD_REPLY_MAX ((size_t)2 << 20)
#define CHILD_ASKS_MAX 64
#define CHILD_NAME_MAX 4096

struct child_work {
    child_fn *fn; /* or a reader */
    child_reader_fn *reader;
    void *arg;
    const char *what; /* names the work in errors: "unpack 'x.tar'" */
    int tree;
    int fd; /* -EBADF: none */
    /* held open while the child lives, or -EBADF: the lock, so that nobody takes it over while a
     * child of a killed importer is still dying */
    int keep;
    int *more; /* further fds; in the child, they have new numbers in this same array */
    size_t n_more;
    child_open_fn *open; /* for a reader that may ask, or NULL */
    void *open_data;
    /* of no reader: what it works on came from outside, and can be what ended it */
    bool of_input;
    bool long_work;   /* of a reader: it may read gigabytes */
    unsigned seconds; /* of CPU that a reader may use; 0: what is usual (confine.c) */
    /* of a reader that is no long work: how large it may make a file that it was given */
    uint64_t file_max;
};
int child_run(const struct child_work *work, struct child_counts *ret_counts,
              struct cupel_error *err);
/* The same in parts, for several at once (no readers that ask). The work must stay until the end.
 */
struct child_process;
int child_start(const struct child_work *work, struct child_process **ret, struct cupel_error *err);
/* Readable (poll(2)) when it has ended or is about to. */
int child_socket(const struct child_process *process);
/* Waits for its result; frees it. */
int child_end(struct child_process *process, struct child_counts *ret_counts,
              struct cupel_error *err);
/* Kills and frees it. */
void child_abandon(struct child_process *process);
/* Runs a reader. *ret_reply (malloc'ed, NUL-terminated for convenience) is not to be trusted. */
int child_read(const struct child_work *work, char **ret_reply, size_t *ret_length,
               struct cupel_error *err);

/* SPDX-License-Identifier: Apache-2.0 */
/* unpacker: private to confined/. An unpacking in progress, and what its files share. */
#pragma once

#include "rootfs-cache/confined/libarchive.h"
#include "rootfs-cache/confined/unpack.h"

#include <sys/stat.h>

#define UNPACK_BLOCK ((size_t)256 * 1024)

struct layer;
struct stream;
struct late_acl;

struct dir_time {
    char *path;
    struct timespec mtime;
};

struct unpacker {
    const char *name; /* of the archive */
    const struct unpack_limits *limits;
    unsigned strip;  /* directories to be taken off the front of each name */
    uint32_t owners; /* how many ids files may belong to, from 0 */
    struct archive *in;
    struct archive *out;
    struct child_counts *counts;
    struct cupel_error *err;
    /* what the root itself shall be like: libarchive does not care for an existing directory */
    struct stat root;
    bool has_root;         /* an entry said so */
    struct dir_time *late; /* of directories that were there before their entry came */
    size_t n_late;
    struct stream *stream; /* what u->in reads */
    struct layer *layer;   /* NULL: a plain tar */
    char top[256];         /* the first directory at the top */
    unsigned tops;         /* how many there are, up to 2 */
    bool top_is_root;
    uint64_t reads_as;     /* what all files read as, holes included */
    struct late_acl *acls; /* attributes.c */
    size_t n_acls;
    char **left_out; /* leftout.c: names */
    size_t n_left_out;
    bool left_out_sorted;
    int place; /* regular_files.c: the directory of the last file (O_PATH), or -EBADF */
    char *place_path;
};

/* Each fills u->err and returns a negative errno: an entry that may not be; more than `what` in the
 * archive; an archive that is damaged; a disk that refuses. */
int unpacker_refuse(struct unpacker *u, const char *entry, const char *why);
int unpacker_bomb(struct unpacker *u, const char *what);
int unpacker_corrupt(struct unpacker *u, const char *why);
int unpacker_write_failed(struct unpacker *u, const char *entry, int errnum, const char *why);
/* "./a//b/./c/" -> "a/b/c"; the root itself -> ".". Returns what is wrong with the name, or NULL.
 */
const char *unpacker_normalize(const char *name, struct strbuf *ret);
void unpacker_support_filters(struct archive *a);
/* Frees an archive that was read; for a cleanup attribute. */
void unpacker_free_reader(struct archive **a);

/* Copies the entry's content to `fd`, or to u->out where that is negative. */
int unpacker_copy(struct unpacker *u, const char *name, int fd);

/* ---- leftout.c ---- */

/* Whether the entry is one that is not made: then it is counted, and so are hard links to it.
 * `name` is normalized. */
bool leftout_entry(struct unpacker *u, struct archive_entry *entry, const char *name);
void leftout_forget(struct unpacker *u);

/* ---- regular_files.c ---- */

/* 1: made; 0: nothing done, it goes the usual way. `name` is normalized, the entry's attributes and
 * owner are those it shall have. */
int regular_files_make(struct unpacker *u, struct archive_entry *entry, const char *name);
/* Whether the directory of `name` is the last file's, which no entry has changed since. */
bool regular_files_is_placed(const struct unpacker *u, const char *name);
/* Whenever something other than a file or a directory is made: it could have taken a directory's
 * place. */
void regular_files_forget_place(struct unpacker *u);

/* ---- dirtimes.c ---- */

/* Notes the time of a directory that has an entry. */
void dirtimes_note(struct unpacker *u, struct archive_entry *entry, const char *name);
/* Notes the directories above a name that no entry has made. */
void dirtimes_imply(struct unpacker *u, const char *name);
int dirtimes_set(struct unpacker *u);
void dirtimes_forget(struct unpacker *u);

/* ---- topdir.c ---- */

/* Looks for the one directory in which all others are, and which looks like a root where the real
 * one does not; tells of it at the end. */
void topdir_note(struct unpacker *u, const char *name, bool directory);
void topdir_tell(struct unpacker *u);
/* Takes so many directories off the front; false: there is nothing left. */
bool topdir_strip(struct strbuf *name, unsigned components);

/* ---- attributes.c ---- */

/* Tells whether an extended attribute of this name is kept. */
bool attributes_are_kept(const char *name);

/* Sets the attributes of an entry that was made. What is the archive's fault is refused. */
int attributes_make(struct unpacker *u, struct archive_entry *entry, const char *path);
/* Sets ACLs, which wait until all entries were made and the modes of directories set. */
int attributes_finish(struct unpacker *u);
void attributes_forget(struct unpacker *u);

/* ---- oci_layer.c: what an OCI layer has on top of a tar ---- */

/* Begins a layer whose stream is open. */
void oci_layer_begin(struct unpacker *u, const struct unpack_layer *what, struct layer **ret);
void oci_layer_close(struct layer **layer);
/* Opens the regular file that the root shows at `path` by now, in this layer or beneath. No link is
 * followed. */
int oci_layer_open_shown(struct unpacker *u, const char *path);
/* Prepares for an entry before it is written; 1 when it was a whiteout and is done with. `name` may
 * become another, where it leads through a symbolic link of a lower layer. */
int oci_layer_entry(struct unpacker *u, struct archive_entry *entry, struct strbuf *name);
/* Removes the whiteouts of what is not beneath, after the last entry and while directories have no
 * times yet: overlayfs lists them where a directory is one layer's alone. */
int oci_layer_settle(struct unpacker *u);
/* Gives what the entries only implied its attributes, and compares the digests; comes last. */
int oci_layer_finish(struct unpacker *u);

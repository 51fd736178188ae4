/* SPDX-License-Identifier: Apache-2.0 */
/* upper: private to sandbox; the file system that a slot's jobs write into. Three kinds:
 *
 *   disk       ext4 of exactly the size and inode count asked for, on a loop device: takes the
 *              rights of the host's root
 *   memory     a tmpfs of exactly that size: without those rights, for a job that asks for a limit.
 *              What is in it counts as the job's memory
 *   directory  one in the store, bounded by nothing but the disk: without those rights, for a job
 *              that asks for none */
#pragma once

#include "harness/sandbox/sandbox.h"

enum upper_kind { UPPER_DISK, UPPER_MEMORY, UPPER_DIRECTORY };

struct upper {
    enum upper_kind kind;
    uint64_t bytes;
    uint64_t inodes;
    uint64_t shares; /* of OWN_BYTES and OWN_INODES */
    /* from fsmount or open_tree; names the mount also after it was attached */
    int mount;
    int fd;               /* readable directory fd of its root */
    int image;            /* disk: the file behind the loop device */
    int loop;             /* disk: the loop device */
    int losses;           /* of losses.c; -EBADF: nothing written to it can be lost unnoticed */
    bool reserved;        /* disk: the store has set the whole of it aside */
    uint64_t held;        /* disk: of the store, after what is not in use was given back */
    bool exact, reserve;  /* as it was asked for */
    bool counts_refusals; /* what it refuses is counted: refusals.h */
    uint64_t empty_bytes, empty_inodes; /* in use when no job is on it */
    int store_dirfd;                    /* directory: borrowed */
    char name[40];                      /* directory: in store_dirfd */
};

/* What set-up itself makes for a job (its directory, overlay work directories, mount points), on
 * top of the job's own: so much for the root, and again for every eight inputs. */
#define UPPER_BLOCK UINT64_C(4096)
#define UPPER_OWN_INODES UINT64_C(64)
#define UPPER_OWN_BYTES (UPPER_OWN_INODES * UPPER_BLOCK)
#define UPPER_INPUTS_A_SHARE 8
/* What a disk that is not set aside finds free at least. */
#define UPPER_FLOOR SANDBOX_DISK_FLOOR

/* A file system of its own of exactly so many bytes and inodes, and so many shares for set-up. With
 * `reserve` the store sets aside all of it, where its file system can; without, a floor of free
 * space has to be there. `templates`: of disk_template.h. When `cancel` can be read (-EBADF: never)
 * making the disk is given up: -ECANCELED. */
int upper_open(int store_dirfd, int templates, uint64_t bytes, uint64_t inodes, uint64_t shares,
               bool reserve, int cancel, struct upper **ret, struct cupel_error *err);
/* The same as a copy of an empty disk that the store has, without space set aside: -ENOENT where it
 * has none. */
int upper_open_copy(int store_dirfd, int templates, uint64_t bytes, uint64_t inodes,
                    uint64_t shares, struct upper **ret);
/* Lets go of one that another process has taken over. */
void upper_forget(struct upper *u);
/* What that takes of the store. */
uint64_t upper_space(uint64_t bytes, uint64_t inodes, uint64_t shares);
int upper_open_memory(uint64_t bytes, uint64_t inodes, uint64_t shares, struct upper **ret,
                      struct cupel_error *err);
int upper_open_directory(int store_dirfd, struct upper **ret, struct cupel_error *err);
/* Whether overlayfs takes a directory of the store as an upper one, with all it needs. */
bool upper_directory_works(int store_dirfd);
/* memory: leaves so much from what is in use now; UINT64_MAX: as it is. */
int upper_trim(const struct upper *u, uint64_t bytes, uint64_t inodes);
/* disk: writes all of it into the store, and gives back what of it is not in use. -errno: something
 * was lost. */
int upper_sync(const struct upper *u);
/* disk that is not set aside: gives back to the store what jobs have deleted on it, once that is
 * more than the floor; nothing until then. */
void upper_give_back(struct upper *u);
/* disk: gives it a name, complete as it is, and lets nothing more be written to it. */
int upper_keep(struct upper *u, int dirfd, const char *name);
/* The file system in an image as a detached mount, or a negative errno and *err. `ret_loop`: NULL,
 * or gets the loop device. */
enum upper_use { UPPER_READ_ONLY, UPPER_SPARSE, UPPER_RESERVED };
int upper_mount_image(int image, enum upper_use use, int *ret_loop, struct cupel_error *err);
/* Ends it, with whatever is on it; waits for nothing. */
void upper_close(struct upper *u);
int upper_mount_fd(const struct upper *u); /* borrowed; detached until moved */
int upper_fd(const struct upper *u);       /* borrowed; its root directory */
/* Whether it serves a job with these limits, too. A tmpfs serves one job. */
bool upper_holds(const struct upper *u, enum upper_kind kind, uint64_t bytes, uint64_t inodes,
                 uint64_t shares);
/* -ENODATA for a directory: nobody counts that. */
int upper_statistics(const struct upper *u, uint64_t *ret_used, uint64_t *ret_inodes);
/* Does what sandbox_store_left tells. */
int upper_store_left(const struct upper *u, struct sandbox_disk *ret);
/* Waits a little for the last job's files to go; false when more than so much of them stays. */
bool upper_is_empty(const struct upper *u, uint64_t slack_bytes, uint64_t slack_inodes);
/* Whether so much of it, by one job, means that there is no more; where nobody counts what was
 * refused, that writes were. */
bool upper_is_full(const struct upper *u, uint64_t bytes);
/* Returns what is left of a limit when so much is used; UINT64_MAX where refusals are counted and
 * there is no need to look. */
uint64_t upper_left(const struct upper *u, uint64_t limit, uint64_t used);
bool upper_has_no_inodes(const struct upper *u, uint64_t inodes);

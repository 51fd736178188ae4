/* SPDX-License-Identifier: Apache-2.0 */
/* members: private to ingest: what a confined reader says is in an archive of submissions, as
 * records in a file. The reader may have been taken over by what it read: who takes the records
 * believes nothing but their form. Names are the archive's, and mean nothing yet
 * (member_names.h). */
#pragma once

#include "base/base.h"

/* How many of them one archive may have; all are in memory at once. */
#define MEMBERS_MAX 250000u
/* How long a name may be, and what a link leads to. */
#define MEMBERS_NAME_MAX 8192u

enum member_type {
    MEMBER_FILE,
    MEMBER_DIRECTORY,
    MEMBER_SYMLINK,
    MEMBER_HARDLINK,
    MEMBER_FIFO,
    MEMBER_DEVICE,
    MEMBER_OTHER,
    MEMBER_TYPE_COUNT,
};

/* Why a member's content is not there. */
enum member_loss {
    MEMBER_WHOLE,
    MEMBER_LARGE, /* more than what its submission may have */
    MEMBER_BOMB,  /* it was compressed to next to nothing */
    MEMBER_ENCRYPTED,
    MEMBER_DAMAGED,
    MEMBER_LOSS_COUNT,
};

struct member {
    const char *name; /* UTF-8 where it could be had; any bytes but NUL */
    const char *link; /* of a link: where it leads; "" */
    enum member_type type;
    enum member_loss loss;
    bool executable;
    uint64_t size;   /* of the content; where only a list was made: as the archive says it */
    uint64_t offset; /* in the file of contents */
};

struct member_list {
    struct member *list;
    size_t n;
    struct arena *arena;
};

/* Writes a record. */
void members_put(struct strbuf *to, const struct member *m);
/* Reads the file `fd` to its end, all of whose contents lie in `contents` bytes. -EBADMSG: that is
 * not what members_put writes; -E2BIG: they are too many. */
int members_take(int fd, uint64_t contents, struct member_list *ret);
void members_free(struct member_list *all);

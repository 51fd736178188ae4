/* SPDX-License-Identifier: Apache-2.0 */
/* members: see members.h. Not responsible for how an archive is read (member_reader.c). */
#include "ingest/members.h"

#include <string.h>

#define RECORD_MARK UINT32_C(0x6d656d62)
/* Of the file of records: MEMBERS_MAX of some 200 bytes. */
#define RECORDS_MAX ((size_t)64 << 20)

struct member_record {
    uint32_t mark, type, loss, executable, name_length, link_length;
    uint64_t size, offset;
};

void members_put(struct strbuf *to, const struct member *m)
{
    const struct member_record r = {.mark = RECORD_MARK,
                                    .type = m->type,
                                    .loss = m->loss,
                                    .executable = m->executable,
                                    .name_length = (uint32_t)strlen(m->name),
                                    .link_length = (uint32_t)strlen(m->link),
                                    .size = m->size,
                                    .offset = m->offset};

    strbuf_add(to, &r, sizeof(r));
    strbuf_add(to, m->name, r.name_length);
    strbuf_add(to, m->link, r.link_length);
}

static bool is_sound(const struct member_record *r, size_t left, uint64_t contents)
{
    return r->mark == RECORD_MARK && r->type < MEMBER_TYPE_COUNT && r->loss < MEMBER_LOSS_COUNT &&
           r->executable <= 1 && r->name_length <= MEMBERS_NAME_MAX &&
           r->link_length <= MEMBERS_NAME_MAX && (size_t)r->name_length + r->link_length <= left &&
           r->offset <= contents && (contents == 0 || r->size <= contents - r->offset);
}

/* Takes one record at *at; its texts are copied. */
static bool take_record(struct member_list *all, const char *data, size_t length, size_t *at,
                        uint64_t contents)
{
    struct member_record r;

    if (length - *at < sizeof(r))
        return false;
    memcpy(&r, data + *at, sizeof(r));
    *at += sizeof(r);
    if (!is_sound(&r, length - *at, contents) ||
        memchr(data + *at, '\0', (size_t)r.name_length + r.link_length) != NULL)
        return false;
    all->list[all->n++] = (struct member){
        .name = arena_strndup(all->arena, data + *at, r.name_length),
        .link = arena_strndup(all->arena, data + *at + r.name_length, r.link_length),
        .type = (enum member_type)r.type,
        .loss = (enum member_loss)r.loss,
        .executable = r.executable == 1,
        .size = r.size,
        .offset = r.offset,
    };
    *at += (size_t)r.name_length + r.link_length;
    return true;
}

int members_take(int fd, uint64_t contents, struct member_list *ret)
{
    struct member_list all = {.arena = arena_new()};
    cleanup_free char *data = NULL;
    size_t length = 0, at = 0, room = 0;
    int r = lseek(fd, 0, SEEK_SET) < 0 ? -errno : file_read_fd(fd, RECORDS_MAX, &data, &length);

    while (r == 0 && at < length) {
        if (all.n == MEMBERS_MAX) {
            r = -E2BIG;
        } else if (all.n == room) {
            room = room == 0 ? 64 : 2 * room;
            all.list = xrealloc(all.list, room * sizeof(*all.list));
        }
        if (r == 0 && !take_record(&all, data, length, &at, contents))
            r = -EBADMSG;
    }
    if (r < 0)
        members_free(&all);
    else
        *ret = all;
    return r;
}

void members_free(struct member_list *all)
{
    free(all->list);
    if (all->arena != NULL)
        arena_free(all->arena);
    *all = (struct member_list){0};
}

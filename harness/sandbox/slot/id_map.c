/* SPDX-License-Identifier: Apache-2.0 */
/* id_map: see id_map.h. Not responsible for mounts. */
#include "harness/sandbox/slot/id_map.h"
#include "harness/sandbox/sandbox.h"
#include "harness/sandbox/slot/lent.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define NOBODY 65534u

static int write_maps(pid_t pid, const char *uid_map, const char *gid_map)
{
    char path[64];
    int r;

    (void)snprintf(path, sizeof(path), "/proc/%d/uid_map", (int)pid);
    r = file_put_at(AT_FDCWD, path, uid_map);
    (void)snprintf(path, sizeof(path), "/proc/%d/gid_map", (int)pid);
    return r < 0 ? r : file_put_at(AT_FDCWD, path, gid_map);
}

/* The child holds the namespace open until the parent closes its end. */
static int hold_namespace(void *data)
{
    const int *sync = data;
    char byte;

    (void)close(sync[1]);
    return read(sync[0], &byte, 1) < 0;
}

int id_map_open(const char *uid_map, const char *gid_map, int *ret_fd)
{
    struct lent_stack stack;
    char path[64];
    int sync[2], fd = -EBADF, r;
    pid_t pid;

    if (pipe2(sync, O_CLOEXEC) < 0)
        return -errno;
    pid = lent_clone(hold_namespace, sync, CLONE_NEWUSER, &stack);
    r = pid < 0 ? pid : 0;
    if (r == 0)
        r = write_maps(pid, uid_map, gid_map);
    if (r == 0) {
        (void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        r = fd < 0 ? -errno : 0;
    }
    (void)close(sync[0]);
    (void)close(sync[1]);
    if (pid > 0)
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
    if (r == 0)
        *ret_fd = fd;
    return r;
}

/* ---- the text of a map ---- */

struct writer {
    struct strbuf text;
    uint32_t on_disk, id_base;
};

/* Ids first .. end-1, counted from 0 on both sides. */
static void add_same(struct writer *w, uint32_t first, uint32_t end)
{
    if (first < end)
        strbuf_addf(&w->text, "%u %u %u\n", w->on_disk + first, w->id_base + first, end - first);
}

static void add_one(struct writer *w, uint32_t disk, uint32_t job)
{
    strbuf_addf(&w->text, "%u %u 1\n", w->on_disk + disk, w->id_base + job);
}

/* The ids that stay: all but these two. */
static void add_rest(struct writer *w, uint32_t a, uint32_t b)
{
    uint32_t low = a < b ? a : b, high = a < b ? b : a;

    add_same(w, 0, low);
    add_same(w, low + 1, high);
    add_same(w, high + 1, SANDBOX_ID_COUNT);
}

char *id_map_text(uint32_t on_disk, uint32_t id_base, struct id_change c)
{
    struct writer w = {.on_disk = on_disk, .id_base = id_base};
    uint32_t spare = c.to == NOBODY ? NOBODY - 1 : NOBODY;

    if (c.from == c.to) {
        add_same(&w, 0, SANDBOX_ID_COUNT);
    } else if (c.from < SANDBOX_ID_COUNT) {
        add_one(&w, c.from, c.to);
        add_one(&w, c.to, c.from);
        add_rest(&w, c.from, c.to);
    } else {
        add_one(&w, c.from, c.to);
        add_one(&w, c.to, spare);
        add_rest(&w, c.to, spare);
    }
    return w.text.data;
}

/* ---- maps that are kept open ---- */

static int open_change(uint32_t on_disk, uint32_t id_base, const struct owner_change *c,
                       int *ret_fd)
{
    cleanup_free char *uids = id_map_text(on_disk, id_base, c->uid),
                      *gids = id_map_text(on_disk, id_base, c->gid);

    return id_map_open(uids, gids, ret_fd);
}

int id_maps_get(struct id_maps *maps, uint32_t on_disk, uint32_t id_base,
                const struct owner_change *change, int *ret_fd)
{
    int fd, r;

    for (size_t i = 0; i < ID_MAPS_MAX; i++)
        if (maps->kept[i].fd > 0 && maps->kept[i].on_disk == on_disk &&
            memcmp(&maps->kept[i].change, change, sizeof(*change)) == 0) {
            *ret_fd = maps->kept[i].fd;
            return 0;
        }
    r = open_change(on_disk, id_base, change, &fd);
    if (r < 0)
        return r;
    if (maps->kept[maps->next].fd > 0)
        (void)close(maps->kept[maps->next].fd);
    maps->kept[maps->next].fd = fd;
    maps->kept[maps->next].on_disk = on_disk;
    maps->kept[maps->next].change = *change;
    maps->next = (maps->next + 1) % ID_MAPS_MAX;
    *ret_fd = fd;
    return 0;
}

void id_maps_close(struct id_maps *maps)
{
    for (size_t i = 0; i < ID_MAPS_MAX; i++)
        if (maps->kept[i].fd > 0)
            (void)close(maps->kept[i].fd);
    *maps = (struct id_maps){0};
}

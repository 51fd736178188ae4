/* SPDX-License-Identifier: Apache-2.0 */
/* tarball: a tar file becomes a layer, addressed by the digest of the file. */
#include "base/interrupt.h"
#include "rootfs-cache/confined/unpack.h"
#include "rootfs-cache/sources/sources.h"
#include "rootfs-cache/store/digest.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>

/* Part of every key: raised when unpacking changes, so that layers of an older cupel are not taken
 * for new ones. */
#define TAR_RECIPE "tar 2"

static int open_tar(const struct cache_source *source, struct stat *ret_st, struct cupel_error *err)
{
    /* O_NONBLOCK: a FIFO must not hang */
    cleanup_close int fd = open(source->tar, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    int r;

    if (fd < 0 || fstat(fd, ret_st) < 0) {
        r = cupel_error_set(err, CUPEL_ERROR_INPUT, errno, "cannot read '%s' for root '%s'",
                            source->tar, source->name);
        cupel_error_hint(err, "a tar's path is relative to the job file");
        return r;
    }
    if (!S_ISREG(ret_st->st_mode))
        return cupel_error_set(err, CUPEL_ERROR_INPUT, S_ISDIR(ret_st->st_mode) ? EISDIR : 0,
                               "cannot use '%s' for root '%s': it is no regular file", source->tar,
                               source->name);
    return steal_fd(&fd);
}

static int tarball_check_digest(const struct cache_source *source, const char *got,
                                struct cupel_error *err)
{
    if (source->sha256 == NULL || strcasecmp(source->sha256, got) == 0)
        return 0;
    (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                          "'%s' is not the file that root '%s' expects: sha256 is %s, expected %s",
                          source->tar, source->name, got, source->sha256);
    cupel_error_hint(err, "fetch the file again, or correct sha256 if the change is wanted");
    return -EBADMSG;
}

static bool same_file_state(const struct stat *a, const struct stat *b)
{
    return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
           a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

const char *source_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

/* The child reads by way of the same file description: its position is there to see. */
static void tarball_tell_position(const struct cache *cache, const char *what, int fd,
                                  uint64_t size)
{
    off_t at = lseek(fd, 0, SEEK_CUR);

    if (size > 0 && at >= 0)
        store_tell(cache,
                   &(struct cache_progress){.what = what,
                                            .done = (uint64_t)at < size ? (uint64_t)at : size,
                                            .total = size});
}

/* Or shall end; looks for a while. */
static bool has_ended(const struct unpacking *u, const struct interrupt *signals)
{
    struct pollfd fds[] = {{.fd = unpacking_socket(u), .events = POLLIN},
                           {.fd = signals->fd, .events = POLLIN}};

    return poll(fds, ARRAY_SIZE(fds), PROGRESS_MS) != 0 &&
           (fds[0].revents != 0 || fds[1].revents != 0);
}

static int tarball_unpack(int fd, const struct cache_source *source,
                          const struct store_draft *draft, uint64_t size, const char *what,
                          struct child_counts *ret_counts, struct cupel_error *err)
{
    static const struct unpack_limits limits = UNPACK_LIMITS;
    struct unpacking *u;
    int r = unpacking_begin_tar(fd, source->tar, source->strip, draft->tree, draft->lock, &limits,
                                &u, err);
    struct interrupt signals = INTERRUPT_INIT; /* unpacking_end takes what comes */

    if (r < 0)
        return r;
    (void)interrupt_hold(&signals);
    while (store_is_watched(draft->cache) && !has_ended(u, &signals))
        tarball_tell_position(draft->cache, what, fd, size);
    r = unpacking_end(u, ret_counts, err);
    interrupt_release(&signals, r < 0 && err->kind == CUPEL_ERROR_INTERRUPTED);
    if (r == 0 && lseek(fd, 0, SEEK_END) >= 0)
        tarball_tell_position(draft->cache, what, fd, size);
    return r;
}

static int tarball_import(struct store_draft *draft, const struct cache_source *source, int fd,
                          const struct stat *before, const char *kind, const char *digest,
                          const char *what, struct cupel_error *err)
{
    struct child_counts counts;
    struct store_info info;
    struct stat after;
    int r = tarball_unpack(fd, source, draft, (uint64_t)before->st_size, what, &counts, err);

    if (r < 0)
        return r;
    if (fstat(fd, &after) < 0 || !same_file_state(before, &after))
        return cupel_error_set(err, CUPEL_ERROR_INPUT, EBUSY, "'%s' changed while it was read",
                               source->tar);
    unpack_warn(source->tar, &counts);
    info = (struct store_info){.kind = kind,
                               .source = source_base_name(source->tar),
                               .sha256 = digest,
                               .entries = counts.entries - counts.skipped_devices,
                               .bytes = counts.bytes,
                               .remapped_owners = counts.remapped_owners,
                               .tree = counts.digest};
    return store_commit(draft, &info, err);
}

int source_tarball(struct cache *cache, const struct cache_source *source,
                   char ret_key[CACHE_KEY_LEN + 1], struct cupel_error *err)
{
    struct stat st;
    cleanup_close int fd = open_tar(source, &st, err);

    return fd < 0 ? fd : source_open_tar(cache, source, fd, "tar", ret_key, err);
}

int source_open_tar(struct cache *cache, const struct cache_source *source, int fd,
                    const char *kind, char ret_key[CACHE_KEY_LEN + 1], struct cupel_error *err)
{
    _cleanup_(store_end) struct store_draft draft = STORE_DRAFT_INIT;
    char digest[CACHE_KEY_LEN + 1], strip[32];
    cleanup_close int tree = -EBADF, pin = -EBADF;
    cleanup_free char *what = NULL;
    struct stat st;
    int r;

    if (fstat(fd, &st) < 0)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, errno, "cannot read '%s' for root '%s'",
                               source->tar, source->name);
    r = digest_file(cache, fd, digest);
    if (r == -EINTR)
        return cupel_error_set(err, CUPEL_ERROR_INTERRUPTED, 0,
                               "interrupted before '%s' was read for root '%s'", source->tar,
                               source->name);
    if (r < 0)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, r, "cannot read '%s' for root '%s'",
                               source->tar, source->name);
    r = tarball_check_digest(source, digest, err);
    if (r < 0)
        return r;
    (void)snprintf(strip, sizeof(strip), "strip %u", source->strip);
    r = digest_layer(cache, (const char *[]){TAR_RECIPE, digest, strip}, source->strip > 0 ? 3 : 2,
                     ret_key);
    if (r < 0)
        return store_error(cache, err, r, "name a layer");
    if (store_open_layer(cache, ret_key, &tree, &pin) == 0)
        return 0;
    r = store_begin(cache, ret_key, &draft, err);
    if (r != 0)
        return r < 0 ? r : 0;
    what = xasprintf("unpacking %s", source_base_name(source->tar));
    store_say(cache, "%s", what);
    return tarball_import(&draft, source, fd, &st, kind, digest, what, err);
}

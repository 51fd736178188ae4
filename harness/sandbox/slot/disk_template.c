/* SPDX-License-Identifier: Apache-2.0 */
/* disk_template: see disk_template.h. A template is one small file: a head, a list of extents, and
 * the blocks of an empty disk that are not all zeros, some thirty of them. Nothing else of it is
 * ever written, whatever the disk's size. Not responsible for what is on a disk (upper.c).
 *
 * It is used only if it is whole: a head that says what was asked for and which mke2fs made it, and
 * a sum over all of it. What is torn, cut short or damaged is made again, in place of it. Who could
 * forge the sum could as well change the layers beside it: the store is its owner's alone.
 *
 * Every disk gets a hash seed of its own, as mke2fs gives one: who knows the seed can make names
 * that all fall into one place of a directory. No directory of a template is so large that it has
 * an index by hashes yet. Its UUID is every copy's. */
#include "harness/sandbox/slot/disk_template.h"

#include "base/base.h"
#include "base/program.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#define PLACE "disks"
#define BLOCK ((size_t)4096)
#define MAGIC "cupel disk 2\n"
/* Of a disk of a terabyte it is 2 MiB. */
#define TEMPLATE_MAX ((size_t)16 << 20)
#define TEMPLATES_MAX 32
/* How long one is unused before another takes its place, and how often its use is noted. */
#define UNUSED_SECONDS 3600
#define NAME_SIZE 80

/* From ext4's own header (fs/ext4/ext4.h): the superblock, and s_hash_seed in it. */
#define SUPERBLOCK_AT 1024
#define SEED_AT 0xec
#define SEED_SIZE 16

struct extent {
    uint64_t block, n;
};

struct head {
    char magic[16];
    struct disk_shape shape;
    struct {
        uint64_t dev, ino, size;
        int64_t mtime, mtime_ns;
    } maker; /* mke2fs */
    uint64_t n_extents;
    uint64_t sum; /* of all of the file, with 0 here */
};

/* Fills in all of a head but for what depends on the disk's content. */
static int describe(const struct disk_shape *shape, struct head *ret)
{
    char program[256];
    struct stat st;

    if (!program_find("mke2fs", program, sizeof(program)) || stat(program, &st) < 0)
        return -ENOENT;
    memset(ret, 0, sizeof(*ret)); /* also what lies between its fields */
    memcpy(ret->magic, MAGIC, sizeof(MAGIC));
    ret->shape = *shape;
    ret->maker.dev = st.st_dev;
    ret->maker.ino = st.st_ino;
    ret->maker.size = (uint64_t)st.st_size;
    ret->maker.mtime = st.st_mtim.tv_sec;
    ret->maker.mtime_ns = st.st_mtim.tv_nsec;
    return 0;
}

static void template_name(const struct disk_shape *shape, char ret[static NAME_SIZE])
{
    (void)snprintf(ret, NAME_SIZE, "%" PRIu64 "-%" PRIu64 "-%" PRIu64, shape->bytes, shape->inodes,
                   shape->shares);
}

/* Sums words, each of which changes all that follows (FNV-1a's way, on words): a file that was cut,
 * torn or damaged has another sum. All parts of a template are whole words. */
static uint64_t sum_of(const char *data, size_t size)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);

    for (size_t at = 0; at + sizeof(uint64_t) <= size; at += sizeof(uint64_t)) {
        uint64_t word;

        memcpy(&word, data + at, sizeof(word));
        sum = (sum ^ word) * UINT64_C(0x100000001b3);
        sum ^= sum >> 29;
    }
    return sum;
}

int sandbox_templates_open(int store_dirfd)
{
    int fd;

    if (mkdirat(store_dirfd, PLACE, 0700) < 0 && errno != EEXIST)
        return -EBADF;
    fd = openat(store_dirfd, PLACE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -EBADF : fd;
}

/* ---- using one ---- */

/* Says whether the file is the template that was asked for, and all of it. */
static bool is_whole(char *data, size_t size, const struct head *wanted)
{
    struct head head;
    uint64_t sum, blocks = 0;

    if (size < sizeof(head))
        return false;
    memcpy(&head, data, sizeof(head));
    sum = head.sum;
    head.sum = 0;
    memcpy(data, &head, sizeof(head));
    if (head.n_extents > (size - sizeof(head)) / sizeof(struct extent) || sum_of(data, size) != sum)
        return false;
    for (uint64_t i = 0; i < head.n_extents; i++) {
        struct extent e;

        memcpy(&e, data + sizeof(head) + i * sizeof(e), sizeof(e));
        if (e.n > TEMPLATE_MAX / BLOCK || e.block > wanted->shape.total / BLOCK ||
            e.n > wanted->shape.total / BLOCK - e.block)
            return false;
        blocks += e.n;
    }
    if (size != sizeof(head) + head.n_extents * sizeof(struct extent) + blocks * BLOCK)
        return false;
    head.n_extents = 0;
    return memcmp(&head, wanted, sizeof(head)) == 0;
}

static int write_at(int fd, const char *data, size_t size, off_t at)
{
    while (size > 0) {
        ssize_t n = pwrite(fd, data, size, at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        data += n;
        at += n;
        size -= (size_t)n;
    }
    return 0;
}

static int write_extents(char *data, int image)
{
    struct head head;
    char *block;
    int r = 0;

    memcpy(&head, data, sizeof(head));
    block = data + sizeof(head) + head.n_extents * sizeof(struct extent);
    for (uint64_t i = 0; r == 0 && i < head.n_extents; i++) {
        struct extent e;

        memcpy(&e, data + sizeof(head) + i * sizeof(e), sizeof(e));
        if (e.block == 0 && getrandom(block + SUPERBLOCK_AT + SEED_AT, SEED_SIZE, 0) != SEED_SIZE)
            return -EIO;
        r = write_at(image, block, e.n * BLOCK, (off_t)(e.block * BLOCK));
        block += e.n * BLOCK;
    }
    return r;
}

/* Notes its use; a store on a read-only disk just does not know it. */
static void note_use(int fd)
{
    struct stat st;

    if (fstat(fd, &st) == 0 && time(NULL) - st.st_mtim.tv_sec > UNUSED_SECONDS)
        (void)futimens(fd, NULL);
}

int disk_template_use(int dirfd, const struct disk_shape *shape, int image)
{
    cleanup_close int fd = -EBADF;
    cleanup_free char *data = NULL;
    char name[NAME_SIZE];
    struct head wanted;
    size_t size;
    int r;

    if (dirfd < 0 || describe(shape, &wanted) < 0)
        return -ENOENT;
    template_name(shape, name);
    fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || file_read_fd(fd, TEMPLATE_MAX, &data, &size) < 0 ||
        !is_whole(data, size, &wanted))
        return -ENOENT;
    note_use(fd);
    r = write_extents(data, image);
    return r == -ENOENT ? -EIO : r;
}

/* ---- making one ---- */

static bool is_zero(const char *block)
{
    static const char zeros[4096];

    return memcmp(block, zeros, BLOCK) == 0;
}

struct gathering {
    struct strbuf extents, blocks;
    struct extent last;
};

static int add_block(struct gathering *g, uint64_t block, const char *data)
{
    if (g->blocks.len + BLOCK > TEMPLATE_MAX / 2)
        return -EFBIG;
    if (g->last.n > 0 && g->last.block + g->last.n == block) {
        g->last.n++;
    } else {
        if (g->last.n > 0)
            strbuf_add(&g->extents, (const char *)&g->last, sizeof(g->last));
        g->last = (struct extent){block, 1};
    }
    strbuf_add(&g->blocks, data, BLOCK);
    return 0;
}

static int gather(struct gathering *g, int image)
{
    off_t at = 0, end;

    while ((at = lseek(image, at, SEEK_DATA)) >= 0) {
        end = lseek(image, at, SEEK_HOLE);
        if (end < 0)
            return -errno;
        at -= at % (off_t)BLOCK;
        for (; at < end; at += (off_t)BLOCK) {
            char block[BLOCK];
            ssize_t n = pread(image, block, BLOCK, at);
            int r = n != (ssize_t)BLOCK ? -EIO : is_zero(block) ? 0 : 1;

            if (r == 1)
                r = add_block(g, (uint64_t)at / BLOCK, block);
            if (r < 0)
                return r;
        }
    }
    if (errno != ENXIO) /* no data after that */
        return -errno;
    if (g->last.n > 0)
        strbuf_add(&g->extents, (const char *)&g->last, sizeof(g->last));
    return 0;
}

/* Makes room for one more: of as many as there may be, the longest unused goes, if it is that. */
static int make_room(int dirfd)
{
    int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    time_t oldest = time(NULL) - UNUSED_SECONDS;
    char victim[NAME_MAX + 1] = "";
    struct dirent *e;
    size_t n = 0;

    if (dir == NULL) {
        base_closep(&fd);
        return -errno;
    }
    while ((e = readdir(dir)) != NULL) {
        struct stat st;

        if (e->d_name[0] == '.' || fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        n++;
        if (st.st_mtim.tv_sec < oldest) {
            oldest = st.st_mtim.tv_sec;
            (void)snprintf(victim, sizeof(victim), "%s", e->d_name);
        }
    }
    if (n >= TEMPLATES_MAX && victim[0] != '\0' && unlinkat(fd, victim, 0) == 0)
        n--;
    (void)closedir(dir);
    return n < TEMPLATES_MAX ? 0 : -ENOSPC;
}

/* From counting them to adding one, nobody else adds one. Who cannot wait for that keeps none. */
#define LOCK_TRIES 200
static int lock_templates(int dirfd)
{
    cleanup_close int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const struct timespec wait = {0, NSEC_PER_MSEC};

    if (fd < 0)
        return -errno;
    for (int tries = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; tries++) {
        if (errno != EWOULDBLOCK || tries == LOCK_TRIES)
            return -errno;
        (void)nanosleep(&wait, NULL);
    }
    return steal_fd(&fd);
}

int disk_template_save(int dirfd, const struct disk_shape *shape, int image)
{
    struct gathering g = {0};
    cleanup_strbuf struct strbuf all = {0};
    char name[NAME_SIZE];
    struct head head;
    cleanup_close int lock = lock_templates(dirfd);
    int r = lock < 0 ? lock : make_room(dirfd);

    if (r == 0)
        r = describe(shape, &head);
    if (r == 0)
        r = gather(&g, image);
    if (r == 0) {
        head.n_extents = g.extents.len / sizeof(struct extent);
        strbuf_add(&all, (const char *)&head, sizeof(head));
        strbuf_add(&all, g.extents.data, g.extents.len);
        strbuf_add(&all, g.blocks.data, g.blocks.len);
        head.sum = sum_of(all.data, all.len);
        memcpy(all.data, &head, sizeof(head));
        template_name(shape, name);
        r = file_write_passing_at(dirfd, name, all.data, all.len, 0600);
    }
    strbuf_free(&g.extents);
    strbuf_free(&g.blocks);
    return r;
}

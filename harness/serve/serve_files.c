/* SPDX-License-Identifier: Apache-2.0 */
/* serve_files: see serve_files.h. What is in a file is its sender's: nothing here looks into it.
 * Its name is the digest of what was written, so that no client can put another's in its place. */
#include "harness/serve/serve_files.h"

#include "base/libcrypto.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#define FILES_DIR "files"
#define PREFIX "sha256:"
#define FILES_MAX 16384 /* however small: they are looked for one by one */
#define FILE_MODE 0755  /* what a compiler made is to be run */

struct serve_upload {
    struct serve_files *files;
    char name[SERVE_FILE_NAME_SIZE];
    int fd;
    int failed; /* -errno */
    uint64_t size;
    EVP_MD_CTX *digest;
};

bool serve_file_is_name(const char *text)
{
    return str_starts(text, PREFIX) && strlen(text) == strlen(PREFIX) + 64 &&
           strspn(text + strlen(PREFIX), "0123456789abcdef") == 64;
}

int serve_files_open(struct serve_files *f, int run_dirfd, const char *run_path, uint64_t max,
                     struct cupel_error *err)
{
    f->path = xasprintf("%s/" FILES_DIR, run_path);
    f->max = max;
    f->dirfd = file_open_dir_p_at(run_dirfd, FILES_DIR, 0755);
    if (f->dirfd < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, f->dirfd,
                               "cannot make a directory for files in the store");
    return libcrypto_load(err); /* before a client sends anything */
}

void serve_files_close(struct serve_files *f)
{
    while (f->list != NULL) {
        struct serve_file *file = f->list;

        f->list = file->next;
        free(file);
    }
    base_closep(&f->dirfd);
    free(f->path);
    f->path = NULL;
}

struct serve_file *serve_files_find(struct serve_files *f, const char *name)
{
    for (struct serve_file *file = f->list; file != NULL; file = file->next)
        if (str_eq(file->name, name)) {
            file->used = ++f->uses;
            return file;
        }
    return NULL;
}

int serve_files_read(struct serve_files *f, struct serve_file *file)
{
    return file_open_beneath(f->dirfd, file->name, O_RDONLY | O_NONBLOCK, 0);
}

/* Says whether one of `size` bytes has room beside those that stay. */
static bool can_make_room(const struct serve_files *f, uint64_t size)
{
    size_t n = 1;

    for (const struct serve_file *file = f->list; file != NULL; file = file->next)
        if (file->pins > 0) {
            size += file->size;
            n++;
        }
    return size <= f->max && n <= FILES_MAX;
}

/* Removes files until there is room for one of `size` bytes, the least recently used first. */
static void make_room(struct server *s, uint64_t size)
{
    struct serve_files *f = &s->files;

    while (f->bytes + size > f->max || f->n >= FILES_MAX) {
        struct serve_file **oldest = NULL, *file;

        for (struct serve_file **at = &f->list; *at != NULL; at = &(*at)->next)
            if ((*at)->pins == 0 && (oldest == NULL || (*at)->used < (*oldest)->used))
                oldest = at;
        if (oldest == NULL)
            return;
        file = *oldest;
        (void)unlinkat(f->dirfd, file->name, 0);
        f->bytes -= file->size;
        f->n--;
        *oldest = file->next;
        free(file);
        s->figures.evicted_files++;
    }
}

/* ---- a file on its way in ---- */

struct serve_upload *serve_upload_begin(struct serve_files *f, const char *name)
{
    struct serve_upload *u = xcalloc(1, sizeof(*u));

    u->files = f;
    (void)snprintf(u->name, sizeof(u->name), "%s", name);
    u->fd = openat(f->dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, FILE_MODE);
    if (u->fd < 0)
        u->failed = -errno;
    u->digest = EVP_MD_CTX_new();
    if (u->digest == NULL || EVP_DigestInit_ex(u->digest, EVP_sha256(), NULL) != 1)
        u->failed = -ENOMEM;
    return u;
}

/* Gives back what it has of the disk. */
static void let_go(struct serve_upload *u)
{
    base_closep(&u->fd);
    u->files->coming_bytes -= u->size;
    u->size = 0;
}

void serve_upload_add(struct serve_upload *u, const void *data, size_t len)
{
    if (u->failed < 0)
        return;
    u->size += len;
    u->files->coming_bytes += len;
    if (u->files->coming_bytes > u->files->max)
        u->failed = -EFBIG;
    else if (EVP_DigestUpdate(u->digest, data, len) != 1)
        u->failed = -ENOMEM;
    else
        u->failed = file_write_all(u->fd, data, len);
    if (u->failed < 0)
        let_go(u);
}

void serve_upload_drop(struct serve_upload *u)
{
    let_go(u);
    EVP_MD_CTX_free(u->digest);
    free(u);
}

static bool has_its_digest(struct serve_upload *u)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    char name[SERVE_FILE_NAME_SIZE] = PREFIX;
    unsigned n = 0;

    if (EVP_DigestFinal_ex(u->digest, digest, &n) != 1)
        return false;
    text_hex(digest, n < 32 ? n : 32, name + strlen(PREFIX));
    return str_eq(name, u->name);
}

static int link_upload(struct serve_upload *u)
{
    char path[32];

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", u->fd);
    if (fchmod(u->fd, FILE_MODE) < 0 ||
        (linkat(AT_FDCWD, path, u->files->dirfd, u->name, AT_SYMLINK_FOLLOW) < 0 &&
         errno != EEXIST))
        return -errno;
    return 0;
}

static int no_room(const struct serve_files *f, struct serve_refusal *why)
{
    char most[UNIT_TEXT_SIZE];

    return serve_refuse(why, MHD_HTTP_INSUFFICIENT_STORAGE,
                        "there is no room: files are kept up to %s, those that jobs which wait or "
                        "run have named stay, and as much may be on its way",
                        unit_format_size(f->max, most));
}

/* Other files make room only for one that is kept. */
static int keep_upload(struct server *s, struct serve_upload *u, struct serve_refusal *why)
{
    struct serve_files *f = &s->files;
    struct serve_file *file;
    int r;

    if (u->failed == -EFBIG)
        return no_room(f, why);
    if (u->failed < 0)
        return serve_refuse(why, MHD_HTTP_INSUFFICIENT_STORAGE, "cannot store the file: %s",
                            strerror(-u->failed));
    if (!has_its_digest(u))
        return serve_refuse(why, MHD_HTTP_UNPROCESSABLE_CONTENT,
                            "the body does not have the digest in its path");
    if (serve_files_find(f, u->name) != NULL) /* somebody else sent it meanwhile */
        return 0;
    if (!can_make_room(f, u->size))
        return no_room(f, why);
    r = link_upload(u);
    if (r < 0)
        return serve_refuse(why, MHD_HTTP_INSUFFICIENT_STORAGE, "cannot store the file: %s",
                            strerror(-r));
    make_room(s, u->size);
    file = xcalloc(1, sizeof(*file));
    *file = (struct serve_file){.next = f->list, .size = u->size, .used = ++f->uses};
    memcpy(file->name, u->name, sizeof(file->name));
    f->list = file;
    f->bytes += u->size;
    f->n++;
    return 0;
}

int serve_upload_end(struct server *s, struct serve_upload *u, struct serve_refusal *why)
{
    int r = keep_upload(s, u, why);

    serve_upload_drop(u);
    return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* inspect: what a source says of itself, asked of a confined child that has nothing of it but
 * descriptors; what the child says is checked (answer.c, recognise.c), and what can be computed
 * here is not asked. Not responsible for what the documents mean (image.c). */
#include "rootfs-cache/sources/inspect.h"

#include "rootfs-cache/confined/answer.h"
#include "rootfs-cache/confined/image_readers.h"
#include "rootfs-cache/store/digest.h"
#include "rootfs-cache/store/store.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* What is made of a reader's answer. A negative errno, and nothing in *ret: no reader says that. */
typedef int take_fn(const char *reply, size_t length, void *ret);

/* Has a reader look, in a place where there is nothing to see, and takes its answer. `aim` is what
 * cannot be done when that means nothing. */
static int inspect_ask(struct cache *cache, struct child_work work, const char *aim,
                       take_fn *take_answer, void *ret, struct cupel_error *err)
{
    cleanup_close int nowhere = openat(cache->dir, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cleanup_free char *reply = NULL;
    size_t length;
    int r;

    if (nowhere < 0)
        return store_error(cache, err, errno, "open a directory");
    work.tree = nowhere;
    work.keep = -EBADF;
    r = child_read(&work, &reply, &length, err);
    if (r < 0)
        return r;
    r = take_answer(reply, length, ret);
    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_INPUT, r, "cannot %s", aim) : 0;
}

/* ---- images ---- */

static int take_image(const char *reply, size_t length, void *ret)
{
    struct image image = {0};
    int r = answer_take_image(reply, length, &image);

    if (r == 0)
        r = image_chain(&image);
    if (r < 0)
        image_free(&image);
    else
        *(struct image *)ret = image;
    return r;
}

/* A compressed image is rare: what `docker save | gzip` makes. All of it goes into an unlinked file
 * of the store. */
static int decompress(struct cache *cache, struct blobs *blobs, struct cupel_error *err)
{
    cleanup_close int out = openat(cache->dir, "tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600),
                      place = openat(cache->dir, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r;

    if (out < 0 || place < 0)
        return store_error(cache, err, errno, "make a file");
    r = blobs_decompress(blobs, place, &out, err);
    return r == -ENOSPC || r == -EDQUOT ? store_error(cache, err, r, "decompress an image") : r;
}

int inspect_open(struct cache *cache, const char *path, const char *root, struct blobs **ret,
                 struct cupel_error *err)
{
    struct blobs *blobs = NULL;
    int r = blobs_open(path, root, &blobs, err);

    if (r == 0 && blobs_is_compressed(blobs))
        r = decompress(cache, blobs, err);
    if (r < 0)
        blobs_close(blobs);
    else
        *ret = blobs;
    return r;
}

static void tell_notes(const struct image *image, const char *path)
{
    cleanup_free char *text = xstrdup(image->notes.data != NULL ? image->notes.data : "");
    char *save = NULL;

    for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save))
        log_warning("'%s': %s", path, line);
}

int inspect_image(struct cache *cache, const struct blobs *blobs, const struct image_wanted *wanted,
                  struct image *ret, struct cupel_error *err)
{
    struct image_files files = {.wanted = wanted, .archive = blobs_is_archive(blobs)};
    cleanup_free char *what =
        xasprintf("read the image '%s' for root '%s'", wanted->path, wanted->root);
    int fd = blobs_fd(blobs);
    const struct child_work work = {.reader = image_readers_files,
                                    .arg = &files,
                                    .what = what,
                                    .fd = files.archive ? fd : -EBADF,
                                    .open = files.archive ? NULL : blobs_open_file,
                                    .open_data = &fd};
    int r = inspect_ask(cache, work, what, take_image, ret, err);

    if (r == 0)
        tell_notes(ret, wanted->path);
    return r;
}

int inspect_remote(struct cache *cache, const char *name, int summary, int config,
                   struct image *ret, struct cupel_error *err)
{
    struct image_summary documents = {.name = name, .config = config};
    cleanup_free char *aim = xasprintf("tell the layers of '%s'", name);
    const struct child_work work = {.reader = image_readers_summary,
                                    .arg = &documents,
                                    .what = "read about an image",
                                    .fd = summary,
                                    .more = &documents.config,
                                    .n_more = 1};

    return inspect_ask(cache, work, aim, take_image, ret, err);
}

/* ---- anything ---- */

static int take_recognised(const char *reply, size_t length, void *ret)
{
    return recognise_take(reply, length, ret);
}

static int inspect_look(struct cache *cache, const char *path, int fd, struct recognised *ret,
                        struct cupel_error *err)
{
    cleanup_free char *what = xasprintf("read '%s'", path);
    const struct child_work work = {.reader =
                                        ret->directory ? recognise_directory : recognise_archive,
                                    .arg = (void *)(uintptr_t)path,
                                    .what = what,
                                    .fd = ret->directory ? -EBADF : fd,
                                    .open = ret->directory ? blobs_open_file : NULL,
                                    .open_data = &fd,
                                    .long_work = !ret->directory};

    return inspect_ask(cache, work, what, take_recognised, ret, err);
}

/* What a file is does not change while the file does not; only a bundle's answer has more to it,
 * and that is a directory. */
static bool recall_form(const struct cache *cache, const struct stat *st, struct recognised *ret)
{
    cleanup_free char *form = NULL;

    return !ret->directory && digest_recall_form(cache, st, &form) &&
           recognise_take(form, strlen(form) + 1, ret) == 0;
}

int inspect_source(struct cache *cache, const char *path, struct recognised *ret,
                   struct cupel_error *err)
{
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;
    int r;

    if (fd < 0 || fstat(fd, &st) < 0)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, errno, "cannot read '%s'", path);
    if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                               "cannot use '%s': it is neither file nor directory", path);
    *ret = (struct recognised){.directory = S_ISDIR(st.st_mode)};
    if (recall_form(cache, &st, ret))
        return 0;
    r = inspect_look(cache, path, fd, ret, err);
    if (r == 0 && !ret->directory)
        digest_remember_form(cache, &st, recognise_word(ret->form));
    return r;
}

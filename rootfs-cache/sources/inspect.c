/* inspect: what an image says of itself, asked of a confined child that has nothing of it but
 * descriptors; what the child says is checked (answer.c), and what can be computed here is not
 * asked. Not responsible for what the documents mean (image.c). */
#include "rootfs-cache/confined/answer.h"
#include "rootfs-cache/confined/hash.h"

#include <fcntl.h>
#include <string.h>

struct inspection {
    const struct image_wanted *wanted;
    bool archive;
};

static int read_in_child(void *arg, struct child *self, int fd, struct strbuf *reply,
                         struct cupel_error *err)
{
    const struct inspection *what = arg;
    struct contents *contents = NULL;
    struct image image = {0};
    int r = 0;

    if (what->archive)
        r = contents_of_archive(fd, what->wanted->path, &contents, err);
    else
        contents = contents_of_directory(self);
    if (r == 0)
        r = image_read(contents, what->wanted, &image, err);
    if (r == 0)
        answer_put_image(reply, &image);
    image_free(&image);
    contents_free(contents);
    return r;
}

/* config.md, "Layer ChainID": ChainID(L0) = DiffID(L0); ChainID(L0|…|Ln) =
 * Digest(ChainID(L0|…|Ln-1) + " " + DiffID(Ln)). */
int image_chain(struct image *image)
{
    for (size_t i = 0; i < image->n_layers; i++) {
        struct image_layer *l = &image->layers[i];
        cleanup_free char *text = NULL;
        int r;

        if (i == 0) {
            memcpy(l->chain_id, l->diff_id, sizeof(l->chain_id));
            continue;
        }
        text = xasprintf("sha256:%s sha256:%s", image->layers[i - 1].chain_id, l->diff_id);
        r = hash_bytes(text, strlen(text), l->chain_id);
        if (r < 0)
            return r;
    }
    return 0;
}

static void tell_notes(const struct image *image, const char *path)
{
    cleanup_free char *text = xstrdup(image->notes.data != NULL ? image->notes.data : "");
    char *save = NULL;

    for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save))
        log_warning("'%s': %s", path, line);
}

int image_inspect(struct cache *cache, const struct blobs *blobs, const struct image_wanted *wanted,
                  struct image *ret, struct cupel_error *err)
{
    struct inspection inspection = {.wanted = wanted, .archive = blobs_is_archive(blobs)};
    cleanup_free char *what = xasprintf("read the image '%s' for root '%s'", wanted->path,
                                        wanted->root),
                      *reply = NULL;
    cleanup_close int nowhere = openat(cache->dir, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = blobs_fd(blobs), r;
    struct child_work work = {.reader = read_in_child,
                              .arg = &inspection,
                              .what = what,
                              .tree = nowhere,
                              .fd = inspection.archive ? fd : -EBADF,
                              .keep = -EBADF,
                              .open = inspection.archive ? NULL : blobs_open_file,
                              .open_data = &fd};
    struct image image = {0};
    size_t length;

    if (nowhere < 0)
        return store_error(cache, err, errno, "open a directory");
    r = child_read(&work, &reply, &length, err);
    if (r < 0)
        return r;
    r = answer_take_image(reply, length, &image);
    if (r == 0)
        r = image_chain(&image);
    if (r < 0) {
        image_free(&image);
        return cupel_error_set(err, CUPEL_ERROR_INPUT, r, "cannot %s", what);
    }
    tell_notes(&image, wanted->path);
    *ret = image;
    return 0;
}

/* remote: see remote.h. */
#include "rootfs-cache/sources/remote.h"

#include "rootfs-cache/confined/answer.h"
#include "rootfs-cache/confined/config.h"
#include "rootfs-cache/confined/document.h"
#include "rootfs-cache/confined/hash.h"
#include "rootfs-cache/store/record.h"

#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

#define DOCUMENT_MAX ((size_t)8 << 20)
#define BLOBS "image/blobs/sha256"

/* ---- in the child ---- */

struct documents {
    const char *name;
    int config; /* moves with the child's descriptors */
};

static json_t *read_document(int fd)
{
    cleanup_free char *text = NULL;
    json_error_t where;
    size_t length;

    return file_read_fd(fd, DOCUMENT_MAX, &text, &length) < 0
               ? NULL
               : document_parse(text, length, "it", NULL, &where);
}

/* "sha256:…" -> its digits, "" for anything else. */
static const char *digits_of(const json_t *value)
{
    const char *text = json_string_value(value);

    return text != NULL && str_starts(text, "sha256:") && hash_is_hex(text + 7) ? text + 7 : "";
}

static bool fill(const json_t *blobs, const json_t *ids, struct image *image)
{
    image->n_layers = json_array_size(blobs);
    if (image->n_layers > CACHE_LAYERS_MAX || json_array_size(ids) != image->n_layers)
        return false;
    image->layers = xcalloc(image->n_layers, sizeof(*image->layers));
    for (size_t i = 0; i < image->n_layers; i++) {
        struct image_layer *l = &image->layers[i];

        (void)snprintf(l->digest, sizeof(l->digest), "%s", digits_of(json_array_get(blobs, i)));
        (void)snprintf(l->diff_id, sizeof(l->diff_id), "%s", digits_of(json_array_get(ids, i)));
        l->blob = xasprintf("blobs/sha256/%s", l->digest);
        if (l->digest[0] == '\0' || l->diff_id[0] == '\0')
            return false;
    }
    /* any: nobody asks */
    (void)snprintf(image->digest, sizeof(image->digest), "%0*d", CACHE_KEY_LEN, 0);
    return true;
}

static int read_in_child(void *arg, struct child *self, int fd, struct strbuf *reply,
                         struct cupel_error *err)
{
    const struct documents *d = arg;
    json_t *summary = read_document(fd), *config = read_document(d->config);
    struct image image = {0};
    cleanup_free char *wrong = config_read(NULL, NULL, &image.config);
    bool good = wrong == NULL &&
                fill(json_object_get(summary, "Layers"),
                     json_object_get(json_object_get(config, "rootfs"), "diff_ids"), &image);

    (void)self;
    if (good)
        answer_put_image(reply, &image);
    image_free(&image);
    json_decref(summary);
    json_decref(config);
    return good ? 0
                : cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "cannot tell the layers of '%s'",
                                  d->name);
}

/* ---- in the parent ---- */

int remote_layers(struct cache *cache, const char *name, int summary, int config, struct image *ret,
                  struct cupel_error *err)
{
    cleanup_close int nowhere = openat(cache->dir, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct documents documents = {.name = name, .config = config};
    struct child_work work = {.reader = read_in_child,
                              .arg = &documents,
                              .what = "read about an image",
                              .tree = nowhere,
                              .fd = summary,
                              .keep = -EBADF,
                              .more = &documents.config,
                              .n_more = 1};
    cleanup_free char *reply = NULL;
    struct image image = {0};
    size_t length;
    int r;

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
        return cupel_error_set(err, CUPEL_ERROR_INPUT, r, "cannot tell the layers of '%s'", name);
    }
    *ret = image;
    return 0;
}

/* Blobs that came whole have a name by their digest. What has none was being written; what is empty
 * stood for a layer that the store had then. */
static void keep_whole(int place)
{
    int fd = openat(place, BLOBS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *e;

    if (dir == NULL) {
        base_closep(&fd);
        return;
    }
    while ((e = readdir(dir)) != NULL) {
        struct stat st;

        if (e->d_name[0] != '.' &&
            (!hash_is_hex(e->d_name) || fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
             !S_ISREG(st.st_mode) || st.st_size == 0))
            (void)file_remove_tree_at(fd, e->d_name);
    }
    (void)closedir(dir);
}

int remote_place(const struct cache *cache, const char *key)
{
    cleanup_free char *path = xasprintf(STORE_FETCHED "/%s", key);
    cleanup_close int place = file_open_dir_p_at(cache->dir, path, 0700);
    struct dirent **names = NULL;
    int n, r;

    if (place < 0)
        return place;
    keep_whole(place);
    n = scandirat(place, "image", &names, NULL, NULL);
    for (int i = 0; i < n; i++) { /* index and temporary files of the last time */
        cleanup_free char *name = xasprintf("image/%s", names[i]->d_name);

        if (names[i]->d_name[0] != '.' && !str_eq(names[i]->d_name, "blobs"))
            (void)file_remove_tree_at(place, name);
        free(names[i]);
    }
    free(names);
    r = file_mkdir_p_at(place, BLOBS, 0700);
    return r < 0 ? r : steal_fd(&place);
}

bool remote_is_worth_asking(const struct cache *cache)
{
    struct dirent **names = NULL;
    int n = scandirat(cache->dir, "layers", &names, NULL, NULL);

    for (int i = 0; i < n; i++)
        free(names[i]);
    free(names);
    return n > 2;
}

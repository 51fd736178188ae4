/* SPDX-License-Identifier: Apache-2.0 */
/* oci_layers: see oci_layers.h. Each missing layer is unpacked by a child of its own (unpack.c),
 * which looks at those beneath only where it has to and waits until then. They become visible in
 * order, since a layer is right only over those that its ChainID speaks of. Not responsible for
 * what an image is (image.c). */
#include "rootfs-cache/sources/oci_layers.h"

#include "base/interrupt.h"

#include "rootfs-cache/confined/unpack.h"
#include "rootfs-cache/sources/sources.h"
#include "rootfs-cache/store/cache_root.h"
#include "rootfs-cache/store/digest.h"

#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

/* Part of every key: raised when unpacking changes. */
#define LAYER_RECIPE "layer 1"

#define AT_ONCE_MAX CACHE_AT_ONCE_MAX /* each takes some MiB, and more of a disk's patience */
#define WINDOW 32 /* layers begun and not visible yet: each holds descriptors and a lock */
/* So much is at least done between two syncs: an import that is interrupted loses no more. */
#define PUBLISH_BYTES (UINT64_C(256) << 20)

/* A layer on its way. */
struct item {
    char key[CACHE_KEY_LEN + 1];
    char *name;
    struct store_draft draft; /* unused when the store has it already */
    int tree, pin;            /* then: its own */
    struct unpacking *unpacking;
    int tell;       /* closed when all beneath are whole; -EBADF: told, or not asked for */
    bool done;      /* in the store, or sealed */
    uint64_t bytes; /* sealed */
};

struct oci_layers_maker {
    const struct oci_layers_import *im;
    struct cache_root *made;
    struct item *items; /* by index of layer */
    size_t next, begun, n;
    size_t running, at_once;
    _Atomic uint64_t *read; /* shared with the children: bytes of each blob that have been read */
    struct interrupt signals;
    /* bytes of the blobs of all that the store does not have; 0: not known */
    uint64_t total;
    struct cupel_error *err;
};

int oci_layers_key(const struct oci_layers_import *im, size_t i, char ret_key[CACHE_KEY_LEN + 1],
                   struct cupel_error *err)
{
    int r = digest_layer(im->cache, (const char *[]){LAYER_RECIPE, im->image->layers[i].chain_id},
                         2, ret_key);

    return r < 0 ? store_error(im->cache, err, r, "name a layer") : 0;
}

/* ---- one begins ---- */

static int find_blob(const struct oci_layers_maker *m, size_t i, struct blob *ret)
{
    const struct oci_layers_import *im = m->im;
    const struct image_layer *l = &im->image->layers[i];
    int r = blobs_find(im->blobs, l->blob, l->offset, l->stored, ret);

    if (r < 0) {
        (void)cupel_error_set(m->err, CUPEL_ERROR_INPUT, r,
                              "cannot use the image '%s' for root '%s': layer %zu, %s",
                              blobs_path(im->blobs), im->name, i + 1, l->blob);
        cupel_error_hint(
            m->err,
            "it is not whole, or its blobs are links out of it: copy it again, without links "
            "(skopeo copy; cp -rL)");
        return r;
    }
    if (l->size == UINT64_MAX || l->size == ret->size)
        return 0;
    (void)cupel_error_set(m->err, CUPEL_ERROR_INPUT, 0,
                          "cannot use the image '%s' for root '%s': layer %zu has %llu bytes, and "
                          "its descriptor says %llu",
                          blobs_path(im->blobs), im->name, i + 1, (unsigned long long)ret->size,
                          (unsigned long long)l->size);
    return -EBADMSG;
}

static int tree_of(const struct item *item)
{
    return item->draft.tree >= 0 ? item->draft.tree : item->tree;
}

/* All that lies beneath layer i, top first; with room for one more. */
static int *list_lowers(const struct oci_layers_maker *m, size_t i, size_t *ret_n)
{
    int *lowers = xcalloc(m->made->n_layers + WINDOW + 1, sizeof(*lowers));
    size_t n = 0;

    for (size_t k = i; k-- > m->next;)
        lowers[n++] = tree_of(&m->items[k]);
    for (size_t k = m->made->n_layers; k-- > 0;)
        lowers[n++] = m->made->layer[k];
    *ret_n = n;
    return lowers;
}

static bool all_done_before(const struct oci_layers_maker *m, size_t i)
{
    for (size_t k = m->next; k < i; k++)
        if (!m->items[k].done)
            return false;
    return true;
}

static int oci_layers_start(struct oci_layers_maker *m, size_t i, struct item *item)
{
    static const struct unpack_limits limits = UNPACK_LIMITS;
    const struct image_layer *l = &m->im->image->layers[i];
    _cleanup_(blob_close) struct blob blob = BLOB_INIT;
    struct unpack_layer layer = {.blob = &blob,
                                 .digest = l->digest,
                                 .diff_id = l->diff_id,
                                 .ready = -EBADF,
                                 .done = &m->read[i]};
    cleanup_free int *lowers = list_lowers(m, i, &layer.n_lowers);
    int ends[2] = {-EBADF, -EBADF}, r = find_blob(m, i, &blob);

    if (r < 0)
        return r;
    if (!all_done_before(m, i) && pipe2(ends, O_CLOEXEC) < 0)
        return cupel_error_set(m->err, CUPEL_ERROR_HARNESS, errno, "cannot make a pipe");
    layer.lowers = lowers;
    layer.ready = ends[0];
    r = unpacking_begin(&layer, item->name, item->draft.tree, item->draft.lock, &limits,
                        &item->unpacking, m->err);
    base_closep(&ends[0]);
    item->tell = ends[1];
    m->running += r == 0;
    return r;
}

/* Opens what the store has; else takes its lock, and is the one who makes it. */
static int open_or_lock(const struct oci_layers_maker *m, struct item *item)
{
    const struct oci_layers_import *im = m->im;
    int r;

    do {
        r = store_open_layer(im->cache, item->key, &item->tree, &item->pin);
        if (r != -ENOENT)
            return r < 0 ? store_error(im->cache, m->err, r, "open a layer") : 0;
        r = store_begin(im->cache, item->key, &item->draft, m->err);
    } while (r == 1); /* somebody else has finished it meanwhile */
    return r;
}

static int oci_layers_begin(struct oci_layers_maker *m)
{
    const struct oci_layers_import *im = m->im;
    size_t i = m->begun;
    struct item *item = &m->items[i];
    int r = oci_layers_key(im, i, item->key, m->err);

    if (r == 0)
        r = open_or_lock(m, item);
    if (r < 0)
        return r;
    m->begun++;
    item->done = item->tree >= 0;
    if (item->done)
        return 0;
    item->name = xasprintf("%s, layer %zu of %zu", im->shown, i + 1, im->image->n_layers);
    store_say(im->cache, "unpacking %s", item->name);
    return oci_layers_start(m, i, item);
}

/* ---- and ends ---- */

static int seal(struct oci_layers_maker *m, size_t i)
{
    const struct image_layer *l = &m->im->image->layers[i];
    struct item *item = &m->items[i];
    struct child_counts counts;
    struct store_info info;
    int r = unpacking_end(item->unpacking, &counts, m->err);

    item->unpacking = NULL;
    m->running--;
    if (r < 0)
        return r;
    unpack_warn(item->name, &counts);
    info = (struct store_info){.kind = "layer",
                               .source = item->name,
                               .sha256 = l->digest[0] != '\0' ? l->digest : NULL,
                               .entries = counts.entries - counts.skipped_devices,
                               .bytes = counts.bytes,
                               .remapped_owners = counts.remapped_owners,
                               .tree = counts.digest};
    r = store_seal(&item->draft, &info, m->err);
    item->bytes = counts.bytes;
    item->done = r == 0;
    return r;
}

/* Returns the size of a blob, as far as its image says it; 0: it does not. */
static uint64_t blob_size(const struct image_layer *l)
{
    return l->size != UINT64_MAX ? l->size : l->offset >= 0 ? l->stored : 0;
}

/* A child writes the figure itself: it is believed no further than the blob goes. */
static void note_at_work(const struct oci_layers_maker *m, size_t i,
                         struct cache_progress *progress)
{
    uint64_t size = blob_size(&m->im->image->layers[i]),
             read = atomic_load_explicit(&m->read[i], memory_order_relaxed);

    if (m->items[i].unpacking != NULL && progress->n_at_work < CACHE_AT_ONCE_MAX)
        progress->at_work[progress->n_at_work++] =
            (struct cache_layer_progress){.number = i + 1,
                                          .done = size > 0 && read > size ? size : read,
                                          .total = size > 0 ? size : UINT64_MAX};
}

static void tell_figures(const struct oci_layers_maker *m)
{
    struct cache_progress progress = {.total = m->total, .layers = m->n, .layers_done = m->next};
    cleanup_free char *what = xasprintf("unpacking %s", m->im->shown);

    if (!store_is_watched(m->im->cache) || m->total == 0)
        return;
    progress.what = what;
    for (size_t i = 0; i < m->n; i++)
        progress.done += atomic_load_explicit(&m->read[i], memory_order_relaxed);
    for (size_t i = m->next; i < m->begun; i++) {
        progress.layers_done += m->items[i].done;
        note_at_work(m, i, &progress);
    }
    if (progress.done > m->total || m->next == m->n)
        progress.done = m->total;
    store_tell(m->im->cache, &progress);
}

static void tell_who_waits(struct oci_layers_maker *m)
{
    for (size_t i = m->next; i < m->begun; i++)
        if (m->items[i].tell >= 0 && all_done_before(m, i)) {
            base_closep(&m->items[i].tell);
            m->items[i].tell = -EBADF;
        }
}

static int wait_for_some(struct oci_layers_maker *m)
{
    struct pollfd fds[AT_ONCE_MAX + 1];
    size_t which[AT_ONCE_MAX], n = 0;
    int r = 0;

    for (size_t i = m->next; i < m->begun; i++)
        if (m->items[i].unpacking != NULL) {
            fds[n] =
                (struct pollfd){.fd = unpacking_socket(m->items[i].unpacking), .events = POLLIN};
            which[n++] = i;
        }
    fds[n] = (struct pollfd){.fd = m->signals.fd, .events = POLLIN};
    if (poll(fds, n + 1, m->total > 0 && store_is_watched(m->im->cache) ? PROGRESS_MS : -1) < 0)
        return errno == EINTR ? 0
                              : cupel_error_set(m->err, CUPEL_ERROR_HARNESS, errno,
                                                "cannot wait for processes");
    if (interrupt_came(&m->signals))
        return cupel_error_set(m->err, CUPEL_ERROR_INTERRUPTED, 0,
                               "interrupted before '%s' was unpacked for root '%s'", m->im->shown,
                               m->im->name);
    for (size_t k = 0; r == 0 && k < n; k++)
        if (fds[k].revents != 0)
            r = seal(m, which[k]);
    if (r == 0)
        tell_who_waits(m);
    tell_figures(m);
    return r;
}

/* ---- and becomes visible ---- */

static void oci_layers_release(struct item *item)
{
    if (item->unpacking != NULL)
        unpacking_abandon(item->unpacking);
    store_end(&item->draft);
    base_closep(&item->tell);
    base_closep(&item->tree);
    base_closep(&item->pin);
    free(item->name);
    *item = (struct item){.draft = STORE_DRAFT_INIT, .tree = -EBADF, .pin = -EBADF, .tell = -EBADF};
}

static int publish(struct oci_layers_maker *m, size_t n)
{
    struct store_draft drafts[WINDOW];
    size_t n_drafts = 0;
    int r;

    for (size_t i = m->next; i < m->next + n; i++)
        if (m->items[i].draft.tree >= 0) {
            drafts[n_drafts++] = m->items[i].draft;
            m->items[i].draft = (struct store_draft)STORE_DRAFT_INIT;
        }
    r = store_publish(drafts, n_drafts, m->err);
    for (size_t i = 0; i < n_drafts; i++)
        store_end(&drafts[i]);
    for (size_t i = m->next; r == 0 && i < m->next + n; i++)
        r = cache_root_add_layer(m->im->cache, m->items[i].key, m->made, m->err);
    for (size_t i = m->next; r == 0 && i < m->next + n; i++)
        oci_layers_release(&m->items[i]);
    if (r == 0)
        m->next += n;
    return r;
}

/* How many may become visible by now: those that are done and lie on nothing else, when all is done
 * or it is worth a sync. */
static size_t worth_publishing(const struct oci_layers_maker *m)
{
    uint64_t bytes = 0;
    size_t i = m->next;

    for (; i < m->begun && m->items[i].done; i++)
        bytes += m->items[i].bytes;
    return i == m->n || bytes >= PUBLISH_BYTES || i - m->next >= WINDOW / 2 ? i - m->next : 0;
}

static int oci_layers_make_all(struct oci_layers_maker *m)
{
    int r = 0;

    while (r == 0 && m->next < m->n) {
        size_t ready;

        while (r == 0 && m->begun < m->n && m->running < m->at_once && m->begun - m->next < WINDOW)
            r = oci_layers_begin(m);
        ready = r == 0 ? worth_publishing(m) : 0;
        if (ready > 0)
            r = publish(m, ready);
        else if (r == 0)
            r = wait_for_some(m);
    }
    return r;
}

/* What is to be read, as far as the image says. */
static uint64_t missing_bytes(const struct oci_layers_maker *m)
{
    uint64_t sum = 0;

    for (size_t i = m->next; i < m->n; i++) {
        const struct image_layer *l = &m->im->image->layers[i];
        uint64_t size = blob_size(l);
        char key[CACHE_KEY_LEN + 1];
        struct cupel_error ignored;

        if (oci_layers_key(m->im, i, key, &ignored) == 0 && !store_has_layer(m->im->cache, key) &&
            __builtin_add_overflow(sum, size, &sum))
            return 0; /* a lie, that its size will show */
    }
    return sum;
}

int oci_layers_make(const struct oci_layers_import *im, size_t next, struct cache_root *made,
                    struct cupel_error *err)
{
    size_t n = im->image->n_layers, cpus = own_limits_cpus(),
           shared = (n + 1) * sizeof(_Atomic uint64_t);
    struct oci_layers_maker m = {.im = im,
                                 .made = made,
                                 .next = next,
                                 .begun = next,
                                 .n = n,
                                 .at_once = cpus < AT_ONCE_MAX ? cpus : AT_ONCE_MAX,
                                 .signals = INTERRUPT_INIT,
                                 .err = err};
    int r;

    m.read = mmap(NULL, shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (m.read == MAP_FAILED)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot share memory");
    m.items = xcalloc(n + 1, sizeof(*m.items));
    for (size_t i = 0; i <= n; i++)
        m.items[i] =
            (struct item){.draft = STORE_DRAFT_INIT, .tree = -EBADF, .pin = -EBADF, .tell = -EBADF};
    m.total = store_is_watched(im->cache) ? missing_bytes(&m) : 0;
    r = interrupt_hold(&m.signals);
    r = r < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot take signals")
              : oci_layers_make_all(&m);
    if (r == 0)
        tell_figures(&m);
    for (size_t i = 0; i < n; i++)
        oci_layers_release(&m.items[i]);
    interrupt_release(&m.signals, r < 0 && err->kind == CUPEL_ERROR_INTERRUPTED);
    free(m.items);
    (void)munmap(m.read, shared);
    return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* scratch: the empty directory as a layer, for roots that have nothing of their own. */
#include "rootfs-cache/sources/sources.h"
#include "rootfs-cache/store/digest.h"

int source_scratch(struct cache *cache, const struct cache_source *source,
                   char ret_key[CACHE_KEY_LEN + 1], struct cupel_error *err)
{
    _cleanup_(store_end) struct store_draft draft = STORE_DRAFT_INIT;
    struct store_info info = {.kind = "scratch", .source = "empty", .entries = 0};
    cleanup_close int tree = -EBADF, pin = -EBADF;
    int r = digest_layer(cache, (const char *[]){"scratch 1"}, 1, ret_key);

    (void)source;
    if (r < 0)
        return store_error(cache, err, r, "name a layer");
    if (store_open_layer(cache, ret_key, &tree, &pin) == 0)
        return 0;
    r = store_begin(cache, ret_key, &draft, err);
    if (r != 0)
        return r < 0 ? r : 0;
    return store_commit(&draft, &info, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* cli_collect: see cli_collect.h. Which of them may go is the cache's to say. */
#include "harness/cli/cli_collect.h"

#include <stdio.h>

int cli_collect(struct cache *cache, struct cache_gc *gc, uint64_t older_ns, const char *what,
                struct cache_collected *ret, struct cupel_error *err)
{
    char size[UNIT_TEXT_SIZE];
    int r;

    gc->older_seconds = older_ns != COLLECT_NOT_SAID         ? older_ns / NSEC_PER_SEC
                        : gc->keep_bytes == COLLECT_NOT_SAID ? 0 /* everything that may go */
                                                             : UINT64_MAX;
    r = cache_gc(cache, gc, ret, err);
    if (r == 0)
        (void)printf("%zu %s%s removed, %s\n", ret->removed, what, ret->removed == 1 ? "" : "s",
                     unit_format_size(ret->freed, size));
    return r;
}

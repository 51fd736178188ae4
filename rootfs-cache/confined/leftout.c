/* SPDX-License-Identifier: Apache-2.0 */
/* leftout: what of a tar is not made: block and character devices and sockets, since a job has a
 * /dev of its own, and hard links to such, which could not be made either. In the confined child.
 */
#include "rootfs-cache/confined/unpacker.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define NAMES_MAX                                                                                  \
    65536 /* a /dev has a few hundred; links to what is beyond are refused as links to nothing */

static int leftout_by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void leftout_note(struct unpacker *u, const char *name)
{
    u->counts->skipped_devices++;
    if (u->n_left_out == NAMES_MAX)
        return;
    u->left_out = xrealloc(u->left_out, (u->n_left_out + 1) * sizeof(*u->left_out));
    u->left_out[u->n_left_out++] = xstrdup(name);
    u->left_out_sorted = false;
}

/* A later entry may have put something else there. */
static bool was_left_out(struct unpacker *u, const char *name)
{
    struct stat st;

    if (u->n_left_out == 0 || fstatat(AT_FDCWD, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return false;
    if (!u->left_out_sorted)
        qsort(u->left_out, u->n_left_out, sizeof(*u->left_out), leftout_by_name);
    u->left_out_sorted = true;
    return bsearch(&name, u->left_out, u->n_left_out, sizeof(*u->left_out), leftout_by_name) !=
           NULL;
}

bool leftout_entry(struct unpacker *u, struct archive_entry *entry, const char *name)
{
    const char *link = archive_entry_hardlink(entry);
    mode_t type = archive_entry_filetype(entry);
    cleanup_strbuf struct strbuf target = {0};
    bool out = link == NULL && (type == AE_IFCHR || type == AE_IFBLK || type == AE_IFSOCK);

    if (link != NULL && unpacker_normalize(link, &target) == NULL &&
        topdir_strip(&target, u->strip))
        out = was_left_out(u, target.data);
    if (out)
        leftout_note(u, name);
    return out;
}

void leftout_forget(struct unpacker *u)
{
    for (size_t i = 0; i < u->n_left_out; i++)
        free(u->left_out[i]);
    free(u->left_out);
    u->left_out = NULL;
    u->n_left_out = 0;
}

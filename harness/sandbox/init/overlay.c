/* SPDX-License-Identifier: Apache-2.0 */
/* overlay: makes an overlay of a list of layers, by the mount API. What the layers are, and where
 * it goes, is told elsewhere.
 *
 * Runs between clone and exec: no malloc, no stdio. */
#include "harness/sandbox/init/overlay.h"
#include "harness/sandbox/init/mount.h"

#include "base/base.h"
#include "base/weaken.h"

#include <string.h>

/* No option is longer, its NUL included (fsconfig(2)). */
#define OPTION_MAX 256

/* One by one, which kernels do since 6.8 (Documentation/filesystems/overlayfs.rst). */
static int set_each(int fs, const char *list)
{
    char layer[OPTION_MAX];
    int r = 0;

    while (r == 0 && *list != '\0') {
        size_t n = strcspn(list, ":");

        if (n >= sizeof(layer))
            return -E2BIG;
        memcpy(layer, list, n);
        layer[n] = '\0';
        r = mount_set(fs, "lowerdir+", layer);
        list += n + (list[n] == ':');
    }
    return r == -EINVAL ? -E2BIG : r;
}

static int set_layers(int fs, const char *list)
{
    return strlen(list) < OPTION_MAX ? mount_set(fs, "lowerdir", list) : set_each(fs, list);
}

static int finish(int fs, unsigned attributes)
{
    int r = mount_create(fs);

    return r < 0 ? r : mount_finish(fs, attributes);
}

/* xino: a directory has the st_dev of the files in it, readdir(3) and stat(2) tell the same inode
 * numbers, and those stay what they are when the kernel forgets an inode: without it, `du -x`, `tar
 * --one-file-system` and whoever compares two looks at a file go wrong. Layers of which the kernel
 * cannot tell that their inode numbers leave room are taken at our word ("on", not "auto"); one
 * that has none left keeps its number, and the kernel's log has a warning. */
int overlay_set_common(int fs)
{
    int r = mount_set(fs, "userxattr", NULL);

    return r < 0 || weakened("xino") ? r : mount_set(fs, "xino", "on");
}

/* userxattr: a user namespace may not write trusted.* attributes. volatile: a job's files need not
 * survive a power cut, so nothing is ever synced (Documentation/filesystems/overlayfs.rst). */
int overlay_make(const char *lowerdir, const char *upperdir, const char *workdir)
{
    cleanup_close int fs = mount_begin("overlay");
    int r = fs < 0 ? fs : set_layers(fs, lowerdir);

    if (r == 0)
        r = mount_set(fs, "upperdir", upperdir);
    if (r == 0)
        r = mount_set(fs, "workdir", workdir);
    if (r == 0)
        r = overlay_set_common(fs);
    if (r == 0)
        r = mount_set(fs, "volatile", NULL);
    return r < 0 ? r : finish(fs, weakened("nosuid") ? 0 : MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
}

int overlay_make_readonly(const char *lowerdir)
{
    cleanup_close int fs = mount_begin("overlay");
    int r = fs < 0 ? fs : set_layers(fs, lowerdir);

    if (r == 0)
        r = overlay_set_common(fs);
    return r < 0 ? r : finish(fs, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_RDONLY);
}

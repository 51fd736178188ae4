/* SPDX-License-Identifier: Apache-2.0 */
/* root_passwd: who a job's user is, by the passwd file of its root's own layers. A job that starts
 * from another one must not believe what that one wrote there ("nobody:x:0:0"), and a name that the
 * root does not have is known before anything runs. In the supervisor: the file is opened beneath
 * the layers, must be regular, and is read up to a bound. */
#include "harness/sandbox/slot/root_passwd.h"
#include "harness/sandbox/init/async_safe.h"
#include "harness/sandbox/init/passwd.h"
#include "harness/sandbox/sandbox.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

/* overlayfs' word for "nothing of the layers beneath" (Documentation/filesystems/overlayfs.rst). */
static bool is_opaque(int dir)
{
    static const char *const names[] = {"trusted.overlay.opaque", "user.overlay.opaque"};
    char path[32], value[4];

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", dir);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (getxattr(path, names[i], value, sizeof(value)) == 1 && value[0] == 'y')
            return true;
    return false;
}

static bool is_whiteout(const struct stat *st)
{
    return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

/* A file in etc of one layer, for reading; -ENOENT: see the layers beneath; -ENODATA: and those do
 * not count. */
static int open_of_layer(int layer, const char *name)
{
    cleanup_close int etc = -EBADF;
    struct stat st;

    if (fstatat(layer, "etc", &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (!S_ISDIR(st.st_mode))
        return S_ISLNK(st.st_mode) ? -ELOOP : -ENODATA;
    etc = file_open_beneath(layer, "etc", O_RDONLY | O_DIRECTORY, 0);
    if (etc < 0)
        return etc;
    if (fstatat(etc, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        int r = -errno;

        return r == -ENOENT && is_opaque(etc) ? -ENODATA : r;
    }
    if (!S_ISREG(st.st_mode))
        return S_ISLNK(st.st_mode) ? -ELOOP : is_whiteout(&st) ? -ENODATA : -EINVAL;
    return file_open_beneath(etc, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
}

/* The text of the topmost one; empty where there is none. */
int passwd_read_layers(const int *layers, size_t n_layers, const char *file, char *text)
{
    cleanup_close int fd = -ENOENT;
    int n;

    for (size_t i = 0; i < n_layers && fd == -ENOENT; i++)
        fd = open_of_layer(layers[i], file);
    text[0] = '\0';
    if (fd == -ENOENT || fd == -ENODATA)
        return 0;
    if (fd < 0)
        return fd;
    n = safe_read_all(fd, text, PASSWD_MAX - 1);
    if (n < 0)
        return n;
    text[n] = '\0';
    return 0;
}

int passwd_find_layers(const int *layers, size_t n_layers, const char *spec,
                       struct sandbox_user *ret)
{
    cleanup_free char *text = xmalloc(PASSWD_MAX);
    struct sandbox_user u = {0};
    int r = passwd_read_layers(layers, n_layers, "passwd", text);

    if (r == 0)
        r = passwd_find(text, spec, &u.uid, &u.gid, u.home, sizeof(u.home), u.name, sizeof(u.name));
    if (r >= 0)
        *ret = u;
    return r;
}

int sandbox_user_find(const int *layers, size_t n_layers, const char *spec,
                      struct sandbox_user *ret)
{
    int r = passwd_find_layers(layers, n_layers, spec, ret);

    return r < 0 ? r : 0;
}

void sandbox_user_names(const int *layers, size_t n_layers, const char *spec, size_t max,
                        struct strbuf *names, char **ret_nearest)
{
    cleanup_free char *text = xmalloc(PASSWD_MAX);
    const char *found[64], *near;
    char *save = NULL;
    size_t n = 0;

    *ret_nearest = NULL;
    if (passwd_read_layers(layers, n_layers, "passwd", text) < 0)
        return;
    for (char *line = strtok_r(text, "\n", &save); line != NULL && n < ARRAY_SIZE(found);
         line = strtok_r(NULL, "\n", &save)) {
        char *colon = strchr(line, ':');

        if (colon == NULL || colon == line)
            continue;
        *colon = '\0';
        if (n < max)
            strbuf_addf(names, "%s%s", n > 0 ? ", " : "", line);
        found[n++] = line;
    }
    if (n > max)
        strbuf_adds(names, ", ...");
    near = str_nearest(spec, found, n);
    if (near != NULL)
        *ret_nearest = xstrdup(near);
}

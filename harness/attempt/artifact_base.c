/* SPDX-License-Identifier: Apache-2.0 */
/* artifact_base: see artifact_base.h. Reads links one by one, each beneath the root by descriptor,
 * and only their text: nothing is ever opened through one. */
#include "harness/attempt/artifact_base.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define LINKS_MAX 40

/* The text of the link at this path; -EINVAL where there is none. */
static ssize_t read_link(int root, const char *path, char target[static PATH_MAX])
{
    cleanup_close int fd = file_open_beneath(root, path, O_PATH | O_NOFOLLOW, 0);
    ssize_t n = fd < 0 ? -1 : readlinkat(fd, "", target, PATH_MAX);

    return n <= 0 || n == PATH_MAX ? -EINVAL : n;
}

/* Takes the last name off a path. */
static void go_up(struct strbuf *done)
{
    while (done->len > 0 && done->data[--done->len] != '/')
        ;
    if (done->data != NULL)
        done->data[done->len] = '\0';
}

char *artifact_base(int root, const char *workdir)
{
    cleanup_free char *rest = xstrdup(workdir);
    cleanup_strbuf struct strbuf done = {0};
    char target[PATH_MAX];
    size_t links = 0;

    for (char *at = rest; *at != '\0';) {
        size_t n = strcspn(at, "/"), before = done.len;
        ssize_t length;

        if (n == 0 || (n == 1 && at[0] == '.')) {
            at += n + (at[n] == '/');
            continue;
        }
        if (n == 2 && at[0] == '.' && at[1] == '.') {
            go_up(&done);
            at += n + (at[n] == '/');
            continue;
        }
        strbuf_addf(&done, "%s%.*s", before > 0 ? "/" : "", (int)n, at);
        at += n;
        length = read_link(root, done.data, target);
        if (length >= 0) {
            char *next;

            if (++links > LINKS_MAX || strlen(at) + (size_t)length >= PATH_MAX)
                return xstrdup(workdir);
            next = xasprintf("%.*s%s", (int)length, target, at);
            done.len = target[0] == '/' ? 0 : before;
            done.data[done.len] = '\0';
            free(rest);
            rest = at = next;
        }
    }
    return xasprintf("/%s", done.len > 0 ? done.data : "");
}

/* SPDX-License-Identifier: Apache-2.0 */
/* planted: links that lie in the out directory before the run that reports to it, as a checkout can
 * carry them: in place of a job's logs and of the directory of its artifacts. What they lead to has
 * to stay as it was. */
#include "harness/selftest/selftest_private.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static const char content[] = "not cupel's\n";

/* Below the scene's directory: what the links lead to. */
static const struct {
    const char *victim;
    const char *link; /* in the out directory, in the place of something of the job's */
    bool hard;
} links[] = {
    {"victims/stdout", "logs/out-links.stdout", false},
    {"victims/stderr", "logs/out-links.stderr", true},
    {"victims/artifacts", "artifacts/out-links", false},
};
#define VICTIM_DIRECTORY "victims/artifacts"

static int make_file(int dir, const char *path)
{
    return file_write_atomic_at(dir, path, content, strlen(content), 0644);
}

static int make_link(const struct selftest_scene *s, int scene, int out, size_t i)
{
    cleanup_free char *to = xasprintf("%s/%s", s->dir, links[i].victim);
    int r = file_remove_tree_at(out, links[i].link);

    if (r < 0)
        return r;
    r = links[i].hard ? linkat(scene, links[i].victim, out, links[i].link, 0)
                      : symlinkat(to, out, links[i].link);
    return r < 0 ? -errno : 0;
}

int planted_lay(const struct selftest_scene *s)
{
    cleanup_close int scene = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), out = -EBADF;
    int r = scene < 0 ? -errno : file_mkdir_p_at(scene, VICTIM_DIRECTORY, 0755);

    out = r < 0 ? r : file_open_dir_p_at(AT_FDCWD, s->out, 0755);
    if (out < 0)
        return out;
    r = make_file(out, ".cupel-out");
    if (r == 0)
        r = file_mkdir_p_at(out, "logs", 0755);
    if (r == 0)
        r = file_mkdir_p_at(out, "artifacts", 0755);
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(links); i++) {
        if (!str_eq(links[i].victim, VICTIM_DIRECTORY))
            r = make_file(scene, links[i].victim);
        if (r == 0)
            r = make_link(s, scene, out, i);
    }
    return r;
}

static bool is_empty(int scene)
{
    int fd = openat(scene, VICTIM_DIRECTORY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *list = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;
    bool empty = list != NULL;

    while (list != NULL && (e = readdir(list)) != NULL)
        empty = empty && file_is_dot(e->d_name);
    if (list != NULL)
        (void)closedir(list);
    return empty;
}

static bool is_as_it_was(int scene, const char *victim)
{
    cleanup_free char *text = NULL;
    size_t len;

    if (str_eq(victim, VICTIM_DIRECTORY))
        return is_empty(scene);
    return file_read_at(scene, victim, 4096, &text, &len) == 0 && str_eq(text, content);
}

/* Says whether something of the job's was made anew. */
static bool is_made(int out, const char *path)
{
    struct stat st;

    return fstatat(out, path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           (S_ISDIR(st.st_mode) || (S_ISREG(st.st_mode) && st.st_nlink == 1));
}

void judge_planted(const struct selftest_scene *s, const struct selftest_probe *p,
                   struct verdict *v)
{
    cleanup_close int scene = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cleanup_close int out = open(s->out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    (void)p;
    for (size_t i = 0; i < ARRAY_SIZE(links); i++)
        if (!is_as_it_was(scene, links[i].victim)) {
            verdict_set(v, OUTCOME_BREACH, "what the link in place of %s leads to was changed",
                        links[i].link);
            return;
        }
    for (size_t i = 0; i < ARRAY_SIZE(links); i++)
        if (!is_made(out, links[i].link)) {
            verdict_set(v, OUTCOME_FAILED, "there is no %s of the job's", links[i].link);
            return;
        }
    verdict_set(v, OUTCOME_HELD, "logs and artifacts took the place of the links");
}

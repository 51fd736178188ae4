/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup/occupants: who is in a group that has to be empty (v2, the no-internal-process rule). Only
 * looks: what follows from it is detect.c's and v2.c's.
 *
 * Who is ending is in its group until cgroup_exit() (do_exit(), kernel/exit.c), after its memory
 * and its files are gone, and cannot be moved any more (cgroup_migrate_add_task(),
 * kernel/cgroup/cgroup.c): a thread of ours that ends while we move to another group stays behind
 * until it is done. The kernel refuses controllers for as long, but it is nobody who stays. */
#include "harness/cgroup/cgroup_private.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#define IS_ENDING 0x4u /* PF_EXITING (include/linux/sched.h) */
#define LIST_MAX ((size_t)64 << 10)
#define NAMED_MAX 4

/* Calls fn for each number of a list such as cgroup.procs, until it returns true; says whether it
 * has. What cannot be read, or is longer than we want to look at, is `unknown`. */
static bool any_of(int dirfd, const char *file, bool (*fn)(void *data, uint64_t id), void *data,
                   bool unknown)
{
    cleanup_close int fd = openat(dirfd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    cleanup_free char *text = NULL;
    char *save = NULL;
    size_t length;

    if (fd < 0 || file_read_fd(fd, LIST_MAX, &text, &length) < 0)
        return unknown;
    for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save))
        if (fn(data, strtoull(line, NULL, 10)))
            return true;
    return false;
}

static bool is_own_thread(uint64_t tid)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/self/task/%" PRIu64, tid);
    return access(path, F_OK) == 0;
}

/* Says whether a thread has ended, or is on its way and will do nothing else: its flags are the
 * ninth field (proc_pid_stat(5)). Of others than ours it may not be shown (hidepid of proc(5)). */
static bool is_ending(uint64_t tid)
{
    char path[64], text[1024];
    const char *end;
    unsigned flags;

    (void)snprintf(path, sizeof(path), "/proc/%" PRIu64, tid);
    if (group_read(AT_FDCWD, path, "stat", text, sizeof(text)) < 0)
        return kill((pid_t)tid, 0) < 0 && errno == ESRCH;
    end = strrchr(text, ')');
    return end != NULL && sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %u", &flags) == 1 &&
           (flags & IS_ENDING) != 0;
}

/* 0: of a PID namespace that we do not see. */
static bool stays(void *data, uint64_t tid)
{
    (void)data;
    return tid == 0 || (!is_own_thread(tid) && !is_ending(tid));
}

bool group_has_others(int dirfd)
{
    return any_of(dirfd, "cgroup.threads", stays, NULL, true);
}

/* ---- their names ---- */

struct naming {
    struct strbuf text;
    size_t n;
};

static bool add_name(void *data, uint64_t pid)
{
    struct naming *names = data;
    char path[64], name[64];
    ssize_t n;

    if (pid == (uint64_t)getpid() || (pid != 0 && is_ending(pid)))
        return false;
    if (++names->n > NAMED_MAX)
        return false;
    strbuf_adds(&names->text, names->n > 1 ? ", " : "");
    if (pid == 0) {
        strbuf_adds(&names->text, "one of another PID namespace");
        return false;
    }
    strbuf_addf(&names->text, "%" PRIu64, pid);
    (void)snprintf(path, sizeof(path), "/proc/%" PRIu64, pid);
    n = group_read(AT_FDCWD, path, "comm", name, sizeof(name));
    if (n <= 0)
        return false;
    name[strcspn(name, "\n")] = '\0';
    strbuf_adds(&names->text, " (");
    text_add_line(&names->text, name);
    strbuf_adds(&names->text, ")");
    return false;
}

char *group_name_others(int dirfd)
{
    struct naming names = {0};

    (void)any_of(dirfd, "cgroup.procs", add_name, &names, false);
    if (names.n > NAMED_MAX)
        strbuf_addf(&names.text, " and %zu more", names.n - NAMED_MAX);
    return names.text.data != NULL ? names.text.data : xstrdup("");
}

/* SPDX-License-Identifier: Apache-2.0 */
/* enterable: see enterable.h. */
#include "harness/run/enterable.h"

#include "harness/run/keyvalue.h"
#include "harness/run/run.h"
#include "harness/run/views.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define RECORD_MAX ((size_t)64 << 20)

/* ---- a run from outside ---- */

/* Returns the run's supervisor, or who has that pid by now: open_views tells. */
static pid_t supervisor_of(int dir)
{
    cleanup_close int lock = openat(dir, "lock", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char text[16] = "";

    if (lock < 0 || pread(lock, text, sizeof(text) - 1, 0) <= 0)
        return 0;
    return (pid_t)atoi(text);
}

static int open_views(pid_t supervisor, int number)
{
    cleanup_close int fd = -EBADF;
    char path[64], target[64] = "";
    struct stat st;

    (void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)supervisor, number);
    if (readlink(path, target, sizeof(target) - 1) < 0 || !str_starts(target, "/memfd:" VIEWS_NAME))
        return -ESRCH; /* another process by now, or one of another PID namespace */
    fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    /* anybody can name a memfd like that, and wait for the pid of a run that was killed: then it is
     * not ours */
    return S_ISREG(st.st_mode) && st.st_uid == geteuid() ? steal_fd(&fd) : -ESRCH;
}

static bool read_view(int fd, size_t i, struct slot_view *ret)
{
    return pread(fd, ret, sizeof(*ret), (off_t)(i * sizeof(*ret))) == (ssize_t)sizeof(*ret);
}

/* ---- the list ---- */

void enterable_free(struct enterable *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(list[i].run);
        free(list[i].job);
        free(list[i].name);
        free(list[i].file);
        free(list[i].user);
        free(list[i].workdir);
        keyvalue_free_all(list[i].env);
        keyvalue_free_all(list[i].set);
        keyvalue_free_all(list[i].image);
        base_closep(&list[i].views_fd);
    }
    free(list);
}

struct enterable_listing {
    struct enterable *list;
    size_t n;
};

static void add_running(struct enterable_listing *l, const char *run, const struct keyvalue *record,
                        int views, size_t i, const struct slot_view *view)
{
    uint64_t word = atomic_load_explicit(&view->running, memory_order_relaxed);
    const char *job = keyvalue_nth(record, "job", (uint32_t)word), *file;
    const char *name, *id;
    char user[32], workdir[32], image[32], set[32];
    size_t plan, root;
    int end;

    if (job == NULL || sscanf(job, "%zu %zu%n", &plan, &root, &end) != 2 || job[end] == '\0')
        return;
    name = job + end + 1;
    /* a tab; a space in a run of an earlier version, whose names had none */
    id = strchr(name, job[end]);
    if (id == NULL)
        return;
    file = keyvalue_nth(record, "file", plan);
    if (file == NULL)
        return;
    (void)snprintf(user, sizeof(user), "%zu-user", root);
    (void)snprintf(workdir, sizeof(workdir), "%zu-workdir", root);
    (void)snprintf(image, sizeof(image), "%zu-image", root);
    (void)snprintf(set, sizeof(set), "%zu-set", plan);
    l->list = xrealloc(l->list, (l->n + 1) * sizeof(*l->list));
    l->list[l->n++] =
        (struct enterable){.run = xstrdup(run),
                           .job = xstrdup(id + 1),
                           .name = xasprintf("%.*s", (int)(id - name), name),
                           .file = xstrdup(file),
                           .plan_index = plan,
                           .user = keyvalue_copy(record, user),
                           .workdir = keyvalue_copy(record, workdir),
                           .image = keyvalue_all(record, image),
                           .env = keyvalue_all(record, "env"),
                           .set = keyvalue_all(record, set),
                           .view = i,
                           .views_fd = fcntl(views, F_DUPFD_CLOEXEC, 3),
                           .init = (pid_t)(word >> 32),
                           .slot = (pid_t)atomic_load_explicit(&view->slot, memory_order_relaxed)};
}

static void list_run(struct enterable_listing *l, int runs, const char *name)
{
    cleanup_close int dir = openat(runs, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
                      views = -EBADF;
    pid_t supervisor = dir < 0 ? 0 : supervisor_of(dir);
    cleanup_keyvalue struct keyvalue record = {0};
    const char *number;
    struct slot_view view;

    if (supervisor <= 0 || keyvalue_read(&record, dir, "record", RECORD_MAX) < 0)
        return; /* dead, or no run: a session */
    number = keyvalue_nth(&record, "views", 0);
    views = number != NULL ? open_views(supervisor, atoi(number)) : -EBADF;
    for (size_t i = 0; views >= 0 && read_view(views, i, &view); i++)
        if (atomic_load_explicit(&view.running, memory_order_relaxed) != 0)
            add_running(l, name, &record, views, i, &view);
}

int enterable_list(int store_dirfd, struct enterable **ret_list, size_t *ret_n,
                   struct cupel_error *err)
{
    cleanup_close int runs =
        openat(store_dirfd, "runs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct dirent **names = NULL;
    struct enterable_listing l = {0};
    int n = runs < 0 ? -1 : scandirat(runs, ".", &names, NULL, alphasort);

    if (n < 0 && errno != ENOENT)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno,
                               "cannot look for runs in the store");
    for (int i = 0; i < n; i++) {
        if (names[i]->d_name[0] != '.')
            list_run(&l, runs, names[i]->d_name);
        free(names[i]);
    }
    free(names);
    *ret_list = l.list;
    *ret_n = l.n;
    return 0;
}

int enterable_open(int store_dirfd, const struct enterable *r, const char *file)
{
    cleanup_free char *path = xasprintf("runs/%s/%s", r->run, file);

    return file_open_beneath(store_dirfd, path, O_RDONLY, 0);
}

/* ---- holding on to one ---- */

/* What the job's root is here, and how many ids its user namespace has, in one piece or several. */
static int read_ids(pid_t init, uint32_t *ret_base, uint32_t *ret_ids)
{
    cleanup_free char *path = xasprintf("/proc/%d/uid_map", (int)init), *text = NULL;
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    unsigned inside, outside, count;
    char *save = NULL;
    size_t len;

    *ret_ids = 0;
    if (fd < 0 || file_read_fd(fd, 4096, &text, &len) < 0)
        return -ESRCH;
    for (char *line = strtok_r(text, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        if (sscanf(line, "%u %u %u", &inside, &outside, &count) != 3)
            return -ESRCH;
        if (inside == 0)
            *ret_base = outside;
        *ret_ids += count;
    }
    return *ret_ids > 0 ? 0 : -ESRCH;
}

/* Opens what the slot's process has under this number. */
static int open_of_slot(uint32_t slot, int number, int flags)
{
    char path[64];
    int fd;

    (void)snprintf(path, sizeof(path), "/proc/%u/fd/%d", slot, number);
    fd = open(path, flags | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int open_namespaces(const struct slot_view *view, struct enterable_handle *h)
{
    uint32_t slot = atomic_load_explicit(&view->slot, memory_order_relaxed);

    for (size_t i = 0; i < SANDBOX_NAMESPACES; i++) {
        int number = atomic_load_explicit(&view->namespaces[i], memory_order_relaxed);

        if (number < 0)
            continue;
        h->namespaces[i] = open_of_slot(slot, number, O_RDONLY);
        if (h->namespaces[i] < 0)
            return h->namespaces[i];
    }
    return 0;
}

static int open_enter(const struct slot_view *view, struct enterable_handle *h)
{
    uint32_t n = atomic_load_explicit(&view->n_enter, memory_order_relaxed);
    uint32_t slot = atomic_load_explicit(&view->slot, memory_order_relaxed);

    for (uint32_t i = 0; i < n && i < ARRAY_SIZE(h->enter); i++) {
        int fd = open_of_slot(slot, atomic_load_explicit(&view->enter[i], memory_order_relaxed),
                              O_WRONLY);

        if (fd < 0)
            return fd;
        h->enter[h->n_enter++] = fd;
    }
    return 0;
}

void enterable_release(struct enterable_handle *h)
{
    base_closep(&h->pidfd);
    for (size_t i = 0; i < SANDBOX_NAMESPACES; i++)
        base_closep(&h->namespaces[i]);
    while (h->n_enter > 0)
        base_closep(&h->enter[--h->n_enter]);
}

/* The slot withdraws the word before it reaps PID 1: as long as it is there, the pid is no other
 * process's. */
int enterable_hold(const struct enterable *r, struct enterable_handle *ret)
{
    struct enterable_handle h = {.pidfd = -EBADF, .namespaces = SANDBOX_NO_NAMESPACES};
    struct slot_view before, after;
    int e = 0;

    if (!read_view(r->views_fd, r->view, &before))
        return -ESRCH;
    h.pidfd = (int)syscall(SYS_pidfd_open, r->init, 0);
    if (h.pidfd < 0)
        return -errno;
    e = read_ids(r->init, &h.id_base, &h.ids);
    if (e == 0)
        e = open_namespaces(&before, &h);
    if (e == 0)
        e = open_enter(&before, &h);
    if (e == 0 && (!read_view(r->views_fd, r->view, &after) ||
                   (pid_t)(atomic_load(&before.running) >> 32) != r->init ||
                   atomic_load(&after.running) != atomic_load(&before.running)))
        e = -ESRCH;
    if (e < 0) {
        enterable_release(&h);
        return e;
    }
    h.uid = atomic_load_explicit(&after.uid, memory_order_relaxed);
    h.gid = atomic_load_explicit(&after.gid, memory_order_relaxed);
    h.user = after.user;
    h.user.home[sizeof(h.user.home) - 1] = h.user.name[sizeof(h.user.name) - 1] = '\0';
    *ret = h;
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* views: see views.h. */
#include "harness/run/views.h"

#include "harness/run/run.h"

#include <stdatomic.h>
#include <sys/mman.h>

struct slot_view *views_make(unsigned slots, int *ret_fd)
{
    cleanup_close int fd = memfd_create(VIEWS_NAME, MFD_CLOEXEC);
    struct slot_view *views;

    if (fd < 0 || ftruncate(fd, (off_t)(slots * sizeof(*views))) < 0)
        return NULL;
    views = mmap(NULL, slots * sizeof(*views), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (views == MAP_FAILED)
        return NULL;
    *ret_fd = steal_fd(&fd);
    return views;
}

/* One word, so that nobody ever sees a pid with another job's number. */
static uint64_t word_of(pid_t init, size_t instance)
{
    return (uint64_t)(uint32_t)init << 32 | (uint32_t)instance;
}

void views_publish(struct slot_view *view, const struct sandbox_job *job, size_t instance,
                   const struct sandbox_user *user, const struct cgroup_job *cgroup)
{
    int fds[CGROUP_ENTER_MAX];
    size_t n = cgroup != NULL ? cgroup_job_enter_fds(cgroup, fds) : 0;

    atomic_store_explicit(&view->slot, (uint32_t)getpid(), memory_order_relaxed);
    atomic_store_explicit(&view->n_enter, (uint32_t)n, memory_order_relaxed);
    for (size_t i = 0; i < n; i++)
        atomic_store_explicit(&view->enter[i], fds[i], memory_order_relaxed);
    for (size_t i = 0; i < SANDBOX_NAMESPACES; i++)
        atomic_store_explicit(&view->namespaces[i], job->namespaces[i], memory_order_relaxed);
    atomic_store_explicit(&view->uid, job->uid, memory_order_relaxed);
    atomic_store_explicit(&view->gid, job->gid, memory_order_relaxed);
    view->user = user != NULL ? *user : (struct sandbox_user){.uid = UINT32_MAX};
    atomic_store_explicit(&view->running, word_of(job->pid, instance), memory_order_release);
}

void views_withdraw(struct slot_view *view)
{
    atomic_store_explicit(&view->running, 0, memory_order_release);
}

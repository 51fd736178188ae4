/* SPDX-License-Identifier: Apache-2.0 */
/* enterable: the jobs that run now, for a process that wants to enter one. Nothing is written for
 * it while jobs run: slots note what they have in hand in the memory that they share with their
 * supervisor, which the supervisor's /proc entry leads to. */
#pragma once

#include "base/base.h"
#include "harness/cgroup/cgroup.h"
#include "harness/sandbox/sandbox.h"

#include <sys/types.h>

struct enterable {
    char *run, *job; /* of the run; the job's name there */
    char *name;      /* the job's name in its file */
    char *file;      /* absolute path of the job file */
    size_t plan_index;
    /* what the root's image said, where the job file says nothing; or NULL */
    char *user, *workdir;
    char **image; /* NULL-terminated: its environment */
    char **env;   /* NULL-terminated "NAME=VALUE": what pass-env found */
    char **set;   /* the same: the parameters of its file */
    size_t view;  /* of the run */
    int views_fd;
    pid_t init, slot;
};
void enterable_free(struct enterable *list, size_t n);
/* Every job that can be entered, of all runs of this store. */
int enterable_list(int store_dirfd, struct enterable **ret_list, size_t *ret_n,
                   struct cupel_error *err);
/* Opens a file of the job's run, for reading. */
int enterable_open(int store_dirfd, const struct enterable *r, const char *file);

/* What it takes to enter. */
struct enterable_handle {
    int pidfd;                          /* of PID 1 */
    int namespaces[SANDBOX_NAMESPACES]; /* -EBADF: only root can enter, by the pidfd */
    uint32_t id_base, ids;
    uint32_t uid, gid; /* that the job's commands were started with, in the job */
    struct sandbox_user user;
    int enter[CGROUP_ENTER_MAX];
    size_t n_enter;
};
/* Holds a job that is entered; -ESRCH: it has ended meanwhile. */
int enterable_hold(const struct enterable *r, struct enterable_handle *ret);
void enterable_release(struct enterable_handle *h);

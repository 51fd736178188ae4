/* SPDX-License-Identifier: Apache-2.0 */
/* root_users: see root_users.h. That a run lives is told by the lock on its directory, which the
 * kernel lets go of with its last process; which roots it has, by what it wrote there before any
 * job began. */
#include "harness/run/root_users.h"

#include "harness/run/kept.h"
#include "harness/run/keyvalue.h"
#include "harness/run/manifest.h"
#include "harness/run/rundir.h"

#include <string.h>

#define ROOTS_MAX ((size_t)64 << 20)

struct root_user_list {
    struct root_user *users;
    size_t n;
};

static struct root_user *root_users_add(struct root_user_list *l)
{
    l->users = xrealloc(l->users, (l->n + 1) * sizeof(*l->users));
    l->users[l->n] = (struct root_user){0};
    return &l->users[l->n++];
}

void root_users_free(struct root_user *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(list[i].keys);
        free(list[i].run);
        free(list[i].jobs);
    }
    free(list);
}

static void add_job(struct root_user *user, const char *job)
{
    char *jobs = user->jobs != NULL ? xasprintf("%s, %s", user->jobs, job) : xstrdup(job);

    free(user->jobs);
    user->jobs = jobs;
}

static void add_more(struct root_user *user, const char *number)
{
    char *jobs = xasprintf("%s and %s more", user->jobs != NULL ? user->jobs : "", number);

    free(user->jobs);
    user->jobs = jobs;
}

/* One that has just begun has written nothing yet: then the pins are all that is known. */
static void root_users_add_run(void *data, int dirfd, const char *id, pid_t supervisor)
{
    cleanup_keyvalue struct keyvalue record = {0};
    struct root_user_list *l = data;
    struct root_user *user = NULL;

    if (keyvalue_read(&record, dirfd, MANIFEST_ROOTS, ROOTS_MAX) < 0)
        return;
    for (const char *e = keyvalue_next(&record, NULL); e != NULL; e = keyvalue_next(&record, e)) {
        const char *keys = keyvalue_of(e, "root"), *job = keyvalue_of(e, "job"),
                   *more = keyvalue_of(e, "more");

        if (keys != NULL) {
            user = root_users_add(l);
            *user =
                (struct root_user){.keys = xstrdup(keys), .run = xstrdup(id), .pid = supervisor};
        } else if (user != NULL && job != NULL) {
            add_job(user, job);
        } else if (user != NULL && more != NULL) {
            add_more(user, more);
        }
    }
}

static int add_kept(struct root_user_list *l, int store_dirfd, struct cupel_error *err)
{
    struct kept *kept = NULL;
    size_t n = 0;
    int r = kept_list(store_dirfd, &kept, &n, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < n; i++)
        if (kept[i].root[0] != '\0')
            *root_users_add(l) = (struct root_user){.keys = xstrdup(kept[i].root),
                                                    .run = xstrdup(kept[i].run),
                                                    .jobs = xstrdup(kept[i].job),
                                                    .kept = true};
    kept_free(kept, n);
    return 0;
}

static bool is_known(const struct root_user_list *l, pid_t pid, const char *key)
{
    for (size_t i = 0; i < l->n; i++)
        if (!l->users[i].kept && l->users[i].pid == pid && root_user_has(&l->users[i], key))
            return true;
    return false;
}

/* Adds a process that has a pin locked and is not known yet: an export, an import that goes on, a
 * run that has just begun. */
static void add_process(void *data, const char *key, pid_t pid)
{
    struct root_user_list *l = data;

    if (!is_known(l, pid, key))
        *root_users_add(l) = (struct root_user){.keys = xstrdup(key), .pid = pid};
}

int root_users_list(struct cache *cache, struct root_user **ret_list, size_t *ret_n,
                    struct cupel_error *err)
{
    struct root_user_list l = {0};
    int r = rundirs_each_alive(cache_dirfd(cache), root_users_add_run, &l);

    if (r < 0 && r != -ENOENT && r != -EROFS)
        r = cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot look for runs in the store");
    else
        r = add_kept(&l, cache_dirfd(cache), err);
    if (r == 0)
        r = cache_each_pin_holder(cache, add_process, &l, err);
    if (r < 0) {
        root_users_free(l.users, l.n);
        return r;
    }
    *ret_list = l.users;
    *ret_n = l.n;
    return 0;
}

bool root_user_has(const struct root_user *user, const char *key)
{
    return strstr(user->keys, key) != NULL;
}

char *root_user_text(const struct root_user *u)
{
    if (u->kept)
        return xasprintf("what is kept of the failed job %s of run %s", u->jobs, u->run);
    if (u->run == NULL)
        return xasprintf("process %d", (int)u->pid);
    return xasprintf("run %s (pid %d)%s%s", u->run, (int)u->pid, u->jobs != NULL ? ": " : "",
                     u->jobs != NULL ? u->jobs : "");
}

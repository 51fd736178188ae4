/* SPDX-License-Identifier: Apache-2.0 */
/* syscalls: which system calls the default filter refuses whatever their arguments, and which of
 * those a job file may have back with `allow`; and the check of the names that a job file gives.
 * Declared here once: the parser, the compiler of the filter (harness/sandbox/slot/seccomp.c) and
 * the tests read it. What is refused by argument (new namespaces by clone, TIOCSTI, families of
 * sockets) stands with the compiler: no job file can change it. */
#include "jobs/load.h"

#include <seccomp.h>

static const char keys[] = "keyrings outlive the job's namespaces";
static const char surface[] = "it is a way to the kernel that has let processes out";
static const char machine[] = "it is about the machine, not about the job";
static const char clocks[] = "the clocks are the machine's";
static const char mounts[] = "what the job's mounts hide must stay hidden";
static const char namespaces[] = "a namespace of one's own brings every capability back";
static const char handles[] = "file handles reach past the job's mounts";
static const char flags[] =
    "its flags lie in memory, where no filter sees them; libc uses clone instead";

/* The last member says why `allow` may not name it; NULL: it may. */
const struct jobs_refused_call jobs_refused_calls[] = {
    {"add_key", keys},
    {"request_key", keys},
    {"keyctl", keys},

    {"io_uring_setup", surface},
    {"io_uring_enter", surface},
    {"io_uring_register", surface},
    {"userfaultfd", surface},
    {"bpf", surface},
    {"perf_event_open", surface},
    {"lookup_dcookie", surface},
    {"uselib", surface},
    {"vm86", surface},
    {"vm86old", surface},

    {"kexec_load", machine},
    {"kexec_file_load", machine},
    {"create_module", machine},
    {"init_module", machine},
    {"finit_module", machine},
    {"delete_module", machine},
    {"get_kernel_syms", machine},
    {"query_module", machine},
    {"reboot", machine},
    {"swapon", machine},
    {"swapoff", machine},
    {"syslog", machine},
    {"acct", machine},
    {"quotactl", machine},
    {"quotactl_fd", machine},
    {"nfsservctl", machine},
    {"vhangup", machine},
    {"iopl", machine},
    {"ioperm", machine},

    {"settimeofday", clocks},
    {"clock_settime", clocks},
    {"stime", clocks},
    {"adjtimex", clocks},
    {"clock_adjtime", clocks},
    {"clock_settime64", clocks},
    {"clock_adjtime64", clocks},

    {"mount", mounts},
    {"umount", mounts},
    {"umount2", mounts},
    {"pivot_root", mounts},
    {"open_tree", mounts},
    {"move_mount", mounts},
    {"fsopen", mounts},
    {"fsconfig", mounts},
    {"fsmount", mounts},
    {"fspick", mounts},
    {"mount_setattr", mounts},
    {"setns", namespaces},
    {"unshare", namespaces},
    {"clone3", flags},

    {"open_by_handle_at", handles},
    {"name_to_handle_at", NULL},
    /* within the job only, but few programs have a use for them */
    {"fanotify_init", NULL},
    {"kcmp", NULL},
    {"migrate_pages", NULL},
    {"move_pages", NULL},
    {"pidfd_getfd", NULL},
    {"process_madvise", NULL},
    /* how many events there may be is counted for the whole machine (fs.aio-max-nr) */
    {"io_setup", NULL},
    {"vmsplice", NULL},
};
const size_t jobs_refused_calls_count = ARRAY_SIZE(jobs_refused_calls);

/* The filter is in force when the command is executed: without these there is no job. */
const char *const jobs_needed_calls[] = {"execve", "write", "exit_group", "clock_gettime"};
const size_t jobs_needed_calls_count = ARRAY_SIZE(jobs_needed_calls);

/* ---- names ---- */

/* No architecture has numbers above this, but x32, whose names are the others'. */
#define NUMBERS 1024

/* The nearest name of those that this machine's architecture has, malloc'ed, or NULL. */
static char *nearest_call(const char *word)
{
    char **names = xcalloc(NUMBERS, sizeof(*names)), *found = NULL;
    const char *near;
    size_t n = 0;

    for (int number = 0; number < NUMBERS; number++) {
        char *name = seccomp_syscall_resolve_num_arch(seccomp_arch_native(), number);

        if (name != NULL)
            names[n++] = name;
    }
    near = str_nearest(word, (const char *const *)names, n);
    if (near != NULL)
        found = xstrdup(near);
    for (size_t i = 0; i < n; i++)
        free(names[i]);
    free(names);
    return found;
}

static bool is_known(struct loader *l, const struct node *item)
{
    cleanup_free char *near = NULL;

    if (seccomp_syscall_resolve_name(item->text) != __NR_SCMP_ERROR)
        return true;
    if (l->source.n_problems < SOURCE_PROBLEMS_MAX) /* above, it is only counted */
        near = nearest_call(item->text);
    problem_at(l, item, "there is no system call '%s'%s%s%s", item->text,
               near != NULL ? ", did you mean '" : "", near != NULL ? near : "",
               near != NULL ? "'?" : "");
    return false;
}

static bool may_allow(struct loader *l, const struct node *item)
{
    for (size_t i = 0; i < jobs_refused_calls_count; i++)
        if (str_eq(jobs_refused_calls[i].name, item->text) && jobs_refused_calls[i].why != NULL) {
            problem_at(l, item, "'allow' cannot name '%s': %s", item->text,
                       jobs_refused_calls[i].why);
            return false;
        }
    return true;
}

static bool may_deny(struct loader *l, const struct node *item)
{
    for (size_t i = 0; i < ARRAY_SIZE(jobs_needed_calls); i++)
        if (str_eq(jobs_needed_calls[i], item->text)) {
            problem_at(l, item, "'deny' cannot name '%s': the command cannot be started without it",
                       item->text);
            return false;
        }
    return true;
}

static void set_calls(struct loader *l, const struct key *k, const struct node *value, void *object,
                      bool (*may)(struct loader *l, const struct node *item))
{
    const char **names;
    size_t n = 0;

    if (items_count(value) > LOAD_ITEMS_MAX) {
        problem_at(l, value, "'%s' has more than %d names", k->name, LOAD_ITEMS_MAX);
        return;
    }
    names = arena_alloc(l->plan->arena, (items_count(value) + 1) * sizeof(*names));
    for (const struct node *item = items_first(value); item != NULL; item = items_next(value, item))
        if (value_is_text(l, item, k->name, k->value) && is_known(l, item) && may(l, item))
            names[n++] = arena_strdup(l->plan->arena, item->text);
    *(const char ***)((char *)object + k->offset) = n > 0 ? names : NULL;
}

void key_set_allow(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    set_calls(l, k, value, object, may_allow);
}

void key_set_deny(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    set_calls(l, k, value, object, may_deny);
}

/* "default", "strict", or what looks like a path: it has a slash, or ends in .json. */
static bool read_profile(struct loader *l, const struct key *k, const struct node *value,
                         struct jobs_seccomp *s)
{
    static const struct choice profiles[] = {
        [JOBS_SECCOMP_DEFAULT] = {"default", true},
        [JOBS_SECCOMP_STRICT] = {"strict", true},
        {0},
    };
    struct key words = *k;
    const char *path;
    size_t index;

    words.choices = profiles;
    if (value->kind == NODE_SCALAR &&
        (strchr(value->text, '/') != NULL ||
         (value->n > 5 && str_eq(value->text + value->n - 5, ".json")))) {
        const struct jobs_profile *file =
            value_host_path(l, value, k->name, false, &path) ? profile_load(l, value, path) : NULL;

        if (file != NULL)
            s->file = file;
        s->profile = JOBS_SECCOMP_DEFAULT;
        return file != NULL;
    }
    if (!value_choice(l, value, &words, &index))
        return false;
    s->profile = (enum jobs_seccomp_profile)index;
    s->file = NULL;
    return true;
}

void key_set_profile(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    (void)read_profile(l, k, value, object);
}

/* A word is the whole of it; a map merges with that of defaults, so that it never weakens a profile
 * that it does not name. */
void key_set_seccomp(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    struct draft *d = object;
    struct jobs_seccomp *s = &d->job.seccomp;

    if (value->kind == NODE_SCALAR) {
        *s = (struct jobs_seccomp){0};
        (void)read_profile(l, k, value, s);
        return;
    }
    (void)keys_apply(l, k->sub, value, s);
    for (size_t a = 0; s->allow != NULL && s->allow[a] != NULL; a++)
        if (jobs_names_have(s->deny, s->allow[a]))
            problem_at(l, value, "'%s' is both allowed and denied", s->allow[a]);
}

/* ---- for those who compile ---- */

bool jobs_names_have(const char *const *names, const char *name)
{
    for (; names != NULL && *names != NULL; names++)
        if (str_eq(*names, name))
            return true;
    return false;
}

static bool same_names(const char *const *a, const char *const *b)
{
    if (a == b || a == NULL || b == NULL)
        return a == b;
    while (*a != NULL && *b != NULL && str_eq(*a, *b))
        a++, b++;
    return *a == NULL && *b == NULL;
}

bool jobs_seccomp_equal(const struct jobs_seccomp *a, const struct jobs_seccomp *b)
{
    return a->profile == b->profile &&
           (a->file == b->file ||
            (a->file != NULL && b->file != NULL && str_eq(a->file->path, b->file->path))) &&
           same_names(a->allow, b->allow) && same_names(a->deny, b->deny);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* capabilities: the names of the kernel's capabilities, and which of them a job file may ask for:
 * those that mean something in a user namespace and leave the sandbox whole. */
#include "jobs/load.h"

#include <linux/capability.h>
#include <strings.h>

static const char nothing[] = "the kernel asks for it on the host, so a job would gain nothing";
static const char mounts[] = "it changes mounts and namespaces, and so undoes the sandbox";
static const char network[] =
    "it opens the kernel's packet filters and traffic control, which have let processes out";
static const char refused[] = "the calls that it is for are refused by the system call filter";
static const char identity[] = "it changes what /proc tells of a process";

static const struct {
    const char *name;
    unsigned number;
    const char *why; /* no job may have it; NULL: it may */
} table[] = {
    {"CHOWN", CAP_CHOWN, NULL},
    {"DAC_OVERRIDE", CAP_DAC_OVERRIDE, NULL},
    {"DAC_READ_SEARCH", CAP_DAC_READ_SEARCH, NULL},
    {"FOWNER", CAP_FOWNER, NULL},
    {"FSETID", CAP_FSETID, NULL},
    {"IPC_OWNER", CAP_IPC_OWNER, NULL},
    {"KILL", CAP_KILL, NULL},
    {"LEASE", CAP_LEASE, NULL},
    {"NET_BIND_SERVICE", CAP_NET_BIND_SERVICE, NULL},
    {"NET_RAW", CAP_NET_RAW, NULL},
    {"SETFCAP", CAP_SETFCAP, NULL},
    {"SETGID", CAP_SETGID, NULL},
    {"SETPCAP", CAP_SETPCAP, NULL},
    {"SETUID", CAP_SETUID, NULL},
    {"SYS_CHROOT", CAP_SYS_CHROOT, NULL},
    {"SYS_PTRACE", CAP_SYS_PTRACE, NULL},

    {"SYS_ADMIN", CAP_SYS_ADMIN, mounts},
    {"NET_ADMIN", CAP_NET_ADMIN, network},
    {"BPF", CAP_BPF, refused},
    {"PERFMON", CAP_PERFMON, refused},
    {"AUDIT_WRITE", CAP_AUDIT_WRITE, refused},
    {"AUDIT_CONTROL", CAP_AUDIT_CONTROL, refused},
    {"AUDIT_READ", CAP_AUDIT_READ, refused},
    {"SYS_MODULE", CAP_SYS_MODULE, refused},
    {"SYS_BOOT", CAP_SYS_BOOT, refused},
    {"SYS_TIME", CAP_SYS_TIME, refused},
    {"SYS_PACCT", CAP_SYS_PACCT, refused},
    {"SYSLOG", CAP_SYSLOG, refused},
    {"CHECKPOINT_RESTORE", CAP_CHECKPOINT_RESTORE, identity},
    {"BLOCK_SUSPEND", CAP_BLOCK_SUSPEND, nothing},
    {"IPC_LOCK", CAP_IPC_LOCK, nothing},
    {"LINUX_IMMUTABLE", CAP_LINUX_IMMUTABLE, nothing},
    {"MAC_ADMIN", CAP_MAC_ADMIN, nothing},
    {"MAC_OVERRIDE", CAP_MAC_OVERRIDE, nothing},
    {"MKNOD", CAP_MKNOD, nothing},
    {"NET_BROADCAST", CAP_NET_BROADCAST, nothing},
    {"SYS_NICE", CAP_SYS_NICE, nothing},
    {"SYS_RAWIO", CAP_SYS_RAWIO, nothing},
    {"SYS_RESOURCE", CAP_SYS_RESOURCE, nothing},
    {"SYS_TTY_CONFIG", CAP_SYS_TTY_CONFIG, nothing},
    {"WAKE_ALARM", CAP_WAKE_ALARM, nothing},
};

static void unknown(struct loader *l, const struct node *item, const char *word)
{
    const char *names[ARRAY_SIZE(table)], *near;
    char upper[64];
    size_t n = 0;

    for (; word[n] != '\0' && n < sizeof(upper) - 1; n++)
        upper[n] = (char)(word[n] >= 'a' && word[n] <= 'z' ? word[n] - 'a' + 'A' : word[n]);
    upper[n] = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        names[i] = table[i].name;
    near = str_nearest(upper, names, ARRAY_SIZE(table));
    problem_at(l, item, "there is no capability '%s'%s%s%s", item->text,
               near != NULL ? ", did you mean '" : "", near != NULL ? near : "",
               near != NULL ? "'?" : "");
}

static bool read_capability(struct loader *l, const struct node *item, uint64_t *set)
{
    const char *word = item->text;

    if (strncasecmp(word, "CAP_", 4) == 0)
        word += 4;
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        if (strcasecmp(table[i].name, word) != 0)
            continue;
        if (table[i].why != NULL) {
            problem_at(l, item, "no job may have the capability '%s': %s", item->text,
                       table[i].why);
            return false;
        }
        *set |= UINT64_C(1) << table[i].number;
        return true;
    }
    unknown(l, item, word);
    return false;
}

/* The list is all that the command has: it replaces the set that comes with the user. */
void key_set_capabilities(struct loader *l, const struct key *k, const struct node *value,
                          void *object)
{
    struct draft *d = object;

    d->job.capabilities = (struct jobs_capabilities){.given = true};
    for (const struct node *item = items_first(value); item != NULL; item = items_next(value, item))
        if (value_is_text(l, item, k->name, k->value))
            (void)read_capability(l, item, &d->job.capabilities.set);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* devices: the names of what a job may have in its /dev, and why it may not have others. */
#include "jobs/load.h"

#include <string.h>

const char *const jobs_device_names[JOBS_DEVICE_COUNT] = {
    [JOBS_DEVICE_NULL] = "null",     [JOBS_DEVICE_ZERO] = "zero",       [JOBS_DEVICE_FULL] = "full",
    [JOBS_DEVICE_RANDOM] = "random", [JOBS_DEVICE_URANDOM] = "urandom", [JOBS_DEVICE_TTY] = "tty",
    [JOBS_DEVICE_PTS] = "pts",       [JOBS_DEVICE_PTMX] = "ptmx",       [JOBS_DEVICE_SHM] = "shm",
    [JOBS_DEVICE_MQUEUE] = "mqueue", [JOBS_DEVICE_KVM] = "kvm",
};

/* What people ask for and no job may have. A star stands for the rest of the name. */
static const struct {
    const char *name, *why;
} refused[] = {
    {"fuse", "what it is for is mounting, which no job may do"},
    {"net/tun", "what it is for takes the right over a network, which no job has"},
    {"loop*", "what it is for is mounting, which no job may do"},
    {"console", "it is the machine's"},
    {"kmsg", "it is the machine's log"},
    {"mem", "it is the machine's memory"},
    {"port", "it is the machine's memory"},
    {"sd*", "it is a disk of the machine's"},
    {"nvme*", "it is a disk of the machine's"},
    {"vd*", "it is a disk of the machine's"},
    {"fd", "it is there anyway"},
    {"stdin", "it is there anyway"},
    {"stdout", "it is there anyway"},
    {"stderr", "it is there anyway"},
};

static const char *why_refused(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        size_t n = strcspn(refused[i].name, "*");

        if (refused[i].name[n] == '*' ? strncmp(name, refused[i].name, n) == 0
                                      : str_eq(name, refused[i].name))
            return refused[i].why;
    }
    return NULL;
}

static void devices_refuse(struct loader *l, const struct node *item)
{
    const char *why = why_refused(item->text), *near;

    if (why != NULL) {
        problem_at(l, item, "'devices' cannot have '%s': %s", item->text, why);
        return;
    }
    near = str_nearest(str_starts(item->text, "/dev/") ? item->text + strlen("/dev/") : item->text,
                       jobs_device_names, JOBS_DEVICE_COUNT);
    problem_at(l, item, "there is no device '%s' for jobs%s%s%s", item->text,
               near != NULL ? ", did you mean '" : "", near != NULL ? near : "",
               near != NULL ? "'?" : "");
}

bool jobs_device_find(const char *name, enum jobs_device *ret)
{
    for (enum jobs_device d = 0; d < JOBS_DEVICE_COUNT; d++)
        if (str_eq(name, jobs_device_names[d])) {
            *ret = d;
            return true;
        }
    return false;
}

/* The list is all that there is, but for null, which is every command's standard input. */
void key_set_devices(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    struct draft *d = object;
    uint32_t set = 1u << JOBS_DEVICE_NULL;

    for (const struct node *item = items_first(value); item != NULL;
         item = items_next(value, item)) {
        enum jobs_device device;

        if (!value_is_text(l, item, k->name, k->value))
            continue;
        if (jobs_device_find(item->text, &device))
            set |= 1u << device;
        else
            devices_refuse(l, item);
    }
    if (((set >> JOBS_DEVICE_PTMX) & 1u) && !((set >> JOBS_DEVICE_PTS) & 1u))
        problem_at(l, value, "'ptmx' is a link into 'pts', which this list does not have");
    d->job.devices = set;
}

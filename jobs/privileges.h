/* SPDX-License-Identifier: Apache-2.0 */
/* privileges: what a job's command may do and hold: system calls, capabilities, devices. Only what
 * a job file says of them; the sandbox carries it out. */
#pragma once

#include "base/base.h"

/* ---- system calls ---- */

enum jobs_seccomp_profile {
    JOBS_SECCOMP_DEFAULT, /* refuses what no job needs, allows the rest */
    /* allows what programs of the common languages need, and of that nothing that default refuses
     */
    JOBS_SECCOMP_STRICT,
};
/* A profile from a file; actions and operators are libseccomp's. */
struct jobs_profile_argument {
    unsigned index, op;
    uint64_t value, second;
};
struct jobs_profile_rule {
    const char *name;
    uint32_t action;
    struct jobs_profile_argument arguments[6]; /* all of them have to hold */
    size_t n_arguments;
};
struct jobs_profile {
    const char *path;
    uint32_t otherwise;
    struct jobs_profile_rule *rules;
    size_t n_rules;
    const struct jobs_profile *next; /* of the file's */
};
struct jobs_seccomp {
    enum jobs_seccomp_profile profile;
    /* in place of `strict`, with JOBS_SECCOMP_DEFAULT; NULL: none */
    const struct jobs_profile *file;
    const char *const *allow; /* NULL-terminated names, or NULL */
    const char *const *deny;
};
bool jobs_seccomp_equal(const struct jobs_seccomp *a, const struct jobs_seccomp *b);
/* Whether the NULL-terminated list (NULL: empty) has the name. */
bool jobs_names_have(const char *const *names, const char *name);

/* What the default profile refuses, whatever the arguments. */
struct jobs_refused_call {
    const char *name;
    const char *why; /* `allow` may not name it; NULL: it may */
};
extern const struct jobs_refused_call jobs_refused_calls[];
extern const size_t jobs_refused_calls_count;
/* Without these a command cannot be started: no job file can deny them. */
extern const char *const jobs_needed_calls[];
extern const size_t jobs_needed_calls_count;

/* ---- capabilities ---- */

/* What the command holds: bits by capability number. Not given: what comes with its user. */
struct jobs_capabilities {
    bool given;
    uint64_t set;
};

/* ---- devices ---- */

/* What a job may have in its /dev; a job's are bits by these. */
enum jobs_device {
    JOBS_DEVICE_NULL, /* which every job has */
    JOBS_DEVICE_ZERO,
    JOBS_DEVICE_FULL,
    JOBS_DEVICE_RANDOM,
    JOBS_DEVICE_URANDOM,
    JOBS_DEVICE_TTY,
    JOBS_DEVICE_PTS,
    JOBS_DEVICE_PTMX,
    JOBS_DEVICE_SHM,
    JOBS_DEVICE_MQUEUE,
    JOBS_DEVICE_KVM, /* from here on, only what the caller allows too (--allow-device) */
    JOBS_DEVICE_COUNT,
};
#define JOBS_DEVICES_USUAL ((1u << JOBS_DEVICE_KVM) - 1)
extern const char *const jobs_device_names[JOBS_DEVICE_COUNT];
bool jobs_device_find(const char *name, enum jobs_device *ret);

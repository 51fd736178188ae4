/* SPDX-License-Identifier: Apache-2.0 */
/* rights_explain: why the kernel refuses a user namespace to an ordinary user, from what it and its
 * distribution say about themselves. */
#include "harness/rights/rights.h"

#include <fcntl.h>
#include <string.h>

/* Files that say why; a kernel has those of its distribution. */
static const struct {
    const char *file;
    const char *blocking; /* the value that blocks */
    const char *remedy;
} switches[] = {
    {"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1",
     "AppArmor restricts user namespaces here (Ubuntu 23.10 and later): install cupel's profile, "
     "packaging/apparmor/cupel, into "
     "/etc/apparmor.d and load it with `apparmor_parser -r`; or, for every program, sysctl -w "
     "kernel.apparmor_restrict_unprivileged_userns=0"},
    {"/proc/sys/kernel/unprivileged_userns_clone", "0",
     "this kernel keeps user namespaces to root: sysctl -w kernel.unprivileged_userns_clone=1"},
    {"/proc/sys/user/max_user_namespaces", "0",
     "user namespaces are switched off: sysctl -w user.max_user_namespaces=10000"},
};

static bool says(const char *file, const char *value)
{
    cleanup_free char *text = NULL;
    size_t len;

    if (file_read_at(AT_FDCWD, file, 64, &text, &len) < 0)
        return false;
    text[strcspn(text, "\n")] = '\0';
    return str_eq(text, value);
}

/* "Seccomp:	2" in proc_pid_status(5): somebody has put a filter over us. */
static bool is_filtered(void)
{
    cleanup_close int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    cleanup_free char *text = NULL;
    size_t len;

    return fd >= 0 && file_read_fd(fd, (size_t)1 << 16, &text, &len) == 0 &&
           strstr(text, "\nSeccomp:\t2\n") != NULL;
}

/* "docker-default (enforce)": the profile of AppArmor's that we are under, without its mode. One in
 * another mode refuses nothing, but for what no file says. */
static bool find_profile(char *ret_name, size_t size)
{
    static const char *const files[] = {"/proc/self/attr/apparmor/current",
                                        "/proc/self/attr/current"};

    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        cleanup_close int fd = open(files[i], O_RDONLY | O_CLOEXEC);
        cleanup_free char *text = NULL;
        char *mode;
        size_t len;

        if (fd < 0 || file_read_fd(fd, 4096, &text, &len) < 0 ||
            (mode = strstr(text, " (enforce)")) == NULL)
            continue;
        *mode = '\0';
        (void)snprintf(ret_name, size, "%s", text);
        return true;
    }
    return false;
}

void rights_explain_refusal(int errnum, char *ret_text, size_t size)
{
    const char *why = NULL;
    char profile[128];

    errnum = errnum < 0 ? -errnum : errnum;
    for (size_t i = 0; why == NULL && i < ARRAY_SIZE(switches); i++)
        if (says(switches[i].file, switches[i].blocking))
            why = switches[i].remedy;
    if (why == NULL && errnum == ENOSPC)
        why = "the limit of user namespaces is used up: sysctl -w user.max_user_namespaces=10000, "
              "or fewer levels of "
              "containers";
    if (why == NULL && (errnum == EINVAL || errnum == ENOSYS))
        why = "boot a kernel with CONFIG_USER_NS, or start cupel as root";
    if (why == NULL && process_is_chrooted()) /* before those who may refuse: it does */
        why = CHROOT_REMEDY;
    if (why == NULL && find_profile(profile, sizeof(profile))) {
        (void)snprintf(ret_text, size,
                       "AppArmor's profile '%s', which cupel was started under, refuses it: start "
                       "cupel outside of that "
                       "(a container: docker run --security-opt apparmor=unconfined), or give the "
                       "profile the rules "
                       "`userns,`, `capability,` and `mount,`",
                       profile);
        return;
    }
    if (why == NULL && is_filtered())
        why = "a seccomp filter of the container refuses it: start the container with one that "
              "allows user namespaces "
              "(docker "
              "run --security-opt seccomp=unconfined --security-opt systempaths=unconfined; podman "
              "allows them), or give "
              "the container the rights themselves (--privileged)";
    (void)snprintf(ret_text, size, "%s",
                   why != NULL ? why
                               : "start cupel as root (in a container, --privileged), and outside "
                                 "of any chroot; `cupel doctor` tells more");
}

/* SPDX-License-Identifier: Apache-2.0 */
/* host_state: see host_state.h. The whole of a host's root is too much to be read, and never all
 * the same: so its package managers' records are looked at, and the directories in which programs
 * and libraries lie. Not responsible for what is made of that (kept_verdicts.c). */
#include "harness/prepare/host_state.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* Each that there is counts by what it is and when it changed: a directory changes when a name in
 * it comes, goes or becomes another file's. */
static const char *const host_places[] = {
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
    "/usr/bin",
    "/usr/sbin",
    "/usr/lib",
    "/usr/lib64",
    "/usr/libexec",
    "/usr/include",
    "/usr/share",
    "/usr/local",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/usr/local/lib",
    "/usr/local/include",
    "/opt",
    "/etc/alternatives",
    "/etc/ld.so.cache",
    /* what is installed: of dpkg, rpm, pacman, apk, portage, nix */
    "/var/lib/dpkg/status",
    "/var/lib/rpm/rpmdb.sqlite",
    "/var/lib/rpm/Packages",
    "/usr/lib/sysimage/rpm/rpmdb.sqlite",
    "/usr/lib/sysimage/rpm/Packages.db",
    "/var/lib/pacman/local",
    "/lib/apk/db/installed",
    "/var/db/pkg",
    "/run/current-system",
};

void host_state_of_root(struct strbuf *to)
{
    for (size_t i = 0; i < ARRAY_SIZE(host_places); i++) {
        struct stat st;

        if (stat(host_places[i], &st) < 0)
            continue;
        strbuf_addf(to, "%s %llx %llx %lld %lld.%09ld\n", host_places[i],
                    (unsigned long long)st.st_dev, (unsigned long long)st.st_ino,
                    S_ISREG(st.st_mode) ? (long long)st.st_size : 0, (long long)st.st_ctim.tv_sec,
                    st.st_ctim.tv_nsec);
    }
}

#define CPUINFO_MAX ((size_t)16 * 1024) /* of the first processor, and some more */

void host_state_of_processor(struct strbuf *to)
{
    static const char *const names[] = {"model name", "Model", "cpu model", "CPU part"};
    cleanup_close int fd = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
    cleanup_free char *text = xmalloc(CPUINFO_MAX + 1);
    ssize_t n = fd >= 0 ? read(fd, text, CPUINFO_MAX) : 0;

    text[n > 0 ? n : 0] = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const char *at = strstr(text, names[i]);

        if (at == NULL)
            continue;
        strbuf_add(to, at, strcspn(at, "\n"));
        return;
    }
}

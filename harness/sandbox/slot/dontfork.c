/* SPDX-License-Identifier: Apache-2.0 */
/* dontfork: PID 1 and the commands are forked from a process that has shared libraries mapped, for
 * YAML and JSON, and two dozen more where a root was made (base/late.h), of which they use none.
 * Copying and dropping two dozen was a seventh of what starting a job cost. Marked MADV_DONTFORK
 * (madvise(2)), they stay behind. What runs in such a child may call libc and this program only:
 * start it with clone or _Fork, never with fork(), which would run handlers that a library
 * registered. */
#include "harness/sandbox/slot/dontfork.h"

#include "base/base.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

/* What may stay behind: the libraries that this program names, and theirs. */
static const char *const left_behind[] = {
    "libacl.so",
    "libarchive.so",
    "libbz2.so",
    "libcap.so",
    "libcrypto.so",
    "libicudata.so",
    "libicuuc.so",
    "libjansson.so",
    "liblz4.so",
    "liblzma.so",
    "libmnl.so",
    "libnettle.so",
    "libpcre2-8.so",
    "libseccomp.so",
    "libstdc++.so",
    "libxml2.so",
    "libyaml-0.so",
    "libz.so",
    "libzstd.so",
    /* of a server */
    "libffi.so",
    "libgmp.so",
    "libgnutls.so",
    "libhogweed.so",
    "libidn2.so",
    "libmicrohttpd.so",
    "libp11-kit.so",
    "libtasn1.so",
    "libunistring.so",
};
/* What is needed there. All of it is bound at start (-z now), so no symbol is ever looked up in
 * what stayed behind. */
static const char *const kept[] = {"libc.so", "ld-linux", "libm.so", "libgcc_s.so"};

static bool is_one_of(const char *name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_starts(name, list[i]))
            return true;
    return false;
}

/* The file name of a line of /proc/PID/maps ("start-end perms offset dev inode path", proc(5)) when
 * it is a library's. */
static const char *library_of(const char *line)
{
    const char *name = strrchr(line, '/');

    return name != NULL && strstr(name, ".so") != NULL ? name + 1 : NULL;
}

/* Something that was preloaded, or a sanitizer: it may stand in for libc, and look symbols up at
 * any time. */
static bool is_foreign(const char *line)
{
    const char *name = library_of(line);

    return name != NULL && !is_one_of(name, left_behind, ARRAY_SIZE(left_behind)) &&
           !is_one_of(name, kept, ARRAY_SIZE(kept));
}

static void advise(const char *line, bool leave)
{
    const char *name = library_of(line);
    unsigned long start, end;

    if (name == NULL || !is_one_of(name, left_behind, ARRAY_SIZE(left_behind)) ||
        sscanf(line, "%lx-%lx", &start, &end) != 2)
        return;
    /* a refusal costs a little time only */
    (void)madvise((void *)start, end - start, leave ? MADV_DONTFORK : MADV_DOFORK);
}

static bool any_foreign(const char *text)
{
    cleanup_free char *copy = xstrdup(text);
    char *save = NULL;

    for (char *line = strtok_r(copy, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save))
        if (is_foreign(line))
            return true;
    return false;
}

void dontfork_libraries(bool leave)
{
    cleanup_close int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    cleanup_free char *text = NULL;
    char *save = NULL;
    size_t len;

    if (fd < 0 || file_read_fd(fd, (size_t)1 << 20, &text, &len) < 0 || any_foreign(text))
        return;
    for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save))
        advise(line, leave);
}

/* lean: PID 1 and the commands are forked from a process that has two dozen shared libraries mapped, for YAML, XML and
 * archives, of which they use none. Copying and dropping those mappings was a fifth of what starting a job cost. Marked
 * MADV_DONTFORK (madvise(2)), they stay behind. What runs in such a child may call libc and this program only: start it with
 * clone or _Fork, never with fork(), which would run handlers that a library registered. */
#include "harness/sandbox/private.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

/* Ours by name, and theirs; never what somebody preloaded, which may stand in for libc. */
static const char *const left_behind[] = {
    "libacl.so",    "libarchive.so", "libbz2.so",    "libcap.so",  "libcrypto.so", "libicudata.so",
    "libicuuc.so",  "libjansson.so", "liblz4.so",    "liblzma.so", "libnettle.so", "libseccomp.so",
    "libstdc++.so", "libxml2.so",    "libyaml-0.so", "libz.so",    "libzstd.so",
};

static bool is_library_to_leave(const char *path)
{
    const char *name = strrchr(path, '/');

    for (size_t i = 0; name != NULL && i < ARRAY_SIZE(left_behind); i++)
        if (str_starts(name + 1, left_behind[i]))
            return true;
    return false;
}

/* "start-end perms offset dev inode path" (proc(5)) */
static void leave_line(const char *line)
{
    unsigned long start, end;
    const char *path = strchr(line, '/');

    if (path == NULL || !is_library_to_leave(path) || sscanf(line, "%lx-%lx", &start, &end) != 2)
        return;
    (void)madvise((void *)start, end - start, MADV_DONTFORK); /* a refusal costs a little time only */
}

void lean_leave_libraries(void)
{
    cleanup_close int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    cleanup_free char *text = NULL;
    char *save = NULL;
    size_t len;

    if (fd < 0 || file_read_fd(fd, (size_t)1 << 20, &text, &len) < 0)
        return;
    for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save))
        leave_line(line);
}

/* lean: PID 1 and the commands are forked from a process that has two dozen shared libraries mapped, for YAML, XML and
 * archives, of which they use none. Copying and dropping those mappings was a fifth of what starting a job cost. Marked
 * MADV_DONTFORK (madvise(2)), they stay behind. What runs in such a child may call libc and this program only: start it with
 * clone or _Fork, never with fork(), which would run handlers that a library registered. */
#include "harness/sandbox/private.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

/* libc and the loader, and what the sanitizers need everywhere. */
static const char *const kept[] = {"libc.so",  "libc-",   "ld-linux", "ld-",    "libasan",
                                   "libubsan", "libm.so", "libgcc_s", "libgcov"};

static bool is_library_to_leave(const char *path)
{
    const char *name = strrchr(path, '/');

    if (name == NULL || strstr(name, ".so") == NULL)
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
        if (str_starts(name + 1, kept[i]))
            return false;
    return true;
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

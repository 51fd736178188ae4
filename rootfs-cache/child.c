/* child: a process that works in one directory tree and reports one result. Not responsible for what it does there. */
#include "rootfs-cache/child.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* A decompressor's dictionary can ask for any amount of memory; this is more than any real one does. */
#define CHILD_MEMORY_MAX ((rlim_t)4 << 30)

/* AddressSanitizer reserves terabytes of address space. */
#if defined(__SANITIZE_ADDRESS__)
#define CHILD_SANITIZED true
#elif defined(__has_feature)
#define CHILD_SANITIZED __has_feature(address_sanitizer)
#else
#define CHILD_SANITIZED false
#endif

struct child_result {
    int r;
    struct child_counts counts;
    struct cupel_error err;
};

/* What writing (and reading) any tree takes, and nothing else: no mounts, no devices, no tracing, no way out of the
 * chroot. */
static const cap_value_t child_caps[] = {CAP_CHOWN,  CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH,
                                         CAP_FOWNER, CAP_FSETID,       CAP_SETFCAP};

static int drop_capabilities(void)
{
    cap_t caps = cap_init();
    int r = 0;

    if (caps == NULL)
        return -errno;
    if (cap_set_flag(caps, CAP_PERMITTED, (int)ARRAY_SIZE(child_caps), child_caps, CAP_SET) < 0 ||
        cap_set_flag(caps, CAP_EFFECTIVE, (int)ARRAY_SIZE(child_caps), child_caps, CAP_SET) < 0 ||
        cap_set_proc(caps) < 0)
        r = -errno;
    (void)cap_free(caps);
    return r;
}

/* Keeps 0..2 and the given ones: they are moved to 3, 4, 5, ... and all above is closed. */
static int keep_only(int *const fds[], size_t n)
{
    int first = 3, above = first + (int)n;

    for (size_t i = 0; i < n; i++) {
        int high = *fds[i] < 0 ? *fds[i] : fcntl(*fds[i], F_DUPFD_CLOEXEC, above);

        if (high < 0 && *fds[i] >= 0)
            return -errno;
        *fds[i] = high;
    }
    for (size_t i = 0; i < n; i++) {
        int number = first + (int)i;

        if (*fds[i] < 0) {
            (void)close(number);
            continue;
        }
        if (dup3(*fds[i], number, O_CLOEXEC) < 0)
            return -errno;
        *fds[i] = number;
    }
    return close_range((unsigned)above, UINT_MAX, 0) < 0 ? -errno : 0;
}

static int confine(int tree, pid_t parent)
{
    struct rlimit none = {0, 0}, memory = {CHILD_MEMORY_MAX, CHILD_MEMORY_MAX};

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return -errno;
    if (getppid() != parent) /* died before the line above */
        return -ESRCH;
    /* names in pax headers are UTF-8; with the C locale libarchive could not hand them on */
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL && setlocale(LC_CTYPE, "") == NULL)
        return -ENOENT;
    (void)umask(022); /* for directories that an archive only implies; its own modes are set exactly */
    (void)setrlimit(RLIMIT_CORE, &none);
    if (!CHILD_SANITIZED)
        (void)setrlimit(RLIMIT_AS, &memory);
    if (fchdir(tree) < 0)
        return -errno;
    if (geteuid() == 0 && (chroot(".") < 0 || drop_capabilities() < 0))
        return -errno;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

static _Noreturn void child_main(const struct child_work *work, int out, pid_t parent)
{
    struct child_result result = {0};
    int fd = work->fd, keep = work->keep;
    int **fds = xcalloc(3 + work->n_more, sizeof(*fds));
    int r;

    fds[0] = &fd;
    fds[1] = &out;
    fds[2] = &keep;
    for (size_t i = 0; i < work->n_more; i++)
        fds[3 + i] = &work->more[i];
    r = confine(work->tree, parent);
    if (r == 0)
        r = keep_only(fds, 3 + work->n_more);
    if (r < 0)
        result.r = cupel_error_set(&result.err, CUPEL_ERROR_HARNESS, r, "cannot confine a process to the root cache");
    else
        result.r = work->fn(work->arg, fd, &result.counts, &result.err);
    _exit(file_write_all(out, &result, sizeof(result)) < 0);
}

/* Reads the result until the child closes its end; a child that crashed left less than one. */
static int read_result(int fd, struct child_result *ret_result)
{
    size_t got = 0;

    while (got < sizeof(*ret_result)) {
        ssize_t n = read(fd, (char *)ret_result + got, sizeof(*ret_result) - got);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return -EPIPE;
        got += (size_t)n;
    }
    return 0;
}

int child_run(const struct child_work *work, struct child_counts *ret_counts, struct cupel_error *err)
{
    cleanup_close int in = -EBADF, out = -EBADF;
    struct child_result result;
    pid_t pid, parent = getpid();
    int ends[2], status, r;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot make a pipe");
    in = ends[0];
    out = ends[1];
    pid = fork();
    if (pid < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot start a process");
    if (pid == 0)
        child_main(work, out, parent);
    base_closep(&out);
    out = -EBADF;
    r = read_result(in, &result);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot wait for a process");
    if (r < 0) {
        if (WIFSIGNALED(status))
            return cupel_error_set(err, CUPEL_ERROR_HARNESS, 0, "cannot %s: the process at work on it was killed by %s",
                                   work->what, strsignal(WTERMSIG(status)));
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, 0, "cannot %s: the process at work on it gave no result",
                               work->what);
    }
    if (result.r < 0) {
        *err = result.err;
        return result.r;
    }
    *ret_counts = result.counts;
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* selftest_scene: what is laid out on the host for the probes to look for (a secret file, a shared
 * directory with a FIFO, a key, a listener), and the odd state that a job must not inherit.
 * Everything goes with scene_close. */
#include "harness/selftest/selftest_private.h"

#include "base/weaken.h"

#include <fcntl.h>
#include <linux/keyctl.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/personality.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define SPARSE_BYTES (UINT64_C(1) << 40)
#define SPARSE_BYTES_SHOWN (UINT64_C(32) << 20) /* where its holes are really written */

static int make_file(const struct selftest_scene *s, const char *name, const char *text,
                     mode_t mode)
{
    cleanup_free char *path = xasprintf("%s/%s", s->dir, name);
    cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int r = fd < 0 ? -errno : file_write_all(fd, text, strlen(text));

    return r == 0 && fchmod(fd, mode) < 0 ? -errno : r;
}

static int make_files(struct selftest_scene *s)
{
    cleanup_free char *shared = NULL, *fifo = NULL, *content = NULL;
    int r = place_make(&s->dir, &s->lock);

    if (r < 0)
        return r;
    s->secret = xasprintf("%s/secret/file", s->dir);
    shared = xasprintf("%s/secret", s->dir);
    if (chmod(s->dir, 0755) < 0 || mkdir(shared, 0755) < 0)
        return -errno;
    free(shared);
    shared = xasprintf("%s/shared", s->dir);
    fifo = xasprintf("%s/fifo", shared);
    if (mkdir(shared, 0755) < 0 || mkfifo(fifo, 0666) < 0 || chmod(fifo, 0666) < 0)
        return -errno;
    content = xasprintf("secret-%s\n", s->token);
    r = make_file(s, "secret/file", content, 0644);
    if (r == 0)
        r = make_file(s, "shared/file", "shared\n", 0644);
    if (r == 0)
        r = make_file(s, "shared/script", "#!/proc/self/exe\n", 0755);
    return r;
}

static void make_token(struct selftest_scene *s)
{
    uint32_t number;

    if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != (ssize_t)sizeof(number))
        number = (uint32_t)getpid(); /* uniqueness is all that is asked of it */
    (void)snprintf(s->token, sizeof(s->token), "%08x", number);
}

static int listen_on_loopback(struct selftest_scene *s)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);

    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s->listener < 0 || bind(s->listener, (struct sockaddr *)&address, len) < 0 ||
        listen(s->listener, 8) < 0 ||
        getsockname(s->listener, (struct sockaddr *)&address, &len) < 0)
        return -errno;
    s->port = ntohs(address.sin_port);
    return 0;
}

/* Adds a key to a session keyring of our own, which goes with this process. A kernel or container
 * without keys has nothing to be found. */
static void add_key(const struct selftest_scene *s)
{
    cleanup_free char *name = xasprintf("selftest-%s", s->token);

    if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) >= 0)
        (void)syscall(SYS_add_key, "user", name, "key", (size_t)3, KEY_SPEC_SESSION_KEYRING);
}

static char *own_namespaces(void)
{
    static const char *const names[] = {"cgroup", "ipc",  "mnt",  "net",
                                        "pid",    "time", "user", "uts"};
    struct strbuf b = {0};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        char path[64], target[64];
        ssize_t n;

        (void)snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
        n = readlink(path, target, sizeof(target));
        if (n > 0)
            strbuf_addf(&b, "%.*s ", (int)n, target);
    }
    return b.data != NULL ? b.data : xstrdup("");
}

int scene_open(struct selftest_scene *s, const struct selftest_options *options,
               struct cupel_error *err)
{
    int r;

    *s = (struct selftest_scene){.options = options, .lock = -EBADF, .listener = -EBADF};
    s->sparse_bytes = weakened("artifact-holes") ? SPARSE_BYTES_SHOWN : SPARSE_BYTES;
    make_token(s);
    s->namespaces = own_namespaces();
    r = make_files(s);
    if (r == 0)
        r = listen_on_loopback(s);
    if (r < 0) {
        (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, r,
                              "cannot lay out the files of the self-test below %s",
                              s->dir != NULL ? s->dir : place_base());
        if (s->dir == NULL)
            cupel_error_hint(err, "TMPDIR names another directory");
        scene_close(s);
        return r;
    }
    add_key(s);
    return 0;
}

void scene_close(struct selftest_scene *s)
{
    if (s->dir != NULL && file_remove_tree_at(AT_FDCWD, s->dir) < 0)
        log_warning("cannot remove %s", s->dir);
    base_closep(&s->lock);
    base_closep(&s->listener);
    json_decref(s->results);
    free(s->dir);
    free(s->secret);
    free(s->namespaces);
    free(s->mount_left);
    free(s->out);
    free(s->console);
    free(s->verdicts);
}

void scene_be_odd(struct selftest_scene *s)
{
    struct rlimit files;

    (void)s;
    (void)umask(002); /* a caller's own never gets this far: main() sets it */
    (void)signal(SIGUSR2, SIG_IGN);
    (void)setpriority(PRIO_PROCESS, 0, 1);
    (void)personality(ADDR_NO_RANDOMIZE);
    (void)file_put_at(AT_FDCWD, "/proc/self/oom_score_adj", "100");
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur != 1025 && files.rlim_max > 1025) {
        files.rlim_cur = 1025;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    (void)setenv("NOT_FOR_JOBS", "1", 1);
}

/* The rest changes nothing that is still to be done, and root alone could put it back. */
void scene_be_normal(struct selftest_scene *s)
{
    (void)s;
    (void)umask(022);
    (void)unsetenv("NOT_FOR_JOBS");
}

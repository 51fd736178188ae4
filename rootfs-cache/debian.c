/* debian: a suite and a list of packages become a layer, through mmdebstrap. Its tar goes through the same unpacking as
 * any other (unpack.c). Not responsible for what the packages do: their scripts run as the bootstrapping program runs
 * them. */
#include "rootfs-cache/digest.h"
#include "rootfs-cache/sources.h"
#include "rootfs-cache/unpack.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>

/* Part of every key: raised when anything below changes what is in the root. */
#define DEBIAN_RECIPE "debian 1"
#define DEBIAN_PACKAGES_MAX 1000
/* No file is newer than this, so that the same packages give the same layer. (2023-01-01) */
#define DEBIAN_EPOCH "1672531200"
#define DEBIAN_LOG_MAX ((size_t)64 << 20)
/* The bootstrap's own exit codes end at 255 with meanings of perl; this one is ours, from before the exec. */
#define EXIT_NO_NAMESPACE 119

/* Resolver and name of the bootstrapping host, its mirrors, proxies and passwords do not belong in the layer. Without
 * /etc/hosts "localhost" is no name at all. */
static const char customize[] = "rm -f \"$1\"/etc/resolv.conf \"$1\"/etc/hostname "
                                "\"$1\"/etc/apt/apt.conf.d/99mmdebstrap \"$1\"/etc/apt/sources.list "
                                "\"$1\"/etc/apt/sources.list.d/* && printf '127.0.0.1 localhost\\n::1 localhost "
                                "ip6-localhost\\n' >\"$1\"/etc/hosts";

/* As in Debian's own slim images: what no build or test reads. */
static const char *const excluded[] = {
    "--dpkgopt=path-exclude=/usr/share/man/*",    "--dpkgopt=path-exclude=/usr/share/info/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    "--dpkgopt=path-exclude=/usr/share/locale/*", "--dpkgopt=path-exclude=/usr/share/lintian/*",
};

struct bootstrap {
    struct cache *cache;
    const struct cache_source *source;
    struct store_draft *draft;
    const char **packages; /* sorted, each once */
    size_t n_packages;
    char *work; /* absolute: draft's work/ */
    int work_dir;
    bool has_sources;
};

/* ---- what is asked for ---------------------------------------------------------------------------------------------
 */

static bool is_plain(const char *word)
{
    static const char ok[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.:~=_";

    return word[0] != '\0' && word[0] != '-' && strspn(word, ok) == strlen(word);
}

static int check_source(const struct cache_source *source, struct cupel_error *err)
{
    size_t n = 0;

    if (!is_plain(source->suite))
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "root '%s': '%s' is no name of a Debian suite", source->name,
                               source->suite);
    for (; source->packages != NULL && source->packages[n] != NULL; n++)
        if (!is_plain(source->packages[n]))
            return cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "root '%s': '%s' is no name of a package", source->name,
                                   source->packages[n]);
    if (n > DEBIAN_PACKAGES_MAX)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "root '%s': more than %d packages", source->name,
                               DEBIAN_PACKAGES_MAX);
    return (int)n;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort_packages(struct bootstrap *b, size_t n)
{
    b->packages = xcalloc(n + 1, sizeof(*b->packages));
    for (size_t i = 0; i < n; i++)
        b->packages[i] = b->source->packages[i];
    qsort(b->packages, n, sizeof(*b->packages), by_text);
    for (size_t i = 0; i < n; i++)
        if (b->n_packages == 0 || !str_eq(b->packages[b->n_packages - 1], b->packages[i]))
            b->packages[b->n_packages++] = b->packages[i];
}

static char *join_packages(const struct bootstrap *b, const char *between)
{
    struct strbuf list = {0};

    strbuf_adds(&list, "");
    for (size_t i = 0; i < b->n_packages; i++)
        strbuf_addf(&list, "%s%s", i > 0 ? between : "", b->packages[i]);
    return list.data;
}

static int make_key(const struct bootstrap *b, char ret_key[CACHE_KEY_LEN + 1])
{
    cleanup_free char *packages = join_packages(b, " ");
    struct utsname host;

    if (uname(&host) < 0)
        return -errno;
    return digest_layer(b->cache, (const char *[]){DEBIAN_RECIPE, host.machine, b->source->suite, packages}, 4,
                        ret_key);
}

static bool have_program(const char *program)
{
    const char *path = getenv("PATH");
    cleanup_free char *copy = xstrdup(path != NULL ? path : "/usr/bin:/bin");
    char *save = NULL;

    for (char *dir = strtok_r(copy, ":", &save); dir != NULL; dir = strtok_r(NULL, ":", &save)) {
        cleanup_free char *file = xasprintf("%s/%s", dir, program);

        if (access(file, X_OK) == 0)
            return true;
    }
    return false;
}

/* ---- running mmdebstrap --------------------------------------------------------------------------------------------
 */

static int write_configuration(struct bootstrap *b)
{
    cleanup_close int etc_apt = open("/etc/apt", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cleanup_strbuf struct strbuf sources = {0}, settings = {0};
    int r;

    strbuf_adds(&settings, "APT::Install-Recommends \"false\";\n"
                           "APT::Sandbox::User \"root\";\n" /* the store is closed to the user _apt */
                           "Dir::Etc::netrc \"/etc/apt/auth.conf\";\nDir::Etc::netrcparts \"/etc/apt/auth.conf.d\";\n");
    (void)apt_settings(&settings);
    if (etc_apt >= 0)
        b->has_sources = apt_sources(etc_apt, b->source->suite, &sources) > 0;
    if (b->has_sources) {
        r = file_write_atomic_at(b->work_dir, "host.sources", sources.data, sources.len, 0600);
        if (r < 0)
            return r;
    }
    return file_write_atomic_at(b->work_dir, "apt.conf", settings.data, settings.len, 0600);
}

static void make_arguments(const struct bootstrap *b, struct arena *arena, const char **argv)
{
    cleanup_free char *packages = join_packages(b, ",");
    size_t n = 0;

    argv[n++] = "mmdebstrap";
    argv[n++] = "--variant=essential";
    argv[n++] = "--format=tar";
    if (b->n_packages > 0)
        argv[n++] = arena_printf(arena, "--include=%s", packages);
    argv[n++] = arena_printf(arena, "--aptopt=%s/apt.conf", b->work);
    for (size_t i = 0; i < ARRAY_SIZE(excluded); i++)
        argv[n++] = excluded[i];
    argv[n++] = arena_printf(arena, "--customize-hook=%s", customize);
    argv[n++] = b->source->suite;
    argv[n++] = arena_printf(arena, "%s/root.tar", b->work);
    if (b->has_sources)
        argv[n++] = arena_printf(arena, "%s/host.sources", b->work);
    argv[n] = NULL;
}
#define DEBIAN_ARGUMENTS_MAX 32

/* In the child: standard input empty, both outputs to the log, signals as a fresh program expects them, and the store's
 * lock inherited: it is held until the last process of the bootstrap is gone. */
static int prepare_exec(const struct bootstrap *b)
{
    cleanup_close int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    cleanup_close int log = openat(b->work_dir, "log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    sigset_t none;

    if (null < 0 || log < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
        return -errno;
    (void)sigemptyset(&none);
    if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
        return -errno;
    for (int i = 1; i < NSIG; i++)
        (void)signal(i, SIG_DFL); /* some numbers are not for setting: fine */
    if (fcntl(b->draft->lock, F_SETFD, 0) < 0 || setenv("TMPDIR", b->work, 1) < 0 ||
        setenv("LC_ALL", "C.UTF-8", 1) < 0 || setenv("SOURCE_DATE_EPOCH", DEBIAN_EPOCH, 1) < 0)
        return -errno;
    return 0;
}

static _Noreturn void exec_bootstrap(const char *const *argv, bool own_namespace)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* a PID namespace needs its own /proc; the host's mounts stay untouched */
    if (own_namespace && (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
                          mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0))
        _exit(EXIT_NO_NAMESPACE);
    (void)execvp(argv[0], (char *const *)(uintptr_t)argv);
    dprintf(2, "E: cannot run %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

/* A process between us and mmdebstrap: it makes the PID namespace, so that a killed bootstrap leaves no process behind.
 */
static _Noreturn void supervise_bootstrap(const struct bootstrap *b, const char *const *argv, bool own_namespace,
                                          pid_t parent)
{
    int status;
    pid_t pid;

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent || prepare_exec(b) < 0)
        _exit(126);
    if (own_namespace && unshare(CLONE_NEWPID | CLONE_NEWNS) < 0)
        _exit(EXIT_NO_NAMESPACE);
    pid = fork();
    if (pid < 0)
        _exit(126);
    if (pid == 0)
        exec_bootstrap(argv, own_namespace);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            _exit(126);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* Returns the wait status, or a negative errno. */
static int run_once(const struct bootstrap *b, const char *const *argv, bool own_namespace)
{
    pid_t parent = getpid(), pid = fork();
    int status;

    if (pid < 0)
        return -errno;
    if (pid == 0)
        supervise_bootstrap(b, argv, own_namespace, parent);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return status;
}

/* The first errors in the log say what happened; the later ones only that it did. */
static void quote_log(const struct bootstrap *b, struct strbuf *out)
{
    cleanup_free char *text = NULL;
    char *save = NULL;
    size_t length, quoted = 0;

    if (file_read_at(b->work_dir, "log", DEBIAN_LOG_MAX, &text, &length) < 0)
        return;
    for (char *line = strtok_r(text, "\n", &save); line != NULL && quoted < 4; line = strtok_r(NULL, "\n", &save)) {
        if (!str_starts(line, "E: ") && !str_starts(line, "Err:"))
            continue;
        strbuf_addf(out, "%s%.200s", quoted > 0 ? "; " : "", line);
        quoted++;
    }
}

static int bootstrap_failed(const struct bootstrap *b, int status, struct cupel_error *err)
{
    cleanup_strbuf struct strbuf log = {0};

    if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGINT || WTERMSIG(status) == SIGTERM)) {
        (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, EINTR, "bootstrapping debian %s for root '%s'",
                              b->source->suite, b->source->name);
        return -EINTR;
    }
    strbuf_adds(&log, "");
    quote_log(b, &log);
    (void)cupel_error_set(
        err, CUPEL_ERROR_HARNESS, 0, "cannot bootstrap debian %s for root '%s': mmdebstrap %s %d%s%s", b->source->suite,
        b->source->name, WIFSIGNALED(status) ? "was killed by signal" : "ended with",
        WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), log.len > 0 ? ": " : "", log.data);
    cupel_error_hint(err,
                     "check the suite's and the packages' names, the network, and that the disk of %s is not full%s",
                     cache_path(b->cache),
                     b->has_sources ? ""
                                    : "; this host's apt sources do not offer the suite, so mmdebstrap's default "
                                      "mirror was tried");
    return -EIO;
}

static int run_mmdebstrap(struct bootstrap *b, struct cupel_error *err)
{
    const char *argv[DEBIAN_ARGUMENTS_MAX];
    struct arena *arena = arena_new();
    int status = -EPERM;

    make_arguments(b, arena, argv);
    if (geteuid() == 0)
        status = run_once(b, argv, true);
    if (status == -EPERM || (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NO_NAMESPACE))
        status = run_once(b, argv, false);
    arena_free(arena);
    if (status < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, status, "cannot run mmdebstrap");
    return status == 0 ? 0 : bootstrap_failed(b, status, err);
}

/* ---- from mmdebstrap's tar to the layer ----------------------------------------------------------------------------
 */

static int unpack_root(struct bootstrap *b, struct child_counts *ret_counts, struct cupel_error *err)
{
    static const struct unpack_limits limits = {.entries = UNPACK_MAX_ENTRIES, .bytes = UNPACK_MAX_BYTES};
    cleanup_close int fd = openat(b->work_dir, "root.tar", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "mmdebstrap made no root.tar in %s", b->work);
    return unpack_tar(fd, "mmdebstrap's root.tar", b->draft->tree, b->draft->lock, &limits, ret_counts, err);
}

static int build(struct bootstrap *b, struct cupel_error *err)
{
    cleanup_free char *packages = join_packages(b, " ");
    cleanup_free char *what = xasprintf("debian %s%s%s", b->source->suite, b->n_packages > 0 ? ": " : "", packages);
    struct child_counts counts;
    struct store_info info;
    int r;

    b->work_dir = file_open_dir_p_at(b->draft->dir, "work", 0700);
    if (b->work_dir < 0)
        return store_error(b->cache, err, b->work_dir, "make a directory");
    r = write_configuration(b);
    if (r < 0)
        return store_error(b->cache, err, r, "write a file");
    r = run_mmdebstrap(b, err);
    if (r < 0)
        return r;
    r = unpack_root(b, &counts, err);
    if (r < 0)
        return r;
    r = file_remove_tree_at(b->draft->dir, "work");
    if (r < 0)
        return store_error(b->cache, err, r, "remove a directory");
    info = (struct store_info){.kind = "debian",
                               .source = what,
                               .entries = counts.entries - counts.skipped_devices,
                               .bytes = counts.bytes,
                               .remapped_owners = counts.remapped_owners};
    return store_commit(b->draft, &info, err);
}

static void free_bootstrap(struct bootstrap *b)
{
    free(b->packages);
    free(b->work);
    base_closep(&b->work_dir);
}

int source_debian(struct cache *cache, const struct cache_source *source, cache_progress_fn *progress, void *data,
                  char ret_key[CACHE_KEY_LEN + 1], struct cupel_error *err)
{
    _cleanup_(store_end) struct store_draft draft = STORE_DRAFT_INIT;
    _cleanup_(free_bootstrap) struct bootstrap b = {
        .cache = cache, .source = source, .draft = &draft, .work_dir = -EBADF};
    cleanup_close int tree = -EBADF, pin = -EBADF;
    int r = check_source(source, err);

    if (r < 0)
        return r;
    sort_packages(&b, (size_t)r);
    r = make_key(&b, ret_key);
    if (r < 0)
        return store_error(cache, err, r, "name a layer");
    if (store_open_layer(cache, ret_key, &tree, &pin) == 0)
        return 0;
    if (!have_program("mmdebstrap")) {
        (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, 0, "root '%s' needs mmdebstrap, which is not installed",
                              source->name);
        cupel_error_hint(err, "apt-get install mmdebstrap");
        return -ENOENT;
    }
    r = store_begin(cache, ret_key, progress, data, &draft, err);
    if (r != 0)
        return r < 0 ? r : 0;
    b.work = xasprintf("%s/tmp/%s/work", cache->path, ret_key);
    if (progress != NULL) {
        cleanup_free char *what = xasprintf("bootstrapping debian %s", source->suite);

        progress(data, what);
    }
    return build(&b, err);
}

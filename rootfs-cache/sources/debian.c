/* SPDX-License-Identifier: Apache-2.0 */
/* debian: a suite and a list of packages become a layer, through mmdebstrap. Its tar goes through
 * the same unpacking as any other (unpack.c). Not responsible for what the packages do: their
 * scripts run as the bootstrapping program runs them. */
#include "rootfs-cache/confined/unpack.h"
#include "rootfs-cache/sources/debian_errors.h"
#include "rootfs-cache/sources/packages.h"
#include "rootfs-cache/sources/patience.h"
#include "rootfs-cache/sources/sources.h"
#include "rootfs-cache/store/digest.h"

#include "base/program.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>

/* Part of every key: raised when anything below changes what is in the root. */
#define DEBIAN_RECIPE "debian 3"
#define DEBIAN_PACKAGES_MAX 1000
/* No file is newer than this, so that the same packages give the same layer. (2023-01-01) */
#define DEBIAN_EPOCH "1672531200"
#define DEBIAN_LOG_MAX ((size_t)64 << 20)
/* Beside a layer's fs/: what is installed in it (packages.h). */
#define DEBIAN_LIST "packages"
/* A bootstrap gives files to the users and groups of Debian, up to nobody. */
#define DEBIAN_IDS 65535u
/* The bootstrap's own exit codes end at 255 with meanings of perl; this one is ours, from before
 * the exec. */
#define EXIT_NO_NAMESPACE 119

/* Where hooks find and leave files: a path that goes into no script. */
#define WORK_VARIABLE "CUPEL_WORK"

/* What was installed, and what apt's signed indexes say of it: they are gone after this. Then:
 * resolver and name of the bootstrapping host, its mirrors, proxies and passwords do not belong in
 * the layer. Without /etc/hosts "localhost" is no name at all. */
static const char customize[] =
    "set -e; dpkg-query --admindir=\"$1\"/var/lib/dpkg -W -f "
    "'${Package}:${Architecture}=${Version}\\n' "
    ">\"$" WORK_VARIABLE "\"/installed; "
    "xargs env APT_CONFIG=\"$MMDEBSTRAP_APT_CONFIG\" apt-cache show <\"$" WORK_VARIABLE
    "\"/installed "
    ">\"$" WORK_VARIABLE "\"/offered; "
    "rm -f \"$1\"/etc/resolv.conf \"$1\"/etc/hostname \"$1\"/etc/apt/apt.conf.d/99mmdebstrap "
    "\"$1\"/etc/apt/preferences.d/cupel \"$1\"/etc/apt/sources.list "
    "\"$1\"/etc/apt/sources.list.d/*; "
    "printf '127.0.0.1 localhost\\n::1 localhost ip6-localhost\\n' >\"$1\"/etc/hosts";

/* Of a locked root: no other versions than those, and no downloads when the archive does not have
 * all of them any more. apt-cache leaves out what it does not know, and does not call that an
 * error. */
static const char setup_locked[] =
    "set -e; cp \"$" WORK_VARIABLE "\"/preferences \"$1\"/etc/apt/preferences.d/cupel; "
    "export APT_CONFIG=\"$MMDEBSTRAP_APT_CONFIG\"; apt-get -q update; "
    "xargs apt-cache show <\"$" WORK_VARIABLE "\"/locked >\"$" WORK_VARIABLE "\"/offered; "
    "test \"$(sed -n 's/^Package: //p' \"$" WORK_VARIABLE "\"/offered | sort -u)\" = "
    "\"$(sed 's/:.*//' \"$" WORK_VARIABLE "\"/locked | sort -u)\"";

/* Packages' scripts put links into directories that are left out below (update-alternatives, of
 * Java's manual pages): they are there, and empty. The pattern that fits no file keeps dpkg from
 * leaving out directories that packages have (dpkg(1), --path-include). */
static const char setup_directories[] =
    "set -e; for n in 1 2 3 4 5 6 7 8 9; do mkdir -p \"$1/usr/share/man/man$n\"; done; "
    "mkdir -p \"$1\"/usr/share/info \"$1\"/usr/share/doc \"$1\"/usr/share/locale "
    "\"$1\"/usr/share/lintian";

/* Asks apt whether it could install what is wanted, before anything is fetched but its lists: else
 * a wrong name would be found at the end. */
static const char setup_simulated[] =
    "export APT_CONFIG=\"$MMDEBSTRAP_APT_CONFIG\"; apt-get -q update || exit 1; "
    "xargs apt-get -q -s install <\"$" WORK_VARIABLE "\"/wanted >\"$" WORK_VARIABLE
    "\"/simulated 2>&1 && exit 0; "
    "apt-cache pkgnames >\"$" WORK_VARIABLE "\"/names; cat \"$" WORK_VARIABLE
    "\"/simulated; exit 1";

/* As in Debian's own slim images: what no build or test reads. */
static const char *const excluded[] = {
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/info/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-exclude=/usr/share/lintian/*",
    "--dpkgopt=path-include=/usr/share/man/*/none",
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
    struct packages installed;
};

/* ---- what is asked for ---- */

static bool debian_is_plain(const char *word)
{
    static const char ok[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.:~=_";

    return word[0] != '\0' && word[0] != '-' && strspn(word, ok) == strlen(word);
}

static int debian_check_source(const struct cache_source *source, struct cupel_error *err)
{
    size_t n = 0;

    if (!debian_is_plain(source->suite))
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                               "root '%s': '%s' is no name of a Debian suite", source->name,
                               source->suite);
    for (; source->packages != NULL && source->packages[n] != NULL; n++)
        if (!debian_is_plain(source->packages[n]))
            return cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                                   "root '%s': '%s' is no name of a package", source->name,
                                   source->packages[n]);
    if (n > DEBIAN_PACKAGES_MAX)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "root '%s': more than %d packages",
                               source->name, DEBIAN_PACKAGES_MAX);
    return (int)n;
}

static int debian_by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort_packages(struct bootstrap *b, size_t n)
{
    b->packages = xcalloc(n + 1, sizeof(*b->packages));
    for (size_t i = 0; i < n; i++)
        b->packages[i] = b->source->packages[i];
    qsort(b->packages, n, sizeof(*b->packages), debian_by_text);
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

static int debian_make_key(const struct bootstrap *b, char ret_key[CACHE_KEY_LEN + 1])
{
    cleanup_free char *packages = join_packages(b, " ");
    struct utsname host;

    if (uname(&host) < 0)
        return -errno;
    return digest_layer(b->cache,
                        (const char *[]){DEBIAN_RECIPE, host.machine, b->source->suite, packages},
                        4, ret_key);
}

/* Makes the key of exactly these versions: another layer than one of whatever the archive has. */
static int make_locked_key(const struct bootstrap *b, char ret_key[CACHE_KEY_LEN + 1])
{
    cleanup_free char *locked = packages_text(b->source->locked);
    char asked[CACHE_KEY_LEN + 1];
    int r = debian_make_key(b, asked);

    return r < 0
               ? r
               : digest_layer(b->cache, (const char *[]){DEBIAN_RECIPE, asked, locked}, 3, ret_key);
}

int source_debian_installed(const struct cache *cache, const char *key, struct packages *ret)
{
    cleanup_free char *path = xasprintf("layers/%s/" DEBIAN_LIST, key), *text = NULL;
    size_t length;
    int r = file_read_at(cache->dir, path, DEBIAN_LOG_MAX, &text, &length);

    return r < 0 ? r : packages_parse(text, ret);
}

/* Whether that layer, made for whatever versions there were, has the locked ones. */
static bool happens_to_be(const struct bootstrap *b, const char *key)
{
    _cleanup_(packages_free) struct packages installed = {0};
    cleanup_strbuf struct strbuf difference = {0};

    if (source_debian_installed(b->cache, key, &installed) < 0)
        return false;
    packages_difference(b->source->locked, &installed, &difference);
    return difference.len == 0;
}

/* ---- running mmdebstrap ---- */

static int write_configuration(struct bootstrap *b)
{
    cleanup_close int etc_apt = open("/etc/apt", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cleanup_strbuf struct strbuf sources = {0}, settings = {0};
    int r;

    strbuf_adds(&settings,
                "APT::Install-Recommends \"false\";\n"
                "APT::Sandbox::User \"root\";\n" /* the store is closed to the user _apt */
                "Dir::Etc::netrc \"/etc/apt/auth.conf\";\nDir::Etc::netrcparts "
                "\"/etc/apt/auth.conf.d\";\n");
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

static int write_wanted(const struct bootstrap *b)
{
    cleanup_free char *packages = join_packages(b, "\n");

    return file_write_atomic_at(b->work_dir, "wanted", packages, strlen(packages), 0600);
}

static int write_locked(const struct bootstrap *b)
{
    cleanup_free char *wanted = packages_wanted(b->source->locked),
                      *preferences = packages_preferences(b->source->locked);
    int r = file_write_atomic_at(b->work_dir, "locked", wanted, strlen(wanted), 0600);

    return r < 0 ? r
                 : file_write_atomic_at(b->work_dir, "preferences", preferences,
                                        strlen(preferences), 0600);
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
    argv[n++] = arena_printf(arena, "--setup-hook=%s", setup_directories);
    if (b->source->locked != NULL)
        argv[n++] = arena_printf(arena, "--setup-hook=%s", setup_locked);
    else if (b->n_packages > 0)
        argv[n++] = arena_printf(arena, "--setup-hook=%s", setup_simulated);
    argv[n++] = arena_printf(arena, "--customize-hook=%s", customize);
    argv[n++] = b->source->suite;
    argv[n++] = arena_printf(arena, "%s/root.tar", b->work);
    if (b->has_sources)
        argv[n++] = arena_printf(arena, "%s/host.sources", b->work);
    argv[n] = NULL;
}
#define DEBIAN_ARGUMENTS_MAX 32

/* Arranges what the program finds, in the child: standard input empty, both outputs to the log,
 * signals as a fresh program expects them, and the store's lock inherited: it is held until the
 * last process of the bootstrap is gone. */
static int prepare_exec(const struct bootstrap *b)
{
    cleanup_close int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    cleanup_close int log =
        openat(b->work_dir, "log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    cleanup_free char *path = program_directories();
    sigset_t none;

    if (null < 0 || log < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
        return -errno;
    (void)sigemptyset(&none);
    if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
        return -errno;
    for (int i = 1; i < NSIG; i++)
        (void)signal(i, SIG_DFL); /* some numbers are not for setting: fine */
    if (fcntl(b->draft->lock, F_SETFD, 0) < 0 || setenv("PATH", path, 1) < 0 ||
        setenv("TMPDIR", b->work, 1) < 0 || setenv(WORK_VARIABLE, b->work, 1) < 0 ||
        setenv("LC_ALL", "C.UTF-8", 1) < 0 || setenv("SOURCE_DATE_EPOCH", DEBIAN_EPOCH, 1) < 0)
        return -errno;
    return 0;
}

/* `alive` is at its end when the parent is gone: from another PID namespace getppid(2) cannot tell.
 */
static _Noreturn void exec_bootstrap(const char *const *argv, bool own_namespace, int alive)
{
    struct pollfd gone = {.fd = alive, .events = POLLIN};
    char program[256];

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || poll(&gone, 1, 0) != 0)
        _exit(126);
    /* a PID namespace needs its own /proc; the host's mounts stay untouched */
    if (own_namespace &&
        (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
         mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0))
        _exit(EXIT_NO_NAMESPACE);
    errno = ENOENT;
    if (program_find(argv[0], program, sizeof(program)))
        (void)execv(program, (char *const *)(uintptr_t)argv);
    dprintf(2, "E: cannot run %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

/* A process between us and mmdebstrap: it makes the PID namespace, so that a killed bootstrap
 * leaves no process behind.
 */
static _Noreturn void supervise_bootstrap(const struct bootstrap *b, const char *const *argv,
                                          bool own_namespace, pid_t parent)
{
    sigset_t heard, before;
    int status, alive[2];
    pid_t pid, ended;

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent || prepare_exec(b) < 0)
        _exit(126);
    if (own_namespace && unshare(CLONE_NEWPID | CLONE_NEWNS) < 0)
        _exit(EXIT_NO_NAMESPACE);
    (void)sigemptyset(&heard);
    (void)sigaddset(&heard, SIGTERM);
    (void)sigaddset(&heard, SIGCHLD);
    (void)sigprocmask(SIG_BLOCK, &heard, &before);
    if (pipe2(alive, O_CLOEXEC) < 0 || (pid = fork()) < 0)
        _exit(126);
    if (pid == 0) {
        (void)sigprocmask(SIG_SETMASK, &before, NULL);
        (void)close(alive[1]);
        exec_bootstrap(argv, own_namespace, alive[0]);
    }
    /* the first process of a PID namespace has ended when all of them have (zap_pid_ns_processes(),
     * kernel/pid_namespace.c) */
    while ((ended = waitpid(pid, &status, WNOHANG)) != pid)
        if (ended < 0 && errno != EINTR)
            _exit(126);
        else if (ended == 0 && sigwaitinfo(&heard, NULL) == SIGTERM)
            (void)kill(pid, SIGKILL);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* Returns the wait status, or a negative errno. */
static int run_once(const struct bootstrap *b, const char *const *argv, bool own_namespace)
{
    _cleanup_(patience_end) struct patience patience = PATIENCE_INIT;
    pid_t parent = getpid(), pid;
    int status, r = patience_begin(&patience);

    if (r < 0)
        return r;
    pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        supervise_bootstrap(b, argv, own_namespace, parent);
    r = patience_wait(&patience, pid, SIGTERM, NULL, NULL, &status);
    return r < 0 ? r : status;
}

static int not_as_locked(const struct bootstrap *b, const char *how, struct cupel_error *err)
{
    (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, 0,
                          "root '%s' cannot be made of the packages that it is locked to: %s",
                          b->source->name, how);
    cupel_error_hint(
        err,
        "let this host's apt sources offer a snapshot archive of %s from then (it may need "
        "Acquire::Check-Valid-Until \"false\"), or lock anew: cupel rootfs lock",
        b->source->suite);
    return -ENODATA;
}

/* Why a locked bootstrap ended early, when that is why. */
static int refuse_missing(const struct bootstrap *b, struct cupel_error *err)
{
    cleanup_free char *offered = NULL, *how = NULL;
    cleanup_strbuf struct strbuf missing = {0};
    size_t length;

    if (b->source->locked == NULL ||
        file_read_at(b->work_dir, "offered", DEBIAN_LOG_MAX, &offered, &length) < 0 ||
        packages_missing(b->source->locked, offered, &missing) == 0)
        return 0;
    how = xasprintf("the archive does not offer %s", missing.data);
    return not_as_locked(b, how, err);
}

static int bootstrap_failed(const struct bootstrap *b, int status, struct cupel_error *err)
{
    const struct debian_failure failure = {.source = b->source,
                                           .work = b->work_dir,
                                           .store = cache_path(b->cache),
                                           .has_sources = b->has_sources,
                                           .status = status};

    return refuse_missing(b, err) < 0 ? -ENODATA : debian_explain(&failure, err);
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
    if (status == -EINTR)
        return cupel_error_set(err, CUPEL_ERROR_INTERRUPTED, 0,
                               "interrupted while debian %s was bootstrapped for root '%s'",
                               b->source->suite, b->source->name);
    if (status < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, status, "cannot run mmdebstrap");
    return status == 0 ? 0 : bootstrap_failed(b, status, err);
}

/* ---- from mmdebstrap's tar to the layer ---- */

static int unpack_root(struct bootstrap *b, struct child_counts *ret_counts,
                       struct cupel_error *err)
{
    static const struct unpack_limits limits = UNPACK_LIMITS;
    cleanup_close int fd = openat(b->work_dir, "root.tar", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "mmdebstrap made no root.tar in %s",
                               b->work);
    return unpack_tar(fd, "mmdebstrap's root.tar", b->draft->tree, b->draft->lock, &limits,
                      ret_counts, err);
}

/* What the hooks noted becomes the layer's list, and is compared with what it has to be. */
static int debian_take_list(struct bootstrap *b, struct cupel_error *err)
{
    cleanup_free char *installed = NULL, *offered = NULL, *unknown = NULL, *text = NULL;
    cleanup_strbuf struct strbuf difference = {0};
    size_t length;
    int r = file_read_at(b->work_dir, "installed", DEBIAN_LOG_MAX, &installed, &length);

    if (r == 0)
        r = file_read_at(b->work_dir, "offered", DEBIAN_LOG_MAX, &offered, &length);
    if (r < 0)
        return store_error(b->cache, err, r, "read what was installed");
    if (packages_of_apt(installed, offered, &b->installed, &unknown) < 0)
        return cupel_error_set(
            err, CUPEL_ERROR_HARNESS, 0,
            "apt installed %s for root '%s', and its indexes do not say what that is", unknown,
            b->source->name);
    if (b->source->locked != NULL)
        packages_difference(b->source->locked, &b->installed, &difference);
    if (difference.len > 0)
        return not_as_locked(b, difference.data, err);
    text = packages_text(&b->installed);
    r = file_write_atomic_at(b->draft->dir, DEBIAN_LIST, text, strlen(text), 0600);
    return r < 0 ? store_error(b->cache, err, r, "write a file") : 0;
}

static int debian_build(struct bootstrap *b, struct cupel_error *err)
{
    cleanup_free char *packages = join_packages(b, " ");
    cleanup_free char *what =
        xasprintf("debian %s%s%s", b->source->suite, b->n_packages > 0 ? ": " : "", packages);
    struct child_counts counts;
    struct store_info info;
    int r;

    b->work_dir = file_open_dir_p_at(b->draft->dir, "work", 0700);
    if (b->work_dir < 0)
        return store_error(b->cache, err, b->work_dir, "make a directory");
    r = write_configuration(b);
    if (r == 0)
        r = write_wanted(b);
    if (r == 0 && b->source->locked != NULL)
        r = write_locked(b);
    if (r < 0)
        return store_error(b->cache, err, r, "write a file");
    r = run_mmdebstrap(b, err);
    if (r == 0)
        r = debian_take_list(b, err);
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
    packages_free(&b->installed);
    base_closep(&b->work_dir);
}

/* What a bootstrap takes, before it begins. */
static int check_means(const struct cache_source *source, struct cupel_error *err)
{
    char program[256];

    if (!program_find("mmdebstrap", program, sizeof(program))) {
        (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, 0,
                              "root '%s' needs mmdebstrap, which is not %s", source->name,
                              program_where());
        cupel_error_hint(err, "apt-get install mmdebstrap");
        return -ENOENT;
    }
    if (ids_mapped() < DEBIAN_IDS) {
        (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, 0,
                              "root '%s' cannot be bootstrapped: a Debian has files of other users "
                              "than root, and this "
                              "host gives you no ids for them",
                              source->name);
        cupel_error_hint(
            err,
            "ask for subordinate ids (usermod --add-subuids, --add-subgids; docs/rootless.md), or "
            "export the root where it can be made, and use 'tar'");
        return -EPERM;
    }
    return 0;
}

int source_debian(struct cache *cache, const struct cache_source *source,
                  char ret_key[CACHE_KEY_LEN + 1], struct cupel_error *err)
{
    _cleanup_(store_end) struct store_draft draft = STORE_DRAFT_INIT;
    _cleanup_(free_bootstrap) struct bootstrap b = {
        .cache = cache, .source = source, .draft = &draft, .work_dir = -EBADF};
    cleanup_close int tree = -EBADF, pin = -EBADF;
    int r = debian_check_source(source, err);

    if (r < 0)
        return r;
    sort_packages(&b, (size_t)r);
    r = debian_make_key(&b, ret_key);
    if (r == 0 && source->locked != NULL && !happens_to_be(&b, ret_key))
        r = make_locked_key(&b, ret_key);
    if (r < 0)
        return store_error(cache, err, r, "name a layer");
    if (store_open_layer(cache, ret_key, &tree, &pin) == 0)
        return 0;
    r = check_means(source, err);
    if (r < 0)
        return r;
    r = store_begin(cache, ret_key, &draft, err);
    if (r != 0)
        return r < 0 ? r : 0;
    b.work = xasprintf("%s/tmp/%s/work", cache->path, ret_key);
    store_say(cache, "bootstrapping debian %s", source->suite);
    return debian_build(&b, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* skopeo: source: an image in a registry. skopeo speaks to the registry, with the credentials,
 * certificates and mirrors that are configured for it; what comes is an OCI layout, and goes the
 * way of one (oci.c). Not responsible for what is in an image. */
#include "rootfs-cache/confined/hash.h"
#include "rootfs-cache/sources/inspect.h"
#include "rootfs-cache/sources/patience.h"
#include "rootfs-cache/sources/remote.h"
#include "rootfs-cache/sources/sources.h"
#include "rootfs-cache/store/cache_root.h"
#include "rootfs-cache/store/digest.h"
#include "rootfs-cache/store/names.h"

#include "base/program.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#define MANIFEST_MAX ((size_t)8 << 20)
#define LOG_MAX ((size_t)1 << 20)
#define ARGUMENTS_MAX 24
#define IMAGE_RECIPE "image 2"

struct fetch {
    struct cache *cache;
    const struct cache_source *source;
    /* of what the reference stands for now: a manifest or an index */
    char digest[CACHE_KEY_LEN + 1];
    char *name; /* the reference without tag and digest */
    /* of digest and platform: images/KEY, and tmp/KEY while it is fetched */
    char key[CACHE_KEY_LEN + 1];
    struct cupel_error *err;
};

/* ---- the program ---- */

static int tmpfile_in(const struct cache *cache)
{
    int fd = openat(cache->dir, "tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);

    return fd < 0 ? -errno : fd;
}

/* Tells skopeo whose it is, in the child. As root of a user namespace, it would take the places of
 * the host's root for its own: credentials, what is known of signatures. By this name podman tells
 * its own children the same (containers/storage, pkg/unshare). */
static void skopeo_say_whose(const struct cache *cache)
{
    char uid[16];

    (void)snprintf(uid, sizeof(uid), "%u", (unsigned)ids_of_root());
    if (cache->ids != NULL && !str_eq(uid, "0"))
        (void)setenv("_CONTAINERS_ROOTLESS_UID", uid, 0);
}

/* `lock` is inherited: while skopeo still writes, nobody takes the place for a leftover. */
static _Noreturn void exec_skopeo(const char *const *argv, int dir, int out, int log, int lock,
                                  pid_t parent)
{
    cleanup_free char *directories = program_directories();
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    char program[4096];
    sigset_t none;

    (void)sigemptyset(&none);
    program_die_with(parent);
    if (setenv("PATH", directories, 1) < 0 || null < 0 || fchdir(dir) < 0 || dup2(null, 0) < 0 ||
        dup2(out, 1) < 0 || dup2(log, 2) < 0 || sigprocmask(SIG_SETMASK, &none, NULL) < 0 ||
        (lock >= 0 && fcntl(lock, F_SETFD, 0) < 0))
        _exit(126);
    for (int i = 1; i < NSIG; i++)
        (void)signal(i, SIG_DFL); /* some numbers are not for setting: fine */
    if (!program_find(argv[0], program, sizeof(program)))
        _exit(127);
    (void)execv(program, (char *const *)(uintptr_t)argv);
    _exit(126);
}

/* What is between the quotes of msg="…" in its last line, or all of that. */
static void quote_log(int log, struct strbuf *ret)
{
    cleanup_free char *text = NULL;
    size_t length;
    char *last = NULL, *save = NULL;

    strbuf_adds(ret, "");
    if (lseek(log, 0, SEEK_SET) < 0 || file_read_fd(log, LOG_MAX, &text, &length) < 0)
        return;
    for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save))
        last = line;
    if (last == NULL)
        return;
    if (strstr(last, "msg=\"") != NULL)
        last = strstr(last, "msg=\"") + 5;
    for (char *p = last; *p != '\0'; p++) /* words of a registry */
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    strbuf_addf(ret, "%.600s", last);
}

/* `text` with its one "%s" replaced. */
static char *replace_one(const char *text, const char *by)
{
    const char *at = strstr(text, "%s");

    return at == NULL ? xstrdup(text) : xasprintf("%.*s%s%s", (int)(at - text), text, by, at + 2);
}

/* What registries and skopeo say, and what is to be done. */
static const struct {
    const char *said;
    const char *hint; /* with the image's host, or its name */
    bool name;
} hints[] = {
    {"unauthorized",
     "log in with `skopeo login %s`, or name a file with credentials in REGISTRY_AUTH_FILE", false},
    {"authentication required",
     "log in with `skopeo login %s`, or name a file with credentials in REGISTRY_AUTH_FILE", false},
    {"invalid username/password", "the credentials for %s are wrong: `skopeo login` sets them anew",
     false},
    {"denied", "the credentials for %s do not suffice for this image", false},
    {"manifest unknown", "`skopeo list-tags docker://%s` says which tags there are", true},
    {"name unknown", "no such repository: is the name right? %s", true},
    {"x509:",
     "put the certificate of the authority that signed the registry's into "
     "/etc/containers/certs.d/%s/ca.crt",
     false},
    {"server gave HTTP response to HTTPS client",
     "a registry without TLS is `insecure = true` in registries.conf: location \"%s\"", false},
    {"connection refused", "nobody listens at %s: is the registry up, and the port right?", false},
    {"no such host", "the name %s cannot be resolved", false},
    {"i/o timeout", "%s does not answer", false},
    {"toomanyrequests", "%s allows no more for now: wait, or log in with `skopeo login`", false},
    {"unexpected EOF",
     "the connection to %s broke; what came whole is kept for a day: run it again", false},
    {"connection reset",
     "the connection to %s broke; what came whole is kept for a day: run it again", false},
    {": EOF", "the connection to %s broke; what came whole is kept for a day: run it again", false},
    {"500 Internal Server Error",
     "%s is in trouble; what came whole is kept for a day: run it again later", false},
    {"502 ", "%s is in trouble; what came whole is kept for a day: run it again later", false},
    {"503 ", "%s is in trouble; what came whole is kept for a day: run it again later", false},
    {"error: status 5", "%s is in trouble; what came whole is kept for a day: run it again later",
     false},
    {"received unexpected HTTP status: 5",
     "%s is in trouble; what came whole is kept for a day: run it again later", false},
    {"Manifest does not match provided manifest digest",
     "what %s has is another image than the one asked for by its digest", false},
    {"no space left on device", "free space in the root cache's file system; %s is not to blame",
     false},
};

static void hint_at(const struct fetch *f, const char *said)
{
    const char *name = f->name != NULL ? f->name : f->source->image;
    cleanup_free char *what = NULL, *hint = NULL;
    size_t i = 0;

    while (i < ARRAY_SIZE(hints) && strstr(said, hints[i].said) == NULL)
        i++;
    if (i == ARRAY_SIZE(hints)) {
        cupel_error_hint(f->err,
                         "credentials are those of `skopeo login`, registries those of "
                         "containers-registries.conf(5): "
                         "`skopeo inspect docker://%.100s` goes the same way",
                         f->source->image);
        return;
    }
    what = xasprintf("%.*s", (int)(hints[i].name ? strlen(name) : strcspn(name, "/")), name);
    hint = replace_one(hints[i].hint, what);
    cupel_error_hint(f->err, "%s", hint);
}

static int skopeo_failed(const struct fetch *f, int status, int log)
{
    cleanup_strbuf struct strbuf said = {0};

    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
        (void)cupel_error_set(f->err, CUPEL_ERROR_HARNESS, 0,
                              "cannot fetch '%s' for root '%s': there is no skopeo",
                              f->source->image, f->source->name);
        cupel_error_hint(f->err,
                         "install the package skopeo, or fetch the image otherwise and use 'oci'");
        return -ENOENT;
    }
    if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGINT || WTERMSIG(status) == SIGTERM)) {
        (void)cupel_error_set(f->err, CUPEL_ERROR_HARNESS, EINTR, "fetching '%s' for root '%s'",
                              f->source->image, f->source->name);
        return -EINTR;
    }
    quote_log(log, &said);
    (void)cupel_error_set(f->err, CUPEL_ERROR_HARNESS, 0,
                          "cannot fetch '%s' for root '%s': skopeo %s %d: %s", f->source->image,
                          f->source->name,
                          WIFSIGNALED(status) ? "was killed by signal" : "ended with",
                          WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), said.data);
    hint_at(f, said.data);
    return -EIO;
}

/* What is being fetched into the layout `image` of a directory. */
struct arrival {
    int place;
    const char *what;
    uint64_t total; /* bytes of its blobs; UINT64_MAX: not known */
};

static uint64_t bytes_in(int place, const char *path)
{
    int fd = openat(place, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    uint64_t sum = 0;
    struct dirent *e;
    struct stat st;

    if (dir == NULL) {
        base_closep(&fd);
        return 0;
    }
    while ((e = readdir(dir)) != NULL)
        if (fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
            sum += (uint64_t)st.st_size;
    (void)closedir(dir);
    return sum;
}

/* skopeo draws its progress for people; what has come lies in files, one beside the blobs while it
 * comes. */
static void tell_arrival(const struct fetch *f, const struct arrival *a, bool end)
{
    uint64_t done = bytes_in(a->place, "image") + bytes_in(a->place, "image/blobs/sha256");
    uint64_t most = a->total - 1; /* only its end says that it is at its end */

    store_tell(f->cache, &(struct cache_progress){.what = a->what,
                                                  .done = end           ? a->total
                                                          : done < most ? done
                                                                        : most,
                                                  .total = a->total});
}

struct telling {
    const struct fetch *f;
    const struct arrival *arrival;
};

static void tell_so_far(void *data)
{
    const struct telling *t = data;

    tell_arrival(t->f, t->arrival, false);
}

static int wait_for_skopeo(const struct fetch *f, struct patience *patience, pid_t pid,
                           const struct arrival *arrival, int *ret_status)
{
    bool tells = arrival != NULL && store_is_watched(f->cache) && arrival->total > 0;
    struct telling telling = {f, arrival};
    int r = patience_wait(patience, pid, SIGKILL, tells ? tell_so_far : NULL, &telling, ret_status);

    if (r == -EINTR)
        return cupel_error_set(f->err, CUPEL_ERROR_INTERRUPTED, 0,
                               "interrupted while '%s' was fetched for root '%s'", f->source->image,
                               f->source->name);
    if (r < 0)
        return cupel_error_set(f->err, CUPEL_ERROR_HARNESS, r, "cannot wait for skopeo");
    if (tells)
        tell_arrival(f, arrival, true);
    return 0;
}

/* Runs it in `dir`; *ret_out is the fd of what it wrote, from its start. */
static int run_skopeo(const struct fetch *f, const char *const *argv, int dir, int lock,
                      const struct arrival *arrival, int *ret_out)
{
    cleanup_close int out = tmpfile_in(f->cache), log = tmpfile_in(f->cache);
    _cleanup_(patience_end) struct patience patience = PATIENCE_INIT;
    pid_t parent = getpid(), pid;
    int status, r;

    if (out < 0 || log < 0)
        return store_error(f->cache, f->err, out < 0 ? out : log, "make a file");
    r = patience_begin(&patience);
    if (r < 0)
        return cupel_error_set(f->err, CUPEL_ERROR_HARNESS, r, "cannot take signals");
    pid = fork();
    if (pid == 0) {
        skopeo_say_whose(f->cache);
        exec_skopeo(argv, dir, out, log, lock, parent);
    }
    if (pid < 0)
        return cupel_error_set(f->err, CUPEL_ERROR_HARNESS, errno, "cannot start skopeo");
    if (wait_for_skopeo(f, &patience, pid, arrival, &status) < 0)
        return -EINTR;
    if (status != 0)
        return skopeo_failed(f, status, log);
    if (lseek(out, 0, SEEK_SET) < 0)
        return cupel_error_set(f->err, CUPEL_ERROR_HARNESS, errno, "cannot read what skopeo wrote");
    *ret_out = steal_fd(&out);
    return 0;
}

/* ---- which image ---- */

/* "host:5000/team/base:1@sha256:…" -> "host:5000/team/base", and the digest if it says one. */
static int split_reference(struct fetch *f)
{
    const char *at = strchr(f->source->image, '@'), *slash, *tag;
    size_t n = at != NULL ? (size_t)(at - f->source->image) : strlen(f->source->image);

    f->name = xasprintf("%.*s", (int)n, f->source->image);
    slash = strrchr(f->name, '/');
    tag = strchr(slash != NULL ? slash : f->name, ':');
    if (tag != NULL)
        f->name[tag - f->name] = '\0';
    if (at == NULL)
        return 0;
    if (!str_starts(at, "@sha256:") || !hash_is_hex(at + strlen("@sha256:"))) {
        (void)cupel_error_set(f->err, CUPEL_ERROR_INPUT, 0,
                              "the image '%s' of root '%s': only sha256 digests are known",
                              f->source->image, f->source->name);
        return -EINVAL;
    }
    memcpy(f->digest, at + strlen("@sha256:"), CACHE_KEY_LEN + 1);
    return 0;
}

/* Asks the registry what the tag stands for now. */
static int resolve_tag(struct fetch *f)
{
    cleanup_free char *reference = xasprintf("docker://%s", f->source->image), *text = NULL;
    const char *const argv[] = {"skopeo", "inspect", "--raw", reference, NULL};
    cleanup_close int out = -EBADF;
    size_t length;
    int r;

    store_say(f->cache, "asking for %s", f->source->image);
    r = run_skopeo(f, argv, f->cache->dir, -EBADF, NULL, &out);
    if (r < 0)
        return r;
    r = file_read_fd(out, MANIFEST_MAX, &text, &length);
    if (r == 0)
        r = hash_bytes(text, length, f->digest);
    return r < 0 ? cupel_error_set(f->err, CUPEL_ERROR_HARNESS, r,
                                   "cannot read the manifest of '%s'", f->source->image)
                 : 0;
}

static int name_image(struct fetch *f)
{
    struct utsname machine;
    int r;

    if (uname(&machine) < 0)
        return cupel_error_set(f->err, CUPEL_ERROR_HARNESS, errno,
                               "cannot tell this machine's architecture");
    r = digest_layer(
        f->cache,
        (const char *[]){IMAGE_RECIPE, f->digest,
                         f->source->platform != NULL ? f->source->platform : machine.machine},
        3, f->key);
    return r < 0 ? store_error(f->cache, f->err, r, "name an image") : 0;
}

/* ---- from the store, or from the registry ---- */

/* 0 when the store has all of it. */
static int reopen(const struct fetch *f, struct cache_root *root)
{
    cleanup_free char *path = xasprintf("images/%s", f->key);
    struct record record = RECORD_INIT;
    int r = record_read(f->cache, path, &record);

    for (size_t i = 0; r == 0 && i < record.n; i++)
        r = cache_root_add_layer(f->cache, record.key[i], root, f->err);
    if (r == 0) {
        root->config = steal_ptr(record.config);
        memcpy(root->digest, f->digest, sizeof(root->digest));
    } else {
        cache_root_release(root);
    }
    record_free(&record);
    return r;
}

/* OS/ARCH[/VARIANT] as options; returns how many there are. */
static size_t platform_options(const char *platform, struct arena *arena, const char **argv)
{
    static const char *const options[] = {"--override-os", "--override-arch", "--override-variant"};
    size_t n = 0;

    for (size_t i = 0; platform != NULL && i < ARRAY_SIZE(options); i++) {
        size_t length = strcspn(platform, "/");

        argv[n++] = options[i];
        argv[n++] = arena_strndup(arena, platform, length);
        if (platform[length] == '\0')
            break;
        platform += length + 1;
    }
    return n;
}

static int copy(const struct fetch *f, int place, int lock, const struct arrival *arrival,
                struct arena *arena)
{
    const char *argv[ARGUMENTS_MAX] = {"skopeo"};
    cleanup_close int out = -EBADF;
    size_t n = 1;

    n += platform_options(f->source->platform, arena, argv + n);
    argv[n++] = "copy";
    argv[n++] = "--quiet";
    argv[n++] = arena_printf(arena, "docker://%s@sha256:%s", f->name, f->digest);
    argv[n++] = "oci:image:image"; /* in its current directory: a path could have a colon */
    argv[n] = NULL;
    return run_skopeo(f, argv, place, lock, arrival, &out);
}

/* One of the two forms of `skopeo inspect`, of the image for the platform. */
static int inspect(const struct fetch *f, const char *const *options, struct arena *arena,
                   int *ret_out)
{
    const char *argv[ARGUMENTS_MAX] = {"skopeo"};
    size_t n = 1;

    n += platform_options(f->source->platform, arena, argv + n);
    argv[n++] = "inspect";
    for (; *options != NULL; options++)
        argv[n++] = *options;
    argv[n++] = arena_printf(arena, "docker://%s@sha256:%s", f->name, f->digest);
    argv[n] = NULL;
    return run_skopeo(f, argv, f->cache->dir, -EBADF, NULL, ret_out);
}

/* Which layers the image has, without fetching it. */
static int ask_for_layers(const struct fetch *f, struct image *ret)
{
    cleanup_close int summary = -EBADF, config = -EBADF;
    struct arena *arena = arena_new();
    int r = inspect(f, (const char *const[]){"--no-tags", NULL}, arena, &summary);

    if (r == 0)
        r = inspect(f, (const char *const[]){"--config", "--raw", NULL}, arena, &config);
    if (r == 0)
        r = inspect_remote(f->cache, f->source->image, summary, config, ret, f->err);
    arena_free(arena);
    return r;
}

/* skopeo fetches no blob of which there is a file: so for what is unpacked already there is an
 * empty one. It is never read. *ret_pins keeps those layers. Not knowing only costs time. */
static void leave_out(const struct fetch *f, int place, struct cache_root *ret_pins,
                      struct strbuf *say, uint64_t *ret_total)
{
    struct cupel_error ignored = {0};
    struct fetch quiet = *f;
    struct image image = {0};
    cleanup_free bool *have = NULL;
    uint64_t total = 0;
    size_t n = 0;

    quiet.err = &ignored;
    if (!remote_is_worth_asking(f->cache) || ask_for_layers(&quiet, &image) < 0)
        return;
    have = xcalloc(image.n_layers, sizeof(*have));
    if (source_oci_have(f->cache, &image, have, ret_pins, &ignored) == 0)
        for (size_t i = 0; i < image.n_layers; i++) {
            cleanup_free char *path = xasprintf("image/%s", image.layers[i].blob);
            int fd = have[i] ? openat(place, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -EBADF;

            base_closep(&fd);
            n += have[i];
            if (have[i] || total == UINT64_MAX)
                continue;
            if (image.layers[i].size == UINT64_MAX ||
                __builtin_add_overflow(total, image.layers[i].size, &total))
                total = UINT64_MAX;
        }
    *ret_total = total;
    if (n > 0)
        strbuf_addf(say, ", %zu of its %zu layers", image.n_layers - n, image.n_layers);
    image_free(&image);
}

static int skopeo_note(const struct fetch *f, struct cache_root *root)
{
    cleanup_free char *path = xasprintf("images/%s", f->key);
    struct record record = RECORD_INIT;
    int r;

    memcpy(root->digest, f->digest, sizeof(root->digest)); /* as the registry names it */
    record_of_root(root, &record);
    record.kind = xstrdup("image");
    record.source = xstrdup(f->source->image);
    r = record_write(f->cache, path, &record);
    record.config = NULL; /* the root's */
    record_free(&record);
    return r < 0 ? store_error(f->cache, f->err, r, "write about an image") : 0;
}

static int fetch_into(const struct fetch *f, const struct store_draft *draft, int place,
                      struct cache_root *root)
{
    struct cache_root pins = CACHE_ROOT_INIT;
    struct cache_source as_oci = *f->source;
    struct arena *arena = arena_new();
    cleanup_strbuf struct strbuf say = {0};
    struct arrival arrival = {.place = place, .total = UINT64_MAX};
    int r;

    strbuf_addf(&say, "fetching %s", f->source->image);
    leave_out(f, place, &pins, &say, &arrival.total);
    arrival.what = say.data;
    store_say(f->cache, "%s", say.data);
    r = copy(f, place, draft->lock, &arrival, arena);
    if (r == 0) {
        as_oci.kind = CACHE_OCI;
        as_oci.tag = NULL;
        as_oci.oci = arena_printf(arena, "%s/" STORE_FETCHED "/%s/image", f->cache->path, f->key);
        as_oci.shown = f->source->image;
        r = source_oci(f->cache, &as_oci, root, f->err);
        (void)file_remove_tree_at(place, "image"); /* done with, or of no use */
    }
    cache_root_release(&pins);
    arena_free(arena);
    return r;
}

static int fetch(const struct fetch *f, struct cache_root *root)
{
    _cleanup_(store_end) struct store_draft draft = STORE_DRAFT_INIT;
    cleanup_free char *path = xasprintf(STORE_FETCHED "/%s", f->key);
    cleanup_close int place = -EBADF;
    int r = store_begin(f->cache, f->key, &draft, f->err);

    if (r < 0 || reopen(f, root) == 0) /* somebody else fetched it while we waited */
        return r < 0 ? r : 0;
    place = remote_place(f->cache, f->key);
    if (place < 0)
        return store_error(f->cache, f->err, place, "make a directory");
    r = fetch_into(f, &draft, place, root);
    if (faccessat(place, "image", F_OK, 0) < 0)
        (void)file_remove_tree_at(f->cache->dir, path);
    return r < 0 ? r : skopeo_note(f, root);
}

int source_image(struct cache *cache, const struct cache_source *source, struct cache_root *root,
                 struct cupel_error *err)
{
    struct fetch f = {.cache = cache, .source = source, .err = err};
    int r = split_reference(&f);

    if (r == 0 && f.digest[0] == '\0')
        r = resolve_tag(&f);
    if (r == 0)
        r = name_image(&f);
    if (r == 0 && reopen(&f, root) < 0)
        r = fetch(&f, root);
    free(f.name);
    return r;
}

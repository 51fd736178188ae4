/* SPDX-License-Identifier: Apache-2.0 */
/* host_mask: the layer laid over the host's / so that a job on the root `host` sees its programs
 * and libraries, but nobody's data: empty opaque directories where people and services keep theirs,
 * whiteouts over credentials. Works as a lower layer of an overlay mounted with `userxattr`: opaque
 * is user.overlay.opaque=y, a whiteout is the character device 0:0.
 *
 * A job's root is mapped, so a file that only the host's root may read would be open to it: what
 * the host does not show to everyone is therefore hidden, by rule and not by a list of names. A
 * plan is made by looking at the host; its text is the layer's key, so that a changed host gives a
 * new mask. */
#include "rootfs-cache/sources/sources.h"
#include "rootfs-cache/store/digest.h"

#include "base/aside.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define MASK_RECIPE "mask 1"
/* /etc has under ten levels on any host; deeper ones are hidden as a whole. */
#define MASK_DEPTH_MAX 16

enum mask_kind { MASK_PARENT, MASK_OPAQUE, MASK_WHITEOUT };

struct mask_entry {
    char *path; /* relative to the root, no leading slash */
    enum mask_kind kind;
    mode_t mode;
    uid_t uid;
    gid_t gid;
};

struct mask_plan {
    int host;
    struct mask_entry *entries;
    size_t n, capacity;
};

/* Made empty whether the host has them or not. /proc, /sys and /dev are places to mount on. */
static const struct {
    const char *path;
    mode_t mode;
} mask_opaque[] = {
    {"root", 0700},      {"home", 0755},       {"tmp", 01777},      {"var/tmp", 01777},
    {"run", 0755},       {"mnt", 0755},        {"media", 0755},     {"srv", 0755},
    {"var/cache", 0755}, {"var/log", 0755},    {"var/spool", 0755}, {"var/mail", 0755},
    {"boot", 0755},      {"lost+found", 0700}, {"proc", 0555},      {"sys", 0555},
    {"dev", 0755},
};

/* Hidden whatever their mode. /work is where jobs work by default: made anew for each, and then its
 * user's. In /autograder and /grade, Gradescope and PrairieLearn have answers, what was submitted
 * before and what is to become the result. */
static const char *const mask_hidden[] = {
    "etc/shadow",
    "etc/gshadow",
    "etc/shadow-",
    "etc/gshadow-",
    "etc/ssh",
    "etc/ssl/private",
    "etc/sudoers",
    "etc/sudoers.d",
    "etc/sudo.conf",
    "etc/krb5.keytab",
    "etc/machine-id",
    "etc/apt/auth.conf",
    "etc/apt/auth.conf.d",
    "etc/docker",
    "etc/kubernetes",
    "etc/wireguard",
    "etc/openvpn",
    "etc/letsencrypt",
    "work",
    "autograder",
    "grade",
};

/* Of these directories only what is named here stays visible: what programs and package tools read.
 */
static const char *const var_visible[] = {"lib",   "run",  "lock", "tmp",   "cache", "log",
                                          "spool", "mail", "opt",  "local", NULL};
static const char *const var_lib_visible[] = {"dpkg",
                                              "apt",
                                              "rpm",
                                              "pacman",
                                              "apk",
                                              "alternatives",
                                              "texmf",
                                              "tex-common",
                                              "ghc",
                                              "gems",
                                              "python",
                                              "php",
                                              "ocaml",
                                              "emacsen-common",
                                              "dictionaries-common",
                                              "xml-core",
                                              "sgml-base",
                                              "aspell",
                                              "ispell",
                                              "ucf",
                                              "misc",
                                              "pam",
                                              "usb_modeswitch",
                                              NULL};

/* ---- the plan ---- */

static void plan_free(struct mask_plan *plan)
{
    for (size_t i = 0; i < plan->n; i++)
        free(plan->entries[i].path);
    free(plan->entries);
}

static void plan_add(struct mask_plan *plan, const char *path, enum mask_kind kind, mode_t mode)
{
    if (plan->n == plan->capacity) {
        plan->capacity = plan->capacity != 0 ? plan->capacity * 2 : 64;
        plan->entries = xrealloc(plan->entries, plan->capacity * sizeof(*plan->entries));
    }
    plan->entries[plan->n++] =
        (struct mask_entry){.path = xstrdup(path), .kind = kind, .mode = mode};
}

/* Where the directory of fd lies beneath the host's root, or NULL when it does not. */
static char *path_beneath(int host, int fd)
{
    char proc[64], root[PATH_MAX], path[PATH_MAX];
    ssize_t n, m;

    (void)snprintf(proc, sizeof(proc), "/proc/thread-self/fd/%d", host);
    n = readlink(proc, root, sizeof(root) - 1);
    (void)snprintf(proc, sizeof(proc), "/proc/thread-self/fd/%d", fd);
    m = readlink(proc, path, sizeof(path) - 1);
    if (n <= 0 || m <= 0)
        return NULL;
    root[n] = path[m] = '\0';
    if (n == 1) /* "/" */
        n = 0;
    if (m <= n + 1 || strncmp(root, path, (size_t)n) != 0 || path[n] != '/')
        return NULL;
    return xstrdup(path + n + 1);
}

/* The parent of `path` on the host as a real directory: a mask entry beneath a link would replace
 * the link. */
static bool parent_is_real(const struct mask_plan *plan, const char *path)
{
    const char *slash = strrchr(path, '/');
    cleanup_free char *parent = NULL;
    cleanup_close int fd = -EBADF;

    if (slash == NULL)
        return true;
    parent = xstrdup(path);
    parent[slash - path] = '\0';
    fd = file_open_beneath(plan->host, parent, O_PATH | O_DIRECTORY, 0);
    return fd >= 0;
}

/* A link stays, and what it leads to is emptied in its place: /var/run, or a /home moved to a
 * bigger disk. */
static void plan_opaque(struct mask_plan *plan, const char *path, mode_t mode)
{
    cleanup_free char *target = NULL;
    cleanup_close int fd = -EBADF;
    struct stat st;

    if (!parent_is_real(plan, path))
        return;
    if (fstatat(plan->host, path, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISLNK(st.st_mode)) {
        plan_add(plan, path, MASK_OPAQUE, mode);
        return;
    }
    fd = file_open_in_root(plan->host, path, O_PATH | O_DIRECTORY, 0);
    if (fd < 0)
        return;
    target = path_beneath(plan->host, fd);
    if (target != NULL)
        plan_add(plan, target, MASK_OPAQUE, mode);
}

static void plan_credentials(struct mask_plan *plan)
{
    for (size_t i = 0; i < ARRAY_SIZE(mask_hidden); i++)
        if (parent_is_real(plan, mask_hidden[i]) &&
            faccessat(plan->host, mask_hidden[i], F_OK, AT_SYMLINK_NOFOLLOW) == 0)
            plan_add(plan, mask_hidden[i], MASK_WHITEOUT, 0);
}

static bool in_list(const char *name, const char *const *list)
{
    for (; *list != NULL; list++)
        if (str_eq(name, *list))
            return true;
    return false;
}

static bool shown_to_everyone(const struct stat *st)
{
    if (S_ISLNK(st->st_mode))
        return true;
    return S_ISDIR(st->st_mode) ? (st->st_mode & 0005) != 0 : (st->st_mode & 0004) != 0;
}

/* Hides what is not in `visible` (NULL: all is) and what the host does not show to everyone; goes
 * down `depth` levels.
 */
static int plan_scan(struct mask_plan *plan, const char *path, const char *const *visible,
                     int depth)
{
    int fd = file_open_beneath(plan->host, path, O_RDONLY | O_DIRECTORY, 0);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *e;
    int r = fd < 0 ? fd : dir == NULL ? -errno : 0;

    if (r == -EACCES && !str_eq(path, ".")) { /* not even we, without root, may look inside */
        plan_add(plan, path, MASK_WHITEOUT, 0);
        return 0;
    }
    if (r == -ENOENT)
        return 0;
    if (r < 0) { /* a link as well: where it leads, secrets would lie in sight */
        base_closep(&fd);
        return r;
    }
    while (r == 0 && (errno = 0, e = readdir(dir)) != NULL) {
        cleanup_free char *child = NULL;
        struct stat st = {.st_mode = S_IFLNK};

        if (str_eq(e->d_name, ".") || str_eq(e->d_name, ".."))
            continue;
        /* half of what is in /etc are links, of which there is no more to know */
        if (e->d_type != DT_LNK && fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue; /* gone again */
        if (visible == NULL && !S_ISDIR(st.st_mode) && shown_to_everyone(&st))
            continue;
        child = str_eq(path, ".") ? xstrdup(e->d_name) : xasprintf("%s/%s", path, e->d_name);
        if ((visible != NULL && !in_list(e->d_name, visible)) || !shown_to_everyone(&st) ||
            (S_ISDIR(st.st_mode) && depth == 0 && visible == NULL && !str_eq(path, ".")))
            plan_add(plan, child, MASK_WHITEOUT, 0);
        else if (S_ISDIR(st.st_mode) && depth > 0)
            r = plan_scan(plan, child, NULL, depth - 1);
    }
    if (r == 0)
        r = -errno;
    (void)closedir(dir);
    return r;
}

static void plan_parents(struct mask_plan *plan)
{
    size_t n = plan->n;

    plan_add(plan, "", MASK_PARENT, 0);
    for (size_t i = 0; i < n; i++) {
        cleanup_free char *path = xstrdup(plan->entries[i].path);

        for (char *slash = strrchr(path, '/'); slash != NULL; slash = strrchr(path, '/')) {
            *slash = '\0';
            plan_add(plan, path, MASK_PARENT, 0);
        }
    }
}

static int by_path(const void *a, const void *b)
{
    const struct mask_entry *x = a, *y = b;
    int order = strcmp(x->path, y->path);

    return order != 0 ? order : (int)x->kind - (int)y->kind;
}

/* True when an earlier entry that is kept hides or decides `path` already. Entries are sorted:
 * parents come first. */
static bool covered(const struct mask_plan *plan, size_t kept, const char *path)
{
    for (size_t i = kept; i-- > 0;) {
        const struct mask_entry *e = &plan->entries[i];
        size_t length = strlen(e->path);

        if (str_eq(e->path, path))
            return true;
        if (e->kind != MASK_PARENT && strncmp(e->path, path, length) == 0 && path[length] == '/')
            return true;
    }
    return false;
}

/* Sorted, each path once. Where a path is both a parent and hidden, hidden wins. */
static void plan_tidy(struct mask_plan *plan)
{
    size_t kept = 0;

    qsort(plan->entries, plan->n, sizeof(*plan->entries), by_path);
    /* equal paths are adjacent, PARENT sorts first: take the strongest */
    for (size_t i = 0; i < plan->n; i++) {
        bool weaker = i + 1 < plan->n && str_eq(plan->entries[i].path, plan->entries[i + 1].path) &&
                      plan->entries[i].kind == MASK_PARENT;

        if (weaker || covered(plan, kept, plan->entries[i].path))
            free(plan->entries[i].path);
        else
            plan->entries[kept++] = plan->entries[i];
    }
    plan->n = kept;
}

/* A parent lies over the host's own directory and its mode and owner are what the job sees: they
 * are copied. */
static int plan_stat_parents(struct mask_plan *plan, bool own_ids)
{
    for (size_t i = 0; i < plan->n; i++) {
        struct mask_entry *e = &plan->entries[i];
        struct stat st;

        if (e->kind != MASK_PARENT)
            continue;
        if (fstatat(plan->host, e->path, &st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0)
            return -errno;
        e->mode = st.st_mode & 07777;
        e->uid = own_ids ? 0 : st.st_uid; /* without root, the host's are not ours to give */
        e->gid = own_ids ? 0 : st.st_gid;
    }
    return 0;
}

/* What is hidden whatever the store. */
static int plan_look(struct mask_plan *plan)
{
    int r;

    for (size_t i = 0; i < ARRAY_SIZE(mask_opaque); i++)
        plan_opaque(plan, mask_opaque[i].path, mask_opaque[i].mode);
    plan_credentials(plan);
    r = plan_scan(plan, ".", NULL, 0);
    if (r == 0)
        r = plan_scan(plan, "etc", NULL, MASK_DEPTH_MAX);
    if (r == 0)
        r = plan_scan(plan, "var", var_visible, 0);
    if (r == 0)
        r = plan_scan(plan, "var/lib", var_lib_visible, 0);
    return r;
}

static int plan_complete(struct mask_plan *plan, const struct cache *cache)
{
    cleanup_free char *store = path_beneath(plan->host, cache->dir);

    if (store != NULL)
        plan_add(plan, store, MASK_OPAQUE, 0700);
    plan_parents(plan);
    plan_tidy(plan);
    return plan_stat_parents(plan, cache->ids != NULL);
}

static int plan_key(const struct cache *cache, const struct mask_plan *plan,
                    char ret_key[CACHE_KEY_LEN + 1])
{
    cleanup_strbuf struct strbuf text = {0};

    strbuf_adds(&text, "");
    for (size_t i = 0; i < plan->n; i++) {
        const struct mask_entry *e = &plan->entries[i];

        strbuf_addf(&text, "%d %o %u %u %zu:%s\n", (int)e->kind, (unsigned)e->mode,
                    (unsigned)e->uid, (unsigned)e->gid, strlen(e->path), e->path);
    }
    return digest_layer(cache, (const char *[]){MASK_RECIPE, text.data}, 2, ret_key);
}

/* ---- the layer ---- */

static int host_mask_make_directory(int tree, const struct mask_entry *e)
{
    const char *path = e->path[0] != '\0' ? e->path : ".";
    cleanup_close int fd = -EBADF;

    if (e->path[0] != '\0' && mkdirat(tree, path, 0700) < 0)
        return -errno;
    fd = openat(tree, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fchown(fd, e->uid, e->gid) < 0 || fchmod(fd, e->mode) < 0)
        return -errno;
    if (e->kind == MASK_OPAQUE && fsetxattr(fd, "user.overlay.opaque", "y", 1, 0) < 0)
        return -errno;
    return 0;
}

static int make_entry(int tree, const struct mask_entry *e)
{
    if (e->kind != MASK_WHITEOUT)
        return host_mask_make_directory(tree, e);
    return mknodat(tree, e->path, S_IFCHR, makedev(0, 0)) < 0 ? -errno : 0;
}

static int host_mask_build(struct store_draft *draft, const struct mask_plan *plan,
                           struct cupel_error *err)
{
    struct store_info info = {.kind = "mask", .source = "host", .entries = plan->n};

    for (size_t i = 0; i < plan->n; i++) {
        int r = make_entry(draft->tree, &plan->entries[i]);

        if (r < 0) {
            cleanup_free char *what = xasprintf("make the mask entry '/%s'", plan->entries[i].path);

            r = store_error(draft->cache, err, r, what);
            if (r == -ENOTSUP)
                cupel_error_hint(err, "its file system has no extended attributes; set CUPEL_CACHE "
                                      "to a directory on ext4, "
                                      "xfs or btrfs");
            return r;
        }
    }
    return store_commit(draft, &info, err);
}

static int mask_of_plan(struct cache *cache, struct mask_plan *plan,
                        char ret_key[CACHE_KEY_LEN + 1], struct cupel_error *err)
{
    _cleanup_(store_end) struct store_draft draft = STORE_DRAFT_INIT;
    cleanup_close int tree = -EBADF, pin = -EBADF;
    int r = plan_complete(plan, cache);

    if (r == 0)
        r = plan_key(cache, plan, ret_key);
    if (r < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot look at the host to mask it");
    if (store_open_layer(cache, ret_key, &tree, &pin) == 0)
        return 0;
    r = store_begin(cache, ret_key, &draft, err);
    if (r != 0)
        return r < 0 ? r : 0;
    return host_mask_build(&draft, plan, err);
}

int source_host_mask(struct cache *cache, int host, char ret_key[CACHE_KEY_LEN + 1],
                     struct cupel_error *err)
{
    _cleanup_(plan_free) struct mask_plan plan = {.host = host};
    int r = plan_look(&plan);

    if (r < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot look at the host to mask it");
    return mask_of_plan(cache, &plan, ret_key, err);
}

/* ---- aside ---- */

/* To look at a thousand files takes a tenth of what a run over the host's root does. */
struct cache_host_look {
    struct aside *aside;
    struct mask_plan plan;
    int r;
};

static void look_aside(void *data)
{
    struct cache_host_look *look = data;
    cleanup_close int host = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

    look->plan.host = host;
    look->r = host < 0 ? -errno : plan_look(&look->plan);
    look->plan.host = -EBADF;
}

struct cache_host_look *cache_host_look_begin(void)
{
    struct cache_host_look *look = xcalloc(1, sizeof(*look));

    look->aside = aside_begin(look_aside, look);
    if (look->aside != NULL)
        return look;
    free(look);
    return NULL;
}

void cache_host_look_end(struct cache_host_look *look)
{
    if (look == NULL)
        return;
    aside_wait(look->aside);
    plan_free(&look->plan);
    free(look);
}

void cache_take_host_look(struct cache *cache, struct cache_host_look *look)
{
    cache->host_look = look;
}

/* Uses a look once: a root that is made later is of the host as it is then. */
static bool take_look(struct cache *cache, int host, struct mask_plan *ret)
{
    struct cache_host_look *look = cache->host_look;
    bool seen;

    cache->host_look = NULL;
    if (look == NULL)
        return false;
    aside_wait(look->aside);
    look->aside = NULL;
    seen = look->r == 0;
    if (seen) {
        *ret = look->plan;
        ret->host = host;
        look->plan = (struct mask_plan){0};
    }
    cache_host_look_end(look);
    return seen;
}

int source_host(struct cache *cache, const struct cache_source *source,
                char ret_key[CACHE_KEY_LEN + 1], struct cupel_error *err)
{
    cleanup_close int host = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_(plan_free) struct mask_plan plan = {.host = host};

    (void)source;
    if (host < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot open /");
    if (take_look(cache, host, &plan))
        return mask_of_plan(cache, &plan, ret_key, err);
    return source_host_mask(cache, host, ret_key, err);
}

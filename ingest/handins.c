/* SPDX-License-Identifier: Apache-2.0 */
/* handins: see handins.h. The steps of unpacking an archive: what is in it, whose that is,
 * all that it holds, and a directory for each. Made aside and renamed: what is there is whole. Not
 * responsible for any of the steps. */
#include "ingest/handins.h"

#include "ingest/gradescope_list.h"
#include "ingest/handins_kept.h"
#include "ingest/layouts.h"
#include "ingest/member_names.h"
#include "ingest/member_reader.h"
#include "ingest/placing.h"

#include "base/libcrypto.h"
#include "rootfs-cache/confined/hash.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

/* Changes with what is made of an archive. */
#define FORM "2"
#define ASIDE ".aside"
/* Of CPU time, for a class; and for what one student has made, who may want it to take long. */
#define LIST_SECONDS 300
#define READ_SECONDS 600
#define ONE_SECONDS 20
#define SHARE 16

struct unpacking_class {
    const struct handins_request *request;
    const char *name; /* the archive's, without directories */
    uint64_t bytes_max;
    int archive;
    int below, aside, tree, work, nowhere;
    char *kept; /* the name of what is made, in `below` */
    struct member_list members;
    struct layout layout;
    struct placing placing;
};

bool handins_is_archive(const char *path)
{
    return member_names_ending(path) > 0;
}

/* ---- the archive, and where it goes ---- */

static int open_source(struct unpacking_class *u, struct cupel_error *err)
{
    const char *path = u->request->archive;
    struct stat st;

    u->archive = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
    if (u->archive < 0 || fstat(u->archive, &st) < 0)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, errno, "cannot read the archive '%s'", path);
    if (!S_ISREG(st.st_mode))
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                               "cannot read the archive '%s': it is no regular file", path);
    return 0;
}

/* The same archive, asked for in the same way, has the same name. */
static int name_it(struct unpacking_class *u, struct cupel_error *err)
{
    char digest[CACHE_KEY_LEN + 1], key[CACHE_KEY_LEN + 1], most[32];
    const char *texts[] = {FORM, digest,  handins_layout_name(u->request->layout),
                           most, u->name, u->request->one_of_many ? "many" : "one"};
    cleanup_strbuf struct strbuf id = {0};
    int r = libcrypto_load(err);

    if (r < 0)
        return r;
    (void)snprintf(most, sizeof(most), "%llu", (unsigned long long)u->bytes_max);
    r = hash_file(u->archive, digest);
    if (r == 0)
        r = hash_texts(texts, ARRAY_SIZE(texts), key);
    if (r < 0)
        return cupel_error_set(err, r == -EINTR ? CUPEL_ERROR_INTERRUPTED : CUPEL_ERROR_INPUT, r,
                               "cannot read the archive '%s'", u->request->archive);
    member_names_add_id(&id, u->name, strlen(u->name));
    u->kept = xasprintf("%s-%.12s", id.data, key);
    return 0;
}

static int cannot_make(const struct unpacking_class *u, int r, struct cupel_error *err)
{
    return cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot unpack '%s' below %s", u->name,
                           u->request->below);
}

static int make_directory(int in, const char *name, int *ret)
{
    if (mkdirat(in, name, 0700) < 0)
        return -errno;
    *ret = openat(in, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return *ret < 0 ? -errno : 0;
}

/* Opens the directory itself, and follows no link in its place: an out directory may have come with
 * a checkout, and what is aside in there is removed. */
static int open_directory(struct unpacking_class *u, struct cupel_error *err)
{
    const char *path = u->request->below, *name = strrchr(path, '/') + 1;
    cleanup_free char *above = xasprintf("%.*s", (int)(name - path), path);
    cleanup_close int dir = file_open_dir_p_at(AT_FDCWD, above, 0700);

    if (dir < 0)
        return cannot_make(u, dir, err);
    if (mkdirat(dir, name, 0700) < 0 && errno != EEXIST)
        return cannot_make(u, errno, err);
    u->below = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (u->below >= 0)
        return 0;
    if (errno != ENOTDIR && errno != ELOOP)
        return cannot_make(u, errno, err);
    (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "cannot unpack '%s': %s is no directory",
                          u->name, path);
    cupel_error_hint(err, "cupel did not make it, and follows no link there: remove it, or name "
                          "another directory with --out DIR");
    return -ENOTDIR;
}

/* One at a time unpacks there, so that what another has left aside is nobody's. */
static int open_below(struct unpacking_class *u, struct cupel_error *err)
{
    int r = open_directory(u, err);

    if (r < 0)
        return r;
    while (flock(u->below, LOCK_EX) < 0)
        if (errno != EINTR)
            return cannot_make(u, errno, err);
    return 0;
}

static int make_aside(struct unpacking_class *u, struct cupel_error *err)
{
    int r = file_remove_tree_at(u->below, ASIDE);

    if (r == 0)
        r = make_directory(u->below, ASIDE, &u->aside);
    if (r == 0)
        r = make_directory(u->aside, "tree", &u->tree);
    if (r == 0)
        r = make_directory(u->aside, "work", &u->work);
    if (r == 0)
        r = make_directory(u->work, "nowhere", &u->nowhere);
    return r < 0 ? cannot_make(u, r, err) : 0;
}

/* ---- reading it ---- */

/* Whether it is one submission, whatever is in it. */
static bool is_one(const struct handins_request *q)
{
    return q->layout == HANDINS_SINGLE || (q->layout == HANDINS_ANY && q->one_of_many);
}

static int make_file(struct unpacking_class *u, const char *name, int *ret, struct cupel_error *err)
{
    *ret = openat(u->work, name, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    return *ret < 0 ? cannot_make(u, errno, err) : 0;
}

static int unsound(const struct unpacking_class *u, struct cupel_error *err)
{
    return cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                           "cannot unpack '%s': what its reader says is not sound", u->name);
}

/* Runs the reader; its records are in *ret. */
static int run_reader(struct unpacking_class *u, const struct member_reading *reading, int contents,
                      struct member_list *ret, struct cupel_error *err)
{
    cleanup_close int records = -EBADF;
    struct stat st = {0};
    unsigned seconds = is_one(u->request)   ? ONE_SECONDS
                       : reading->list_only ? LIST_SECONDS
                                            : READ_SECONDS;
    int r = make_file(u, "records", &records, err);

    if (r == 0)
        r = member_reader_run(reading, u->archive, u->nowhere, contents, records, seconds, err);
    if (r < 0)
        return r;
    if (fstat(contents, &st) < 0)
        return cannot_make(u, errno, err);
    return members_take(records, reading->list_only ? UINT64_MAX : (uint64_t)st.st_size, ret) < 0
               ? unsound(u, err)
               : 0;
}

static int read_list(struct unpacking_class *u, int contents, struct cupel_error *err)
{
    const struct member_reading reading = {.name = u->name,
                                           .list_only = true,
                                           .bytes_all = u->bytes_max,
                                           .members_max = MEMBERS_MAX,
                                           .strict = true};

    return run_reader(u, &reading, contents, &u->members, err);
}

/* Gradescope's list is read as if it were one more submission's. */
static int read_contents(struct unpacking_class *u, int contents, struct cupel_error *err)
{
    struct layout *l = &u->layout;
    struct member_reading reading = {.name = u->name,
                                     .of = l->of,
                                     .n_of = l->n_members,
                                     .n_submissions = l->n_groups + 1,
                                     .bytes_each = u->bytes_max / SHARE,
                                     .bytes_all = u->bytes_max,
                                     .members_max = MEMBERS_MAX,
                                     .strict = l->layout != HANDINS_SINGLE};
    struct member_list read = {0};
    int r;

    if (l->metadata != SIZE_MAX)
        l->of[l->metadata] = (uint32_t)l->n_groups;
    r = run_reader(u, &reading, contents, &read, err);
    if (r == 0 && read.n != u->members.n) {
        members_free(&read);
        r = unsound(u, err);
    }
    if (r == 0) {
        members_free(&u->members);
        u->members = read;
    }
    return r;
}

/* An export whose files are encrypted is to be unpacked by whoever has the password; it is nobody's
 * submission that is wrong. */
static int refuse_encrypted(const struct unpacking_class *u, struct cupel_error *err)
{
    for (size_t i = 0; i < u->members.n; i++) {
        if (u->layout.layout == HANDINS_SINGLE || u->members.list[i].loss != MEMBER_ENCRYPTED)
            continue;
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "cannot unpack '%s': it is encrypted",
                              u->name);
        cupel_error_hint(err, "unpack it, and name the directories of the submissions");
        return -EINVAL;
    }
    return 0;
}

/* ---- who has handed them in ---- */

static int copy_list(struct unpacking_class *u, int contents, int to)
{
    const struct member *m = &u->members.list[u->layout.metadata];
    cleanup_free char *text = NULL;
    ssize_t n;

    if (m->loss != MEMBER_WHOLE || m->size > GRADESCOPE_LIST_MAX)
        return -EFBIG;
    text = xmalloc((size_t)m->size + 1);
    n = pread(contents, text, (size_t)m->size, (off_t)m->offset);
    return n != (ssize_t)m->size ? -EIO : file_write_all(to, text, (size_t)m->size);
}

static void name_group(struct layout *l, const struct gradescope_entry *e)
{
    for (size_t i = 0; i < l->n_groups; i++) {
        struct layout_group *g = &l->groups[i];

        if (!str_eq(g->key, e->submission))
            continue;
        g->name = e->name[0] != '\0' ? arena_strdup(l->arena, e->name) : NULL;
        g->email = e->email[0] != '\0' ? arena_strdup(l->arena, e->email) : NULL;
        if (e->id[0] != '\0')
            layouts_want(l, i, e->id);
    }
}

/* Names submissions by the list; without it, they are what their numbers say. */
static int name_groups(struct unpacking_class *u, int contents, struct cupel_error *err)
{
    struct gradescope_list list = {0};
    cleanup_close int fd = -EBADF;
    int r;

    if (u->layout.layout != HANDINS_GRADESCOPE || u->layout.metadata == SIZE_MAX)
        return 0;
    r = make_file(u, "list", &fd, err);
    if (r < 0)
        return r;
    r = copy_list(u, contents, fd);
    if (r < 0)
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, r, "cannot read submission_metadata.yml");
    else
        r = gradescope_list_run(fd, u->nowhere, &list, err);
    if (r < 0 && err->kind != CUPEL_ERROR_INPUT)
        return r;
    if (r < 0)
        log_warning("%s: submissions have no names: %s", u->name, err->message);
    for (size_t i = 0; r == 0 && i < list.n; i++)
        name_group(&u->layout, &list.entries[i]);
    layouts_rename(&u->layout);
    gradescope_list_free(&list);
    return 0;
}

/* ---- a directory for each ---- */

static void say_strays(const struct unpacking_class *u)
{
    if (u->layout.n_strays == 1)
        log_warning("%s: '%s' is no submission's, and is left out", u->name, u->layout.stray);
    else if (u->layout.n_strays > 1)
        log_warning("%s: '%s' and %zu more are no submission's, and are left out", u->name,
                    u->layout.stray, u->layout.n_strays - 1);
}

static void put_submission(struct handins *to, const struct layout_group *g, char *refused)
{
    struct arena *arena = to->arena;

    to->list[to->n++] =
        (struct handin){.id = arena_strdup(arena, g->id),
                        .name = g->name != NULL ? arena_strdup(arena, g->name) : NULL,
                        .email = g->email != NULL ? arena_strdup(arena, g->email) : NULL,
                        .late = g->late,
                        .refused = refused != NULL ? arena_strdup(arena, refused) : NULL};
    free(refused);
}

static int place(struct unpacking_class *u, int contents, struct handins *to,
                 struct cupel_error *err)
{
    struct layout *l = &u->layout;
    struct placing placing = {.name = u->name,
                              .tree = u->tree,
                              .work = u->work,
                              .nowhere = u->nowhere,
                              .contents = contents,
                              .bytes_each = u->bytes_max / SHARE,
                              .bytes_left = u->bytes_max,
                              .nested = l->layout != HANDINS_SINGLE,
                              .nested_seconds = u->request->nested_seconds > 0
                                                    ? u->request->nested_seconds
                                                    : HANDINS_NESTED_SECONDS};
    int r = 0;

    to->layout = l->layout;
    to->resembles = l->resembles;
    to->list = arena_alloc(to->arena, (l->n_groups + 1) * sizeof(*to->list));
    for (size_t i = 0; r == 0 && i < l->n_groups; i++) {
        char *refused = NULL;

        r = placing_submission(&placing, &u->members, l, (uint32_t)i, &refused, err);
        if (r == 0)
            put_submission(to, &l->groups[i], refused);
    }
    return r;
}

/* What nobody can read is one submission, where it was handed in as one. */
static int place_damaged(struct unpacking_class *u, struct handins *to, struct cupel_error *err)
{
    cleanup_strbuf struct strbuf id = {0}, why = {0};

    if (err->kind != CUPEL_ERROR_INPUT || !is_one(u->request))
        return -EINVAL;
    member_names_add_id(&id, u->name, strlen(u->name) - member_names_ending(u->name));
    if (mkdirat(u->tree, id.data, 0755) < 0)
        return cannot_make(u, errno, err);
    strbuf_adds(&why, "was refused: ");
    text_add_line(&why, err->message);
    to->layout = HANDINS_SINGLE;
    to->list = arena_alloc(to->arena, sizeof(*to->list));
    put_submission(to, &(struct layout_group){.id = id.data}, steal_ptr(why.data));
    return 0;
}

static int unpack_all(struct unpacking_class *u, struct handins *to, struct cupel_error *err)
{
    cleanup_close int contents = -EBADF;
    int r = make_file(u, "contents", &contents, err);

    if (r < 0)
        return r;
    r = read_list(u, contents, err);
    if (r < 0)
        return place_damaged(u, to, err) < 0 ? r : 0;
    r = layouts_sort(&u->members, u->name, u->request->layout, u->request->one_of_many, &u->layout,
                     err);
    if (r == 0)
        r = refuse_encrypted(u, err);
    if (r == 0) {
        r = read_contents(u, contents, err);
        if (r < 0 && u->layout.layout == HANDINS_SINGLE)
            return place_damaged(u, to, err) < 0 ? r : 0;
    }
    if (r == 0)
        r = name_groups(u, contents, err);
    if (r == 0)
        r = place(u, contents, to, err);
    if (r == 0)
        say_strays(u);
    return r;
}

/* ---- what is kept ---- */

/* Gives what was made to whom the directory around it was made for: to whoever called sudo. */
static int give(int fd, const struct stat *to)
{
    struct stat st;

    if (geteuid() != 0 || to->st_uid == 0)
        return 0;
    return handins_kept_give(fd, to->st_uid, to->st_gid) < 0 || fstat(fd, &st) < 0 ? -errno : 0;
}

static int keep(struct unpacking_class *u, struct handins *to, struct cupel_error *err)
{
    struct stat around = {0};
    int r = handins_kept_write(u->tree, to);

    if (r == 0 && (fstatat(u->below, "..", &around, 0) < 0 || give(u->aside, &around) < 0))
        r = -errno;
    /* content first, then the name: after a power cut what has it is whole */
    if (r == 0 && syncfs(u->tree) < 0)
        r = -errno;
    if (r == 0)
        r = file_remove_tree_at(u->below, u->kept);
    if (r == 0 && (renameat(u->aside, "tree", u->below, u->kept) < 0 ||
                   (fsync(u->below) < 0 && errno != EINVAL)))
        r = -errno;
    return r < 0 ? cannot_make(u, r, err) : 0;
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(((const struct handin *)a)->id, ((const struct handin *)b)->id);
}

static void finish(struct unpacking_class *u, struct handins *s)
{
    for (size_t i = 0; i < s->n; i++)
        s->list[i].path =
            arena_printf(s->arena, "%s/%s/%s", u->request->below, u->kept, s->list[i].id);
    if (s->n > 1)
        qsort(s->list, s->n, sizeof(*s->list), compare_ids);
}

static int find_or_unpack(struct unpacking_class *u, struct handins *to, struct cupel_error *err)
{
    int r = open_source(u, err);

    if (r == 0)
        r = name_it(u, err);
    if (r == 0)
        r = open_below(u, err);
    if (r < 0)
        return r;
    to->reused = handins_kept_read(u->below, u->kept, to);
    if (!to->reused) {
        r = make_aside(u, err);
        if (r == 0)
            r = unpack_all(u, to, err);
        if (r == 0)
            r = keep(u, to, err);
        (void)file_remove_tree_at(u->below, ASIDE);
    }
    if (r == 0)
        finish(u, to);
    return r;
}

int handins_unpack(const struct handins_request *request, struct handins *ret,
                   struct cupel_error *err)
{
    const char *slash = strrchr(request->archive, '/');
    struct unpacking_class u = {.request = request,
                                .name = slash != NULL ? slash + 1 : request->archive,
                                .bytes_max =
                                    request->bytes_max > 0 ? request->bytes_max : HANDINS_BYTES_MAX,
                                .archive = -EBADF,
                                .below = -EBADF,
                                .aside = -EBADF,
                                .tree = -EBADF,
                                .work = -EBADF,
                                .nowhere = -EBADF};
    struct handins made = {.arena = arena_new()};
    int *const fds[] = {&u.archive, &u.below, &u.aside, &u.tree, &u.work, &u.nowhere};
    int r = find_or_unpack(&u, &made, err);

    for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
        base_closep(fds[i]);
    members_free(&u.members);
    layouts_free(&u.layout);
    free(u.kept);
    if (r < 0)
        handins_free(&made);
    else
        *ret = made;
    return r;
}

void handins_free(struct handins *s)
{
    if (s->arena != NULL)
        arena_free(s->arena);
    *s = (struct handins){0};
}

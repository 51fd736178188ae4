/* SPDX-License-Identifier: Apache-2.0 */
/* placing: see placing.h. Not responsible for whose a member is (layouts.c). */
#include "ingest/placing.h"

#include "ingest/member_names.h"
#include "ingest/member_reader.h"

#include "base/interrupt.h"
#include "base/weaken.h"

#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* One submission. */
struct placed {
    struct placing *all;
    const char *id;
    int dir;
    uint64_t left;       /* bytes that it may still have */
    size_t n;            /* files and directories */
    struct strset files; /* paths that are files */
    struct strset names; /* paths, those of directories above as well */
    struct strset folded;
    uint64_t reading_ns; /* CPU time that its archives took */
    char *refused;       /* the first reason */
    size_t n_refused;
};

/* ---- what is refused ---- */

static void placing_refuse(struct placed *s, const char *name, const char *fmt, ...)
    BASE_PRINTF(3, 4);
static void placing_refuse(struct placed *s, const char *name, const char *fmt, ...)
{
    cleanup_strbuf struct strbuf raw = {0}, why = {0};
    va_list ap;

    if (s->n_refused++ > 0)
        return;
    if (name != NULL)
        strbuf_addf(&raw, "'%.200s' ", name);
    va_start(ap, fmt);
    strbuf_vaddf(&raw, fmt, ap);
    va_end(ap);
    strbuf_adds(&why, "was refused when it was unpacked: ");
    text_add_line(&why, raw.data); /* any bytes, and cut somewhere */
    s->refused = steal_ptr(why.data);
}

static bool refuse_type(struct placed *s, const struct member *m, const char *path)
{
    static const char *const types[MEMBER_TYPE_COUNT] = {
        [MEMBER_FIFO] = "is a FIFO",
        [MEMBER_DEVICE] = "is a device",
        [MEMBER_OTHER] = "is neither a regular file nor a directory",
    };

    if (m->type == MEMBER_FILE || m->type == MEMBER_DIRECTORY || weakened("archive-types"))
        return false;
    if (m->type == MEMBER_SYMLINK || m->type == MEMBER_HARDLINK)
        placing_refuse(s, path, "is a %s link, to '%.200s'",
                       m->type == MEMBER_SYMLINK ? "symbolic" : "hard", m->link);
    else
        placing_refuse(s, path, "%s", types[m->type]);
    return true;
}

static bool refuse_loss(struct placed *s, const struct member *m, const char *path)
{
    char size[UNIT_TEXT_SIZE];

    switch (m->loss) {
    case MEMBER_LARGE:
        placing_refuse(s, path, "is too large: a submission may have %s",
                       unit_format_size(s->all->bytes_each, size));
        return true;
    case MEMBER_BOMB:
        placing_refuse(s, path, "is a bomb: it was compressed to next to nothing");
        return true;
    case MEMBER_ENCRYPTED:
        placing_refuse(s, path, "is encrypted");
        return true;
    case MEMBER_DAMAGED:
        placing_refuse(s, path, "is damaged");
        return true;
    default:
        return false;
    }
}

/* ---- names within a submission ---- */

/* Takes a path or one above it; false: another is the same but for capital letters. */
static bool take_name(struct placed *s, const char *path)
{
    cleanup_strbuf struct strbuf folded = {0};

    if (!strset_add(&s->names, path))
        return true;
    member_names_fold(path, &folded);
    return strset_add(&s->folded, folded.data);
}

/* Returns why a member cannot have this path beside what is there, or NULL. */
static const char *wrong_place(struct placed *s, const char *path, bool directory)
{
    cleanup_free char *above = xstrdup(path);

    for (char *slash = strchr(above, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (strset_has(&s->files, above))
            return "lies beneath a file";
        if (!take_name(s, above))
            return "differs from another name in capital letters alone";
        *slash = '/';
    }
    if (strset_has(&s->files, path) || (!directory && strset_has(&s->names, path)))
        return "is there twice";
    if (!directory)
        (void)strset_add(&s->files, path);
    return take_name(s, path) ? NULL : "differs from another name in capital letters alone";
}

/* ---- files ---- */

static int place_failed(struct placed *s, const char *path, int r, struct cupel_error *err)
{
    if (r == -ENAMETOOLONG || r == -EINVAL || r == -EILSEQ || r == -EEXIST) {
        placing_refuse(s, path, "cannot be made: %s", strerror(-r));
        return 0;
    }
    return cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot unpack '%s'", s->all->name);
}

static int open_above(struct placed *s, const char *path)
{
    const char *slash = strrchr(path, '/');
    cleanup_free char *above = slash != NULL ? xstrdup(path) : NULL;

    if (slash == NULL)
        return openat(s->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    above[slash - path] = '\0';
    return file_open_dir_p_at(s->dir, above, 0755);
}

static int write_file(struct placed *s, int contents, const struct member *m, const char *path)
{
    cleanup_close int above = open_above(s, path), fd = -EBADF;
    const char *slash = strrchr(path, '/');
    int r;

    if (above < 0)
        return above;
    fd = openat(above, slash != NULL ? slash + 1 : path,
                O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    r = file_copy_part(contents, m->offset, m->size, fd);
    if (r == 0 && fchmod(fd, m->executable ? 0755 : 0644) < 0)
        r = -errno;
    return r;
}

static int charge(struct placed *s, uint64_t size, struct cupel_error *err)
{
    if (size <= s->all->bytes_left) {
        s->all->bytes_left -= size;
        s->left -= size < s->left ? size : s->left;
        return 0;
    }
    (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                          "cannot unpack '%s': it holds more than may be, with what is in the "
                          "archives in it",
                          s->all->name);
    cupel_error_hint(err, "--unpack-max says how much may be");
    return -EFBIG;
}

/* Makes a directory or a file at `path` of the submission. */
static int place_member(struct placed *s, int contents, const struct member *m, const char *path,
                        struct cupel_error *err)
{
    bool directory = m->type == MEMBER_DIRECTORY;
    const char *why;
    int r;

    if (interrupt_is_pending())
        return cupel_error_set(err, CUPEL_ERROR_INTERRUPTED, 0, "interrupted");
    if (path[0] == '\0' && directory)
        return 0;
    if (++s->n > PLACING_FILES_MAX) {
        placing_refuse(s, NULL, "it holds more than %u files", PLACING_FILES_MAX);
        return 0;
    }
    if (refuse_type(s, m, path) || refuse_loss(s, m, path))
        return 0;
    why = path[0] != '\0' ? wrong_place(s, path, directory) : "has no name";
    if (why != NULL) {
        placing_refuse(s, path, "%s", why);
        return 0;
    }
    r = charge(s, m->size, err);
    if (r < 0)
        return r;
    r = directory ? file_mkdir_p_at(s->dir, path, 0755) : write_file(s, contents, m, path);
    return r < 0 ? place_failed(s, path, r, err) : 0;
}

/* ---- an archive in a submission ---- */

static int open_work(struct placing *p, const char *name)
{
    int fd = openat(p->work, name, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

    return fd < 0 ? -errno : fd;
}

/* Where a folder was packed, its name, which the archive has as well, stands in front of all. */
static size_t stem_in_front(const struct member_list *all, const char *stem)
{
    size_t n = strlen(stem);

    for (size_t i = 0; i < all->n; i++) {
        cleanup_strbuf struct strbuf clean = {0};
        const char *why;

        if (member_names_clean(all->list[i].name, &clean, &why) == MEMBER_NAME_GOOD &&
            (strncmp(clean.data, stem, n) != 0 ||
             (clean.data[n] != '/' &&
              (clean.data[n] != '\0' || all->list[i].type != MEMBER_DIRECTORY))))
            return 0;
    }
    return n;
}

static int place_nested(struct placed *s, const struct member_list *inner, int contents,
                        const char *path, struct cupel_error *err)
{
    cleanup_free char *stem =
        xasprintf("%.*s", (int)(strlen(path) - member_names_ending(path)), path);
    size_t strip = stem_in_front(inner, stem);
    int r = 0;

    for (size_t i = 0; r == 0 && i < inner->n; i++) {
        cleanup_strbuf struct strbuf clean = {0};
        const char *why = "", *rest;

        switch (member_names_clean(inner->list[i].name, &clean, &why)) {
        case MEMBER_NAME_GOOD:
            rest = clean.data + strip;
            r = place_member(s, contents, &inner->list[i], rest + (rest[0] == '/'), err);
            break;
        case MEMBER_NAME_WRONG:
            placing_refuse(s, inner->list[i].name, "%s", why);
            break;
        default:
            break;
        }
    }
    return r;
}

/* CPU time of all children that have ended. */
static uint64_t children_ns(void)
{
    struct rusage u = {0};

    (void)getrusage(RUSAGE_CHILDREN, &u);
    return ((uint64_t)u.ru_utime.tv_sec + (uint64_t)u.ru_stime.tv_sec) * NSEC_PER_SEC +
           ((uint64_t)u.ru_utime.tv_usec + (uint64_t)u.ru_stime.tv_usec) * NSEC_PER_USEC;
}

static uint64_t most_ns(const struct placed *s)
{
    return s->all->nested_seconds * NSEC_PER_SEC;
}

/* Runs the reader, as long as the submission's archives may take. */
static int read_nested(struct placed *s, const struct member_reading *reading, int archive,
                       int contents, int records, struct cupel_error *err)
{
    uint64_t before_ns = children_ns(), left_ns = most_ns(s) - s->reading_ns;
    int r = member_reader_run(reading, archive, s->all->nowhere, contents, records,
                              (unsigned)(left_ns / NSEC_PER_SEC) + 1, err);

    s->reading_ns += children_ns() - before_ns;
    return r;
}

/* Reads the archive in a child of its own: what it does to its reader is this submission's. */
static int unpack_nested(struct placed *s, const struct member *m, const char *path,
                         struct cupel_error *err)
{
    cleanup_close int archive = open_work(s->all, "archive"),
                      contents = open_work(s->all, "nested-contents"),
                      records = open_work(s->all, "nested-records");
    const struct member_reading reading = {.name = path,
                                           .n_submissions = 1,
                                           .bytes_each = s->left,
                                           .bytes_all = s->left,
                                           .members_max = PLACING_FILES_MAX};
    struct member_list inner = {0};
    struct stat st;
    int r;

    if (archive < 0 || contents < 0 || records < 0)
        return place_failed(s, path,
                            archive < 0    ? archive
                            : contents < 0 ? contents
                                           : records,
                            err);
    r = file_copy_part(s->all->contents, m->offset, m->size, archive);
    if (r < 0)
        return place_failed(s, path, r, err);
    r = read_nested(s, &reading, archive, contents, records, err);
    if (r == 0 &&
        (fstat(contents, &st) < 0 || members_take(records, (uint64_t)st.st_size, &inner) < 0))
        r = cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                            "cannot unpack '%s': what its reader says is not sound", path);
    if (r < 0 && err->kind == CUPEL_ERROR_INPUT) {
        placing_refuse(s, NULL, "%s", err->message);
        return 0;
    }
    if (r == 0)
        r = place_nested(s, &inner, contents, path, err);
    members_free(&inner);
    return r;
}

/* ---- a submission ---- */

static bool is_nested(const struct placed *s, const struct member *m, const char *path)
{
    return s->all->nested && m->type == MEMBER_FILE && m->loss == MEMBER_WHOLE &&
           strchr(path, '/') == NULL && member_names_ending(path) > 0;
}

static int place_all(struct placed *s, const struct member_list *all, const struct layout *l,
                     uint32_t group, struct cupel_error *err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < all->n; i++) {
        const struct layout_member *named = &l->members[i];
        const struct member *m = &all->list[i];

        if (l->of[i] != group)
            continue;
        if (named->wrong != NULL && !weakened("archive-names"))
            placing_refuse(s, m->name, "%s", named->wrong);
        else if (is_nested(s, m, named->path) && s->reading_ns >= most_ns(s))
            placing_refuse(s, named->path, "is one of too many archives: they take too long");
        else if (is_nested(s, m, named->path))
            r = unpack_nested(s, m, named->path, err);
        else
            r = place_member(s, s->all->contents, m, named->path, err);
    }
    return r;
}

int placing_submission(struct placing *p, const struct member_list *all, const struct layout *l,
                       uint32_t group, char **ret_refused, struct cupel_error *err)
{
    struct placed s = {.all = p, .id = l->groups[group].id, .dir = -EBADF, .left = p->bytes_each};
    int r = mkdirat(p->tree, s.id, 0755) < 0 ? -errno : 0;

    if (r == 0)
        s.dir = openat(p->tree, s.id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (r == 0 && s.dir < 0)
        r = -errno;
    if (r < 0)
        r = cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot make the directory of '%s'", s.id);
    else
        r = place_all(&s, all, l, group, err);
    if (s.refused != NULL && s.n_refused > 1) {
        char *more = xasprintf("%s (and %zu more)", s.refused, s.n_refused - 1);

        free(s.refused);
        s.refused = more;
    }
    base_closep(&s.dir);
    strset_free(&s.files);
    strset_free(&s.names);
    strset_free(&s.folded);
    if (r < 0)
        free(s.refused);
    else
        *ret_refused = s.refused;
    return r;
}

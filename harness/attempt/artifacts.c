/* SPDX-License-Identifier: Apache-2.0 */
/* artifacts: copies what a finished job's patterns name out of its root. Everything of the job is
 * dead by now, so that nothing moves under our feet, but every name is hostile: directories are
 * opened beneath the root without following any link, only regular files are copied, links that
 * lead nowhere else are made anew (artifact_symlink.c), and what is skipped is remarked upon
 * (go-judge #176). Nothing of the root is ever run.
 *
 * The walk is one, in the order of names, whatever the patterns are, so that two runs of one job
 * copy the same files when not all can be. What it holds does not grow with the job's files: lists
 * of names have a budget and are read again where it is used up, a place in the tree is a handful
 * of descriptors, and names are listed up to a bound. */
#include "harness/attempt/artifacts.h"
#include "base/patterns.h"
#include "base/redact.h"
#include "base/weaken.h"
#include "harness/attempt/artifact_base.h"
#include "harness/attempt/artifact_copy.h"
#include "harness/attempt/artifact_names.h"
#include "harness/attempt/artifact_symlink.h"
#include "harness/cgroup/cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define NOTES_MAX 20
#define NOTE_PATH_BYTES 300
#define NAMES_BUDGET ((size_t)4 << 20) /* of all lists of names at a time */
#define NAMES_ROOM (NAMES_BUDGET / 4)  /* of one, at least */

/* A directory on the way: what its entries are matched against, and those that are still to come.
 */
struct level {
    struct pattern_states states, excluded;
    struct artifact_names names;
    bool dropped; /* the names, to make room; `after` is the one that the way leads through */
    char after[ARTIFACT_NAME_SIZE];
};

struct collector {
    const struct redact *redact;
    const char *prefix; /* the out directory's path in the reports: "artifacts/NAME" */
    struct patterns *patterns, *exclude; /* that: NULL for none */
    struct artifact_place from;
    struct artifact_path path;
    struct level *levels; /* by depth, those of the path */
    size_t names_bytes;   /* of all levels */
    struct artifact_copier copier;
    struct strings *copied, *notes;
    struct reports_file *files; /* of each that is listed */
    size_t files_room;
    size_t listed_bytes;
    size_t unlisted; /* files that are there, beyond what is listed */
    size_t unsaid;   /* notes beyond NOTES_MAX */
    struct cupel_error *err;
};

/* ---- remarks, and what is listed ---- */

/* `name` may be NULL: it is about the present directory. */
static void artifacts_note(struct collector *c, const char *name, const char *why)
{
    const char *path = c->path.depth > 0 ? c->path.text.data : "",
               *slash = *path != '\0' && name != NULL ? "/" : "";
    cleanup_free char *whole = NULL, *safe = NULL;

    if (c->notes->n >= NOTES_MAX) {
        c->unsaid++;
        return;
    }
    whole = xasprintf("%s%s%s", path, slash, name != NULL ? name : "");
    safe = redact_string(c->redact, whole, false);
    if (safe != NULL) {
        free(whole);
        whole = steal_ptr(safe);
    }
    strings_add(c->notes, xasprintf("artifact %.*s%s %s", NOTE_PATH_BYTES, whole,
                                    strlen(whole) > NOTE_PATH_BYTES ? "..." : "", why));
}

/* Notes what is known of the one that is listed next. */
static void artifacts_describe(struct collector *c, const struct reports_file *file)
{
    if (c->copied->n == c->files_room) {
        c->files_room = 2 * c->files_room + 16;
        c->files = xrealloc(c->files, c->files_room * sizeof(*c->files));
    }
    c->files[c->copied->n] = *file;
}

static void artifacts_list(struct collector *c, const char *name, const struct reports_file *file)
{
    size_t len = strlen(c->prefix) + c->path.text.len + strlen(name) + 3;
    const char *slash = c->path.depth > 0 ? "/" : "";

    if (c->copied->n == ARTIFACTS_LISTED_MAX || len > artifacts_listed_bytes() - c->listed_bytes) {
        c->unlisted++;
        return;
    }
    c->listed_bytes += len;
    artifacts_describe(c, file);
    strings_add(c->copied, xasprintf("%s/%s%s%s", c->prefix,
                                     *slash != '\0' ? c->path.text.data : "", slash, name));
}

/* ---- a file ---- */

/* Never through a link: it leads to wherever the job says, on the host. */
static int open_entry(int dir, const char *name, int flags)
{
    int fd;

    if (!weakened("artifact-links"))
        return file_open_beneath(dir, name, flags | O_NOFOLLOW, 0);
    fd = openat(dir, name, flags | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* What of an error is the out directory's: everything else is about the job's file, and no more
 * than a remark. */
static bool is_ours(int r)
{
    return r == -ENOSPC || r == -EDQUOT || r == -EIO || r == -EROFS || r == -EACCES ||
           r == -EPERM || r == -EMFILE || r == -ENOMEM;
}

static bool is_regular(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || weakened("artifact-links")) &&
           !artifact_is_kernels(fd);
}

/* Says whether the name, with what leads to it, still has a secret: one that goes over a slash, or
 * lies in a directory's name. */
static bool has_secret(const struct collector *c, const char *name)
{
    cleanup_free char *whole = NULL;

    if (c->redact == NULL)
        return false;
    whole = xasprintf("%s/%s", c->path.depth > 0 ? c->path.text.data : "", name);
    return redact_has(c->redact, whole, strlen(whole));
}

/* What became of an entry by the copier's answer: 1 when it is there, else 0 with a note, or an
 * error. `name` may be NULL: it is the present directory. */
static int artifacts_copied(struct collector *c, int r, const char *name, const char *why)
{
    if (r == 0)
        return 1;
    if (r > 0 && why != NULL)
        artifacts_note(c, name, why);
    else if (r < 0 && is_ours(r))
        return cupel_error_set(c->err, CUPEL_ERROR_HARNESS, r,
                               "cannot copy the artifact %.200s to %s",
                               name != NULL ? name : c->path.text.data, c->prefix);
    else if (r < 0)
        artifacts_note(c, name, strerror(-r));
    return 0;
}

/* `name` was no directory and no link when it was listed. */
static int artifacts_copy_file(struct collector *c, const char *name, const char *safe,
                               struct reports_file *ret)
{
    cleanup_close int from =
        open_entry(artifact_place_fd(&c->from), name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    const char *why = NULL;
    int r;

    if (from < 0 || !is_regular(from)) {
        artifacts_note(c, name, "cannot be opened as a regular file of the job; not copied");
        return 0;
    }
    r = artifact_copier_take(&c->copier, from, &c->path, safe, ret, &why);
    return artifacts_copied(c, r, name, why);
}

static int artifacts_copy_link(struct collector *c, const char *name, const char *safe)
{
    char target[ARTIFACT_TARGET_SIZE];
    const char *why = NULL;
    struct stat st;
    int r;

    if (!artifact_symlink_read(artifact_place_fd(&c->from), name, c->path.depth, target, &st,
                               &why) ||
        (c->redact != NULL && redact_has(c->redact, target, strlen(target)))) {
        artifacts_note(
            c, name, why != NULL ? why : "is a link to what has a secret in its path; not copied");
        return 0;
    }
    r = artifact_copier_link(&c->copier, &c->path, safe, target, &st, &why);
    return artifacts_copied(c, r, name, why);
}

/* The copy's name has no secret. Returns 1 when there is a copy. */
static int artifacts_copy(struct collector *c, const char *name, unsigned char type)
{
    cleanup_free char *clean = redact_string(c->redact, name, false);
    const char *safe = clean != NULL ? clean : name;
    struct reports_file file = {0};
    int r;

    if (has_secret(c, safe)) {
        artifacts_note(c, name, "has a secret in its path; not copied");
        return 0;
    }
    if (type == DT_LNK && !weakened("artifact-links"))
        r = artifacts_copy_link(c, name, safe);
    else
        r = artifacts_copy_file(c, name, safe, &file);
    if (r > 0)
        artifacts_list(c, safe, &file);
    return r;
}

/* ---- directories ---- */

static int open_dir(int dir, const char *name)
{
    return open_entry(dir, name, O_RDONLY | O_DIRECTORY);
}

static void drop_names(struct collector *c, struct level *l)
{
    c->names_bytes -= artifact_names_bytes(&l->names);
    artifact_names_free(&l->names);
}

/* Room for one more list, at the cost of those that are needed last. */
static size_t artifacts_make_room(struct collector *c)
{
    for (size_t i = 0; i < c->path.depth && NAMES_BUDGET - c->names_bytes < NAMES_ROOM; i++) {
        struct level *l = &c->levels[i];

        if (l->names.n == 0)
            continue;
        (void)artifact_path_name(&c->path, i, l->after);
        l->dropped = true;
        drop_names(c, l);
    }
    return NAMES_BUDGET - c->names_bytes;
}

static void read_names(struct collector *c, const char *after)
{
    struct level *l = &c->levels[c->path.depth];

    if (artifact_names_read(artifact_place_fd(&c->from), after, artifacts_make_room(c), &l->names) <
        0)
        artifacts_note(c, NULL, "cannot be listed; not copied");
    c->names_bytes += artifact_names_bytes(&l->names);
}

/* The present directory's next entry; NULL: there is none. */
static const char *artifacts_next_name(struct collector *c, unsigned char *ret_type)
{
    struct level *l = &c->levels[c->path.depth];
    const char *name = artifact_names_next(&l->names, ret_type);

    if (name != NULL || (!l->names.more && !l->dropped))
        return name;
    if (!l->dropped)
        (void)snprintf(l->after, sizeof(l->after), "%s",
                       l->names.text + l->names.order[l->names.n - 1] + 1);
    l->dropped = false;
    drop_names(c, l);
    read_names(c, l->after);
    return artifact_names_next(&l->names, ret_type);
}

static void level_free(struct level *l)
{
    artifact_names_free(&l->names);
    pattern_states_free(&l->states);
    pattern_states_free(&l->excluded);
}

/* The states of a directory in the present one; false: nothing below it can match. */
static bool next_states(struct collector *c, const char *name, struct level *ret)
{
    const struct level *l = &c->levels[c->path.depth];

    *ret = (struct level){0};
    if (!patterns_enter(c->patterns, &l->states, name, &ret->states))
        return false;
    if (c->exclude != NULL)
        (void)patterns_enter(c->exclude, &l->excluded, name, &ret->excluded);
    return true;
}

/* The directory that was just entered: it is made if it is asked for itself, and read unless all of
 * it is left out. */
static int begin_directory(struct collector *c, const char *name, bool asked)
{
    struct level *above = &c->levels[c->path.depth - 1], *l = &c->levels[c->path.depth];
    const char *why = NULL;
    int r = 0;

    if (artifact_is_kernels(artifact_place_fd(&c->from))) {
        artifacts_note(c, NULL, "cannot be listed; not copied");
        return 0;
    }
    if (asked)
        r = artifacts_copied(c, artifact_copier_make(&c->copier, &c->path, &why), NULL, why);
    if (r > 0)
        (void)patterns_match(c->patterns, &above->states, name, true);
    if (r >= 0 && (c->exclude == NULL || !pattern_states_take_all(c->exclude, &l->excluded)))
        read_names(c, NULL);
    return r < 0 ? r : 0;
}

static int artifacts_enter(struct collector *c, const char *name)
{
    struct level next;
    bool asked;

    if (has_secret(c, name)) {
        artifacts_note(c, name, "has a secret in its path; not copied");
        return 0;
    }
    if (!next_states(c, name, &next))
        return 0;
    if (c->path.depth == ARTIFACT_DEPTH_MAX || artifact_place_down(&c->from, name) < 0) {
        artifacts_note(c, name,
                       c->path.depth == ARTIFACT_DEPTH_MAX ? "is too deep; not copied"
                                                           : "cannot be opened; not copied");
        level_free(&next);
        return 0;
    }
    asked = patterns_match(c->patterns, &c->levels[c->path.depth].states, name, false);
    artifact_path_push(&c->path, name);
    c->levels[c->path.depth] = next;
    return begin_directory(c, name, asked);
}

/* Nothing of the job's is left that could have moved anything: what cannot be found again is the
 * machine's fault. */
static int artifacts_leave(struct collector *c)
{
    struct level *l = &c->levels[c->path.depth];
    int r = artifact_copier_left(&c->copier, &c->path, c->path.depth, artifact_place_fd(&c->from));

    drop_names(c, l);
    level_free(l);
    if (r == 0)
        r = artifact_place_up(&c->from, &c->path);
    artifact_path_pop(&c->path);
    return r == 0 ? 0
                  : cupel_error_set(c->err, CUPEL_ERROR_HARNESS, r,
                                    "cannot get back to a directory that artifacts of %s "
                                    "were just copied from",
                                    c->prefix);
}

static bool is_dir(int dir, const char *name, unsigned char *type)
{
    struct stat st;

    if (*type == DT_UNKNOWN || weakened("artifact-links"))
        *type = fstatat(dir, name, &st, weakened("artifact-links") ? 0 : AT_SYMLINK_NOFOLLOW) == 0
                    ? (unsigned char)IFTODT(st.st_mode)
                    : DT_UNKNOWN;
    return *type == DT_DIR;
}

static int visit(struct collector *c, const char *name, unsigned char type)
{
    const struct level *l = &c->levels[c->path.depth];
    int r;

    if (c->exclude != NULL && patterns_match(c->exclude, &l->excluded, name, false))
        return 0;
    if (is_dir(artifact_place_fd(&c->from), name, &type))
        return artifacts_enter(c, name);
    if (!patterns_match(c->patterns, &l->states, name, false))
        return 0;
    if (type != DT_REG && type != DT_LNK && !weakened("artifact-links")) {
        artifacts_note(c, name, "is no regular file; not copied");
        return 0;
    }
    r = artifacts_copy(c, name, type);
    if (r > 0)
        (void)patterns_match(c->patterns, &l->states, name, true);
    return r < 0 ? r : 0;
}

static int artifacts_walk(struct collector *c)
{
    int r = 0;

    patterns_begin(c->patterns, &c->levels[0].states);
    if (c->exclude != NULL)
        patterns_begin(c->exclude, &c->levels[0].excluded);
    read_names(c, NULL);
    while (r == 0 && !artifact_copier_stops(&c->copier)) {
        unsigned char type = DT_UNKNOWN;
        const char *name = artifacts_next_name(c, &type);

        if (name == NULL && c->path.depth == 0)
            break;
        r = name != NULL ? visit(c, name, type) : artifacts_leave(c);
    }
    for (size_t i = 0; i <= c->path.depth; i++)
        level_free(&c->levels[i]);
    return r;
}

/* ---- what is missing ---- */

/* Says whether the text stands for no other name than itself. */
static bool is_plain_path(const char *pattern)
{
    for (; *pattern != '\0'; pattern++)
        if (*pattern == '\\' && pattern[1] != '\0')
            pattern++;
        else if (strchr("*?[", *pattern) != NULL)
            return false;
    return true;
}

/* What a pattern of the file, which may stand for several, has brought: `i` is the first of those,
 * *ret_next the first of the next one. */
struct brought {
    bool used, served, plain;
    const char *written;
};

static struct brought look_at_pattern(const struct collector *c, const struct jobs_globs *globs,
                                      size_t i, size_t *ret_next)
{
    struct brought b = {
        .plain = is_plain_path(globs->patterns[i]),
        .written = globs->written != NULL ? globs->written[i] : globs->patterns[i],
    };
    size_t first = i;

    do {
        b.used |= patterns_used(c->patterns, i);
        b.served |= patterns_served(c->patterns, i);
        i++;
    } while (globs->written != NULL && globs->patterns[i] != NULL &&
             globs->written[i] == b.written);
    b.plain &= i == first + 1;
    *ret_next = i;
    return b;
}

/* Notes what brought nothing; 1 when that is the job's failure: the last note says what. */
static int note_missing(struct collector *c, const struct jobs_artifacts *artifacts)
{
    cleanup_free char *why = NULL;
    size_t n = 0, next;

    if (artifacts->if_missing == JOBS_MISSING_IGNORE)
        return 0;
    for (size_t i = 0; artifacts->paths.patterns[i] != NULL; i = next) {
        struct brought b = look_at_pattern(c, &artifacts->paths, i, &next);
        bool fails = artifacts->if_missing == JOBS_MISSING_FAIL ||
                     (artifacts->if_missing == JOBS_MISSING_DEFAULT && b.plain);
        char *text;

        if (fails ? b.served : b.used)
            continue;
        text = !b.plain ? xasprintf("artifact pattern %s matched nothing%s", b.written,
                                    b.used ? " that can be copied" : "")
                        : xasprintf("artifact %s %s", b.written,
                                    b.used ? "cannot be copied" : "is missing");
        if (!fails) {
            strings_add(c->notes, text);
        } else if (n++ == 0) {
            why = text;
        } else {
            free(text);
        }
    }
    if (n == 1)
        strings_add(c->notes, steal_ptr(why));
    else if (n > 1)
        strings_add(c->notes, xasprintf("%s, and %zu more of them", why, n - 1));
    return n > 0;
}

/* ---- the whole ---- */

/* What was not copied, and why, in words; 1 when a bound was the reason: the last note says which.
 */
static int note_end(struct collector *c, const struct jobs_artifacts *artifacts)
{
    char text[UNIT_TEXT_SIZE];

    if (c->unsaid > 0)
        strings_add(c->notes,
                    xasprintf("%zu more remarks on artifacts are left out here", c->unsaid));
    if (c->unlisted > 0)
        strings_add(c->notes,
                    xasprintf("%zu more artifacts were copied, and are not listed", c->unlisted));
    switch (c->copier.stop) {
    case ARTIFACT_GOES_ON:
        return note_missing(c, artifacts);
    case ARTIFACT_CANCELLED:
        strings_add(c->notes,
                    xstrdup("interrupted while artifacts were copied: the rest was not copied"));
        return 0;
    case ARTIFACT_OVER_MAX:
        strings_add(c->notes, xasprintf("artifacts exceed their max of %s: the rest was not copied",
                                        unit_format_size(artifacts->max, text)));
        return 1;
    case ARTIFACT_TOO_MANY:
        strings_add(
            c->notes,
            xasprintf(
                "more artifacts than can be copied: the rest of them, after %zu, was not copied",
                c->copied->n + c->unlisted));
        return 1;
    case ARTIFACT_TOO_LATE:
        strings_add(c->notes,
                    xstrdup("copying the artifacts took too long: the rest was not copied"));
        return 1;
    }
    return 0;
}

static int artifacts_collect_all(struct collector *c, const struct jobs_job *job, int root, int out,
                                 const struct artifacts_target *target)
{
    const struct jobs_artifacts *artifacts = &job->artifacts;
    cleanup_free char *base = NULL;
    int r;

    c->copier = (struct artifact_copier){.out = target->out,
                                         .left = artifacts->max,
                                         .cancelled = target->stopped,
                                         .data = target->data};
    r = artifact_copier_open(&c->copier, out);

    if (r == 0)
        r = artifact_place_begin(&c->from, root, open_dir);
    if (r < 0)
        return cupel_error_set(c->err, CUPEL_ERROR_HARNESS, r,
                               "cannot open the directories of artifacts of %s", c->prefix);
    c->levels = xcalloc(ARTIFACT_DEPTH_MAX + 1, sizeof(*c->levels));
    base = artifact_base(root, job->workdir);
    c->patterns = patterns_new(artifacts->paths.patterns, base);
    if (artifacts->exclude.patterns != NULL)
        c->exclude = patterns_new(artifacts->exclude.patterns, base);
    r = artifacts_walk(c);
    if (r == 0)
        r = note_end(c, artifacts);
    patterns_free(c->patterns);
    patterns_free(c->exclude);
    free(c->levels);
    strbuf_free(&c->path.text);
    artifact_place_end(&c->from);
    return r;
}

int artifacts_collect(const struct jobs_job *job, int root, const struct artifacts_target *target,
                      struct strings *copied, struct reports_file **files, struct strings *notes,
                      struct cupel_error *err)
{
    char file_name[REPORTS_FILE_NAME_SIZE];
    cleanup_free char *prefix = NULL;
    cleanup_close int dir = -EBADF;
    struct collector c = {.redact = target->redact, .copied = copied, .notes = notes, .err = err};
    int r = reports_out_open_artifacts(target->out, target->name, &dir, err);

    if (r < 0)
        return r;
    reports_file_name(target->name, file_name, sizeof(file_name));
    c.prefix = prefix = reports_out_has_only_files(target->out)
                            ? xstrdup(reports_out_path(target->out))
                            : xasprintf("artifacts/%s", file_name);
    r = artifacts_collect_all(&c, job, root, dir, target);
    artifact_copier_close(&c.copier);
    *files = c.files;
    return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* artifacts: copies what a finished job's patterns name out of its root. Everything of the job is
 * dead by now, so that nothing moves under our feet, but every name is hostile: directories are
 * opened beneath the root without following any link, only regular files are copied, and what is
 * skipped is remarked upon (go-judge #176). Nothing of the root is ever run.
 *
 * The walk is one, in the order of names, whatever the patterns are, so that two runs of one job
 * copy the same files when not all can be. What it holds does not grow with the job's files: lists
 * of names have a budget and are read again where it is used up, a place in the tree is a handful
 * of descriptors, and names are listed up to a bound. */
#include "harness/attempt/artifacts.h"
#include "base/redact.h"
#include "base/weaken.h"
#include "harness/attempt/artifact_copy.h"
#include "harness/attempt/artifact_names.h"
#include "harness/attempt/artifact_patterns.h"
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
    struct artifact_states states;
    struct artifact_names names;
    bool dropped; /* the names, to make room; `after` is the one that the way leads through */
    char after[ARTIFACT_NAME_SIZE];
};

struct collector {
    const struct redact *redact;
    const char *prefix; /* the out directory's path in the reports: "artifacts/NAME" */
    struct artifact_patterns *patterns;
    struct artifact_place from;
    struct artifact_path path;
    struct level *levels; /* by depth, those of the path */
    size_t names_bytes;   /* of all levels */
    struct artifact_copier copier;
    struct strings *copied, *notes;
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

static void artifacts_list(struct collector *c, const char *name)
{
    size_t len = strlen(c->prefix) + c->path.text.len + strlen(name) + 3;
    const char *slash = c->path.depth > 0 ? "/" : "";

    if (c->copied->n == ARTIFACTS_LISTED_MAX || len > artifacts_listed_bytes() - c->listed_bytes) {
        c->unlisted++;
        return;
    }
    c->listed_bytes += len;
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

/* `name` was no directory and no link when it was listed. The copy's name has no secret. */
static int artifacts_copy_file(struct collector *c, const char *name)
{
    int dir = artifact_place_fd(&c->from), r;
    cleanup_close int from = open_entry(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    cleanup_free char *safe = NULL;
    const char *why;

    if (from < 0 || !is_regular(from)) {
        artifacts_note(c, name, "cannot be opened as a regular file of the job; not copied");
        return 0;
    }
    safe = redact_string(c->redact, name, false);
    if (has_secret(c, safe != NULL ? safe : name)) {
        artifacts_note(c, name, "has a secret in its path; not copied");
        return 0;
    }
    r = artifact_copier_take(&c->copier, from, &c->path, safe != NULL ? safe : name, &why);
    if (r == 0)
        artifacts_list(c, safe != NULL ? safe : name);
    else if (r > 0 && why != NULL)
        artifacts_note(c, name, why);
    else if (r < 0 && is_ours(r))
        return cupel_error_set(c->err, CUPEL_ERROR_HARNESS, r,
                               "cannot copy the artifact %.200s to %s", name, c->prefix);
    else if (r < 0)
        artifacts_note(c, name, strerror(-r));
    return 0;
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

static int artifacts_enter(struct collector *c, const char *name)
{
    struct level *next = &c->levels[c->path.depth + 1];
    struct artifact_states states;

    if (has_secret(c, name)) {
        artifacts_note(c, name, "has a secret in its path; not copied");
        return 0;
    }
    if (!artifact_patterns_enter(c->patterns, &c->levels[c->path.depth].states, name, &states))
        return 0;
    if (c->path.depth == ARTIFACT_DEPTH_MAX || artifact_place_down(&c->from, name) < 0) {
        artifacts_note(c, name,
                       c->path.depth == ARTIFACT_DEPTH_MAX ? "is too deep; not copied"
                                                           : "cannot be opened; not copied");
        artifact_states_free(&states);
        return 0;
    }
    artifact_path_push(&c->path, name);
    *next = (struct level){.states = states};
    if (artifact_is_kernels(artifact_place_fd(&c->from)))
        artifacts_note(c, NULL, "cannot be listed; not copied");
    else
        read_names(c, NULL);
    return 0;
}

/* Nothing of the job's is left that could have moved anything: what cannot be found again is the
 * machine's fault. */
static int artifacts_leave(struct collector *c)
{
    struct level *l = &c->levels[c->path.depth];
    int r = artifact_copier_left(&c->copier, &c->path, c->path.depth);

    drop_names(c, l);
    artifact_states_free(&l->states);
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
    if (is_dir(artifact_place_fd(&c->from), name, &type))
        return artifacts_enter(c, name);
    if (!artifact_patterns_match(c->patterns, &c->levels[c->path.depth].states, name))
        return 0;
    if (type == DT_REG || weakened("artifact-links"))
        return artifacts_copy_file(c, name);
    artifacts_note(c, name,
                   type == DT_LNK ? "is a symbolic link; not followed, not copied"
                                  : "is no regular file; not copied");
    return 0;
}

static int artifacts_walk(struct collector *c)
{
    int r = 0;

    artifact_patterns_begin(c->patterns, &c->levels[0].states);
    read_names(c, NULL);
    while (r == 0 && !artifact_copier_stops(&c->copier)) {
        unsigned char type = DT_UNKNOWN;
        const char *name = artifacts_next_name(c, &type);

        if (name == NULL && c->path.depth == 0)
            break;
        r = name != NULL ? visit(c, name, type) : artifacts_leave(c);
    }
    for (size_t i = 0; i <= c->path.depth; i++) {
        artifact_names_free(&c->levels[i].names);
        artifact_states_free(&c->levels[i].states);
    }
    return r;
}

/* ---- the whole ---- */

/* What was not copied, and why, in words; 1 when a bound was the reason: the last note says which.
 */
static int note_end(struct collector *c, const struct jobs_artifacts *artifacts)
{
    char text[UNIT_TEXT_SIZE];

    for (size_t i = 0; c->copier.stop == ARTIFACT_GOES_ON && artifacts->patterns[i] != NULL; i++)
        if (!artifact_patterns_used(c->patterns, i))
            strings_add(c->notes,
                        xasprintf("artifact pattern %s matched nothing", artifacts->patterns[i]));
    if (c->unsaid > 0)
        strings_add(c->notes,
                    xasprintf("%zu more remarks on artifacts are left out here", c->unsaid));
    if (c->unlisted > 0)
        strings_add(c->notes,
                    xasprintf("%zu more artifacts were copied, and are not listed", c->unlisted));
    switch (c->copier.stop) {
    case ARTIFACT_GOES_ON:
        return 0;
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

static int artifacts_collect_all(struct collector *c, const struct jobs_artifacts *artifacts,
                                 int root, int out, const struct artifacts_target *target)
{
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
    c->patterns = artifact_patterns_new(artifacts->patterns);
    r = artifacts_walk(c);
    if (r == 0)
        r = note_end(c, artifacts);
    artifact_patterns_free(c->patterns);
    free(c->levels);
    strbuf_free(&c->path.text);
    artifact_place_end(&c->from);
    return r;
}

int artifacts_collect(const struct jobs_job *job, int root, const struct artifacts_target *target,
                      struct strings *copied, struct strings *notes, struct cupel_error *err)
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
    r = artifacts_collect_all(&c, &job->artifacts, root, dir, target);
    artifact_copier_close(&c.copier);
    return r;
}

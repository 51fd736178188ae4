/* SPDX-License-Identifier: Apache-2.0 */
/* layouts: see layouts.h. Not responsible for what is in a submission (placing.c). */
#include "ingest/layouts.h"

#include "ingest/member_names.h"
#include "ingest/member_reader.h"

#include "base/weaken.h"

#include <ctype.h>
#include <search.h>
#include <string.h>

#define GRADESCOPE_LIST "submission_metadata.yml"

/* What a path says by a layout's rules. Texts are parts of the path. */
struct split {
    const char *id, *key, *name;
    size_t id_length, key_length, name_length;
    const char *rest, *below; /* the path in the submission is `rest`, or `rest` of `below` */
    size_t rest_length;
    bool late;
    bool left_out; /* known, and no submission's */
};
/* False: the path is none of this layout. `directory`: it is one. */
typedef bool split_fn(const char *path, bool directory, struct split *ret);

static size_t digits(const char *text, size_t n)
{
    size_t i = 0;

    while (i < n && isdigit((unsigned char)text[i]))
        i++;
    return i;
}

/* ---- Moodle: NAME_123456_assignsubmission_file_/PATH, or with the file's name behind ---- */

/* The digits that end a text, behind a '_' and a name; 0: there are none. */
static size_t number_at_end(const char *text, size_t n)
{
    size_t length = 0;

    while (length < n && isdigit((unsigned char)text[n - 1 - length]))
        length++;
    return length > 0 && length + 1 < n && text[n - 1 - length] == '_' ? length : 0;
}

/* The first place where it could be, since a file's name comes behind it and is the student's
 * choice; `last`: the last one, since nothing does, and a person's name may be that person's. */
static const char *moodle_mark(const char *path, size_t n, const char *mark, bool last)
{
    const char *found = NULL;

    for (const char *at = path; (at = memmem(at, n - (size_t)(at - path), mark, strlen(mark)));
         at++) {
        if (number_at_end(path, (size_t)(at - path)) == 0)
            continue;
        found = at;
        if (!last)
            break;
    }
    return found;
}

static bool split_moodle(const char *path, bool directory, struct split *ret)
{
    static const char submission[] = "_assignsubmission_", feedback[] = "_assignfeedback_";
    size_t n = strcspn(path, "/"), before, number;
    bool is_folder = directory || path[n] == '/';
    const char *mark = moodle_mark(path, n, submission, is_folder), *plugin,
               *other = moodle_mark(path, n, feedback, is_folder);

    if (mark == NULL || (is_folder && other != NULL && other > mark)) {
        *ret = (struct split){.left_out = true};
        return other != NULL;
    }
    before = (size_t)(mark - path);
    number = number_at_end(path, before);
    plugin = mark + strlen(submission);
    plugin += strspn(plugin, "abcdefghijklmnopqrstuvwxyz");
    plugin += *plugin == '_';
    *ret = (struct split){.id = mark - number,
                          .id_length = number,
                          .key = path,
                          .key_length = before,
                          .name = path,
                          .name_length = before - number - 1,
                          .rest = plugin,
                          .rest_length = (size_t)(path + n - plugin),
                          .below = path[n] == '/' ? path + n + 1 : ""};
    return plugin <= path + n;
}

/* ---- Canvas: nameofstudent_LATE_12345_67890_FILE, flat ---- */

static bool canvas_at(const char *path, const char *at, struct split *ret)
{
    const char *id = at + 1 + (str_starts(at + 1, "LATE_") ? 5 : 0), *next;
    size_t n = digits(id, strlen(id)), more;

    if (n == 0 || id[n] != '_')
        return false;
    next = id + n + 1;
    more = digits(next, strlen(next));
    if (more > 0 && next[more] == '_' && next[more + 1] != '\0')
        next += more + 1;
    else if (!str_eq(next, "text.html") && !str_eq(next, "link.html"))
        return false;
    *ret = (struct split){.id = id,
                          .id_length = n,
                          .key = path,
                          .key_length = (size_t)(at - path),
                          .name = path,
                          .name_length = (size_t)(at - path),
                          .rest = next,
                          .rest_length = strlen(next),
                          .below = "",
                          .late = id != at + 1};
    return true;
}

static bool split_canvas(const char *path, bool directory, struct split *ret)
{
    if (directory || strchr(path, '/') != NULL)
        return false;
    for (const char *at = strchr(path + 1, '_'); at != NULL; at = strchr(at + 1, '_'))
        if (canvas_at(path, at, ret))
            return true;
    return false;
}

/* ---- Gradescope: submission_123/PATH, and a list ---- */

static bool split_gradescope(const char *path, bool directory, struct split *ret)
{
    static const char begin[] = "submission_";
    size_t n = strcspn(path, "/"), of_begin = strlen(begin);

    if (str_eq(path, GRADESCOPE_LIST)) {
        *ret = (struct split){.left_out = true};
        return true;
    }
    if (!str_starts(path, begin) || digits(path + of_begin, n - of_begin) != n - of_begin ||
        n == of_begin || (path[n] == '\0' && !directory))
        return false;
    *ret = (struct split){.id = path,
                          .id_length = n,
                          .key = path,
                          .key_length = n,
                          .rest = "",
                          .below = path[n] == '/' ? path + n + 1 : ""};
    return true;
}

/* ---- a directory, or an archive, for each ---- */

static bool split_directories(const char *path, bool directory, struct split *ret)
{
    size_t n = strcspn(path, "/");
    size_t ending = path[n] == '\0' && !directory ? member_names_ending(path) : 0;

    if (path[n] == '\0' && !directory && ending == 0)
        return false;
    *ret = (struct split){.id = path,
                          .id_length = n - ending,
                          .key = path,
                          .key_length = n,
                          .rest = ending > 0 ? path : "",
                          .rest_length = ending > 0 ? n : 0,
                          .below = path[n] == '/' ? path + n + 1 : ""};
    return true;
}

/* ---- which it is ---- */

static const struct {
    const char *name;
    split_fn *split; /* NULL: not by names */
} layout_table[HANDINS_LAYOUT_COUNT] = {
    [HANDINS_ANY] = {"any", NULL},
    [HANDINS_MOODLE] = {"moodle", split_moodle},
    [HANDINS_CANVAS] = {"canvas", split_canvas},
    [HANDINS_GRADESCOPE] = {"gradescope", split_gradescope},
    [HANDINS_DIRECTORIES] = {"directories", split_directories},
    [HANDINS_SINGLE] = {"single", NULL},
};

const char *handins_layout_name(enum handins_layout layout)
{
    return (unsigned)layout < HANDINS_LAYOUT_COUNT ? layout_table[layout].name : NULL;
}

int handins_layout_parse(const char *name, enum handins_layout *ret)
{
    for (unsigned i = 0; i < HANDINS_LAYOUT_COUNT; i++)
        if (str_eq(name, layout_table[i].name)) {
            *ret = (enum handins_layout)i;
            return 0;
        }
    return -EINVAL;
}

/* What is looked at together: an archive's members, and what they have in front. */
struct sorting {
    const struct member_list *all;
    struct layout *l;
    const char *stem; /* the archive's name without its ending */
    const char *top;  /* the one directory that all else lies in, or NULL */
    bool below_top;   /* it is taken off */
    struct hsearch_data ids;
};

/* Whether a member counts where it is found out what the archive is: a name that is wrong may be
 * made for that. */
static bool counts(const struct sorting *s, size_t i)
{
    return s->l->members[i].clean != NULL && s->l->members[i].wrong == NULL;
}

/* The member's path without what is taken off the front; NULL: nothing is left. */
static const char *path_of(const struct sorting *s, size_t i)
{
    const char *path = s->l->members[i].clean;
    size_t n = s->below_top ? strlen(s->top) : 0;

    if (n == 0)
        return path[0] != '\0' ? path : NULL;
    return strncmp(path, s->top, n) == 0 && path[n] == '/' ? path + n + 1 : NULL;
}

static bool is_directory(const struct sorting *s, size_t i)
{
    return s->all->list[i].type == MEMBER_DIRECTORY;
}

static void find_top(struct sorting *s)
{
    const char *first = NULL;
    size_t n = 0;

    for (size_t i = 0; i < s->all->n; i++) {
        const char *path = s->l->members[i].clean;

        if (!counts(s, i))
            continue;
        if (first == NULL) {
            first = path;
            n = strcspn(path, "/");
        }
        if (strncmp(path, first, n) != 0 || (path[n] != '/' && path[n] != '\0') ||
            (path[n] == '\0' && !is_directory(s, i)))
            return;
    }
    if (first != NULL)
        s->top = arena_strndup(s->l->arena, first, n);
}

/* Whether all names are of this layout, and one at least is. */
static bool fits(const struct sorting *s, enum handins_layout layout)
{
    struct split split;
    size_t n = 0;

    for (size_t i = 0; i < s->all->n; i++) {
        const char *path = counts(s, i) ? path_of(s, i) : NULL;

        if (path == NULL)
            continue;
        if (!layout_table[layout].split(path, is_directory(s, i), &split))
            return false;
        n += !split.left_out;
    }
    return n > 0;
}

/* Whether there are several directories or archives at the top, and nothing else. */
static bool holds_many(const struct sorting *s)
{
    const char *first = NULL;
    size_t n = 0;

    if (!fits(s, HANDINS_DIRECTORIES))
        return false;
    for (size_t i = 0; i < s->all->n; i++) {
        const char *path = counts(s, i) ? path_of(s, i) : NULL;

        if (path == NULL)
            continue;
        if (strchr(path, '/') == NULL && !is_directory(s, i))
            return true; /* an archive */
        if (first != NULL && strcspn(path, "/") == n && strncmp(path, first, n) == 0)
            continue;
        if (first != NULL)
            return true;
        first = path;
        n = strcspn(path, "/");
    }
    return false;
}

static enum handins_layout recognise(struct sorting *s, enum handins_layout wanted,
                                     bool one_of_many)
{
    static const enum handins_layout exports[] = {HANDINS_GRADESCOPE, HANDINS_MOODLE,
                                                  HANDINS_CANVAS};

    /* whoever has made one of many may want it to be those of others */
    if (wanted == HANDINS_ANY && one_of_many && !weakened("archive-of-many"))
        return HANDINS_SINGLE;
    for (unsigned below = 0; below <= (s->top != NULL); below++) {
        s->below_top = below > 0;
        for (size_t i = 0; i < ARRAY_SIZE(exports); i++)
            if ((wanted == HANDINS_ANY || wanted == exports[i]) && fits(s, exports[i]))
                return exports[i];
        if ((wanted == HANDINS_DIRECTORIES || (wanted == HANDINS_ANY && !one_of_many)) &&
            holds_many(s))
            return HANDINS_DIRECTORIES;
    }
    s->below_top = false;
    return wanted == HANDINS_ANY ? HANDINS_SINGLE : wanted;
}

/* Returns whose export one of many would have been alone; HANDINS_ANY: nobody's. */
static enum handins_layout resembled(struct sorting *s)
{
    enum handins_layout layout = recognise(s, HANDINS_ANY, false);

    s->below_top = false;
    return layout == HANDINS_DIRECTORIES || layout == HANDINS_SINGLE ? HANDINS_ANY : layout;
}

/* ---- groups ---- */

static const char *shown(struct arena *arena, const char *text, size_t n)
{
    cleanup_strbuf struct strbuf line = {0};
    cleanup_free char *copy = xcalloc(1, n + 1);

    memcpy(copy, text, n);
    text_add_line(&line, copy);
    return arena_strdup(arena, line.data);
}

/* Finds the group of an id, or makes it: *ret is its number plus one. */
static int find_group(struct sorting *s, const char *id, const char *key, size_t *ret,
                      struct cupel_error *err)
{
    struct layout *l = s->l;
    ENTRY *found, asked = {.key = (char *)id};

    if (hsearch_r(asked, FIND, &found, &s->ids) != 0) {
        size_t number = (size_t)(uintptr_t)found->data;

        *ret = number;
        if (str_eq(l->groups[number - 1].key, key))
            return 0;
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                              "two submissions in '%s' have the id '%s': '%s' and '%s'", s->stem,
                              id, l->groups[number - 1].key, key);
        cupel_error_hint(err, "give one of them another name");
        return -EEXIST;
    }
    l->groups = xrealloc(l->groups, (l->n_groups + 1) * sizeof(*l->groups));
    l->groups[l->n_groups] = (struct layout_group){.id = id, .key = key};
    *ret = ++l->n_groups;
    asked.data = (void *)(uintptr_t)*ret;
    if (hsearch_r(asked, ENTER, &found, &s->ids) == 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, ENOMEM, "cannot sort what is in '%s'",
                               s->stem);
    return 0;
}

static const char *id_of(struct arena *arena, const char *text, size_t n)
{
    cleanup_strbuf struct strbuf id = {0};

    member_names_add_id(&id, text, n);
    return arena_strdup(arena, id.data);
}

static void stray(struct sorting *s, size_t i)
{
    if (s->l->n_strays++ == 0)
        s->l->stray = shown(s->l->arena, s->all->list[i].name, strlen(s->all->list[i].name));
}

static int sort_by_name(struct sorting *s, size_t i, struct cupel_error *err)
{
    struct layout *l = s->l;
    const char *path = path_of(s, i), *key;
    struct split split;
    size_t group = 0;
    int r;

    if (path == NULL && l->members[i].wrong == NULL)
        return 0;
    if (path == NULL || !layout_table[l->layout].split(path, is_directory(s, i), &split)) {
        stray(s, i);
        return 0;
    }
    if (split.left_out) {
        l->metadata = l->layout == HANDINS_GRADESCOPE ? i : SIZE_MAX;
        return 0;
    }
    key = shown(l->arena, split.key, split.key_length);
    r = find_group(s, id_of(l->arena, split.id, split.id_length), key, &group, err);
    if (r < 0)
        return r;
    l->of[i] = (uint32_t)(group - 1);
    l->members[i].path =
        arena_printf(l->arena, "%.*s%s%s", (int)split.rest_length, split.rest,
                     split.rest_length > 0 && split.below[0] != '\0' ? "/" : "", split.below);
    l->groups[group - 1].late |= split.late;
    if (split.name_length > 0 && l->groups[group - 1].name == NULL)
        l->groups[group - 1].name = shown(l->arena, split.name, split.name_length);
    return 0;
}

/* All of it is one. A folder that was packed has its name in front of all that is in it: the
 * archive's. */
static void sort_single(struct sorting *s)
{
    struct layout *l = s->l;

    s->below_top = s->top != NULL && str_eq(s->top, s->stem);
    l->groups = xcalloc(1, sizeof(*l->groups));
    l->groups[0] =
        (struct layout_group){.id = id_of(l->arena, s->stem, strlen(s->stem)), .key = s->stem};
    l->n_groups = 1;
    for (size_t i = 0; i < s->all->n; i++) {
        const char *path = l->members[i].clean != NULL ? path_of(s, i) : NULL;

        if (l->members[i].clean == NULL)
            continue;
        l->of[i] = 0;
        l->members[i].path = path != NULL ? path : "";
    }
}

/* ---- names of files that were handed in again ---- */

/* Where "-1" stands in "sum-1.c"; NULL: nowhere. */
static const char *resubmission(const char *name)
{
    const char *dot = strrchr(name, '.'), *end = dot != NULL ? dot : name + strlen(name);
    const char *at = end;

    while (at > name && isdigit((unsigned char)at[-1]))
        at--;
    return at < end && end - at <= 3 && at > name + 1 && at[-1] == '-' ? at - 1 : NULL;
}

/* Canvas puts a number behind the name of a file that is handed in again. It is taken off where
 * somebody else has handed in a file of the name without it, and this one has not. */
static void drop_resubmissions(struct layout *l)
{
    struct strset names = {0}, owned = {0};

    for (size_t pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < l->n_members; i++) {
            const char *path = l->of[i] != MEMBER_OF_NONE ? l->members[i].path : NULL;
            const char *at = path != NULL && pass == 1 ? resubmission(path) : NULL;
            cleanup_free char *own = NULL, *without = NULL;

            if (path == NULL || (pass == 1 && at == NULL))
                continue;
            if (pass == 1)
                without = xasprintf("%.*s%s", (int)(at - path), path, at + strcspn(at, "."));
            own = xasprintf("%u/%s", l->of[i], pass == 1 ? without : path);
            if (pass == 0) {
                (void)strset_add(&names, path);
                (void)strset_add(&owned, own);
            } else if (strset_has(&names, without) && strset_add(&owned, own)) {
                l->members[i].path = arena_strdup(l->arena, without);
            }
        }
    strset_free(&names);
    strset_free(&owned);
}

/* ---- all of it ---- */

static void clean_names(struct sorting *s)
{
    cleanup_strbuf struct strbuf clean = {0};
    struct layout *l = s->l;

    for (size_t i = 0; i < s->all->n; i++) {
        const char *why = NULL;

        l->of[i] = MEMBER_OF_NONE;
        clean.len = 0;
        switch (member_names_clean(s->all->list[i].name, &clean, &why)) {
        case MEMBER_NAME_GOOD:
        case MEMBER_NAME_WRONG:
            l->members[i] =
                (struct layout_member){.clean = arena_strdup(l->arena, clean.data), .wrong = why};
            break;
        default:
            break;
        }
    }
}

static int refuse_none(const struct sorting *s, struct cupel_error *err)
{
    (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                          "there is no submission in '%s', which was taken for --layout %s",
                          s->stem, layout_table[s->l->layout].name);
    cupel_error_hint(err,
                     "leave --layout out, and it is found out; docs/grading.md tells what each "
                     "looks like");
    return -EINVAL;
}

static int sort_all(struct sorting *s, struct cupel_error *err)
{
    struct layout *l = s->l;
    int r = 0;

    if (l->layout == HANDINS_SINGLE) {
        sort_single(s);
        return 0;
    }
    for (size_t i = 0; r == 0 && i < s->all->n; i++) {
        if (l->members[i].clean != NULL)
            r = sort_by_name(s, i, err);
    }
    if (r == 0 && l->layout == HANDINS_CANVAS)
        drop_resubmissions(l);
    if (r == 0 && l->n_groups == 0)
        r = refuse_none(s, err);
    return r;
}

int layouts_sort(const struct member_list *all, const char *name, enum handins_layout wanted,
                 bool one_of_many, struct layout *ret, struct cupel_error *err)
{
    struct layout l = {.n_members = all->n,
                       .metadata = SIZE_MAX,
                       .members = xcalloc(all->n + 1, sizeof(*l.members)),
                       .of = xcalloc(all->n + 1, sizeof(*l.of)),
                       .arena = arena_new()};
    struct sorting s = {.all = all, .l = &l};
    int r;

    s.stem = arena_strndup(l.arena, name, strlen(name) - member_names_ending(name));
    clean_names(&s);
    find_top(&s);
    l.layout = recognise(&s, wanted, one_of_many);
    if (hcreate_r(2 * all->n + 16, &s.ids) == 0) {
        layouts_free(&l);
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, ENOMEM, "cannot sort what is in '%s'",
                               name);
    }
    if (wanted == HANDINS_ANY && one_of_many)
        l.resembles = resembled(&s);
    r = sort_all(&s, err);
    hdestroy_r(&s.ids);
    if (r < 0)
        layouts_free(&l);
    else
        *ret = l;
    return r;
}

void layouts_want(struct layout *l, size_t group, const char *id)
{
    l->groups[group].wanted = id_of(l->arena, id, strlen(id));
}

void layouts_rename(struct layout *l)
{
    struct strset taken = {0}, twice = {0};

    for (size_t i = 0; i < l->n_groups; i++)
        (void)strset_add(&taken, l->groups[i].id);
    for (size_t i = 0; i < l->n_groups; i++)
        if (l->groups[i].wanted != NULL && !strset_add(&taken, l->groups[i].wanted))
            (void)strset_add(&twice, l->groups[i].wanted);
    for (size_t i = 0; i < l->n_groups; i++) {
        struct layout_group *g = &l->groups[i];

        if (g->wanted == NULL)
            continue;
        if (!strset_has(&twice, g->wanted))
            g->id = g->wanted;
        else
            log_warning("'%s' has the id '%s', which another has as well: it keeps its number",
                        g->key, g->wanted);
    }
    strset_free(&taken);
    strset_free(&twice);
}

void layouts_free(struct layout *l)
{
    free(l->groups);
    free(l->members);
    free(l->of);
    if (l->arena != NULL)
        arena_free(l->arena);
    *l = (struct layout){0};
}

/* SPDX-License-Identifier: Apache-2.0 */
/* case_jobs: a job with `cases` becomes a job for each of them, which has the job's keys and its
 * own. All that is the same for all cases of an instance is one list of nodes, which they share.
 * Not responsible for points and groups (jobs/cases.c). */
#include "jobs/expand/case_jobs.h"

#include "jobs/expand/templates.h"

#define CASES_FOUND_MAX 256 /* files of one pattern, where others have put them */

/* One map of `cases`. */
struct case_entry {
    struct node *map;
    struct node *own; /* a map of what it says itself: keys that are no job's */
    struct node *name, *files, *answer;
    uint32_t keys; /* bits: what it says in place of its job */
    bool same;     /* `files` is the same in all instances */
    bool looked;
    struct expand_match *matches;
    const char **words; /* what each is called */
    size_t n;
};

/* Which key of a case it is; SIZE_MAX: none. */
static size_t key_number(const char *name)
{
    const struct key *k = key_find(&keys_case, name);

    return k != NULL ? (size_t)(k - keys_case.keys) : SIZE_MAX;
}

static bool is_of_job(size_t key)
{
    return key != SIZE_MAX && keys_case.keys[key].set == key_set_of_case;
}

static uint32_t key_bit(const char *name)
{
    return UINT32_C(1) << key_number(name);
}

/* Whether a text below the node knows which case it is for. */
static bool mentions_case(const struct node *n)
{
    const char *at = n->text;

    if (!n->dollar)
        return false;
    for (const struct node *v = n->kind != NODE_SCALAR ? n->first : NULL; v != NULL; v = v->next)
        if (mentions_case(v))
            return true;
    while (n->kind == NODE_SCALAR && (at = strstr(at, "${{")) != NULL) {
        at += 3;
        if (str_starts(at + strspn(at, " \t"), "case."))
            return true;
    }
    return false;
}

/* ---- what is written ---- */

static void read_entry(struct cases *c, struct node *map, struct case_entry *e)
{
    struct node **link;

    e->map = map;
    e->own = node_new(c->l->tree, NODE_MAP, map->place);
    e->own->lost = map->lost;
    link = &e->own->first;
    for (struct node *v = map->first; v != NULL; v = v->next) {
        size_t key = key_number(v->key->text);
        struct node *copy;

        if (is_of_job(key)) {
            e->keys |= UINT32_C(1) << key;
            continue;
        }
        if (str_eq(v->key->text, "name"))
            e->name = v;
        else if (str_eq(v->key->text, "files"))
            e->files = v;
        else if (str_eq(v->key->text, "answer"))
            e->answer = v;
        copy = node_new(c->l->tree, NODE_SCALAR, v->place);
        *copy = *v;
        copy->next = NULL;
        *link = copy;
        link = &copy->next;
        e->own->n++;
        e->own->dollar |= v->dollar;
    }
    if (e->files != NULL)
        e->keys |= key_bit("stdin-file");
    if (e->answer != NULL)
        e->keys |= key_bit("expect");
}

/* Says that an entry makes no case: it has neither key, or another that was meant for one. */
static void lacks_name(struct cases *c, const struct case_entry *e)
{
    struct case_nodes nodes = {0};

    if (key_was_meant(&keys_case, e->map, "name") || key_was_meant(&keys_case, e->map, "files"))
        (void)keys_apply(c->l, &keys_case, e->own, &nodes); /* nobody reads it later */
    else
        problem_at(c->l, e->map, "a case needs the key 'name', or 'files' for one of each file");
}

static bool check_entry(struct cases *c, const struct case_entry *e)
{
    const struct node *map = e->map;
    struct loader *l = c->l;

    if (map->kind != NODE_MAP)
        return value_unexpected(l, map, "cases", "a list of maps");
    if (e->name == NULL && e->files == NULL)
        lacks_name(c, e);
    if (e->name != NULL && e->files != NULL)
        problem_at(l, e->files->key, "'name' and 'files' exclude each other");
    if (e->answer != NULL && e->files == NULL)
        problem_at(l, e->answer->key, "'answer' goes with 'files'");
    if (e->files != NULL && (node_child(map, "stdin") != NULL || node_child(map, "stdin-file")))
        problem_at(l, e->files->key,
                   "what 'files' finds is the standard input of its case: there "
                   "is no other");
    return (e->name != NULL) != (e->files != NULL);
}

/* Takes a key out of the job's list. */
static struct node *unlink_key(struct node *job, const char *key)
{
    struct node **link = &job->first, *found = NULL;

    while (*link != NULL) {
        if (!str_eq((*link)->key->text, key)) {
            link = &(*link)->next;
            continue;
        }
        found = *link; /* the last, of a key that stands twice */
        *link = found->next;
        job->n--;
    }
    return found;
}

/* Adds the other one of two keys that say the same: one of a case takes the place of the other of
 * its job. */
static uint32_t with_others(uint32_t keys)
{
    const uint32_t both = key_bit("stdin") | key_bit("stdin-file");

    return (keys & both) != 0 ? keys | both : keys;
}

bool cases_take(struct cases *c, struct loader *l, struct replacing *r, struct node *job,
                struct languages *languages)
{
    bool good = true;

    *c = (struct cases){.l = l, .r = r, .job = job, .languages = languages};
    if (languages != NULL)
        c->own = key_bit("limits");
    c->list = unlink_key(job, "cases");
    c->groups = unlink_key(job, "groups");
    c->stop = unlink_key(job, "stop");
    if (c->list->kind != NODE_LIST && c->list->kind != NODE_MAP)
        return value_unexpected(l, c->list, "cases", "a list of maps");
    if (c->list->n == 0) {
        problem_at(l, c->list, "'cases' is empty");
        return false;
    }
    c->n = items_count(c->list);
    c->entries = xcalloc(c->n, sizeof(*c->entries));
    c->n = 0;
    for (struct node *v = (struct node *)items_first(c->list); v != NULL;
         v = (struct node *)items_next(c->list, v)) {
        struct case_entry *e = &c->entries[c->n++];

        read_entry(c, v, e);
        good = check_entry(c, e) && good;
        c->own |= with_others(e->keys);
    }
    for (size_t i = 0; i < keys_case.n; i++) {
        const struct node *at = is_of_job(i) ? node_child(job, keys_case.keys[i].name) : NULL;

        if (at != NULL && !str_eq(at->key->text, "env") && mentions_case(at))
            c->own |= UINT32_C(1) << i;
    }
    for (size_t i = 0; i < keys_case.n; i++) /* `env` has the instance's values besides */
        if (((c->own >> i) & 1u) != 0 && !str_eq(keys_case.keys[i].name, "env"))
            c->base[i] = unlink_key(job, keys_case.keys[i].name);
    return good;
}

void cases_free(struct cases *c)
{
    free(c->entries);
    c->entries = NULL;
}

/* ---- files ---- */

static const char *last_part_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

/* How much of a path comes before what follows the last dot of its name, which may begin with one.
 */
static size_t without_ending(const char *path)
{
    const char *last = last_part_of(path), *dot = strrchr(last, '.');

    return dot != NULL && dot != last ? (size_t)(dot - path) : strlen(path);
}

/* Leaves nothing of what was found in what others filled but one case that says what is wrong: it
 * is theirs, and no error of the job file. */
static void refuse_found(struct cases *c, struct case_entry *e, const char *pattern,
                         const char *why)
{
    struct arena *arena = c->l->plan->arena;

    e->matches = arena_alloc(c->l->tree, sizeof(*e->matches));
    e->words = arena_alloc(c->l->tree, sizeof(*e->words));
    e->matches[0] =
        (struct expand_match){arena_strdup(arena, pattern), arena_strdup(arena, why), false};
    e->words[0] = "files";
    e->n = 1;
}

/* A file is called by its name where no other one is called so. */
static void name_files(struct cases *c, struct case_entry *e)
{
    _cleanup_(strset_free) struct strset seen = {0}, shared = {0};
    struct loader *l = c->l;
    const char **stems = arena_alloc(l->tree, (e->n + 1) * sizeof(*stems));

    e->words = arena_alloc(l->tree, (e->n + 1) * sizeof(*e->words));
    for (size_t i = 0; i < e->n; i++) {
        const char *path = e->matches[i].path, *last = last_part_of(path);

        stems[i] = arena_strndup(l->tree, last, without_ending(path) - (size_t)(last - path));
        if (!strset_add(&seen, stems[i]))
            (void)strset_add(&shared, stems[i]);
    }
    for (size_t i = 0; i < e->n; i++) {
        const char *name = strset_has(&shared, stems[i]) ? e->matches[i].path : stems[i];

        e->words[i] = matrix_word(l, name, strlen(name), true);
    }
}

/* Leaves what cases are made of: of what is refused none, where it is a problem of the job file. */
static void take_matches(struct cases *c, struct case_entry *e, const struct node *pattern)
{
    struct arena *arena = c->l->plan->arena;
    size_t n = 0;

    for (size_t i = 0; i < e->n; i++) {
        struct expand_match match = e->matches[i];

        match.path = arena_strdup(arena, match.path);
        if (match.refused != NULL)
            match.refused = arena_printf(arena, "'files': %s", match.refused);
        if (match.refused != NULL && pattern->found == 0)
            problem_at(c->l, pattern, "%s", match.refused);
        else
            e->matches[n++] = match;
    }
    e->n = n;
}

static void find_files(struct cases *c, struct case_entry *e, const struct node *pattern)
{
    struct loader *l = c->l;
    struct expand_where where = load_where(l, load_dir_of(l, pattern));
    const char *why = NULL;
    struct cupel_error err;

    e->n = 0;
    if (!value_is_text(l, pattern, "files", "a pattern of paths on the host"))
        return;
    load_note_reading(l, where.dir, pattern->text, true);
    if (l->host->match(&where, pattern->text, EXPAND_TESTS, l->tree, &e->matches, &e->n, &err) < 0)
        why = arena_printf(l->tree, "'files': %s", err.message);
    else if (e->n == 0)
        why = "'files' finds nothing, so there is nothing to judge by";
    else if (pattern->found != 0 && e->n > CASES_FOUND_MAX)
        why = arena_printf(l->tree, "'files' finds %zu files, and %d are possible", e->n,
                           CASES_FOUND_MAX);
    if (why != NULL && pattern->found == 0) {
        problem_at(l, pattern, "%s", why);
        e->n = 0;
    } else if (why != NULL) {
        refuse_found(c, e, pattern->text, why);
        return;
    }
    take_matches(c, e, pattern);
    name_files(c, e);
}

/* ---- one case ---- */

/* A case while it is made. */
struct case_making {
    struct cases *c;
    struct case_entry *e;
    struct node *instance;
    struct node *base[CASE_KEYS_MAX]; /* with the values of the instance in place */
    struct node *tail;                /* what all its cases have */
    size_t n_tail;
    struct strset names;
    const struct jobs_judged *judged;
    size_t n, room; /* how many there are, and may be */
    bool full;
    case_fn *each;
    void *data;
};

static struct node *copy_node(struct cases *c, const struct node *n)
{
    struct node *copy = node_new(c->l->tree, NODE_SCALAR, n->place);

    *copy = *n;
    copy->next = NULL;
    return copy;
}

/* Returns {stdout-file: PATH}, with the file's path but the other ending. */
static struct node *expect_answer(struct case_making *m, const struct node *file,
                                  const struct node *answer)
{
    struct cases *c = m->c;
    struct node *map = node_new(c->l->tree, NODE_MAP, answer->place), *path;

    path = node_new_text(c->l->tree,
                         arena_printf(c->l->plan->arena, "%.*s%s", (int)without_ending(file->text),
                                      file->text, answer->text),
                         answer->place);
    path->found = file->found;
    path->key = node_new_text(c->l->tree, "stdout-file", answer->place);
    map->key = node_new_text(c->l->tree, "expect", answer->place);
    map->first = path;
    map->n = 1;
    return map;
}

/* Returns what the case has under a key that comes anew for each, or NULL. */
static struct node *value_for(struct case_making *m, size_t key, const struct node *file,
                              const struct node *answer)
{
    struct cases *c = m->c;
    const struct key *k = &keys_case.keys[key];
    const char *name = k->name;
    struct node *own = (struct node *)node_child(m->e->map, name), *base = m->base[key];

    if (own != NULL)
        own = replace_in(c->r, own);
    if (base != NULL)
        base = replace_in(c->r, base);
    if (str_eq(name, "stdin-file") && file != NULL) {
        own = copy_node(c, file);
        own->key = node_new_text(c->l->tree, name, file->place);
    }
    if (str_eq(name, "expect") && answer != NULL) {
        struct node *expected = expect_answer(m, file, answer);

        own = own != NULL ? templates_lay(c->r, k, own, expected) : expected;
    }
    if (c->language != NULL && str_eq(name, "limits"))
        return languages_limits(c->languages, c->language, own, base);
    if (own == NULL && ((m->e->keys & (key_bit("stdin") | key_bit("stdin-file"))) != 0) &&
        (str_eq(name, "stdin") || str_eq(name, "stdin-file")))
        return NULL; /* it says the other one of the two */
    if (own != NULL && base != NULL)
        return templates_lay(c->r, k, own, base);
    return own != NULL ? copy_node(c, own) : base != NULL ? copy_node(c, base) : NULL;
}

/* Puts the job of a case together. */
static struct node *case_job(struct case_making *m, const char *id, const struct node *file,
                             const struct node *answer)
{
    struct cases *c = m->c;
    struct node *job = copy_node(c, m->instance), **link = &job->first;

    job->key = node_new_text(c->l->tree, id, m->e->map->place);
    job->lost |= m->e->map->lost;
    job->n = m->n_tail;
    for (size_t i = 0; i < keys_case.n; i++) {
        struct node *v = ((c->own >> i) & 1u) != 0 ? value_for(m, i, file, answer) : NULL;

        if (v == NULL || !replace_charge(c->r, v, 2 * sizeof(*v)))
            continue;
        *link = v;
        link = &v->next;
        job->n++;
    }
    *link = m->tail;
    return job;
}

/* `file`: of `files`, as is the match that it is; else NULL. */
static void make_case(struct case_making *m, const char *name, const struct node *at,
                      const struct node *file, const struct node *answer,
                      const struct expand_match *match)
{
    struct binding bindings[COMBINATION_MAX + 2];
    struct cases *c = m->c;
    struct replacing *r = c->r;
    const struct binding *before = r->matrix;
    const size_t n_before = r->n_matrix;
    struct loader *l = c->l;
    struct jobs_case *of;
    char *id;

    m->full |= m->n == m->room;
    if (m->full)
        return;
    if (!strset_add(&m->names, name)) {
        problem_at(l, at, "two cases of job '%s' are named '%s'", c->job->key->text, name);
        return;
    }
    if (!replace_charge(r, at, 4 * sizeof(*at) + strlen(m->instance->key->text) + strlen(name)))
        return;
    id = arena_printf(l->tree, "%s/%s", m->instance->key->text, name);
    if (n_before > 0)
        memcpy(bindings, before, n_before * sizeof(*bindings));
    r->matrix = bindings;
    bindings[r->n_matrix++] = (struct binding){.name = "case.name", .text = name};
    if (file != NULL)
        bindings[r->n_matrix++] =
            (struct binding){.name = "case.path", .text = file->text, .found = file->found};
    of = arena_alloc(l->plan->arena, sizeof(*of));
    *of =
        (struct jobs_case){.name = arena_strdup(l->plan->arena, name), .judged = l->plan->n_judged};
    case_read(l, replace_in(r, m->e->own), m->judged, of);
    m->each(m->data, case_job(m, id, file, answer), of, match);
    m->n++;
    r->matrix = before;
    r->n_matrix = n_before;
}

static void make_named(struct case_making *m)
{
    const struct node *name = replace_in(m->c->r, m->e->name);

    if (!value_is_text(m->c->l, name, "name", "text"))
        return;
    job_name_check(m->c->l, name);
    make_case(m, name->text, name, NULL, NULL, NULL);
}

/* What a file's case is called: by its path, where an earlier case has its name. Who chose the name
 * of others' files may have taken that as well. */
static const char *case_word(struct case_making *m, size_t i, bool of_others)
{
    struct loader *l = m->c->l;
    const char *word = m->e->words[i], *path = m->e->matches[i].path;

    if (strset_has(&m->names, word))
        word = matrix_word(l, path, strlen(path), true);
    for (size_t n = 2; of_others && strset_has(&m->names, word); n++)
        word = arena_printf(l->tree, "%s-%zu", m->e->words[i], n);
    return word;
}

static void make_found(struct case_making *m)
{
    struct case_entry *e = m->e;
    struct cases *c = m->c;
    const struct node *pattern = replace_in(c->r, e->files);
    const struct node *answer = e->answer != NULL ? replace_in(c->r, e->answer) : NULL;

    if (!e->looked || e->files->dollar)
        find_files(c, e, pattern);
    e->looked = true;
    if (answer != NULL && !value_is_text(c->l, answer, "answer", "an ending such as .ans"))
        return;
    for (size_t i = 0; i < e->n && !m->full; i++) {
        struct node *file = node_new_text(c->l->tree, e->matches[i].path, pattern->place);

        file->found = pattern->found;
        make_case(m, case_word(m, i, pattern->found != 0), pattern, file, answer, &e->matches[i]);
    }
}

/* Whether it is to be made at all: a student has only what is visible. What is said of it anew for
 * each case is not. */
static bool is_made(struct case_making *m)
{
    struct cases *c = m->c;
    const struct node *group = node_child(m->e->own, "group"),
                      *visibility = node_child(m->e->own, "visibility"),
                      *usual = node_child(c->job, "visibility");
    struct jobs_judged none = {.groups = (struct jobs_case_group[1]){{.name = ""}}, .n_groups = 1};
    enum jobs_visibility of_all = JOBS_VISIBLE;

    if (!load_is_for_students(c->l))
        return true;
    if ((group != NULL && mentions_case(group)) ||
        (visibility != NULL && mentions_case(visibility)))
        return false;
    if (usual == NULL && c->l->defaults != NULL && c->l->defaults->kind == NODE_MAP)
        usual = node_child(c->l->defaults, "visibility");
    if (usual != NULL)
        of_all = case_visibility(c->l, NULL, replace_in(c->r, (struct node *)usual), &none, of_all);
    return case_visibility(c->l, group != NULL ? replace_in(c->r, (struct node *)group) : NULL,
                           visibility != NULL ? replace_in(c->r, (struct node *)visibility) : NULL,
                           m->judged, of_all) == JOBS_VISIBLE;
}

/* ---- all of them ---- */

static struct jobs_judged *add_judged(struct loader *l)
{
    struct jobs_plan *plan = l->plan;

    if (plan->n_judged == l->judged_room) {
        struct jobs_judged *list;

        l->judged_room = 2 * l->judged_room + 16;
        list = arena_alloc(plan->arena, l->judged_room * sizeof(*list));
        if (plan->n_judged > 0)
            memcpy(list, plan->judged, plan->n_judged * sizeof(*list));
        plan->judged = list;
    }
    return &plan->judged[plan->n_judged];
}

/* Reads `groups` and `stop`, once where they are the same in all instances. */
static void read_judged(struct cases *c, struct jobs_judged *j)
{
    struct loader *l = c->l;

    if (!c->is_like)
        judged_read(l, c->groups != NULL ? replace_in(c->r, c->groups) : NULL,
                    c->stop != NULL ? replace_in(c->r, c->stop) : NULL, &c->like);
    *j = c->like;
    if (c->is_like && (j->n_groups == 1 || budget_charge(l, c->groups, j->n_groups))) {
        j->groups = arena_alloc(l->plan->arena, j->n_groups * sizeof(*j->groups));
        memcpy(j->groups, c->like.groups, j->n_groups * sizeof(*j->groups));
    }
    c->is_like = (c->groups == NULL || !c->groups->dollar) && (c->stop == NULL || !c->stop->dollar);
}

/* `env`, which is first, is laid below that of each case that has one. */
static void set_tail(struct case_making *m)
{
    struct node *first = m->instance->first;
    size_t env = key_number("env");

    m->tail = first;
    m->n_tail = m->instance->n;
    if (((m->c->own >> env) & 1u) == 0 || first == NULL || !str_eq(first->key->text, "env"))
        return;
    m->base[env] = first;
    m->tail = first->next;
    m->n_tail--;
}

size_t cases_each(struct cases *c, struct node *instance, size_t first, case_fn *each, void *data)
{
    struct case_making m = {.c = c,
                            .instance = instance,
                            .room = first < LOAD_JOBS_MAX ? LOAD_JOBS_MAX - first : 0,
                            .each = each,
                            .data = data};
    struct jobs_judged *j = add_judged(c->l);

    read_judged(c, j);
    j->name = arena_strdup(c->l->plan->arena, instance->key->text);
    j->first = first;
    m.judged = j;
    for (size_t i = 0; i < keys_case.n; i++)
        if (c->base[i] != NULL)
            m.base[i] = mentions_case(c->base[i]) ? c->base[i] : replace_in(c->r, c->base[i]);
    set_tail(&m);
    for (size_t i = 0; i < c->n && !m.full; i++) {
        m.e = &c->entries[i];
        if (!is_made(&m))
            continue;
        if (m.e->files != NULL)
            make_found(&m);
        else
            make_named(&m);
    }
    if (m.n == 0 && load_is_for_students(c->l))
        problem_at(c->l, c->list->key, "no case of job '%s' is visible", c->job->key->text);
    if (m.full)
        problem_at(c->l, c->list->key,
                   "with these cases there are more than %d jobs, and no more are possible in one "
                   "file",
                   LOAD_JOBS_MAX);
    j->n = m.n;
    judged_check(c->l, j, c->groups);
    c->l->plan->n_judged++;
    strset_free(&m.names);
    return m.n;
}

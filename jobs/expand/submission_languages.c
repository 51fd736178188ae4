/* SPDX-License-Identifier: Apache-2.0 */
/* submission_languages: `languages` says how submissions are compiled and run. Which one a
 * submission is in is found by the names of its files, or said by a file `language` in it: both are
 * its author's, so whatever is wrong with them is that instance's alone. Not responsible for
 * looking at files (submission_files.c), nor for what limits a case has (language_limits.c). */
#include "jobs/expand/submission_languages.h"

#include "jobs/expand/submission_files.h"

#include <string.h>

#define ENDINGS_MAX 64
#define LANGUAGES_MAX 256

enum { VALUE_LANGUAGE, VALUE_MAIN };
static const struct node language_keys[LANGUAGE_VALUES] = {
    [VALUE_LANGUAGE] = {.kind = NODE_SCALAR, .text = "SUBMISSION_LANGUAGE", .n = 19},
    [VALUE_MAIN] = {.kind = NODE_SCALAR, .text = "SUBMISSION_MAIN", .n = 15},
};

bool languages_have(const char *name)
{
    for (size_t i = 0; i < LANGUAGE_VALUES; i++)
        if (str_eq(language_keys[i].text, name))
            return true;
    return false;
}

/* ---- the table ---- */

static const struct submission_language *with_ending(const struct languages *t, const char *ending)
{
    for (size_t i = 0; i <= t->n; i++) /* the last one is being read */
        for (size_t k = 0; k < t->all[i].n_endings; k++)
            if (str_eq(t->all[i].endings[k], ending))
                return &t->all[i];
    return NULL;
}

/* A dot before an ending is usual, and may be left out. */
static void read_endings(struct languages *t, struct submission_language *of,
                         const struct node *list)
{
    struct loader *l = t->l;

    if (items_count(list) > ENDINGS_MAX) {
        problem_at(l, list, "'extensions' has more than %d endings", ENDINGS_MAX);
        return;
    }
    of->endings = arena_alloc(l->tree, items_count(list) * sizeof(*of->endings));
    for (const struct node *v = items_first(list); v != NULL; v = items_next(list, v)) {
        const struct submission_language *other;
        const char *ending;

        if (!value_is_text(l, v, "extensions", "endings such as .c"))
            continue;
        if (v->n == 0 || str_eq(v->text, ".") || strchr(v->text, '/') != NULL) {
            (void)value_unexpected(l, v, "extensions", "endings such as .c");
            continue;
        }
        ending = v->text[0] == '.' ? v->text : arena_printf(l->tree, ".%s", v->text);
        other = with_ending(t, ending);
        if (other != NULL)
            problem_at(l, v, "'%s' is an ending of '%s', too", ending, other->name);
        else
            of->endings[of->n_endings++] = ending;
    }
}

static void read_factors(struct loader *l, const struct language_nodes *nodes,
                         struct submission_language *of)
{
    static const char words[] = "a number such as 2 or 1.5";

    if (nodes->time_factor != NULL)
        (void)value_thousandths(l, nodes->time_factor, "time-factor", words, LANGUAGE_FACTOR_MAX,
                                &of->time_factor);
    if (nodes->memory_factor != NULL)
        (void)value_thousandths(l, nodes->memory_factor, "memory-factor", words,
                                LANGUAGE_FACTOR_MAX, &of->memory_factor);
    if (nodes->time_allowance != NULL)
        (void)value_in_unit(l, nodes->time_allowance, "time-allowance", JOBS_UNIT_DURATION, 0,
                            key_find(&keys_language, "time-allowance")->max, &of->time_allowance);
    if (nodes->memory_allowance != NULL)
        (void)value_in_unit(l, nodes->memory_allowance, "memory-allowance", JOBS_UNIT_SIZE, 0,
                            key_find(&keys_language, "memory-allowance")->max,
                            &of->memory_allowance);
}

static bool is_plain_name(const struct node *n)
{
    return n->n > 0 && strchr(n->text, '/') == NULL && n->text[0] != '.';
}

static void read_language(struct languages *t, struct node *map)
{
    struct submission_language *of = &t->all[t->n];
    struct language_nodes nodes = {0}, *at = &nodes;
    const struct node **values[] = {&at->extensions,     &at->main,          &at->time_factor,
                                    &at->time_allowance, &at->memory_factor, &at->memory_allowance};
    struct loader *l = t->l;

    *of = (struct submission_language){
        .name = map->key->text, .time_factor = 1000, .memory_factor = 1000};
    if (map->kind != NODE_MAP || !keys_apply(l, &keys_language, map, &nodes)) {
        (void)value_unexpected(l, map, map->key->text, "a map of a language's keys");
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(values); i++)
        if (*values[i] != NULL)
            *values[i] = replace_in(t->r, (struct node *)*values[i]);
    if (nodes.extensions != NULL)
        read_endings(t, of, nodes.extensions);
    if (nodes.main != NULL && value_is_text(l, nodes.main, "main", "a file's name")) {
        if (!is_plain_name(nodes.main))
            (void)value_unexpected(l, nodes.main, "main", "a file's name, without a directory");
        of->main = nodes.main->text;
    }
    read_factors(l, &nodes, of);
    of->compile = (struct node *)nodes.compile;
    of->run = (struct node *)nodes.run;
    t->n++;
}

void languages_read(struct languages *t, struct replacing *r, const struct node *map,
                    const struct node *defaults)
{
    const char *name;

    *t = (struct languages){.l = r->l, .r = r, .map = map};
    t->defaults = defaults != NULL && defaults->kind == NODE_MAP ? defaults : NULL;
    if (map == NULL || map->kind != NODE_MAP)
        return; /* which is said when its key is read */
    if (map->n > LANGUAGES_MAX) {
        problem_at(r->l, map, "'languages' has more than %d languages", LANGUAGES_MAX);
        return;
    }
    r->l->has_languages = true;
    t->all = xcalloc(map->n + 1, sizeof(*t->all));
    r->where = "a language knows parameters here, and nothing of a job";
    for (struct node *v = map->first; v != NULL; v = v->next)
        if (value_name(r->l, v->key, "a language's name", &name))
            read_language(t, v);
    r->where = NULL;
}

void languages_free(struct languages *t)
{
    free(t->all);
    t->all = NULL;
}

/* ---- which jobs ---- */

static const struct node *said(const struct languages *t, const struct node *job, const char *key)
{
    const struct node *own = node_child(job, key);

    return own != NULL || t->defaults == NULL ? own : node_child(t->defaults, key);
}

enum language_use languages_use(const struct languages *t, const struct node *job)
{
    const struct node *role;

    if (t->n == 0 || said(t, job, "run") != NULL)
        return LANGUAGES_NOT_USED;
    role = said(t, job, "role");
    if (role != NULL && role->kind == NODE_SCALAR && str_eq(role->text, "compile"))
        return LANGUAGES_COMPILE;
    return node_child(job, "cases") != NULL ? LANGUAGES_RUN : LANGUAGES_NOT_USED;
}

/* ---- which language ---- */

static bool ends_so(const char *name, const struct submission_language *of)
{
    size_t length = strlen(name);

    for (size_t i = 0; i < of->n_endings; i++) {
        size_t n = strlen(of->endings[i]);

        if (length > n && str_eq(name + length - n, of->endings[i]))
            return true;
    }
    return false;
}

static bool is_of_any(const void *data, const char *name)
{
    const struct languages *t = data;

    for (size_t i = 0; i < t->n; i++)
        if (ends_so(name, &t->all[i]))
            return true;
    return false;
}

/* Which names there are, for whoever has to choose. */
static void add_names(const struct languages *t, struct strbuf *to)
{
    for (size_t i = 0; i < t->n; i++)
        strbuf_addf(to, "%s%s", i > 0 ? ", " : "", t->all[i].name);
}

static void add_endings(const struct submission_language *of, struct strbuf *to)
{
    for (size_t i = 0; i < of->n_endings; i++)
        strbuf_addf(to, "%s%s", i > 0 ? ", " : "", of->endings[i]);
}

BASE_PRINTF(4, 5)
static void language_refuse(const struct languages *t, const struct node *submission,
                            struct spoken *s, const char *format, ...)
{
    cleanup_strbuf struct strbuf shown = {0}, text = {0};
    va_list args;

    va_start(args, format);
    strbuf_vaddf(&text, format, args);
    va_end(args);
    text_add_line(&shown, submission->text);
    strbuf_adds(&shown, " ");
    text_add_line(&shown, text.data);
    s->refused = arena_strdup(t->l->plan->arena, shown.data);
    s->language = NULL;
}

/* The language that the submission says itself, or NULL after a refusal. */
static const struct submission_language *named(const struct languages *t,
                                               const struct node *submission,
                                               const struct submission_seen *seen, struct spoken *s)
{
    cleanup_strbuf struct strbuf names = {0};

    for (size_t i = 0; i < t->n; i++)
        if (str_eq(t->all[i].name, seen->language))
            return &t->all[i];
    add_names(t, &names);
    language_refuse(t, submission, s,
                    "says in its file 'language' that it is in '%s', which is none of %s",
                    seen->language, names.data);
    return NULL;
}

/* The language of all its files, or NULL after a refusal. */
static const struct submission_language *common(const struct languages *t,
                                                const struct node *submission,
                                                const struct submission_seen *seen,
                                                struct spoken *s)
{
    const struct submission_language *of = NULL;
    const char *first = NULL;

    for (size_t f = 0; f < seen->n; f++)
        for (size_t i = 0; i < t->n; i++) {
            if (!ends_so(seen->files[f], &t->all[i]) || of == &t->all[i])
                continue;
            if (of != NULL) {
                language_refuse(
                    t, submission, s,
                    "is in two languages: %s (%s) and %s (%s); a file 'language' may say which",
                    of->name, first + 2, t->all[i].name, seen->files[f] + 2);
                return NULL;
            }
            of = &t->all[i];
            first = seen->files[f];
        }
    if (of == NULL) {
        cleanup_strbuf struct strbuf endings = {0};

        for (size_t i = 0; i < t->n; i++) {
            strbuf_adds(&endings, endings.len > 0 && t->all[i].n_endings > 0 ? ", " : "");
            add_endings(&t->all[i], &endings);
        }
        language_refuse(t, submission, s, "has no file that ends in one of %s",
                        endings.len > 0 ? endings.data : "(none)");
    }
    return of;
}

/* Leaves those that are of the language. */
static void take_files(const struct languages *t, const struct submission_seen *seen,
                       struct spoken *s)
{
    s->files = arena_alloc(t->l->tree, (seen->n + 1) * sizeof(*s->files));
    for (size_t i = 0; i < seen->n; i++)
        if (ends_so(seen->files[i], s->language))
            s->files[s->n_files++] = arena_strdup(t->l->plan->arena, seen->files[i]);
}

/* Which file a program begins with; NULL after a refusal. */
static const char *find_main(const struct languages *t, const struct node *submission,
                             struct spoken *s)
{
    const struct submission_language *of = s->language;

    if (s->n_files == 0 && of->n_endings > 0) {
        cleanup_strbuf struct strbuf endings = {0};

        add_endings(of, &endings);
        language_refuse(t, submission, s, "has no file of %s: they end in %s", of->name,
                        endings.data);
        return NULL;
    }
    if (s->n_files <= 1 || of->main == NULL)
        return s->n_files > 0 ? s->files[0] : "";
    for (size_t i = 0; i < s->n_files; i++)
        if (str_eq(s->files[i] + 2, of->main))
            return s->files[i];
    language_refuse(t, submission, s, "has %zu files of %s, and none is called %s", s->n_files,
                    of->name, of->main);
    return NULL;
}

/* Returns where the program begins, or NULL. */
static const char *look(const struct languages *t, const struct node *submission, struct spoken *s)
{
    struct loader *l = t->l;
    const struct submission_asked asked = {.dir = load_dir_of(l, submission),
                                           .path = submission->text,
                                           .named = submission->found - 1,
                                           .wants = is_of_any,
                                           .data = t,
                                           .arena = l->tree};
    struct submission_seen seen;

    l->host->look(&asked, &seen);
    if (seen.refused != NULL) {
        s->refused = arena_strdup(l->plan->arena, seen.refused);
        s->unread = seen.unread;
        return NULL;
    }
    s->language =
        seen.language != NULL ? named(t, submission, &seen, s) : common(t, submission, &seen, s);
    if (s->language == NULL)
        return NULL;
    take_files(t, &seen, s);
    return find_main(t, submission, s);
}

static struct node *text_node(const struct languages *t, const char *text,
                              struct source_place place)
{
    struct node *n = arena_alloc(t->l->tree, sizeof(*n));

    *n = (struct node){.kind = NODE_SCALAR, .text = text, .n = strlen(text), .place = place};
    return n;
}

/* Adds to the environment, where nothing else has the name. */
static void add_values(const struct languages *t, struct combination *c, struct spoken *s,
                       const char *const texts[LANGUAGE_VALUES], struct source_place place)
{
    for (size_t i = 0; i < c->n; i++)
        if (languages_have(c->key[i]->text))
            problem_at(t->l, c->key[i], "'%s' is what 'languages' sets", c->key[i]->text);
    for (size_t i = 0; i < LANGUAGE_VALUES; i++) {
        struct node *value = text_node(t, texts[i], place);

        value->found = i == VALUE_MAIN; /* its author has chosen all of that name */
        s->values[i] = (struct matrix_value){.node = value};
        c->key[c->n] = &language_keys[i];
        c->value[c->n++] = &s->values[i];
    }
}

bool languages_find(const struct languages *t, struct combination *c, struct spoken *ret)
{
    const struct matrix_value *found = NULL;
    const char *texts[LANGUAGE_VALUES] = {"", ""}, *begins = NULL;

    *ret = (struct spoken){0};
    for (size_t i = 0; i < c->n && found == NULL; i++)
        if (c->value[i]->node->found > 0)
            found = c->value[i];
    if (found == NULL)
        return false;
    if (found->refused == NULL)
        begins = look(t, found->node, ret);
    if (ret->language != NULL && begins != NULL) {
        texts[0] = ret->language->name;
        texts[1] = begins;
    }
    add_values(t, c, ret, texts, found->node->place);
    return true;
}

/* ---- what is run ---- */

static struct node *value_of_key(const struct languages *t, const struct node *value,
                                 const char *key, const struct node *at)
{
    struct node *n = arena_alloc(t->l->tree, sizeof(*n));

    *n = *value;
    n->key = text_node(t, key, at->place);
    n->next = NULL;
    return n;
}

/* The arguments that a job says, and then its files. */
static struct node *with_files(const struct languages *t, const struct spoken *s,
                               const struct node *key, const struct node *args)
{
    struct node *list =
        value_of_key(t, &(struct node){.kind = NODE_LIST, .place = key->place}, "args", key);
    struct node **link = &list->first;
    size_t bytes = 0;

    for (const struct node *v = args != NULL ? args->first : NULL; v != NULL; v = v->next) {
        struct node *copy = arena_alloc(t->l->tree, sizeof(*copy));

        *copy = *v;
        copy->next = NULL;
        *link = copy;
        link = &copy->next;
        list->n++;
    }
    list->dollar = args != NULL && args->dollar;
    for (size_t i = 0; i < s->n_files; i++) {
        *link = text_node(t, s->files[i], key->place);
        link = &(*link)->next;
        list->n++;
        bytes += sizeof(**link) + strlen(s->files[i]);
    }
    (void)replace_charge(t->r, key, bytes);
    return list;
}

struct node *languages_command(const struct languages *t, const struct spoken *s,
                               enum language_use use, const struct node *key,
                               const struct node *args)
{
    const struct node *nothing = text_node(t, ":", key->place), *command = NULL;
    struct node *run;

    if (s->language != NULL)
        command = use == LANGUAGES_COMPILE ? s->language->compile : s->language->run;
    run = value_of_key(t, command != NULL ? command : nothing, "run", key);
    if (use == LANGUAGES_COMPILE && args != NULL && args->kind != NODE_LIST)
        run->next = value_of_key(t, args, "args", key); /* which is said when it is read */
    else if (use == LANGUAGES_COMPILE && command != NULL)
        run->next = with_files(t, s, key, args);
    return run;
}

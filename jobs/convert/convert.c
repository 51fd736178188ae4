/* SPDX-License-Identifier: Apache-2.0 */
/* convert: a pipeline of another tool becomes a job file: reads it, lets gitlab.c or github.c fill
 * the new one, and sums up what is left out. Nothing is left out in silence: each of it is said
 * with its line, and stands as a comment in its place. */
#include "jobs/convert/convert.h"
#include "jobs/expand/expand.h"

#include <string.h>

bool convert_charge(struct converter *c, size_t n)
{
    c->work += n;
    return c->work <= CONVERT_WORK_MAX;
}

bool convert_is_among(const char *word, const char *const *words, size_t n)
{
    size_t i = 0;

    while (i < n && !str_eq(words[i], word))
        i++;
    return i < n;
}

const char *convert_shown(struct converter *c, const char *text)
{
    cleanup_strbuf struct strbuf line = {0};

    text_add_short_line(&line, text);
    return arena_strdup(c->arena, line.data);
}

BASE_PRINTF(5, 0)
static void convert_say(struct converter *c, struct out *in, const struct node *at,
                        const char *word, const char *format, va_list args)
{
    cleanup_strbuf struct strbuf text = {0};
    const struct source_place place = at->key != NULL ? at->key->place : at->place;
    const char *shown, *file = source_name_of(&c->source, place);

    strbuf_vaddf(&text, format, args);
    shown = convert_shown(c, text.data);
    strbuf_addf(c->notes, "%s:%u:%u: %s: %s\n", file, place.line, place.column, word, shown);
    if (source_file_of(&c->source, place) == 0)
        file = "";
    out_comment(&c->out, in,
                arena_printf(c->arena, "%s (%s%sline %u): %s", word, file,
                             file[0] != '\0' ? ", " : "", place.line, shown));
}

void convert_left(struct converter *c, struct out *in, const struct node *at, const char *format,
                  ...)
{
    va_list args;

    c->n_left++;
    va_start(args, format);
    convert_say(c, in, at, "left out", format, args);
    va_end(args);
}

void convert_note(struct converter *c, struct out *in, const struct node *at, const char *format,
                  ...)
{
    va_list args;

    va_start(args, format);
    convert_say(c, in, at, "note", format, args);
    va_end(args);
}

const char *convert_text(const struct node *n)
{
    return n != NULL && n->kind == NODE_SCALAR && !node_is_null(n) ? n->text : NULL;
}

bool convert_is_true(const struct node *n)
{
    return n->kind == NODE_SCALAR && (str_eq(n->text, "true") || str_eq(n->text, "True") ||
                                      str_eq(n->text, "yes") || str_eq(n->text, "on"));
}

bool convert_is_false(const struct node *n)
{
    return n->kind == NODE_SCALAR && (str_eq(n->text, "false") || str_eq(n->text, "False") ||
                                      str_eq(n->text, "no") || str_eq(n->text, "off"));
}

bool convert_is_variable(const char *name)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";

    if (name[0] == '\0' || strchr(first, name[0]) == NULL || str_starts(name, "CUPEL_"))
        return false;
    for (const char *p = name; *p != '\0'; p++)
        if (strchr(first, *p) == NULL && strchr("0123456789", *p) == NULL)
            return false;
    return true;
}

bool convert_is_axis(const char *name)
{
    return convert_is_variable(name) && !shards_have(name) && !str_eq(name, "include") &&
           !str_eq(name, "exclude");
}

const char *convert_literal(struct converter *c, const char *text)
{
    return out_literal(&c->out, text);
}

const char *convert_path(struct converter *c, const char *path)
{
    char *whole;
    size_t n;

    if (path[0] == '~' || path[0] == '!' || path[0] == '\0')
        return NULL;
    whole = arena_printf(c->arena, path[0] == '/' ? "%s%s" : "%s/%s",
                         path[0] == '/' ? "" : CONVERT_WORKDIR, path);
    if (!path_normalise(whole))
        return NULL;
    n = strlen(whole);
    return n > 1 ? whole : NULL;
}

const char *convert_pattern(struct converter *c, const char *pattern)
{
    const char *path = strlen(pattern) < 1000 ? convert_path(c, pattern) : NULL;
    struct strings all = {0};
    bool good = path != NULL && convert_charge(c, 1000) && globs_expand(path, 64, &all);

    for (size_t i = 0; good && i < all.n; i++)
        good = path_normalise(all.items[i]);
    strings_free(&all);
    return good ? path : NULL;
}

void convert_wall(struct converter *c, struct out *job, uint64_t seconds)
{
    struct out *limits = out_get_map(&c->out, job, "limits");

    out_text(&c->out, limits, "wall", arena_printf(c->arena, "%llus", (unsigned long long)seconds));
}

/* ---- roots and services ---- */

/* Whether jobs/root.c takes it as an image's name. */
static bool is_image(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

    return text[0] != '\0' && strchr(letters, text[0]) != NULL && strlen(text) <= 500 &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:@") ==
               strlen(text) &&
           strstr(text, "//") == NULL;
}

/* The last part of an image's name with its tag, in letters that a root's name may have. */
static char *root_name(struct converter *c, const char *image)
{
    const char *slash = strrchr(image, '/');
    const char *last = slash != NULL && slash[1] != '\0' ? slash + 1 : image;
    char *name = arena_strndup(c->arena, last, strcspn(last, "@"));

    for (char *p = name; *p != '\0'; p++)
        if (strchr(":/@", *p) != NULL)
            *p = '-';
    if (strlen(name) > 100)
        name[100] = '\0';
    return name;
}

const char *convert_root(struct converter *c, const char *image)
{
    char *name, *unique;

    if (!is_image(image))
        return NULL;
    for (const struct out *o = c->roots->first; o != NULL; o = o->next)
        if (o->kind == OUT_MAP && str_eq(out_find(o, "image")->text, image))
            return o->key;
    /* each look goes through all of them */
    if (!convert_charge(c, c->n_roots++))
        return NULL;
    name = unique = root_name(c, image);
    if (str_eq(name, "host") || str_eq(name, "scratch") || name[0] == '\0')
        name = unique = arena_printf(c->arena, "image-%s", name);
    for (int i = 2; out_find(c->roots, unique) != NULL; i++)
        unique = arena_printf(c->arena, "%s-%d", name, i);
    out_text(&c->out, out_map(&c->out, c->roots, unique), "image", image);
    return unique;
}

bool convert_root_named(struct converter *c, const char *name, const char *image)
{
    const struct out *there = convert_charge(c, 1 + c->n_roots) ? out_find(c->roots, name) : NULL;

    if (there != NULL)
        return there->kind == OUT_MAP && str_eq(out_find(there, "image")->text, image);
    c->n_roots++;
    out_text(&c->out, out_map(&c->out, c->roots, name), "image", image);
    return true;
}

/* Servers that are known by the name of their image, and where they listen. */
static const struct {
    const char *image, *port;
} known_servers[] = {
    {"postgres", "5432"}, {"postgis", "5432"},       {"mysql", "3306"},      {"mariadb", "3306"},
    {"redis", "6379"},    {"valkey", "6379"},        {"memcached", "11211"}, {"mongo", "27017"},
    {"rabbitmq", "5672"}, {"elasticsearch", "9200"}, {"nats", "4222"},
};

/* The port of a server that is known by its image, or NULL. */
static const char *known_port(const char *image)
{
    const char *slash = strrchr(image, '/');
    const char *last = slash != NULL ? slash + 1 : image;

    for (size_t i = 0; i < ARRAY_SIZE(known_servers); i++) {
        size_t n = strlen(known_servers[i].image);

        if (strncmp(last, known_servers[i].image, n) == 0 && strchr(":@-", last[n]) != NULL)
            return known_servers[i].port;
    }
    return NULL;
}

/* Says what keeps a job from having the service beside those that it has; NULL: nothing. */
static const char *refuse_service(struct converter *c, const struct out *services, const char *name,
                                  const char *port)
{
    char variable[JOBS_SERVICE_VARIABLE_SIZE], other[JOBS_SERVICE_VARIABLE_SIZE];

    if (!host_name_is_valid(name) || str_eq(name, "localhost"))
        return "its name is no host's";
    jobs_service_variable(name, variable);
    for (const struct out *o = services->first; o != NULL; o = o->next) {
        const struct out *ready = o->kind == OUT_MAP ? out_find(o, "ready") : NULL;

        if (o->kind != OUT_MAP)
            continue;
        jobs_service_variable(o->key, other);
        if (!convert_charge(c, 1) || str_eq(variable, other))
            return "another has its name";
        if (port != NULL && ready != NULL && str_eq(out_find(ready, "tcp")->text, port))
            return "another has its port, in the one network that all of a job are in";
    }
    return NULL;
}

struct out *convert_service(struct converter *c, struct out *services, const struct node *at,
                            const char *name, const char *image)
{
    const char *port = known_port(image), *why = refuse_service(c, services, name, port);
    const char *root = why == NULL ? convert_root(c, image) : NULL;
    struct out *service;

    if (root == NULL) {
        convert_left(c, services, at, "the service '%s': %s", name,
                     why != NULL ? why : "its image is none here");
        return NULL;
    }
    service = out_map(&c->out, services, name);
    out_text(&c->out, service, "rootfs", root);
    if (port != NULL)
        out_bare(&c->out, out_map(&c->out, service, "ready"), "tcp", port);
    return service;
}

/* ---- the whole ---- */

static const struct {
    const char *name;
    void (*run)(struct converter *c, const struct node *root);
} pipelines[] = {
    [JOBS_CONVERT_GITLAB] = {"gitlab", convert_gitlab},
    [JOBS_CONVERT_GITHUB] = {"github", convert_github},
};

bool jobs_convert_find(const char *word, enum jobs_convert *ret)
{
    for (size_t i = 0; i < ARRAY_SIZE(pipelines); i++)
        if (str_eq(pipelines[i].name, word)) {
            *ret = (enum jobs_convert)i;
            return true;
        }
    return false;
}

static void convert_read(struct converter *c, enum jobs_convert from)
{
    const struct node *root = tree_read(&c->source, c->arena, c->arena);

    if (root == NULL || !source_is_good(&c->source))
        return;
    if (root->kind != NODE_MAP) {
        source_problem(&c->source, root->place, "a pipeline is a map");
        return;
    }
    out_bare(&c->out, c->out.root, "cupel", "1");
    c->roots = out_map(&c->out, c->out.root, "rootfs");
    pipelines[from].run(c, root);
    if (source_is_good(&c->source))
        convert_refuse_round(c, out_find(c->out.root, "jobs"));
    if (source_is_good(&c->source) && out_find(c->out.root, "jobs")->n == 0)
        convert_left(c, c->out.root, root,
                     "no job is run for sure: --conditional writes what may run, too");
    if (c->uses_git)
        convert_note(c, c->out.root, root,
                     "git.commit and git.branch are known only where the job file lies in a "
                     "checkout of git");
    if (c->work > CONVERT_WORK_MAX)
        source_problem(&c->source, source_at(1, 1),
                       "what its templates, stages and matrices stand for is too much: more than "
                       "%d steps of work",
                       CONVERT_WORK_MAX);
}

void convert_fill(struct converter *c)
{
    c->out.arena = c->arena;
    c->out.root = arena_alloc(c->arena, sizeof(*c->out.root));
    c->out.root->kind = OUT_MAP;
    convert_read(c, c->asked->from);
}

int jobs_convert(const struct jobs_converting *what, struct jobs_converted *ret,
                 struct cupel_error *err)
{
    bool marked = what->len >= 3 && memcmp(what->text, "\xef\xbb\xbf", 3) == 0;
    struct converter c = {.source = {.file = what->file,
                                     .text = what->text + (marked ? 3 : 0),
                                     .len = what->len - (marked ? 3 : 0),
                                     .is_gitlab = what->from == JOBS_CONVERT_GITLAB},
                          .arena = arena_new(),
                          .notes = &ret->notes,
                          .asked = what};
    int r = 0;

    convert_fill(&c);
    if (source_is_good(&c.source)) {
        out_write(c.out.root, &ret->text);
        ret->n_left = c.n_left;
        ret->n_jobs = out_find(c.out.root, "jobs")->n;
    } else {
        size_t n = source_print(&c.source, &ret->notes);

        r = cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "%s has %zu %s", what->file, n,
                            n == 1 ? "problem" : "problems");
    }
    source_free(&c.source);
    arena_free(c.arena);
    return r;
}

void jobs_converted_free(struct jobs_converted *c)
{
    strbuf_free(&c->text);
    strbuf_free(&c->notes);
}

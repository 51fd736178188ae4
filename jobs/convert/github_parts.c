/* SPDX-License-Identifier: Apache-2.0 */
/* github_parts: what a job of GitHub's stands on: the machine or container, its environment, its
 * services. */
#include "jobs/convert/github.h"

#include <string.h>

/* Adds a variable; one that is a secret and nothing else becomes that. */
static void write_variable(struct github_scope *s, struct out *job, const struct node *v)
{
    struct converter *c = s->g->c;
    const char *name = v->key->text, *text;

    if (!convert_is_variable(name) || v->kind != NODE_SCALAR) {
        convert_left(c, job, v, "'%s' is no name of a variable here, or has no text", name);
    } else if (strstr(v->text, "secrets.") != NULL) {
        if (job == s->out && github_secret_of(c, v->text) != NULL && !github_has(s, "env", name)) {
            github_use_secret(s, name);
            convert_note(c, out_find(s->out, "secrets"), v,
                         "'%s' is taken from the caller's variable of that name", name);
        } else {
            convert_left(c, job, v, "'%s' is made of a secret that nobody has here", name);
        }
    } else if (job == s->out && github_has(s, "secrets", name)) {
        convert_left(c, job, v, "'%s' is a secret, too", name);
    } else if (job == s->out && github_matrix_has(s->matrix, name)) {
        convert_note(c, job, v, "'%s' is a key of the matrix, too", name);
    } else {
        text = github_text_or_say(s, job, v);
        job = out_get_map(&c->out, job, "env");
        if (out_find(job, name) == NULL)
            out_text(&c->out, job, name, text);
    }
}

void github_env(struct github_scope *s, struct out *in, const struct node *map)
{
    for (const struct node *v = map != NULL && map->kind == NODE_MAP ? map->first : NULL; v != NULL;
         v = v->next)
        if (convert_charge(s->g->c, 16))
            write_variable(s, in, v);
}

/* The image of the system of one of GitHub's machines; NULL: it is none that is known. */
static const char *image_of_label(const char *label)
{
    static const char *const images[][2] = {
        {"ubuntu-latest", "ubuntu:24.04"}, {"ubuntu-24.04", "ubuntu:24.04"},
        {"ubuntu-slim", "ubuntu:24.04"},   {"ubuntu-22.04", "ubuntu:22.04"},
        {"ubuntu-20.04", "ubuntu:20.04"},
    };

    for (size_t i = 0; label != NULL && i < ARRAY_SIZE(images); i++)
        if (str_eq(images[i][0], label))
            return images[i][1];
    return NULL;
}

/* Adds a root for the machine that a value of the matrix names; false: it is none that is known. */
static bool add_machine(struct github_scope *s, const struct node *value)
{
    const char *label = convert_text(value), *image = image_of_label(label);

    return label != NULL && (github_is_other_system(label) ||
                             (image != NULL && convert_root_named(s->g->c, label, image)));
}

/* Adds a root for each machine that the matrix chooses; false: one of them is not known. */
static bool add_machines(struct github_scope *s)
{
    const struct node *axis = github_child(s->matrix, s->system_axis);
    const struct node *include = github_child(s->matrix, "include");

    for (const struct node *i = axis != NULL ? items_first(axis) : NULL; i != NULL;
         i = items_next(axis, i))
        if (!add_machine(s, i))
            return false;
    for (const struct node *i = include != NULL ? items_first(include) : NULL; i != NULL;
         i = items_next(include, i)) {
        const struct node *v = github_child(i, s->system_axis);

        if ((v == NULL && axis == NULL) || (v != NULL && !add_machine(s, v)))
            return false;
    }
    return axis != NULL || include != NULL;
}

/* Writes the root of a job without a container: that of the machine that it asks for. */
static void write_runner(struct github_scope *s, const struct node *runs_on)
{
    struct converter *c = s->g->c;
    const char *label =
        runs_on != NULL && items_count(runs_on) == 1 ? convert_text(items_first(runs_on)) : NULL;
    const char *image = image_of_label(label);

    if (s->system_axis != NULL && s->matrix != NULL &&
        convert_is_axis(github_axis(c, s->system_axis)) && add_machines(s)) {
        (void)strset_add(&s->used, github_axis(c, s->system_axis));
        out_text(&c->out, s->out, "rootfs",
                 arena_printf(c->arena, "${{ %s }}", github_axis(c, s->system_axis)));
        convert_note(c, s->out, runs_on,
                     "GitHub's machines: images of these systems have few of their programs");
        return;
    }
    out_text(&c->out, s->out, "rootfs", convert_root(c, image != NULL ? image : "ubuntu:24.04"));
    if (image != NULL)
        convert_note(c, s->out, runs_on,
                     "the machine '%s' is %s, which has few of the programs of GitHub's", label,
                     image);
    else
        convert_left(c, s->out, runs_on != NULL ? runs_on : s->job,
                     "the machine '%s', which is not known here: it is ubuntu:24.04",
                     label != NULL ? label
                     : runs_on != NULL && convert_text(items_first(runs_on)) != NULL
                         ? items_first(runs_on)->text
                         : "");
}

static void write_container(struct github_scope *s, const struct node *container)
{
    struct converter *c = s->g->c;
    const struct node *image =
        container->kind == NODE_MAP ? github_child(container, "image") : container;
    const char *text = convert_text(image) != NULL ? github_text(s, image->text) : NULL;
    const char *root = text != NULL ? convert_root(c, text) : NULL;

    if (root != NULL)
        out_text(&c->out, s->out, "rootfs", root);
    else
        convert_left(c, s->out, container, "which image it is cannot be told from this file");
    for (const struct node *v = container->kind == NODE_MAP ? container->first : NULL; v != NULL;
         v = v->next) {
        if (str_eq(v->key->text, "env"))
            github_env(s, s->out, v);
        else if (!str_eq(v->key->text, "image"))
            convert_left(c, s->out, v, "'%s' of a container", v->key->text);
    }
}

static void write_service(struct github_scope *s, struct out *services, const struct node *of)
{
    struct converter *c = s->g->c;
    const struct node *image = github_child(of, "image");
    const char *text = convert_text(image) != NULL ? github_text(s, image->text) : NULL;
    struct out *service = NULL;

    if (text == NULL)
        convert_left(c, services, of, "the service '%s': its image is none here", of->key->text);
    else
        service = convert_service(c, services, of, of->key->text, text);
    if (service == NULL)
        return;
    if (out_find(service, "ready") == NULL)
        convert_note(c, service, of, "say under 'ready' how it is known to be ready");
    for (const struct node *v = of->first; v != NULL; v = v->next) {
        if (str_eq(v->key->text, "env"))
            github_env(s, service, v);
        else if (str_eq(v->key->text, "ports"))
            convert_note(c, service, v,
                         "'ports': the job reaches all ports, each by its own number");
        else if (!str_eq(v->key->text, "image"))
            convert_left(c, service, v, "'%s' of a service", v->key->text);
    }
}

void github_machine(struct github_scope *s)
{
    const struct node *container = github_child(s->job, "container");

    if (container != NULL)
        write_container(s, container);
    else
        write_runner(s, github_child(s->job, "runs-on"));
}

void github_services(struct github_scope *s, const struct node *services)
{
    struct out *list;

    if (services == NULL || services->kind != NODE_MAP)
        return;
    list = out_map(&s->g->c->out, s->out, "services");
    for (const struct node *v = services->first; v != NULL; v = v->next)
        if (convert_charge(s->g->c, 16))
            write_service(s, list, v);
}

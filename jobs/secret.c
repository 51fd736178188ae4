/* SPDX-License-Identifier: Apache-2.0 */
/* secret: which secrets a job is given, and where each comes from. Their values are no matter of
 * the job file's: they are fetched when a run is prepared (harness/prepare/secrets.c). */
#include "jobs/load.h"

struct secret_draft {
    struct jobs_secret secret; /* first: the table's offsets count from here */
};

void key_set_secret_name(struct loader *l, const struct key *k, const struct node *value,
                         void *object)
{
    struct secret_draft *s = object;

    if (value_is_text(l, value, k->name, k->value) && env_name_check(l, value, k->name))
        s->secret.name = arena_strdup(l->plan->arena, value->text);
}

/* Whether the file is there is asked when a run begins: who only looks at the job file may not have
 * it. */
void key_set_secret_file(struct loader *l, const struct key *k, const struct node *value,
                         void *object)
{
    struct secret_draft *s = object;
    (void)value_named_path(l, value, k->name, &s->secret.file);
}

/* Refuses in what the host runs what others have named: a directory called `$(rm -r x)`. */
void key_set_secret_command(struct loader *l, const struct key *k, const struct node *value,
                            void *object)
{
    for (const struct node *item = items_first(value); item != NULL; item = items_next(value, item))
        if (item->found != 0) {
            problem_at(l, item,
                       "'%s' runs on the host: no part of it can be what a matrix has found, which "
                       "others have named",
                       k->name);
            return;
        }
    key_set_argv(l, k, value, object);
}

static const char *secret_place_of(struct loader *l, const struct node *n)
{
    int line = source_line_of(&l->source, n->place);

    return line != 0 ? arena_printf(l->plan->arena, "line %d", line)
                     : arena_printf(l->plan->arena, "%s:%u", source_name_of(&l->source, n->place),
                                    n->place.line);
}

static bool secret_read(struct loader *l, const struct node *n, struct jobs_secret *ret)
{
    struct secret_draft s = {.secret = {.where = secret_place_of(l, n)}};

    if (n->kind == NODE_MAP) {
        (void)keys_apply(l, &keys_secret, n, &s);
        refuse_both(l, n, "file", "command");
    } else if (value_is_text(l, n, "secrets", "names, or maps of name, file, command and as") &&
               env_name_check(l, n, "secrets")) {
        s.secret.name = arena_strdup(l->plan->arena, n->text);
    }
    *ret = s.secret;
    return s.secret.name != NULL;
}

void key_set_secrets(struct loader *l, const struct key *k, const struct node *value, void *object)
{
    struct draft *d = object;
    struct jobs_secret *list;
    size_t n = 0;

    if (items_count(value) > JOBS_SECRETS_MAX) {
        problem_at(l, value, "'%s' has more than %d entries", k->name, JOBS_SECRETS_MAX);
        return;
    }
    list = arena_alloc(l->plan->arena, (items_count(value) + 1) * sizeof(*list));
    for (const struct node *item = items_first(value); item != NULL;
         item = items_next(value, item)) {
        if (!secret_read(l, item, &list[n]))
            continue;
        for (size_t i = 0; i < n; i++)
            if (str_eq(list[i].name, list[n].name))
                problem_at(l, item, "two secrets are called '%s'", list[n].name);
        n++;
    }
    d->job.secrets = list;
    d->job.n_secrets = n;
    d->secrets = value;
}

static bool list_has(const char *const *list, const char *name, bool with_value)
{
    size_t length = strlen(name);

    for (; list != NULL && *list != NULL; list++)
        if (strncmp(*list, name, length) == 0 && (*list)[length] == (with_value ? '=' : '\0'))
            return true;
    return false;
}

/* Nothing else can be in the directory that is made for them. */
static void check_place(struct loader *l, const struct draft *d)
{
    for (size_t i = 0; i < d->job.n_inputs; i++)
        if (d->job.inputs[i].to != NULL && path_lies_in(d->job.inputs[i].to, SECRETS_DIR))
            problem_at(l, d->secrets, "the input at %s is where secrets are", d->job.inputs[i].to);
}

void secrets_check(struct loader *l, const struct draft *d)
{
    bool in_files = false;

    for (size_t i = 0; i < d->job.n_secrets; i++) {
        const char *name = d->job.secrets[i].name;

        in_files = in_files || d->job.secrets[i].as == JOBS_SECRET_FILE;
        if (d->job.secrets[i].as == JOBS_SECRET_FILE)
            continue;
        if (list_has((const char *const *)d->job.env, name, true))
            problem_at(l, d->secrets, "'env' sets %s, which is a secret of the job", name);
        if (list_has((const char *const *)d->job.pass_env, name, false))
            problem_at(l, d->secrets, "'pass-env' passes %s as it is, which is a secret of the job",
                       name);
    }
    if (in_files)
        check_place(l, d);
}

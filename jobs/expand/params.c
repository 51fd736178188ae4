/* SPDX-License-Identifier: Apache-2.0 */
/* params: a file's parameters: of three places the first that has one: `--set`, the variable
 * CUPEL_PARAM_NAME of the caller's environment, the file. Not responsible for `--set` of what no
 * file has, which is the command line's to say. */
#include "jobs/expand/params.h"

#define PARAMS_MAX 256

static bool is_param_name(const char *text)
{
    size_t n = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");

    return n > 0 && text[n] == '\0' && strchr("0123456789", text[0]) == NULL;
}

static const char *given_value(const struct jobs_parameters *p, const char *name)
{
    size_t length = strlen(name);

    for (size_t i = p != NULL ? p->n : 0; i-- > 0;)
        if (strncmp(p->given[i], name, length) == 0 && p->given[i][length] == '=')
            return p->given[i] + length + 1;
    return NULL;
}

/* Returns what the parameter is, or NULL after a problem. */
static const char *param_value(struct loader *l, const struct node *v)
{
    const char *name = v->key->text, *text = given_value(l->parameters, name);
    cleanup_free char *variable = xasprintf("CUPEL_PARAM_%s", name);

    if (text == NULL)
        text = l->host->environment(variable);
    if (text != NULL)
        return arena_strdup(l->plan->arena, text);
    if (node_is_null(v)) {
        problem_at(l, v,
                   "the parameter '%s' must be given: --set %s=VALUE, or %s in the environment",
                   name, name, variable);
        return NULL;
    }
    return value_is_text(l, v, name, "text, or null for what must be given") ? v->text : NULL;
}

void params_read(struct replacing *r, const struct node *map)
{
    struct loader *l = r->l;
    struct binding *params;
    const char **pairs;
    size_t n = 0;

    if (map->kind != NODE_MAP)
        return; /* which is said when its key is read */
    if (map->n > PARAMS_MAX) {
        problem_at(l, map, "'params' has more than %d parameters", PARAMS_MAX);
        return;
    }
    params = arena_alloc(l->tree, map->n * sizeof(*params));
    pairs = arena_alloc(l->plan->arena, (map->n + 1) * sizeof(*pairs));
    for (const struct node *v = map->first; v != NULL; v = v->next) {
        if (!is_param_name(v->key->text)) {
            problem_at(l, v->key, "'%s' is no name for a parameter: letters, digits and '_' only",
                       v->key->text);
            continue;
        }
        params[n].name = v->key->text;
        params[n].text = param_value(l, v);
        if (params[n].text == NULL)
            params[n].text = ""; /* one problem is enough */
        pairs[n] = arena_printf(l->plan->arena, "%s=%s", params[n].name, params[n].text);
        n++;
    }
    r->params = params;
    r->n_params = n;
    l->plan->parameters = pairs;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* root_group: who an image's processes are: its `User` by the passwd and group files of its own
 * layers, as containers have it (OCI image specification, config.md, "User"). In the supervisor, as
 * root_passwd.c, whose words on hostile files hold here too. */
#include "harness/sandbox/init/passwd.h"
#include "harness/sandbox/sandbox.h"
#include "harness/sandbox/slot/root_passwd.h"

#include <string.h>

#define DIGITS "0123456789"

/* A whole number that a job can have, or -1. */
static int64_t number(const char *text)
{
    size_t digits = strspn(text, DIGITS);
    unsigned long n = digits > 0 && digits < 10 && text[digits] == '\0' ? strtoul(text, NULL, 10)
                                                                        : SANDBOX_ID_COUNT;

    return n < SANDBOX_ID_COUNT ? (int64_t)n : -1;
}

struct root_group {
    char *name, *members;
    int64_t gid;
};

/* "name:password:gid:member,member". Cuts the line up. */
static bool parse_group(char *line, struct root_group *ret)
{
    char *rest = line, *name = strsep(&rest, ":"), *gid;

    (void)strsep(&rest, ":");
    gid = strsep(&rest, ":");
    if (gid == NULL)
        return false;
    *ret = (struct root_group){.name = name, .gid = number(gid), .members = rest};
    return ret->gid >= 0;
}

static bool has_member(char *members, const char *name)
{
    for (char *word = strsep(&members, ","); word != NULL; word = strsep(&members, ","))
        if (str_eq(word, name))
            return true;
    return false;
}

/* The group of that name, or with NULL all that have the user. */
static bool walk_groups(char *text, const char *name, struct sandbox_user *u)
{
    char *save = NULL;

    for (char *line = strtok_r(text, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        struct root_group g;

        if (!parse_group(line, &g))
            continue;
        if (name != NULL && str_eq(g.name, name)) {
            u->gid = (uint32_t)g.gid;
            return true;
        }
        if (name == NULL && u->n_groups < SANDBOX_GROUPS_MAX && g.members != NULL &&
            has_member(g.members, u->name))
            u->groups[u->n_groups++] = (uint32_t)g.gid;
    }
    return name == NULL;
}

static int take_group(const int *layers, size_t n_layers, const char *group, struct sandbox_user *u)
{
    cleanup_free char *text = NULL;
    int r;

    if (group != NULL && group[strspn(group, DIGITS)] == '\0') {
        u->gid = (uint32_t)number(group);
        return number(group) >= 0 ? 0 : -ERANGE;
    }
    text = xmalloc(PASSWD_MAX);
    r = passwd_read_layers(layers, n_layers, "group", text);
    return r < 0 ? r : walk_groups(text, group, u) ? 0 : -ENODATA;
}

int sandbox_image_user(const int *layers, size_t n_layers, const char *spec,
                       struct sandbox_user *ret)
{
    size_t n = strcspn(spec, ":");
    cleanup_free char *name = xasprintf("%.*s", (int)n, spec);
    const char *group = spec[n] == ':' && spec[n + 1] != '\0' ? spec + n + 1 : NULL;
    struct sandbox_user u = {0};
    int r = passwd_find_layers(layers, n_layers, n > 0 ? name : "0", &u);

    if (r < 0)
        return r;
    if (r == 0) /* no entry */
        u.gid = 0;
    r = take_group(layers, n_layers, group, &u);
    if (r == 0)
        *ret = u;
    return r;
}

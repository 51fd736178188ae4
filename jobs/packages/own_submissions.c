/* SPDX-License-Identifier: Apache-2.0 */
/* own_submissions: the package's own submissions, and what submissions/submissions.yaml says that
 * would change how one is made. What each is expected to come to is not told here. */
#include "jobs/packages/package.h"

#include <string.h>

#define DIRECTORY "submissions"

static void read_metadata(struct problem_package *p, struct package_yaml *y)
{
    static const char *const left[] = {"language", "entrypoint"};

    if (y == NULL || y->map == NULL)
        return;
    for (const struct node *v = y->map->first; v != NULL; v = v->next)
        for (size_t i = 0; v->kind == NODE_MAP && i < ARRAY_SIZE(left); i++)
            if (node_child(v, left[i]) != NULL)
                package_left(p, y, node_child(v, left[i]), NULL,
                             "'%s': a submission's language and its first file are found by the "
                             "names of its files",
                             left[i]);
}

static void add_submissions(struct problem_package *p, const struct package_entry *of)
{
    struct package_list list;

    if (!package_list(p, of->path, &list))
        return;
    for (size_t i = 0; i < list.n; i++) {
        const char *own = arena_printf(p->arena, "%s/%s", of->name, list.items[i].name);

        if (str_eq(list.items[i].path, arena_printf(p->arena, DIRECTORY "/%s", own)))
            package_add_text(p, &p->submissions, own);
        else
            package_left(p, NULL, NULL, arena_printf(p->arena, DIRECTORY "/%s", own),
                         "a submission is no link");
    }
}

void package_read_submissions(struct problem_package *p)
{
    struct package_list list;

    for (size_t i = 0; i < p->asked->n_submissions; i++)
        package_add_text(p, &p->submissions, p->asked->submissions[i]);
    if (p->asked->submissions != NULL || !package_list(p, DIRECTORY, &list))
        return;
    for (size_t i = 0; i < list.n; i++) {
        if (list.items[i].is_directory)
            add_submissions(p, &list.items[i]);
        else if (str_eq(list.items[i].name, "submissions.yaml"))
            read_metadata(p, p->submissions_yaml = package_read_yaml(p, list.items[i].path));
    }
}

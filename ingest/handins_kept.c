/* SPDX-License-Identifier: Apache-2.0 */
/* handins_kept: see handins_kept.h. Not responsible for when they are good
 * (handins.c). */
#include "ingest/handins_kept.h"

#include "ingest/member_names.h"

#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

/* No submission has such a name. */
#define LIST ".submissions.json"
#define LIST_MAX ((size_t)64 << 20)

static void put_text(json_t *object, const char *key, const char *text)
{
    if (text != NULL)
        (void)json_object_set_new(object, key, json_string(text));
}

int handins_kept_write(int dir, const struct handins *s)
{
    json_t *list = json_array(), *all;
    cleanup_free char *text = NULL;

    for (size_t i = 0; i < s->n; i++) {
        json_t *o = json_object();

        put_text(o, "id", s->list[i].id);
        put_text(o, "name", s->list[i].name);
        put_text(o, "email", s->list[i].email);
        put_text(o, "refused", s->list[i].refused);
        if (s->list[i].late)
            (void)json_object_set_new(o, "late", json_true());
        (void)json_array_append_new(list, o);
    }
    all = json_pack("{s:s, s:s, s:o}", "layout", handins_layout_name(s->layout), "resembles",
                    handins_layout_name(s->resembles), "submissions", list);
    text = all != NULL ? json_dumps(all, JSON_COMPACT) : NULL;
    json_decref(all);
    return text == NULL ? -ENOMEM : file_write_atomic_at(dir, LIST, text, strlen(text), 0600);
}

static const char *kept_text(struct arena *arena, const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));

    return text != NULL ? arena_strdup(arena, text) : NULL;
}

static bool is_directory(int in, const char *name)
{
    struct stat st;

    return fstatat(in, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static bool take_submission(int dir, const json_t *o, struct handins *to)
{
    struct handin s = {.id = kept_text(to->arena, o, "id"),
                       .name = kept_text(to->arena, o, "name"),
                       .email = kept_text(to->arena, o, "email"),
                       .refused = kept_text(to->arena, o, "refused"),
                       .late = json_is_true(json_object_get(o, "late"))};

    if (s.id == NULL || s.id[0] == '.' || s.id[0] == '\0' || strchr(s.id, '/') != NULL ||
        !is_directory(dir, s.id))
        return false;
    to->list[to->n++] = s;
    return true;
}

bool handins_kept_read(int below, const char *name, struct handins *to)
{
    cleanup_close int dir = openat(below, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    cleanup_free char *text = NULL;
    const char *layout, *resembles;
    json_t *all, *list, *o;
    size_t length, i;
    bool good;

    if (dir < 0 || file_read_at(dir, LIST, LIST_MAX, &text, &length) < 0)
        return false;
    all = json_loadb(text, length, 0, NULL);
    list = json_object_get(all, "submissions");
    layout = json_string_value(json_object_get(all, "layout"));
    resembles = json_string_value(json_object_get(all, "resembles"));
    good = json_is_array(list) && layout != NULL && resembles != NULL &&
           handins_layout_parse(layout, &to->layout) == 0 &&
           handins_layout_parse(resembles, &to->resembles) == 0;
    if (good)
        to->list = arena_alloc(to->arena, (json_array_size(list) + 1) * sizeof(*to->list));
    json_array_foreach(list, i, o)
    {
        good = good && take_submission(dir, o, to);
    }
    if (!good)
        to->n = 0;
    json_decref(all);
    return good;
}

int handins_kept_give(int dir, uid_t uid, gid_t gid)
{
    cleanup_close int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = copy < 0 ? NULL : fdopendir(copy);
    const struct dirent *e;
    int r = 0;

    if (d == NULL)
        return -1;
    (void)steal_fd(&copy);
    while (r == 0 && (e = readdir(d)) != NULL) {
        if (file_is_dot(e->d_name))
            continue;
        if (is_directory(dir, e->d_name)) {
            cleanup_close int sub =
                openat(dir, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

            r = sub < 0 ? -1 : handins_kept_give(sub, uid, gid);
        } else {
            r = fchownat(dir, e->d_name, uid, gid, AT_SYMLINK_NOFOLLOW);
        }
    }
    (void)closedir(d);
    return r < 0 ? r : fchown(dir, uid, gid);
}

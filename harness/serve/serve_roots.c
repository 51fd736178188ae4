/* SPDX-License-Identifier: Apache-2.0 */
/* serve_roots: see serve_roots.h. Every root is made ready before the first client is heard, so
 * that no request waits for a download; jobs may name no others. The plan's jobs never run: they
 * are what the run is prepared for. */
#include "harness/serve/serve_roots.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

/* "NAME=SOURCE": a directory is an OCI layout, a file a tar, and what begins with "image:" a
 * reference of a registry. */
static json_t *source_of(const char *source, struct cupel_error *err)
{
    cleanup_free char *real = NULL;
    struct stat st;

    if (str_starts(source, "image:"))
        return json_pack("{s:s}", "image", source + strlen("image:"));
    real = realpath(source, NULL);
    if (real == NULL || stat(real, &st) < 0) {
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, errno, "cannot use the root '%s'", source);
        return NULL;
    }
    return json_pack("{s:s}", S_ISDIR(st.st_mode) ? "oci" : "tar", real);
}

static bool is_built_in(const char *name)
{
    return str_eq(name, "host") || str_eq(name, "scratch");
}

/* Adds a root to the key `rootfs`, unless it is built in; returns its name, malloc'ed. */
static char *add_root(struct server *s, const char *word, struct cupel_error *err)
{
    const char *equals = strchr(word, '=');
    char *name = equals != NULL ? xasprintf("%.*s", (int)(equals - word), word) : xstrdup(word);
    json_t *source;

    if (is_built_in(name) && equals == NULL)
        return name;
    source = equals != NULL ? source_of(equals + 1, err) : json_pack("{s:s}", "imported", name);
    if (source != NULL && json_object_set_new(s->roots, name, source) == 0)
        return name;
    if (equals == NULL || source != NULL)
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "'%s' is no root", word);
    free(name);
    return NULL;
}

static void add_job(const struct server *s, json_t *jobs, const char *root)
{
    json_t *job = json_pack("{s:s, s:[s], s:s}", "rootfs", root, "run", "/bin/true", "network",
                            s->options->nat ? "nat" : "loopback");
    json_t *devices = json_array();
    char name[32];

    for (enum jobs_device d = 0; d < JOBS_DEVICE_COUNT; d++)
        if ((((JOBS_DEVICES_USUAL | s->options->allow_devices) >> d) & 1u) != 0)
            (void)json_array_append_new(devices, json_string(jobs_device_names[d]));
    (void)json_object_set_new(job, "devices", devices);
    (void)snprintf(name, sizeof(name), "root-%zu", json_object_size(jobs));
    (void)json_object_set_new(jobs, name, job);
}

static int load_plan(struct server *s, json_t *jobs, struct cupel_error *err)
{
    cleanup_strbuf struct strbuf problems = {0};
    json_t *file = json_pack("{s:i, s:s, s:O, s:O}", "cupel", 1, "name", "serve", "rootfs",
                             s->roots, "jobs", jobs);
    char *text = json_dumps(file, 0);
    int r = text == NULL
                ? cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "--root is not UTF-8")
                : jobs_load_request("--root", "/", text, strlen(text), &s->plan, &problems, err);

    if (r < 0 && problems.data != NULL)
        (void)fputs(problems.data, stderr);
    free(text);
    json_decref(file);
    return r;
}

int serve_roots_plan(struct server *s, struct cupel_error *err)
{
    static const char *const usual[] = {"host", "scratch", NULL};
    const char *const *words = s->options->roots[0] != NULL ? s->options->roots : usual;
    json_t *jobs = json_object();
    int r = 0;

    s->roots = json_object();
    for (size_t i = 0; r == 0 && words[i] != NULL; i++) {
        cleanup_free char *name = add_root(s, words[i], err);

        if (name == NULL)
            r = -EINVAL;
        else
            add_job(s, jobs, name);
    }
    if (r == 0)
        r = load_plan(s, jobs, err);
    json_decref(jobs);
    if (r < 0)
        return r;
    s->root_served = xcalloc(s->plan->n_roots, sizeof(*s->root_served));
    for (size_t i = 0; i < s->plan->n_jobs; i++)
        s->root_served[s->plan->jobs[i].root] = true;
    return 0;
}

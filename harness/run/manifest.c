/* SPDX-License-Identifier: Apache-2.0 */
/* manifest: see manifest.h. */
#include "harness/run/manifest.h"

#include "harness/run/keyvalue.h"

#include <fcntl.h>
#include <string.h>

#define TEXT_MAX ((size_t)16 << 20)

void manifest_text_name(size_t plan_index, char ret[static 32])
{
    (void)snprintf(ret, 32, "file-%zu", plan_index);
}

/* The text, and behind a NUL each path and text that it includes, a NUL between them: no job file
 * has a NUL. */
static int write_texts(int to, const char *text, size_t len, const struct jobs_plan *plan)
{
    int r = file_write_all(to, text, len);

    for (size_t i = 0; r == 0 && i < plan->n_inclusions; i++) {
        const struct jobs_inclusion *in = &plan->inclusions[i];
        cleanup_strbuf struct strbuf b = {0};

        strbuf_add(&b, "", 1);
        strbuf_add(&b, in->path, strlen(in->path) + 1);
        if (in->text != NULL)
            strbuf_add(&b, in->text, in->len);
        r = file_write_all(to, b.data, b.len);
    }
    return r;
}

/* Copies what was loaded, or, of a text that the caller had, what is in the file now. */
static int copy_text(const struct jobs_plan *plan, int dirfd, const char *name)
{
    const char *text = plan->text;
    size_t len = plan->text_len;
    cleanup_free char *read = NULL;
    cleanup_close int to = -EBADF;

    if (text == NULL) {
        int r = file_read_at(AT_FDCWD, plan->file, TEXT_MAX, &read, &len);

        if (r < 0)
            return r == -ENOENT ? 0 : r;
        text = read;
    }
    to = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return to < 0 ? -errno : write_texts(to, text, len, plan);
}

/* Adds what the job's image says; the job has the image's words by now. */
void manifest_add_image(struct strbuf *b, const char *key, const struct cache_root *root,
                        const struct jobs_job *job)
{
    cleanup_free char *user = xasprintf("%suser", key), *workdir = xasprintf("%sworkdir", key),
                      *image = xasprintf("%simage", key);

    if (root->config == NULL)
        return;
    if (!job->has_user)
        keyvalue_add(b, user, job->user);
    if (!job->has_workdir)
        keyvalue_add(b, workdir, job->workdir);
    for (const char **e = root->config->env; e != NULL && *e != NULL; e++)
        keyvalue_add(b, image, *e);
}

int manifest_texts(const struct run_options *options, int run_dirfd, struct cupel_error *err)
{
    for (size_t p = 0; p < options->n_plans; p++) {
        char name[32];
        int r;

        manifest_text_name(p, name);
        r = copy_text(options->plans[p], run_dirfd, name);
        if (r < 0)
            return cupel_error_set(err, CUPEL_ERROR_HARNESS, r,
                                   "cannot copy job file %s into the run's directory",
                                   options->plans[p]->file);
    }
    return 0;
}

int manifest_roots(const struct run *run, struct cupel_error *err)
{
    cleanup_strbuf struct strbuf b = {0};
    int r;

    strbuf_adds(&b, "");
    for (size_t k = 0; k < run->n_roots; k++) {
        cleanup_free char *keys =
            run->roots[k].n_layers > 0 ? cache_root_keys(&run->roots[k]) : NULL;
        size_t n = 0;

        if (keys == NULL)
            continue;
        keyvalue_add(&b, "root", keys);
        for (size_t i = 0; i < run->n_instances; i++)
            if (run->instances[i].root == k && n++ < MANIFEST_ROOT_JOBS)
                keyvalue_add(&b, "job", run->instances[i].id);
        if (n > MANIFEST_ROOT_JOBS)
            keyvalue_addf(&b, "more", "%zu", n - MANIFEST_ROOT_JOBS);
    }
    r = file_write_passing_at(run->dirfd, MANIFEST_ROOTS, b.data, b.len, 0600);
    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot write down the run's roots")
                 : 0;
}

char *manifest_path_of(const struct jobs_plan *plan)
{
    const char *slash = strrchr(plan->file, '/');

    return xasprintf("%s/%s", plan->dir, slash != NULL ? slash + 1 : plan->file);
}

void manifest_add_env(struct strbuf *b, const struct jobs_job *job)
{
    for (const char **name = job->pass_env; name != NULL && *name != NULL; name++) {
        const char *value = getenv(*name);

        if (value != NULL)
            keyvalue_addf(b, "env", "%s=%s", *name, value);
    }
}

void manifest_add_set(struct strbuf *b, const char *key, const struct jobs_plan *plan)
{
    cleanup_free char *name = xasprintf("%sset", key);

    for (const char *const *set = plan->parameters; set != NULL && *set != NULL; set++)
        keyvalue_add(b, name, *set);
}

int manifest_run(const struct run_options *options, const struct run *run, struct cupel_error *err)
{
    cleanup_strbuf struct strbuf b = {0};
    cleanup_close int fd = -EBADF;
    int r;

    keyvalue_addf(&b, "views", "%d", run->views_fd);
    for (size_t p = 0; p < options->n_plans; p++) {
        cleanup_free char *path = manifest_path_of(options->plans[p]);

        keyvalue_add(&b, "file", path);
    }
    for (size_t p = 0; p < options->n_plans; p++) {
        cleanup_free char *key = xasprintf("%zu-", p);

        manifest_add_set(&b, key, options->plans[p]);
    }
    for (size_t i = 0; i < run->n_instances; i++) {
        const struct instance *in = &run->instances[i];

        /* no name has a tab in it; an id may have anything of a file's name, and so comes last */
        keyvalue_addf(&b, "job", "%zu %zu\t%s\t%s", in->plan_index, in->root, in->job->name,
                      in->id);
        manifest_add_env(&b, in->job);
        if (run->roots[in->root].config != NULL) {
            cleanup_free char *key = xasprintf("%zu-", in->root);

            manifest_add_image(&b, key, &run->roots[in->root], in->job);
        }
    }
    fd = openat(run->dirfd, "record", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    r = fd < 0 ? -errno : file_write_all(fd, b.data, b.len);
    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot write the run's record")
                 : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* keep_failed: what a failed attempt leaves, or with --keep all any, becomes an entry of the store,
 * with what it started from. An entry is made in the run's own directory and renamed when it is
 * complete, so that a killed run leaves half of one nowhere. Not responsible for reading one
 * (run/kept.c), nor for how a disk changes hands (sandbox/slot/keep.c). */
#include "harness/attempt/keep_failed.h"

#include "harness/attempt/attempt.h"
#include "harness/attempt/attempt_end.h"
#include "harness/attempt/caches.h"
#include "harness/run/instances.h"
#include "harness/run/kept.h"
#include "harness/run/keyvalue.h"
#include "harness/run/manifest.h"
#include "harness/run/run.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define PLACE CACHE_KEPT

/* Neither what is ours, nor what was skipped or cancelled. */
static bool is_wanted(const struct run *run, enum reports_verdict v)
{
    return v < REPORTS_ERROR && (v > REPORTS_PASSED || run->keep_passed);
}

/* A number of its own among those that the run may have; -ENOSPC when all are taken. */
static int claim_number(const struct run *run)
{
    for (unsigned n = 0; n < run->keep_failed; n++) {
        char name[32];
        int fd;

        (void)snprintf(name, sizeof(name), "kept-%u", n);
        fd = openat(run->dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd >= 0) {
            (void)close(fd);
            return (int)n;
        }
        if (errno != EEXIST)
            return -errno;
    }
    return -ENOSPC;
}

/* Finds of whose snapshots the job was made. */
static size_t reads_of(const struct run *run, const struct instance *in,
                       size_t ret[static JOBS_READS_MAX])
{
    return instances_read(run->instances, run->n_instances, instances_number(run, in), ret);
}

static int write_record(const struct attempt_context *ctx, const struct instance *in,
                        const struct sandbox_job *sandbox, const struct caches *caches,
                        const struct attempt_result *result, uint64_t bytes, int dir)
{
    cleanup_strbuf struct strbuf b = {0};
    cleanup_free char *path = manifest_path_of(in->plan);
    cleanup_free char *out = realpath(reports_out_path(ctx->run->out), NULL);
    cleanup_free char *keys = cache_root_keys(&ctx->run->roots[in->root]);
    cleanup_free char *config = cache_config_text(ctx->run->roots[in->root].config);
    cleanup_free char *below = caches_describe(caches);
    size_t reads[JOBS_READS_MAX];
    bool host = in->plan->roots[in->job->root].kind == JOBS_ROOT_HOST;

    keyvalue_add(&b, "run", ctx->run->id);
    keyvalue_add(&b, "job", in->id);
    keyvalue_add(&b, "name", in->job->name);
    keyvalue_add(&b, "file", path);
    keyvalue_add(&b, "out", out != NULL ? out : "");
    keyvalue_add(&b, "verdict", reports_verdict_name(result->job.verdict));
    keyvalue_add(&b, "evidence", result->job.evidence);
    keyvalue_add(&b, "root", host ? "" : keys);
    if (config != NULL)
        keyvalue_add(&b, "config", config);
    if (below != NULL)
        keyvalue_add(&b, "caches", below);
    /* of one that others start from, that is its snapshot */
    keyvalue_add(&b, "dir", sandbox->dir[0] != '\0' ? sandbox->dir : SANDBOX_KEPT_DIR);
    keyvalue_addf(&b, "below", "%zu", reads_of(ctx->run, in, reads));
    keyvalue_addf(&b, "id-base", "%u", sandbox_stage_id_base(ctx->stage));
    keyvalue_addf(&b, "uid", "%u", sandbox->uid);
    keyvalue_addf(&b, "gid", "%u", sandbox->gid);
    keyvalue_addf(&b, "when", "%lld", (long long)result->facts.started.tv_sec);
    keyvalue_addf(&b, "bytes", "%llu", (unsigned long long)bytes);
    manifest_add_env(&b, in->job);
    manifest_add_set(&b, "", in->plan);
    return file_write_atomic_at(dir, "record", b.data, b.len, 0600);
}

/* Keeps what it wrote, or the snapshot that was made of that, and the snapshots below. */
static int keep_files(struct attempt_context *ctx, const struct instance *in,
                      const struct sandbox_job *sandbox, int dir, uint64_t *ret_bytes,
                      struct cupel_error *err)
{
    struct sandbox_keeping keeping = {
        .dirfd = dir, .name = "disk", .stopped = attempt_is_stopped, .data = ctx};
    uint64_t bytes = 0;
    size_t reads[JOBS_READS_MAX], n = reads_of(ctx->run, in, reads);
    int r = sandbox->dir[0] != '\0'
                ? sandbox_keep(ctx->stage, sandbox, &keeping, ret_bytes, err)
                : sandbox_keep_snapshot(ctx->stage, instances_number(ctx->run, in), &keeping,
                                        ret_bytes, err);

    for (size_t i = 0; r == 0 && i < n; i++) {
        char name[KEPT_NAME_SIZE];

        keeping.name = kept_below_name((unsigned)i, name);
        r = sandbox_keep_snapshot(ctx->stage, reads[i], &keeping, &bytes, err);
        *ret_bytes += bytes;
    }
    return r;
}

/* The layers that it lies over: nobody removes them. */
static void list_layers(const struct attempt_context *ctx, const struct instance *in,
                        const struct caches *caches, struct strbuf *keys)
{
    cleanup_free char *root = cache_root_keys(&ctx->run->roots[in->root]);

    if (in->plan->roots[in->job->root].kind != JOBS_ROOT_HOST)
        strbuf_adds(keys, root);
    caches_add_keys(caches, keys);
}

static int keep_failed_fill(struct attempt_context *ctx, const struct instance *in,
                            const struct sandbox_job *sandbox, const struct caches *caches,
                            const struct attempt_result *result, int dir, struct cupel_error *err)
{
    cleanup_strbuf struct strbuf keys = {0};
    uint64_t bytes = 0;
    char text[32];
    int r = keep_files(ctx, in, sandbox, dir, &bytes, err);

    if (r < 0)
        return r;
    manifest_text_name(in->plan_index, text);
    list_layers(ctx, in, caches, &keys);
    r = keys.len == 0 ? 0 : file_write_atomic_at(dir, CACHE_KEPT_LAYERS, keys.data, keys.len, 0600);
    if (r == 0)
        r = linkat(ctx->run->dirfd, text, dir, "file", 0) < 0
                ? -errno
                : write_record(ctx, in, sandbox, caches, result, bytes, dir);
    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot write down what it was")
                 : 0;
}

static int keep_failed_make_entry(struct attempt_context *ctx, const struct instance *in,
                                  const struct sandbox_job *sandbox, const struct caches *caches,
                                  const struct attempt_result *result, int number,
                                  struct cupel_error *err)
{
    const struct run *run = ctx->run;
    cleanup_close int place = file_open_dir_p_at(run->store_dirfd, PLACE, 0700), dir = -EBADF;
    char aside[32], entry[96];
    int r;

    (void)snprintf(aside, sizeof(aside), "keeping-%d", number);
    (void)snprintf(entry, sizeof(entry), "%s.%d", run->id, number);
    if (place < 0 || mkdirat(run->dirfd, aside, 0700) < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, place < 0 ? place : errno,
                               "cannot make a place for it");
    dir = openat(run->dirfd, aside, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    r = dir < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot open the place for it")
                : keep_failed_fill(ctx, in, sandbox, caches, result, dir, err);
    if (r == 0 && renameat(run->dirfd, aside, place, entry) < 0)
        r = cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot put it into its place");
    if (r < 0)
        (void)file_remove_tree_at(run->dirfd, aside);
    return r;
}

/* The record names one root, which is that of all of them in nearly every file. */
static bool has_other_roots(const struct run *run, const struct instance *in)
{
    size_t reads[JOBS_READS_MAX], n = reads_of(run, in, reads);

    for (size_t i = 0; i < n; i++)
        if (run->instances[reads[i]].root != in->root)
            return true;
    return false;
}

void keep_failed_store(struct attempt_context *ctx, const struct instance *instance,
                       const struct sandbox_job *sandbox, const struct caches *caches,
                       struct attempt_result *result)
{
    struct cupel_error err;
    int number, r;

    if (!is_wanted(ctx->run, result->job.verdict) || result->facts.started_ns == 0)
        return;
    if (has_other_roots(ctx->run, instance)) {
        strings_add(&result->notes,
                    xstrdup("not kept: an input is the files of a job with another 'rootfs'"));
        return;
    }
    number = claim_number(ctx->run);
    if (number == -ENOSPC) {
        strings_add(&result->notes,
                    xasprintf("not kept: --keep-failed=%u keeps no more", ctx->run->keep_failed));
        return;
    }
    r = number < 0 ? cupel_error_set(&err, CUPEL_ERROR_HARNESS, number, "cannot count it")
                   : keep_failed_make_entry(ctx, instance, sandbox, caches, result, number, &err);
    if (r < 0)
        strings_add(&result->notes, xasprintf("not kept: %s", err.message));
    else
        result->kept = xasprintf("%s/%s", ctx->run->id, instance->id);
}

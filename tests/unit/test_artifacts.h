/* SPDX-License-Identifier: Apache-2.0 */
/* test_artifacts: what the tests of artifacts share: a finished root, an out directory, and what
 * has come from the one into the other. */
#pragma once

#include "harness/attempt/artifact_names.h"
#include "harness/attempt/artifacts.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cmocka.h>

#define MIB (UINT64_C(1) << 20)

struct room {
    char path[64];
    int root;
    struct reports_out *out;
    struct strings copied, notes;
    struct reports_file *files; /* of each that is copied */
    struct cupel_error err;
};

static inline int setup(void **state)
{
    struct room *room = xcalloc(1, sizeof(*room));
    cleanup_free char *out = NULL, *root = NULL;

    /* thousands of files: in memory, where there is such a place */
    (void)snprintf(room->path, sizeof(room->path), "%s/cupel-test-artifacts-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (mkdtemp(room->path) == NULL)
        return -1;
    out = xasprintf("%s/out", room->path);
    root = xasprintf("%s/root", room->path);
    if (reports_out_open(out, &room->out, &room->err) < 0)
        return -1;
    room->root = file_open_dir_p_at(AT_FDCWD, root, 0755);
    *state = room;
    return room->root < 0 ? -1 : 0;
}

static inline int teardown(void **state)
{
    struct room *room = *state;
    int r;

    strings_free(&room->copied);
    free(room->files);
    strings_free(&room->notes);
    (void)close(room->root);
    reports_out_close(room->out);
    r = file_remove_tree_at(AT_FDCWD, room->path);
    free(room);
    return r;
}

static inline void put(struct room *room, const char *path, const char *text)
{
    cleanup_free char *parent = xstrdup(path);
    char *slash = strrchr(parent, '/');

    if (slash != NULL) {
        *slash = '\0';
        assert_int_equal(file_mkdir_p_at(room->root, parent, 0755), 0);
    }
    assert_int_equal(file_write_atomic_at(room->root, path, text, strlen(text), 0644), 0);
}

static inline int collect_job(struct room *room, const struct jobs_job *job)
{
    const struct artifacts_target target = {.out = room->out, .name = "job"};

    return artifacts_collect(job, room->root, &target, &room->copied, &room->files, &room->notes,
                             &room->err);
}

static inline struct jobs_job job_with(const char **patterns, uint64_t max)
{
    return (struct jobs_job){
        .name = "job",
        .workdir = "/w",
        .artifacts = {.paths = {patterns, NULL}, .if_missing = JOBS_MISSING_DEFAULT, .max = max}};
}

static inline void forget(struct room *room)
{
    strings_free(&room->copied);
    free(room->files);
    room->files = NULL;
    strings_free(&room->notes);
    assert_int_equal(file_remove_tree_at(reports_out_dirfd(room->out), "artifacts/job"), 0);
}

static inline int collect(struct room *room, const char *pattern, uint64_t max)
{
    const char *patterns[] = {pattern, NULL};
    struct jobs_job job = job_with(patterns, max);

    forget(room);
    return collect_job(room, &job);
}

static inline int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The list in order, joined by blanks, without what all have in common. */
static inline char *joined(struct strings *s)
{
    static const char prefix[] = "artifacts/job/";
    struct strbuf b = {0};

    strbuf_add(&b, "", 0);
    if (s->n != 0)
        qsort(s->items, s->n, sizeof(*s->items), by_name);
    for (size_t i = 0; i < s->n; i++)
        strbuf_addf(&b, "%s%s", i != 0 ? " " : "",
                    str_starts(s->items[i], prefix) ? s->items[i] + strlen(prefix) : s->items[i]);
    return b.data;
}

static inline void assert_copied(struct room *room, const char *expected)
{
    cleanup_free char *got = joined(&room->copied);

    assert_string_equal(got, expected);
}

static inline void assert_notes(struct room *room, const char *expected)
{
    cleanup_free char *got = joined(&room->notes);

    assert_string_equal(got, expected);
}

static inline void assert_content(struct room *room, const char *path, const char *expected)
{
    cleanup_free char *data = NULL;
    size_t len;

    assert_int_equal(file_read_at(reports_out_dirfd(room->out), path, 1 << 20, &data, &len), 0);
    assert_string_equal(data, expected);
}

static inline size_t entries_of(struct room *room, const char *path)
{
    struct artifact_names names;
    int dir = openat(reports_out_dirfd(room->out), path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    size_t n;

    assert_int_equal(artifact_names_read(dir, NULL, 16 << 20, &names), 0);
    n = names.n;
    artifact_names_free(&names);
    (void)close(dir);
    return n;
}

/* Makes `depth` directories of this name within one another below the directory `at`, and a file in
 * the last. */
static inline void put_deep(struct room *room, const char *at, const char *name, unsigned depth)
{
    int dir = file_open_dir_p_at(room->root, at, 0755);

    for (unsigned i = 0; i < depth; i++) {
        int next;

        assert_true(mkdirat(dir, name, 0755) == 0 || errno == EEXIST);
        next = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        (void)close(dir);
        dir = next;
    }
    assert_int_equal(file_write_atomic_at(dir, "file", "x", 1, 0644), 0);
    (void)close(dir);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

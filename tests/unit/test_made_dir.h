/* SPDX-License-Identifier: Apache-2.0 */
/* A directory of each test's own, in which it works and lays down files; beside test_jobs.h. */
#pragma once

#include "base/base.h"

#include <fcntl.h>

static char *made_dir; /* the working directory */

static inline int made_dir_set_up(void **state)
{
    char dir[] = "/tmp/cupel-test-jobs.XXXXXX";

    (void)state;
    if (mkdtemp(dir) == NULL)
        return -1;
    made_dir = xstrdup(dir);
    return chdir(made_dir);
}

static inline int made_dir_tear_down(void **state)
{
    (void)state;
    if (chdir("/") < 0)
        return -1;
    assert_int_equal(file_remove_tree_at(AT_FDCWD, made_dir), 0);
    base_freep(&made_dir);
    return 0;
}

#define TEST_IN_MADE_DIR(name)                                                                     \
    cmocka_unit_test_setup_teardown(name, made_dir_set_up, made_dir_tear_down)

/* Writes a file, and makes the directories above it; the path has one. */
static inline void put(const char *path, const char *text)
{
    cleanup_free char *parent = xstrdup(path);

    *strrchr(parent, '/') = '\0';
    assert_int_equal(file_mkdir_p_at(AT_FDCWD, parent, 0700), 0);
    assert_int_equal(file_write_passing_at(AT_FDCWD, path, text, strlen(text), 0600), 0);
}

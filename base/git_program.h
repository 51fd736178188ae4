/* SPDX-License-Identifier: Apache-2.0 */
/* git_program: what git(1) says of a checkout. The repository may be anybody's: nothing that its
 * configuration names is run, nothing is fetched, and nothing in it is written. */
#pragma once

#include "base/base.h"

#include <limits.h>

struct git {
    char program[PATH_MAX];
    const char *dir;       /* where it is asked; may be changed */
    const char *question;  /* "what has changed": for messages */
    struct strset filters; /* "filter.NAME.clean" and so on, each once */
    char **env;            /* NULL-terminated */
    size_t n_env;
    struct cupel_error *err;
};

/* Looks for git; `needs` is who needs it. *g borrows all of it; git_end in any case. */
int git_begin(struct git *g, const char *dir, const char *needs, const char *question,
              struct cupel_error *err);
void git_end(struct git *g);
/* Runs git with these arguments, NULL-terminated; *ret_out: what it printed, 64 MiB at most, with a
 * NUL behind it, malloc'ed. With ret_status, any exit code is the caller's matter. */
int git_run(const struct git *g, const char *const *arguments, char **ret_out, size_t *ret_len,
            int *ret_status);
/* The checkout's directory, without links, malloc'ed. */
int git_find_top(struct git *g, char **ret_top);
/* Git compares files that may have changed by what they are without their filters: such a program
 * is named in the configuration alone. So one that is found there is set to none; a file that has
 * one then counts as changed once it was touched. Only what compares files needs this. */
int git_switch_filters_off(struct git *g);

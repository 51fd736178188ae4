/* SPDX-License-Identifier: Apache-2.0 */
/* problem_packages: job files of what problem packages say (Kattis, ICPC). Knows nothing of plans:
 * a directory in, text out; carried out by the room packages/. */
#pragma once

#include "jobs/pipelines.h"

/* A package, and what is to be written of it. */
struct jobs_packaging {
    const char *path;  /* of its directory, as it is to stand in the job file */
    const char *image; /* the root of all jobs, an image's name; NULL: `host` */
    /* for jobs_package_verify: every case is judged, whatever came of those before, and so are the
     * package's validators */
    bool verify;
    /* what is judged, as paths that stand in the job file; NULL: what is in the package's own
     * submissions/ */
    const char *const *submissions;
    size_t n_submissions;
    /* for `cupel grade`: what is judged is named when the text is loaded (struct jobs_grading: the
     * key is SUBMISSION, and there is no other), and the package's own submissions stand under
     * `reference`, each with what its folder and submissions.yaml promise of it. `path` is absolute
     * then, or relative to the directory that the text is loaded for (jobs_load_text_with). At
     * least one submission has to be named. */
    bool grading;
};

/* Finds by which of its files the directory is of a format that is not read here; NULL: none. */
struct jobs_other_format {
    const char *file, *whose; /* "init.yml", "DMOJ" */
};
const struct jobs_other_format *jobs_package_other_format(const char *path);
/* Writes the job file that judges as the package says. Nothing of it is left out in silence: what
 * cannot be carried out is refused, or noted where no verdict depends on it. Whether it fails or
 * not, jobs_converted_free is to follow. */
int jobs_package_convert(const struct jobs_packaging *what, struct jobs_converted *ret,
                         struct cupel_error *err);

/* ---- whether a package keeps what it promises ---- */

/* What came of one job of the file that jobs_package_check_write has written. */
struct jobs_package_outcome {
    const char *id;       /* the job's */
    const char *verdict;  /* in the words of results.jsonl */
    int exit;             /* -1: none */
    uint64_t cpu_ns;      /* that it used */
    const char *messages; /* the checker's, to whomever; or NULL */
};
/* How it ended. */
struct jobs_package_found {
    size_t n_broken;   /* promises that are not kept */
    size_t n_unjudged; /* what could not be told, through no fault of the package's */
};
struct jobs_package_check;

/* Writes the job file that runs all of the package's submissions and validators; `what->verify` is
 * set. *ret is to be freed, and there is none where it fails. */
int jobs_package_check_write(const struct jobs_packaging *what, struct jobs_converted *ret_made,
                             struct jobs_package_check **ret, struct cupel_error *err);
void jobs_package_check_note(struct jobs_package_check *check,
                             const struct jobs_package_outcome *outcome);
/* How many thousandths of a point a submission has: `id` is its cases', without their names. */
void jobs_package_check_score(struct jobs_package_check *check, const char *id, uint64_t score);
/* Says of each submission and validator what came of it, and which time limits that allows. */
struct jobs_package_found jobs_package_check_say(struct jobs_package_check *check,
                                                 struct strbuf *out);
void jobs_package_check_free(struct jobs_package_check *check);

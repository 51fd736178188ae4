/* SPDX-License-Identifier: Apache-2.0 */
/* package: what the parts of this room share: a problem package while it is read, and what is said
 * of it. All names and texts in it are whoever wrote it: names that the format does not allow are
 * passed over, links lead nowhere outside, and texts are escaped where they are written. Private to
 * jobs/. */
#pragma once

#include "jobs/convert/writing.h"
#include "jobs/problem_packages.h"
#include "jobs/source.h"
#include "jobs/tree.h"

#define PACKAGE_YAML_MAX ((size_t)1024 * 1024)
#define PACKAGE_TEXT_MAX ((size_t)64 * 1024) /* of a hint that is a file */
#define PACKAGE_ENTRIES_MAX 200000           /* files and directories that are looked at */
#define PACKAGE_DEPTH_MAX 8                  /* of directories below data/ */
#define PACKAGE_POINTS_MAX 1000000

/* Versions of the format, as a set. */
enum {
    FORMAT_LEGACY = 1,
    FORMAT_ICPC = 2, /* the legacy format's part without scores */
    FORMAT_2025_09 = 4,
    FORMAT_OLD = FORMAT_LEGACY | FORMAT_ICPC,
    FORMAT_ANY = FORMAT_OLD | FORMAT_2025_09,
};

/* A YAML file of the package. */
struct package_yaml {
    struct source source;
    const char *path;
    const struct node *map; /* NULL: there is none to go on with */
    struct package_yaml *next;
};

struct package_texts {
    const char **items;
    size_t n;
    bool said;
};

struct posed_limits {
    uint64_t time_ns; /* 0: not said */
    uint64_t memory, output, code, compilation_time, compilation_memory, validation_time,
        validation_memory, validation_output;  /* in the format's units; 0: not said */
    uint64_t accepted_to_limit, limit_to_slow; /* thousandths */
    uint64_t resolution_ns;
};

/* What problem.yaml says. */
struct posed {
    unsigned format;
    bool scoring;
    bool interactive; /* the validator talks with the submission */
    bool writes_files;
    bool has_validator;             /* `validation: custom` */
    struct package_texts languages; /* said: not all of them */
    struct package_texts flags;     /* of the validator, for every case */
    struct posed_limits limits;
};

enum aggregation { AGGREGATION_UNSAID, AGGREGATION_PASS, AGGREGATION_SUM, AGGREGATION_MIN };

/* The default grader of the legacy format. */
enum grader_score { GRADER_SUM, GRADER_AVG, GRADER_MIN, GRADER_MAX };

/* What a configuration says of test cases. */
struct case_config {
    struct package_texts args, validator_args, input_args;
    /* input_args of each input validator by its name: a map, or NULL; legacy: of which alone */
    const struct node *input_args_of;
    const char *input_args_for;
    int full_feedback; /* -1: not said */
    const char *hint, *description;
};

/* What a test case is for: each kind is a directory of data/. */
enum case_kind {
    CASE_JUDGED, /* sample and secret */
    CASE_INVALID_INPUT,
    CASE_INVALID_OUTPUT,
    CASE_VALID_OUTPUT,
    CASE_KIND_COUNT,
};

struct test_group {
    const char *name; /* "sample", "secret/large" */
    struct test_group *parent;
    enum case_kind kind;
    struct package_yaml *yaml; /* NULL: it has none */
    const struct node *place;  /* of what it says of scores, or NULL */
    struct case_config config; /* what stands in its own file */
    enum aggregation aggregation;
    bool has_max_score, is_unbounded;
    uint64_t max_score; /* thousandths, as all points */
    struct package_texts needs;
    /* legacy; inherited from the group around */
    bool goes_on; /* on_reject: continue */
    bool has_grader, lenient, ignores_sample, has_range;
    enum grader_score grader;
    uint64_t accept_score, range_end;
    /* what is written of it */
    bool is_merged; /* what is in it belongs to the group around */
    uint64_t points;
    enum aggregation score;
    struct test_group *next, *first, *last; /* sibling; in it */
    size_t n_cases;
};

struct test_case {
    const char *name; /* "secret/large/01" */
    /* paths in the package; ans: NULL of invalid input; out: of outputs that are checked; files: a
     * directory, or NULL */
    const char *in, *ans, *out, *files;
    struct case_config config; /* with what it inherits */
    struct test_group *group;
    struct test_case *next;
};
struct test_cases {
    struct test_case *first, **end;
    size_t n;
};

struct package_entry {
    const char *name, *path; /* the path: behind links */
    bool is_directory;
    uint64_t size; /* bytes of a file */
};
struct package_list {
    struct package_entry *items;
    size_t n;
};

/* A program of the package: a file, or a directory of files. */
struct package_program {
    const char *name, *path;
    bool is_directory;
    struct package_list files;
    struct package_program *next;
};

struct problem_package {
    const struct jobs_packaging *asked;
    struct arena *arena;
    struct strbuf *notes;
    struct out_writing out;
    struct package_yaml *yaml, **yaml_end;
    char *real; /* the package's own path; malloc'ed */
    int dir;    /* -EBADF: nothing can be read */
    size_t n_left, n_refused, n_entries;
    struct posed problem;
    struct test_group root; /* of all test data */
    struct test_cases cases[CASE_KIND_COUNT];
    struct package_program *validator;        /* NULL: the default one */
    struct package_program *input_validators; /* read to be verified */
    struct package_yaml *submissions_yaml;    /* or NULL */
    struct expectation *expectations;         /* read to be verified */
    struct package_texts submissions;
};

/* ---- what is said ---- */

/* Says that something cannot be carried out, and that nothing is written therefore. `yaml` and `at`
 * say where; of a whole file, `yaml` is NULL and `path` names it. */
void package_refuse(struct problem_package *p, const char *path, const char *format, ...)
    BASE_PRINTF(3, 4);
/* Says that something is left out: it counts as such. `yaml` may be NULL, and `path` then names the
 * file. */
void package_left(struct problem_package *p, const struct package_yaml *yaml, const struct node *at,
                  const char *path, const char *format, ...) BASE_PRINTF(5, 6);
/* The same of what no verdict depends on. */
void package_note(struct problem_package *p, const struct package_yaml *yaml, const struct node *at,
                  const char *path, const char *format, ...) BASE_PRINTF(5, 6);

/* ---- files ---- */

/* Lists a directory of the package in byte order, without names that the format does not allow;
 * false: there is none. */
bool package_list(struct problem_package *p, const char *path, struct package_list *ret);
/* Finds the entry, or NULL. */
const struct package_entry *package_find(const struct package_list *list, const char *name);
/* Reads a YAML file of the package, which is a map; what is wrong with it is noted there. */
struct package_yaml *package_read_yaml(struct problem_package *p, const char *path);
/* The same of a text that is there already. */
struct package_yaml *package_yaml_of(struct problem_package *p, const char *path, const char *text,
                                     size_t len);
/* Reads a text file, or NULL. */
const char *package_read_text(struct problem_package *p, const char *path);
/* The path, as it stands in the job file. */
const char *package_host_path(struct problem_package *p, const char *path);
/* Whether the format allows such a name. */
bool package_name_is_valid(const char *name);

/* ---- YAML: values.c ---- */

struct package_key;
typedef void package_read_fn(struct problem_package *p, struct package_yaml *y,
                             const struct node *value, void *object, size_t offset);
struct package_key {
    const char *name;
    package_read_fn *read; /* NULL: nothing depends on it here */
    unsigned formats;
    size_t offset;
};
/* Reads a map's keys into the object; a key that the format does not know is a problem. */
void package_keys(struct problem_package *p, struct package_yaml *y, const struct node *map,
                  const struct package_key *keys, size_t n, void *object);
void package_problem(struct package_yaml *y, const struct node *at, const char *format, ...)
    BASE_PRINTF(3, 4);
/* Each notes a problem and returns false where the value is none. */
bool package_text(struct package_yaml *y, const struct node *n, const char **ret);
bool package_bool(struct package_yaml *y, const struct node *n, bool *ret);
/* A number that is not negative, in thousandths. */
bool package_number(struct package_yaml *y, const struct node *n, uint64_t max, uint64_t *ret);
bool package_parse_number(const char *text, uint64_t max, uint64_t *ret);
/* A sequence of texts. */
package_read_fn package_read_texts;
/* The legacy format's: words with blanks between them. */
package_read_fn package_read_words;
void package_add_text(struct problem_package *p, struct package_texts *texts, const char *text);
const char *package_shown(struct problem_package *p, const char *text);

/* ---- the parts ---- */

/* problem.yaml */
void package_read_problem(struct problem_package *p, struct package_yaml *y);
/* test_group.yaml or testdata.yaml, into the group */
void package_read_group(struct problem_package *p, struct package_yaml *y, struct test_group *g);
/* NAME.yaml of a test case */
void package_read_case(struct problem_package *p, struct package_yaml *y,
                       struct case_config *config);
/* data/ */
void package_read_data(struct problem_package *p);
/* Decides how many points each group has, and how they are given. */
void package_deal_points(struct problem_package *p);
/* Finds the program in a directory such as output_validator/; NULL: there is none, or it is noted
 * why none can be. */
struct package_program *package_find_program(struct problem_package *p, const char *dir,
                                             bool is_list);
/* All programs in a directory such as input_validators/. */
void package_find_programs(struct problem_package *p, const char *dir,
                           struct package_program **ret);
/* The shell script that makes /validator/run of what is in /package/validator. */
const char *package_program_script(struct problem_package *p,
                                   const struct package_program *program);
/* The package's own submissions. */
void package_read_submissions(struct problem_package *p);
/* The shell script that makes a program of /submission in /work, and /judge/run of it. */
const char *package_compile_script(struct problem_package *p, bool has_include);
/* The programs that are needed for the submissions that are known. */
void package_tools(struct problem_package *p, struct package_texts *ret);
/* Writes all of it. */
void package_write(struct problem_package *p);

/* ---- what submissions are expected to come to: expectations.c ---- */

/* How a submission did in a case, as a set. */
enum {
    OUTCOME_ACCEPTED = 1,
    OUTCOME_WRONG = 2,
    OUTCOME_SLOW = 4,
    OUTCOME_CRASHED = 8,
    OUTCOME_ANY = 15,
};
enum timing_use { TIMING_USUAL, TIMING_NONE, TIMING_LOWER, TIMING_UPPER };

/* What submissions that a pattern matches have to come to. */
struct expectation {
    const char *submissions, *cases; /* patterns; cases: NULL: all */
    unsigned permitted, required;    /* 0: not said */
    bool has_score, is_partial;      /* partial: accepted, and not the most points */
    uint64_t least, most;            /* the score */
    const char *message;             /* that is in one of the checker's; or NULL */
    enum timing_use timing;
    const struct node *place; /* NULL: the format's own */
    struct expectation *next;
};
/* Reads the format's own and those of submissions.yaml. */
void package_read_expectations(struct problem_package *p);
/* Whether a path, or a directory that it lies in, is matched: '*' is whatever is in a name, and
 * braces are alternatives. */
bool package_matches(const char *pattern, const char *path);
/* "AC or TLE" */
const char *package_outcome_words(struct problem_package *p, unsigned outcomes);

/* ---- its life ---- */

void package_init(struct problem_package *p, const struct jobs_packaging *what,
                  struct strbuf *notes);
void package_free(struct problem_package *p);
/* Reads the package and writes its job file. */
int package_convert(struct problem_package *p, struct jobs_converted *ret, struct cupel_error *err);

/* SPDX-License-Identifier: Apache-2.0 */
/* keys_limits: the keys of `limits`, which limits.h lists. See keys.c. */
#include "jobs/key_tables.h"

#define WORDS_CORES "a number of cores such as 1.5 or 150%"
#define WORDS_DURATION "a duration such as 250ms, 90s or 1h30m"
#define WORDS_TIME WORDS_DURATION ", or {limit: 1s, kill: 1.5s}"
#define WORDS_WALL WORDS_DURATION ", {limit: 1s, kill: 1.5s}, or none"
#define WORDS_IDLE WORDS_DURATION ", or none"
#define WORDS_COUNT "a whole number"
#define WORDS_CPUS "a CPU's number, a list such as 0-2,5, or exclusive"
#define TYPE_COUNT TYPE_INTEGER
#define TYPE_TIME TYPE_DURATION
#define TYPE_WALL TYPE_DURATION_OR_NONE
#define TYPE_IDLE TYPE_DURATION_OR_NONE
#define FALLBACK_CORES NULL
#define FALLBACK_DURATION NULL
#define FALLBACK_TIME NULL
#define FALLBACK_WALL "1h; of a step: none"
#define FALLBACK_IDLE "none"
#define FALLBACK_SIZE NULL
#define FALLBACK_COUNT NULL
#define FALLBACK_CPUS NULL
#define FORMS_CORES FORM_ONE
#define FORMS_DURATION FORM_ONE
#define FORMS_TIME (FORM_ONE | FORM_OBJECT)
#define FORMS_WALL FORMS_TIME
#define FORMS_IDLE FORM_ONE
#define FORMS_SIZE FORM_ONE
#define FORMS_COUNT FORM_ONE
#define FORMS_CPUS FORM_ONE
#define SUB_CORES NULL
#define SUB_DURATION NULL
#define SUB_TIME &keys_twice
#define SUB_WALL SUB_TIME
#define SUB_IDLE NULL
#define SUB_SIZE NULL
#define SUB_COUNT NULL
#define SUB_CPUS NULL
#define LIMIT_KEY(id, key_, report, kind, smallest, largest, step, text)                           \
    {.name = (key_),                                                                               \
     .value = WORDS_##kind,                                                                        \
     .fallback = FALLBACK_##kind,                                                                  \
     .help = (text),                                                                               \
     .forms = FORMS_##kind,                                                                        \
     .sub = SUB_##kind,                                                                            \
     .type = TYPE_##kind,                                                                          \
     .min = (smallest),                                                                            \
     .max = (largest),                                                                             \
     .set = key_set_limit,                                                                         \
     .offset = JOBS_LIMIT_##id},

TABLE(twice, "Keys of `cpu-time` and `wall`", "a limit that is given twice",
      {.name = "limit",
       .value = WORDS_DURATION,
       .fallback = "required",
       .help = "what the job is judged by: one that took more has the verdict, however it ended",
       .forms = FORM_ONE,
       .type = TYPE_DURATION,
       .min = NSEC_PER_MSEC,
       .max = LIMIT_TIME_MAX,
       .set = key_set_duration,
       .offset = offsetof(struct limit_twice, limit),
       .required = true},
      {.name = "kill",
       .value = WORDS_DURATION,
       .fallback = "`limit`",
       .help = "what ends it, no earlier: how long it would have taken is seen until then",
       .forms = FORM_ONE,
       .type = TYPE_DURATION,
       .min = NSEC_PER_MSEC,
       .max = LIMIT_TIME_MAX,
       .set = key_set_duration,
       .offset = offsetof(struct limit_twice, kill)});

TABLE(io, "Keys of `io`", "'io'", JOBS_IO_LIMITS(LIMIT_KEY));

TABLE(
    limits, "Limits", "'limits'",
    JOBS_LIMITS(LIMIT_KEY){
        .name = "io",
        .value = "a map",
        .help = "reads and writes a second of each disk that the job's files are on; more is held "
                "back",
        .forms = FORM_OBJECT,
        .sub = &keys_io,
        .set = key_set_io});

/* SPDX-License-Identifier: Apache-2.0 */
/* keys_judging: the keys of programs that judge what a job does. See keys.c. */
#include "jobs/key_tables.h"

static const struct choice choices_protocol[] = {[JOBS_PROTOCOL_KATTIS] = {"kattis", true},
                                                 [JOBS_PROTOCOL_TESTLIB] = {"testlib", true},
                                                 [JOBS_PROTOCOL_EXIT] = {"exit", true},
                                                 [JOBS_PROTOCOL_CMS] = {"cms", true},
                                                 {0}};
static const struct choice choices_talk[] = {[JOBS_PROTOCOL_KATTIS] = {"kattis", true},
                                             [JOBS_PROTOCOL_TESTLIB] = {"testlib", true},
                                             [JOBS_PROTOCOL_EXIT] = {"exit", true},
                                             {0}};

/* What one has of a job's keys is set as a job's. */
#define RUN_KEY                                                                                    \
    {                                                                                              \
        .name = "run", .value = "text or an argv list", .fallback = "required",                    \
        .help = "as a job's; what the protocol hands over follows as arguments",                   \
        .forms = FORM_ONE | FORM_LIST, .type = TYPE_TEXT, .set = key_set_of_checker,               \
        .required = true                                                                           \
    }

#define OTHER_KEYS(limits_help_)                                                                   \
    {.name = "args",                                                                               \
     .value = "a list of arguments",                                                               \
     .help = "after those of the protocol",                                                        \
     .forms = FORM_LIST,                                                                           \
     .type = TYPE_TEXT,                                                                            \
     .set = key_set_checker_args},                                                                 \
        {.name = "exits",                                                                          \
         .value = "a map such as {wrong: 5, fail: 6}",                                             \
         .fallback = "the protocol's",                                                             \
         .help = "what its exit codes mean, where that differs; one that means nothing is the "    \
                 "verdict `error`",                                                                \
         .forms = FORM_OBJECT,                                                                     \
         .sub = &keys_exits,                                                                       \
         .set = key_set_checker_exits},                                                            \
        {.name = "rootfs",                                                                         \
         .value = "a root's name",                                                                 \
         .fallback = "the job's, without what any job has written",                                \
         .help = "which root is the lower layer",                                                  \
         .forms = FORM_ONE,                                                                        \
         .type = TYPE_NAME,                                                                        \
         .set = key_set_of_checker},                                                               \
        {.name = "inputs",                                                                         \
         .value = "paths, or maps of from, to and mode",                                           \
         .help = "as a job's",                                                                     \
         .forms = FORM_ONE | FORM_LIST | FORM_OBJECT | FORM_OBJECTS,                               \
         .type = TYPE_HOST_PATH,                                                                   \
         .sub = &keys_input,                                                                       \
         .set = key_set_of_checker},                                                               \
        {.name = "limits",                                                                         \
         .value = "a map of limits",                                                               \
         .fallback = "`{wall: 30s, memory: 512M}`",                                                \
         .help = (limits_help_),                                                                   \
         .forms = FORM_OBJECT,                                                                     \
         .sub = &keys_limits,                                                                      \
         .set = key_set_of_checker},                                                               \
        {.name = "workdir",                                                                        \
         .value = "an absolute path in its sandbox",                                               \
         .fallback = "`/work`",                                                                    \
         .help = "where it starts; made when missing",                                             \
         .forms = FORM_ONE,                                                                        \
         .type = TYPE_PATH,                                                                        \
         .set = key_set_of_checker},                                                               \
        {.name = "env",                                                                            \
         .value = "a map of environment variables",                                                \
         .help = "as a job's; nothing of the job's own",                                           \
         .forms = FORM_MAP,                                                                        \
         .type = TYPE_TEXT,                                                                        \
         .set = key_set_of_checker},                                                               \
    {                                                                                              \
        .name = "user", .value = "root, a user's name, UID or UID:GID",                            \
        .fallback = "`root` (of its own user namespace)", .help = "who runs it",                   \
        .forms = FORM_ONE, .type = TYPE_TEXT, .set = key_set_of_checker                            \
    }

TABLE(checker, "Keys of `checker`", "'checker'", RUN_KEY,
      {.name = "protocol",
       .value = "kattis, testlib, cms or exit",
       .fallback = "required",
       .help = "`kattis`: `INPUT ANSWER FEEDBACK/ < OUTPUT`, 42 accepts, 43 rejects; `testlib`: "
               "`INPUT OUTPUT ANSWER`, 0 accepts; `cms`: `INPUT ANSWER OUTPUT`, from 0.0 to 1.0 "
               "on standard output; `exit`: `INPUT OUTPUT ANSWER < OUTPUT`, 0 accepts, 1 rejects",
       .forms = FORM_ONE,
       .type = TYPE_CHOICE,
       .choices = choices_protocol,
       .set = key_set_choice,
       .offset = offsetof(struct jobs_checker, protocol),
       .required = true},
      OTHER_KEYS("quotas of its own; one that strikes is the verdict `error`"));

TABLE(interactive, "Keys of `interactive`", "'interactive'", RUN_KEY,
      {.name = "protocol",
       .value = "kattis, testlib or exit",
       .fallback = "required",
       .help = "`kattis`: `INPUT ANSWER FEEDBACK/`, 42 accepts, 43 rejects; `testlib`: `INPUT "
               "OUTPUT ANSWER`, 0 accepts; `exit`: `INPUT ANSWER`, 0 accepts, 1 rejects",
       .forms = FORM_ONE,
       .type = TYPE_CHOICE,
       .choices = choices_talk,
       .set = key_set_choice,
       .offset = offsetof(struct jobs_checker, protocol),
       .required = true},
      {.name = "transcript",
       .value = WORDS_SIZE,
       .fallback = "none",
       .help = "keeps what the two write to each other as `logs/JOB.transcript`, that much of it; "
               "at most 64M",
       .forms = FORM_ONE,
       .type = TYPE_SIZE,
       .min = 1,
       .max = JOBS_TRANSCRIPT_MAX,
       .set = key_set_transcript},
      OTHER_KEYS("quotas of its own; one that strikes is the verdict `error`; `wall` counts from "
                 "the end of the job"));

#define EXIT_KEY(name_, meaning_, help_)                                                           \
    {                                                                                              \
        .name = (name_), .value = "a whole number, or a list of them", .help = (help_),            \
        .forms = FORM_ONE | FORM_LIST, .type = TYPE_INTEGER, .max = 255,                           \
        .set = key_set_checker_exit, .offset = (meaning_)                                          \
    }

TABLE(exits, "Keys of a checker's `exits`", "'exits'",
      EXIT_KEY("right", JOBS_CHECKED_RIGHT, "the output is accepted"),
      EXIT_KEY("wrong", JOBS_CHECKED_WRONG, "the output is wrong"),
      EXIT_KEY("presentation", JOBS_CHECKED_PRESENTATION, "the output is wrong in its form"),
      EXIT_KEY("fail", JOBS_CHECKED_FAIL, "the checker or the answer is at fault: `error`"),
      EXIT_KEY("dirt", JOBS_CHECKED_DIRT, "the output is wrong by what follows in it"),
      EXIT_KEY("points", JOBS_CHECKED_POINTS, "the checker says how far the output is right"),
      EXIT_KEY("unexpected-end", JOBS_CHECKED_UNEXPECTED_END, "the output ends too early"));

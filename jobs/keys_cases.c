/* SPDX-License-Identifier: Apache-2.0 */
/* keys_cases: the keys of a job's cases and of their groups. See keys.c. */
#include "jobs/key_tables.h"

const struct choice choices_visibility[] = {[JOBS_VISIBLE] = {"visible", true},
                                            [JOBS_HIDDEN] = {"hidden", true},
                                            [JOBS_AFTER_DUE] = {"after-due", true},
                                            [JOBS_AFTER_PUBLISHED] = {"after-published", true},
                                            {0}};
const struct choice choices_stop[] = {[JOBS_STOP_NEVER] = {"never", true},
                                      [JOBS_STOP_GROUP] = {"group", true},
                                      [JOBS_STOP_ALL] = {"all", true},
                                      {0}};
static const struct choice choices_score[] = {[JOBS_SCORE_SUM] = {"sum", true},
                                              [JOBS_SCORE_MIN] = {"min", true},
                                              [JOBS_SCORE_PASS] = {"pass", true},
                                              {0}};

const char *jobs_visibility_name(enum jobs_visibility v)
{
    return choices_visibility[v].name;
}

const char *jobs_score_name(enum jobs_score s)
{
    return choices_score[s].name;
}

const char *jobs_stop_name(enum jobs_stop s)
{
    return choices_stop[s].name;
}

/* What a case says in place of its job: read where a job's keys are. */
#define OF_JOB(name_, value_, help_, ...)                                                          \
    {                                                                                              \
        .name = (name_), .value = (value_), .help = (help_), .set = key_set_of_case, __VA_ARGS__   \
    }
#define CASE_FIELD(member) offsetof(struct case_nodes, member)

TABLE(
    case, "Keys of a case", "a case",
    {.name = "name",
     .value = "text",
     .help = "what it is called; its id is the job's, a slash and this",
     .forms = FORM_ONE,
     .type = TYPE_JOB_NAME,
     .set = key_set_node,
     .offset = CASE_FIELD(name)},
    {.name = "files",
     .value = "a pattern of paths on the host",
     .help = "in place of `name`: a case for each file that it matches, in the order of their "
             "names; the file is its `stdin-file`, and it is called by the file's name without "
             "what follows the last dot, or where that is not unique, or an earlier case is called "
             "so, by its path",
     .forms = FORM_ONE,
     .type = TYPE_HOST_PATH,
     .set = key_set_node,
     .offset = CASE_FIELD(files)},
    {.name = "answer",
     .value = "an ending such as .ans",
     .help = "with `files`: what is expected is in the file of the same name that ends so instead",
     .forms = FORM_ONE,
     .type = TYPE_TEXT,
     .set = key_set_node,
     .offset = CASE_FIELD(answer)},
    OF_JOB("description", "text", "as the job's", .forms = FORM_ONE, .type = TYPE_TEXT),
    OF_JOB("env", "a map", "laid over the job's", .forms = FORM_MAP, .type = TYPE_TEXT),
    OF_JOB("inputs", "paths, or maps of from, to and mode", "in place of the job's",
           .forms = FORM_ONE | FORM_LIST | FORM_OBJECT | FORM_OBJECTS, .type = TYPE_HOST_PATH,
           .sub = &keys_input),
    OF_JOB("limits", "a map of limits", "laid over the job's", .forms = FORM_OBJECT,
           .sub = &keys_limits),
    OF_JOB("expect", "a map such as {stdout: \"3\\n\"}", "laid over the job's",
           .forms = FORM_OBJECT, .sub = &keys_expect),
    OF_JOB("stdin", "text",
           "in place of the job's; with `interactive`, what the interactor is given",
           .forms = FORM_ONE, .type = TYPE_TEXT),
    OF_JOB("stdin-file", "a path on the host", "in place of the job's", .forms = FORM_ONE,
           .type = TYPE_HOST_PATH),
    OF_JOB("args", "a list of arguments", "in place of the job's", .forms = FORM_LIST,
           .type = TYPE_TEXT),
    {.name = "points",
     .value = WORDS_POINTS,
     .fallback = "a share of its group's, or the job's",
     .help = "how much it counts",
     .forms = FORM_ONE,
     .type = TYPE_POINTS,
     .max = POINTS_MAX,
     .set = key_set_node,
     .offset = CASE_FIELD(points)},
    {.name = "group",
     .value = "a group's name",
     .help = "which of `groups` it is in; `secret/large` is the group `large` in `secret`",
     .forms = FORM_ONE,
     .type = TYPE_TEXT,
     .set = key_set_node,
     .offset = CASE_FIELD(group)},
    {.name = "visibility",
     .value = WORDS_VISIBILITY,
     .fallback = "its group's",
     .help = "who may see what came of it, and when",
     .forms = FORM_ONE,
     .type = TYPE_CHOICE,
     .choices = choices_visibility,
     .set = key_set_node,
     .offset = CASE_FIELD(visibility)},
    {.name = "hint",
     .value = "text",
     .help = "for whoever fails it",
     .forms = FORM_ONE,
     .type = TYPE_TEXT,
     .set = key_set_node,
     .offset = CASE_FIELD(hint)},
    OF_JOB("capture", "file or pipe", "in place of the job's", .forms = FORM_ONE,
           .type = TYPE_CHOICE, .choices = choices_capture),
    OF_JOB("output", "a path in the job", "in place of the job's", .forms = FORM_ONE,
           .type = TYPE_TEXT));

#define GROUP_FIELD(member) offsetof(struct group_nodes, member)

TABLE(group, "Keys of a group of cases", "a group",
      {.name = "points",
       .value = WORDS_POINTS,
       .fallback = "the sum of what is in it",
       .help = "how much it counts; cases in it without `points` of their own share what is left "
               "equally",
       .forms = FORM_ONE,
       .type = TYPE_POINTS,
       .max = POINTS_MAX,
       .set = key_set_node,
       .offset = GROUP_FIELD(points)},
      {.name = "score",
       .value = "sum, min or pass",
       .fallback = "`sum`",
       .help = "what of its points it gives: what its cases give; as much as the worst of them "
               "does; all of it if they all pass, else nothing",
       .forms = FORM_ONE,
       .type = TYPE_CHOICE,
       .choices = choices_score,
       .set = key_set_choice,
       .offset = GROUP_FIELD(score)},
      {.name = "needs",
       .value = "names of groups",
       .help = "it is `not run` unless all cases of these have passed",
       .forms = FORM_ONE | FORM_LIST,
       .type = TYPE_TEXT,
       .set = key_set_node,
       .offset = GROUP_FIELD(needs)},
      {.name = "visibility",
       .value = WORDS_VISIBILITY,
       .fallback = "that of the group around, or the job's",
       .help = "of its cases that say nothing of it",
       .forms = FORM_ONE,
       .type = TYPE_CHOICE,
       .choices = choices_visibility,
       .set = key_set_node,
       .offset = GROUP_FIELD(visibility)},
      {.name = "groups",
       .value = "a map of names to groups",
       .help = "groups in it",
       .forms = FORM_NAMED,
       .sub = &keys_group,
       .set = key_set_node,
       .offset = GROUP_FIELD(groups)});

/* Solutions that have to come to one verdict. */
#define PROMISE(name_, help_)                                                                      \
    {                                                                                              \
        .name = (name_), .value = "paths on the host", .help = (help_),                            \
        .forms = FORM_ONE | FORM_LIST, .type = TYPE_HOST_PATH, .set = key_set_reference            \
    }

TABLE(reference, "Keys of `reference`", "'reference'", PROMISE("accepted", "it passes"),
      PROMISE("rejected", "it does not, in whatever way of its own"),
      PROMISE("wrong-answer", "`failed`: a wrong output or exit code"),
      PROMISE("failed", "the same"), PROMISE("run-time-error", "`failed` or `signaled`"),
      PROMISE("time-limit", "`timeout` or `cpu-limit`"), PROMISE("signaled", "this verdict"),
      PROMISE("timeout", "this verdict"), PROMISE("cpu-limit", "this verdict"),
      PROMISE("memory-limit", "this verdict"), PROMISE("pids-limit", "this verdict"),
      PROMISE("disk-limit", "this verdict"), PROMISE("output-limit", "this verdict"),
      PROMISE("compile-error", "this verdict"), PROMISE("invalid-submission", "this verdict"));

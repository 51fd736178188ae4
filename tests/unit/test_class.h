/* SPDX-License-Identifier: Apache-2.0 */
/* test_class: what the tests of reports/class/ share: a submission of which the cases may be seen
 * at different times, and who says what of each. */
#pragma once

#include "reports/class/class.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define P 1000 /* a point */

enum { SCENE_CASES = 4 };
/* A case of each visibility, named after it, in a group of its own; each says "SAID-BY-..." in all
 * of its texts. */
struct class_scene {
    struct class_case cases[SCENE_CASES];
    struct class_group groups[SCENE_CASES + 1];
    struct class_before before;
    struct class_submission submission;
};

#define SCENE_CASE(which, visibility_)                                                             \
    {                                                                                              \
        .name = "SAID-BY-" which "-name", .group = "all/SAID-BY-" which "-group",                  \
        .description = "SAID-BY-" which "-description", .hint = "SAID-BY-" which "-hint",          \
        .evidence = "SAID-BY-" which "-evidence: expected '3', got '4'",                           \
        .for_all = "SAID-BY-" which "-message", .for_staff = "SAID-BY-STAFF",                      \
        .stdout_log = which ".stdout", .stderr_log = which ".stderr", .points = 25 * P,            \
        .score = 0, .cpu_ns = 1234567890, .memory_bytes = 7654321, .verdict = REPORTS_FAILED,      \
        .visibility = (visibility_)                                                                \
    }
#define SCENE_GROUP(which)                                                                         \
    {                                                                                              \
        .name = "all/SAID-BY-" which "-group", .points = 25 * P, .score = 0                        \
    }

static inline void class_scene(struct class_scene *s)
{
    *s = (struct class_scene){
        .cases = {SCENE_CASE("visible", CLASS_VISIBLE), SCENE_CASE("due", CLASS_AFTER_DUE),
                  SCENE_CASE("published", CLASS_AFTER_PUBLISHED),
                  SCENE_CASE("hidden", CLASS_HIDDEN)},
        .groups = {{.name = "all", .points = 100 * P, .score = 0},
                   SCENE_GROUP("visible"),
                   SCENE_GROUP("due"),
                   SCENE_GROUP("published"),
                   SCENE_GROUP("hidden")},
        .before = {.id = "compile/SUB=ann", .verdict = REPORTS_PASSED},
        .submission = {.id = "grade/SUB=ann",
                       .student = "ann",
                       .verdict = REPORTS_FAILED,
                       .first_bad = "SAID-BY-visible-name",
                       .points = 100 * P,
                       .score = 0,
                       .n_cases = SCENE_CASES,
                       .n_groups = SCENE_CASES + 1},
    };
    s->submission.cases = s->cases;
    s->submission.groups = s->groups;
    s->submission.before = &s->before;
}

/* Every text that somebody who means harm would put somewhere. */
static const char *const hostile_texts[] = {
    "</script><script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "]]><!--",
    "' onmouseover='x",
    "&lt;b&gt;",
    "\xff\xfe not utf-8 \xc3",
    "\x1b[2J\x1b]0;title\x07\r\nsecond line\n{\"scores\": {\"all\": 999}}",
    "a,b\"c;=1+1\r\n=2+2",
    "\xe2\x80\xae"
    "desrever",
};

/* SPDX-License-Identifier: Apache-2.0 */
/* key_tables: private to jobs: how a table of keys is written down (keys.c, keys_*.c). */
#pragma once

#include "jobs/limits.h"
#include "jobs/load.h"

#define WORDS_SIZE "a size such as 64K, 512M or 1.5G"
/* Networks that are words. */
extern const struct choice keys_choices_network[];

#define TABLE(id_, title_, what_, ...)                                                             \
    static const struct key id_##_list[] = {__VA_ARGS__};                                          \
    const struct key_table keys_##id_ = {.id = #id_,                                               \
                                         .title = (title_),                                        \
                                         .what = (what_),                                          \
                                         .keys = id_##_list,                                       \
                                         .n = ARRAY_SIZE(id_##_list)}
/* The same with names that begin with x- for whatever the writer likes. */
#define FREE_TABLE(id_, title_, what_, ...)                                                        \
    static const struct key id_##_list[] = {__VA_ARGS__};                                          \
    const struct key_table keys_##id_ = {.id = #id_,                                               \
                                         .title = (title_),                                        \
                                         .what = (what_),                                          \
                                         .keys = id_##_list,                                       \
                                         .n = ARRAY_SIZE(id_##_list),                              \
                                         .free_names = true}
/* Of cases: keys_cases.c */
#define WORDS_POINTS "a number such as 10 or 2.5"
#define WORDS_VISIBILITY "visible, hidden, after-due or after-published"
#define POINTS_MAX ((uint64_t)1000 * 1000 * 1000) /* thousandths */
extern const struct choice choices_visibility[], choices_stop[], choices_capture[];

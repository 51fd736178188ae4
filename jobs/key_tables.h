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
/* A table that only the documentation reads, because no key that uses it is supported yet. */
#define LATER_TABLE(id_, title_, ...)                                                              \
    static const struct key id_##_list[] = {__VA_ARGS__};                                          \
    static const struct key_table keys_##id_ = {.id = #id_,                                        \
                                                .title = (title_),                                 \
                                                .what = (title_),                                  \
                                                .keys = id_##_list,                                \
                                                .n = ARRAY_SIZE(id_##_list)}
#define LATER(name_, value_, help_)                                                                \
    {                                                                                              \
        .name = (name_), .value = (value_), .help = (help_)                                        \
    }

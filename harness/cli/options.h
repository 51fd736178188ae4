/* SPDX-License-Identifier: Apache-2.0 */
/* options: how the subcommands' command lines are declared, read and explained: one table each. */
#pragma once

#include "base/base.h"

/* What an option takes, and the type of the field it goes to. */
enum cli_option_kind {
    CLI_FLAG,     /* nothing; bool */
    CLI_TEXT,     /* const char * */
    CLI_LIST,     /* may be repeated; struct cli_list */
    CLI_NUMBER,   /* from min to max; int */
    CLI_DURATION, /* from min to max nanoseconds; uint64_t */
    CLI_SIZE,     /* in bytes; uint64_t */
};

struct cli_option {
    char letter;      /* or 0 */
    const char *name; /* without its dashes */
    enum cli_option_kind kind;
    size_t field;      /* its offset in the command's arguments */
    const char *value; /* what the help calls what it takes */
    const char *help;  /* broken into lines as it is printed */
    uint64_t min, max; /* both 0: any */
    const char *off;   /* of a duration: the word for 0; or NULL */
    /* of a number that may be left out ("--keep-failed[=N]"): what it is then; 0: it may not */
    uint64_t without;
    const char
        *otherwise; /* the same of a text ("--changed[=REF]"); NULL: it may not be left out */
};

/* What every option says, in this order; what only some say follows by its name: `.min = 1, .max =
 * 9`. */
#define CLI_OPTION(letter_, name_, kind_, field_, value_, help_, ...)                              \
    {                                                                                              \
        .letter = (letter_), .name = (name_), .kind = (kind_), .field = (field_),                  \
        .value = (value_), .help = (help_), __VA_ARGS__                                            \
    }

struct cli_list {
    const char **items; /* NULL-terminated */
    size_t n;
};

#define CLI_ANY_NUMBER (-1)

struct cli_command {
    const char *name;  /* "run", "rootfs import" */
    const char *usage; /* what follows "cupel", a line each way of calling it */
    const char *about; /* paragraphs */
    const char *after; /* paragraphs after the options; or NULL */
    const struct cli_option *options;
    size_t n_options;
    int min_words, max_words; /* besides the options; or CLI_ANY_NUMBER */
    const char *words;        /* what these are: "a job file"; NULL where there are none */
    bool takes_command;       /* "-- COMMAND..." may end it */
};

/* What is no option. Borrowed from argv. */
#define CLI_FILES_HELP                                                                             \
    "Without FILE: cupel.yaml of this directory, or .cupel.yaml. `-` is standard input.\n"
struct cli_words {
    char **word; /* NULL-terminated */
    int n;
    const char *const *command; /* what follows "--", at least one; NULL: there is no "--" */
};

/* Reads the command line into `arguments`, which holds what stands where nothing is said. Returns
 * true to go on; else what there was to say is printed (the help, or an error) and *ret_exit is the
 * exit code. */
bool cli_parse(const struct cli_command *command, int argc, char **argv, void *arguments,
               struct cli_words *ret_words, int *ret_exit);
/* An error of the command line that only the command itself can see: prints it, with where to read
 * more; the exit code. */
__attribute__((format(printf, 2, 3))) int cli_wrong(const struct cli_command *command,
                                                    const char *format, ...);
void cli_list_free(struct cli_list *list);

/* SPDX-License-Identifier: Apache-2.0 */
/* options: see options.h. getopt_long(3) does the reading; what is said of a wrong command line,
 * and the help, are the same for all subcommands. */
#include "harness/cli/options.h"

#include "harness/cli/cli.h"

#include <getopt.h>
#include <string.h>

#define HELP_WIDTH 100
#define HELP_COLUMN 26 /* where the help of an option begins, at most */
#define LONG_BASE                                                                                  \
    256 /* what getopt_long returns for option i: LONG_BASE + i, above all letters                 \
         */
#define OPTIONS_MAX 32

int cli_wrong(const struct cli_command *command, const char *format, ...)
{
    char text[1024];
    struct cupel_error err;
    va_list ap;

    va_start(ap, format);
    (void)vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    (void)cupel_error_set(&err, CUPEL_ERROR_INPUT, 0, "%s", text);
    cupel_error_hint(&err, "see cupel %s --help", command->name);
    return cli_fail(&err);
}

void cli_list_free(struct cli_list *list)
{
    free(list->items);
    *list = (struct cli_list){0};
}

/* ---- help ---- */

/* Breaks text into lines that begin at column `indent`; its own line breaks stay. `at` is the
 * column already reached. */
static void print_wrapped(FILE *f, const char *text, size_t at, size_t indent)
{
    while (*text != '\0') {
        size_t word = strcspn(text, " \n");

        if (at > indent && at + 1 + word > HELP_WIDTH) {
            (void)fputc('\n', f);
            at = 0;
        }
        if (at < indent)
            (void)fprintf(f, "%*s", (int)(indent - at), "");
        else if (at > indent)
            (void)fputc(' ', f);
        (void)fprintf(f, "%.*s", (int)word, text);
        at = (at < indent ? indent : at > indent ? at + 1 : at) + word;
        text += word;
        if (*text == '\n') {
            (void)fputc('\n', f);
            at = 0;
        }
        text += *text != '\0';
    }
    (void)fputc('\n', f);
}

static bool may_be_left_out(const struct cli_option *o)
{
    return o->without != 0 || o->otherwise != NULL;
}

/* Writes an option's left column, "  -j, --jobs N", and returns its width. */
static size_t left_of(const struct cli_option *o, char *buf, size_t size)
{
    char letter[] = {'-', o->letter, ',', '\0'};
    int n;

    if (o->kind == CLI_FLAG)
        n = snprintf(buf, size, "  %-3s --%s", o->letter != '\0' ? letter : "", o->name);
    else
        n = snprintf(buf, size, may_be_left_out(o) ? "  %-3s --%s[=%s]" : "  %-3s --%s %s",
                     o->letter != '\0' ? letter : "", o->name, o->value);
    return n > 0 ? (size_t)n : 0;
}

static const struct cli_option help_option =
    CLI_OPTION('h', "help", CLI_FLAG, 0, NULL, "this text");

static void options_print_help(const struct cli_command *c, FILE *f)
{
    size_t column = 0;
    char left[80];

    for (const char *line = c->usage; *line != '\0';
         line += strcspn(line, "\n"), line += *line == '\n')
        (void)fprintf(f, "%s cupel %.*s\n", line == c->usage ? "usage:" : "      ",
                      (int)strcspn(line, "\n"), line);
    (void)fputc('\n', f);
    print_wrapped(f, c->about, 0, 0);
    (void)fputc('\n', f);
    for (size_t i = 0; i <= c->n_options; i++) {
        size_t width =
            left_of(i < c->n_options ? &c->options[i] : &help_option, left, sizeof(left)) + 2;

        if (width > column && width <= HELP_COLUMN)
            column = width;
    }
    for (size_t i = 0; i <= c->n_options; i++) {
        const struct cli_option *o = i < c->n_options ? &c->options[i] : &help_option;
        size_t width = left_of(o, left, sizeof(left));

        (void)fputs(left, f);
        if (width + 2 > column) /* too wide for its column */
            (void)fputs("  ", f), width = column;
        print_wrapped(f, o->help, width, column);
    }
    if (c->after == NULL)
        return;
    (void)fputc('\n', f);
    print_wrapped(f, c->after, 0, 0);
}

/* ---- values ---- */

static void *options_field(void *arguments, const struct cli_option *o)
{
    return (char *)arguments + o->field;
}

static void add_to_list(struct cli_list *list, const char *item)
{
    list->items = xrealloc(list->items, (list->n + 2) * sizeof(*list->items));
    list->items[list->n++] = item;
    list->items[list->n] = NULL;
}

static int options_take_number(const struct cli_command *c, const struct cli_option *o,
                               const char *text, int *to)
{
    unsigned long long n;
    char *end;

    if (text == NULL) {
        *to = (int)o->without;
        return 0;
    }
    errno = 0;
    n = strtoull(text, &end, 10);
    if (errno != 0 || *text < '0' || *text > '9' || *end != '\0' || n < o->min || n > o->max)
        return cli_wrong(c, "--%s takes a number from %llu to %llu, got '%s'", o->name,
                         (unsigned long long)o->min, (unsigned long long)o->max, text);
    *to = (int)n;
    return 0;
}

/* Adds a duration as it may be written: "10ms". */
static void add_duration(struct strbuf *b, uint64_t ns)
{
    static const struct {
        uint64_t ns;
        const char *unit;
    } units[] = {{3600 * NSEC_PER_SEC, "h"},
                 {60 * NSEC_PER_SEC, "m"},
                 {NSEC_PER_SEC, "s"},
                 {NSEC_PER_MSEC, "ms"}};
    size_t i = ns == 0 ? 2 : 0; /* 0 is so many of any */

    while (i + 1 < ARRAY_SIZE(units) && ns % units[i].ns != 0)
        i++;
    strbuf_addf(b, "%llu%s", (unsigned long long)(ns / units[i].ns), units[i].unit);
}

static int take_duration(const struct cli_command *c, const struct cli_option *o, const char *text,
                         uint64_t *to)
{
    cleanup_strbuf struct strbuf range = {0};
    uint64_t ns;

    if (o->off != NULL && str_eq(text, o->off)) {
        *to = 0;
        return 0;
    }
    if (unit_parse_duration(text, &ns) == 0 && ns >= o->min && (o->max == 0 || ns <= o->max)) {
        *to = ns;
        return 0;
    }
    strbuf_adds(&range, o->max != 0 ? "from " : "such as 90m or 24h");
    if (o->max != 0) {
        add_duration(&range, o->min);
        strbuf_adds(&range, " to ");
        add_duration(&range, o->max);
    }
    return cli_wrong(c, "--%s takes a duration %s%s%s, got '%s'", o->name, range.data,
                     o->off != NULL ? ", or " : "", o->off != NULL ? o->off : "", text);
}

/* 0, or the exit code after the error was printed. */
static int options_take(const struct cli_command *c, const struct cli_option *o, const char *text,
                        void *arguments)
{
    void *to = options_field(arguments, o);

    switch (o->kind) {
    case CLI_FLAG:
        *(bool *)to = true;
        return 0;
    case CLI_TEXT:
        text = text != NULL ? text : o->otherwise;
        *(const char **)to = text;
        return text[0] != '\0' ? 0 : cli_wrong(c, "--%s needs a value that is not empty", o->name);
    case CLI_LIST:
        add_to_list(to, text);
        return 0;
    case CLI_NUMBER:
        return options_take_number(c, o, text, to);
    case CLI_DURATION:
        return take_duration(c, o, text, to);
    case CLI_SIZE:
        return unit_parse_size(text, to) == 0
                   ? 0
                   : cli_wrong(c, "--%s takes a size such as 512M or 20G, got '%s'", o->name, text);
    }
    return cli_wrong(c, "--%s cannot be read", o->name);
}

/* ---- reading ---- */

/* getopt_long's two tables, of ours. */
struct tables {
    struct option longs[OPTIONS_MAX + 2];
    char shorts[2 * OPTIONS_MAX + 3];
};

static void make_tables(const struct cli_command *c, struct tables *t)
{
    char *s = t->shorts;
    size_t n = c->n_options < OPTIONS_MAX ? c->n_options : OPTIONS_MAX;

    *s++ = ':';
    *s++ = 'h';
    for (size_t i = 0; i < n; i++) {
        const struct cli_option *o = &c->options[i];
        int has = o->kind == CLI_FLAG  ? no_argument
                  : may_be_left_out(o) ? optional_argument
                                       : required_argument;

        t->longs[i] = (struct option){o->name, has, NULL, LONG_BASE + (int)i};
        if (o->letter == '\0')
            continue;
        *s++ = o->letter;
        if (has == required_argument)
            *s++ = ':';
    }
    t->longs[n] = (struct option){"help", no_argument, NULL, 'h'};
    t->longs[n + 1] = (struct option){0};
    *s = '\0';
}

static const struct cli_option *find_option(const struct cli_command *c, int found)
{
    if (found >= LONG_BASE)
        return &c->options[found - LONG_BASE];
    for (size_t i = 0; i < c->n_options; i++)
        if (c->options[i].letter == found)
            return &c->options[i];
    return NULL;
}

static int unknown_option(const struct cli_command *c, const char *word)
{
    const char *names[OPTIONS_MAX + 1] = {"help"}, *nearest;
    cleanup_free char *name = xstrdup(word + strspn(word, "-"));
    struct cupel_error err;
    size_t n = 1;

    name[strcspn(name, "=")] = '\0';
    for (size_t i = 0; i < c->n_options && n < ARRAY_SIZE(names); i++) {
        if (str_eq(c->options[i].name, name) || str_eq("help", name))
            return cli_wrong(c, "--%s takes no value", name);
        names[n++] = c->options[i].name;
    }
    nearest = str_starts(word, "--") ? str_nearest(name, names, n) : NULL;
    if (nearest == NULL)
        return cli_wrong(c, "unknown option '%s'", word);
    (void)cupel_error_set(&err, CUPEL_ERROR_INPUT, 0, "unknown option '%s'", word);
    cupel_error_hint(&err, "did you mean --%s?", nearest);
    return cli_fail(&err);
}

/* Cuts the words at "--" where a command may follow, since that command's options are its own. */
static int cut_command(const struct cli_command *c, int argc, char **argv, struct cli_words *words)
{
    for (int i = 1; c->takes_command && i < argc; i++)
        if (str_eq(argv[i], "--")) {
            words->command = (const char *const *)argv + i + 1;
            return i;
        }
    return argc;
}

static int check_words(const struct cli_command *c, const struct cli_words *w)
{
    if (w->command != NULL && w->command[0] == NULL)
        return cli_wrong(c, "no command after '--'");
    if (w->n < c->min_words)
        return cli_wrong(c, "cupel %s takes %s", c->name, c->words);
    if (c->max_words == CLI_ANY_NUMBER || w->n <= c->max_words)
        return 0;
    if (c->takes_command)
        return cli_wrong(c, "a command comes after '--'; unexpected '%s'", w->word[c->max_words]);
    return c->words == NULL
               ? cli_wrong(c, "cupel %s takes no argument, got '%s'", c->name, w->word[0])
               : cli_wrong(c, "cupel %s takes %s; unexpected '%s'", c->name, c->words,
                           w->word[c->max_words]);
}

/* A flag says the same twice, and a list grows; of two values, one would be dropped unseen. */
static bool takes_one(const struct cli_option *o)
{
    return o->kind != CLI_FLAG && o->kind != CLI_LIST;
}

bool cli_parse(const struct cli_command *command, int argc, char **argv, void *arguments,
               struct cli_words *ret_words, int *ret_exit)
{
    struct cli_words words = {0};
    bool given[OPTIONS_MAX] = {false};
    struct tables t;
    int found, n = cut_command(command, argc, argv, &words);

    make_tables(command, &t);
    optind = 0; /* as glibc has it: from the start, whatever was read before */
    *ret_exit = 0;
    while (*ret_exit == 0 && (found = getopt_long(n, argv, t.shorts, t.longs, NULL)) != -1) {
        const struct cli_option *o = find_option(command, found);

        if (found == 'h') {
            options_print_help(command, stdout);
            return false;
        }
        if (found == ':')
            *ret_exit = cli_wrong(command, "option '%s' needs a value", argv[optind - 1]);
        else if (found == '?' || o == NULL)
            *ret_exit = unknown_option(command, argv[optind - 1]);
        else if (takes_one(o) && given[o - command->options])
            *ret_exit = cli_wrong(command, "--%s is given twice", o->name);
        else
            *ret_exit = options_take(command, o, optarg, arguments);
        if (*ret_exit == 0)
            given[o - command->options] = true;
    }
    words.word = argv + optind;
    words.n = n - optind;
    if (*ret_exit == 0)
        *ret_exit = check_words(command, &words);
    *ret_words = words;
    return *ret_exit == 0;
}

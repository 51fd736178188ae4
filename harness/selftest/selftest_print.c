/* SPDX-License-Identifier: Apache-2.0 */
/* selftest_print: what came of the probes, on the screen: a line a promise, then what does not
 * hold; as JSON; and the table itself. */
#include "harness/selftest/selftest_private.h"

#include <fnmatch.h>
#include <string.h>

static const char *const colours[OUTCOME_COUNT] = {
    [OUTCOME_HELD] = "\033[32m", [OUTCOME_BREACH] = "\033[1;31m", [OUTCOME_UNTESTED] = "\033[33m",
    [OUTCOME_OPEN] = "\033[33m", [OUTCOME_FAILED] = "\033[31m",
};
#define WORD_WIDTH 10

static void print_word(enum outcome outcome)
{
    bool colour = text_wants_colour(STDOUT_FILENO);

    (void)printf("%s%*s%s  ", colour ? colours[outcome] : "", WORD_WIDTH, outcome_names[outcome],
                 colour ? "\033[0m" : "");
}

static void selftest_print_count(const struct selftest_scene *s, unsigned promise,
                                 size_t tally[static OUTCOME_COUNT])
{
    memset(tally, 0, OUTCOME_COUNT * sizeof(*tally));
    for (size_t i = 0; i < probe_count; i++)
        if (s->selected[i] && (promise == 0 || probe_keeps(&probe_table[i], promise)))
            tally[s->verdicts[i].outcome]++;
}

static size_t sum_of(const size_t tally[static OUTCOME_COUNT])
{
    size_t sum = 0;

    for (int i = 0; i < OUTCOME_COUNT; i++)
        sum += tally[i];
    return sum;
}

/* A promise is as good as the worst of its probes; one that is known to be open, or not tested, is
 * not held by it. */
static enum outcome promise_outcome(const size_t tally[static OUTCOME_COUNT])
{
    if (tally[OUTCOME_BREACH] > 0)
        return OUTCOME_BREACH;
    if (tally[OUTCOME_FAILED] > 0)
        return OUTCOME_FAILED;
    return tally[OUTCOME_HELD] > 0 ? OUTCOME_HELD : OUTCOME_UNTESTED;
}

static void print_promise(const struct selftest_scene *s, unsigned promise)
{
    size_t tally[OUTCOME_COUNT];

    selftest_print_count(s, promise, tally);
    if (sum_of(tally) == 0)
        return;
    print_word(promise_outcome(tally));
    (void)printf("%2u  %s: %zu of %zu probe%s held\n", promise, promise_texts[promise - 1],
                 tally[OUTCOME_HELD], sum_of(tally), sum_of(tally) == 1 ? "" : "s");
}

static void print_probes(const struct selftest_scene *s, enum outcome outcome)
{
    for (size_t i = 0; i < probe_count; i++) {
        const struct selftest_probe *p = &probe_table[i];

        if (!s->selected[i] || s->verdicts[i].outcome != outcome)
            continue;
        print_word(outcome);
        (void)printf("%s (promise %s): %s", p->name, p->promises, p->tries);
        (void)printf("%s%s\n", s->verdicts[i].detail[0] != '\0' ? ": " : "", s->verdicts[i].detail);
    }
}

void print_table(const struct selftest_scene *s)
{
    static const enum outcome order[] = {OUTCOME_OPEN, OUTCOME_UNTESTED, OUTCOME_FAILED,
                                         OUTCOME_BREACH};
    size_t tally[OUTCOME_COUNT];
    char text[UNIT_TEXT_SIZE];

    for (unsigned i = 1; i <= PROMISES; i++)
        print_promise(s, i);
    (void)putchar('\n');
    if (s->options->verbose)
        print_probes(s, OUTCOME_HELD);
    for (size_t i = 0; i < ARRAY_SIZE(order); i++)
        print_probes(s, order[i]);
    selftest_print_count(s, 0, tally);
    (void)printf("\n%zu probe%s in %s:", sum_of(tally), sum_of(tally) == 1 ? "" : "s",
                 unit_format_duration(s->wall_ns, text));
    for (int i = 0; i < OUTCOME_COUNT; i++)
        if (tally[i] > 0 || i == OUTCOME_HELD)
            (void)printf("%s %zu %s", i == 0 ? "" : ",", tally[i], outcome_names[i]);
    (void)putchar('\n');
}

/* ---- JSON ---- */

static json_t *promise_list(const struct selftest_probe *p)
{
    json_t *list = json_array();

    for (unsigned i = 1; i <= PROMISES; i++)
        if (probe_keeps(p, i))
            (void)json_array_append_new(list, json_integer(i));
    return list;
}

static json_t *probe_value(const struct selftest_probe *p)
{
    return json_pack("{s:s, s:s, s:o, s:s, s:s, s:s}", "name", p->name, "theme", p->theme,
                     "promises", promise_list(p), "tries", p->tries, "wall", p->wall, "weaken",
                     p->weaken);
}

static int put_json(json_t *value)
{
    int r = text_put_json(json_dumps(value, JSON_INDENT(2)), stdout);

    json_decref(value);
    return r < 0 || fflush(stdout) != 0 ? -EIO : 0;
}

int print_json(const struct selftest_scene *s)
{
    json_t *promises = json_array(), *probes = json_array();
    size_t tally[OUTCOME_COUNT];

    for (unsigned i = 1; i <= PROMISES; i++) {
        selftest_print_count(s, i, tally);
        if (sum_of(tally) > 0)
            (void)json_array_append_new(promises,
                                        json_pack("{s:i, s:s, s:s, s:I, s:I}", "promise", (int)i,
                                                  "text", promise_texts[i - 1], "outcome",
                                                  outcome_names[promise_outcome(tally)], "held",
                                                  (json_int_t)tally[OUTCOME_HELD], "probes",
                                                  (json_int_t)sum_of(tally)));
    }
    for (size_t i = 0; i < probe_count; i++) {
        json_t *o;

        if (!s->selected[i])
            continue;
        o = probe_value(&probe_table[i]);
        (void)json_object_set_new(o, "outcome", json_string(outcome_names[s->verdicts[i].outcome]));
        (void)json_object_set_new(o, "detail", json_string(s->verdicts[i].detail));
        (void)json_array_append_new(probes, o);
    }
    return put_json(json_pack("{s:s, s:f, s:o, s:o}", "version", CUPEL_VERSION, "wall_seconds",
                              (double)s->wall_ns / (double)NSEC_PER_SEC, "promises", promises,
                              "probes", probes));
}

/* ---- the table ---- */

static bool is_listed(const struct selftest_options *o, const struct selftest_probe *p)
{
    bool listed = o->n_only == 0;

    for (size_t i = 0; i < o->n_only; i++)
        listed |= fnmatch(o->only[i], p->name, 0) == 0;
    return listed;
}

static void list_text(const struct selftest_probe *p)
{
    (void)printf("%-24s %-11s %-8s %s\n%37s held by: %s; fails without: %s\n", p->name, p->theme,
                 p->promises, p->tries, "", p->wall, p->weaken);
}

static void list_markdown(const struct selftest_probe *p)
{
    (void)printf("| `%s` | %s | %s | %s | `%s` |\n", p->name, p->promises, p->tries, p->wall,
                 p->weaken);
}

int selftest_list(const struct selftest_options *options, enum selftest_format format,
                  struct cupel_error *err)
{
    json_t *list = json_array();
    const char *theme = "";
    int r = 0;

    for (size_t i = 0; i < probe_count; i++) {
        const struct selftest_probe *p = &probe_table[i];

        if (!is_listed(options, p))
            continue;
        if (format == SELFTEST_TEXT) {
            list_text(p);
        } else if (format == SELFTEST_MARKDOWN) {
            if (!str_eq(theme, p->theme))
                (void)printf("\n### %s\n\n| probe | promise | tries | held by | fails without "
                             "|\n|---|---|---|---|---|\n",
                             p->theme);
            theme = p->theme;
            list_markdown(p);
        } else {
            (void)json_array_append_new(list, probe_value(p));
        }
    }
    if (format == SELFTEST_JSON)
        r = put_json(list);
    else
        json_decref(list);
    if (r == 0 && (fflush(stdout) != 0 || ferror(stdout)))
        r = -EIO;
    return r < 0 ? cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot write to standard output")
                 : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* checker_protocol: see checker_protocol.h. The protocols are those of others:
 *
 * kattis: the problem package format's output validators. judgemessage.txt is for the staff,
 * teammessage.txt for all; score.txt and score_multiplier.txt exclude each other, and go with an
 * accepted output only. testlib: exit codes, and a message on standard error that may quote the
 * answer; with `points` it begins with the number, after the word. cms: the outcome is the first
 * line of standard output, and what the contestant is told is on standard error. exit: the exit
 * code alone.
 *
 * Whatever is odd is the checker's fault: nobody's score depends on a guess. */
#include "harness/attempt/checker_protocol.h"

#include "base/decimal.h"

#include <ctype.h>
#include <string.h>

/* ---- numbers ---- */

static struct checker_text trimmed(struct checker_text t)
{
    while (t.n > 0 && isspace((unsigned char)t.text[0])) {
        t.text++;
        t.n--;
    }
    while (t.n > 0 && isspace((unsigned char)t.text[t.n - 1]))
        t.n--;
    return t;
}

bool checker_protocol_number(const char *text, size_t n, uint64_t *ret)
{
    struct checker_text t = trimmed((struct checker_text){text, n});

    return decimal_fixed(t.text, t.n, CHECKED_PLACES, CHECKED_SCORE_MAX, ret);
}

/* The text's first word, or line. */
static struct checker_text first_part(struct checker_text t, bool is_line)
{
    size_t n = 0;

    t = trimmed(t);
    while (n < t.n && t.text[n] != '\n' && (is_line || !isspace((unsigned char)t.text[n])))
        n++;
    return (struct checker_text){t.text, n};
}

/* ---- one check ---- */

struct check {
    const struct jobs_checker *checker;
    const struct checker_words *words;
    struct judgement *ret;
    struct checked *checked;
};

static void conclude(const struct check *c, enum reports_verdict verdict, const char *why)
{
    c->ret->verdict = verdict;
    (void)snprintf(c->ret->evidence, sizeof(c->ret->evidence), "%s", why);
}

static void reject(const struct check *c, const char *why)
{
    c->ret->verdict = REPORTS_FAILED;
    (void)snprintf(c->ret->evidence, sizeof(c->ret->evidence), "the %s %s",
                   jobs_checker_word(c->checker), why);
}

static void blame_checker(const struct check *c, const char *why)
{
    struct checked *s = c->checked;

    s->has_score = s->has_multiplier = false;
    s->score = s->multiplier = 0;
    c->ret->verdict = REPORTS_ERROR;
    (void)snprintf(c->ret->evidence, sizeof(c->ret->evidence), "the %s is at fault: %s",
                   jobs_checker_word(c->checker), why);
}

/* A message without its last end of line; NULL: it says nothing. */
static char *message_of(struct checker_text t)
{
    char *copy;
    size_t n = 0;

    t = trimmed(t);
    if (t.n == 0)
        return NULL;
    copy = xmalloc(t.n + 1);
    for (size_t i = 0; i < t.n; i++)
        if (t.text[i] != '\0')
            copy[n++] = t.text[i];
    copy[n] = '\0';
    return copy;
}

static void keep_messages(const struct check *c)
{
    const struct checker_words *w = c->words;
    bool shows = c->checker->protocol == JOBS_PROTOCOL_CMS; /* what it prints there */

    c->checked->for_all = message_of(shows ? w->err : w->team_message);
    c->checked->for_staff = message_of(w->judge_message);
    if (c->checked->for_staff == NULL && !shows)
        c->checked->for_staff = message_of(w->err);
    if (c->checked->for_staff == NULL && c->checker->protocol != JOBS_PROTOCOL_CMS)
        c->checked->for_staff = message_of(w->out);
}

/* A score or a multiplier, where it has said one. */
static void take_number(const struct check *c, bool is_multiplier, struct checker_text t,
                        const char *what)
{
    cleanup_free char *why = NULL;
    uint64_t value;

    if (!checker_protocol_number(t.text, t.n, &value)) {
        why = xasprintf("%s is no number from 0 on", what);
        blame_checker(c, why);
    } else if (is_multiplier && value > REPORTS_SCORE_SCALE) {
        why = xasprintf("%s is more than 1", what);
        blame_checker(c, why);
    } else if (is_multiplier) {
        c->checked->has_multiplier = true;
        c->checked->multiplier = value;
    } else {
        c->checked->has_score = true;
        c->checked->score = value;
    }
}

static void take_score_files(const struct check *c)
{
    const struct checker_words *w = c->words;

    if (w->score.text == NULL && w->multiplier.text == NULL)
        return;
    if (w->score.text != NULL && w->multiplier.text != NULL)
        blame_checker(c, "it has written both score.txt and score_multiplier.txt");
    else if (c->ret->verdict != REPORTS_PASSED)
        blame_checker(c, "it has given a score for an output that it does not accept");
    else if (w->score.text != NULL)
        take_number(c, false, w->score, "score.txt");
    else
        take_number(c, true, w->multiplier, "score_multiplier.txt");
}

/* Nothing of it is right where the number is 0. */
static void take_points(const struct check *c)
{
    bool is_cms = c->checker->protocol == JOBS_PROTOCOL_CMS;
    struct checker_text t = is_cms ? first_part(c->words->out, true) : trimmed(c->words->err);

    if (!is_cms && t.n > 7 && strncmp(t.text, "points ", 7) == 0)
        t = (struct checker_text){t.text + 7, t.n - 7};
    if (!is_cms)
        t = first_part(t, false);
    conclude(c, REPORTS_PASSED, "");
    take_number(c, is_cms, t, is_cms ? "its outcome" : "what it says of points");
    if (c->ret->verdict == REPORTS_PASSED && c->checked->score + c->checked->multiplier == 0)
        reject(c, "gives nothing for the output");
}

/* What it does, of an output and of what it was told. */
static const char *const refusals[JOBS_CHECKED_COUNT][2] = {
    [JOBS_CHECKED_WRONG] = {"rejects the output", "rejects what it was told"},
    [JOBS_CHECKED_PRESENTATION] = {"rejects the form of the output",
                                   "rejects the form of what it was told"},
    [JOBS_CHECKED_DIRT] = {"rejects what follows in the output",
                           "rejects what follows in what it was told"},
    [JOBS_CHECKED_UNEXPECTED_END] = {"finds the output to end too early",
                                     "finds what it was told to end too early"},
};

static void judge_exit_code(const struct check *c, enum jobs_checked meaning)
{
    char why[96];

    switch (meaning) {
    case JOBS_CHECKED_RIGHT:
        conclude(c, REPORTS_PASSED, "");
        break;
    case JOBS_CHECKED_POINTS:
        take_points(c);
        break;
    case JOBS_CHECKED_FAIL:
        blame_checker(c, "it says so itself");
        break;
    case JOBS_CHECKED_NOTHING:
    case JOBS_CHECKED_COUNT:
        (void)snprintf(why, sizeof(why), "its exit code %d means nothing", c->words->exit);
        blame_checker(c, why);
        break;
    case JOBS_CHECKED_WRONG:
    case JOBS_CHECKED_PRESENTATION:
    case JOBS_CHECKED_DIRT:
    case JOBS_CHECKED_UNEXPECTED_END:
        (void)snprintf(why, sizeof(why), "%s (exit code %d)",
                       refusals[meaning][c->checker->interactive], c->words->exit);
        reject(c, why);
        break;
    }
}

void checker_protocol_judge(const struct jobs_checker *checker, const struct checker_words *words,
                            struct judgement *ret, struct checked *ret_checked)
{
    struct check c = {checker, words, ret, ret_checked};
    enum jobs_checked meaning = words->exit >= 0 && words->exit < 256
                                    ? (enum jobs_checked)checker->meaning[words->exit]
                                    : JOBS_CHECKED_NOTHING;

    *ret_checked = (struct checked){.for_staff = NULL};
    judge_exit_code(&c, meaning);
    if (checker->protocol == JOBS_PROTOCOL_KATTIS)
        take_score_files(&c);
    keep_messages(&c);
}

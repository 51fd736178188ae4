/* SPDX-License-Identifier: Apache-2.0 */
/* judge: from a job's result and what its probe said to held, breach, or what else there is. What
 * only the outside can tell is in outside.c. */
#include "harness/selftest/selftest_private.h"

#include "base/weaken.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define SAID_MAX ((size_t)256 * 1024)

void verdict_set(struct verdict *v, enum outcome outcome, const char *fmt, ...)
{
    char detail[sizeof(v->detail)]; /* what is there may be among the arguments */
    va_list ap;

    v->outcome = outcome;
    va_start(ap, fmt);
    (void)vsnprintf(detail, sizeof(detail), fmt, ap);
    va_end(ap);
    memcpy(v->detail, detail, sizeof(detail));
    for (char *p = v->detail; *p != '\0'; p++) /* a probe may quote what it found */
        if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7f)
            *p = '?';
}

static const json_t *result_of(const struct selftest_scene *s, const struct selftest_probe *p)
{
    cleanup_free char *id = plan_is_one_job(p) ? xasprintf("%s/find", p->name) : xstrdup(p->name);

    return json_object_get(s->results, id);
}

static const char *judge_text_of(const json_t *result, const char *key)
{
    const char *text = json_string_value(json_object_get(result, key));

    return text != NULL ? text : "";
}

/* ---- what the probe said ---- */

static char *standard_output(const struct selftest_scene *s, const char *job)
{
    cleanup_free char *path = xasprintf("%s/logs/%s.stdout", s->out, job);
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *text = xcalloc(1, SAID_MAX + 1);
    struct stat st;

    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > (off_t)SAID_MAX)
        (void)lseek(fd, -(off_t)SAID_MAX, SEEK_END);
    if (fd >= 0 && read(fd, text, SAID_MAX) < 0)
        text[0] = '\0';
    return text;
}

/* The line that starts with the word, without it: the last one of them. */
static bool find_line(const char *text, const char *word, char *line, size_t size)
{
    bool found = false;

    while (*text != '\0') {
        size_t n = strcspn(text, "\n");

        if (strncmp(text, word, strlen(word)) == 0) {
            (void)snprintf(line, size, "%.*s", (int)(n - strlen(word)), text + strlen(word));
            found = true;
        }
        text += n + (text[n] == '\n');
    }
    return found;
}

static const struct {
    int code;
    const char *word;
    enum outcome outcome;
} sayings[] = {
    {EXIT_BREACH, "BREACH: ", OUTCOME_BREACH},
    {EXIT_UNTESTED, "untested: ", OUTCOME_UNTESTED},
    {EXIT_OPEN, "open: ", OUTCOME_OPEN},
    {EXIT_CONTAINED, "contained: ", OUTCOME_HELD},
};

static void judge_said(int code, const char *output, struct verdict *v)
{
    char line[400];

    for (size_t i = 0; i < ARRAY_SIZE(sayings); i++)
        if (sayings[i].code == code) {
            bool found = find_line(output, sayings[i].word, line, sizeof(line));

            verdict_set(v, sayings[i].outcome, "%s", found ? line : "");
            return;
        }
    verdict_set(v, OUTCOME_FAILED, "the probe ended with exit code %d", code);
}

/* ---- the job's verdict ---- */

/* Judges a probe whose wall is a limit: its striking shows as the job's verdict. */
static void judge_limit(const struct selftest_probe *p, const json_t *result, struct verdict *v)
{
    const char *verdict = judge_text_of(result, "verdict");

    if (str_eq(verdict, p->verdict))
        verdict_set(v, OUTCOME_HELD, "%s: %s", verdict, judge_text_of(result, "evidence"));
    else if (v->outcome != OUTCOME_UNTESTED)
        verdict_set(v, OUTCOME_BREACH, "verdict %s where %s was to be%s%s", verdict, p->verdict,
                    v->detail[0] != '\0' ? ": " : "", v->detail);
}

/* A limit that this host cannot hold is not tested: `cupel run` refuses it. */
static bool is_unenforced(const struct selftest_probe *p, const json_t *result, struct verdict *v)
{
    const json_t *list = json_object_get(result, "unenforced"), *item;
    size_t i;

    json_array_foreach(list, i, item)
    {
        const char *limit = json_string_value(item);

        if (p->limits == NULL || limit == NULL || strncmp(p->limits, limit, strlen(limit)) != 0)
            continue;
        verdict_set(v, OUTCOME_UNTESTED,
                    "this host cannot hold the limit '%s'; `cupel run` refuses it", limit);
        return true;
    }
    return false;
}

static void judge_result(const struct selftest_scene *s, const struct selftest_probe *p,
                         struct verdict *v)
{
    const json_t *result = result_of(s, p), *code = json_object_get(result, "exit");
    const char *verdict = judge_text_of(result, "verdict");
    cleanup_free char *output = standard_output(s, p->name);

    if (!plan_has_user(p)) {
        verdict_set(v, OUTCOME_UNTESTED, "without subordinate ids jobs have no user but root");
        return;
    }
    if (result == NULL) {
        if (s->bad_lines > 0 ||
            weakened("escape-reports")) /* that wall is why every line can be read */
            verdict_set(v, OUTCOME_BREACH, "results.jsonl cannot be read");
        else
            verdict_set(v, OUTCOME_FAILED, "there is no result of its job");
        return;
    }
    if (is_unenforced(p, result, v))
        return;
    if (str_eq(verdict, "error") &&
        strstr(judge_text_of(result, "evidence"), "the job has not had its time") != NULL) {
        verdict_set(v, OUTCOME_UNTESTED, "%s", judge_text_of(result, "evidence"));
        return;
    }
    if (str_eq(verdict, "error") && p->judge != judge_self_exe && p->judge != judge_around) {
        verdict_set(v, OUTCOME_FAILED, "cupel could not run it: %s",
                    judge_text_of(result, "evidence"));
        return;
    }
    if (str_eq(verdict, "skipped")) {
        verdict_set(v, OUTCOME_UNTESTED, "%s", judge_text_of(result, "evidence"));
        return;
    }
    if (json_is_integer(code))
        judge_said((int)json_integer_value(code), output, v);
    else
        verdict_set(v, OUTCOME_FAILED, "%s: %s", verdict, judge_text_of(result, "evidence"));
    if (p->verdict != NULL)
        judge_limit(p, result, v);
    if (p->judge != NULL && v->outcome != OUTCOME_UNTESTED)
        p->judge(s, p, v);
}

/* ---- meanwhile ---- */

static long long moment(const char *output, const char *word)
{
    char line[64];

    return find_line(output, word, line, sizeof(line)) ? strtoll(line, NULL, 10) : 0;
}

/* Checks that a probe met the neighbour: what looked for it when it was not there has seen nothing.
 */
static void check_meeting(struct selftest_scene *s, const struct selftest_probe *p,
                          struct verdict *v)
{
    cleanup_free char *neighbour = standard_output(s, "neighbour"),
                      *output = standard_output(s, p->name);
    long long ready = moment(neighbour, "ready "), done = moment(neighbour, "to ");
    long long from = moment(output, "from "), to = moment(output, "to ");
    char line[200];

    if (v->outcome != OUTCOME_HELD)
        return;
    if (ready == 0)
        verdict_set(v, OUTCOME_UNTESTED, "the neighbour could not hold anything: %s",
                    find_line(neighbour, "untested: ", line, sizeof(line)) ? line
                                                                           : "it said nothing");
    if (ready == 0 || (from >= ready && to != 0 && to <= done))
        return;
    verdict_set(v, OUTCOME_UNTESTED,
                "the two jobs did not run at the same time: this machine is slow");
    s->missed = true;
}

void judge_lane(struct selftest_scene *s, enum lane lane)
{
    for (size_t i = 0; i < probe_count; i++) {
        const struct selftest_probe *p = &probe_table[i];

        if (!s->selected[i] || p->lane != lane)
            continue;
        if (lane == LANE_AFTER)
            p->judge(s, p, &s->verdicts[i]);
        else
            judge_result(s, p, &s->verdicts[i]);
        if (lane == LANE_NEIGHBOUR)
            check_meeting(s, p, &s->verdicts[i]);
    }
}

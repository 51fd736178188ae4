/* SPDX-License-Identifier: Apache-2.0 */
/* model: the tables of verdicts and usage figures, each declared once and read by every writer. Not
 * responsible for any output format. */
#include "reports/model.h"

#include "reports/record_figures.h"
#include "reports/report_text.h"

#include <string.h>

static const struct verdict_info verdicts[REPORTS_VERDICT_COUNT] = {
    [REPORTS_PASSED] = {"passed", JUNIT_PASS, "PASS", "PASS", "1;32"},
    [REPORTS_FAILED] = {"failed", JUNIT_FAILURE, "FAIL", "FAIL", "1;31"},
    [REPORTS_SIGNALED] = {"signaled", JUNIT_FAILURE, "SIGNAL", "SIGNAL", "1;31"},
    [REPORTS_TIMEOUT] = {"timeout", JUNIT_FAILURE, "TIMEOUT", "TMT", "1;31"},
    [REPORTS_CPU_LIMIT] = {"cpu-limit", JUNIT_FAILURE, "CPU LIMIT", "CPU", "1;31"},
    [REPORTS_MEMORY_LIMIT] = {"memory-limit", JUNIT_FAILURE, "MEMORY", "MEMORY", "1;31"},
    [REPORTS_PIDS_LIMIT] = {"pids-limit", JUNIT_FAILURE, "PIDS LIMIT", "PIDS", "1;31"},
    [REPORTS_DISK_LIMIT] = {"disk-limit", JUNIT_FAILURE, "DISK LIMIT", "DISK", "1;31"},
    [REPORTS_OUTPUT_LIMIT] = {"output-limit", JUNIT_FAILURE, "OUTPUT", "OUTPUT", "1;31"},
    [REPORTS_INVALID_SUBMISSION] = {"invalid-submission", JUNIT_FAILURE, "INVALID", "INVALID",
                                    "1;31"},
    [REPORTS_COMPILE_ERROR] = {"compile-error", JUNIT_FAILURE, "COMPILE", "COMPILE", "1;31"},
    [REPORTS_ERROR] = {"error", JUNIT_ERROR, "ERROR", "ERROR", "1;35"},
    [REPORTS_SKIPPED] = {"skipped", JUNIT_SKIPPED, "SKIP", "SKIP", "1;33"},
    [REPORTS_CANCELLED] = {"cancelled", JUNIT_ERROR, "CANCEL", "CANCEL", "1;33"},
    [REPORTS_NOT_RUN] = {"not run", JUNIT_SKIPPED, "NOT RUN", "NOT RUN", "1;33"},
};

const struct verdict_info *verdict_info(enum reports_verdict v)
{
    return (unsigned)v < REPORTS_VERDICT_COUNT ? &verdicts[v] : &verdicts[REPORTS_ERROR];
}

const char *reports_verdict_name(enum reports_verdict v)
{
    return verdict_info(v)->name;
}

static const struct {
    const char *name;
    bool seconds;
} figures[REPORTS_FIGURE_COUNT] = {
#define FIGURE(id, name, seconds, text) [REPORTS_##id] = {name, seconds},
    REPORTS_FIGURES(FIGURE)};

const char *reports_figure_name(enum reports_figure f)
{
    return (unsigned)f < REPORTS_FIGURE_COUNT ? figures[f].name : "unknown";
}

bool reports_figure_is_seconds(enum reports_figure f)
{
    return (unsigned)f < REPORTS_FIGURE_COUNT && figures[f].seconds;
}

/* Writes it in decimal digits; returns how many. */
static size_t put_digits(char *buf, uint64_t value)
{
    size_t n = 1;

    for (uint64_t more = value / 10; more > 0; more /= 10)
        n++;
    buf[n] = '\0';
    for (size_t i = n; i > 0; value /= 10)
        buf[--i] = (char)('0' + value % 10);
    return n;
}

const char *model_number(uint64_t value, uint64_t scale, char buf[static MODEL_NUMBER_SIZE])
{
    size_t n = put_digits(buf, scale <= 1 ? value : value / scale);
    uint64_t rest;

    if (scale <= 1)
        return buf;
    buf[n++] = '.';
    rest = value % scale;
    do { /* long division: scale is a power of ten, so this ends */
        rest *= 10;
        buf[n++] = (char)('0' + rest / scale);
        rest %= scale;
    } while (rest != 0 && n < MODEL_NUMBER_SIZE - 1);
    buf[n] = '\0';
    return buf;
}

const char *model_points(uint64_t points, char buf[static MODEL_NUMBER_SIZE])
{
    return points % 1000 == 0 ? model_number(points / 1000, 1, buf)
                              : model_number(points, 1000, buf);
}

const char *model_seconds(uint64_t ns, char buf[static MODEL_NUMBER_SIZE])
{
    uint64_t ms = ns / NSEC_PER_MSEC + (ns % NSEC_PER_MSEC >= NSEC_PER_MSEC / 2);

    (void)snprintf(buf, MODEL_NUMBER_SIZE, "%llu.%03u", (unsigned long long)(ms / 1000),
                   (unsigned)(ms % 1000));
    return buf;
}

uint64_t model_wall_ns(const struct reports_result *result)
{
    uint64_t sum = 0;

    if (reports_usage_has(&result->usage, REPORTS_WALL_SECONDS))
        return result->usage.value[REPORTS_WALL_SECONDS];
    for (size_t i = 0; i < result->n_cases; i++)
        sum += result->cases[i].wall_ns;
    return sum;
}

bool model_has_steps(const struct reports_result *result)
{
    return result->n_cases > 0 && result->cases[0].name != NULL;
}

const struct reports_case *model_guilty_case(const struct reports_result *result)
{
    for (size_t i = 0; i < result->n_cases; i++) {
        enum junit_outcome o = verdict_info(result->cases[i].verdict)->junit;

        if (o == JUNIT_FAILURE || o == JUNIT_ERROR)
            return &result->cases[i];
    }
    return NULL;
}

bool model_is_unneeded(const struct reports_result *result)
{
    return result->harmless &&
           (result->verdict == REPORTS_SKIPPED || result->verdict == REPORTS_NOT_RUN);
}

bool model_is_allowed(const struct reports_result *result)
{
    return result->harmless && !model_is_unneeded(result);
}

enum junit_outcome model_junit(const struct reports_result *result, enum reports_verdict verdict)
{
    enum junit_outcome o = verdict_info(verdict)->junit;

    return o == JUNIT_FAILURE && model_is_allowed(result) ? JUNIT_SKIPPED : o;
}

bool model_is_flaky(const struct reports_result *result)
{
    return result->verdict == REPORTS_PASSED && result->attempts > 1 && !result->repeated;
}

/* ---- what was left running ---- */

#define COMMAND_COLUMNS 120

void reports_leak_describe(const struct reports_leak *leak, struct strbuf *out)
{
    cleanup_strbuf struct strbuf command = {0};
    uint64_t hundredths = leak->cpu_ns / (NSEC_PER_SEC / 100);
    size_t fit;

    text_escape(&command, leak->command, strlen(leak->command), TEXT_LINE);
    for (char *p = command.data; *p != '\0'; p++)
        if (*p == '`') /* ours, around it */
            *p = '\'';
    fit = text_fit(command.data, command.len, COMMAND_COLUMNS);
    while (fit >
           COMMAND_COLUMNS) /* letters of several bytes: their columns fit, their bytes must */
        fit = text_fit(command.data, fit, text_columns(command.data, fit) - 1);
    strbuf_addf(out, "pid %d `%.*s%s` (CPU %llu.%02u s)", leak->pid, (int)fit, command.data,
                fit < command.len ? "..." : "", (unsigned long long)(hundredths / 100),
                (unsigned)(hundredths % 100));
}

void reports_leaks_describe(const struct reports_leak *leaks, size_t n, size_t in_all, bool cut,
                            size_t max, struct strbuf *out)
{
    n = n < max ? n : max;
    strbuf_addf(out, "%s%zu %s left running", cut ? "at least " : "", in_all,
                in_all == 1 ? "process" : "processes");
    for (size_t i = 0; i < n; i++) {
        strbuf_adds(out, i == 0 ? ": " : ", ");
        reports_leak_describe(&leaks[i], out);
    }
    if (n > 0 && n < in_all)
        strbuf_addf(out, " and %zu more", in_all - n);
}

bool model_leaks(const struct reports_result *result, struct strbuf *out)
{
    if (result->leaks_in_all == 0)
        return false;
    reports_leaks_describe(result->leaks, result->n_leaks, result->leaks_in_all, result->leaks_cut,
                           REPORTS_LEAKS_SHOWN, out);
    return strstr(result->evidence, out->data) == NULL;
}

const char *reports_hit_name(enum reports_hit hit)
{
    static const char *const names[REPORTS_HIT_COUNT] = {[REPORTS_HIT_MISS] = "miss",
                                                         [REPORTS_HIT_PARTIAL] = "partial",
                                                         [REPORTS_HIT_EXACT] = "exact"};

    return (unsigned)hit < REPORTS_HIT_COUNT ? names[hit] : names[REPORTS_HIT_MISS];
}

void model_add_cached(struct strbuf *b, const struct reports_result *result)
{
    char date[32] = "?";
    struct tm tm;

    if (gmtime_r(&result->cached_at, &tm) != NULL)
        (void)strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S UTC", &tm);
    strbuf_addf(b, "run %s, %s", result->cached_run, date);
}

void model_add_cache(struct strbuf *b, const struct reports_cache *cache)
{
    strbuf_addf(b, "%s%s%s%s%s", reports_hit_name(cache->hit), cache->restored != NULL ? " (" : "",
                cache->restored != NULL ? cache->restored : "", cache->restored != NULL ? ")" : "",
                cache->saved ? ", saved" : "");
}

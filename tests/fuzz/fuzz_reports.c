/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_reports: a result of which a job, or whoever wrote its file, chose every text, through every
 * writer. What comes out is read back by other libraries: it is well-formed, says what we said, and
 * has not one line, element or control character more. Input: texts, each up to a NUL byte; a few
 * bytes of numbers; the rest is the job's output. */
#include "fuzz.h"

#include "reports/out.h"
#include "reports/report_text.h"
#include "reports/reports.h"

#include <fcntl.h>
#include <jansson.h>
#include <libxml/parser.h>
#include <sys/mman.h>

#define FILE_MAX ((size_t)64 << 20)

enum { ID, JOB_FILE, EVIDENCE, DESCRIPTION, STEP, TAG, NOTE, ARTIFACT, COMMAND, NEAR, TEXTS };

struct scene {
    char *text[TEXTS];
    const char *tags[2], *notes[2], *artifacts[2];
    struct reports_case cases[2];
    struct reports_leak leak;
    struct reports_result result;
    bool named;
    size_t n_cases;
};

static struct reports_out *out_directory(void)
{
    static struct reports_out *out;
    cleanup_free char *path = NULL;
    struct cupel_error err;

    if (out != NULL)
        return out;
    path = xasprintf("%s/out", fuzz_directory_path());
    FUZZ_EXPECT(reports_out_open(path, &out, &err) == 0);
    return out;
}

static void put_log(const uint8_t *data, size_t n)
{
    int fd = openat(reports_out_dirfd(out_directory()), "logs/log",
                    O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    FUZZ_EXPECT(fd >= 0 && file_write_all(fd, data, n) == 0);
    (void)close(fd);
}

static void make_scene(struct scene *s, struct fuzz_input *in)
{
    uint8_t flags;

    *s = (struct scene){0};
    for (size_t i = 0; i < TEXTS; i++)
        s->text[i] = fuzz_text(in);
    flags = fuzz_byte(in);
    s->named = (flags & 1) != 0;
    s->n_cases = s->named && (flags & 2) != 0 ? 2 : 1;
    s->tags[0] = s->text[TAG];
    s->notes[0] = s->text[NOTE];
    s->artifacts[0] = s->text[ARTIFACT];
    s->leak = (struct reports_leak){
        .pid = fuzz_byte(in), .cpu_ns = fuzz_byte(in), .command = s->text[COMMAND]};
    s->result = (struct reports_result){
        .id = s->text[ID],
        .job = s->text[ID],
        .file = s->text[JOB_FILE],
        .description = s->text[DESCRIPTION],
        .verdict = (enum reports_verdict)(fuzz_byte(in) % REPORTS_VERDICT_COUNT),
        .evidence = s->text[EVIDENCE],
        .exit = (int)fuzz_byte(in) - 1,
        .signal = fuzz_byte(in),
        .attempts = 1,
        .attempts_max = 1,
        .started = {1700000000, 5},
        .cases = s->cases,
        .n_cases = s->n_cases,
        .leaks = &s->leak,
        .n_leaks = (flags & 4) != 0,
        .leaks_in_all = (flags & 4) != 0,
        .near_limit = (flags & 8) != 0 ? s->text[NEAR] : NULL,
        .tags = s->tags,
        .notes = s->notes,
        .artifacts = s->artifacts,
        .stdout_log = "logs/log",
        .stderr_log = (flags & 16) != 0 ? "logs/log" : NULL,
    };
    for (size_t i = 0; i < s->n_cases; i++)
        s->cases[i] = (struct reports_case){.name = s->named ? s->text[STEP] : NULL,
                                            .verdict = s->result.verdict,
                                            .evidence = s->text[EVIDENCE],
                                            .exit = s->result.exit,
                                            .signal = s->result.signal,
                                            .stdout_from = fuzz_byte(in),
                                            .stdout_to = (uint64_t)fuzz_byte(in) << 4,
                                            .stderr_from = fuzz_byte(in)};
}

static void free_scene(struct scene *s)
{
    for (size_t i = 0; i < TEXTS; i++)
        free(s->text[i]);
}

static char *read_out(const char *name, size_t *ret_len)
{
    char *text;

    FUZZ_EXPECT(file_read_at(reports_out_dirfd(out_directory()), name, FILE_MAX, &text, ret_len) ==
                0);
    return text;
}

/* ---- results.jsonl ---- */

static void expect_member(json_t *object, const char *key, const char *raw)
{
    cleanup_strbuf struct strbuf expected = {0};
    json_t *value = json_object_get(object, key);

    if (raw == NULL || *raw == '\0') {
        FUZZ_EXPECT(value == NULL);
        return;
    }
    text_escape(&expected, raw, strlen(raw), TEXT_JSON);
    FUZZ_EXPECT(json_is_string(value) && str_eq(json_string_value(value), expected.data));
}

static void check_jsonl(const struct scene *s)
{
    struct reports_out *out = out_directory();
    cleanup_free char *text = NULL;
    struct cupel_error err;
    size_t len, lines = 0;

    FUZZ_EXPECT(ftruncate(out->jsonlfd, 0) == 0);
    FUZZ_EXPECT(reports_jsonl_append(out, &s->result, &err) == 0);
    text = read_out(OUT_JSONL, &len);
    FUZZ_EXPECT(len > 0 && text[len - 1] == '\n' && strlen(text) == len);
    for (const char *line = text; *line != '\0'; lines++) {
        size_t n = strcspn(line, "\n");
        json_t *object = json_loadb(line, n, JSON_REJECT_DUPLICATES, NULL);

        FUZZ_EXPECT(json_is_object(object));
        FUZZ_EXPECT(str_eq(json_string_value(json_object_get(object, "verdict")),
                           reports_verdict_name(s->result.verdict)));
        expect_member(object, "evidence", s->text[EVIDENCE]);
        expect_member(object, "file", s->text[JOB_FILE]);
        if (lines == 0)
            expect_member(object, "id", s->text[ID]);
        else
            expect_member(object, "step", s->text[STEP]);
        json_decref(object);
        line += n + 1;
    }
    FUZZ_EXPECT(lines == 1 + (s->named ? s->n_cases : 0));
}

/* ---- junit.xml ---- */

static size_t count(const xmlNode *parent, const char *element)
{
    size_t n = 0;

    for (const xmlNode *c = parent->children; c != NULL; c = c->next)
        n += c->type == XML_ELEMENT_NODE && str_eq((const char *)c->name, element);
    return n;
}

/* How many elements there are beneath that the strict profile does not have, at any depth. */
static size_t count_strange(const xmlNode *parent)
{
    static const char *const known[] = {"testsuite", "properties", "property",
                                        "testcase",  "failure",    "error",
                                        "skipped",   "system-out", "system-err"};
    size_t n = 0;

    for (const xmlNode *c = parent->children; c != NULL; c = c->next) {
        bool found = false;

        if (c->type != XML_ELEMENT_NODE)
            continue;
        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
            found |= str_eq((const char *)c->name, known[i]);
        n += !found + count_strange(c);
    }
    return n;
}

static void check_junit(const struct scene *s, const struct reports_run *run)
{
    cleanup_free char *text = NULL;
    const xmlNode *root, *suite;
    struct cupel_error err;
    xmlChar *tests;
    xmlDoc *doc;
    size_t len;

    FUZZ_EXPECT(reports_junit_write(out_directory(), run, &err) == 0);
    text = read_out(OUT_JUNIT, &len);
    doc = xmlReadMemory(text, (int)len, "junit.xml", NULL,
                        XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    FUZZ_EXPECT(doc != NULL);
    root = xmlDocGetRootElement(doc);
    FUZZ_EXPECT(str_eq((const char *)root->name, "testsuites") && count(root, "testsuite") == 1);
    FUZZ_EXPECT(count_strange(root) == 0);
    for (suite = root->children; suite->type != XML_ELEMENT_NODE;)
        suite = suite->next;
    FUZZ_EXPECT(count(suite, "testcase") == s->n_cases);
    FUZZ_EXPECT(count(suite, "system-out") == 1 && count(suite, "system-err") == 1);
    tests = xmlGetProp(suite, BAD_CAST "tests");
    FUZZ_EXPECT(tests != NULL && (size_t)atoi((const char *)tests) == s->n_cases);
    xmlFree(tests);
    xmlFreeDoc(doc);
}

/* ---- the console ---- */

static void check_console(const struct scene *s, const struct reports_run *run)
{
    const struct reports_running running = {
        .id = s->text[ID], .wall_ns = 61 * NSEC_PER_SEC, .memory_bytes = UINT64_MAX};
    int fd = memfd_create("console", MFD_CLOEXEC);
    struct reports_console *c = reports_console_new(fd, 1, out_directory());
    cleanup_free char *text = NULL;
    size_t len;

    FUZZ_EXPECT(fd >= 0);
    reports_console_status(c, s->text[NOTE]);
    reports_console_started(c, s->text[ID]);
    reports_console_tick(c, &running, 1);
    reports_console_dump(c, &running, 1);
    reports_console_finished(c, &s->result);
    reports_console_summary(c, run);
    reports_console_free(c);
    FUZZ_EXPECT(lseek(fd, 0, SEEK_SET) == 0 && file_read_fd(fd, FILE_MAX, &text, &len) == 0);
    FUZZ_EXPECT(len > 0 && fuzz_is_utf8(text, len) && fuzz_is_harmless(text, len, "\n"));
    (void)close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    struct reports_result *results[1];
    struct reports_run run = {.name = "suite",
                              .hostname = "host",
                              .results = results,
                              .n_results = 1,
                              .wall_ns = NSEC_PER_SEC};
    char name[64];
    struct scene s;

    make_scene(&s, &in);
    results[0] = &s.result;
    run.name = s.text[DESCRIPTION];
    put_log(in.data, in.left);
    check_jsonl(&s);
    check_junit(&s, &run);
    check_console(&s, &run);
    reports_file_name(s.text[ID], name, sizeof(name));
    FUZZ_EXPECT(strlen(name) < sizeof(name) && strchr(name, '/') == NULL && name[0] != '.');
    FUZZ_EXPECT(fuzz_is_harmless(name, strlen(name), ""));
    free_scene(&s);
    return 0;
}

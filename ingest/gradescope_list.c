/* SPDX-License-Identifier: Apache-2.0 */
/* gradescope_list: see gradescope_list.h. Not responsible for what is made of it (handins.c).
 *
 * submission_123456789:
 *   :submitters:
 *   - :name: Ann Example
 *     :sid: '12345'
 *     :email: ann@example.org
 *   :created_at: ...
 *   :results: ...                      (all of it passed over)
 */
#include "ingest/gradescope_list.h"

#include "rootfs-cache/confined/child.h"

#include <string.h>
#include <yaml.h>

#define FIELD_MAX 400u
#define LIST_SECONDS 20

enum field { FIELD_SUBMISSION, FIELD_NAME, FIELD_EMAIL, FIELD_ID, FIELD_COUNT };

struct list_reader {
    int fd;
    unsigned depth;        /* mappings and sequences that are open */
    bool expects_value[4]; /* of the mappings at depth 1 to 3: the next is a value */
    bool in_submitters;
    unsigned people;
    char key[FIELD_MAX];
    struct strbuf fields[FIELD_COUNT];
    struct strbuf *reply;
};

static int read_yaml(void *data, unsigned char *buffer, size_t size, size_t *ret_n)
{
    const struct list_reader *r = data;
    ssize_t n;

    do
        n = read(r->fd, buffer, size);
    while (n < 0 && errno == EINTR);
    *ret_n = n > 0 ? (size_t)n : 0;
    return n >= 0;
}

/* Writes what was found of a submission: FIELD_COUNT texts, each with its NUL. */
static void put_entry(struct list_reader *r)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        bool is_id = i == FIELD_ID;

        if (r->fields[i].data != NULL && (!is_id || r->people == 1))
            strbuf_add(r->reply, r->fields[i].data, strlen(r->fields[i].data));
        strbuf_add(r->reply, "", 1);
        r->fields[i].len = 0;
        strbuf_add(&r->fields[i], "", 0);
    }
}

/* Adds a person's word, behind a comma where there are several. */
static void add_field(struct list_reader *r, enum field field, const char *text)
{
    struct strbuf *to = &r->fields[field];
    size_t n = strlen(text);

    if (to->len + n + 2 > FIELD_MAX)
        return;
    if (to->len > 0)
        strbuf_adds(to, ", ");
    strbuf_add(to, text, n);
}

/* Takes a scalar within `:submitters:`, of a person's mapping. */
static void take_word(struct list_reader *r, const char *text)
{
    static const struct {
        const char *key;
        enum field field;
    } words[] = {{":name", FIELD_NAME}, {":email", FIELD_EMAIL}, {":sid", FIELD_ID}};

    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (str_eq(r->key, words[i].key))
            add_field(r, words[i].field, text);
}

/* A scalar: at depth 1 the submission, at depth 2 what is said of it, at depth 4 a person. The
 * mapping of a person lies in a sequence, so depth 3 is that. */
static void take_scalar(struct list_reader *r, const char *text, size_t n)
{
    static const unsigned level[5] = {0, 1, 2, 0, 3};
    unsigned at = r->depth < ARRAY_SIZE(level) ? level[r->depth] : 0;

    if (at == 0 || (at == 3 && !r->in_submitters))
        return;
    if (r->expects_value[at]) {
        if (at == 3)
            take_word(r, text);
        r->expects_value[at] = false;
        return;
    }
    (void)snprintf(r->key, sizeof(r->key), "%.*s", (int)(n < FIELD_MAX ? n : FIELD_MAX - 1), text);
    r->expects_value[at] = true;
    if (at == 1) {
        r->people = 0;
        add_field(r, FIELD_SUBMISSION, r->key);
    } else if (at == 2) {
        r->in_submitters = str_eq(r->key, ":submitters");
    }
}

static void take_begin(struct list_reader *r)
{
    r->depth++;
    if (r->depth == 4 && r->in_submitters)
        r->people++;
    if (r->depth == 4)
        r->expects_value[3] = false;
    if (r->depth == 2)
        r->expects_value[2] = false;
}

/* What ends was the value of what it lies in. */
static void take_end(struct list_reader *r)
{
    r->depth--;
    if (r->depth == 2) {
        r->expects_value[2] = false;
        r->in_submitters = false;
    } else if (r->depth == 1) {
        r->expects_value[1] = false;
        put_entry(r);
    }
}

/* Takes an event; false: it was the last. */
static bool take_event(struct list_reader *r, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        take_scalar(r, (const char *)event->data.scalar.value, event->data.scalar.length);
        return true;
    case YAML_ALIAS_EVENT:
        take_scalar(r, "", 0);
        return true;
    case YAML_MAPPING_START_EVENT:
    case YAML_SEQUENCE_START_EVENT:
        take_begin(r);
        return true;
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        take_end(r);
        return true;
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        return false;
    default:
        return true;
    }
}

int gradescope_list_read(int fd, struct strbuf *reply, struct cupel_error *err)
{
    struct list_reader r = {.fd = fd, .reply = reply};
    yaml_parser_t parser;
    yaml_event_t event;
    bool more = true;
    int e = 0;

    if (lseek(fd, 0, SEEK_SET) < 0 || yaml_parser_initialize(&parser) == 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, ENOMEM, "cannot read a list");
    yaml_parser_set_input(&parser, read_yaml, &r);
    while (e == 0 && more) {
        if (yaml_parser_parse(&parser, &event) == 0) {
            e = cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "it is no YAML (line %zu)",
                                parser.problem_mark.line + 1);
            break;
        }
        more = take_event(&r, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    for (size_t i = 0; i < FIELD_COUNT; i++)
        strbuf_free(&r.fields[i]);
    return e;
}

/* ---- beside the child ---- */

static const char *next_text(struct arena *arena, const char **at, const char *end)
{
    const char *nul = memchr(*at, '\0', (size_t)(end - *at));
    cleanup_strbuf struct strbuf line = {0};

    if (nul == NULL || nul - *at > (ptrdiff_t)FIELD_MAX)
        return NULL;
    strbuf_add(&line, "", 0);
    text_add_line(&line, *at);
    *at = nul + 1;
    return arena_strdup(arena, line.data);
}

int gradescope_list_take(const char *data, size_t length, struct gradescope_list *ret)
{
    struct gradescope_list list = {.arena = arena_new()};
    const char *at = data, *end = data + length;

    while (at < end) {
        const char *texts[FIELD_COUNT];

        for (size_t i = 0; i < FIELD_COUNT; i++) {
            texts[i] = at < end ? next_text(list.arena, &at, end) : NULL;
            if (texts[i] == NULL) {
                gradescope_list_free(&list);
                return -EBADMSG;
            }
        }
        list.entries = xrealloc(list.entries, (list.n + 1) * sizeof(*list.entries));
        list.entries[list.n++] = (struct gradescope_entry){.submission = texts[FIELD_SUBMISSION],
                                                           .name = texts[FIELD_NAME],
                                                           .email = texts[FIELD_EMAIL],
                                                           .id = texts[FIELD_ID]};
    }
    *ret = list;
    return 0;
}

/* A child_reader_fn. */
static int list_in_child(void *arg, struct child_self *self, int fd, struct strbuf *reply,
                         struct cupel_error *err)
{
    (void)arg;
    (void)self;
    return gradescope_list_read(fd, reply, err);
}

int gradescope_list_run(int fd, int nowhere, struct gradescope_list *ret, struct cupel_error *err)
{
    const struct child_work work = {.reader = list_in_child,
                                    .what = "read submission_metadata.yml",
                                    .tree = nowhere,
                                    .fd = fd,
                                    .keep = -EBADF,
                                    .seconds = LIST_SECONDS};
    cleanup_free char *reply = NULL;
    size_t length;
    int r = child_read(&work, &reply, &length, err);

    if (r == 0 && gradescope_list_take(reply, length, ret) < 0)
        r = cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                            "cannot read submission_metadata.yml: what its reader says is not "
                            "sound");
    return r;
}

void gradescope_list_free(struct gradescope_list *list)
{
    free(list->entries);
    if (list->arena != NULL)
        arena_free(list->arena);
    *list = (struct gradescope_list){0};
}

/* SPDX-License-Identifier: Apache-2.0 */
/* redact: see redact.h. All texts are looked for at once, by the automaton of Aho and Corasick: a
 * tree of the texts, in which each node knows the longest other one that its text ends with. So a
 * byte costs a step or two, however many texts there are, and what has to be held back is the text
 * of the node at hand. The forms of a value are made in redact_forms.c. */
#include "base/redact_private.h"

#include <string.h>

struct redact_node {
    uint32_t child, sibling; /* 0: none; the root is nobody's child */
    uint32_t fail;           /* the longest node that this one's text ends with */
    uint32_t depth;          /* length of its text */
    uint32_t longest;        /* of the secrets that its text ends with; 0: none */
    unsigned char byte;
};

struct redact {
    struct redact_node *nodes;
    size_t n, room;
    uint32_t first[256]; /* children of the root */
    size_t longest;
};

/* ---- the tree ---- */

struct redact *redact_new(void)
{
    struct redact *r = xcalloc(1, sizeof(*r));

    r->room = 256;
    r->nodes = xcalloc(r->room, sizeof(*r->nodes));
    r->n = 1;
    return r;
}

void redact_free(struct redact *r)
{
    if (r == NULL)
        return;
    explicit_bzero(r->nodes, r->room * sizeof(*r->nodes));
    free(r->nodes);
    free(r);
}

size_t redact_memory(const struct redact *r)
{
    return r->n * sizeof(*r->nodes);
}

static uint32_t child_of(const struct redact *r, uint32_t node, unsigned char byte)
{
    uint32_t c;

    if (node == 0)
        return r->first[byte];
    for (c = r->nodes[node].child; c != 0 && r->nodes[c].byte != byte; c = r->nodes[c].sibling)
        ;
    return c;
}

static uint32_t add_node(struct redact *r, uint32_t parent, unsigned char byte)
{
    uint32_t c = (uint32_t)r->n;

    if (r->n == r->room) {
        r->room *= 2;
        r->nodes = xrealloc(r->nodes, r->room * sizeof(*r->nodes));
    }
    r->nodes[r->n++] = (struct redact_node){
        .byte = byte, .depth = r->nodes[parent].depth + 1, .sibling = r->nodes[parent].child};
    r->nodes[parent].child = c;
    if (parent == 0)
        r->first[byte] = c;
    return c;
}

void redact_add_text(struct redact *r, const char *text, size_t n)
{
    uint32_t node = 0;

    if (n < REDACT_LEAST)
        return;
    for (size_t i = 0; i < n; i++) {
        uint32_t c = child_of(r, node, (unsigned char)text[i]);

        node = c != 0 ? c : add_node(r, node, (unsigned char)text[i]);
    }
    r->nodes[node].longest = (uint32_t)n;
    if (n > r->longest)
        r->longest = n;
}

/* Returns the node whose text is the longest that what came ends with. */
static uint32_t redact_next(const struct redact *r, uint32_t node, unsigned char byte)
{
    uint32_t c;

    while ((c = child_of(r, node, byte)) == 0 && node != 0)
        node = r->nodes[node].fail;
    return c;
}

/* Level by level, since a node's text ends with shorter ones only. */
void redact_seal(struct redact *r)
{
    cleanup_free uint32_t *queue = xcalloc(r->n, sizeof(*queue));
    size_t n = 0;

    for (uint32_t c = r->nodes[0].child; c != 0; c = r->nodes[c].sibling)
        queue[n++] = c;
    for (size_t i = 0; i < n; i++) {
        uint32_t node = queue[i];

        for (uint32_t c = r->nodes[node].child; c != 0; c = r->nodes[c].sibling) {
            uint32_t fail = redact_next(r, r->nodes[node].fail, r->nodes[c].byte);

            r->nodes[c].fail = fail;
            if (r->nodes[c].longest == 0)
                r->nodes[c].longest = r->nodes[fail].longest;
            queue[n++] = c;
        }
    }
}

bool redact_has(const struct redact *r, const char *text, size_t n)
{
    uint32_t node = 0;

    for (size_t i = 0; r != NULL && i < n; i++) {
        node = redact_next(r, node, (unsigned char)text[i]);
        if (r->nodes[node].longest > 0)
            return true;
    }
    return false;
}

size_t redact_longest(const struct redact *r)
{
    return r->longest;
}

/* ---- remarks ---- */

/* Of the process, as standard error is, and set once: whoever has something to remark upon knows
 * of no run. */
static const struct redact *of_remarks;

void redact_remarks(const struct redact *r)
{
    of_remarks = r;
}

const char *redact_remark(const char *line, char **ret_own)
{
    *ret_own = redact_string(of_remarks, line, true);
    return *ret_own != NULL ? *ret_own : line;
}

/* ---- a stream ---- */

struct redact_held {
    uint32_t reach; /* how many bytes from here on are a secret; 0: none is known to begin here */
    unsigned char byte;
};

struct redact_mark {
    uint64_t taken, written;
};

void redact_stream_begin(struct redact_stream *s, const struct redact *of)
{
    *s = (struct redact_stream){.of = of, .room = of->longest + 1};
    s->held = xcalloc(s->room, sizeof(*s->held));
}

void redact_stream_end(struct redact_stream *s)
{
    if (s->held != NULL)
        explicit_bzero(s->held, s->room * sizeof(*s->held));
    free(s->held);
    free(s->marks);
    *s = (struct redact_stream){.of = NULL};
}

void redact_stream_mark(struct redact_stream *s)
{
    s->marks = xrealloc(s->marks, (s->n_marks + 1) * sizeof(*s->marks));
    s->marks[s->n_marks++] = (struct redact_mark){.taken = s->taken};
    if (s->passed == s->taken)
        s->marks[s->next_mark++].written = s->written;
}

uint64_t redact_stream_where(const struct redact_stream *s, uint64_t taken)
{
    for (size_t i = 0; i < s->next_mark; i++)
        if (s->marks[i].taken == taken)
            return s->marks[i].written;
    return taken == 0 ? 0 : s->written;
}

static void note_passed(struct redact_stream *s)
{
    while (s->next_mark < s->n_marks && s->marks[s->next_mark].taken <= s->passed)
        s->marks[s->next_mark++].written = s->written;
}

/* Lets the first byte that is held back go: it belongs to a secret or does not. */
static void pass_one(struct redact_stream *s, struct strbuf *out)
{
    const struct redact_held *h = &s->held[s->passed % s->room];

    if (h->reach > 0 && s->passed + h->reach > s->secret)
        s->secret = s->passed + h->reach;
    if (s->passed >= s->secret) {
        strbuf_add(out, &h->byte, 1);
        s->written++;
        s->in_secret = false;
    } else if (!s->in_secret) {
        strbuf_adds(out, REDACTED);
        s->written += strlen(REDACTED);
        s->in_secret = true;
    }
    s->passed++;
    note_passed(s);
}

/* The last `n` bytes that came are a secret. */
static void found(struct redact_stream *s, uint32_t n)
{
    uint64_t from = s->taken - n;

    if (from >= s->passed)
        s->held[from % s->room].reach = n;
    else /* its beginning has passed, as part of another */
        s->secret = s->taken;
}

static void take_one(struct redact_stream *s, unsigned char byte, struct strbuf *out)
{
    uint32_t n, depth;

    s->held[s->taken % s->room] = (struct redact_held){.byte = byte};
    s->taken++;
    s->state = redact_next(s->of, s->state, byte);
    n = s->of->nodes[s->state].longest;
    depth = s->of->nodes[s->state].depth;
    if (n > 0)
        found(s, n);
    while (s->passed + depth < s->taken)
        pass_one(s, out);
    /* and what is known to be secret, whatever it is the beginning of: somebody may be waiting for
     * it at a terminal */
    while (s->passed < s->taken &&
           (s->passed < s->secret || s->held[s->passed % s->room].reach > 0))
        pass_one(s, out);
}

/* How many bytes go through untouched: none of them begins a secret. */
static size_t plain(const struct redact_stream *s, const char *data, size_t n)
{
    size_t i = 0;

    while (i < n && s->of->first[(unsigned char)data[i]] == 0)
        i++;
    return i;
}

void redact_stream_take(struct redact_stream *s, const char *data, size_t n, struct strbuf *out)
{
    for (size_t i = 0; i < n;) {
        size_t through = s->state == 0 ? plain(s, data + i, n - i) : 0;

        if (through == 0) {
            take_one(s, (unsigned char)data[i++], out);
            continue;
        }
        strbuf_add(out, data + i, through);
        s->in_secret = false;
        s->taken += through;
        s->passed = s->taken;
        s->written += through;
        i += through;
    }
}

void redact_stream_finish(struct redact_stream *s, bool cut, struct strbuf *out)
{
    uint32_t depth = s->of->nodes[s->state].depth;

    if (cut && depth >= REDACT_LEAST)
        found(s, depth);
    while (s->passed < s->taken)
        pass_one(s, out);
    s->state = 0;
}

/* ---- a whole text ---- */

void redact_put(const struct redact *r, const char *text, size_t n, bool cut, struct strbuf *out)
{
    struct redact_stream s;

    redact_stream_begin(&s, r);
    redact_stream_take(&s, text, n, out);
    redact_stream_finish(&s, cut, out);
    redact_stream_end(&s);
}

char *redact_string(const struct redact *r, const char *text, bool cut)
{
    struct strbuf b = {0};
    size_t n;

    if (r == NULL || text == NULL)
        return NULL;
    n = strlen(text);
    redact_put(r, text, n, cut, &b);
    if (b.data != NULL && (b.len != n || memcmp(b.data, text, n) != 0))
        return b.data;
    strbuf_free(&b);
    return NULL;
}

void redact_in_place(const struct redact *r, char *buf, size_t size)
{
    cleanup_free char *text = redact_string(r, buf, true);

    if (text != NULL)
        (void)snprintf(buf, size, "%s", text);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* writing: see writing.h. Texts are written so that the tree reads them back byte for byte: plain
 * where no reader of YAML takes them for something else, as a block where they have lines, and in
 * double quotes otherwise. */
#include "jobs/convert/writing.h"

#include <string.h>

static struct out *out_new(struct out_writing *w, struct out *in, const char *key,
                           enum out_kind kind)
{
    struct out *o = arena_alloc(w->arena, sizeof(*o));

    o->kind = kind;
    o->key = key;
    if (in->last != NULL)
        in->last->next = o;
    else
        in->first = o;
    in->last = o;
    in->n += kind != OUT_COMMENT;
    return o;
}

struct out *out_map(struct out_writing *w, struct out *in, const char *key)
{
    return out_new(w, in, key, OUT_MAP);
}

struct out *out_list(struct out_writing *w, struct out *in, const char *key)
{
    return out_new(w, in, key, OUT_LIST);
}

struct out *out_text(struct out_writing *w, struct out *in, const char *key, const char *text)
{
    struct out *o = out_new(w, in, key, OUT_TEXT);

    o->text = text;
    return o;
}

struct out *out_bare(struct out_writing *w, struct out *in, const char *key, const char *text)
{
    struct out *o = out_text(w, in, key, text);

    o->bare = true;
    return o;
}

void out_comment(struct out_writing *w, struct out *in, const char *text)
{
    out_new(w, in, NULL, OUT_COMMENT)->text = text;
}

struct out *out_texts(struct out_writing *w, struct out *in, const char *key, size_t n,
                      const char *const *texts)
{
    struct out *list = out_list(w, in, key);

    for (size_t i = 0; i < n; i++)
        out_text(w, list, NULL, texts[i]);
    return list;
}

const char *out_literal(struct out_writing *w, const char *text)
{
    cleanup_strbuf struct strbuf out = {0};
    const char *p;

    if (strstr(text, "${{") == NULL)
        return text;
    while ((p = strstr(text, "${{")) != NULL) {
        strbuf_add(&out, text, (size_t)(p - text));
        strbuf_adds(&out, "$${{");
        text = p + 3;
    }
    strbuf_adds(&out, text);
    return arena_strdup(w->arena, out.data);
}

struct out *out_find(const struct out *map, const char *key)
{
    struct out *o = map->first;

    while (o != NULL && (o->kind == OUT_COMMENT || !str_eq(o->key, key)))
        o = o->next;
    return o;
}

bool out_has_text(const struct out *list, const char *text)
{
    for (const struct out *o = list->first; o != NULL; o = o->next)
        if (o->kind == OUT_TEXT && str_eq(o->text, text))
            return true;
    return false;
}

struct out *out_get_map(struct out_writing *w, struct out *map, const char *key)
{
    struct out *o = out_find(map, key);

    return o != NULL ? o : out_map(w, map, key);
}

struct out *out_get_list(struct out_writing *w, struct out *map, const char *key)
{
    struct out *o = out_find(map, key);

    return o != NULL ? o : out_list(w, map, key);
}

static void keep_comments(struct out_writing *w, struct out *in, const struct out *of)
{
    for (const struct out *o = of->first; o != NULL; o = o->next)
        if (o->kind == OUT_COMMENT)
            out_comment(w, in, o->text);
        else
            keep_comments(w, in, o);
}

void out_only_comments(struct out_writing *w, struct out *o)
{
    struct out all = *o;

    o->first = o->last = NULL;
    o->n = 0;
    keep_comments(w, o, &all);
}

void out_drop(struct out_writing *w, struct out *in, struct out *child)
{
    struct out *before = NULL;

    for (struct out *o = in->first; o != child; o = o->next)
        before = o;
    *(before != NULL ? &before->next : &in->first) = child->next;
    if (in->last == child)
        in->last = before;
    in->n -= !child->held && child->kind != OUT_COMMENT;
    keep_comments(w, in, child);
}

void out_hold(struct out *in, struct out *child)
{
    in->n -= !child->held && child->kind != OUT_COMMENT;
    child->held = true;
}

/* ---- writing ---- */

/* Whether no reader of YAML takes the text, without quotes, for anything but itself. */
static bool is_plain(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char others[] = "0123456789_./+-";
    static const char *const words[] = {"null", "true", "false", "yes", "no",
                                        "on",   "off",  "y",     "n"};

    if (strchr(letters, text[0]) == NULL && text[0] != '/')
        return false;
    if (text[0] == '\0' || strlen(text) > 100)
        return false;
    for (const char *p = text; *p != '\0'; p++)
        if (strchr(letters, *p) == NULL && strchr(others, *p) == NULL)
            return false;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (strcasecmp(text, words[i]) == 0)
            return false;
    return true;
}

/* Whether it can stand as a block: it has lines, ends with exactly one line end, begins with no
 * blank, and has nothing that would have to be escaped or that a reader takes for a line end. */
static bool is_block(const char *text)
{
    size_t n = strlen(text), length;
    uint32_t c = 0;

    if (n < 2 || text[n - 1] != '\n' || text[n - 2] == '\n' || text[0] == ' ' || text[0] == '\t' ||
        text[0] == '\n')
        return false;
    for (size_t i = 0; i < n; i += length) {
        length = text_decode((const unsigned char *)text + i, n - i, &c);
        if (length == 0 || (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f || c == 0x85 ||
            c == 0x2028 || c == 0x2029 || c == 0xfeff ||
            text_is_hidden(c) != (c == '\n' || c == '\t'))
            return false;
    }
    return true;
}

static void add_quoted(struct strbuf *to, const char *text)
{
    size_t n = strlen(text), length;
    uint32_t c = 0;

    strbuf_adds(to, "\"");
    for (size_t i = 0; i < n; i += length) {
        length = text_decode((const unsigned char *)text + i, n - i, &c);
        if (length == 0) { /* no text that was read as YAML has such */
            strbuf_adds(to, "?");
            length = 1;
        } else if (c == '"' || c == '\\') {
            strbuf_addf(to, "\\%c", (char)c);
        } else if (c == '\n') {
            strbuf_adds(to, "\\n");
        } else if (c == '\t') {
            strbuf_adds(to, "\\t");
        } else if (text_is_hidden(c) || c == 0x85 || c == 0xa0 || c == 0xfeff ||
                   (c >= 0x2028 && c <= 0x2029)) {
            strbuf_addf(to, c > 0xffff ? "\\U%08X" : "\\u%04X", (unsigned)c);
        } else {
            strbuf_add(to, text + i, length);
        }
    }
    strbuf_adds(to, "\"");
}

static void add_indent(struct strbuf *to, int depth)
{
    for (int i = 0; i < depth; i++)
        strbuf_adds(to, "  ");
}

static void add_block(struct strbuf *to, const char *text, int depth)
{
    strbuf_adds(to, "|\n");
    while (*text != '\0') {
        size_t n = strcspn(text, "\n");

        if (n > 0) {
            add_indent(to, depth);
            strbuf_add(to, text, n);
        }
        strbuf_adds(to, "\n");
        text += n + 1;
    }
}

static void add_scalar(struct strbuf *to, const struct out *o, int depth)
{
    if (!o->bare && is_block(o->text)) {
        add_block(to, o->text, depth);
        return;
    }
    if (o->bare || is_plain(o->text))
        strbuf_adds(to, o->text);
    else
        add_quoted(to, o->text);
    strbuf_adds(to, "\n");
}

static bool is_short_list(const struct out *o)
{
    size_t length = 0;

    if (o->kind != OUT_LIST || o->n == 0)
        return false;
    for (const struct out *i = o->first; i != NULL; i = i->next) {
        if (i->kind != OUT_TEXT || strchr(i->text, '\n') != NULL)
            return false;
        length += strlen(i->text) + 4;
        if (length > 70)
            return false;
    }
    return true;
}

static void add_short_list(struct strbuf *to, const struct out *o)
{
    strbuf_adds(to, "[");
    for (const struct out *i = o->first; i != NULL; i = i->next) {
        if (i->bare || is_plain(i->text))
            strbuf_adds(to, i->text);
        else
            add_quoted(to, i->text);
        if (i->next != NULL)
            strbuf_adds(to, ", ");
    }
    strbuf_adds(to, "]\n");
}

static void add_children(struct strbuf *to, const struct out *in, int depth);

/* Writes what follows a key or a dash. */
static void add_value(struct strbuf *to, const struct out *o, int depth)
{
    if (o->kind == OUT_TEXT) {
        strbuf_adds(to, " ");
        add_scalar(to, o, depth + 1);
    } else if (is_short_list(o)) {
        strbuf_adds(to, " ");
        add_short_list(to, o);
    } else if (o->n == 0) {
        strbuf_adds(to, o->kind == OUT_LIST ? " []\n" : " {}\n");
        add_children(to, o, depth + 1);
    } else {
        strbuf_adds(to, "\n");
        add_children(to, o, depth + 1);
    }
}

static void add_child(struct strbuf *to, const struct out *in, const struct out *o, int depth);
/* Writes the child with a mark before each line, behind the indentation that it has anyway. */
static void add_held(struct strbuf *to, const struct out *in, const struct out *o, int depth)
{
    cleanup_strbuf struct strbuf text = {0};
    size_t skip = (size_t)depth * 2;

    add_child(&text, in, o, depth);
    for (const char *p = text.data; p != NULL && *p != '\0';) {
        size_t n = strcspn(p, "\n");

        add_indent(to, depth);
        strbuf_adds(to, n > skip ? "# " : "#");
        if (n > skip)
            strbuf_add(to, p + skip, n - skip);
        strbuf_adds(to, "\n");
        p += n + 1;
    }
}

static void add_child(struct strbuf *to, const struct out *in, const struct out *o, int depth)
{
    add_indent(to, depth);
    if (in->kind == OUT_LIST && o->kind == OUT_MAP && o->n > 0) {
        cleanup_strbuf struct strbuf map = {0};
        size_t skip = (size_t)(depth + 1) * 2;

        /* its first line stands behind the dash */
        add_children(&map, o, depth + 1);
        strbuf_adds(to, map.len > skip ? "- " : "- {}\n");
        if (map.len > skip)
            strbuf_add(to, map.data + skip, map.len - skip);
        return;
    }
    if (in->kind == OUT_LIST) {
        strbuf_adds(to, "-");
    } else if (is_plain(o->key)) {
        strbuf_addf(to, "%s:", o->key);
    } else {
        add_quoted(to, o->key);
        strbuf_adds(to, ":");
    }
    add_value(to, o, depth);
}

static bool has_held(const struct out *in)
{
    const struct out *o = in->first;

    while (o != NULL && !o->held)
        o = o->next;
    return o != NULL;
}

static void add_children(struct strbuf *to, const struct out *in, int depth)
{
    for (const struct out *o = in->first; o != NULL; o = o->next) {
        if (o->kind == OUT_COMMENT) {
            add_indent(to, depth);
            strbuf_addf(to, "# %s\n", o->text);
            continue;
        }
        if (in->kind == OUT_MAP && o->n == 0 && o->kind != OUT_TEXT) {
            bool held = has_held(o);

            /* comments alone */
            if (held) {
                add_indent(to, depth);
                strbuf_addf(to, "# %s:\n", o->key);
            }
            add_children(to, o, depth + held);
            continue;
        }
        if (o->held)
            add_held(to, in, o, depth);
        else
            add_child(to, in, o, depth);
    }
}

/* Counts again what there is in each: a map of which each value has come to nothing is as empty as
 * they are. */
static void count_again(struct out *in)
{
    in->n = 0;
    for (struct out *o = in->first; o != NULL; o = o->next) {
        if (o->kind == OUT_MAP || o->kind == OUT_LIST)
            count_again(o);
        in->n += o->kind != OUT_COMMENT && !o->held &&
                 !(in->kind == OUT_MAP && o->kind != OUT_TEXT && o->n == 0);
    }
}

void out_write(struct out *root, struct strbuf *to)
{
    count_again(root);
    add_children(to, root, 0);
}

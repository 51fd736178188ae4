/* SPDX-License-Identifier: Apache-2.0 */
/* node_text: see node_text.h. A text that would be something else without quotes has them. */
#include "jobs/expand/node_text.h"

#include <strings.h>

#define FLOW_MAX 90 /* bytes of a list that stands in one line */
#define KEY_MAX 500 /* bytes of a key without its mark: libyaml reads 1024 */

/* Whether a scalar is a boolean, not a text that looks like one. */
static bool is_boolean(const struct node *n, const struct key *k)
{
    struct node plain = *n;

    plain.plain |= n->replaced && k != NULL && k->type == TYPE_BOOL;
    return node_is_bool(&plain);
}

const struct key *node_key_below(const struct key *k, const struct node *child)
{
    return k != NULL && k->sub != NULL && child->key != NULL ? key_find(k->sub, child->key->text)
                                                             : NULL;
}

/* ---- YAML ---- */

static bool is_plain(const char *text, size_t n)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    struct node word = {.kind = NODE_SCALAR, .plain = true, .text = text, .n = n};

    return n > 0 && (n > 1 || strchr("yYnN", text[0]) == NULL) &&
           (strchr(letters, text[0]) != NULL || text[0] == '/' || text[0] == '_') &&
           strspn(text,
                  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_.+@%=- ") == n &&
           text[n - 1] != ' ' && strstr(text, "${{") == NULL && !node_is_bool(&word) &&
           !node_is_null(&word);
}

/* Whether it is digits, and units behind them, as somebody wrote them. */
static bool is_number(const struct node *n)
{
    return n->plain && n->n > 0 && strchr("0123456789", n->text[0]) != NULL &&
           strspn(n->text, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.%") ==
               n->n;
}

void yaml_write_text(FILE *out, const char *text, size_t n)
{
    const unsigned char *p = (const unsigned char *)text;

    (void)fputc('"', out);
    for (size_t i = 0; i < n;) {
        uint32_t c = 0;
        size_t length = text_decode(p + i, n - i, &c);

        if (n - i >= 3 && memcmp(p + i, "${{", 3) == 0)
            (void)fputc('$', out);
        if (length == 0)
            (void)fputs("\\ufffd", out); /* what is no text has no place in YAML */
        else if (c == '\n')
            (void)fputs("\\n", out);
        else if (c == '\t')
            (void)fputs("\\t", out);
        else if (c == '"' || c == '\\')
            (void)fprintf(out, "\\%c", (int)c);
        else if (text_is_hidden(c))
            (void)fprintf(out, c > 0xffff ? "\\U%08x" : "\\u%04x", (unsigned)c);
        else
            (void)fprintf(out, "%.*s", (int)length, text + i);
        i += length != 0 ? length : 1;
    }
    (void)fputc('"', out);
}

/* Whether it can stand line by line: several lines of which all is to be seen. */
static bool is_block(const char *text, size_t n)
{
    const unsigned char *p = (const unsigned char *)text;
    uint32_t c = 0;

    if (memchr(text, '\n', n) == NULL || strchr(" \t\n", text[0]) != NULL)
        return false;
    for (size_t i = 0, length; i < n; i += length) {
        length = text_decode(p + i, n - i, &c);
        if (length == 0 || (text_is_hidden(c) && c != '\n' && c != '\t'))
            return false;
    }
    return true;
}

static void write_block(FILE *out, const char *text, size_t n, unsigned indent)
{
    const char *chomp = text[n - 1] != '\n' ? "-" : n > 1 && text[n - 2] == '\n' ? "+" : "";

    (void)fprintf(out, "|%s\n", chomp);
    for (const char *line = text; *line != '\0';) {
        size_t length = strcspn(line, "\n");

        if (length > 0)
            (void)fprintf(out, "%*s", (int)indent, "");
        for (const char *end = line + length; line < end;) {
            const char *dollar = strstr(line, "${{");
            const char *to = dollar != NULL && dollar < end ? dollar : end;

            (void)fprintf(out, "%.*s", (int)(to - line), line);
            if (to < end)
                (void)fputs("$${{", out);
            line = to < end ? to + 3 : end;
        }
        (void)fputc('\n', out);
        line += *line == '\n';
    }
}

static void write_scalar(FILE *out, const struct node *n, const struct key *k)
{
    if (is_boolean(n, k) || is_number(n) || is_plain(n->text, n->n))
        (void)fputs(n->text, out);
    else
        yaml_write_text(out, n->text, n->n);
}

void yaml_write_key(FILE *out, const char *key, unsigned indent)
{
    const struct node name = {.kind = NODE_SCALAR, .text = key, .n = strlen(key)};

    if (name.n > KEY_MAX)
        (void)fputs("? ", out);
    write_scalar(out, &name, NULL);
    if (name.n > KEY_MAX)
        (void)fprintf(out, "\n%*s", (int)indent, "");
    (void)fputc(':', out);
}

/* Whether a list stands in one line: short words. */
static bool is_short(const struct node *list)
{
    size_t n = 0;

    for (const struct node *v = list->first; v != NULL; v = v->next) {
        if (v->kind != NODE_SCALAR || memchr(v->text, '\n', v->n) != NULL)
            return false;
        n += v->n + 2;
    }
    return n <= FLOW_MAX;
}

/* Writes a map's keys one below the other; what stands before the first is written already. */
static void write_map(FILE *out, const struct node *map, const struct key *k, unsigned indent)
{
    for (const struct node *v = map->first; v != NULL; v = v->next) {
        if (v != map->first)
            (void)fprintf(out, "%*s", (int)indent, "");
        yaml_write_key(out, v->key->text, indent);
        yaml_write_value(out, v, node_key_below(k, v), indent);
    }
}

static void write_list(FILE *out, const struct node *list, const struct key *k, unsigned indent)
{
    if (is_short(list)) {
        (void)fputs(" [", out);
        for (const struct node *v = list->first; v != NULL; v = v->next) {
            write_scalar(out, v, k);
            (void)fputs(v->next != NULL ? ", " : "", out);
        }
        (void)fputs("]\n", out);
        return;
    }
    (void)fputc('\n', out);
    for (const struct node *v = list->first; v != NULL; v = v->next) {
        (void)fprintf(out, "%*s-", (int)indent + 2, "");
        if (v->kind == NODE_MAP && v->n > 0) {
            (void)fputc(' ', out);
            write_map(out, v, k, indent + 4);
        } else {
            yaml_write_value(out, v, k, indent + 2);
        }
    }
}

void yaml_write_value(FILE *out, const struct node *n, const struct key *k, unsigned indent)
{
    if (n->kind == NODE_LIST) {
        write_list(out, n, k, indent);
    } else if (n->kind == NODE_MAP && n->n > 0) {
        (void)fprintf(out, "\n%*s", (int)indent + 2, "");
        write_map(out, n, k, indent + 2);
    } else if (n->kind == NODE_MAP) {
        (void)fputs(" {}\n", out);
    } else if (is_block(n->text, n->n)) {
        (void)fputc(' ', out);
        write_block(out, n->text, n->n, indent + 2);
    } else {
        (void)fputc(' ', out);
        write_scalar(out, n, k);
        (void)fputc('\n', out);
    }
}

/* ---- JSON ---- */

json_t *json_of_text(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    cleanup_strbuf struct strbuf b = {0};
    json_t *j = json_string(text);
    size_t n = strlen(text);

    for (size_t i = 0, length; j == NULL && i < n; i += length != 0 ? length : 1) {
        uint32_t c;

        length = text_decode(p + i, n - i, &c);
        if (length != 0)
            strbuf_add(&b, text + i, length);
        else
            strbuf_adds(&b, "\xef\xbf\xbd");
    }
    return j != NULL ? j : json_string(b.data);
}

json_t *json_of_node(const struct node *n, const struct key *k)
{
    json_t *j;

    if (n->kind == NODE_SCALAR && is_boolean(n, k))
        return json_boolean(strchr("tTyY", n->text[0]) != NULL || strcasecmp(n->text, "on") == 0);
    if (n->kind == NODE_SCALAR)
        return json_of_text(n->text);
    j = n->kind == NODE_LIST ? json_array() : json_object();
    for (const struct node *v = n->first; v != NULL; v = v->next)
        if (n->kind == NODE_LIST)
            (void)json_array_append_new(j, json_of_node(v, k));
        else
            (void)json_object_set_new(j, v->key->text, json_of_node(v, node_key_below(k, v)));
    return j;
}

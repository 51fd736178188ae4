/* SPDX-License-Identifier: Apache-2.0 */
/* apt: what this host's apt says about mirrors, proxies and certificates, so that a bootstrap goes
 * the way that the user's own installs go. Reads configuration only; names no mirror of its own. */
#include "rootfs-cache/sources/sources.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#define APT_FILE_MAX ((size_t)1 << 20)

/* True for the suite itself and what is published beside it: updates and security, in the old and
 * the new spelling. */
static bool offers(const char *word, size_t n, const char *suite)
{
    static const char *const endings[] = {"", "-updates", "-security", "/updates"};
    size_t length = strlen(suite);

    if (n < length || strncmp(word, suite, length) != 0)
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(endings); i++)
        if (n - length == strlen(endings[i]) && strncmp(word + length, endings[i], n - length) == 0)
            return true;
    return false;
}

/* Adds those words of `list` that belong to the suite; tells whether the suite itself is one of
 * them. */
static bool filter_suites(const char *list, const char *suite, struct strbuf *out)
{
    bool found = false;

    while (*(list += strspn(list, " \t\n")) != '\0') {
        size_t n = strcspn(list, " \t\n");

        if (offers(list, n, suite)) {
            strbuf_adds(out, out->len > 0 ? " " : "");
            strbuf_add(out, list, n);
            found = found || n == strlen(suite);
        }
        list += n;
    }
    return found;
}

static bool apt_has_word(const char *list, const char *word)
{
    while (*(list += strspn(list, " \t\n")) != '\0') {
        size_t n = strcspn(list, " \t\n");

        if (n == strlen(word) && strncasecmp(list, word, n) == 0)
            return true;
        list += n;
    }
    return false;
}

/* ---- deb822 (*.sources) ---- */

struct apt_stanza {
    struct strbuf rest; /* fields passed on as they are */
    struct strbuf types, suites, enabled;
};

static void free_stanza(struct apt_stanza *s)
{
    strbuf_free(&s->rest);
    strbuf_free(&s->types);
    strbuf_free(&s->suites);
    strbuf_free(&s->enabled);
}

/* Ends a stanza: writes it out when it has binary packages of the suite. */
static bool flush_stanza(struct apt_stanza *s, const char *suite, struct strbuf *out)
{
    cleanup_strbuf struct strbuf suites = {0};
    bool found = false;

    if (s->suites.len > 0 && s->types.len > 0 && apt_has_word(s->types.data, "deb") &&
        (s->enabled.len == 0 || !apt_has_word(s->enabled.data, "no"))) {
        found = filter_suites(s->suites.data, suite, &suites);
        if (suites.len > 0)
            strbuf_addf(out, "Types: deb\nSuites: %s\n%s\n", suites.data,
                        s->rest.len > 0 ? s->rest.data : "");
    }
    free_stanza(s);
    *s = (struct apt_stanza){0};
    return found;
}

static bool read_deb822(char *text, const char *suite, struct strbuf *out)
{
    struct apt_stanza s = {0};
    struct strbuf *field = NULL;
    bool found = false;

    for (char *line = text, *next; line != NULL; line = next) {
        char *colon, *value = line;

        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        if (line[0] == '#')
            continue;
        if (line[strspn(line, " \t\r")] == '\0') {
            found = flush_stanza(&s, suite, out) || found;
            field = NULL;
            continue;
        }
        colon = strchr(line, ':');
        if (line[0] != ' ' && line[0] != '\t' && colon != NULL) {
            size_t n = (size_t)(colon - line);

            field = n == 5 && strncasecmp(line, "Types", n) == 0     ? &s.types
                    : n == 6 && strncasecmp(line, "Suites", n) == 0  ? &s.suites
                    : n == 7 && strncasecmp(line, "Enabled", n) == 0 ? &s.enabled
                                                                     : &s.rest;
            value = field == &s.rest ? line : colon + 1;
        }
        if (field != NULL)
            strbuf_addf(field, "%s\n", value);
    }
    return flush_stanza(&s, suite, out) || found;
}

/* ---- one line an entry (*.list) ---- */

static void add_option(const char *option, struct strbuf *out)
{
    static const struct {
        const char *line, *field;
    } names[] = {{"arch", "Architectures"}, {"lang", "Languages"}, {"target", "Targets"}};
    const char *equals = strchr(option, '='), *field = option;
    size_t n;

    if (equals == NULL || equals == option || equals[-1] == '+' || equals[-1] == '-')
        return;
    n = (size_t)(equals - option);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strlen(names[i].line) == n && strncmp(option, names[i].line, n) == 0) {
            field = names[i].field;
            n = strlen(field);
        }
    strbuf_add(out, field, n);
    strbuf_adds(out, ": ");
    for (const char *p = equals + 1; *p != '\0'; p++)
        strbuf_add(out, *p == ',' ? " " : p, 1);
    strbuf_adds(out, "\n");
}

static bool read_line_entry(char *line, const char *suite, struct strbuf *out)
{
    cleanup_strbuf struct strbuf options = {0};
    char *save = NULL, *word, *uri, *its_suite, *components;
    size_t n;

    line[strcspn(line, "#")] = '\0';
    word = strtok_r(line, " \t\r", &save);
    if (word == NULL || !str_eq(word, "deb"))
        return false;
    word = strtok_r(NULL, " \t\r", &save);
    if (word != NULL && word[0] == '[') {
        bool last = false;

        for (word++; word != NULL && !last; word = last ? word : strtok_r(NULL, " \t\r", &save)) {
            n = strlen(word);
            last = n > 0 && word[n - 1] == ']';
            if (last)
                word[n - 1] = '\0';
            add_option(word, &options);
        }
        word = strtok_r(NULL, " \t\r", &save);
    }
    uri = word;
    its_suite = strtok_r(NULL, " \t\r", &save);
    components = save;
    if (uri == NULL || its_suite == NULL || components == NULL || str_starts(uri, "cdrom:") ||
        !offers(its_suite, strlen(its_suite), suite))
        return false;
    strbuf_addf(out, "Types: deb\nURIs: %s\nSuites: %s\nComponents: %s\n%s\n", uri, its_suite,
                components, options.len > 0 ? options.data : "");
    return str_eq(its_suite, suite);
}

static bool read_list(char *text, const char *suite, struct strbuf *out)
{
    bool found = false;

    for (char *line = text, *next; line != NULL; line = next) {
        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        found = read_line_entry(line, suite, out) || found;
    }
    return found;
}

/* ---- the host's files ---- */

static bool read_source_file(int dir, const char *name, const char *suite, struct strbuf *out)
{
    cleanup_free char *text = NULL;
    size_t length, n = strlen(name);

    if (file_read_at(dir, name, APT_FILE_MAX, &text, &length) < 0)
        return false; /* apt itself says more about an unreadable file than we could */
    if (n > 8 && str_eq(name + n - 8, ".sources"))
        return read_deb822(text, suite, out);
    return n > 5 && str_eq(name + n - 5, ".list") && read_list(text, suite, out);
}

int apt_sources(int etc_apt, const char *suite, struct strbuf *sources)
{
    cleanup_strbuf struct strbuf out = {0};
    struct dirent **names = NULL;
    bool found = read_source_file(etc_apt, "sources.list", suite, &out);
    int n = scandirat(etc_apt, "sources.list.d", &names, NULL, alphasort);
    cleanup_close int dir = openat(etc_apt, "sources.list.d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    for (int i = 0; i < n; i++) {
        if (dir >= 0)
            found = read_source_file(dir, names[i]->d_name, suite, &out) || found;
        free(names[i]);
    }
    free(names);
    if (found) /* updates alone are no distribution */
        strbuf_add(sources, out.data, out.len);
    return found;
}

int apt_settings(struct strbuf *settings)
{
    static const char *const wanted[] = {
        "Acquire::http::",         "Acquire::https::",       "Acquire::ftp::",
        "Acquire::Check-",         "Acquire::Retries",       "Acquire::ForceIPv",
        "Acquire::Languages",      "Acquire::Min-ValidTime", "Acquire::Max-ValidTime",
        "Acquire::Max-FutureTime",
    };
    /* a constant command: nothing of it comes from outside */
    FILE *in = popen("apt-config dump 2>/dev/null", "re");
    char line[4096];

    if (in == NULL)
        return -errno;
    while (fgets(line, sizeof(line), in) != NULL)
        for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
            if (strncasecmp(line, wanted[i], strlen(wanted[i])) == 0 &&
                strstr(line, " \"\";") == NULL)
                strbuf_adds(settings, line);
    (void)pclose(in); /* no apt here: then there are no settings either */
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* debian_errors: see debian_errors.h. By what apt, dpkg and the packages' own scripts said, as it
 * stands in the log: whose fault it is decides the kind of error. A name that the archive does not
 * have is the job file's. */
#include "rootfs-cache/sources/debian_errors.h"

#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>

#define TEXT_MAX ((size_t)64 << 20)
#define QUOTE 200
#define NAMES_MAX ((size_t)200000)
#define LOOK_BACK 20

static char *read_work(const struct debian_failure *f, const char *name)
{
    size_t length;
    char *text;

    return file_read_at(f->work, name, TEXT_MAX, &text, &length) < 0 ? xstrdup("") : text;
}

/* The text becomes its lines. */
static char **split(char *text, size_t *ret_n)
{
    size_t n = 0, room = 64;
    char **lines = xcalloc(room, sizeof(*lines)), *save = NULL;

    for (char *line = strtok_r(text, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        if (n == room)
            lines = xrealloc(lines, (room *= 2) * sizeof(*lines));
        lines[n++] = line;
    }
    *ret_n = n;
    return lines;
}

/* ---- names that the archive does not have ---- */

static const struct {
    const char *before, *after; /* of the name, in apt-get's words */
    const char *means;
} refusals[] = {
    {"E: Unable to locate package ", "", "has no package"},
    {"E: Couldn't find any package by glob '", "'", "has no package"},
    {"E: Couldn't find any package by regex '", "'", "has no package"},
    {"E: Version '", "", "does not have that version of"},
    {"E: Package '", "'", "has nothing to install for"},
};

/* Which package of the source a word of apt's is about: apt may leave out version and architecture.
 */
static const char *package_of(const struct cache_source *source, const char *word,
                              const char **ret_place)
{
    for (size_t i = 0; source->packages != NULL && source->packages[i] != NULL; i++) {
        size_t n = strcspn(source->packages[i], "=:");

        if (strlen(word) < n || strncmp(source->packages[i], word, n) != 0 ||
            (word[n] != '\0' && word[n] != ':'))
            continue;
        *ret_place = source->package_places != NULL ? source->package_places[i] : NULL;
        return source->packages[i];
    }
    return NULL;
}

/* "E: Version '1' for 'x' was not found": the name is the second word in quotes. */
static char *name_in(const char *line, size_t kind)
{
    const char *start = line + strlen(refusals[kind].before);
    const char *quoted =
        str_starts(refusals[kind].before, "E: Version") ? strstr(start, " for '") : NULL;

    if (quoted != NULL)
        start = quoted + 6;
    return xasprintf("%.*s", (int)strcspn(start, "' \n"), start);
}

static void hint_nearest(const struct debian_failure *f, const char *word, struct cupel_error *err)
{
    cleanup_free char *text = read_work(f, "names");
    size_t n;
    char **names = split(text, &n);
    const char *near = n <= NAMES_MAX ? str_nearest(word, (const char *const *)names, n) : NULL;

    if (near != NULL)
        cupel_error_hint(err, "did you mean '%s'?", near);
    else
        cupel_error_hint(err, "apt-cache search WORD, on a machine with %s, finds a package's name",
                         f->source->suite);
    free(names);
}

static int refuse_name(const struct debian_failure *f, char *const *lines, size_t n,
                       struct cupel_error *err)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < ARRAY_SIZE(refusals); k++) {
            cleanup_free char *word =
                str_starts(lines[i], refusals[k].before) ? name_in(lines[i], k) : NULL;
            const char *place = NULL,
                       *package = word != NULL ? package_of(f->source, word, &place) : NULL;

            if (package == NULL)
                continue;
            (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "%s%sroot '%s': debian %s %s '%s'",
                                  place != NULL ? place : "", place != NULL ? ": " : "",
                                  f->source->name, f->source->suite, refusals[k].means, package);
            hint_nearest(f, word, err);
            return -ENOENT;
        }
    return 0;
}

static int refuse_dependencies(const struct debian_failure *f, char *const *lines, size_t n,
                               struct cupel_error *err)
{
    for (size_t i = 0; i + 1 < n; i++)
        if (str_starts(lines[i], "The following packages have unmet dependencies")) {
            (void)cupel_error_set(
                err, CUPEL_ERROR_INPUT, 0,
                "root '%s': the packages cannot be installed together from debian %s:%.*s",
                f->source->name, f->source->suite, QUOTE, lines[i + 1]);
            return -ENOENT;
        }
    return 0;
}

/* apt-get was asked before anything was fetched. */
static int refuse_simulated(const struct debian_failure *f, struct cupel_error *err)
{
    cleanup_free char *text = read_work(f, "simulated");
    size_t n;
    char **lines = split(text, &n);
    int r = refuse_name(f, lines, n, err);

    if (r == 0)
        r = refuse_dependencies(f, lines, n, err);
    free(lines);
    return r;
}

/* ---- what the log says ---- */

static bool sounds_like_an_error(const char *line)
{
    return strcasestr(line, "error") != NULL || strcasestr(line, "cannot ") != NULL ||
           strcasestr(line, "failed") != NULL || strcasestr(line, "not found") != NULL ||
           strcasestr(line, "no such file") != NULL;
}

/* "dpkg: error processing package NAME (--configure):", what came of its script in the next line,
 * and before, what that had said. */
static int debian_errors_script(const struct debian_failure *f, char *const *lines, size_t n,
                                struct cupel_error *err)
{
    static const char begin[] = "dpkg: error processing ";
    size_t at = 0, said = 0;

    while (at < n && !str_starts(lines[at], begin))
        at++;
    if (at == n)
        return 0;
    for (said = at; said > 0 && at - said < LOOK_BACK && !sounds_like_an_error(lines[said - 1]);
         said--)
        ;
    said = said > 0 && at - said < LOOK_BACK ? said - 1 : n;
    (void)cupel_error_set(
        err, CUPEL_ERROR_HARNESS, 0, "cannot bootstrap debian %s for root '%s': %.*s%s%.*s%s%.*s",
        f->source->suite, f->source->name, QUOTE, lines[at] + strlen(begin), said < n ? " " : "",
        QUOTE, said < n ? lines[said] : "", at + 1 < n ? "; " : "", QUOTE,
        at + 1 < n ? lines[at + 1] + strspn(lines[at + 1], " ") : "");
    cupel_error_hint(err, "the package's own script failed, not what brought it here: it may need "
                          "another package that it "
                          "does not depend on");
    return -EIO;
}

static int refuse_suite(const struct debian_failure *f, char *const *lines, size_t n,
                        struct cupel_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (str_starts(lines[i], "E: The repository '") &&
            strstr(lines[i], "does not have a Release file") != NULL) {
            (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                                  "%s%sroot '%s': there is no debian %s where apt looks: %.*s",
                                  f->source->suite_place != NULL ? f->source->suite_place : "",
                                  f->source->suite_place != NULL ? ": " : "", f->source->name,
                                  f->source->suite, QUOTE, lines[i] + 3);
            cupel_error_hint(err, "check the suite's name, and this host's apt sources");
            return -ENOENT;
        }
    return 0;
}

/* The first errors say what happened; the later ones only that it did. */
static void debian_errors_quote(char *const *lines, size_t n, struct strbuf *out)
{
    size_t quoted = 0;

    strbuf_adds(out, "");
    for (size_t i = 0; i < n && quoted < 4; i++)
        if (str_starts(lines[i], "E: ") || str_starts(lines[i], "Err:"))
            strbuf_addf(out, "%s%.*s", quoted++ > 0 ? "; " : ": ", QUOTE, lines[i]);
}

static int explain_rest(const struct debian_failure *f, char *const *lines, size_t n,
                        struct cupel_error *err)
{
    cleanup_strbuf struct strbuf quoted = {0};
    bool killed = WIFSIGNALED(f->status);

    debian_errors_quote(lines, n, &quoted);
    (void)cupel_error_set(
        err, CUPEL_ERROR_HARNESS, 0, "cannot bootstrap debian %s for root '%s': mmdebstrap %s %d%s",
        f->source->suite, f->source->name, killed ? "was killed by signal" : "ended with",
        killed ? WTERMSIG(f->status) : WEXITSTATUS(f->status), quoted.data);
    cupel_error_hint(
        err,
        "check the suite's and the packages' names, the network, and that the disk of %s is not "
        "full%s",
        f->store,
        f->has_sources
            ? ""
            : "; this host's apt sources do not offer the suite, so mmdebstrap's default "
              "mirror was tried");
    return -EIO;
}

int debian_explain(const struct debian_failure *f, struct cupel_error *err)
{
    cleanup_free char *text = read_work(f, "log");
    size_t n;
    char **lines = split(text, &n);
    int r = refuse_simulated(f, err);

    if (r == 0)
        r = debian_errors_script(f, lines, n, err);
    if (r == 0)
        r = refuse_suite(f, lines, n, err);
    if (r == 0)
        r = explain_rest(f, lines, n, err);
    free(lines);
    return r;
}

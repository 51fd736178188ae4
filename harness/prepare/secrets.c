/* SPDX-License-Identifier: Apache-2.0 */
/* secrets: fetches the values of the jobs' secrets, each once a run, before any job has run: from
 * the caller's environment, a file, or what a command prints. And sees to it that what the run
 * shows of itself has none of them (base/redact.h). Not responsible for how a job gets them. */
#include "harness/prepare/secrets.h"

#include "base/redact.h"
#include "base/weaken.h"
#include "harness/prepare/secret_command.h"
#include "harness/run/manifest.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define SAID_MAX ((size_t)4096)
/* What looking for all of them may take: two of the longest, of random bytes; hundreds of tokens.
 */
#define MASKS_MAX ((size_t)256 << 20)
#define MASKS_MAX_OF_TESTS ((size_t)4 << 20)

/* ---- a command ---- */

static int read_back(int fd, size_t max, struct strbuf *to)
{
    char chunk[4096];
    ssize_t n;

    while (to->len < max && (n = pread(fd, chunk, sizeof(chunk), (off_t)to->len)) > 0)
        strbuf_add(to, chunk, (size_t)n);
    explicit_bzero(chunk, sizeof(chunk));
    return 0;
}

/* The last line that the command has said, without what it printed as the value, and without the
 * other secrets: those that are no command's have all been fetched, and it may have been given
 * them. */
static void hint_said(const struct run *run, int fd, const struct strbuf *value,
                      struct cupel_error *err)
{
    cleanup_strbuf struct strbuf said = {0};
    cleanup_strbuf struct strbuf shown = {0};
    struct redact *hidden = redact_new();
    char *line;

    if (value->len >= REDACT_LEAST && value->len <= REDACT_VALUE_MAX)
        redact_add(hidden, value->data, value->len);
    for (size_t i = 0; i < run->n_secrets; i++)
        redact_add(hidden, run->secrets[i].data, run->secrets[i].len);
    redact_seal(hidden);
    (void)read_back(fd, SAID_MAX, &said);
    while (said.len > 0 && said.data[said.len - 1] == '\n')
        said.data[--said.len] = '\0';
    line = said.len > 0 ? strrchr(said.data, '\n') : NULL;
    line = line != NULL ? line + 1 : said.data;
    if (said.len > 0) {
        cleanup_free char *safe = redact_string(hidden, line, true);

        text_add_line(&shown, safe != NULL ? safe : line);
        cupel_error_hint(err, "it says: %.200s", shown.data);
    }
    redact_free(hidden);
}

static int fetch_command(const struct run *run, const struct jobs_plan *plan,
                         const struct jobs_secret *of, const struct interrupt *signals,
                         struct strbuf *value, struct cupel_error *err)
{
    cleanup_close int out = memfd_create("secret", MFD_CLOEXEC);
    cleanup_close int said = memfd_create("said", MFD_CLOEXEC);
    int status = 0, r;

    if (out < 0 || said < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot fetch the secret '%s'",
                               of->name);
    r = secret_command_run(of, plan->dir, signals, out, said, &status);
    if (r == -ECANCELED)
        return cupel_error_set(err, CUPEL_ERROR_INTERRUPTED, 0, "interrupted");
    if (r < 0)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, r,
                               "secret '%s' (%s): its command '%s' does not end", of->name,
                               of->where, of->command[0]);
    (void)read_back(out, REDACT_VALUE_MAX + 1, value);
    if (status == 0)
        return 0;
    if (WIFEXITED(status))
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                              "secret '%s' (%s): its command '%s' exited %d", of->name, of->where,
                              of->command[0], WEXITSTATUS(status));
    else
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                              "secret '%s' (%s): its command '%s' was ended by a signal", of->name,
                              of->where, of->command[0]);
    hint_said(run, said, value, err);
    return -EINVAL;
}

/* ---- one value ---- */

static int fetch_file(const struct jobs_secret *of, struct strbuf *value, struct cupel_error *err)
{
    cleanup_free char *text = NULL;
    size_t n = 0;
    int r = file_read_trusted(of->file.path, of->file.trusted, REDACT_VALUE_MAX, &text, &n);

    if (r == -ELOOP) {
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                              "secret '%s' (%s): %s leads through a symbolic link, and is not "
                              "followed",
                              of->name, of->where, of->file.path);
        cupel_error_hint(err, "name what is meant, or give its absolute path");
        return -ELOOP;
    }
    if (r < 0)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, r, "secret '%s' (%s): cannot read %s",
                               of->name, of->where, of->file.path);
    strbuf_add(value, text, n);
    explicit_bzero(text, n);
    return 0;
}

static int fetch_variable(const struct jobs_secret *of, struct strbuf *value,
                          struct cupel_error *err)
{
    const char *text = getenv(of->name);

    if (text == NULL) {
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                              "secret '%s' (%s): it is not in the environment", of->name,
                              of->where);
        cupel_error_hint(err, "export %s, or say where it comes from: {name: %s, file: PATH}",
                         of->name, of->name);
        return -ENOENT;
    }
    strbuf_adds(value, text);
    return 0;
}

static int check_value(const struct jobs_secret *of, const struct strbuf *value, size_t bare,
                       struct cupel_error *err)
{
    if (bare < REDACT_LEAST)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                               "secret '%s' (%s): it is shorter than %zu bytes, and could not "
                               "be masked without masking everything",
                               of->name, of->where, REDACT_LEAST);
    if (value->len > REDACT_VALUE_MAX)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                               "secret '%s' (%s): it is longer than %zu KiB", of->name, of->where,
                               REDACT_VALUE_MAX >> 10);
    if (of->as == JOBS_SECRET_ENV && memchr(value->data, '\0', value->len) != NULL) {
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                              "secret '%s' (%s): it has a NUL byte, which no variable can have",
                              of->name, of->where);
        cupel_error_hint(err, "give it as a file: {name: %s, as: file, ...}", of->name);
        return -EINVAL;
    }
    return 0;
}

/* What a file or a command ends with is no part of a variable, as in a shell's $(...). */
static size_t without_line_ends(const struct strbuf *value)
{
    size_t n = value->len;

    while (n > 0 && (value->data[n - 1] == '\n' || value->data[n - 1] == '\r'))
        n--;
    return n;
}

static int fetch(const struct run *run, const struct jobs_plan *plan, const struct jobs_secret *of,
                 const struct interrupt *signals, struct run_secret *ret, struct cupel_error *err)
{
    struct strbuf value = {0};
    size_t bare;
    int r = of->file.path != NULL ? fetch_file(of, &value, err)
            : of->command != NULL ? fetch_command(run, plan, of, signals, &value, err)
                                  : fetch_variable(of, &value, err);

    bare = without_line_ends(&value);
    if (r == 0)
        r = check_value(of, &value, bare, err);
    if (r < 0) {
        if (value.data != NULL)
            explicit_bzero(value.data, value.len);
        strbuf_free(&value);
        return r;
    }
    *ret = (struct run_secret){.of = of, .plan = plan, .data = value.data, .len = value.len};
    if (of->as == JOBS_SECRET_ENV)
        ret->value = arena_strndup(plan->arena, value.data,
                                   of->file.path != NULL || of->command != NULL ? bare : value.len);
    return 0;
}

/* ---- all of them ---- */

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && str_eq(a, b));
}

static bool same_secret(const struct run_secret *s, const struct jobs_plan *plan,
                        const struct jobs_secret *of)
{
    const char *const *a = (const char *const *)s->of->command, *const *b = (const char *const *)
                                                                                of->command;

    if (s->of == of)
        return true;
    if (s->plan != plan || s->of->as != of->as || !str_eq(s->of->name, of->name) ||
        !same_text(s->of->file.path, of->file.path) || (a == NULL) != (b == NULL))
        return false;
    for (; a != NULL && *a != NULL && *b != NULL && str_eq(*a, *b); a++, b++)
        ;
    return a == NULL || (*a == NULL && *b == NULL);
}

static int find_secret(struct run *run, const struct instance *in, const struct jobs_secret *of,
                       const struct interrupt *signals, size_t *ret, struct cupel_error *err)
{
    int r;

    for (size_t i = run->n_secrets; i-- > 0;)
        if (same_secret(&run->secrets[i], in->plan, of)) {
            *ret = i;
            return 0;
        }
    if (run->n_secrets == RUN_SECRETS_MAX)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "the jobs have more than %d secrets",
                               RUN_SECRETS_MAX);
    run->secrets = xrealloc(run->secrets, (run->n_secrets + 1) * sizeof(*run->secrets));
    r = fetch(run, in->plan, of, signals, &run->secrets[run->n_secrets], err);
    if (r == 0)
        *ret = run->n_secrets++;
    return r;
}

/* Fetches those of the job that are a command's, or the others. */
static int fetch_some(struct run *run, struct instance *in, bool commands,
                      const struct interrupt *signals, struct cupel_error *err)
{
    int r = 0;

    for (size_t k = 0; r == 0 && k < in->job->n_secrets; k++) {
        const struct jobs_secret *of = &in->job->secrets[k];

        if ((of->command != NULL) == commands)
            r = find_secret(run, in, of, signals, &in->secrets[k], err);
    }
    return r;
}

static int fetch_all(struct run *run, const struct interrupt *signals, struct cupel_error *err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < run_n_prepared(run); i++) {
        struct instance *in = &run->instances[i];

        in->n_secrets = in->job->n_secrets;
        if (in->n_secrets > 0)
            in->secrets = arena_alloc(in->plan->arena, in->n_secrets * sizeof(*in->secrets));
        r = fetch_some(run, in, false, signals, err);
    }
    for (size_t i = 0; r == 0 && i < run_n_prepared(run); i++)
        r = fetch_some(run, &run->instances[i], true, signals, err);
    return r;
}

static int check_path(const struct run *run, const char *what, const char *path,
                      struct cupel_error *err)
{
    if (!redact_has(run->redact, path, strlen(path)))
        return 0;
    return cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                           "the value of a secret stands in the path of %s, which has to be shown",
                           what);
}

/* What is shown or noted of where files are: a run that continues this one, and whoever opens a
 * kept job, knows the job file by its path. */
static int check_paths(const struct run *run, const char *out, struct cupel_error *err)
{
    const struct jobs_plan *last = NULL;
    int r = out != NULL ? check_path(run, "the out directory", out, err) : 0;

    for (size_t i = 0; r == 0 && i < run_n_prepared(run); i++) {
        cleanup_free char *path = NULL;

        if (run->instances[i].plan == last)
            continue;
        last = run->instances[i].plan;
        path = manifest_path_of(last);
        r = check_path(run, "a job file", path, err);
    }
    return r;
}

/* What names results and files is the same for whoever reads the job file, and stays as it is: so
 * it must not have a secret. */
static int check_names(const struct run *run, struct cupel_error *err)
{
    for (size_t i = 0; i < run_n_prepared(run); i++) {
        const struct instance *in = &run->instances[i];
        const char *const names[] = {in->id, in->plan->name, in->plan->file};
        bool has = false;

        for (size_t k = 0; k < ARRAY_SIZE(names); k++)
            has |= redact_has(run->redact, names[k], strlen(names[k]));
        for (size_t k = 0; in->job->has_steps && k < in->job->n_steps; k++)
            has |= redact_has(run->redact, in->job->steps[k].name, strlen(in->job->steps[k].name));
        if (has)
            return cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                                   "the value of a secret stands in what job '%s' is called by, "
                                   "which reports have to show",
                                   in->id);
    }
    return 0;
}

static int make_masks(struct run *run, struct cupel_error *err)
{
    size_t most = fault_wanted("secret-masks") ? MASKS_MAX_OF_TESTS : MASKS_MAX;

    run->redact = redact_new();
    for (size_t i = 0; i < run->n_secrets; i++) {
        const struct run_secret *s = &run->secrets[i];

        redact_add(run->redact, s->data, s->len);
        if (redact_memory(run->redact) > most) {
            (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0,
                                  "secret '%s' (%s): with it, the secrets of this run are too "
                                  "long to be masked: their encoded forms take more than %zu MiB",
                                  s->of->name, s->of->where, most >> 20);
            cupel_error_hint(err, "give jobs a short key, and what it opens as an input");
            redact_free(run->redact);
            run->redact = NULL;
            return -E2BIG;
        }
    }
    redact_seal(run->redact);
    return 0;
}

int secrets_fetch(struct run *run, const char *out, const struct interrupt *signals,
                  struct cupel_error *err)
{
    int r = fetch_all(run, signals, err), masked;
    struct cupel_error ignored;

    if (run->n_secrets == 0 || weakened("secrets"))
        return r;
    masked = make_masks(run, r < 0 ? &ignored : err); /* of those that could be had, too */
    if (masked == 0)
        redact_remarks(run->redact);
    if (r < 0 || masked < 0)
        return r < 0 ? r : masked;
    r = check_names(run, err);
    return r < 0 ? r : check_paths(run, out, err);
}

bool secrets_are_hidden(const struct run *run, const char *out)
{
    struct cupel_error ignored;

    return run->n_secrets == 0 || weakened("secrets") ||
           (run->redact != NULL && check_names(run, &ignored) == 0 &&
            check_paths(run, out, &ignored) == 0);
}

void secrets_forget(struct run *run)
{
    for (size_t i = 0; i < run->n_secrets; i++) {
        explicit_bzero(run->secrets[i].data, run->secrets[i].len);
        free(run->secrets[i].data);
        if (run->secrets[i].value != NULL)
            explicit_bzero(run->secrets[i].value, strlen(run->secrets[i].value));
    }
    free(run->secrets);
    run->secrets = NULL;
    run->n_secrets = 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* cli_settings: see cli_settings.h; and `cupel config`. The store's place reaches those who open it
 * as CUPEL_CACHE, and so also this program when it starts itself anew. */
#include "harness/cli/cli_settings.h"

#include "harness/cli/cli.h"
#include "harness/cli/options.h"

#include <fcntl.h>
#include <string.h>

#define SETTINGS_MAX ((size_t)1 << 20)
#define SYSTEM_FILE "/etc/cupel/config.yaml"
#define DAY_NS (86400 * NSEC_PER_SEC)

/* Finds the configuration file, in the way in which the store's own place is chosen
 * (rootfs-cache/store/store.c). */
static char *find_file(void)
{
    const char *own = getenv("CUPEL_CONFIG"), *xdg = getenv("XDG_CONFIG_HOME"),
               *home = getenv("HOME");
    cleanup_free char *ids = ids_describe(); /* not NULL: root of a user namespace of our own */

    if (own != NULL)
        return own[0] != '\0' ? xstrdup(own) : NULL;
    if (xdg != NULL && xdg[0] == '/')
        return xasprintf("%s/cupel/config.yaml", xdg);
    if (geteuid() == 0 && ids == NULL)
        return xstrdup(SYSTEM_FILE);
    return home != NULL && home[0] == '/' ? xasprintf("%s/.config/cupel/config.yaml", home) : NULL;
}

int settings_load(struct jobs_settings *ret, char **ret_file, struct cupel_error *err)
{
    cleanup_free char *file = find_file(), *text = NULL;
    cleanup_strbuf struct strbuf problems = {0};
    struct jobs_settings s = JOBS_SETTINGS_INIT;
    size_t len = 0;
    int r = file != NULL ? file_read_at(AT_FDCWD, file, SETTINGS_MAX, &text, &len) : -ENOENT;

    if (r == 0)
        r = jobs_settings_read(file, text, len, &s, &problems, err);
    else if (r == -ENOENT || r == -ENOTDIR)
        r = 0;
    else
        r = cupel_error_set(err, CUPEL_ERROR_INPUT, r, "cannot read the configuration %s", file);
    if (problems.data != NULL)
        (void)fputs(problems.data, stderr);
    if (r < 0)
        return r;
    *ret = s;
    if (ret_file != NULL)
        *ret_file = steal_ptr(file);
    return 0;
}

static bool is_set(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && value[0] != '\0';
}

int settings_apply(void)
{
    struct jobs_settings s;
    struct cupel_error err;

    if (settings_load(&s, NULL, &err) < 0)
        return cli_fail(&err);
    if (s.path != NULL && !is_set("CUPEL_CACHE"))
        (void)setenv("CUPEL_CACHE", s.path, 1);
    jobs_settings_free(&s);
    return 0;
}

/* ---- limits of the store ---- */

static void say(const struct cache_collected *c, const struct cache_gc *want)
{
    char freed[UNIT_TEXT_SIZE], left[UNIT_TEXT_SIZE], keep[UNIT_TEXT_SIZE];

    if (c->removed > 0)
        (void)fprintf(
            stderr,
            "cupel: removed %zu layer%s that nothing needs from the root cache, %s; %s left\n",
            c->removed, c->removed == 1 ? "" : "s", unit_format_size(c->freed, freed),
            unit_format_size(c->left, left));
    if (c->removed == 0 && want->keep_bytes != UINT64_MAX && c->left > want->keep_bytes)
        log_warning("the root cache has %s, more than the %s of the configuration, and all of it "
                    "is needed: by names, runs "
                    "or kept failures (`cupel rootfs list`)",
                    unit_format_size(c->left, left), unit_format_size(want->keep_bytes, keep));
}

void settings_collect(struct cache *cache)
{
    struct cache *opened = NULL;
    struct cache_collected done;
    struct jobs_settings s;
    struct cache_gc want = {.saved_only = false};
    struct cupel_error err;
    int r = settings_load(&s, NULL, &err);

    if (r < 0) {
        log_warning("%s", err.message);
        return;
    }
    want.keep_bytes = s.keep_bytes;
    want.older_seconds = s.older_ns != UINT64_MAX ? s.older_ns / NSEC_PER_SEC : UINT64_MAX;
    jobs_settings_free(&s);
    if (want.keep_bytes == UINT64_MAX && want.older_seconds == UINT64_MAX)
        return;
    if (cache == NULL)
        r = cache_open(&opened, &err);
    if (r == 0)
        r = cache_gc(cache != NULL ? cache : opened, &want, &done, &err);
    if (r == 0)
        say(&done, &want);
    else
        log_warning("cannot tidy up the root cache: %s", err.message);
    cache_close(opened);
}

/* ---- cupel config ---- */

static const struct cli_command command = {
    .name = "config",
    .usage = "config",
    .about = "Prints the configuration that is in force, as YAML, and where each of it comes from.",
};

static void print_settings(const struct jobs_settings *s, const char *file)
{
    const char *own = getenv("CUPEL_CACHE");
    char text[UNIT_TEXT_SIZE];
    bool is_there = file != NULL && access(file, R_OK) == 0;

    (void)printf("# %s%s\ncache:\n",
                 file != NULL ? file : "no file: neither CUPEL_CONFIG nor HOME is set",
                 file == NULL || is_there ? "" : " (not there)");
    if (own != NULL && own[0] != '\0')
        (void)printf("  path: %s # CUPEL_CACHE\n", own);
    else if (s->path != NULL)
        (void)printf("  path: %s\n", s->path);
    else
        (void)printf("  # path: the default\n");
    if (s->keep_bytes != UINT64_MAX)
        (void)printf("  keep: %llu # %s\n", (unsigned long long)s->keep_bytes,
                     unit_format_size(s->keep_bytes, text));
    else
        (void)printf("  # keep: any size may stay\n");
    if (s->older_ns != UINT64_MAX && s->older_ns % DAY_NS == 0)
        (void)printf("  older: %llud\n", (unsigned long long)(s->older_ns / DAY_NS));
    else if (s->older_ns != UINT64_MAX)
        (void)printf("  older: %llus # %s\n", (unsigned long long)(s->older_ns / NSEC_PER_SEC),
                     unit_format_duration(s->older_ns, text));
    else
        (void)printf("  # older: of any age may stay\n");
}

int cli_config(int argc, char **argv)
{
    cleanup_free char *file = NULL;
    struct jobs_settings s;
    struct cli_words words;
    struct cupel_error err;
    int code;

    if (!cli_parse(&command, argc, argv, NULL, &words, &code))
        return code;
    if (settings_load(&s, &file, &err) < 0)
        return cli_fail(&err);
    print_settings(&s, file);
    jobs_settings_free(&s);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    (void)cupel_error_set(&err, CUPEL_ERROR_HARNESS, errno, "cannot write to standard output");
    return cli_fail(&err);
}

/* rootfs: people's view of the root cache: import, export, list, show, verify, remove. The work is rootfs-cache's. */
#include "harness/cli/cli.h"
#include "rootfs-cache/cache.h"

#include <fcntl.h>
#include <getopt.h>
#include <string.h>

static const char usage[] =
    "Usage: cupel rootfs import NAME SOURCE [--tag TAG] [--platform OS/ARCH]\n"
    "       cupel rootfs export NAME [-o FILE]\n"
    "       cupel rootfs list\n"
    "       cupel rootfs show NAME\n"
    "       cupel rootfs verify [NAME...]\n"
    "       cupel rootfs gc [--keep SIZE] [--older DURATION]\n"
    "       cupel rootfs remove NAME...\n"
    "Look after the cached root filesystems.\n"
    "\n"
    "  import     unpack SOURCE and keep it as NAME: a tar of a root (plain, gz, bz2, xz, zst, lz4), an OCI\n"
    "             layout (a directory or a tar), a `docker save` archive, an OCI runtime bundle, or any\n"
    "             other directory\n"
    "  export     write the root as a tar to FILE, by default to standard output\n"
    "  list       one line a root: name, kind, size, what of that it shares with others, last use, key, source\n"
    "  show       the root's layers and configuration, as JSON\n"
    "  verify     is every layer as it was when it was made; exit status 1 when something is not\n"
    "  gc         remove layers that no name has and nothing uses, the longest unused first\n"
    "  remove     forget the name and remove the layers that nothing else refers to\n"
    "\n"
    "NAME is an imported name, or the key of any cached root or its beginning.\n"
    "\n"
    "  --tag TAG           which image of several\n"
    "  --platform OS/ARCH  which image of a multi-platform one\n"
    "  -o, --output FILE   where export writes to\n"
    "  --keep SIZE         gc stops when no more than this is left\n"
    "  --older DURATION    gc removes only what was not used for so long\n"
    "  -h, --help          show this help\n";

struct rootfs_options {
    const char *output, *tag, *platform, *keep, *older;
    char **args;
    int n_args;
    int exit; /* when nothing went wrong */
};

static void say(void *data, const char *what)
{
    (void)data;
    (void)fprintf(stderr, "cupel: %s\n", what);
}

static void age(time_t then, char buf[static UNIT_TEXT_SIZE])
{
    time_t now = time(NULL);
    long long s = now > then ? (long long)(now - then) : 0;

    if (s < 60)
        (void)snprintf(buf, UNIT_TEXT_SIZE, "just now");
    else if (s < 3600)
        (void)snprintf(buf, UNIT_TEXT_SIZE, "%lld min ago", s / 60);
    else if (s < 2 * 86400)
        (void)snprintf(buf, UNIT_TEXT_SIZE, "%lld h ago", s / 3600);
    else
        (void)snprintf(buf, UNIT_TEXT_SIZE, "%lld d ago", s / 86400);
}

/* Sources are names that others chose: no control byte reaches the terminal. */
static void print_plain(const char *text)
{
    for (; *text != '\0'; text++)
        (void)putchar((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text);
}

static int do_list(struct cache *cache, struct rootfs_options *options, struct cupel_error *err)
{
    struct cache_entry *entries;
    size_t n;
    int r = cache_list(cache, &entries, &n, err);

    (void)options;
    if (r < 0)
        return r;
    if (n == 0)
        (void)printf("no roots in %s\n", cache_path(cache));
    else
        (void)printf("%-20s %-9s %10s %10s %-12s %-12s %s\n", "NAME", "KIND", "SIZE", "SHARED", "USED", "KEY",
                     "SOURCE");
    for (size_t i = 0; i < n; i++) {
        const struct cache_entry *e = &entries[i];
        char size[UNIT_TEXT_SIZE], shared[UNIT_TEXT_SIZE], used[UNIT_TEXT_SIZE];

        if (e->in_use)
            (void)snprintf(used, sizeof(used), "in use");
        else
            age(e->last_used, used);
        (void)printf("%-20s %-9s %10s %10s %-12s %-12.12s ", e->name != NULL ? e->name : "-", e->kind,
                     unit_format_size(e->bytes, size), unit_format_size(e->shared_bytes, shared), used, e->key);
        print_plain(e->source);
        (void)putchar('\n');
    }
    cache_entries_free(entries, n);
    return 0;
}

static int do_show(struct cache *cache, struct rootfs_options *options, struct cupel_error *err)
{
    cleanup_free char *json = NULL;
    int r = cache_show(cache, options->args[0], &json, err);

    if (r == 0)
        (void)puts(json);
    return r;
}

static int do_import(struct cache *cache, struct rootfs_options *options, struct cupel_error *err)
{
    const struct cache_import import = {
        .name = options->args[0], .path = options->args[1], .tag = options->tag, .platform = options->platform};

    return cache_import(cache, &import, say, NULL, err);
}

/* Written aside and renamed: a FILE that is there is a whole one. */
static int export_to_file(struct cache *cache, const char *what, const char *file, struct cupel_error *err)
{
    cleanup_free char *aside = xasprintf("%s.%d.tmp", file, (int)getpid());
    cleanup_close int fd = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    int r;

    if (fd < 0)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, errno, "cannot write '%s'", file);
    r = cache_export(cache, what, fd, err);
    if (r == 0 && (fsync(fd) < 0 || rename(aside, file) < 0))
        r = cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot write '%s'", file);
    if (r < 0)
        (void)unlink(aside);
    return r;
}

static int do_export(struct cache *cache, struct rootfs_options *options, struct cupel_error *err)
{
    if (options->output != NULL && !str_eq(options->output, "-"))
        return export_to_file(cache, options->args[0], options->output, err);
    if (isatty(STDOUT_FILENO)) {
        (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "a tar does not belong on a terminal");
        cupel_error_hint(err, "give -o FILE, or redirect the output");
        return -EINVAL;
    }
    return cache_export(cache, options->args[0], STDOUT_FILENO, err);
}

static int do_remove(struct cache *cache, struct rootfs_options *options, struct cupel_error *err)
{
    for (int i = 0; i < options->n_args; i++) {
        int r = cache_remove(cache, options->args[i], err);

        if (r < 0)
            return r;
    }
    return 0;
}

static void tell(void *data, const char *finding)
{
    (void)data;
    print_plain(finding);
    (void)putchar('\n');
}

static int do_verify(struct cache *cache, struct rootfs_options *options, struct cupel_error *err)
{
    size_t checked = 0, bad = 0;
    int r = 0;

    for (int i = 0; r == 0 && i < (options->n_args > 0 ? options->n_args : 1); i++) {
        size_t c, b;

        r = cache_verify(cache, options->n_args > 0 ? options->args[i] : NULL, tell, NULL, &c, &b, err);
        checked += r == 0 ? c : 0;
        bad += r == 0 ? b : 0;
    }
    if (r < 0)
        return r;
    options->exit = bad > 0;
    if (bad > 0)
        (void)printf("%zu found damaged: `cupel rootfs remove` what is; a run makes again what it needs\n", bad);
    else
        (void)printf("%zu layer%s as when made\n", checked, checked == 1 ? "" : "s");
    return 0;
}

static int do_gc(struct cache *cache, struct rootfs_options *options, struct cupel_error *err)
{
    struct cache_gc want = {.keep_bytes = UINT64_MAX, .older_seconds = UINT64_MAX};
    char size[UNIT_TEXT_SIZE];
    uint64_t freed, ns;
    size_t n;
    int r;

    if (options->keep != NULL && unit_parse_size(options->keep, &want.keep_bytes) < 0)
        return cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "--keep takes a size such as 20G, not '%s'", options->keep);
    if (options->older != NULL) {
        if (unit_parse_duration(options->older, &ns) < 0)
            return cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "--older takes a duration such as 7d, not '%s'",
                                   options->older);
        want.older_seconds = ns / NSEC_PER_SEC;
    }
    if (options->keep == NULL && options->older == NULL)
        want.older_seconds = 0;
    r = cache_gc(cache, &want, &n, &freed, err);
    if (r == 0)
        (void)printf("%zu layer%s removed, %s\n", n, n == 1 ? "" : "s", unit_format_size(freed, size));
    return r;
}

static const struct action {
    const char *name;
    int min_args, max_args;
    const char *options; /* the letters of those that it takes */
    int (*run)(struct cache *cache, struct rootfs_options *options, struct cupel_error *err);
} actions[] = {
    {"import", 2, 2, "tp", do_import},  {"export", 1, 1, "o", do_export},   {"list", 0, 0, "", do_list},
    {"show", 1, 1, "", do_show},        {"verify", 0, 1000, "", do_verify}, {"gc", 0, 0, "kd", do_gc},
    {"remove", 1, 1000, "", do_remove},
};

static int usage_error(const char *what, const char *word)
{
    struct cupel_error err;

    (void)cupel_error_set(&err, CUPEL_ERROR_INPUT, 0, "%s%s%s%s", what, word != NULL ? " '" : "",
                          word != NULL ? word : "", word != NULL ? "'" : "");
    cupel_error_hint(&err, "`cupel rootfs --help` shows how");
    return cli_fail(&err);
}

static const struct action *find_action(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
        if (str_eq(actions[i].name, name))
            return &actions[i];
    return NULL;
}

static int run_action(const struct action *action, struct rootfs_options *options)
{
    struct cache *cache = NULL;
    struct cupel_error err;
    int r = cache_open(&cache, &err);

    if (r == 0)
        r = action->run(cache, options, &err);
    cache_close(cache);
    if (r == 0 && (fflush(stdout) != 0 || ferror(stdout)))
        r = cupel_error_set(&err, CUPEL_ERROR_HARNESS, errno, "cannot write to standard output");
    return r < 0 ? cli_fail(&err) : options->exit;
}

static bool take_option(struct rootfs_options *options, int c)
{
    const struct {
        int letter;
        const char **to;
    } values[] = {{'o', &options->output},
                  {'t', &options->tag},
                  {'p', &options->platform},
                  {'k', &options->keep},
                  {'d', &options->older}};

    for (size_t i = 0; i < ARRAY_SIZE(values); i++)
        if (values[i].letter == c) {
            *values[i].to = optarg;
            return true;
        }
    return false;
}

int cli_rootfs(int argc, char **argv)
{
    static const struct option longs[] = {{"output", required_argument, NULL, 'o'},
                                          {"tag", required_argument, NULL, 't'},
                                          {"platform", required_argument, NULL, 'p'},
                                          {"keep", required_argument, NULL, 'k'},
                                          {"older", required_argument, NULL, 'd'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    struct rootfs_options options = {0};
    const struct action *action;
    char given[16] = ""; /* the letters of the options */
    size_t n_given = 0;
    int c;

    optind = 0;
    while ((c = getopt_long(argc, argv, "o:h", longs, NULL)) != -1) {
        if (c == 'h') {
            (void)fputs(usage, stdout);
            return 0;
        }
        if (!take_option(&options, c))
            return usage_error("wrong option", NULL);
        if (n_given < sizeof(given) - 1)
            given[n_given++] = (char)c;
    }
    if (optind >= argc) {
        (void)fputs(usage, stderr);
        return CUPEL_ERROR_INPUT;
    }
    action = find_action(argv[optind]);
    if (action == NULL)
        return usage_error("no such subcommand of rootfs:", argv[optind]);
    options.args = argv + optind + 1;
    options.n_args = argc - optind - 1;
    if (options.n_args < action->min_args || options.n_args > action->max_args)
        return usage_error("wrong number of arguments for rootfs", action->name);
    if (strspn(given, action->options) != n_given)
        return usage_error("one of the options has no meaning for rootfs", action->name);
    c = cli_take_rights(argv - 1, CLI_RIGHTS_TO_STORE);
    return c != 0 ? c : run_action(action, &options);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_rootfs: people's view of the root cache: import, pull, export, verify, gc. The work is
 * rootfs-cache's; what people are told of roots and their users is cmd_rootfs_show.c's. */
#include "harness/cli/cmd_rootfs.h"
#include "harness/cli/cli.h"
#include "harness/cli/cli_collect.h"
#include "harness/cli/cli_settings.h"
#include "harness/cli/output.h"
#include "harness/prepare/roots.h"

#include <fcntl.h>
#include <string.h>

#define FIELD(name) offsetof(struct rootfs_arguments, name)

static void rootfs_watcher(void *data, const struct cache_progress *progress)
{
    const struct rootfs_arguments *a = data;

    roots_tell(a->console, progress);
}

static int do_import(struct cache *cache, struct rootfs_arguments *a, struct cupel_error *err)
{
    const struct cache_import import = {.name = a->words.word[0],
                                        .path = a->words.word[1],
                                        .tag = a->tag,
                                        .platform = a->platform,
                                        .strip = (unsigned)a->strip};

    int r = cache_import(cache, &import, err);

    if (r == 0)
        settings_collect(cache);
    return r;
}

static int do_pull(struct cache *cache, struct rootfs_arguments *a, struct cupel_error *err)
{
    static const char *const says[] = {[CACHE_PULLED_NEW] = "new",
                                       [CACHE_PULLED_SAME] = "as before",
                                       [CACHE_PULLED_OTHER] = "another than before"};
    const struct cache_pull pull = {.name = a->words.word[0],
                                    .image = a->words.n > 1 ? a->words.word[1] : NULL,
                                    .platform = a->platform};
    enum cache_pulled what;
    char digest[65];
    int r = cache_pull(cache, &pull, &what, digest, err);

    if (r == 0)
        (void)printf("%s: sha256:%s, %s\n", pull.name, digest, says[what]);
    if (r == 0)
        settings_collect(cache);
    return r;
}

static int refuse_terminal(struct cupel_error *err)
{
    (void)cupel_error_set(err, CUPEL_ERROR_INPUT, 0, "a tar does not belong on a terminal");
    cupel_error_hint(err, "give -o FILE, or redirect the output");
    return -EINVAL;
}

static int export_to_file(struct cache *cache, const char *what, const char *file,
                          struct cupel_error *err)
{
    struct cli_output output;
    int r = cli_output_open(&output, file, err);

    if (r < 0)
        return r;
    if (isatty(output.fd) == 1)
        r = refuse_terminal(err);
    else
        r = cache_export(cache, what, output.fd, err);
    return cli_output_end(&output, r, err);
}

static int do_export(struct cache *cache, struct rootfs_arguments *a, struct cupel_error *err)
{
    if (a->output != NULL && !str_eq(a->output, "-"))
        return export_to_file(cache, a->words.word[0], a->output, err);
    if (isatty(STDOUT_FILENO) == 1)
        return refuse_terminal(err);
    return cache_export(cache, a->words.word[0], STDOUT_FILENO, err);
}

static void tell(void *data, const char *finding)
{
    (void)data;
    rootfs_print_plain(finding);
    (void)putchar('\n');
}

static int do_verify(struct cache *cache, struct rootfs_arguments *a, struct cupel_error *err)
{
    struct cache_verify want = {.repair = a->repair, .tell = tell};
    struct cache_verified sum = {0};
    int r = 0;

    for (int i = 0; r == 0 && i < (a->words.n > 0 ? a->words.n : 1); i++) {
        struct cache_verified one = {0};

        want.what = a->words.n > 0 ? a->words.word[i] : NULL;
        r = cache_verify(cache, &want, &one, err);
        sum.checked += one.checked;
        sum.bad += one.bad;
        sum.removed += one.removed;
    }
    if (r < 0)
        return r;
    a->exit = sum.bad > 0;
    if (sum.bad == 0)
        (void)printf("%zu layer%s as when made\n", sum.checked, sum.checked == 1 ? "" : "s");
    else if (a->repair)
        (void)printf("%zu found damaged, %zu removed: a run makes again what it needs\n", sum.bad,
                     sum.removed);
    else
        (void)printf("%zu found damaged: `cupel rootfs verify --repair` removes damaged layers; a "
                     "run makes again what "
                     "it needs\n",
                     sum.bad);
    return 0;
}

static int do_gc(struct cache *cache, struct rootfs_arguments *a, struct cupel_error *err)
{
    struct cache_collected done = {0};

    return cli_collect(cache, &a->gc, a->older_ns, "layer", &done, err);
}

/* ---- the commands ---- */

static const struct cli_option import_options[] = {
    CLI_OPTION('\0', "tag", CLI_TEXT, FIELD(tag), "TAG", "which image of several"),
    CLI_OPTION('\0', "platform", CLI_TEXT, FIELD(platform), "OS/ARCH",
               "which image of a multi-platform one"),
    CLI_OPTION('\0', "strip", CLI_NUMBER, FIELD(strip), "N",
               "leave out the first N directories of each name of a tar", .min = 1, .max = 16),
};

static const struct cli_option pull_options[] = {
    CLI_OPTION('\0', "platform", CLI_TEXT, FIELD(platform), "OS/ARCH",
               "which image of a multi-platform one"),
};

static const struct cli_option build_options[] = {
    CLI_OPTION('\0', "locked", CLI_FLAG, FIELD(locked), NULL,
               "only as cupel.lock beside FILE has them"),
    CLI_OPTION('\0', "allow-host-network", CLI_FLAG, FIELD(allow_host_network), NULL,
               "let a derived root with `network: host` use this machine's network"),
};

static const struct cli_option lock_options[] = {
    CLI_OPTION('\0', "check", CLI_FLAG, FIELD(check), NULL,
               "write nothing; exit status 1 when something differs"),
    CLI_OPTION('\0', "allow-host-network", CLI_FLAG, FIELD(allow_host_network), NULL,
               "let a derived root with `network: host` use this machine's network"),
};

static const struct cli_option export_options[] = {
    CLI_OPTION('o', "output", CLI_TEXT, FIELD(output), "FILE",
               "where to; default: standard output"),
};

static const struct cli_option verify_options[] = {
    CLI_OPTION('\0', "repair", CLI_FLAG, FIELD(repair), NULL,
               "remove damaged layers that nothing uses, and the names that have them: they are "
               "made or imported again"),
};

static const struct cli_option gc_options[] = {
    CLI_OPTION('\0', "keep", CLI_SIZE, FIELD(gc.keep_bytes), "SIZE",
               "stop when no more than this is left"),
    CLI_OPTION('\0', "older", CLI_DURATION, FIELD(older_ns), "DURATION",
               "remove only what was not used for so long"),
};

#define ONE_NAME .min_words = 1, .max_words = 1, .words = "the name or key of a root"
#define OPTIONS(table) .options = (table), .n_options = ARRAY_SIZE(table)
#define WHAT_NAME_IS "NAME is an imported name, or the key of any cached root or its beginning."

static const struct action {
    struct cli_command command;
    const char *summary;
    int (*run)(struct cache *cache, struct rootfs_arguments *a, struct cupel_error *err);
} actions[] = {
    {{.name = "rootfs import",
      .usage = "rootfs import NAME SOURCE [--tag TAG] [--platform OS/ARCH] [--strip N]",
      .about = "Unpacks SOURCE and keeps it as NAME: a tar of a root (plain, gz, bz2, xz, zst, "
               "lz4), an OCI layout (a "
               "directory or a tar), a `docker save` archive, an OCI runtime bundle, or any other "
               "directory. An earlier "
               "meaning of the name is replaced.",
      .min_words = 2,
      .max_words = 2,
      .words = "a name and a source",
      OPTIONS(import_options)},
     "keep a tar, an image, a bundle or a directory under a name",
     do_import},
    {{.name = "rootfs pull",
      .usage = "rootfs pull NAME [IMAGE] [--platform OS/ARCH]",
      .about = "Fetches IMAGE from its registry, by skopeo, and keeps it as NAME. Without IMAGE, "
               "it asks what the reference "
               "that NAME was pulled from stands for by now, and fetches what is new. Layers that "
               "are there are not "
               "unpacked "
               "again.",
      .min_words = 1,
      .max_words = 2,
      .words = "a name and the reference of an image",
      OPTIONS(pull_options)},
     "keep an image of a registry under a name, or see what is new",
     do_pull},
    {{.name = "rootfs build",
      .usage = "rootfs build FILE [ROOT...] [--locked] [--allow-host-network]",
      .about = "Makes the roots of the job file ready, all of them or those named, so that a run "
               "finds them made.",
      .min_words = 1,
      .max_words = CLI_ANY_NUMBER,
      .words = "a job file",
      OPTIONS(build_options)},
     "make the roots of a job file ready",
     rootfs_build},
    {{.name = "rootfs lock",
      .usage = "rootfs lock FILE [--check] [--allow-host-network]",
      .about = "Makes all roots of the job file ready and writes what they are to cupel.lock "
               "beside it: digests of "
               "images and "
               "tars, versions and hashes of Debian packages. `cupel run --locked` then runs on "
               "nothing else.",
      .min_words = 1,
      .max_words = 1,
      .words = "a job file",
      OPTIONS(lock_options)},
     "write what the roots of a job file are, for `cupel run --locked`",
     rootfs_lock},
    {{.name = "rootfs export",
      .usage = "rootfs export NAME [-o FILE]",
      .about = "Writes the root as a tar, its layers merged.",
      .after = WHAT_NAME_IS,
      ONE_NAME,
      OPTIONS(export_options)},
     "write a root as a tar",
     do_export},
    {{.name = "rootfs list",
      .usage = "rootfs list",
      .about = "One line a root: name, kind, size, what of that it shares with others, last use, "
               "key, source; and below it "
               "who uses it: which run with which jobs, which process, what is kept of which "
               "failed job."},
     "what there is",
     rootfs_list},
    {{.name = "rootfs show",
      .usage = "rootfs show NAME",
      .about = "The root's layers, configuration and users, as JSON.",
      .after = WHAT_NAME_IS,
      ONE_NAME},
     "layers and configuration of a root",
     rootfs_show},
    {{.name = "rootfs verify",
      .usage = "rootfs verify [--repair] [NAME...]",
      .about = "Is every layer, or every layer of the roots named, as it was when it was made?",
      .after = WHAT_NAME_IS
      "\nExit status: 0 all is as it was, 1 something is not, 3 cupel could not tell.",
      .max_words = CLI_ANY_NUMBER,
      .words = "names or keys of roots",
      OPTIONS(verify_options)},
     "is every layer as it was when it was made",
     do_verify},
    {{.name = "rootfs gc",
      .usage = "rootfs gc [--keep SIZE] [--older DURATION]",
      .about = "Removes layers that no name has and nothing uses, the longest unused first; "
               "without options, all of "
               "them.",
      OPTIONS(gc_options)},
     "remove layers that no name has and nothing uses",
     do_gc},
    {{.name = "rootfs remove",
      .usage = "rootfs remove NAME...",
      .about = "Forgets the name and removes the layers that nothing else refers to.",
      .after = WHAT_NAME_IS,
      .min_words = 1,
      .max_words = CLI_ANY_NUMBER,
      .words = "names or keys of roots"},
     "forget a name, and remove what only it had",
     rootfs_remove},
};

static const struct action *find_action(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
        if (str_eq(actions[i].command.name + strlen("rootfs "), name))
            return &actions[i];
    return NULL;
}

static void rootfs_print_help(FILE *f)
{
    (void)fputs(
        "usage: cupel rootfs COMMAND [arguments]\n\nLooks after the cached root filesystems.\n\n",
        f);
    for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
        (void)fprintf(f, "  %-10s %s\n", actions[i].command.name + strlen("rootfs "),
                      actions[i].summary);
    (void)fputs("\n`cupel rootfs COMMAND --help` tells more.\n", f);
}

static int unknown_action(const char *word)
{
    const char *names[ARRAY_SIZE(actions)], *nearest;
    struct cupel_error err;

    for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
        names[i] = actions[i].command.name + strlen("rootfs ");
    nearest = str_nearest(word, names, ARRAY_SIZE(names));
    (void)cupel_error_set(&err, CUPEL_ERROR_INPUT, 0, "unknown command 'rootfs %s'", word);
    if (nearest != NULL)
        cupel_error_hint(&err, "did you mean 'rootfs %s'?", nearest);
    else
        cupel_error_hint(&err, "see cupel rootfs --help");
    return cli_fail(&err);
}

/* Where progress can be drawn in place; elsewhere plain lines do. */
static struct reports_console *console_of_terminal(void)
{
    struct reports_console *c = reports_console_new(STDERR_FILENO, 0, NULL);

    if (reports_console_is_live(c))
        return c;
    reports_console_free(c);
    return NULL;
}

static int run_action(const struct action *action, struct rootfs_arguments *a)
{
    struct cache *cache = NULL;
    struct cupel_error err;
    int r = cache_open(&cache, &err);

    a->console = console_of_terminal();
    if (r == 0) {
        cache_watch(cache, rootfs_watcher, a);
        r = action->run(cache, a, &err);
    }
    reports_console_free(a->console);
    cache_close(cache);
    if (r == 0 && (fflush(stdout) != 0 || ferror(stdout)))
        r = cupel_error_set(&err, CUPEL_ERROR_HARNESS, errno, "cannot write to standard output");
    return r < 0 ? cli_fail(&err) : a->exit;
}

int cli_rootfs(int argc, char **argv)
{
    struct rootfs_arguments a = {.gc = {.keep_bytes = COLLECT_NOT_SAID},
                                 .older_ns = COLLECT_NOT_SAID};
    const char *word = argc > 1 ? argv[1] : NULL;
    const struct action *action;
    int code;

    if (word == NULL) {
        rootfs_print_help(stderr);
        return CUPEL_ERROR_INPUT;
    }
    if (str_eq(word, "-h") || str_eq(word, "--help")) {
        rootfs_print_help(stdout);
        return 0;
    }
    action = find_action(word);
    if (action == NULL)
        return unknown_action(word);
    if (!cli_parse(&action->command, argc - 1, argv + 1, &a, &a.words, &code))
        return code;
    /* argv[-1]: see main. A derived root is what a command leaves */
    code = cli_take_rights(argv - 1, action->run == rootfs_build || action->run == rootfs_lock
                                         ? CLI_RIGHTS_TO_RUN
                                         : CLI_RIGHTS_TO_STORE);
    return code != 0 ? code : run_action(action, &a);
}

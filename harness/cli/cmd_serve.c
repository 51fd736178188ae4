/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_serve: `cupel serve`: options into serve_options. */
#include "harness/cli/cli.h"
#include "harness/cli/cli_devices.h"
#include "harness/cli/options.h"
#include "harness/serve/server.h"

#include <string.h>

#define SLOTS_MAX 1024
#define QUEUE_DEFAULT 1000
#define QUEUE_MAX 100000
#define FILES_DEFAULT (UINT64_C(1) << 30)
#define KEPT_DEFAULT (UINT64_C(256) << 20)
#define GRACE_DEFAULT_NS (10 * NSEC_PER_SEC)
#define GRACE_MAX_NS (3600 * NSEC_PER_SEC)
#define MODE_DEFAULT "0600"

struct serve_arguments {
    struct cli_list roots, files, devices;
    const char *mode;
    int slots, queue; /* 0: not said */
    int ready;        /* -1: not said */
    int ready_all;    /* 0: not said */
    struct serve_options o;
};

#define FIELD(name) offsetof(struct serve_arguments, name)

static const struct cli_option options[] = {
    CLI_OPTION('\0', "socket", CLI_TEXT, FIELD(o.socket), "PATH",
               "where to listen; without it, on the socket that systemd hands over"),
    CLI_OPTION('\0', "mode", CLI_TEXT, FIELD(mode), "OCTAL",
               "permissions of that socket: who may write to it may run jobs (default: 0600)"),
    CLI_OPTION('\0', "group", CLI_TEXT, FIELD(o.group), "GROUP",
               "the group of that socket, with a mode such as 0660"),
    CLI_OPTION(
        '\0', "root", CLI_LIST, FIELD(roots), "NAME[=SOURCE]",
        "a root that jobs may name, made ready at the start: host, scratch, one in the cache, "
        "or what SOURCE is: a tar, a directory with an OCI image, image:REFERENCE; may be "
        "repeated (default: host and scratch)"),
    CLI_OPTION('\0', "files", CLI_LIST, FIELD(files), "DIR",
               "jobs may name files beneath this directory, an absolute path; no link in it is "
               "followed; may be repeated"),
    CLI_OPTION('\0', "slots", CLI_NUMBER, FIELD(slots), "N",
               "run up to N jobs at once (default: the number of CPUs)", .min = 1,
               .max = SLOTS_MAX),
    CLI_OPTION('\0', "ready", CLI_NUMBER, FIELD(ready), "N",
               "keep up to N sandboxes ready for each kind of job that came lately (default: as "
               "many as run at once)",
               .min = 0, .max = SLOTS_MAX),
    CLI_OPTION('\0', "ready-all", CLI_NUMBER, FIELD(ready_all), "N",
               "keep no more than N ready in all; kinds that came last have theirs first (default: "
               "twice --ready)",
               .min = 1, .max = SLOTS_MAX),
    CLI_OPTION('\0', "overcommit", CLI_FLAG, FIELD(o.overcommit), NULL,
               "start jobs at once though the sum of their limits cpu and memory is more than this "
               "machine has"),
    CLI_OPTION('\0', "queue", CLI_NUMBER, FIELD(queue), "N",
               "how many jobs may wait; more are refused with 429 (default: 1000)", .min = 1,
               .max = QUEUE_MAX),
    CLI_OPTION('\0', "cache-files", CLI_SIZE, FIELD(o.files_max), "SIZE",
               "keep up to so much of files that were sent (default: 1G)"),
    CLI_OPTION('\0', "keep", CLI_SIZE, FIELD(o.kept_max), "SIZE",
               "keep up to so much of logs and artifacts until they are fetched (default: 256M)"),
    CLI_OPTION('\0', "grace", CLI_DURATION, FIELD(o.grace_ns), "DURATION",
               "how long running jobs may go on when the server is told to end (default: 10s)",
               .min = 0, .max = GRACE_MAX_NS, .off = "none"),
    CLI_OPTION('\0', "nat", CLI_FLAG, FIELD(o.nat), NULL, "let jobs have `network: nat`"),
    CLI_OPTION('\0', "allow-host-network", CLI_FLAG, FIELD(o.allow_host_network), NULL,
               "let jobs with `network: host` use this machine's network"),
    CLI_ALLOW_DEVICE(FIELD(devices)),
};

static const struct cli_command command = {
    .name = "serve",
    .usage = "serve [--socket PATH] [options]",
    .about = "Runs jobs that come as JSON over HTTP on a Unix socket, and answers with their "
             "results as lines of results.jsonl as they come (docs/serve.md).",
    .after = "Exit status: 0 told to end (SIGTERM), 2 command line wrong, 3 cupel could not do its "
             "work.",
    .options = options,
    .n_options = ARRAY_SIZE(options),
};

/* Reads an octal mode of three digits, with or without a 0 before them. */
static bool read_mode(const char *text, uint32_t *ret)
{
    const char *digits = text[0] == '0' ? text + 1 : text;

    if (strlen(digits) != 3 || strspn(digits, "01234567") != 3)
        return false;
    *ret = (uint32_t)strtoul(digits, NULL, 8);
    return true;
}

/* Says whether each directory is named in full: it is compared with what jobs name. */
/* Returns the first directory that is no absolute path; NULL: all are. */
static const char *relative_of(const struct cli_list *dirs)
{
    for (size_t i = 0; i < dirs->n; i++)
        if (dirs->items[i][0] != '/')
            return dirs->items[i];
    return NULL;
}

static int serve(struct serve_arguments *a, char **full_argv)
{
    static const char *const none[] = {NULL};
    struct cupel_error err;
    int code = cli_allow_devices(&command, &a->devices, &a->o.allow_devices);

    if (code == 0 && !read_mode(a->mode, &a->o.mode))
        code = cli_wrong(&command, "--mode takes an octal mode such as 0660, not '%s'", a->mode);
    if (code == 0 && relative_of(&a->files) != NULL)
        code =
            cli_wrong(&command, "--files takes an absolute path, not '%s'", relative_of(&a->files));
    a->o.roots = a->roots.n > 0 ? a->roots.items : none;
    a->o.files = a->files.n > 0 ? a->files.items : none;
    a->o.slots = a->slots > 0 ? (unsigned)a->slots : own_limits_cpus();
    a->o.ready = a->ready >= 0 ? (unsigned)a->ready : a->o.slots;
    a->o.ready_all = a->o.ready == 0    ? 0
                     : a->ready_all > 0 ? (unsigned)a->ready_all
                                        : 2 * a->o.ready;
    a->o.ready_given = a->ready > 0 || a->ready_all > 0;
    if (code == 0 && a->o.ready > a->o.ready_all)
        code = cli_wrong(&command, "--ready %u is more than --ready-all %u", a->o.ready,
                         a->o.ready_all);
    if (code == 0 && a->o.slots + a->o.ready_all > SLOTS_MAX)
        code = cli_wrong(&command, "%u slots and %u sandboxes kept ready are more than %u in all",
                         a->o.slots, a->o.ready_all, SLOTS_MAX);
    a->o.queue = a->queue > 0 ? (unsigned)a->queue : QUEUE_DEFAULT;
    if (code == 0)
        code = cli_take_rights(full_argv, CLI_RIGHTS_TO_RUN);
    if (code == 0 && server_run(&a->o, &err) < 0)
        code = cli_fail(&err);
    return code;
}

int cli_serve(int argc, char **argv)
{
    struct serve_arguments a = {
        .mode = MODE_DEFAULT,
        .ready = -1,
        .o = {.files_max = FILES_DEFAULT, .kept_max = KEPT_DEFAULT, .grace_ns = GRACE_DEFAULT_NS}};
    struct cli_words words;
    int code;

    if (cli_parse(&command, argc, argv, &a, &words, &code))
        code = serve(&a, argv - 1); /* argv[-1] is the program's own name: see main */
    cli_list_free(&a.roots);
    cli_list_free(&a.files);
    cli_list_free(&a.devices);
    return code;
}

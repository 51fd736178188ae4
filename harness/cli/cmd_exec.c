/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_exec: `cupel exec`: the options of one command become a job. What the keys and values mean is
 * the job file's (jobs/given.c); here only which option stands for which key. */
#include "harness/cli/cli.h"
#include "harness/cli/cli_devices.h"
#include "harness/cli/options.h"
#include "harness/session/session.h"
#include "jobs/jobs.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define SAMPLE_MIN_NS (10 * NSEC_PER_MSEC)
#define SAMPLE_MAX_NS (3600 * NSEC_PER_SEC)
#define RESULT_FD_MAX 65535
#define JOB_NAME "exec"

struct exec_arguments {
    const char *root, *network, *user, *workdir, *timeout, *grace, *result;
    struct cli_list inputs, limits, env, artifacts, devices;
    int result_fd; /* 0: not said */
    struct exec_options o;
};

#define FIELD(name) offsetof(struct exec_arguments, name)

static const struct cli_option options[] = {
    CLI_OPTION(
        '\0', "root", CLI_TEXT, FIELD(root), "ROOT",
        "host (default), scratch, a name or key of the cache (cupel rootfs list), the path "
        "of a tar, image or directory (with a '/' in it), an image's PATH:TAG, or "
        "FILE.yaml:JOB: then all that the job file says of that job holds, and CMD takes the "
        "place of what it runs"),
    CLI_OPTION('\0', "input", CLI_LIST, FIELD(inputs), "P[:TO][:MODE]",
               "show the host's P to the command, at TO (default: P beneath the workdir); MODE is "
               "cow (default), ro or copy; may be repeated"),
    CLI_OPTION('\0', "limit", CLI_LIST, FIELD(limits), "K=V",
               "a limit as the job file has it: memory=512M, cpu-time=10s, io.read-bps=10M; may be "
               "repeated"),
    CLI_OPTION('\0', "timeout", CLI_TEXT, FIELD(timeout), "D",
               "end it after this long: short for --limit wall=D"),
    CLI_OPTION('\0', "grace", CLI_TEXT, FIELD(grace), "D",
               "how long it has between SIGTERM and SIGKILL (default: 2s)"),
    CLI_OPTION('\0', "network", CLI_TEXT, FIELD(network), "N",
               "none, loopback (default), nat or host"),
    CLI_OPTION('\0', "user", CLI_TEXT, FIELD(user), "U",
               "who it runs as in the sandbox (default: root)"),
    CLI_OPTION('\0', "env", CLI_LIST, FIELD(env), "K[=V]",
               "a variable of its environment; without '=', the value that it has here; may be "
               "repeated"),
    CLI_OPTION('\0', "workdir", CLI_TEXT, FIELD(workdir), "D",
               "where it starts (default: /work); a relative path is one from here"),
    CLI_OPTION('\0', "artifacts", CLI_TEXT, FIELD(o.artifacts), "DIR",
               "copy what --artifact names to this new or empty directory"),
    CLI_OPTION('\0', "artifact", CLI_LIST, FIELD(artifacts), "PATTERN",
               "files to be copied when it has ended: a path or a pattern, absolute or below "
               "--workdir; may "
               "be repeated"),
    CLI_OPTION('\0', "result", CLI_TEXT, FIELD(result), "FILE",
               "write verdict, evidence and figures to FILE, one line as in results.jsonl; fd:N is "
               "the descriptor N"),
    CLI_OPTION('\0', "result-fd", CLI_NUMBER, FIELD(result_fd), "N", "the same to a descriptor",
               .min = 3, .max = RESULT_FD_MAX),
    CLI_OPTION('\0', "name", CLI_TEXT, FIELD(o.name), "NAME", "its id in the result"),
    CLI_OPTION('\0', "sample", CLI_DURATION, FIELD(o.sample_ns), "DURATION",
               "note memory, CPU and processes that often, as the result's timeline (default: off)",
               .min = SAMPLE_MIN_NS, .max = SAMPLE_MAX_NS, .off = "off"),
    CLI_OPTION('t', "terminal", CLI_FLAG, FIELD(o.terminal), NULL,
               "give it a terminal of its own, whose other side is the one here"),
    CLI_OPTION('q', "quiet", CLI_FLAG, FIELD(o.quiet), NULL,
               "do not say which limit ended it; errors are told all the same"),
    CLI_OPTION('\0', "best-effort", CLI_FLAG, FIELD(o.best_effort), NULL,
               "even if this machine cannot hold a limit; each is named in the result"),
    CLI_OPTION('\0', "allow-host-network", CLI_FLAG, FIELD(o.allow_host_network), NULL,
               "let --network host use this machine's network"),
    CLI_ALLOW_DEVICE(FIELD(devices)),
};

static const struct cli_command command = {
    .name = "exec",
    .usage = "exec [options] -- CMD...",
    .about = "Runs one command in a job's sandbox, with the limits of a job, and the caller's "
             "standard input, output and error. There is no report directory, and nothing of the "
             "command is left when it has ended.",
    .after =
        "Exit status: that of the command, and 128 + N if signal N ended it. 240 timeout, 241 "
        "cpu-limit, 242 memory-limit, 243 pids-limit, 244 disk-limit, 245 output-limit, 246 an "
        "input that is refused. 127 there is no such program, 126 it cannot be executed; 2 the "
        "command line is wrong, 3 cupel could not do its work. A command may end with any of "
        "these itself: --result tells them apart.",
    .options = options,
    .n_options = ARRAY_SIZE(options),
    .max_words = 0,
    .takes_command = true,
};

/* What is handed to the loader, and the texts that it points to. */
struct making {
    struct exec_arguments *a;
    struct arena *arena;
    struct jobs_given given;
    struct jobs_given_value *values;
    size_t n_values;
    struct jobs_given_input *inputs;
};

/* ---- options to keys ---- */

static void add_value(struct making *m, const char *option, const char *key, const char *entry,
                      const char *value, bool is_text)
{
    if (value == NULL)
        return;
    m->values[m->n_values++] = (struct jobs_given_value){
        .option = option, .key = key, .entry = entry, .value = value, .is_text = is_text};
}

static void add_plain(struct making *m, const char *option, const char *key, const char *entry,
                      const char *value, bool is_text)
{
    if (value != NULL)
        add_value(m, arena_printf(m->arena, "--%s %s", option, value), key, entry, value, is_text);
}

/* K=V; 0, or the exit code. */
static int add_limit(struct making *m, const char *text)
{
    const char *equals = strchr(text, '=');

    if (equals == NULL || equals == text || equals[1] == '\0')
        return cli_wrong(&command, "--limit takes KEY=VALUE such as memory=512M, got '%s'", text);
    add_value(m, arena_printf(m->arena, "--limit %s", text), "limits",
              arena_strndup(m->arena, text, (size_t)(equals - text)), equals + 1, false);
    return 0;
}

static int add_env(struct making *m, const char *text)
{
    const char *equals = strchr(text, '=');
    const char *option;

    if (equals == text || *text == '\0')
        return cli_wrong(&command, "--env takes NAME or NAME=VALUE, got '%s'", text);
    option = arena_printf(m->arena, "--env %.*s",
                          (int)(equals != NULL ? (size_t)(equals - text) : strlen(text)), text);
    if (equals == NULL)
        add_value(m, option, "env", text, getenv(text), true);
    else
        add_value(m, option, "env", arena_strndup(m->arena, text, (size_t)(equals - text)),
                  equals + 1, true);
    return 0;
}

static bool exists(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0;
}

/* ---- inputs ---- */

static const char *cut_mode(struct making *m, const char **text)
{
    static const char *const modes[] = {"cow", "ro", "copy"};
    const char *colon = strrchr(*text, ':');

    for (size_t i = 0; colon != NULL && colon != *text && i < ARRAY_SIZE(modes); i++)
        if (str_eq(colon + 1, modes[i])) {
            *text = arena_strndup(m->arena, *text, (size_t)(colon - *text));
            return modes[i];
        }
    return NULL;
}

/* The last colon before a path: one from the root, or from here. */
static const char *find_place(const char *text)
{
    const char *found = NULL;

    for (const char *p = strchr(text, ':'); p != NULL; p = strchr(p + 1, ':'))
        if (p != text && (p[1] == '/' || p[1] == '.'))
            found = p;
    return found;
}

/* A path of the sandbox: one that is relative is meant from here. */
static const char *job_path(struct making *m, const char *path)
{
    cleanup_free char *here = path[0] != '/' ? getcwd(NULL, 0) : NULL;

    return here != NULL ? arena_printf(m->arena, "%s/%s", here, path) : path;
}

/* What stands where a mode would and is none, behind a place in the sandbox. */
static const char *find_no_mode(const char *to)
{
    const char *colon = strrchr(to, ':');

    return colon != NULL && strchr(colon, '/') == NULL ? colon + 1 : NULL;
}

/* P[:TO][:MODE]; 0, or the exit code. */
static int add_input(struct making *m, const char *text)
{
    struct jobs_given_input *in = &m->inputs[m->given.n_inputs++];
    const char *colon;

    in->option = arena_printf(m->arena, "--input %s", text);
    in->mode = cut_mode(m, &text);
    colon = find_place(text);
    if (in->mode == NULL && colon != NULL && find_no_mode(colon + 1) != NULL)
        return cli_wrong(&command, "%s: '%s' is no mode of an input: cow, ro or copy", in->option,
                         find_no_mode(colon + 1));
    if (in->mode == NULL && colon == NULL && strchr(text, ':') != NULL && !exists(text))
        return cli_wrong(&command,
                         "%s: there is no such file, and what stands behind the colon is neither "
                         "a place (it begins with '/' or '.') nor a mode (cow, ro, copy)",
                         in->option);
    in->from = colon != NULL ? arena_strndup(m->arena, text, (size_t)(colon - text)) : text;
    in->to = colon != NULL ? job_path(m, colon + 1) : NULL;
    /* `.` and `src` go beneath the workdir; for what lies elsewhere there is no such place but its
     * own */
    if (in->to == NULL && (in->from[0] == '/' || str_starts(in->from, "..")))
        in->to = in->from[0] == '/' ? in->from : NULL;
    return 0;
}

/* ---- the root ---- */

static bool is_job_file(const char *path, size_t n)
{
    return (n > 5 && strncmp(path + n - 5, ".yaml", 5) == 0) ||
           (n > 4 && strncmp(path + n - 4, ".yml", 4) == 0);
}

/* FILE.yaml:JOB; the name may have colons, and so may the file's. */
static const char *find_job_of_file(const char *root)
{
    for (const char *p = strchr(root, ':'); p != NULL; p = strchr(p + 1, ':'))
        if (p[1] != '\0' && is_job_file(root, (size_t)(p - root)))
            return p;
    return NULL;
}

static const char *absolute(struct making *m, const char *path)
{
    cleanup_free char *real = realpath(path, NULL);

    return arena_strdup(m->arena, real != NULL ? real : path);
}

static void choose_path(struct making *m, const char *root)
{
    struct jobs_root *r = &m->given.root;
    const char *colon = strrchr(root, ':');

    *r = (struct jobs_root){.name = JOB_NAME, .kind = JOBS_ROOT_PATH};
    if (!exists(root) && colon != NULL && colon != root && colon[1] != '\0') {
        r->tag = colon + 1;
        root = arena_strndup(m->arena, root, (size_t)(colon - root));
    }
    r->path = absolute(m, root);
}

/* 0, or the exit code. */
static int choose_root(struct making *m)
{
    const char *root = m->a->root, *colon = root != NULL ? find_job_of_file(root) : NULL;

    m->given.job = JOB_NAME;
    if (root == NULL)
        return 0;
    if (colon == NULL && is_job_file(root, strlen(root)) && exists(root))
        return cli_wrong(&command, "--root %s is a job file: say which of its jobs, --root %s:JOB",
                         root, root);
    if (colon != NULL) {
        m->given.file = arena_strndup(m->arena, root, (size_t)(colon - root));
        m->given.job = colon + 1;
    } else if (str_eq(root, "host") || str_eq(root, "scratch")) {
        add_plain(m, "root", "rootfs", NULL, root, true);
    } else if (strchr(root, '/') != NULL) {
        choose_path(m, root);
    } else {
        m->given.root = (struct jobs_root){.name = root, .kind = JOBS_ROOT_CACHED};
    }
    return 0;
}

/* ---- all of it ---- */

/* Fills m->given; 0, or the exit code. */
static int make_given(struct making *m, const struct cli_words *words)
{
    struct exec_arguments *a = m->a;
    int code = choose_root(m);

    m->values =
        arena_alloc(m->arena, (8 + a->limits.n + a->env.n) * sizeof(struct jobs_given_value));
    m->inputs = arena_alloc(m->arena, (a->inputs.n + 1) * sizeof(struct jobs_given_input));
    add_plain(m, "network", "network", NULL, a->network, true);
    add_plain(m, "user", "user", NULL, a->user, false);
    add_plain(m, "workdir", "workdir", NULL, a->workdir != NULL ? job_path(m, a->workdir) : NULL,
              true);
    add_plain(m, "timeout", "limits", "wall", a->timeout, false);
    add_plain(m, "grace", "timeout-grace", NULL, a->grace, false);
    for (size_t i = 0; code == 0 && i < a->limits.n; i++)
        code = add_limit(m, a->limits.items[i]);
    for (size_t i = 0; code == 0 && i < a->env.n; i++)
        code = add_env(m, a->env.items[i]);
    for (size_t i = 0; code == 0 && i < a->inputs.n; i++)
        code = add_input(m, a->inputs.items[i]);
    m->given.values = m->values;
    m->given.n_values = m->n_values;
    m->given.inputs = m->inputs;
    m->given.command = words->command;
    m->given.artifacts = a->artifacts.items;
    return code;
}

static int check_arguments(const struct exec_arguments *a, const struct cli_words *words)
{
    if (words->command == NULL)
        return cli_wrong(&command, "cupel exec takes a command after '--'");
    if (a->result != NULL && a->result_fd != 0)
        return cli_wrong(&command, "--result and --result-fd exclude each other");
    if ((a->o.artifacts != NULL) != (a->artifacts.n > 0))
        return cli_wrong(&command, "--artifacts DIR and --artifact PATTERN go together");
    if (a->o.terminal && (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)))
        return cli_wrong(&command,
                         "-t takes a terminal as standard input and output, and there is none");
    return 0;
}

/* A descriptor of the caller's; looked at before we open any of our own. */
static int take_descriptor(struct exec_arguments *a)
{
    const char *text = a->result;
    long fd = a->result_fd;
    char *end;
    int flags;

    if (text != NULL && str_eq(text, "-"))
        return cli_wrong(&command, "--result -: standard output is the command's; fd:3 with 3>&1 "
                                   "is that as well, and ./- a file of this name");
    if (text != NULL && str_starts(text, "fd:")) {
        fd = strtol(text + 3, &end, 10);
        if (text[3] < '0' || text[3] > '9' || *end != '\0' || fd < 3 || fd > RESULT_FD_MAX)
            return cli_wrong(&command, "--result fd:N takes a descriptor from 3 to %d, got '%s'",
                             RESULT_FD_MAX, text);
    }
    if (fd == 0)
        return 0;
    flags = fcntl((int)fd, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
        return cli_wrong(&command, "descriptor %ld is not open for writing", fd);
    a->o.result = (int)fd;
    return 0;
}

/* Emptied before anything runs: what an earlier command left there is not to be taken for this
 * one's. */
static int open_result(struct exec_arguments *a)
{
    struct cupel_error err;

    if (a->o.result >= 0)
        (void)fcntl(a->o.result, F_SETFD, FD_CLOEXEC);
    if (a->result == NULL || a->o.result >= 0)
        return 0;
    a->o.result = open(a->result, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC, 0644);
    if (a->o.result >= 0)
        return 0;
    (void)cupel_error_set(&err, CUPEL_ERROR_INPUT, errno, "cannot write '%s'", a->result);
    return cli_fail(&err);
}

static int run_given(struct making *m, const struct cli_words *words)
{
    cleanup_strbuf struct strbuf problems = {0};
    struct jobs_plan *plan = NULL;
    struct jobs_job *job;
    struct cupel_error err;
    int code = make_given(m, words), r;

    if (code != 0)
        return code;
    if (jobs_load_given(&m->given, &plan, &job, &problems, &err) < 0) {
        if (problems.data != NULL)
            (void)fputs(problems.data, stderr);
        return cli_fail(&err);
    }
    m->a->o.plan = plan;
    m->a->o.job = job;
    r = session_exec(&m->a->o, &code, &err);
    if (r == -ENOENT && m->given.root.kind == JOBS_ROOT_CACHED && exists(m->a->root))
        cupel_error_hint(&err, "what lies here is told by a slash: --root ./%s", m->a->root);
    if (r < 0)
        code = cli_fail(&err);
    jobs_plan_free(plan);
    return code;
}

static int exec_arguments(struct exec_arguments *a, const struct cli_words *words, char **full_argv)
{
    struct making m = {.a = a};
    int code = check_arguments(a, words);

    if (code == 0)
        code = take_descriptor(a);
    if (code == 0)
        code = cli_allow_devices(&command, &a->devices, &a->o.allow_devices);
    if (code == 0)
        code = cli_take_rights(full_argv, CLI_RIGHTS_TO_RUN);
    if (code == 0)
        code = open_result(a);
    if (code != 0)
        return code;
    m.arena = arena_new();
    code = run_given(&m, words);
    arena_free(m.arena);
    return code;
}

int cli_exec(int argc, char **argv)
{
    struct exec_arguments a = {.o = {.result = -EBADF}};
    struct cli_list *const lists[] = {&a.inputs, &a.limits, &a.env, &a.artifacts, &a.devices};
    struct cli_words words;
    int code;

    if (cli_parse(&command, argc, argv, &a, &words, &code))
        code = exec_arguments(&a, &words, argv - 1);
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
        cli_list_free(lists[i]);
    return code;
}

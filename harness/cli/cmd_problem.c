/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_problem: `cupel problem verify`: has `cupel run` run what a problem package holds, reads what
 * came of it from results.jsonl, and says which of its promises the package does not keep. What it
 * promises is jobs/packages'. */
#include "base/program.h"
#include "harness/cli/cli.h"
#include "harness/cli/options.h"
#include "jobs/problem_packages.h"

#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define EXIT_BROKEN 1
#define EXIT_UNJUDGED 3
#define SLOTS_MAX 1024

struct problem_arguments {
    const char *image, *out;
    int slots; /* 0: not said */
    bool calibrate;
};

#define FIELD(name) offsetof(struct problem_arguments, name)

static const struct cli_option options[] = {
    CLI_OPTION('j', "jobs", CLI_NUMBER, FIELD(slots), "N",
               "run up to N at once (default: the number of CPUs)", .min = 1, .max = SLOTS_MAX),
    CLI_OPTION('\0', "calibrate", CLI_FLAG, FIELD(calibrate), NULL,
               "run one at a time, so that times are those of a quiet machine"),
    CLI_OPTION('\0', "image", CLI_TEXT, FIELD(image), "IMAGE",
               "the image that submissions and validators run in (default: `host`)"),
    CLI_OPTION('\0', "out", CLI_TEXT, FIELD(out), "DIR",
               "where reports and logs go (default: cupel-out)"),
};

static const struct cli_command command = {
    .name = "problem",
    .usage = "problem verify DIR [options]",
    .about = "Runs what a problem package (Kattis, ICPC) has in submissions/ against what its "
             "folders and submissions.yaml promise, its validators against the data that they "
             "have to accept or to reject, and says which time limits the times of its "
             "submissions allow.",
    .after = "Exit status: 0 all is as promised, 1 something is not, 2 DIR is no package, or asks "
             "for what cannot be done here, 3 something could not be judged.",
    .options = options,
    .n_options = ARRAY_SIZE(options),
    .min_words = 2,
    .max_words = 2,
    .words = "verify, and a package's directory",
};

/* ---- the run ---- */

/* A file in memory, of which a child has a descriptor. */
static int memory_file(const char *name, const void *data, size_t len)
{
    int fd = memfd_create(name, MFD_CLOEXEC), r;

    if (fd < 0)
        return -errno;
    r = file_write_all(fd, data, len);
    if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
        r = -errno;
    if (r == 0)
        return fd;
    (void)close(fd);
    return r;
}

/* Becomes `cupel run` of the job file that is in `text`; what it shows goes to `said`. */
static _Noreturn void become_run(const struct problem_arguments *a, int text, int said,
                                 pid_t parent)
{
    cleanup_free char *slots = xasprintf("%d", a->calibrate ? 1 : a->slots);
    const char *argv[] = {"cupel", "run", "-", "--out", a->out, "-j", slots, NULL};

    if (!a->calibrate && a->slots == 0)
        argv[5] = NULL;
    program_die_with(parent);
    if (dup2(text, STDIN_FILENO) < 0 || dup2(said, STDOUT_FILENO) < 0 ||
        dup2(said, STDERR_FILENO) < 0)
        _exit(EXIT_UNJUDGED);
    (void)execv("/proc/self/exe", (char *const *)argv);
    _exit(EXIT_UNJUDGED);
}

/* Runs it; the run's exit code, or a negative errno. Ctrl-C is the run's, which cleans up. */
static int run_text(const struct problem_arguments *a, const struct strbuf *text, int said)
{
    cleanup_close int fd = memory_file("cupel.yaml", text->data, text->len);
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    pid_t parent = getpid(), pid;
    int status = 0, r = 0;

    if (fd < 0)
        return fd;
    (void)sigaction(SIGINT, &ignore, &before);
    pid = fork();
    if (pid == 0) {
        (void)sigaction(SIGINT, &before, NULL);
        become_run(a, fd, said, parent);
    }
    if (pid < 0)
        r = -errno;
    while (pid > 0 && waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) {
            r = -errno;
            break;
        }
    (void)sigaction(SIGINT, &before, NULL);
    return r < 0 ? r : WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_UNJUDGED;
}

/* Shows what the run has said. */
static void show_said(int said)
{
    cleanup_free char *text = NULL;
    size_t len = 0;

    if (lseek(said, 0, SEEK_SET) == 0 && file_read_fd(said, (size_t)64 << 20, &text, &len) == 0 &&
        fwrite(text, 1, len, stderr) < len)
        clearerr(stderr); /* there is nobody to tell */
}

/* ---- what came of it ---- */

static const char *text_of(const json_t *line, const char *key)
{
    return json_string_value(json_object_get(line, key));
}

static uint64_t scaled(const json_t *number, double unit)
{
    double v = json_number_value(number) * unit;

    return v > 0 && v < 1e18 ? (uint64_t)(v + 0.5) : 0;
}

static void note_line(struct jobs_package_check *check, const json_t *line)
{
    const json_t *score = json_object_get(line, "score"), *exit = json_object_get(line, "exit");
    const char *submission = text_of(line, "submission"), *staff, *all;
    struct jobs_package_outcome o = {
        .id = text_of(line, "id"),
        .verdict = text_of(line, "verdict"),
        .exit = json_is_integer(exit) ? (int)json_integer_value(exit) : -1,
        .cpu_ns = scaled(json_object_get(json_object_get(line, "usage"), "cpu_seconds"), 1e9),
    };
    cleanup_free char *messages = NULL;

    if (submission != NULL && json_is_number(score))
        jobs_package_check_score(check, submission, scaled(score, 1000));
    if (o.id == NULL || o.verdict == NULL || text_of(line, "step") != NULL)
        return;
    staff = text_of(line, "message_for_staff");
    all = text_of(line, "message_for_all");
    if (staff != NULL || all != NULL)
        messages = xasprintf("%s\n%s", staff != NULL ? staff : "", all != NULL ? all : "");
    o.messages = messages;
    jobs_package_check_note(check, &o);
}

static int read_results(const char *path, struct jobs_package_check *check, struct cupel_error *err)
{
    cleanup_free char *line = NULL;
    cleanup_fclose FILE *f = fopen(path, "re");
    size_t room = 0;

    if (f == NULL)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot open %s", path);
    while (getline(&line, &room, f) > 0) {
        json_t *object = json_loads(line, 0, NULL);

        if (json_is_object(object))
            note_line(check, object);
        json_decref(object);
    }
    if (ferror(f) != 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, EIO, "cannot read %s", path);
    return 0;
}

static int say_found(struct jobs_package_check *check)
{
    cleanup_strbuf struct strbuf text = {0};
    struct jobs_package_found found = jobs_package_check_say(check, &text);

    (void)fputs(text.data, stdout);
    if (found.n_broken > 0)
        (void)printf("%zu %s not kept\n", found.n_broken,
                     found.n_broken == 1 ? "promise is" : "promises are");
    if (found.n_unjudged > 0)
        (void)printf("%zu could not be judged\n", found.n_unjudged);
    if (fflush(stdout) != 0)
        return EXIT_UNJUDGED;
    return found.n_unjudged > 0 ? EXIT_UNJUDGED : found.n_broken > 0 ? EXIT_BROKEN : 0;
}

/* Whether the file has been written since. */
static bool is_written(const char *path, const struct stat *before)
{
    struct stat now;

    return stat(path, &now) == 0 &&
           (now.st_ino != before->st_ino || now.st_mtim.tv_sec != before->st_mtim.tv_sec ||
            now.st_mtim.tv_nsec != before->st_mtim.tv_nsec);
}

static int verify(const struct problem_arguments *a, const struct strbuf *text,
                  struct jobs_package_check *check)
{
    cleanup_free char *path = xasprintf("%s/results.jsonl", a->out);
    cleanup_close int said = memory_file("said", "", 0);
    struct cupel_error err;
    struct stat before;
    int r;

    if (stat(path, &before) < 0)
        before = (struct stat){0};
    r = said < 0 ? said : run_text(a, text, said);
    if (r < 0) {
        (void)cupel_error_set(&err, CUPEL_ERROR_HARNESS, r, "cannot start the run");
        return cli_fail(&err);
    }
    /* 3 is also said of a run whose jobs have all been run, some of them with an error */
    if (r > 1) {
        show_said(said);
        if (r != EXIT_UNJUDGED || !is_written(path, &before))
            return r;
    }
    if (read_results(path, check, &err) < 0)
        return cli_fail(&err);
    return say_found(check);
}

int cli_problem(int argc, char **argv)
{
    _cleanup_(jobs_converted_free) struct jobs_converted made = {0};
    struct problem_arguments arguments = {.out = "cupel-out"};
    struct jobs_package_check *check = NULL;
    struct jobs_packaging what = {0};
    struct cupel_error err;
    struct cli_words words;
    int code, r;

    if (!cli_parse(&command, argc, argv, &arguments, &words, &code))
        return code;
    if (!str_eq(words.word[0], "verify"))
        return cli_wrong(&command, "a problem can be verified, not '%s'", words.word[0]);
    what.path = words.word[1];
    what.image = arguments.image;
    r = jobs_package_check_write(&what, &made, &check, &err);
    (void)fputs(made.notes.data != NULL ? made.notes.data : "", stderr);
    if (r < 0)
        return cli_fail(&err);
    if (made.n_jobs == 0) {
        (void)cupel_error_set(&err, CUPEL_ERROR_INPUT, 0, "%s has no submissions", what.path);
        code = cli_fail(&err);
    } else {
        code = verify(&arguments, &made.text, check);
    }
    jobs_package_check_free(check);
    return code;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* outside: what only the outside of a job can tell: processes that outlived it, what lies where its
 * artifacts are, what the reports say and whether they can be read. */
#include "base/weaken.h"
#include "harness/selftest/selftest_private.h"
#include "harness/selftest/selftest_xml.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* ---- processes ---- */

/* "123 (name) S ...": one that is alive and has the scene's token as its name. */
static bool is_marked(const struct selftest_scene *s, int proc, const char *pid)
{
    cleanup_free char *path = xasprintf("%s/stat", pid), *name = xasprintf("(%s) ", s->token);
    cleanup_close int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    char stat[128] = "", *at;

    if (fd < 0 || read(fd, stat, sizeof(stat) - 1) <= 0)
        return false;
    at = strstr(stat, name);
    return at != NULL && strchr("ZX", at[strlen(name)]) == NULL;
}

/* The first of them on this host. */
static pid_t look_for_marked(const struct selftest_scene *s)
{
    DIR *dir = opendir("/proc");
    struct dirent *e;
    pid_t found = 0;

    while (found == 0 && dir != NULL && (e = readdir(dir)) != NULL)
        if (e->d_name[0] >= '1' && e->d_name[0] <= '9' && is_marked(s, dirfd(dir), e->d_name))
            found = (pid_t)strtol(e->d_name, NULL, 10);
    if (dir != NULL)
        (void)closedir(dir);
    return found;
}

/* A process that always changes its pid may slip through a look, and on a slow machine through
 * several. */
#define LOOKS 24

static pid_t find_marked(const struct selftest_scene *s)
{
    pid_t found = 0;

    for (int look = 0; found == 0 && look < LOOKS; look++)
        found = look_for_marked(s);
    return found;
}

void judge_processes(const struct selftest_scene *s, const struct selftest_probe *p,
                     struct verdict *v)
{
    pid_t pid = find_marked(s);

    (void)p;
    if (pid != 0)
        verdict_set(v, OUTCOME_BREACH, "process %d lives on after its job", (int)pid);
    else
        verdict_set(v, OUTCOME_HELD, "no process of it is left on the host");
}

/* Its holder would sleep for 20 s. */
#define PROMPTLY 10.0

void judge_pipe(const struct selftest_scene *s, const struct selftest_probe *p, struct verdict *v)
{
    const json_t *usage = json_object_get(json_object_get(s->results, p->name), "usage");
    double wall = json_number_value(json_object_get(usage, "wall_seconds"));

    judge_processes(s, p, v);
    if (v->outcome == OUTCOME_HELD && wall > PROMPTLY)
        verdict_set(v, OUTCOME_BREACH, "the job took %.1f s: it ended with its pipe", wall);
    else if (v->outcome == OUTCOME_HELD)
        verdict_set(v, OUTCOME_HELD, "the job ended with its process, after %.3f s", wall);
}

/* Waits for the program itself, then for the end of its output: what holds that open has outlived
 * it. */
static int run_program(const struct selftest_scene *s, const struct selftest_probe *p,
                       bool *ret_held_open)
{
    struct pollfd end;
    int ends[2], status = 0;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    pid = fork();
    if (pid == 0) {
        char *const argv[] = {(char *)(uintptr_t)s->options->probes, (char *)(uintptr_t)p->name,
                              NULL};

        (void)setenv("SELFTEST_TOKEN", s->token, 1);
        if (dup2(ends[1], STDOUT_FILENO) >= 0)
            (void)execv(argv[0], argv);
        _exit(127);
    }
    (void)close(ends[1]);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    end = (struct pollfd){.fd = ends[0], .events = POLLIN};
    for (char buf[512];
         poll(&end, 1, 100) > 0;) /* an upper bound of nothing: an end of file is there already */
        if (read(ends[0], buf, sizeof(buf)) <= 0)
            break;
    *ret_held_open = (end.revents & (POLLHUP | POLLERR)) == 0;
    (void)close(ends[0]);
    return pid < 0 ? -EAGAIN : status;
}

void judge_unboxed(struct selftest_scene *s, const struct selftest_probe *p)
{
    struct verdict *v = &s->verdicts[p - probe_table];
    bool held_open = false;
    int status = run_program(s, p, &held_open);

    if (status != 0) {
        verdict_set(v, OUTCOME_FAILED, "the probe could not be run without a sandbox (status %d)",
                    status);
        return;
    }
    judge_processes(s, p, v);
    if (p->judge == judge_pipe && held_open)
        verdict_set(v, OUTCOME_BREACH, "a process holds the output open");
    /* by group, since one of them changes its pid faster than one can look */
    for (pid_t pid, group; (pid = find_marked(s)) != 0;) {
        group = getpgid(pid);
        if (group > 1 && group != getpgrp())
            (void)kill(-group, SIGKILL);
        else
            (void)kill(pid, SIGKILL);
    }
}

void judge_cleanup(const struct selftest_scene *s, const struct selftest_probe *p,
                   struct verdict *v)
{
    judge_processes(s, p, v);
    if (v->outcome == OUTCOME_BREACH)
        return;
    if (s->runs_left > 0)
        verdict_set(v, OUTCOME_BREACH, "runs that were not removed from the store: %zu",
                    s->runs_left);
    else if (s->mount_left != NULL)
        verdict_set(v, OUTCOME_BREACH, "the host has a new mount: %.150s", s->mount_left);
    else
        verdict_set(v, OUTCOME_HELD, "no process, no mount, no directory of a run");
}

/* ---- artifacts ---- */

struct finding {
    size_t files;
    size_t others;    /* whatever is neither a regular file nor a directory */
    size_t linked;    /* files with a second name */
    uint64_t on_disk; /* bytes */
    bool secret;
};

static void outside_look_at(const struct selftest_scene *s, int dir, const char *name,
                            struct finding *f)
{
    cleanup_close int fd = -EBADF;
    cleanup_free char *secret = xasprintf("secret-%s", s->token);
    char text[64] = "";
    struct stat st;

    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    if (!S_ISREG(st.st_mode)) {
        f->others++;
        return;
    }
    f->files++;
    f->linked += st.st_nlink > 1;
    f->on_disk += (uint64_t)st.st_blocks * 512;
    fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 && strstr(text, secret) != NULL)
        f->secret = true;
}

static void look_below(const struct selftest_scene *s, int dir, struct finding *f)
{
    DIR *list = fdopendir(dir);
    struct dirent *e;

    if (list == NULL) {
        (void)close(dir);
        return;
    }
    while ((e = readdir(list)) != NULL) {
        int sub;

        if (file_is_dot(e->d_name))
            continue;
        sub = openat(dirfd(list), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (sub >= 0)
            look_below(s, sub, f);
        else
            outside_look_at(s, dirfd(list), e->d_name, f);
    }
    (void)closedir(list);
}

static struct finding find_artifacts(const struct selftest_scene *s, const struct selftest_probe *p)
{
    cleanup_free char *path = xasprintf("%s/artifacts/%s", s->out, p->name);
    struct finding f = {0};
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (dir >= 0)
        look_below(s, dir, &f);
    return f;
}

void judge_secret(const struct selftest_scene *s, const struct selftest_probe *p, struct verdict *v)
{
    struct finding f = find_artifacts(s, p);

    if (f.secret)
        verdict_set(v, OUTCOME_BREACH, "a file of the host's was copied to the artifacts");
    else if (f.files + f.others > 0)
        verdict_set(v, OUTCOME_BREACH, "what is no file of the job's is among its artifacts");
    else
        verdict_set(v, OUTCOME_HELD, "nothing was copied");
}

void judge_no_artifact(const struct selftest_scene *s, const struct selftest_probe *p,
                       struct verdict *v)
{
    judge_secret(s, p, v);
}

/* As the probe makes them. */
#define LINKED_NAMES 32
#define LINKED_BYTES (UINT64_C(512) * 1024)

void judge_hard_link(const struct selftest_scene *s, const struct selftest_probe *p,
                     struct verdict *v)
{
    struct finding f = find_artifacts(s, p);
    char text[UNIT_TEXT_SIZE];

    if (f.files != LINKED_NAMES || f.others > 0)
        verdict_set(v, OUTCOME_FAILED, "%zu artifacts where %d were to be", f.files, LINKED_NAMES);
    else if (f.on_disk / LINKED_NAMES > LINKED_BYTES / 2 && f.linked == 0)
        verdict_set(v, OUTCOME_BREACH, "each name is a file of its own: %s of disk",
                    unit_format_size(f.on_disk, text));
    else
        verdict_set(v, OUTCOME_HELD, "%zu names of one file", f.linked);
}

/* More than a result lists, with room to spare. */
#define LISTED_BYTES_MAX ((size_t)2 << 20)

void judge_long_names(const struct selftest_scene *s, const struct selftest_probe *p,
                      struct verdict *v)
{
    const json_t *list = json_object_get(json_object_get(s->results, p->name), "artifacts"), *item;
    char text[UNIT_TEXT_SIZE];
    size_t i, bytes = 0;

    json_array_foreach(list, i, item) bytes += json_string_length(json_object_get(item, "path"));
    if (bytes > LISTED_BYTES_MAX)
        verdict_set(v, OUTCOME_BREACH, "%s of names are in the result",
                    unit_format_size(bytes, text));
    else if (bytes == 0)
        verdict_set(v, OUTCOME_FAILED, "no artifact was listed");
    else
        verdict_set(v, OUTCOME_HELD, "%s of names are in the result",
                    unit_format_size(bytes, text));
}

void judge_sparse(const struct selftest_scene *s, const struct selftest_probe *p, struct verdict *v)
{
    struct finding f = find_artifacts(s, p);
    char text[UNIT_TEXT_SIZE];

    if (f.files != 1)
        verdict_set(v, OUTCOME_FAILED, "%zu artifacts where one was to be", f.files);
    else if (f.on_disk > s->sparse_bytes / 2)
        verdict_set(v, OUTCOME_BREACH, "its holes take %s of disk",
                    unit_format_size(f.on_disk, text));
    else
        verdict_set(v, OUTCOME_HELD, "it takes %s of disk", unit_format_size(f.on_disk, text));
}

/* ---- reports ---- */

static const char *job_verdict(const struct selftest_scene *s, const char *job)
{
    const char *verdict =
        json_string_value(json_object_get(json_object_get(s->results, job), "verdict"));

    return verdict != NULL ? verdict : "none";
}

void judge_json(const struct selftest_scene *s, const struct selftest_probe *p, struct verdict *v)
{
    if (s->bad_lines > 0)
        verdict_set(v, OUTCOME_BREACH, "%zu lines of results.jsonl are no JSON, or come twice",
                    s->bad_lines);
    else if (json_object_get(s->results, "forged") != NULL)
        verdict_set(v, OUTCOME_BREACH, "results.jsonl has a result that the job wrote");
    else
        verdict_set(v, OUTCOME_HELD, "every line of results.jsonl is a result of its own: %s",
                    job_verdict(s, p->name));
}

/* Says whether an element has that name as an attribute, which is one text. */
static bool is_named(const xmlNode *element, const char *name)
{
    for (const xmlAttr *a = element->properties; a != NULL; a = a->next)
        if (str_eq((const char *)a->name, "name") && a->children != NULL &&
            a->children->next == NULL && a->children->content != NULL)
            return str_eq((const char *)a->children->content, name);
    return false;
}

static size_t count_suites(const xmlNode *node, const char *name)
{
    size_t n = 0;

    for (; node != NULL; node = node->next) {
        n += node->type == XML_ELEMENT_NODE && str_eq((const char *)node->name, "testsuite") &&
             is_named(node, name);
        n += count_suites(node->children, name);
    }
    return n;
}

void judge_xml(const struct selftest_scene *s, const struct selftest_probe *p, struct verdict *v)
{
    cleanup_free char *path = xasprintf("%s/junit.xml", s->out);
    xmlDoc *doc = xmlReadFile(
        path, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_HUGE);

    if (doc == NULL) {
        verdict_set(v, OUTCOME_BREACH, "junit.xml is not well-formed");
        return;
    }
    if (count_suites(xmlDocGetRootElement(doc), "forged") > 0)
        verdict_set(v, OUTCOME_BREACH, "junit.xml has a test suite that the job wrote");
    else if (count_suites(xmlDocGetRootElement(doc), p->name) != 1)
        verdict_set(v, OUTCOME_BREACH, "junit.xml does not have the job's own test suite");
    else
        verdict_set(v, OUTCOME_HELD, "junit.xml is well-formed and has every suite once");
    xmlFreeDoc(doc);
}

void judge_names(const struct selftest_scene *s, const struct selftest_probe *p, struct verdict *v)
{
    judge_xml(s, p, v);
    if (v->outcome == OUTCOME_HELD && s->bad_lines > 0)
        verdict_set(v, OUTCOME_BREACH, "results.jsonl cannot be read");
    else if (v->outcome == OUTCOME_HELD && find_artifacts(s, p).files == 0)
        verdict_set(v, OUTCOME_FAILED, "no artifact was copied");
}

void judge_terminal(const struct selftest_scene *s, const struct selftest_probe *p,
                    struct verdict *v)
{
    size_t lines = 0;

    (void)p;
    for (size_t i = 0; i < s->console_len; i++) {
        unsigned char c = (unsigned char)s->console[i];

        lines += c == '\n';
        if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f ||
            (c == 0xc2 && i + 1 < s->console_len && (unsigned char)s->console[i + 1] < 0xa0) ||
            (c == 0xe2 && i + 2 < s->console_len && (unsigned char)s->console[i + 1] == 0x80 &&
             (unsigned char)s->console[i + 2] == 0xae)) {
            verdict_set(v, OUTCOME_BREACH, "byte %#x of a job's output reached the terminal", c);
            return;
        }
    }
    verdict_set(v, lines > 0 ? OUTCOME_HELD : OUTCOME_FAILED, "no control character in %zu lines",
                lines);
}

/* The line of a verdict starts with the verdict; what a job printed is shown behind a margin. */
static bool is_printed(const struct selftest_scene *s, const char *text)
{
    const char *found = s->console != NULL ? strstr(s->console, text) : NULL;

    return found != NULL && (found == s->console || found[-1] == '\n');
}

void judge_forged(const struct selftest_scene *s, const struct selftest_probe *p, struct verdict *v)
{
    if (s->bad_lines > 0 || !str_eq(job_verdict(s, p->name), "failed"))
        verdict_set(v, OUTCOME_BREACH, "the verdict is %s where failed was to be",
                    job_verdict(s, p->name));
    else if (is_printed(s, "        PASS [   0.001s] forged-verdict") ||
             is_printed(s, "ok 1 - forged-verdict") || is_printed(s, "::endgroup::"))
        verdict_set(v, OUTCOME_BREACH, "what the job printed looks like a verdict on the screen");
    else
        verdict_set(v, OUTCOME_HELD, "the verdict is failed, once");
}

void judge_exit(const struct selftest_scene *s, const struct selftest_probe *p, struct verdict *v)
{
    const json_t *result = json_object_get(s->results, p->name);
    int wanted = str_eq(p->name, "exit-124") ? 124 : 137;

    if (!str_eq(job_verdict(s, p->name), "failed") ||
        json_integer_value(json_object_get(result, "exit")) != wanted)
        verdict_set(v, OUTCOME_BREACH, "exit %d became the verdict %s", wanted,
                    job_verdict(s, p->name));
    else
        verdict_set(v, OUTCOME_HELD, "exit %d is a failure with that exit code", wanted);
}

/* Had it run, cupel would have answered the unknown command. */
void judge_self_exe(const struct selftest_scene *s, const struct selftest_probe *p,
                    struct verdict *v)
{
    static const char *const streams[] = {"stdout", "stderr"};
    const json_t *evidence = json_object_get(json_object_get(s->results, p->name), "evidence");

    for (size_t i = 0; i < ARRAY_SIZE(streams); i++) {
        cleanup_free char *path = xasprintf("%s/logs/%s.%s", s->out, p->name, streams[i]),
                          *text = NULL;
        size_t len;

        if (file_read_at(AT_FDCWD, path, 1 << 20, &text, &len) == 0 &&
            strstr(text, "cupel") != NULL) {
            verdict_set(v, OUTCOME_BREACH, "a job has run the harness's own program");
            return;
        }
    }
    if (str_eq(job_verdict(s, p->name), "passed"))
        verdict_set(v, OUTCOME_BREACH, "the script was executed");
    else
        verdict_set(v, OUTCOME_HELD, "%s",
                    json_string_value(evidence) != NULL ? json_string_value(evidence)
                                                        : "not executed");
}

/* setpriority(2) to a lower value is the host's root's alone: what an ordinary user is started
 * with, the jobs have. */
void judge_nice(const struct selftest_scene *s, const struct selftest_probe *p, struct verdict *v)
{
    (void)s;
    (void)p;
    if (ids_mapped() < UINT32_MAX && v->outcome == OUTCOME_BREACH)
        verdict_set(v, OUTCOME_UNTESTED, "an ordinary user cannot take a nice value back");
}

/* Says whether we may keep jobs from lowering their OOM score: nobody may go below what a process
 * with CAP_SYS_RESOURCE has set. A hard limit that is raised takes the same right. */
static bool may_hold_scores(void)
{
    const struct rlimit low = {0, 0}, higher = {1, 1};
    int status = 0;
    pid_t pid = _Fork();

    if (pid == 0)
        _exit(setrlimit(RLIMIT_CORE, &low) < 0 || setrlimit(RLIMIT_CORE, &higher) < 0);
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

void judge_oom_score(const struct selftest_scene *s, const struct selftest_probe *p,
                     struct verdict *v)
{
    (void)s;
    (void)p;
    if (v->outcome == OUTCOME_BREACH && strstr(v->detail, "can be lowered") != NULL &&
        !may_hold_scores())
        verdict_set(v, OUTCOME_UNTESTED,
                    "without CAP_SYS_RESOURCE cupel cannot keep a job from lowering it again");
}

/* The hard limit that a job has where nothing is said (docs/job-file.md). */
#define DEFAULT_OPEN_FILES 4096

/* Judges the probe of resource limits: jobs cannot have more open files than the user, or the
 * container, that started us. */
void judge_resource_limits(const struct selftest_scene *s, const struct selftest_probe *p,
                           struct verdict *v)
{
    struct rlimit own;

    (void)s;
    (void)p;
    if (v->outcome == OUTCOME_BREACH && getrlimit(RLIMIT_NOFILE, &own) == 0 &&
        own.rlim_max < DEFAULT_OPEN_FILES)
        verdict_set(v, OUTCOME_UNTESTED, "cupel itself may open no more than %llu files here",
                    (unsigned long long)own.rlim_max);
}

/* ---- time ---- */

/* Beyond the longest wall limit of these probes, for a machine that is busy; without the walls a
 * set-up ends after 5 s. */
#define LATE_S 3.0

/* Judges whether the job was ended, or had ended, within its wall limit. */
void judge_late(const struct selftest_scene *s, const struct selftest_probe *p, struct verdict *v)
{
    const json_t *result = json_object_get(s->results, p->name);
    double wall =
        json_number_value(json_object_get(json_object_get(result, "usage"), "wall_seconds"));

    if (wall > 1.0 + LATE_S)
        verdict_set(v, OUTCOME_BREACH, "ended only after %.1f s, with %s", wall, p->limits);
    else
        verdict_set(v, OUTCOME_HELD, "ended after %.1f s, with %s", wall, p->limits);
}

/* ---- limits around a job ---- */

/* With a sanitizer, PID 1 is larger than what the group leaves to a job whose memory is in no
 * process: then no order among them helps. */
#ifdef __SANITIZE_ADDRESS__
#define HARNESS_IS_LARGE true
#else
#define HARNESS_IS_LARGE false
#endif

/* Judges whether an enclosing group's limit was told as such, and struck the job. */
void judge_around(const struct selftest_scene *s, const struct selftest_probe *p, struct verdict *v)
{
    const json_t *evidence = json_object_get(json_object_get(s->results, p->name), "evidence");
    const char *verdict = job_verdict(s, p->name), *why = json_string_value(evidence);
    bool took_harness =
        str_eq(verdict, "error") && why != NULL &&
        (strstr(why, "died of signal 9") != NULL || strstr(why, "killed its PID 1") != NULL ||
         strstr(why, "PID 1 vanished: killed by signal 9") != NULL);

    if (str_eq(verdict, "memory-limit"))
        verdict_set(v, OUTCOME_BREACH, "another's limit was called the job's: %s",
                    why != NULL ? why : "");
    else if (str_eq(verdict, "error") && why != NULL &&
             str_starts(why, "not the job's own limit") && strstr(why, "killed its PID 1") == NULL)
        verdict_set(v, OUTCOME_HELD, "%s", why);
    else if (took_harness && HARNESS_IS_LARGE && !weakened("oom-order"))
        verdict_set(v, OUTCOME_UNTESTED, "a sanitizer makes the harness larger than the job: %s",
                    why);
    else if (took_harness)
        verdict_set(v, OUTCOME_BREACH, "the kernel took the harness in its place: %s", why);
    else
        verdict_set(v, OUTCOME_FAILED, "%s: %s", verdict, why != NULL ? why : "");
}

/* ---- ids ---- */

static bool read_map(const struct selftest_scene *s, const char *job, unsigned long *ret_base)
{
    cleanup_free char *path = xasprintf("%s/logs/%s.stdout", s->out, job), *text = NULL;
    unsigned long inside;
    const char *at;
    size_t len;

    if (file_read_at(AT_FDCWD, path, 1 << 20, &text, &len) < 0)
        return false;
    at = strstr(text, "uid_map ");
    return at != NULL && sscanf(at + strlen("uid_map "), "%lu %lu", &inside, ret_base) == 2;
}

void judge_ids(const struct selftest_scene *s, const struct selftest_probe *p, struct verdict *v)
{
    unsigned long neighbours, own;

    if (!read_map(s, "neighbour", &neighbours) || !read_map(s, p->name, &own))
        verdict_set(v, OUTCOME_UNTESTED, "a job did not tell its ids");
    else if (neighbours != own)
        verdict_set(v, OUTCOME_HELD, "ids from %lu on and from %lu on", neighbours, own);
    else if (ids_mapped() < UINT32_MAX)
        verdict_set(v, OUTCOME_UNTESTED,
                    "without the host's rights all jobs have the ids of one user");
    else
        verdict_set(v, OUTCOME_BREACH, "two jobs at the same time have the ids from %lu on", own);
}

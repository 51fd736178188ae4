/* SPDX-License-Identifier: Apache-2.0 */
/* lost: what a job wrote and the store lost must not be a pass. The judge runs this program once
 * more, over a store that is too small for what its job writes, in a mount namespace of its own. */
#include "harness/sandbox/sandbox.h"
#include "harness/selftest/selftest_private.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define STORE "size=40m"
/* More than that, and more than its memory: the kernel writes it out while the job runs. */
static const char job_file[] = "cupel: 1\n"
                               "jobs: {writes: {limits: {memory: 24M, wall: 1m}, "
                               "run: \"head -c 80M /dev/zero | tr '\\\\0' x >/big\"}}\n";

/* This program, which runs from a copy that nobody may execute (cli/seal.c): from one more. */
static void execute_self(char *const argv[])
{
    extern char **environ;
    int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    int to = memfd_create("cupel", MFD_CLOEXEC);
    ssize_t n = from < 0 || to < 0 ? -1 : 1;

    while (n > 0)
        n = sendfile(to, from, NULL, 1 << 24);
    if (n == 0)
        (void)fexecve(to, argv, environ);
}

_Noreturn static void run_in(const char *store, char *file, char *out)
{
    char *const argv[] = {"cupel", "run", "--out", out, file, NULL};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (null >= 0 && dup2(null, 0) == 0 && dup2(null, 1) == 1 && dup2(null, 2) == 2 &&
        unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
        mkdir(store, 0755) == 0 &&
        mount("tmpfs", store, "tmpfs", MS_NODEV | MS_NOSUID, STORE) == 0 &&
        setenv("CUPEL_CACHE", store, 1) == 0)
        execute_self(argv);
    _exit(127);
}

/* Reads the line of the one job of a run, behind the run's own; NULL: there is none. */
static json_t *read_result(const char *out)
{
    cleanup_free char *path = xasprintf("%s/results.jsonl", out);
    FILE *f = fopen(path, "re");
    json_t *line = NULL;
    json_error_t ignored;

    while (f != NULL && (line = json_loadf(f, JSON_DISABLE_EOF_CHECK, &ignored)) != NULL &&
           json_object_get(line, "verdict") == NULL)
        json_decref(line);
    if (f != NULL)
        (void)fclose(f);
    return line;
}

static void judge_result(json_t *result, int status, struct verdict *v)
{
    const char *verdict = json_string_value(json_object_get(result, "verdict"));
    const char *evidence = json_string_value(json_object_get(result, "evidence"));

    if (verdict == NULL)
        verdict_set(v, OUTCOME_UNTESTED,
                    "a run over a store of its own gave no result (wait status 0x%x)",
                    (unsigned)status);
    else if (!str_eq(verdict, "error"))
        verdict_set(v, OUTCOME_BREACH, "the verdict is %s, and what the job wrote is lost",
                    verdict);
    else if (evidence != NULL && strstr(evidence, "was lost") != NULL)
        verdict_set(v, OUTCOME_HELD, "%.150s", evidence);
    else
        verdict_set(v, OUTCOME_UNTESTED, "%.150s",
                    evidence != NULL ? evidence : "an error without evidence");
}

void judge_lost_writes(const struct selftest_scene *s, const struct selftest_probe *p,
                       struct verdict *v)
{
    cleanup_free char *store = xasprintf("%s/small", s->dir),
                      *out = xasprintf("%s/out-lost", s->dir);
    cleanup_free char *file = xasprintf("%s/lost.yaml", s->dir);
    struct sandbox_privilege privilege;
    json_t *result;
    int status = 0;
    pid_t pid;

    (void)p;
    sandbox_privilege_find(&privilege);
    if (!privilege.host) {
        verdict_set(v, OUTCOME_UNTESTED, "without root jobs have no disks of their own");
        return;
    }
    if (file_write_atomic_at(AT_FDCWD, file, job_file, strlen(job_file), 0644) < 0) {
        verdict_set(v, OUTCOME_UNTESTED, "cannot write %s", file);
        return;
    }
    pid = fork();
    if (pid == 0)
        run_in(store, file, out);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    result = read_result(out);
    judge_result(result, status, v);
    json_decref(result);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* examine: runs every probe of the table, each in a child that has a few seconds, and gathers what
 * they find. Knows nothing of any capability. */
#include "harness/doctor/doctor_private.h"
#include "harness/rights/rights.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define PROBE_SECONDS                                                                              \
    30 /* the first start of a Perl or Python program on a slow machine takes longer than 10 */

/* ---- one probe ---- */

static void probe_main(const struct doctor_context *ctx, const struct doctor_probe *probe,
                       int answer)
{
    struct doctor_finding f = {.state = DOCTOR_MISSING};

    /* so that whatever it starts ends with it, and a ^C ends the doctor alone */
    (void)setpgid(0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    probe->run(ctx, probe, &f);
    _exit(file_write_all(answer, &f, sizeof(f)) < 0);
}

/* Reads the whole answer before the deadline; false when it did not come. */
static bool receive(int fd, uint64_t deadline, struct doctor_finding *f, bool *ret_late)
{
    size_t got = 0;

    while (got < sizeof(*f)) {
        uint64_t now = clock_monotonic_ns();
        struct pollfd p = {.fd = fd, .events = POLLIN};
        ssize_t n = 0;

        *ret_late = now >= deadline;
        if (*ret_late)
            return false;
        if (poll(&p, 1, (int)((deadline - now) / NSEC_PER_MSEC) + 1) > 0)
            n = read(fd, (char *)f + got, sizeof(*f) - got);
        else
            continue;
        if (n <= 0)
            return false;
        got += (size_t)n;
    }
    return true;
}

/* A child that even SIGKILL does not end (it hangs in the kernel) is left to init. */
static int end_child(pid_t pid, bool kill_it)
{
    const struct timespec pause = {.tv_nsec = 5 * 1000 * 1000};
    int status = 0;

    if (kill_it)
        (void)kill(pid, SIGKILL);
    (void)kill(-pid, SIGKILL);
    for (int i = 0; i < 400; i++) {
        if (waitpid(pid, &status, WNOHANG) != 0)
            return status;
        (void)nanosleep(&pause, NULL);
    }
    return status;
}

void doctor_probe_bounded(const struct doctor_context *ctx, const struct doctor_probe *probe,
                          unsigned seconds, struct doctor_finding *ret_finding)
{
    struct doctor_finding f = {.state = DOCTOR_MISSING};
    bool answered, late = false;
    int ends[2], status;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) < 0 || (pid = _Fork()) < 0) {
        doctor_missing(ret_finding, errno, "cannot try it");
        return;
    }
    if (pid == 0) {
        (void)close(ends[0]);
        probe_main(ctx, probe, ends[1]);
    }
    (void)close(ends[1]);
    (void)setpgid(pid, pid); /* here too: who comes first */
    answered = receive(ends[0], clock_monotonic_ns() + seconds * NSEC_PER_SEC, &f, &late);
    (void)close(ends[0]);
    status = end_child(pid, true);
    if (late)
        doctor_missing(&f, 0, "no answer within %u s", seconds);
    else if (!answered)
        doctor_missing(&f, 0, "the trial ended by signal %d",
                       WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    if (f.state != DOCTOR_WORKS && f.remedy[0] == '\0')
        doctor_remedy(&f, "%s",
                      strstr(f.detail, strerror(EPERM)) != NULL && process_is_chrooted()
                          ? CHROOT_REMEDY
                          : probe->remedy);
    *ret_finding = f;
}

/* ---- all of them ---- */

static int try_rights(void *data)
{
    (void)rights_take(NULL, data);
    return 0;
}

/* Acquires rights the way `cupel run` does. What is refused may leave a process half-way, so
 * another one tries it first, and says what it met in memory that both see. */
static void take_rights(struct doctor_context *ctx)
{
    struct cupel_error *err =
        mmap(NULL, sizeof(*err), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (err == MAP_FAILED)
        return;
    if (run_forked(try_rights, err) != 0)
        (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, 0,
                              "the trial of a user namespace broke off");
    ctx->rights_error = *err;
    (void)munmap(err, sizeof(*err));
    if (ctx->rights_error.kind == CUPEL_ERROR_NONE)
        (void)rights_take(&ctx->lack, &ctx->rights_error);
}

static void examine_context_open(struct doctor_context *ctx)
{
    *ctx = (struct doctor_context){0};
    take_rights(ctx);
    sandbox_privilege_find(&ctx->privilege);
    if (cache_open(&ctx->cache, &ctx->cache_error) < 0)
        ctx->cache = NULL;
    if (cgroup_detect(&ctx->host, &ctx->host_error) < 0)
        ctx->host = NULL;
    groups_try(ctx);
}

static void examine_context_close(struct doctor_context *ctx)
{
    free(ctx->lack);
    if (ctx->cache != NULL)
        cache_close(ctx->cache);
    if (ctx->host != NULL)
        cgroup_host_free(ctx->host);
}

/* What the table says of a probe to a caller with the rights of the host's root, or without. */
static struct doctor_row row_of(const struct doctor_probe *probe, bool root)
{
    bool of_root = probe->need == OPTIONAL_OF_ROOT || probe->need == REQUIRED_OF_ROOT;
    bool of_user = probe->need == OPTIONAL_OF_USER || probe->need == REQUIRED_OF_USER;

    return (struct doctor_row){
        .id = probe->id,
        .name = probe->name,
        .needed_by = probe->needed_by,
        .required =
            probe->need == REQUIRED || probe->need == (root ? REQUIRED_OF_ROOT : REQUIRED_OF_USER),
        .of_others = root ? of_user : of_root,
    };
}

void doctor_examine(struct doctor_report *ret_report)
{
    struct doctor_report report = {.n = doctor_table_count,
                                   .rows = xcalloc(doctor_table_count, sizeof(*report.rows))};
    struct doctor_context ctx;

    examine_context_open(&ctx);
    for (size_t i = 0; i < report.n; i++) {
        report.rows[i] = row_of(&doctor_table[i], ctx.privilege.host);
        doctor_probe_bounded(&ctx, &doctor_table[i], PROBE_SECONDS, &report.rows[i].finding);
    }
    examine_context_close(&ctx);
    *ret_report = report;
}

void doctor_report_free(struct doctor_report *report)
{
    free(report->rows);
    *report = (struct doctor_report){0};
}

bool doctor_can_run(const struct doctor_report *report)
{
    bool can = true;

    for (size_t i = 0; i < report->n; i++)
        can = can && !(report->rows[i].required && report->rows[i].finding.state == DOCTOR_MISSING);
    return can;
}

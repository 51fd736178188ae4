/* SPDX-License-Identifier: Apache-2.0 */
/* steps: the set-up sequence, read top to bottom: what each step is called in the error that it
 * raises, and what else than the harness and the machine can make it fail. What the steps do stands
 * in the tables of start.c, init.c and command.c. */
#include "harness/sandbox/slot/steps.h"
#include "harness/sandbox/init/init_report.h"
#include "harness/sandbox/init/setup_step.h"
#include "harness/sandbox/sandbox.h"

#include <string.h>

/* What lies in the root or in an input, be it as an earlier job left it. */
#define FILES (SANDBOX_BY_ROOT | SANDBOX_BY_JOBS)
/* Each command's own part is charged to the job from `payload-cgroup` on. */
#define PAID SANDBOX_BY_MEMORY

static const struct {
    const char *name;
    unsigned causes; /* bits of enum sandbox_cause */
} step_table[SETUP_STEP_COUNT] = {
    [SETUP_ID_MAP_LAYERS] = {"id-map-layers", 0},
    [SETUP_UPPER] = {"upper-filesystem", 0},
    [SETUP_DEVICES] = {"device-nodes", 0},
    [SETUP_INPUTS] = {"open-inputs", 0},
    [SETUP_PIPES] = {"pipes", 0},
    [SETUP_CLONE] = {"clone", 0},
    [SETUP_ID_MAP] = {"id-map", 0},
    [SETUP_NETWORK] = {"network", 0},
    [SETUP_DESCRIPTORS] = {"descriptors", 0},
    [SETUP_IDENTITY] = {"identity", 0},
    [SETUP_SESSION] = {"session", 0},
    [SETUP_HOSTNAME] = {"hostname", 0},
    [SETUP_OVERLAY] = {"overlay", 0},
    [SETUP_INPUT_OVERLAYS] = {"input-overlays", 0},
    [SETUP_KERNEL_MOUNTS] = {"kernel-mounts", 0},
    [SETUP_TIME] = {"time-offset", 0},
    [SETUP_BORROW] = {"borrow", 0},
    [SETUP_PIVOT] = {"pivot", 0},
    [SETUP_VIEWS] = {"views", FILES},
    [SETUP_DEV] = {"dev", FILES},
    [SETUP_PROC] = {"proc", FILES},
    [SETUP_PROC_MASKS] = {"proc-masks", 0},
    [SETUP_SYS] = {"sys", FILES},
    [SETUP_USER] = {"user", SANDBOX_BY_ROOT},
    [SETUP_ATTACH_INPUTS] = {"attach-inputs", FILES},
    [SETUP_SECRET_FILES] = {"secret-files", FILES},
    [SETUP_ETC] = {"etc", FILES},
    [SETUP_HOME] = {"home", FILES},
    [SETUP_WORKDIR] = {"workdir", FILES | SANDBOX_BY_STEPS},
    [SETUP_LOOPBACK] = {"loopback", 0},
    [SETUP_TERMINAL] = {"terminal", 0},
    [SETUP_DISK] = {"disk", 0},
    [SETUP_CONTROLLING_TERMINAL] = {"controlling-terminal", 0},
    [SETUP_STDIO] = {"stdio", 0},
    [SETUP_PAYLOAD] = {"payload-cgroup", 0},
    [SETUP_CGROUP_NAMESPACE] = {"cgroup-namespace", PAID},
    [SETUP_LANDLOCK] = {"landlock", PAID},
    [SETUP_CLOSE_FDS] = {"close-fds", PAID},
    [SETUP_RESOURCE_LIMITS] = {"resource-limits", PAID},
    [SETUP_BOUNDING_SET] = {"bounding-set", PAID},
    [SETUP_IDS] = {"ids", PAID},
    [SETUP_CAPABILITIES] = {"capabilities", PAID},
    [SETUP_NO_NEW_PRIVS] = {"no-new-privs", PAID},
    [SETUP_CHDIR] = {"chdir", FILES | SANDBOX_BY_STEPS | PAID},
    [SETUP_SECCOMP] = {"seccomp", PAID},
    [SETUP_EXEC] = {"exec", 0},
};

size_t sandbox_step_count(void)
{
    return SETUP_STEP_COUNT;
}

const char *sandbox_step_name(size_t i)
{
    return i < SETUP_STEP_COUNT ? step_table[i].name : "unknown";
}

#define FAILED "set-up step '%s' failed"

static int failed(struct cupel_error *err, const char *step, int errnum, const char *detail)
{
    return cupel_error_set(err, CUPEL_ERROR_HARNESS, errnum, FAILED "%s%s", step,
                           detail[0] != '\0' ? " on " : "", detail);
}

int steps_error(struct cupel_error *err, enum setup_step step, int errnum, const char *detail)
{
    return failed(err, sandbox_step_name(step), errnum, detail != NULL ? detail : "");
}

void steps_name(struct cupel_error *err, enum setup_step step)
{
    cupel_error_prefix(err, FAILED, sandbox_step_name(step));
}

int sandbox_setup_error(const struct sandbox_event *event, struct cupel_error *err)
{
    return failed(err, event->what, event->errnum, event->detail);
}

/* Whether this error tells of the machine or of the harness, whatever the step looked at. */
static bool is_of_machine(int errnum)
{
    static const int machine[] = {EIO,   ENFILE, EMFILE, ENOSPC, EDQUOT, EAGAIN,    EINTR, ENOSYS,
                                  EBADF, EFAULT, EPIPE,  EPROTO, ESRCH,  ECANCELED, EBUSY, ENOMEM};

    for (size_t i = 0; i < ARRAY_SIZE(machine); i++)
        if (errnum == machine[i])
            return true;
    return false;
}

unsigned steps_causes(size_t step, int errnum)
{
    unsigned causes = step < SETUP_STEP_COUNT ? step_table[step].causes : 0;

    if (errnum == ENOMEM)
        return causes & SANDBOX_BY_MEMORY;
    return is_of_machine(errnum) ? 0 : causes & ~(unsigned)SANDBOX_BY_MEMORY;
}

static uint32_t progress_at(const struct sandbox_job *job)
{
    return job->progress != NULL ? atomic_load_explicit(&job->progress->at, memory_order_relaxed)
                                 : 0;
}

bool sandbox_may_have_begun(const struct sandbox_job *job)
{
    return progress_at(job) == SETUP_EXEC && (job->hold < 0 || job->went);
}

const char *sandbox_setup_at(const struct sandbox_job *job)
{
    uint32_t at = progress_at(job);

    return at == PROGRESS_LEFTOVERS ? "leftovers" : sandbox_step_name(at);
}

const char *sandbox_init_end(int code)
{
    switch (code) {
    case INIT_EXIT_DONE:
        return "its work done";
    case INIT_EXIT_TOLD:
        return "which it has said why";
    case INIT_EXIT_NO_ORDER:
        return "without an order that it knows";
    case INIT_EXIT_NO_SIGNALS:
        return "without a descriptor for signals";
    default:
        return code > INIT_EXIT_UNHEARD ? strerror(code - INIT_EXIT_UNHEARD)
                                        : "which is none of its own";
    }
}

int steps_fault(void)
{
#ifdef CUPEL_FAULT_INJECTION
    const char *wanted = getenv("CUPEL_FAULT");

    for (int i = 0; wanted != NULL && i < SETUP_STEP_COUNT; i++)
        if (str_eq(wanted, step_table[i].name))
            return i;
#endif
    return -1;
}

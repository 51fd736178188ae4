/* steps: the names of the set-up sequence, read top to bottom. Each step names itself in the error that it raises. */
#include "harness/sandbox/private.h"

static const char *const step_names[SETUP_STEP_COUNT] = {
    [SETUP_ID_MAP_LAYERS] = "id-map-layers",
    [SETUP_UPPER] = "upper-filesystem",
    [SETUP_DEVICES] = "device-nodes",
    [SETUP_INPUTS] = "open-inputs",
    [SETUP_PIPES] = "pipes",
    [SETUP_CLONE] = "clone",
    [SETUP_ID_MAP] = "id-map",
    [SETUP_NETWORK] = "network",
    [SETUP_DESCRIPTORS] = "descriptors",
    [SETUP_IDENTITY] = "identity",
    [SETUP_SESSION] = "session",
    [SETUP_HOSTNAME] = "hostname",
    [SETUP_OVERLAY] = "overlay",
    [SETUP_INPUT_OVERLAYS] = "input-overlays",
    [SETUP_KERNEL_MOUNTS] = "kernel-mounts",
    [SETUP_BORROW] = "borrow",
    [SETUP_PIVOT] = "pivot",
    [SETUP_VIEWS] = "views",
    [SETUP_DEV] = "dev",
    [SETUP_PROC] = "proc",
    [SETUP_PROC_MASKS] = "proc-masks",
    [SETUP_SYS] = "sys",
    [SETUP_ATTACH_INPUTS] = "attach-inputs",
    [SETUP_ETC] = "etc",
    [SETUP_USER] = "user",
    [SETUP_WORKDIR] = "workdir",
    [SETUP_LOOPBACK] = "loopback",
    [SETUP_TERMINAL] = "terminal",
    [SETUP_DISK] = "disk",
    [SETUP_CONTROLLING_TERMINAL] = "controlling-terminal",
    [SETUP_STDIO] = "stdio",
    [SETUP_PAYLOAD] = "payload-cgroup",
    [SETUP_CGROUP_NAMESPACE] = "cgroup-namespace",
    [SETUP_LANDLOCK] = "landlock",
    [SETUP_CLOSE_FDS] = "close-fds",
    [SETUP_RESOURCE_LIMITS] = "resource-limits",
    [SETUP_BOUNDING_SET] = "bounding-set",
    [SETUP_IDS] = "ids",
    [SETUP_CAPABILITIES] = "capabilities",
    [SETUP_NO_NEW_PRIVS] = "no-new-privs",
    [SETUP_CHDIR] = "chdir",
    [SETUP_SECCOMP] = "seccomp",
    [SETUP_EXEC] = "exec",
};

size_t sandbox_step_count(void)
{
    return SETUP_STEP_COUNT;
}

const char *sandbox_step_name(size_t i)
{
    return i < SETUP_STEP_COUNT ? step_names[i] : "unknown";
}

int steps_fault(void)
{
#ifdef CUPEL_FAULT_INJECTION
    const char *wanted = getenv("CUPEL_FAULT");

    for (int i = 0; wanted != NULL && i < SETUP_STEP_COUNT; i++)
        if (str_eq(wanted, step_names[i]))
            return i;
#endif
    return -1;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* killed_call: see killed_call.h. The form of the record: audit_seccomp() and audit_log_task() in
 * kernel/auditsc.c. What a process chooses itself, its name and its program's, is written in
 * quotes, or in hexadecimal where it has any in it. */
#include "harness/attempt/killed_call.h"

#include "harness/sandbox/sandbox.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

/* A busy log is read no further. */
#define RECORDS_MAX 4096
#define WAIT_MS 50

static bool number_after(const char *text, const char *key, int base, unsigned long *ret)
{
    const char *at = strstr(text, key);
    char *end;

    if (at == NULL)
        return false;
    at += strlen(key);
    *ret = strtoul(at, &end, base);
    return end != at;
}

/* "5,1234,5678,-;audit: type=1326 audit(...): auid=1 uid=65536 ... sig=31 arch=c000003e syscall=110
 * ...": of facility 0, which is the kernel alone. */
bool killed_call_take(const char *record, uint32_t id_base, char ret[static KILLED_CALL_SIZE])
{
    const char *text = strchr(record, ';');
    unsigned long uid, architecture, call;
    cleanup_free char *name = NULL;

    if (text == NULL || strtoul(record, NULL, 10) >= 8 || !str_starts(text, ";audit: type=1326 ") ||
        !number_after(text, " uid=", 10, &uid) || uid < id_base ||
        uid - id_base >= SANDBOX_ID_COUNT ||
        !number_after(text, " sig=31 arch=", 16, &architecture) ||
        !number_after(text, " syscall=", 10, &call))
        return false;
    name = sandbox_call_name((uint32_t)architecture, (int)call);
    if (name != NULL)
        (void)snprintf(ret, KILLED_CALL_SIZE, "%s", name);
    else
        (void)snprintf(ret, KILLED_CALL_SIZE, "number %lu of architecture 0x%lx", call,
                       architecture);
    return true;
}

void killed_call_find(int log, uint32_t id_base, char ret[static KILLED_CALL_SIZE])
{
    struct pollfd p = {.fd = log, .events = POLLIN};
    bool found = false;
    char record[8192];

    ret[0] = '\0';
    if (log < 0 || id_base == 0) /* the jobs of a user are all that user's */
        return;
    for (int i = 0; i < RECORDS_MAX; i++) {
        ssize_t n = read(log, record, sizeof(record) - 1);

        if (n < 0 && (errno == EPIPE || errno == EINVAL || errno == EINTR))
            continue; /* records were lost, or one is too long */
        if (n <= 0 && (found || poll(&p, 1, WAIT_MS) <= 0))
            return;
        if (n <= 0)
            continue;
        record[n] = '\0';
        record[strcspn(record, "\n")] = '\0';
        found |= killed_call_take(record, id_base, ret);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_finding: how a probe puts into words what it has found. Not responsible for showing it
 * (doctor_print.c). */
#include "harness/doctor/doctor_private.h"

#include <string.h>

BASE_PRINTF(3, 0)
static void set_detail(struct doctor_finding *f, enum doctor_state state, const char *fmt,
                       va_list ap)
{
    f->state = state;
    (void)vsnprintf(f->detail, sizeof(f->detail), fmt, ap);
}

void doctor_works(struct doctor_finding *f, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    set_detail(f, DOCTOR_WORKS, fmt, ap);
    va_end(ap);
}

void doctor_degraded(struct doctor_finding *f, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    set_detail(f, DOCTOR_DEGRADED, fmt, ap);
    va_end(ap);
}

void doctor_missing(struct doctor_finding *f, int errnum, const char *fmt, ...)
{
    size_t used;
    va_list ap;

    va_start(ap, fmt);
    set_detail(f, DOCTOR_MISSING, fmt, ap);
    va_end(ap);
    used = strlen(f->detail);
    errnum = errnum < 0 ? -errnum : errnum;
    if (errnum != 0)
        (void)snprintf(f->detail + used, sizeof(f->detail) - used, ": %s", strerror(errnum));
    if (errnum == EPERM && process_is_chrooted()) {
        doctor_remedy(f, CHROOT_REMEDY);
    } else if (errnum == EPERM || errnum == EACCES) {
        struct sandbox_privilege privilege;

        sandbox_privilege_find(&privilege);
        if (!privilege.host)
            doctor_remedy(f, DOCTOR_BE_ROOT);
    }
}

void doctor_missing_error(struct doctor_finding *f, const struct cupel_error *err)
{
    doctor_missing(f, 0, "%s", err->message);
    if (err->hint[0] != '\0')
        doctor_remedy(f, "%s", err->hint);
}

void doctor_remedy(struct doctor_finding *f, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(f->remedy, sizeof(f->remedy), fmt, ap);
    va_end(ap);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_networks: probes of what the networks of jobs take of the kernel. */
#include "harness/doctor/doctor_private.h"
#include "harness/sandbox/sandbox.h"

#include <fcntl.h>
#include <sched.h>

/* pasta's end of a job's interface, as a run gives it to pasta. */
void probe_tun(const struct doctor_context *ctx, const struct doctor_probe *probe,
               struct doctor_finding *f)
{
    struct cupel_error err;
    bool own;

    (void)probe;
    if (sandbox_tun_check(&ctx->privilege, &own, &err) < 0)
        doctor_missing_error(f, &err);
    else
        doctor_works(f, "%s",
                     own ? "a node of pasta's own: the host's is for root only" : "/dev/net/tun");
}

/* Makes a bridge as a run does; who is not root has the rights in a user namespace. */
void probe_bridge(const struct doctor_context *ctx, const struct doctor_probe *probe,
                  struct doctor_finding *f)
{
    cleanup_close int ns = -EBADF;
    struct cupel_error err;

    (void)ctx;
    (void)probe;
    if (geteuid() != 0 && unshare(CLONE_NEWUSER) < 0)
        doctor_missing(f, errno, "cannot make a user namespace to try it in");
    else if (sandbox_bridge_open(&ns, &err) < 0)
        doctor_missing(f, 0, "%s", err.message);
    else
        doctor_works(f, "in a network namespace of their own");
}

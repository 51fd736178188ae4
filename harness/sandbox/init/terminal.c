/* SPDX-License-Identifier: Apache-2.0 */
/* terminal: a pseudo-terminal for a job, made in the job's own devpts, so that its name is real
 * inside and nothing of the host's or the caller's terminals is. Its master goes out to the harness
 * over the control socket. Runs between clone and exec: no malloc, no stdio. */
#include "harness/sandbox/init/terminal.h"
#include "harness/sandbox/init/init_context.h"
#include "harness/sandbox/init/init_report.h"
#include "harness/sandbox/sandbox.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>

int terminal_make(int pts, unsigned short rows, unsigned short columns, uint32_t uid,
                  int *ret_master, int *ret_slave)
{
    cleanup_close int master = openat(pts, "ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC),
                      slave = -EBADF;
    const struct winsize size = {.ws_row = rows, .ws_col = columns};
    int unlock = 0;

    if (master < 0 || ioctl(master, TIOCSPTLCK, &unlock) < 0)
        return -errno;
    /* no name to resolve in a hostile root */
    slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0 || fchown(slave, uid, (gid_t)-1) < 0 || ioctl(master, TIOCSWINSZ, &size) < 0)
        return -errno;
    *ret_master = steal_fd(&master);
    *ret_slave = steal_fd(&slave);
    return 0;
}

int setup_terminal(struct init_context *ctx)
{
    const struct init_report report = {.kind = SANDBOX_TERMINAL_READY};
    cleanup_close int master = -EBADF;
    int r;

    if (ctx->given.stdio != SANDBOX_STDIO_TERMINAL &&
        ctx->given.stdio != SANDBOX_STDIO_OUTPUT_TERMINAL)
        return 0;
    ctx->detail = "/dev/pts";
    r = terminal_make(ctx->pts_mount, ctx->given.rows, ctx->given.columns, ctx->uid, &master,
                      &ctx->terminal);
    if (r == 0 && tcgetattr(ctx->terminal, &ctx->terminal_modes) < 0)
        r = -errno;
    return r < 0 ? r : socket_send(ctx->given.control, &report, sizeof(report), &master, 1);
}

int terminal_renew(const struct init_context *ctx)
{
    const struct winsize size = {.ws_row = ctx->given.rows, .ws_col = ctx->given.columns};
    int fd = ctx->terminal;

    if (fcntl(fd, F_SETFL, O_RDWR) < 0 || ioctl(fd, TIOCNXCL) < 0 || tcflow(fd, TCOON) < 0 ||
        tcsetattr(fd, TCSANOW, &ctx->terminal_modes) < 0 || ioctl(fd, TIOCSWINSZ, &size) < 0)
        return -errno;
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* watch_keys: see watch_keys.h. */
#include "harness/cli/watch_keys.h"

#include <unistd.h>

void watch_keys_begin(struct watch_keys *k)
{
    *k = (struct watch_keys){.fd = -EBADF};
}

bool watch_keys_on(struct watch_keys *k)
{
    struct termios raw;

    if (k->on || !isatty(STDIN_FILENO) || tcgetpgrp(STDIN_FILENO) != getpgrp() ||
        tcgetattr(STDIN_FILENO, &k->saved) < 0)
        return k->on;
    raw = k->saved;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO); /* Ctrl-C stays a signal */
    if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) < 0)
        return false;
    k->fd = STDIN_FILENO;
    return k->on = true;
}

void watch_keys_off(struct watch_keys *k)
{
    if (k->on)
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &k->saved); /* fails only on one that is gone */
    k->on = false;
    k->fd = -EBADF;
}

char watch_keys_read(struct watch_keys *k)
{
    char key;

    if (read(STDIN_FILENO, &key, 1) == 1)
        return key;
    watch_keys_off(k);
    return 0;
}

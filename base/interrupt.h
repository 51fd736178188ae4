/* SPDX-License-Identifier: Apache-2.0 */
/* interrupt: SIGINT, SIGTERM and SIGHUP as something that is looked for, where dying of them would
 * leave things behind. Not responsible for what is done then. */
#pragma once

#include "base/base.h"

#include <signal.h>

struct interrupt {
    sigset_t before;
    int fd; /* readable when one came; -EBADF: not held */
};
#define INTERRUPT_INIT                                                                             \
    {                                                                                              \
        .fd = -EBADF                                                                               \
    }

/* Holds the signals that end a program: from here to interrupt_release one that comes stays
 * pending, ends nobody, and is taken by interrupt_came. May be nested. */
int interrupt_hold(struct interrupt *i);
/* Takes one that came. */
bool interrupt_came(const struct interrupt *i);
/* Whether one came, and leaves it; false where they are not held. */
bool interrupt_is_pending(void);
/* `told`: the user knows by now that it is over, and what came since says the same. */
void interrupt_release(struct interrupt *i, bool told);
/* flock(2) that gives way to one that came while they are held: -EINTR. */
int interrupt_lock(int fd, int operation);

/* SPDX-License-Identifier: Apache-2.0 */
/* patience: private to rootfs-cache. Waiting for a program that may take minutes, of which nothing
 * is left when the user is not willing to. */
#pragma once

#include "base/interrupt.h"

struct patience {
    struct interrupt signals;
    bool interrupted;
};
#define PATIENCE_INIT                                                                              \
    {                                                                                              \
        .signals = INTERRUPT_INIT                                                                  \
    }

/* Begins to hear SIGINT, SIGTERM and SIGHUP in patience_wait alone, until patience_end. The program
 * that is waited for gets its own signal mask back by itself. */
int patience_begin(struct patience *p);
void patience_end(struct patience *p);
/* Waits like waitpid, calling `tell` (may be NULL) some times a second: 0 and the status, or -EINTR
 * after a signal came, the process was sent `end` and has ended. */
int patience_wait(struct patience *p, pid_t pid, int end, void (*tell)(void *data), void *data,
                  int *ret_status);

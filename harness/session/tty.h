/* SPDX-License-Identifier: Apache-2.0 */
/* tty: private to session: the caller's terminal while a session has it: its modes, and that it
 * gets them back. */
#pragma once

#include "base/base.h"

#include <termios.h>

struct tty {
    int fd; /* borrowed */
    struct termios saved, raw;
    pid_t guard; /* a process that restores the modes when we are killed */
    int guard_pipe;
    bool is_raw;
};

/* Remembers the terminal's modes and starts the guard. -ENOTTY where there is no terminal. */
int tty_open(struct tty *t, int fd);
/* Every key is passed on as it is: Ctrl-C and Ctrl-Z are the session's. */
int tty_raw(struct tty *t);
void tty_restore(struct tty *t);
/* Restores the terminal's modes, and ends the guard. */
void tty_close(struct tty *t);

/* SPDX-License-Identifier: Apache-2.0 */
/* watch_keys: single keys of the caller's terminal, between the runs of `cupel run --watch`. A run
 * has the terminal for itself. */
#pragma once

#include "base/base.h"

#include <termios.h>

struct watch_keys {
    int fd; /* to be polled; negative: no keys are read */
    bool on;
    struct termios saved;
};
void watch_keys_begin(struct watch_keys *k);
/* Has keys come one by one, where standard input is a terminal and we are in its foreground;
 * returns whether they do. */
bool watch_keys_on(struct watch_keys *k);
/* Gives the terminal back as it was. */
void watch_keys_off(struct watch_keys *k);
/* Reads a key; 0: there is none, or will never be one again. */
char watch_keys_read(struct watch_keys *k);

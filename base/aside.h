/* SPDX-License-Identifier: Apache-2.0 */
/* aside: a piece of work that goes on beside this process's own, in a thread: for what waits, or
 * looks at much, while something else has to be done anyway.
 *
 * The thread has a table of descriptors of its own, a copy of that at its start: what it opens is
 * in no process that is forked meanwhile, and what it wants to hand on it sends. Signals are not
 * its to take. It may allocate; whoever forks meanwhile does so by fork(), or starts nothing in the
 * child that allocates. A child by _Fork() or clone() changes its ids by system calls: those of the
 * C library wait for every thread to do the same, and there is none that would. /proc/self/fd is of
 * the process, /proc/thread-self/fd its own. */
#pragma once

struct aside;

/* Returns NULL where no thread can be had. */
struct aside *aside_begin(void (*work)(void *data), void *data);
/* Waits for its end; takes NULL. */
void aside_wait(struct aside *aside);

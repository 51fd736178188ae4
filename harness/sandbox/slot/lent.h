/* SPDX-License-Identifier: Apache-2.0 */
/* lent: private to sandbox; a short-lived child in the memory of who starts it. Copying that memory
 * for a few system calls costs more than the calls. The child writes to nothing but its own stack
 * and errno, and allocates nothing. */
#pragma once

#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/base.h"

#define LENT_STACK_SIZE ((size_t)32 << 10)
struct lent_stack {
    _Alignas(16) char bytes[LENT_STACK_SIZE];
};

#ifdef __SANITIZE_ADDRESS__
#define LENT_MEMORY 0 /* the sanitizers keep accounts of each thread's stack */
#else
#define LENT_MEMORY CLONE_VM
#endif

/* Runs body(data) in a child with these namespaces of its own (CLONE_NEW...): its pid, or -errno.
 * What the body returns is its exit code. With CLONE_VFORK the caller waits for its end. The stack
 * is the child's until it has been waited for. */
static inline pid_t lent_clone(int (*body)(void *data), void *data, int flags,
                               struct lent_stack *stack)
{
    pid_t pid =
        clone(body, stack->bytes + sizeof(stack->bytes), LENT_MEMORY | flags | SIGCHLD, data);

    return pid < 0 ? -errno : pid;
}

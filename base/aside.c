/* SPDX-License-Identifier: Apache-2.0 */
/* aside: see aside.h. Not responsible for what the thread does. */
#include "base/aside.h"

#include "base/base.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#define STACK_SIZE ((size_t)256 << 10)

struct aside {
    pthread_t thread;
    void (*work)(void *data);
    void *data;
};

static void *aside_main(void *arg)
{
    const struct aside *a = arg;

    (void)unshare(CLONE_FILES); /* without memory for that, what is forked has copies for a while */
    a->work(a->data);
    return NULL;
}

/* Under AddressSanitizer there is no thread: its allocator would be locked for ever in a child that
 * is forked while a thread allocates. */
#ifdef __SANITIZE_ADDRESS__
static int make_thread(pthread_t *thread, const pthread_attr_t *attr, struct aside *a)
{
    (void)thread;
    (void)attr;
    (void)a;
    (void)aside_main;
    return EAGAIN;
}
#else
static int make_thread(pthread_t *thread, const pthread_attr_t *attr, struct aside *a)
{
    return pthread_create(thread, attr, aside_main, a);
}
#endif

struct aside *aside_begin(void (*work)(void *data), void *data)
{
    struct aside *a = xcalloc(1, sizeof(*a));
    sigset_t all, before;
    pthread_attr_t attr;
    int r;

    *a = (struct aside){.work = work, .data = data};
    r = pthread_attr_init(&attr);
    if (r == 0) {
        (void)sigfillset(&all);
        (void)pthread_attr_setstacksize(&attr, STACK_SIZE);
        (void)pthread_sigmask(SIG_SETMASK, &all, &before);
        r = make_thread(&a->thread, &attr, a);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
        (void)pthread_attr_destroy(&attr);
    }
    if (r == 0)
        return a;
    free(a);
    return NULL;
}

void aside_wait(struct aside *a)
{
    if (a == NULL)
        return;
    (void)pthread_join(a->thread, NULL);
    free(a);
}

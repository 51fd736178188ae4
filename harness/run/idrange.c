/* SPDX-License-Identifier: Apache-2.0 */
/* idrange: a range of host ids that no other slot on this machine has. */
#include "harness/run/idrange.h"

#include "harness/sandbox/sandbox.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define RANGE_COUNT 4094
#define RANGE_DIR "/run/cupel/ids"

int idrange_claim(uint32_t *ret_base, int *ret_lock, struct cupel_error *err)
{
    cleanup_close int dir = -EBADF;
    struct sandbox_privilege privilege;

    sandbox_privilege_find(&privilege);
    if (!privilege.host) { /* no ids but our own: nobody to claim them from */
        *ret_base = 0;
        *ret_lock = -EBADF;
        return 0;
    }
    dir = file_open_dir_p_at(AT_FDCWD, RANGE_DIR, 0700);
    if (dir < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, dir, "cannot make %s", RANGE_DIR);
    for (uint32_t i = 0; i < RANGE_COUNT; i++) {
        char name[16];
        cleanup_close int lock = -EBADF;

        (void)snprintf(name, sizeof(name), "%u", i);
        lock = openat(dir, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (lock < 0)
            return cupel_error_set(err, CUPEL_ERROR_HARNESS, errno, "cannot open %s/%s", RANGE_DIR,
                                   name);
        if (flock(lock, LOCK_EX | LOCK_NB) < 0)
            continue;
        *ret_base = IDRANGE_FIRST + i * SANDBOX_ID_COUNT;
        *ret_lock = steal_fd(&lock);
        return 0;
    }
    return cupel_error_set(err, CUPEL_ERROR_HARNESS, EAGAIN, "all %d ranges of user ids are in use",
                           RANGE_COUNT);
}

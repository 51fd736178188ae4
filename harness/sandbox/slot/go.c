/* SPDX-License-Identifier: Apache-2.0 */
/* go: lets a held job go, with the words of another job than it was started for, where that was
 * asked: the sandbox is the same, and nothing has run in it. Not responsible for whether the two
 * jobs have the same sandbox (attempt/). */
#include "harness/sandbox/init/copy_data.h"
#include "harness/sandbox/init/late_words.h"
#include "harness/sandbox/sandbox.h"
#include "harness/sandbox/slot/make_context.h"
#include "harness/sandbox/slot/stage.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

void sandbox_go(struct sandbox_job *job)
{
    const char go = 'g';

    /* a failure means that the command is gone, which PID 1 tells; closed once it has begun, since
     * it may still have to say that it is ready */
    if (job->hold >= 0)
        (void)send(job->hold, &go, 1, MSG_NOSIGNAL);
}

/* Where the next list or text goes in the shared memory. */
struct late_room {
    struct setup_late *late;
    size_t used;
};

static void *take_room(struct late_room *room, size_t size, size_t align)
{
    size_t at = (room->used + align - 1) & ~(align - 1);

    if (at > LATE_SIZE || size > LATE_SIZE - at)
        return NULL;
    room->used = at + size;
    return room->late->text + at;
}

/* Copies a list, with room for `more` entries behind it. */
static char **copy_list(struct late_room *room, const char *const *list, size_t more, size_t *ret_n)
{
    char **copy;
    size_t n = 0;

    while (list[n] != NULL)
        n++;
    copy = take_room(room, (n + more + 1) * sizeof(*copy), sizeof(*copy));
    for (size_t i = 0; copy != NULL && i < n; i++) {
        size_t size = strlen(list[i]) + 1;

        copy[i] = take_room(room, size, 1);
        if (copy[i] == NULL)
            return NULL;
        memcpy(copy[i], list[i], size);
    }
    if (copy != NULL)
        copy[n] = NULL;
    *ret_n = n;
    return copy;
}

static int write_words(struct sandbox_stage *stage, const struct sandbox_words *words)
{
    struct late_room room = {.late = stage->late};
    size_t n;

    if (stage->late == NULL)
        return -ENOMEM;
    stage->late->argv = copy_list(&room, words->argv, 0, &n);
    stage->late->env = copy_list(&room, words->env, LATE_OWN, &n);
    if (stage->late->argv == NULL || stage->late->env == NULL)
        return -E2BIG;
    stage->late->n_env = (uint32_t)n;
    stage->late->own = context_own_entries(words->env);
    return 0;
}

/* The command has it as its standard input already, at the same offset. */
static int write_stdin(const struct sandbox_job *job, const struct sandbox_words *words)
{
    int r;

    if (job->late_stdin < 0)
        return words->stdin_data == NULL && words->stdin_file < 0 ? 0 : -EINVAL;
    r = words->stdin_data != NULL
            ? file_write_all(job->late_stdin, words->stdin_data, words->stdin_len)
        : words->stdin_file >= 0 ? copy_data_of(words->stdin_file, job->late_stdin)
                                 : -EINVAL;
    if (r < 0)
        return r;
    return lseek(job->late_stdin, 0, SEEK_SET) < 0 ||
                   fcntl(job->late_stdin, F_ADD_SEALS,
                         F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0
               ? -errno
               : 0;
}

int sandbox_give_words(struct sandbox_stage *stage, struct sandbox_job *job,
                       const struct sandbox_words *words)
{
    int r = write_words(stage, words);

    if (r == 0)
        r = write_stdin(job, words);
    base_closep(&job->late_stdin);
    job->late_stdin = -EBADF;
    return r;
}

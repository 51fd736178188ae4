/* SPDX-License-Identifier: Apache-2.0 */
/* subids: the ids that a host grants to an ordinary user (subuid(5), subgid(5)), written into a
 * user namespace's maps by the set-user-ID programs newuidmap and newgidmap. They have to be
 * started from outside of the namespace: by a child that was forked before. Who is root without the
 * right to mount (a container's) writes the maps without them. */
#include "harness/rights/rights_private.h"

#include "base/program.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define FILE_MAX ((size_t)4 << 20)

/* Parses "NAME:START:COUNT" or "UID:START:COUNT". */
static bool parse_line(const char *line, const char *name, uid_t uid, struct subids *ret)
{
    const char *colon = strchr(line, ':');
    char number[16];
    size_t n = colon != NULL ? (size_t)(colon - line) : 0;

    (void)snprintf(number, sizeof(number), "%u", (unsigned)uid);
    if (n == 0 || !((name != NULL && strlen(name) == n && strncmp(line, name, n) == 0) ||
                    (strlen(number) == n && strncmp(line, number, n) == 0)))
        return false;
    return sscanf(colon + 1, "%" SCNu32 ":%" SCNu32, &ret->start, &ret->count) == 2;
}

int subids_find(const char *file, uid_t uid, struct subids *ret)
{
    const struct passwd *pw = getpwuid(uid);
    cleanup_free char *text = NULL;
    char *save = NULL;
    int found = -ENOENT;
    size_t len;

    if (file_read_at(AT_FDCWD, file, FILE_MAX, &text, &len) < 0)
        return -ENOENT;
    for (char *line = strtok_r(text, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        struct subids range;

        if (!parse_line(line, pw != NULL ? pw->pw_name : NULL, uid, &range))
            continue;
        found = -ERANGE;
        if (range.count >= RIGHTS_IDS - 1) {
            *ret = range;
            return 0;
        }
    }
    return found;
}

/* ---- the helper ---- */

struct subids_plan {
    bool direct; /* root of a container: no program needed */
    struct subids uids, gids;
    char *maps[2];
};

static const char *const map_files[] = {"uid_map", "gid_map"};
static const char *const programs[] = {"newuidmap", "newgidmap"};

static char *find_program(const char *name)
{
    char path[4096];

    return program_find(name, path, sizeof(path)) ? xstrdup(path) : NULL;
}

/* Writes the namespace's maps without any program: what is ours already is ours to hand down. */
static int write_direct(const struct subids_plan *p, pid_t pid)
{
    for (size_t i = 0; i < ARRAY_SIZE(map_files); i++) {
        char path[64];
        int r;

        (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, map_files[i]);
        r = file_put_at(AT_FDCWD, path, p->maps[i]);
        if (r < 0) {
            (void)fprintf(stderr, "%s: %s", path, strerror(-r));
            return i == 0 ? 2 : 3;
        }
    }
    return 0;
}

static int run_program(size_t which, const struct subids *range, unsigned own, pid_t pid)
{
    cleanup_free char *path = find_program(programs[which]);
    char text[4][24];
    char *argv[] = {(char *)(uintptr_t)programs[which],
                    text[0],
                    "0",
                    text[1],
                    "1",
                    "1",
                    text[2],
                    text[3],
                    NULL};
    pid_t helper = getpid(), child;
    int status;

    (void)snprintf(text[0], sizeof(text[0]), "%d", (int)pid);
    (void)snprintf(text[1], sizeof(text[1]), "%u", own);
    (void)snprintf(text[2], sizeof(text[2]), "%" PRIu32, range->start);
    (void)snprintf(text[3], sizeof(text[3]), "%u", RIGHTS_IDS - 1);
    child = fork();
    if (child == 0) {
        /* a set-user-ID program takes that back, but is done in a moment */
        program_die_with(helper);
        (void)execv(path, argv);
        _exit(127);
    }
    if (child < 0)
        return -errno;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return status == 0 ? 0 : -EIO;
}

/* Exit code 0: done; 2: no map is written; 3: only one is. What the programs say goes to `said`. */
_Noreturn static void helper_main(const struct subids_plan *p, int go, int said, pid_t pid)
{
    char byte;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != pid || read(go, &byte, 1) != 1 || dup2(said, STDOUT_FILENO) < 0 ||
        dup2(said, STDERR_FILENO) < 0)
        _exit(2);
    if (p->direct)
        _exit(write_direct(p, pid));
    if (run_program(0, &p->uids, getuid(), pid) < 0)
        _exit(2);
    _exit(run_program(1, &p->gids, getgid(), pid) < 0 ? 3 : 0);
}

static char *lack_of(const char *file, int r)
{
    return r == -ERANGE ? xasprintf("%s gives you fewer than %d ids", file, RIGHTS_IDS - 1)
                        : xasprintf("%s gives you no ids", file);
}

static int make_plan(struct subids_plan *p, char **lack)
{
    int r;

    /* of a container, without the right to mount: what it has of ids it may hand down */
    if (geteuid() == 0) {
        p->direct = true;
        p->maps[0] = ids_identity_map("uid_map", RIGHTS_IDS);
        p->maps[1] = ids_identity_map("gid_map", RIGHTS_IDS);
        if (ids_mapped() < RIGHTS_IDS)
            *lack = xasprintf("this user namespace has fewer than %d ids itself", RIGHTS_IDS);
        else if (!rights_capable(CAP_SETUID) || !rights_capable(CAP_SETGID))
            *lack = xasprintf("root of this container lacks CAP_SETUID or CAP_SETGID");
        return *lack == NULL ? 0 : -ENOENT;
    }
    for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
        cleanup_free char *path = find_program(programs[i]);

        if (path == NULL) {
            *lack = xasprintf("%s is not installed (package uidmap)", programs[i]);
            return -ENOENT;
        }
    }
    r = subids_find("/etc/subuid", getuid(), &p->uids);
    if (r < 0)
        *lack = lack_of("/etc/subuid", r);
    else if ((r = subids_find("/etc/subgid", getuid(), &p->gids)) < 0)
        *lack = lack_of("/etc/subgid", r);
    return r < 0 ? -ENOENT : 0;
}

static void free_plan(struct subids_plan *p)
{
    free(p->maps[0]);
    free(p->maps[1]);
}

int subids_helper_start(struct subids_helper *ret, char **lack)
{
    _cleanup_(free_plan) struct subids_plan p = {0};
    cleanup_close int said = memfd_create("said", MFD_CLOEXEC);
    pid_t pid = getpid();
    int ends[2];
    int r = make_plan(&p, lack);

    if (r < 0)
        return r;
    if (said < 0 || pipe2(ends, O_CLOEXEC) < 0) {
        *lack = xasprintf("no helper can be started: %s", strerror(errno));
        return -ENOENT;
    }
    *ret = (struct subids_helper){.pid = fork(), .go = ends[1]};
    if (ret->pid == 0) {
        (void)close(ends[1]);
        helper_main(&p, ends[0], said, pid);
    }
    (void)close(ends[0]);
    if (ret->pid < 0) {
        *lack = xasprintf("no helper can be started: %s", strerror(errno));
        (void)close(ends[1]);
        return -ENOENT;
    }
    ret->said = steal_fd(&said);
    return 0;
}

int subids_helper_finish(struct subids_helper *h, char **lack)
{
    char text[256] = "";
    int status = 0;

    (void)!write(h->go, "", 1); /* one that is gone tells by its status */
    base_closep(&h->go);
    while (waitpid(h->pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (pread(h->said, text, sizeof(text) - 1, 0) < 0)
        text[0] = '\0';
    base_closep(&h->said);
    if (status == 0)
        return 0;
    text[strcspn(text, "\n")] = '\0';
    *lack = xasprintf("the ids cannot be mapped: %s", text[0] != '\0' ? text : "newuidmap failed");
    return WIFEXITED(status) && WEXITSTATUS(status) == 2 ? -ENOENT : -EIO;
}

void subids_helper_cancel(struct subids_helper *h)
{
    base_closep(&h->go);
    base_closep(&h->said);
    while (waitpid(h->pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* stage: the minimal mount namespace that a slot keeps. Getting in and out of it is stage_ns.c's.
 * Its tree:
 *
 *   /            tmpfs, read-only in effect for jobs (owned by the host's root)
 *   /proc /sys   of the host: the kernel lets a user namespace mount its own only where a fully
 *                visible one is in sight (mount_too_revealing(), fs/namespace.c)
 *   /lower/R/K   layer K of root R, id-mapped and read-only
 *   /upper       the size-limited file system of upper.c
 *   /kept        what a kept job wrote, read-only, for a session over it
 *   /s/N         what an earlier job of the run left, read-only, for a job that starts from it
 *                (snapshot.c)
 *   /dev         the host's devices, where the slot cannot make any
 *   /own/R       what a job has of its own in root R, /etc/hosts above all (own_layer.c)
 *   /hide/N      what hides the out directory in input N (hidden.c)
 *   /in/N        where PID 1 attaches the host paths of its inputs; /in/N.K, further layers of one
 *                that is another job's files (taken_layers.c)
 *   /empty /newroot
 */
#include "harness/sandbox/slot/stage.h"
#include "harness/sandbox/init/landlock.h"
#include "harness/sandbox/init/late_words.h"
#include "harness/sandbox/init/mount.h"
#include "harness/sandbox/sandbox.h"
#include "harness/sandbox/slot/disk_ahead.h"
#include "harness/sandbox/slot/dontfork.h"
#include "harness/sandbox/slot/hidden.h"
#include "harness/sandbox/slot/hostroot.h"
#include "harness/sandbox/slot/id_map.h"
#include "harness/sandbox/slot/lend.h"
#include "harness/sandbox/slot/losses.h"
#include "harness/sandbox/slot/make_context.h"
#include "harness/sandbox/slot/own_layer.h"
#include "harness/sandbox/slot/refusals.h"
#include "harness/sandbox/slot/stage_mask.h"
#include "harness/sandbox/slot/stage_ns.h"
#include "harness/sandbox/slot/steps.h"
#include "harness/sandbox/slot/upper.h"

#include "base/weaken.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static int make_directories(int dir)
{
    static const char *const names[] = {"proc", "sys", "lower", "upper",  "in",
                                        "s",    "dev", "empty", "newroot"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (mkdirat(dir, names[i], 0755) < 0)
            return -errno;
    return 0;
}

/* Makes the stage's namespace; afterwards the caller is inside it. */
static int build_namespace(struct sandbox_stage *s)
{
    cleanup_close int proc = -EBADF, sys = -EBADF;
    /* what is mounted below was so before our user namespace, and may not be taken off */
    unsigned how = s->privilege.host ? 0 : AT_RECURSIVE;
    int r;

    proc = mount_clone(AT_FDCWD, "/proc", how);
    sys = mount_clone(AT_FDCWD, "/sys", how);
    if (proc < 0 || sys < 0)
        return proc < 0 ? proc : sys;
    r = stage_become_root(s->tmpfs);
    if (r < 0)
        return r;
    r = mount_attach(proc, "/proc");
    if (r < 0)
        return r;
    return mount_attach(sys, "/sys");
}

static int prepare_ids(struct sandbox_stage *s)
{
    static const char *const files[] = {"uid_map", "gid_map"};

    sandbox_privilege_find(&s->privilege);
    for (size_t i = 0; i < ARRAY_SIZE(files); i++)
        s->maps[i] = s->privilege.host ? xasprintf("0 %u %u", s->id_base, SANDBOX_ID_COUNT)
                                       : ids_identity_map(files[i], s->privilege.ids);
    if (s->privilege.host)
        return stage_open_id_map(0, s->id_base, &s->id_map);
    s->directory_works = upper_directory_works(s->store_dirfd);
    return 0;
}

void sandbox_stage_cancel_by(struct sandbox_stage *s, int fd)
{
    s->cancel = fd;
}

/* Whether a change of ids leaves memory unreadable for the new one (fs.suid_dumpable, proc(5)). Not
 * known counts as no. */
static bool ids_keep_memory_closed(void)
{
    cleanup_free char *text = NULL;
    size_t len;

    return file_read_at(AT_FDCWD, "/proc/sys/fs/suid_dumpable", 16, &text, &len) == 0 && len > 0 &&
           text[0] != '1';
}

int sandbox_stage_open(const struct sandbox_stage_config *config, struct sandbox_stage **ret_stage,
                       struct cupel_error *err)
{
    struct sandbox_stage *s = xcalloc(1, sizeof(*s));
    int r;

    *s = (struct sandbox_stage){.store_dirfd = config->store_dirfd,
                                .templates = config->templates,
                                .cancel = -EBADF,
                                .disk = config->disk,
                                .id_base = config->id_base,
                                .number = config->number,
                                .nat = config->nat,
                                .snapshots_ns = config->snapshots,
                                .keeps = config->keeps,
                                .hidden = config->hidden,
                                .id_map = -EBADF,
                                .host_ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC),
                                .host_root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC),
                                .host_cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC),
                                .stage_ns = -EBADF,
                                .tmpfs = -EBADF,
                                .landlock_abi = weakened("landlock") ? 0 : landlock_abi(),
                                .lends_memory = ids_keep_memory_closed(),
                                .oom = sandbox_oom_own(),
                                .fault = steps_fault()};
    r = s->host_ns < 0 || s->host_root < 0 || s->host_cwd < 0 ? -errno : 0;
    if (r == 0)
        r = prepare_ids(s);
    context_find_arguments(&s->arguments, &s->arguments_len);
    s->progress =
        mmap(NULL, sizeof(*s->progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    s->late = mmap(NULL, sizeof(*s->late), PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (s->late == MAP_FAILED)
        s->late = NULL;
    if (s->progress == MAP_FAILED) /* then nobody knows where a PID 1 is stuck */
        s->progress = NULL;
    dontfork_libraries(true);
    if (r == 0)
        r = stage_make_tmpfs(&s->tmpfs);
    if (r == 0)
        r = make_directories(s->tmpfs);
    if (r == 0) {
        r = build_namespace(s);
        s->stage_ns = r == 0 ? open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC) : -EBADF;
        r = r == 0 && s->stage_ns < 0 ? -errno : r;
        stage_leave(s);
    }
    if (r < 0) {
        (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, r,
                              "cannot make a mount namespace for the jobs");
        cupel_error_hint(err, "cupel needs Linux 5.19 with user and mount namespaces, and the "
                              "rights of root over them");
    } else if (!s->privilege.host) {
        r = lend_devices(s, config->devices, err);
    }
    if (r < 0) {
        sandbox_stage_close(s);
        return r;
    }
    *ret_stage = s;
    return 0;
}

void sandbox_stage_close(struct sandbox_stage *s)
{
    int *const fds[] = {&s->id_map,   &s->host_ns, &s->host_root, &s->host_cwd,
                        &s->stage_ns, &s->tmpfs,   &s->disk};

    upper_close(s->upper);
    refusals_close(&s->refusals);
    id_maps_close(&s->id_maps);
    hostroot_free(s);
    if (s->late != NULL)
        (void)munmap(s->late, sizeof(*s->late));
    if (s->progress != NULL)
        (void)munmap(s->progress, sizeof(*s->progress));
    for (size_t i = 0; i < s->n_snapshots; i++)
        base_closep(&s->snapshots[i].mount);
    free(s->snapshots);
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
        base_closep(fds[i]);
    for (size_t i = 0; i < s->n_roots; i++)
        free(s->roots[i].own);
    free(s->roots);
    free(s->maps[0]);
    free(s->maps[1]);
    free(s);
}

static int attach_layers(struct sandbox_stage *s, size_t index, const int *mounts, size_t n)
{
    char name[48];
    int r;

    (void)snprintf(name, sizeof(name), "lower/%zu", index);
    r = file_mkdir_p_at(s->tmpfs, name, 0755);
    if (r == 0)
        r = stage_enter(s);
    for (size_t i = 0; r == 0 && i < n; i++) {
        (void)snprintf(name, sizeof(name), "/lower/%zu/%zu", index, i);
        r = mkdir(name, 0755) < 0 && errno != EEXIST ? -errno : mount_attach(mounts[i], name);
    }
    stage_leave(s);
    return r;
}

int stage_attach_root(struct sandbox_stage *s, size_t index, const int *layers, size_t n,
                      bool masked, struct cupel_error *err)
{
    int mounts[64];
    size_t made = 0;
    int r = 0;

    if (index < s->n_roots && s->roots[index].attached)
        return 0;
    if (index >= s->n_roots) {
        s->roots = xrealloc(s->roots, (index + 1) * sizeof(*s->roots));
        memset(s->roots + s->n_roots, 0, (index + 1 - s->n_roots) * sizeof(*s->roots));
        s->n_roots = index + 1;
    }
    if (masked && !s->privilege.host) {
        r = hostroot_attach(s, index, layers[0], layers[1], err);
        s->roots[index].attached = r == 0;
        return r;
    }
    if (n > ARRAY_SIZE(mounts))
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, E2BIG, "the root has %zu layers", n);
    for (; r == 0 && made < n; made++)
        r = masked && made == 0
                ? mask_mount(layers[0], s->id_base, &mounts[0])
                : stage_clone_mapped(s, layers[made], MOUNT_ATTR_NOSUID, &mounts[made]);
    if (r == 0 && masked && n > 1)
        r = hidden_lay_over_host(s->hidden, mounts[0], mounts[1]);
    if (r < 0) {
        made--;
        (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, r,
                              "cannot make layer %zu of the root ready", made);
        if (r == -EINVAL)
            cupel_error_hint(err, "the file system that holds it does not take id-mapped mounts "
                                  "(overlayfs in a container, "
                                  "NFS, tmpfs before Linux 6.3); put the store on ext4, xfs or "
                                  "btrfs with CUPEL_CACHE");
    } else {
        own_layer_find_etc(mounts, n, masked, &s->roots[index].etc);
        r = attach_layers(s, index, mounts, n);
        if (r < 0)
            (void)cupel_error_set(err, CUPEL_ERROR_HARNESS, r,
                                  "cannot attach the layers of the root");
    }
    while (made > 0)
        (void)close(mounts[--made]);
    if (r == 0)
        s->roots[index].attached = true;
    return r;
}

void stage_drop_upper(struct sandbox_stage *s)
{
    if (s->upper == NULL)
        return;
    if (stage_enter(s) == 0)
        (void)umount2("/upper", MNT_DETACH);
    stage_leave(s);
    upper_close(s->upper);
    s->upper = NULL;
}

#define SLACK_BYTES (UINT64_C(1) << 20)
#define SLACK_INODES 256

/* A disk, made ahead where there is one. */
static int open_disk(struct sandbox_stage *s, uint64_t bytes, uint64_t inodes, uint64_t shares,
                     bool exact, bool reserve, struct upper **ret, struct cupel_error *err)
{
    struct upper *u = NULL;
    int r = s->disk >= 0 ? disk_ahead_receive(&s->disk, s->cancel, &u) : 0;

    if (r < 0)
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "making the job's disk was cancelled");
    if (upper_holds(u, UPPER_DISK, bytes, inodes, shares) && !exact && !reserve) {
        *ret = u;
        return 0;
    }
    upper_close(u);
    return upper_open(s->store_dirfd, s->templates, bytes, inodes, shares, reserve, s->cancel, ret,
                      err);
}

int stage_attach_upper(struct sandbox_stage *s, uint64_t bytes, uint64_t inodes, uint64_t shares,
                       bool exact, bool reserve, struct cupel_error *err)
{
    enum upper_kind kind = s->privilege.host              ? UPPER_DISK
                           : exact || !s->directory_works ? UPPER_MEMORY
                                                          : UPPER_DIRECTORY;
    struct upper *u;
    int r;

    /* an explicit limit is exact, so the disk has to be empty; otherwise what is on its way out is
     * no hindrance */
    if (upper_holds(s->upper, kind, bytes, inodes, shares) && losses_find(s->upper) == 0 &&
        (kind != UPPER_DISK || (s->upper->exact == exact && s->upper->reserve == reserve)) &&
        (kind == UPPER_DIRECTORY ||
         upper_is_empty(s->upper, exact ? 0 : SLACK_BYTES, exact ? 0 : SLACK_INODES)))
        return 0;
    stage_drop_upper(s);
    r = kind == UPPER_DISK     ? open_disk(s, bytes, inodes, shares, exact, reserve, &u, err)
        : kind == UPPER_MEMORY ? upper_open_memory(bytes, inodes, shares, &u, err)
                               : upper_open_directory(s->store_dirfd, &u, err);
    if (r < 0)
        return r;
    r = stage_enter(s);
    if (r == 0)
        r = mount_attach(upper_mount_fd(u), "/upper");
    if (r == 0 && kind != UPPER_MEMORY) /* memory is not written out */
        r = losses_watch(u, "/upper");
    stage_leave(s);
    if (r < 0) {
        s->upper = u;
        stage_drop_upper(s);
        return cupel_error_set(err, CUPEL_ERROR_HARNESS, r, "cannot attach the job's disk");
    }
    u->exact = exact;
    u->reserve = reserve;
    if (kind == UPPER_DISK && exact) {
        refusals_watch(&s->refusals, u->fd);
        u->counts_refusals = s->refusals.counts;
    }
    s->upper = u;
    return 0;
}

void sandbox_stage_libraries(bool given)
{
    dontfork_libraries(!given);
}

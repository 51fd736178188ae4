/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_tar: any bytes as a tar, unpacked here, without the process and the chroot that confine it
 * in earnest: what keeps the entries in the tree are only the checks of their names and links.
 * Beside the tree lies a directory that must never change. Landlock sees to it that what might go
 * wrong stays in memory; a kernel without it gets no such test. */
#include "fuzz.h"

/* its functions are private to it */
#include "rootfs-cache/confined/unpack.c" /* NOLINT(bugprone-suspicious-include) */

#include <linux/landlock.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define MARK "untouched"

#define CHANGES                                                                                    \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE |                              \
     LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SYM |   \
     LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SOCK |   \
     LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_REFER)

static bool allow(int rules, const char *path, uint64_t access)
{
    cleanup_close int fd = open(path, O_PATH | O_CLOEXEC);
    struct landlock_path_beneath_attr beneath = {.allowed_access = access, .parent_fd = fd};

    return syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) == 0;
}

/* Nothing may be changed but our own directory and, where scripts/fuzz names it, the one that
 * libFuzzer keeps things in. */
static bool confine(void)
{
    const struct landlock_ruleset_attr attr = {.handled_access_fs = CHANGES};
    cleanup_close int rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
    cleanup_free char *above = xstrdup(fuzz_directory_path());
    const char *keeps = getenv("CUPEL_FUZZ_KEEPS");

    *strrchr(above, '/') = '\0'; /* what our directory is removed from in the end */
    return rules >= 0 && allow(rules, fuzz_directory_path(), CHANGES) &&
           allow(rules, above, LANDLOCK_ACCESS_FS_REMOVE_DIR) &&
           (keeps == NULL || allow(rules, keeps, CHANGES)) &&
           prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           syscall(SYS_landlock_restrict_self, rules, 0) == 0;
}

static void begin(void)
{
    int dir = fuzz_directory();

    FUZZ_EXPECT(file_remove_tree_at(dir, "tree") == 0 && file_mkdir_p_at(dir, "tree", 0755) == 0);
    FUZZ_EXPECT(fchdir(dir) == 0 && chdir("tree") == 0);
}

static void make_outside(void)
{
    FUZZ_EXPECT(file_mkdir_p_at(fuzz_directory(), "outside", 0700) == 0);
    FUZZ_EXPECT(file_write_atomic_at(fuzz_directory(), "outside/file", MARK, strlen(MARK), 0600) ==
                0);
}

/* Nothing beside the tree has changed, and nothing has been made there. */
static void check_outside(void)
{
    struct stat dir, file;
    char text[sizeof(MARK)] = "";
    cleanup_close int fd =
        openat(fuzz_directory(), "outside/file", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    FUZZ_EXPECT(fstatat(fuzz_directory(), "outside", &dir, AT_SYMLINK_NOFOLLOW) == 0);
    FUZZ_EXPECT((dir.st_mode & 07777) == 0700 && dir.st_uid == geteuid() && dir.st_nlink == 2);
    FUZZ_EXPECT(fd >= 0 && fstat(fd, &file) == 0);
    FUZZ_EXPECT((file.st_mode & 07777) == 0600 && file.st_uid == geteuid() && file.st_nlink == 1);
    FUZZ_EXPECT(read(fd, text, sizeof(text)) == (ssize_t)strlen(MARK) && str_eq(text, MARK));
    FUZZ_EXPECT(fstat(fuzz_directory(), &dir) == 0 && dir.st_nlink == 4); /* tree and outside */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct unpack_limits limits = {.entries = 200, .bytes = (uint64_t)1 << 20};
    static int archive = -1, before = -1;
    struct unpack_task task = {.name = "fuzz.tar", .limits = &limits};
    struct child_counts counts = {0};
    struct cupel_error err = {0};
    int r;

    if (archive < 0) {
        archive = memfd_create("fuzz.tar", MFD_CLOEXEC);
        before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        FUZZ_EXPECT(archive >= 0 && before >= 0);
        make_outside();
        if (!confine()) {
            (void)printf("skip - fuzz_tar: this kernel has no Landlock, without which nothing is "
                         "unpacked outside a child\n");
            exit(0);
        }
    }
    FUZZ_EXPECT(ftruncate(archive, 0) == 0 && pwrite(archive, data, size, 0) == (ssize_t)size);
    begin();
    r = unpack_child(&task, archive, &counts, &err);
    FUZZ_EXPECT(r <= 0 && (r == 0 || err.message[0] != '\0'));
    FUZZ_EXPECT(fuzz_is_harmless(err.message, strlen(err.message), ""));
    FUZZ_EXPECT(counts.entries <= limits.entries + 1);
    check_outside();
    FUZZ_EXPECT(fchdir(before) == 0); /* corpora have relative paths */
    return 0;
}

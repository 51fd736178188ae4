/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_archive: any bytes as an archive of submissions, read here, without the process that
 * confines it in earnest; and any bytes as what a reader says that was taken over: what is made of
 * either lies below one directory, each submission in its own, and is nothing but files and
 * directories. Input: a byte for which of them, a byte for the layout, then the bytes. */
#include "fuzz.h"

#include "ingest/gradescope_list.h"
#include "ingest/layouts.h"
#include "ingest/member_names.h"
#include "ingest/member_reader.h"
#include "ingest/placing.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define EACH ((uint64_t)16 << 10)
#define ALL ((uint64_t)64 << 10)

static void fill(int fd, const uint8_t *data, size_t size)
{
    FUZZ_EXPECT(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
    FUZZ_EXPECT(file_write_all(fd, data, size) == 0);
}

static int memory_file(void)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);

    FUZZ_EXPECT(fd >= 0);
    return fd;
}

/* Nothing but files, each with one name, and directories; of modes of our own. */
static void check_directory(int dir, const struct stat *top)
{
    DIR *d = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const struct dirent *e;
    struct stat st;

    FUZZ_EXPECT(d != NULL);
    while ((e = readdir(d)) != NULL) {
        if (file_is_dot(e->d_name))
            continue;
        FUZZ_EXPECT(fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0);
        FUZZ_EXPECT((st.st_mode & 07022) == 0 && st.st_dev == top->st_dev);
        FUZZ_EXPECT(S_ISDIR(st.st_mode) || (S_ISREG(st.st_mode) && st.st_nlink == 1));
        if (S_ISDIR(st.st_mode)) {
            cleanup_close int sub =
                openat(dir, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

            check_directory(sub, top);
        }
    }
    (void)closedir(d);
}

/* Each has a name of its own that is good for a file. */
static void check_ids(const struct layout *l)
{
    struct strset seen = {0};

    for (size_t i = 0; i < l->n_groups; i++) {
        const char *id = l->groups[i].id;

        FUZZ_EXPECT(strset_add(&seen, id));
        FUZZ_EXPECT(id[0] != '\0' && id[0] != '.' && id[0] != '-' && strchr(id, '/') == NULL);
        FUZZ_EXPECT(strlen(id) <= 255 && fuzz_is_utf8(id, strlen(id)) &&
                    fuzz_is_harmless(id, strlen(id), ""));
        FUZZ_EXPECT(l->groups[i].name == NULL ||
                    fuzz_is_harmless(l->groups[i].name, strlen(l->groups[i].name), ""));
    }
    strset_free(&seen);
}

static void place_all(const struct member_list *all, const struct layout *l, int contents)
{
    cleanup_close int tree = -EBADF;
    struct placing p = {
        .name = "fuzz", .contents = contents, .bytes_each = EACH, .bytes_left = ALL};
    struct stat top;

    FUZZ_EXPECT(file_remove_tree_at(fuzz_directory(), "tree") == 0);
    tree = file_open_dir_p_at(fuzz_directory(), "tree", 0755);
    FUZZ_EXPECT(tree >= 0 && fstat(tree, &top) == 0);
    p.tree = tree;
    for (uint32_t i = 0; i < l->n_groups && i < 50; i++) {
        struct cupel_error err = {0};
        char *refused = NULL;

        if (placing_submission(&p, all, l, i, &refused, &err) < 0)
            FUZZ_EXPECT(fuzz_is_harmless(err.message, strlen(err.message), ""));
        FUZZ_EXPECT(refused == NULL || (fuzz_is_harmless(refused, strlen(refused), "") &&
                                        fuzz_is_utf8(refused, strlen(refused))));
        free(refused);
    }
    check_directory(tree, &top);
    FUZZ_EXPECT(fstat(fuzz_directory(), &top) == 0 && top.st_nlink == 3); /* the tree alone */
}

static void sort_and_place(struct member_list *all, enum handins_layout wanted, int contents)
{
    struct cupel_error err = {0};
    struct layout l;

    if (layouts_sort(all, "fuzz.zip", wanted, false, &l, &err) < 0) {
        FUZZ_EXPECT(fuzz_is_harmless(err.message, strlen(err.message), ""));
        return;
    }
    check_ids(&l);
    place_all(all, &l, contents);
    layouts_free(&l);
}

/* Reads the archive twice, as it is done in earnest. */
static void read_archive(int archive, enum handins_layout wanted, int contents, int records)
{
    struct member_reading reading = {.name = "fuzz",
                                     .list_only = true,
                                     .bytes_each = EACH,
                                     .bytes_all = ALL,
                                     .members_max = 200};
    struct member_list listed = {0}, all = {0};
    struct cupel_error err = {0};
    struct layout l = {0};
    struct stat st;

    if (member_reader_read(&reading, archive, contents, records, &err) < 0) {
        FUZZ_EXPECT(err.message[0] != '\0' &&
                    fuzz_is_harmless(err.message, strlen(err.message), ""));
        return;
    }
    FUZZ_EXPECT(fstat(contents, &st) == 0 && st.st_size == 0);
    FUZZ_EXPECT(members_take(records, UINT64_MAX, &listed) == 0);
    FUZZ_EXPECT(listed.n > 0 && listed.n <= reading.members_max);
    if (layouts_sort(&listed, "fuzz.zip", wanted, false, &l, &err) == 0) {
        reading.list_only = false;
        reading.of = l.of;
        reading.n_of = l.n_members;
        reading.n_submissions = l.n_groups;
        FUZZ_EXPECT(ftruncate(records, 0) == 0 && lseek(records, 0, SEEK_SET) == 0);
        if (member_reader_read(&reading, archive, contents, records, &err) == 0) {
            FUZZ_EXPECT(fstat(contents, &st) == 0 && (uint64_t)st.st_size <= ALL);
            FUZZ_EXPECT(members_take(records, (uint64_t)st.st_size, &all) == 0);
            FUZZ_EXPECT(all.n == listed.n);
            check_ids(&l);
            place_all(&all, &l, contents);
        }
        layouts_free(&l);
    }
    members_free(&listed);
    members_free(&all);
}

static void read_list(int fd, const uint8_t *data, size_t size)
{
    struct strbuf reply = {0};
    struct gradescope_list list = {0};
    struct cupel_error err;

    strbuf_add(&reply, "", 0);
    if (gradescope_list_read(fd, &reply, &err) == 0) {
        FUZZ_EXPECT(gradescope_list_take(reply.data, reply.len, &list) == 0);
        gradescope_list_free(&list);
    }
    strbuf_free(&reply);
    if (gradescope_list_take((const char *)data, size, &list) == 0) {
        for (size_t i = 0; i < list.n; i++)
            FUZZ_EXPECT(fuzz_is_harmless(list.entries[i].name, strlen(list.entries[i].name), ""));
        gradescope_list_free(&list);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int archive = -1, contents = -1, records = -1;
    struct fuzz_input in = {data, size};
    enum handins_layout wanted;
    struct member_list all;
    uint8_t which;

    if (archive < 0) {
        archive = memory_file();
        contents = memory_file();
        records = memory_file();
    }
    if (size < 2)
        return 0;
    which = fuzz_byte(&in);
    wanted = (enum handins_layout)(fuzz_byte(&in) % HANDINS_LAYOUT_COUNT);
    fill(archive, in.data, in.left);
    fill(contents, (const uint8_t *)"", 0);
    fill(records, (const uint8_t *)"", 0);
    if (which % 3 == 0) {
        read_archive(archive, wanted, contents, records);
    } else if (which % 3 == 1) {
        fill(contents, in.data, in.left);
        if (members_take(archive, in.left, &all) == 0) {
            sort_and_place(&all, wanted, contents);
            members_free(&all);
        }
    } else {
        read_list(archive, in.data, in.left);
    }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* seal_in_place: makes a sealed copy of this program the running one, without executing it: what
 * is mapped of the program's file is mapped of the copy instead, at the same addresses and with the
 * same bytes, and then the copy is what /proc/self/exe names. Executing it anew, and all that the
 * dynamic linker then did a second time, was a twentieth of what `cupel run` of one job took.
 * Not responsible for the copy (seal.c), which is executed where this is refused. */
#include "harness/cli/seal.h"

#include "base/base.h"

#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

/* A range of memory, in whole pages. */
struct seal_range {
    uintptr_t start, end;
};

static uintptr_t page_down(uintptr_t at)
{
    return at & ~((uintptr_t)sysconf(_SC_PAGESIZE) - 1);
}

static uintptr_t page_up(uintptr_t at)
{
    return page_down(at + (uintptr_t)sysconf(_SC_PAGESIZE) - 1);
}

static struct seal_range file_part(const struct dl_phdr_info *info, const ElfW(Phdr) * h)
{
    uintptr_t at = info->dlpi_addr + h->p_vaddr;

    return (struct seal_range){page_down(at), page_up(at + h->p_filesz)};
}

/* What the linker has made read-only after it wrote to it; it ends within a page that stays
 * writable (_dl_protect_relro(), elf/dl-reloc.c). */
static struct seal_range relro_of(const struct dl_phdr_info *info)
{
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *h = &info->dlpi_phdr[i];
        uintptr_t at = info->dlpi_addr + h->p_vaddr;

        if (h->p_type == PT_GNU_RELRO)
            return (struct seal_range){page_down(at), page_down(at + h->p_memsz)};
    }
    return (struct seal_range){0, 0};
}

/* Lays a copy of what is in memory there over it, at once. Nothing of it changes meanwhile: there
 * is one thread, and it writes to its stack only. */
static int replace_written(struct seal_range r, int protection)
{
    size_t size = r.end - r.start;
    void *copy;

    if (r.start >= r.end)
        return 0;
    copy = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (copy == MAP_FAILED)
        return -errno;
    memcpy(copy, (const void *)r.start, size);
    if (mprotect(copy, size, protection) < 0 ||
        mremap(copy, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)r.start) == MAP_FAILED) {
        int e = -errno;

        (void)munmap(copy, size);
        return e;
    }
    return 0;
}

/* The same bytes as before: so the very code that this runs in may be replaced by it. */
static int replace_unwritten(struct seal_range r, const ElfW(Phdr) * h, int copy)
{
    int protection = ((h->p_flags & PF_R) ? PROT_READ : 0) | ((h->p_flags & PF_X) ? PROT_EXEC : 0);

    return mmap((void *)r.start, r.end - r.start, protection, MAP_PRIVATE | MAP_FIXED, copy,
                (off_t)page_down(h->p_offset)) == MAP_FAILED
               ? -errno
               : 0;
}

static int replace_segment(const struct dl_phdr_info *info, const ElfW(Phdr) * h, int copy)
{
    struct seal_range r = file_part(info, h), relro = relro_of(info);
    int e;

    if (!(h->p_flags & PF_W))
        return replace_unwritten(r, h, copy);
    if (relro.start != r.start || relro.end > r.end)
        return replace_written(r, PROT_READ | PROT_WRITE);
    e = replace_written(relro, PROT_READ);
    return e < 0 ? e
                 : replace_written((struct seal_range){relro.end, r.end}, PROT_READ | PROT_WRITE);
}

struct replacement {
    int copy, result;
};

/* The first of all loaded objects is the program (dl_iterate_phdr(3)). */
static int replace_program(struct dl_phdr_info *info, size_t size, void *data)
{
    struct replacement *to = data;

    (void)size;
    for (size_t i = 0; to->result == 0 && i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_filesz > 0)
            to->result = replace_segment(info, &info->dlpi_phdr[i], to->copy);
    return 1;
}

/* What the kernel keeps of this process's memory, and takes back only as a whole (proc(5), fields
 * 26 to 28 and 45 to 51 of stat). */
static int read_layout(struct prctl_mm_map *ret)
{
    cleanup_close int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    cleanup_free char *text = NULL;
    unsigned long long at[52] = {0};
    size_t len;
    char *p;
    int r = fd < 0 ? -errno : file_read_fd(fd, 4096, &text, &len);

    if (r < 0)
        return r;
    p = strrchr(text, ')'); /* the second field may hold anything else */
    for (size_t field = 2; p != NULL && (p = strchr(p + 1, ' ')) != NULL && field < 51;)
        at[++field] = strtoull(p + 1, NULL, 10);
    if (at[51] == 0) /* hidden from who may not see it */
        return -EPERM;
    *ret = (struct prctl_mm_map){.start_code = at[26],
                                 .end_code = at[27],
                                 .start_stack = at[28],
                                 .start_data = at[45],
                                 .end_data = at[46],
                                 .start_brk = at[47],
                                 .brk = (uintptr_t)sbrk(0),
                                 .arg_start = at[48],
                                 .arg_end = at[49],
                                 .env_start = at[50],
                                 .env_end = at[51],
                                 .exe_fd = UINT32_MAX};
    return 0;
}

static int set_layout(struct prctl_mm_map *map, int exe)
{
    map->exe_fd = (uint32_t)exe;
    return prctl(PR_SET_MM, PR_SET_MM_MAP, map, sizeof(*map), 0) < 0 ? -errno : 0;
}

int seal_in_place(int copy)
{
    struct replacement to = {.copy = copy};
    struct prctl_mm_map map;
    int r = read_layout(&map);

    /* no descriptor: who may not, or has a kernel that cannot, is told so before anything changes
     */
    if (r == 0 && set_layout(&map, INT_MAX) != -EBADF)
        r = -EPERM;
    if (r < 0)
        return r;
    (void)dl_iterate_phdr(replace_program, &to);
    /* refused while anything of the program's file is mapped (replace_mm_exe_file(),
     * kernel/fork.c) */
    return to.result < 0 ? to.result : set_layout(&map, copy);
}

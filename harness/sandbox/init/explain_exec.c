/* SPDX-License-Identifier: Apache-2.0 */
/* explain_exec: why a program could not be executed, where the error's number does not say it: the
 * interpreter that is missing and not the script, the size that cannot be had. Reads the file that
 * a job named, which may be anything: it is opened without waiting, must be regular, and only its
 * beginning is looked at. Runs between clone and exec: no malloc, no stdio. */
#include "harness/sandbox/init/explain_exec.h"
#include "harness/sandbox/init/async_safe.h"
#include "harness/sandbox/init/init_context.h"

#include "base/base.h"

#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define HEAD_SIZE                                                                                  \
    256 /* as much as the kernel looks at (BINPRM_BUF_SIZE, include/uapi/linux/binfmts.h) */
#define HEADERS_MAX 64

/* What is not plain text is shown, the carriage return by its usual name. */
static void append_shown(char *to, const char *text, size_t n, size_t size)
{
    for (size_t i = 0; i < n && text[i] != '\0'; i++) {
        const char one[2] = {text[i], '\0'};
        bool plain = (unsigned char)text[i] >= 0x20 && (unsigned char)text[i] < 0x7f;

        safe_append(to, text[i] == '\r' ? "\\r" : plain ? one : "?", size);
    }
}

static int open_regular(const char *path, struct stat *ret_st)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    if (fstat(fd, ret_st) == 0 && S_ISREG(ret_st->st_mode))
        return fd;
    (void)close(fd);
    return -EINVAL;
}

static const char *why_not(int errnum)
{
    return errnum == EACCES ? "may not be executed" : "does not exist";
}

/* "#! /bin/sh -e": where the name begins, and how long it is. */
static size_t interpreter_of(const char *head, size_t n, const char **ret)
{
    size_t from = 2, to;

    while (from < n && (head[from] == ' ' || head[from] == '\t'))
        from++;
    for (to = from;
         to < n && head[to] != ' ' && head[to] != '\t' && head[to] != '\n' && head[to] != '\0';)
        to++;
    *ret = head + from;
    return to - from;
}

static void explain_script(const char *head, size_t n, int errnum, char *to, size_t size)
{
    char path[HEAD_SIZE + 1];
    const char *name;
    size_t len = interpreter_of(head, n, &name);

    if (errnum == ENOEXEC || len == 0) {
        safe_copy(to, "its first line names no interpreter that can be executed", size);
        return;
    }
    memcpy(path, name, len); /* not longer than what the kernel looks at */
    path[len] = '\0';
    safe_copy(to,
              errnum == ENOENT && faccessat(AT_FDCWD, path, F_OK, 0) == 0
                  ? "what is needed by its interpreter '"
                  : "its interpreter '",
              size);
    append_shown(to, name, len, size);
    safe_append(to, "' ", size);
    safe_append(to, why_not(errnum), size);
    if (name[len - 1] == '\r')
        safe_append(to, "; the script has CRLF line ends", size);
}

/* Headers of a 64-bit program of this machine; how many. */
static size_t read_headers(int fd, const Elf64_Ehdr *e, Elf64_Phdr headers[static HEADERS_MAX])
{
    size_t n = e->e_phnum < HEADERS_MAX ? e->e_phnum : HEADERS_MAX;
    ssize_t got = e->e_phentsize == sizeof(*headers) && e->e_phoff <= INT64_MAX
                      ? pread(fd, headers, n * sizeof(*headers), (off_t)e->e_phoff)
                      : -1;

    return got < 0 ? 0 : (size_t)got / sizeof(*headers);
}

static bool is_own_elf(const char *head, size_t n, Elf64_Ehdr *ret)
{
    if (n < sizeof(*ret) || memcmp(head, ELFMAG, SELFMAG) != 0)
        return false;
    memcpy(ret, head, sizeof(*ret));
    return ret->e_ident[EI_CLASS] == ELFCLASS64 && ret->e_ident[EI_DATA] == ELFDATA2LSB;
}

static void explain_elf(int fd, const char *head, size_t n, int errnum, char *to, size_t size)
{
    Elf64_Phdr headers[HEADERS_MAX];
    char loader[128];
    Elf64_Ehdr e;
    size_t count;

    if (errnum == ENOEXEC || !is_own_elf(head, n, &e)) {
        safe_copy(to,
                  errnum == ENOEXEC ? "it is a damaged program, or one for another kind of machine"
                                    : "",
                  size);
        return;
    }
    count = read_headers(fd, &e, headers);
    for (size_t i = 0; i < count; i++) {
        ssize_t got;

        if (headers[i].p_type != PT_INTERP || headers[i].p_offset > INT64_MAX)
            continue;
        got = pread(fd, loader, sizeof(loader), (off_t)headers[i].p_offset);
        safe_copy(to, "its loader '", size);
        append_shown(to, loader, got < 0 ? 0 : (size_t)got, size);
        safe_append(to, "' ", size);
        safe_append(to, why_not(errnum), size);
        return;
    }
}

static void explain_head(int fd, int errnum, char *to, size_t size)
{
    char head[HEAD_SIZE];
    ssize_t n = pread(fd, head, sizeof(head), 0);

    if (n < 0)
        return;
    if (n >= 2 && head[0] == '#' && head[1] == '!')
        explain_script(head, (size_t)n, errnum, to, size);
    else if (n >= SELFMAG && memcmp(head, ELFMAG, SELFMAG) == 0)
        explain_elf(fd, head, (size_t)n, errnum, to, size);
    else if (errnum == ENOEXEC && n == 0)
        safe_copy(to, "it is empty", size);
    else if (errnum == ENOEXEC && n >= 3 && memcmp(head, "\xef\xbb\xbf", 3) == 0)
        safe_copy(to, "a byte order mark stands before its first line", size);
    else if (errnum == ENOEXEC)
        safe_copy(to, "it is neither a program nor a script that begins with #!", size);
}

/* Explains what is wrong with the file itself. Returns false where it can be executed as far as can
 * be seen, and so something that it needs cannot. */
static bool explain_refusal(const char *path, char *to, size_t size)
{
    struct statvfs fs;
    struct stat st;

    if (stat(path, &st) < 0)
        return true; /* a directory on the way is closed: there is no more to say */
    if (S_ISDIR(st.st_mode))
        safe_copy(to, "it is a directory", size);
    else if (!S_ISREG(st.st_mode))
        safe_copy(to, "it is no regular file", size);
    else if ((st.st_mode & 0111) == 0)
        safe_copy(to, "it is not marked as executable", size);
    else if (statvfs(path, &fs) == 0 && (fs.f_flag & ST_NOEXEC) != 0)
        safe_copy(to, "nothing can be executed from the file system that it is on", size);
    else if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0)
        safe_copy(to, "its mode and owner do not let the job's user execute it", size);
    else
        return false;
    return true;
}

bool explain_exec(const char *path, int errnum, char *to, size_t size)
{
    cleanup_close int fd = -EBADF;
    struct stat st;

    if (errnum == E2BIG)
        safe_copy(to, "its arguments and environment are larger than the kernel takes", size);
    if (errnum == ETXTBSY)
        safe_copy(to, "somebody has it open for writing", size);
    if (errnum != ENOENT && errnum != EACCES && errnum != ENOEXEC)
        return true;
    if (errnum == ENOENT && faccessat(AT_FDCWD, path, F_OK, 0) < 0)
        return false;
    if (errnum == EACCES && explain_refusal(path, to, size))
        return true;
    fd = open_regular(path, &st);
    if (fd >= 0)
        explain_head(fd, errnum, to, size);
    return true;
}

/* ---- a program that died before it began ---- */

static const char *path_of(char *const *env)
{
    for (; *env != NULL; env++)
        if (strncmp(*env, "PATH=", 5) == 0)
            return *env + 5;
    return "";
}

/* Opens the program as the command looked it up, within the job's root; what a step has changed
 * there since only makes the words less good. */
static int open_program(const struct init_context *ctx, const char *name)
{
    char file[4096];

    if (name[0] == '/')
        return file_open_in_root(ctx->root, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    if (strchr(name, '/') != NULL)
        return file_open_beneath(ctx->workdir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    for (const char *path = path_of(ctx->given.env); *path != '\0';) {
        size_t n = strcspn(path, ":");
        int fd;

        if (n > 0 && path[0] == '/' && n + strlen(name) + 2 <= sizeof(file)) {
            memcpy(file, path, n);
            file[n] = '\0';
            safe_append(file, "/", sizeof(file));
            safe_append(file, name, sizeof(file));
            fd = file_open_in_root(ctx->root, file, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
            if (fd >= 0)
                return fd;
        }
        path += n + (path[n] == ':');
    }
    return -ENOENT;
}

/* Returns the bytes from the first to the last one of what has to be in memory before its first
 * instruction. */
static uint64_t span_of(int fd)
{
    uint64_t from = UINT64_MAX, to = 0;
    Elf64_Phdr headers[HEADERS_MAX];
    char head[HEAD_SIZE];
    ssize_t n = pread(fd, head, sizeof(head), 0);
    Elf64_Ehdr e;
    size_t count;

    if (n < 0 || !is_own_elf(head, (size_t)n, &e))
        return 0;
    count = read_headers(fd, &e, headers);
    for (size_t i = 0; i < count; i++) {
        uint64_t end;

        if (headers[i].p_type != PT_LOAD ||
            __builtin_add_overflow(headers[i].p_vaddr, headers[i].p_memsz, &end))
            continue;
        if (headers[i].p_vaddr < from)
            from = headers[i].p_vaddr;
        if (end > to)
            to = end;
    }
    return to > from ? to - from : 0;
}

/* Asked for here, and given back at once: nothing is touched. */
static bool can_be_mapped(uint64_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return at != MAP_FAILED && munmap(at, size) == 0;
}

uint64_t explain_unmappable(const struct init_context *ctx, const char *name)
{
    cleanup_close int fd = open_program(ctx, name);
    struct stat st;
    uint64_t span;

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return 0;
    span = span_of(fd);
    return span == 0 || can_be_mapped(span) ? 0 : span;
}

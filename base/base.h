/* SPDX-License-Identifier: Apache-2.0 */
/* base: what every folder stands on: errors, cleanup, memory, text, fd-relative files, units,
 * logging. It knows nothing of jobs, roots, sandboxes or reports.
 *
 * Conventions, here and everywhere: functions that can fail return 0 (or a count) or a negative
 * errno; output parameters
 * (`ret_...`) are untouched on failure; a `struct cupel_error *err` may never be NULL and is filled
 * exactly when the function fails; file descriptors are O_CLOEXEC and start at -EBADF. */
#pragma once

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define BASE_PRINTF(fmt_index, first) __attribute__((format(printf, fmt_index, first)))

/* ---- errors ---- */

/* Whose fault it is; the value is the program's exit code (DESIGN: command line). */
enum cupel_error_kind {
    CUPEL_ERROR_NONE = 0,
    CUPEL_ERROR_INPUT = 2, /* the job file or the command line is wrong */
    /* cupel could not do its work: host, kernel, disk, missing program */
    CUPEL_ERROR_HARNESS = 3,
    CUPEL_ERROR_INTERRUPTED = 130, /* nobody's: the user said so */
};

/* One error, made where the errno is known and passed up. `message` says what was tried, on what,
 * and why it failed; `hint` (may be empty) says what to do about it. Holds no memory of its own. */
struct cupel_error {
    enum cupel_error_kind kind;
    int errnum; /* positive errno, 0 when none applies */
    /* of CUPEL_ERROR_INPUT, in a file that others may have filled: it is whoever wrote the job file
     * that named or placed it; false unless said */
    bool by_author;
    char message[1024];
    char hint[512];
};

/* Fills *err. When errnum is not 0 (sign does not matter), ": strerror" is appended to the message.
 * Returns -errnum, or -EINVAL when errnum is 0, so that `return cupel_error_set(...)` reads well.
 */
int cupel_error_set(struct cupel_error *err, enum cupel_error_kind kind, int errnum,
                    const char *fmt, ...) BASE_PRINTF(4, 5);
/* Sets what the user can do about the error already in *err. */
void cupel_error_hint(struct cupel_error *err, const char *fmt, ...) BASE_PRINTF(2, 3);
/* Puts "fmt: " before the message, for a caller that knows the wider circumstance. */
void cupel_error_prefix(struct cupel_error *err, const char *fmt, ...) BASE_PRINTF(2, 3);
/* Prints "cupel: error: message" and, if there is one, "  hint: ..." to the stream. */
void cupel_error_print(const struct cupel_error *err, FILE *stream);

/* ---- cleanup ---- */

#define _cleanup_(fn) __attribute__((cleanup(fn)))
#define cleanup_free _cleanup_(base_freep)
#define cleanup_close _cleanup_(base_closep)
#define cleanup_fclose _cleanup_(base_fclosep)
#define cleanup_strbuf _cleanup_(strbuf_free)

static inline void base_freep(void *p)
{
    free(*(void **)p);
}
void base_closep(int *fd);    /* closes *fd when >= 0, and leaves -EBADF; preserves errno */
void base_fclosep(FILE **fp); /* likewise for a stream */

/* Takes the value out of a cleanup variable, which is left empty. */
#define steal_ptr(p)                                                                               \
    ({                                                                                             \
        __typeof__(p) steal_tmp_ = (p);                                                            \
        (p) = NULL;                                                                                \
        steal_tmp_;                                                                                \
    })
static inline int steal_fd(int *fd)
{
    int r = *fd;
    *fd = -EBADF;
    return r;
}

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* ---- memory and text ---- */

/* Allocation failure of small objects ends the process with exit code 3 and one line: there is
 * nothing better to do. Never used between clone and exec. */
void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s);
char *xasprintf(const char *fmt, ...) BASE_PRINTF(1, 2);

/* Arena: many small objects with one life. Memory is zeroed, aligned to 16, never moves; freed all
 * at once. */
struct arena;
struct arena *arena_new(void);
void arena_free(struct arena *a);
/* All that lives in `from` lives in `a` from now on; `from` itself is gone. */
void arena_join(struct arena *a, struct arena *from);
void *arena_alloc(struct arena *a, size_t size);
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) BASE_PRINTF(2, 3);

/* Growing byte buffer; `data` is always NUL-terminated once something was added. Zero-initialise
 * with {0}. */
struct strbuf {
    char *data;
    size_t len;
    size_t cap;
};
void strbuf_add(struct strbuf *b, const void *data, size_t n);
void strbuf_adds(struct strbuf *b, const char *s);
void strbuf_addf(struct strbuf *b, const char *fmt, ...) BASE_PRINTF(2, 3);
void strbuf_vaddf(struct strbuf *b, const char *fmt, va_list ap) BASE_PRINTF(2, 0);
void strbuf_free(struct strbuf *b);

bool str_eq(const char *a, const char *b);
bool str_starts(const char *s, const char *prefix);
/* Length of the valid UTF-8 sequence that p starts with (RFC 3629), 0 when there is none. n > 0. */
size_t text_decode(const unsigned char *p, size_t n, uint32_t *ret_codepoint);
/* Whether a code point is shown in another way wherever cupel writes it: it would move a cursor,
 * change the direction of writing, or not be seen at all. */
bool text_is_hidden(uint32_t codepoint);
/* Adds a text that anyone may have chosen, as one line for a terminal: what is hidden becomes '?'.
 */
void text_add_line(struct strbuf *b, const char *text);
/* The same of its beginning where it is longer than this many bytes, and "..." behind that. */
#define TEXT_SHORT_MAX ((size_t)200)
void text_add_short_line(struct strbuf *b, const char *text);
/* A path of /proc/self/mountinfo as it is: there, blanks are written as \ooo. In place. */
void text_unescape_mount(char *s);
/* Adds a JSON text with what is hidden in its strings escaped: it reads the same. */
void text_add_json(struct strbuf *b, const char *json);
/* Prints it so, and the end of a line; takes ownership, and NULL as short of memory. 0 or -errno.
 */
int text_put_json(char *json, FILE *stream);
/* Whether what goes to fd is to be in colours: to a terminal, unless NO_COLOR is set
 * (https://no-color.org). */
bool text_wants_colour(int fd);
/* Adds a text as one word of a shell's: in quotes where it needs them. */
void text_add_shell_word(struct strbuf *b, const char *text);
/* Writes n bytes as 2 * n hex digits, lower case, and a NUL. */
void text_hex(const void *data, size_t n, char *ret_hex);
/* A set of texts, which it copies. Zero-initialise with {0}. */
struct strset_slot;
struct strset {
    struct strset_slot *slots;
    size_t size, n;
};
bool strset_add(struct strset *s, const char *text); /* false: it was there */
bool strset_has(const struct strset *s, const char *text);
/* Adds the text if need be, and returns how often it was counted before. */
unsigned strset_count(struct strset *s, const char *text);
void strset_free(struct strset *s);
/* Closest of n names to `word` by edit distance, or NULL when none is near enough to suggest. */
const char *str_nearest(const char *word, const char *const *names, size_t n);

/* ---- files, always relative to a directory fd ---- */

/* Opens `path` beneath dirfd following no symbolic link at all (openat2
 * RESOLVE_BENEATH|RESOLVE_NO_SYMLINKS| RESOLVE_NO_MAGICLINKS): for anything that a job or its root
 * could have touched. Returns fd or -errno. */
int file_open_beneath(int dirfd, const char *path, int flags, mode_t mode);
/* Opens `path` with dirfd as "/": links are followed but cannot leave (openat2
 * RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS).
 */
int file_open_in_root(int dirfd, const char *path, int flags, mode_t mode);
/* Opens an absolute path of which the first `trusted` bytes name a directory that is followed
 * through links, and the rest is not: -ELOOP where a part of the rest is a link (openat2
 * RESOLVE_NO_SYMLINKS). For paths whose beginning somebody wrote who may say so, and whose end
 * others could have filled. trusted == strlen(path): all of it is followed. */
int file_open_trusted(const char *path, size_t trusted, int flags);
/* The first link in that rest, as the path up to it, and what it points to in *ret_target; both
 * malloc'ed. NULL: none. */
char *file_first_link(const char *path, size_t trusted, char **ret_target);
/* Whole content of a regular file of at most max bytes (-EFBIG above); NUL-terminated. */
int file_read_at(int dirfd, const char *path, size_t max, char **ret_data, size_t *ret_len);
/* The same of a path of which `trusted` bytes are followed, see file_open_trusted. */
int file_read_trusted(const char *path, size_t trusted, size_t max, char **ret_data,
                      size_t *ret_len);
/* The same for files of the kernel (proc, sysfs, cgroup), whose size is not known before; from an
 * open fd. */
int file_read_fd(int fd, size_t max, char **ret_data, size_t *ret_len);
/* Written aside, fsynced, renamed over `path`: readers see the old or the new content. */
int file_write_atomic_at(int dirfd, const char *path, const void *data, size_t len, mode_t mode);
/* The same of what nobody wants to find after a crash of the machine: it is not fsynced. */
int file_write_passing_at(int dirfd, const char *path, const void *data, size_t len, mode_t mode);
/* Returns 0, or why something that was written to fd is lost: network file systems tell only when a
 * descriptor is closed (close(2)). Costs nothing elsewhere; fd stays open. */
int file_flush(int fd);
/* write(2) until all is out. */
int file_write_all(int fd, const void *data, size_t len);
/* Copies `len` bytes of a regular file, from `at` on, to where `to` is; the kernel shares them
 * where it can. -EIO: there are fewer. */
int file_copy_part(int from, uint64_t at, uint64_t len, int to);
/* One write(2) of a short string to an existing file (kernel control files). */
int file_put_at(int dirfd, const char *path, const char *text);
/* mkdir -p; existing directories are fine. */
int file_mkdir_p_at(int dirfd, const char *path, mode_t mode);
/* Opens a directory (O_RDONLY|O_DIRECTORY), making it and its parents first. */
int file_open_dir_p_at(int dirfd, const char *path, mode_t mode);
/* rm -r, following no links, whatever the depth, stopping at mounts; -ENOENT is success. */
int file_remove_tree_at(int parent, const char *name);
/* Whether a directory's entry is the directory itself or its parent. */
static inline bool file_is_dot(const char *name)
{
    return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

/* ---- user and group ids ---- */

/* How many ids from 0 on the user namespace of this process maps, users and groups alike:
 * 4294967295 for all of the host's, 1 where there is only root, 0 where not even that is mapped or
 * /proc cannot be read. */
uint32_t ids_mapped(void);
/* A map (user_namespaces(7)) that gives a child namespace the ids 0 .. count-1 of this one as they
 * are, as far as there are any: one line for each extent of ours, since the kernel takes no line
 * that spans two. `file`: "uid_map", "gid_map". Malloc'ed. */
char *ids_identity_map(const char *file, uint32_t count);
/* The id by which the parent namespace knows who is root in this one; 0 where that cannot be read.
 */
uint32_t ids_of_root(void);
/* The mapping as text, for whom other ids mean other owners on disk; NULL when all 65,536 ids
 * that files of a root may have are the host's own. Malloc'ed. */
char *ids_describe(void);

/* ---- messages with descriptors, over a socket that keeps packets apart (usable between clone and
 * exec) ---- */

#define SOCKET_FDS_MAX 3
/* Sends the whole packet: 0, or a negative errno; SIGPIPE is never raised. */
int socket_send(int fd, const void *data, size_t len, const int *fds, size_t n_fds);
/* The bytes of the next packet (0: end of file) or a negative errno; the descriptors that came with
 * it, close-on-exec, in ret_fds, -EBADF for none: also after a packet of an unexpected size. Flags
 * as recvmsg(2). */
ssize_t socket_receive(int fd, void *data, size_t len, int flags,
                       int ret_fds[static SOCKET_FDS_MAX]);

/* ---- units ---- */

/* "512M", "1.5G", "64KiB", "100" -> bytes; all binary. "250ms", "90s", "5m", "1h30m", "2" (seconds)
 * -> nanoseconds. "1.5", "150%" -> thousandths of a core. -EINVAL for anything else, -ERANGE for
 * overflow. */
int unit_parse_size(const char *text, uint64_t *ret_bytes);
int unit_parse_duration(const char *text, uint64_t *ret_ns);
int unit_parse_cores(const char *text, uint64_t *ret_millicores);
/* "64 MiB", "1.5 GiB", "100 B"; "1.3 s", "250 ms", "2 min 5 s"; "1.5". Returns buf. */
#define UNIT_TEXT_SIZE 32
const char *unit_format_size(uint64_t bytes, char buf[static UNIT_TEXT_SIZE]);
const char *unit_format_duration(uint64_t ns, char buf[static UNIT_TEXT_SIZE]);
/* Spells a duration so that unit_parse_duration reads exactly it, in the fewest words: "365d",
 * "1m30s". Returns buf. */
const char *unit_spell_duration(uint64_t ns, char buf[static UNIT_TEXT_SIZE]);
const char *unit_format_cores(uint64_t millicores, char buf[static UNIT_TEXT_SIZE]);

#define NSEC_PER_SEC UINT64_C(1000000000)
#define NSEC_PER_MSEC UINT64_C(1000000)
#define NSEC_PER_USEC UINT64_C(1000)
/* clock.c: nanoseconds of a clock, 0 where the kernel has no such one. */
uint64_t clock_read_ns(clockid_t clock);
uint64_t clock_monotonic_ns(void);

/* ---- chroot ---- */

/* Whether our root directory is not that of our mount namespace. Known for sure with root's rights;
 * without them, a chroot to a mount point is not noticed. */
bool process_is_chrooted(void);
#define CHROOT_REMEDY                                                                              \
    "the kernel makes no user namespaces inside a chroot (user_namespaces(7)): start cupel "       \
    "outside of it, or make the "                                                                  \
    "tree the root of a mount namespace (systemd-nspawn -D TREE; or with pivot_root, "             \
    "docs/containers.md)"

/* ---- what whoever started this program allows it ---- */

/* Raises the limits of files, their size, memory and CPU time as far as may be, and makes too large
 * a file an error, not a signal. At the start. */
void own_limits_raise(void);
/* Whether this process may have so many files open: an error that says what to do
 * (CUPEL_ERROR_HARNESS). */
int own_limits_check_files(uint64_t needed, struct cupel_error *err);
/* Checks the same for files of so many bytes. */
int own_limits_check_size(uint64_t needed, struct cupel_error *err);
/* How many CPUs this process may use (sched_getaffinity(2)), at least 1. */
unsigned own_limits_cpus(void);

/* ---- logging ---- */

/* One line "cupel: warning: ..." to standard error. For what the user should know but what stops
 * nothing. */
void log_warning(const char *fmt, ...) BASE_PRINTF(1, 2);

/* ---- strings.c ---- */

/* Lists of strings that an attempt brings home. */
struct strings {
    char **items;
    size_t n;
};
void strings_add(struct strings *s, char *item); /* takes ownership */
void strings_free(struct strings *s);
